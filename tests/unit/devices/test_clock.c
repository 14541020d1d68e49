/* SPDX-License-Identifier: MIT */
#include "devices/clock.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Timers append their letter to a log. */
static char fired[32];

struct Probe {
    struct Timer timer;
    char letter;
    int64_t again; /* re-arm at this time, once */
};

static void probe_fire(void *opaque) {
    struct Probe *p = opaque;
    ck_assert(!timer_armed(&p->timer));
    size_t n = strlen(fired);
    ck_assert_uint_lt(n + 1, sizeof(fired));
    fired[n] = p->letter;
    if (p->again != CLOCK_NEVER) {
        timer_arm(&p->timer, p->again);
        p->again = CLOCK_NEVER;
    }
}

static void probe_init(struct Probe *p, struct Clock *c, char letter) {
    p->letter = letter;
    p->again = CLOCK_NEVER;
    timer_init(&p->timer, c, probe_fire, p);
}

START_TEST(icount_time_moves_only_when_told) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    ck_assert_int_eq(clock_mode(c), CLOCK_ICOUNT);
    ck_assert_int_eq(clock_now(c), 0);
    clock_advance_to(c, 1000);
    ck_assert_int_eq(clock_now(c), 1000);
    clock_advance_to(c, 500); /* never backwards */
    ck_assert_int_eq(clock_now(c), 1000);
    clock_stop(c);
    clock_advance_to(c, 2000);
    clock_start(c);
    ck_assert_int_eq(clock_now(c), 2000);
    clock_free(c);
}
END_TEST

START_TEST(timers_fire_in_order) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct Probe p[5];
    memset(fired, 0, sizeof(fired));
    for (int i = 0; i < 5; i++) {
        probe_init(&p[i], c, (char)('a' + i));
    }
    ck_assert_int_eq(clock_deadline(c), CLOCK_NEVER);
    timer_arm(&p[0].timer, 30);
    timer_arm(&p[1].timer, 10);
    timer_arm(&p[2].timer, 20);
    timer_arm(&p[3].timer, 10); /* the tie goes to the one armed first */
    timer_arm(&p[4].timer, -5);
    ck_assert_int_eq(clock_deadline(c), -5);
    clock_run(c);
    ck_assert_str_eq(fired, "e");
    ck_assert_int_eq(clock_deadline(c), 10);
    clock_advance_to(c, 9);
    clock_run(c);
    ck_assert_str_eq(fired, "e");
    clock_advance_to(c, 25);
    clock_run(c);
    ck_assert_str_eq(fired, "ebdc");
    ck_assert_int_eq(clock_deadline(c), 30);
    timer_cancel(&p[0].timer);
    timer_cancel(&p[0].timer);
    ck_assert(!timer_armed(&p[0].timer));
    ck_assert_int_eq(clock_deadline(c), CLOCK_NEVER);
    clock_advance_to(c, 100);
    clock_run(c);
    ck_assert_str_eq(fired, "ebdc");
    clock_free(c);
}
END_TEST

START_TEST(rearming_moves_a_timer) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct Probe a, b;
    memset(fired, 0, sizeof(fired));
    probe_init(&a, c, 'a');
    probe_init(&b, c, 'b');
    timer_arm(&a.timer, 10);
    timer_arm(&b.timer, 20);
    timer_arm(&a.timer, 40);
    ck_assert_int_eq(clock_deadline(c), 20);
    timer_arm(&a.timer, CLOCK_NEVER); /* as good as cancelled */
    ck_assert(!timer_armed(&a.timer));
    clock_advance_to(c, 50);
    clock_run(c);
    ck_assert_str_eq(fired, "b");
    clock_free(c);
}
END_TEST

START_TEST(a_timer_armed_in_the_past_waits_for_the_next_run) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct Probe a, b;
    memset(fired, 0, sizeof(fired));
    probe_init(&a, c, 'a');
    probe_init(&b, c, 'b');
    clock_advance_to(c, 100);
    timer_arm(&a.timer, 10);
    timer_arm(&b.timer, 20);
    a.again = 15;
    clock_run(c);
    ck_assert_str_eq(fired, "ab"); /* not held up by a, which is due again */
    ck_assert_int_eq(clock_deadline(c), 15);
    clock_run(c);
    ck_assert_str_eq(fired, "aba");
    clock_free(c);
}
END_TEST

static void count_notify(void *opaque) { ++*(int *)opaque; }

START_TEST(notify_only_when_the_deadline_gets_earlier) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct Probe a, b;
    int calls = 0;
    probe_init(&a, c, 'a');
    probe_init(&b, c, 'b');
    clock_set_notify(c, count_notify, &calls);
    timer_arm(&a.timer, 100);
    ck_assert_int_eq(calls, 1);
    timer_arm(&b.timer, 200);
    ck_assert_int_eq(calls, 1);
    timer_arm(&b.timer, 50);
    ck_assert_int_eq(calls, 2);
    timer_cancel(&b.timer);
    ck_assert_int_eq(calls, 2);
    clock_free(c);
}
END_TEST

