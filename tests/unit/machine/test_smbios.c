/* SPDX-License-Identifier: MIT */
/* SMBIOS tables: their form, what they say, and -smbios. */
#include "base/bytes.h"
#include "machine/firmware/smbios.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE = 0xf0020 };
#define GIB (1ull << 30)

static struct SmbiosOptions options;
static uint8_t tables[SMBIOS_TABLES_MAX], anchor[SMBIOS_ANCHOR_SIZE];
static int size;

static struct SmbiosConfig config(void) {
    return (struct SmbiosConfig){
        .options = &options,
        .version = "1.2.3",
        .cpu_eax = 0x000306a9,
        .cpu_edx = 0x178bfbff,
        .cpu_vendor = "GenuineIntel",
        .cpus = 2,
        .topology = {2, 1, 1, 1},
        .below_4g = 3 * GIB,
        .above_4g = 30 * GIB,
    };
}

static void build(const struct SmbiosConfig *c) {
    size = smbios_build(c, BASE, tables, sizeof(tables), anchor);
    ck_assert_int_gt(size, 0);
}

/* Structures follow each other: a formatted part, strings, two zeroes. */
static const uint8_t *next(const uint8_t *p) {
    p += p[1];
    while (p[0] != 0 || p[1] != 0)
        p++;
    return p + 2;
}

/* The nth structure of that type, or NULL. */
static const uint8_t *find(unsigned type, unsigned n) {
    for (const uint8_t *p = tables; p < tables + size; p = next(p))
        if (p[0] == type && n-- == 0)
            return p;
    return NULL;
}

static const char *text(const uint8_t *p, unsigned offset) {
    const char *s = (const char *)p + p[1];
    for (unsigned i = p[offset]; i > 1; i--)
        s += strlen(s) + 1;
    return p[offset] == 0 ? "" : s;
}

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n--)
        s += *p++;
    return s;
}

/* Lengths as DSP0134 2.8 gives them. */
START_TEST(form) {
    static const struct {
        uint8_t type, length, count;
    } expected[] = {{0, 24, 1},  {1, 27, 1},  {3, 22, 1},  {4, 42, 2}, {16, 23, 1},
                    {17, 40, 3}, {19, 31, 2}, {32, 11, 1}, {127, 4, 1}};
    struct SmbiosConfig c = config();
    unsigned count = 0, largest = 0;
    c.no_firmware = true;
    build(&c);
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        for (unsigned k = 0; k < expected[i].count; k++) {
            ck_assert_ptr_nonnull(find(expected[i].type, k));
            ck_assert_uint_eq(find(expected[i].type, k)[1], expected[i].length);
        }
        ck_assert_ptr_null(find(expected[i].type, expected[i].count));
        count += expected[i].count;
    }
    for (const uint8_t *p = tables; p < tables + size; p = next(p)) {
        largest = next(p) - p > largest ? (unsigned)(next(p) - p) : largest;
        for (const uint8_t *q = next(p); q < tables + size; q = next(q))
            ck_assert_uint_ne(get_le16(p + 2), get_le16(q + 2)); /* handles */
    }
    ck_assert_mem_eq(anchor, "_SM_", 4);
    ck_assert_mem_eq(anchor + 16, "_DMI_", 5);
    ck_assert_uint_eq(anchor[5], SMBIOS_ANCHOR_SIZE);
    ck_assert_uint_eq(sum(anchor, SMBIOS_ANCHOR_SIZE), 0);
    ck_assert_uint_eq(sum(anchor + 16, 15), 0);
    ck_assert_uint_eq(get_le16(anchor + 8), largest);
    ck_assert_uint_eq(get_le16(anchor + 22), (unsigned)size);
    ck_assert_uint_eq(get_le32(anchor + 24), BASE);
    ck_assert_uint_eq(get_le16(anchor + 28), count);
}
END_TEST

