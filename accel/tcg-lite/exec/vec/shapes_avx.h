/* SPDX-License-Identifier: MIT */
/** Shapes of VEX instructions that move, insert, extract, shuffle and shift; with shapes_avx_fp.h all but FMA. */
#ifndef TWIN86_TCG_SHAPES_AVX_H
#define TWIN86_TCG_SHAPES_AVX_H

#include "accel/tcg-lite/exec/vec/kernels_avx.h"
#include "accel/tcg-lite/exec/vec/shapes_avx_fp.h"

typedef V256 (*YmmUnary)(V256 b, unsigned imm);
typedef V256 (*YmmBinary)(V256 a, V256 b, unsigned imm);

/* ---- moves ---- */

/** V = W; avx_mov: memory aligned, avx_movu: any. */
ALWAYS_INLINE void avx_mov_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    ymm_write(env, i->reg, ymm_read(env, i->rm, bits));
}
ALWAYS_INLINE void avx_mov_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_write(env, i->reg, ymm_load(env, i, t, ea, bits, MEM_VL_ALIGNED));
}
ALWAYS_INLINE void avx_movu_r(SHAPE_R, const void *k) { avx_mov_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_movu_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_write(env, i->reg, ymm_load(env, i, t, ea, bits, MEM_VL));
}
/** W = V */
ALWAYS_INLINE void avx_store_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    ymm_write(env, i->rm, ymm_read(env, i->reg, bits));
}
ALWAYS_INLINE void avx_store_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_store(env, i, t, ea, bits, MEM_VL_ALIGNED, ymm_read(env, i->reg, bits));
}
ALWAYS_INLINE void avx_storeu_r(SHAPE_R, const void *k) { avx_store_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_storeu_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_store(env, i, t, ea, bits, MEM_VL, ymm_read(env, i->reg, bits));
}
/** VMOVSS, VMOVSD, VMOVQ: the rest of V is cleared. */
ALWAYS_INLINE void avx_load32_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_write(env, i->reg, ymm_load(env, i, t, ea, bits, MEM_32));
}
ALWAYS_INLINE void avx_load64_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_write(env, i->reg, ymm_load(env, i, t, ea, bits, MEM_64));
}
ALWAYS_INLINE void avx_load64_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    ymm_write_low(env, i->reg, _mm_move_epi64(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void avx_storeq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    ymm_write_low(env, i->rm, _mm_move_epi64(xmm_read(env, i->reg)));
}
ALWAYS_INLINE void avx_storeq_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_store(env, i, t, ea, bits, MEM_64, ymm_read(env, i->reg, 128));
}
/** U = k(H, V): the register forms of VMOVSS and VMOVSD that store. */
ALWAYS_INLINE void avx_op_rev_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc, (void)t;
    ymm_write_low(env, i->rm, k(xmm_read(env, i->vreg), xmm_read(env, i->reg)));
}
/** VMOVD, VMOVQ from general registers or memory. */
ALWAYS_INLINE void avx_movd_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    ymm_write_low(env, i->reg, (V128){(long long)gpr_read(env, i->rm, bits), 0});
}
ALWAYS_INLINE void avx_movd_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    ymm_write(env, i->reg, ymm_load(env, i, t, ea, bits, bits == 64 ? MEM_64 : MEM_32));
}

/* ---- shifts ---- */

/** H = k(U, imm8 as a count) */
ALWAYS_INLINE void avx_shift_r(SHAPE_R, VecBinary k) {
    (void)cc, (void)t;
    V128 count = _mm_cvtsi32_si128((uint8_t)i->imm);
    ymm_write(env, i->vreg, lanes_binary(bits, ymm_read(env, i->rm, bits), (V256){count, count}, k));
}
/** V = k(H, a count of 128 bits) */
ALWAYS_INLINE void avx_shiftx(CPUX86State *env, const struct Insn *i, unsigned bits, V128 count, VecBinary k) {
    ymm_write(env, i->reg, lanes_binary(bits, ymm_read(env, i->vreg, bits), (V256){count, count}, k));
}
ALWAYS_INLINE void avx_shiftx_r(SHAPE_R, VecBinary k) {
    (void)cc, (void)t;
    avx_shiftx(env, i, bits, xmm_read(env, i->rm), k);
}
ALWAYS_INLINE void avx_shiftx_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_shiftx(env, i, bits, ymm_load(env, i, t, ea, bits, MEM_128).lo, k);
}

