/* SPDX-License-Identifier: MIT */
/**
 * Shapes of moves, exchanges, conditional moves and of small instructions without a family.
 */
#ifndef TWIN86_TCG_SHAPES_MOV_H
#define TWIN86_TCG_SHAPES_MOV_H

#include "accel/tcg-lite/exec/kernels_cond.h"
#include "accel/tcg-lite/exec/shapes_int.h"

/** E = G */
ALWAYS_INLINE void mov_store_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->rm, bits, gpr_read(env, i->reg, bits));
}
ALWAYS_INLINE void mov_store_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    mem_store(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_WRITE), bits / 8, gpr_read(env, i->reg, bits));
}
/** G = E */
ALWAYS_INLINE void mov_load_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void mov_load_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, load_rm(env, i, t, bits, ea, cc));
}
/** E = I */
ALWAYS_INLINE void mov_imm_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->rm, bits, i->uimm);
}
ALWAYS_INLINE void mov_imm_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    mem_store(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_WRITE), bits / 8, i->uimm);
}
/** rAX and a memory offset in the instruction. _r: an offset of 64 bits that fits no displacement. */
ALWAYS_INLINE void moffs_load_r(SHAPE_R, const void *none) {
    (void)cc, (void)none;
    uint64_t linear = mem_linear(t, i, i->seg, i->uimm, bits / 8, ACCESS_READ);
    gpr_write(env, REG_AX * 8, bits, mem_load(t, i, linear, bits / 8));
}
ALWAYS_INLINE void moffs_load_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, REG_AX * 8, bits, load_rm(env, i, t, bits, ea, cc));
}
ALWAYS_INLINE void moffs_store_r(SHAPE_R, const void *none) {
    (void)cc, (void)none;
    uint64_t linear = mem_linear(t, i, i->seg, i->uimm, bits / 8, ACCESS_WRITE);
    mem_store(t, i, linear, bits / 8, gpr_read(env, REG_AX * 8, bits));
}
ALWAYS_INLINE void moffs_store_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    mem_store(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_WRITE), bits / 8, gpr_read(env, REG_AX * 8, bits));
}

ALWAYS_INLINE void lea_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    gpr_write(env, i->reg, bits, ea == EA_FULL ? ea_offset(env, i) : ea_linear(env, i, t, ea, 0, ACCESS_READ));
}

/* MOVZX, MOVSX: G = E of a smaller size */
ALWAYS_INLINE void movzx_b_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, gpr_read(env, i->rm, 8));
}
ALWAYS_INLINE void movzx_b_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, load_rm(env, i, t, 8, ea, cc));
}
ALWAYS_INLINE void movzx_w_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, gpr_read(env, i->rm, 16));
}
ALWAYS_INLINE void movzx_w_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, load_rm(env, i, t, 16, ea, cc));
}
ALWAYS_INLINE void movsx_b_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, (uint64_t)cc_sext(gpr_read(env, i->rm, 8), 8));
}
ALWAYS_INLINE void movsx_b_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, (uint64_t)cc_sext(load_rm(env, i, t, 8, ea, cc), 8));
}
ALWAYS_INLINE void movsx_w_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, (uint64_t)cc_sext(gpr_read(env, i->rm, 16), 16));
}
ALWAYS_INLINE void movsx_w_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, (uint64_t)cc_sext(load_rm(env, i, t, 16, ea, cc), 16));
}
/** MOVSXD; with a 16-bit operand size it moves 16 bits, having read 32 (as measured on AMD family 19h). */
ALWAYS_INLINE void movsx_d_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->reg, bits, (uint64_t)cc_sext(gpr_read(env, i->rm, 32), 32));
}
ALWAYS_INLINE void movsx_d_m(SHAPE_M, const void *none) {
    (void)none;
    if (bits == 16 && tcg_as_intel(t, RULE_MOVSXD_16)) /* the result is the same (SDM vol. 2, MOVSXD) */
        gpr_write(env, i->reg, bits, load_rm(env, i, t, 16, ea, cc));
    else
        gpr_write(env, i->reg, bits, (uint64_t)cc_sext(load_rm(env, i, t, 32, ea, cc), 32));
}

/* ---- exchanges; XCHG with memory is always locked ---- */

