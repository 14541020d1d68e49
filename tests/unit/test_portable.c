/* SPDX-License-Identifier: MIT */
/*
 * The portable vector kernels against those that are the host's own instruction: results, and for floating point the
 * flags in MXCSR, over random and corner values, every imm8, every rounding mode. What the host lacks is not compared.
 */
#include "accel/tcg-lite/kernels_vec_crypto.h"
#include "accel/tcg-lite/kernels_vec_sse3.h"
#include "accel/tcg-lite/kernels_vec_sse41.h"
#include "accel/tcg-lite/kernels_vec_sse41_fp.h"
#include "accel/tcg-lite/kernels_vec_sse42.h"
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
            v.d[k] = edges[(rnd() >> 32) % (sizeof edges / sizeof edges[0])];
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
        v.d[k] = r & 1   ? edges[(r >> 32) % (sizeof edges / sizeof edges[0])]
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
        v.q[k] = r & 1   ? edges[(r >> 32) % (sizeof edges / sizeof edges[0])]
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

static const struct Op ops[] = {
    {"pshufb", HOST_SSSE3, integers, .binary = {k_pshufb, p_pshufb}},
    {"phaddw", HOST_SSSE3, integers, .binary = {k_phaddw, p_phaddw}},
    {"phaddd", HOST_SSSE3, integers, .binary = {k_phaddd, p_phaddd}},
    {"phaddsw", HOST_SSSE3, integers, .binary = {k_phaddsw, p_phaddsw}},
    {"phsubw", HOST_SSSE3, integers, .binary = {k_phsubw, p_phsubw}},
    {"phsubd", HOST_SSSE3, integers, .binary = {k_phsubd, p_phsubd}},
    {"phsubsw", HOST_SSSE3, integers, .binary = {k_phsubsw, p_phsubsw}},
    {"pmaddubsw", HOST_SSSE3, integers, .binary = {k_pmaddubsw, p_pmaddubsw}},
    {"pmulhrsw", HOST_SSSE3, integers, .binary = {k_pmulhrsw, p_pmulhrsw}},
    {"psignb", HOST_SSSE3, integers, .binary = {k_psignb, p_psignb}},
    {"psignw", HOST_SSSE3, integers, .binary = {k_psignw, p_psignw}},
    {"psignd", HOST_SSSE3, integers, .binary = {k_psignd, p_psignd}},
    {"pabsb", HOST_SSSE3, integers, .unary = {k_pabsb, p_pabsb}},
    {"pabsw", HOST_SSSE3, integers, .unary = {k_pabsw, p_pabsw}},
    {"pabsd", HOST_SSSE3, integers, .unary = {k_pabsd, p_pabsd}},
    {"palignr", HOST_SSSE3, integers, .imm = {k_palignr, p_palignr}},
    {"pminsb", HOST_SSE41, integers, .binary = {k_pminsb, p_pminsb}},
    {"pmaxsb", HOST_SSE41, integers, .binary = {k_pmaxsb, p_pmaxsb}},
    {"pminuw", HOST_SSE41, integers, .binary = {k_pminuw, p_pminuw}},
    {"pmaxuw", HOST_SSE41, integers, .binary = {k_pmaxuw, p_pmaxuw}},
    {"pminsd", HOST_SSE41, integers, .binary = {k_pminsd, p_pminsd}},
    {"pmaxsd", HOST_SSE41, integers, .binary = {k_pmaxsd, p_pmaxsd}},
    {"pminud", HOST_SSE41, integers, .binary = {k_pminud, p_pminud}},
    {"pmaxud", HOST_SSE41, integers, .binary = {k_pmaxud, p_pmaxud}},
    {"pmulld", HOST_SSE41, integers, .binary = {k_pmulld, p_pmulld}},
    {"pmuldq", HOST_SSE41, integers, .binary = {k_pmuldq, p_pmuldq}},
    {"pcmpeqq", HOST_SSE41, integers, .binary = {k_pcmpeqq, p_pcmpeqq}},
    {"packusdw", HOST_SSE41, integers, .binary = {k_packusdw, p_packusdw}},
    {"phminposuw", HOST_SSE41, integers, .unary = {k_phminposuw, p_phminposuw}},
    {"pmovsxbw", HOST_SSE41, integers, .unary = {k_pmovsxbw, p_pmovsxbw}},
    {"pmovsxbd", HOST_SSE41, integers, .unary = {k_pmovsxbd, p_pmovsxbd}},
    {"pmovsxbq", HOST_SSE41, integers, .unary = {k_pmovsxbq, p_pmovsxbq}},
    {"pmovsxwd", HOST_SSE41, integers, .unary = {k_pmovsxwd, p_pmovsxwd}},
    {"pmovsxwq", HOST_SSE41, integers, .unary = {k_pmovsxwq, p_pmovsxwq}},
    {"pmovsxdq", HOST_SSE41, integers, .unary = {k_pmovsxdq, p_pmovsxdq}},
    {"pblendvb", HOST_SSE41, integers, .ternary = {k_pblendvb, p_pblendvb}},
    {"blendvps", HOST_SSE41, integers, .ternary = {k_blendvps, p_blendvps}},
    {"blendvpd", HOST_SSE41, integers, .ternary = {k_blendvpd, p_blendvpd}},
    {"mpsadbw", HOST_SSE41, integers, .imm = {k_mpsadbw, p_mpsadbw}},
    {"pcmpgtq", HOST_SSE42, integers, .binary = {k_pcmpgtq, p_pcmpgtq}},
    {"aesenc", HOST_AES, integers, .binary = {k_aesenc, p_aesenc}},
    {"aesenclast", HOST_AES, integers, .binary = {k_aesenclast, p_aesenclast}},
    {"aesdec", HOST_AES, integers, .binary = {k_aesdec, p_aesdec}},
    {"aesdeclast", HOST_AES, integers, .binary = {k_aesdeclast, p_aesdeclast}},
    {"aesimc", HOST_AES, integers, .unary = {k_aesimc, p_aesimc}},
    {"aeskeygenassist", HOST_AES, integers, .unary = {aeskeygenassist_0, p_aeskeygenassist}},
    {"pclmulqdq", HOST_PCLMULQDQ, integers, .binary = {pclmulqdq_0, p_pclmulqdq}},
    {"sha1nexte", HOST_SHA, integers, .binary = {k_sha1nexte, p_sha1nexte}},
    {"sha1msg1", HOST_SHA, integers, .binary = {k_sha1msg1, p_sha1msg1}},
    {"sha1msg2", HOST_SHA, integers, .binary = {k_sha1msg2, p_sha1msg2}},
    {"sha256msg1", HOST_SHA, integers, .binary = {k_sha256msg1, p_sha256msg1}},
    {"sha256msg2", HOST_SHA, integers, .binary = {k_sha256msg2, p_sha256msg2}},
    {"sha256rnds2", HOST_SHA, integers, .ternary = {k_sha256rnds2, p_sha256rnds2}},
    {"gf2p8mulb", HOST_GFNI, integers, .binary = {k_gf2p8mulb, p_gf2p8mulb}},
    {"gf2p8affineqb", HOST_GFNI, integers, .binary = {gf2p8affineqb_0, p_gf2p8affineqb}},
    {"gf2p8affineinvqb", HOST_GFNI, integers, .binary = {gf2p8affineinvqb_0, p_gf2p8affineinvqb}},
    {"addsubps", HOST_SSE3, floats, .binary = {k_addsubps, p_addsubps}},
    {"addsubpd", HOST_SSE3, doubles, .binary = {k_addsubpd, p_addsubpd}},
    {"haddps", HOST_SSE3, floats, .binary = {k_haddps, p_haddps}},
    {"haddpd", HOST_SSE3, doubles, .binary = {k_haddpd, p_haddpd}},
    {"hsubps", HOST_SSE3, floats, .binary = {k_hsubps, p_hsubps}},
    {"hsubpd", HOST_SSE3, doubles, .binary = {k_hsubpd, p_hsubpd}},
    {"roundps", HOST_SSE41, floats, .imm = {k_roundps, p_roundps}},
    {"roundpd", HOST_SSE41, doubles, .imm = {k_roundpd, p_roundpd}},
    {"roundss", HOST_SSE41, floats, .imm = {k_roundss, p_roundss}},
    {"roundsd", HOST_SSE41, doubles, .imm = {k_roundsd, p_roundsd}},
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
    for (unsigned k = 0; k < sizeof ops / sizeof ops[0]; k++)
        if (ops[k].feature >= first && ops[k].feature <= last && host_has(ops[k].feature))
            compare(&ops[k]);
}