/* ---- to and from general registers ---- */

/** VPMOVMSKB and its kin, whose lanes give `per_lane` bits. */
ALWAYS_INLINE void avx_mask(CPUX86State *env, const struct Insn *i, unsigned bits, unsigned per_lane, VecMask k) {
    V256 v = ymm_read(env, i->rm, bits);
    gpr_write(env, i->reg, 32, k(v.lo) | (bits == 256 ? k(v.hi) << per_lane : 0));
}
ALWAYS_INLINE void avx_mask16_r(SHAPE_R, VecMask k) {
    (void)cc, (void)t;
    avx_mask(env, i, bits, 16, k);
}
ALWAYS_INLINE void avx_mask4_r(SHAPE_R, VecMask k) {
    (void)cc, (void)t;
    avx_mask(env, i, bits, 4, k);
}
ALWAYS_INLINE void avx_mask2_r(SHAPE_R, VecMask k) {
    (void)cc, (void)t;
    avx_mask(env, i, bits, 2, k);
}
/** V = H but for one element: VPINSRB, VPINSRW, VPINSRD and VPINSRQ. */
ALWAYS_INLINE void avx_pinsr(CPUX86State *env, const struct Insn *i, unsigned size, uint64_t v) {
    union VecReg r = {.q = {env->vec[i->vreg].q[0], env->vec[i->vreg].q[1]}};
    switch (size) {
    case 8: r.b[i->imm & 15] = (uint8_t)v; break;
    case 16: r.w[i->imm & 7] = (uint16_t)v; break;
    case 32: r.d[i->imm & 3] = (uint32_t)v; break;
    default: r.q[i->imm & 1] = v; break;
    }
    env->vec[i->reg] = r;
}
ALWAYS_INLINE uint64_t avx_load_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea,
                                    unsigned size) {
    return mem_load(t, i, ea_linear(env, i, t, ea, size / 8, ACCESS_READ), size / 8);
}
ALWAYS_INLINE void avx_pinsr8_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    avx_pinsr(env, i, 8, gpr_read(env, i->rm, 8));
}
ALWAYS_INLINE void avx_pinsr8_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    avx_pinsr(env, i, 8, avx_load_int(env, i, t, ea, 8));
}
ALWAYS_INLINE void avx_pinsr16_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    avx_pinsr(env, i, 16, gpr_read(env, i->rm, 16));
}
ALWAYS_INLINE void avx_pinsr16_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    avx_pinsr(env, i, 16, avx_load_int(env, i, t, ea, 16));
}
/** 32 or 64 bits. */
ALWAYS_INLINE void avx_pinsr_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    avx_pinsr(env, i, bits, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void avx_pinsr_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    avx_pinsr(env, i, bits, avx_load_int(env, i, t, ea, bits));
}

/* ---- blends by a register: V = k(H, W, L) ---- */

ALWAYS_INLINE void avx_blend(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                             VecTernary k) {
    unsigned n = ((unsigned)i->imm >> 4) & (ymm_count(t) - 1);
    V256 a = ymm_read(env, i->vreg, bits), m = ymm_read(env, n, bits);
    ymm_write(env, i->reg, (V256){k(a.lo, b.lo, m.lo), bits == 256 ? k(a.hi, b.hi, m.hi) : _mm_setzero_si128()});
}
ALWAYS_INLINE void avx_blendv_r(SHAPE_R, VecTernary k) {
    (void)cc;
    avx_blend(env, i, t, bits, ymm_read(env, i->rm, bits), k);
}
ALWAYS_INLINE void avx_blendv_m(SHAPE_M, VecTernary k) {
    (void)cc;
    avx_blend(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), k);
}

