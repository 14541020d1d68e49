/* SPDX-License-Identifier: MIT */
#include "tests/unit/machine/boot_bench.h"

#include <stdlib.h>

#define MIB (1ull << 20)

static struct Image image;

static void use(struct Image i) {
    image = i;
    bench_kernel(i);
    bench_ram(16 * MIB);
}

static void teardown(void) {
    bench_teardown();
    free(image.data);
}

START_TEST(loads_elf) {
    use(image_elf(_i, true, false, 2 * MIB, 0xc0200000));
    bus_write_uint(bench_bus, 2 * MIB + IMAGE_ELF_FILESZ, 0xffffffff, 4);
    bench_in.cmdline = "one two";
    bench_load_ok();

    bench_check_flat32();
    ck_assert_uint_eq(bench_env.gpr[REG_AX], 0x2badb002);
    ck_assert_uint_eq(bench_env.rip, 2 * MIB + IMAGE_ELF_ENTRY);
    ck_assert_uint_eq(bench_read32(2 * MIB), 0x04030201);
    ck_assert_uint_eq(bench_read32(2 * MIB + IMAGE_ELF_FILESZ), 0); /* bss is cleared */

    uint32_t info = (uint32_t)bench_env.gpr[REG_BX], flags = bench_read32(info);
    ck_assert_uint_eq(flags, 1 << 0 | 1 << 2 | 1 << 6 | 1 << 9);
    ck_assert_uint_ge(info, 2 * MIB + IMAGE_ELF_MEMSZ);
    ck_assert_uint_eq(bench_read32(info + 4), 639);
    ck_assert_uint_eq(bench_read32(info + 8), 15 * 1024);
    bench_check_text(bench_read32(info + 16), "kernel one two");
    bench_check_text(bench_read32(info + 64), "twin86");
}
END_TEST

START_TEST(gives_a_memory_map) {
    uint64_t low = 0;

    use(image_elf(false, true, false, MIB, MIB));
    bench_load_ok();
    uint32_t info = (uint32_t)bench_env.gpr[REG_BX];
    uint32_t length = bench_read32(info + 44), addr = bench_read32(info + 48);
    for (uint32_t at = addr; at < addr + length; at += bench_read32(at) + 4) {
        if (bench_read32(at + 20) == E820_RAM && bench_read64(at + 4) == 0)
            low = bench_read64(at + 12);
    }
    ck_assert_uint_eq(low, EBDA_BASE);
}
END_TEST

/* A table of three: nothing, one that a segment has, and one that lies in the file alone, 64 bytes at 200h. */
static struct Image with_sections(bool is64, uint32_t size) {
    struct Image i = image_elf(is64, true, false, MIB, MIB);
    unsigned entry = is64 ? 64 : 40, at = (unsigned)i.size;
    i.size += 3 * entry;
    i.data = realloc(i.data, i.size);
    uint8_t *h = i.data + at;
    memset(h, 0, 3 * entry);
    put_le32(h + entry + 4, 1);
    put_le32(h + entry + 8, 2);
    put_le(h + entry + (is64 ? 32 : 20), 16, is64 ? 8 : 4);
    put_le32(h + 2 * entry + 4, 3);
    put_le(h + 2 * entry + (is64 ? 24 : 16), 0x200, is64 ? 8 : 4);
    put_le(h + 2 * entry + (is64 ? 32 : 20), size, is64 ? 8 : 4);
    put_le(i.data + (is64 ? 40 : 32), at, is64 ? 8 : 4);
    put_le16(i.data + (is64 ? 58 : 46), (uint16_t)entry);
    put_le16(i.data + (is64 ? 60 : 48), 3);
    put_le16(i.data + (is64 ? 62 : 50), 2);
    return i;
}

START_TEST(gives_sections) {
    use(with_sections(_i, 64));
    bench_load_ok();
    uint32_t info = (uint32_t)bench_env.gpr[REG_BX], entry = _i ? 64 : 40;
    ck_assert_uint_ne(bench_read32(info) & 1 << 5, 0);
    ck_assert_uint_eq(bench_read32(info + 28), 3);
    ck_assert_uint_eq(bench_read32(info + 32), entry);
    ck_assert_uint_eq(bench_read32(info + 40), 2);
    uint32_t table = bench_read32(info + 36);
    ck_assert_uint_eq(bench_read32(table + entry + (_i ? 16 : 12)), 0); /* where it was linked to */
    uint32_t addr = bench_read32(table + 2 * entry + (_i ? 16 : 12));
    ck_assert_uint_ge(addr, MIB + IMAGE_ELF_MEMSZ);
    ck_assert_uint_eq(bench_read32(addr), 0x04030201);
}
END_TEST

