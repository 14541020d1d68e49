/* SPDX-License-Identifier: MIT */
#include "debug/disas.h"
#include "debug/peek.h"
#include "tests/unit/control/debug_bench.h"
#include "tests/unit/suites.h"

/* ---- text from bytes ---- */

static const struct {
    enum DisasMode mode;
    uint64_t address;
    uint8_t bytes[15];
    unsigned n, size;
    const char *text;
} samples[] = {
    {DISAS_64, 0x1000, {0x48, 0x89, 0xd8}, 3, 3, "mov rax, rbx"},
    {DISAS_32, 0x1000, {0x89, 0xd8}, 2, 2, "mov eax, ebx"},
    {DISAS_16, 0x1000, {0x89, 0xd8}, 2, 2, "mov ax, bx"},
    {DISAS_64, 0x1000, {0x48, 0x89, 0xd8, 0x90, 0x90}, 5, 3, "mov rax, rbx"}, /* only the first */
    {DISAS_32, 0x1000, {0x48}, 1, 1, "dec eax"},
    {DISAS_16, 0xfff0, {0xea, 0x5b, 0xe0, 0x00, 0xf0}, 5, 5, "ljmp 0xf000:0xe05b"},
    {DISAS_64, 0xffffffff80001000, {0xeb, 0xfe}, 2, 2, "jmp 0xffffffff80001000"},
    {DISAS_64, 0x1000, {0x0f, 0x22, 0xd8}, 3, 3, "mov cr3, rax"},
    {DISAS_64, 0x1000, {0xf4}, 1, 1, "hlt"},
    {DISAS_64, 0x1000, {0x06}, 1, 1, "(bad)"},       /* PUSH ES is none in 64-bit mode */
    {DISAS_64, 0x1000, {0x48, 0x89}, 2, 1, "(bad)"}, /* cut off */
};

START_TEST(text_of_bytes) {
    struct Disas *d = disas_new();
    struct DisasLine line;
    ck_assert_ptr_nonnull(d);
    for (unsigned i = 0; disas_has_text() && i < sizeof(samples) / sizeof(samples[0]); i++) {
        ck_assert_uint_eq(disas_bytes(d, samples[i].mode, samples[i].address, samples[i].bytes, samples[i].n, &line),
                          samples[i].size);
        ck_assert_str_eq(line.text, samples[i].text);
        ck_assert_uint_eq(line.address, samples[i].address);
        ck_assert_mem_eq(line.bytes, samples[i].bytes, line.size);
    }
    disas_free(d);
}
END_TEST

START_TEST(every_length_is_safe) {
    struct Disas *d = disas_new();
    struct DisasLine line;
    uint8_t bytes[40];
    for (unsigned v = 0; v < 256; v++) {
        memset(bytes, (int)v, sizeof(bytes));
        for (unsigned n = 0; n <= sizeof(bytes); n++) {
            unsigned size = disas_bytes(d, v % 3, ~0ull, bytes, n, &line);
            ck_assert_uint_le(size, n < DISAS_MAX_INSN ? n : DISAS_MAX_INSN);
            ck_assert(size > 0 || n == 0);
        }
    }
    ck_assert_uint_eq(disas_bytes(d, DISAS_32, 0, bytes, 0, &line), 0);
    ck_assert_str_eq(line.text, "(unreadable)");
    disas_free(d);
}
END_TEST

/* ---- guest memory ---- */

START_TEST(mode_follows_cs) {
    struct DebugBench *b = debug_bench_new();
    ck_assert_int_eq(disas_mode(&b->cpu.env), DISAS_16);
    b->cpu.env.seg[SEG_CS].ar |= AR_DB;
    ck_assert_int_eq(disas_mode(&b->cpu.env), DISAS_32);
    debug_bench_long(b);
    ck_assert_int_eq(disas_mode(&b->cpu.env), DISAS_64);
    b->cpu.env.seg[SEG_CS].ar = 0xc09b; /* compatibility mode */
    ck_assert_int_eq(disas_mode(&b->cpu.env), DISAS_32);
    debug_bench_free(b);
}
END_TEST

