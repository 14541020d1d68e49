/* SPDX-License-Identifier: MIT */
/**
 * Shapes of x87 instructions: stack and tag checks, pending exceptions, pointers, condition codes (SDM vol. 1, 8).
 * Which instructions keep C1, and what FOP, FIP and FDP hold, is as measured on AMD family 19h.
 */
#ifndef TWIN86_TCG_SHAPES_X87_H
#define TWIN86_TCG_SHAPES_X87_H

#include "accel/tcg-lite/exec/shapes_help.h"
#include "accel/tcg-lite/exec/x87/kernels_x87.h"
#include "accel/tcg-lite/run/area.h"

static const struct X87Reg x87_indefinite = {0xc000000000000000, 0xffff};

ALWAYS_INLINE unsigned x87_index(const CPUX86State *env, unsigned n) { return ((env->fsw >> FSW_TOP_SHIFT) + n) & 7; }
ALWAYS_INLINE struct X87Reg *x87_st(CPUX86State *env, unsigned n) { return &env->fpr[x87_index(env, n)]; }
ALWAYS_INLINE bool x87_empty(const CPUX86State *env, unsigned n) { return !(env->ftw >> x87_index(env, n) & 1); }
ALWAYS_INLINE void x87_set_valid(CPUX86State *env, unsigned n) { env->ftw |= (uint8_t)(1u << x87_index(env, n)); }
ALWAYS_INLINE void x87_set_empty(CPUX86State *env, unsigned n) { env->ftw &= (uint8_t)~(1u << x87_index(env, n)); }
ALWAYS_INLINE void x87_move_top(CPUX86State *env, unsigned by) {
    env->fsw = (uint16_t)((env->fsw & ~FSW_TOP) | ((env->fsw + (by << FSW_TOP_SHIFT)) & FSW_TOP));
}
ALWAYS_INLINE void x87_pop(CPUX86State *env) {
    x87_set_empty(env, 0);
    x87_move_top(env, 1);
}
ALWAYS_INLINE void x87_push(CPUX86State *env, const struct X87Reg *v) {
    x87_move_top(env, 7);
    *x87_st(env, 0) = *v;
    x87_set_valid(env, 0);
}

/** Every waiting instruction begins here: a pending exception is #MF. With CR0.NE = 0 it would be IRQ 13 and IGNNE's
 *  business; the instruction goes on as if IGNNE were asserted. */
ALWAYS_INLINE void x87_wait(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    if (UNLIKELY(env->fsw & FSW_ES) && (env->cr0 & CR0_NE))
        tcg_raise(t, i, VEC_MF);
}

/** FIP, FCS and FOP; of memory forms FDP and FDS too (x87_pointers says what of them shows). Nothing of the instruction
 *  can fault any more. */
ALWAYS_INLINE void x87_code_pointer(CPUX86State *env, const struct Insn *i) {
    env->fip = env->rip + i->off;
    env->fcs = env->seg[SEG_CS].selector;
    env->fop = (uint16_t)i->imm;
}
ALWAYS_INLINE void x87_data_pointer(CPUX86State *env, const struct Insn *i) {
    env->fdp = ea_offset(env, i);
    env->fds = env->seg[i->seg].selector;
}

/** Take condition codes `cc` and exceptions from the host's status word. The pointers are those of i already. */
ALWAYS_INLINE void x87_commit(CPUX86State *env, const struct Insn *i, struct Tcg *t, uint32_t sw, unsigned cc) {
    env->fsw = (uint16_t)((env->fsw & ~cc) | (sw & (cc | FSW_FLAGS | FSW_ES)));
    if (UNLIKELY(sw & FSW_ES)) {
        env->fsw |= FSW_B;
        x87_note_raised(t, i);
    }
}
/** An unmasked exception that is found before computing: operands and stack stay as they are. */
ALWAYS_INLINE bool x87_refused(const CPUX86State *env, uint32_t sw) {
    return UNLIKELY(sw & FSW_ES) && (sw & ~(uint32_t)env->fcw & (FSW_IE | FSW_DE | FSW_ZE));
}

