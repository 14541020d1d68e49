/* SPDX-License-Identifier: MIT */
#include "devices/input/ps2_mouse.h"

#include <stdlib.h>
#include <string.h>

enum {
    CMD_SCALE_1 = 0xe6,
    CMD_SCALE_2 = 0xe7,
    CMD_RESOLUTION = 0xe8,
    CMD_STATUS = 0xe9,
    CMD_STREAM = 0xea,
    CMD_READ = 0xeb,
    CMD_WRAP_OFF = 0xec,
    CMD_WRAP = 0xee,
    CMD_REMOTE = 0xf0,
    CMD_IDENTIFY = 0xf2,
    CMD_RATE = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5,
    CMD_DEFAULTS = 0xf6,
    CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,
};
enum { ACK = 0xfa, AGAIN = 0xfe, BAT_OK = 0xaa };
enum { STATUS_DOUBLE = 1 << 4, STATUS_ENABLED = 1 << 5, STATUS_REMOTE = 1 << 6 };
enum { RATE_DEFAULT = 100, RESOLUTION_DEFAULT = 2 };
enum { WHEEL = 3, FIVE_BUTTONS = 4, COUNTS_MOST = 255, PENDING_MOST = 1 << 16 };

/* ---- bytes ---- */

static void send(struct Ps2MouseState *m, uint8_t byte) {
    if (m->count < PS2_MOUSE_QUEUE)
        m->queue[(m->head + m->count++) % PS2_MOUSE_QUEUE] = byte;
}

void ps2_mouse_unget(struct Ps2MouseState *m, uint8_t byte) {
    if (m->count == PS2_MOUSE_QUEUE)
        return;
    m->head = (uint8_t)((m->head + PS2_MOUSE_QUEUE - 1) % PS2_MOUSE_QUEUE);
    m->queue[m->head] = byte;
    m->count++;
}

/* ---- reports ---- */

static int clamp(int v, int least, int most) { return v < least ? least : v > most ? most : v; }

/* As much of *counts as a report has room for; the rest is for the next one. */
static int take(int32_t *counts, int least, int most) {
    int n = clamp(*counts, least, most);
    *counts -= n;
    return n;
}

/* Scaling 2:1, in stream mode: small movements are made smaller, large ones larger. */
static int scaled(const struct Ps2MouseState *m, int counts) {
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    int n = abs(counts), s = n < (int)sizeof(small) ? small[n] : 2 * n;
    if (!m->double_scale || m->remote)
        return counts;
    return clamp(counts < 0 ? -s : s, -COUNTS_MOST, COUNTS_MOST);
}

static void send_report(struct Ps2MouseState *m) {
    int dx = scaled(m, take(&m->dx, -COUNTS_MOST, COUNTS_MOST)),
        dy = scaled(m, take(&m->dy, -COUNTS_MOST, COUNTS_MOST));
    send(m, (uint8_t)((m->buttons & 7) | 1 << 3 | (dx < 0) << 4 | (dy < 0) << 5));
    send(m, (uint8_t)dx);
    send(m, (uint8_t)dy);
    if (m->id == WHEEL)
        send(m, (uint8_t)take(&m->dz, -8, 7));
    else if (m->id == FIVE_BUTTONS)
        send(m, (uint8_t)((take(&m->dz, -8, 7) & 0xf) | (m->buttons & (PS2_SIDE | PS2_EXTRA)) << 1));
    else
        m->dz = 0;
    m->clicked = false;
}

static bool has_news(const struct Ps2MouseState *m) {
    return m->clicked || m->dx != 0 || m->dy != 0 || (m->dz != 0 && m->id >= WHEEL);
}

bool ps2_mouse_next(struct Ps2MouseState *m, uint8_t *byte) {
    if (m->count == 0 && m->enabled && !m->remote && !m->wrap && m->command == 0 && has_news(m))
        send_report(m);
    if (m->count == 0)
        return false;
    *byte = m->last_sent = m->queue[m->head];
    m->head = (uint8_t)((m->head + 1) % PS2_MOUSE_QUEUE);
    m->count--;
    return true;
}

/* What moves while nobody listens is lost, as it is on a desk. */
static bool listens(const struct Ps2MouseState *m) { return (m->enabled || m->remote) && !m->wrap; }

static void add(int32_t *counts, int n) {
    *counts = clamp(*counts + clamp(n, -PENDING_MOST, PENDING_MOST), -PENDING_MOST, PENDING_MOST);
}

void ps2_mouse_move(struct Ps2MouseState *m, int dx, int dy, int dz) {
    if (!listens(m))
        return;
    add(&m->dx, dx);
    add(&m->dy, dy);
    add(&m->dz, dz);
}

void ps2_mouse_buttons(struct Ps2MouseState *m, uint8_t buttons) {
    uint8_t reported = m->id == FIVE_BUTTONS ? 0x1f : 0x07;
    if (((buttons ^ m->buttons) & reported) != 0 && listens(m))
        m->clicked = true;
    m->buttons = buttons & 0x1f;
}

/* ---- commands ---- */

