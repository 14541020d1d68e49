/* SPDX-License-Identifier: MIT */
/* 16550A UART against the PC16550D data sheet. */
#include "devices/uart.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <string.h>

#define COM1 0x3f8
enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR IIR
#define CHAR_NS_115200 86805 /* 10 bits */

static struct DeviceBench bench;
static struct WireLog irq;
static struct Uart uart;
static uint8_t sent[64];
static size_t sent_len;
static unsigned ready_calls;

static void on_write(void *opaque, const uint8_t *buf, size_t len) {
    (void)opaque;
    for (size_t i = 0; i < len && sent_len < sizeof(sent); i++)
        sent[sent_len++] = buf[i];
}

static void on_ready(void *opaque) {
    (void)opaque;
    ready_calls++;
}

static void setup(void) {
    bench_open(&bench);
    irq = (struct WireLog){0};
    sent_len = 0;
    ready_calls = 0;
    uart_init(&uart, bench.clock, wire_to(&irq), (struct CharBackend){.write = on_write, .input_ready = on_ready});
    ck_assert_int_eq(uart_map(&uart, bench.bus, COM1), 0);
}

static void teardown(void) { bench_close(&bench); }

static uint8_t in(unsigned reg) { return bench_in(&bench, COM1 + reg); }
static void out(unsigned reg, uint8_t v) { bench_out(&bench, COM1 + reg, v); }

static void set_115200_8n1(void) {
    out(LCR, 0x83);
    out(RBR, 1);
    out(IER, 0);
    out(LCR, 0x03);
}

START_TEST(reset_values) {
    ck_assert_uint_eq(in(IER), 0);
    ck_assert_uint_eq(in(IIR), 0x01);
    ck_assert_uint_eq(in(LCR), 0);
    ck_assert_uint_eq(in(MCR), 0);
    ck_assert_uint_eq(in(LSR), 0x60);
    ck_assert_uint_eq(in(MSR), 0xb0);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(scratch_and_reserved_bits) {
    out(SCR, 0xa5);
    ck_assert_uint_eq(in(SCR), 0xa5);
    out(IER, 0xf0);
    ck_assert_uint_eq(in(IER), 0);
    out(MCR, 0xe0);
    ck_assert_uint_eq(in(MCR), 0);
    out(LSR, 0x00);
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

START_TEST(divisor_latch) {
    out(LCR, 0x83);
    out(RBR, 0x34);
    out(IER, 0x12);
    ck_assert_uint_eq(in(RBR), 0x34);
    ck_assert_uint_eq(in(IER), 0x12);
    out(LCR, 0x03);
    ck_assert_uint_eq(in(IER), 0);
    ck_assert_uint_eq(sent_len, 0);
    out(LCR, 0x83);
    out(RBR, 0);
    out(IER, 0); /* a divisor of 0 must not hurt */
    out(LCR, 0x03);
    ck_assert_int_gt(uart_char_time(&uart), 0);
}
END_TEST

START_TEST(character_time) {
    set_115200_8n1();
    ck_assert_int_eq(uart_char_time(&uart), CHAR_NS_115200);
    out(LCR, 0x1f); /* 8E2: 12 bits */
    ck_assert_int_eq(uart_char_time(&uart), 104166);
    out(LCR, 0x04); /* 5N1.5: 7.5 bits */
    ck_assert_int_eq(uart_char_time(&uart), 65104);
}
END_TEST

START_TEST(transmit) {
    set_115200_8n1();
    out(RBR, 'H');
    out(RBR, 'i');
    ck_assert_uint_eq(sent_len, 2);
    ck_assert_int_eq(memcmp(sent, "Hi", 2), 0);
    ck_assert_uint_eq(in(LSR), 0x60);
    out(LCR, 0x02); /* 7 bits */
    out(RBR, 0xc1);
    ck_assert_uint_eq(sent[2], 0x41);
}
END_TEST

START_TEST(thre_interrupt) {
    set_115200_8n1();
    out(IER, 0x02); /* enabling it with an empty transmitter raises it */
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR), 0x02);
    ck_assert(!irq.level); /* reading IIR served it */
    ck_assert_uint_eq(in(IIR), 0x01);
    out(RBR, 'x');
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR), 0x02);
    out(IER, 0x02); /* no new enabling */
    ck_assert_uint_eq(in(IIR), 0x01);
    out(IER, 0x00);
    out(IER, 0x02);
    ck_assert_uint_eq(in(IIR), 0x02);
}
END_TEST

