/* SPDX-License-Identifier: MIT */
/**
 * The translator: host code for blocks that are executed often. See README.md here.
 *
 * All of it belongs to one vCPU, as its blocks do, and is called by its thread.
 */
#ifndef TWIN86_TCG_JIT_JIT_H
#define TWIN86_TCG_JIT_JIT_H

#include "accel/tcg-lite/run/block.h"

#include <stdio.h>

struct Jit;

/** Room for `bytes` of code. `eager`: blocks are translated when they are entered for the first time, for tests.
 * `misses`: count executions of instructions that have no host code. NULL with errno set: no memory, or the host
 * refuses executable memory. */
struct Jit *jit_new(size_t bytes, bool eager, bool misses);
void jit_free(struct Jit *j);

/** A block was built: count how often it is entered, and translate it then. Its exec functions are in place. */
void jit_begin_block(struct Tcg *t, struct Block *b);
/** Nobody may enter b's code any more; b itself stays. */
void jit_forget_block(const struct Jit *j, struct Block *b);
/** All blocks are gone. When nothing runs. */
void jit_flush(struct Jit *j);

/** One line: sizes and counts; and one for each of the most frequent misses. */
void jit_describe(const struct Jit *j, char *buf, size_t n);
/** Some lines: the same, and more. */
void jit_info(const struct Jit *j, FILE *f);

#endif
