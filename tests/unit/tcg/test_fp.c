/* SPDX-License-Identifier: MIT */
/*
 * x87, MMX and SSE beyond single user-mode instructions: exceptions and their order, control bits that forbid units,
 * FSAVE and XSAVE images in every format, MXCSR that changes what decodes. What single instructions compute is
 * compared with the host in `twin86 diff insn`.
 */
#include "cpu/xsave.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <cpuid.h>
#include <string.h>

static void put(struct CpuBench *b, uint64_t at, uint64_t v, unsigned size) { memcpy(b->mem + at, &v, size); }
static uint64_t get(const struct CpuBench *b, uint64_t at, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, b->mem + at, size);
    return v;
}

/* ---- pending x87 exceptions ---- */

/* fld1; fldz; fdivp with ZM clear: the division completes, the next waiting instruction faults, its operands untouched.
 */
START_TEST(mf_at_next_waiting_instruction) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->fcw = 0x37b;
    b->env->ftw = 0; /* RESET leaves zeros in all registers */
    ck_assert_int_eq(
        CPU_BENCH_RUN(b, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, /* fnstsw ax */ 0xdf, 0xe0, /* fld1 */ 0xd9, 0xe8),
        VEC_MF);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 8);
    ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xffff, 0xb084); /* ES, B, ZE; nothing popped */
    ck_assert_uint_eq(b->env->fsw & 0x3800, 0x3000);
    ck_assert_uint_eq(b->env->fop, 0x6f9);
    ck_assert_uint_eq(b->env->fip, BENCH_CODE + 4);
    cpu_bench_free(b);
}
END_TEST

/* Without a selected byte the destination must be writable all the same; the MMX state comes before the fault. */
START_TEST(masked_stores_probe_all) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    put(b, BENCH_PD + 8, BENCH_DATA | 0x81, 8); /* read-only */
    b->env->cr0 |= CR0_WP;
    b->env->gpr[REG_DI] = BENCH_DATA - 1; /* the first byte is not */
    b->env->fcw = 0x37f;
    ck_assert_int_eq(CPU_BENCH_RUN(b, /* pxor mm0, mm0 */ 0x0f, 0xef, 0xc0, /* fld1 */ 0xd9, 0xe8,
                                   /* maskmovq mm0, mm0 */ 0x0f, 0xf7, 0xc0),
                     VEC_PF);
    ck_assert_uint_eq(b->env->cr2, BENCH_DATA);
    ck_assert_uint_eq(b->env->fsw & 0x3800, 0);
    ck_assert_uint_eq(b->env->ftw, 0xff);
    ck_assert_int_eq(CPU_BENCH_RUN(b, /* pxor xmm0, xmm0 */ 0x66, 0x0f, 0xef, 0xc0, /* maskmovdqu xmm0, xmm0 */ 0x66,
                                   0x0f, 0xf7, 0xc0),
                     VEC_PF);
    ck_assert_uint_eq(b->env->cr2, BENCH_DATA);
    cpu_bench_free(b);
}
END_TEST

/* Non-waiting instructions pass; FNCLEX ends it. WAIT and MMX fault too. */
START_TEST(mf_and_other_instructions) {
    static const struct {
        uint8_t code[4];
        unsigned n;
        int vector;
    } cases[] = {
        {{0x9b}, 1, VEC_MF},             /* wait */
        {{0x0f, 0x6f, 0xc1}, 3, VEC_MF}, /* movq mm0, mm1 */
        {{0x0f, 0x77}, 2, VEC_MF},       /* emms */
        {{0xdb, 0xe2, 0x9b}, 3, -1},     /* fnclex; wait */
        {{0xdb, 0xe3, 0x9b}, 3, -1},     /* fninit; wait */
        {{0xdf, 0xe0}, 2, -1},           /* fnstsw ax */
        {{0x0f, 0x58, 0xc1}, 3, -1},     /* addps */
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        uint8_t code[5] = {0};
        b->env->fcw = 0x37e;
        b->env->fsw = 0x8081;
        memcpy(code, cases[k].code, cases[k].n);
        code[cases[k].n] = 0xf4;
        int v = cpu_bench_try(b, code, cases[k].n + 1);
        ck_assert_msg(v == cases[k].vector, "case %u: vector %d", k, v);
        cpu_bench_free(b);
    }
}
END_TEST

