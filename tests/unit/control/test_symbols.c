/* SPDX-License-Identifier: MIT */
/* Symbol tables and ranges of addresses, as people and files give them. */
#include "debug/ranges.h"
#include "debug/symbols.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct Symbols *parse(const void *data, size_t n, int *r, char why[200]) {
    why[0] = '\0';
    return symbols_parse(data, n, "FILE", false, r, why, 200);
}

static const char map[] = "ffffffff81000000 T _stext\n"
                          "ffffffff81000040 t secondary\n"
                          "ffffffff81000040 t alias\n"
                          "                 U elsewhere\n"
                          "\n"
                          "ffffffffc0000000 t in_module\t[module]\r\n"
                          "0000000000001000 A low";

START_TEST(text_files) {
    int r;
    char why[200], text[100];
    uint64_t v;
    struct Symbols *s = parse(map, sizeof(map) - 1, &r, why);
    ck_assert_msg(s != NULL, "%s", why);
    ck_assert_uint_eq(symbols_count(s), 5);
    ck_assert_str_eq(symbols_text(s, 0xffffffff81000000, text, sizeof(text)), " <_stext>");
    ck_assert_str_eq(symbols_text(s, 0xffffffff8100003f, text, sizeof(text)), " <_stext+0x3f>");
    ck_assert_str_eq(symbols_text(s, 0xffffffff81000041, text, sizeof(text)), " <secondary+0x1>");
    ck_assert_str_eq(symbols_text(s, 0xffffffffc0000001, text, sizeof(text)), " <in_module+0x1>");
    ck_assert_str_eq(symbols_text(s, 0xfff, text, sizeof(text)), "");
    ck_assert_str_eq(symbols_text(s, 0x1fffff, text, sizeof(text)), ""); /* too far behind "low" */
    ck_assert_str_eq(symbols_text(NULL, 0x1000, text, sizeof(text)), "");
    ck_assert(symbols_value(s, "alias", &v) && v == 0xffffffff81000040);
    ck_assert(!symbols_value(s, "elsewhere", &v));
    symbols_free(s);
    static const char *const wrong[] = {
        "x", "1000", "1000 T", "1000 T ", "1000T name", "12345678901234567 T name", "1000 T a\nhello\n", ""};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_ptr_null(parse(wrong[i], strlen(wrong[i]), &r, why));
        ck_assert_int_eq(r, -EINVAL);
        ck_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
    }
    ck_assert_ptr_null(symbols_parse(map, sizeof(map), "FILE", true, &r, why, sizeof(why)));
    ck_assert_int_eq(r, 0); /* only an ELF file was wanted */
}
END_TEST

/* Header, two sections, three symbols. */
struct Image {
    Elf64_Ehdr e;
    Elf64_Shdr s[3];
    Elf64_Sym y[4];
    char names[32];
};

static struct Image image(void) {
    struct Image m = {.e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                            .e_shoff = offsetof(struct Image, s),
                            .e_shnum = 3,
                            .e_shentsize = sizeof(Elf64_Shdr)},
                      .names = "\0main\0other\0file.c"};
    m.s[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                          .sh_link = 2,
                          .sh_offset = offsetof(struct Image, y),
                          .sh_size = sizeof(m.y),
                          .sh_entsize = sizeof(Elf64_Sym)};
    m.s[2] =
        (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct Image, names), .sh_size = sizeof(m.names)};
    m.y[1] = (Elf64_Sym){.st_name = 1, .st_info = STT_FUNC, .st_shndx = 1, .st_value = 0x2000, .st_size = 16};
    m.y[2] = (Elf64_Sym){.st_name = 6, .st_info = STT_NOTYPE, .st_shndx = 1, .st_value = 0x1000};
    m.y[3] = (Elf64_Sym){.st_name = 12, .st_info = STT_FILE, .st_shndx = SHN_ABS};
    return m;
}

