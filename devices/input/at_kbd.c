/* SPDX-License-Identifier: MIT */
/* AT keyboard (IBM PS/2 Hardware Interface Technical Reference, section "Keyboards (101- and 102-Key)"). */
#include "devices/input/at_kbd.h"

#include <string.h>

enum {
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCAN_CODE_SET = 0xf0,
    KBD_IDENTIFY = 0xf2,
    KBD_TYPEMATIC = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULTS = 0xf6,
    KBD_RESEND = 0xfe,
    KBD_RESET = 0xff,
};
enum { ANSWER_ACK = 0xfa, ANSWER_BAT_OK = 0xaa, ANSWER_RESEND = 0xfe };

#define OVERRUN_SET1 0xff
#define OVERRUN_SET2 0x00
#define TYPEMATIC_DEFAULT 0x2b /* 10.9 characters a second after 500 ms */

/* Set 2 make code of each set 1 make code; also the 8042's translation, read backwards. 0: no such key. */
static const uint8_t set2_code[0x80] = {
    /* 00 */ 0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    /* 10 */ 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    /* 20 */ 0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    /* 30 */ 0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    /* 40 */ 0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    /* 50 */ 0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    /* 60 */ 0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
    /* 70 */ 0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
};

/* The translation knows two more names for F7 and SysRq. */
enum { SET2_F7_ALIAS = 0x02, SET1_F7 = 0x41, SET2_SYSRQ_ALIAS = 0x7f, SET1_SYSRQ = 0x54 };

uint8_t at_kbd_set2_to_set1(uint8_t code) {
    if (code == SET2_F7_ALIAS)
        return SET1_F7;
    if (code == SET2_SYSRQ_ALIAS)
        return SET1_SYSRQ;
    for (unsigned i = 1; i < sizeof(set2_code); i++)
        if (set2_code[i] == code)
            return i;
    return code == 0 ? 0xff : code; /* 0 is the overrun code, FFh in set 1 */
}

/* Queue `len` bytes, all or nothing: half a key sequence would confuse the guest for good. */
static bool send(struct KbdState *kbd, const uint8_t *bytes, unsigned len) {
    if (kbd->count + len > KBD_QUEUE_SIZE)
        return false;
    for (unsigned i = 0; i < len; i++)
        kbd->queue[(kbd->head + kbd->count++) % KBD_QUEUE_SIZE] = bytes[i];
    return true;
}

static void send_byte(struct KbdState *kbd, uint8_t byte) { send(kbd, &byte, 1); }

bool at_kbd_next(struct KbdState *kbd, uint8_t *byte) {
    if (kbd->count == 0)
        return false;
    *byte = kbd->last_sent = kbd->queue[kbd->head];
    kbd->head = (kbd->head + 1) % KBD_QUEUE_SIZE;
    kbd->count--;
    return true;
}

void at_kbd_unget(struct KbdState *kbd, uint8_t byte) {
    if (kbd->count == KBD_QUEUE_SIZE)
        return;
    kbd->head = (kbd->head + KBD_QUEUE_SIZE - 1) % KBD_QUEUE_SIZE;
    kbd->queue[kbd->head] = byte;
    kbd->count++;
}

static void set_defaults(struct KbdState *kbd) {
    kbd->held = 0;
    kbd->set = 2;
    kbd->typematic = TYPEMATIC_DEFAULT;
    kbd->command = 0;
}

void at_kbd_reset(struct KbdState *kbd) {
    memset(kbd, 0, sizeof(*kbd));
    kbd->repeat_at = CLOCK_NEVER;
    set_defaults(kbd);
    kbd->scanning = true;
}

static bool receive_parameter(struct KbdState *kbd, uint8_t byte) {
    uint8_t command = kbd->command;

    kbd->command = 0;
    switch (command) {
    case KBD_SET_LEDS: kbd->leds = byte & 7; break;
    case KBD_TYPEMATIC: kbd->typematic = byte & 0x7f; break;
    case KBD_SCAN_CODE_SET:
        if (byte == 0) {
            send_byte(kbd, ANSWER_ACK);
            send_byte(kbd, kbd->set);
            return true;
        }
        if (byte > 2) { /* set 3 belongs to terminals; this keyboard has none */
            send_byte(kbd, ANSWER_RESEND);
            return false;
        }
        kbd->set = byte;
        break;
    }
    send_byte(kbd, ANSWER_ACK);
    return true;
}

