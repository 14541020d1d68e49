/* SPDX-License-Identifier: MIT */
/* 8042 keyboard controller: ports 60h and 64h. The keyboard itself is in at_kbd.c. */
#include "devices/input/i8042.h"

#include "devices/input/at_kbd.h"

#include <string.h>

enum { STATUS_OBF = 0x01, STATUS_SYS = 0x04, STATUS_CMD = 0x08, STATUS_UNLOCKED = 0x10, STATUS_AUX = 0x20 };
enum {
    CCB_INT = 0x01,
    CCB_AUX_INT = 0x02,
    CCB_SYS = 0x04,
    CCB_DISABLE_KBD = 0x10,
    CCB_DISABLE_AUX = 0x20,
    CCB_TRANSLATE = 0x40
};
enum { OUT_NOT_RESET = 0x01, OUT_A20 = 0x02, OUT_IRQ1 = 0x10, OUT_IRQ12 = 0x20, OUT_FIXED = 0xcc };

enum {
    CMD_READ_RAM = 0x20,  /* to 3fh */
    CMD_WRITE_RAM = 0x60, /* to 7fh */
    CMD_TEST_PASSWORD = 0xa4,
    CMD_DISABLE_AUX = 0xa7,
    CMD_ENABLE_AUX = 0xa8,
    CMD_TEST_AUX = 0xa9,
    CMD_SELF_TEST = 0xaa,
    CMD_TEST_KBD = 0xab,
    CMD_DISABLE_KBD = 0xad,
    CMD_ENABLE_KBD = 0xae,
    CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0,
    CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KBD_BUFFER = 0xd2,
    CMD_WRITE_AUX_BUFFER = 0xd3,
    CMD_WRITE_AUX = 0xd4,
    CMD_DISABLE_A20 = 0xdd,
    CMD_ENABLE_A20 = 0xdf,
    CMD_PULSE = 0xf0, /* to ffh: the low bits that are 0 name the output lines to pulse */
};

enum { SELF_TEST_OK = 0x55, INTERFACE_OK = 0x00, NO_PASSWORD = 0xf1 };
#define INPUT_PORT 0xb0 /* keyboard not locked, colour display, no manufacturing jumper */

static void update_irq(struct I8042 *k) {
    struct I8042State *s = &k->state;
    bool full = (s->status & STATUS_OBF) != 0, aux = (s->status & STATUS_AUX) != 0;
    bool irq = full && !aux && (s->ram[0] & CCB_INT), mouse_irq = full && aux && (s->ram[0] & CCB_AUX_INT);

    if (irq != s->irq) {
        s->irq = irq;
        irq_set(&k->irq, irq);
    }
    if (mouse_irq != s->mouse_irq) {
        s->mouse_irq = mouse_irq;
        irq_set(&k->mouse_irq, mouse_irq);
    }
}

/* The key that is held repeats from `first` ns on. */
static void arm_repeat(struct I8042 *k, int64_t first) {
    struct KbdState *kbd = &k->state.kbd;
    kbd->repeat_at = kbd->held == 0 ? CLOCK_NEVER : clock_after(clock_now(k->repeat.clock), first);
    timer_arm(&k->repeat, kbd->repeat_at);
}

/* The controller turns set 2 into set 1: a release is F0 + code in the one, code + 80h in the other. */
static bool translate(struct I8042State *s, uint8_t *byte) {
    if (*byte == 0xf0) {
        s->break_seen = true;
        return false;
    }
    *byte = at_kbd_set2_to_set1(*byte) | (s->break_seen ? 0x80 : 0);
    s->output_is_break = s->break_seen;
    s->break_seen = false;
    return true;
}

/* Move the keyboard's next byte to the output buffer if that is empty and the interface enabled. */
static void take_kbd(struct I8042 *k) {
    struct I8042State *s = &k->state;
    uint8_t byte, raw;

    while (!(s->status & STATUS_OBF) && !(s->ram[0] & CCB_DISABLE_KBD) && at_kbd_next(&s->kbd, &byte)) {
        raw = byte;
        s->output_is_break = false;
        if ((s->ram[0] & CCB_TRANSLATE) && !translate(s, &byte))
            continue;
        s->output = byte;
        s->output_raw = raw;
        s->output_from_kbd = true;
        s->output_from_mouse = false;
        s->status |= STATUS_OBF;
    }
}

