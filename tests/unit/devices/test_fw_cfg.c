/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/firmware/fw_cfg.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

static struct DeviceBench b;
static struct FwCfg f;
static struct Region ram;

static void open_bench(void) {
    bench_open(&b);
    ck_assert_int_eq(region_init_ram(&ram, "ram", 0x10000), 0);
    ck_assert_int_eq(bus_map(b.bus, 0, &ram), 0);
    ck_assert_int_eq(fw_cfg_init(&f, b.bus), 0);
    ck_assert_int_eq(fw_cfg_map(&f, FW_CFG_BASE), 0);
}

static void close_bench(void) {
    fw_cfg_destroy(&f);
    bench_close(&b);
    region_destroy(&ram);
}

static void choose(uint16_t key) { bus_port_write(b.bus, 0x510, key, 2); }

static uint64_t next(unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)bench_in(&b, 0x511) << 8 * i;
    return v;
}

/* Runs a request at 8000h; returns the control word afterwards. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address) {
    struct {
        uint32_t control, length;
        uint64_t address;
    } r = {htobe32(control), htobe32(length), htobe64(address)};
    bus_write(b.bus, 0x8000, &r, sizeof(r));
    bus_port_write(b.bus, 0x514, 0, 4);
    bus_port_write(b.bus, 0x518, htobe32(0x8000), 4);
    return be32toh((uint32_t)bus_read_uint(b.bus, 0x8000, 4));
}

START_TEST(items_by_port) {
    open_bench();
    choose(FW_CFG_SIGNATURE);
    ck_assert_uint_eq(next(4), 0x554d4551);
    ck_assert_uint_eq(next(2), 0); /* past the end */
    choose(FW_CFG_ID);
    ck_assert_uint_eq(next(4), 3);
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_RAM_SIZE, 0x123456789a, 8), 0);
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_NB_CPUS, 4, 2), 0);
    ck_assert_int_eq(fw_cfg_add_string(&f, FW_CFG_CMDLINE_DATA, "console=ttyS0"), 0);
    ck_assert_int_eq(fw_cfg_add_string(&f, FW_CFG_CMDLINE_DATA, "hi"), 0); /* replaced */
    choose(FW_CFG_RAM_SIZE);
    ck_assert_uint_eq(next(8), 0x123456789a);
    choose(FW_CFG_NB_CPUS);
    ck_assert_uint_eq(next(4), 4);
    choose(FW_CFG_CMDLINE_DATA);
    ck_assert_uint_eq(next(4), 0x6968);
    choose(0x7777);
    ck_assert_uint_eq(next(4), 0);
    choose(0xffff);
    ck_assert_uint_eq(next(4), 0);
    choose(FW_CFG_RAM_SIZE);
    next(3);
    fw_cfg_reset(&f);
    ck_assert_uint_eq(next(4), 0x554d4551);
    bench_out(&b, 0x511, 9); /* items can't be written */
    choose(FW_CFG_SIGNATURE);
    ck_assert_uint_eq(next(4), 0x554d4551);
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_NB_CPUS, 4, 3), -EINVAL);
    ck_assert_int_eq(fw_cfg_add_bytes(&f, FW_CFG_FILE_DIR, "", 1), -EINVAL);
    ck_assert_int_eq(fw_cfg_add_bytes(&f, 0x100, "", 1), -EINVAL);
    /* the PC's own */
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_IRQ0_OVERRIDE, 1, 1), 0);
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_ARCH + FW_CFG_ARCH_KEYS, 1, 1), -EINVAL);
    ck_assert_int_eq(fw_cfg_add_int(&f, FW_CFG_FILE_FIRST, 1, 1), -EINVAL);
    choose(FW_CFG_IRQ0_OVERRIDE);
    ck_assert_uint_eq(next(2), 1);
    choose(FW_CFG_IRQ0_OVERRIDE | 0x4000);
    ck_assert_uint_eq(next(1), 1);
    choose(FW_CFG_ARCH + FW_CFG_ARCH_KEYS);
    ck_assert_uint_eq(next(1), 0);
    close_bench();
}
END_TEST

static uint32_t next_be(unsigned bytes) {
    uint32_t v = 0;
    while (bytes--)
        v = v << 8 | bench_in(&b, 0x511);
    return v;
}

