/* SPDX-License-Identifier: MIT */
/**
 * Names of translated code for perf(1), so that its reports tell guest functions apart: the map that `perf report`
 * reads by itself (tools/perf/Documentation/jit-interface.txt), and the dump that `perf inject --jit` takes, with the
 * code (jitdump-specification.txt).
 */
#ifndef TWIN86_DEBUG_PERF_CODE_H
#define TWIN86_DEBUG_PERF_CODE_H

#include "cpu/cpu.h"
#include "debug/symbols.h"

struct PerfCode;

/** `map`: write /tmp/perf-PID.map; `dump`: jit-PID.dump in this folder. NULL with -errno in *r and one line in `why`.
 */
struct PerfCode *perf_code_open(bool map, bool dump, int *r, char *why, size_t n);
/** Flushes both. NULL is none. */
void perf_code_close(struct PerfCode *p);
/** As CpuTrace.translated. A block is called as its symbol, or guest_RIP. One thread at a time. */
void perf_code_put(struct PerfCode *p, const struct Symbols *symbols, const struct CpuHostCode *part, unsigned n);

#endif
