/* SPDX-License-Identifier: MIT */
/** Kernels of AES-NI, PCLMULQDQ, SHA-NI and GFNI. Per 128-bit lane, also for VEX.256 (VAES, VPCLMULQDQ, GFNI). Where
 *  the host takes a constant only, it gets 0 and the rest is done here. */
#ifndef TWIN86_TCG_KERNELS_VEC_CRYPTO_H
#define TWIN86_TCG_KERNELS_VEC_CRYPTO_H

#include "accel/tcg-lite/exec/portable/kernels_portable_crypto.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

VEC_HOST(kernel_aesenc, HOST_AES, "aesenc", portable_aesenc)
VEC_HOST(kernel_aesenclast, HOST_AES, "aesenclast", portable_aesenclast)
VEC_HOST(kernel_aesdec, HOST_AES, "aesdec", portable_aesdec)
VEC_HOST(kernel_aesdeclast, HOST_AES, "aesdeclast", portable_aesdeclast)
VEC_HOST_UNARY(kernel_aesimc, HOST_AES, "aesimc", portable_aesimc)
VEC_HOST_UNARY(aeskeygenassist_0, HOST_AES, "aeskeygenassist $0,", portable_aeskeygenassist)
/** imm is the round constant, which words 1 and 3 get. */
ALWAYS_INLINE V128 kernel_aeskeygenassist(V128 a, V128 b, unsigned imm) {
    (void)a;
    return _mm_xor_si128(aeskeygenassist_0(b), _mm_set_epi32((int)imm, 0, (int)imm, 0));
}

VEC_HOST(pclmulqdq_0, HOST_PCLMULQDQ, "pclmulqdq $0,", portable_pclmulqdq)
/** Bits 0 and 4 of imm choose the quadwords of a and b. */
ALWAYS_INLINE V128 kernel_pclmulqdq(V128 a, V128 b, unsigned imm) {
    a = imm & 1 ? _mm_unpackhi_epi64(a, a) : a;
    b = imm & 16 ? _mm_unpackhi_epi64(b, b) : b;
    return pclmulqdq_0(a, b);
}

VEC_HOST(kernel_sha1nexte, HOST_SHA, "sha1nexte", portable_sha1nexte)
VEC_HOST(kernel_sha1msg1, HOST_SHA, "sha1msg1", portable_sha1msg1)
VEC_HOST(kernel_sha1msg2, HOST_SHA, "sha1msg2", portable_sha1msg2)
VEC_HOST(kernel_sha256msg1, HOST_SHA, "sha256msg1", portable_sha256msg1)
VEC_HOST(kernel_sha256msg2, HOST_SHA, "sha256msg2", portable_sha256msg2)
VEC_HOST_XMM0(kernel_sha256rnds2, HOST_SHA, "sha256rnds2", portable_sha256rnds2)

ALWAYS_INLINE V128 kernel_sha1rnds4(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SHA)))
        return portable_sha1rnds4(a, b, imm & 3);
    switch (imm & 3) {
    case 0: __asm__("sha1rnds4 $0, %1, %0" : "+x"(a) : "x"(b)); break;
    case 1: __asm__("sha1rnds4 $1, %1, %0" : "+x"(a) : "x"(b)); break;
    case 2: __asm__("sha1rnds4 $2, %1, %0" : "+x"(a) : "x"(b)); break;
    default: __asm__("sha1rnds4 $3, %1, %0" : "+x"(a) : "x"(b)); break;
    }
    return a;
}

VEC_HOST(kernel_gf2p8mulb, HOST_GFNI, "gf2p8mulb", portable_gf2p8mulb)
VEC_HOST(gf2p8affineqb_0, HOST_GFNI, "gf2p8affineqb $0,", portable_gf2p8affineqb)
VEC_HOST(gf2p8affineinvqb_0, HOST_GFNI, "gf2p8affineinvqb $0,", portable_gf2p8affineinvqb)
/** imm is added to each byte. */
ALWAYS_INLINE V128 kernel_gf2p8affineqb(V128 a, V128 b, unsigned imm) {
    return _mm_xor_si128(gf2p8affineqb_0(a, b), _mm_set1_epi8((char)imm));
}
ALWAYS_INLINE V128 kernel_gf2p8affineinvqb(V128 a, V128 b, unsigned imm) {
    return _mm_xor_si128(gf2p8affineinvqb_0(a, b), _mm_set1_epi8((char)imm));
}

#endif