/* The same of the mouse's. */
static void take_mouse(struct I8042 *k) {
    struct I8042State *s = &k->state;
    uint8_t byte;

    if ((s->status & STATUS_OBF) || (s->ram[0] & CCB_DISABLE_AUX) || !ps2_mouse_next(&s->mouse, &byte))
        return;
    s->output = byte;
    s->output_from_kbd = false;
    s->output_from_mouse = true;
    s->status |= STATUS_OBF | STATUS_AUX;
}

static void pump(struct I8042 *k) {
    take_kbd(k);
    take_mouse(k);
    update_irq(k);
}

/* A controller answer goes first. A device's byte that nobody has read yet waits behind it instead of being lost. */
static void answer_from(struct I8042 *k, uint8_t byte, uint8_t from) {
    struct I8042State *s = &k->state;

    if ((s->status & STATUS_OBF) && s->output_from_kbd) {
        s->break_seen = s->output_is_break; /* its F0 has gone by already */
        at_kbd_unget(&s->kbd, s->output_raw);
    }
    if ((s->status & STATUS_OBF) && s->output_from_mouse)
        ps2_mouse_unget(&s->mouse, s->output);
    s->output = byte;
    s->output_from_kbd = s->output_from_mouse = false;
    s->status = (uint8_t)((s->status & ~STATUS_AUX) | STATUS_OBF | from);
    update_irq(k);
}

static void answer(struct I8042 *k, uint8_t byte) { answer_from(k, byte, 0); }

static void set_a20(struct I8042 *k, bool enabled) {
    i8042_a20_changed(k, enabled);
    if (k->lines.set_a20 != NULL)
        k->lines.set_a20(k->lines.opaque, enabled);
}

static void pulse_reset(struct I8042 *k) {
    if (k->lines.reset != NULL)
        k->lines.reset(k->lines.opaque);
}

static void write_output_port(struct I8042 *k, uint8_t value) {
    struct I8042State *s = &k->state;

    s->output_port = (value & ~(OUT_IRQ1 | OUT_IRQ12)) | OUT_NOT_RESET;
    set_a20(k, value & OUT_A20);
    if (!(value & OUT_NOT_RESET))
        pulse_reset(k);
}

static uint8_t read_output_port(const struct I8042State *s) {
    if (!(s->status & STATUS_OBF))
        return s->output_port;
    return s->output_port | ((s->status & STATUS_AUX) ? OUT_IRQ12 : OUT_IRQ1);
}

static void write_command_byte(struct I8042 *k, uint8_t value) {
    struct I8042State *s = &k->state;

    s->ram[0] = value;
    s->status = (s->status & ~STATUS_SYS) | (value & CCB_SYS);
    pump(k);
}

static void set_ccb_bits(struct I8042 *k, uint8_t bits, bool on) {
    struct I8042State *s = &k->state;

    write_command_byte(k, on ? s->ram[0] | bits : s->ram[0] & ~bits);
}

static void self_test(struct I8042 *k) {
    struct I8042State *s = &k->state;

    /* Some controllers also reset the command byte here; most keep it, and guests got used to that. */
    s->ram[0] |= CCB_SYS;
    s->status |= STATUS_SYS;
    answer(k, SELF_TEST_OK);
}

