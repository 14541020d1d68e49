/* SPDX-License-Identifier: MIT */
/* With the host's time a run does not repeat, but a guest that moves from machine to machine must come to the same
 * result: on each engine, with its own interrupt controllers, too. */
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/state/state_bench.h"
#include "tests/unit/state/state_guest.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct Kind {
    const char *accel;
    bool kernel_irqchip;
    uint8_t slower; /* interrupts must not come faster than they are served, in an emulated KVM either */
} kinds[] = {{"tcg-lite", false, 5}, {"kvm", false, 8}, {"kvm", true, 8}};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), MOVES = 12 };

static Twin86Config config(const struct Kind *k) {
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.accel = k->accel;
    c.kernel_irqchip = k->kernel_irqchip;
    c.debug_exit = true;
    return c;
}

static void expect(struct StateGuestResult *r) {
    Twin86Config c = config(&kinds[0]);
    char path[64];
    Twin86Event e;
    c.icount = true;
    c.icount_shift = 4;
    state_guest_write(path, 0);
    Twin86Machine *m = bench_machine(&c, path);
    remove(path);
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
    state_guest_result(m, r);
    twin86_destroy(m);
}

static Twin86Machine *move(Twin86Machine *from, const Twin86Config *c, const char *rom) {
    Twin86Machine *to = bench_machine(c, rom);
    struct SavedState s = bench_save(from);
    bench_restore(to, &s);
    bench_same(from, to);
    free(s.data);
    twin86_destroy(from);
    return to;
}

/* Some milliseconds at a time, then to its end, which the guest must not reach before all moves. */
static Twin86Machine *run_moving(const Twin86Config *c, const char *rom) {
    static const uint32_t go = 1;
    Twin86Machine *m = bench_machine(c, rom);
    Twin86Event e = {0};
    char input[200] = "abc";
    twin86_serial_input(m, input, sizeof(input));
    for (unsigned moves = 0; moves < MOVES; moves++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        usleep(1000 + (unsigned)bench_number(8000));
        twin86_pause(m);
        ck_assert(twin86_wait(m, 0, &e) != 0);
        m = move(m, c, rom);
    }
    twin86_write_memory(m, STATE_GUEST_GO, &go, sizeof(go));
    ck_assert_int_eq(twin86_start(m, 0), 0);
    ck_assert_msg(twin86_wait(m, 60000, &e) == 0, "it sleeps");
    ck_assert_msg(e.kind == TWIN86_EVENT_DEBUG_EXIT, "event %d: %s", (int)e.kind, e.message);
    return m;
}

START_TEST(guests_move_on_each_engine) {
    static struct StateGuestResult want, have;
    static const uint8_t timers[] = {0x20, 0x28, 0x30, 0x31};
    const struct Kind *k = &kinds[_i];
    Twin86Config c = config(k);
    char path[64];
    uint32_t count[0x32], stray;
    expect(&want);
    state_guest_write(path, k->slower);
    bench_seed = 3;
    Twin86Machine *m = run_moving(&c, path);
    remove(path);
    state_guest_result(m, &have);
    ck_assert_int_eq(memcmp(&have, &want, sizeof(have)), 0);
    twin86_read_memory(m, STATE_GUEST_COUNTERS, count, sizeof(count));
    twin86_read_memory(m, STATE_GUEST_STRAY, &stray, sizeof(stray));
    for (unsigned i = 0; i < sizeof(timers); i++)
        ck_assert_uint_ge(count[timers[i]], 3);
    ck_assert_uint_eq(stray, 0);
    twin86_destroy(m);
}
END_TEST

/* ---- two CPUs ---- */

enum { COUNTER = 0x500, DONE = 0x510, STOP = 0x520, COUNTS = 0x530 };

static const struct Kind *kind;
static void with_kind(Twin86Config *c) {
    c->accel = kind->accel;
    c->kernel_irqchip = kind->kernel_irqchip;
}

/* Both count in the same place until the host says stop, then each tells its own part and sleeps for good. */
static Twin86Machine *two_that_count(void) {
    Twin86Machine *m = two_cpus_new(with_kind);
    uint8_t code[] = {
        0x66, 0x31, 0xc9,                   /* xor ecx, ecx */
        0xf0, 0x66, 0xff, 0x06, 0x00, 0x05, /* lock inc dword [500h] */
        0x66, 0x41,                         /* inc ecx */
        0x80, 0x3e, 0x20, 0x05, 0,          /* cmp byte [520h], 0 */
        0x74, 0xf1,                         /* je to the inc */
        0x66, 0x89, 0x0e, 0x30, 0x05,       /* mov [530h], ecx */
        0xc6, 0x06, 0x10, 0x05, 1,          /* mov byte [510h], 1 */
        0xfa, 0xf4, 0xeb, 0xfd,             /* cli; hlt; jmp to it */
    };
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        code[21] = (uint8_t)(COUNTS - 0x500 + 4 * cpu);
        code[25] = (uint8_t)(DONE - 0x500 + cpu);
        two_cpus_code(m, cpu, code, sizeof(code));
    }
    return m;
}

static bool both_done(Twin86Machine *m) {
    uint8_t done[2];
    twin86_read_memory(m, DONE, done, 2);
    return done[0] != 0 && done[1] != 0;
}

START_TEST(two_cpus_move_together) {
    kind = &kinds[_i];
    Twin86Machine *m = two_that_count();
    static const uint8_t stop = 1;
    uint32_t count, counts[2];
    for (unsigned k = 0; k < 20000 && !both_done(m); k++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        usleep(1000 + (unsigned)bench_number(3000));
        twin86_pause(m);
        if (k == MOVES)
            twin86_write_memory(m, STOP, &stop, 1);
        if (k >= MOVES)
            continue;
        Twin86Machine *to = two_cpus_new(with_kind);
        struct SavedState s = bench_save(m);
        bench_restore(to, &s);
        bench_same(m, to);
        free(s.data);
        twin86_destroy(m);
        m = to;
    }
    ck_assert(both_done(m));
    twin86_read_memory(m, COUNTER, &count, sizeof(count));
    twin86_read_memory(m, COUNTS, counts, sizeof(counts));
    ck_assert_uint_ge(count, 2);
    ck_assert_uint_eq(count, counts[0] + counts[1]);
    twin86_destroy(m);
}
END_TEST

Suite *state_engines_suite(void) {
    Suite *s = suite_create("state-engines");
    TCase *t = tcase_create("state-engines");
    tcase_set_timeout(t, 120);
    for (int i = 0; i < KINDS; i++) {
        char why[256] = "";
        const struct AccelOps *ops = accel_find(kinds[i].accel);
        if (ops != NULL && ops->probe(why, sizeof(why)) == 0) {
            tcase_add_loop_test(t, guests_move_on_each_engine, i, i + 1);
            tcase_add_loop_test(t, two_cpus_move_together, i, i + 1);
        } else {
            suite_skip("saved states on kvm", 2, ops != NULL ? why : "this build has no kvm");
        }
    }
    suite_add_tcase(s, t);
    return s;
}