/** Stack overflow (c1 = FSW_C1) or underflow (0) of i, whose the pointers are. True: masked, the caller supplies the
 *  indefinite value. */
static NOINLINE bool x87_stack_fault(struct Tcg *t, const struct Insn *i, unsigned c1) {
    CPUX86State *env = t->env;
    env->fsw = (uint16_t)((env->fsw & ~FSW_C1) | FSW_IE | FSW_SF | c1);
    if (env->fcw & FSW_IE)
        return true;
    env->fsw |= FSW_ES | FSW_B;
    x87_note_raised(t, i);
    return false;
}
ALWAYS_INLINE bool x87_lacks(CPUX86State *env, unsigned a, unsigned b) {
    return UNLIKELY(x87_empty(env, a) || x87_empty(env, b));
}

/* ---- arithmetic ---- */

typedef uint32_t (*X87Binary)(struct X87Reg *dst, const struct X87Reg *src);
typedef uint32_t (*X87BinaryMem)(struct X87Reg *dst, const uint64_t *src);
typedef uint32_t (*X87Unary)(struct X87Reg *r);
typedef uint32_t (*X87UnaryPush)(struct X87Reg *st0, struct X87Reg *pushed);

ALWAYS_INLINE void x87_arith(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned dst, unsigned src,
                             bool pop, X87Binary k) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (x87_lacks(env, dst, src)) {
        if (!x87_stack_fault(t, i, 0))
            return;
        *x87_st(env, dst) = x87_indefinite;
        x87_set_valid(env, dst);
    } else {
        uint32_t sw = k(x87_st(env, dst), x87_st(env, src));
        x87_commit(env, i, t, sw, FSW_C1);
        if (x87_refused(env, sw))
            return;
    }
    if (pop)
        x87_pop(env);
}

/** ST(0) = ST(0) op ST(i). */
ALWAYS_INLINE void x87_arith_st0_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_arith(env, i, t, 0, i->rm, false, k);
}
/** ST(i) = ST(i) op ST(0). */
ALWAYS_INLINE void x87_arith_sti_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_arith(env, i, t, i->rm, 0, false, k);
}
ALWAYS_INLINE void x87_arith_pop_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_arith(env, i, t, i->rm, 0, true, k);
}
/** ST(0) = ST(0) op ST(1): FSCALE. */
ALWAYS_INLINE void x87_arith_st1_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_arith(env, i, t, 0, 1, false, k);
}
/** FPREM, FPREM1: the quotient's low bits go to C0, C3, C1; C2 says that more is to do. With a NaN there is no
 * quotient, and C0 and C3 stay. */
ALWAYS_INLINE void x87_rem_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    struct X87Reg *st0 = x87_st(env, 0);
    if (x87_lacks(env, 0, 1)) {
        env->fsw &= (uint16_t)~FSW_C2;
        if (!x87_stack_fault(t, i, 0))
            return;
        *st0 = x87_indefinite;
        x87_set_valid(env, 0);
        return;
    }
    uint32_t sw = k(st0, x87_st(env, 1));
    bool nan = (st0->sign_exp & 0x7fff) == 0x7fff || x87_refused(env, sw);
    x87_commit(env, i, t, sw, nan ? FSW_C1 | FSW_C2 : FSW_CC);
}

ALWAYS_INLINE void x87_arith_mem_m(SHAPE_M, X87BinaryMem k) {
    (void)cc;
    x87_wait(env, i, t);
    uint64_t v = mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (x87_lacks(env, 0, 0)) {
        if (!x87_stack_fault(t, i, 0))
            return;
        *x87_st(env, 0) = x87_indefinite;
        x87_set_valid(env, 0);
        return;
    }
    x87_commit(env, i, t, k(x87_st(env, 0), &v), FSW_C1);
}

