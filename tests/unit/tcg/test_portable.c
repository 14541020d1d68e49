/* SPDX-License-Identifier: MIT */
/*
 * The portable vector kernels against those that are the host's own instruction: results, and for floating point the
 * flags in MXCSR, over random and corner values, every imm8, every rounding mode. What the host lacks is not compared.
 */
#include "accel/tcg-lite/exec/vec/approx.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_crypto.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse41.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse41_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse42.h"
#include "tests/unit/suites.h"

#include <string.h>

enum { ROUNDS = 4000 };

static uint64_t seed = 0x7477696e;
static uint64_t rnd(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

/* ---- operands ---- */

static V128 integers(void) {
    static const uint32_t edges[] = {0,      1,      0x7f,   0x80,       0xff,       0x7fff,    0x8000,
                                     0xffff, 0x8080, 0x7f7f, 0x7fffffff, 0x80000000, 0xffffffff};
    union Lanes v;
    for (unsigned k = 0; k < 4; k++) {
        v.d[k] = (uint32_t)(rnd() >> 32);
        if (rnd() >> 63)
            v.d[k] = edges[(rnd() >> 32) % (sizeof(edges) / sizeof(edges[0]))];
    }
    return v.v;
}
/** Few different elements, now and then one that is 0. */
static V128 text(void) {
    union Lanes v;
    uint8_t flip = rnd() >> 63 ? 0x80 : 0;
    for (unsigned k = 0; k < 16; k++)
        v.b[k] = (rnd() >> 33) % 20 ? (uint8_t)(0x7e + (rnd() >> 33) % 4) ^ flip : 0;
    if (rnd() >> 63)
        for (unsigned k = 0; k < 8; k++)
            v.b[2 * k + 1] = v.b[2 * k] ? flip : 0;
    return v.v;
}
static V128 floats(void) {
    static const uint32_t edges[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
                                     0x7fc00001, 0xffc00002, 0x7fa00001, 0xff800001, 1,          0x807fffff,
                                     0x00800000, 0x7f7fffff, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000,
                                     0x3effffff, 0x3f000001, 0x4b000001, 0x4affffff, 0xcb000000};
    union Lanes v;
    for (unsigned k = 0; k < 4; k++) {
        uint64_t r = rnd();
        v.d[k] = r & 1   ? edges[(r >> 32) % (sizeof(edges) / sizeof(edges[0]))]
                 : r & 2 ? (uint32_t)((r >> 32 & 0x807fffff) | (uint32_t)(120 + (r >> 8 & 31)) << 23)
                         : (uint32_t)(r >> 32);
    }
    return v.v;
}
static V128 doubles(void) {
    static const uint64_t edges[] = {0,
                                     1ull << 63,
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000001,
                                     0xfff8000000000002,
                                     0x7ff4000000000001,
                                     1,
                                     0x800fffffffffffff,
                                     0x0010000000000000,
                                     0x7fefffffffffffff,
                                     0x3fe0000000000000,
                                     0xbfe0000000000000,
                                     0x3ff8000000000000,
                                     0x4004000000000000,
                                     0x3fdfffffffffffff,
                                     0x4330000000000001,
                                     0x432fffffffffffff};
    union Lanes v;
    for (unsigned k = 0; k < 2; k++) {
        uint64_t r = rnd(), s = rnd();
        v.q[k] = r & 1   ? edges[(r >> 32) % (sizeof(edges) / sizeof(edges[0]))]
                 : r & 2 ? (s & 0x800fffffffffffff) | (1016 + (r >> 8 & 63)) << 52
                         : s;
    }
    return v.v;
}

/* ---- what is compared ---- */

struct Op {
    const char *name;
    enum HostFeature feature;
    V128 (*operand)(void);
    V128 (*unary[2])(V128 b); /* [0] the host's, [1] portable */
    V128 (*binary[2])(V128 a, V128 b);
    V128 (*ternary[2])(V128 a, V128 b, V128 c);
    V128 (*imm[2])(V128 a, V128 b, unsigned imm);
};

static V128 shift_left(V128 a, V128 b, unsigned n) { return (void)b, kernel_pslldq(a, _mm_cvtsi32_si128((int)n)); }
static V128 shift_right(V128 a, V128 b, unsigned n) { return (void)b, kernel_psrldq(a, _mm_cvtsi32_si128((int)n)); }
static V128 shift_left_portable(V128 a, V128 b, unsigned n) { return (void)b, portable_pslldq(a, n); }
static V128 shift_right_portable(V128 a, V128 b, unsigned n) { return (void)b, portable_psrldq(a, n); }

static const struct Op ops[] = {
    {"pshufb", HOST_SSSE3, integers, .binary = {kernel_pshufb, portable_pshufb}},
    {"phaddw", HOST_SSSE3, integers, .binary = {kernel_phaddw, portable_phaddw}},
    {"phaddd", HOST_SSSE3, integers, .binary = {kernel_phaddd, portable_phaddd}},
    {"phaddsw", HOST_SSSE3, integers, .binary = {kernel_phaddsw, portable_phaddsw}},
    {"phsubw", HOST_SSSE3, integers, .binary = {kernel_phsubw, portable_phsubw}},
    {"phsubd", HOST_SSSE3, integers, .binary = {kernel_phsubd, portable_phsubd}},
    {"phsubsw", HOST_SSSE3, integers, .binary = {kernel_phsubsw, portable_phsubsw}},
    {"pmaddubsw", HOST_SSSE3, integers, .binary = {kernel_pmaddubsw, portable_pmaddubsw}},
    {"pmulhrsw", HOST_SSSE3, integers, .binary = {kernel_pmulhrsw, portable_pmulhrsw}},
    {"psignb", HOST_SSSE3, integers, .binary = {kernel_psignb, portable_psignb}},
    {"psignw", HOST_SSSE3, integers, .binary = {kernel_psignw, portable_psignw}},
    {"psignd", HOST_SSSE3, integers, .binary = {kernel_psignd, portable_psignd}},
    {"pabsb", HOST_SSSE3, integers, .unary = {kernel_pabsb, portable_pabsb}},
    {"pabsw", HOST_SSSE3, integers, .unary = {kernel_pabsw, portable_pabsw}},
    {"pabsd", HOST_SSSE3, integers, .unary = {kernel_pabsd, portable_pabsd}},
    {"palignr", HOST_SSSE3, integers, .imm = {kernel_palignr, portable_palignr}},
    {"pslldq", HOST_SSSE3, integers, .imm = {shift_left, shift_left_portable}},
    {"psrldq", HOST_SSSE3, integers, .imm = {shift_right, shift_right_portable}},
    {"shufps", HOST_SSSE3, integers, .imm = {kernel_shufps, portable_shufps}},
    {"pshufd", HOST_SSSE3, integers, .imm = {kernel_pshufd, portable_pshufd}},
    {"pshuflw", HOST_SSSE3, integers, .imm = {kernel_pshuflw, portable_pshuflw}},
    {"pshufhw", HOST_SSSE3, integers, .imm = {kernel_pshufhw, portable_pshufhw}},
    {"pminsb", HOST_SSE41, integers, .binary = {kernel_pminsb, portable_pminsb}},
    {"pmaxsb", HOST_SSE41, integers, .binary = {kernel_pmaxsb, portable_pmaxsb}},
    {"pminuw", HOST_SSE41, integers, .binary = {kernel_pminuw, portable_pminuw}},
    {"pmaxuw", HOST_SSE41, integers, .binary = {kernel_pmaxuw, portable_pmaxuw}},
    {"pminsd", HOST_SSE41, integers, .binary = {kernel_pminsd, portable_pminsd}},
    {"pmaxsd", HOST_SSE41, integers, .binary = {kernel_pmaxsd, portable_pmaxsd}},
    {"pminud", HOST_SSE41, integers, .binary = {kernel_pminud, portable_pminud}},
    {"pmaxud", HOST_SSE41, integers, .binary = {kernel_pmaxud, portable_pmaxud}},
    {"pmulld", HOST_SSE41, integers, .binary = {kernel_pmulld, portable_pmulld}},
    {"pmuldq", HOST_SSE41, integers, .binary = {kernel_pmuldq, portable_pmuldq}},
    {"pcmpeqq", HOST_SSE41, integers, .binary = {kernel_pcmpeqq, portable_pcmpeqq}},
    {"packusdw", HOST_SSE41, integers, .binary = {kernel_packusdw, portable_packusdw}},
    {"phminposuw", HOST_SSE41, integers, .unary = {kernel_phminposuw, portable_phminposuw}},
    {"pmovsxbw", HOST_SSE41, integers, .unary = {kernel_pmovsxbw, portable_pmovsxbw}},
    {"pmovsxbd", HOST_SSE41, integers, .unary = {kernel_pmovsxbd, portable_pmovsxbd}},
    {"pmovsxbq", HOST_SSE41, integers, .unary = {kernel_pmovsxbq, portable_pmovsxbq}},
    {"pmovsxwd", HOST_SSE41, integers, .unary = {kernel_pmovsxwd, portable_pmovsxwd}},
    {"pmovsxwq", HOST_SSE41, integers, .unary = {kernel_pmovsxwq, portable_pmovsxwq}},
    {"pmovsxdq", HOST_SSE41, integers, .unary = {kernel_pmovsxdq, portable_pmovsxdq}},
    {"pblendvb", HOST_SSE41, integers, .ternary = {kernel_pblendvb, portable_pblendvb}},
    {"blendvps", HOST_SSE41, integers, .ternary = {kernel_blendvps, portable_blendvps}},
    {"blendvpd", HOST_SSE41, integers, .ternary = {kernel_blendvpd, portable_blendvpd}},
    {"mpsadbw", HOST_SSE41, integers, .imm = {kernel_mpsadbw, portable_mpsadbw}},
    {"pcmpgtq", HOST_SSE42, integers, .binary = {kernel_pcmpgtq, portable_pcmpgtq}},
    {"aesenc", HOST_AES, integers, .binary = {kernel_aesenc, portable_aesenc}},
    {"aesenclast", HOST_AES, integers, .binary = {kernel_aesenclast, portable_aesenclast}},
    {"aesdec", HOST_AES, integers, .binary = {kernel_aesdec, portable_aesdec}},
    {"aesdeclast", HOST_AES, integers, .binary = {kernel_aesdeclast, portable_aesdeclast}},
    {"aesimc", HOST_AES, integers, .unary = {kernel_aesimc, portable_aesimc}},
    {"aeskeygenassist", HOST_AES, integers, .unary = {aeskeygenassist_0, portable_aeskeygenassist}},
    {"pclmulqdq", HOST_PCLMULQDQ, integers, .binary = {pclmulqdq_0, portable_pclmulqdq}},
    {"sha1nexte", HOST_SHA, integers, .binary = {kernel_sha1nexte, portable_sha1nexte}},
    {"sha1msg1", HOST_SHA, integers, .binary = {kernel_sha1msg1, portable_sha1msg1}},
    {"sha1msg2", HOST_SHA, integers, .binary = {kernel_sha1msg2, portable_sha1msg2}},
    {"sha256msg1", HOST_SHA, integers, .binary = {kernel_sha256msg1, portable_sha256msg1}},
    {"sha256msg2", HOST_SHA, integers, .binary = {kernel_sha256msg2, portable_sha256msg2}},
    {"sha256rnds2", HOST_SHA, integers, .ternary = {kernel_sha256rnds2, portable_sha256rnds2}},
    {"gf2p8mulb", HOST_GFNI, integers, .binary = {kernel_gf2p8mulb, portable_gf2p8mulb}},
    {"gf2p8affineqb", HOST_GFNI, integers, .binary = {gf2p8affineqb_0, portable_gf2p8affineqb}},
    {"gf2p8affineinvqb", HOST_GFNI, integers, .binary = {gf2p8affineinvqb_0, portable_gf2p8affineinvqb}},
    {"addsubps", HOST_SSE3, floats, .binary = {kernel_addsubps, portable_addsubps}},
    {"addsubpd", HOST_SSE3, doubles, .binary = {kernel_addsubpd, portable_addsubpd}},
    {"haddps", HOST_SSE3, floats, .binary = {kernel_haddps, portable_haddps}},
    {"haddpd", HOST_SSE3, doubles, .binary = {kernel_haddpd, portable_haddpd}},
    {"hsubps", HOST_SSE3, floats, .binary = {kernel_hsubps, portable_hsubps}},
    {"hsubpd", HOST_SSE3, doubles, .binary = {kernel_hsubpd, portable_hsubpd}},
    {"roundps", HOST_SSE41, floats, .imm = {kernel_roundps, portable_roundps}},
    {"roundpd", HOST_SSE41, doubles, .imm = {kernel_roundpd, portable_roundpd}},
    {"roundss", HOST_SSE41, floats, .imm = {kernel_roundss, portable_roundss}},
    {"roundsd", HOST_SSE41, doubles, .imm = {kernel_roundsd, portable_roundsd}},
};

static V128 apply(const struct Op *op, bool portable, V128 a, V128 b, V128 c, unsigned imm) {
    return op->unary[0]     ? op->unary[portable](b)
           : op->binary[0]  ? op->binary[portable](a, b)
           : op->ternary[0] ? op->ternary[portable](a, b, c)
                            : op->imm[portable](a, b, imm);
}

static bool same(V128 a, V128 b) { return memcmp(&a, &b, 16) == 0; }

/** As a guest's: masks set, any rounding, DAZ and FTZ now and then. */
static uint32_t modes(void) { return 0x1f80 | (uint32_t)(rnd() & 0xe040); }

static void compare(const struct Op *op) {
    uint32_t own = host_mxcsr();
    for (unsigned k = 0; k < ROUNDS; k++) {
        V128 a = op->operand(), b = op->operand(), c = op->operand();
        unsigned imm = rnd() >> 33 & (k & 1 ? 0xff : 0x1f);
        uint32_t mxcsr = modes();
        host_set_mxcsr(mxcsr);
        V128 want = apply(op, false, a, b, c, imm);
        uint32_t want_mxcsr = host_mxcsr();
        host_set_mxcsr(mxcsr);
        V128 got = apply(op, true, a, b, c, imm);
        uint32_t got_mxcsr = host_mxcsr();
        host_set_mxcsr(own);
        ck_assert_msg(same(want, got),
                      "%s a %llx_%llx b %llx_%llx imm %02x mxcsr %04x: host %llx_%llx, portable %llx_%llx", op->name,
                      a[1], a[0], b[1], b[0], imm, mxcsr, want[1], want[0], got[1], got[0]);
        ck_assert_msg(want_mxcsr == got_mxcsr,
                      "%s a %llx_%llx b %llx_%llx imm %02x mxcsr %04x: host %04x, portable %04x", op->name, a[1], a[0],
                      b[1], b[0], imm, mxcsr, want_mxcsr, got_mxcsr);
    }
}

static void compare_all(enum HostFeature first, enum HostFeature last) {
    for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
        if (ops[k].feature >= first && ops[k].feature <= last && host_has(ops[k].feature))
            compare(&ops[k]);
}

START_TEST(sse3_to_sse42) { compare_all(HOST_SSE3, HOST_SSE42); }
END_TEST
START_TEST(crypto) { compare_all(HOST_AES, HOST_GFNI); }
END_TEST

static V128 host_dpps(V128 a, V128 b) {
    __asm__ volatile("dpps $255, %1, %0" : "+x"(a) : "x"(b));
    return a;
}
static V128 host_dppd(V128 a, V128 b) {
    __asm__ volatile("dppd $255, %1, %0" : "+x"(a) : "x"(b));
    return a;
}

/** In the order of the host's vendor. */
START_TEST(dot_products) {
    uint32_t own = host_mxcsr();
    bool intel = __builtin_cpu_is("intel");
    for (unsigned k = 0; k < ROUNDS; k++) {
        V128 a = floats(), b = floats(), c = doubles(), d = doubles();
        uint32_t mxcsr = modes(), flags[4];
        host_set_mxcsr(mxcsr);
        V128 ps = host_dpps(a, b);
        flags[0] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 ps_ours = kernel_dpps(a, b, 0xff, intel);
        flags[1] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 pd = host_dppd(c, d);
        flags[2] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 pd_ours = kernel_dppd(c, d, 0xff, intel);
        flags[3] = host_mxcsr(), host_set_mxcsr(own);
        ck_assert_msg(same(ps, ps_ours) && flags[0] == flags[1],
                      "dpps %llx_%llx %llx_%llx: host %llx_%llx %04x, ours %llx_%llx %04x", a[1], a[0], b[1], b[0],
                      ps[1], ps[0], flags[0], ps_ours[1], ps_ours[0], flags[1]);
        ck_assert_msg(same(pd, pd_ours) && flags[2] == flags[3],
                      "dppd %llx_%llx %llx_%llx: host %llx_%llx %04x, ours %llx_%llx %04x", c[1], c[0], d[1], d[0],
                      pd[1], pd[0], flags[2], pd_ours[1], pd_ours[0], flags[3]);
    }
}
END_TEST

static uint32_t host_approx(enum Approx what, uint32_t x) {
    V128 v = _mm_cvtsi32_si128((int)x);
    return (uint32_t)_mm_cvtsi128_si32(what == APPROX_RCP ? kernel_rcpss(v, v) : kernel_rsqrtss(v, v));
}

/** The host's vendor's: of every mantissa with both parities of the exponent, and of what is special. */
START_TEST(approximations) {
    static const uint32_t special[] = {0,          0x80000000, 1,          0x807fffff, 0x007fffff, 0x00800000,
                                       0x80800000, 0x7f800000, 0xff800000, 0x7fc00001, 0x7fa00001, 0xffa00001,
                                       0x7e7fffff, 0x7e800000, 0x7f000000, 0x7f7fffff, 0xff7fffff, 0xbf800000};
    enum CpuVendor vendor = __builtin_cpu_is("intel") ? VENDOR_INTEL : VENDOR_AMD;
    uint32_t own = host_mxcsr();
    for (unsigned what = APPROX_RCP; what <= APPROX_RSQRT; what++) {
        for (unsigned k = 0; k < sizeof(special) / sizeof(special[0]); k++)
            ck_assert_uint_eq(approx_float(what, special[k], vendor), host_approx(what, special[k]));
        for (uint32_t x = 0x3f800000; x < 0x40800000; x += 0x100) /* the lower bits never count */
            ck_assert_msg(approx_float(what, x + (rnd() & 0xff), vendor) == host_approx(what, x), "%u of %08x: %08x",
                          what, x, host_approx(what, x));
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint32_t x = (uint32_t)rnd();
            ck_assert_msg(approx_float(what, x, vendor) == host_approx(what, x), "%u of %08x: %08x", what, x,
                          host_approx(what, x));
        }
    }
    ck_assert_uint_eq(host_mxcsr(), own);
}
END_TEST

