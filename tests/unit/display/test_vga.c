/* SPDX-License-Identifier: MIT */
/* The VGA's registers, its memory and DISPI: against IBM's and Bochs' descriptions, bit by bit. Pictures:
 * test_vga_picture.c. */
#include "devices/vga/vga.h"

#include "tests/unit/display/vga_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>

static struct VgaBench b;

static void setup(void) { vga_bench_open(&b, 4); }
static void teardown(void) { vga_bench_close(&b); }

/* ---- registers ---- */

START_TEST(registers_keep_the_bits_they_have) {
    static const struct {
        uint16_t port;
        uint8_t index, bits;
    } regs[] = {
        {0x3c4, 0, 0x03}, {0x3c4, 1, 0x3d}, {0x3c4, 2, 0x0f}, {0x3c4, 3, 0x3f},  {0x3c4, 4, 0x0e}, {0x3ce, 0, 0x0f},
        {0x3ce, 1, 0x0f}, {0x3ce, 2, 0x0f}, {0x3ce, 3, 0x1f}, {0x3ce, 4, 0x03},  {0x3ce, 5, 0x7b}, {0x3ce, 6, 0x0f},
        {0x3ce, 7, 0x0f}, {0x3ce, 8, 0xff}, {0x3d4, 0, 0xff}, {0x3d4, 24, 0xff},
    };
    vga_out(&b, 0x3c2, 1);
    for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        vga_index(&b, regs[i].port, regs[i].index, 0xff);
        ck_assert_uint_eq(vga_in(&b, regs[i].port), regs[i].index);
        ck_assert_uint_eq(vga_in(&b, regs[i].port + 1), regs[i].bits);
    }
    vga_index(&b, 0x3d4, 25, 0x55); /* there is none */
    ck_assert_uint_eq(vga_in(&b, 0x3d5), 0);
    ck_assert_uint_eq(vga_in(&b, 0x3c2) & 0x10, 0x10);
}
END_TEST

/* One port for index and data, in turn; the status port says which comes. */
START_TEST(attribute_controller) {
    vga_out(&b, 0x3c2, 1);
    vga_in(&b, 0x3da);
    vga_out(&b, 0x3c0, 3);
    vga_out(&b, 0x3c0, 0xff);
    vga_out(&b, 0x3c0, 0x30);
    ck_assert_uint_eq(vga_in(&b, 0x3c0), 0x30);
    vga_in(&b, 0x3da);
    vga_out(&b, 0x3c0, 3);
    ck_assert_uint_eq(vga_in(&b, 0x3c1), 0x3f);
    ck_assert_uint_eq(b.vga.state.attr[0x10], 0);
}
END_TEST

START_TEST(crt_registers_can_be_locked) {
    vga_out(&b, 0x3c2, 1);
    vga_index(&b, 0x3d4, 0x11, 0x80);
    vga_index(&b, 0x3d4, 0, 0x12);
    vga_index(&b, 0x3d4, 7, 0xff);
    vga_index(&b, 0x3d4, 8, 0x34);
    ck_assert_uint_eq(b.vga.state.crt[0], 0);
    ck_assert_uint_eq(b.vga.state.crt[7], 0x10); /* line compare alone */
    ck_assert_uint_eq(b.vga.state.crt[8], 0x34);
}
END_TEST

START_TEST(colour_or_monochrome_ports) {
    vga_out(&b, 0x3c2, 0);
    vga_index(&b, 0x3b4, 0xc, 0x11);
    vga_index(&b, 0x3d4, 0xc, 0x22);
    ck_assert_uint_eq(b.vga.state.crt[0xc], 0x11);
    ck_assert_uint_eq(vga_in(&b, 0x3d5), 0xff);
    ck_assert_uint_eq(vga_in(&b, 0x3b5), 0x11);
    vga_out(&b, 0x3c2, 1);
    ck_assert_uint_eq(vga_in(&b, 0x3d5), 0x11);
    ck_assert_uint_eq(vga_in(&b, 0x3b5), 0xff);
    ck_assert_uint_eq(vga_in(&b, 0x3cc), 1);
}
END_TEST