/** ST(0) = op ST(0), taking the condition codes `codes`. */
ALWAYS_INLINE void x87_unary(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned codes, X87Unary k) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (!x87_lacks(env, 0, 0)) {
        x87_commit(env, i, t, k(x87_st(env, 0)), codes);
        return;
    }
    env->fsw &= (uint16_t)~(codes & FSW_C2);
    if (x87_stack_fault(t, i, 0)) {
        *x87_st(env, 0) = x87_indefinite;
        x87_set_valid(env, 0);
    }
}
ALWAYS_INLINE void x87_unary_r(SHAPE_R, X87Unary k) {
    (void)bits, (void)cc;
    x87_unary(env, i, t, FSW_C1, k);
}
/** FSIN, FCOS: C2 when the operand is out of range. */
ALWAYS_INLINE void x87_trig_r(SHAPE_R, X87Unary k) {
    (void)bits, (void)cc;
    x87_unary(env, i, t, FSW_C1 | FSW_C2, k);
}
/** FCHS, FABS. */
ALWAYS_INLINE void x87_sign_r(SHAPE_R, void (*k)(struct X87Reg *)) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (!x87_lacks(env, 0, 0)) {
        env->fsw &= (uint16_t)~FSW_C1;
        k(x87_st(env, 0));
    } else if (x87_stack_fault(t, i, 0)) {
        *x87_st(env, 0) = x87_indefinite;
        x87_set_valid(env, 0);
    }
}
/** FYL2X, FYL2XP1, FPATAN: ST(1) = f, pop. */
ALWAYS_INLINE void x87_binary_pop_r(SHAPE_R, X87Binary k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (x87_lacks(env, 0, 1)) {
        if (!x87_stack_fault(t, i, 0))
            return;
        *x87_st(env, 1) = x87_indefinite;
        x87_set_valid(env, 1);
        x87_pop(env);
        return;
    }
    uint32_t sw = k(x87_st(env, 1), x87_st(env, 0));
    x87_commit(env, i, t, sw, FSW_C1);
    if (sw & X87_LEFT_ONE)
        x87_pop(env);
}
/** FPTAN, FSINCOS, FXTRACT: ST(0) = f, push g. `codes` as x87_unary. */
ALWAYS_INLINE void x87_unary_push(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned codes,
                                  X87UnaryPush k) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    struct X87Reg pushed = x87_indefinite;
    bool under = x87_empty(env, 0);
    if (UNLIKELY(under || !x87_empty(env, 7))) {
        env->fsw &= (uint16_t)~(codes & FSW_C2);
        if (!x87_stack_fault(t, i, under ? 0 : FSW_C1))
            return;
        *x87_st(env, 0) = x87_indefinite;
        x87_set_valid(env, 0);
        x87_push(env, &pushed);
        return;
    }
    uint32_t sw = k(x87_st(env, 0), &pushed);
    x87_commit(env, i, t, sw, codes);
    if (!(sw & X87_LEFT_ONE))
        x87_push(env, &pushed);
}
ALWAYS_INLINE void x87_unary_push_r(SHAPE_R, X87UnaryPush k) {
    (void)bits, (void)cc;
    x87_unary_push(env, i, t, FSW_C1, k);
}
ALWAYS_INLINE void x87_trig_push_r(SHAPE_R, X87UnaryPush k) {
    (void)bits, (void)cc;
    x87_unary_push(env, i, t, FSW_C1 | FSW_C2, k);
}

/* ---- comparisons ---- */

typedef uint32_t (*X87Compare)(const struct X87Reg *a, const struct X87Reg *b);
typedef uint32_t (*X87CompareMem)(const struct X87Reg *a, const uint64_t *b);
typedef uint32_t (*X87CompareFlags)(const struct X87Reg *a, const struct X87Reg *b, uint32_t *flags);