START_TEST(host_time_advances_and_stops) {
    struct Clock *c = clock_new(CLOCK_HOST);
    int64_t last = clock_now(c);
    ck_assert_int_ge(last, 0);
    ck_assert_int_lt(last, 10 * NS_PER_SEC);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now(c);
        ck_assert_int_ge(now, last);
        last = now;
    }
    clock_stop(c);
    clock_stop(c);
    int64_t stopped = clock_now(c);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    ck_assert_int_eq(clock_now(c), stopped);
    clock_start(c);
    clock_start(c);
    int64_t after = clock_now(c);
    ck_assert_int_ge(after, stopped);
    ck_assert_int_lt(after - stopped, NS_PER_SEC);
    clock_advance_to(c, INT64_MAX / 2); /* means nothing to a host clock */
    ck_assert_int_lt(clock_now(c), INT64_MAX / 4);
    clock_free(c);
}
END_TEST

START_TEST(wall_time) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct tm tm = {.tm_year = 126, .tm_mday = 1};
    ck_assert_int_eq(clock_wall_seconds(c), timegm(&tm));
    clock_advance_to(c, 90 * NS_PER_SEC + 999999999);
    ck_assert_int_eq(clock_wall_seconds(c), timegm(&tm) + 90);
    clock_set_wall_start(c, 1000);
    ck_assert_int_eq(clock_wall_seconds(c), 1090);
    clock_free(c);
    c = clock_new(CLOCK_HOST);
    ck_assert_int_le(llabs(clock_wall_seconds(c) - (long long)time(NULL)), 1);
    clock_free(c);
}
END_TEST

/* Sums that have no room end at CLOCK_END, which running code never reaches. */
START_TEST(the_end_of_time) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    struct Probe p[2];
    memset(fired, 0, sizeof(fired));
    probe_init(&p[0], c, 'a');
    probe_init(&p[1], c, 'b');
    ck_assert_int_eq(clock_after(5, 6), 11);
    ck_assert_int_eq(clock_after(CLOCK_END - 5, 5), CLOCK_END);
    ck_assert_int_eq(clock_after(CLOCK_END - 5, 6), CLOCK_END);
    ck_assert_int_eq(clock_after(INT64_MAX / 2, INT64_MAX), CLOCK_END);
    ck_assert_int_eq(clock_after_many(1, 2, 3), 7);
    ck_assert_int_eq(clock_after_many(-5, INT64_MAX / 2, 3), CLOCK_END);
    clock_advance_to(c, INT64_MAX);
    int64_t last = clock_now(c);
    ck_assert_int_lt(last, CLOCK_END);
    timer_arm(&p[0].timer, clock_after(last, 1000));
    timer_arm(&p[1].timer, last);
    ck_assert(clock_is_due(c));
    clock_run(c);
    ck_assert_str_eq(fired, "b");
    ck_assert(!clock_is_due(c));
    ck_assert(!clock_at_end(c));
    p[0].again = CLOCK_END; /* once a call, although it is due again */
    clock_run_end(c);
    ck_assert_str_eq(fired, "ba");
    clock_run_end(c);
    ck_assert_str_eq(fired, "baa");
    ck_assert_int_eq(clock_deadline(c), CLOCK_NEVER);
    clock_advance_to(c, 0);
    ck_assert_int_eq(clock_now(c), last);
    ck_assert_int_gt(clock_wall_seconds(c), 0);
    clock_free(c);
}
END_TEST

START_TEST(wall_times_out_of_range) {
    struct Clock *c = clock_new(CLOCK_ICOUNT);
    clock_set_wall_start(c, INT64_MAX);
    ck_assert_int_eq(clock_wall_seconds(c), 253402300799LL);
    clock_set_wall_start(c, -5);
    ck_assert_int_eq(clock_wall_seconds(c), 0);
    clock_free(c);
}
END_TEST

START_TEST(host_time_of_a_deadline) {
    struct Clock *c = clock_new(CLOCK_HOST);
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t host = ts.tv_sec * NS_PER_SEC + ts.tv_nsec, now = clock_to_host(c, clock_now(c));
    ck_assert_int_ge(now, host);
    ck_assert_int_lt(now - host, 10 * NS_PER_SEC);
    ck_assert_int_eq(clock_to_host(c, 5000) - clock_to_host(c, 0), 5000);
    ck_assert_int_eq(clock_to_host(c, CLOCK_END), CLOCK_NEVER);
    ck_assert_int_eq(clock_to_host(c, CLOCK_NEVER), CLOCK_NEVER);
    clock_free(c);
}
END_TEST

Suite *clock_suite(void) {
    Suite *s = suite_create("clock");
    TCase *tc = tcase_create("clock");
    tcase_add_test(tc, icount_time_moves_only_when_told);
    tcase_add_test(tc, timers_fire_in_order);
    tcase_add_test(tc, rearming_moves_a_timer);
    tcase_add_test(tc, a_timer_armed_in_the_past_waits_for_the_next_run);
    tcase_add_test(tc, notify_only_when_the_deadline_gets_earlier);
    tcase_add_test(tc, host_time_advances_and_stops);
    tcase_add_test(tc, wall_time);
    tcase_add_test(tc, the_end_of_time);
    tcase_add_test(tc, wall_times_out_of_range);
    tcase_add_test(tc, host_time_of_a_deadline);
    suite_add_tcase(s, tc);
    return s;
}
