/* SPDX-License-Identifier: MIT */
/**
 * BMI1, BMI2, ADX and CRC32 kernels: values in, value out, flags into *cc. Flags that the SDM leaves undefined are
 * Zen's.
 */
#ifndef TWIN86_TCG_KERNELS_BMI_H
#define TWIN86_TCG_KERNELS_BMI_H

#include "accel/tcg-lite/exec/kernels_int.h"
#include "accel/tcg-lite/exec/vec/host_cpu.h"

/** ~a & b */
ALWAYS_INLINE uint64_t kernel_andn(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    uint64_t r = ~a & b;
    cc_set_logic(cc, r, bits);
    return r;
}
/** The bits of a that b names: start in its first byte, length in its second. */
ALWAYS_INLINE uint64_t kernel_bextr(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned start = b & 0xff, length = (b >> 8) & 0xff;
    uint64_t r = start < bits ? a >> start : 0;
    if (length < bits)
        r &= (1ull << length) - 1;
    cc_set_parts(cc, r, bits, false, false, true);
    cc->aux |= (uint32_t)((uint64_t)cc->res >> 63) << CC_AUX_SD; /* SF is 0 whatever the result */
    return r;
}
/** a without the bits from b on. */
ALWAYS_INLINE uint64_t kernel_bzhi(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = b & 0xff;
    uint64_t r = n < bits ? a & ((1ull << n) - 1) : a;
    cc_set_parts(cc, r, bits, n >= bits, false, false);
    return r;
}
ALWAYS_INLINE uint64_t kernel_blsr(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    uint64_t r = a & (a - 1);
    cc_set_parts(cc, r, bits, a == 0, false, false);
    return r;
}
ALWAYS_INLINE uint64_t kernel_blsmsk(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    uint64_t r = (a ^ (a - 1)) & int_mask(bits);
    cc_set_parts(cc, r, bits, a == 0, false, false);
    return r;
}
ALWAYS_INLINE uint64_t kernel_blsi(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    uint64_t r = a & -a;
    cc_set_parts(cc, r, bits, a != 0, false, false);
    return r;
}

/** Deposit a's low bits where the mask b has ones. */
static inline uint64_t portable_pdep(uint64_t a, uint64_t b) {
    uint64_t r = 0;
    for (; b; b &= b - 1, a >>= 1)
        r |= (b & -b) & -(a & 1);
    return r;
}
ALWAYS_INLINE uint64_t kernel_pdep(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc, (void)bits;
    uint64_t r;
    if (!host_has(HOST_BMI2))
        return portable_pdep(a, b);
    __asm__("pdepq %2, %1, %0" : "=r"(r) : "r"(a), "r"(b));
    return r;
}
/** Gather the bits of a where the mask b has ones. */
static inline uint64_t portable_pext(uint64_t a, uint64_t b) {
    uint64_t r = 0;
    for (unsigned n = 0; b; b &= b - 1, n++)
        r |= (uint64_t)((a & (b & -b)) != 0) << n;
    return r;
}
ALWAYS_INLINE uint64_t kernel_pext(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc, (void)bits;
    uint64_t r;
    if (!host_has(HOST_BMI2))
        return portable_pext(a, b);
    __asm__("pextq %2, %1, %0" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

/* Shifts and the rotate that leave the flags alone. */
ALWAYS_INLINE uint64_t kernel_rorx(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc;
    unsigned n = b & (bits - 1);
    return n ? (a >> n | a << (bits - n)) : a;
}
ALWAYS_INLINE uint64_t kernel_shlx(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc;
    return a << (b & (bits - 1));
}
ALWAYS_INLINE uint64_t kernel_shrx(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc;
    return a >> (b & (bits - 1));
}
ALWAYS_INLINE uint64_t kernel_sarx(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc;
    return (uint64_t)(cc_sext(a, bits) >> (b & (bits - 1)));
}

/** ADCX and ADOX: one carry flag in and out, the other flags stay. */
ALWAYS_INLINE uint64_t adx_sum(uint64_t a, uint64_t b, bool *carry, unsigned bits) {
    uint64_t sum, r;
    if (bits == 64) {
        bool first = __builtin_add_overflow(a, b, &sum), second = __builtin_add_overflow(sum, (uint64_t)*carry, &r);
        *carry = first | second;
        return r;
    }
    r = a + b + *carry;
    *carry = r >> bits & 1;
    return r;
}
ALWAYS_INLINE uint64_t kernel_adcx(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    bool carry = cc_cf(cc);
    uint64_t r = adx_sum(a, b, &carry, bits);
    cc_put_cf(cc, carry);
    return r;
}
ALWAYS_INLINE uint64_t kernel_adox(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    bool carry = cc_of(cc);
    uint64_t r = adx_sum(a, b, &carry, bits);
    cc_put_of(cc, carry);
    return r;
}

/** CRC-32C (polynomial 0x1edc6f41, bits reflected) of a, carried on over b's bytes, without a host instruction. */
static inline uint64_t portable_crc32(uint64_t a, uint64_t b, unsigned bits) {
    uint32_t crc = (uint32_t)a;
    for (unsigned k = 0; k < bits; k += 8) {
        crc ^= (uint8_t)(b >> k);
        for (unsigned n = 0; n < 8; n++)
            crc = crc >> 1 ^ (0x82f63b78 & -(crc & 1));
    }
    return crc;
}
ALWAYS_INLINE uint64_t kernel_crc32(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc;
    if (!host_has(HOST_SSE42))
        return portable_crc32(a, b, bits);
    switch (bits) {
    case 8: __asm__("crc32b %b1, %k0" : "+r"(a) : "r"(b)); break;
    case 16: __asm__("crc32w %w1, %k0" : "+r"(a) : "r"(b)); break;
    case 32: __asm__("crc32l %k1, %k0" : "+r"(a) : "r"(b)); break;
    default: __asm__("crc32q %1, %0" : "+r"(a) : "r"(b)); break;
    }
    return a;
}

#endif
