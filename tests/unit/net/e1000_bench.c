/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/e1000_bench.h"

#include <string.h>

enum { DEVFN = 3 * PCI_FUNCTIONS };

uint32_t eb_read(struct E1000Bench *b, unsigned offset) {
    return (uint32_t)bus_read_uint(b->dev.bus, EB_BAR + offset, 4);
}
void eb_write(struct E1000Bench *b, unsigned offset, uint32_t value) {
    bus_write_uint(b->dev.bus, EB_BAR + offset, value, 4);
}
uint64_t eb_get(struct E1000Bench *b, uint64_t at, unsigned size) { return bus_read_uint(b->dev.bus, at, size); }
void eb_put(struct E1000Bench *b, uint64_t at, uint64_t value, unsigned size) {
    bus_write_uint(b->dev.bus, at, value, size);
}

static bool peer_can_take(void *opaque) { return !((struct E1000Bench *)opaque)->refuses; }

static bool peer_take(void *opaque, const struct NetPacket *p) {
    struct E1000Bench *b = opaque;
    ck_assert_uint_lt(b->frames, EB_FRAMES);
    b->bytes[b->frames] = p->bytes;
    net_copy(p, 0, b->frame[b->frames++], sizeof(b->frame[0]));
    return true;
}

static const struct NetOps peer_ops = {.can_take = peer_can_take, .take = peer_take};

static bool is_open(void *opaque) { return opaque != NULL; }
static void knock(void *opaque) { (void)opaque; }
static void more(void *opaque) { ((struct E1000Bench *)opaque)->more++; }

void e1000_bench_open(struct E1000Bench *b) {
    memset(b, 0, sizeof(*b));
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000, .pirq = wire_to(&b->pirq)};
    struct E1000Config card = {.mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .end = &b->end, .more = more, .opaque = b};
    bench_open(&b->dev);
    b->pirq.clock = b->dev.clock;
    ck_assert_int_eq(region_init_ram(&b->ram, "ram", EB_RAM), 0);
    ck_assert_int_eq(bus_map(b->dev.bus, 0, &b->ram), 0);
    pci_init(&b->host, b->dev.bus, &config);
    b->door = (struct NetDoor){is_open, knock, b};
    net_end_init(&b->end, "card", &e1000_net_ops, &b->card, &b->door);
    net_end_init(&b->peer, "peer", &peer_ops, b, NULL);
    ck_assert_int_eq(net_connect(&b->end, &b->peer), 0);
    e1000_init(&b->card, b->dev.clock, &card);
    ck_assert_int_eq(pci_add_device(&b->host, &b->card.pci, DEVFN / PCI_FUNCTIONS, 0), 0);
    pci_reset(&b->host);
    e1000_reset(&b->card);
    pci_config_write(&b->host, 0, DEVFN, PCI_BAR0, EB_BAR, 4);
    pci_config_write(&b->host, 0, DEVFN, PCI_BAR0 + 8, EB_PORTS, 4);
    pci_config_write(&b->host, 0, DEVFN, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

void e1000_bench_close(struct E1000Bench *b) {
    e1000_reset(&b->card);
    net_end_destroy(&b->end);
    net_end_destroy(&b->peer);
    bench_close(&b->dev);
    region_destroy(&b->ram);
}

void eb_start(struct E1000Bench *b, uint32_t rctl) {
    eb_write(b, R_CTRL, eb_read(b, R_CTRL) | 0x40);
    eb_write(b, R_TDBAL, EB_TX);
    eb_write(b, R_TDLEN, EB_RING * 16);
    eb_write(b, R_TCTL, 2);
    eb_write(b, R_RDBAL, EB_RX);
    eb_write(b, R_RDLEN, EB_RING * 16);
    for (unsigned i = 0; i < EB_RING; i++)
        eb_put(b, EB_RX + 16 * i, EB_BUFFERS + 2048 * i, 8);
    eb_write(b, R_RCTL, rctl);
    eb_write(b, R_RDT, EB_RING - 1);
    eb_read(b, R_ICR);
    eb_write(b, R_IMS, 0x1ffff);
}

void eb_describe(struct E1000Bench *b, uint64_t low, uint64_t high) {
    uint32_t tail = b->card.state.reg[E1000_TDT]; /* moved by eb_kick alone otherwise */
    eb_put(b, EB_TX + 16 * tail, low, 8);
    eb_put(b, EB_TX + 16 * tail + 8, high, 8);
    b->card.state.reg[E1000_TDT] = (tail + 1) % EB_RING;
}

void eb_kick(struct E1000Bench *b) { eb_write(b, R_TDT, b->card.state.reg[E1000_TDT]); }

void eb_receive(struct E1000Bench *b, const void *frame, size_t n) {
    net_send_frame(&b->peer, frame, n);
    net_sent(&b->peer);
}
