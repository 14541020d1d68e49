/* SPDX-License-Identifier: MIT */
#include "machine/boot/elf.h"

#include "base/bytes.h"
#include "tests/unit/machine/boot_images.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char why[160];
static struct Elf elf;
static struct ElfSegment seg;

/* Loop tests run as 32-bit (0) and 64-bit (1). */

START_TEST(reads_both_classes) {
    struct Image i = image_elf(_i, false, true, 0x100000, 0x80100000);

    ck_assert_int_eq(elf_open(&elf, i.data, i.size, why, sizeof(why)), 0);
    ck_assert_int_eq(elf.is64, _i);
    ck_assert_uint_eq(elf.entry, 0x80100040);
    ck_assert_uint_eq(elf.phnum, 2);
    ck_assert_int_eq(elf_segment(&elf, 0, &seg, why, sizeof(why)), 0);
    ck_assert_uint_eq(seg.type, ELF_PT_LOAD);
    ck_assert_uint_eq(seg.paddr, 0x100000);
    ck_assert_uint_eq(seg.vaddr, 0x80100000);
    ck_assert_uint_eq(seg.offset, IMAGE_ELF_CODE_OFFSET);
    ck_assert_uint_eq(seg.filesz, IMAGE_ELF_FILESZ);
    ck_assert_uint_eq(seg.memsz, IMAGE_ELF_MEMSZ);
    ck_assert_int_eq(elf_segment(&elf, 2, &seg, why, sizeof(why)), -EINVAL);
    free(i.data);
}
END_TEST

START_TEST(finds_notes) {
    struct Image i = image_elf(_i, false, true, 0x100000, 0x100000);
    struct ElfNote note;

    ck_assert_int_eq(elf_open(&elf, i.data, i.size, why, sizeof(why)), 0);
    ck_assert(elf_find_note(&elf, "Xen", 18, &note));
    ck_assert_uint_eq(note.size, _i ? 8 : 4);
    ck_assert_uint_eq(get_le32(note.desc), 0x100040);
    ck_assert(!elf_find_note(&elf, "Xen", 19, &note));
    ck_assert(!elf_find_note(&elf, "Xe", 18, &note));
    free(i.data);
}
END_TEST

START_TEST(refuses_every_truncation) {
    struct Image i = image_elf(_i, false, true, 0x100000, 0x100000);

    for (size_t size = 0; size < i.size; size++) {
        /* An exact copy, so that a memory checker sees a read one byte too far. */
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, i.data, size);
        int r = elf_open(&elf, copy, size, why, sizeof(why));
        if (r == 0)
            r = elf_segment(&elf, 0, &seg, why, sizeof(why));
        ck_assert_msg(r == -EINVAL, "%zu bytes accepted", size);
        free(copy);
    }
    free(i.data);
}
END_TEST

START_TEST(refuses_wrong_headers) {
    static const struct {
        uint8_t offset, value;
        const char *why;
    } bad[] = {
        {0, 0, "not an ELF"},  {4, 3, "class"},     {5, 2, "little-endian"},
        {16, 1, "executable"}, {18, 40, "machine"}, {56, 0, "no program headers"},
        {57, 2, "at most"},    {54, 55, "56"},      {33, 0xff, "beyond"},
    };

    for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct Image i = image_elf(true, true, false, 0x100000, 0x100000);
        i.data[bad[k].offset] = bad[k].value;
        ck_assert_int_eq(elf_open(&elf, i.data, i.size, why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, bad[k].why) != NULL, "\"%s\" lacks \"%s\"", why, bad[k].why);
        free(i.data);
    }
}
END_TEST

START_TEST(refuses_wrong_segments) {
    static const struct {
        unsigned offset;
        uint64_t value;
        const char *why;
    } bad[] = {
        {8, UINT64_MAX, "beyond"},
        {32, UINT64_MAX, "beyond"},
        {40, 255, "larger"},
        {24, UINT64_MAX - 100, "wraps"},
    };

    for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        struct Image i = image_elf(true, true, false, 0x100000, 0x100000);
        put_le64(i.data + 64 + bad[k].offset, bad[k].value);
        ck_assert_int_eq(elf_open(&elf, i.data, i.size, why, sizeof(why)), 0);
        ck_assert_int_eq(elf_segment(&elf, 0, &seg, why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, bad[k].why) != NULL, "\"%s\" lacks \"%s\"", why, bad[k].why);
        free(i.data);
    }
}
END_TEST

START_TEST(survives_malformed_notes) {
    for (unsigned offset = 0x140; offset < 0x158; offset++) {
        struct Image i = image_elf(true, false, true, 0x100000, 0x100000);
        struct ElfNote note;

        i.data[offset] ^= 0xff;
        ck_assert_int_eq(elf_open(&elf, i.data, i.size, why, sizeof(why)), 0);
        if (elf_find_note(&elf, "Xen", 18, &note))
            ck_assert(note.desc >= i.data && note.desc + note.size <= i.data + i.size);
        free(i.data);
    }
}
END_TEST

Suite *elf_suite(void) {
    Suite *s = suite_create("elf");
    TCase *t = tcase_create("elf");

    tcase_add_loop_test(t, reads_both_classes, 0, 2);
    tcase_add_loop_test(t, finds_notes, 0, 2);
    tcase_add_loop_test(t, refuses_every_truncation, 0, 2);
    tcase_add_test(t, refuses_wrong_headers);
    tcase_add_test(t, refuses_wrong_segments);
    tcase_add_test(t, survives_malformed_notes);
    suite_add_tcase(s, t);
    return s;
}