ALWAYS_INLINE void xchg_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    uint64_t a = gpr_read(env, i->rm, bits), b = gpr_read(env, i->reg, bits);
    gpr_write(env, i->rm, bits, b);
    gpr_write(env, i->reg, bits, a);
}
ALWAYS_INLINE void xchg_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    uint64_t v = gpr_read(env, i->reg, bits), old;
    struct LockedRmw m;
    locked_begin(&m, i, t, ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW), bits / 8);
    if (LIKELY(m.host != NULL)) {
        old = host_xchg(m.host, bits / 8, v);
    } else {
        old = mem_load_slow(t, i, m.linear, bits / 8);
        mem_store_slow(t, i, m.linear, bits / 8, v);
    }
    locked_end(&m, i, t, bits / 8);
    gpr_write(env, i->reg, bits, old);
}
ALWAYS_INLINE void xchg_l(SHAPE_M, const void *none) { xchg_m(env, i, t, bits, ea, cc, none); }
ALWAYS_INLINE void xchg_ax_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    uint64_t a = gpr_read(env, REG_AX * 8, bits), b = gpr_read(env, i->rm, bits);
    gpr_write(env, REG_AX * 8, bits, b);
    gpr_write(env, i->rm, bits, a);
}

/** The accumulator is loaded only when it differs; the destination is written either way (SDM, CMPXCHG). */
ALWAYS_INLINE void cmpxchg_r(SHAPE_R, IntKernel k) {
    SHAPE_CC(flags);
    uint64_t acc = gpr_read(env, REG_AX * 8, bits), dest = gpr_read(env, i->rm, bits),
             src = gpr_read(env, i->reg, bits);
    k(flags, acc, dest, bits);
    if (acc == dest)
        gpr_write(env, i->rm, bits, src);
    else
        gpr_write(env, REG_AX * 8, bits, dest);
}
/** `size` bytes at `linear` become `src` if they are `acc`, as one; returns what they were. A device, or an operand
 *  across pages, is written in either case. */
ALWAYS_INLINE uint64_t locked_cmpxchg(const struct Insn *i, struct Tcg *t, uint64_t linear, unsigned size, uint64_t acc,
                                      uint64_t src) {
    struct LockedRmw m;
    uint64_t dest;
    locked_begin(&m, i, t, linear, size);
    do
        dest = locked_load(&m, i, t, size);
    while ((m.host == NULL || dest == acc) && UNLIKELY(!locked_cas(&m, i, t, size, dest, dest == acc ? src : dest)));
    locked_end(&m, i, t, size);
    return dest;
}
ALWAYS_INLINE void cmpxchg_any(SHAPE_M, IntKernel k, bool locked) {
    SHAPE_CC(flags);
    uint64_t acc = gpr_read(env, REG_AX * 8, bits), src = gpr_read(env, i->reg, bits), dest;
    uint64_t linear = ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW);
    if (locked) {
        dest = locked_cmpxchg(i, t, linear, bits / 8, acc, src);
    } else {
        struct Rmw m;
        dest = rmw_begin(&m, i, t, linear, bits / 8);
        rmw_end(&m, i, t, bits / 8, dest == acc ? src : dest);
    }
    k(flags, acc, dest, bits);
    if (acc != dest)
        gpr_write(env, REG_AX * 8, bits, dest);
}
ALWAYS_INLINE void cmpxchg_m(SHAPE_M, IntKernel k) { cmpxchg_any(env, i, t, bits, ea, cc, k, false); }
ALWAYS_INLINE void cmpxchg_l(SHAPE_M, IntKernel k) { cmpxchg_any(env, i, t, bits, ea, cc, k, true); }

