/* SPDX-License-Identifier: MIT */
/**
 * libtwin86: all of a CPU's state, for who sets CPUs up without a guest's help. What twin86.h says of errors and
 * threads holds here, too.
 */
#ifndef TWIN86_CPU_H
#define TWIN86_CPU_H

#include "twin86.h"

#ifdef __cplusplus
extern "C" {
#endif

/** All registers of one CPU, hidden parts and model-specific registers included, and whether it is halted or shut down:
 *  to keep, to change by name, and to give back. Belongs to no machine. */
typedef struct Twin86Context Twin86Context;

/** An empty one, which twin86_context_save fills; NULL: no memory. */
TWIN86_API Twin86Context *twin86_context_new(void);
TWIN86_API void twin86_context_free(Twin86Context *context);

/** Take a CPU's state. Stopped. 0, -EINVAL for no such CPU, -EBUSY when running. */
TWIN86_API int twin86_context_save(Twin86Machine *machine, unsigned cpu, Twin86Context *context);
/** Give it to a CPU, of this machine or another. Stopped. 0, or with one line in `why` -EBUSY, or -EINVAL: no such CPU,
 *  or no processor of its model could be in that state; then it keeps the one that it has. */
TWIN86_API int twin86_context_restore(Twin86Machine *machine, unsigned cpu, const Twin86Context *context, char *why,
                                      size_t why_size);

/** Fields by index 0, 1, ... until NULL, with their sizes in bytes (1, 2, 4, 8 or 32): "rax", "rip", "cs", "cs.base",
 *  "cs.limit", "cs.rights" (as a VMCS has them), "ldt.base", "cr0", "dr7", "fpr0" (an x87 register's mantissa, and an
 *  MMX register) with "fpr0.exp", "mxcsr", "ymm0", "lstar", "pat", ... */
TWIN86_API const char *twin86_field_name(unsigned index, size_t *size);
/** A field's value. 0, -ENOENT for no such field, -EINVAL for one of another size. */
TWIN86_API int twin86_context_get(const Twin86Context *context, const char *name, void *value, size_t size);
/** As twin86_context_get. That fields go together is looked at by twin86_context_restore. */
TWIN86_API int twin86_context_set(Twin86Context *context, const char *name, const void *value, size_t size);

/** Modes of a CPU. */
enum Twin86Mode {
    TWIN86_MODE_REAL16,
    TWIN86_MODE_PROT16,
    TWIN86_MODE_PROT32,
    TWIN86_MODE_COMPAT32, /* 32-bit code in long mode */
    TWIN86_MODE_LONG64,
    TWIN86_MODE_COUNT
};

/** Put a context that twin86_context_save has filled into a mode at a privilege level (0 in real mode). All segments
 *  are flat, with base 0 and what selectors there are standing for no GDT; interrupts are off, SSE is on, nothing is
 *  halted or on its way. `cr3`: page tables, of four levels in long mode, which always needs them, and of two
 * otherwise, where 0 means no paging. General registers and RIP stay. 0, or -EINVAL. */
TWIN86_API int twin86_context_mode(Twin86Context *context, enum Twin86Mode mode, unsigned cpl, uint64_t cr3);
/** Write page tables of four levels into RAM below 4 GiB, by which the first `gib` GiB (1 to 512) of linear addresses
 * are the same physical ones, for every privilege level to read, write and execute. They take 2 + `gib` pages from `at`
 * on. 0, or -EINVAL: `at` is no address of a page, or they would not fit. */
TWIN86_API int twin86_identity_tables(Twin86Machine *machine, uint64_t at, unsigned gib);

#ifdef __cplusplus
}
#endif
#endif
