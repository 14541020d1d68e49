/* SPDX-License-Identifier: MIT */
/* Built without libseccomp: there is no sandbox, and it says so. */
#include "sandbox/sandbox.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

START_TEST(it_says_so) {
    struct Sandbox s = {0};
    struct SandboxOptions o = {.log_fd = -1};
    char why[256];
    ck_assert_int_eq(sandbox_close(&s, &o, why, sizeof(why)), -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(why, "libseccomp"));
    ck_assert(!s.closed);
}
END_TEST

Suite *sandbox_suite(void) {
    Suite *s = suite_create("sandbox");
    TCase *t = tcase_create("sandbox");
    tcase_add_test(t, it_says_so);
    suite_skip("the sandbox", 6, "built without libseccomp");
    suite_add_tcase(s, t);
    return s;
}
