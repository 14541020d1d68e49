/* SPDX-License-Identifier: MIT */
/**
 * Shapes of integer instructions. _r: register form, _m: memory form, _l: LOCK form. A memory destination is proved
 * writable before its old value is used, so that no flag or register changes when the access faults.
 */
#ifndef TWIN86_TCG_SHAPES_INT_H
#define TWIN86_TCG_SHAPES_INT_H

#include "accel/tcg-lite/exec/kernels_int.h"
#include "accel/tcg-lite/exec/shapes_help.h"
#include "accel/tcg-lite/run/mem.h"

/** Where a kernel may put flags: for the flagless variants a copy that nobody reads. */
#define SHAPE_CC(name)                                                                                                 \
    struct Cc *cc_ = &t->cc, copy_ = *cc_;                                                                             \
    struct Cc *name = cc ? cc_ : &copy_

/** A memory destination on its way through load, kernel and store. host is NULL on the slow path. */
struct Rmw {
    uint64_t linear;
    void *host;
};

/** Off the hot path: page crossing, TLB misses, devices. Afterwards the store cannot fault. */
SLOW_CC static NOINLINE uint64_t rmw_begin_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    mem_probe_write(t, i, linear, size);
    return mem_load_slow(t, i, linear, size);
}
ALWAYS_INLINE uint64_t rmw_begin(struct Rmw *m, const struct Insn *i, struct Tcg *t, uint64_t linear, unsigned size) {
    m->linear = linear;
    m->host = mem_host_write(t, linear, size);
    return LIKELY(m->host != NULL) ? host_load(m->host, size) : rmw_begin_slow(t, i, linear, size);
}
ALWAYS_INLINE void rmw_end(const struct Rmw *m, const struct Insn *i, struct Tcg *t, unsigned size, uint64_t v) {
    if (LIKELY(m->host != NULL))
        host_store(m->host, size, v);
    else
        mem_store_slow(t, i, m->linear, size, v);
}

/** A locked destination: host is NULL while the other vCPUs stand still for it. */
struct LockedRmw {
    uint64_t linear;
    void *host;
    bool slow; /* mem_lock was asked */
};

ALWAYS_INLINE void locked_begin(struct LockedRmw *m, const struct Insn *i, struct Tcg *t, uint64_t linear,
                                unsigned size) {
    m->linear = linear;
    m->host = mem_host_write(t, linear, size);
    m->slow = m->host == NULL;
    if (UNLIKELY(m->slow))
        m->host = mem_lock(t, i, linear, size);
}
/** The operand's value. With host it may have changed by the time it is compared with. */
ALWAYS_INLINE uint64_t locked_load(const struct LockedRmw *m, const struct Insn *i, struct Tcg *t, unsigned size) {
    return LIKELY(m->host != NULL) ? host_load(m->host, size) : mem_load_slow(t, i, m->linear, size);
}
ALWAYS_INLINE void locked_end(const struct LockedRmw *m, const struct Insn *i, struct Tcg *t, unsigned size) {
    if (UNLIKELY(m->slow))
        mem_unlock(t, i, m->linear, size, m->host);
}

/* Guest memory of any alignment. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any_u16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any_u32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any_u64;

/** Host LOCK CMPXCHG of any alignment: true when *p was `old` and is `v` now. */
ALWAYS_INLINE bool host_cas(void *p, unsigned size, uint64_t old, uint64_t v) {
    bool ok;
    switch (size) {
    case 1:
        __asm__ volatile("lock cmpxchgb %b3, %1" : "=@ccz"(ok), "+m"(*(uint8_t *)p), "+a"(old) : "q"(v) : "memory");
        break;
    case 2:
        __asm__ volatile("lock cmpxchgw %w3, %1" : "=@ccz"(ok), "+m"(*(any_u16 *)p), "+a"(old) : "r"(v) : "memory");
        break;
    case 4:
        __asm__ volatile("lock cmpxchgl %k3, %1" : "=@ccz"(ok), "+m"(*(any_u32 *)p), "+a"(old) : "r"(v) : "memory");
        break;
    default:
        __asm__ volatile("lock cmpxchgq %3, %1" : "=@ccz"(ok), "+m"(*(any_u64 *)p), "+a"(old) : "r"(v) : "memory");
        break;
    }
    return ok;
}
/** True when the operand was still `old` and is `v` now. */
ALWAYS_INLINE bool locked_cas(const struct LockedRmw *m, const struct Insn *i, struct Tcg *t, unsigned size,
                              uint64_t old, uint64_t v) {
    if (LIKELY(m->host != NULL))
        return host_cas(m->host, size, old, v);
    mem_store_slow(t, i, m->linear, size, v);
    return true;
}
ALWAYS_INLINE uint64_t host_xchg(void *p, unsigned size, uint64_t v) {
    switch (size) {
    case 1: __asm__ volatile("xchgb %b1, %0" : "+m"(*(uint8_t *)p), "+q"(v)::"memory"); break;
    case 2: __asm__ volatile("xchgw %w1, %0" : "+m"(*(any_u16 *)p), "+r"(v)::"memory"); break;
    case 4: __asm__ volatile("xchgl %k1, %0" : "+m"(*(any_u32 *)p), "+r"(v)::"memory"); break;
    default: __asm__ volatile("xchgq %1, %0" : "+m"(*(any_u64 *)p), "+r"(v)::"memory"); break;
    }
    return v;
}