ALWAYS_INLINE void xadd_r(SHAPE_R, IntKernel k) {
    SHAPE_CC(flags);
    uint64_t dest = gpr_read(env, i->rm, bits), sum = k(flags, dest, gpr_read(env, i->reg, bits), bits);
    gpr_write(env, i->reg, bits, dest);
    gpr_write(env, i->rm, bits, sum);
}
ALWAYS_INLINE void xadd_any(SHAPE_M, IntKernel k, bool locked) {
    SHAPE_CC(flags);
    uint64_t src = gpr_read(env, i->reg, bits), dest;
    uint64_t linear = ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW);
    if (locked) {
        struct LockedRmw m;
        locked_begin(&m, i, t, linear, bits / 8);
        do
            dest = locked_load(&m, i, t, bits / 8);
        while (UNLIKELY(!locked_cas(&m, i, t, bits / 8, dest, dest + src)));
        locked_end(&m, i, t, bits / 8);
        k(flags, dest, src, bits);
    } else {
        struct Rmw m;
        dest = rmw_begin(&m, i, t, linear, bits / 8);
        rmw_end(&m, i, t, bits / 8, k(flags, dest, src, bits));
    }
    gpr_write(env, i->reg, bits, dest);
}
ALWAYS_INLINE void xadd_m(SHAPE_M, IntKernel k) { xadd_any(env, i, t, bits, ea, cc, k, false); }
ALWAYS_INLINE void xadd_l(SHAPE_M, IntKernel k) { xadd_any(env, i, t, bits, ea, cc, k, true); }

/** CMPXCHG8B and 16B: only ZF changes. The 16-byte form wants alignment. */
ALWAYS_INLINE void put_zf(struct Tcg *t, bool zf) {
    cc_load(&t->cc, (cc_flags(&t->cc) & ~(uint32_t)FLAG_ZF) | (zf ? FLAG_ZF : 0));
}
ALWAYS_INLINE void cmpxchg8b_m(SHAPE_M, const void *none) {
    (void)bits, (void)cc, (void)none;
    uint64_t acc = env->gpr[REG_DX] << 32 | (uint32_t)env->gpr[REG_AX];
    uint64_t src = env->gpr[REG_CX] << 32 | (uint32_t)env->gpr[REG_BX];
    uint64_t dest = locked_cmpxchg(i, t, ea_linear(env, i, t, ea, 8, ACCESS_RMW), 8, acc, src);
    put_zf(t, acc == dest);
    if (acc != dest) {
        gpr_write(env, REG_AX * 8, 32, dest);
        gpr_write(env, REG_DX * 8, 32, dest >> 32);
    }
}
ALWAYS_INLINE void cmpxchg8b_l(SHAPE_M, const void *none) { cmpxchg8b_m(env, i, t, bits, ea, cc, none); }

ALWAYS_INLINE void cmpxchg16b_m(SHAPE_M, const void *none) {
    (void)bits, (void)cc, (void)none;
    struct LockedRmw m;
    uint64_t new[2] = {env->gpr[REG_BX], env->gpr[REG_CX]}, old[2];
    bool equal;
    locked_begin(&m, i, t, ea_linear(env, i, t, ea, 16, ACCESS_RMW | ACCESS_ALIGNED), 16);
    if (LIKELY(m.host != NULL)) {
        old[0] = env->gpr[REG_AX], old[1] = env->gpr[REG_DX];
        __asm__ volatile("lock cmpxchg16b %1"
                         : "=@ccz"(equal), "+m"(*(unsigned __int128 *)m.host), "+a"(old[0]), "+d"(old[1])
                         : "b"(new[0]), "c"(new[1])
                         : "memory");
    } else {
        mem_load_bytes(t, i, m.linear, old, 16);
        equal = old[0] == env->gpr[REG_AX] && old[1] == env->gpr[REG_DX];
        mem_store_bytes(t, i, m.linear, equal ? new : old, 16);
    }
    locked_end(&m, i, t, 16);
    put_zf(t, equal);
    if (!equal) {
        env->gpr[REG_AX] = old[0];
        env->gpr[REG_DX] = old[1];
    }
}
ALWAYS_INLINE void cmpxchg16b_l(SHAPE_M, const void *none) { cmpxchg16b_m(env, i, t, bits, ea, cc, none); }

/* ---- conditions ---- */

/** A 32-bit destination is zero-extended even when the condition is false; the source is read in any case. */
ALWAYS_INLINE void cmov_r(SHAPE_R, CondFn cond) {
    (void)cc;
    uint64_t no = gpr_read(env, i->reg, bits), yes = gpr_read(env, i->rm, bits);
    gpr_write(env, i->reg, bits, cond(&t->cc) ? yes : no);
}
ALWAYS_INLINE void cmov_m(SHAPE_M, CondFn cond) {
    uint64_t v = load_rm(env, i, t, bits, ea, cc);
    gpr_write(env, i->reg, bits, cond(&t->cc) ? v : gpr_read(env, i->reg, bits));
}
ALWAYS_INLINE void setcc_r(SHAPE_R, CondFn cond) {
    (void)bits, (void)cc;
    gpr_write(env, i->rm, 8, cond(&t->cc));
}
ALWAYS_INLINE void setcc_m(SHAPE_M, CondFn cond) {
    (void)bits, (void)cc;
    mem_store(t, i, ea_linear(env, i, t, ea, 1, ACCESS_WRITE), 1, cond(&t->cc));
}

