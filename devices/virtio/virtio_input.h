/* SPDX-License-Identifier: MIT */
/**
 * Virtio input devices (specification 1.2, 5.8): a keyboard, a mouse, and a tablet whose positions are absolute. What
 * they report is Linux' input events, with its numbers (linux/input-event-codes.h). A report that the driver has no
 * buffers for waits; when too much waits the oldest reports are lost.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_INPUT_H
#define TWIN86_DEVICES_VIRTIO_INPUT_H

#include "devices/virtio/virtio.h"

enum VirtioInputKind { VIRTIO_KEYBOARD, VIRTIO_MOUSE, VIRTIO_TABLET, VIRTIO_INPUT_KINDS };

enum { VIRTIO_INPUT_WAITING = 64, VIRTIO_INPUT_CONFIG = 136, VIRTIO_TABLET_MOST = 32767 };

/** Event types and codes that are reported (linux/input-event-codes.h). */
enum {
    INPUT_EV_SYN = 0,
    INPUT_EV_KEY = 1,
    INPUT_EV_REL = 2,
    INPUT_EV_ABS = 3,
    INPUT_EV_LED = 0x11,
    INPUT_EV_REP = 0x14,
};
enum { INPUT_REL_X = 0, INPUT_REL_Y = 1, INPUT_REL_WHEEL = 8, INPUT_BTN_LEFT = 0x110 };

struct VirtioInputEvent {
    uint16_t type, code;
    uint32_t value;
};

struct VirtioInputState {
    struct VirtioState virtio;
    uint32_t first, count; /* of `waiting`, a ring */
    struct VirtioInputEvent waiting[VIRTIO_INPUT_WAITING];
    uint8_t select, subselect; /* what the driver wants to know */
    uint8_t unused[6];
};

struct VirtioInput {
    struct VirtioInputState state;
    struct Virtio virtio;
    enum VirtioInputKind kind;
    uint8_t config[VIRTIO_INPUT_CONFIG];
};

/** Make it on a function that does its DMA. */
void virtio_input_init(struct VirtioInput *v, struct PciDevice *pci, enum VirtioInputKind kind);
/** One event of a report; INPUT_EV_SYN ends it. Nothing happens before a driver is there. */
void virtio_input_event(struct VirtioInput *v, uint16_t type, uint16_t code, int32_t value);
/** Linux' number of a key, by its code as of devices/input/i8042.h; 0: it has none here. */
uint16_t virtio_input_key(uint16_t code);
extern const struct StateTable virtio_input_state_table;
/** The state was restored. */
void virtio_input_restored(struct VirtioInput *v);

#endif