ALWAYS_INLINE void x87_compare(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned with, unsigned pops,
                               X87Compare k) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (x87_lacks(env, 0, with)) {
        bool masked = x87_stack_fault(t, i, 0);
        env->fsw |= FSW_C0 | FSW_C2 | FSW_C3;
        if (!masked)
            return;
    } else {
        uint32_t sw = k(x87_st(env, 0), x87_st(env, with));
        x87_commit(env, i, t, sw, FSW_CC);
        if (x87_refused(env, sw))
            return;
    }
    while (pops--)
        x87_pop(env);
}
ALWAYS_INLINE void x87_com_r(SHAPE_R, X87Compare k) {
    (void)bits, (void)cc;
    x87_compare(env, i, t, i->rm, 0, k);
}
ALWAYS_INLINE void x87_comp_r(SHAPE_R, X87Compare k) {
    (void)bits, (void)cc;
    x87_compare(env, i, t, i->rm, 1, k);
}
ALWAYS_INLINE void x87_compp_r(SHAPE_R, X87Compare k) {
    (void)bits, (void)cc;
    x87_compare(env, i, t, 1, 2, k);
}

ALWAYS_INLINE void x87_compare_mem(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                   bool pop, X87CompareMem k) {
    x87_wait(env, i, t);
    uint64_t v = mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (x87_lacks(env, 0, 0)) {
        bool masked = x87_stack_fault(t, i, 0);
        env->fsw |= FSW_C0 | FSW_C2 | FSW_C3;
        if (!masked)
            return;
    } else {
        uint32_t sw = k(x87_st(env, 0), &v);
        x87_commit(env, i, t, sw, FSW_CC);
        if (x87_refused(env, sw))
            return;
    }
    if (pop)
        x87_pop(env);
}
ALWAYS_INLINE void x87_com_mem_m(SHAPE_M, X87CompareMem k) {
    (void)cc;
    x87_compare_mem(env, i, t, bits, ea, false, k);
}
ALWAYS_INLINE void x87_comp_mem_m(SHAPE_M, X87CompareMem k) {
    (void)cc;
    x87_compare_mem(env, i, t, bits, ea, true, k);
}

/** FTST and FXAM look at ST(0) only; FXAM takes an empty one too. */
ALWAYS_INLINE void x87_tst_r(SHAPE_R, X87Unary k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (x87_lacks(env, 0, 0)) {
        x87_stack_fault(t, i, 0);
        env->fsw |= FSW_C0 | FSW_C2 | FSW_C3;
    } else {
        x87_commit(env, i, t, k(x87_st(env, 0)), FSW_CC);
    }
}
ALWAYS_INLINE void x87_xam_r(SHAPE_R, X87Unary k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (!x87_empty(env, 0)) {
        x87_commit(env, i, t, k(x87_st(env, 0)), FSW_CC);
        return;
    }
    unsigned c1 = x87_st(env, 0)->sign_exp & 0x8000 ? FSW_C1 : 0;
    env->fsw = (uint16_t)((env->fsw & ~FSW_CC) | FSW_C3 | FSW_C0 | c1);
}

/** FCOMI and its kin write ZF, PF, CF, clear OF, SF, AF, and leave C1 alone. */
ALWAYS_INLINE void x87_compare_flags(CPUX86State *env, const struct Insn *i, struct Tcg *t, bool pop,
                                     X87CompareFlags k) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    uint32_t flags = FLAG_ZF | FLAG_PF | FLAG_CF;
    bool go_on = true;
    if (x87_lacks(env, 0, i->rm)) {
        go_on = x87_stack_fault(t, i, 0);
    } else {
        uint32_t sw = k(x87_st(env, 0), x87_st(env, i->rm), &flags);
        x87_commit(env, i, t, sw, 0);
        go_on = !x87_refused(env, sw);
    }
    cc_set_compare(&t->cc, flags);
    if (pop && go_on)
        x87_pop(env);
}
ALWAYS_INLINE void x87_comi_r(SHAPE_R, X87CompareFlags k) {
    (void)bits, (void)cc;
    x87_compare_flags(env, i, t, false, k);
}
ALWAYS_INLINE void x87_comip_r(SHAPE_R, X87CompareFlags k) {
    (void)bits, (void)cc;
    x87_compare_flags(env, i, t, true, k);
}

