/* SPDX-License-Identifier: MIT */
#include "debug/cpu_dump.h"
#include "debug/peek.h"
#include "debug/trace_internal.h"
#include "memory/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HLT 0xf4 /* opcode */

/* ---- items ---- */

static const struct {
    const char *name, *description;
    unsigned item;
} items[] = {
    {"exec", "each instruction: its number, CS:RIP, bytes, disassembly", TRACE_EXEC},
    {"regs", "the registers that each instruction changed", TRACE_REGS},
    {"cpu", "all registers, before each instruction", TRACE_CPU},
    {"fpu", "x87 and SSE registers too, where all registers are logged", TRACE_FPU},
    {"int", "exceptions, interrupts and INT n, before they are delivered", TRACE_INT},
    {"cpu_reset", "resets, with the registers before them", TRACE_RESET},
    {"in_asm", "code, each time a block of it is decoded", TRACE_IN_ASM},
    {"out_asm", "host code, each time that the translator makes a block of it", TRACE_OUT_ASM},
    {"mmio", "accesses to devices in memory", TRACE_MMIO},
    {"pio", "accesses to ports", TRACE_PIO},
    {"irq", "interrupt wires, and what the interrupt controllers do", TRACE_IRQ},
    {"msr", "RDMSR and WRMSR", TRACE_MSR},
    {"guest_errors", "what the guest does wrong with devices and MSRs", TRACE_GUEST_ERRORS},
};

enum { ITEMS = sizeof(items) / sizeof(items[0]) };

const char *trace_item_name(unsigned index) { return index < ITEMS ? items[index].name : NULL; }
const char *trace_item_description(unsigned index) { return index < ITEMS ? items[index].description : NULL; }

static unsigned find_item(const char *name, size_t length) {
    for (unsigned i = 0; i < ITEMS; i++)
        if (strlen(items[i].name) == length && memcmp(items[i].name, name, length) == 0)
            return items[i].item;
    return 0;
}

int trace_parse(const char *list, unsigned *result, char *why, size_t n) {
    *result = 0;
    if (list == NULL || *list == '\0')
        return 0;
    for (;;) {
        size_t length = strcspn(list, ",");
        unsigned item = find_item(list, length);
        if (item == 0) {
            snprintf(why, n,
                     "trace: unknown item '%.*s'; there are exec, regs, cpu, fpu, int, cpu_reset, in_asm, out_asm, "
                     "mmio, pio, irq, msr, guest_errors",
                     (int)(length > 40 ? 40 : length), list);
            return -EINVAL;
        }
        *result |= item;
        if (list[length] == '\0')
            return 0;
        list += length + 1;
    }
}

/* ---- each instruction ---- */

/* With several vCPUs behind a line that says whose they are. */
static void log_registers(struct Trace *t, const struct CPUState *cpu) {
    const CPUX86State *env = &cpu->env;
    if (t->config.cpus > 1)
        fprintf(t->file, "CPU#%u\n", cpu->index);
    cpu_dump(env, t->file);
    if ((t->items & TRACE_FPU) != 0)
        cpu_dump_fpu(env, t->file);
}

