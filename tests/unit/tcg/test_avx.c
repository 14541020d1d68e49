/* SPDX-License-Identifier: MIT */
/*
 * VEX vector instructions beyond what diff insn and vex-vs-host compare with the host: what switches them off,
 * operands over a page's end, faults that write nothing, MXCSR; and the portable kernels of AVX, F16C and FMA against
 * the host's instructions.
 */
#include "accel/tcg-lite/exec/vec/kernels_avx.h"
#include "accel/tcg-lite/exec/vec/kernels_fma.h"
#include "accel/tcg-lite/exec/vec/shapes_mmx.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <string.h>

static void put(struct CpuBench *b, uint64_t at, uint64_t v, unsigned size) { memcpy(b->mem + at, &v, size); }
static uint64_t get(const struct CpuBench *b, uint64_t at) {
    uint64_t v;
    memcpy(&v, b->mem + at, 8);
    return v;
}

/** rBX points to data, and AVX is on. */
static struct CpuBench *avx_bench(const char *model, enum BenchMode mode) {
    struct CpuBench *b = cpu_bench_new(model, mode);
    b->env->cr4 |= CR4_OSXSAVE;
    b->env->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    b->env->gpr[REG_BX] = BENCH_DATA;
    for (unsigned k = 0; k < 16; k++)
        for (unsigned q = 0; q < 4; q++)
            b->env->vec[k].q[q] = 0x1000 * k + q;
    return b;
}

/* ---- what switches them off ---- */

START_TEST(forbidden) {
    enum { VADDPS, VZEROUPPER, VPBROADCASTB, VFMADD, VSTMXCSR, ANDN, VCVTPH2PS, VAESENC256, VAESENC128, COUNT };
    static const uint8_t code[COUNT][8] = {
        [VADDPS] = {0xc5, 0xf4, 0x58, 0xc2, 0xf4},
        [VZEROUPPER] = {0xc5, 0xf8, 0x77, 0xf4},
        [VPBROADCASTB] = {0xc4, 0xe2, 0x7d, 0x78, 0xc1, 0xf4},
        [VFMADD] = {0xc4, 0xe2, 0x75, 0x98, 0xc2, 0xf4},
        [VSTMXCSR] = {0xc5, 0xf8, 0xae, 0x1b, 0xf4},
        [ANDN] = {0xc4, 0xe2, 0x78, 0xf2, 0xc1, 0xf4},
        [VCVTPH2PS] = {0xc4, 0xe2, 0x79, 0x13, 0xc1, 0xf4},
        [VAESENC256] = {0xc4, 0xe2, 0x75, 0xdc, 0xc2, 0xf4},
        [VAESENC128] = {0xc4, 0xe2, 0x71, 0xdc, 0xc2, 0xf4},
    };
    static const struct {
        const char *model;
        uint64_t cr0, cr4_clear, xcr0;
        unsigned what;
        int vector;
    } cases[] = {
        {"max", 0, 0, 7, VADDPS, -1},
        {"max", CR0_EM, 0, 7, VADDPS, -1}, /* that is for SSE */
        {"max", 0, CR4_OSFXSR, 7, VADDPS, -1},
        {"max", CR0_TS, 0, 7, VADDPS, VEC_NM},
        {"max", 0, CR4_OSXSAVE, 7, VADDPS, VEC_UD},
        {"max", CR0_TS, CR4_OSXSAVE, 7, VADDPS, VEC_UD},
        {"max", 0, 0, 3, VADDPS, VEC_UD},
        {"max", 0, 0, 1, VADDPS, VEC_UD},
        {"max", 0, 0, 3, VZEROUPPER, VEC_UD},
        {"max", CR0_TS, 0, 7, VZEROUPPER, VEC_NM},
        {"max", 0, 0, 3, VSTMXCSR, VEC_UD},
        {"max", CR0_TS, 0, 7, VSTMXCSR, VEC_NM},
        {"max", CR0_TS | CR0_EM, CR4_OSXSAVE, 1, ANDN, -1}, /* general registers */
        {"max,-avx2", 0, 0, 7, VADDPS, -1},
        {"max,-avx2", 0, 0, 7, VPBROADCASTB, VEC_UD},
        {"max,-fma", 0, 0, 7, VFMADD, VEC_UD},
        {"max,-f16c", 0, 0, 7, VCVTPH2PS, VEC_UD},
        {"max,-vaes", 0, 0, 7, VAESENC256, VEC_UD},
        {"max,-vaes", 0, 0, 7, VAESENC128, -1},
        {"max,-aes", 0, 0, 7, VAESENC128, VEC_UD},
        {"x86-64-v3", 0, 0, 7, VFMADD, -1},
        {"x86-64-v3", 0, 0, 7, VAESENC128, VEC_UD},
        {"x86-64-v2", 0, 0, 7, VADDPS, VEC_UD},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = avx_bench(cases[k].model, BENCH_LONG);
        b->env->cr0 |= cases[k].cr0;
        b->env->cr4 &= ~cases[k].cr4_clear;
        b->env->xcr0 = cases[k].xcr0;
        int v = cpu_bench_try(b, code[cases[k].what], sizeof(code[0]));
        ck_assert_msg(v == cases[k].vector, "case %u: vector %d", k, v);
        cpu_bench_free(b);
    }
}
END_TEST

