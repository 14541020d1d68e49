/* SPDX-License-Identifier: MIT */
/* The 82540EM: registers, EEPROM, PHY, interrupts and what moderates them, state. Rings: test_e1000_rings.c. */
#include "tests/unit/net/e1000_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>

#define US 1000

static struct E1000Bench b;

static void put_mac(uint8_t *frame) {
    static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    memcpy(frame, mac, 6);
}

/* A frame for the card. */
static void receive_one(void) {
    uint8_t frame[64] = {0};
    put_mac(frame);
    eb_receive(&b, frame, sizeof(frame));
}

START_TEST(identity) {
    e1000_bench_open(&b);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 3 * 8, 0, 4), 0x100e8086);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 3 * 8, 8, 4) >> 8, 0x020000);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 3 * 8, PCI_INTERRUPT_PIN, 1), 1);
    ck_assert_uint_eq(eb_read(&b, R_RAL), 0x12005452);
    ck_assert_uint_eq(eb_read(&b, R_RAH), 0x80005634);
    ck_assert_uint_eq(eb_read(&b, R_VET), 0x8100);
    ck_assert_uint_eq(eb_read(&b, R_STATUS) & 2, 0); /* the link is not taken notice of yet */
    eb_write(&b, R_CTRL, 0x40);
    ck_assert_uint_eq(eb_read(&b, R_STATUS) & 0xc3, 0x82); /* 1000 Mb/s, up, but half duplex was asked for */
    ck_assert_uint_eq(eb_read(&b, 0x1f000), 0);            /* no register */
    eb_write(&b, 0x1f000, 1);
    e1000_bench_close(&b);
}
END_TEST

/* The same registers at the I/O BAR, and where the 82542 had them. */
START_TEST(other_ways) {
    e1000_bench_open(&b);
    bus_port_write(b.dev.bus, EB_PORTS, R_RDTR, 4);
    bus_port_write(b.dev.bus, EB_PORTS + 4, 0x1234, 4);
    ck_assert_uint_eq(eb_read(&b, R_RDTR), 0x1234);
    ck_assert_uint_eq(bus_port_read(b.dev.bus, EB_PORTS, 4), R_RDTR);
    ck_assert_uint_eq(bus_port_read(b.dev.bus, EB_PORTS + 4, 4), 0x1234);
    bus_port_write(b.dev.bus, EB_PORTS, 0xffffffff, 4);
    ck_assert_uint_eq(bus_port_read(b.dev.bus, EB_PORTS, 4), 0xfffff);
    ck_assert_uint_eq(bus_port_read(b.dev.bus, EB_PORTS + 4, 4), UINT32_MAX);
    bus_port_write(b.dev.bus, EB_PORTS + 4, 1, 4);
    eb_write(&b, 0x0108, 0x55);
    ck_assert_uint_eq(eb_read(&b, R_RDTR), 0x55);
    eb_write(&b, 0x0204, 0xabcd);
    ck_assert_uint_eq(eb_read(&b, R_MTA + 4), 0xabcd);
    ck_assert_uint_eq(eb_read(&b, 0x40), eb_read(&b, R_RAL));
    e1000_bench_close(&b);
}
END_TEST

/* ---- EEPROM ---- */

static uint16_t eerd(unsigned word) {
    eb_write(&b, R_EERD, word << 8 | 1);
    uint32_t r = eb_read(&b, R_EERD);
    ck_assert_uint_eq(r & 0xff10, word << 8 | 0x10);
    return (uint16_t)(r >> 16);
}

enum { SK = 1, CS = 2, DI = 4, DO = 8, REQ = 0x40, GNT = 0x80 };

static bool clock_bit(bool bit) {
    uint32_t wires = REQ | CS | (bit ? DI : 0);
    eb_write(&b, R_EECD, wires);
    eb_write(&b, R_EECD, wires | SK);
    bool out = eb_read(&b, R_EECD) & DO;
    eb_write(&b, R_EECD, wires);
    return out;
}

static void clock_bits(uint32_t bits, unsigned n) {
    while (n-- > 0)
        clock_bit(bits >> n & 1);
}

static uint16_t clock_word(void) {
    uint16_t w = 0;
    for (unsigned i = 0; i < 16; i++)
        w = (uint16_t)(w << 1 | clock_bit(false));
    return w;
}