START_TEST(receive_without_fifo) {
    set_115200_8n1();
    out(IER, 0x01);
    ck_assert_uint_eq(uart_can_receive(&uart), 1);
    ck_assert_uint_eq(uart_receive(&uart, (const uint8_t *)"ab", 2), 1);
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR), 0x04);
    ck_assert_uint_eq(in(LSR), 0x61);
    ck_assert_uint_eq(ready_calls, 0);
    ck_assert_uint_eq(in(RBR), 'a');
    ck_assert_uint_eq(ready_calls, 1);
    ck_assert(!irq.level);
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

START_TEST(fifo_trigger_levels) {
    static const struct {
        uint8_t fcr;
        unsigned level;
    } cases[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};
    const uint8_t c = 'q';

    set_115200_8n1();
    for (unsigned i = 0; i < 4; i++) {
        out(FCR, cases[i].fcr | 0x02);
        out(IER, 0x01);
        for (unsigned n = 1; n <= cases[i].level; n++) {
            ck_assert_uint_eq(in(IIR), 0xc1);
            ck_assert_uint_eq(uart_receive(&uart, &c, 1), 1);
        }
        ck_assert_uint_eq(in(IIR), 0xc4);
        ck_assert(irq.level);
        in(RBR); /* falls below the trigger */
        ck_assert_uint_eq(in(IIR), 0xc1);
        ck_assert(!irq.level);
    }
}
END_TEST

START_TEST(character_timeout) {
    set_115200_8n1();
    out(FCR, 0xc1);
    out(IER, 0x01);
    uart_receive(&uart, (const uint8_t *)"abc", 3);
    bench_run(&bench, 4 * CHAR_NS_115200 - 10);
    ck_assert_uint_eq(in(IIR), 0xc1);
    uart_receive(&uart, (const uint8_t *)"d", 1); /* restarts the wait */
    bench_run(&bench, 4 * CHAR_NS_115200 - 10);
    ck_assert_uint_eq(in(IIR), 0xc1);
    bench_run(&bench, 20);
    ck_assert_uint_eq(in(IIR), 0xcc);
    ck_assert(irq.level);
    ck_assert_uint_eq(in(RBR), 'a'); /* clears it, and waits anew */
    ck_assert_uint_eq(in(IIR), 0xc1);
    bench_run(&bench, 4 * CHAR_NS_115200);
    ck_assert_uint_eq(in(IIR), 0xcc);
    for (int i = 0; i < 3; i++)
        in(RBR);
    ck_assert(!irq.level);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
}
END_TEST

START_TEST(no_timer_for_polled_guests) {
    set_115200_8n1();
    out(FCR, 0x01);
    uart_receive(&uart, (const uint8_t *)"abc", 3);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
    out(FCR, 0xc1);
    out(IER, 0x01); /* enabled with characters waiting */
    bench_run(&bench, 4 * CHAR_NS_115200);
    ck_assert_uint_eq(in(IIR), 0xcc);
}
END_TEST

START_TEST(fifo_flow_control) {
    uint8_t text[40];

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = i;
    set_115200_8n1();
    out(FCR, 0x01);
    ck_assert_uint_eq(uart_can_receive(&uart), 16);
    ck_assert_uint_eq(uart_receive(&uart, text, sizeof(text)), 16);
    ck_assert_uint_eq(uart_can_receive(&uart), 0);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_uint_eq(in(RBR), i);
    ck_assert_uint_eq(ready_calls, 0); /* only when half is free */
    ck_assert_uint_eq(in(RBR), 7);
    ck_assert_uint_eq(ready_calls, 1);
    ck_assert_uint_eq(uart_receive(&uart, text + 16, 8), 8); /* wraps in the ring */
    for (unsigned i = 8; i < 24; i++)
        ck_assert_uint_eq(in(RBR), i);
    ck_assert_uint_eq(ready_calls, 1); /* nobody was refused */
    ck_assert_uint_eq(in(LSR), 0x60);  /* never an overrun */
}
END_TEST

START_TEST(fifo_control) {
    set_115200_8n1();
    out(FCR, 0xc0); /* without bit 0 nothing is taken */
    ck_assert_uint_eq(in(IIR), 0x01);
    out(FCR, 0x01);
    uart_receive(&uart, (const uint8_t *)"abc", 3);
    out(FCR, 0x03); /* clear the receiver */
    ck_assert_uint_eq(in(LSR), 0x60);
    uart_receive(&uart, (const uint8_t *)"abc", 3);
    out(FCR, 0x00); /* a change of bit 0 clears, too */
    ck_assert_uint_eq(in(LSR), 0x60);
    ck_assert_uint_eq(in(IIR), 0x01);
}
END_TEST