/* ---- moves ---- */

typedef uint32_t (*X87Load)(struct X87Reg *dst, const uint64_t *src);
typedef uint32_t (*X87Store)(const struct X87Reg *src, uint64_t *out);

ALWAYS_INLINE bool x87_room(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    if (LIKELY(x87_empty(env, 7)))
        return true;
    if (x87_stack_fault(t, i, FSW_C1))
        x87_push(env, &x87_indefinite);
    return false;
}

ALWAYS_INLINE void x87_load_m(SHAPE_M, X87Load k) {
    (void)cc;
    x87_wait(env, i, t);
    uint64_t v[2] = {mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8)};
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (!x87_room(env, i, t))
        return;
    struct X87Reg r = {0};
    uint32_t sw = k(&r, v);
    x87_commit(env, i, t, sw, FSW_C1);
    if (sw & X87_LEFT_ONE)
        x87_push(env, &r);
}
/** Ten bytes, FLD m80's and FBLD's. */
ALWAYS_INLINE void x87_load_m80(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, void *out) {
    const void *p = NULL;
    if (ea != EA_FULL || !mem_wraps(env, i, 10))
        p = mem_host_read(t, ea_linear(env, i, t, ea, 10, ACCESS_READ), 10);
    if (LIKELY(p != NULL))
        memcpy(out, p, 10);
    else
        mem_load_m80(t, i, out);
}
/** FBLD. */
ALWAYS_INLINE void x87_load_bcd_m(SHAPE_M, X87Load k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    uint64_t v[2] = {0};
    x87_load_m80(env, i, t, ea, v);
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (!x87_room(env, i, t))
        return;
    struct X87Reg r = {0};
    x87_commit(env, i, t, k(&r, v), FSW_C1);
    x87_push(env, &r);
}
/** FLD m80: any bits, no exceptions but the stack's. */
ALWAYS_INLINE void x87_load80_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    struct X87Reg r = {0};
    x87_load_m80(env, i, t, ea, &r);
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (!x87_room(env, i, t))
        return;
    env->fsw &= (uint16_t)~FSW_C1;
    x87_push(env, &r);
}
ALWAYS_INLINE void x87_const_r(SHAPE_R, X87Unary k) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (!x87_room(env, i, t))
        return;
    struct X87Reg r = {0};
    x87_commit(env, i, t, k(&r), FSW_C1);
    x87_push(env, &r);
}
/** FLD ST(i). */
ALWAYS_INLINE void x87_fld_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    struct X87Reg r = x87_indefinite;
    if (x87_lacks(env, i->rm, i->rm)) {
        if (!x87_stack_fault(t, i, 0))
            return;
    } else {
        if (!x87_room(env, i, t))
            return;
        r = *x87_st(env, i->rm);
        env->fsw &= (uint16_t)~FSW_C1;
    }
    x87_push(env, &r);
}

/**
 * Whether i, a store, ends before it looks at memory: on Intel's processors those do that raise an unmasked exception
 * for which nothing is stored (RULE_X87_STORE_UNMASKED). Else it has done nothing: what the kernel leaves on the host
 * is taken off, for the guest may not get to see it if memory has a fault.
 */