/* ---- flags ---- */

ALWAYS_INLINE void clc_r(SHAPE_R, const void *none) {
    (void)env, (void)i, (void)bits, (void)none;
    if (cc)
        cc_put_cf(&t->cc, false);
}
ALWAYS_INLINE void stc_r(SHAPE_R, const void *none) {
    (void)env, (void)i, (void)bits, (void)none;
    if (cc)
        cc_put_cf(&t->cc, true);
}
ALWAYS_INLINE void cmc_r(SHAPE_R, const void *none) {
    (void)env, (void)i, (void)bits, (void)none;
    if (cc)
        cc_put_cf(&t->cc, !cc_cf(&t->cc));
}
ALWAYS_INLINE void cld_r(SHAPE_R, const void *none) {
    (void)i, (void)t, (void)bits, (void)cc, (void)none;
    env->rflags &= ~(uint64_t)FLAG_DF;
}
ALWAYS_INLINE void std_r(SHAPE_R, const void *none) {
    (void)i, (void)t, (void)bits, (void)cc, (void)none;
    env->rflags |= FLAG_DF;
}
ALWAYS_INLINE void lahf_r(SHAPE_R, const void *none) {
    (void)i, (void)bits, (void)cc, (void)none;
    gpr_write(env, 1, 8, (cc_flags(&t->cc) & 0xd5) | FLAG_ONE);
}
ALWAYS_INLINE void sahf_r(SHAPE_R, const void *none) {
    (void)i, (void)bits, (void)cc, (void)none;
    cc_load(&t->cc, (cc_flags(&t->cc) & FLAG_OF) | (gpr_read(env, 1, 8) & 0xd5));
}
ALWAYS_INLINE void salc_r(SHAPE_R, const void *none) {
    (void)i, (void)bits, (void)cc, (void)none;
    gpr_write(env, REG_AX * 8, 8, cc_cf(&t->cc) ? 0xff : 0);
}

/* ---- the rest ---- */

/** Instructions whose purpose is #UD. */
ALWAYS_INLINE const struct Insn *ud_r(SHAPE_R, const void *none) {
    (void)env, (void)bits, (void)cc, (void)none;
    tcg_raise(t, i, VEC_UD);
}
ALWAYS_INLINE const struct Insn *ud_m(SHAPE_M, const void *none) {
    (void)ea;
    return ud_r(env, i, t, bits, cc, none);
}

ALWAYS_INLINE void xlat_r(SHAPE_R, const void *none) {
    (void)bits, (void)cc, (void)none;
    uint64_t offset = env->gpr[REG_BX] + (env->gpr[REG_AX] & 0xff);
    offset = i->asize == 3 ? offset : i->asize == 2 ? (uint32_t)offset : (uint16_t)offset;
    uint64_t linear = mem_linear(t, i, i->seg, offset, 1, ACCESS_READ);
    gpr_write(env, REG_AX * 8, 8, mem_load(t, i, linear, 1));
}
ALWAYS_INLINE void nop_r(SHAPE_R, const void *none) { (void)env, (void)i, (void)t, (void)bits, (void)cc, (void)none; }
ALWAYS_INLINE void nop_m(SHAPE_M, const void *none) {
    (void)env, (void)i, (void)t, (void)bits, (void)ea, (void)cc, (void)none;
}
ALWAYS_INLINE void fence_r(SHAPE_R, const void *none) {
    (void)env, (void)i, (void)t, (void)bits, (void)cc, (void)none;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
/** No cache is modelled; the access is checked like a load. */
ALWAYS_INLINE void clflush_m(SHAPE_M, const void *none) {
    (void)bits, (void)cc, (void)none;
    uint64_t linear = ea_linear(env, i, t, ea, 1, ACCESS_READ);
    if (mem_host_read(t, linear, 1) == NULL)
        mem_probe_read(t, i, linear, 1);
}

#endif