/* CR0.NE = 0: no #MF; the instruction goes on as with IGNNE. */
START_TEST(mf_not_without_ne) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->fcw = 0x37e;
    b->env->fsw = 0x8081;
    b->env->cr0 &= ~(uint64_t)CR0_NE;
    b->env->ftw = 0;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xd9, 0xe8, 0x9b, 0xd9, 0xe8, 0xd8, 0xc1), -1);
    ck_assert_uint_eq(b->env->fpr[6].mantissa, 1ull << 63);
    ck_assert_uint_eq(b->env->fpr[6].sign_exp, 0x4000);
    cpu_bench_free(b);
}
END_TEST

/* FLDCW that unmasks a flag that is set makes it pending, and taking the mask back ends it. */
START_TEST(fldcw_makes_pending) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->fcw = 0x37f;
    b->env->fsw = 0x0004;
    put(b, BENCH_DATA, 0x37b, 2);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xd9, 0x2b, 0xd9, 0xe8), VEC_MF);
    ck_assert_uint_eq(b->env->fsw, 0x8084);
    cpu_bench_free(b);
}
END_TEST

/* ---- units that are switched off ---- */

START_TEST(forbidden_units) {
    enum { FLD1, MOVQ_MM, ADDPS, WAIT, STMXCSR, FXSAVE };
    static const uint8_t code[][4] = {{0xd9, 0xe8, 0xf4}, {0x0f, 0x6f, 0xc1, 0xf4}, {0x0f, 0x58, 0xc1, 0xf4},
                                      {0x9b, 0xf4},       {0x0f, 0xae, 0x1b, 0xf4}, {0x0f, 0xae, 0x03, 0xf4}};
    static const struct {
        uint32_t cr0_set, cr0_clear, cr4_clear;
        unsigned what;
        int vector;
    } cases[] = {
        {CR0_EM, 0, 0, FLD1, VEC_NM},      {CR0_TS, 0, 0, FLD1, VEC_NM},        {CR0_EM, 0, 0, MOVQ_MM, VEC_UD},
        {CR0_TS, 0, 0, MOVQ_MM, VEC_NM},   {CR0_EM, 0, 0, ADDPS, VEC_UD},       {CR0_TS, 0, 0, ADDPS, VEC_NM},
        {0, 0, CR4_OSFXSR, ADDPS, VEC_UD}, {0, 0, CR4_OSFXSR, STMXCSR, VEC_UD}, {CR0_TS, 0, 0, WAIT, VEC_NM},
        {CR0_TS, CR0_MP, 0, WAIT, -1},     {0, 0, CR4_OSFXSR, FXSAVE, -1},      {CR0_TS, 0, 0, FXSAVE, VEC_NM},
        {CR0_EM, 0, 0, FXSAVE, VEC_NM},    {CR0_TS, 0, 0, STMXCSR, VEC_NM},     {CR0_EM, 0, 0, WAIT, -1},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        b->env->gpr[REG_BX] = BENCH_DATA;
        b->env->cr0 = (b->env->cr0 | cases[k].cr0_set) & ~(uint64_t)cases[k].cr0_clear;
        b->env->cr4 &= ~(uint64_t)cases[k].cr4_clear;
        int v = cpu_bench_try(b, code[cases[k].what], sizeof(code[0]));
        ck_assert_msg(v == cases[k].vector, "case %u: vector %d", k, v);
        cpu_bench_free(b);
    }
}
END_TEST

/* A model without SSE2, MMX, or CMOV. */
START_TEST(forbidden_by_model) {
    struct CpuBench *b = cpu_bench_new("pentium3", BENCH_PM32);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x66, 0x0f, 0x58, 0xc1), VEC_UD); /* addpd */
    cpu_bench_free(b);
    b = cpu_bench_new("pentium3", BENCH_PM32);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x58, 0xc1), -1); /* addps */
    cpu_bench_free(b);
    b = cpu_bench_new("pentium", BENCH_PM32);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xda, 0xc1), VEC_UD); /* fcmovb */
    cpu_bench_free(b);
    b = cpu_bench_new("pentium", BENCH_PM32);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x6f, 0xc1), VEC_UD); /* movq */
    cpu_bench_free(b);
}
END_TEST

