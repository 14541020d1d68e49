/* SPDX-License-Identifier: MIT */
/* What there is to say of a guest that crashed. */
#include "accel/look.h"
#include "debug/cpu_dump.h"
#include "debug/disas.h"
#include "debug/trace_internal.h"

#include <inttypes.h>

/* "  #PF, vector 14, error code 2 (kernel write, not present), CR2 8, at 0008:1234 <name>, instruction 99" */
static void print_fault(const struct Trace *t, const struct CPUState *cpu, const struct TraceEvent *e, FILE *f) {
    char name[24], error[64], symbol[128];
    bool exception = !e->external && !e->software;
    trace_event_name(e, name, sizeof(name));
    trace_explain_error(e, error, sizeof(error));
    fprintf(f, "  %s, vector %u", name, e->vector);
    if (e->has_error)
        fprintf(f, ", error code %x", e->error);
    if (error[0] != '\0')
        fprintf(f, " (%s)", error);
    if (exception && e->vector == VEC_PF)
        fprintf(f, ", CR2 %" PRIx64 "%s", e->cr2, symbols_text(t->config.symbols, e->cr2, symbol, sizeof(symbol)));
    fputs(", at ", f);
    cpu_print_far(&cpu->env, e->cs, e->rip, f);
    fprintf(f, "%s, instruction %" PRIu64 "\n", symbols_text(t->config.symbols, e->rip, symbol, sizeof(symbol)),
            e->insn_count);
}

void trace_print_faults(const struct Trace *t, const struct CPUState *cpu, FILE *f) {
    unsigned n = trace_chain_length(t, cpu);
    if (n > 0)
        fputs("The exceptions that led there:\n", f);
    for (; n > 0; n--)
        print_fault(t, cpu, trace_recent(t, cpu, n), f);
}

struct Printer {
    struct Trace *t;
    FILE *f;
    unsigned count;
};

static void print_executed(void *opaque, const struct AccelExecuted *e) {
    struct Printer *p = opaque;
    enum DisasMode mode = e->bits == 64 ? DISAS_64 : e->bits == 32 ? DISAS_32 : DISAS_16;
    unsigned length;
    const char *text = trace_insn_text(p->t, mode, mode == DISAS_64, e->cs, e->rip, e->bytes, e->size, &length);
    if (p->count++ == 0)
        fputs("The last instructions:\n", p->f);
    fprintf(p->f, "%12" PRIu64 "  %.*s", e->number, (int)length, text);
}

bool trace_print_last(struct Trace *t, struct CPUState *cpu, unsigned n, FILE *f) {
    struct Printer p = {t, f, 0};
    const struct AccelLookOps *look = cpu->accel != NULL ? cpu->accel->ops->look : NULL;
    if (t->config.last == 0 || look == NULL || look->history == NULL)
        return false;
    trace_lock(t); /* lines are kept for all */
    look->history(cpu, n, print_executed, &p);
    trace_unlock(t);
    return p.count != 0;
}

/* "The instruction there: 0f 0b  ud2" */
static void print_instruction(struct CPUState *cpu, FILE *f) {
    struct DisasLine line;
    struct Disas *d = disas_new();
    if (d == NULL)
        return;
    disas_at(d, cpu, cpu->env.rip, &line);
    fputs("The instruction there:", f);
    for (unsigned i = 0; i < line.size; i++)
        fprintf(f, " %02x", line.bytes[i]);
    fprintf(f, "  %s\n", line.text);
    disas_free(d);
}

void trace_print_crash(struct Trace *t, struct CPUState *cpu, FILE *f) {
    char symbol[128];
    trace_lock(t); /* it may be the log that this goes to */
    trace_print_faults(t, cpu, f);
    cpu_dump(&cpu->env, f);
    if (symbols_text(t->config.symbols, cpu->env.rip, symbol, sizeof(symbol))[0] != '\0')
        fprintf(f, "RIP is%s\n", symbol);
    print_instruction(cpu, f);
    trace_print_last(t, cpu, t->config.last, f);
    trace_unlock(t);
}
