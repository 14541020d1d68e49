/* SPDX-License-Identifier: MIT */
/* Lazy flags: whatever ADD, SUB, NEG, INC and DEC leave of any size, every reader and every instruction that keeps
 * some flags gets from it what it gets from the same flags as bits. Once with the kind known at compile time, as in a
 * fused sequence, once not. */
#include "accel/tcg-lite/exec/kernels_bmi.h"
#include "tests/unit/suites.h"

#include <string.h>

enum { ROUNDS = 4000, SEEN_MAX = 64 };

struct Seen {
    unsigned count;
    uint64_t v[SEEN_MAX];
};

static uint64_t seed = 0x2545f4914f6cdd1dull;
static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}
/** Often near a boundary of some size. */
static uint64_t operand(void) {
    uint64_t v = rnd();
    unsigned n = (unsigned)(v >> 8) & 63;
    switch (v & 7) {
    case 0: return (1ull << n) - 1;
    case 1: return 1ull << n;
    case 2: return ~0ull << n;
    case 3: return (v >> 16) & 3;
    default: return rnd();
    }
}

/* ---- what is compared ---- */

/** All flags, and all conditions above them. */
ALWAYS_INLINE uint64_t everything(const struct Cc *cc) {
    uint64_t v = cc_flags(cc);
    for (unsigned cond = 0; cond < 16; cond++)
        v |= (uint64_t)cc_cond(cc, cond) << (16 + cond);
    return v;
}
ALWAYS_INLINE void see(struct Seen *s, uint64_t result, const struct Cc *cc) {
    s->v[s->count++] = result;
    s->v[s->count++] = everything(cc);
}
ALWAYS_INLINE void after(struct Seen *s, const struct Cc *before, IntKernel k, uint64_t a, uint64_t b) {
    struct Cc cc = *before;
    see(s, (uint32_t)k(&cc, a, b, 32), &cc);
}
ALWAYS_INLINE void after_wide(struct Seen *s, const struct Cc *before, MulDivKernel k, uint64_t lo, uint64_t src) {
    struct Cc cc = *before;
    uint64_t hi = 0;
    k(&cc, &lo, &hi, src, 32);
    see(s, hi << 32 | lo, &cc);
}
ALWAYS_INLINE void after_decimal(struct Seen *s, const struct Cc *before, DecimalKernel k, uint64_t ax) {
    struct Cc cc = *before;
    see(s, k(&cc, (uint16_t)ax), &cc);
}
ALWAYS_INLINE void after_put(struct Seen *s, const struct Cc *before, unsigned which, bool cf, bool of) {
    struct Cc cc = *before;
    if (which == 0)
        cc_put_cf(&cc, cf);
    else if (which == 1)
        cc_put_of(&cc, of);
    else
        cc_put_cf_of(&cc, cf, of);
    see(s, 0, &cc);
    if (which == 0) { /* and the other one alone too */
        cc_put_of(&cc, of);
        see(s, 0, &cc);
    }
}

ALWAYS_INLINE void read_all(struct Seen *s, const struct Cc *cc, uint64_t a, uint64_t b) {
    a = (uint32_t)a, b = (uint32_t)b;
    s->count = 0;
    see(s, (uint64_t)cc_cf(cc) | (uint64_t)cc_of(cc) << 1 | (uint64_t)cc_af(cc) << 2, cc);
    after(s, cc, kernel_adc, a, b);
    after(s, cc, kernel_sbb, a, b);
    after(s, cc, kernel_inc, a, 0);
    after(s, cc, kernel_dec, a, 0);
    after(s, cc, kernel_rcl, a, b & 3);
    after(s, cc, kernel_rcr, a, b & 3);
    after(s, cc, kernel_rol, a, b & 3);
    after(s, cc, kernel_shl, a, b & 1); /* a count of 0 keeps them all */
    after(s, cc, kernel_imul2, a, b);
    after(s, cc, kernel_tzcnt, a, b);
    after(s, cc, kernel_adcx, a, b);
    after(s, cc, kernel_adox, a, b);
    after(s, cc, kernel_pdep, a, b);
    after_wide(s, cc, kernel_mul, a, b);
    after_wide(s, cc, kernel_div, a, b | 1);
    after_decimal(s, cc, kernel_daa, a);
    after_decimal(s, cc, kernel_das, a);
    after_decimal(s, cc, kernel_aaa, a);
    for (unsigned which = 0; which < 3; which++)
        after_put(s, cc, which, a & 1, b & 1);
}

/** The kind is not known here. */
static NOINLINE struct Seen read_unknown(struct Cc cc, uint64_t a, uint64_t b) {
    struct Seen s;
    read_all(&s, &cc, a, b);
    return s;
}

/* ---- producers ---- */

/** The instruction, and in *s what is read behind it with its kind known. */
typedef struct Cc (*Producer)(struct Seen *s, uint32_t flags, uint64_t a, uint64_t b);

ALWAYS_INLINE struct Cc produce(IntKernel k, unsigned bits, struct Seen *s, uint32_t flags, uint64_t a, uint64_t b) {
    struct Cc cc = {0};
    cc_load(&cc, flags);
    k(&cc, cc_zext(a, bits), cc_zext(b, bits), bits);
    read_all(s, &cc, b, a);
    return cc;
}
#define PRODUCER(kernel, bits)                                                                                         \
    static NOINLINE struct Cc kernel##_##bits(struct Seen *s, uint32_t flags, uint64_t a, uint64_t b) {                \
        return produce(kernel_##kernel, bits, s, flags, a, b);                                                         \
    }