/* What an Intel processor gave. */
START_TEST(approximations_of_intel) {
    static const struct {
        uint32_t x, rcp, rsqrt;
    } seen[] = {
        /* 0: not known */
        {0x011f46bd, 0x7dcdb800, 0x5ea24000}, {0x078d1f6d, 0x77684000, 0x5b73d800},
        {0x07fa5e0a, 0x7702e800, 0x5b371000}, {0x12ea4d00, 0x6c0be000, 0x55bd3800},
        {0x1d49fd9e, 0x61a24000, 0x50902000}, {0x2f0299ee, 0x4ffae800, 0x47b33800},
        {0x332cb377, 0x4bbdb800, 0x459bd800}, {0x38800000, 0x467ff000, 0x42fff000},
        {0x3a20fe34, 0x44cb9000, 0x42217000}, {0x3cf2304b, 0x42074800, 0x40ba2000},
        {0x3f000000, 0x3ffff000, 0x3fb4f800}, {0x40490fdb, 0x3ea30000, 0x3f107000},
        {0x40aeefc7, 0x3e3b5800, 0x3edaf800}, {0x477fe000, 0x37801000, 0x3b800800},
        {0x48d6e3c1, 0x36187800, 0x3ac59000}, {0x4b000000, 0x33fff000, 0x39b4f800},
        {0x510c76a4, 0x2de94800, 0x36acd000}, {0x533f8440, 0x2bab1800, 0x3593f800},
        {0x547ced6c, 0x2a819000, 0x3500c800}, {0x58373840, 0x26b2d800, 0x33175000},
        {0x5c77076b, 0x2284a800, 0x31024800}, {0x5f000000, 0x1ffff000, 0x2fb4f800},
        {0x64643ffb, 0x1a8f9800, 0x2d079000}, {0x6d891e02, 0x116f0800, 0x28776800},
        {0x70f66832, 0x0e04f800, 0x26b88000}, {0x7be9cd98, 0x030c2800, 0x213d6800},
        {0x7d7d7d7d, 0x01814800, 0x2080a800}, {0x7f7fffff, 0x00000000, 0x1f800800},
        {0x879ea4b9, 0xf74e8800, 0x00000000}, {0x87b790b8, 0xf7327800, 0x00000000},
        {0x88972657, 0xf658c800, 0x00000000}, {0x88ab400f, 0xf63f5000, 0x00000000},
        {0x88ab88ab, 0xf63f0800, 0x00000000}, {0x88fe29ce, 0xf600f000, 0x00000000},
        {0x8a50431e, 0xf49d5000, 0x00000000}, {0x9d83b687, 0xe178c800, 0x00000000},
        {0xa2677cd3, 0xdc8d9000, 0x00000000}, {0xa8d6c9a3, 0xd6189000, 0x00000000},
        {0xaa20c47a, 0xd4cbd000, 0x00000000}, {0xb770aec9, 0xc7882800, 0x00000000},
        {0xb84c28f0, 0xc6a08000, 0x00000000}, {0xbf800000, 0xbf7ff000, 0x00000000},
        {0xc1329be9, 0xbdb77800, 0x00000000}, {0xc3366be9, 0xbbb3a800, 0x00000000},
        {0xc593ea29, 0xb95d8800, 0x00000000}, {0xd1a72420, 0xad440800, 0x00000000},
        {0xd327d8f3, 0xabc33800, 0x00000000}, {0xd5ed4075, 0xa90a1800, 0x00000000},
        {0xdaefd9c7, 0xa408a000, 0x00000000}, {0xdb689eb8, 0xa38ce000, 0x00000000},
        {0xe5efa68d, 0x9908b800, 0x00000000}, {0xeeac21cd, 0x903e5800, 0x00000000},
        {0xf013ff90, 0x8edd7000, 0x00000000},
    };
    for (unsigned k = 0; k < sizeof(seen) / sizeof(seen[0]); k++) {
        if (seen[k].rcp != 0)
            ck_assert_uint_eq(approx_float(APPROX_RCP, seen[k].x, VENDOR_INTEL), seen[k].rcp);
        if (seen[k].rsqrt != 0)
            ck_assert_uint_eq(approx_float(APPROX_RSQRT, seen[k].x, VENDOR_INTEL), seen[k].rsqrt);
    }
}
END_TEST

