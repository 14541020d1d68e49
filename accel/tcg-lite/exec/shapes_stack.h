/* SPDX-License-Identifier: MIT */
/**
 * The stack, and the shapes of PUSH, POP and their kin. 64-bit operands mean 64-bit code, whose stack is flat; others
 * go through SS with its base, limit and size.
 */
#ifndef TWIN86_TCG_SHAPES_STACK_H
#define TWIN86_TCG_SHAPES_STACK_H

#include "accel/tcg-lite/run/mem.h"

/** Width of the stack pointer in bits. */
ALWAYS_INLINE unsigned stack_bits(const struct Tcg *t) {
    return (t->mode & MODE_CODE) == MODE_CODE64 ? 64 : t->mode & MODE_STACK32 ? 32 : 16;
}

ALWAYS_INLINE void stack_set(CPUX86State *env, const struct Tcg *t, uint64_t sp) {
    gpr_write(env, REG_SP * 8, stack_bits(t), sp);
}

/** Linear address of stack offset `sp` after the checks of SS. */
ALWAYS_INLINE uint64_t stack_linear(const struct Insn *i, struct Tcg *t, uint64_t sp, unsigned size,
                                    enum Access access) {
    if ((t->mode & MODE_CODE) == MODE_CODE64)
        return sp;
    sp = t->mode & MODE_STACK32 ? (uint32_t)sp : (uint16_t)sp;
    if ((t->mode & (MODE_FLAT | MODE_STACK32)) == (MODE_FLAT | MODE_STACK32) && LIKELY(sp <= 0xfffffff0))
        return sp;
    return mem_linear(t, i, SEG_SS, sp, size, access);
}

ALWAYS_INLINE void stack_push(CPUX86State *env, const struct Insn *i, struct Tcg *t, uint64_t v, unsigned bits) {
    uint64_t sp = env->gpr[REG_SP] - bits / 8;
    if (bits == 64) {
        mem_store_stack(t, i, sp, 8, v);
        env->gpr[REG_SP] = sp;
    } else {
        mem_store_stack(t, i, stack_linear(i, t, sp, bits / 8, ACCESS_WRITE), bits / 8, v);
        stack_set(env, t, sp);
    }
}

/** The value at the top of the stack. */
ALWAYS_INLINE uint64_t stack_top(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits) {
    uint64_t sp = env->gpr[REG_SP];
    uint64_t linear = bits == 64 ? sp : stack_linear(i, t, sp, bits / 8, ACCESS_READ);
    return mem_load_stack(t, i, linear, bits / 8);
}

/** Remove n bytes; `bits` is the operand size. */
ALWAYS_INLINE void stack_drop(CPUX86State *env, const struct Tcg *t, unsigned n, unsigned bits) {
    if (bits == 64)
        env->gpr[REG_SP] += n;
    else
        stack_set(env, t, env->gpr[REG_SP] + n);
}

/** PUSH of a register named by the opcode (Zv) or by ModRM (Ev). */
ALWAYS_INLINE void push_reg_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                              const void *kernel) {
    (void)cc, (void)kernel;
    stack_push(env, i, t, gpr_read(env, i->rm, bits), bits);
}

ALWAYS_INLINE void push_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                          const void *kernel) {
    (void)cc, (void)kernel;
    stack_push(env, i, t, gpr_read(env, i->rm, bits), bits);
}

ALWAYS_INLINE void push_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int cc,
                          const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t v = mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8);
    stack_push(env, i, t, v, bits);
}

ALWAYS_INLINE void push_imm_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                              const void *kernel) {
    (void)cc, (void)kernel;
    stack_push(env, i, t, i->uimm, bits);
}

/** POP into a register: the stack pointer moves first, so that POP SP keeps the value read. */
ALWAYS_INLINE void stack_pop_to(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned reg, unsigned bits) {
    uint64_t v = stack_top(env, i, t, bits);
    stack_drop(env, t, bits / 8, bits);
    gpr_write(env, reg, bits, v);
}

ALWAYS_INLINE void pop_reg_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                             const void *kernel) {
    (void)cc, (void)kernel;
    stack_pop_to(env, i, t, i->rm, bits);
}

ALWAYS_INLINE void pop_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                         const void *kernel) {
    (void)cc, (void)kernel;
    stack_pop_to(env, i, t, i->rm, bits);
}

/** POP to memory: an address that uses the stack pointer uses its value after the pop (SDM, POP). */
ALWAYS_INLINE void pop_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int cc,
                         const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t v = stack_top(env, i, t, bits), old = env->gpr[REG_SP];
    stack_drop(env, t, bits / 8, bits);
    uint64_t popped = env->gpr[REG_SP];
    uint64_t offset = ea_offset(env, i);
    env->gpr[REG_SP] = old; /* until nothing can fault any more */
    uint64_t linear = ea != EA_FULL ? offset : mem_linear(t, i, i->seg, offset, bits / 8, ACCESS_WRITE);
    mem_store(t, i, linear, bits / 8, v);
    env->gpr[REG_SP] = popped;
}

