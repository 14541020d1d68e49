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

/** Registers in a set: bits 0 to 15 are general ones, by number; the others are kinds of the system's registers. */
enum {
    X86_REGS_GENERAL = 0xffff,
    X86_REGS_SEG = 1 << 16,    /* ES to GS, selectors and what they hide */
    X86_REGS_TABLES = 1 << 17, /* GDTR, IDTR, LDTR, TR, and the tables that they point to */
    X86_REGS_CR = 1 << 18,
    X86_REGS_DR = 1 << 19,
    X86_REGS_MSR = 1 << 20,
    X86_REGS_XCR = 1 << 21,
    X86_REGS_PKRU = 1 << 22,
    X86_REGS_TASK = 1 << 23, /* a task gate or TSS may switch the task: everything */
    X86_REGS_DEST = 1 << 24, /* the operand ModRM.rm */
    X86_REGS_SYSTEM = X86_REGS_DR | X86_REGS_MSR | X86_REGS_XCR | X86_REGS_PKRU,
};

/** Where the whole of RFLAGS goes to or comes from. */
enum X86Image { IMAGE_NONE, IMAGE_PUSHED, IMAGE_POPPED, IMAGE_TO_R11, IMAGE_FROM_R11 };

/** Instructions whose operands mean the same, where no other fact says that. */
enum X86Group {
    GROUP_NONE,
    GROUP_BRANCH, /* near: to where the operand says */
    GROUP_RET,
    GROUP_FAR, /* to a far pointer */
    GROUP_FAR_RET,
    GROUP_INT,
    GROUP_SYSCALL, /* SYSCALL, SYSENTER and the ways back */
    GROUP_FRAME,   /* ENTER, LEAVE */
    GROUP_XLAT,
    GROUP_DIV,
    GROUP_IDIV,
    GROUP_BT, /* a bit offset beside the address */
    GROUP_FLUSH,
    GROUP_MOVDIR,   /* the destination's address is the register operand */
    GROUP_SELECTOR, /* the operand is a selector */
    GROUP_LOAD_FAR, /* a far pointer to a segment register */
    GROUP_LDMXCSR,
    GROUP_MASKMOV, /* of the operand, what a mask selects */
    GROUP_VZERO,
    GROUP_FNSAVE, /* stores x87 state, or loads it ... */
    GROUP_FRSTOR,
    GROUP_FXSAVE,
    GROUP_FXRSTOR,
    GROUP_XSAVE,
    GROUP_XRSTOR,
};

/** What a row of x86.tab says of a form. */
struct X86Row {
    const char *mnemonic; /* as the SDM spells it, e.g. "ADD" */
    const char *operands; /* the SDM's operand codes */
    const char *opcode;   /* the table's opcode column */
    uint16_t feature;     /* enum X86Feature or CPUID_NONE */
    uint8_t flags_read, flags_written, flags_undefined;
    /** Registers beside the operands: read, written (perhaps only a part, or not always). */
    uint32_t reads, writes;
    /** Of `reads`, general registers that hold addresses of memory that no operand names. */
    uint32_t address;
    /** Of `writes`, and X86_REGS_DEST: what comes from outside of the program: time, chance, the processor's make. */
    uint32_t outside;
    /** Exceptions, as bits by vector, that it can raise although the CPU model has it, the mode allows it, and no
     *  operand is in memory. */
    uint32_t faults;
    int8_t exit;       /* enum ExitReason: the VM exit that it causes if the controls say so; EXIT_NONE: none */
    uint8_t exit_kind; /* EXIT_CR_TO ..., where there are several */
    uint8_t group;     /* enum X86Group */
    uint8_t image;     /* enum X86Image */
    bool stores;       /* memory that no operand names is written */
    bool privileged;   /* needs CPL 0, or for some IOPL */
    bool sensitive;    /* is not, although it shows or changes what is the system's */
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
