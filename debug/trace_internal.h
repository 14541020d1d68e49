/* SPDX-License-Identifier: MIT */
/** What the files of the trace share. */
#ifndef TWIN86_DEBUG_TRACE_INTERNAL_H
#define TWIN86_DEBUG_TRACE_INTERNAL_H

#include "debug/trace.h"

/* ---- trace.c ---- */

/** Items that log each instruction are on. */
static inline bool trace_logs_instructions(const struct Trace *t) {
    return (t->items & (TRACE_EXEC | TRACE_REGS | TRACE_CPU)) != 0;
}
/** A line is complete that is none of many. */
static inline void trace_line_done(struct Trace *t) {
    if (!trace_logs_instructions(t))
        trace_flush(t);
}
/** "#PF", "INT 80h", "interrupt 30h": what happened. */
void trace_event_name(const struct TraceEvent *e, char *text, size_t n);
/** What an error code says in words; empty when it says nothing. */
void trace_explain_error(const struct TraceEvent *e, char *text, size_t n);
/** How many of the vCPU's latest events struck one and the same instruction: the last ones did not get through. */
unsigned trace_chain_length(const struct Trace *t, const struct CPUState *cpu);

/** Around whatever is written to the log, and around what vCPUs share. Nests. */
static inline void trace_lock(struct Trace *t) { pthread_mutex_lock(&t->lock); }
static inline void trace_unlock(struct Trace *t) { pthread_mutex_unlock(&t->lock); }
/** Whose line it is, where there are several; `cpu` may be NULL. */
static inline void trace_put_cpu(const struct Trace *t, const struct CPUState *cpu) {
    if (cpu != NULL && t->config.cpus > 1)
        fprintf(t->file, "[%u] ", cpu->index);
}

/* ---- trace_exec.c ---- */

/** "0008:0000000000100020  0f 22 d8                 mov cr3, rax <start+0x20>\n", from the cache where it was made
 * before. A string that is good until the next call; *length is its length. */
const char *trace_insn_text(struct Trace *t, enum DisasMode mode, bool wide, uint16_t cs, uint64_t rip,
                            const uint8_t *bytes, unsigned n, unsigned *length);
/** Log the instruction at CS:RIP. */
void trace_log_insn(struct Trace *t, struct CPUState *cpu);
/** CpuTrace.decoded. */
void trace_decoded(void *opaque, struct CPUState *cpu, uint64_t rip, const uint8_t *bytes, unsigned size);
/** CpuTrace.translated. */
void trace_translated(void *opaque, struct CPUState *cpu, const struct CpuHostCode *part, unsigned n);
struct TraceLines *trace_lines_new(void);

/* ---- trace_device.c ---- */

/** BusTap.after, CpuTrace.msr, DeviceLog. */
void trace_access(void *opaque, const struct BusAccess *a);
void trace_msr(void *opaque, struct CPUState *cpu, bool write, uint32_t msr, uint64_t value, bool ok);
void trace_device_error(void *opaque, const char *device, const char *what, uint64_t value);
void trace_device_irq(void *opaque, const char *device, const char *what, unsigned number);

#endif
