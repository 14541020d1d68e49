/* SPDX-License-Identifier: MIT */
/* A machine's state goes through a stream into another machine, and the guest does not notice. */
#include "include/twin86.h"
#include "tests/unit/state/state_bench.h"
#include "tests/unit/state/state_guest.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- machines ---- */

/* What the guest has printed, whichever machine it was in. */
struct Text {
    char data[16384];
    size_t used;
};

static void collect(void *opaque, const uint8_t *data, size_t size) {
    struct Text *t = opaque;
    for (size_t i = 0; i < size && t->used < sizeof(t->data) - 1; i++)
        t->data[t->used++] = (char)data[i];
}

static Twin86Config config(struct Text *text) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.icount = true;
    c.icount_shift = 4;
    c.debug_exit = true;
    c.serial_output = collect;
    c.opaque = text;
    return c;
}

/* ---- runs with and without ---- */

struct Run {
    Twin86Config config;
    struct Text text;
    const char *rom;
    uint64_t instructions;
    Twin86Event end;
    Twin86Machine *machine;
};

/* For the guest that listens: it is given more than it takes at once. */
static void feed(Twin86Machine *m) {
    char line[300];
    for (unsigned i = 0; i < sizeof(line); i++)
        line[i] = (char)(i * 7);
    ck_assert_uint_eq(twin86_serial_input(m, line, sizeof(line)), sizeof(line));
}

static void begin_run(struct Run *r, const char *rom) {
    r->text.used = 0;
    r->config = config(&r->text);
    r->rom = rom;
}

static void end_run(struct Run *r, Twin86Machine *m) {
    Twin86Stats stats;
    twin86_stats(m, &stats);
    r->instructions = stats.instructions;
    r->text.data[r->text.used] = '\0';
    r->machine = m;
}

static void run_whole(struct Run *r, const char *rom) {
    begin_run(r, rom);
    Twin86Machine *m = bench_machine(&r->config, rom);
    feed(m);
    ck_assert_int_eq(twin86_run(m, 0, &r->end), 0);
    end_run(r, m);
}

/* Into a new machine, or into one that has been somewhere else. */
static Twin86Machine *move(struct Run *r, Twin86Machine *from, bool used) {
    struct SavedState s = bench_save(from);
    Twin86Machine *to = bench_machine(&r->config, r->rom);
    Twin86Event e;
    if (used) {
        size_t printed = r->text.used;
        feed(to);
        ck_assert_int_eq(twin86_run(to, 1 + bench_number(200000), &e), 0);
        r->text.used = printed;
    }
    bench_restore(to, &s);
    bench_same(from, to);
    struct SavedState again = bench_save(to);
    ck_assert_uint_eq(again.size, s.size);
    ck_assert_int_eq(memcmp(again.data, s.data, s.size), 0);
    free(s.data), free(again.data);
    twin86_destroy(from);
    return to;
}

/* `moves` times to another machine, at any instruction. */
static void run_moved(struct Run *r, const char *rom, unsigned moves, uint64_t length) {
    begin_run(r, rom);
    Twin86Machine *m = bench_machine(&r->config, rom);
    feed(m);
    for (unsigned i = 0; i < moves; i++) {
        ck_assert_int_eq(twin86_run(m, 1 + bench_number(length / moves), &r->end), 0);
        if (r->end.kind != TWIN86_EVENT_BUDGET)
            break;
        m = move(r, m, i % 2 == 1);
    }
    if (r->end.kind == TWIN86_EVENT_BUDGET)
        ck_assert_int_eq(twin86_run(m, 0, &r->end), 0);
    end_run(r, m);
}