START_TEST(dac) {
    static const uint8_t bytes[] = {0xff, 0x15, 0x2a, 0x01, 0x02, 0x03};
    vga_out(&b, 0x3c8, 0xff);
    ck_assert_uint_eq(vga_in(&b, 0x3c7), 0);
    for (unsigned i = 0; i < 6; i++)
        vga_out(&b, 0x3c9, bytes[i]);
    ck_assert_uint_eq(vga_in(&b, 0x3c8), 1); /* it wraps */
    vga_out(&b, 0x3c7, 0xff);
    ck_assert_uint_eq(vga_in(&b, 0x3c7), 3);
    ck_assert_uint_eq(vga_in(&b, 0x3c9), 0x3f);
    for (unsigned i = 1; i < 6; i++)
        ck_assert_uint_eq(vga_in(&b, 0x3c9), bytes[i]);
    vga_out(&b, 0x3c8, 5); /* an entry changes with its last byte */
    vga_out(&b, 0x3c9, 9);
    vga_out(&b, 0x3c9, 9);
    ck_assert_uint_eq(b.vga.state.dac[5][0], 0);
}
END_TEST

/* ---- memory: each bit of each plane, as IBM's description of the write modes has it ---- */

struct Model {
    uint8_t plane[4], latch[4];
};

static uint8_t rotate_right(uint8_t v, unsigned n) { return (uint8_t)((v | v << 8) >> n); }

static void model_write(struct Model *m, const struct VgaState *s, unsigned planes, uint8_t cpu) {
    uint8_t data = rotate_right(cpu, s->gfx[3] & 7), function = s->gfx[3] >> 3 & 3, mode = s->gfx[5] & 3;
    for (unsigned p = 0; p < 4; p++) {
        if ((planes >> p & 1) == 0)
            continue;
        for (unsigned bit = 0; bit < 8; bit++) {
            bool latch = m->latch[p] >> bit & 1, mask = s->gfx[8] >> bit & 1, v;
            bool set = s->gfx[0] >> p & 1, enabled = s->gfx[1] >> p & 1;
            if (mode == 0)
                v = enabled ? set : data >> bit & 1;
            else if (mode == 2)
                v = cpu >> p & 1;
            else
                v = set;
            if (mode == 3)
                mask = mask && (data >> bit & 1);
            v = function == 1 ? v && latch : function == 2 ? v || latch : function == 3 ? v != latch : v;
            if (mode == 1 || !mask)
                v = latch;
            m->plane[p] = (uint8_t)((m->plane[p] & ~(1u << bit)) | (unsigned)v << bit);
        }
    }
}

static uint8_t model_read(const struct Model *m, const struct VgaState *s) {
    uint8_t equal = 0xff;
    if ((s->gfx[5] & 8) == 0)
        return m->latch[s->gfx[4]];
    for (unsigned p = 0; p < 4; p++)
        if (s->gfx[7] >> p & 1)
            equal &= (uint8_t)~(m->latch[p] ^ (s->gfx[2] >> p & 1 ? 0xff : 0));
    return equal;
}

START_TEST(planar_writes_and_reads) {
    srand(1);
    vga_out(&b, 0x3c2, 3);
    vga_index(&b, 0x3c4, 4, 6); /* no odd/even */
    vga_index(&b, 0x3ce, 6, 5); /* A0000h, 64 KiB */
    for (unsigned round = 0; round < suite_rounds(20000); round++) {
        struct Model m;
        unsigned at = (unsigned)rand() & 0xffff, other = (unsigned)rand() & 0xffff;
        for (unsigned i = 0; i < 9; i++)
            if (i != 6)
                vga_index(&b, 0x3ce, i, i == 5 ? rand() & 0x0b : rand());
        vga_index(&b, 0x3c4, 2, rand());
        for (unsigned p = 0; p < 4; p++) {
            m.latch[p] = b.vga.memory.host[4 * other + p] = (uint8_t)rand();
            m.plane[p] = b.vga.memory.host[4 * at + p] = at == other ? m.latch[p] : (uint8_t)rand();
        }
        ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xa0000 + other, 1), model_read(&m, &b.vga.state));
        uint8_t value = (uint8_t)rand();
        model_write(&m, &b.vga.state, b.vga.state.seq[2], value);
        bus_write_uint(b.bench.bus, 0xa0000 + at, value, 1);
        for (unsigned p = 0; p < 4; p++)
            ck_assert_uint_eq(b.vga.memory.host[4 * at + p], m.plane[p]);
    }
}
END_TEST

