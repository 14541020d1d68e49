/* SPDX-License-Identifier: MIT */
/**
 * A decoded instruction as it is executed, and the convention by which exec functions call one another.
 *
 * Each exec function does one instruction and ends in CONTINUE(next): a tail call to the next instruction's function
 * where the compiler guarantees one, a return to a plain loop elsewhere. GO_ON(fn) ends a hook: fn does the
 * instruction, GO_ON_AT(fn, at): and that is another. SLOW_CC
 * marks functions that are seldom called: they keep all general registers, so that their callers need not.
 */
#ifndef TWIN86_TCG_INSN_H
#define TWIN86_TCG_INSN_H

#include "cpu/env.h"
#include "isa/isa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef TWIN86_SANITIZERS
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else /* who sees the same checks in each copy, and takes four times as long to compile them */
#define ALWAYS_INLINE static __attribute__((noinline, unused))
#endif
#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct Tcg;
struct Insn;

#if defined(HAVE_MUSTTAIL) && !defined(TWIN86_NO_TAIL_CALLS)
#define TCG_TAIL_CALLS 1
#ifdef HAVE_PRESERVE_NONE
#define EXEC_CC __attribute__((preserve_none))
#define SLOW_CC __attribute__((preserve_most))
#else
#define EXEC_CC
#define SLOW_CC
#endif
typedef void (*EXEC_CC ExecFn)(CPUX86State *env, const struct Insn *i, struct Tcg *t);
#define EXEC_FN void EXEC_CC
#define CONTINUE(next)                                                                                                 \
    do {                                                                                                               \
        const struct Insn *next_ = (next);                                                                             \
        __attribute__((musttail)) return next_->fn(env, next_, t);                                                     \
    } while (0)
#define GO_ON_AT(fn, at) __attribute__((musttail)) return (fn)(env, at, t)
#else
#define EXEC_CC
#define SLOW_CC
typedef const struct Insn *(*ExecFn)(CPUX86State *env, const struct Insn *i, struct Tcg *t);
#define EXEC_FN const struct Insn *
#define CONTINUE(next) return (next)
#define GO_ON_AT(fn, at) return (fn)(env, at, t)
#endif
#define GO_ON(fn) GO_ON_AT(fn, i)

/**
 * One decoded instruction, 32 bytes: what struct X86Insn (isa/isa.h) says, beside the function that executes it.
 * General registers are byte offsets into env->gpr (AH is 1, CX is 8 ...), so that every width and AH-BH are the same
 * load; "no register" is the offset of env->zero, RIP-relative uses env->rip (while a block runs, env->rip holds the
 * RIP of the block's first instruction, from where disp then counts).
 */
struct Insn {
    ExecFn fn;
    union {
        int64_t imm;
        uint64_t uimm;
    };
    int32_t disp;      /* ModRM displacement, sign-extended (RIP-relative: from the block's first instruction) */
    uint16_t off;      /* bytes from the block's first instruction */
    uint8_t idx;       /* index within the block */
    uint8_t len : 4;   /* bytes, 1..15 */
    uint8_t asize : 2; /* address size: 1 = 16, 2 = 32, 3 = 64 bits */
    uint8_t rep : 2;   /* 0 none, 2 = F2, 3 = F3 as a repeat prefix */
    uint8_t reg;       /* ModRM.reg, or the register in the opcode's low three bits */
    uint8_t rm;        /* ModRM.rm when it names a register */
    union {
        struct {
            uint8_t base, index; /* byte offsets into env->gpr; 16-bit forms too (BX+SI: base BX, index SI) */
        };
        struct {               /* of a conditional branch */
            uint8_t exit_link; /* where its link is: so many struct BlockLink behind the struct Insn */
            uint8_t behind;    /* instructions of the block behind it */
        };
    };
    uint8_t scale;     /* shift count 0..3 */
    uint8_t seg : 3;   /* effective segment of the memory operand (enum X86Seg), overrides applied */
    uint8_t osize : 2; /* operand size: 0 = 8, 1 = 16, 2 = 32, 3 = 64 bits */
    uint8_t mem : 1;   /* the ModRM operand is memory */
    uint8_t lock : 1;
    uint8_t vl : 1;    /* VEX.L */
    uint8_t vreg;      /* VEX.vvvv */
    uint8_t more_disp; /* added to disp: the length, when a RIP-relative sum overflows disp (EA_FULL only) */
};
_Static_assert(sizeof(struct Insn) == 32, "two instructions a cache line");

_Static_assert(__builtin_offsetof(CPUX86State, zero) == __builtin_offsetof(CPUX86State, gpr) + INSN_REG_NONE, "");
_Static_assert(__builtin_offsetof(CPUX86State, rip) == __builtin_offsetof(CPUX86State, gpr) + INSN_REG_RIP, "");

/** Operand width in bits. */
ALWAYS_INLINE unsigned insn_bits(const struct Insn *i) { return 8u << i->osize; }

/** Read and write a general register operand of 8, 16, 32 (zero-extends on write) or 64 bits by its byte offset. */
ALWAYS_INLINE uint64_t gpr_read(const CPUX86State *env, unsigned off, unsigned bits) {
    const void *p = (const uint8_t *)env->gpr + off;
    switch (bits) {
    case 8: return *(const uint8_t *)p;
    case 16: return *(const uint16_t *)p;
    case 32: return *(const uint32_t *)p;
    default: return *(const uint64_t *)p;
    }
}

ALWAYS_INLINE void gpr_write(CPUX86State *env, unsigned off, unsigned bits, uint64_t v) {
    void *p = (uint8_t *)env->gpr + off;
    switch (bits) {
    case 8: *(uint8_t *)p = (uint8_t)v; break;
    case 16: *(uint16_t *)p = (uint16_t)v; break;
    case 32: *(uint64_t *)p = (uint32_t)v; break;
    default: *(uint64_t *)p = v; break;
    }
}

#endif
