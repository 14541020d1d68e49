/* SPDX-License-Identifier: MIT */
/**
 * What hands do: keys, by QEMU's names for them (QKeyCode), and the mouse, from viewers, monitors and QMP to the
 * machine's devices. It enters as posted work, in order, at the guest's time.
 */
#ifndef TWIN86_MACHINE_INPUT_H
#define TWIN86_MACHINE_INPUT_H

#include "devices/clock.h"
#include "machine/loop.h"

struct Machine;
struct VirtioInput;

enum InputKind {
    INPUT_KEY,    /* `code` as of devices/input/i8042.h; `value` 1 down, 0 up */
    INPUT_BUTTON, /* `code` PS2_*; `value` as of keys */
    INPUT_MOVE,   /* `code` 0 x, 1 y (downwards), 2 wheel (towards the user); `value` counts */
    INPUT_AT,     /* `code` 0 x, 1 y; `value` 0 to INPUT_AT_MOST, from the left or the top: of an absolute pointer */
    INPUT_WAIT,   /* `value` ms pass before what follows */
};

struct InputEvent {
    uint8_t kind; /* enum InputKind */
    uint16_t code;
    int32_t value;
};

enum { INPUT_AT_MOST = 32767 };
enum { INPUT_QUEUE = 1024, INPUT_KEYS_AT_ONCE = 16, INPUT_HOLD_MS = 100, INPUT_HOLD_MOST_MS = 60000 };

struct MachineInput {
    pthread_mutex_t mutex;
    unsigned head, count; /* under the mutex, with the events */
    struct InputEvent event[INPUT_QUEUE];
    struct LoopWork work;
    struct Timer wait;
    uint8_t buttons;               /* PS2_* that are down; lock held */
    struct VirtioInput *reporting; /* whose report has no end yet; within one call */
    bool struck;                   /* it has a key or button */
};

/** Of a machine that has a lock, and of one that has a clock. */
void input_init(struct Machine *m);
void input_wire(struct Machine *m);
void input_destroy(struct Machine *m);
/** What waits is forgotten: it was for the guest that was there. Lock held. */
void input_clear(struct Machine *m);

/** The key of that name ("a", "ctrl", "f10"), or of that number of QEMU's; 0: there is none. */
uint16_t input_key_code(const char *name);
uint16_t input_key_number(unsigned number);
/** The i-th name; NULL: there are no more. */
const char *input_key_name(unsigned i);

/** Let these happen, soon, one after the other; all or none. 0, or -ENOSPC: the guest takes none. Any thread. */
int input_send(struct Machine *m, const struct InputEvent *e, unsigned count);
/** Whether INPUT_AT means anything: the guest has a driver on a tablet. Not with the machine's lock held. */
bool input_has_positions(struct Machine *m);
/** Press keys, in this order, hold them for `ms`, release them. The same. `count` up to INPUT_KEYS_AT_ONCE. */
int input_press(struct Machine *m, const uint16_t *keys, unsigned count, unsigned ms);

#endif