START_TEST(elf_files) {
    int r;
    char why[200], text[100];
    struct Image m = image();
    struct Symbols *s = parse(&m, sizeof(m), &r, why);
    ck_assert_msg(s != NULL, "%s", why);
    ck_assert_uint_eq(symbols_count(s), 2);
    ck_assert_str_eq(symbols_text(s, 0x200f, text, sizeof(text)), " <main+0xf>");
    ck_assert_str_eq(symbols_text(s, 0x2010, text, sizeof(text)), ""); /* it ends there */
    ck_assert_str_eq(symbols_text(s, 0x1fff, text, sizeof(text)), " <other+0xfff>");
    symbols_free(s);
    m.s[1].sh_type = SHT_PROGBITS;
    ck_assert_ptr_null(parse(&m, sizeof(m), &r, why));
    ck_assert_ptr_nonnull(strstr(why, "no symbols"));
}
END_TEST

START_TEST(broken_elf_files) {
    int r;
    char why[200], text[100];
    srandom(5);
    for (unsigned i = 0; i < 20000; i++) {
        struct Image m = image();
        uint8_t *bytes = (uint8_t *)&m;
        for (unsigned k = 0; k < 1 + i % 3; k++)
            bytes[4 + (size_t)random() % (sizeof(m) - 4)] = (uint8_t)(random() % 4 == 0 ? 0xff : random());
        size_t n = i % 4 == 0 ? 4 + (size_t)random() % (sizeof(m) - 4) : sizeof(m);
        uint8_t *exact = malloc(n); /* so that a sanitizer sees what reaches behind it */
        memcpy(exact, bytes, n);
        struct Symbols *s = parse(exact, n, &r, why);
        free(exact);
        ck_assert((s == NULL) == (r != 0));
        symbols_text(s, 0x2001, text, sizeof(text));
        symbols_free(s);
    }
}
END_TEST

START_TEST(ranges) {
    struct Ranges r;
    char why[200];
    ck_assert_int_eq(ranges_parse(NULL, &r, why, sizeof(why)), 0);
    ck_assert(ranges_hold(&r, 0) && ranges_hold(&r, UINT64_MAX));
    ck_assert_int_eq(
        ranges_parse("0x10..0x1f,100+2,0x2000-0x10,0xffffffffffffff00..0xffffffffffffffff", &r, why, sizeof(why)), 0);
    ck_assert(ranges_hold(&r, 0x10) && ranges_hold(&r, 0x1f) && !ranges_hold(&r, 0x20) && !ranges_hold(&r, 0xf));
    ck_assert(ranges_hold(&r, 100) && ranges_hold(&r, 101) && !ranges_hold(&r, 102));
    ck_assert(ranges_hold(&r, 0x2000) && ranges_hold(&r, 0x1ff1) && !ranges_hold(&r, 0x1ff0) &&
              !ranges_hold(&r, 0x2001));
    ck_assert(ranges_hold(&r, UINT64_MAX));
    static const char *const wrong[] = {"1",
                                        "1..",
                                        "..1",
                                        "2..1",
                                        "1+",
                                        "1+0",
                                        "1-0",
                                        "0-2",
                                        "-1",
                                        "1+1,",
                                        ",1+1",
                                        "1+1 ",
                                        "1+1;2+2",
                                        "0x1ffffffffffffffff+1",
                                        "0xffffffffffffffff+2",
                                        "a+b",
                                        "1...2"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(ranges_parse(wrong[i], &r, why, sizeof(why)) == -EINVAL, "'%s' is taken", wrong[i]);
        ck_assert_ptr_nonnull(strstr(why, "START+SIZE"));
    }
    char many[8 * (RANGES_MAX + 1) + 1] = "";
    for (unsigned i = 0; i <= RANGES_MAX; i++)
        strcat(many, i == 0 ? "1+1" : ",1+1");
    ck_assert_int_eq(ranges_parse(many, &r, why, sizeof(why)), -EINVAL);
}
END_TEST

Suite *symbols_suite(void) {
    Suite *s = suite_create("symbols");
    TCase *t = tcase_create("symbols");
    tcase_add_test(t, text_files);
    tcase_add_test(t, elf_files);
    tcase_add_test(t, broken_elf_files);
    tcase_add_test(t, ranges);
    suite_add_tcase(s, t);
    return s;
}
