/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes virtio's smaller devices over PCI: whatever a guest writes to their registers and rings, nothing ends up in a
 * loop, memory is reached within RAM alone, and a state that is taken is one that goes on.
 *
 * A libFuzzer target (devices.sh). The input's first byte chooses the device, the others are a stream of operations.
 */
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_input.h"
#include "devices/virtio/virtio_net.h"
#include "devices/virtio/virtio_pci.h"
#include "devices/virtio/virtio_rng.h"
#include "devices/virtio/virtio_serial.h"
#include "tests/fuzz/input.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 1 << 20, DEVFN = 2 * PCI_FUNCTIONS, ENTRIES = 8, QUEUES = 8 };
enum { OLD = 0xc000, MSIX = 0xd0010000, BAR = 0xd0000000 };

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_virtio_small: %s\n", what);
    abort();
}

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
    struct Region ram;
    struct PciHost host;
    struct VirtioPci pci;
    struct Virtio *virtio;
    struct VirtioRng rng;
    struct VirtioBalloon balloon;
    struct VirtioSerial serial;
    struct VirtioNet net;
    struct VirtioInput input;
    struct NetEnd card, wire;
    bool busy;           /* the other end of the wire */
    size_t sent;         /* since the last turn */
    unsigned dry, waits; /* of the source: it has nothing so often; of the balloon: turns that wait */
    uint64_t discarded;  /* since the last turn */
};

/* What a device has beyond its registers: the host's side, by a number of the input's. */
struct Kind {
    struct VirtioPciId id;
    const struct StateTable *table;
    struct Virtio *(*make)(struct Bench *b);
    void *(*state)(struct Bench *b);
    void (*restored)(struct Bench *b);
    void (*host)(struct Bench *b, uint32_t number);
};

/* ---- entropy ---- */

static size_t source(void *opaque, uint8_t *to, size_t n) {
    struct Bench *b = opaque;
    if (b->dry > 0) {
        b->dry--;
        return 0;
    }
    n = n < 100 ? n : 100;
    memset(to, 0x5a, n);
    return n;
}

static struct Virtio *make_rng(struct Bench *b) {
    static const struct VirtioRngOps ops = {source};
    const struct VirtioRngConfig config = {.max_bytes = 1000, .period_ms = 10};
    virtio_rng_init(&b->rng, &b->pci.pci, b->clock, &config, &ops, b);
    return &b->rng.virtio;
}

static void *rng_state(struct Bench *b) { return &b->rng.state; }
static void rng_restored(struct Bench *b) { virtio_rng_restored(&b->rng); }

static void rng_host(struct Bench *b, uint32_t number) {
    b->dry = number & 3;
    if (number & 4)
        virtio_rng_ready(&b->rng);
    if (number & 8) {
        clock_advance_to(b->clock, clock_now(b->clock) + (number >> 4) * 1000);
        clock_run(b->clock);
    }
}

/* ---- balloon ---- */

static void discard(void *opaque, uint64_t gpa, uint64_t size) {
    struct Bench *b = opaque;
    demand(gpa % 4096 == 0 && size % 4096 == 0 && size > 0, "a page in part");
    b->discarded += size / 4096;
    demand(b->discarded <= 2 * VIRTIO_BALLOON_TURN, "a turn that does not end");
    bus_discard(b->bus, gpa, size);
}

static void more(void *opaque) { ((struct Bench *)opaque)->waits++; }

static struct Virtio *make_balloon(struct Bench *b) {
    static const struct VirtioBalloonOps ops = {discard, more};
    virtio_balloon_init(&b->balloon, &b->pci.pci, &(struct VirtioBalloonConfig){true, true}, &ops, b);
    return &b->balloon.virtio;
}

static void *balloon_state(struct Bench *b) { return &b->balloon.state; }
static void balloon_restored(struct Bench *b) { virtio_balloon_restored(&b->balloon); }

static void balloon_host(struct Bench *b, uint32_t number) {
    b->discarded = 0;
    if (number & 1)
        virtio_balloon_continue(&b->balloon);
    if (number & 2)
        virtio_balloon_set_pages(&b->balloon, number >> 4);
    if (number & 4)
        virtio_balloon_ask_stats(&b->balloon);
}

/* ---- consoles ---- */

