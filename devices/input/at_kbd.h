/* SPDX-License-Identifier: MIT */
/**
 * The AT keyboard behind the 8042: commands, scan code sets 1 and 2, and the queue of bytes to send.
 * Its state is part of the controller's (struct KbdState in devices/input/i8042.h). Machine lock held.
 */
#ifndef TWIN86_DEVICES_AT_KBD_H
#define TWIN86_DEVICES_AT_KBD_H

#include "devices/input/i8042.h"

void at_kbd_reset(struct KbdState *kbd);
/** A byte from the controller: a command or its parameter. False: it is none that is known. */
bool at_kbd_receive(struct KbdState *kbd, uint8_t byte);
/** A key moved: queue its codes in the active set (nothing while scanning is off). See KEY_PAUSE for `key`. */
void at_kbd_key(struct KbdState *kbd, unsigned key, bool down);
/** The key that is held, once more, if the controller has taken all that was sent. */
void at_kbd_repeat(struct KbdState *kbd);
/** How long a key is held until it repeats, and from then on from one time to the next: ns. */
int64_t at_kbd_delay(const struct KbdState *kbd);
int64_t at_kbd_period(const struct KbdState *kbd);
/** Take the next byte for the controller. False when there is none. */
bool at_kbd_next(struct KbdState *kbd, uint8_t *byte);
/** Put a byte back in front of the queue; dropped when the queue is full. */
void at_kbd_unget(struct KbdState *kbd, uint8_t byte);
/** The controller's translation of one set 2 code; bytes that are no key codes come back unchanged. */
uint8_t at_kbd_set2_to_set1(uint8_t code);

#endif
