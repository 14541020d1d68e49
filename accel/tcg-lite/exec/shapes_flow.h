/* SPDX-License-Identifier: MIT */
/**
 * Shapes of near branches. Each returns the instruction to go on with. For rows with a J operand the block builder has
 * made i->imm the target and i->disp the fall-through, both relative to the block's first instruction.
 */
#ifndef TWIN86_TCG_SHAPES_FLOW_H
#define TWIN86_TCG_SHAPES_FLOW_H

#include "accel/tcg-lite/exec/kernels_cond.h"
#include "accel/tcg-lite/exec/shapes_stack.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/loop.h"
#include "cpu/pagewalk.h"

/** RIP at `delta` from the block's start, wrapped to the operand size. */
ALWAYS_INLINE uint64_t flow_target(const CPUX86State *env, int64_t delta, unsigned bits) {
    uint64_t target = env->rip + (uint64_t)delta;
    return bits == 64 ? target : bits == 32 ? (uint32_t)target : (uint16_t)target;
}

/** Whether a target is beyond the code segment's limit, or not canonical. */
ALWAYS_INLINE bool flow_is_astray(const struct Tcg *t, uint64_t target, unsigned bits) {
    return bits == 64 ? !x86_canonical(t->env, target)
                      : target > t->env->seg[SEG_CS].limit && (t->mode & MODE_CODE) != MODE_CODE64;
}

/** Such a target faults on the branch itself. */
ALWAYS_INLINE void flow_check(const struct Insn *i, struct Tcg *t, uint64_t target, unsigned bits) {
    if (UNLIKELY(flow_is_astray(t, target, bits)))
        tcg_raise_error(t, i, VEC_GP, 0);
}

/** Take a relative branch. A 64-bit one can only leave the canonical range from its very edge: fetch faults then. */
ALWAYS_INLINE const struct Insn *flow_taken(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits) {
    uint64_t target = flow_target(env, i->imm, bits);
    if (bits != 64)
        flow_check(i, t, target, bits);
    env->rip = target;
    return tcg_follow(t, i, &tcg_links(i)[1]);
}

ALWAYS_INLINE const struct Insn *flow_not_taken(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits) {
    uint64_t next = env->rip + (uint64_t)(int64_t)i->disp;
    /* 16-bit branches exist in 64-bit code too (decode.c) */
    env->rip = bits == 64 || (t->mode & MODE_CODE) == MODE_CODE64 ? next : (uint32_t)next;
    return tcg_follow(t, i, &tcg_links(i)[0]);
}

/** Jcc: is it taken? If not, the block goes on. */
ALWAYS_INLINE bool jcc_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, CondFn cond) {
    (void)env, (void)bits, (void)cc;
    return cond(&t->cc);
}
ALWAYS_INLINE const struct Insn *jcc_taken(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits) {
    uint64_t target = flow_target(env, i->imm, bits);
    if (bits != 64)
        flow_check(i, t, target, bits);
    env->rip = target;
    t->icount -= i->behind;
    return tcg_follow(t, i, tcg_exit_link(i));
}

ALWAYS_INLINE const struct Insn *jmp_rel_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                           const void *kernel) {
    (void)cc, (void)kernel;
    return flow_taken(env, i, t, bits);
}

ALWAYS_INLINE const struct Insn *call_rel_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits,
                                            int cc, const void *kernel) {
    (void)cc, (void)kernel;
    if (bits != 64 && flow_is_astray(t, flow_target(env, i->imm, bits), bits))
        tcg_call_astray(t, i, bits);
    stack_push(env, i, t, flow_target(env, i->disp, bits), bits);
    return flow_taken(env, i, t, bits);
}

/** The block at an indirect branch's target; NULL, where none is known, after the checks of the target. */
ALWAYS_INLINE struct Block *flow_indirect_block(CPUX86State *env, const struct Insn *i, struct Tcg *t, uint64_t target,
                                                unsigned bits) {
    struct Block *b = tcg_jump_cached(t, target);
    if (UNLIKELY(b == NULL))
        flow_check(i, t, target, bits);
    return b;
}