START_TEST(break_and_line_status) {
    set_115200_8n1();
    out(FCR, 0x01);
    out(IER, 0x05);
    uart_receive(&uart, (const uint8_t *)"a", 1);
    uart_receive_break(&uart);
    ck_assert_uint_eq(in(LSR), 0xe1); /* an error is in the FIFO, but not at its top */
    ck_assert_uint_eq(in(IIR), 0xc4);
    ck_assert_uint_eq(in(RBR), 'a');
    ck_assert_uint_eq(in(IIR), 0xc6); /* line status goes first */
    ck_assert_uint_eq(in(LSR), 0xf1);
    ck_assert_uint_eq(in(LSR), 0x61); /* the read cleared BI */
    ck_assert_uint_eq(in(IIR), 0xc4);
    ck_assert_uint_eq(in(RBR), 0);
    ck_assert_uint_eq(in(IIR), 0xc1);
}
END_TEST

START_TEST(loopback_data) {
    set_115200_8n1();
    out(MCR, 0x10);
    out(RBR, 0x5a);
    ck_assert_uint_eq(sent_len, 0);
    ck_assert_uint_eq(in(LSR), 0x61);
    out(RBR, 0xa5); /* overrun: without FIFO the newer character wins */
    ck_assert_uint_eq(in(LSR), 0x63);
    ck_assert_uint_eq(in(LSR), 0x61);
    ck_assert_uint_eq(in(RBR), 0xa5);
    out(FCR, 0x01);
    for (int i = 0; i < 17; i++)
        out(RBR, i);
    ck_assert_uint_eq(in(LSR), 0x63);
    for (int i = 0; i < 16; i++) /* with FIFO the older ones stay */
        ck_assert_uint_eq(in(RBR), i);
    ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

START_TEST(loopback_blocks_host_input) {
    set_115200_8n1();
    out(MCR, 0x10);
    ck_assert_uint_eq(uart_receive(&uart, (const uint8_t *)"a", 1), 0);
    ck_assert_uint_eq(ready_calls, 0);
    out(MCR, 0x00);
    ck_assert_uint_eq(ready_calls, 1);
}
END_TEST

START_TEST(loopback_modem_lines) {
    static const struct {
        uint8_t mcr, msr;
    } cases[] = {{0x11, 0x20}, {0x12, 0x10}, {0x14, 0x40}, {0x18, 0x80}, {0x1f, 0xf0}, {0x10, 0x00}};

    for (unsigned i = 0; i < 6; i++) {
        out(MCR, cases[i].mcr);
        ck_assert_uint_eq(in(MSR)&0xf0, cases[i].msr);
    }
    out(MCR, 0x00);
    ck_assert_uint_eq(in(MSR)&0xf0, 0xb0); /* the pins again */
}
END_TEST

START_TEST(modem_status_interrupt) {
    out(IER, 0x08);
    in(MSR);
    uart_set_modem(&uart, UART_DSR | UART_DCD);
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR), 0x00);
    ck_assert_uint_eq(in(MSR), 0xa1);
    ck_assert(!irq.level);
    uart_set_modem(&uart, UART_DSR | UART_DCD | UART_RI);
    ck_assert_uint_eq(in(MSR), 0xe0); /* the ring's leading edge does not count */
    uart_set_modem(&uart, 0);
    ck_assert_uint_eq(in(MSR), 0x0e);
}
END_TEST

START_TEST(interrupt_priorities) {
    set_115200_8n1();
    in(MSR);
    out(IER, 0x0f);
    ck_assert_uint_eq(in(IIR), 0x02); /* served by this read */
    out(RBR, 'x');
    uart_set_modem(&uart, 0);
    uart_receive_break(&uart);
    ck_assert_uint_eq(in(IIR), 0x06);
    in(LSR);
    ck_assert_uint_eq(in(IIR), 0x04);
    in(RBR);
    ck_assert_uint_eq(in(IIR), 0x02);
    ck_assert_uint_eq(in(IIR), 0x00);
    in(MSR);
    ck_assert_uint_eq(in(IIR), 0x01);
    ck_assert(!irq.level);
}
END_TEST

START_TEST(reset_clears_and_reopens) {
    set_115200_8n1();
    out(FCR, 0x01);
    out(IER, 0x01);
    uart_receive(&uart, (const uint8_t *)"0123456789abcdefg", 17);
    ck_assert(irq.level);
    uart_reset(&uart);
    ck_assert(!irq.level);
    ck_assert_uint_eq(in(LSR), 0x60);
    ck_assert_uint_eq(ready_calls, 1);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
}
END_TEST

/* ---- a line that does not take bytes ---- */

static bool line_open;

static bool can_write(void *opaque) {
    (void)opaque;
    return line_open;
}

static void setup_slow(void) {
    setup();
    line_open = false;
    uart.backend.can_write = can_write;
}

