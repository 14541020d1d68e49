/* SPDX-License-Identifier: MIT */
/* Integer kernels against the host's own instructions: results and flags, random and boundary operands. Flags that the
 * SDM leaves undefined are compared on AMD Zen hosts only, whose behaviour the kernels follow. */
#include "accel/tcg-lite/exec/kernels_bmi.h"
#include "tests/unit/suites.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

enum { F_C = FLAG_CF, F_P = FLAG_PF, F_A = FLAG_AF, F_Z = FLAG_ZF, F_S = FLAG_SF, F_O = FLAG_OF };
enum { ROUNDS = 20000 };

typedef uint64_t (*HostFn)(uint64_t a, uint64_t b, uint32_t *flags);

/* The red zone is stepped over before anything is pushed. */
#define HOST_BEGIN "leaq -128(%%rsp), %%rsp; pushq %q[f]; popfq; "
#define HOST_END "; pushfq; popq %q[f]; leaq 128(%%rsp), %%rsp"

#define HOST2(op, s, m)                                                                                                \
    static uint64_t host_##op##s(uint64_t a, uint64_t b, uint32_t *flags) {                                            \
        uint64_t f = *flags;                                                                                           \
        __asm__ volatile(HOST_BEGIN #op #s " %" #m "[b], %" #m "[a]" HOST_END                                          \
                         : [a] "+&r"(a), [f] "+&r"(f)                                                                  \
                         : [b] "r"(b)                                                                                  \
                         : "cc", "memory");                                                                            \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
        return a;                                                                                                      \
    }
#define HOST1(op, s, m)                                                                                                \
    static uint64_t host_##op##s(uint64_t a, uint64_t b, uint32_t *flags) {                                            \
        uint64_t f = *flags;                                                                                           \
        (void)b;                                                                                                       \
        __asm__ volatile(HOST_BEGIN #op #s " %" #m "[a]" HOST_END : [a] "+&r"(a), [f] "+&r"(f) : : "cc", "memory");    \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
        return a;                                                                                                      \
    }
#define HOST_CL(op, s, m)                                                                                              \
    static uint64_t host_##op##s(uint64_t a, uint64_t b, uint32_t *flags) {                                            \
        uint64_t f = *flags;                                                                                           \
        __asm__ volatile(HOST_BEGIN #op #s " %%cl, %" #m "[a]" HOST_END                                                \
                         : [a] "+&r"(a), [f] "+&r"(f)                                                                  \
                         : "c"(b)                                                                                      \
                         : "cc", "memory");                                                                            \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
        return a;                                                                                                      \
    }
#define ALL(M, op) M(op, b, b) M(op, w, w) M(op, l, k) M(op, q, q)
#define WIDE(M, op) M(op, w, w) M(op, l, k) M(op, q, q)
#define FNS(op) {host_##op##b, host_##op##w, host_##op##l, host_##op##q}
#define WIDE_FNS(op) {NULL, host_##op##w, host_##op##l, host_##op##q}