/* "              rax=0000000000000005 flags=00000246 [IF ZF PF]": what differs from the last time. */
static void log_changes(struct Trace *t, const struct CPUState *cpu) {
    const CPUX86State *env = &cpu->env;
    struct TraceCpu *c = &t->cpu[cpu->index];
    static const char names[REG_COUNT][4] = {"ax", "cx", "dx",  "bx",  "sp",  "bp",  "si",  "di",
                                             "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
    bool wide = x86_long_mode(env), any = false;
    for (unsigned i = 0; c->have_last && i < (wide ? 16 : 8); i++) {
        if (env->gpr[i] == c->last_gpr[i])
            continue;
        if (!any)
            trace_put_cpu(t, cpu);
        fprintf(t->file, "%*s%s%s=%0*" PRIx64, any ? 1 : 14, "",
                i >= 8 ? ""
                : wide ? "r"
                       : "e",
                names[i], wide ? 16 : 8, wide ? env->gpr[i] : (uint32_t)env->gpr[i]);
        any = true;
    }
    if (c->have_last && env->rflags != c->last_flags) {
        if (!any)
            trace_put_cpu(t, cpu);
        fprintf(t->file, "%*sflags=%08x [", any ? 1 : 14, "", (uint32_t)env->rflags);
        cpu_print_flags(env->rflags, t->file);
        fputc(']', t->file);
        any = true;
    }
    if (any)
        fputc('\n', t->file);
    memcpy(c->last_gpr, env->gpr, sizeof(c->last_gpr));
    c->last_flags = env->rflags;
    c->have_last = true;
}

static void on_insn(void *opaque, struct CPUState *cpu) {
    struct Trace *t = opaque;
    const CPUX86State *env = &cpu->env;
    if (!ranges_hold(&t->config.filter, env->rip)) {
        t->cpu[cpu->index].have_last = false;
        return;
    }
    trace_lock(t);
    if ((t->items & TRACE_REGS) != 0)
        log_changes(t, cpu);
    if ((t->items & TRACE_CPU) != 0)
        log_registers(t, cpu);
    if ((t->items & TRACE_EXEC) != 0)
        trace_log_insn(t, cpu);
    trace_unlock(t);
    uint8_t opcode = 0;
    if (cpu->insn_bytes != NULL)
        opcode = cpu->insn_bytes[0];
    else
        peek_memory(cpu, peek_linear(env, SEG_CS, env->rip), &opcode, 1);
    if (opcode == HLT)
        trace_flush(t); /* the guest may sleep for long, and somebody may be watching */
}

/* ---- exceptions and interrupts ---- */

void trace_event_name(const struct TraceEvent *e, char *text, size_t n) {
    const char *exception = cpu_exception_name(e->vector);
    if (e->external && e->vector != VEC_NMI)
        snprintf(text, n, "interrupt %02xh", e->vector);
    else if (e->software && e->vector != VEC_BP && e->vector != VEC_OF)
        snprintf(text, n, "INT %02xh", e->vector);
    else if (exception != NULL)
        snprintf(text, n, "%s", exception);
    else
        snprintf(text, n, "vector %02xh", e->vector);
}

/* SDM vol. 3, 6.13 and 4.7. */
void trace_explain_error(const struct TraceEvent *e, char *text, size_t n) {
    static const char *const tables[] = {"GDT selector", "IDT vector", "LDT selector", "IDT vector"};
    uint32_t c = e->error;
    text[0] = '\0';
    if (!e->has_error || e->external || e->software)
        return;
    if (e->vector == VEC_PF)
        snprintf(text, n, "%s %s, %s", c & PF_U ? "user" : "kernel",
                 c & PF_I   ? "fetch"
                 : c & PF_W ? "write"
                            : "read",
                 c & PF_RSVD ? "reserved bit set"
                 : c & PF_PK ? "protection key"
                 : c & PF_P  ? "not allowed"
                             : "not present");
    else if (e->vector >= VEC_TS && e->vector <= VEC_GP && (c & 0xfffe) != 0)
        snprintf(text, n, "%s %02xh%s", tables[c >> 1 & 3], c & 2 ? c >> 3 & 0xff : c & 0xfff8,
                 c & 1 ? ", external" : "");
}

/* The line has the fields that QEMU's -d int gives, so that what reads one can read the other. */
static void log_event(struct Trace *t, const struct CPUState *cpu, const struct TraceEvent *e, uint64_t number) {
    const CPUX86State *env = &cpu->env;
    char name[24], error[64];
    FILE *f = t->file;
    trace_event_name(e, name, sizeof(name));
    trace_explain_error(e, error, sizeof(error));
    trace_lock(t);
    trace_put_cpu(t, cpu);
    fprintf(f, "%6" PRIu64 ": v=%02x e=%04x i=%d cpl=%u IP=", number, e->vector, e->has_error ? e->error : 0,
            e->software, x86_cpl(env));
    cpu_print_far(env, e->cs, e->rip, f);
    fputs(" SP=", f);
    cpu_print_far(env, env->seg[SEG_SS].selector, env->gpr[REG_SP], f);
    if (e->vector == VEC_PF && !e->external && !e->software)
        fprintf(f, " CR2=%0*" PRIx64, x86_long_mode(env) ? 16 : 8, e->cr2);
    else
        fprintf(f, " %cAX=%0*" PRIx64, x86_long_mode(env) ? 'R' : 'E', x86_long_mode(env) ? 16 : 8,
                x86_long_mode(env) ? env->gpr[REG_AX] : (uint32_t)env->gpr[REG_AX]);
    fprintf(f, " n=%" PRIu64 "  %s%s%s%s\n", e->insn_count, name, error[0] != '\0' ? " (" : "", error,
            error[0] != '\0' ? ")" : "");
    trace_unlock(t);
}

static void on_event(void *opaque, struct CPUState *cpu, const struct CpuEvent *event) {
    struct Trace *t = opaque;
    const CPUX86State *env = &cpu->env;
    struct TraceEvent e = {
        .insn_count = cpu->insn_count,
        .rip = env->rip,
        .cr2 = env->cr2,
        .error = event->error,
        .cs = env->seg[SEG_CS].selector,
        .vector = event->vector,
        .has_error = event->has_error,
        .external = event->external,
        .software = event->software,
    };
    struct TraceCpu *c = &t->cpu[cpu->index];
    c->recent[c->recent_count++ % TRACE_RECENT] = e;
    uint64_t number = atomic_fetch_add_explicit(&t->events, 1, memory_order_relaxed);
    if ((t->items & TRACE_INT) != 0) {
        log_event(t, cpu, &e, number);
        trace_line_done(t);
    }
}

/* ---- reset and triple fault ---- */

void trace_reset(struct Trace *t, const struct CPUState *cpu) {
    if ((t->items & TRACE_RESET) != 0) {
        trace_lock(t);
        fprintf(t->file, "CPU %u reset", cpu->index);
        if (cpu->insn_count != 0) /* hardware does not count */
            fprintf(t->file, " at n=%" PRIu64, cpu->insn_count);
        fputs("; the registers were\n", t->file);
        log_registers(t, cpu);
        trace_unlock(t);
        trace_flush(t);
    }
    t->cpu[cpu->index].recent_count = 0;
    t->cpu[cpu->index].have_last = false;
}

void trace_engine(struct Trace *t, const char *name, bool shows_instructions) {
    if ((t->items & TRACE_INSTRUCTIONS) == 0)
        return;
    fprintf(t->file, "engine: the guest goes on in %s%s\n", name,
            shows_instructions ? "" : ", where hardware shows no instructions, registers and exceptions");
    fflush(t->file);
}

unsigned trace_chain_length(const struct Trace *t, const struct CPUState *cpu) {
    unsigned n = 0;
    while (n < TRACE_RECENT && n < t->cpu[cpu->index].recent_count) {
        const struct TraceEvent *e = trace_recent(t, cpu, n + 1);
        if (e->rip != cpu->env.rip || e->cs != cpu->env.seg[SEG_CS].selector)
            break;
        n++;
    }
    return n;
}

static void describe_chain(const struct Trace *t, const struct CPUState *cpu, FILE *f) {
    for (unsigned n = trace_chain_length(t, cpu); n > 0; n--) {
        const struct TraceEvent *e = trace_recent(t, cpu, n);
        char name[24], error[64];
        trace_event_name(e, name, sizeof(name));
        trace_explain_error(e, error, sizeof(error));
        fputs(name, f);
        if (e->vector == VEC_PF && !e->external && !e->software)
            fprintf(f, " at %" PRIx64 "h", e->cr2);
        if (error[0] != '\0')
            fprintf(f, " (%s)", error);
        fputs(n > 1 ? ", then " : " could not be delivered", f);
    }
}

void trace_triple_fault(struct Trace *t, const struct CPUState *cpu, char *text, size_t n) {
    const CPUX86State *env = &cpu->env;
    if (n == 0)
        return;
    text[0] = '\0';
    FILE *f = fmemopen(text, n, "w");
    if (f != NULL) {
        if (t->config.cpus > 1)
            fprintf(f, "CPU %u: ", cpu->index);
        fputs("triple fault at ", f);
        cpu_print_far(env, env->seg[SEG_CS].selector, env->rip, f);
        if (cpu->insn_count != 0)
            fprintf(f, ", instruction %" PRIu64, cpu->insn_count);
        if (trace_chain_length(t, cpu) > 0)
            fputs(": ", f);
        describe_chain(t, cpu, f);
        fclose(f);
        text[n - 1] = '\0';
    }
    if (t->file != NULL) {
        trace_lock(t);
        if (t->config.cpus <= 1)
            fprintf(t->file, "CPU %u: ", cpu->index);
        fprintf(t->file, "%s\n", text);
        trace_unlock(t);
        trace_flush(t);
    }
}

/* ---- life ---- */

static ssize_t write_out(void *cookie, const char *data, size_t size) {
    struct Trace *t = cookie;
    t->config.output(t->config.opaque, (const uint8_t *)data, size);
    return (ssize_t)size;
}

static void set_hooks(struct Trace *t) {
    unsigned items = t->items;
    t->hooks = (struct CpuTrace){
        .insn = trace_logs_instructions(t) ? on_insn : NULL,
        .event = on_event,
        .decoded = items & TRACE_IN_ASM ? trace_decoded : NULL,
        .translated = items & TRACE_OUT_ASM || t->config.perf != NULL ? trace_translated : NULL,
        .msr = items & (TRACE_MSR | TRACE_GUEST_ERRORS) ? trace_msr : NULL,
        .opaque = t,
        .all_events = (items & TRACE_INT) != 0,
        .accesses = (items & (TRACE_MMIO | TRACE_PIO | TRACE_MSR | TRACE_GUEST_ERRORS)) != 0,
        .history = t->config.last,
    };
    t->tap = (struct BusTap){.after = trace_access, .opaque = t};
    t->log = (struct DeviceLog){
        .error = items & TRACE_GUEST_ERRORS ? trace_device_error : NULL,
        .irq = items & TRACE_IRQ ? trace_device_irq : NULL,
        .opaque = t,
    };
}

static int open_log(struct Trace *t) {
    t->disas = disas_new();
    t->lines = trace_lines_new();
    t->file = fopencookie(t, "w", (cookie_io_functions_t){.write = write_out});
    t->buffer = malloc(TRACE_BUFFER);
    if (t->disas == NULL || t->lines == NULL || t->file == NULL || t->buffer == NULL)
        return -ENOMEM;
    setvbuf(t->file, t->buffer, _IOFBF, TRACE_BUFFER);
    return 0;
}

static void close_log(struct Trace *t) {
    if (t->file != NULL)
        fclose(t->file);
    free(t->buffer);
    free(t->lines);
    disas_free(t->disas);
    t->file = NULL;
    t->buffer = NULL;
    t->lines = NULL;
    t->disas = NULL;
}

int trace_init(struct Trace *t, const struct TraceConfig *config) {
    *t = (struct Trace){.config = *config, .items = config->items};
    bus_lock_init(&t->lock);
    set_hooks(t);
    t->cpu = calloc(config->cpus != 0 ? config->cpus : 1, sizeof(*t->cpu));
    int r = t->cpu == NULL ? -ENOMEM : config->items == 0 && config->last == 0 ? 0 : open_log(t);
    if (r != 0)
        trace_destroy(t);
    return r;
}

int trace_set_items(struct Trace *t, unsigned items) {
    trace_flush(t);
    if (items != 0 && t->file == NULL && open_log(t) != 0) {
        close_log(t);
        return -ENOMEM;
    }
    t->items = items;
    for (unsigned i = 0; i < t->config.cpus || i == 0; i++)
        t->cpu[i].have_last = false;
    set_hooks(t);
    return 0;
}

void trace_flush(struct Trace *t) {
    if (t->file == NULL)
        return;
    trace_lock(t);
    fflush(t->file);
    trace_unlock(t);
}

void trace_destroy(struct Trace *t) {
    close_log(t);
    if (t->cpu != NULL)
        pthread_mutex_destroy(&t->lock);
    free(t->cpu);
    symbols_free(t->config.symbols);
    perf_code_close(t->config.perf);
    *t = (struct Trace){0};
}
