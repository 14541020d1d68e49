/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the 82540EM: whatever a guest writes to its registers and rings, and whatever comes over its link, nothing
 * ends up in a loop, a turn is bounded, memory is reached within RAM alone, and a state that is taken is one that goes
 * on.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations.
 */
#include "devices/net/e1000.h"
#include "tests/fuzz/input.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RAM = 1 << 20,
    DEVFN = 3 * PCI_FUNCTIONS,
    BAR = 0xd0000000,
    PORTS = 0xc000,
    RING = 16,
    TX = 0x1000,
    RX = 0x2000
};
enum { TDBAL = 0x3800, TDLEN = 0x3808, TDT = 0x3818, RDBAL = 0x2800, RDLEN = 0x2808, RDT = 0x2818 };

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
    struct Region ram;
    struct PciHost host;
    struct E1000 card;
    struct NetEnd end, peer;
    struct NetDoor door;
    unsigned sent; /* since the last operation */
    bool refuses;
};

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_e1000: %s\n", what);
    abort();
}

static bool can_take(void *opaque) { return !((struct Bench *)opaque)->refuses; }

static bool take(void *opaque, const struct NetPacket *p) {
    struct Bench *b = opaque;
    demand(p->bytes <= E1000_FRAME_MOST + 4, "a frame that is too long");
    demand(++b->sent <= 2 * E1000_TURN_FRAMES, "a turn that does not end");
    b->refuses = b->sent % 7 == 6;
    return true;
}

static bool is_open(void *opaque) { return opaque != NULL; }
static void more(void *opaque) { (void)opaque; }

static struct Bench *new_bench(void) {
    static const struct NetOps ops = {.can_take = can_take, .take = take};
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    struct E1000Config card = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .end = &b->end, .more = more};
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    b->clock = clock_new(CLOCK_ICOUNT);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    pci_init(&b->host, b->bus, &config);
    b->door = (struct NetDoor){is_open, more, b};
    net_end_init(&b->end, "card", &e1000_net_ops, &b->card, &b->door);
    net_end_init(&b->peer, "peer", &ops, b, NULL);
    demand(net_connect(&b->end, &b->peer) == 0, "no link");
    e1000_init(&b->card, b->clock, &card);
    demand(pci_add_device(&b->host, &b->card.pci, DEVFN / PCI_FUNCTIONS, 0) == 0, "no slot");
    return b;
}

static void put(struct Bench *b, unsigned offset, uint32_t value) { bus_write_uint(b->bus, BAR + offset, value, 4); }

/* As a driver does it, so that what follows is about the rings' contents. */
static void start(struct Bench *b, struct Input *in) {
    put(b, 0, 0x40 | ((uint32_t)input_byte(in) & 1) << 30);
    put(b, TDBAL, TX);
    put(b, TDLEN, RING * 16);
    put(b, RDBAL, RX);
    put(b, RDLEN, RING * 16);
    for (unsigned i = 0; i < RING; i++)
        bus_write_uint(b->bus, RX + 16 * i, 0x10000 + 0x1000 * i, 8);
    put(b, 0x400, 2);
    put(b, 0x100, 2 | (uint32_t)input_number(in, 4));
    put(b, 0x5000, (uint32_t)input_number(in, 2));
    put(b, RDT, RING - 1);
}

static void reset(struct Bench *b) {
    pci_reset(&b->host);
    e1000_reset(&b->card);
    net_forget(&b->peer);
    memset(b->ram.host, 0, 0x4000);
    b->refuses = false;
    b->sent = 0;
    pci_config_write(&b->host, 0, DEVFN, PCI_BAR0, BAR, 4);
    pci_config_write(&b->host, 0, DEVFN, PCI_BAR0 + 8, PORTS, 4);
    pci_config_write(&b->host, 0, DEVFN, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* Up to three descriptors behind each other, and the tail. */
static void offer(struct Bench *b, struct Input *in) {
    uint32_t tail = b->card.state.reg[E1000_TDT] % RING;
    for (unsigned i = 1 + input_byte(in) % 3; i > 0; i--) {
        bus_write_uint(b->bus, TX + 16 * tail, input_number(in, 8) & ~0xfff0000000000000, 8);
        bus_write_uint(b->bus, TX + 16 * tail + 8, input_number(in, 8), 8);
        tail = (tail + 1) % RING;
    }
    put(b, TDT, tail);
}

static void receive(struct Bench *b, struct Input *in) {
    static uint8_t frame[20000] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    size_t n = 14 + input_number(in, 2) % (sizeof(frame) - 14), given = input_byte(in) % 80;
    for (size_t i = 12; i < 12 + given; i++)
        frame[i] = input_byte(in);
    net_send_frame(&b->peer, frame, n);
    net_sent(&b->peer);
}

static void restore(struct Bench *b, struct Input *in) {
    const struct StateTable *t = &e1000_state_table;
    size_t n = state_size(t, 1);
    uint8_t *bytes = malloc(n);
    struct E1000State *s = malloc(sizeof(*s));
    char why[200];
    demand(bytes != NULL && s != NULL, "no memory");
    state_save(t, &b->card.state, bytes);
    *s = b->card.state;
    for (unsigned i = input_byte(in) % 8; i > 0; i--)
        bytes[(uint32_t)input_number(in, 2) % n] = input_byte(in);
    if (state_load(t, 1, bytes, n, s, why, sizeof why) == 0) {
        b->card.state = *s;
        e1000_restored(&b->card);
    }
    free(bytes);
    free(s);
}

static void pass_time(struct Bench *b, uint32_t us) {
    clock_advance_to(b->clock, clock_now(b->clock) + (int64_t)us * 1000);
    clock_run(b->clock);
}

static void host(struct Bench *b, uint32_t number) {
    b->refuses = false;
    if (number & 1)
        e1000_continue(&b->card);
    if (number & 2)
        net_ready(&b->peer);
    if (number & 4)
        net_set_link(&b->peer, number & 8);
    pass_time(b, number >> 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *b;
    struct Input in = {data, size};
    if (b == NULL)
        b = new_bench();
    reset(b);
    start(b, &in);
    int restores = 2; /* they take most of the time */
    while (in.left > 0) {
        uint8_t op = input_byte(&in);
        unsigned bytes = 1u << (op >> 6) % 3;
        b->sent = 0;
        switch (op % 12) {
        case 0: bus_write_uint(b->bus, BAR + input_number(&in, 2) % 0x6000, input_number(&in, bytes), bytes); break;
        case 1: put(b, (uint32_t)input_number(&in, 2) % 0x6000 & ~3u, (uint32_t)input_number(&in, 4)); break;
        case 2: bus_read_uint(b->bus, BAR + input_number(&in, 3) % 0x20000, bytes); break;
        case 3: bus_port_write(b->bus, PORTS + input_byte(&in) % 8, (uint32_t)input_number(&in, bytes), bytes); break;
        case 4: bus_port_read(b->bus, PORTS + input_byte(&in) % 8, bytes); break;
        case 5: bus_write_uint(b->bus, input_number(&in, 2), input_number(&in, bytes), bytes); break;
        case 6:
        case 7: offer(b, &in); break;
        case 8: receive(b, &in); break;
        case 9: host(b, (uint32_t)input_number(&in, 2)); break;
        case 10: op & 0x80 && restores-- > 0 ? restore(b, &in) : start(b, &in); break;
        case 11: pci_config_write(&b->host, 0, DEVFN, input_byte(&in), input_byte(&in), 1); break;
        }
    }
    return 0;
}