ALL(HOST2, add)
ALL(HOST2, adc)
ALL(HOST2, sub)
ALL(HOST2, sbb)
ALL(HOST2, and)
ALL(HOST2, or)
ALL(HOST2, xor) ALL(HOST1, inc) ALL(HOST1, dec) ALL(HOST1, not) ALL(HOST1, neg) ALL(HOST_CL, shl) ALL(HOST_CL, shr)
    ALL(HOST_CL, sar) ALL(HOST_CL, rol) ALL(HOST_CL, ror) ALL(HOST_CL, rcl) ALL(HOST_CL, rcr) WIDE(HOST2, imul)
        WIDE(HOST2, bsf) WIDE(HOST2, bsr) WIDE(HOST2, tzcnt) WIDE(HOST2, lzcnt) WIDE(HOST2, popcnt)

            static const struct Op {
    const char *name;
    IntKernel kernel;
    HostFn host[4];
    uint32_t undefined;    /* flags */
    bool b_nonzero, count; /* b must not be 0; b is a shift count: OF is undefined unless it is 1 */
} ops[] = {
    {"add", kernel_add, FNS(add), 0, false, false},
    {"adc", kernel_adc, FNS(adc), 0, false, false},
    {"sub", kernel_sub, FNS(sub), 0, false, false},
    {"sbb", kernel_sbb, FNS(sbb), 0, false, false},
    {"and", kernel_and, FNS(and), F_A, false, false},
    {"or", kernel_or, FNS(or), F_A, false, false},
    {"xor", kernel_xor, FNS(xor), F_A, false, false},
    {"inc", kernel_inc, FNS(inc), 0, false, false},
    {"dec", kernel_dec, FNS(dec), 0, false, false},
    {"not", kernel_not, FNS(not), 0, false, false},
    {"neg", kernel_neg, FNS(neg), 0, false, false},
    {"shl", kernel_shl, FNS(shl), F_A, false, true},
    {"shr", kernel_shr, FNS(shr), F_A, false, true},
    {"sar", kernel_sar, FNS(sar), F_A, false, true},
    {"rol", kernel_rol, FNS(rol), 0, false, true},
    {"ror", kernel_ror, FNS(ror), 0, false, true},
    {"rcl", kernel_rcl, FNS(rcl), 0, false, true},
    {"rcr", kernel_rcr, FNS(rcr), 0, false, true},
    {"imul", kernel_imul2, WIDE_FNS(imul), F_S | F_Z | F_A | F_P, false, false},
    {"bsf", kernel_bsf, WIDE_FNS(bsf), F_C | F_O | F_S | F_A | F_P, true, false},
    {"bsr", kernel_bsr, WIDE_FNS(bsr), F_C | F_O | F_S | F_A | F_P, true, false},
    {"tzcnt", kernel_tzcnt, WIDE_FNS(tzcnt), F_O | F_S | F_A | F_P, false, false},
    {"lzcnt", kernel_lzcnt, WIDE_FNS(lzcnt), F_O | F_S | F_A | F_P, false, false},
    {"popcnt", kernel_popcnt, WIDE_FNS(popcnt), 0, false, false},
};

static uint64_t seed = 0x9e3779b97f4a7c15ull;
static uint64_t rnd(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/** A value near a boundary, or anything. */
static uint64_t operand(void) {
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x7fffffffffffffff,
                                     0x8000000000000000,
                                     ~0ull};
    uint64_t v = rnd();
    switch (v & 7) {
    case 0:
    case 1: return edges[(v >> 8) % (sizeof(edges) / sizeof(edges[0]))];
    case 2: return 1ull << ((v >> 8) & 63);
    case 3: return (v >> 8) & 0xff;
    default: return rnd();
    }
}

static bool host_is_zen(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx)
        return false;
    __get_cpuid(1, &a, &b, &c, &d);
    return ((a >> 8) & 15) + ((a >> 20) & 0xff) >= 0x17;
}

static bool host_cpu_has(const char *name) {
    unsigned a, b, c = 0, d;
    if (!strcmp(name, "popcnt"))
        return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_POPCNT);
    if (!strcmp(name, "lzcnt"))
        return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
    if (!strcmp(name, "tzcnt"))
        return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI);
    return true;
}

static uint32_t random_flags(void) { return (uint32_t)rnd() & FLAG_ARITH; }

START_TEST(kernels_match_host) {
    const struct Op *op = &ops[_i];
    bool zen = host_is_zen();
    if (!host_cpu_has(op->name))
        return;
    for (unsigned w = 0; w < 4; w++) {
        if (op->host[w] == NULL)
            continue;
        unsigned bits = 8u << w;
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint64_t a = operand() & int_mask(bits), b = operand() & int_mask(bits);
            if (op->count)
                b &= 0xff;
            if (op->b_nonzero && b == 0)
                b = 1;
            uint32_t f = random_flags(), want = f;
            struct Cc cc;
            cc_load(&cc, f);
            uint64_t want_r = op->host[w](a, b, &want) & int_mask(bits);
            uint64_t r = op->kernel(&cc, a, b, bits) & int_mask(bits);
            uint32_t got = cc_flags(&cc), undefined = op->undefined;
            if (op->count)
                undefined = shift_count(b, bits) == 0 ? 0 : undefined | (shift_count(b, bits) == 1 ? 0 : (uint32_t)F_O);
            if (op->count && bits < 32 && shift_count(b, bits) >= bits)
                undefined |= F_C;
            if (zen)
                undefined = 0;
            ck_assert_msg(r == want_r && ((got ^ want) & ~undefined) == 0,
                          "%s%u %#lx, %#lx flags %#x: got %#lx flags %#x, host %#lx flags %#x", op->name, bits, a, b, f,
                          r, got, want_r, want);
        }
    }
}
END_TEST

