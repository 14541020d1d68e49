/* SPDX-License-Identifier: MIT */
/**
 * Tracing: what the guest does, as lines of text. Implements struct CpuTrace (cpu/cpu.h), so every engine that calls
 * those hooks can be traced. Lines are buffered; the buffer is written out when it is full, when the run stops, when
 * the guest executes HLT, and after each line if nothing is logged per instruction.
 *
 * Exceptions are remembered even when nothing is logged: they tell how a triple fault came about.
 */
#ifndef TWIN86_DEBUG_TRACE_H
#define TWIN86_DEBUG_TRACE_H

#include "cpu/cpu.h"
#include "debug/disas.h"

#include <stdio.h>

/** What to log; or-ed. The names that people give are in trace.c. */
enum TraceItem {
    TRACE_EXEC = 1 << 0,  /* each instruction: number, CS:RIP, bytes, text */
    TRACE_REGS = 1 << 1,  /* what each instruction changed */
    TRACE_CPU = 1 << 2,   /* all registers before each instruction */
    TRACE_FPU = 1 << 3,   /* dumps include x87 and SSE */
    TRACE_INT = 1 << 4,   /* exceptions, interrupts, INT n, triple faults */
    TRACE_RESET = 1 << 5, /* resets, with the registers before them */
};

enum { TRACE_RECENT = 4, TRACE_BUFFER = 65536 };

/** Lines for the log. In whichever thread logs, mostly the vCPU's. */
typedef void TraceOutput(void *opaque, const uint8_t *data, size_t size);

/** An exception, interrupt or INT n, as the engine announced it. */
struct TraceEvent {
    uint64_t insn_count, rip, cr2;
    uint32_t error;
    uint16_t cs;
    uint8_t vector;
    bool has_error, external, software;
};

struct Trace {
    struct CpuTrace hooks; /* for CPUState.trace */
    unsigned items;
    FILE *file;   /* NULL while there are no items */
    char *buffer; /* the file's: TRACE_BUFFER bytes */
    TraceOutput *output;
    void *output_opaque;
    struct Disas *disas;
    uint64_t events;                        /* number of the next */
    struct TraceEvent recent[TRACE_RECENT]; /* the last ones that were exceptions, a ring */
    unsigned recent_count;
    uint64_t last_gpr[REG_COUNT], last_flags; /* TRACE_REGS: before the previous instruction */
    bool have_last;
};

/** Items in the order of help texts: index 0, 1, ... until NULL. */
const char *trace_item_name(unsigned index);
const char *trace_item_description(unsigned index);

/** Parse "exec,int". 0, or -EINVAL with one line in `why`; empty and NULL give no items. */
int trace_parse(const char *list, unsigned *items, char *why, size_t n);

/** Set up; `t` is zeroed. Log `items` to `output` (needed if items != 0). 0 or -ENOMEM. */
int trace_init(struct Trace *t, unsigned items, TraceOutput *output, void *opaque);
/** Write out what is buffered, and free. Safe on a zeroed struct. */
void trace_destroy(struct Trace *t);

/** Write out what is buffered. Any thread. */
void trace_flush(struct Trace *t);

/** The machine is about to be reset: log that, and forget what led here. env up to date. */
void trace_reset(struct Trace *t, const struct CPUState *cpu);

/**
 * The CPU shut down: tell in one line of `text` where, and which exceptions could not be delivered. Also logged. env
 * up to date.
 */
void trace_triple_fault(struct Trace *t, const struct CPUState *cpu, char *text, size_t n);

#endif
