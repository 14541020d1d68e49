/* SPDX-License-Identifier: MIT */
/* Two CPUs that take turns in one thread: what becomes of a race between them is a function of their instructions, and
 * of nothing else: not of pauses, nor of a saved state in between. */
#include "machine/state.h"
#include "tests/unit/machine/two_cpus.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>

enum { SUM = 0x3000, DIGEST = 32 };

static void counting(Twin86Config *c) {
    c->icount = true;
    c->icount_shift = 3;
    c->debug_exit = true;
    c->debug_exit_port = 0xf4;
    c->debug_exit_ports = 4;
}

static void single(Twin86Config *c) { c->accel = "tcg-lite,thread=single"; }

static Twin86Machine *racing(void (*more)(Twin86Config *c)) {
    Twin86Machine *m = two_cpus_new(more);
    /* MOV CX, 30000; again: INC WORD [3000h]; ADD AX, [3000h]; MOV BX, [3002h]; ADD DX, BX; LOOP again;
       MOV AL, 1; OUT 0f4h, AL; HLT */
    TWO_CPUS_CODE(m, 0, 0xb9, 0x30, 0x75, 0xff, 0x06, 0x00, 0x30, 0x03, 0x06, 0x00, 0x30, 0x8b, 0x1e, 0x02, 0x30, 0x01,
                  0xda, 0xe2, 0xf0, 0xb0, 0x01, 0xe6, 0xf4, 0xf4);
    /* again: MOV AX, [3000h]; ADD [3002h], AX; TEST AX, 16; JNZ again2; PAUSE; again2: JMP again */
    TWO_CPUS_CODE(m, 1, 0xa1, 0x00, 0x30, 0x01, 0x06, 0x02, 0x30, 0xa9, 0x10, 0x00, 0x75, 0x02, 0xf3, 0x90, 0xeb, 0xf0);
    return m;
}

/* To the end, and what the machine is then. */
static void finish(Twin86Machine *m, uint8_t digest[DIGEST]) {
    Twin86Event e;
    ck_assert_int_eq(twin86_run(m, 0, &e), 0);
    ck_assert_int_eq(e.kind, TWIN86_EVENT_DEBUG_EXIT);
    ck_assert_uint_eq(e.cpu, 0);
    machine_hash(machine_of(m), digest);
}

static void expected(uint8_t digest[DIGEST]) {
    Twin86Machine *m = racing(counting);
    finish(m, digest);
    uint16_t sum[2];
    twin86_read_memory(m, SUM, sum, sizeof(sum));
    ck_assert_uint_eq(sum[0], 30000);
    ck_assert_uint_ne(sum[1], 0);
    /* all instructions are time */
    const struct CPUState *a = machine_cpu(machine_of(m), 0), *b = machine_cpu(machine_of(m), 1);
    ck_assert_int_eq(clock_now(machine_of(m)->clock), (int64_t)(cpu_progress(a) + cpu_progress(b)) << 3);
    ck_assert_uint_gt(cpu_progress(b), cpu_progress(a) / 20); /* each PAUSE ends a turn */
    twin86_destroy(m);
}

START_TEST(same_again) {
    uint8_t first[DIGEST], again[DIGEST];
    expected(first);
    for (unsigned k = 0; k < 3; k++) {
        expected(again);
        ck_assert_mem_eq(first, again, DIGEST);
    }
}
END_TEST

START_TEST(pauses_change_nothing) {
    uint8_t first[DIGEST], again[DIGEST];
    expected(first);
    Twin86Machine *m = racing(counting);
    for (unsigned k = 0; k < 20; k++) {
        ck_assert_int_eq(twin86_start(m, 0), 0);
        usleep(k * 7);
        twin86_pause(m);
    }
    finish(m, again);
    ck_assert_mem_eq(first, again, DIGEST);
    twin86_destroy(m);
}
END_TEST

/* Steps of one, then budgets of both: whose turn it is, and for how long, is part of the state. */
START_TEST(saved_in_between) {
    uint8_t first[DIGEST], again[DIGEST];
    char why[300] = "";
    Twin86Event e;
    for (unsigned k = 1; k <= 3; k++) {
        Twin86Machine *from = racing(counting), *to = racing(counting);
        FILE *f = tmpfile();
        ck_assert_int_eq(twin86_run(from, 3333 * k, &e), 0);
        ck_assert_int_eq(e.kind, TWIN86_EVENT_BUDGET);
        ck_assert_msg(machine_save(machine_of(from), f, why, sizeof(why)) == 0, "%s", why);
        rewind(f);
        ck_assert_msg(machine_restore(machine_of(to), f, why, sizeof(why)) == 0, "%s", why);
        finish(from, first);
        finish(to, again);
        ck_assert_mem_eq(first, again, DIGEST);
        fclose(f);
        twin86_destroy(from);
        twin86_destroy(to);
    }
}
END_TEST

static int threads_of(Twin86Machine *m) {
    return 1 + (vcpu_thread_id(machine_cpu(machine_of(m), 0)) != vcpu_thread_id(machine_cpu(machine_of(m), 1)));
}

/* Without instructions as time: one that never lets go gets its turns, and no more. */
START_TEST(one_thread_for_two) {
    Twin86Machine *m = two_cpus_new(single);
    TWO_CPUS_CODE(m, 0, 0x66, 0x40, 0xeb, 0xfc); /* INC EAX; JMP */
    TWO_CPUS_CODE(m, 1, 0x66, 0x43, 0xeb, 0xfc); /* INC EBX; JMP */
    ck_assert_int_eq(threads_of(m), 1);
    two_cpus_run(m);
    ck_assert_uint_ne(two_cpus_reg(m, 0, TWIN86_RAX), 0);
    ck_assert_uint_ne(two_cpus_reg(m, 1, TWIN86_RBX), 0);
    two_cpus_run(m);
    uint64_t a = machine_cpu(machine_of(m), 0)->insn_count, b = machine_cpu(machine_of(m), 1)->insn_count;
    uint64_t difference = a > b ? a - b : b - a;
    ck_assert_uint_le(difference, VCPU_TURN_INSNS);
    twin86_destroy(m);
    m = two_cpus_new(NULL);
    ck_assert_int_eq(threads_of(m), 2);
    twin86_destroy(m);
}
END_TEST

static const char *engine;
static void with_engine(Twin86Config *c) { c->accel = engine; }

static void refused(const char *accel, bool icount, const char *words) {
    Twin86Machine *m = NULL;
    Twin86Config c;
    char why[300] = "";
    engine = accel;
    twin86_config_init(&c);
    c.cpus = 2;
    c.icount = icount;
    with_engine(&c);
    ck_assert_int_eq(twin86_create(&m, &c, why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, words) != NULL, "%s", why);
}

START_TEST(threads_that_can_not_be) {
    refused("tcg-lite,thread=multi", true, "leave thread=multi out");
    refused("tcg-lite,thread=many", false, "thread=single|multi");
    Twin86Machine *m = two_cpus_new(single);
    char why[300];
    ck_assert_int_eq(twin86_set_accel(m, "tcg-lite,thread=multi", why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, "one thread") != NULL, "%s", why);
    two_cpus_run(m); /* and goes on as it was */
    twin86_destroy(m);
}
END_TEST

Suite *turns_suite(void) {
    Suite *s = suite_create("turns");
    TCase *t = tcase_create("turns");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, same_again);
    tcase_add_test(t, pauses_change_nothing);
    tcase_add_test(t, saved_in_between);
    tcase_add_test(t, one_thread_for_two);
    tcase_add_test(t, threads_that_can_not_be);
    suite_add_tcase(s, t);
    return s;
}