/* ---- two operands ---- */

ALWAYS_INLINE void rmw_any(SHAPE_M, IntKernel k, uint64_t b) {
    SHAPE_CC(flags);
    uint64_t linear = ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW);
    void *p = mem_host_write(t, linear, bits / 8);
    if (LIKELY(p != NULL)) {
        host_store(p, bits / 8, k(flags, host_load(p, bits / 8), b, bits));
    } else {
        uint64_t a = rmw_begin_slow(t, i, linear, bits / 8);
        mem_store_slow(t, i, linear, bits / 8, k(flags, a, b, bits));
    }
}
ALWAYS_INLINE void rmw_locked(SHAPE_M, IntKernel k, uint64_t b) {
    SHAPE_CC(flags);
    struct LockedRmw m;
    struct Cc trial;
    uint64_t a, r;
    locked_begin(&m, i, t, ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW), bits / 8);
    do {
        trial = *flags;
        a = locked_load(&m, i, t, bits / 8);
        r = k(&trial, a, b, bits);
    } while (UNLIKELY(!locked_cas(&m, i, t, bits / 8, a, r)));
    *flags = trial;
    locked_end(&m, i, t, bits / 8);
}
ALWAYS_INLINE void rmw_register(SHAPE_R, IntKernel k, uint64_t b) {
    SHAPE_CC(flags);
    gpr_write(env, i->rm, bits, k(flags, gpr_read(env, i->rm, bits), b, bits));
}

/** E = E op G */
ALWAYS_INLINE void rmw_r(SHAPE_R, IntKernel k) { rmw_register(env, i, t, bits, cc, k, gpr_read(env, i->reg, bits)); }
ALWAYS_INLINE void rmw_m(SHAPE_M, IntKernel k) { rmw_any(env, i, t, bits, ea, cc, k, gpr_read(env, i->reg, bits)); }
ALWAYS_INLINE void rmw_l(SHAPE_M, IntKernel k) { rmw_locked(env, i, t, bits, ea, cc, k, gpr_read(env, i->reg, bits)); }
/** E = E op I */
ALWAYS_INLINE void rmw_imm_r(SHAPE_R, IntKernel k) { rmw_register(env, i, t, bits, cc, k, i->uimm); }
ALWAYS_INLINE void rmw_imm_m(SHAPE_M, IntKernel k) { rmw_any(env, i, t, bits, ea, cc, k, i->uimm); }
ALWAYS_INLINE void rmw_imm_l(SHAPE_M, IntKernel k) { rmw_locked(env, i, t, bits, ea, cc, k, i->uimm); }
/** E = op E */
ALWAYS_INLINE void rmw1_r(SHAPE_R, IntKernel k) { rmw_register(env, i, t, bits, cc, k, 0); }
ALWAYS_INLINE void rmw1_m(SHAPE_M, IntKernel k) { rmw_any(env, i, t, bits, ea, cc, k, 0); }
ALWAYS_INLINE void rmw1_l(SHAPE_M, IntKernel k) { rmw_locked(env, i, t, bits, ea, cc, k, 0); }
/** E = E op CL. A 32-bit register is zero-extended even when the count is 0. */
ALWAYS_INLINE void rmw_cl_r(SHAPE_R, IntKernel k) {
    rmw_register(env, i, t, bits, cc, k, gpr_read(env, REG_CX * 8, 8));
}
ALWAYS_INLINE void rmw_cl_m(SHAPE_M, IntKernel k) { rmw_any(env, i, t, bits, ea, cc, k, gpr_read(env, REG_CX * 8, 8)); }