START_TEST(tests_and_strings) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        V128 a = integers(), b = k & 1 ? integers() : k & 2 ? _mm_and_si128(a, integers()) : _mm_andnot_si128(a, a);
        ck_assert_uint_eq(kernel_ptest(a, b), portable_ptest(a, b));
    }
    for (unsigned k = 0; k < 16 * ROUNDS; k++) {
        V128 a = text(), b = text();
        unsigned imm = k & 15, n = imm & PCMPSTR_WORDS ? 8 : 16;
        unsigned a_len = (unsigned)(rnd() >> 33) % (n + 1), b_len = (unsigned)(rnd() >> 33) % (n + 1);
        ck_assert_msg(pcmpstr_compare(a, a_len, b, b_len, imm) == portable_pcmpstr(a, a_len, b, b_len, imm),
                      "pcmpstr imm %02x a %llx_%llx (%u) b %llx_%llx (%u): host %x, portable %x", imm, a[1], a[0],
                      a_len, b[1], b[0], b_len, pcmpstr_compare(a, a_len, b, b_len, imm),
                      portable_pcmpstr(a, a_len, b, b_len, imm));
    }
}
END_TEST

/* ---- known answers, on any host ---- */

/* FIPS 197, appendix B, and back (by the equivalent inverse cipher). */
START_TEST(aes_128) {
    static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                    0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c},
                         plain[16] = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d,
                                      0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34},
                         cipher[16] = {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb,
                                       0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};
    static const uint8_t constants[10] = {1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36};
    V128 round[11] = {_mm_loadu_si128((const V128 *)key)}, v = _mm_loadu_si128((const V128 *)plain);
    for (unsigned k = 0; k < 10; k++) {
        V128 w = _mm_xor_si128(portable_aeskeygenassist(round[k]), _mm_set_epi32(constants[k], 0, constants[k], 0));
        V128 r = _mm_xor_si128(round[k], _mm_slli_si128(round[k], 4));
        r = _mm_xor_si128(r, _mm_slli_si128(r, 8));
        round[k + 1] = _mm_xor_si128(r, _mm_shuffle_epi32(w, 0xff));
    }
    v = _mm_xor_si128(v, round[0]);
    for (unsigned k = 1; k < 10; k++)
        v = portable_aesenc(v, round[k]);
    v = portable_aesenclast(v, round[10]);
    ck_assert_mem_eq(&v, cipher, 16);
    v = _mm_xor_si128(v, round[10]);
    for (unsigned k = 9; k > 0; k--)
        v = portable_aesdec(v, portable_aesimc(round[k]));
    v = portable_aesdeclast(v, round[0]);
    ck_assert_mem_eq(&v, plain, 16);
}
END_TEST