/* C5 is LDS in real mode: with a register operand #UD. */
START_TEST(real_mode) {
    struct CpuBench *b = avx_bench("max", BENCH_REAL16);
    memcpy(b->mem + 0x10000, "\xc5\xf4\x58\xc2\xf4", 5);
    ck_assert_int_eq(cpu_bench_run(b, 1000), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->rip, 16 * VEC_UD + 1);
    cpu_bench_free(b);
}
END_TEST

START_TEST(protected_mode_has_8) {
    struct CpuBench *b = avx_bench("max", BENCH_PM32);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xfc, 0x77), -1); /* vzeroall */
    for (unsigned k = 0; k < 16; k++)
        ck_assert_uint_eq(b->env->vec[k].q[3], k < 8 ? 0 : 0x1000 * k + 3);
    cpu_bench_free(b);
    b = avx_bench("max", BENCH_LONG);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xf8, 0x77), -1); /* vzeroupper */
    for (unsigned k = 0; k < 16; k++) {
        ck_assert_uint_eq(b->env->vec[k].q[1], 0x1000 * k + 1);
        ck_assert_uint_eq(b->env->vec[k].q[2], 0);
    }
    cpu_bench_free(b);
}
END_TEST

/* ---- memory ---- */

/** Leave out the page at BENCH_DATA + 1000h. */
static void unmap_second_page(struct CpuBench *b) {
    enum { TABLE = 0x50000, PRESENT_WRITABLE_USER = 7 };
    for (uint64_t k = 0; k < 512; k++)
        put(b, TABLE + 8 * k, k == 1 ? 0 : (BENCH_DATA + (k << 12)) | PRESENT_WRITABLE_USER, 8);
    put(b, BENCH_PD + 8 * (BENCH_DATA >> 21), TABLE | PRESENT_WRITABLE_USER, 8);
}

START_TEST(over_a_page_end) {
    struct CpuBench *b = avx_bench("max", BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA + 0xff3;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xfc, 0x11, 0x0b, 0xc5, 0xfe, 0x6f, 0x1b),
                     -1); /* vmovups [rbx], ymm1; back to ymm3 */
    for (unsigned q = 0; q < 4; q++) {
        ck_assert_uint_eq(get(b, BENCH_DATA + 0xff3 + 8 * q), 0x1000 + q);
        ck_assert_uint_eq(b->env->vec[3].q[q], 0x1000 + q);
    }
    cpu_bench_free(b);
    /* with nothing behind it not a byte is written or read */
    b = avx_bench("max", BENCH_LONG);
    unmap_second_page(b);
    b->env->gpr[REG_BX] = BENCH_DATA + 0xff3;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xfc, 0x11, 0x0b), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, BENCH_DATA + 0x1000);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), PF_W);
    ck_assert_uint_eq(get(b, BENCH_DATA + 0xff3), 0);
    cpu_bench_free(b);
    b = avx_bench("max", BENCH_LONG);
    unmap_second_page(b);
    b->env->gpr[REG_BX] = BENCH_DATA + 0xff3;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xe4, 0x58, 0x1b), VEC_PF); /* vaddps ymm3, ymm3, [rbx] */
    ck_assert_uint_eq(b->env->vec[3].q[3], 0x3003);
    cpu_bench_free(b);
}
END_TEST

