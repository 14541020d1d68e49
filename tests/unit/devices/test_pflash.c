/* SPDX-License-Identifier: MIT */
/* The flash chip: its command set, what stays, and that nothing it is told can do harm. */
#include "devices/firmware/pflash.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0xffe00000ull
enum { SIZE = 0x21000 }; /* no power of two, as OVMF's variable store */

static struct DeviceBench b;
static struct Pflash flash;
static uint32_t changed_at, changed_bytes, changes;
static int changed_result;

static int changed(void *opaque, uint32_t offset, uint32_t size) {
    ck_assert_ptr_eq(opaque, &flash);
    ck_assert_uint_le((uint64_t)offset + size, SIZE);
    changed_at = offset, changed_bytes = size, changes++;
    return changed_result;
}

static void open_chip(bool readonly) {
    const struct PflashHost host = {changed, &flash};
    uint8_t *contents = malloc(SIZE);
    for (unsigned i = 0; i < SIZE; i++)
        contents[i] = (uint8_t)(i * 7 + 1);
    bench_open(&b);
    changes = 0, changed_result = 0;
    ck_assert_int_eq(pflash_init(&flash, contents, SIZE, readonly, &host), 0);
    ck_assert_int_eq(pflash_map(&flash, b.bus, BASE), 0);
    free(contents);
}

static void close_chip(void) {
    pflash_destroy(&flash);
    uint64_t offset, avail;
    ck_assert_ptr_null(bus_find(b.bus, BASE, &offset, &avail));
    bench_close(&b);
}

static uint8_t get(uint32_t at) { return (uint8_t)bus_read_uint(b.bus, BASE + at, 1); }
static void put(uint32_t at, uint8_t v) { bus_write_uint(b.bus, BASE + at, v, 1); }
static uint8_t original(uint32_t at) { return (uint8_t)(at * 7 + 1); }

/* While it shows its array it is memory, which engines read without asking. */
static bool is_memory(void) {
    uint64_t offset, avail;
    struct Region *r = bus_find(b.bus, BASE + 5, &offset, &avail);
    return r->kind == REGION_ROM && r->host[offset] == flash.array.host[5];
}

/* How OVMF tells flash from RAM and from ROM. */
START_TEST(is_found_by_firmware) {
    open_chip(false);
    ck_assert(is_memory());
    put(0x100, 0x50); /* clear status */
    ck_assert_uint_eq(get(0x100), original(0x100));
    put(0x100, 0x70); /* read status */
    ck_assert_uint_eq(get(0x100), 0);
    ck_assert(!is_memory());
    ck_assert_uint_eq(bus_read_uint(b.bus, BASE + 0x200, 4), 0);
    put(0x100, 0xff); /* read array */
    ck_assert(is_memory());
    ck_assert_uint_eq(get(0x100), original(0x100));
    close_chip();
}
END_TEST

START_TEST(programs_and_erases) {
    open_chip(false);
    put(0x1003, 0x20);
    put(0x1003, 0xd0);
    ck_assert_uint_eq(get(0), 0x80);
    ck_assert_uint_eq(changed_at, 0x1000);
    ck_assert_uint_eq(changed_bytes, PFLASH_BLOCK_SIZE);
    put(0x1010, 0x40);
    put(0x1010, 0x5a);
    put(0x1011, 0x10); /* the other code for it */
    put(0x1011, 0xf0);
    put(0x1010, 0x40); /* bits are cleared, never set */
    put(0x1010, 0xf0);
    ck_assert_uint_eq(changed_at, 0x1010);
    ck_assert_uint_eq(changed_bytes, 1);
    ck_assert_uint_eq(get(0x1010), 0x80);
    put(0, 0xff);
    ck_assert_uint_eq(get(0x1010), 0x50);
    ck_assert_uint_eq(get(0x1011), 0xf0);
    ck_assert_uint_eq(get(0x1012), 0xff);
    ck_assert_uint_eq(get(0x1fff), 0xff);
    ck_assert_uint_eq(get(0xfff), original(0xfff));
    ck_assert_uint_eq(get(0x2000), original(0x2000));
    ck_assert_uint_eq(changes, 4);
    /* the last block of a chip whose size is no power of two */
    put(SIZE - 1, 0x20);
    put(SIZE - 1, 0xd0);
    put(0, 0xff);
    ck_assert_uint_eq(get(SIZE - 1), 0xff);
    close_chip();
}
END_TEST