static bool receive_command(struct KbdState *kbd, uint8_t byte) {
    static const uint8_t identity[] = {ANSWER_ACK, 0xab, 0x83};

    switch (byte) {
    case KBD_SET_LEDS:
    case KBD_SCAN_CODE_SET:
    case KBD_TYPEMATIC:
        kbd->command = byte;
        send_byte(kbd, ANSWER_ACK);
        break;
    case KBD_ECHO: send_byte(kbd, KBD_ECHO); break;
    case KBD_IDENTIFY: send(kbd, identity, sizeof(identity)); break;
    case KBD_ENABLE:
        kbd->scanning = true;
        send_byte(kbd, ANSWER_ACK);
        break;
    case KBD_DISABLE:
    case KBD_DEFAULTS:
        set_defaults(kbd);
        kbd->scanning = byte == KBD_DEFAULTS ? kbd->scanning : false;
        send_byte(kbd, ANSWER_ACK);
        break;
    case KBD_RESET:
        at_kbd_reset(kbd);
        send_byte(kbd, ANSWER_ACK);
        send_byte(kbd, ANSWER_BAT_OK);
        break;
    default: send_byte(kbd, ANSWER_RESEND); return false;
    }
    return true;
}

bool at_kbd_receive(struct KbdState *kbd, uint8_t byte) {
    if (byte == KBD_RESEND) {
        at_kbd_unget(kbd, kbd->last_sent);
        return true;
    }
    kbd->count = 0; /* any command clears what waits to be sent */
    /* A command in place of a parameter ends the first command and is executed. */
    if (kbd->command != 0 && byte < KBD_SET_LEDS)
        return receive_parameter(kbd, byte);
    kbd->command = 0;
    return receive_command(kbd, byte);
}

static unsigned encode_pause(const struct KbdState *kbd, uint8_t *out) {
    static const uint8_t set1[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const uint8_t set2[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};

    if (kbd->set == 1) {
        memcpy(out, set1, sizeof(set1));
        return sizeof(set1);
    }
    memcpy(out, set2, sizeof(set2));
    return sizeof(set2);
}

/* Write the byte sequence of a key movement; at most 8 bytes. Returns its length, 0 for no such key. */
static unsigned encode_key(const struct KbdState *kbd, unsigned key, bool down, uint8_t *out) {
    unsigned n = 0, code = key & 0xff;

    if (key == KEY_PAUSE)
        return down ? encode_pause(kbd, out) : 0; /* Pause sends everything when pressed */
    if ((key & ~0xffu) != 0 && (key & ~0xffu) != 0xe000)
        return 0;
    if (code == 0 || code >= sizeof(set2_code))
        return 0;
    if (key > 0xff)
        out[n++] = 0xe0;
    if (kbd->set == 1) {
        out[n++] = code | (down ? 0 : 0x80);
    } else {
        if (!down)
            out[n++] = 0xf0;
        out[n++] = set2_code[code];
    }
    return n;
}

/* "Typematic rate/delay": (1 + D) * 250 ms, then every (8 + A) * 2^B / 240 s. */
int64_t at_kbd_delay(const struct KbdState *kbd) { return ((kbd->typematic >> 5 & 3) + 1) * (NS_PER_SEC / 4); }

int64_t at_kbd_period(const struct KbdState *kbd) {
    return (int64_t)(8 + (kbd->typematic & 7)) * (1 << (kbd->typematic >> 3 & 3)) * NS_PER_SEC / 240;
}

void at_kbd_repeat(struct KbdState *kbd) {
    uint8_t bytes[8];
    if (kbd->held != 0 && kbd->scanning && kbd->count == 0)
        send(kbd, bytes, encode_key(kbd, kbd->held, true, bytes));
}

/* The key that was pressed last repeats, until it is released or another one is pressed. */
static void hold(struct KbdState *kbd, unsigned key, bool down) {
    if (down)
        kbd->held = key == KEY_PAUSE ? 0 : (uint16_t)key;
    else if (kbd->held == key)
        kbd->held = 0;
}

void at_kbd_key(struct KbdState *kbd, unsigned key, bool down) {
    uint8_t bytes[8];
    unsigned n = encode_key(kbd, key, down, bytes);

    if (n != 0 || key == KEY_PAUSE)
        hold(kbd, key, down);

    if (n == 0 || !kbd->scanning)
        return;
    /* One place stays free for the code that tells of the loss. */
    if (kbd->count + n < KBD_QUEUE_SIZE)
        send(kbd, bytes, n);
    else
        send_byte(kbd, kbd->set == 1 ? OVERRUN_SET1 : OVERRUN_SET2);
}