START_TEST(linear_addresses) {
    struct DebugBench *b = debug_bench_new();
    CPUX86State *env = &b->cpu.env;
    env->seg[SEG_CS].base = 0xffff0000;
    ck_assert_uint_eq(peek_linear(env, SEG_CS, 0xfff0), 0xfffffff0);
    ck_assert_uint_eq(peek_linear(env, SEG_CS, 0x10000), 0); /* wraps at 4 GiB */
    debug_bench_long(b);
    env->seg[SEG_DS].base = 0x5000;
    env->seg[SEG_GS].base = 0xffff888000000000;
    ck_assert_uint_eq(peek_linear(env, SEG_DS, 0x10), 0x10);
    ck_assert_uint_eq(peek_linear(env, SEG_GS, 0x10), 0xffff888000000010);
    debug_bench_free(b);
}
END_TEST

START_TEST(peek_translates_and_leaves_no_trace) {
    struct DebugBench *b = debug_bench_new();
    uint8_t before[4096], buf[32];
    debug_bench_long(b);
    memset(b->ram.host + 0x8000, 0xaa, 4096);
    memset(b->ram.host + 0xb000, 0xbb, 4096);
    memcpy(before, b->ram.host + DEBUG_PT, sizeof(before));
    ck_assert_uint_eq(peek_memory(&b->cpu, 0xaff0, buf, 32), 32); /* pages 10 (shows 8) and 11 */
    ck_assert_uint_eq(buf[15], 0xaa);
    ck_assert_uint_eq(buf[16], 0xbb);
    ck_assert_mem_eq(b->ram.host + DEBUG_PT, before, sizeof(before));
    ck_assert_uint_eq(peek_memory(&b->cpu, 0x8ff8, buf, 32), 8); /* page 9 is not present */
    ck_assert_uint_eq(peek_memory(&b->cpu, 0x9000, buf, 32), 0);
    ck_assert_uint_eq(peek_memory(&b->cpu, 0x0000800000000000, buf, 1), 0); /* not canonical */
    ck_assert_uint_eq(peek_memory(&b->cpu, 0x8000, buf, 0), 0);
    debug_bench_free(b);
}
END_TEST

static uint64_t touched(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    *(bool *)opaque = true;
    return 0;
}

START_TEST(peek_stays_away_from_devices) {
    static const struct IoOps ops = {.read = touched, .max_size = 8};
    struct DebugBench *b = debug_bench_new();
    struct Region device;
    bool hit = false;
    uint8_t buf[16];
    region_init_mmio(&device, "device", 4096, &ops, &hit);
    ck_assert_int_eq(bus_map(b->cpu.bus, 0x10000, &device), 0);
    ck_assert_uint_eq(peek_memory(&b->cpu, 0xfff8, buf, 16), 8);
    ck_assert_uint_eq(peek_memory(&b->cpu, 0x10000, buf, 16), 0);
    ck_assert_uint_eq(peek_memory(&b->cpu, DEBUG_RAM - 4, buf, 16), 4); /* then a hole */
    ck_assert(!hit);
    debug_bench_free(b);
}
END_TEST

START_TEST(at_rip) {
    struct DebugBench *b = debug_bench_new();
    struct Disas *d = disas_new();
    struct DisasLine line;
    debug_bench_code(b, 0x7c00, "\xfa\x31\xc0", 3);
    ck_assert_uint_gt(disas_at(d, &b->cpu, 0x7c00, &line), 0);
    ck_assert_uint_eq(line.bytes[0], 0xfa);
    if (disas_has_text()) {
        ck_assert_str_eq(line.text, "cli");
        ck_assert_uint_eq(disas_at(d, &b->cpu, 0x7c01, &line), 2);
        ck_assert_str_eq(line.text, "xor ax, ax");
    }
    ck_assert_uint_eq(disas_at(d, &b->cpu, DEBUG_RAM, &line), 0);
    ck_assert_str_eq(line.text, "(unreadable)");
    disas_free(d);
    disas_free(NULL);
    debug_bench_free(b);
}
END_TEST

Suite *disas_suite(void) {
    Suite *s = suite_create("disas");
    TCase *t = tcase_create("text");
    tcase_add_test(t, text_of_bytes);
    tcase_add_test(t, every_length_is_safe);
    suite_add_tcase(s, t);
    t = tcase_create("guest memory");
    tcase_add_test(t, mode_follows_cs);
    tcase_add_test(t, linear_addresses);
    tcase_add_test(t, peek_translates_and_leaves_no_trace);
    tcase_add_test(t, peek_stays_away_from_devices);
    tcase_add_test(t, at_rip);
    suite_add_tcase(s, t);
    return s;
}
