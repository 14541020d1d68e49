/* SPDX-License-Identifier: MIT */
/**
 * One case after the other on this processor, within this process: for tests that trust what they run. Exceptions are
 * taken by signals, which are the process's from then on; one thread may do it.
 */
#ifndef TWIN86_DIFF_HOST_HERE_H
#define TWIN86_DIFF_HOST_HERE_H

#include "diff/run/state.h"

struct HostHere;

/** NULL: the system refuses. It stays until the process ends. */
struct HostHere *host_here_open(void);

/** Whether code32 can be run: some virtual machines' kernels have no segment for it. */
bool host_here_has_code32(void);

/** Map [at, at + size) readable, writable, executable. 0 or -errno. */
int host_here_map(uint64_t at, uint64_t size);

/** Run from in->rip until an exception; *out is the state there, its vector that of the exception (3 for INT3). Of
 *  32-bit code, low halves of the first eight registers count. */
void host_here_run(struct HostHere *h, bool code32, const struct DiffState *in, struct DiffState *out);

#endif
