/* SPDX-License-Identifier: MIT */
/**
 * 8042 keyboard controller with an AT keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and
 * Auxiliary Device Controller" and "Keyboards", 1988) and, at its auxiliary port, a mouse (ps2_mouse.h).
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_I8042_H
#define TWIN86_DEVICES_I8042_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/input/ps2_mouse.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define I8042_RAM_SIZE 32
#define KBD_QUEUE_SIZE 32

/**
 * Keys are named by their make code in scan code set 1; keys with an E0 prefix have 0xE000 added (right Ctrl is
 * 0xE01D). Pause has no simple code.
 */
#define KEY_PAUSE 0xE11D

struct KbdState {
    uint8_t queue[KBD_QUEUE_SIZE]; /* bytes on their way to the controller, in the keyboard's own scan code set */
    uint8_t head, count;
    uint8_t set;       /* scan code set: 1 or 2 */
    uint8_t command;   /* command whose parameter is awaited, or 0 */
    uint8_t last_sent; /* for Resend */
    uint8_t leds;      /* bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock */
    uint8_t typematic; /* bits 0-4 the rate, 5-6 the delay */
    bool scanning;
    uint16_t held; /* the key that was pressed last, and repeats; 0: none */
    uint8_t unused[6];
    int64_t repeat_at; /* virtual ns; CLOCK_NEVER: it does not */
};

struct I8042State {
    struct KbdState kbd;
    uint8_t ram[I8042_RAM_SIZE]; /* byte 0 is the controller command byte */
    uint8_t status;              /* bits 0, 2, 3 and 5 of port 64h */
    uint8_t output;              /* output buffer, port 60h */
    uint8_t output_port;         /* bit 0 not reset, 1 A20, 4 IRQ1 */
    uint8_t command;             /* controller command whose data byte is awaited, or 0 */
    bool output_from_kbd;        /* the output buffer holds a byte that came from the keyboard */
    uint8_t output_raw;          /* that byte before translation */
    bool output_is_break;        /* translation: that byte is a release */
    bool break_seen;             /* translation: F0 came, the next byte is a release */
    bool irq, mouse_irq;
    bool output_from_mouse;
    uint8_t unused[5];
    struct Ps2MouseState mouse;
};

/** What the controller's output port drives. Either callback may be NULL. */
struct I8042Lines {
    void (*set_a20)(void *opaque, bool enabled);
    void (*reset)(void *opaque); /* pulse of the CPU's reset line */
    void *opaque;
};

struct I8042 {
    struct I8042State state;
    struct IrqWire irq, mouse_irq;
    struct Timer repeat;
    struct I8042Lines lines;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** `irq` is IRQ 1, `mouse_irq` IRQ 12. */
void i8042_init(struct I8042 *k, struct Clock *clock, struct IrqWire irq, struct IrqWire mouse_irq,
                struct I8042Lines lines);
/** Does not call set_a20; the output port then says that A20 is enabled. */
void i8042_reset(struct I8042 *k);
extern const struct StateTable i8042_state_table;
void i8042_restored(struct I8042 *k);
/** Map data (`base`, 60h) and command (`base` + 4) ports. Returns 0 or -errno. */
int i8042_map(struct I8042 *k, struct Bus *bus, uint16_t base);

/** A key went down or up. Keys that do not exist are ignored. One that stays down repeats by itself. */
void i8042_key_event(struct I8042 *k, unsigned key, bool down);
/** See ps2_mouse_move and ps2_mouse_buttons. */
void i8042_mouse_move(struct I8042 *k, int dx, int dy, int dz);
void i8042_mouse_buttons(struct I8042 *k, uint8_t buttons);
/** Somebody else (port 92h) switched A20: let the output port show it. Calls nothing. */
void i8042_a20_changed(struct I8042 *k, bool enabled);

#endif