static void host_write(void *opaque, const uint8_t *data, size_t n) {
    struct Bench *b = opaque;
    (void)data;
    b->sent += n;
    demand(b->sent <= 2 * VIRTIO_SERIAL_TURN, "a turn that does not end");
}

static bool host_can_write(void *opaque) {
    struct Bench *b = opaque;
    b->dry -= b->dry > 0;
    return b->dry == 0;
}

static void host_input_ready(void *opaque) {
    struct Bench *b = opaque;
    static const uint8_t data[4096];
    for (unsigned i = 0; i < 2; i++) {
        size_t room = virtio_serial_room(&b->serial.port[i]);
        demand(room <= sizeof data, "more room than a chunk");
        if (room > 0)
            virtio_serial_receive(&b->serial.port[i], data, 1 + room / 2);
    }
}

static struct Virtio *make_serial(struct Bench *b) {
    static const struct VirtioSerialOps ops = {more};
    const struct CharBackend backend = {host_write, host_can_write, host_input_ready, b};
    virtio_serial_init(&b->serial, &b->pci.pci, 3, &ops, b);
    virtio_serial_add_port(&b->serial, 0, true, "console", backend);
    virtio_serial_add_port(&b->serial, 1, false, "plain", backend);
    return &b->serial.virtio;
}

static void *serial_state(struct Bench *b) { return &b->serial.state; }
static void serial_restored(struct Bench *b) { virtio_serial_restored(&b->serial); }

static void serial_host(struct Bench *b, uint32_t number) {
    struct VirtioSerialPort *p = &b->serial.port[number & 1];
    b->sent = 0;
    if (number & 2)
        virtio_serial_continue(&b->serial);
    if (number & 4)
        virtio_serial_opened(p, number & 8);
    if (number & 16)
        virtio_serial_output_ready(p);
    if (number & 32)
        host_input_ready(b);
    b->dry = number >> 8 & 7;
}

/* ---- network ---- */

static bool wire_can_take(void *opaque) { return !((struct Bench *)opaque)->busy; }

/* What comes off the card is a frame, finished as its other end wants it. */
static bool wire_take(void *opaque, const struct NetPacket *p) {
    struct Bench *b = opaque;
    size_t bytes = 0;
    uint8_t first[NET_FRAME_MIN];
    for (unsigned i = 0; i < p->pieces; i++)
        bytes += p->piece[i].iov_len;
    demand(bytes == p->bytes && bytes >= NET_FRAME_MIN && bytes <= NET_FRAME_MAX, "a frame of a length that can't be");
    demand((net_offload_needs(&p->offload) & ~b->wire.takes) == 0, "a packet that is not finished");
    demand(net_copy(p, 0, first, sizeof(first)) == sizeof(first), "a frame that can't be read");
    return true;
}

static bool door_is_open(void *opaque) { return (((struct Bench *)opaque)->dry & 1) == 0; }
static void door_knock(void *opaque) { (void)opaque; }

static struct Virtio *make_net(struct Bench *b) {
    static const struct VirtioNetOps ops = {more};
    static const struct NetOps wire_ops = {.can_take = wire_can_take, .take = wire_take};
    static struct NetDoor door;
    const struct VirtioNetConfig config = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .pairs = 2};
    door = (struct NetDoor){door_is_open, door_knock, b};
    net_end_init(&b->card, "card", &virtio_net_end_ops, &b->net, &door);
    net_end_init(&b->wire, "wire", &wire_ops, b, NULL);
    demand(net_connect(&b->card, &b->wire) == 0, "no link");
    virtio_net_init(&b->net, &b->pci.pci, &b->card, &config, &ops, b);
    return &b->net.virtio;
}

static void *net_state(struct Bench *b) { return &b->net.state; }
static void net_state_restored(struct Bench *b) { virtio_net_restored(&b->net); }