static void select_chip(void) {
    eb_write(&b, R_EECD, REQ);
    ck_assert_uint_eq(eb_read(&b, R_EECD) & GNT, GNT);
    eb_write(&b, R_EECD, REQ | CS);
}

START_TEST(eeprom) {
    uint16_t sum = 0;
    e1000_bench_open(&b);
    for (unsigned i = 0; i < 64; i++)
        sum += eerd(i);
    ck_assert_uint_eq(sum, 0xbaba);
    ck_assert_uint_eq(eerd(0), 0x5452);
    ck_assert_uint_eq(eerd(2), 0x5634);
    select_chip();
    clock_bits(0, 5); /* before a start bit nothing counts */
    clock_bits((6 << 6 | 3) >> 1, 8);
    ck_assert(!clock_bit(true)); /* the address' last bit, and the zero in front of the data: word 3 */
    eb_write(&b, R_EECD, REQ);
    select_chip();
    clock_bits(6 << 6 | 0x3f, 9);
    ck_assert_uint_eq(clock_word(), eerd(63));
    ck_assert_uint_eq(clock_word(), eerd(0)); /* reading goes on, and round */
    eb_write(&b, R_EECD, REQ);
    e1000_bench_close(&b);
}
END_TEST

static void instruction(uint32_t bits, unsigned n) {
    select_chip();
    clock_bits(bits, n);
    eb_write(&b, R_EECD, REQ);
    eb_write(&b, R_EECD, REQ | CS);
    ck_assert(eb_read(&b, R_EECD) & DO); /* ready */
    eb_write(&b, R_EECD, REQ);
}

START_TEST(eeprom_written) {
    e1000_bench_open(&b);
    uint16_t before = eerd(5);
    instruction((5 << 6 | 5) << 16 | 0x1234, 25);
    ck_assert_uint_eq(eerd(5), before); /* it was not enabled */
    instruction(4 << 6 | 0x30, 9);
    instruction((5 << 6 | 5) << 16 | 0x1234, 25);
    ck_assert_uint_eq(eerd(5), 0x1234);
    instruction((5 << 6 | 0) << 16 | 0x6655, 25);
    eb_write(&b, R_CTRL_EXT, 1 << 13); /* read it again */
    ck_assert_uint_eq(eb_read(&b, R_RAL), 0x12006655);
    instruction(7 << 6 | 5, 9);
    ck_assert_uint_eq(eerd(5), 0xffff);
    instruction((4 << 6 | 0x10) << 16 | 0x7777, 25);
    ck_assert_uint_eq(eerd(63), 0x7777);
    instruction(4 << 6 | 0x20, 9);
    ck_assert_uint_eq(eerd(63), 0xffff);
    instruction(4 << 6, 9);
    instruction((5 << 6 | 5) << 16 | 0x1234, 25);
    ck_assert_uint_eq(eerd(5), 0xffff);
    eb_write(&b, R_EECD, 0); /* not asked for: the wires are not connected */
    eb_write(&b, R_EECD, CS | SK | DI);
    ck_assert_uint_eq(eb_read(&b, R_EECD) & GNT, 0);
    ck_assert_uint_eq(b.card.state.wire.bits, 0);
    e1000_bench_close(&b);
}
END_TEST

/* ---- PHY ---- */

static uint32_t mdic(uint32_t value) {
    eb_write(&b, R_MDIC, value);
    uint32_t r = eb_read(&b, R_MDIC);
    ck_assert_uint_eq(r & 1 << 28, 1 << 28);
    return r;
}
static uint16_t phy(unsigned n) { return (uint16_t)mdic(2 << 26 | 1 << 21 | n << 16); }
static void set_phy(unsigned n, uint16_t value) { mdic(1 << 26 | 1 << 21 | n << 16 | value); }