START_TEST(alignment) {
    static const struct {
        uint8_t code[6];
        uint64_t offset;
        int vector;
    } cases[] = {
        {{0xc5, 0xfc, 0x28, 0x03, 0xf4}, 16, VEC_GP},                                               /* vmovaps ymm */
        {{0xc5, 0xfc, 0x28, 0x03, 0xf4}, 32, -1},     {{0xc5, 0xf8, 0x28, 0x03, 0xf4}, 16, -1},     /* xmm */
        {{0xc5, 0xf8, 0x29, 0x03, 0xf4}, 8, VEC_GP},  {{0xc5, 0xfd, 0xe7, 0x03, 0xf4}, 16, VEC_GP}, /* vmovntdq */
        {{0xc5, 0xfe, 0x6f, 0x03, 0xf4}, 1, -1},                                                    /* vmovdqu */
        {{0xc5, 0xfc, 0x58, 0x03, 0xf4}, 1, -1},                                                    /* vaddps */
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct CpuBench *b = avx_bench("max", BENCH_LONG);
        b->env->gpr[REG_BX] += cases[k].offset;
        int v = cpu_bench_try(b, cases[k].code, sizeof(cases[k].code));
        ck_assert_msg(v == cases[k].vector, "case %u: vector %d", k, v);
        cpu_bench_free(b);
    }
}
END_TEST

/* vpmaskmovd over the end of what is mapped: only a selected element can fault, and then none is written. */
START_TEST(masked) {
    for (unsigned fault = 0; fault < 2; fault++) {
        struct CpuBench *b = avx_bench("max", BENCH_LONG);
        unmap_second_page(b);
        b->env->gpr[REG_BX] = BENCH_DATA + 0x1000 - 16;
        memset(&b->env->vec[1], 0, 32);
        b->env->vec[1].d[1] = b->env->vec[1].d[3] = 0x80000000;
        b->env->vec[1].d[6] = fault ? 0xffffffff : 0x7fffffff;
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc4, 0xe2, 0x75, 0x8e, 0x13),
                         fault ? VEC_PF : -1); /* vpmaskmovd [rbx], ymm1, ymm2 */
        if (fault)
            ck_assert_uint_eq(b->env->cr2, BENCH_DATA + 0x1000 + 8);
        ck_assert_uint_eq(get(b, BENCH_DATA + 0x1000 - 16), 0);
        ck_assert_uint_eq(get(b, BENCH_DATA + 0x1000 - 8), 0); /* element 3 is the high half of 2001h */
        cpu_bench_free(b);
    }
}
END_TEST

/* A gather that faults goes on where it was: elements 0 and 1 are there, and their masks are gone. */
START_TEST(gather_in_two_parts) {
    struct CpuBench *b = avx_bench("max", BENCH_LONG);
    unmap_second_page(b);
    static const uint8_t code[] = {0xc4, 0xe2, 0x6d, 0x90,
                                   0x04, 0x8b, 0xf4}; /* vpgatherdd ymm0, [rbx + ymm1 * 4], ymm2 */
    for (uint32_t k = 0; k < 8; k++) {
        b->env->vec[1].d[k] = k == 2 ? 0x400 : k; /* element 2 lies in the second page */
        b->env->vec[2].d[k] = k == 5 ? 0x7fffffff : 0x80000000 + k;
        put(b, BENCH_DATA + 4 * k, 0xabc0 + k, 4);
    }
    put(b, BENCH_DATA + 0x1000, 0x5555, 4);
    ck_assert_int_eq(cpu_bench_try(b, code, sizeof(code)), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, BENCH_DATA + 0x1000);
    ck_assert_uint_eq(b->env->vec[0].d[0], 0xabc0);
    ck_assert_uint_eq(b->env->vec[0].d[1], 0xabc1);
    ck_assert_uint_eq(b->env->vec[0].d[2], 1); /* as before */
    ck_assert_uint_eq(b->env->vec[2].d[0], 0);
    ck_assert_uint_eq(b->env->vec[2].d[1], 0);
    ck_assert_uint_eq(b->env->vec[2].d[2], 0x80000002);
    ck_assert_uint_eq(cpu_bench_frame(b, 3) & FLAG_RF, FLAG_RF);
    put(b, BENCH_DATA, 0, 4); /* not read again */
    put(b, 0x50000 + 8, (BENCH_DATA + 0x1000) | 7, 8);
    b->env->cr3 = b->env->cr3;
    b->env->rip = BENCH_CODE;
    b->cpu.halted = false;
    ck_assert_int_eq(cpu_bench_run(b, 1000), VCPU_EXIT_HALT);
    for (uint32_t k = 0; k < 8; k++) {
        uint32_t want = k == 2 ? 0x5555 : k == 5 ? 0 : 0xabc0 + k;
        ck_assert_uint_eq(b->env->vec[0].d[k], want);
        ck_assert_uint_eq(b->env->vec[2].d[k], 0);
    }
    cpu_bench_free(b);
}
END_TEST

