/* SPDX-License-Identifier: MIT */
/* The 82540EM's rings: what goes out of descriptors, what comes into buffers, filters, checksums, segmentation. */
#include "base/bytes.h"
#include "tests/unit/net/e1000_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>

enum { EOP = 1 << 24, IFCS = 2 << 24, IC = 4 << 24, TSE = 4 << 24, RS = 8 << 24, DEXT = 0x20 << 24, VLE = 0x40 << 24 };
enum { DATA = 1 << 20 | DEXT };
enum { STATUS_PIF = 0x80, STATUS_IPCS = 0x40, STATUS_TCPCS = 0x20, STATUS_VP = 8, STATUS_IXSM = 4, STATUS_EOP = 2 };

static struct E1000Bench b;

/* ---- frames ---- */

/* Slowly, and another way than the device does it. */
static uint16_t sum(const uint8_t *p, size_t n, uint32_t s) {
    for (size_t i = 0; i < n; i++)
        s += i % 2 == 0 ? p[i] << 8 : p[i];
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static uint32_t crc(const uint8_t *p, size_t n) {
    uint32_t c = ~0u;
    for (size_t i = 0; i < n * 8; i++) {
        uint32_t bit = (c ^ p[i / 8] >> i % 8) & 1;
        c = c >> 1 ^ (bit ? 0xedb88320 : 0);
    }
    return ~c;
}

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* Ethernet, IPv4 of 20 bytes, TCP of 20, and `payload` bytes that count. No checksums. */
static size_t tcp_frame(uint8_t *f, size_t payload) {
    memset(f, 0, 54);
    memcpy(f, mac, 6);
    f[12] = 8;
    f[14] = 0x45;
    put_be16(f + 16, (uint16_t)(40 + payload));
    put_be16(f + 18, 0x7001);
    f[22] = 64;
    f[23] = 6;
    put_be32(f + 26, 0x0a000001);
    put_be32(f + 30, 0x0a000002);
    put_be32(f + 38, 1000);
    f[46] = 0x50;
    f[47] = 0x19; /* ACK, PSH, FIN */
    for (size_t i = 0; i < payload; i++)
        f[54 + i] = (uint8_t)(i * 7);
    return 54 + payload;
}

static bool good_ip(const uint8_t *f) { return sum(f + 14, 20, 0) == 0xffff; }
static bool good_tcp(const uint8_t *f, size_t n) {
    return sum(f + 34, n - 34, sum(f + 26, 8, 0) + 6 + (uint32_t)(n - 34)) == 0xffff;
}

static void to_ram(uint64_t at, const void *data, size_t n) { memcpy(b.ram.host + at, data, n); }

/* ---- sending ---- */

START_TEST(legacy) {
    uint8_t f[300];
    e1000_bench_open(&b);
    eb_start(&b, 0);
    for (unsigned i = 0; i < sizeof f; i++)
        f[i] = (uint8_t)(i + 1);
    to_ram(EB_DATA, f, sizeof f);
    eb_describe(&b, EB_DATA, 100); /* in two pieces */
    eb_describe(&b, EB_DATA + 100, 200 | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 1);
    ck_assert_uint_eq(b.bytes[0], 300);
    ck_assert_mem_eq(b.frame[0], f, 300);
    ck_assert_uint_eq(eb_get(&b, EB_TX + 12, 1), 0);
    ck_assert_uint_eq(eb_get(&b, EB_TX + 28, 1), 1);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 2);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_TXDW | C_TXQE);
    eb_describe(&b, EB_DATA, 100 | EOP | IFCS | IC | 90ull << 16 | 14ull << 40);
    eb_kick(&b);
    ck_assert_uint_eq(sum(b.frame[1] + 14, 86, (uint32_t)~sum(f + 90, 2, 0) & 0xffff) != 0, 1);
    ck_assert_uint_eq(get_be16(b.frame[1] + 90), (uint16_t)~sum(f + 14, 86, 0));
    eb_describe(&b, EB_DATA, 100 | EOP | IFCS | IC | 99ull << 16 | 14ull << 40); /* beyond the end: none */
    eb_kick(&b);
    ck_assert_mem_eq(b.frame[2], f, 100);
    ck_assert_uint_eq(eb_read(&b, 0x40d4), 3);              /* TPT */
    ck_assert_uint_eq(eb_read(&b, 0x40c8), 300 + 200 + 12); /* TOTL, with FCS */
    ck_assert_uint_eq(eb_read(&b, 0x40cc), 0);
    ck_assert_uint_eq(eb_read(&b, 0x40c8), 0);
    e1000_bench_close(&b);
}
END_TEST

