/* SPDX-License-Identifier: MIT */
/** Shapes of the VEX-encoded instructions on general registers; insn.vreg is their third operand. */
#ifndef TWIN86_TCG_SHAPES_BMI_H
#define TWIN86_TCG_SHAPES_BMI_H

#include "accel/tcg-lite/exec/kernels_bmi.h"
#include "accel/tcg-lite/exec/shapes_int.h"

/** G = B op E */
ALWAYS_INLINE void vex_op_any(SHAPE_R, IntKernel k, uint64_t e) {
    SHAPE_CC(flags);
    gpr_write(env, i->reg, bits, k(flags, gpr_read(env, i->vreg, bits), e, bits));
}
ALWAYS_INLINE void vex_op_r(SHAPE_R, IntKernel k) { vex_op_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits)); }
ALWAYS_INLINE void vex_op_m(SHAPE_M, IntKernel k) {
    vex_op_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}
/** G = E op B */
ALWAYS_INLINE void vex_op_rev_any(SHAPE_R, IntKernel k, uint64_t e) {
    SHAPE_CC(flags);
    gpr_write(env, i->reg, bits, k(flags, e, gpr_read(env, i->vreg, bits), bits));
}
ALWAYS_INLINE void vex_op_rev_r(SHAPE_R, IntKernel k) {
    vex_op_rev_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void vex_op_rev_m(SHAPE_M, IntKernel k) {
    vex_op_rev_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}
/** B = op E */
ALWAYS_INLINE void vex_un_any(SHAPE_R, IntKernel k, uint64_t e) {
    SHAPE_CC(flags);
    gpr_write(env, i->vreg, bits, k(flags, e, 0, bits));
}
ALWAYS_INLINE void vex_un_r(SHAPE_R, IntKernel k) { vex_un_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits)); }
ALWAYS_INLINE void vex_un_m(SHAPE_M, IntKernel k) {
    vex_un_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}
/** G:B = rDX * E; where both are the same register the high half stays. */
ALWAYS_INLINE void mulx_any(SHAPE_R, uint64_t e) {
    (void)t, (void)cc;
    unsigned __int128 product = (unsigned __int128)e * gpr_read(env, REG_DX * 8, bits);
    gpr_write(env, i->vreg, bits, (uint64_t)product);
    gpr_write(env, i->reg, bits, (uint64_t)(product >> bits));
}
ALWAYS_INLINE void mulx_r(SHAPE_R, const void *none) {
    (void)none;
    mulx_any(env, i, t, bits, cc, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void mulx_m(SHAPE_M, const void *none) {
    (void)none;
    mulx_any(env, i, t, bits, cc, load_rm(env, i, t, bits, ea, cc));
}

/** CRC32: the sum is 32 bits whatever the size of E, and a register of 64 bits is cleared above. */
ALWAYS_INLINE void crc32_r(SHAPE_R, IntKernel k) {
    (void)cc;
    gpr_write(env, i->reg, 32, k(&t->cc, gpr_read(env, i->reg, 32), gpr_read(env, i->rm, bits), bits));
}
ALWAYS_INLINE void crc32_m(SHAPE_M, IntKernel k) {
    uint64_t e = load_rm(env, i, t, bits, ea, cc);
    gpr_write(env, i->reg, 32, k(&t->cc, gpr_read(env, i->reg, 32), e, bits));
}
ALWAYS_INLINE void crc32_b_r(SHAPE_R, IntKernel k) {
    (void)bits;
    crc32_r(env, i, t, 8, cc, k);
}
ALWAYS_INLINE void crc32_b_m(SHAPE_M, IntKernel k) {
    (void)bits;
    crc32_m(env, i, t, 8, ea, cc, k);
}

#endif
