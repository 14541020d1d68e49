/* SPDX-License-Identifier: MIT */
/*
 * SSE3 to SSE4.2, AES, PCLMULQDQ, SHA and GFNI: what forbids them, what must be aligned. Their results are compared
 * with the host in `twin86 diff insn`.
 */
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <stdio.h>
#include <string.h>

static int run_code(struct CpuBench *b, const uint8_t *code, size_t n) {
    uint8_t all[16] = {0};
    memcpy(all, code, n);
    all[n] = 0xf4;
    cpu_bench_code(b, all, n + 1);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    return cpu_bench_vector(b);
}

enum Kind { XMM, MMX, X87 };
enum Operand { ALIGNED, ANY, REGISTER };

/* One or a few of each feature; memory forms have [rbx] as their operand. */
static const struct Form {
    const char *name, *feature;
    uint8_t code[7];
    uint8_t n;
    enum Kind kind;
    enum Operand operand;
} forms[] = {
    {"addsubps", "sse3", {0xf2, 0x0f, 0xd0, 0x03}, 4, XMM, ALIGNED},
    {"haddpd", "sse3", {0x66, 0x0f, 0x7c, 0x03}, 4, XMM, ALIGNED},
    {"movddup", "sse3", {0xf2, 0x0f, 0x12, 0x03}, 4, XMM, ANY},
    {"movsldup", "sse3", {0xf3, 0x0f, 0x12, 0x03}, 4, XMM, ALIGNED},
    {"lddqu", "sse3", {0xf2, 0x0f, 0xf0, 0x03}, 4, XMM, ANY},
    {"fisttp", "sse3", {0xdd, 0x0b}, 2, X87, ANY},
    {"pshufb", "ssse3", {0x66, 0x0f, 0x38, 0x00, 0x03}, 5, XMM, ALIGNED},
    {"pshufb mmx", "ssse3", {0x0f, 0x38, 0x00, 0x03}, 4, MMX, ANY},
    {"pabsd mmx", "ssse3", {0x0f, 0x38, 0x1e, 0xc1}, 4, MMX, REGISTER},
    {"palignr", "ssse3", {0x66, 0x0f, 0x3a, 0x0f, 0x03, 0x05}, 6, XMM, ALIGNED},
    {"pmovsxbw", "sse4_1", {0x66, 0x0f, 0x38, 0x20, 0x03}, 5, XMM, ANY},
    {"movntdqa", "sse4_1", {0x66, 0x0f, 0x38, 0x2a, 0x03}, 5, XMM, ALIGNED},
    {"pblendvb", "sse4_1", {0x66, 0x0f, 0x38, 0x10, 0x03}, 5, XMM, ALIGNED},
    {"ptest", "sse4_1", {0x66, 0x0f, 0x38, 0x17, 0x03}, 5, XMM, ALIGNED},
    {"roundsd", "sse4_1", {0x66, 0x0f, 0x3a, 0x0b, 0x03, 0x04}, 6, XMM, ANY},
    {"dpps", "sse4_1", {0x66, 0x0f, 0x3a, 0x40, 0x03, 0xff}, 6, XMM, ALIGNED},
    {"pextrb", "sse4_1", {0x66, 0x0f, 0x3a, 0x14, 0xc1, 0x03}, 6, XMM, REGISTER},
    {"pinsrq", "sse4_1", {0x66, 0x48, 0x0f, 0x3a, 0x22, 0x03, 0x01}, 7, XMM, ANY},
    {"insertps", "sse4_1", {0x66, 0x0f, 0x3a, 0x21, 0x03, 0x10}, 6, XMM, ANY},
    {"pcmpgtq", "sse4_2", {0x66, 0x0f, 0x38, 0x37, 0x03}, 5, XMM, ALIGNED},
    {"pcmpistri", "sse4_2", {0x66, 0x0f, 0x3a, 0x63, 0x03, 0x0c}, 6, XMM, ANY},
    {"pcmpestrm", "sse4_2", {0x66, 0x0f, 0x3a, 0x60, 0x03, 0x0c}, 6, XMM, ANY},
    {"aesenc", "aes", {0x66, 0x0f, 0x38, 0xdc, 0x03}, 5, XMM, ALIGNED},
    {"aeskeygenassist", "aes", {0x66, 0x0f, 0x3a, 0xdf, 0x03, 0x01}, 6, XMM, ALIGNED},
    {"pclmulqdq", "pclmulqdq", {0x66, 0x0f, 0x3a, 0x44, 0x03, 0x11}, 6, XMM, ALIGNED},
    {"sha256rnds2", "sha_ni", {0x0f, 0x38, 0xcb, 0xc1}, 4, XMM, REGISTER},
    {"sha1rnds4", "sha_ni", {0x0f, 0x3a, 0xcc, 0xc1, 0x02}, 5, XMM, REGISTER},
    {"gf2p8mulb", "gfni", {0x66, 0x0f, 0x38, 0xcf, 0x03}, 5, XMM, ALIGNED},
    {"gf2p8affineqb", "gfni", {0x66, 0x0f, 0x3a, 0xce, 0x03, 0x07}, 6, XMM, ALIGNED},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

static int run_form(const struct Form *f, const char *model, uint64_t address, uint32_t cr0_set, uint32_t cr4_clear) {
    struct CpuBench *b = cpu_bench_new(model, BENCH_LONG);
    b->env->gpr[REG_BX] = address;
    b->env->ftw = 0xff;
    b->env->cr0 |= cr0_set;
    b->env->cr4 &= ~(uint64_t)cr4_clear;
    int v = run_code(b, f->code, f->n);
    cpu_bench_free(b);
    return v;
}

/* #UD without the feature, and when CR0.EM or CR4.OSFXSR forbid the unit; #NM when CR0.TS is set. */
START_TEST(gates) {
    for (unsigned k = 0; k < FORMS; k++) {
        const struct Form *f = &forms[k];
        char without[64];
        snprintf(without, sizeof(without), "max,-%s", f->feature);
        ck_assert_msg(run_form(f, "max", BENCH_DATA, 0, 0) == -1, "%s", f->name);
        ck_assert_msg(run_form(f, without, BENCH_DATA, 0, 0) == VEC_UD, "%s %s", f->name, without);
        ck_assert_msg(run_form(f, "max", BENCH_DATA, CR0_EM, 0) == (f->kind == X87 ? VEC_NM : VEC_UD), "%s", f->name);
        ck_assert_msg(run_form(f, "max", BENCH_DATA, CR0_TS, 0) == VEC_NM, "%s", f->name);
        ck_assert_msg(run_form(f, "max", BENCH_DATA, 0, CR4_OSFXSR) == (f->kind == XMM ? VEC_UD : -1), "%s", f->name);
    }
}
END_TEST

START_TEST(alignment) {
    for (unsigned k = 0; k < FORMS; k++) {
        const struct Form *f = &forms[k];
        if (f->operand != REGISTER)
            ck_assert_msg(run_form(f, "max", BENCH_DATA + 8, 0, 0) == (f->operand == ALIGNED ? VEC_GP : -1), "%s",
                          f->name);
    }
}
END_TEST

/* SHA's operands need not be aligned on AMD's processors. */
START_TEST(sha_alignment) {
    static const struct Form memory[] = {
        {"sha256msg1", "sha_ni", {0x0f, 0x38, 0xcc, 0x03}, 4, XMM, ANY},
        {"sha256rnds2", "sha_ni", {0x0f, 0x38, 0xcb, 0x03}, 4, XMM, ANY},
        {"sha1rnds4", "sha_ni", {0x0f, 0x3a, 0xcc, 0x03, 0x02}, 5, XMM, ANY},
    };
    for (unsigned k = 0; k < sizeof(memory) / sizeof(memory[0]); k++) {
        ck_assert_int_eq(run_form(&memory[k], "max,vendor=AuthenticAMD", BENCH_DATA + 8, 0, 0), -1);
        ck_assert_int_eq(run_form(&memory[k], "max,vendor=GenuineIntel", BENCH_DATA + 8, 0, 0), VEC_GP);
        ck_assert_int_eq(run_form(&memory[k], "max,vendor=GenuineIntel", BENCH_DATA, 0, 0), -1);
    }
}
END_TEST

/* DPPS whose first product underflows, unmasked, while a sum would meet a denormal: the sum is not made. */
START_TEST(dot_product_stops) {
    static const uint8_t dpps[] = {0x66, 0x0f, 0x3a, 0x40, 0xc1, 0xff};
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    b->env->mxcsr = 0x1780; /* UM clear */
    b->env->vec[0].d[0] = b->env->vec[1].d[0] = 0x1f000001;
    ck_assert_int_eq(run_code(b, dpps, sizeof(dpps)), VEC_XM);
    ck_assert_uint_eq(b->env->vec[0].d[0], 0x1f000001);
    ck_assert_uint_eq(b->env->mxcsr & ~0x20u, 0x1790); /* UE; no DE */
    cpu_bench_free(b);
}
END_TEST

/* Unmasked overflow and underflow of results that would be exact with any exponent raise no PE (SDM vol. 1, 4.9.1.4 and
 * 4.9.1.5); those of inexact results do. */
START_TEST(precision_beside_range) {
    static const struct {
        const char *name;
        uint8_t code[6], n;
        uint32_t mxcsr, a, b; /* in every lane, or as the two halves of a double */
        uint32_t flags;
        bool doubles;
    } cases[] = {
        {"addps", {0x0f, 0x58, 0xc1}, 3, 0x1b80, 0x7f7fffff, 0x7f7fffff, MXCSR_OE, false},
        {"addps", {0x0f, 0x58, 0xc1}, 3, 0x1b80, 0x7f7fffff, 0x7f7ffffe, MXCSR_OE | MXCSR_PE, false},
        {"haddps", {0xf2, 0x0f, 0x7c, 0xc1}, 4, 0x1b80, 0x7f7fffff, 0x3f800000, MXCSR_OE, false},
        {"mulss", {0xf3, 0x0f, 0x59, 0xc1}, 4, 0x1b80, 0x7f000000, 0x41000000, MXCSR_OE, false},
        {"mulss", {0xf3, 0x0f, 0x59, 0xc1}, 4, 0x1780, 0x00800001, 0x3e800000, MXCSR_UE, false},
        {"mulss", {0xf3, 0x0f, 0x59, 0xc1}, 4, 0x1780, 0x00800001, 0x3e800001, MXCSR_UE | MXCSR_PE, false},
        {"divss", {0xf3, 0x0f, 0x5e, 0xc1}, 4, 0x1780, 0x00800001, 0x40800000, MXCSR_UE, false},
        {"divss", {0xf3, 0x0f, 0x5e, 0xc1}, 4, 0x1780, 0x00800001, 0x40a00000, MXCSR_UE | MXCSR_PE, false},
        {"mulsd", {0xf2, 0x0f, 0x59, 0xc1}, 4, 0x1b80, 0x7fe00000, 0x7fe00000, MXCSR_OE, true},
        {"cvtsd2ss", {0xf2, 0x0f, 0x5a, 0xc1}, 4, 0x1780, 0, 0x36f00000, MXCSR_UE, true},
        {"cvtpd2ps", {0x66, 0x0f, 0x5a, 0xc1}, 4, 0x1780, 0, 0x36f12345, MXCSR_UE, true},
        {"vfmadd231ss", {0xc4, 0xe2, 0x69, 0xb9, 0xc1}, 5, 0x1b80, 0, 0x7f000000, MXCSR_OE, false},
        {"vcvtps2ph", {0xc4, 0xe3, 0x79, 0x1d, 0xc8, 0x04}, 6, 0x1780, 0, 0x33012000, MXCSR_UE, false},
        {"vcvtps2ph", {0xc4, 0xe3, 0x79, 0x1d, 0xc8, 0x04}, 6, 0x1b80, 0, 0x7f002001, MXCSR_OE | MXCSR_PE, false},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
        b->env->mxcsr = cases[k].mxcsr;
        b->env->cr4 |= CR4_OSXSAVE;
        b->env->xcr0 = 7;
        for (unsigned j = 0; j < 4; j++) {
            b->env->vec[0].d[j] = cases[k].doubles && !(j & 1) ? 0 : cases[k].a;
            b->env->vec[1].d[j] = cases[k].doubles && !(j & 1) ? 0 : cases[k].b;
            b->env->vec[2].d[j] = cases[k].b;
        }
        ck_assert_msg(run_code(b, cases[k].code, cases[k].n) == VEC_XM, "case %u: %s", k, cases[k].name);
        ck_assert_msg(b->env->mxcsr == (cases[k].mxcsr | cases[k].flags), "case %u: %s: MXCSR %04x", k, cases[k].name,
                      b->env->mxcsr);
        cpu_bench_free(b);
    }
}
END_TEST

Suite *sse4_suite(void) {
    Suite *s = suite_create("sse4");
    TCase *tc = tcase_create("SSE3 and later");
    tcase_add_test(tc, gates);
    tcase_add_test(tc, alignment);
    tcase_add_test(tc, sha_alignment);
    tcase_add_test(tc, dot_product_stops);
    tcase_add_test(tc, precision_beside_range);
    suite_add_tcase(s, tc);
    return s;
}