START_TEST(which_part_of_the_window_answers) {
    static const struct {
        uint32_t base, end;
    } part[4] = {{0xa0000, 0xc0000}, {0xa0000, 0xb0000}, {0xb0000, 0xb8000}, {0xb8000, 0xc0000}};
    vga_out(&b, 0x3c2, 3);
    vga_index(&b, 0x3c4, 4, 6);
    vga_index(&b, 0x3c4, 2, 0xf);
    vga_index(&b, 0x3ce, 8, 0xff);
    for (unsigned map = 0; map < 4; map++) {
        vga_index(&b, 0x3ce, 6, 1 | map << 2);
        for (uint32_t at = 0xa0000; at < 0xc0000; at += 0x4000) {
            bool in = at >= part[map].base && at < part[map].end;
            uint8_t *host = b.vga.memory.host + 4 * ((at - part[map].base) & 0xffff);
            memset(b.vga.memory.host, 0, 0x40000);
            bus_write_uint(b.bench.bus, at, 0x5a, 1);
            ck_assert_uint_eq(bus_read_uint(b.bench.bus, at, 1), in ? 0x5a : 0xff);
            if (in)
                ck_assert_uint_eq(host[0], 0x5a);
        }
    }
    vga_out(&b, 0x3c2, 1); /* no memory at all */
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xb8000, 1), 0xff);
}
END_TEST

START_TEST(odd_and_even_bytes_are_planes) {
    vga_bench_text(&b);
    bus_write_uint(b.bench.bus, 0xb8000 + 2 * 7, 0x1f41, 2);
    ck_assert_uint_eq(b.vga.memory.host[4 * 7], 0x41);
    ck_assert_uint_eq(b.vga.memory.host[4 * 7 + 1], 0x1f);
    ck_assert_uint_eq(b.vga.memory.host[4 * 7 + 2], 0);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xb8000 + 2 * 7, 2), 0x1f41);
    vga_index(&b, 0x3ce, 4, 2); /* plane 2 in place of 0, 3 of 1 */
    b.vga.memory.host[4 * 7 + 2] = 0x77;
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xb8000 + 2 * 7, 2), 0x0077);
}
END_TEST

/* Chain-4 is memory itself unless a register changes what is written; either way bytes go to the same places. */
START_TEST(chain_4_with_and_without_detour) {
    vga_bench_13h(&b);
    ck_assert_uint_eq(b.vga.plain_size, 0x10000);
    bus_write_uint(b.bench.bus, 0xa1234, 0x11223344, 4);
    ck_assert_uint_eq(b.vga.memory.host[0x1234], 0x44);
    ck_assert_uint_eq(b.vga.memory.host[0x1237], 0x11);
    vga_index(&b, 0x3c4, 2, 0x7); /* not plane 3 */
    ck_assert_uint_eq(b.vga.plain_size, 0);
    bus_write_uint(b.bench.bus, 0xa1234, 0x55667788, 4);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xa1234, 4), 0x11667788);
    vga_index(&b, 0x3c4, 2, 0xf);
    vga_index(&b, 0x3ce, 3, 0x18); /* exclusive or with what was read last */
    bus_read_uint(b.bench.bus, 0xa1237, 1);
    bus_write_uint(b.bench.bus, 0xa1237, 0xff, 1);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xa1234, 4), 0xee667788);
    vga_index(&b, 0x3ce, 3, 0);
    ck_assert_uint_eq(b.vga.plain_size, 0x10000);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xa1234, 4), 0xee667788);
    vga_index(&b, 0x3c4, 4, 0x6);
    ck_assert_uint_eq(b.vga.plain_size, 0);
}
END_TEST

/* ---- DISPI ---- */

START_TEST(dispi_is_there) {
    vga_dispi(&b, 0, 0xb0c4);
    ck_assert_uint_eq(vga_dispi_in(&b, 0), 0xb0c4);
    vga_dispi(&b, 0, 0x1234);
    ck_assert_uint_eq(vga_dispi_in(&b, 0), 0xb0c4);
    ck_assert_uint_eq(vga_dispi_in(&b, 10), 4 << 4);
    vga_dispi(&b, 4, 2);
    ck_assert_uint_eq(vga_dispi_in(&b, 1), 7680);
    ck_assert_uint_eq(vga_dispi_in(&b, 2), 4320);
    ck_assert_uint_eq(vga_dispi_in(&b, 3), 32);
    ck_assert_uint_eq(vga_dispi_in(&b, 11), 0);
}
END_TEST

