/* SPDX-License-Identifier: MIT */
/**
 * Virtio console device (specification 1.2, 5.3): up to VIRTIO_SERIAL_PORTS ports, each a console or a plain one with a
 * name. Port 0 is a console that drivers without the multiport feature find, too.
 *
 * What a guest sends waits in its buffers while a port's host end can't take it. A turn moves VIRTIO_SERIAL_TURN bytes
 * at most; what is left waits for virtio_serial_continue.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_SERIAL_H
#define TWIN86_DEVICES_VIRTIO_SERIAL_H

#include "devices/chardev.h"
#include "devices/virtio/virtio.h"

enum {
    VIRTIO_SERIAL_PORTS = 31,
    VIRTIO_SERIAL_NAME = 63, /* bytes of a port's name at most */
    VIRTIO_SERIAL_CONFIG = 12,
    VIRTIO_SERIAL_TURN = 256 << 10,
};

struct VirtioSerialPortState {
    uint64_t tx_done; /* bytes of the buffer at tx_head that have gone to the host end */
    uint16_t tx_head, rx_head;
    uint8_t pending;       /* messages about it that wait for a buffer */
    bool tx_busy, rx_busy; /* the buffers at tx_head, rx_head are here */
    bool guest_open;       /* somebody in the guest has it open */
    bool host_open;        /* the guest was told so of the host end */
    uint8_t unused[7];
};

struct VirtioSerialState {
    struct VirtioState virtio;
    struct VirtioSerialPortState port[VIRTIO_SERIAL_PORTS];
    bool more; /* the last turn left something */
    uint8_t unused[7];
};

struct VirtioSerial;

struct VirtioSerialPort {
    struct VirtioSerial *serial;
    unsigned number;
    bool there, console, open; /* open: the host end is */
    char name[VIRTIO_SERIAL_NAME + 1];
    struct CharBackend backend;
};

struct VirtioSerialOps {
    /** Call virtio_serial_continue soon. */
    void (*more)(void *opaque);
};

struct VirtioSerial {
    struct VirtioSerialState state;
    struct Virtio virtio;
    const struct VirtioSerialOps *ops;
    void *opaque;
    unsigned ports; /* that it may have */
    struct VirtioSerialPort port[VIRTIO_SERIAL_PORTS];
    uint8_t space[VIRTIO_SERIAL_CONFIG];
};

/** Make it on a function that does its DMA, with room for `ports` ports, from 1 on. */
void virtio_serial_init(struct VirtioSerial *s, struct PciDevice *pci, unsigned ports,
                        const struct VirtioSerialOps *ops, void *opaque);
/** Put port n in, before the guest runs. `name` may be NULL. */
struct VirtioSerialPort *virtio_serial_add_port(struct VirtioSerial *s, unsigned n, bool console, const char *name,
                                                struct CharBackend backend);
/** The next turn. */
void virtio_serial_continue(struct VirtioSerial *s);
extern const struct StateTable virtio_serial_state_table;
/** The state was restored. */
void virtio_serial_restored(struct VirtioSerial *s);

/** Bytes that virtio_serial_receive would take now: none before the guest has the port open. When there are none, the
 *  backend's input_ready will be called. `opaque` is the port, of these all. */
size_t virtio_serial_room(void *opaque);
/** Bytes from the host end, not more than there was room for. */
void virtio_serial_receive(void *opaque, const uint8_t *data, size_t size);
/** The backend can take bytes again. */
void virtio_serial_output_ready(void *opaque);
/** The host end has a peer, or not. */
void virtio_serial_opened(void *opaque, bool open);

#endif