ALWAYS_INLINE const struct Insn *flow_indirect(CPUX86State *env, const struct Insn *i, struct Tcg *t, uint64_t target,
                                               unsigned bits) {
    struct Block *b = flow_indirect_block(env, i, t, target, bits);
    env->rip = target;
    return tcg_indirect(t, b);
}

ALWAYS_INLINE const struct Insn *jmp_ind_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                           const void *kernel) {
    (void)cc, (void)kernel;
    return flow_indirect(env, i, t, gpr_read(env, i->rm, bits), bits);
}

ALWAYS_INLINE const struct Insn *jmp_ind_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits,
                                           enum EaKind ea, int cc, const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t target = mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
    return flow_indirect(env, i, t, target, bits);
}

ALWAYS_INLINE const struct Insn *flow_call(CPUX86State *env, const struct Insn *i, struct Tcg *t, uint64_t target,
                                           unsigned bits) {
    struct Block *b = tcg_jump_cached(t, target);
    if (UNLIKELY(b == NULL) && flow_is_astray(t, target, bits))
        tcg_call_astray(t, i, bits);
    stack_push(env, i, t, flow_target(env, i->off + i->len, bits), bits);
    env->rip = target;
    return tcg_indirect(t, b);
}

ALWAYS_INLINE const struct Insn *call_ind_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits,
                                            int cc, const void *kernel) {
    (void)cc, (void)kernel;
    return flow_call(env, i, t, gpr_read(env, i->rm, bits), bits);
}

ALWAYS_INLINE const struct Insn *call_ind_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits,
                                            enum EaKind ea, int cc, const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t target = mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
    return flow_call(env, i, t, target, bits);
}

/** RET and RET imm16 (imm is 0 in the first). */
ALWAYS_INLINE const struct Insn *ret_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                       const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t target = stack_top(env, i, t, bits);
    struct Block *b = flow_indirect_block(env, i, t, target, bits);
    stack_drop(env, t, bits / 8 + (uint16_t)i->imm, bits);
    env->rip = target;
    return tcg_indirect(t, b);
}

/** LOOP, LOOPE, LOOPNE: the count register has the address size. */
typedef bool (*LoopKernel)(const struct Cc *cc);
ALWAYS_INLINE bool kernel_loop(const struct Cc *cc) {
    (void)cc;
    return true;
}
ALWAYS_INLINE bool kernel_loope(const struct Cc *cc) { return cc_zf(cc); }
ALWAYS_INLINE bool kernel_loopne(const struct Cc *cc) { return !cc_zf(cc); }

ALWAYS_INLINE unsigned flow_count_bits(const struct Insn *i) { return 8u << i->asize; }

ALWAYS_INLINE const struct Insn *loop_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                        LoopKernel go_on) {
    (void)cc;
    unsigned width = flow_count_bits(i);
    uint64_t count = gpr_read(env, REG_CX * 8, width) - 1;
    bool zero = (count << (64 - width)) == 0;
    bool taken = !zero && go_on(&t->cc);
    if (taken && bits != 64)
        flow_check(i, t, flow_target(env, i->imm, bits), bits);
    gpr_write(env, REG_CX * 8, width, count);
    return taken ? flow_taken(env, i, t, bits) : flow_not_taken(env, i, t, bits);
}

/** JCXZ, JECXZ, JRCXZ. */
ALWAYS_INLINE const struct Insn *jcxz_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                        const void *kernel) {
    (void)cc, (void)kernel;
    return gpr_read(env, REG_CX * 8, flow_count_bits(i)) == 0 ? flow_taken(env, i, t, bits)
                                                              : flow_not_taken(env, i, t, bits);
}

#endif
