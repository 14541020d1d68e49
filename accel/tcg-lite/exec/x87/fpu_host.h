/* SPDX-License-Identifier: MIT */
/**
 * Guest floating point on the host's own FPU.
 *
 * While a vCPU runs, the host's MXCSR holds the guest's control bits and sticky flags with every exception masked (and
 * without MM, which not every host has), and
 * the host's x87 control word is the guest's, masks included. The guest's registers stay in env: an x87 kernel loads
 * its operands, executes the guest's instruction and stores the result, so the host's x87 stack is empty between
 * instructions and its TOP is 0. An unmasked x87 exception is taken off the host (FNCLEX) by the kernel that met it,
 * before any waiting instruction could trap; the host's sticky x87 flags are always a subset of the guest's.
 *
 * Code that runs inside (devices, memory) must not use floating point: it would leave its marks in the guest's flags.
 */
#ifndef TWIN86_TCG_FPU_HOST_H
#define TWIN86_TCG_FPU_HOST_H

#include "accel/tcg-lite/run/tcg.h"

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_FLAGS = 0x3f, /* IE DE ZE OE UE PE */
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = 0x1f80,
    MXCSR_MASK_SHIFT = 7,
    MXCSR_OM = 1 << 10,
    MXCSR_UM = 1 << 11,
    MXCSR_FTZ = 1 << 15,
    MXCSR_ON_HOST = 0xffff, /* what every host has */
    MXCSR_MM = 1 << 17,     /* AMD's: packed operands of SSE instructions may be misaligned */
};

enum { FCW_SETTABLE = 0x1f3f, FCW_ONE = 0x40, FCW_INIT = 0x37f, FCW_RC = 3 << 10 };

enum {
    FSW_IE = 1 << 0,
    FSW_DE = 1 << 1,
    FSW_ZE = 1 << 2,
    FSW_OE = 1 << 3,
    FSW_UE = 1 << 4,
    FSW_PE = 1 << 5,
    FSW_FLAGS = 0x3f,
    FSW_SF = 1 << 6, /* stack fault */
    FSW_ES = 1 << 7, /* an unmasked exception is pending */
    FSW_C0 = 1 << 8,
    FSW_C1 = 1 << 9,
    FSW_C2 = 1 << 10,
    FSW_TOP_SHIFT = 11,
    FSW_TOP = 7 << 11,
    FSW_C3 = 1 << 14,
    FSW_CC = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3,
    FSW_B = 1 << 15, /* as ES since the 387 */
};

/**
 * Where the last x87 instruction was, as instructions that store it show it. While a vCPU runs, env->fop, fcs, fdp and
 * fds are those of the last instruction, as AMD's processors have them. Intel's have FOP and FDP of the last one that
 * raised an unmasked exception (t->x87_raised), and no selectors (SDM vol. 1, 8.1.8).
 */
struct X87Pointers {
    uint16_t fop, fcs, fds;
    uint64_t fip, fdp;
};
struct X87Pointers x87_pointers(const struct Tcg *t);
/** Replace them: an image was loaded. */
void x87_set_pointers(struct Tcg *t, struct X87Pointers p);
/** Instruction i, whose pointers are in env, has raised an unmasked exception. */
void x87_note_raised(struct Tcg *t, const struct Insn *i);

/** Make the guest's modes the host's; the host's are kept in *t. On entering the execution loop. */
void tcg_fp_enter(struct Tcg *t);
/** The reverse: env->mxcsr gets the flags that have gathered, the x87's pointers become what the guest would see. */
void tcg_fp_leave(struct Tcg *t);

/* ---- between enter and leave ---- */

ALWAYS_INLINE uint32_t host_mxcsr(void) {
    uint32_t v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}
ALWAYS_INLINE void host_set_mxcsr(uint32_t v) { __asm__ volatile("ldmxcsr %0" : : "m"(v)); }

/** The guest's MXCSR. */
ALWAYS_INLINE uint32_t tcg_mxcsr(const struct Tcg *t) {
    return (host_mxcsr() & ~(uint32_t)MXCSR_MASKS) | (t->env->mxcsr & (MXCSR_MASKS | MXCSR_MM));
}
/** Store a valid MXCSR. Callers are followed by tcg_update_mode when the masks may have changed. */
void tcg_set_mxcsr(struct Tcg *t, uint32_t v);
/** The bits that the guest's CPU has. */
uint32_t tcg_mxcsr_mask(const struct Tcg *t);

/** Store the guest's x87 control word, and tell the host. Recomputes ES. */
void tcg_set_fcw(struct Tcg *t, uint16_t v);
/** Clear the host's sticky x87 flags, because the guest's FSW was replaced. */
ALWAYS_INLINE void host_clear_x87(void) { __asm__ volatile("fnclex"); }

/** ES and B as flags and masks say. */
ALWAYS_INLINE uint16_t x87_summary(uint16_t fsw, uint16_t fcw) {
    fsw &= (uint16_t) ~(FSW_ES | FSW_B);
    return fsw & ~fcw & FSW_FLAGS ? fsw | FSW_ES | FSW_B : fsw;
}

#endif