START_TEST(sse3_to_sse42) { compare_all(HOST_SSE3, HOST_SSE42); }
END_TEST
START_TEST(crypto) { compare_all(HOST_AES, HOST_GFNI); }
END_TEST

START_TEST(dot_products) {
    uint32_t own = host_mxcsr();
    for (unsigned k = 0; k < ROUNDS; k++) {
        V128 a = floats(), b = floats(), c = doubles(), d = doubles();
        uint32_t mxcsr = modes(), flags[4];
        host_set_mxcsr(mxcsr);
        V128 ps = k_dpps(a, b, 0xff);
        flags[0] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 ps_portable = p_dpps(a, b);
        flags[1] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 pd = k_dppd(c, d, 0xff);
        flags[2] = host_mxcsr(), host_set_mxcsr(mxcsr);
        V128 pd_portable = p_dppd(c, d);
        flags[3] = host_mxcsr(), host_set_mxcsr(own);
        ck_assert_msg(same(ps, ps_portable) && flags[0] == flags[1],
                      "dpps %llx_%llx %llx_%llx: host %llx_%llx %04x, portable %llx_%llx %04x", a[1], a[0], b[1], b[0],
                      ps[1], ps[0], flags[0], ps_portable[1], ps_portable[0], flags[1]);
        ck_assert_msg(same(pd, pd_portable) && flags[2] == flags[3],
                      "dppd %llx_%llx %llx_%llx: host %llx_%llx %04x, portable %llx_%llx %04x", c[1], c[0], d[1], d[0],
                      pd[1], pd[0], flags[2], pd_portable[1], pd_portable[0], flags[3]);
    }
}
END_TEST

