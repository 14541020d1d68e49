/* SPDX-License-Identifier: MIT */
/* A CPU's whole state from outside: fields, modes, and what must be refused. */
#include "include/twin86_cpu.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_AT = 0x7c00, TABLES_AT = 0x100000 };

static Twin86Machine *machine(void) {
    Twin86Config c;
    Twin86Machine *m = NULL;
    char why[300] = "";
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    ck_assert_msg(twin86_create(&m, &c, why, sizeof(why)) == 0, "%s", why);
    return m;
}

static uint64_t get(const Twin86Context *c, const char *name) {
    uint64_t v = 0;
    ck_assert_int_eq(twin86_context_get(c, name, &v, 8), 0);
    return v;
}

static void set(Twin86Context *c, const char *name, uint64_t v) {
    ck_assert_int_eq(twin86_context_set(c, name, &v, 8), 0);
}

static void restore(Twin86Machine *m, const Twin86Context *c) {
    char why[200];
    ck_assert_msg(twin86_context_restore(m, 0, c, why, sizeof(why)) == 0, "%s", why);
}

static Twin86Context *saved(Twin86Machine *m) {
    Twin86Context *c = twin86_context_new();
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(twin86_context_save(m, 0, c), 0);
    return c;
}

/* 48 FF C0 is INC RAX with 64 bits; elsewhere DEC of the (E)AX and then INC of it: the sum tells which mode it is. */
static const uint8_t code[] = {0x48, 0xff, 0xc0, 0x0f, 0x28, 0xca}; /* ...; MOVAPS XMM1, XMM2 */
static const struct {
    enum Twin86Mode mode;
    unsigned cpl, instructions;
    uint64_t cr3, rax; /* after 2^64 - 1 before */
} runs[] = {
    {TWIN86_MODE_REAL16, 0, 3, 0, UINT64_MAX},
    {TWIN86_MODE_PROT16, 0, 3, 0, UINT64_MAX},
    {TWIN86_MODE_PROT32, 0, 3, 0, 0xffffffff},
    {TWIN86_MODE_PROT32, 3, 3, 0, 0xffffffff},
    {TWIN86_MODE_COMPAT32, 3, 3, TABLES_AT, 0xffffffff},
    {TWIN86_MODE_LONG64, 0, 2, TABLES_AT, 0},
    {TWIN86_MODE_LONG64, 3, 2, TABLES_AT, 0},
};

