/* SPDX-License-Identifier: MIT */
/**
 * The decoder: guest bytes to one decoded instruction, from the tables that x86gen makes of x86.tab.
 */
#ifndef TWIN86_TCG_DECODE_H
#define TWIN86_TCG_DECODE_H

#include "isa/insn.h"
#include "cpu/cpuid.h"

#include <stddef.h>

enum DecodeStatus {
    DECODE_OK,
    DECODE_MORE,     /* the bytes given end inside the instruction (fewer than 15 were given) */
    DECODE_TOO_LONG, /* longer than 15 bytes: #GP(0) */
};

/** What the decoder says of one instruction. Undefined and forbidden encodings decode to rows that raise #UD, #NM ...
 */
struct Decoded {
    struct Insn insn;   /* off and idx are the caller's to set; RIP-relative disp lacks the caller's `off` */
    ExecFn fn_no_flags; /* the variant that computes no flags; == insn.fn where there is none */
    uint16_t row;       /* index into x86_rows */
    uint8_t flags_read, flags_written, flags_maybe; /* X86_FLAG_* bits; written surely, written perhaps */
    bool flow;                                      /* ends the block */
    bool exit;                                      /* a conditional branch, which may leave it */
    bool rip_relative;
};

/** Arithmetic flags in a byte, for liveness. */
enum { FB_C = 1, FB_P = 2, FB_A = 4, FB_Z = 8, FB_S = 16, FB_O = 32, FB_ALL = 63 };

/** Facts of a row that tools (disassembly names, diff, tests) need. */
struct X86Row {
    const char *mnemonic; /* as the SDM spells it, e.g. "ADD" */
    const char *operands; /* the SDM's operand codes */
    const char *opcode;   /* the table's opcode column */
    uint16_t feature;     /* enum X86Feature or CPUID_NONE */
    uint8_t flags_read, flags_written, flags_undefined;
};
extern const struct X86Row x86_rows[];
extern const unsigned x86_row_count;

/**
 * Decode the instruction at bytes[0..n) in `mode` (MODE_* of tcg.h) for a CPU with `model`'s features.
 * RIP-relative operands: insn.base = INSN_REG_RIP (index = none) and disp is relative to the instruction's own start,
 * i.e. already includes the length; the caller adds `off` (and must cope with overflow of int32: see block.c).
 */
enum DecodeStatus x86_decode(const struct CpuModel *model, uint32_t mode, const uint8_t *bytes, size_t n,
                             struct Decoded *out);

#endif