#define SIZES(kernel) PRODUCER(kernel, 8) PRODUCER(kernel, 16) PRODUCER(kernel, 32) PRODUCER(kernel, 64)
SIZES(add)
SIZES(sub)
SIZES(neg)
SIZES(inc)
SIZES(dec)

/** As bits, by arithmetic of the test's own. */
static uint32_t flags_of(uint64_t a, uint64_t b, unsigned bits, bool subtract, uint32_t keep_cf, uint32_t old) {
    unsigned __int128 x = a, y = b, r = subtract ? x - y : x + y;
    bool cf = r >> bits & 1, sign = r >> (bits - 1) & 1, sign_a = a >> (bits - 1) & 1, sign_b = b >> (bits - 1) & 1;
    unsigned low = subtract ? (a & 15) - (b & 15) : (a & 15) + (b & 15);
    uint32_t f = cf ? FLAG_CF : 0;
    f |= sign ? FLAG_SF : 0;
    f |= (uint64_t)r << (64 - bits) == 0 ? FLAG_ZF : 0;
    f |= __builtin_parity((uint8_t)r) ? 0 : FLAG_PF;
    f |= low & 16 ? FLAG_AF : 0;
    f |= sign_a == (sign_b ^ subtract) && sign != sign_a ? FLAG_OF : 0;
    return (f & ~keep_cf) | (old & keep_cf);
}

static const struct {
    const char *name;
    Producer produce[4];
} producers[] = {
    {"add", {add_8, add_16, add_32, add_64}}, {"sub", {sub_8, sub_16, sub_32, sub_64}},
    {"neg", {neg_8, neg_16, neg_32, neg_64}}, {"inc", {inc_8, inc_16, inc_32, inc_64}},
    {"dec", {dec_8, dec_16, dec_32, dec_64}},
};

static uint32_t expected(unsigned producer, uint64_t a, uint64_t b, unsigned bits, uint32_t old) {
    switch (producer) {
    case 0: return flags_of(a, b, bits, false, 0, old);
    case 1: return flags_of(a, b, bits, true, 0, old);
    case 2: return flags_of(0, a, bits, true, 0, old);
    case 3: return flags_of(a, 1, bits, false, FLAG_CF, old);
    default: return flags_of(a, 1, bits, true, FLAG_CF, old);
    }
}

static void same(const struct Seen *got, const struct Seen *want, const char *name, const char *known, unsigned bits,
                 uint64_t a, uint64_t b) {
    for (unsigned k = 0; k < want->count; k++)
        if (got->v[k] != want->v[k]) /* ck_assert is slow */
            ck_abort_msg("%s%u %#lx, %#lx, kind %s, reader %u, %s: got %#lx, want %#lx", name, bits, a, b, known, k / 2,
                         k & 1 ? "flags and conditions" : "result", got->v[k], want->v[k]);
}

START_TEST(lazy_flags_are_flags) {
    const char *name = producers[_i].name;
    for (unsigned w = 0; w < 4; w++) {
        unsigned bits = 8u << w;
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint64_t a = operand(), b = rnd() % 8 ? operand() : a;
            uint32_t old = (uint32_t)rnd() & FLAG_ARITH;
            struct Seen known, want, unknown;
            struct Cc eager = {0}, lazy = producers[_i].produce[w](&known, old, a, b);
            uint32_t flags = expected((unsigned)_i, cc_zext(a, bits), cc_zext(b, bits), bits, old);
            cc_load(&eager, flags);
            want = read_unknown(eager, b, a);
            unknown = read_unknown(lazy, b, a);
            if ((want.v[1] & FLAG_ARITH) != flags)
                ck_abort_msg("flags %#x were loaded, and are %#lx", flags, want.v[1] & FLAG_ARITH);
            same(&known, &want, name, "known", bits, a, b);
            same(&unknown, &want, name, "unknown", bits, a, b);
        }
    }
}
END_TEST

/** Operands that have more bits than the instruction, as immediates do that are sign-extended. */
START_TEST(rubbish_above_the_operand) {
    for (unsigned k = 0; k < ROUNDS; k++) {
        uint64_t a = (uint32_t)operand(), b = operand();
        struct Cc add = {0}, sub = {0};
        kernel_add(&add, a, b, 32);
        kernel_sub(&sub, a, b, 32);
        if (cc_flags(&add) != flags_of(a, (uint32_t)b, 32, false, 0, 0) ||
            cc_flags(&sub) != flags_of(a, (uint32_t)b, 32, true, 0, 0))
            ck_abort_msg("%#lx, %#lx: flags %#x, %#x", a, b, cc_flags(&add), cc_flags(&sub));
    }
}
END_TEST

Suite *cc_suite(void) {
    Suite *s = suite_create("cc");
    TCase *c = tcase_create("lazy flags");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, lazy_flags_are_flags, 0, (int)(sizeof(producers) / sizeof(producers[0])));
    tcase_add_test(c, rubbish_above_the_operand);
    suite_add_tcase(s, c);
    return s;
}