START_TEST(programs_its_buffer) {
    open_chip(false);
    put(0x3000, 0x20);
    put(0x3000, 0xd0);
    put(0x3040, 0xe8);
    ck_assert_uint_eq(get(0x3040) & 0x80, 0x80); /* the buffer is free */
    put(0x3040, 3);                              /* four bytes */
    for (unsigned i = 0; i < 4; i++)
        put(0x3042 + i, (uint8_t)(0xa0 + i));
    ck_assert_uint_eq(changes, 1);
    put(0x3040, 0xd0);
    ck_assert_uint_eq(get(0), 0x80);
    put(0, 0xff);
    ck_assert_uint_eq(get(0x3041), 0xff);
    ck_assert_uint_eq(get(0x3042), 0xa0);
    ck_assert_uint_eq(get(0x3045), 0xa3);
    ck_assert_uint_eq(get(0x3046), 0xff);
    /* 256 bytes are the most */
    put(0x3100, 0xe8);
    put(0x3100, 0xff);
    for (unsigned i = 0; i < 256; i++)
        put(0x3100 + i, (uint8_t)i);
    put(0x3100, 0xd0);
    put(0, 0xff);
    ck_assert_uint_eq(get(0x31ff), 0xff);
    ck_assert_uint_eq(get(0x31fe), 0xfe);
    /* one that leaves its buffer, or is not confirmed, changes nothing */
    put(0x3200, 0xe8);
    put(0x3200, 1);
    put(0x3300, 0);
    ck_assert_uint_eq(get(0) & 0x30, 0x30);
    put(0, 0x50);
    put(0x3200, 0xe8);
    put(0x3200, 0);
    put(0x3200, 0);
    put(0x3200, 0xff);
    ck_assert_uint_eq(get(0) & 0x30, 0x30);
    put(0, 0xff);
    ck_assert_uint_eq(get(0x3200), 0xff);
    ck_assert_uint_eq(get(0x3300), 0xff);
    close_chip();
}
END_TEST

START_TEST(says_what_it_is) {
    open_chip(false);
    put(0x55, 0x98);
    ck_assert_uint_eq(get(0x10), 'Q');
    ck_assert_uint_eq(get(0x11), 'R');
    ck_assert_uint_eq(get(0x12), 'Y');
    ck_assert_uint_eq(get(0x13), 1);    /* Intel's extended command set */
    ck_assert_uint_eq(get(0x27), 18);   /* 2^18 bytes hold it */
    ck_assert_uint_eq(get(0x2a), 8);    /* 2^8 bytes at once */
    ck_assert_uint_eq(get(0x2c), 1);    /* one region */
    ck_assert_uint_eq(get(0x2d), 0x20); /* of so many blocks and one */
    ck_assert_uint_eq(get(0x2f), 16);   /* of 16 times 256 bytes */
    ck_assert_uint_eq(get(0x31), 'P');
    ck_assert_uint_eq(get(0xff), 0);
    put(0, 0x90);
    ck_assert_uint_eq(get(0), 0x89);
    ck_assert_uint_eq(get(1), 0x18);
    ck_assert_uint_eq(get(2), 0);
    put(0, 0xff);
    close_chip();
}
END_TEST