/* ---- MXCSR ---- */

START_TEST(mxcsr) {
    struct CpuBench *b = avx_bench("max", BENCH_LONG);
    put(b, BENCH_DATA, 0x11f80, 4);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xf8, 0xae, 0x13), VEC_GP); /* vldmxcsr with a reserved bit */
    cpu_bench_free(b);
    /* ZE unmasked, vdivps by 0 in the upper half: #XM, nothing is written */
    b = avx_bench("max", BENCH_LONG);
    put(b, BENCH_DATA, 0x1d80, 4);
    for (unsigned k = 0; k < 8; k++) {
        b->env->vec[1].d[k] = 0x3f800000;
        b->env->vec[2].d[k] = k == 7 ? 0 : 0x3f800000;
    }
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc5, 0xf8, 0xae, 0x13, 0xc5, 0xf4, 0x5e, 0xc2), VEC_XM);
    ck_assert_uint_eq(b->env->vec[0].q[0], 0);
    ck_assert_uint_eq(b->env->vec[0].q[3], 3);
    ck_assert_uint_eq(b->env->mxcsr, 0x1d84);
    cpu_bench_free(b);
    /* an FMA that is tiny, and exact: UE only when it is unmasked */
    for (unsigned k = 0; k < 2; k++) {
        b = avx_bench("max", BENCH_LONG);
        b->env->mxcsr = k ? 0x1780 : 0x1f80;
        memset(&b->env->vec[0], 0, 3 * 32);
        b->env->vec[0].d[0] = 0x00800000; /* 2^-126 */
        b->env->vec[2].d[0] = 0x3f000000; /* 0.5 */
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0xc4, 0xe2, 0x71, 0x98, 0xc2),
                         k ? VEC_XM : -1); /* vfmadd132ps xmm0, xmm1, xmm2 */
        ck_assert_uint_eq(b->env->vec[0].d[0], k ? 0x00800000 : 0x00400000);
        ck_assert_uint_eq(b->env->mxcsr, k ? 0x1790 : 0x1f80);
        cpu_bench_free(b);
    }
}
END_TEST

/* ---- portable kernels ---- */