static void forget_movement(struct Ps2MouseState *m) {
    m->dx = m->dy = m->dz = 0;
    m->clicked = false;
}

static void set_defaults(struct Ps2MouseState *m) {
    m->rate = RATE_DEFAULT;
    m->resolution = RESOLUTION_DEFAULT;
    m->enabled = m->remote = m->double_scale = false;
    forget_movement(m);
}

void ps2_mouse_reset(struct Ps2MouseState *m) {
    uint8_t buttons = m->buttons; /* fingers stay where they are */
    memset(m, 0, sizeof(*m));
    m->buttons = buttons;
    set_defaults(m);
}

static void send_status(struct Ps2MouseState *m) {
    uint8_t b = m->buttons;
    send(m, (uint8_t)((m->remote ? STATUS_REMOTE : 0) | (m->enabled ? STATUS_ENABLED : 0) |
                      (m->double_scale ? STATUS_DOUBLE : 0) | (b & PS2_LEFT ? 4 : 0) | (b & PS2_MIDDLE ? 2 : 0) |
                      (b & PS2_RIGHT ? 1 : 0)));
    send(m, m->resolution);
    send(m, m->rate);
}

static void note_rate(struct Ps2MouseState *m, uint8_t rate) {
    if (rate == 80 && m->rate_before[1] == 200 && m->rate_before[0] == 100 && m->id == 0)
        m->id = WHEEL;
    else if (rate == 80 && m->rate_before[1] == 200 && m->rate_before[0] == 200)
        m->id = FIVE_BUTTONS;
    m->rate_before[1] = m->rate_before[0];
    m->rate_before[0] = m->rate = rate;
}

static bool receive_parameter(struct Ps2MouseState *m, uint8_t byte) {
    uint8_t command = m->command;
    m->command = 0;
    if (command == CMD_RESOLUTION && byte > 3) {
        send(m, AGAIN);
        return false;
    }
    if (command == CMD_RESOLUTION)
        m->resolution = byte;
    else
        note_rate(m, byte);
    send(m, ACK);
    return true;
}

static void set_mode(struct Ps2MouseState *m, bool remote, bool wrap) {
    m->remote = remote;
    m->wrap = wrap;
    forget_movement(m);
}

static bool receive_command(struct Ps2MouseState *m, uint8_t byte) {
    send(m, ACK);
    switch (byte) {
    case CMD_SCALE_1:
    case CMD_SCALE_2: m->double_scale = byte == CMD_SCALE_2; break;
    case CMD_RESOLUTION:
    case CMD_RATE: m->command = byte; break;
    case CMD_STATUS: send_status(m); break;
    case CMD_STREAM: set_mode(m, false, false); break;
    case CMD_READ: send_report(m); break;
    case CMD_WRAP: set_mode(m, m->remote, true); break;
    case CMD_WRAP_OFF: break;
    case CMD_REMOTE: set_mode(m, true, false); break;
    case CMD_IDENTIFY: send(m, m->id); break;
    case CMD_ENABLE:
        m->enabled = true;
        forget_movement(m);
        break;
    case CMD_DISABLE: m->enabled = false; break;
    case CMD_DEFAULTS: set_defaults(m); break;
    case CMD_RESET:
        ps2_mouse_reset(m);
        send(m, ACK);
        send(m, BAT_OK);
        send(m, 0);
        break;
    default:
        m->count = 0;
        send(m, AGAIN);
        return false;
    }
    return true;
}

bool ps2_mouse_receive(struct Ps2MouseState *m, uint8_t byte) {
    if (m->wrap && byte != CMD_RESET && byte != CMD_WRAP_OFF) { /* everything comes back */
        send(m, byte);
        return true;
    }
    m->wrap = false;
    if (byte == CMD_RESEND) {
        ps2_mouse_unget(m, m->last_sent);
        return true;
    }
    m->count = 0;
    if (m->command != 0)
        return receive_parameter(m, byte);
    return receive_command(m, byte);
}

/* ---- saved state: since version 2 of the controller's ---- */

#define F(m, ...) STATE_FIELD(Ps2MouseState, m, .since = 2, ##__VA_ARGS__)
const struct StateTable ps2_mouse_state_table = {
    .name = "mouse",
    .size = sizeof(struct Ps2MouseState),
    .field =
        (const struct StateField[]){
            STATE_ARRAY(Ps2MouseState, queue, .since = 2),
            F(head, .max = PS2_MOUSE_QUEUE - 1),
            F(count, .max = PS2_MOUSE_QUEUE),
            F(command),
            F(resolution, .max = 3),
            F(rate),
            F(id, .max = FIVE_BUTTONS),
            STATE_ARRAY(Ps2MouseState, rate_before, .since = 2),
            F(buttons, .max = 0x1f),
            F(last_sent),
            F(enabled),
            F(remote),
            F(wrap),
            F(double_scale),
            F(clicked),
            STATE_PADDING(Ps2MouseState, unused),
            F(dx),
            F(dy),
            F(dz),
            STATE_PADDING(Ps2MouseState, unused_too),
            {0},
        },
};
#undef F
