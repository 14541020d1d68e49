/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_serial.h"
#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

/* Queues (5.3.2): each port has two, and port 0's stand before those for control. */
enum { CONTROL_IN = 2, CONTROL_OUT = 3 };

/* Features (5.3.3). */
#define F_MULTIPORT (1ull << 1)
#define F_EMERGENCY_WRITE (1ull << 2)

/* Configuration space (5.3.4): columns and rows, which are for a feature that is not offered; then: */
enum { CONFIG_PORTS = 4, CONFIG_EMERGENCY_WRITE = 8 };

/* Control messages (5.3.6.2). */
enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
enum { MESSAGE = 8 };
/* Those that may wait for a port, in the order in which they are sent. */
enum { PENDING_ADD = 1, PENDING_CONSOLE = 2, PENDING_NAME = 4, PENDING_OPEN = 8, PENDING_ALL = 15 };

enum { CHUNK = 4096 };

static unsigned rx_queue(unsigned port) { return port == 0 ? 0 : 2 * port + 2; }
static unsigned tx_queue(unsigned port) { return rx_queue(port) + 1; }

static struct VirtioSerialPortState *state(const struct VirtioSerialPort *p) {
    return &p->serial->state.port[p->number];
}

/* ---- messages to the driver ---- */

static size_t make_message(const struct VirtioSerialPort *p, unsigned pending,
                           uint8_t m[MESSAGE + VIRTIO_SERIAL_NAME]) {
    static const struct {
        unsigned pending;
        uint16_t event;
    } events[] = {
        {PENDING_ADD, PORT_ADD}, {PENDING_CONSOLE, CONSOLE_PORT}, {PENDING_NAME, PORT_NAME}, {PENDING_OPEN, PORT_OPEN}};
    unsigned i = 0;
    while (events[i].pending != pending)
        i++;
    size_t name = pending == PENDING_NAME ? strlen(p->name) : 0;
    put_le32(m, p->number);
    put_le16(m + 4, events[i].event);
    put_le16(m + 6, pending == PENDING_OPEN ? p->open : 1);
    memcpy(m + MESSAGE, p->name, name);
    return MESSAGE + name;
}

/* False: there is no buffer for it. */
static bool send_one(struct VirtioSerial *s, struct VirtioSerialPort *p) {
    uint8_t m[MESSAGE + VIRTIO_SERIAL_NAME];
    struct VirtioBuffer b;
    unsigned pending = state(p)->pending & -(unsigned)state(p)->pending;
    if (!virtio_take(&s->virtio, CONTROL_IN, &b))
        return false;
    size_t n = make_message(p, pending, m);
    n = n < b.writable_bytes ? n : (size_t)b.writable_bytes;
    virtio_write(&s->virtio, &b, 0, m, n);
    virtio_give(&s->virtio, CONTROL_IN, &b, (uint32_t)n);
    state(p)->pending &= ~pending;
    if (pending == PENDING_OPEN)
        state(p)->host_open = p->open;
    return true;
}

static void send_messages(struct VirtioSerial *s) {
    bool given = false, room = virtio_has(&s->virtio, F_MULTIPORT);
    for (unsigned n = 0; n < s->ports && room; n++)
        while (room && state(&s->port[n])->pending != 0)
            given |= room = send_one(s, &s->port[n]);
    if (given)
        virtio_tell(&s->virtio, CONTROL_IN);
}

/* ---- to the host ---- */

/* A buffer's bytes, as far as the host end takes them. True: all of them have gone. */
static bool transmit(struct VirtioSerialPort *p, const struct VirtioBuffer *b, size_t *turn) {
    struct VirtioSerialPortState *s = state(p);
    uint8_t data[CHUNK];
    while (s->tx_done < b->readable_bytes && *turn > 0 && char_can_write(&p->backend)) {
        uint64_t left = b->readable_bytes - s->tx_done;
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        n = n < *turn ? n : *turn;
        virtio_read(&p->serial->virtio, b, s->tx_done, data, n);
        char_write(&p->backend, data, n);
        s->tx_done += n;
        *turn -= n;
    }
    return s->tx_done >= b->readable_bytes;
}

/* One buffer. False: there is none, or something of it is left. */
static bool transmit_one(struct VirtioSerialPort *p, size_t *turn) {
    struct VirtioSerialPortState *s = state(p);
    struct Virtio *v = &p->serial->virtio;
    unsigned queue = tx_queue(p->number);
    struct VirtioBuffer b;
    if (*turn == 0 || !char_can_write(&p->backend))
        return false;
    bool got =
        s->tx_busy ? virtio_is_live(v) && virtio_take_again(v, queue, s->tx_head, &b) : virtio_take(v, queue, &b);
    if (!got) {
        s->tx_busy = false;
        return false;
    }
    if (!s->tx_busy)
        s->tx_done = 0;
    s->tx_head = b.head;
    s->tx_busy = !transmit(p, &b, turn);
    *turn -= *turn > 0; /* for buffers with nothing in them, too */
    if (!s->tx_busy)
        virtio_give(v, queue, &b, 0);
    return !s->tx_busy;
}