ALWAYS_INLINE uint64_t load_rm(SHAPE_M) {
    (void)cc;
    return mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
}

/** G = G op E */
ALWAYS_INLINE void load_op_any(SHAPE_R, IntKernel k, uint64_t b) {
    SHAPE_CC(flags);
    gpr_write(env, i->reg, bits, k(flags, gpr_read(env, i->reg, bits), b, bits));
}
ALWAYS_INLINE void load_op_r(SHAPE_R, IntKernel k) { load_op_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits)); }
ALWAYS_INLINE void load_op_m(SHAPE_M, IntKernel k) {
    load_op_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}
/** G = E op I */
ALWAYS_INLINE void load_op_imm_any(SHAPE_R, IntKernel k, uint64_t a) {
    SHAPE_CC(flags);
    gpr_write(env, i->reg, bits, k(flags, a, i->uimm, bits));
}
ALWAYS_INLINE void load_op_imm_r(SHAPE_R, IntKernel k) {
    load_op_imm_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void load_op_imm_m(SHAPE_M, IntKernel k) {
    load_op_imm_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}

/** Flags of E op G, of G op E, of E op I */
ALWAYS_INLINE void compare_any(SHAPE_R, IntKernel k, uint64_t a, uint64_t b) {
    (void)env, (void)i;
    SHAPE_CC(flags);
    k(flags, a, b, bits);
}
ALWAYS_INLINE void compare_r(SHAPE_R, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits), gpr_read(env, i->reg, bits));
}
ALWAYS_INLINE void compare_m(SHAPE_M, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc), gpr_read(env, i->reg, bits));
}
ALWAYS_INLINE void compare_rev_r(SHAPE_R, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, gpr_read(env, i->reg, bits), gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void compare_rev_m(SHAPE_M, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, gpr_read(env, i->reg, bits), load_rm(env, i, t, bits, ea, cc));
}
ALWAYS_INLINE void compare_imm_r(SHAPE_R, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits), i->uimm);
}
ALWAYS_INLINE void compare_imm_m(SHAPE_M, IntKernel k) {
    compare_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc), i->uimm);
}

/** E = E and G shifted by I or CL; words by more than they have bits as the vendor does it. */
ALWAYS_INLINE uint64_t dshift(const struct Tcg *t, struct Cc *flags, uint64_t a, uint64_t b, uint64_t count,
                              unsigned bits, DoubleShiftKernel k) {
    if (bits == 16 && UNLIKELY(count & 16) && tcg_as_intel(t, RULE_SHLD_16))
        return k == kernel_shld ? kernel_shld_word(flags, a, b, count & 31) : kernel_shrd_word(flags, a, b, count & 31);
    return k(flags, a, b, count, bits);
}
ALWAYS_INLINE void dshift_reg(SHAPE_R, DoubleShiftKernel k, uint64_t count) {
    SHAPE_CC(flags);
    uint64_t a = gpr_read(env, i->rm, bits), b = gpr_read(env, i->reg, bits);
    gpr_write(env, i->rm, bits, dshift(t, flags, a, b, count, bits, k));
}
ALWAYS_INLINE void dshift_mem(SHAPE_M, DoubleShiftKernel k, uint64_t count) {
    SHAPE_CC(flags);
    struct Rmw m;
    uint64_t a = rmw_begin(&m, i, t, ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW), bits / 8);
    rmw_end(&m, i, t, bits / 8, dshift(t, flags, a, gpr_read(env, i->reg, bits), count, bits, k));
}
ALWAYS_INLINE void dshift_imm_r(SHAPE_R, DoubleShiftKernel k) { dshift_reg(env, i, t, bits, cc, k, i->uimm); }
ALWAYS_INLINE void dshift_imm_m(SHAPE_M, DoubleShiftKernel k) { dshift_mem(env, i, t, bits, ea, cc, k, i->uimm); }
ALWAYS_INLINE void dshift_cl_r(SHAPE_R, DoubleShiftKernel k) {
    dshift_reg(env, i, t, bits, cc, k, env->gpr[REG_CX] & 0xff);
}
ALWAYS_INLINE void dshift_cl_m(SHAPE_M, DoubleShiftKernel k) {
    dshift_mem(env, i, t, bits, ea, cc, k, env->gpr[REG_CX] & 0xff);
}