/* ---- broadcasts: V = an element of 8, 16, 32, 64 or 128 bits, over and over ---- */

ALWAYS_INLINE void avx_fill(CPUX86State *env, const struct Insn *i, unsigned bits, V128 v) {
    ymm_write(env, i->reg, (V256){v, bits == 256 ? v : _mm_setzero_si128()});
}
ALWAYS_INLINE void avx_broadcast8_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    avx_fill(env, i, bits, _mm_set1_epi8((char)env->vec[i->rm].b[0]));
}
ALWAYS_INLINE void avx_broadcast8_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    avx_fill(env, i, bits, _mm_set1_epi8((char)ymm_load(env, i, t, ea, bits, MEM_8).lo[0]));
}
ALWAYS_INLINE void avx_broadcast16_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    avx_fill(env, i, bits, _mm_set1_epi16((short)env->vec[i->rm].w[0]));
}
ALWAYS_INLINE void avx_broadcast16_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    avx_fill(env, i, bits, _mm_set1_epi16((short)ymm_load(env, i, t, ea, bits, MEM_16).lo[0]));
}
ALWAYS_INLINE void avx_broadcast32_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    avx_fill(env, i, bits, _mm_shuffle_epi32(xmm_read(env, i->rm), 0));
}
ALWAYS_INLINE void avx_broadcast32_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    avx_fill(env, i, bits, _mm_shuffle_epi32(ymm_load(env, i, t, ea, bits, MEM_32).lo, 0));
}
ALWAYS_INLINE void avx_broadcast64_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    V128 v = xmm_read(env, i->rm);
    avx_fill(env, i, bits, _mm_unpacklo_epi64(v, v));
}
ALWAYS_INLINE void avx_broadcast64_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    V128 v = ymm_load(env, i, t, ea, bits, MEM_64).lo;
    avx_fill(env, i, bits, _mm_unpacklo_epi64(v, v));
}
ALWAYS_INLINE void avx_broadcast128_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    avx_fill(env, i, bits, ymm_load(env, i, t, ea, bits, MEM_128).lo);
}

/* ---- whole registers of 256 bits ---- */

/** V = k(W, imm8), where elements cross lanes. */
ALWAYS_INLINE void avx_cross1_r(SHAPE_R, YmmUnary k) {
    (void)cc, (void)t;
    ymm_write(env, i->reg, k(ymm_read(env, i->rm, bits), (uint8_t)i->imm));
}
ALWAYS_INLINE void avx_cross1_m(SHAPE_M, YmmUnary k) {
    (void)cc;
    ymm_write(env, i->reg, k(ymm_load(env, i, t, ea, bits, MEM_VL), (uint8_t)i->imm));
}
/** V = k(H, W, imm8) */
ALWAYS_INLINE void avx_cross2_r(SHAPE_R, YmmBinary k) {
    (void)cc, (void)t;
    ymm_write(env, i->reg, k(ymm_read(env, i->vreg, bits), ymm_read(env, i->rm, bits), (uint8_t)i->imm));
}
ALWAYS_INLINE void avx_cross2_m(SHAPE_M, YmmBinary k) {
    (void)cc;
    V256 b = ymm_load(env, i, t, ea, bits, MEM_VL);
    ymm_write(env, i->reg, k(ymm_read(env, i->vreg, bits), b, (uint8_t)i->imm));
}
/** VINSERTF128: the memory operand has 128 bits. */
ALWAYS_INLINE void avx_insert128_r(SHAPE_R, YmmBinary k) { avx_cross2_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_insert128_m(SHAPE_M, YmmBinary k) {
    (void)cc;
    V256 b = ymm_load(env, i, t, ea, bits, MEM_128);
    ymm_write(env, i->reg, k(ymm_read(env, i->vreg, bits), b, (uint8_t)i->imm));
}
/** VEXTRACTF128: to an XMM register or 128 bits of memory. */
ALWAYS_INLINE void avx_extract128_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    V256 v = ymm_read(env, i->reg, bits);
    ymm_write_low(env, i->rm, i->imm & 1 ? v.hi : v.lo);
}
ALWAYS_INLINE void avx_extract128_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    V256 v = ymm_read(env, i->reg, bits);
    ymm_store(env, i, t, ea, bits, MEM_128, (V256){i->imm & 1 ? v.hi : v.lo, v.hi});
}