/* Short frames are padded when TCTL.PSP says so; what has its FCS already is looked at. */
START_TEST(short_and_fcs) {
    uint8_t f[64] = {1, 2, 3};
    e1000_bench_open(&b);
    eb_start(&b, 0);
    to_ram(EB_DATA, f, sizeof f);
    eb_describe(&b, EB_DATA, 20 | EOP | IFCS);
    eb_kick(&b);
    ck_assert_uint_eq(b.bytes[0], 20);
    eb_write(&b, R_TCTL, 0xa);
    eb_describe(&b, EB_DATA, 20 | EOP | IFCS);
    eb_kick(&b);
    ck_assert_uint_eq(b.bytes[1], 60);
    eb_describe(&b, EB_DATA, 64 | EOP);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 2); /* its FCS is wrong */
    put_le32(f + 60, crc(f, 60));
    to_ram(EB_DATA, f, sizeof f);
    eb_describe(&b, EB_DATA, 64 | EOP);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 3);
    ck_assert_uint_eq(b.bytes[2], 60);
    e1000_bench_close(&b);
}
END_TEST

static void context(unsigned command, uint32_t payload, unsigned mss) {
    eb_describe(&b, 14 | 24ull << 8 | 33ull << 16 | 34ull << 32 | 50ull << 40,
                payload | (uint64_t)(command | DEXT) | 54ull << 40 | (uint64_t)mss << 48);
}

START_TEST(checksums) {
    uint8_t f[200];
    size_t n = tcp_frame(f, 101);
    e1000_bench_open(&b);
    eb_start(&b, 0);
    put_be16(f + 50, sum(f + 26, 8, 6 + 121)); /* the pseudo header */
    to_ram(EB_DATA, f, n);
    context(3 << 24, 0, 0);
    eb_describe(&b, EB_DATA, 20 | DATA | 3ull << 40);
    eb_describe(&b, EB_DATA + 20, (n - 20) | DATA | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.bytes[0], n);
    ck_assert(good_ip(b.frame[0]));
    ck_assert(good_tcp(b.frame[0], n));
    eb_describe(&b, EB_DATA, n | DATA | EOP | IFCS | RS | 1ull << 40); /* IXSM alone; the context stays */
    eb_kick(&b);
    ck_assert(good_ip(b.frame[1]));
    ck_assert(!good_tcp(b.frame[1], n));
    e1000_bench_close(&b);
}
END_TEST

/* 2,500 bytes in segments of 1,000. */
START_TEST(segments) {
    static uint8_t f[54 + 2500];
    size_t n = tcp_frame(f, 2500);
    e1000_bench_open(&b);
    eb_start(&b, 0);
    put_be16(f + 16, 0);
    put_be16(f + 50, sum(f + 26, 8, 6)); /* without a length */
    to_ram(EB_DATA, f, n);
    context(7 << 24, 2500, 1000);
    eb_describe(&b, EB_DATA, 54 | DATA | TSE | 3ull << 40);
    eb_describe(&b, EB_DATA + 54, 700 | DATA | TSE);
    eb_describe(&b, EB_DATA + 754, 1800 | DATA | TSE | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 3);
    for (unsigned i = 0; i < 3; i++) {
        size_t payload = i < 2 ? 1000 : 500;
        ck_assert_uint_eq(b.bytes[i], 54 + payload);
        ck_assert_uint_eq(get_be16(b.frame[i] + 16), 40 + payload);
        ck_assert_uint_eq(get_be16(b.frame[i] + 18), 0x7001 + i);
        ck_assert_uint_eq(get_be32(b.frame[i] + 38), 1000 + 1000 * i);
        ck_assert_uint_eq(b.frame[i][47], i < 2 ? 0x10 : 0x19);
        ck_assert(good_ip(b.frame[i]));
        ck_assert(good_tcp(b.frame[i], 54 + payload));
        ck_assert_mem_eq(b.frame[i] + 54, f + 54 + 1000 * i, payload);
    }
    ck_assert_uint_eq(eb_read(&b, 0x40f8), 1);
    context(7 << 24, 2500, 0); /* MSS of 0 */
    eb_describe(&b, EB_DATA, n | DATA | TSE | EOP | IFCS | RS | 3ull << 40);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 3);
    ck_assert_uint_eq(eb_read(&b, 0x40fc), 1);
    ck_assert_uint_eq(eb_read(&b, R_TDH), eb_read(&b, R_TDT));
    e1000_bench_close(&b);
}
END_TEST