START_TEST(held_without_fifo) {
    ck_assert_uint_eq(in(LSR) & 0x60, 0x60);
    out(LCR, 3);
    out(RBR, 'a');
    ck_assert_uint_eq(in(LSR) & 0x60, 0);
    ck_assert_uint_eq(sent_len, 0);
    out(RBR, 'b');            /* without looking: there is one place */
    uart_output_ready(&uart); /* not true */
    ck_assert_uint_eq(sent_len, 0);
    line_open = true;
    ck_assert_uint_eq(in(LSR) & 0x60, 0); /* until it is told */
    uart_output_ready(&uart);
    ck_assert_uint_eq(sent_len, 1);
    ck_assert_uint_eq(sent[0], 'b');
    ck_assert_uint_eq(in(LSR) & 0x60, 0x60);
    out(RBR, 'c');
    ck_assert_uint_eq(sent_len, 2);
}
END_TEST

START_TEST(held_with_fifo) {
    out(LCR, 3);
    out(FCR, 1);
    for (unsigned i = 0; i < 18; i++)
        out(RBR, 'a' + i);
    ck_assert_uint_eq(in(LSR) & 0x60, 0);
    line_open = true;
    out(RBR, 'z'); /* behind the others */
    ck_assert_uint_eq(sent_len, 0);
    uart_output_ready(&uart);
    ck_assert_uint_eq(sent_len, 16);
    ck_assert_int_eq(memcmp(sent, "defghijklmnopqrz", 16), 0);
    uart_output_ready(&uart); /* once */
    ck_assert_uint_eq(sent_len, 16);
}
END_TEST

/* The interrupt comes when the line has taken all. */
START_TEST(held_interrupt) {
    out(LCR, 3);
    out(FCR, 1);
    out(IER, 2);
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR) & 0xf, 2);
    out(RBR, 'a');
    ck_assert(!irq.level);
    ck_assert_uint_eq(in(IIR) & 0xf, 1);
    out(IER, 0);
    out(IER, 2); /* is not empty */
    ck_assert(!irq.level);
    line_open = true;
    uart_output_ready(&uart);
    ck_assert(irq.level);
    ck_assert_uint_eq(in(IIR) & 0xf, 2);
}
END_TEST

START_TEST(held_and_cleared) {
    out(LCR, 3);
    out(FCR, 1);
    out(IER, 2);
    in(IIR);
    out(RBR, 'a');
    out(FCR, 2); /* bit 0 is not set: the FIFOs are off, and empty */
    ck_assert_uint_eq(in(LSR) & 0x60, 0x60);
    ck_assert_uint_eq(in(IIR), 2);
    out(FCR, 1);
    out(RBR, 'b');
    out(FCR, 3); /* the receiver alone */
    ck_assert_uint_eq(in(LSR) & 0x60, 0);
    out(FCR, 5);
    ck_assert_uint_eq(in(LSR) & 0x60, 0x60);
    out(RBR, 'c');
    out(MCR, 0x10);
    out(RBR, 'd'); /* loopback needs no line */
    ck_assert_uint_eq(in(RBR), 'd');
    out(MCR, 0);
    line_open = true;
    uart_output_ready(&uart);
    ck_assert_uint_eq(sent_len, 1);
    ck_assert_uint_eq(sent[0], 'c');
    line_open = false;
    out(RBR, 'e');
    uart_reset(&uart);
    ck_assert_uint_eq(in(LSR) & 0x60, 0x60);
}
END_TEST

Suite *uart_suite(void) {
    Suite *s = suite_create("uart");
    TCase *tc = tcase_create("16550A");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reset_values);
    tcase_add_test(tc, scratch_and_reserved_bits);
    tcase_add_test(tc, divisor_latch);
    tcase_add_test(tc, character_time);
    tcase_add_test(tc, transmit);
    tcase_add_test(tc, thre_interrupt);
    tcase_add_test(tc, receive_without_fifo);
    tcase_add_test(tc, fifo_trigger_levels);
    tcase_add_test(tc, character_timeout);
    tcase_add_test(tc, no_timer_for_polled_guests);
    tcase_add_test(tc, fifo_flow_control);
    tcase_add_test(tc, fifo_control);
    tcase_add_test(tc, break_and_line_status);
    tcase_add_test(tc, loopback_data);
    tcase_add_test(tc, loopback_blocks_host_input);
    tcase_add_test(tc, loopback_modem_lines);
    tcase_add_test(tc, modem_status_interrupt);
    tcase_add_test(tc, interrupt_priorities);
    tcase_add_test(tc, reset_clears_and_reopens);
    suite_add_tcase(s, tc);
    tc = tcase_create("held");
    tcase_add_checked_fixture(tc, setup_slow, teardown);
    tcase_add_test(tc, held_without_fifo);
    tcase_add_test(tc, held_with_fifo);
    tcase_add_test(tc, held_interrupt);
    tcase_add_test(tc, held_and_cleared);
    suite_add_tcase(s, tc);
    return s;
}