static void serve_port(struct VirtioSerialPort *p, size_t *turn) {
    bool given = false;
    while (transmit_one(p, turn))
        given = true;
    if (given)
        virtio_tell(&p->serial->virtio, tx_queue(p->number));
}

static void end_turn(struct VirtioSerial *s, size_t left) {
    if (left > 0 || s->state.more || !virtio_is_live(&s->virtio))
        return;
    s->state.more = true;
    s->ops->more(s->opaque);
}

void virtio_serial_continue(struct VirtioSerial *s) {
    size_t turn = VIRTIO_SERIAL_TURN;
    if (!s->state.more)
        return;
    s->state.more = false;
    for (unsigned n = 0; n < s->ports; n++)
        if (s->port[n].there)
            serve_port(&s->port[n], &turn);
    end_turn(s, turn);
}

void virtio_serial_output_ready(void *opaque) {
    struct VirtioSerialPort *p = opaque;
    size_t turn = VIRTIO_SERIAL_TURN;
    if (!virtio_is_live(&p->serial->virtio) || p->serial->state.more)
        return;
    serve_port(p, &turn);
    end_turn(p->serial, turn);
}

/* ---- from the host ---- */

/* Linux offers a buffer of a page at a time. Those without room go back. */
static bool hold_buffer(struct VirtioSerialPort *p, struct VirtioBuffer *b) {
    struct VirtioSerialPortState *s = state(p);
    struct Virtio *v = &p->serial->virtio;
    unsigned queue = rx_queue(p->number);
    for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE; i++) {
        bool got =
            s->rx_busy ? virtio_is_live(v) && virtio_take_again(v, queue, s->rx_head, b) : virtio_take(v, queue, b);
        s->rx_busy = got;
        s->rx_head = got ? b->head : 0;
        if (!got || b->writable_bytes > 0)
            return got;
        s->rx_busy = false;
        virtio_give(v, queue, b, 0);
        virtio_tell(v, queue);
    }
    return false;
}

size_t virtio_serial_room(void *opaque) {
    struct VirtioSerialPort *p = opaque;
    struct VirtioBuffer b;
    bool open = state(p)->guest_open || !virtio_has(&p->serial->virtio, F_MULTIPORT);
    if (!virtio_is_live(&p->serial->virtio) || !open || !hold_buffer(p, &b))
        return 0;
    return b.writable_bytes < CHUNK ? (size_t)b.writable_bytes : CHUNK;
}

void virtio_serial_receive(void *opaque, const uint8_t *data, size_t size) {
    struct VirtioSerialPort *p = opaque;
    struct Virtio *v = &p->serial->virtio;
    struct VirtioBuffer b;
    if (!hold_buffer(p, &b))
        return;
    size = size < b.writable_bytes ? size : (size_t)b.writable_bytes;
    virtio_write(v, &b, 0, data, size);
    state(p)->rx_busy = false;
    virtio_give(v, rx_queue(p->number), &b, (uint32_t)size);
    virtio_tell(v, rx_queue(p->number));
}

void virtio_serial_opened(void *opaque, bool open) {
    struct VirtioSerialPort *p = opaque;
    p->open = open;
    if (!virtio_is_live(&p->serial->virtio))
        return;
    if (state(p)->host_open != open)
        state(p)->pending |= PENDING_OPEN;
    send_messages(p->serial);
}

/* ---- messages from the driver ---- */

static void port_message(struct VirtioSerialPort *p, uint16_t event, uint16_t value) {
    struct VirtioSerialPortState *s = state(p);
    if (event == PORT_READY && value != 0) {
        s->pending |=
            (p->console ? PENDING_CONSOLE : 0) | (p->name[0] != '\0' ? PENDING_NAME : 0) | (p->open ? PENDING_OPEN : 0);
    } else if (event == PORT_OPEN) {
        s->guest_open = value != 0;
        if (s->guest_open)
            char_input_ready(&p->backend);
    }
}

static void message(struct VirtioSerial *s, const uint8_t m[MESSAGE]) {
    uint32_t port = get_le32(m);
    uint16_t event = get_le16(m + 4), value = get_le16(m + 6);
    if (event == DEVICE_READY) {
        for (unsigned n = 0; n < s->ports && value != 0; n++)
            state(&s->port[n])->pending |= s->port[n].there ? PENDING_ADD : 0;
    } else if (port < s->ports && s->port[port].there) {
        port_message(&s->port[port], event, value);
    } else {
        pci_error(s->virtio.pci, "a message about a port that is not there,", port);
    }
}

