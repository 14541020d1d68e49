/* SPDX-License-Identifier: MIT */
/**
 * Frequent sequences of instructions that one exec function does (fuse.tab). Each keeps its struct Insn, with what
 * faults and slow paths want to know: only the first one's function is another, which goes through all of them, and
 * operands may have been moved to the first ones, where it finds them side by side.
 */
#ifndef TWIN86_TCG_FUSE_H
#define TWIN86_TCG_FUSE_H

#include "accel/tcg-lite/run/insn.h"

#include <stdbool.h>

enum { FUSE_MAX = 64, FUSE_USES_MAX = 192 }; /* instructions, registers that they name */

/** Names of registers in a sequence. The same name is the same register, another name another one. */
enum {
    FUSE_FIXED = 16,  /* + number: just this one; below: any general register */
    FUSE_VECTOR = 32, /* + 0 ... 15: any vector register */
    FUSE_NONE = 48,   /* no base, no index */
    FUSE_IP = 49,     /* relative to RIP */
};

/** A field of one of the instructions that names a register. */
struct X86FusionUse {
    uint8_t insn;
    uint8_t field; /* offset in struct Insn */
    uint8_t name;
    uint8_t high; /* 1: AH, CH, DH, BH */
};

/** A field that is put elsewhere: offsets from the sequence's first instruction (gen_pack.c). */
struct X86FusionMove {
    uint16_t from, to;
    uint8_t size;
};

/** Instructions with the functions fn[0] ... are done by `all`, if their registers are those of use[0] ... */
struct X86Fusion {
    ExecFn all;
    ExecFn loop; /* NULL, or the same for a block that the last instruction, a conditional branch, begins anew */
    const ExecFn *fn;
    const struct X86FusionUse *use;
    const struct X86FusionMove *move;
    uint8_t count, use_count; /* use_count 0: with any registers */
    uint8_t move_count;
    uint16_t fixed; /* general registers that are no other name's */
};
extern const struct X86Fusion x86_fusions[];
extern const unsigned x86_fusion_count;

struct FuseIndex;

/** NULL when out of memory. */
struct FuseIndex *fuse_index_new(void);
void fuse_index_free(struct FuseIndex *index);
/** Put fused functions into a block's n instructions: those that leave the fewest jumps and know the most of each.
 *  `loops`: nobody wants to know how often the block is entered. */
void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n, bool loops);
/** Make the instructions from this one on a sequence; they have to fit. */
void fuse_put(const struct X86Fusion *f, struct Insn *insn);
/** The same for a block that is a loop as a whole; false, and nothing is done, where it is none. */
bool fuse_put_loop(const struct X86Fusion *f, struct Insn *insn);

#endif
