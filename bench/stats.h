/* SPDX-License-Identifier: MIT */
/** Measured values and how they are shown. */
#ifndef TWIN86_BENCH_STATS_H
#define TWIN86_BENCH_STATS_H

#include <stdint.h>
#include <stdio.h>

enum { STATS_MAX = 1000 };

/** Values of one kind, in nanoseconds. */
struct Stats {
    unsigned count;
    double value[STATS_MAX];
};

/** The host's monotonic clock in ns. */
int64_t stats_now(void);
/** CPU time of the calling thread in ns. */
int64_t stats_cpu_now(void);
/** Take one more; beyond STATS_MAX it is dropped. */
void stats_add(struct Stats *s, double ns);
/** Sorts; then the value that `share` (0 to 1) of the others are not above. 0.5: the median, 0: the least. */
double stats_quantile(struct Stats *s, double share);
/** "12.3 us": three digits and a unit, in 9 columns. */
const char *stats_text(double ns, char buf[16]);
/** `"key": value` pairs of the values, without braces: n, median, min, p90, in ns. */
void stats_json(struct Stats *s, FILE *f);

/** What runs here, for the head of a table: processor, kernel, and which module provides KVM. */
void stats_describe_host(FILE *f);

#endif
