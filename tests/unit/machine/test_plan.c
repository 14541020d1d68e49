/* SPDX-License-Identifier: MIT */
/* Plans for the option ROM: followed, they leave RAM as the loaders do that write it themselves. */
#include "machine/boot/load_bzimage.h"
#include "machine/boot/plan.h"
#include "tests/unit/machine/boot_bench.h"

#include <stdlib.h>

#define MIB (1ull << 20)
enum { RAM = 16 * MIB, KEY_KERNEL = 0x100, KEY_MODULE };

static struct Image image;
static struct BootPlan plan;

static void setup(void) {
    bench_setup();
    bench_ram(RAM);
    ck_assert_int_eq(plan_init(&plan), 0);
}

static void teardown(void) {
    bench_teardown();
    plan_free(&plan);
    free(image.data);
    image.data = NULL;
}

static int make_plan(struct Image i) {
    image = i;
    bench_kernel(i);
    plan_add_source(&plan, KEY_KERNEL, i.data, i.size);
    for (unsigned k = 0; k < bench_in.module_count; k++)
        plan_add_source(&plan, KEY_MODULE + k, bench_in.module[k].data, bench_in.module[k].size);
    return boot_plan(&bench_in, bench_bus, &plan, bench_why, sizeof(bench_why));
}

static uint32_t head(unsigned field) { return get_le32(plan.bytes + field); }

/* What fw_cfg has: zeroes beyond an item's end. */
static void fetch(uint32_t key, uint64_t offset, uint8_t *to, size_t size) {
    struct PlanSource s = {PLAN_KEY_PIECES, plan.pieces, plan.pieces_size};
    for (unsigned i = 0; i < plan.sources; i++)
        if (plan.source[i].key == key)
            s = plan.source[i];
    memset(to, 0, size);
    if (key == PLAN_KEY_ZEROES || offset >= s.size)
        return;
    ck_assert_uint_eq(s.key, key);
    memcpy(to, s.data + offset, size < s.size - offset ? size : s.size - offset);
}

/* Does what the ROM does, but for the start information, in RAM's copy. */
static uint8_t *follow(void) {
    uint8_t *ram = calloc(1, RAM);
    for (unsigned i = 0; i < head(PLAN_STEPS); i++) {
        const uint8_t *s = plan.bytes + PLAN_STEPS_AT + i * STEP_SIZE;
        uint64_t to = get_le32(s + STEP_TO), size = get_le32(s + STEP_LENGTH);
        ck_assert_uint_ge(to, PLAN_LOWEST);
        ck_assert_uint_le(to + size, RAM - FIRMWARE_AREA_SIZE);
        fetch(get_le32(s + STEP_KEY), get_le32(s + STEP_OFFSET), ram + to, size);
    }
    return ram;
}

static void load_for_comparison(uint8_t *ram) {
    bench_load_ok();
    bus_read(bench_bus, 0, ram, RAM);
}

/* Wherever the kernels' own entry is in 32-bit mode, all is the same but the block at PLAN_INFO_AT. */
static void compare_flat(uint64_t info_size, uint64_t map_length, uint64_t rest) {
    uint8_t *got = follow(), *want = malloc(RAM);
    load_for_comparison(want);
    uint32_t info = head(PLAN_INFO_AT);
    ck_assert_uint_eq(head(PLAN_MODE), PLAN_FLAT);
    ck_assert_uint_eq(head(PLAN_ENTRY), bench_env.rip);
    ck_assert_uint_eq(head(PLAN_EAX), bench_env.gpr[REG_AX]);
    ck_assert_uint_eq(head(PLAN_EBX), bench_env.gpr[REG_BX]);
    ck_assert_uint_eq(info, bench_env.gpr[REG_BX]);
    ck_assert_uint_eq(get_le16(plan.bytes + PLAN_GDTR), bench_env.gdt.limit);
    ck_assert_uint_eq(get_le32(plan.bytes + PLAN_GDTR + 2), bench_env.gdt.base);
    memcpy(got + info, plan_info(&plan), PLAN_INFO_SIZE);
    /* what the ROM fills in */
    memset(want + info + map_length, 0, 4);
    memset(want + info + rest, 0, 8);
    ck_assert_mem_eq(got + info, want + info, info_size);
    memset(want + info, 0, PLAN_BLOCK_SIZE);
    memset(got + info, 0, PLAN_BLOCK_SIZE);
    ck_assert(memcmp(got, want, RAM) == 0);
    free(got);
    free(want);
}

static char module_text[] = "second module", ramdisk[5000] = "070701";

static void add_modules(void) {
    bench_in.cmdline = "one two";
    bench_module("a.bin", ramdisk, sizeof(ramdisk), "x=1 y");
    bench_module("b.bin", module_text, sizeof(module_text), "");
}