START_TEST(dispi_modes_fit_into_memory) {
    vga_bench_dispi(&b, 1024, 768, 32);
    ck_assert_uint_eq(vga_dispi_in(&b, 6), 1024);
    ck_assert_uint_eq(vga_dispi_in(&b, 7), 1024); /* 4 MiB of 4 KiB each */
    vga_dispi(&b, 9, 256);
    ck_assert_uint_eq(vga_dispi_in(&b, 9), 256);
    vga_dispi(&b, 9, 257);
    ck_assert_uint_eq(vga_dispi_in(&b, 9), 0);
    vga_dispi(&b, 6, 2045);
    ck_assert_uint_eq(vga_dispi_in(&b, 6), 2040);
    ck_assert_uint_eq(vga_dispi_in(&b, 2), (4 << 20) / (2040 * 4)); /* as many lines as there are */
    vga_bench_dispi(&b, 65535, 65535, 7);
    ck_assert_uint_eq(vga_dispi_in(&b, 1), 7680);
    ck_assert_uint_eq(vga_dispi_in(&b, 3), 8);
    ck_assert_uint_eq(vga_dispi_in(&b, 2), (4 << 20) / 7680);
}
END_TEST

START_TEST(dispi_clears_and_banks) {
    memset(b.vga.memory.host, 0xaa, 4 << 20);
    vga_dispi(&b, 1, 640), vga_dispi(&b, 2, 480), vga_dispi(&b, 3, 8);
    vga_dispi(&b, 4, 0xc1); /* as it is */
    ck_assert_uint_eq(b.vga.memory.host[0], 0xaa);
    vga_dispi(&b, 4, 0x40);
    vga_dispi(&b, 4, 0x41);
    ck_assert_uint_eq(b.vga.memory.host[0], 0);
    ck_assert_uint_eq(b.vga.memory.host[640 * 480 - 1], 0);
    ck_assert_uint_eq(b.vga.memory.host[640 * 480], 0xaa);
    vga_dispi(&b, 5, 3);
    bus_write_uint(b.bench.bus, 0xa0010, 0x1234, 2);
    ck_assert_uint_eq(b.vga.memory.host[0x30010], 0x34);
    vga_dispi(&b, 5, 64); /* beyond memory */
    ck_assert_uint_eq(vga_dispi_in(&b, 5), 3);
    vga_dispi(&b, 4, 0);
    ck_assert_uint_eq(vga_dispi_in(&b, 5), 0);
}
END_TEST

START_TEST(registers_behind_bar_2) {
    uint8_t sum = 0, edid[128];
    ck_assert_int_eq(bus_map(b.bench.bus, 0xfe000000, &b.vga.registers), 0);
    bus_read(b.bench.bus, 0xfe000000, edid, sizeof(edid));
    for (unsigned i = 0; i < 128; i++)
        sum = (uint8_t)(sum + edid[i]);
    ck_assert_uint_eq(sum, 0);
    ck_assert_int_eq(memcmp(edid, "\0\377\377\377\377\377\377", 8), 0);
    ck_assert_uint_eq(edid[54 + 2] | (edid[54 + 4] & 0xf0) << 4, 1280);
    ck_assert_uint_eq(edid[54 + 5] | (edid[54 + 7] & 0xf0) << 4, 800);
    /* VESA CVT's table for 1280x800 at 60 Hz with reduced blanking: 71 MHz, 1440 by 823 */
    ck_assert_uint_eq(edid[54] | edid[55] << 8, 7100);
    ck_assert_uint_eq(edid[54 + 6], 23);
    bus_write_uint(b.bench.bus, 0xfe000500 + 2 * 1, 800, 2);
    ck_assert_uint_eq(vga_dispi_in(&b, 1), 800);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xfe000500, 2), 0xb0c5);
    bus_write_uint(b.bench.bus, 0xfe000400 + 4, 0x0f02, 2); /* sequencer: index 2, data Fh */
    ck_assert_uint_eq(b.vga.state.seq[2], 0xf);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xfe000405, 1), 0xf);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xfe000600, 4), 8);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xfe000604, 4), 0x1e1e1e1e);
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, 0xfe000700, 4), 0);
    bus_unmap(b.bench.bus, &b.vga.registers);
}
END_TEST