START_TEST(phy_registers) {
    e1000_bench_open(&b);
    eb_start(&b, 0);
    ck_assert_uint_eq(phy(2), 0x0141);
    ck_assert_uint_eq(phy(3), 0x0c20);
    ck_assert_uint_eq(phy(1) & 0x24, 0x24);
    ck_assert_uint_eq(phy(17), 0xac00);
    ck_assert_uint_eq(phy(10), 0x3c00);
    set_phy(4, 0x1e1);
    ck_assert_uint_eq(phy(4), 0x1e1);
    set_phy(2, 0xffff);
    ck_assert_uint_eq(phy(2), 0x0141);
    set_phy(0, 0x1340); /* negotiate again */
    ck_assert_uint_eq(phy(0), 0x1140);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_LSC);
    set_phy(0, 0x8000);
    ck_assert_uint_eq(phy(4), 0xde1);
    ck_assert_uint_ne(mdic(2 << 26 | 2 << 21) & 1 << 30, 0); /* there is no second one */
    eb_read(&b, R_ICR);
    mdic(2 << 26 | 1 << 21 | 1 << 29);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_MDAC);
    net_set_link(&b.peer, false);
    ck_assert_uint_eq(phy(1) & 0x24, 0);
    ck_assert_uint_eq(phy(17), 0);
    ck_assert_uint_eq(eb_read(&b, R_STATUS) & 2, 0);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_LSC);
    net_set_link(&b.peer, true);
    ck_assert_uint_eq(eb_read(&b, R_STATUS) & 2, 2);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_LSC);
    e1000_bench_close(&b);
}
END_TEST

/* ---- interrupts ---- */

START_TEST(causes) {
    e1000_bench_open(&b);
    eb_write(&b, R_ICS, C_LSC | C_TXDW);
    ck_assert(!b.pirq.level);
    eb_write(&b, R_IMS, C_LSC);
    ck_assert(b.pirq.level);
    ck_assert_uint_eq(eb_read(&b, R_IMS), C_LSC);
    eb_write(&b, R_IMC, C_LSC);
    ck_assert(!b.pirq.level);
    eb_write(&b, R_IMS, C_TXDW);
    ck_assert(b.pirq.level);
    eb_write(&b, R_ICR, C_TXDW); /* writing 1 clears */
    ck_assert(!b.pirq.level);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_LSC);
    ck_assert_uint_eq(eb_read(&b, R_ICR), 0);
    e1000_bench_close(&b);
}
END_TEST

/* Two assertions are ITR * 256 ns apart at least; the first comes at once. */
START_TEST(throttled) {
    e1000_bench_open(&b);
    bench_run_to(&b.dev, 100 * US);
    eb_write(&b, R_ITR, 500); /* 128 us */
    eb_write(&b, R_IMS, C_RXT0);
    eb_write(&b, R_ICS, C_RXT0);
    ck_assert(b.pirq.level);
    eb_read(&b, R_ICR);
    bench_run(&b.dev, 10 * US);
    eb_write(&b, R_ICS, C_RXT0);
    eb_write(&b, R_ICS, C_RXT0);
    ck_assert(!b.pirq.level);
    bench_run_to(&b.dev, 228 * US - 1);
    ck_assert(!b.pirq.level);
    bench_run_to(&b.dev, 228 * US);
    ck_assert(b.pirq.level);
    ck_assert_uint_eq(b.pirq.rises, 2);
    eb_read(&b, R_ICR);
    eb_write(&b, R_ICS, C_RXT0);
    ck_assert(!b.pirq.level);
    eb_write(&b, R_ITR, 0); /* no longer */
    ck_assert(b.pirq.level);
    e1000_bench_close(&b);
}
END_TEST

/* RXT0 comes RDTR after the last frame, and RADV after the first one at the latest. */
START_TEST(receive_delays) {
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_RDTR, 10);
    eb_write(&b, R_RADV, 25);
    for (unsigned i = 0; i < 2; i++) {
        receive_one();
        bench_run(&b.dev, 8 * 1024);
        ck_assert(!b.pirq.level);
    }
    bench_run(&b.dev, 2 * 1024);
    ck_assert(b.pirq.level);
    ck_assert_int_eq(b.pirq.last_rise, 18 * 1024);
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_RXT0);
    bench_run_to(&b.dev, 100 * 1024);
    ck_assert_uint_eq(b.pirq.rises, 1);
    for (unsigned i = 0; i < 4; i++) {
        receive_one();
        bench_run(&b.dev, 8 * 1024);
    }
    ck_assert_int_eq(b.pirq.last_rise, 125 * 1024);
    eb_read(&b, R_ICR);
    receive_one();
    eb_write(&b, R_RDTR, 1u << 31 | 10);                      /* FPD */
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_RXT0 | C_RXDMT0); /* half of the ring is gone, too */
    eb_write(&b, R_RSRPD, 100);
    receive_one();
    ck_assert_uint_eq(eb_read(&b, R_ICR), C_RXT0 | 1 << 16);
    e1000_bench_close(&b);
}
END_TEST