/* ---- SSE exceptions ---- */

/* ldmxcsr that unmasks ZE; divps by 0: #XM, or #UD without OSXMMEXCPT; the destination stays. */
START_TEST(xm_after_ldmxcsr) {
    for (unsigned k = 0; k < 2; k++) {
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        b->env->gpr[REG_BX] = BENCH_DATA;
        put(b, BENCH_DATA, 0x1d80, 4);
        if (k)
            b->env->cr4 &= ~(uint64_t)CR4_OSXMMEXCPT;
        b->env->vec[0].d[0] = 0x3f800000;
        b->env->vec[1].q[0] = 0;
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x13, 0xf3, 0x0f, 0x5e, 0xc1), k ? VEC_UD : VEC_XM);
        ck_assert_uint_eq(b->env->vec[0].d[0], 0x3f800000);
        ck_assert_uint_eq(b->env->mxcsr, 0x1d84);
        cpu_bench_free(b);
    }
}
END_TEST

START_TEST(ldmxcsr_reserved) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA;
    put(b, BENCH_DATA, 0x11f80, 4);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x13), VEC_GP);
    ck_assert_uint_eq(b->env->mxcsr, 0x1f80);
    cpu_bench_free(b);
}
END_TEST

/* Flags of one vCPU's run don't leak into the host's or the next vCPU's. */
START_TEST(modes_are_restored) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    uint32_t before = __builtin_ia32_stmxcsr(), after;
    uint16_t fcw_before, fcw_after;
    __asm__ volatile("fnstcw %0" : "=m"(fcw_before));
    b->env->mxcsr = 0x7f80;
    b->env->fcw = 0xc7f;
    b->env->vec[0].d[0] = b->env->vec[1].d[0] = 0x3f800001;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xf3, 0x0f, 0x59, 0xc1), -1); /* mulss */
    after = __builtin_ia32_stmxcsr();
    __asm__ volatile("fnstcw %0" : "=m"(fcw_after));
    ck_assert_uint_eq(before, after);
    ck_assert_uint_eq(fcw_before, fcw_after);
    ck_assert_uint_eq(b->env->mxcsr, 0x7fa0);
    ck_assert_uint_eq(b->env->vec[0].d[0], 0x3f800002); /* towards 0 */
    cpu_bench_free(b);
}
END_TEST

/* Misaligned 16-byte operands. */
START_TEST(alignment) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA + 8;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x58, 0x03), VEC_GP);
    cpu_bench_free(b);
    b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA + 0xff8; /* and over a page's end */
    put(b, BENCH_DATA + 0xff8, 0x1122334455667788, 8);
    put(b, BENCH_DATA + 0x1000, 0x99aabbccddeeff00, 8);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x10, 0x03), -1);
    ck_assert_uint_eq(b->env->vec[0].q[0], 0x1122334455667788);
    ck_assert_uint_eq(b->env->vec[0].q[1], 0x99aabbccddeeff00);
    cpu_bench_free(b);
}
END_TEST

/* SSE leaves what AVX adds alone. */
START_TEST(upper_half_stays) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->vec[0].q[3] = 0x123;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x66, 0x0f, 0xef, 0xc0), -1); /* pxor xmm0, xmm0 */
    ck_assert_uint_eq(b->env->vec[0].q[3], 0x123);
    cpu_bench_free(b);
}
END_TEST

/* ---- images ---- */

static void some_x87_state(CPUX86State *env) {
    env->fcw = 0x27f;
    env->fsw = 0x3800 | 0x4100;
    env->ftw = 0x81; /* ST(0), ST(1) */
    env->fpr[7] = (struct X87Reg){1ull << 63, 0x3fff};
    env->fpr[0] = (struct X87Reg){0, 0x8000};
    env->fip = 0x12345;
    env->fcs = BENCH_CS32;
    env->fop = 0x5a5;
    env->fdp = 0x54321;
    env->fds = BENCH_DS0;
}