/* A frame for the guest, a turn, a change of the other end. */
static void net_host(struct Bench *b, uint32_t number) {
    static uint8_t frame[NET_FRAME_MAX] = {0x52, 0x54,     0,           0x12,     0x34,
                                           0x56, [12] = 8, [14] = 0x45, [23] = 6, [46] = 0x50};
    const size_t bytes = number >> 8 < NET_FRAME_MAX ? number >> 8 : NET_FRAME_MAX;
    const struct iovec piece = {frame, bytes};
    struct NetPacket p = {&piece, 1, bytes, {0}};
    if (number & 1)
        p.offload = (struct NetOffload){.needs_checksum = true,
                                        .start = 34,
                                        .offset = 16,
                                        .gso = number & 16 ? NET_GSO_TCP4 : 0,
                                        .segment_bytes = 1448};
    if (number & 2) {
        net_send(&b->wire, &p);
        net_sent(&b->wire);
    }
    if (number & 4)
        virtio_net_continue(&b->net);
    b->busy = number & 32;
    net_set_takes(&b->wire, number >> 6 & 3);
    if (number & 8)
        net_ready(&b->wire);
    net_flush(&b->card);
    demand(b->card.waiting <= NET_QUEUE_PACKETS && b->card.waiting_bytes <= NET_QUEUE_BYTES, "a queue without end");
}

/* ---- input ---- */

static struct Virtio *make_input(struct Bench *b) {
    virtio_input_init(&b->input, &b->pci.pci, VIRTIO_TABLET);
    return &b->input.virtio;
}

static void *input_state(struct Bench *b) { return &b->input.state; }
static void input_restored(struct Bench *b) { virtio_input_restored(&b->input); }

static void input_host(struct Bench *b, uint32_t number) {
    static const uint16_t types[] = {INPUT_EV_ABS, INPUT_EV_KEY, INPUT_EV_REL, INPUT_EV_SYN};
    for (unsigned i = 0; i < (number >> 8 & 127); i++)
        virtio_input_event(&b->input, types[(number + i) & 3], (uint16_t)(number >> 16), (int32_t)number);
    demand(b->input.state.count <= VIRTIO_INPUT_WAITING, "more waits than there is room for");
}