static void controller_command(struct I8042 *k, uint8_t command) {
    struct I8042State *s = &k->state;

    s->status |= STATUS_CMD;
    s->command = 0;
    if (command >= CMD_PULSE) {
        if (!(command & OUT_NOT_RESET))
            pulse_reset(k);
        return;
    }
    if ((command & ~0x1f) == CMD_READ_RAM) {
        answer(k, s->ram[command & 0x1f]);
        return;
    }
    if ((command & ~0x1f) == CMD_WRITE_RAM) {
        s->command = command;
        return;
    }
    switch (command) {
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_KBD_BUFFER:
    case CMD_WRITE_AUX_BUFFER:
    case CMD_WRITE_AUX: s->command = command; break;
    case CMD_TEST_PASSWORD: answer(k, NO_PASSWORD); break;
    case CMD_DISABLE_AUX:
    case CMD_ENABLE_AUX: set_ccb_bits(k, CCB_DISABLE_AUX, command == CMD_DISABLE_AUX); break;
    case CMD_TEST_AUX: answer(k, INTERFACE_OK); break;
    case CMD_SELF_TEST: self_test(k); break;
    case CMD_TEST_KBD: answer(k, INTERFACE_OK); break;
    case CMD_DISABLE_KBD:
    case CMD_ENABLE_KBD: set_ccb_bits(k, CCB_DISABLE_KBD, command == CMD_DISABLE_KBD); break;
    case CMD_READ_INPUT: answer(k, INPUT_PORT); break;
    case CMD_READ_OUTPUT: answer(k, read_output_port(s)); break;
    case CMD_DISABLE_A20:
    case CMD_ENABLE_A20: set_a20(k, command == CMD_ENABLE_A20); break;
    default: device_error(k->log, "i8042", "unknown command", command); break;
    }
}

/* The data byte of a controller command, or a byte for the keyboard. */
static void data_write(struct I8042 *k, uint8_t value) {
    struct I8042State *s = &k->state;
    uint8_t command = s->command;

    s->status &= ~STATUS_CMD;
    s->command = 0;
    if (command == CMD_WRITE_RAM) {
        write_command_byte(k, value);
    } else if ((command & ~0x1f) == CMD_WRITE_RAM) {
        s->ram[command & 0x1f] = value;
    } else if (command == CMD_WRITE_OUTPUT) {
        write_output_port(k, value);
    } else if (command == CMD_WRITE_KBD_BUFFER || command == CMD_WRITE_AUX_BUFFER) {
        answer_from(k, value, command == CMD_WRITE_AUX_BUFFER ? STATUS_AUX : 0);
    } else if (command == CMD_WRITE_AUX) {
        if (!ps2_mouse_receive(&s->mouse, value))
            device_error(k->log, "i8042", "the mouse does not know", value);
        pump(k);
    } else if (command == 0) {
        s->ram[0] &= ~CCB_DISABLE_KBD; /* sending to the keyboard enables its interface */
        s->break_seen = false;
        if (!at_kbd_receive(&s->kbd, value))
            device_error(k->log, "i8042", "the keyboard does not know", value);
        if (s->kbd.held == 0)
            arm_repeat(k, 0);
        pump(k);
    }
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size) {
    struct I8042 *k = opaque;
    uint8_t byte = k->state.output;

    (void)offset, (void)size;
    k->state.status &= ~(STATUS_OBF | STATUS_AUX);
    update_irq(k); /* the wire falls between two bytes, so that each is an edge */
    pump(k);
    return byte;
}

static void data_port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)size;
    data_write(opaque, value);
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned size) {
    struct I8042 *k = opaque;

    (void)offset, (void)size;
    return k->state.status | STATUS_UNLOCKED;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)size;
    controller_command(opaque, value);
}

static const struct IoOps data_ops = {.read = data_read, .write = data_port_write, .min_size = 1, .max_size = 1};
static const struct IoOps command_ops = {.read = status_read, .write = command_write, .min_size = 1, .max_size = 1};

void i8042_key_event(struct I8042 *k, unsigned key, bool down) {
    struct KbdState *kbd = &k->state.kbd;
    uint16_t before = kbd->held;

    at_kbd_key(kbd, key, down);
    if (down || before != kbd->held)
        arm_repeat(k, at_kbd_delay(kbd));
    pump(k);
}

static void repeat(void *opaque) {
    struct I8042 *k = opaque;

    if (!(k->state.status & STATUS_OBF))
        at_kbd_repeat(&k->state.kbd);
    arm_repeat(k, at_kbd_period(&k->state.kbd));
    pump(k);
}