/* A turn is bounded, in the middle of a descriptor, too; a state that is saved there goes on. */
START_TEST(turns) {
    static uint8_t f[54 + 100];
    size_t n = tcp_frame(f, 100), size = state_size(&e1000_state_table, 1);
    uint8_t *saved = malloc(size);
    char why[100];
    e1000_bench_open(&b);
    eb_start(&b, 0);
    to_ram(EB_DATA, f, n);
    context(7 << 24, 100, 1);
    eb_describe(&b, EB_DATA, n | DATA | TSE | EOP | IFCS | RS | 3ull << 40);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, E1000_TURN_FRAMES);
    ck_assert_uint_eq(b.more, 1);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 1);
    struct E1000State *s = calloc(1, sizeof(*s));
    state_save(&e1000_state_table, &b.card.state, saved);
    ck_assert_int_eq(state_load(&e1000_state_table, 1, saved, size, s, why, sizeof why), 0);
    memset(b.card.state.transmit.frame, 0xee, sizeof(b.card.state.transmit.frame));
    b.card.state = *s;
    e1000_restored(&b.card);
    e1000_continue(&b.card);
    ck_assert_uint_eq(b.frames, 100);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(b.bytes[i], 55);
        ck_assert_uint_eq(get_be32(b.frame[i] + 38), 1000 + i);
        ck_assert_uint_eq(b.frame[i][54], f[54 + i]);
    }
    ck_assert_uint_eq(eb_read(&b, R_TDH), 2);
    free(s);
    free(saved);
    e1000_bench_close(&b);
}
END_TEST

/* What the other end does not take waits in the ring. */
START_TEST(held) {
    e1000_bench_open(&b);
    eb_start(&b, 0);
    b.refuses = true;
    for (unsigned i = 0; i < 3; i++)
        eb_describe(&b, EB_DATA, 64 | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 0);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 0);
    b.refuses = false;
    net_ready(&b.peer);
    ck_assert_uint_eq(b.frames, 3);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 3);
    e1000_bench_close(&b);
}
END_TEST