static const struct Kind kinds[] = {
    {{"virtio-rng", VIRTIO_TYPE_ENTROPY, 0x00ff00},
     &virtio_rng_state_table,
     make_rng,
     rng_state,
     rng_restored,
     rng_host},
    {{"virtio-balloon", VIRTIO_TYPE_BALLOON, 0x00ff00},
     &virtio_balloon_state_table,
     make_balloon,
     balloon_state,
     balloon_restored,
     balloon_host},
    {{"virtio-serial", VIRTIO_TYPE_CONSOLE, 0x078000},
     &virtio_serial_state_table,
     make_serial,
     serial_state,
     serial_restored,
     serial_host},
    {{"virtio-net", VIRTIO_TYPE_NET, 0x020000},
     &virtio_net_state_table,
     make_net,
     net_state,
     net_state_restored,
     net_host},
    {{"virtio-tablet", VIRTIO_TYPE_INPUT, 0x098000},
     &virtio_input_state_table,
     make_input,
     input_state,
     input_restored,
     input_host},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* ---- the bench ---- */

static struct Bench *new_bench(const struct Kind *kind) {
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    b->clock = clock_new(CLOCK_ICOUNT);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    pci_init(&b->host, b->bus, &config);
    virtio_pci_init(&b->pci, &kind->id);
    b->virtio = kind->make(b);
    demand(virtio_pci_show(&b->pci, b->virtio, 3) == 0, "no function");
    demand(pci_add_device(&b->host, &b->pci.pci, DEVFN / PCI_FUNCTIONS, 0) == 0, "no slot");
    return b;
}

static void cfg(struct Bench *b, unsigned reg, uint32_t value) { pci_config_write(&b->host, 0, DEVFN, reg, value, 4); }

static void reset(struct Bench *b) {
    pci_reset(&b->host);
    virtio_pci_reset(&b->pci);
    memset(b->ram.host, 0, 0x10000);
    b->dry = 0;
    b->discarded = 0;
    cfg(b, PCI_BAR0, OLD);
    cfg(b, PCI_BAR0 + 4, MSIX);
    cfg(b, PCI_BAR0 + 16, BAR);
    cfg(b, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static uint64_t table(unsigned n) { return 0x1000 + 0x400 * n; }

/* Queues as drivers make them, so that what follows is about their contents. */
static void start(struct Bench *b, struct Input *in) {
    uint32_t features = (uint32_t)input_number(in, 4);
    bus_write_uint(b->bus, BAR + 0x14, 0, 1);
    bus_write_uint(b->bus, BAR + 0x14, 3, 1);
    bus_write_uint(b->bus, BAR + 0x0c, features & (uint32_t)b->virtio->offered, 4);
    bus_write_uint(b->bus, BAR + 0x14, 11, 1);
    for (unsigned n = 0; n < b->virtio->queues && n < QUEUES; n++) {
        bus_write_uint(b->bus, BAR + 0x16, n, 2);
        bus_write_uint(b->bus, BAR + 0x18, ENTRIES, 2);
        bus_write_uint(b->bus, BAR + 0x20, table(n), 8);
        bus_write_uint(b->bus, BAR + 0x28, table(n) + 0x100, 8);
        bus_write_uint(b->bus, BAR + 0x30, table(n) + 0x200, 8);
        bus_write_uint(b->bus, BAR + 0x1c, 1, 2);
    }
    bus_write_uint(b->bus, BAR + 0x14, 15, 1);
}

/* A buffer of up to three descriptors, and the bell. */
static void offer(struct Bench *b, struct Input *in) {
    unsigned n = (uint32_t)input_number(in, 1) % QUEUES, count = 1 + (uint32_t)input_number(in, 1) % 3;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = table(n) + 16 * i;
        bus_write_uint(b->bus, at, (uint32_t)input_number(in, 2) << 4, 8);
        bus_write_uint(b->bus, at + 8, (uint32_t)input_number(in, 3) & 0x1ffff, 4);
        bus_write_uint(b->bus, at + 12, (i + 1 < count) | ((uint32_t)input_number(in, 1) & 2), 2);
        bus_write_uint(b->bus, at + 14, i + 1, 2);
    }
    uint16_t index = bus_read_uint(b->bus, table(n) + 0x102, 2);
    bus_write_uint(b->bus, table(n) + 0x104 + 2 * (index % ENTRIES), 0, 2);
    bus_write_uint(b->bus, table(n) + 0x102, (uint16_t)(index + 1), 2);
    b->discarded = b->sent = 0;
    bus_write_uint(b->bus, BAR + 0x3000 + 4 * n, n, 2);
}

static void restore(struct Bench *b, const struct Kind *kind, struct Input *in) {
    size_t n = state_size(kind->table, 1);
    uint8_t *bytes = malloc(n), *s = malloc(kind->table->size);
    char why[200];
    demand(bytes != NULL && s != NULL, "no memory");
    state_save(kind->table, kind->state(b), bytes);
    memcpy(s, kind->state(b), kind->table->size);
    for (unsigned i = (uint32_t)input_number(in, 1) % 8; i > 0; i--)
        bytes[(uint32_t)input_number(in, 2) % n] = (uint32_t)input_number(in, 1);
    if (state_load(kind->table, 1, bytes, n, s, why, sizeof why) == 0) {
        memcpy(kind->state(b), s, kind->table->size);
        b->discarded = b->sent = 0;
        kind->restored(b);
    }
    free(bytes);
    free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *benches[KINDS];
    struct Input in = {data, size};
    unsigned k = (uint32_t)input_number(&in, 1) % KINDS;
    const struct Kind *kind = &kinds[k];
    struct Bench *b = benches[k];
    if (b == NULL)
        b = benches[k] = new_bench(kind);
    reset(b);
    start(b, &in);
    while (in.left > 0) {
        uint8_t op = (uint32_t)input_number(&in, 1);
        unsigned bytes = 1u << (op >> 6) % 3;
        b->discarded = b->sent = 0;
        switch (op % 10) {
        case 0:
            bus_write_uint(b->bus, BAR + (uint32_t)input_number(&in, 2) % 0x3020, input_number(&in, bytes), bytes);
            break;
        case 1: bus_read_uint(b->bus, BAR + (uint32_t)input_number(&in, 2) % 0x3020, bytes); break;
        case 2: bus_port_write(b->bus, OLD + input_byte(&in) % 128, input_number(&in, bytes), bytes); break;
        case 3: bus_port_read(b->bus, OLD + input_byte(&in) % 128, bytes); break;
        case 4: bus_write_uint(b->bus, (uint32_t)input_number(&in, 2), input_number(&in, bytes), bytes); break;
        case 5:
        case 6: offer(b, &in); break;
        case 7: kind->host(b, (uint32_t)input_number(&in, 3)); break;
        case 8: op & 0x80 ? restore(b, kind, &in) : start(b, &in); break;
        case 9:
            pci_config_write(&b->host, 0, DEVFN, (uint32_t)input_number(&in, 1), (uint32_t)input_number(&in, 1), 1);
            break;
        }
    }
    return 0;
}
