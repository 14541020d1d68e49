/* SPDX-License-Identifier: MIT */
/**
 * Memory for generated code: shared anonymous memory, mapped twice, so that no address is ever writable and executable
 * at once. (perf looks for its map of names where memory is anonymous, not for a memfd.)
 */
#ifndef TWIN86_TCG_JIT_CODE_H
#define TWIN86_TCG_JIT_CODE_H

#include <stddef.h>
#include <stdint.h>

struct JitCode {
    uint8_t *write; /* where it is written */
    ptrdiff_t run;  /* what is at p is executed at p + run */
    size_t size, used;
    size_t half, seldom; /* what is executed seldom has the second half, of which it uses so much */
    size_t ready[2];     /* of both, up to where the host has been asked for memory */
};

/** 0, or -errno if the host refuses executable memory. */
int jit_code_open(struct JitCode *c, size_t bytes);
/** Ask the host for the memory that the next code may need: a page fault for each page is dear. */
void jit_code_ahead(struct JitCode *c);
void jit_code_close(struct JitCode *c);

#endif