/* The same of TXDW, of descriptors that ask for it (IDE). */
START_TEST(transmit_delays) {
    e1000_bench_open(&b);
    eb_start(&b, 0);
    eb_write(&b, R_TIDV, 10);
    eb_write(&b, R_TADV, 15);
    eb_write(&b, R_IMC, C_TXQE);
    for (unsigned i = 0; i < 2; i++) {
        eb_describe(&b, EB_DATA, 64 | 0x8bull << 24);
        eb_kick(&b);
        ck_assert_uint_eq(eb_get(&b, EB_TX + 16 * i + 12, 1), 1); /* DD comes at once */
        bench_run(&b.dev, 8 * 1024);
        ck_assert_uint_eq(b.pirq.rises, i == 1);
    }
    ck_assert_int_eq(b.pirq.last_rise, 15 * 1024);
    eb_read(&b, R_ICR);
    eb_describe(&b, EB_DATA, 64 | 0x0bull << 24); /* no IDE: at once */
    eb_kick(&b);
    ck_assert(b.pirq.level);
    e1000_bench_close(&b);
}
END_TEST

/* ---- resets and state ---- */

START_TEST(resets) {
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    receive_one();
    ck_assert(b.pirq.level);
    eb_write(&b, R_MTA, 5);
    set_phy(4, 0x1e1);
    eb_write(&b, R_CTRL, 1 << 26);
    ck_assert(!b.pirq.level);
    ck_assert_uint_eq(eb_read(&b, R_CTRL) & 1 << 26, 0);
    ck_assert_uint_eq(eb_read(&b, R_IMS), 0);
    ck_assert_uint_eq(eb_read(&b, R_MTA), 0);
    ck_assert_uint_eq(eb_read(&b, R_RCTL), 0);
    ck_assert_uint_eq(eb_read(&b, R_RAL), 0x12005452);
    ck_assert_uint_eq(phy(4), 0x1e1); /* it has a reset of its own */
    eb_write(&b, R_CTRL, 1u << 31);
    ck_assert_uint_eq(phy(4), 0xde1);
    e1000_bench_close(&b);
}
END_TEST

/* A state goes on elsewhere with its timers, and one that can't be is refused. */
START_TEST(restored) {
    const struct StateTable *t = &e1000_state_table;
    size_t n = state_size(t, 1);
    char why[200];
    e1000_bench_open(&b);
    eb_start(&b, 0x8002);
    eb_write(&b, R_RDTR, 10);
    receive_one();
    uint8_t *saved = malloc(n);
    struct E1000State *s = calloc(1, sizeof(*s));
    state_save(t, &b.card.state, saved);
    ck_assert_int_eq(state_load(t, 1, saved, n, s, why, sizeof why), 0);
    ck_assert_mem_eq(s, &b.card.state, sizeof(*s));
    eb_write(&b, R_CTRL, 1 << 26);
    b.card.state = *s;
    e1000_restored(&b.card);
    ck_assert(!b.pirq.level);
    bench_run(&b.dev, 10 * 1024);
    ck_assert(b.pirq.level);
    s->transmit.inside = s->transmit.segmented = true;
    ck_assert_ptr_nonnull(t->check(s));
    s->transmit.inside = false;
    ck_assert_ptr_null(t->check(s));
    s->receive_delay = -1;
    ck_assert_ptr_nonnull(t->check(s));
    free(s);
    free(saved);
    e1000_bench_close(&b);
}
END_TEST

Suite *e1000_suite(void) {
    Suite *s = suite_create("e1000");
    TCase *t = tcase_create("e1000");
    tcase_add_test(t, identity);
    tcase_add_test(t, other_ways);
    tcase_add_test(t, eeprom);
    tcase_add_test(t, eeprom_written);
    tcase_add_test(t, phy_registers);
    tcase_add_test(t, causes);
    tcase_add_test(t, throttled);
    tcase_add_test(t, receive_delays);
    tcase_add_test(t, transmit_delays);
    tcase_add_test(t, resets);
    tcase_add_test(t, restored);
    suite_add_tcase(s, t);
    return s;
}