/* ---- time ---- */

/* Mode 3: 31.47 kHz, 70.09 Hz. In a second of the guest's clock there are as many retraces, each of two lines. */
START_TEST(retrace_follows_the_clock) {
    unsigned starts = 0, samples = 0;
    bool before = false;
    vga_bench_text(&b);
    for (int64_t t = 0; t < NS_PER_SEC; t += 10000) {
        clock_advance_to(b.bench.clock, t);
        uint8_t status = vga_in(&b, 0x3da);
        ck_assert_uint_eq(status & 0xf6, 0);
        starts += (status & 8) != 0 && !before;
        samples += (status & 8) != 0;
        before = (status & 8) != 0;
        ck_assert(!before || (status & 1) != 0);
    }
    ck_assert_uint_eq(starts, 70);
    ck_assert_uint_ge(samples, 70 * 6); /* 63.6 us */
    ck_assert_uint_le(samples, 70 * 7);
}
END_TEST

/* Between two lines there is no picture: 400 times in a frame. */
START_TEST(lines_follow_the_clock) {
    const int64_t frame_ns = 14268000;
    unsigned lines = 0;
    bool picture = false;
    vga_bench_text(&b);
    for (int64_t t = 0; t < frame_ns; t += 2000) {
        clock_advance_to(b.bench.clock, t);
        uint8_t status = vga_in(&b, 0x3da);
        lines += (status & 1) != 0 && picture;
        picture = (status & 1) == 0;
    }
    ck_assert_uint_eq(lines, 400);
}
END_TEST

/* A clock near its end, registers that say nothing of use: there is an answer. */
START_TEST(retrace_of_no_raster) {
    clock_advance_to(b.bench.clock, CLOCK_END - 5);
    for (unsigned fill = 0; fill < 256; fill++) {
        memset(b.vga.state.crt, (int)fill, sizeof(b.vga.state.crt));
        ck_assert_uint_eq(vga_in(&b, 0x3ba) & 0xf6, 0);
    }
}
END_TEST

START_TEST(state_is_whole) {
    size_t size = state_size(&vga_state_table, 1);
    uint8_t *saved = malloc(size);
    struct VgaState other = {0};
    struct StateDifference d;
    char why[200];
    vga_bench_13h(&b);
    vga_bench_dispi(&b, 640, 480, 16);
    state_save(&vga_state_table, &b.vga.state, saved);
    ck_assert_int_eq(state_load(&vga_state_table, 1, saved, size, &other, why, sizeof(why)), 0);
    ck_assert(!state_differ(&vga_state_table, &b.vga.state, &other, &d));
    vga_reset(&b.vga);
    ck_assert_uint_eq(b.vga.plain_size, 0);
    b.vga.state = other;
    vga_restored(&b.vga);
    ck_assert_uint_eq(b.vga.plain_size, 0x10000);
    free(saved);
}
END_TEST

Suite *vga_suite(void) {
    Suite *s = suite_create("vga");
    TCase *t = tcase_create("vga");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, registers_keep_the_bits_they_have);
    tcase_add_test(t, attribute_controller);
    tcase_add_test(t, crt_registers_can_be_locked);
    tcase_add_test(t, colour_or_monochrome_ports);
    tcase_add_test(t, dac);
    tcase_add_test(t, planar_writes_and_reads);
    tcase_add_test(t, which_part_of_the_window_answers);
    tcase_add_test(t, odd_and_even_bytes_are_planes);
    tcase_add_test(t, chain_4_with_and_without_detour);
    tcase_add_test(t, dispi_is_there);
    tcase_add_test(t, dispi_modes_fit_into_memory);
    tcase_add_test(t, dispi_clears_and_banks);
    tcase_add_test(t, registers_behind_bar_2);
    tcase_add_test(t, retrace_follows_the_clock);
    tcase_add_test(t, lines_follow_the_clock);
    tcase_add_test(t, retrace_of_no_raster);
    tcase_add_test(t, state_is_whole);
    suite_add_tcase(s, t);
    return s;
}
