/* SPDX-License-Identifier: MIT */
/**
 * The program that takes cases one after the other through a real CPU in 64-bit user mode: it loads a record, jumps to
 * the case's code, and stores a record when a pad or an exception handler leads back. It lies at a fixed address, with
 * its control page and records behind it, and makes no use of any register while a case runs.
 */
#ifndef TWIN86_DIFF_STUB_H
#define TWIN86_DIFF_STUB_H

#include "diff/run/runner.h"
#include "diff/run/stub_layout.h"

extern const uint8_t diff_stub_end[];

/** Make a space of the case's pages and the stub's. As diff_space_init. */
int diff_stub_space(struct DiffSpace *s, const struct DiffSetup *setup, char *why, size_t n);
/** Put the stub there. `in`, `out`: DIFF_BATCH records. */
void diff_stub_install(struct DiffSpace *s, const struct CpuModel *model, struct StubControl **control,
                       struct DiffState **in, struct DiffState **out);

/** Which of the cases the stub was at. */
unsigned diff_stub_current(const struct StubControl *c, const uint16_t *which, unsigned count);

/** Bring a stored record into the form in which all runners give them. */
void diff_stub_finish(struct DiffState *s);

/** Write a pad: it tells where it is and goes back to the stub. */
void diff_stub_pad(uint8_t *at, uint64_t linear);

#endif
