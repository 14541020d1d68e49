/* SPDX-License-Identifier: MIT */
/* Firmware ROMs, and the front door: kinds of files, boot_open, its messages. */
#include "tests/unit/machine/boot_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MIB (1ull << 20)

static struct Region rom;

static void use_rom(struct Image i) {
    bench_in.firmware = (struct BootFile){.name = "rom", .data = i.data, .size = i.size};
}

START_TEST(maps_the_rom) {
    struct Image i = image_firmware();

    bench_ram(16 * MIB);
    use_rom(i);
    ck_assert_int_eq(boot_map_firmware(&bench_in, bench_bus, &rom, bench_why, sizeof(bench_why)), 0);
    bench_load_ok();
    ck_assert_uint_eq(bench_env.rip, 0xfff0); /* as reset left it */
    ck_assert_uint_eq(bench_read32(0xfffffff0) & 0xff, 0xea);
    ck_assert_uint_eq(bench_read32(0xffff0000) & 0xff, 0xf4);
    bus_write_uint(bench_bus, 0xfffffff0, 0, 1);
    ck_assert_uint_eq(bench_read32(0xfffffff0) & 0xff, 0xea);
    bus_unmap(bench_bus, &rom);
    region_destroy(&rom);
    free(i.data);
}
END_TEST

START_TEST(refuses_bad_roms) {
    struct Image i = image_firmware(), bz = image_bzimage(true, 64512);

    bench_ram(16 * MIB);
    use_rom(i);
    bench_in.firmware.size = 0;
    bench_load_fails(-EINVAL, "rom: is empty");
    bench_in.firmware.size = i.size - 1;
    bench_load_fails(-EINVAL, "64 KiB");
    bench_in.firmware.size = i.size;
    memset(i.data + i.size - 16, 0xff, 16);
    bench_load_fails(-EINVAL, "reset vector");
    ck_assert_int_eq(boot_map_firmware(&bench_in, bench_bus, &rom, bench_why, sizeof(bench_why)), -EINVAL);
    use_rom(bz);
    bench_load_fails(-EINVAL, "use -kernel");
    bench_kernel(bz);
    bench_load_fails(-EINVAL, "both");
    free(i.data);
    free(bz.data);
}
END_TEST

START_TEST(has_an_embedded_guest) {
    bench_ram(16 * MIB);
    boot_use_embedded(&bench_in);
    ck_assert_uint_eq(embedded_guest_size, 0x10000);
    ck_assert_int_eq(boot_kind(&bench_in, bench_why, sizeof(bench_why)), BOOT_FIRMWARE);
    bench_load_ok();
}
END_TEST

START_TEST(tells_what_a_file_is_not) {
    static const struct {
        const char *bytes;
        const char *why;
    } file[] = {
        {"\x1f\x8b\x08", "gzip"},
        {"#!/bin/sh\n", "script"},
        {"070701000", "cpio"},
        {"!<arch>\ndebian", "archive"},
        {"hello", "no kernel that is known"},
    };

    for (unsigned k = 0; k < sizeof(file) / sizeof(file[0]); k++) {
        bench_in.kernel = (struct BootFile){.name = "kernel", .data = file[k].bytes, .size = strlen(file[k].bytes)};
        ck_assert_int_eq(boot_kind(&bench_in, bench_why, sizeof(bench_why)), BOOT_UNKNOWN);
        ck_assert_msg(strstr(bench_why, file[k].why) != NULL, "\"%s\" lacks \"%s\"", bench_why, file[k].why);
        ck_assert_int_eq(strncmp(bench_why, "kernel: ", 8), 0);
    }
    bench_in.kernel = (struct BootFile){0};
    bench_ram(MIB);
    bench_load_fails(-EINVAL, "nothing to boot");
}
END_TEST

/* ---- boot_open ---- */

static char path_kernel[64], path_initrd[64];