START_TEST(tells_what_failed) {
    open_chip(true);
    put(0, 0x40);
    put(0, 0);
    ck_assert_uint_eq(get(0), 0x92);
    put(0, 0x50);
    put(0, 0x20);
    put(0, 0xd0);
    ck_assert_uint_eq(get(0), 0xa2);
    put(0, 0x50);
    put(0x100, 0xe8);
    put(0x100, 0);
    put(0x100, 0);
    put(0x100, 0xd0);
    ck_assert_uint_eq(get(0), 0x92);
    put(0, 0xff);
    ck_assert_uint_eq(get(0), original(0));
    ck_assert_uint_eq(changes, 0);
    close_chip();

    open_chip(false);
    changed_result = -ENOSPC; /* the host can't keep it */
    put(0, 0x40);
    put(0, 0);
    ck_assert_uint_eq(get(0), 0x90);
    put(0, 0x20);
    put(0, 0x55); /* not confirmed */
    ck_assert_uint_eq(get(0), 0xb0);
    put(0, 0x33); /* no command */
    ck_assert(is_memory());
    close_chip();
}
END_TEST

START_TEST(is_reset_and_restored) {
    uint8_t saved[1024];
    char why[100];
    struct PflashState copy;
    open_chip(false);
    put(0x5100, 0xe8);
    put(0x5100, 7);
    put(0x5101, 0);
    state_save(&pflash_state_table, &flash.state, saved);
    pflash_reset(&flash);
    ck_assert(is_memory());
    ck_assert_uint_eq(get(0x5101), original(0x5101));
    ck_assert_int_eq(
        state_load(&pflash_state_table, 1, saved, state_size(&pflash_state_table, 1), &flash.state, why, sizeof(why)),
        0);
    pflash_restored(&flash);
    ck_assert(!is_memory());
    for (unsigned i = 2; i < 9; i++)
        put(0x5100 + i, 0);
    put(0x5100, 0xd0);
    put(0, 0xff);
    ck_assert_uint_eq(get(0x5101), 0);
    ck_assert_uint_eq(get(0x5108), 0);
    ck_assert_uint_eq(get(0x5109), original(0x5109));
    /* what can't be is refused; what is another chip's does no harm */
    copy = flash.state;
    copy.left = 3;
    state_save(&pflash_state_table, &copy, saved);
    ck_assert_int_eq(
        state_load(&pflash_state_table, 1, saved, state_size(&pflash_state_table, 1), &copy, why, sizeof(why)),
        -EINVAL);
    flash.state.at = 0x1000000;
    flash.state.step = 6;
    pflash_restored(&flash);
    put(0, 0xd0);
    close_chip();
}
END_TEST

START_TEST(refuses_sizes) {
    struct Pflash p;
    ck_assert_int_eq(pflash_init(&p, "", 0, false, NULL), -EINVAL);
    ck_assert_int_eq(pflash_init(&p, "", 4095, false, NULL), -EINVAL);
    ck_assert_int_eq(pflash_init(&p, "", 0x1001000, false, NULL), -EINVAL);
    pflash_destroy(&p);
}
END_TEST

/* Any writes at all. */
START_TEST(survives_everything) {
    uint64_t x = 88172645463325252ull;
    open_chip(false);
    for (unsigned i = 0; i < 300000; i++) {
        static const uint8_t commands[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xb0, 0xd0, 0xe8, 0xff};
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint32_t at = (uint32_t)(x >> 20) % SIZE;
        if (x & 1)
            put(at, x & 6 ? commands[(x >> 8) % sizeof(commands)] : (uint8_t)(x >> 8));
        else
            get(at);
    }
    close_chip();
}
END_TEST

Suite *pflash_suite(void) {
    Suite *s = suite_create("pflash");
    TCase *t = tcase_create("pflash");
    tcase_add_test(t, is_found_by_firmware);
    tcase_add_test(t, programs_and_erases);
    tcase_add_test(t, programs_its_buffer);
    tcase_add_test(t, says_what_it_is);
    tcase_add_test(t, tells_what_failed);
    tcase_add_test(t, is_reset_and_restored);
    tcase_add_test(t, refuses_sizes);
    tcase_add_test(t, survives_everything);
    suite_add_tcase(s, t);
    return s;
}
