/* SPDX-License-Identifier: MIT */
/* The table of vendor differences: complete, told to users as it is, and chosen by the model's vendor. */
#include "cpu/cpuid.h"
#include "isa/vendor.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_name(const char *s) {
    return s != NULL && s[0] != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

START_TEST(rules_are_complete) {
    for (unsigned k = RULE_NONE + 1; k < RULE_COUNT; k++) {
        const struct VendorRuleText *r = &vendor_rules[k];
        ck_assert_msg(is_name(r->name), "rule %u", k);
        ck_assert_msg(r->amd != NULL && r->intel != NULL && r->source != NULL, "rule %s", r->name);
        for (unsigned n = RULE_NONE + 1; n < k; n++)
            ck_assert_str_ne(r->name, vendor_rules[n].name);
    }
}
END_TEST

/** docs/vendors.md with every run of blanks and line ends made one blank, but for "\n- " where an entry begins. */
static char *page(void) {
    const char *dir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof(path), "%s/docs/vendors.md", dir != NULL ? dir : "..");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s can't be read", path);
    char *text = calloc(1, 1 << 18);
    size_t n = fread(text, 1, (1 << 18) - 1, f);
    ck_assert(n > 0);
    fclose(f);
    char *to = text;
    for (const char *p = text; *p != '\0';) {
        size_t blank = strspn(p, " \n");
        bool entry = blank > 0 && p[blank - 1] == '\n' && strncmp(p + blank, "- **", 4) == 0;
        if (blank > 0)
            *to++ = entry ? '\n' : ' ';
        p += blank;
        if (*p != '\0')
            *to++ = *p++;
    }
    *to = '\0';
    return text;
}

/* docs/vendors.md has one entry for each rule, and none for anything else. */
START_TEST(page_shows_the_table) {
    char *text = page(), line[1024];
    for (unsigned k = RULE_NONE + 1; k < RULE_COUNT; k++) {
        const struct VendorRuleText *r = &vendor_rules[k];
        snprintf(line, sizeof(line), "\n- **%s**: AMD: %s. Intel: %s. (%s.)", r->name, r->amd, r->intel, r->source);
        ck_assert_msg(strstr(text, line) != NULL, "docs/vendors.md lacks this:%s", line);
    }
    unsigned entries = 0;
    for (const char *p = text; (p = strstr(p, "\n- **")) != NULL; p++)
        entries++;
    ck_assert_uint_eq(entries, RULE_COUNT - RULE_NONE - 1);
    free(text);
}
END_TEST

/** What the models from before the Pentium 4 do as AMD's processors: CPUID's features say so. */
static bool newer_rule(enum VendorRule r) {
    return r == RULE_X87_OPCODE || r == RULE_X87_DATA_POINTER || r == RULE_X87_FCS_FDS;
}

START_TEST(vendor_decides) {
    static const struct {
        const char *model;
        bool intel;
    } models[] = {{"max", false},
                  {"max,vendor=GenuineIntel", true},
                  {"max,vendor=AuthenticAMD", false},
                  {"pentium3", true},
                  {"pentium3,vendor=AuthenticAMD", false}};
    for (unsigned m = 0; m < sizeof(models) / sizeof(models[0]); m++) {
        struct CpuModel model;
        char why[256];
        ck_assert_int_eq(cpu_model_parse(&model, models[m].model, why, sizeof(why)), 0);
        for (unsigned k = RULE_NONE + 1; k < RULE_COUNT; k++) {
            bool intel = models[m].intel && (!newer_rule((enum VendorRule)k) || cpu_has(&model, CPUID_SSE2));
            ck_assert_msg(cpu_as_intel(&model, (enum VendorRule)k) == intel, "%s: %s", models[m].model,
                          vendor_rules[k].name);
        }
    }
}
END_TEST

Suite *vendor_suite(void) {
    Suite *s = suite_create("vendor");
    TCase *tc = tcase_create("rules");
    tcase_add_test(tc, rules_are_complete);
    tcase_add_test(tc, page_shows_the_table);
    tcase_add_test(tc, vendor_decides);
    suite_add_tcase(s, tc);
    return s;
}