START_TEST(fstenv_protected) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_PM32);
    some_x87_state(b->env);
    b->env->gpr[REG_BX] = BENCH_DATA;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xd9, 0x33, 0xd9, 0x73, 0x40), -1); /* fnstenv [ebx]; fnstenv [ebx+40h] */
    static const uint32_t want[7] = {
        0xffff027f, 0xffff7900, 0xffff3ffd, 0x12345, 0x5a50000 | BENCH_CS32, 0x54321, 0xffff0000 | BENCH_DS0};
    for (unsigned k = 0; k < 7; k++)
        ck_assert_uint_eq(get(b, BENCH_DATA + 4 * k, 4), want[k]);
    ck_assert_uint_eq(b->env->fcw, 0x27f | 0x3f);
    cpu_bench_free(b);
}
END_TEST

START_TEST(fsave_16_protected) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_PM32);
    some_x87_state(b->env);
    b->env->gpr[REG_BX] = BENCH_DATA;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x66, 0xdd, 0x33), -1);
    static const uint16_t want[7] = {0x27f, 0x7900, 0x3ffd, 0x2345, BENCH_CS32, 0x4321, BENCH_DS0};
    for (unsigned k = 0; k < 7; k++)
        ck_assert_uint_eq(get(b, BENCH_DATA + 2 * k, 2), want[k]);
    ck_assert_uint_eq(get(b, BENCH_DATA + 14, 8), 1ull << 63);
    ck_assert_uint_eq(get(b, BENCH_DATA + 14 + 8, 2), 0x3fff);
    ck_assert_uint_eq(get(b, BENCH_DATA + 24 + 8, 2), 0x8000);
    ck_assert_uint_eq(b->env->fcw, 0x37f);
    ck_assert_uint_eq(b->env->fsw, 0);
    ck_assert_uint_eq(b->env->ftw, 0);
    cpu_bench_free(b);
}
END_TEST

/* Real mode: linear addresses, 16- and 32-bit images. */
START_TEST(fstenv_real) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_REAL16);
    some_x87_state(b->env);
    b->env->fcs = 0x1000;
    b->env->fip = 0x2345;
    b->env->fds = 0x2000;
    b->env->fdp = 0x4321;
    b->env->gpr[REG_BX] = 0x100;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xd9, 0x37, 0x66, 0xd9, 0x77, 0x40), -1); /* fnstenv [bx]; o32 fnstenv [bx+40h] */
    static const uint16_t want[7] = {0x27f, 0x7900, 0x3ffd, 0x2345, 0x15a5, 0x4321, 0x2000};
    for (unsigned k = 0; k < 7; k++)
        ck_assert_uint_eq(get(b, 0x20100 + 2 * k, 2), want[k]);
    ck_assert_uint_eq(get(b, 0x20140 + 12, 4) & 0xffff, 0x2345);
    ck_assert_uint_eq(get(b, 0x20140 + 16, 4), 0x15a5);
    ck_assert_uint_eq(get(b, 0x20140 + 20, 4) & 0xffff, 0x4321);
    ck_assert_uint_eq(get(b, 0x20140 + 24, 4), 0x2000);
    cpu_bench_free(b);
}
END_TEST

START_TEST(fsave_frstor) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    some_x87_state(b->env);
    struct X87Reg want[8];
    memcpy(want, b->env->fpr, sizeof(want));
    b->env->gpr[REG_BX] = BENCH_DATA;
    /* fnsave [rbx]; fldpi; fldpi; frstor [rbx] */
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xdd, 0x33, 0xd9, 0xeb, 0xd9, 0xeb, 0xdd, 0x23), -1);
    ck_assert_uint_eq(b->env->fcw, 0x27f);
    ck_assert_uint_eq(b->env->fsw, 0x7900);
    ck_assert_uint_eq(b->env->ftw, 0x81);
    for (unsigned k = 0; k < 8; k++) { /* field by field: the struct has padding */
        ck_assert_uint_eq(b->env->fpr[k].mantissa, want[k].mantissa);
        ck_assert_uint_eq(b->env->fpr[k].sign_exp, want[k].sign_exp);
    }
    cpu_bench_free(b);
}
END_TEST