/* ---- VPTEST, VTESTPS, VTESTPD: k gives ZF and CF of a lane ---- */

ALWAYS_INLINE void avx_test(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                            VecCompare k) {
    V256 a = ymm_read(env, i->reg, bits);
    uint32_t flags = k(a.lo, b.lo);
    cc_set_compare(&t->cc, bits == 256 ? flags & k(a.hi, b.hi) : flags);
}
ALWAYS_INLINE void avx_test_r(SHAPE_R, VecCompare k) {
    (void)cc;
    avx_test(env, i, t, bits, ymm_read(env, i->rm, bits), k);
}
ALWAYS_INLINE void avx_test_m(SHAPE_M, VecCompare k) {
    (void)cc;
    avx_test(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), k);
}

/* ---- half precision: memory has half as many bits, and is checked for alignment as vectors are ---- */

/** Out of line for the fast path's sake. */
static NOINLINE V128 halves_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear) {
    return (V128){(long long)mem_load_halves_slow(t, i, linear), 0};
}
ALWAYS_INLINE V256 halves_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned bits) {
    if (bits == 256)
        return ymm_load(env, i, t, ea, bits, MEM_128);
    uint64_t linear = ea_linear(env, i, t, ea, 8, ACCESS_READ);
    const void *p = mem_host_read(t, linear, 8);
    V128 lo = LIKELY(p != NULL) ? (V128){(long long)host_load(p, 8), 0} : halves_load_slow(t, i, linear);
    return (V256){lo, _mm_setzero_si128()};
}
ALWAYS_INLINE void halves_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned bits,
                                V128 v) {
    if (bits == 256) {
        ymm_store(env, i, t, ea, bits, MEM_128, (V256){v, v});
        return;
    }
    uint64_t linear = ea_linear(env, i, t, ea, 8, ACCESS_WRITE);
    void *p = mem_host_write(t, linear, 8);
    if (LIKELY(p != NULL))
        host_store(p, 8, (uint64_t)v[0]);
    else
        mem_store_halves_slow(t, i, linear, (uint64_t)v[0]);
}

/** VCVTPH2PS: V = k(W). */
ALWAYS_INLINE void avx_ph2ps_r(SHAPE_R, VecUnary k) { avx_widen2_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_ph2ps_rc(SHAPE_R, VecUnary k) { avx_widen2_rc(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_ph2ps_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, halves_load(env, i, t, ea, bits), false, 8, k);
}
ALWAYS_INLINE void avx_ph2ps_mc(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, halves_load(env, i, t, ea, bits), true, 8, k);
}

