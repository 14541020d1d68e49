/* SPDX-License-Identifier: MIT */
#include "accel/registry.h"
#include "accel/tcg-lite/engine.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int probe_ok(char *why, size_t n) {
    (void)why;
    (void)n;
    return 0;
}

static int probe_no_device(char *why, size_t n) {
    snprintf(why, n, "no /dev/warp; load the warp module");
    return -ENOENT;
}

static int probe_silent(char *why, size_t n) {
    (void)why;
    (void)n;
    return -EACCES;
}

static const struct AccelOps good = {.name = "good", .probe = probe_ok}, plain = {.name = "plain"},
                             warp = {.name = "warp", .probe = probe_no_device},
                             mute = {.name = "mute", .probe = probe_silent};
static const struct AccelOps *const engines[] = {&warp, &mute, &good, &plain, NULL};

static const struct AccelOps *chosen;
static const char *options;
static char why[256];

static int choose(const char *list) {
    chosen = NULL;
    options = NULL;
    strcpy(why, "stale");
    return accel_choose_from(engines, list, &chosen, &options, why, sizeof(why));
}

START_TEST(first_choice_is_silent) {
    ck_assert_int_eq(choose("good"), 0);
    ck_assert_ptr_eq(chosen, &good);
    ck_assert_str_eq(options, "");
    ck_assert_str_eq(why, "");
    ck_assert_int_eq(choose("plain:warp"), 0);
    ck_assert_ptr_eq(chosen, &plain);
    ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(options_follow_the_comma) {
    ck_assert_int_eq(choose("good,a=1,b=2"), 0);
    ck_assert_str_eq(options, "a=1,b=2");
    ck_assert_int_eq(choose("warp,x=y:good,c=3:plain"), 0);
    ck_assert_ptr_eq(chosen, &good);
    ck_assert_int_eq(strncmp(options, "c=3:", 4), 0);
}
END_TEST

START_TEST(passing_over_is_explained) {
    ck_assert_int_eq(choose("warp:good"), 0);
    ck_assert_ptr_eq(chosen, &good);
    ck_assert_str_eq(why, "warp: no /dev/warp; load the warp module; using good");
}
END_TEST

START_TEST(nothing_works) {
    ck_assert_int_eq(choose("warp"), -ENOENT);
    ck_assert_str_eq(why, "warp: no /dev/warp; load the warp module");
    ck_assert_int_eq(choose("warp:mute"), -EACCES);
    ck_assert_str_eq(why, "warp: no /dev/warp; load the warp module; mute: Permission denied");
    ck_assert_ptr_null(chosen);
}
END_TEST

START_TEST(unknown_names) {
    static const char *const lists[] = {"", "goo", "goods", "good:", ":good", "good:nix", ",a", "good::plain"};
    for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        ck_assert_msg(choose(lists[i]) == -EINVAL, "'%s' was taken", lists[i]);
    }
    ck_assert_int_eq(choose("good:nix"), -EINVAL);
    ck_assert_str_eq(why, "unknown engine 'nix'; this build has: warp mute good plain");
}
END_TEST

START_TEST(short_buffers) {
    char small[8] = "xxxxxxx";
    ck_assert_int_eq(accel_choose_from(engines, "warp", &chosen, &options, small, sizeof(small)), -ENOENT);
    ck_assert_str_eq(small, "warp: n");
    ck_assert_int_eq(accel_choose_from(engines, "good", &chosen, &options, NULL, 0), 0);
}
END_TEST

START_TEST(this_build) {
    ck_assert_ptr_eq(accel_find("tcg-lite"), &tcg_lite_ops);
    ck_assert_ptr_null(accel_find("tcg"));
    ck_assert_int_eq(accel_choose("tcg-lite", &chosen, &options, why, sizeof(why)), 0);
    ck_assert_ptr_eq(chosen, &tcg_lite_ops);
}
END_TEST

Suite *accel_suite(void) {
    Suite *s = suite_create("accel");
    TCase *tc = tcase_create("choose");
    tcase_add_test(tc, first_choice_is_silent);
    tcase_add_test(tc, options_follow_the_comma);
    tcase_add_test(tc, passing_over_is_explained);
    tcase_add_test(tc, nothing_works);
    tcase_add_test(tc, unknown_names);
    tcase_add_test(tc, short_buffers);
    tcase_add_test(tc, this_build);
    suite_add_tcase(s, tc);
    return s;
}