/* 32-bit mode saves and restores eight XMM registers and leaves the bytes beyond. */
START_TEST(fxsave_32) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_PM32);
    some_x87_state(b->env);
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->vec[7].q[1] = 0x7777;
    b->env->vec[8].q[0] = 0x8888;
    memset(b->mem + BENCH_DATA, 0xcc, 512);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x03), -1);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_XMM + 7 * 16 + 8, 8), 0x7777);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_XMM + 8 * 16, 8), 0xcccccccccccccccc);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_FTW, 2), 0x81);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_MXCSR_MASK, 4), 0xffff);
    put(b, BENCH_DATA + FXSAVE_MXCSR, 0x10000, 4);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x0b), VEC_GP); /* fxrstor */
    cpu_bench_free(b);
    b = cpu_bench_new("x86-64-v1", BENCH_PM32);
    b->env->gpr[REG_BX] = BENCH_DATA + 8;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x03), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

static struct CpuBench *xsave_bench(void) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1,+xsave", BENCH_LONG);
    b->env->cr4 |= CR4_OSXSAVE;
    b->env->xcr0 = XCR0_X87 | XCR0_SSE;
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->gpr[REG_AX] = 3;
    b->env->gpr[REG_DX] = 0;
    return b;
}

/* xsave with SSE alone touches neither x87's bytes nor its bit. */
START_TEST(xsave_part) {
    struct CpuBench *b = xsave_bench();
    b->env->gpr[REG_AX] = XCR0_SSE;
    b->env->vec[3].q[0] = 0x3333;
    memset(b->mem + BENCH_DATA, 0xcc, 1024);
    put(b, BENCH_DATA + XSAVE_XSTATE_BV, 1, 8);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x23), -1);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_FCW, 2), 0xcccc);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_MXCSR, 4), 0x1f80);
    ck_assert_uint_eq(get(b, BENCH_DATA + FXSAVE_XMM + 3 * 16, 8), 0x3333);
    ck_assert_uint_eq(get(b, BENCH_DATA + XSAVE_XSTATE_BV, 8), 3);
    ck_assert_uint_eq(get(b, BENCH_DATA + XSAVE_XCOMP_BV, 8), 0xcccccccccccccccc);
    cpu_bench_free(b);
}
END_TEST

/* What XSTATE_BV lacks is initialised by xrstor; the rest comes from memory. */
START_TEST(xrstor_init) {
    struct CpuBench *b = xsave_bench();
    some_x87_state(b->env);
    b->env->vec[3].q[0] = 0x3333;
    memset(b->mem + BENCH_DATA, 0, 1024);
    put(b, BENCH_DATA + XSAVE_XSTATE_BV, XCR0_SSE, 8);
    put(b, BENCH_DATA + FXSAVE_MXCSR, 0x3f80, 4);
    put(b, BENCH_DATA + FXSAVE_XMM + 4 * 16, 0x4444, 8);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x2b), -1);
    ck_assert_uint_eq(b->env->fcw, 0x37f);
    ck_assert_uint_eq(b->env->ftw, 0);
    ck_assert_uint_eq(b->env->mxcsr, 0x3f80);
    ck_assert_uint_eq(b->env->vec[3].q[0], 0);
    ck_assert_uint_eq(b->env->vec[4].q[0], 0x4444);
    cpu_bench_free(b);
}
END_TEST

START_TEST(xsave_faults) {
    static const struct {
        uint8_t modrm;
        unsigned shift;
        uint64_t bv, comp, cr4_clear;
        uint32_t cr0_set;
        int vector;
    } cases[] = {
        {0x23, 0, 0, 0, CR4_OSXSAVE, 0, VEC_UD},
        {0x23, 16, 0, 0, 0, 0, VEC_GP},
        {0x23, 0, 0, 0, 0, CR0_TS, VEC_NM},
        {0x2b, 0, 4, 0, 0, 0, VEC_GP},
        {0x2b, 0, 0, 1, 0, 0, VEC_GP},
        {0x2b, 0, 0, XSAVE_COMPACTED, 0, 0, VEC_GP},
        {0x2b, 0, 0, 0, CR4_OSXSAVE, 0, VEC_UD},
        {0x2b, 8, 0, 0, 0, 0, VEC_GP},
        {0x2b, 0, 3, 0, 0, 0, -1},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = xsave_bench();
        uint8_t code[4] = {0x0f, 0xae, cases[k].modrm, 0xf4};
        memset(b->mem + BENCH_DATA, 0, 1024);
        put(b, BENCH_DATA + FXSAVE_MXCSR, 0x1f80, 4);
        put(b, BENCH_DATA + XSAVE_XSTATE_BV, cases[k].bv, 8);
        put(b, BENCH_DATA + XSAVE_XCOMP_BV, cases[k].comp, 8);
        b->env->gpr[REG_BX] += cases[k].shift;
        b->env->cr4 &= ~cases[k].cr4_clear;
        b->env->cr0 |= cases[k].cr0_set;
        int v = cpu_bench_try(b, code, sizeof(code));
        ck_assert_msg(v == cases[k].vector, "case %u: vector %d", k, v);
        cpu_bench_free(b);
    }
}
END_TEST