static uint64_t seed = 0x7477696e;
static uint64_t rnd(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

/** A number of a format with `fraction` bits: zeros, denormals, infinities, NaNs, neighbours of powers of two. */
static uint64_t number(unsigned fraction, unsigned exponent) {
    uint64_t r = rnd(), f = rnd() & ((1ull << fraction) - 1), max = (1ull << exponent) - 1, e = rnd() & max;
    switch (r & 7) {
    case 0: e = 0; break;
    case 1: e = max; break;
    case 2: e = max / 2 + (r >> 8 & 15) - 8; break;
    case 3: e = max / 2 + (r >> 8 & 127) - 64; break;
    case 4: e = r >> 8 & 63; break;
    case 5: e = max - 1 - (r >> 8 & 31); break;
    default: break;
    }
    switch (r >> 16 & 7) {
    case 0: f = 0; break;
    case 1: f = (1ull << fraction) - 1; break;
    case 2: f = 1ull << (r >> 24) % fraction; break;
    case 3: f &= ~0ull << (fraction - 8); break;
    case 4: f >>= (r >> 24) % fraction; break;
    default: break;
    }
    return ((r >> 32 & 1) << exponent | (e & max)) << fraction | f;
}
static V128 numbers(unsigned width) {
    union Lanes v;
    for (unsigned k = 0; k < 8; k++) {
        if (width == 64 && k < 2)
            v.q[k] = number(52, 11);
        else if (width == 32 && k < 4)
            v.d[k] = (uint32_t)number(23, 8);
        else if (width == 16)
            v.w[k] = (uint16_t)number(10, 5);
    }
    return v.v;
}

/** Results and flags of both in the same modes have to be the same. */
static void same(const char *name, V128 a, V128 b, V128 c, uint32_t mxcsr, V128 host, uint32_t host_flags, V128 ours,
                 uint32_t our_flags) {
    ck_assert_msg(!memcmp(&host, &ours, 16) && host_flags == our_flags,
                  "%s %llx_%llx %llx_%llx %llx_%llx mxcsr %04x: host %llx_%llx %04x, portable %llx_%llx %04x", name,
                  a[1], a[0], b[1], b[0], c[1], c[0], mxcsr, host[1], host[0], host_flags, ours[1], ours[0], our_flags);
}

START_TEST(fma_portable) {
    static const struct {
        const char *name;
        VecFma host;
        unsigned x, y, z; /* operands of x * y + z */
        enum FmaKind kind;
        enum FmaLanes lanes;
    } ops[] = {
        {"fmadd132pd", kernel_fmadd132pd, 0, 2, 1, FMA_ADD, FMA_PD},
        {"fmadd213pd", kernel_fmadd213pd, 1, 0, 2, FMA_ADD, FMA_PD},
        {"fmadd231pd", kernel_fmadd231pd, 1, 2, 0, FMA_ADD, FMA_PD},
        {"fmadd132ps", kernel_fmadd132ps, 0, 2, 1, FMA_ADD, FMA_PS},
        {"fmadd213ps", kernel_fmadd213ps, 1, 0, 2, FMA_ADD, FMA_PS},
        {"fmadd231ps", kernel_fmadd231ps, 1, 2, 0, FMA_ADD, FMA_PS},
        {"fmsub132pd", kernel_fmsub132pd, 0, 2, 1, FMA_SUB, FMA_PD},
        {"fnmadd213pd", kernel_fnmadd213pd, 1, 0, 2, FMA_NADD, FMA_PD},
        {"fnmsub231ps", kernel_fnmsub231ps, 1, 2, 0, FMA_NSUB, FMA_PS},
        {"fmadd231sd", kernel_fmadd231sd, 1, 2, 0, FMA_ADD, FMA_SD},
        {"fmsub213ss", kernel_fmsub213ss, 1, 0, 2, FMA_SUB, FMA_SS},
        {"fnmadd132sd", kernel_fnmadd132sd, 0, 2, 1, FMA_NADD, FMA_SD},
        {"fmaddsub132ps", kernel_fmaddsub132ps, 0, 2, 1, FMA_ADDSUB, FMA_PS},
        {"fmsubadd213pd", kernel_fmsubadd213pd, 1, 0, 2, FMA_SUBADD, FMA_PD},
    };
    uint32_t own = host_mxcsr();
    for (unsigned n = 0; n < sizeof(ops) / sizeof(ops[0]); n++)
        for (unsigned k = 0; k < 40000; k++) {
            unsigned width = ops[n].lanes == FMA_PD || ops[n].lanes == FMA_SD ? 64 : 32;
            V128 v[3] = {numbers(width), numbers(width), numbers(width)};
            uint32_t mxcsr = 0x1f80 | (uint32_t)(rnd() & 0x6000) | ((rnd() & 3) ? 0 : (uint32_t)(rnd() & 0x8040));
            if ((rnd() & 3) == 0) { /* a product and a number that nearly cancel */
                V128 p = width == 64 ? kernel_mulpd(v[ops[n].x], v[ops[n].y]) : kernel_mulps(v[ops[n].x], v[ops[n].y]);
                v[ops[n].z] =
                    rnd() & 1 ? p
                              : _mm_xor_si128(p, width == 64 ? _mm_set1_epi64x(INT64_MIN) : _mm_set1_epi32(INT32_MIN));
            }
            host_set_mxcsr(mxcsr);
            V128 host = ops[n].host(v[0], v[1], v[2], MXCSR_MASKS);
            uint32_t host_flags = host_mxcsr();
            host_set_mxcsr(mxcsr);
            V128 ours =
                portable_fma(v[0], v[ops[n].x], v[ops[n].y], v[ops[n].z], ops[n].kind, ops[n].lanes, MXCSR_MASKS);
            uint32_t our_flags = host_mxcsr();
            host_set_mxcsr(own);
            same(ops[n].name, v[0], v[1], v[2], mxcsr, host, host_flags, ours, our_flags);
        }
}
END_TEST

START_TEST(half_portable) {
    uint32_t own = host_mxcsr();
    for (unsigned k = 0; k < 200000; k++) {
        V128 h = numbers(16), s = numbers(32);
        unsigned imm = rnd() & 7;
        uint32_t mxcsr = 0x1f80 | (uint32_t)(rnd() & 0xe040);
        if (rnd() & 1) /* floats that a half can hold, or nearly */
            for (unsigned n = 0; n < 4; n++)
                ((union Lanes *)&s)->d[n] =
                    ((union Lanes *)&s)->d[n] % 0x18000000 + 0x30000000 + (uint32_t)(rnd() & 1) * 0x80000000;
        host_set_mxcsr(mxcsr);
        V128 host = kernel_cvtph2ps(h);
        uint32_t host_flags = host_mxcsr();
        host_set_mxcsr(mxcsr);
        V128 ours = portable_cvtph2ps(h);
        uint32_t our_flags = host_mxcsr();
        host_set_mxcsr(own);
        same("cvtph2ps", h, h, h, mxcsr, host, host_flags, ours, our_flags);
        host_set_mxcsr(mxcsr);
        host = kernel_cvtps2ph(s, s, imm);
        host_flags = host_mxcsr();
        host_set_mxcsr(mxcsr);
        ours = portable_cvtps2ph(s, imm, MXCSR_MASKS);
        our_flags = host_mxcsr();
        host_set_mxcsr(own);
        same("cvtps2ph", s, (V128){imm, 0}, s, mxcsr, host, host_flags, ours, our_flags);
    }
}
END_TEST

START_TEST(integers_portable) {
    static const struct {
        const char *name;
        VecBinary host, ours;
    } ops[] = {{"permilps", kernel_permilps, portable_permilps}, {"permilpd", kernel_permilpd, portable_permilpd},
               {"psllvd", kernel_psllvd, portable_psllvd},       {"psllvq", kernel_psllvq, portable_psllvq},
               {"psrlvd", kernel_psrlvd, portable_psrlvd},       {"psrlvq", kernel_psrlvq, portable_psrlvq},
               {"psravd", kernel_psravd, portable_psravd}};
    for (unsigned n = 0; n < sizeof(ops) / sizeof(ops[0]); n++)
        for (unsigned k = 0; k < 20000; k++) {
            V128 a = {(long long)rnd(), (long long)rnd()}, b = {(long long)rnd(), (long long)rnd()};
            if (rnd() & 3)
                b = _mm_and_si128(b, _mm_set1_epi32(0x7f));
            if (rnd() & 1)
                b = _mm_and_si128(b, _mm_set1_epi64x(0x7f));
            same(ops[n].name, a, b, b, 0, ops[n].host(a, b), 0, ops[n].ours(a, b), 0);
        }
}
END_TEST

Suite *avx_suite(void) {
    Suite *s = suite_create("avx");
    TCase *tc = tcase_create("system");
    tcase_add_test(tc, forbidden);
    tcase_add_test(tc, real_mode);
    tcase_add_test(tc, protected_mode_has_8);
    tcase_add_test(tc, over_a_page_end);
    tcase_add_test(tc, alignment);
    tcase_add_test(tc, masked);
    tcase_add_test(tc, gather_in_two_parts);
    tcase_add_test(tc, mxcsr);
    suite_add_tcase(s, tc);
    tc = tcase_create("portable kernels");
    tcase_set_timeout(tc, 60);
    if (host_has(HOST_AVX2) && host_has(HOST_FMA) && host_has(HOST_F16C)) {
        tcase_add_test(tc, fma_portable);
        tcase_add_test(tc, half_portable);
        tcase_add_test(tc, integers_portable);
    } else {
        suite_skip("avx", 3, "this build, or this host, has no AVX2, FMA and F16C to compare portable kernels with");
    }
    suite_add_tcase(s, tc);
    return s;
}
