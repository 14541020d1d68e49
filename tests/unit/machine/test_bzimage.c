/* SPDX-License-Identifier: MIT */
#include "tests/unit/machine/boot_bench.h"

#include <stdlib.h>

enum { PARAMS = 0x10000, CODE_SIZE = 4096, SETUP_SIZE = 1024 };
#define MIB (1ull << 20)

static struct Image image;
static uint8_t initrd[5000];

static void setup(void) {
    bench_setup();
    memcpy(initrd, "070701", 6);
    initrd[sizeof(initrd) - 1] = 0x5a;
}

static void use(bool kernel64, uint64_t ram) {
    image = image_bzimage(kernel64, CODE_SIZE);
    bench_kernel(image);
    bench_ram(ram);
}

static void teardown(void) {
    bench_teardown();
    free(image.data);
}

START_TEST(enters_64_bit_kernels_in_long_mode) {
    use(true, 64 * MIB);
    bench_in.rsdp = 0xe0000;
    bench_in.cmdline = "console=ttyS0";
    bench_load_ok();

    ck_assert_uint_eq(bench_env.rip, 0x1000000 + 0x200);
    ck_assert(x86_code64(&bench_env));
    ck_assert_uint_eq(bench_env.cr0 & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
    ck_assert_uint_eq(bench_env.cr4, CR4_PAE);
    ck_assert_uint_eq(bench_env.gpr[REG_SI], PARAMS);
    ck_assert_uint_eq(bench_env.seg[SEG_CS].selector, 0x10);
    ck_assert_uint_eq(bench_env.seg[SEG_DS].selector, 0x18);
    ck_assert_uint_eq(bench_env.rflags, FLAG_ONE);
    ck_assert_uint_eq(bench_read64(bench_env.gdt.base + 0x10), 0x00af9b000000ffff);

    /* Page tables map 4 GiB one to one. */
    uint64_t pdpt = bench_read64(bench_env.cr3) & ~0xfffull;
    for (uint64_t gib = 0; gib < 4; gib++) {
        uint64_t pd = bench_read64(pdpt + gib * 8) & ~0xfffull;
        ck_assert_uint_eq(bench_read64(pd + 511 * 8), (gib << 30) + (511ull << 21) + 0x83);
    }

    ck_assert_uint_eq(bench_read32(0x1000000 + 0x44), 0x47464544);
    ck_assert_uint_eq(bench_read64(PARAMS + 0x70), 0xe0000);
    ck_assert_uint_eq(bench_read32(PARAMS + 0x202), 0x53726448);
    ck_assert_uint_eq(bench_read32(PARAMS + 0x210) & 0xff, 0xff);
    bench_check_text(bench_read32(PARAMS + 0x228), "console=ttyS0");
    unsigned entries = bench_read32(PARAMS + 0x1e8) & 0xff;
    ck_assert_uint_ge(entries, 4);
    ck_assert_uint_eq(bench_read64(PARAMS + 0x2d0), 0);
    ck_assert_uint_eq(bench_read64(PARAMS + 0x2d8), EBDA_BASE);
    ck_assert_uint_eq(bench_read32(PARAMS + 0x2e0), E820_RAM);
}
END_TEST

START_TEST(enters_32_bit_kernels_in_protected_mode) {
    use(false, 64 * MIB);
    bench_in.long_mode = false;
    bench_load_ok();
    bench_check_flat32();
    ck_assert_uint_eq(bench_env.rip, 0x1000000);
    ck_assert_uint_eq(bench_env.gpr[REG_SI], PARAMS);
    ck_assert_uint_eq(bench_env.gpr[REG_BX] | bench_env.gpr[REG_BP] | bench_env.gpr[REG_DI], 0);
}
END_TEST

START_TEST(places_the_initrd_high) {
    use(true, 64 * MIB);
    bench_in.acpi_base = 64 * MIB - ACPI_AREA_SIZE;
    bench_in.acpi_size = ACPI_AREA_SIZE;
    bench_module("initrd", initrd, sizeof(initrd), "");
    bench_load_ok();
    uint32_t addr = bench_read32(PARAMS + 0x218);
    ck_assert_uint_eq(addr, 64 * MIB - ACPI_AREA_SIZE - 8192);
    ck_assert_uint_eq(bench_read32(PARAMS + 0x21c), sizeof(initrd));
    ck_assert_uint_eq(bench_read32(addr + sizeof(initrd) - 4) >> 24, 0x5a);
}
END_TEST

START_TEST(obeys_initrd_addr_max) {
    use(true, 64 * MIB);
    put_le32(image.data + 0x22c, 0x2ffffff);
    bench_module("initrd", initrd, sizeof(initrd), "");
    bench_load_ok();
    ck_assert_uint_eq(bench_read32(PARAMS + 0x218), 0x3000000 - 8192);
}
END_TEST

START_TEST(puts_the_initrd_above_4g_only_if_allowed) {
    use(true, 3 * 1024 * MIB + 64 * MIB);
    put_le32(image.data + 0x22c, 0xfffff); /* nothing fits below */
    bench_module("initrd", initrd, sizeof(initrd), "");
    bench_load_ok();
    ck_assert_uint_eq(bench_read32(PARAMS + 0xc0), 1);
    ck_assert_uint_eq(bench_read32(PARAMS + 0x218), 64 * MIB - 8192);

    put_le16(image.data + 0x236, 1);
    bench_env.rip = 0xfff0;
    bench_load_fails(-ENOMEM, "initrd: ");
}
END_TEST

START_TEST(relocates_when_memory_is_small) {
    use(true, 12 * MIB);
    bench_load_ok();
    ck_assert_uint_eq(bench_env.rip, 0x200000 + 0x200);
}
END_TEST

START_TEST(wants_enough_memory) {
    use(true, 4 * MIB);
    bench_load_fails(-ENOMEM, "give it more");
}
END_TEST

START_TEST(wants_memory_at_all) {
    use(true, 1 * MIB);
    bench_in.ram_size = 0;
    bench_load_fails(-EINVAL, "1 MiB is the least");
}
END_TEST

START_TEST(refuses_64_bit_kernels_on_32_bit_processors) {
    use(true, 64 * MIB);
    bench_in.long_mode = false;
    bench_load_fails(-EINVAL, "64-bit kernel");
}
END_TEST

START_TEST(limits_the_command_line) {
    char line[2049];

    use(true, 64 * MIB);
    memset(line, 'x', sizeof(line));
    line[2047] = '\0';
    bench_in.cmdline = line;
    bench_load_ok();
    bench_env.rip = 0xfff0;
    line[2047] = 'x';
    line[2048] = '\0';
    bench_load_fails(-EINVAL, "2047");
    put_le32(image.data + 0x238, UINT32_MAX); /* an absurd limit is no licence */
    bench_load_ok();
}
END_TEST

START_TEST(refuses_bad_initrds) {
    use(true, 64 * MIB);
    bench_module("initrd", initrd, 0, "");
    bench_load_fails(-EINVAL, "initrd: is empty");
    bench_in.module[0].size = sizeof(initrd);
    initrd[0] = 'x';
    bench_load_fails(-EINVAL, "no initial RAM disk");
    initrd[0] = '0';
    bench_module("second", initrd, sizeof(initrd), "");
    bench_load_fails(-EINVAL, "one initial RAM disk");
}
END_TEST

START_TEST(refuses_truncated_files) {
    use(true, 64 * MIB);
    for (size_t size = 0; size < image.size; size += size < 700 ? 1 : 61) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, image.data, size);
        bench_in.kernel.data = copy;
        bench_in.kernel.size = size;
        if (image.size - size >= 16)
            bench_load_fails(-EINVAL, "kernel: ");
        free(copy);
    }
}
END_TEST