START_TEST(every_mode_runs) {
    Twin86Machine *m = machine();
    Twin86Event e;
    uint8_t two[32] = {1, 2, 3, 4}, one[32];
    ck_assert_int_eq(twin86_identity_tables(m, TABLES_AT, 1), 0);
    twin86_write_memory(m, CODE_AT, code, sizeof(code));
    Twin86Context *c = saved(m);
    ck_assert_int_eq(twin86_context_mode(c, runs[_i].mode, runs[_i].cpl, runs[_i].cr3), 0);
    set(c, "rip", CODE_AT);
    set(c, "rax", UINT64_MAX);
    ck_assert_int_eq(twin86_context_set(c, "ymm2", two, 32), 0);
    restore(m, c);
    ck_assert_int_eq(twin86_run(m, runs[_i].instructions, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
    ck_assert_int_eq(twin86_context_save(m, 0, c), 0);
    ck_assert_uint_eq(get(c, "rip"), CODE_AT + sizeof(code));
    ck_assert_uint_eq(get(c, "rax"), runs[_i].rax);
    ck_assert_int_eq(twin86_context_get(c, "ymm1", one, 32), 0);
    ck_assert_mem_eq(one, two, 16);
    twin86_context_free(c);
    twin86_destroy(m);
}
END_TEST

/* A HLT ends nothing for good: the context before it starts again, as often as one likes. */
START_TEST(a_run_repeats) {
    static const uint8_t inc_hlt[] = {0xff, 0xc0, 0xf4};
    Twin86Machine *m = machine();
    Twin86Event e;
    twin86_write_memory(m, CODE_AT, inc_hlt, sizeof(inc_hlt));
    Twin86Context *start = saved(m), *end = saved(m);
    ck_assert_int_eq(twin86_context_mode(start, TWIN86_MODE_PROT32, 0, 0), 0);
    set(start, "rip", CODE_AT);
    for (unsigned i = 0; i < 100; i++) {
        set(start, "rax", i);
        restore(m, start);
        ck_assert_int_eq(twin86_run(m, 2, &e), 0);
        ck_assert_int_eq(twin86_context_save(m, 0, end), 0);
        ck_assert_uint_eq(get(end, "rax"), i + 1);
        ck_assert_uint_eq(get(end, "rip"), CODE_AT + sizeof(inc_hlt));
    }
    twin86_context_free(start);
    twin86_context_free(end);
    twin86_destroy(m);
}
END_TEST

/* Other page tables are in force at once, though no instruction has loaded them. */
START_TEST(other_tables_are_seen) {
    enum { OTHER = 0x200000, PAGES_2M = 0x83 };
    static const uint8_t load[] = {0x8b, 0x03}; /* MOV EAX, [RBX] */
    Twin86Machine *m = machine();
    Twin86Event e;
    uint64_t high = OTHER | PAGES_2M;
    ck_assert_int_eq(twin86_identity_tables(m, TABLES_AT, 1), 0);
    ck_assert_int_eq(twin86_identity_tables(m, TABLES_AT + 0x3000, 1), 0);
    twin86_write_memory(m, TABLES_AT + 0x5000, &high, 8); /* the first 2 MiB are the second */
    twin86_write_memory(m, CODE_AT, load, sizeof(load));
    twin86_write_memory(m, OTHER + CODE_AT, load, sizeof(load));
    twin86_write_memory(m, 0x8000, &(uint32_t){1}, 4);
    twin86_write_memory(m, OTHER + 0x8000, &(uint32_t){2}, 4);
    Twin86Context *c = saved(m);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(twin86_context_mode(c, TWIN86_MODE_LONG64, 0, TABLES_AT + (i % 2) * 0x3000), 0);
        set(c, "rip", CODE_AT);
        set(c, "rbx", 0x8000);
        restore(m, c);
        ck_assert_int_eq(twin86_run(m, 1, &e), 0);
        ck_assert_int_eq(twin86_context_save(m, 0, c), 0);
        ck_assert_uint_eq(get(c, "rax"), 1 + i % 2);
    }
    twin86_context_free(c);
    twin86_destroy(m);
}
END_TEST

START_TEST(every_field_goes_there_and_back) {
    Twin86Machine *m = machine();
    Twin86Context *c = saved(m);
    const char *name;
    size_t size;
    unsigned n = 0;
    for (; (name = twin86_field_name(n, &size)) != NULL; n++) {
        uint8_t was[32], now[32], other[32];
        memset(other, 0x5a, sizeof(other));
        ck_assert_int_eq(twin86_context_get(c, name, was, size), 0);
        ck_assert_int_eq(twin86_context_set(c, name, other, size), 0);
        ck_assert_int_eq(twin86_context_get(c, name, now, size), 0);
        ck_assert_mem_eq(now, other, size);
        ck_assert_int_eq(twin86_context_get(c, name, now, size + 1), -EINVAL);
        ck_assert_int_eq(twin86_context_set(c, name, was, size - 1), -EINVAL);
        ck_assert_int_eq(twin86_context_set(c, name, was, size), 0);
    }
    ck_assert_uint_gt(n, 100);
    ck_assert_int_eq(twin86_context_get(c, "foo", &size, 8), -ENOENT);
    ck_assert_int_eq(twin86_context_set(c, "foo", &size, 8), -ENOENT);
    restore(m, c);
    twin86_context_free(c);
    twin86_destroy(m);
}
END_TEST

START_TEST(what_cannot_be_is_refused) {
    Twin86Machine *m = machine();
    Twin86Context *c = saved(m);
    char why[200];
    uint64_t rax = 0;
    set(c, "rax", 7);
    set(c, "cr0", 1u << 31); /* paging without protection */
    ck_assert_int_eq(twin86_context_restore(m, 0, c, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, "registers: CR0 has paging without protection");
    ck_assert_int_eq(twin86_context_restore(m, 0, c, NULL, 0), -EINVAL);
    ck_assert_int_eq(twin86_read_reg(m, 0, TWIN86_RAX, &rax), 0);
    ck_assert_uint_eq(rax, 0); /* nothing of it is there */
    ck_assert_int_eq(twin86_context_restore(m, 1, c, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, "the machine has no such CPU");
    ck_assert_int_eq(twin86_context_save(m, 1, c), -EINVAL);
    ck_assert_int_eq(twin86_context_mode(c, TWIN86_MODE_COUNT, 0, 0), -EINVAL);
    ck_assert_int_eq(twin86_context_mode(c, TWIN86_MODE_PROT32, 4, 0), -EINVAL);
    ck_assert_int_eq(twin86_context_mode(c, TWIN86_MODE_REAL16, 3, 0), -EINVAL);
    ck_assert_int_eq(twin86_context_mode(c, TWIN86_MODE_REAL16, 0, 0x1000), -EINVAL);
    ck_assert_int_eq(twin86_identity_tables(m, 0x1001, 1), -EINVAL);
    ck_assert_int_eq(twin86_identity_tables(m, 0x1000, 0), -EINVAL);
    ck_assert_int_eq(twin86_identity_tables(m, (4 << 20) - 0x2000, 1), -EINVAL);
    ck_assert_int_eq(twin86_identity_tables(m, UINT64_MAX - 0xfff, 1), -EINVAL);
    twin86_context_free(c);
    twin86_destroy(m);
}
END_TEST

Suite *contexts_suite(void) {
    Suite *s = suite_create("contexts");
    TCase *t = tcase_create("contexts");
    tcase_add_loop_test(t, every_mode_runs, 0, sizeof(runs) / sizeof(runs[0]));
    tcase_add_test(t, a_run_repeats);
    tcase_add_test(t, other_tables_are_seen);
    tcase_add_test(t, every_field_goes_there_and_back);
    tcase_add_test(t, what_cannot_be_is_refused);
    suite_add_tcase(s, t);
    return s;
}
