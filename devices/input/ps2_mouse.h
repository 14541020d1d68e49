/* SPDX-License-Identifier: MIT */
/**
 * The mouse behind the 8042: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; with a wheel and five buttons as
 * Microsoft's IntelliMouse has them, for drivers that ask by a row of sample rates (200, 100, 80: wheel; 200, 200, 80:
 * five buttons, too). Its state is part of the controller's (struct I8042State). Machine lock held.
 */
#ifndef TWIN86_DEVICES_PS2_MOUSE_H
#define TWIN86_DEVICES_PS2_MOUSE_H

#include "devices/state.h"

enum { PS2_MOUSE_QUEUE = 16 };
enum { PS2_LEFT = 1 << 0, PS2_RIGHT = 1 << 1, PS2_MIDDLE = 1 << 2, PS2_SIDE = 1 << 3, PS2_EXTRA = 1 << 4 };

struct Ps2MouseState {
    uint8_t queue[PS2_MOUSE_QUEUE]; /* bytes on their way to the controller */
    uint8_t head, count;
    uint8_t command; /* whose parameter is awaited, or 0 */
    uint8_t resolution, rate;
    uint8_t id;             /* 0, 3: has a wheel, 4: and five buttons */
    uint8_t rate_before[2]; /* the newer one first */
    uint8_t buttons;        /* PS2_* that are down */
    uint8_t last_sent;      /* for Resend */
    bool enabled, remote, wrap, double_scale;
    bool clicked; /* buttons changed since the last report */
    uint8_t unused[1];
    int32_t dx, dy, dz; /* since the last report; y upwards, z towards the user */
    uint8_t unused_too[4];
};

void ps2_mouse_reset(struct Ps2MouseState *m);
/** A byte from the controller. False: it is nothing that is known. */
bool ps2_mouse_receive(struct Ps2MouseState *m, uint8_t byte);
/** It moved by so many counts, y upwards, z towards the user; or buttons (PS2_*) are these from now on. */
void ps2_mouse_move(struct Ps2MouseState *m, int dx, int dy, int dz);
void ps2_mouse_buttons(struct Ps2MouseState *m, uint8_t buttons);
/** Take the next byte for the controller; reports are made when the one before has gone. False: there is none. */
bool ps2_mouse_next(struct Ps2MouseState *m, uint8_t *byte);
/** Put a byte back in front; dropped when there is no room. */
void ps2_mouse_unget(struct Ps2MouseState *m, uint8_t byte);
extern const struct StateTable ps2_mouse_state_table;

#endif