static void write_file(char *path, const char *name, const void *data, size_t size) {
    snprintf(path, 64, "test-boot-%d-%s", (int)getpid(), name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    fclose(f);
}

static void open_fails(const char *kernel, const char *initrd, const char *append, const char *bios, const char *part) {
    struct BootInput in;

    ck_assert_int_lt(boot_open(&in, 4 * MIB, kernel, initrd, append, bios, bench_why, sizeof(bench_why)), 0);
    ck_assert_msg(strstr(bench_why, part) != NULL, "\"%s\" lacks \"%s\"", bench_why, part);
    ck_assert_ptr_null(in.owned);
}

START_TEST(opens_files) {
    struct Image bz = image_bzimage(true, 4096), mb = image_elf(false, true, false, MIB, MIB);
    char list[256];

    write_file(path_kernel, "kernel", bz.data, bz.size);
    write_file(path_initrd, "init,rd", "070701", 6);
    ck_assert_int_eq(boot_open(&bench_in, 4 * MIB, path_kernel, path_initrd, "a b", NULL, bench_why, sizeof(bench_why)),
                     0);
    ck_assert_int_eq(boot_kind(&bench_in, bench_why, sizeof(bench_why)), BOOT_BZIMAGE);
    ck_assert_uint_eq(bench_in.kernel.size, bz.size);
    ck_assert_int_eq(memcmp(bench_in.kernel.data, bz.data, bz.size), 0);
    ck_assert_uint_eq(bench_in.module_count, 1);
    ck_assert_uint_eq(bench_in.module[0].size, 6);
    boot_close(&bench_in);

    write_file(path_kernel, "kernel", mb.data, mb.size);
    snprintf(list, sizeof(list), "%s first args,test-boot-%d-init,,rd", path_kernel, (int)getpid());
    ck_assert_int_eq(boot_open(&bench_in, 4 * MIB, path_kernel, list, NULL, NULL, bench_why, sizeof(bench_why)), 0);
    ck_assert_uint_eq(bench_in.module_count, 2);
    ck_assert_str_eq(bench_in.module[0].args, "first args");
    ck_assert_str_eq(bench_in.module[1].name, path_initrd);
    boot_close(&bench_in);
    open_fails(path_kernel, "nowhere", NULL, NULL, "nowhere: can't open the module");
    open_fails(path_kernel, ",", NULL, NULL, "file name is missing");
    open_fails(path_kernel, "/dev/zero", NULL, NULL, "/dev/zero: is too large; the module can have 4194304 bytes");
    snprintf(list, sizeof(list), "%s,%s,/dev/zero", path_kernel, path_kernel);
    open_fails(path_kernel, list, NULL, NULL, "too large"); /* together */
    unlink(path_kernel);
    unlink(path_initrd);
    free(bz.data);
    free(mb.data);
}
END_TEST

START_TEST(refuses_to_open) {
    open_fails("/nonexistent/k", NULL, NULL, NULL, "/nonexistent/k: can't open the kernel: No such file");
    open_fails("/", NULL, NULL, NULL, "is a directory");
    open_fails("/dev/null", NULL, NULL, NULL, "is empty");
    open_fails(NULL, NULL, NULL, "/dev/null", "is empty");
    open_fails(NULL, NULL, NULL, "/dev/zero", "is too large; the firmware ROM can have 16777216 bytes");
#ifndef TWIN86_SANITIZERS /* whose allocators take minutes for that much */
    open_fails("/dev/zero", NULL, NULL, NULL, "is too large");
#endif
    open_fails(NULL, "x", NULL, NULL, "-initrd needs a -kernel");
    open_fails(NULL, NULL, "x", NULL, "-append needs a -kernel");

    struct BootInput in;
    ck_assert_int_eq(boot_open(&in, 4 * MIB, NULL, NULL, NULL, NULL, bench_why, sizeof(bench_why)), 0);
    ck_assert_ptr_null(in.kernel.name);
    boot_close(&in);
}
END_TEST

Suite *firmware_suite(void) {
    Suite *s = suite_create("firmware");
    TCase *t = tcase_create("firmware");

    tcase_add_checked_fixture(t, bench_setup, bench_teardown);
    tcase_add_test(t, maps_the_rom);
    tcase_add_test(t, refuses_bad_roms);
    tcase_add_test(t, has_an_embedded_guest);
    tcase_add_test(t, tells_what_a_file_is_not);
    tcase_add_test(t, opens_files);
    tcase_add_test(t, refuses_to_open);
    suite_add_tcase(s, t);
    return s;
}