/* ---- multiplication, division, decimal ---- */

/** The double-width operand is DX:AX, or AH:AL for bytes; #DE before anything changes. */
ALWAYS_INLINE void muldiv_any(SHAPE_R, MulDivKernel k, uint64_t src) {
    SHAPE_CC(flags);
    unsigned hi_reg = bits == 8 ? 1 : REG_DX * 8;
    uint64_t lo = gpr_read(env, REG_AX * 8, bits), hi = gpr_read(env, hi_reg, bits);
    if (UNLIKELY(!k(flags, &lo, &hi, src, bits)))
        tcg_raise(t, i, VEC_DE);
    gpr_write(env, REG_AX * 8, bits, lo);
    gpr_write(env, hi_reg, bits, hi);
}
ALWAYS_INLINE void muldiv_r(SHAPE_R, MulDivKernel k) { muldiv_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits)); }
ALWAYS_INLINE void muldiv_m(SHAPE_M, MulDivKernel k) {
    muldiv_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}

ALWAYS_INLINE void decimal_r(SHAPE_R, DecimalKernel k) {
    (void)i, (void)bits;
    SHAPE_CC(flags);
    gpr_write(env, REG_AX * 8, 16, k(flags, (uint16_t)gpr_read(env, REG_AX * 8, 16)));
}
ALWAYS_INLINE void aam_r(SHAPE_R, const void *none) {
    (void)bits, (void)cc, (void)none;
    uint8_t base = (uint8_t)i->imm, al = (uint8_t)gpr_read(env, REG_AX * 8, 8);
    if (base == 0)
        tcg_raise(t, i, VEC_DE);
    gpr_write(env, REG_AX * 8, 16, (uint64_t)(al / base) << 8 | al % base);
    cc_set_logic(&t->cc, al % base, 8);
}
ALWAYS_INLINE void aad_r(SHAPE_R, const void *none) {
    (void)bits, (void)cc, (void)none;
    uint16_t ax = (uint16_t)gpr_read(env, REG_AX * 8, 16);
    uint8_t al = (uint8_t)ax, tens = (uint8_t)((ax >> 8) * (uint8_t)i->imm);
    gpr_write(env, REG_AX * 8, 16, (uint8_t)kernel_add(&t->cc, al, tens, 8));
}
/** CBW, CWDE, CDQE */
ALWAYS_INLINE void cbw_r(SHAPE_R, const void *none) {
    (void)i, (void)t, (void)cc, (void)none;
    gpr_write(env, REG_AX * 8, bits, (uint64_t)cc_sext(gpr_read(env, REG_AX * 8, bits / 2), bits / 2));
}
/** CWD, CDQ, CQO */
ALWAYS_INLINE void cwd_r(SHAPE_R, const void *none) {
    (void)i, (void)t, (void)cc, (void)none;
    gpr_write(env, REG_DX * 8, bits, (uint64_t)(cc_sext(gpr_read(env, REG_AX * 8, bits), bits) >> 63));
}

/* ---- bits ---- */