void i8042_mouse_move(struct I8042 *k, int dx, int dy, int dz) {
    ps2_mouse_move(&k->state.mouse, dx, dy, dz);
    pump(k);
}

void i8042_mouse_buttons(struct I8042 *k, uint8_t buttons) {
    ps2_mouse_buttons(&k->state.mouse, buttons);
    pump(k);
}

void i8042_a20_changed(struct I8042 *k, bool enabled) {
    struct I8042State *s = &k->state;

    s->output_port = enabled ? s->output_port | OUT_A20 : s->output_port & ~OUT_A20;
}

/* As firmware leaves it for an operating system: self test passed, keyboard enabled, translating. */
void i8042_reset(struct I8042 *k) {
    struct I8042State *s = &k->state;

    memset(s, 0, sizeof(*s));
    s->ram[0] = CCB_INT | CCB_SYS | CCB_DISABLE_AUX | CCB_TRANSLATE;
    s->status = STATUS_SYS;
    s->output_port = OUT_FIXED | OUT_NOT_RESET | OUT_A20;
    at_kbd_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    arm_repeat(k, 0);
    irq_set(&k->irq, false);
    irq_set(&k->mouse_irq, false);
}

void i8042_restored(struct I8042 *k) { timer_arm(&k->repeat, k->state.kbd.repeat_at); }

void i8042_init(struct I8042 *k, struct Clock *clock, struct IrqWire irq, struct IrqWire mouse_irq,
                struct I8042Lines lines) {
    memset(k, 0, sizeof(*k));
    timer_init(&k->repeat, clock, repeat, k);
    k->irq = irq;
    k->mouse_irq = mouse_irq;
    k->lines = lines;
    i8042_reset(k);
}

int i8042_map(struct I8042 *k, struct Bus *bus, uint16_t base) {
    int ret = bus_map_ports(bus, base, 1, "i8042-data", &data_ops, k);

    return ret != 0 ? ret : bus_map_ports(bus, base + 4, 1, "i8042-command", &command_ops, k);
}

/* ---- saved state ---- */

static const struct StateTable kbd_table = {
    .name = "keyboard",
    .size = sizeof(struct KbdState),
    .field =
        (const struct StateField[]){
            STATE_ARRAY(KbdState, queue),
            STATE_FIELD(KbdState, head, .max = KBD_QUEUE_SIZE - 1),
            STATE_FIELD(KbdState, count, .max = KBD_QUEUE_SIZE),
            STATE_FIELD(KbdState, set, .max = 2),
            STATE_FIELD(KbdState, command),
            STATE_FIELD(KbdState, last_sent),
            STATE_FIELD(KbdState, leds),
            STATE_FIELD(KbdState, typematic),
            STATE_FIELD(KbdState, scanning),
            STATE_FIELD(KbdState, held, .since = 2),
            STATE_PADDING(KbdState, unused),
            STATE_FIELD(KbdState, repeat_at, .since = 2),
            {0},
        },
};

static const char *check(const void *state) {
    const struct I8042State *s = state;
    return s->kbd.repeat_at < 0 ? "a key that repeated before time began" : NULL;
}

const struct StateTable i8042_state_table = {
    .name = "i8042",
    .size = sizeof(struct I8042State),
    .version = 2,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(I8042State, kbd, &kbd_table),
            STATE_ARRAY(I8042State, ram),
            STATE_FIELD(I8042State, status),
            STATE_FIELD(I8042State, output),
            STATE_FIELD(I8042State, output_port),
            STATE_FIELD(I8042State, command),
            STATE_FIELD(I8042State, output_from_kbd),
            STATE_FIELD(I8042State, output_raw),
            STATE_FIELD(I8042State, output_is_break),
            STATE_FIELD(I8042State, break_seen),
            STATE_FIELD(I8042State, irq),
            STATE_FIELD(I8042State, mouse_irq, .since = 2),
            STATE_FIELD(I8042State, output_from_mouse, .since = 2),
            STATE_PADDING(I8042State, unused),
            STATE_WITHIN(I8042State, mouse, &ps2_mouse_state_table),
            {0},
        },
};