/* Rings that can't be, contexts in the wrong place, buffers that are no memory, frames of any length. */
START_TEST(hostile) {
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_TDT, 0xffff);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 0);
    eb_write(&b, R_TDLEN, 0);
    eb_write(&b, R_TDT, 3);
    eb_write(&b, R_TDLEN, EB_RING * 16);
    eb_write(&b, R_TDT, 0);
    eb_describe(&b, EB_DATA, 0xfffff | DATA | DEXT); /* a megabyte, of a frame of 16 KiB */
    eb_describe(&b, 1ull << 60, 0xffff | EOP | IFCS | RS);
    eb_describe(&b, EB_DATA, 64 | DATA); /* a context in the middle of a packet ends it */
    context(3 << 24, 0, 0);
    eb_describe(&b, EB_DATA, 64 | 2 << 20 | DEXT | EOP | RS); /* no such type */
    eb_describe(&b, 0, 0 | EOP | IFCS | RS);
    eb_describe(&b, 1ull << 60, 64 | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(eb_read(&b, R_TDH), 7);
    ck_assert_uint_eq(b.frames, 1);
    ck_assert_uint_eq(b.frame[0][0], 0xff); /* nothing is there */
    pci_config_write(&b.host, 0, 3 * 8, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    eb_describe(&b, EB_DATA, 64 | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 1); /* no bus master */
    pci_config_write(&b.host, 0, 3 * 8, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    ck_assert_uint_eq(b.frames, 2);
    e1000_bench_close(&b);
}
END_TEST

/* ---- receiving ---- */

static uint64_t received(unsigned i) { return eb_get(&b, EB_RX + 16 * i + 8, 8); }
static unsigned status(unsigned i) { return received(i) >> 32 & 0xff; }
static unsigned errors(unsigned i) { return received(i) >> 40 & 0xff; }

START_TEST(receive) {
    uint8_t f[100] = {0};
    memcpy(f, mac, 6);
    f[99] = 77;
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_receive(&b, f, sizeof f);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_RXT0);
    ck_assert_uint_eq(received(0) & 0xffff, 104);
    ck_assert_uint_eq(status(0), 1 | STATUS_EOP | STATUS_IXSM);
    ck_assert_mem_eq(b.ram.host + EB_BUFFERS, f, 100);
    ck_assert_uint_eq(get_le32(b.ram.host + EB_BUFFERS + 100), crc(f, 100));
    ck_assert_uint_eq(eb_read(&b, R_RDH), 1);
    eb_write(&b, R_RCTL, 0x04008002); /* without FCS */
    eb_receive(&b, f, 20);
    ck_assert_uint_eq(received(1) & 0xffff, 60);
    ck_assert_uint_eq(received(1) >> 16 & 0xffff, sum(f, 60, 0));
    eb_write(&b, R_RCTL, 0x04038002); /* in buffers of 256 bytes */
    uint8_t large[700] = {0};
    memcpy(large, mac, 6);
    large[600] = 5;
    eb_receive(&b, large, sizeof large);
    ck_assert_uint_eq(status(2), 1);
    ck_assert_uint_eq(received(2) & 0xffff, 256);
    ck_assert_uint_eq(received(4) & 0xffff, 188);
    ck_assert_uint_eq(status(4), 1 | STATUS_EOP | STATUS_IXSM);
    ck_assert_uint_eq(b.ram.host[EB_BUFFERS + 4 * 2048 + 600 - 512], 5);
    ck_assert_uint_eq(eb_read(&b, 0x4074), 3); /* GPRC */
    ck_assert_uint_eq(eb_read(&b, 0x4074), 0);
    ck_assert_uint_eq(eb_read(&b, 0x405c), 1); /* PRC64 */
    ck_assert_uint_eq(eb_read(&b, 0x4088), 104 + 64 + 704);
    static uint8_t longest[1519];
    memcpy(longest, mac, 6);
    eb_receive(&b, longest, 1519);
    ck_assert_uint_eq(eb_read(&b, 0x40ac), 1); /* ROC */
    eb_receive(&b, longest, 1518);
    ck_assert_uint_eq(eb_read(&b, 0x4074), 1);
    e1000_bench_close(&b);
}
END_TEST

/* Frames wait while there are no buffers, and RXDMT0 says when half of them are gone. */
START_TEST(no_buffers) {
    uint8_t f[64] = {0};
    memcpy(f, mac, 6);
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    for (unsigned i = 0; i < 20; i++) {
        eb_receive(&b, f, sizeof f);
        ck_assert_uint_eq(eb_read(&b, R_ICR) & C_RXDMT0, i == 6 ? C_RXDMT0 : 0); /* 15 buffers, down to 8 */
    }
    ck_assert_uint_eq(eb_read(&b, R_RDH), 15);
    ck_assert_uint_eq(b.end.waiting, 5);
    eb_write(&b, R_RDT, 3);
    ck_assert_uint_eq(eb_read(&b, R_RDH), 3);
    ck_assert_uint_eq(b.end.waiting, 1);
    pci_config_write(&b.host, 0, 3 * 8, PCI_COMMAND, PCI_COMMAND_MEMORY, 2); /* they can't come any more */
    ck_assert_uint_eq(b.end.waiting, 0);
    pci_config_write(&b.host, 0, 3 * 8, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    for (unsigned i = 0; i < 2; i++)
        eb_receive(&b, f, sizeof f);
    ck_assert_uint_eq(b.end.waiting, 2);
    eb_write(&b, R_RCTL, 0); /* not wanted any more */
    ck_assert_uint_eq(b.end.waiting, 0);
    eb_receive(&b, f, sizeof f);
    ck_assert_uint_eq(b.end.waiting, 0);
    ck_assert_uint_eq(eb_read(&b, R_RDH), 3);
    e1000_bench_close(&b);
}
END_TEST

static bool takes(const uint8_t address[6], uint16_t tag) {
    uint8_t f[64] = {0};
    uint32_t before = eb_read(&b, R_RDH);
    memcpy(f, address, 6);
    if (tag != 0) {
        put_be16(f + 12, 0x8100);
        put_be16(f + 14, tag);
    }
    eb_receive(&b, f, sizeof f);
    eb_write(&b, R_RDT, (eb_read(&b, R_RDH) + EB_RING - 1) % EB_RING);
    return eb_read(&b, R_RDH) != before;
}

START_TEST(filters) {
    static const uint8_t other[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57}, all[6] = {255, 255, 255, 255, 255, 255};
    static const uint8_t group[6] = {0x01, 0, 0x5e, 0, 0x12, 0xa5};
    static const uint32_t index[4] = {0xa51, 0x4a2, 0x944, 0x512};
    e1000_bench_open(&b);
    eb_start(&b, 2);
    ck_assert(takes(mac, 0));
    ck_assert(!takes(other, 0) && !takes(all, 0) && !takes(group, 0));
    eb_write(&b, R_RCTL, 0x8002);
    ck_assert(takes(all, 0));
    eb_write(&b, R_RCTL, 0xa);
    ck_assert(takes(other, 0) && !takes(group, 0));
    ck_assert_uint_eq(status(2) & STATUS_PIF, STATUS_PIF);
    ck_assert_uint_eq(status(1) & STATUS_PIF, 0);
    eb_write(&b, R_RCTL, 0x12);
    ck_assert(takes(group, 0) && takes(all, 0) && !takes(other, 0));
    eb_write(&b, R_RAL + 8 * 15, get_le32(other));
    eb_write(&b, R_RAH + 8 * 15, 0x80000000 | get_le16(other + 4));
    ck_assert(takes(other, 0));
    for (unsigned mo = 0; mo < 4; mo++) {
        eb_write(&b, R_RCTL, 2 | mo << 12);
        ck_assert(!takes(group, 0));
        eb_write(&b, R_MTA + index[mo] / 32 * 4, 1u << index[mo] % 32);
        ck_assert(takes(group, 0));
        eb_write(&b, R_MTA + index[mo] / 32 * 4, 0);
    }
    eb_write(&b, R_RCTL, 0x40002); /* VLANs */
    ck_assert(takes(mac, 0) && !takes(mac, 0x123));
    eb_write(&b, R_VFTA + 0x123 / 32 * 4, 1u << 0x123 % 32);
    ck_assert(takes(mac, 0x6123) && !takes(mac, 0x124));
    eb_write(&b, R_RCTL, 0xc0002);
    ck_assert(!takes(mac, 0x1123) && takes(mac, 0x123));
    e1000_bench_close(&b);
}
END_TEST

/* CTRL.VME: tags go out of the descriptor and come into it. */
START_TEST(tags) {
    uint8_t f[68] = {0};
    memcpy(f, mac, 6);
    put_be16(f + 12, 0x8100);
    put_be16(f + 14, 0x6123);
    put_be16(f + 16, 0x0806);
    e1000_bench_open(&b);
    eb_start(&b, 0x04008002);
    eb_write(&b, R_CTRL, eb_read(&b, R_CTRL) | 1 << 30);
    eb_receive(&b, f, sizeof f);
    ck_assert_uint_eq(received(0) & 0xffff, 64);
    ck_assert_uint_eq(received(0) >> 48, 0x6123);
    ck_assert_uint_eq(status(0) & STATUS_VP, STATUS_VP);
    uint8_t *buffer = b.ram.host + EB_BUFFERS;
    ck_assert_mem_eq(buffer, mac, 6);
    ck_assert_uint_eq(get_be16(buffer + 12), 0x0806);
    eb_describe(&b, EB_BUFFERS, 64 | EOP | IFCS | VLE | 0x6123ull << 48);
    eb_kick(&b);
    ck_assert_uint_eq(b.bytes[0], 68);
    ck_assert_mem_eq(b.frame[0], f, 68);
    eb_write(&b, R_CTRL, eb_read(&b, R_CTRL) & ~(1u << 30));
    eb_describe(&b, EB_BUFFERS, 64 | EOP | IFCS | VLE | 0x6123ull << 48);
    eb_kick(&b);
    ck_assert_uint_eq(b.bytes[1], 64);
    e1000_bench_close(&b);
}
END_TEST

START_TEST(verified) {
    uint8_t f[200];
    size_t n = tcp_frame(f, 101);
    put_be16(f + 24, (uint16_t)~sum(f + 14, 20, 0));
    put_be16(f + 50, (uint16_t)~sum(f + 34, n - 34, sum(f + 26, 8, 6 + 121)));
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_RXCSUM, 0x300);
    eb_receive(&b, f, n);
    ck_assert_uint_eq(status(0), 3 | STATUS_IPCS | STATUS_TCPCS);
    ck_assert_uint_eq(errors(0), 0);
    f[100]++;
    eb_receive(&b, f, n);
    ck_assert_uint_eq(errors(1), 0x20);
    f[20] ^= 0x20; /* a fragment */
    eb_receive(&b, f, n);
    ck_assert_uint_eq(status(2), 3 | STATUS_IPCS);
    ck_assert_uint_eq(errors(2), 0x40);
    f[20] ^= 0x20;
    f[23] = 17; /* UDP without a checksum */
    put_be16(f + 38, 121);
    put_be16(f + 40, 0);
    eb_receive(&b, f, n);
    ck_assert_uint_eq(status(3), 3 | STATUS_IPCS);
    eb_write(&b, R_RXCSUM, 0);
    eb_receive(&b, f, n);
    ck_assert_uint_eq(status(4), 3 | STATUS_IXSM);
    f[14] = 0x4f; /* a header that is longer than the packet */
    put_be16(f + 16, 30);
    eb_write(&b, R_RXCSUM, 0x700);
    eb_receive(&b, f, n);
    ck_assert_uint_eq(status(5), 3 | STATUS_IXSM);
    e1000_bench_close(&b);
}
END_TEST

START_TEST(verified6) {
    uint8_t f[120] = {0};
    memcpy(f, mac, 6);
    put_be16(f + 12, 0x86dd);
    f[14] = 0x60;
    put_be16(f + 18, 8 + 20); /* destination options, then TCP */
    f[20] = 60;
    f[22] = 1, f[37] = 2, f[53] = 3;
    f[54] = 6;
    f[62 + 12] = 0x50;
    put_be16(f + 62 + 16, (uint16_t)~sum(f + 62, 20, sum(f + 22, 32, 6 + 20)));
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_RXCSUM, 0x700);
    eb_receive(&b, f, 82);
    ck_assert_uint_eq(status(0), 3 | STATUS_TCPCS);
    ck_assert_uint_eq(errors(0), 0);
    f[70]++;
    eb_receive(&b, f, 82);
    ck_assert_uint_eq(errors(1), 0x20);
    f[55] = 255; /* an option that leads out of the packet */
    eb_receive(&b, f, 82);
    ck_assert_uint_eq(status(2), 3 | STATUS_IXSM);
    e1000_bench_close(&b);
}
END_TEST