static void take_messages(struct VirtioSerial *s) {
    struct VirtioBuffer b;
    uint8_t m[MESSAGE];
    bool given = false;
    for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE && virtio_take(&s->virtio, CONTROL_OUT, &b); i++) {
        bool good = b.readable_bytes >= MESSAGE && virtio_read(&s->virtio, &b, 0, m, MESSAGE);
        virtio_give(&s->virtio, CONTROL_OUT, &b, 0);
        given = true;
        if (good && virtio_has(&s->virtio, F_MULTIPORT))
            message(s, m);
    }
    if (given)
        virtio_tell(&s->virtio, CONTROL_OUT);
    send_messages(s);
}

static void notified(void *opaque, unsigned n) {
    struct VirtioSerial *s = opaque;
    if (n == CONTROL_IN) {
        send_messages(s);
        return;
    }
    if (n == CONTROL_OUT) {
        take_messages(s);
        return;
    }
    struct VirtioSerialPort *p = &s->port[n < CONTROL_IN ? 0 : n / 2 - 1];
    if (!p->there)
        return;
    if (n % 2 == 0)
        char_input_ready(&p->backend);
    else
        virtio_serial_output_ready(p);
}

/* ---- life ---- */

/* A character without a queue, for a kernel that is about to die (5.3.5.1). */
static void config_written(void *opaque, unsigned offset, unsigned size) {
    struct VirtioSerial *s = opaque;
    (void)size;
    if (offset == CONFIG_EMERGENCY_WRITE && s->port[0].there)
        char_write(&s->port[0].backend, s->space + CONFIG_EMERGENCY_WRITE, 1);
    memset(s->space, 0, sizeof s->space);
    put_le32(s->space + CONFIG_PORTS, s->ports);
}

static void reset(void *opaque) {
    struct VirtioSerial *s = opaque;
    memset(s->state.port, 0, sizeof s->state.port);
    s->state.more = false;
}

void virtio_serial_restored(struct VirtioSerial *s) {
    if (s->state.more)
        s->ops->more(s->opaque);
    for (unsigned n = 0; n < s->ports; n++) {
        struct VirtioSerialPort *p = &s->port[n];
        if (p->there)
            virtio_serial_output_ready(p);
    }
}

struct VirtioSerialPort *virtio_serial_add_port(struct VirtioSerial *s, unsigned n, bool console, const char *name,
                                                struct CharBackend backend) {
    struct VirtioSerialPort *p = &s->port[n];
    p->there = true;
    p->console = console;
    p->backend = backend;
    snprintf(p->name, sizeof p->name, "%s", name != NULL ? name : "");
    return p;
}

void virtio_serial_init(struct VirtioSerial *s, struct PciDevice *pci, unsigned ports,
                        const struct VirtioSerialOps *ops, void *opaque) {
    static const struct VirtioDeviceOps device_ops = {notified, reset, config_written};
    memset(s, 0, sizeof *s);
    s->ops = ops;
    s->opaque = opaque;
    s->ports = ports;
    for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS; n++) {
        s->port[n].serial = s;
        s->port[n].number = n;
    }
    put_le32(s->space + CONFIG_PORTS, ports);
    s->virtio = (struct Virtio){
        .state = &s->state.virtio,
        .pci = pci,
        .ops = &device_ops,
        .opaque = s,
        .offered = F_MULTIPORT | F_EMERGENCY_WRITE | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT |
                   VIRTIO_F_VERSION_1,
        .queues = 2 * (ports + 1),
        .config = s->space,
        .config_size = sizeof s->space,
    };
}

static const char *check(const void *opaque) {
    return virtio_check(&((const struct VirtioSerialState *)opaque)->virtio);
}

static const struct StateTable port_table = {
    .name = "port",
    .size = sizeof(struct VirtioSerialPortState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(VirtioSerialPortState, tx_done),
            STATE_FIELD(VirtioSerialPortState, tx_head),
            STATE_FIELD(VirtioSerialPortState, rx_head),
            STATE_FIELD(VirtioSerialPortState, pending, .max = PENDING_ALL),
            STATE_FIELD(VirtioSerialPortState, tx_busy),
            STATE_FIELD(VirtioSerialPortState, rx_busy),
            STATE_FIELD(VirtioSerialPortState, guest_open),
            STATE_FIELD(VirtioSerialPortState, host_open),
            STATE_PADDING(VirtioSerialPortState, unused),
            {0},
        },
};

const struct StateTable virtio_serial_state_table = {
    .name = "virtio_serial",
    .size = sizeof(struct VirtioSerialState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioSerialState, virtio, &virtio_state_table),
            STATE_ARRAY_WITHIN(VirtioSerialState, port, &port_table),
            STATE_FIELD(VirtioSerialState, more),
            STATE_PADDING(VirtioSerialState, unused),
            {0},
        },
};