START_TEST(leaves_wrong_sections_out) {
    use(with_sections(_i, 0x7fffffff));
    bench_load_ok();
    uint32_t info = (uint32_t)bench_env.gpr[REG_BX];
    ck_assert_uint_eq(bench_read32(info) & 1 << 5, 0);
    ck_assert_uint_eq(bench_read32(info + 28), 0);
}
END_TEST

START_TEST(loads_flat_images) {
    use(image_multiboot_flat(2 * MIB));
    bus_write_uint(bench_bus, 2 * MIB + 8188, 0xffffffff, 4);
    bench_load_ok();
    bench_check_flat32();
    ck_assert_uint_eq(bench_env.rip, 2 * MIB + 64);
    ck_assert_uint_eq(bench_read32(2 * MIB), 0x90909090);
    ck_assert_uint_eq(bench_read32(2 * MIB + 8188), 0);
    ck_assert_uint_ge(bench_env.gpr[REG_BX], 2 * MIB + 8192);
}
END_TEST

START_TEST(passes_modules) {
    static const char first[] = "first module", second[] = "second";

    use(image_elf(false, true, false, MIB, MIB));
    bench_module("a.bin", first, sizeof(first), "x=1 y");
    bench_module("b.bin", second, sizeof(second), "");
    bench_load_ok();
    uint32_t info = (uint32_t)bench_env.gpr[REG_BX];
    ck_assert_uint_ne(bench_read32(info) & 1 << 3, 0);
    ck_assert_uint_eq(bench_read32(info + 20), 2);
    uint32_t list = bench_read32(info + 24);
    ck_assert_uint_eq(bench_read32(list) % 4096, 0);
    ck_assert_uint_eq(bench_read32(list + 4) - bench_read32(list), sizeof(first));
    bench_check_text(bench_read32(list), first);
    bench_check_text(bench_read32(list + 8), "a.bin x=1 y");
    bench_check_text(bench_read32(list + 16), second);
    bench_check_text(bench_read32(list + 24), "b.bin");
}
END_TEST

START_TEST(refuses_bad_addresses) {
    static const struct {
        uint8_t offset;
        uint32_t value;
        int err;
        const char *why;
    } bad[] = {
        {12, 0, -EINVAL, "outside"},            /* header before load address */
        {12, 0x300000, -EINVAL, "outside"},     /* header beyond the file's start */
        {20, 0x100000, -EINVAL, "ends before"}, /* load end before load */
        {20, 0x200201, -EINVAL, "ends before"}, /* beyond the file */
        {24, 0x200001, -EINVAL, "end of bss"},  /* bss ends in the image */
        {24, 0xfffffff0, -ENOMEM, "give it more"},
        {28, 0xfff00000, -EINVAL, "no memory"},
    };

    bench_ram(16 * MIB);
    for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct Image i = image_multiboot_flat(2 * MIB);
        put_le32(i.data + 16 + bad[k].offset, bad[k].value);
        bench_kernel(i);
        bench_load_fails(bad[k].err, bad[k].why);
        free(i.data);
    }
    image.data = NULL;
}
END_TEST

START_TEST(refuses_what_does_not_fit) {
    use(image_elf(false, true, false, 15 * MIB + 0xff800, MIB));
    bench_load_fails(-ENOMEM, "give it more");
    put_le32(image.data + 52 + 12, 0xa0000); /* video memory */
    bench_load_fails(-ENOMEM, "a0000h");
}
END_TEST

START_TEST(refuses_unknown_demands) {
    use(image_elf(false, true, false, MIB, MIB));
    put_le32(image.data + 0x184, 0x13);
    put_le32(image.data + 0x188, 0u - 0x1badb002 - 0x13);
    bench_load_fails(-EINVAL, "demands features 10h");
}
END_TEST

START_TEST(needs_a_valid_checksum) {
    use(image_elf(false, true, false, MIB, MIB));
    image.data[0x188]++;
    bench_load_fails(-EINVAL,
                     "at offset 384 whose magic number, flags (3h) and checksum (e4524ffch) add up to 1h; 0 would");
    image.data[0x180]++;
    bench_load_fails(-EINVAL, "neither a multiboot header");
}
END_TEST