/* ---- SHLD, SHRD ---- */

#define HOST_DOUBLE(op, s, m)                                                                                          \
    static uint64_t host_##op##s(uint64_t a, uint64_t b, uint64_t count, uint32_t *flags) {                            \
        uint64_t f = *flags;                                                                                           \
        __asm__ volatile(HOST_BEGIN #op #s " %%cl, %" #m "[b], %" #m "[a]" HOST_END                                    \
                         : [a] "+&r"(a), [f] "+&r"(f)                                                                  \
                         : [b] "r"(b), "c"(count)                                                                      \
                         : "cc", "memory");                                                                            \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
        return a;                                                                                                      \
    }
WIDE(HOST_DOUBLE, shld)
WIDE(HOST_DOUBLE, shrd)

START_TEST(double_shifts_match_host) {
    typedef uint64_t (*HostDouble)(uint64_t, uint64_t, uint64_t, uint32_t *);
    static const HostDouble hosts[2][3] = {{host_shldw, host_shldl, host_shldq}, {host_shrdw, host_shrdl, host_shrdq}};
    bool zen = host_is_zen(), intel = __builtin_cpu_is("intel");
    for (unsigned w = 0; w < 3; w++) {
        unsigned bits = 16u << w;
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint64_t a = operand() & int_mask(bits), b = operand() & int_mask(bits), count = rnd() & 0xff;
            uint32_t f = random_flags(), want = f, n = shift_count(count, bits);
            if (!zen && !intel && n > bits)
                continue;
            struct Cc cc;
            cc_load(&cc, f);
            uint64_t want_r = hosts[_i][w](a, b, count, &want) & int_mask(bits);
            uint64_t r = intel && n >= bits ? (_i ? kernel_shrd_word : kernel_shld_word)(&cc, a, b, n)
                                            : (_i ? kernel_shrd : kernel_shld)(&cc, a, b, count, bits) & int_mask(bits);
            uint32_t undefined = zen || n == 0 ? 0 : (uint32_t)F_A | (n == 1 ? 0 : (uint32_t)F_O);
            ck_assert_msg(r == want_r && ((cc_flags(&cc) ^ want) & ~undefined) == 0,
                          "%s%u %#lx, %#lx, %lu: got %#lx flags %#x, host %#lx flags %#x", _i ? "shrd" : "shld", bits,
                          a, b, count, r, cc_flags(&cc), want_r, want);
        }
    }
}
END_TEST

/* ---- MUL, IMUL, DIV, IDIV ---- */

#define HOST_WIDE(op, s, m)                                                                                            \
    static void host_wide_##op##s(uint64_t *lo, uint64_t *hi, uint64_t src, uint32_t *flags) {                         \
        uint64_t f = *flags;                                                                                           \
        __asm__ volatile(HOST_BEGIN #op #s " %" #m "[src]" HOST_END                                                    \
                         : "+&a"(*lo), "+&d"(*hi), [f] "+&r"(f)                                                        \
                         : [src] "r"(src)                                                                              \
                         : "cc", "memory");                                                                            \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
    }
#define HOST_WIDE_BYTE(op)                                                                                             \
    static void host_wide_##op##b(uint64_t *lo, uint64_t *hi, uint64_t src, uint32_t *flags) {                         \
        uint64_t f = *flags, ax = *hi << 8 | *lo;                                                                      \
        __asm__ volatile(HOST_BEGIN #op "b %b[src]" HOST_END                                                           \
                         : "+&a"(ax), [f] "+&r"(f)                                                                     \
                         : [src] "r"(src)                                                                              \
                         : "cc", "memory");                                                                            \
        *flags = (uint32_t)f & FLAG_ARITH;                                                                             \
        *lo = ax & 0xff;                                                                                               \
        *hi = (ax >> 8) & 0xff;                                                                                        \
    }