START_TEST(contents) {
    static const uint8_t uuid[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                     0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    static const uint8_t wire[16] = {0x10, 0xb8, 0xa7, 0x6b, 0xad, 0x9d, 0xd1, 0x11,
                                     0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    struct SmbiosConfig c = config();
    c.uuid = uuid;
    build(&c);
    ck_assert_ptr_null(find(0, 0)); /* firmware has its own */
    ck_assert_mem_eq(find(1, 0) + 8, wire, 16);
    ck_assert_str_eq(text(find(4, 0), 7), "GenuineIntel");
    ck_assert_uint_eq(get_le64(find(4, 1) + 8), 0x178bfbff000306a9);
    ck_assert_uint_eq(get_le32(find(16, 0) + 7), 33u << 20); /* KiB */
    ck_assert_uint_eq(get_le16(find(16, 0) + 13), 3);
    ck_assert_uint_eq(get_le16(find(17, 0) + 12), 16384); /* MiB */
    ck_assert_uint_eq(get_le16(find(17, 2) + 12), 1024);
    ck_assert_uint_eq(get_le32(find(19, 0) + 8), (3u << 20) - 1);
    ck_assert_uint_eq(get_le32(find(19, 1) + 4), 4u << 20);
    ck_assert_uint_eq(get_le32(find(19, 1) + 8), (34u << 20) - 1);
    c.above_4g = 8192 * GIB;
    build(&c);
    ck_assert_uint_eq(get_le32(find(16, 0) + 7), 1u << 31);
    ck_assert_uint_eq(get_le64(find(16, 0) + 15), 8195 * GIB);
    ck_assert_uint_eq(get_le32(find(19, 1) + 8), UINT32_MAX);
    ck_assert_uint_eq(get_le64(find(19, 1) + 23), 8196 * GIB - 1);
    c.below_4g = 3 * GIB / 2 + 4096, c.above_4g = 0;
    build(&c);
    ck_assert_ptr_null(find(19, 1));
    c.below_4g = 0x101000; /* less than a MiB more: in KiB */
    build(&c);
    ck_assert_uint_eq(get_le16(find(17, 0) + 12), 0x8000 | 1028);
}
END_TEST

/* Sockets, of which the second is not full and the third is empty. */
START_TEST(sockets) {
    static const struct {
        uint8_t status, cores, enabled, threads;
    } expected[] = {{0x41, 6, 6, 12}, {0x41, 6, 3, 12}, {0, 6, 0, 12}};
    struct SmbiosConfig c = config();
    c.cpus = 12 + 5;
    c.topology = (struct CpuTopology){3, 2, 3, 2};
    build(&c);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *p = find(4, i);
        ck_assert_ptr_nonnull(p);
        ck_assert(p[24] == expected[i].status && p[35] == expected[i].cores && p[36] == expected[i].enabled &&
                  p[37] == expected[i].threads && get_le16(p + 38) == (1 << 3 | 1 << 4));
    }
    ck_assert_ptr_null(find(4, 3));
}
END_TEST

static void set(const char *option) {
    char why[200] = "";
    ck_assert_msg(smbios_parse(&options, option, why, sizeof(why)) == 0, "%s: %s", option, why);
}

START_TEST(options_are_told) {
    struct SmbiosConfig c = config();
    set("type=1,manufacturer=Some,, Inc.,product=P,serial=1,sku=S,family=F");
    set("type=1,product=Q,uuid=6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    set("type=3,asset=T");
    set("type=4,sock_pfx=Socket,max-speed=4000,processor-id=0x123456789a");
    set("type=17,loc_pfx=Slot,speed=3200,bank=B");
    build(&c);
    ck_assert_ptr_null(find(0, 0));
    ck_assert_str_eq(text(find(1, 0), 4), "Some, Inc.");
    ck_assert_str_eq(text(find(1, 0), 5), "Q");
    ck_assert_str_eq(text(find(1, 0), 6), "1.2.3");
    ck_assert_str_eq(text(find(1, 0), 7), "1");
    ck_assert_uint_eq(find(1, 0)[8], 0x10);
    ck_assert_str_eq(text(find(1, 0), 25), "S");
    ck_assert_str_eq(text(find(1, 0), 26), "F");
    ck_assert_str_eq(text(find(3, 0), 8), "T");
    ck_assert_str_eq(text(find(4, 1), 4), "Socket   1");
    ck_assert_uint_eq(get_le16(find(4, 0) + 20), 4000);
    ck_assert_uint_eq(get_le64(find(4, 0) + 8), 0x123456789a);
    ck_assert_str_eq(text(find(17, 0), 16), "Slot 0");
    ck_assert_str_eq(text(find(17, 0), 17), "B");
    ck_assert_uint_eq(get_le16(find(17, 0) + 21), 3200);
    set("type=0,vendor=V,version=W,date=02/03/2004,release=5.6,uefi=on");
    build(&c);
    ck_assert_str_eq(text(find(0, 0), 4), "V");
    ck_assert_str_eq(text(find(0, 0), 8), "02/03/2004");
    ck_assert_uint_eq(find(0, 0)[19] & 8, 8);
    ck_assert_uint_eq(find(0, 0)[20], 5);
    ck_assert_uint_eq(find(0, 0)[21], 6);
    smbios_free(&options);
}
END_TEST

START_TEST(wrong_options) {
    static const struct {
        const char *option, *why;
    } wrong[] = {
        {"manufacturer=x", "type=N was to come first"},
        {"file=x", "tables from files are not supported"},
        {"type=x", "type=N was to come first"},
        {"type=300", "type=N was to come first"},
        {"type=9,slot=1", "type=9 can't be changed"},
        {"type=1,vendor=x", "no property 'vendor'"},
        {"type=1,serial", "no property 'serial' without a value"},
        {"type=1,uuid=123", "a UUID"},
        {"type=0,uefi=maybe", "on or off"},
        {"type=0,release=1", "MAJOR.MINOR"},
        {"type=0,release=1.256", "MAJOR.MINOR"},
        {"type=0,release=1.2x", "MAJOR.MINOR"},
        {"type=17,speed=65536", "0 to 65535"},
        {"type=4,processor-id=-1", "a number"},
    };
    char why[200];
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(smbios_parse(&options, wrong[i].option, why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, wrong[i].why) != NULL && strncmp(why, "-smbios: ", 9) == 0, "%s", why);
    }
    smbios_free(&options);
}
END_TEST

START_TEST(too_long) {
    struct SmbiosConfig c = config();
    char *option = calloc(1, 70000);
    strcpy(option, "type=1,serial=");
    memset(option + 14, 'x', 66000);
    set(option);
    ck_assert_int_eq(smbios_build(&c, BASE, tables, sizeof(tables), anchor), -ENOSPC);
    smbios_free(&options);
    free(option);
    for (unsigned n = 0; n < 200; n++) /* no room, byte by byte */
        ck_assert_int_eq(smbios_build(&c, BASE, tables, n, anchor), -ENOSPC);
}
END_TEST

Suite *smbios_suite(void) {
    Suite *s = suite_create("smbios");
    TCase *t = tcase_create("smbios");
    tcase_add_test(t, form);
    tcase_add_test(t, contents);
    tcase_add_test(t, sockets);
    tcase_add_test(t, options_are_told);
    tcase_add_test(t, wrong_options);
    tcase_add_test(t, too_long);
    suite_add_tcase(s, t);
    return s;
}