START_TEST(says_where_a_header_lies_too_late) {
    use(image_multiboot_flat(2 * MIB));
    struct Image late = {calloc(1, 8192 + image.size), 8192 + image.size};
    memcpy(late.data + 8192, image.data, image.size);
    free(image.data);
    image = late;
    bench_kernel(late);
    bench_load_fails(-EINVAL, "a multiboot header at offset 8208; it must lie within the first 8192 bytes");
}
END_TEST

START_TEST(names_multiboot_2) {
    use(image_elf(_i, true, false, MIB, MIB));
    uint8_t *h = image.data + 0x180;
    put_le32(h, 0xe85250d6);
    put_le32(h + 4, 0);
    put_le32(h + 8, 24);
    put_le32(h + 12, 0u - 0xe85250d6 - 24);
    bench_load_fails(-EINVAL, "is a multiboot 2 kernel (its header is at offset 384)");
    h[12]++;
    bench_load_fails(-EINVAL, "neither a multiboot header");
}
END_TEST

/* ld -Ttext 0x100000: the file's headers are loaded a page below the code. */
START_TEST(loads_headers_below_1_mib) {
    use(image_elf(false, true, false, 0xff000, 0xff000));
    put_le32(image.data + 24, 0x100040);    /* entry */
    put_le32(image.data + 52 + 20, 0x3000); /* size in memory */
    bench_in.rsdp = BIOS_AREA_BASE;
    bench_load_ok();
    ck_assert_uint_eq(bench_read32(0xff000), 0x04030201);
    ck_assert_uint_eq(bench_env.rip, 0x100040);
    bench_env = (CPUX86State){.rip = 0xfff0};
    put_le32(image.data + 52 + 12, 0xe0000); /* the ACPI root pointer's page */
    bench_load_fails(-ENOMEM, "e0000h");
    put_le32(image.data + 52 + 12, 0xff000);
    put_le32(image.data + 52 + 20, 0xffffff); /* more than there is */
    bench_load_fails(-ENOMEM, "ff000h");
}
END_TEST

START_TEST(tells_the_kind_of_code) {
    ck_assert_uint_eq(boot_kernel_bits(&bench_in), 0);
    use(image_elf(_i, true, false, MIB, MIB));
    ck_assert_uint_eq(boot_kernel_bits(&bench_in), _i ? 64 : 32);
    free(image.data);
    image = image_bzimage(_i, 4096);
    bench_kernel(image);
    ck_assert_uint_eq(boot_kernel_bits(&bench_in), _i ? 64 : 32);
    free(image.data);
    image = image_multiboot_flat(MIB);
    bench_kernel(image);
    ck_assert_uint_eq(boot_kernel_bits(&bench_in), 0);
}
END_TEST

START_TEST(refuses_truncated_files) {
    use(image_elf(_i, true, false, MIB, MIB));
    for (size_t size = 0; size < image.size; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, image.data, size);
        bench_in.kernel.data = copy;
        bench_in.kernel.size = size;
        bench_load_fails(-EINVAL, "kernel: ");
        free(copy);
    }
}
END_TEST

Suite *multiboot_suite(void) {
    Suite *s = suite_create("multiboot");
    TCase *t = tcase_create("multiboot");

    tcase_add_checked_fixture(t, bench_setup, teardown);
    tcase_add_loop_test(t, loads_elf, 0, 2);
    tcase_add_test(t, gives_a_memory_map);
    tcase_add_loop_test(t, gives_sections, 0, 2);
    tcase_add_loop_test(t, leaves_wrong_sections_out, 0, 2);
    tcase_add_test(t, loads_flat_images);
    tcase_add_test(t, passes_modules);
    tcase_add_test(t, refuses_bad_addresses);
    tcase_add_test(t, refuses_what_does_not_fit);
    tcase_add_test(t, refuses_unknown_demands);
    tcase_add_test(t, needs_a_valid_checksum);
    tcase_add_test(t, says_where_a_header_lies_too_late);
    tcase_add_loop_test(t, names_multiboot_2, 0, 2);
    tcase_add_test(t, loads_headers_below_1_mib);
    tcase_add_loop_test(t, tells_the_kind_of_code, 0, 2);
    tcase_add_loop_test(t, refuses_truncated_files, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
