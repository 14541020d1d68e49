/* SPDX-License-Identifier: MIT */
/** Exit statistics as text and JSON; docs/exit-statistics.md explains both. */
#ifndef TWIN86_DEBUG_EXIT_REPORT_H
#define TWIN86_DEBUG_EXIT_REPORT_H

#include "cpu/exits.h"
#include "cpu/sched.h"
#include "debug/symbols.h"

#include <stdio.h>

enum { EXIT_KERNEL_MAX = 24, EXIT_REPORT_VERSION = 1 };
#define EXIT_REPORT_FORMAT "twin86-exits"

/** What was counted below the engine, where it can't be seen one by one. */
struct ExitKernel {
    const char *name;
    int reason;
    uint64_t count;
};

/** Of one vCPU, or of all together. */
struct ExitCounts {
    uint64_t instructions;
    struct ExitRow *rows; /* sorted as exits_copy does */
    size_t count;
    uint64_t merged; /* events whose RIP is not known because there were too many */
    struct ExitKernel kernel[EXIT_KERNEL_MAX];
    unsigned kernel_count;
};

struct ExitReport {
    const char *engine; /* its name */
    bool real;          /* the exits are real ones, not what would be one */
    uint64_t run_ns;    /* host time of the run */
    struct ExitCounts all;
    struct ExitCounts *cpu;        /* of each, by index */
    unsigned cpus;                 /* how many; with less than two `all` says it all */
    struct VcpuSched *sched;       /* of each: as a thread of the host */
    const struct Symbols *symbols; /* or NULL */
};

/** Both show all vCPUs together; with several vCPUs then each. */
void exit_report_text(const struct ExitReport *r, FILE *f);
void exit_report_json(const struct ExitReport *r, FILE *f);

/** "in  port 3f8", "read fee00020", "leaf 1", "wr. MSR c0000080": what a row is about, without its reason. */
void exit_describe_place(const struct ExitKey *k, char *text, size_t n);

/**
 * Read two JSON files and write their tables side by side. `rip`: a line for each RIP; `all`: rare ones, too. 0, or
 * -errno with one line in `why`.
 */
int exit_compare(const char *const file[2], bool rip, bool all, FILE *f, char *why, size_t n);

#endif