START_TEST(multiboot_elf) {
    add_modules();
    ck_assert_int_eq(make_plan(image_elf(_i, true, false, 2 * MIB, 0xc0200000)), 0);
    ck_assert_uint_eq(head(PLAN_MAP_HEAD), 4);
    ck_assert_uint_eq(head(PLAN_MAP_UNIT), PLAN_MAP_ENTRY);
    compare_flat(88, 44, 4);
    /* files are not copied */
    ck_assert_uint_lt(plan.pieces_size, 1000);
}
END_TEST

START_TEST(multiboot_flat) {
    ck_assert_int_eq(make_plan(image_multiboot_flat(2 * MIB)), 0);
    compare_flat(88, 44, 4);
}
END_TEST

START_TEST(pvh) {
    add_modules();
    ck_assert_int_eq(make_plan(image_elf(_i, false, true, 2 * MIB, 2 * MIB)), 0);
    ck_assert_uint_eq(head(PLAN_MAP_HEAD), 0);
    ck_assert_uint_eq(head(PLAN_MAP_UNIT), 1);
    compare_flat(56, 48, 32);
}
END_TEST

/* Real mode: the file's own setup code with a header that says where things are. */
START_TEST(bzimage) {
    bench_in.cmdline = "one two";
    bench_module("initrd", ramdisk, sizeof(ramdisk), "");
    ck_assert_int_eq(make_plan(image_bzimage(_i, 4096)), 0);
    uint8_t *ram = follow();
    size_t setup = bzimage_setup_size(image.data, image.size);
    const uint8_t *h = ram + 0x10000;
    ck_assert_uint_eq(head(PLAN_MODE), PLAN_REAL);
    ck_assert_uint_eq(head(PLAN_ENTRY), 0x10200000);
    ck_assert_uint_eq(head(PLAN_STACK), 0x1000e000);
    ck_assert_mem_eq(h, image.data, 0x1f1);
    ck_assert_mem_eq(h + 0x290, image.data + 0x290, setup - 0x290);
    ck_assert_uint_eq(h[0x210], 0xff);
    ck_assert_uint_eq(h[0x211] & 0x81, 0x81); /* loaded high, heap may be used */
    ck_assert_uint_eq(get_le16(h + 0x224), 0xde00);
    ck_assert_str_eq((char *)ram + get_le32(h + 0x228), "one two");
    ck_assert_uint_eq(get_le32(h + 0x21c), sizeof(ramdisk));
    ck_assert_mem_eq(ram + get_le32(h + 0x218), ramdisk, sizeof(ramdisk));
    uint32_t code = get_le32(h + 0x214);
    ck_assert_mem_eq(ram + code, image.data + setup, image.size - setup);
    free(ram);
}
END_TEST

/* The BIOS is where the page below 1 MiB would be, and uses the first 32 KiB itself. */
START_TEST(refused) {
    static const struct {
        uint64_t at;
        const char *why;
    } bad[] = {{0x1000, "kernel-firmware=off"}, {0xff000, "is not free"}, {RAM - 4096, "is not free"}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int r = make_plan(image_elf(false, true, false, bad[i].at, bad[i].at));
        ck_assert_int_eq(r, -ENOMEM);
        ck_assert_msg(strstr(bench_why, bad[i].why) != NULL, "\"%s\" lacks \"%s\"", bench_why, bad[i].why);
        free(image.data);
    }
    image.data = NULL;
    bench_in.ram_size = 2 * MIB;
    ck_assert_int_eq(make_plan(image_multiboot_flat(MIB)), -ENOMEM);
    ck_assert_ptr_nonnull(strstr(bench_why, "4 MiB are the least"));
}
END_TEST

/* A long run of zeroes is more than one step: fw_cfg gives 64 MiB beyond an item's end. */
START_TEST(many_zeroes) {
    ck_assert_int_eq(plan_copy(&plan, MIB, NULL, 100 * MIB), 0);
    uint64_t at = MIB;
    for (unsigned i = 0; i < plan.steps; i++) {
        const uint8_t *s = plan.bytes + PLAN_STEPS_AT + i * STEP_SIZE;
        ck_assert_uint_eq(get_le32(s + STEP_KEY), PLAN_KEY_ZEROES);
        ck_assert_uint_eq(get_le32(s + STEP_OFFSET), 0);
        ck_assert_uint_eq(get_le32(s + STEP_TO), at);
        ck_assert_uint_le(get_le32(s + STEP_LENGTH), 64 * MIB);
        at += get_le32(s + STEP_LENGTH);
    }
    ck_assert_uint_eq(at, 101 * MIB);
}
END_TEST

Suite *plan_suite(void) {
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, multiboot_elf, 0, 2);
    tcase_add_test(t, multiboot_flat);
    tcase_add_loop_test(t, pvh, 0, 2);
    tcase_add_loop_test(t, bzimage, 0, 2);
    tcase_add_test(t, refused);
    tcase_add_test(t, many_zeroes);
    suite_add_tcase(s, t);
    return s;
}