/** LEAVE. */
ALWAYS_INLINE void leave_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                           const void *kernel) {
    (void)cc, (void)kernel;
    uint64_t frame = env->gpr[REG_BP];
    uint64_t linear = bits == 64 ? frame : stack_linear(i, t, frame, bits / 8, ACCESS_READ);
    uint64_t v = mem_load_stack(t, i, linear, bits / 8);
    if (bits == 64)
        env->gpr[REG_SP] = frame + 8;
    else
        stack_set(env, t, frame + bits / 8);
    gpr_write(env, REG_BP * 8, bits, v);
}

/** PUSHA, from the top down: the eight registers, SP as it was. What lies above a fault has been written then. */
ALWAYS_INLINE void pusha_each_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                const void *kernel) {
    (void)cc, (void)kernel;
    unsigned size = bits / 8;
    uint64_t sp = env->gpr[REG_SP];
    for (unsigned r = 0; r < 8; r++)
        mem_store_stack(t, i, stack_linear(i, t, sp - (r + 1) * size, size, ACCESS_WRITE), size,
                        r == REG_SP ? sp : env->gpr[r]);
    stack_set(env, t, sp - 8 * size);
}

/** PUSHA: all of the frame is checked before the first is written. */
ALWAYS_INLINE void pusha_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                           const void *kernel) {
    unsigned size = bits / 8;
    uint64_t sp = env->gpr[REG_SP];
    for (unsigned r = 0; r < 8; r++)
        mem_probe_write(t, i, stack_linear(i, t, sp - (r + 1) * size, size, ACCESS_WRITE), size);
    pusha_each_r(env, i, t, bits, cc, kernel);
}

/** POPA: the value for SP is thrown away. */
ALWAYS_INLINE void popa_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                          const void *kernel) {
    (void)cc, (void)kernel;
    unsigned size = bits / 8;
    uint64_t sp = env->gpr[REG_SP], v[8];
    for (unsigned k = 0; k < 8; k++)
        v[k] = mem_load_stack(t, i, stack_linear(i, t, sp + k * size, size, ACCESS_READ), size);
    for (unsigned k = 0; k < 8; k++) {
        if (7 - k != REG_SP)
            gpr_write(env, (7 - k) * 8, bits, v[k]);
    }
    stack_set(env, t, sp + 8 * size);
}

/** POPA: each register is loaded as soon as it is read, but for SP; a fault of a later one finds them changed. */
ALWAYS_INLINE void popa_each_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               const void *kernel) {
    (void)cc, (void)kernel;
    unsigned size = bits / 8;
    uint64_t sp = env->gpr[REG_SP];
    for (unsigned k = 0; k < 8; k++) {
        uint64_t v = mem_load_stack(t, i, stack_linear(i, t, sp + k * size, size, ACCESS_READ), size);
        if (7 - k != REG_SP)
            gpr_write(env, (7 - k) * 8, bits, v);
    }
    stack_set(env, t, sp + 8 * size);
}

/** ENTER (SDM vol. 2): push BP, copy level - 1 frame pointers, push the new frame's, make room. imm = level << 16 |
 *  size. Nothing in the registers changes until the last byte of the new frame is known to be writable. */
ALWAYS_INLINE void enter_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                           const void *kernel) {
    (void)cc, (void)kernel;
    unsigned size = bits / 8, level = (i->uimm >> 16) & 31, room = i->uimm & 0xffff;
    uint64_t sp = env->gpr[REG_SP] - size, frame = sp, bp = env->gpr[REG_BP];

    mem_store_stack(t, i, stack_linear(i, t, sp, size, ACCESS_WRITE), size, bp);
    for (unsigned k = 1; k < level; k++) {
        bp -= size;
        sp -= size;
        uint64_t v = mem_load_stack(t, i, stack_linear(i, t, bp, size, ACCESS_READ), size);
        mem_store_stack(t, i, stack_linear(i, t, sp, size, ACCESS_WRITE), size, v);
    }
    if (level > 0) {
        sp -= size;
        mem_store_stack(t, i, stack_linear(i, t, sp, size, ACCESS_WRITE), size, frame);
    }
    sp -= room;
    mem_probe_write(t, i, stack_linear(i, t, sp, size, ACCESS_WRITE), size);
    gpr_write(env, REG_BP * 8, bits, frame);
    stack_set(env, t, sp);
}

#endif