/** What is in use after XRSTOR of an area of initial values whose XSTATE_BV is `bv`, and then this code. */
static uint64_t in_use_after(const char *model, uint64_t bv, const uint8_t *code, unsigned n) {
    struct CpuBench *b = cpu_bench_new(model, BENCH_LONG_USER);
    uint8_t all[24] = {0x0f, 0xae, 0x2b}; /* xrstor [rbx] */
    b->env->cr4 |= CR4_OSXSAVE | CR4_OSFXSR;
    b->env->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    b->env->gpr[REG_AX] = 7;
    b->env->gpr[REG_DX] = 0;
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->gpr[REG_CX] = BENCH_DATA + 0x1000;
    put(b, BENCH_DATA + FXSAVE_FCW, 0x37f, 2);
    put(b, BENCH_DATA + FXSAVE_MXCSR, 0x1f80, 4);
    put(b, BENCH_DATA + XSAVE_XSTATE_BV, bv, 8);
    memcpy(all + 3, code, n);
    memcpy(all + 3 + n, (const uint8_t[]){0x0f, 0xc7, 0x21, 0xf4}, 4); /* xsavec [rcx] */
    ck_assert_int_eq(cpu_bench_try(b, all, n + 7), VEC_GP);            /* HLT in user code */
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE + n + 6);
    uint64_t found = get(b, BENCH_DATA + 0x1000 + XSAVE_XSTATE_BV, 8);
    cpu_bench_free(b);
    return found;
}

/* XINUSE (SDM vol. 1, 13.6) by vendor: Intel's processors know what was written, AMD's what has other values. */
START_TEST(components_in_use) {
    static const struct {
        uint8_t code[8], n, bv, intel, amd;
    } cases[] = {
        {{0}, 0, 0, 0, 0},
        {{0}, 0, 7, 7, 0},
        {{0xdb, 0xe3}, 2, 0, 1, 0},                               /* fninit */
        {{0x0f, 0x77}, 2, 0, 1, 0},                               /* emms */
        {{0xd9, 0x2b}, 2, 0, 1, 0},                               /* fldcw [rbx] */
        {{0xd9, 0xe8}, 2, 0, 1, 1},                               /* fld1 */
        {{0x0f, 0xae, 0x53, 0x18}, 4, 0, 2, 0},                   /* ldmxcsr [rbx + 24] */
        {{0x0f, 0xae, 0x0b}, 3, 0, 3, 0},                         /* fxrstor [rbx] */
        {{0xc5, 0xfd, 0x76, 0xc0}, 4, 0, 6, 6},                   /* vpcmpeqd ymm0, ymm0, ymm0 */
        {{0xc5, 0xfd, 0x76, 0xc0, 0xc5, 0xf8, 0x77}, 7, 0, 2, 2}, /* ...; vzeroupper */
        {{0xc5, 0xfd, 0x76, 0xc0, 0xc5, 0xfc, 0x77}, 7, 0, 0, 0}, /* ...; vzeroall */
        {{0xc5, 0xf8, 0x77}, 3, 7, 3, 0},
        {{0xc5, 0xfc, 0x77}, 3, 7, 1, 0},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        uint64_t intel = in_use_after("max,vendor=GenuineIntel", cases[k].bv, cases[k].code, cases[k].n);
        uint64_t amd = in_use_after("max,vendor=AuthenticAMD", cases[k].bv, cases[k].code, cases[k].n);
        ck_assert_msg(intel == cases[k].intel && amd == cases[k].amd, "case %u: %lx, %lx", k, intel, amd);
    }
}
END_TEST

