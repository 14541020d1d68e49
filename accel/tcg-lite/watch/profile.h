/* SPDX-License-Identifier: MIT */
/**
 * Which sequences of instructions a guest executes, and how often: what fuse_measured.tab is chosen by (option
 * profile=FILE, bench/choose_sequences.py).
 *
 * While this is on, each block's instructions are also in a record, which blocks of the same content share. Exec
 * functions of those that may be entered from elsewhere (the block's first, and those behind conditional branches)
 * are a hook here that counts and goes on in the function that was there. Sequences are not fused then.
 *
 * The file has, after a line of comment, for each record a line "block" and one line for each instruction:
 *
 *     COUNT MARKNAME FIELDS IMPLICIT REG RM BASE INDEX VREG
 *
 * NAME is the exec function's without "exec_", MARK is - for one that can be anywhere in a sequence, | for one that can
 * only end it, ! for one that can't be in any. FIELDS are those that name a register, in the order in which fuse.tab
 * has them, with ".b" for a byte and ".v" for a vector register, or "-"; IMPLICIT is the set of the other general
 * registers that the instruction uses, if it can work on copies. The last line is "end".
 */
#ifndef TWIN86_TCG_PROFILE_H
#define TWIN86_TCG_PROFILE_H

#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/functions.h"

#include <stddef.h>
#include <stdio.h>

struct TcgProfile;

/** A vCPU's; it writes to `file` when it is freed. NULL when out of memory. */
struct TcgProfile *tcg_profile_new(FILE *file);
void tcg_profile_free(struct TcgProfile *p);

/** Bytes that a block has behind its links for this. */
enum { PROFILE_BLOCK_BYTES = sizeof(void *) };
/** Count this block, which is complete, from now on. Out of memory, it is not counted. */
void tcg_profile_block(struct TcgProfile *p, struct Block *b, const struct TcgDecoded *d);

#endif