START_TEST(refuses_corrupted_headers) {
    static const struct {
        uint16_t offset, value;
        const char *why;
    } bad[] = {
        {0x206, 0x201, "too old"},       {0x201, 0x4801, "length"},  {0x200, 0x6a90, "length"}, {0x211, 0, "zImage"},
        {0x230, 0x0003, "power of two"}, {0x1f4, 0xffff, "cut off"}, {0x1f4, 0, "no code"},
    };

    use(true, 64 * MIB);
    for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        uint8_t *copy = malloc(image.size);
        memcpy(copy, image.data, image.size);
        put_le16(copy + bad[k].offset, bad[k].value);
        bench_in.kernel.data = copy;
        bench_load_fails(-EINVAL, bad[k].why);
        free(copy);
    }
}
END_TEST

Suite *bzimage_suite(void) {
    Suite *s = suite_create("bzimage");
    TCase *t = tcase_create("bzimage");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, enters_64_bit_kernels_in_long_mode);
    tcase_add_test(t, enters_32_bit_kernels_in_protected_mode);
    tcase_add_test(t, places_the_initrd_high);
    tcase_add_test(t, obeys_initrd_addr_max);
    tcase_add_test(t, puts_the_initrd_above_4g_only_if_allowed);
    tcase_add_test(t, relocates_when_memory_is_small);
    tcase_add_test(t, wants_enough_memory);
    tcase_add_test(t, wants_memory_at_all);
    tcase_add_test(t, refuses_64_bit_kernels_on_32_bit_processors);
    tcase_add_test(t, limits_the_command_line);
    tcase_add_test(t, refuses_bad_initrds);
    tcase_add_test(t, refuses_truncated_files);
    tcase_add_test(t, refuses_corrupted_headers);
    suite_add_tcase(s, t);
    return s;
}
