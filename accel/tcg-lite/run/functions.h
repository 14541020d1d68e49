/* SPDX-License-Identifier: MIT */
/**
 * The exec functions that x86gen has made (x86_functions.c), and which of them an instruction gets.
 */
#ifndef TWIN86_TCG_FUNCTIONS_H
#define TWIN86_TCG_FUNCTIONS_H

#include "accel/tcg-lite/run/insn.h"

/** The exec functions of a form, per operand size: several kinds, each with and without flags. */
enum FnKind {
    FN_REG,
    FN_BASE,
    FN_FLAT,
    FN_FLAT32,
    FN_FULL,
    FN_LOCK_FLAT,
    FN_LOCK_FULL,
    FN_REG_CHECK,
    FN_MEM_CHECK,
    FN_KINDS
};

/** Where a form's functions are: x86_fns[first + (size_slot * kinds + kind) * 2 + no_flags]. */
struct FormFunctions {
    uint32_t first;
    uint32_t kinds; /* 1, or FN_KINDS */
};

extern const struct FormFunctions x86_form_fns[]; /* parallel to x86_rows */
extern const ExecFn x86_fns[];

/** A decoded instruction on its way into a block. */
struct TcgDecoded {
    struct Insn insn;   /* off and idx are the caller's to set; RIP-relative disp lacks the caller's `off` */
    ExecFn fn_no_flags; /* the variant that computes no flags; == insn.fn where there is none */
    struct Decoded isa;
};

/**
 * x86_decode, and the functions for what came out: undefined and forbidden encodings get those that raise #UD, #NM.
 * `mode`: all of the engine's MODE_*.
 */
enum DecodeStatus tcg_decode(const struct CpuModel *model, uint32_t mode, const uint8_t *bytes, size_t n,
                             struct TcgDecoded *out);

#endif
