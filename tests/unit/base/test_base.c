/* SPDX-License-Identifier: MIT */
/* Bytes of images, and the line that tells why something failed. */
#include "base/bytes.h"
#include "base/why.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

START_TEST(bytes_of_both_orders) {
    static const uint8_t le[] = {0, 8, 7, 6, 5, 4, 3, 2, 1}, be[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[9] = {0};
    ck_assert_uint_eq(get_le16(le + 1), 0x0708);
    ck_assert_uint_eq(get_le32(le + 1), 0x05060708);
    ck_assert_uint_eq(get_le64(le + 1), 0x0102030405060708);
    ck_assert_uint_eq(get_le(le + 1, 3), 0x060708);
    ck_assert_uint_eq(get_be16(be + 1), 0x0102);
    ck_assert_uint_eq(get_be32(be + 1), 0x01020304);
    ck_assert_uint_eq(get_be64(be + 1), 0x0102030405060708);
    put_le64(out + 1, 0x0102030405060708);
    ck_assert_int_eq(memcmp(out, le, 9), 0);
    put_be64(out + 1, 0x0102030405060708);
    ck_assert_int_eq(memcmp(out, be, 9), 0);
    memset(out, 0xee, sizeof(out));
    put_le(out + 1, 0xaa030201, 3);
    ck_assert_int_eq(memcmp(out, "\xee\1\2\3\xee", 5), 0);
}
END_TEST

START_TEST(ranges_do_not_overflow) {
    ck_assert(range_within(0, 16, 16) && range_within(16, 0, 16));
    ck_assert(!range_within(1, 16, 16) && !range_within(17, 0, 16));
    ck_assert(!range_within(UINT64_MAX, 2, 16) && !range_within(2, UINT64_MAX, 16));
    ck_assert_uint_eq(align_up(1, 512), 512);
    ck_assert_uint_eq(align_up(512, 512), 512);
}
END_TEST

START_TEST(lines_are_cut) {
    char why[8] = "x", none[1] = {'?'};
    ck_assert_int_eq(why_set(why, sizeof(why), -EINVAL, "%d", 123), -EINVAL);
    ck_assert_str_eq(why, "123");
    why_add(why, sizeof(why), "-%s", "45");
    ck_assert_str_eq(why, "123-45");
    why_add(why, sizeof(why), "%s", "6789");
    ck_assert_str_eq(why, "123-456");
    why_add(why, sizeof(why), "more");
    ck_assert_str_eq(why, "123-456");
    ck_assert_int_eq(why_set(none, 0, -ENOMEM, "more"), -ENOMEM);
    why_add(none, 0, "more");
    ck_assert_int_eq(none[0], '?');
    char line[64];
    ck_assert_int_eq(why_errno(line, sizeof(line), -ENOENT, "disk.img"), -ENOENT);
    ck_assert_str_eq(line, "disk.img: No such file or directory");
}
END_TEST

Suite *base_suite(void) {
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_test(t, bytes_of_both_orders);
    tcase_add_test(t, ranges_do_not_overflow);
    tcase_add_test(t, lines_are_cut);
    suite_add_tcase(s, t);
    return s;
}