ALWAYS_INLINE void bt_word(SHAPE_R, BitKernel k, uint64_t bit) {
    uint64_t word = gpr_read(env, i->rm, bits), mask = 1ull << (bit & (bits - 1));
    if (cc)
        cc_put_cf(&t->cc, (word & mask) != 0);
    if (k != kernel_bt)
        gpr_write(env, i->rm, bits, k(word, mask));
}
ALWAYS_INLINE void bt_memory(SHAPE_R, BitKernel k, uint64_t bit, uint64_t linear, bool locked) {
    (void)env;
    uint64_t mask = 1ull << (bit & (bits - 1)), word;
    if (k == kernel_bt) {
        word = mem_load(t, i, linear, bits / 8);
    } else if (locked) {
        struct LockedRmw m;
        locked_begin(&m, i, t, linear, bits / 8);
        do
            word = locked_load(&m, i, t, bits / 8);
        while (UNLIKELY(!locked_cas(&m, i, t, bits / 8, word, k(word, mask))));
        locked_end(&m, i, t, bits / 8);
    } else {
        struct Rmw m;
        word = rmw_begin(&m, i, t, linear, bits / 8);
        rmw_end(&m, i, t, bits / 8, k(word, mask));
    }
    if (cc)
        cc_put_cf(&t->cc, (word & mask) != 0);
}
/** A bit offset in a register reaches beyond the operand: whole operands of its size are skipped, up or down. */
ALWAYS_INLINE uint64_t bt_linear(SHAPE_M, BitKernel k, uint64_t bit) {
    (void)cc;
    int64_t words = cc_sext(bit, bits) >> (bits == 64 ? 6 : bits == 32 ? 5 : 4);
    uint64_t offset = ea_offset(env, i) + (uint64_t)(words * (int64_t)(bits / 8));
    if (ea == EA_BASE || ea == EA_FLAT)
        return offset;
    offset = i->asize == 3 ? offset : i->asize == 2 ? (uint32_t)offset : (uint16_t)offset;
    if (ea == EA_FLAT32)
        return offset;
    return mem_linear(t, i, i->seg, offset, bits / 8, k == kernel_bt ? ACCESS_READ : ACCESS_RMW);
}
ALWAYS_INLINE void bt_reg_r(SHAPE_R, BitKernel k) { bt_word(env, i, t, bits, cc, k, gpr_read(env, i->reg, bits)); }
ALWAYS_INLINE void bt_reg_m(SHAPE_M, BitKernel k) {
    uint64_t bit = gpr_read(env, i->reg, bits);
    bt_memory(env, i, t, bits, cc, k, bit, bt_linear(env, i, t, bits, ea, cc, k, bit), false);
}
ALWAYS_INLINE void bt_reg_l(SHAPE_M, BitKernel k) {
    uint64_t bit = gpr_read(env, i->reg, bits);
    bt_memory(env, i, t, bits, cc, k, bit, bt_linear(env, i, t, bits, ea, cc, k, bit), true);
}
ALWAYS_INLINE void bt_imm_r(SHAPE_R, BitKernel k) { bt_word(env, i, t, bits, cc, k, i->uimm); }
ALWAYS_INLINE void bt_imm_m(SHAPE_M, BitKernel k) {
    bt_memory(env, i, t, bits, cc, k, i->uimm,
              ea_linear(env, i, t, ea, bits / 8, k == kernel_bt ? ACCESS_READ : ACCESS_RMW), false);
}
ALWAYS_INLINE void bt_imm_l(SHAPE_M, BitKernel k) {
    bt_memory(env, i, t, bits, cc, k, i->uimm, ea_linear(env, i, t, ea, bits / 8, ACCESS_RMW), true);
}

/** BSF, BSR: a source of 0 leaves the whole destination register alone. */
ALWAYS_INLINE void bit_scan_any(SHAPE_R, IntKernel k, uint64_t b) {
    SHAPE_CC(flags);
    if (b == 0)
        cc_set_logic(flags, 0, bits);
    else
        gpr_write(env, i->reg, bits, k(flags, 0, b, bits));
}
ALWAYS_INLINE void bit_scan_r(SHAPE_R, IntKernel k) {
    bit_scan_any(env, i, t, bits, cc, k, gpr_read(env, i->rm, bits));
}
ALWAYS_INLINE void bit_scan_m(SHAPE_M, IntKernel k) {
    bit_scan_any(env, i, t, bits, cc, k, load_rm(env, i, t, bits, ea, cc));
}

/** BSWAP of 16 bits is undefined; the hardware stores 0. */
ALWAYS_INLINE void bswap_r(SHAPE_R, const void *none) {
    (void)t, (void)cc, (void)none;
    gpr_write(env, i->rm, bits, bits == 16 ? 0 : int_bswap(gpr_read(env, i->rm, bits), bits));
}
ALWAYS_INLINE void movbe_load_m(SHAPE_M, const void *none) {
    (void)none;
    gpr_write(env, i->reg, bits, int_bswap(load_rm(env, i, t, bits, ea, cc), bits));
}
ALWAYS_INLINE void movbe_store_m(SHAPE_M, const void *none) {
    (void)cc, (void)none;
    mem_store(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_WRITE), bits / 8,
              int_bswap(gpr_read(env, i->reg, bits), bits));
}

#endif
