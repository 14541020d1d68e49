/* SPDX-License-Identifier: MIT */
/** vCPUs as threads of the host: what its scheduler has made of them. docs/vcpu-scheduling.md explains the numbers. */
#ifndef TWIN86_DEBUG_SCHED_REPORT_H
#define TWIN86_DEBUG_SCHED_REPORT_H

#include "cpu/sched.h"

#include <stdio.h>

/** A table with a line for each of `n` vCPUs; of those that have run for `run_ns` of host time. */
void sched_report_text(const struct VcpuSched *s, unsigned n, uint64_t run_ns, FILE *f);
/** An array of an object for each; what is not known is null. */
void sched_report_json(const struct VcpuSched *s, unsigned n, FILE *f);

#endif