/* The PHY's loopback: what is sent is received, and does not go out. */
START_TEST(loopback) {
    uint8_t f[64] = {0};
    memcpy(f, mac, 6);
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_MDIC, 1 << 26 | 1 << 21 | 0x4140);
    to_ram(EB_DATA, f, sizeof f);
    eb_describe(&b, EB_DATA, 64 | EOP | IFCS | RS);
    eb_kick(&b);
    ck_assert_uint_eq(b.frames, 0);
    ck_assert_uint_eq(received(0) & 0xffff, 68);
    e1000_bench_close(&b);
}
END_TEST

Suite *e1000_rings_suite(void) {
    Suite *s = suite_create("e1000_rings");
    TCase *t = tcase_create("e1000_rings");
    tcase_add_test(t, legacy);
    tcase_add_test(t, short_and_fcs);
    tcase_add_test(t, checksums);
    tcase_add_test(t, segments);
    tcase_add_test(t, turns);
    tcase_add_test(t, held);
    tcase_add_test(t, hostile);
    tcase_add_test(t, receive);
    tcase_add_test(t, no_buffers);
    tcase_add_test(t, filters);
    tcase_add_test(t, tags);
    tcase_add_test(t, verified);
    tcase_add_test(t, verified6);
    tcase_add_test(t, loopback);
    suite_add_tcase(s, t);
    return s;
}