static void check_guest(const char *rom, enum Twin86EventKind kind, uint32_t value, unsigned runs, unsigned moves) {
    static struct Run whole, moved;
    run_whole(&whole, rom);
    ck_assert_int_eq(whole.end.kind, kind);
    ck_assert_uint_eq(whole.end.value, value);
    for (bench_seed = 1; runs > 0; runs--) {
        run_moved(&moved, rom, moves, whole.instructions);
        ck_assert_str_eq(moved.text.data, whole.text.data);
        ck_assert_int_eq(moved.end.kind, kind);
        ck_assert_uint_eq(moved.instructions, whole.instructions);
        bench_same(moved.machine, whole.machine);
        twin86_destroy(moved.machine);
    }
    twin86_destroy(whole.machine);
}

START_TEST(embedded_guest_moves) { check_guest(NULL, TWIN86_EVENT_POWEROFF, 0, 3, 5); }
END_TEST

START_TEST(interrupted_guest_moves) {
    char path[64];
    state_guest_write(path, 0);
    check_guest(path, TWIN86_EVENT_DEBUG_EXIT, STATE_GUEST_EXIT, 4, 8);
    remove(path);
}
END_TEST

static unsigned stage(Twin86Machine *m) {
    uint32_t v;
    twin86_read_memory(m, STATE_GUEST_STAGE, &v, sizeof(v));
    return v;
}

static void step(Twin86Machine *m, uint64_t instructions) {
    Twin86Event e;
    ck_assert_int_eq(twin86_run(m, instructions, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
}

/* At each instruction of a stretch in which one leaves much to the next: steps, also within REP, shadows, faults, HLT.
 */
START_TEST(each_instruction_may_be_the_last) {
    static struct Run r;
    char path[64];
    unsigned tried = 0;
    state_guest_write(path, 0);
    begin_run(&r, path);
    r.config.icount_shift = 7; /* an interrupt each hundred instructions */
    Twin86Machine *m = bench_machine(&r.config, path), *whole = bench_machine(&r.config, path);
    Twin86Machine *other = bench_machine(&r.config, path);
    while (stage(m) != 1)
        step(m, 1);
    step(whole, 6000);
    ck_assert_uint_eq(stage(whole), 2);
    uint64_t end = cpu_progress(machine_cpu(machine_of(whole), 0));
    for (; stage(m) == 1; tried++, step(m, 1)) {
        if (tried % (4 / suite_rounds(4)) != 0)
            continue;
        struct SavedState s = bench_save(m);
        bench_restore(other, &s);
        free(s.data);
        step(other, end - cpu_progress(machine_cpu(machine_of(m), 0)));
        bench_same(other, whole);
    }
    ck_assert_uint_ge(tried, 300);
    remove(path);
    twin86_destroy(m), twin86_destroy(whole), twin86_destroy(other);
}
END_TEST

/* It does what it is there for: all interrupts came, and no others. */
START_TEST(guest_is_interrupted) {
    static struct Run r;
    char path[64];
    uint32_t count[0x32], stray;
    Twin86Event e;
    state_guest_write(path, 0);
    begin_run(&r, path);
    Twin86Machine *m = bench_machine(&r.config, path);
    feed(m);
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    twin86_read_memory(m, STATE_GUEST_COUNTERS, count, sizeof(count));
    twin86_read_memory(m, STATE_GUEST_STRAY, &stray, sizeof(stray));
    static const uint8_t vectors[] = {0x20, 0x21, 0x24, 0x28, 0x30, 0x31};
    for (unsigned i = 0; i < sizeof(vectors); i++)
        ck_assert_msg(count[vectors[i]] >= 5, "vector %x: %u", vectors[i], count[vectors[i]]);
    ck_assert_uint_eq(stray, 0);
    remove(path);
    twin86_destroy(m);
}
END_TEST

Suite *machine_state_suite(void) {
    Suite *s = suite_create("machine_state");
    TCase *t = tcase_create("machine_state");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, guest_is_interrupted);
    tcase_add_test(t, each_instruction_may_be_the_last);
    tcase_add_test(t, embedded_guest_moves);
    tcase_add_test(t, interrupted_guest_moves);
    suite_add_tcase(s, t);
    return s;
}