HOST_WIDE_BYTE(mul)
HOST_WIDE_BYTE(imul)
HOST_WIDE_BYTE(div)
HOST_WIDE_BYTE(idiv)
WIDE(HOST_WIDE, mul)
WIDE(HOST_WIDE, imul)
WIDE(HOST_WIDE, div) WIDE(HOST_WIDE, idiv)

    typedef void (*HostWide)(uint64_t *lo, uint64_t *hi, uint64_t src, uint32_t *flags);
#define WIDE_OP(op) {host_wide_##op##b, host_wide_##op##w, host_wide_##op##l, host_wide_##op##q}

/** Whether the host would raise #DE, decided by arithmetic of its own. */
static bool divides(uint64_t lo, uint64_t hi, uint64_t src, unsigned bits, bool is_signed) {
    if (src == 0)
        return false;
    if (!is_signed)
        return hi < src;
    unsigned __int128 raw = (unsigned __int128)hi << bits | lo;
    unsigned shift = 128 - 2 * bits;
    __int128 n = (__int128)(raw << shift) >> shift, d = cc_sext(src, bits), q;
    if (bits == 64 && d == -1)
        return n != (__int128)((unsigned __int128)1 << 127) && -n <= INT64_MAX && -n >= INT64_MIN;
    q = n / d;
    return q == cc_sext((uint64_t)q, bits);
}

START_TEST(wide_kernels_match_host) {
    static const HostWide hosts[4][4] = {WIDE_OP(mul), WIDE_OP(imul), WIDE_OP(div), WIDE_OP(idiv)};
    static const MulDivKernel kernels[4] = {kernel_mul, kernel_imul, kernel_div, kernel_idiv};
    uint32_t undefined = host_is_zen() ? 0 : _i < 2 ? F_S | F_Z | F_A | F_P : FLAG_ARITH;
    for (unsigned w = 0; w < 4; w++) {
        unsigned bits = 8u << w;
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint64_t src = operand() & int_mask(bits), lo = operand() & int_mask(bits), hi = operand() & int_mask(bits);
            if (_i >= 2 && (k & 1)) /* make it likely that the quotient fits */
                hi = k & 2 ? 0 : int_bit(lo, bits - 1) ? int_mask(bits) : rnd() % (src ? src : 1) >> (k & 4 ? 1 : 0);
            uint32_t f = random_flags(), want = f;
            struct Cc cc;
            cc_load(&cc, f);
            uint64_t my_lo = lo, my_hi = hi;
            bool ok = kernels[_i](&cc, &my_lo, &my_hi, src, bits);
            if (_i >= 2) {
                ck_assert_msg(ok == divides(lo, hi, src, bits, _i == 3), "%u bits: %#lx:%#lx / %#lx", bits, hi, lo,
                              src);
                if (!ok)
                    continue;
            }
            uint64_t want_lo = lo, want_hi = hi;
            hosts[_i][w](&want_lo, &want_hi, src, &want);
            ck_assert_msg(((my_lo ^ want_lo) & int_mask(bits)) == 0 && ((my_hi ^ want_hi) & int_mask(bits)) == 0 &&
                              ((cc_flags(&cc) ^ want) & ~undefined) == 0,
                          "op %d, %u bits: %#lx:%#lx, %#lx: got %#lx:%#lx flags %#x, host %#lx:%#lx flags %#x", _i,
                          bits, hi, lo, src, my_hi, my_lo, cc_flags(&cc), want_hi, want_lo, want);
        }
    }
}
END_TEST

/* ---- decimal adjustment: the host has none in 64-bit code; what the sum must be is known ---- */

