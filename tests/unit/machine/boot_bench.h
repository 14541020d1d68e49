/* SPDX-License-Identifier: MIT */
/** A bus with RAM and a processor after reset, for the loaders' tests. Included by each of them. */
#ifndef TWIN86_TESTS_UNIT_BOOT_BENCH_H
#define TWIN86_TESTS_UNIT_BOOT_BENCH_H

#include "base/bytes.h"
#include "machine/boot/boot.h"
#include "tests/unit/machine/boot_images.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

static pthread_mutex_t bench_lock;
static struct Bus *bench_bus;
static struct Region bench_low, bench_high;
static struct BootInput bench_in;
static CPUX86State bench_env;
static char bench_why[256];

static inline void bench_ram(uint64_t size) {
    struct RamLayout ram = ram_layout(size);

    ck_assert_int_eq(region_init_ram(&bench_low, "low", ram.below_4g), 0);
    ck_assert_int_eq(bus_map(bench_bus, 0, &bench_low), 0);
    if (ram.above_4g != 0) {
        ck_assert_int_eq(region_init_ram(&bench_high, "high", ram.above_4g), 0);
        ck_assert_int_eq(bus_map(bench_bus, HIGH_RAM_BASE, &bench_high), 0);
    }
    bench_in.ram_size = size;
}

static inline void bench_setup(void) {
    bus_lock_init(&bench_lock);
    bench_bus = bus_new(&bench_lock);
    ck_assert_ptr_nonnull(bench_bus);
    bench_in = (struct BootInput){.long_mode = true};
    bench_env = (CPUX86State){.rip = 0xfff0};
}

static inline void bench_teardown(void) {
    bus_free(bench_bus);
    if (bench_low.size != 0)
        region_destroy(&bench_low);
    if (bench_high.size != 0)
        region_destroy(&bench_high);
    memset(&bench_low, 0, sizeof(bench_low));
    memset(&bench_high, 0, sizeof(bench_high));
}

static inline void bench_kernel(struct Image image) {
    bench_in.kernel = (struct BootFile){.name = "kernel", .data = image.data, .size = image.size, .args = ""};
}

static inline void bench_module(const char *name, const void *data, size_t size, const char *args) {
    bench_in.module[bench_in.module_count++] =
        (struct BootFile){.name = name, .data = data, .size = size, .args = args};
}

static inline void bench_load_ok(void) {
    int r = boot_load(&bench_in, bench_bus, &bench_env, bench_why, sizeof(bench_why));
    ck_assert_msg(r == 0, "boot_load: %d %s", r, bench_why);
}

/** Loading must fail with `err`, a message that has `part` in it, and the processor untouched. */
static inline void bench_load_fails(int err, const char *part) {
    int r = boot_load(&bench_in, bench_bus, &bench_env, bench_why, sizeof(bench_why));
    ck_assert_msg(r == err, "boot_load: %d (%s) instead of %d", r, bench_why, err);
    ck_assert_msg(strstr(bench_why, part) != NULL, "message \"%s\" lacks \"%s\"", bench_why, part);
    ck_assert_msg(strchr(bench_why, '\n') == NULL, "message of more than one line");
    ck_assert_uint_eq(bench_env.rip, 0xfff0);
}

static inline uint32_t bench_read32(uint64_t gpa) { return (uint32_t)bus_read_uint(bench_bus, gpa, 4); }
static inline uint64_t bench_read64(uint64_t gpa) { return bus_read_uint(bench_bus, gpa, 8); }

static inline void bench_check_text(uint64_t gpa, const char *expected) {
    char text[128] = {0};
    size_t n = strlen(expected) + 1;
    ck_assert_uint_le(n, sizeof(text));
    bus_read(bench_bus, gpa, text, n);
    ck_assert_str_eq(text, expected);
}

/** Flat 32-bit protected mode, paging and interrupts off. */
static inline void bench_check_flat32(void) {
    ck_assert_uint_eq(bench_env.cr0 & (CR0_PE | CR0_PG), CR0_PE);
    ck_assert_uint_eq(bench_env.rflags, FLAG_ONE);
    ck_assert_uint_eq(bench_env.seg[SEG_CS].base, 0);
    ck_assert_uint_eq(bench_env.seg[SEG_CS].limit, UINT32_MAX);
    ck_assert_uint_eq(bench_env.seg[SEG_CS].ar & (AR_DB | AR_L | AR_CODE | AR_P), AR_DB | AR_CODE | AR_P);
    ck_assert_uint_eq(bench_env.seg[SEG_SS].limit, UINT32_MAX);
    ck_assert_uint_eq(x86_cpl(&bench_env), 0);
}

#endif