ALWAYS_INLINE bool x87_store_refused(CPUX86State *env, const struct Insn *i, struct Tcg *t, X87Store k) {
    if (!(~env->fcw & (FSW_IE | FSW_OE | FSW_UE)) || !tcg_as_intel(t, RULE_X87_STORE_UNMASKED))
        return false;
    struct X87Reg r = *x87_st(env, 0);
    bool under = x87_empty(env, 0);
    if (under && (env->fcw & FSW_IE))
        return false;
    uint64_t v[2] = {0};
    uint32_t sw = under ? 0 : k(&r, v);
    host_clear_x87();
    if (!under && !(sw & X87_LEFT_ONE))
        return false;
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (under)
        x87_stack_fault(t, i, 0);
    else
        x87_commit(env, i, t, sw, FSW_C1);
    return true;
}

/* A store's destination is probed before the kernel runs: the kernel leaves flags on the host. */
ALWAYS_INLINE void x87_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned size, enum EaKind ea,
                             bool pop, X87Store k) {
    x87_wait(env, i, t);
    if (ea == EA_FULL && x87_store_refused(env, i, t, k))
        return;
    bool parts = size == 10 && ea == EA_FULL && (mem_wraps(env, i, size) || mem_beyond_limit(t, i, size));
    uint64_t linear = parts ? 0 : ea_linear(env, i, t, ea, size, ACCESS_WRITE);
    if (UNLIKELY(parts || !mem_host_write(t, linear, size))) {
        if (ea != EA_FULL && x87_store_refused(env, i, t, k))
            return;
        if (size == 10) {
            uint64_t low[2] = {0};
            struct X87Reg r = x87_empty(env, 0) ? x87_indefinite : *x87_st(env, 0);
            k(&r, low);
            host_clear_x87();
            mem_probe_m80(t, i, low[0]);
        } else {
            mem_probe_write(t, i, linear, size);
        }
    }
    struct X87Reg r = *x87_st(env, 0);
    bool under = x87_empty(env, 0);
    if (UNLIKELY(under)) {
        if (!(env->fcw & FSW_IE)) {
            x87_code_pointer(env, i);
            x87_data_pointer(env, i);
            x87_stack_fault(t, i, 0);
            return;
        }
        x87_stack_fault(t, i, 0);
        r = x87_indefinite;
    }
    uint64_t v[2] = {0};
    uint32_t sw = k(&r, v);
    if (!(sw & X87_LEFT_ONE)) {
        if (size == 10 && (parts || !mem_host_write(t, linear, size)))
            mem_store_m80(t, i, v);
        else
            mem_store_vec(t, i, linear, v, size);
    }
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    x87_commit(env, i, t, sw, under ? 0 : FSW_C1);
    if (pop && !(sw & X87_LEFT_ONE))
        x87_pop(env);
}
ALWAYS_INLINE void x87_store_m(SHAPE_M, X87Store k) {
    (void)cc;
    x87_store(env, i, t, bits / 8, ea, false, k);
}
ALWAYS_INLINE void x87_storep_m(SHAPE_M, X87Store k) {
    (void)cc;
    x87_store(env, i, t, bits / 8, ea, true, k);
}
/** FBSTP. */
ALWAYS_INLINE void x87_store_bcd_m(SHAPE_M, X87Store k) {
    (void)bits, (void)cc;
    x87_store(env, i, t, 10, ea, true, k);
}
/** FSTP m80 of an empty register whose exception is unmasked: on AMD's processors the memory operand's faults come
 *  first (RULE_X87_STORE_UNMASKED). */
static NOINLINE void x87_store80_refused(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    if (!tcg_as_intel(t, RULE_X87_STORE_UNMASKED))
        mem_probe_m80(t, i, 0);
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    x87_stack_fault(t, i, 0);
}
/** FSTP m80. */
ALWAYS_INLINE void x87_store80_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    struct X87Reg r = *x87_st(env, 0);
    bool under = x87_lacks(env, 0, 0);
    if (under) {
        if (!(env->fcw & FSW_IE)) {
            x87_store80_refused(t, i);
            return;
        }
        r = x87_indefinite;
    }
    void *p = NULL;
    if (ea != EA_FULL || !(mem_wraps(env, i, 10) || mem_beyond_limit(t, i, 10)))
        p = mem_host_write(t, ea_linear(env, i, t, ea, 10, ACCESS_WRITE), 10);
    if (LIKELY(p != NULL)) {
        memcpy(p, &r, 10);
    } else {
        mem_probe_m80(t, i, r.mantissa);
        mem_store_m80(t, i, &r);
    }
    x87_code_pointer(env, i);
    x87_data_pointer(env, i);
    if (under)
        x87_stack_fault(t, i, 0);
    else
        env->fsw &= (uint16_t)~FSW_C1;
    x87_pop(env);
}