START_TEST(files) {
    open_bench();
    choose(FW_CFG_FILE_DIR);
    ck_assert_uint_eq(next_be(4), 0);
    ck_assert_int_eq(fw_cfg_add_file(&f, "etc/e820", "abcdef", 6), 0);
    ck_assert_int_eq(fw_cfg_add_file(&f, "bootorder", "xyz", 3), 0);
    ck_assert_int_eq(fw_cfg_add_file(&f, "etc/e820", "gh", 2), 0);
    choose(FW_CFG_FILE_DIR);
    ck_assert_uint_eq(next_be(4), 2);
    for (unsigned i = 0; i < 2; i++) { /* sorted by name */
        char name[FW_CFG_FILE_NAME];
        uint32_t size = next_be(4), key = next_be(2);
        ck_assert_uint_eq(next_be(2), 0);
        for (unsigned c = 0; c < sizeof(name); c++)
            name[c] = bench_in(&b, 0x511);
        ck_assert_str_eq(name, i ? "etc/e820" : "bootorder");
        ck_assert_uint_eq(size, i ? 2 : 3);
        ck_assert_uint_eq(key, i ? 0x20 : 0x21);
    }
    choose(0x20);
    ck_assert_uint_eq(next(4), 0x6867);
    ck_assert_int_eq(fw_cfg_add_file(&f, "", "x", 1), -EINVAL);
    ck_assert_int_eq(fw_cfg_add_file(&f, "a name of more than fifty-five characters does not fit in there", "x", 1),
                     -EINVAL);
    char name[16];
    for (unsigned i = f.files; i < FW_CFG_FILE_SLOTS; i++) {
        snprintf(name, sizeof(name), "opt/%u", i);
        ck_assert_int_eq(fw_cfg_add_file(&f, name, "x", 1), 0);
    }
    ck_assert_int_eq(fw_cfg_add_file(&f, "opt/more", "x", 1), -ENOSPC);
    uint32_t size;
    ck_assert_mem_eq(fw_cfg_file(&f, "etc/e820", &size), "gh", 2);
    ck_assert_uint_eq(size, 2);
    ck_assert_ptr_null(fw_cfg_file(&f, "opt/more", &size));
    close_bench();
}
END_TEST

START_TEST(by_dma) {
    open_bench();
    char got[16];
    ck_assert_uint_eq(bus_port_read(b.bus, 0x514, 4), 0x554d4551); /* "QEMU" */
    ck_assert_uint_eq(bus_port_read(b.bus, 0x518, 4), 0x47464320); /* " CFG" */
    ck_assert_int_eq(fw_cfg_add_bytes(&f, FW_CFG_KERNEL_DATA, "0123456789", 10), 0);
    /* select and read */
    ck_assert_uint_eq(dma((uint32_t)FW_CFG_KERNEL_DATA << 16 | 8 | 2, 4, 0x1000), 0);
    bus_read(b.bus, 0x1000, got, 4);
    ck_assert_mem_eq(got, "0123", 4);
    /* skip, then read past the end */
    ck_assert_uint_eq(dma(4, 2, 0), 0);
    memset(got, 0x55, sizeof(got));
    bus_write(b.bus, 0x1000, got, sizeof(got));
    ck_assert_uint_eq(dma(2, 8, 0x1000), 0);
    bus_read(b.bus, 0x1000, got, 9);
    ck_assert_mem_eq(got, "6789\0\0\0\0\x55", 9);
    /* writing is refused */
    ck_assert_uint_eq(dma((uint32_t)FW_CFG_KERNEL_DATA << 16 | 8 | 16, 4, 0x1000), 1);
    ck_assert_uint_eq(next(1), '0');
    /* beyond RAM, wrapping: refused; skipping far: nothing happens */
    ck_assert_uint_eq(dma(2, 0x2000, UINT64_MAX - 0x1000), 1);
    ck_assert_uint_eq(dma(2, 0x2000, 0xf000), 1);
    ck_assert_uint_eq(dma(4, UINT32_MAX, 0), 0);
    ck_assert_uint_eq(dma(4, UINT32_MAX, 0), 0);
    ck_assert_uint_eq(next(1), 0);
    bus_port_write(b.bus, 0x514, 0xffffffff, 4);
    bus_port_write(b.bus, 0x518, 0xffffffff, 4);
    close_bench();
}
END_TEST

static void count_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)value, (void)size;
    ++*(unsigned *)opaque;
}

/* One instruction of the guest asks for all that 32 bits can say. */
START_TEST(endless_dma) {
    static const struct IoOps ops = {.write = count_write, .min_size = 1, .max_size = 8};
    enum { DEVICE = 0x40000000, MORE_RAM = 0x10000000, ITEM = FW_CFG_KERNEL_DATA << 16 | 8 };
    static struct Region device, more;
    unsigned writes = 0;
    open_bench();
    region_init_mmio(&device, "device", 0x80000000, &ops, &writes);
    ck_assert_int_eq(bus_map(b.bus, DEVICE, &device), 0);
    ck_assert_int_eq(region_init_ram(&more, "more", MORE_RAM), 0);
    ck_assert_int_eq(bus_map(b.bus, MORE_RAM, &more), 0);
    ck_assert_int_eq(fw_cfg_add_bytes(&f, FW_CFG_KERNEL_DATA, "0123456789", 10), 0);
    ck_assert_uint_eq(dma(ITEM | 2, UINT32_MAX, DEVICE), 1);
    ck_assert_uint_eq(dma(2, 4, DEVICE), 1);
    ck_assert_uint_eq(writes, 0);
    /* zeroes without end */
    ck_assert_uint_eq(dma(2, MORE_RAM, MORE_RAM), 1);
    ck_assert_uint_eq(bus_read_uint(b.bus, MORE_RAM, 1), 0);
    ck_assert_uint_eq(dma(2, 1 << 20, MORE_RAM), 0);
    ck_assert_uint_eq(bus_read_uint(b.bus, MORE_RAM, 1), '0');
    close_bench();
    region_destroy(&more);
}
END_TEST

Suite *fw_cfg_suite(void) {
    Suite *s = suite_create("fw_cfg");
    TCase *t = tcase_create("fw_cfg");
    tcase_add_test(t, items_by_port);
    tcase_add_test(t, files);
    tcase_add_test(t, by_dma);
    tcase_add_test(t, endless_dma);
    suite_add_tcase(s, t);
    return s;
}
