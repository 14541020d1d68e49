/* SPDX-License-Identifier: MIT */
/**
 * Tracing: what the guest does, as lines of text. Implements struct CpuTrace (cpu/cpu.h), so every engine that calls
 * those hooks can be traced, and struct BusTap and struct DeviceLog for what happens at devices. Lines are buffered;
 * the buffer is written out when it is full, when the run stops, when the guest executes HLT, and after each line if
 * nothing is logged per instruction.
 *
 * Exceptions are remembered even when nothing is logged: they tell how a triple fault came about.
 *
 * With several vCPUs a line that one of them makes begins with its number in brackets, "[1] ". Each vCPU's thread calls
 * the hooks for itself; what they share is guarded by `lock`.
 */
#ifndef TWIN86_DEBUG_TRACE_H
#define TWIN86_DEBUG_TRACE_H

#include "cpu/cpu.h"
#include "debug/disas.h"
#include "debug/perf_code.h"
#include "debug/ranges.h"
#include "debug/symbols.h"
#include "devices/device_log.h"

#include <stdio.h>

/** What to log; or-ed. The names that people give are in trace.c. */
enum TraceItem {
    TRACE_EXEC = 1 << 0,          /* each instruction: number, CS:RIP, bytes, text */
    TRACE_REGS = 1 << 1,          /* what each instruction changed */
    TRACE_CPU = 1 << 2,           /* all registers before each instruction */
    TRACE_FPU = 1 << 3,           /* dumps include x87 and SSE */
    TRACE_INT = 1 << 4,           /* exceptions, interrupts, INT n, triple faults */
    TRACE_RESET = 1 << 5,         /* resets, with the registers before them */
    TRACE_IN_ASM = 1 << 6,        /* code, when it is decoded for the first time */
    TRACE_MMIO = 1 << 7,          /* accesses to devices in memory */
    TRACE_PIO = 1 << 8,           /* accesses to ports */
    TRACE_IRQ = 1 << 9,           /* wires, and what the interrupt controllers do */
    TRACE_MSR = 1 << 10,          /* RDMSR, WRMSR */
    TRACE_GUEST_ERRORS = 1 << 11, /* what the guest does wrong with devices */
    TRACE_OUT_ASM = 1 << 12,      /* host code, when a block is translated */

    /* what only an engine that executes instructions itself can show */
    TRACE_INSTRUCTIONS = TRACE_EXEC | TRACE_REGS | TRACE_CPU | TRACE_FPU | TRACE_INT | TRACE_IN_ASM | TRACE_OUT_ASM,
};

enum { TRACE_RECENT = 8, TRACE_BUFFER = 65536, TRACE_LAST_MAX = 1000000 };

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

struct TraceConfig {
    unsigned items;
    unsigned last;           /* keep so many of the last instructions; 0: none */
    struct Ranges filter;    /* of addresses whose instructions are logged */
    struct Symbols *symbols; /* or NULL; the trace's from then on */
    struct PerfCode *perf;   /* likewise: perf is to know of translated code */
    unsigned cpus;           /* how many vCPUs; 0: 1 */
    struct Bus *bus;         /* needed for TRACE_MMIO and the items behind it */
    /* The vCPU whose thread calls, or NULL; with `current_opaque`. NULL: nobody can say who makes an access. */
    const struct CPUState *(*current)(void *opaque);
    void *current_opaque;
    TraceOutput *output; /* needed if there are items or `last` */
    void *opaque;
};

/** What is remembered of a vCPU. */
struct TraceCpu {
    struct TraceEvent recent[TRACE_RECENT]; /* the last ones that were exceptions, a ring */
    unsigned recent_count;
    uint64_t last_gpr[REG_COUNT], last_flags; /* TRACE_REGS: before the previous instruction */
    bool have_last;
};

struct Trace {
    struct CpuTrace hooks; /* for CPUState.trace */
    struct BusTap tap;     /* for bus_set_tap, if trace_wants_tap */
    struct DeviceLog log;  /* for the devices' `log`, if trace_wants_log */
    struct TraceConfig config;
    pthread_mutex_t lock; /* recursive; around what goes to `file`, and `lines` and `disas` */
    unsigned items; /* config.items */
    FILE *file;     /* NULL while there are neither items nor `last` */
    char *buffer;   /* the file's: TRACE_BUFFER bytes */
    struct Disas *disas;
    struct TraceLines *lines; /* text of instructions that were logged before (trace_exec.c) */
    _Atomic uint64_t events;  /* number of the next */
    struct TraceCpu *cpu;     /* by index */
};

/** A vCPU's last event that is remembered (1), the one before (2) ... */
static inline const struct TraceEvent *trace_recent(const struct Trace *t, const struct CPUState *cpu, unsigned back) {
    const struct TraceCpu *c = &t->cpu[cpu->index];
    return &c->recent[(c->recent_count - back) % TRACE_RECENT];
}

/** Items in the order of help texts: index 0, 1, ... until NULL. */
const char *trace_item_name(unsigned index);
const char *trace_item_description(unsigned index);

/** Parse "exec,int". 0, or -EINVAL with one line in `why`; empty and NULL give no items. */
int trace_parse(const char *list, unsigned *items, char *why, size_t n);

/** Set up; `t` is zeroed. 0 or -ENOMEM; the symbols are freed in either case by trace_destroy. */
int trace_init(struct Trace *t, const struct TraceConfig *config);
/** Log these items from now on. While no vCPU runs; who calls this sees to tap and device log, too. 0 or -ENOMEM:
 *  nothing has changed. */
int trace_set_items(struct Trace *t, unsigned items);
/** Write out what is buffered, and free. Safe on a zeroed struct. */
void trace_destroy(struct Trace *t);

/** Write out what is buffered. Any thread. */
void trace_flush(struct Trace *t);

static inline bool trace_wants_tap(const struct Trace *t) {
    return (t->items & (TRACE_MMIO | TRACE_PIO | TRACE_GUEST_ERRORS)) != 0;
}
static inline bool trace_wants_log(const struct Trace *t) { return (t->items & (TRACE_IRQ | TRACE_GUEST_ERRORS)) != 0; }
/** A wire has changed (TRACE_IRQ). Machine lock held. */
void trace_wire(struct Trace *t, const char *name, int line, bool level);

/** The machine is about to be reset: log that, and forget what led this vCPU here. env up to date. */
void trace_reset(struct Trace *t, const struct CPUState *cpu);

/** The guest goes on in another engine. If instructions are logged, say which one it is and whether it shows them. */
void trace_engine(struct Trace *t, const char *name, bool shows_instructions);

/**
 * The CPU shut down: tell in one line of `text` where, and which exceptions could not be delivered. Also logged. env
 * up to date.
 */
void trace_triple_fault(struct Trace *t, const struct CPUState *cpu, char *text, size_t n);

/* ---- after a crash (crash.c) ---- */

/** The exceptions that led to where the CPU stands, one a line: vector, error code, CR2, CS:RIP, symbol. env up to
 *  date. Prints nothing if there are none. */
void trace_print_faults(const struct Trace *t, const struct CPUState *cpu, FILE *f);
/** The last instructions, at most `n`, with symbols. False: none are kept (config.last), or the engine sees none.
 *  Parked, or in the vCPU's thread outside of exec. */
bool trace_print_last(struct Trace *t, struct CPUState *cpu, unsigned n, FILE *f);
/** All that is known of a crash: faults, registers, last instructions. As trace_print_last. */
void trace_print_crash(struct Trace *t, struct CPUState *cpu, FILE *f);

#endif