/** FST ST(i). */
ALWAYS_INLINE void x87_copy(CPUX86State *env, const struct Insn *i, struct Tcg *t, bool pop) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    struct X87Reg r = *x87_st(env, 0);
    if (x87_lacks(env, 0, 0)) {
        if (!x87_stack_fault(t, i, 0))
            return;
        r = x87_indefinite;
    } else {
        env->fsw &= (uint16_t)~FSW_C1;
    }
    *x87_st(env, i->rm) = r;
    x87_set_valid(env, i->rm);
    if (pop)
        x87_pop(env);
}
ALWAYS_INLINE void x87_fst_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_copy(env, i, t, false);
}
ALWAYS_INLINE void x87_fstp_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_copy(env, i, t, true);
}

/** The alias D9 D8+i of FSTP: an empty ST(0) is no fault, it is only popped. */
ALWAYS_INLINE void x87_fstp_unchecked_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    env->fsw &= (uint16_t)~FSW_C1;
    if (!x87_empty(env, 0)) {
        *x87_st(env, i->rm) = *x87_st(env, 0);
        x87_set_valid(env, i->rm);
    }
    x87_pop(env);
}

ALWAYS_INLINE void x87_fxch_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    struct X87Reg *a = x87_st(env, 0), *b = x87_st(env, i->rm);
    if (x87_lacks(env, 0, i->rm)) {
        if (!x87_stack_fault(t, i, 0))
            return;
        if (x87_empty(env, 0))
            *a = x87_indefinite;
        if (x87_empty(env, i->rm))
            *b = x87_indefinite;
        x87_set_valid(env, 0);
        x87_set_valid(env, i->rm);
    } else {
        env->fsw &= (uint16_t)~FSW_C1;
    }
    struct X87Reg r = *a;
    *a = *b;
    *b = r;
}

/** FCMOVcc. An empty register is a fault whether or not the condition holds. */
ALWAYS_INLINE void x87_cmov_r(SHAPE_R, CondFn cond) {
    (void)bits, (void)cc;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    if (x87_lacks(env, 0, i->rm)) {
        if (x87_stack_fault(t, i, 0)) {
            *x87_st(env, 0) = x87_indefinite;
            x87_set_valid(env, 0);
        }
        return;
    }
    if (cond(&t->cc))
        *x87_st(env, 0) = *x87_st(env, i->rm);
}

/* ---- the stack itself ---- */

ALWAYS_INLINE void x87_nop_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
}
ALWAYS_INLINE void x87_free(CPUX86State *env, const struct Insn *i, struct Tcg *t, bool pop) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    env->fsw &= (uint16_t)~FSW_C1;
    x87_set_empty(env, i->rm);
    if (pop)
        x87_pop(env);
}
ALWAYS_INLINE void x87_ffree_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_free(env, i, t, false);
}
ALWAYS_INLINE void x87_ffreep_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_free(env, i, t, true);
}
ALWAYS_INLINE void x87_step(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned by) {
    x87_wait(env, i, t);
    x87_code_pointer(env, i);
    env->fsw &= (uint16_t)~FSW_C1;
    x87_move_top(env, by);
}
ALWAYS_INLINE void x87_incstp_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_step(env, i, t, 1);
}
ALWAYS_INLINE void x87_decstp_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    x87_step(env, i, t, 7);
}

#endif