/* VCVTPS2PH: W = k(V, imm8). */
ALWAYS_INLINE void avx_ps2ph_compute(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, bool check,
                                     V128 *out, VecImm k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 v = ymm_read(env, i->reg, bits);
    V128 lo = k(v.lo, v.lo, (uint8_t)i->imm);
    *out = bits == 256 ? _mm_unpacklo_epi64(lo, k(v.hi, v.hi, (uint8_t)i->imm)) : lo;
    if (check) {
        if (xm_out_of_range(t, halves_tiny(*out))) { /* once more, for flags as they are then */
            uint32_t masks = t->env->mxcsr & MXCSR_MASKS;
            host_set_mxcsr(host_mxcsr() & ~(uint32_t)MXCSR_FLAGS);
            portable_cvtps2ph(v.lo, (uint8_t)i->imm, masks);
            if (bits == 256)
                portable_cvtps2ph(v.hi, (uint8_t)i->imm, masks);
        }
        xm_end_of(t, i, before, halves_tiny(*out), NULL);
    }
}
ALWAYS_INLINE void avx_ps2ph_r(SHAPE_R, VecImm k) {
    (void)cc;
    V128 r;
    avx_ps2ph_compute(env, i, t, bits, false, &r, k);
    ymm_write_low(env, i->rm, r);
}
ALWAYS_INLINE void avx_ps2ph_rc(SHAPE_R, VecImm k) {
    (void)cc;
    V128 r;
    avx_ps2ph_compute(env, i, t, bits, true, &r, k);
    ymm_write_low(env, i->rm, r);
}
/** On AMD's processors the destination's faults come before anything is computed, and leave no flags behind; on Intel's
 *  MXCSR and #XM come first (RULE_VCVTPS2PH_FLAGS). */
ALWAYS_INLINE void avx_ps2ph_mem(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                 bool check, VecImm k) {
    V128 r;
    if (!tcg_as_intel(t, RULE_VCVTPS2PH_FLAGS))
        mem_probe_write(t, i, ea_linear(env, i, t, ea, bits / 16, ACCESS_WRITE), bits / 16);
    avx_ps2ph_compute(env, i, t, bits, check, &r, k);
    halves_store(env, i, t, ea, bits, r);
}
ALWAYS_INLINE void avx_ps2ph_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_ps2ph_mem(env, i, t, bits, ea, false, k);
}
ALWAYS_INLINE void avx_ps2ph_mc(SHAPE_M, VecImm k) {
    (void)cc;
    avx_ps2ph_mem(env, i, t, bits, ea, true, k);
}

/* ---- VPCMPESTRM, VPCMPISTRM: the result goes to XMM0 ---- */

ALWAYS_INLINE void avx_clear_upper(CPUX86State *env, unsigned n) { ymm_write_low(env, n, xmm_read(env, n)); }
ALWAYS_INLINE void avx_pcmpestrm_r(SHAPE_R, PcmpStrLength k) {
    sse_pcmpestrm_r(env, i, t, bits, cc, k);
    avx_clear_upper(env, 0);
}
ALWAYS_INLINE void avx_pcmpestrm_m(SHAPE_M, PcmpStrLength k) {
    sse_pcmpestrm_m(env, i, t, bits, ea, cc, k);
    avx_clear_upper(env, 0);
}
ALWAYS_INLINE void avx_pcmpistrm_r(SHAPE_R, const void *k) {
    sse_pcmpistrm_r(env, i, t, bits, cc, k);
    avx_clear_upper(env, 0);
}
ALWAYS_INLINE void avx_pcmpistrm_m(SHAPE_M, const void *k) {
    sse_pcmpistrm_m(env, i, t, bits, ea, cc, k);
    avx_clear_upper(env, 0);
}

/* ---- VZEROUPPER, VZEROALL ---- */

/* Loops of a constant length are unrolled. */
ALWAYS_INLINE void avx_zeroupper_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)i;
    for (unsigned n = 0; n < 8; n++)
        avx_clear_upper(env, n);
    if (ymm_count(t) == 16)
        for (unsigned n = 8; n < 16; n++)
            avx_clear_upper(env, n);
    env->xinuse &= ~(uint32_t)XCR0_AVX;
}
ALWAYS_INLINE void avx_zeroall_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)i;
    for (unsigned n = 0; n < ymm_count(t); n++)
        ymm_write_low(env, n, _mm_setzero_si128());
    env->xinuse &= ~(uint32_t)(XCR0_SSE | XCR0_AVX);
}

#endif