/* The host's own XSAVE of the same state. */
START_TEST(xsave_as_host) {
    unsigned a, c, d, bx;
    if (!__get_cpuid(1, &a, &bx, &c, &d) || !(c & bit_OSXSAVE))
        return;
    static uint8_t image[1024] __attribute__((aligned(64))), back[4096] __attribute__((aligned(64)));
    uint8_t keep[4096 + 64] = {0};
    uint8_t *host = (uint8_t *)(((uintptr_t)keep + 63) & ~63ull);
    for (unsigned k = FXSAVE_ST; k < FXSAVE_WRITTEN; k++)
        image[k] = (uint8_t)(k * 7);
    for (unsigned k = 0; k < 8; k++)
        memset(image + FXSAVE_ST + 16 * k + 10, 0, 6);
    put(&(struct CpuBench){.mem = image}, FXSAVE_FCW, 0xf7f | 0x1900ull << 16 | 0xf0ull << 32, 8);
    put(&(struct CpuBench){.mem = image}, FXSAVE_MXCSR, 0x5fa1, 4);
    put(&(struct CpuBench){.mem = image}, XSAVE_XSTATE_BV, 3, 8);
    memset(back, 0xcc, sizeof(back));
    memset(back + XSAVE_HEADER, 0, 64);
    __asm__ volatile("xsave64 (%0)\n\txrstor64 (%1)\n\txsave64 (%2)\n\txrstor64 (%0)"
                     :
                     : "r"(host), "r"(image), "r"(back), "a"(3), "d"(0)
                     : "memory");
    struct CpuBench *b = xsave_bench();
    memcpy(b->mem + BENCH_DATA, image, sizeof(image));
    memset(b->mem + BENCH_DATA + 0x1000, 0xcc, 1024);
    memset(b->mem + BENCH_DATA + 0x1000 + XSAVE_HEADER, 0, 64);
    b->env->gpr[REG_CX] = BENCH_DATA + 0x1000;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x48, 0x0f, 0xae, 0x2b, 0x48, 0x0f, 0xae, 0x21),
                     -1); /* xrstor64 [rbx]; xsave64 [rcx] */
    const uint8_t *guest = b->mem + BENCH_DATA + 0x1000;
    memcpy(back + FXSAVE_MXCSR_MASK, guest + FXSAVE_MXCSR_MASK, 4);
    for (unsigned k = 0; k < XSAVE_EXTENDED; k++)
        ck_assert_msg(back[k] == guest[k], "byte %u: host %02x guest %02x", k, back[k], guest[k]);
    cpu_bench_free(b);
}
END_TEST

/* Nothing is written when the last byte of the image may not be. */
START_TEST(fxsave_all_or_nothing) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_BX] = 0x40000000 - 256; /* the first GiB ends there */
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xae, 0x03), VEC_PF);
    cpu_bench_free(b);
}
END_TEST

Suite *fp_suite(void) {
    Suite *s = suite_create("fp");
    TCase *x87 = tcase_create("x87"), *sse = tcase_create("sse"), *images = tcase_create("images");
    tcase_add_test(x87, mf_at_next_waiting_instruction);
    tcase_add_test(x87, mf_and_other_instructions);
    tcase_add_test(x87, masked_stores_probe_all);
    tcase_add_test(x87, mf_not_without_ne);
    tcase_add_test(x87, fldcw_makes_pending);
    tcase_add_test(x87, forbidden_units);
    tcase_add_test(x87, forbidden_by_model);
    suite_add_tcase(s, x87);
    tcase_add_test(sse, xm_after_ldmxcsr);
    tcase_add_test(sse, ldmxcsr_reserved);
    tcase_add_test(sse, modes_are_restored);
    tcase_add_test(sse, alignment);
    tcase_add_test(sse, upper_half_stays);
    suite_add_tcase(s, sse);
    tcase_add_test(images, fstenv_protected);
    tcase_add_test(images, fsave_16_protected);
    tcase_add_test(images, fstenv_real);
    tcase_add_test(images, fsave_frstor);
    tcase_add_test(images, fxsave_32);
    tcase_add_test(images, xsave_part);
    tcase_add_test(images, xrstor_init);
    tcase_add_test(images, components_in_use);
    tcase_add_test(images, xsave_faults);
    tcase_add_test(images, xsave_as_host);
    tcase_add_test(images, fxsave_all_or_nothing);
    suite_add_tcase(s, images);
    return s;
}