START_TEST(tests_and_strings) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        V128 a = integers(), b = k & 1 ? integers() : k & 2 ? _mm_and_si128(a, integers()) : _mm_andnot_si128(a, a);
        ck_assert_uint_eq(k_ptest(a, b), p_ptest(a, b));
    }
    for (unsigned k = 0; k < 16 * ROUNDS; k++) {
        V128 a = text(), b = text();
        unsigned imm = k & 15, n = imm & PCMPSTR_WORDS ? 8 : 16;
        unsigned a_len = (unsigned)(rnd() >> 33) % (n + 1), b_len = (unsigned)(rnd() >> 33) % (n + 1);
        ck_assert_msg(pcmpstr_compare(a, a_len, b, b_len, imm) == p_pcmpstr(a, a_len, b, b_len, imm),
                      "pcmpstr imm %02x a %llx_%llx (%u) b %llx_%llx (%u): host %x, portable %x", imm, a[1], a[0],
                      a_len, b[1], b[0], b_len, pcmpstr_compare(a, a_len, b, b_len, imm),
                      p_pcmpstr(a, a_len, b, b_len, imm));
    }
}
END_TEST

Suite *portable_suite(void) {
    Suite *s = suite_create("portable");
    TCase *tc = tcase_create("portable kernels");
    if (host_has(HOST_SSE3)) {
        tcase_add_test(tc, sse3_to_sse42);
        tcase_add_test(tc, crypto);
    } else {
        suite_skip("portable", 2, "this build, or this host, has nothing to compare portable kernels with");
    }
    if (host_has(HOST_SSE42)) {
        tcase_add_test(tc, dot_products);
        tcase_add_test(tc, tests_and_strings);
    } else {
        suite_skip("portable", 2, "this build, or this host, has no SSE4.2");
    }
    suite_add_tcase(s, tc);
    return s;
}