static const uint32_t abc[16] = {0x61626380, [15] = 24}; /* the padded message "abc" */

/* FIPS 180-4's example, scheduled as SHA256MSG1 and SHA256MSG2 are meant to be used. */
START_TEST(sha_256) {
    static const uint32_t constant[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    const V128 abef0 = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
               cdgh0 = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    V128 w[16], abef = abef0, cdgh = cdgh0;
    for (unsigned k = 0; k < 16; k++) {
        if (k < 4)
            w[k] = _mm_loadu_si128((const V128 *)(abc + 4 * k));
        else
            w[k] = portable_sha256msg2(
                _mm_add_epi32(portable_sha256msg1(w[k - 4], w[k - 3]), portable_palignr(w[k - 1], w[k - 2], 4)),
                w[k - 1]);
        V128 wk = _mm_add_epi32(w[k], _mm_loadu_si128((const V128 *)(constant + 4 * k)));
        cdgh = portable_sha256rnds2(cdgh, abef, wk);
        abef = portable_sha256rnds2(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
    }
    union Lanes r = lanes_of(_mm_add_epi32(abef, abef0)), s = lanes_of(_mm_add_epi32(cdgh, cdgh0));
    ck_assert_uint_eq(r.d[3], 0xba7816bf);
    ck_assert_uint_eq(r.d[2], 0x8f01cfea);
    ck_assert_uint_eq(s.d[3], 0x414140de);
    ck_assert_uint_eq(s.d[2], 0x5dae2223);
    ck_assert_uint_eq(r.d[1], 0xb00361a3);
    ck_assert_uint_eq(r.d[0], 0x96177a9c);
    ck_assert_uint_eq(s.d[1], 0xb410ff61);
    ck_assert_uint_eq(s.d[0], 0xf20015ad);
}
END_TEST

START_TEST(sha_1) {
    const V128 abcd0 = _mm_set_epi32(0x67452301, (int)0xefcdab89, (int)0x98badcfe, 0x10325476);
    const V128 e0 = _mm_set_epi32((int)0xc3d2e1f0, 0, 0, 0);
    V128 w[20], state = abcd0, before = abcd0, we;
    for (unsigned k = 0; k < 20; k++) {
        if (k < 4)
            w[k] = _mm_shuffle_epi32(_mm_loadu_si128((const V128 *)(abc + 4 * k)), 0x1b); /* the first word on top */
        else
            w[k] = portable_sha1msg2(_mm_xor_si128(portable_sha1msg1(w[k - 4], w[k - 3]), w[k - 2]), w[k - 1]);
        we = k == 0 ? _mm_add_epi32(e0, w[0]) : portable_sha1nexte(before, w[k]);
        before = state;
        state = portable_sha1rnds4(state, we, k / 5);
    }
    union Lanes r = lanes_of(_mm_add_epi32(state, abcd0)), e = lanes_of(portable_sha1nexte(before, e0));
    ck_assert_uint_eq(r.d[3], 0xa9993e36);
    ck_assert_uint_eq(r.d[2], 0x4706816a);
    ck_assert_uint_eq(r.d[1], 0xba3e2571);
    ck_assert_uint_eq(r.d[0], 0x7850c26c);
    ck_assert_uint_eq(e.d[3], 0x9cd0d89d);
}
END_TEST

START_TEST(fields) {
    /* AES's S-box of 53h is edh; 53h and cah are inverses (FIPS 197, 4.2 and 5.1.1) */
    ck_assert_uint_eq(aes_sub(0x53), 0xed);
    ck_assert_uint_eq(aes_sub_back(0xed), 0x53);
    ck_assert_uint_eq(gf_inverse(0x53), 0xca);
    ck_assert_uint_eq(gf_inverse(0), 0);
    ck_assert_uint_eq(gf_times(0x57, 0x83), 0xc1);
    ck_assert_uint_eq(gf_matrix(0x0102040810204080, 0xa7), 0xa7); /* the identity */
    V128 product = portable_pclmulqdq((V128){3, 0}, (V128){(long long)(1ull << 63 | 7), 0});
    ck_assert_uint_eq((uint64_t)product[0], 1ull << 63 | 9);
    ck_assert_uint_eq((uint64_t)product[1], 1);
}
END_TEST

Suite *portable_suite(void) {
    Suite *s = suite_create("portable");
    TCase *tc = tcase_create("portable kernels");
    tcase_add_test(tc, aes_128);
    tcase_add_test(tc, sha_256);
    tcase_add_test(tc, sha_1);
    tcase_add_test(tc, fields);
    if (host_has(HOST_SSE3)) {
        tcase_add_test(tc, sse3_to_sse42);
        tcase_add_test(tc, crypto);
    } else {
        suite_skip("portable", 2, "this build, or this host, has nothing to compare portable kernels with");
    }
    if (host_has(HOST_SSE42))
        tcase_add_test(tc, tests_and_strings);
    else
        suite_skip("portable", 1, "this build, or this host, has no SSE4.2");
    if (__builtin_cpu_supports("sse4.1"))
        tcase_add_test(tc, dot_products);
    else
        suite_skip("portable", 1, "this host has no SSE4.1");
    tcase_add_test(tc, approximations_of_intel);
    if (approx_host_is(VENDOR_AMD) || approx_host_is(VENDOR_INTEL))
        tcase_add_test(tc, approximations);
    else
        suite_skip("portable", 1, "this host is neither AMD's nor Intel's");
    suite_add_tcase(s, tc);
    return s;
}