/* What stands in for host instructions gives what they give; on a host without them both are the same code. */
START_TEST(portable_bit_kernels) {
    struct Cc cc = {0};
    uint64_t crc = 0xffffffff;
    for (const char *p = "123456789"; *p; p++)
        crc = portable_crc32(crc, (uint8_t)*p, 8);
    ck_assert_uint_eq(crc ^ 0xffffffff, 0xe3069283); /* the catalogue's check value of CRC-32C */
    ck_assert_uint_eq(portable_pdep(0x5, 0xf0f0), 0x50);
    ck_assert_uint_eq(portable_pext(0xa5a5, 0xff00), 0xa5);
    for (unsigned k = 0; k < 20000; k++) {
        uint64_t a = operand(), b = operand();
        ck_assert_uint_eq(portable_pdep(a, b), kernel_pdep(&cc, a, b, 64));
        ck_assert_uint_eq(portable_pext(a, b), kernel_pext(&cc, a, b, 64));
        ck_assert_uint_eq(portable_crc32((uint32_t)a, b, 64), kernel_crc32(&cc, (uint32_t)a, b, 64));
        ck_assert_uint_eq(portable_crc32((uint32_t)a, b & 0xffff, 16), kernel_crc32(&cc, (uint32_t)a, b & 0xffff, 16));
    }
}
END_TEST

START_TEST(decimal_adjustment) {
    for (unsigned a = 0; a < 100; a++) {
        for (unsigned b = 0; b < 100; b++) {
            uint8_t x = (uint8_t)(a / 10 << 4 | a % 10), y = (uint8_t)(b / 10 << 4 | b % 10);
            struct Cc cc = {0};
            unsigned sum = kernel_daa(&cc, (uint8_t)kernel_add(&cc, x, y, 8));
            ck_assert_uint_eq(sum, (a + b) % 100 / 10 << 4 | (a + b) % 10);
            ck_assert_int_eq(cc_cf(&cc), a + b > 99);
            unsigned difference = kernel_das(&cc, (uint8_t)kernel_sub(&cc, x, y, 8)), want = (100 + a - b) % 100;
            ck_assert_uint_eq(difference, want / 10 << 4 | want % 10);
            ck_assert_int_eq(cc_cf(&cc), a < b);
        }
    }
    for (unsigned a = 0; a < 10; a++) {
        for (unsigned b = 0; b < 10; b++) {
            struct Cc cc = {0};
            unsigned ax = kernel_aaa(&cc, (uint16_t)(0x200 | (uint8_t)kernel_add(&cc, a, b, 8)));
            ck_assert_uint_eq(ax, (2 + (a + b) / 10) << 8 | (a + b) % 10);
            ax = kernel_aas(&cc, (uint16_t)(0x200 | (uint8_t)kernel_sub(&cc, a, b, 8)));
            ck_assert_uint_eq(ax, (a < b ? 1u : 2u) << 8 | (10 + a - b) % 10);
            ck_assert_int_eq(cc_cf(&cc), a < b);
        }
    }
}
END_TEST

/** cc_load and cc_flags are inverse for every combination, also those that no result has. */
START_TEST(flags_round_trip) {
    for (unsigned k = 0; k < 64; k++) {
        uint32_t f = (k & 1 ? F_C : 0) | (k & 2 ? F_P : 0) | (k & 4 ? F_A : 0) | (k & 8 ? F_Z : 0) |
                     (k & 16 ? F_S : 0) | (k & 32 ? F_O : 0);
        struct Cc cc;
        cc_load(&cc, f);
        ck_assert_uint_eq(cc_flags(&cc), f);
        cc_put_cf(&cc, true);
        ck_assert_uint_eq(cc_flags(&cc), f | F_C);
        for (unsigned c = 0; c < 16; c++) {
            cc_load(&cc, f);
            bool cf = f & F_C, zf = f & F_Z, sf = f & F_S, of = f & F_O, pf = f & F_P;
            bool base[8] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};
            ck_assert_int_eq(cc_cond(&cc, c), base[c >> 1] ^ (c & 1));
        }
    }
}
END_TEST

Suite *kernels_suite(void) {
    Suite *s = suite_create("kernels");
    TCase *c = tcase_create("kernels");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, kernels_match_host, 0, (int)(sizeof(ops) / sizeof(ops[0])));
    tcase_add_loop_test(c, double_shifts_match_host, 0, 2);
    tcase_add_loop_test(c, wide_kernels_match_host, 0, 4);
    tcase_add_test(c, portable_bit_kernels);
    tcase_add_test(c, decimal_adjustment);
    tcase_add_test(c, flags_round_trip);
    suite_add_tcase(s, c);
    return s;
}
