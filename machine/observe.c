/* SPDX-License-Identifier: MIT */
/* Those who look at a machine while it runs: the trace and the exit statistics. */
#include "debug/exit_report.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int configure_trace(struct Machine *m, struct TraceConfig *c, char *why, size_t n) {
    const Twin86Config *config = &m->config;
    int r = trace_parse(config->trace, &c->items, why, n);
    if (r != 0 || (r = ranges_parse(config->trace_filter, &c->filter, why, n)) != 0)
        return r;
    if (config->trace_last > TRACE_LAST_MAX) {
        snprintf(why, n, "--trace-last: %u instructions are too many; %d are the most", config->trace_last,
                 TRACE_LAST_MAX);
        return -EINVAL;
    }
    if (config->trace_output == NULL)
        c->items = 0; /* nobody would see it */
    if (config->symbols != NULL)
        c->symbols = symbols_load(config->symbols, false, &r, why, n);
    if (r == 0 && (config->perf_map || config->jit_dump))
        c->perf = perf_code_open(config->perf_map, config->jit_dump, &r, why, n);
    return r;
}

static const struct CPUState *current(void *opaque) {
    const struct MachineCpu *c = machine_current_cpu(opaque);
    return c != NULL ? &c->cpu : NULL;
}

static void discard(void *opaque, const uint8_t *data, size_t size) { (void)opaque, (void)data, (void)size; }

int machine_create_observers(struct Machine *m, char *why, size_t n) {
    struct TraceConfig c = {
        .last = m->config.trace_last,
        .cpus = m->cpu_count,
        .bus = m->bus,
        .current = current,
        .current_opaque = m,
        .output = m->config.trace_output != NULL ? m->config.trace_output : discard,
        .opaque = m->config.opaque,
    };
    int r = configure_trace(m, &c, why, n);
    if (r != 0)
        return r;
    bool made = trace_init(&m->trace, &c) == 0;
    for (unsigned i = 0; i < m->cpu_count && made; i++) {
        struct CPUState *cpu = machine_cpu(m, i);
        cpu->trace = &m->trace.hooks;
        made = !m->config.exit_stats || (cpu->exits = exits_new()) != NULL;
    }
    if (made)
        return 0;
    snprintf(why, n, "trace: %s", strerror(ENOMEM));
    return -ENOMEM;
}

static void wire(struct Machine *m) {
    const struct DeviceLog *log = trace_wants_log(&m->trace) ? &m->trace.log : NULL;
    bus_set_tap(m->bus, trace_wants_tap(&m->trace) ? &m->trace.tap : NULL);
    m->pic.log = m->ioapic.log = m->i8042.log = m->hpet.log = m->fw_cfg.log = m->pvpanic.log = log;
    m->pit.log = m->rtc.log = m->dma.log = m->fdc.log = m->acpi_pm.log = m->pci.log = m->hole_log = log;
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        m->com[i].uart.log = log;
    piix3_ide_set_log(&m->piix3_ide, log);
    net_e1000_set_log(m, log);
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++)
        m->fw.flash[i].device.log = log;
    for (unsigned i = 0; i < m->cpu_count; i++)
        m->cpus[i].lapic.log = log;
}

void machine_wire_observers(struct Machine *m) {
    if (m->trace.items != 0)
        wire(m);
}

int machine_set_trace(struct Machine *m, const char *list, char *why, size_t n) {
    const unsigned from_the_start =
        TRACE_IN_ASM | TRACE_OUT_ASM | TRACE_IRQ; /* code and wires are not seen otherwise */
    unsigned items;
    int r = trace_parse(list, &items, why, n);
    if (r != 0)
        return r;
    const char *wrong = NULL;
    if (items != 0 && m->config.trace_output == NULL)
        wrong = "nobody takes the log";
    else if ((items & TRACE_INSTRUCTIONS) != 0 && !m->engine->accel.ops->software)
        wrong = "exec, in_asm, out_asm, regs, cpu, fpu and int need -accel tcg-lite: hardware does not show them";
    else if ((items & from_the_start & ~m->trace.config.items) != 0)
        wrong = "in_asm, out_asm and irq can't be switched on later; start with -d in_asm,out_asm,irq";
    if (wrong != NULL) {
        snprintf(why, n, "%s", wrong);
        return -EINVAL;
    }
    if ((r = trace_set_items(&m->trace, items)) != 0) {
        snprintf(why, n, "out of memory");
        return r;
    }
    wire(m);
    machine_state_changed(m); /* engines look at what is wanted when they load the state */
    return 0;
}

void machine_find_symbols(struct Machine *m) {
    char unused[8];
    int r;
    if (m->symbols_tried || m->config.symbols != NULL)
        return;
    m->symbols_tried = true;
    symbols_free(m->trace.config.symbols); /* of the guest before */
    m->trace.config.symbols =
        m->guest_strings[0] != NULL ? symbols_load(m->guest_strings[0], true, &r, unused, sizeof(unused)) : NULL;
}

void machine_destroy_observers(struct Machine *m) { trace_destroy(&m->trace); }

/* ---- crashes ---- */

int twin86_crash_report(Twin86Machine *machine, FILE *f) {
    struct Machine *m = machine_of(machine);
    if (machine_running(m))
        return -EBUSY;
    machine_sync_state(m);
    machine_find_symbols(m);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        if (m->cpu_count > 1)
            fprintf(f, "CPU %u\n", i);
        trace_print_crash(&m->trace, machine_cpu(m, i), f);
    }
    return 0;
}

bool machine_print_last(struct Machine *m, unsigned cpu, unsigned n, FILE *f) {
    cpu_sync_state(machine_cpu(m, cpu));
    machine_find_symbols(m);
    return trace_print_last(&m->trace, machine_cpu(m, cpu), n, f);
}

int twin86_trace_last(Twin86Machine *machine, unsigned cpu, unsigned count, FILE *f) {
    struct Machine *m = machine_of(machine);
    if (cpu >= m->cpu_count)
        return -EINVAL;
    if (machine_running(m))
        return -EBUSY;
    return machine_print_last(m, cpu, count, f) ? 0 : -ENODATA;
}

/* ---- exit statistics ---- */

static void add_kernel(void *opaque, const char *name, int reason, uint64_t count) {
    struct ExitCounts *c = opaque;
    for (unsigned i = 0; i < c->kernel_count; i++) {
        if (c->kernel[i].name == name) { /* of another vCPU */
            c->kernel[i].count += count;
            return;
        }
    }
    if (c->kernel_count < EXIT_KERNEL_MAX)
        c->kernel[c->kernel_count++] = (struct ExitKernel){name, reason, count};
}

/* Add what a vCPU has counted. 0 or -ENOMEM. */
static int add_counts(const struct Machine *m, unsigned cpu, struct ExitCounts *c) {
    const struct Engine *e = m->engine;
    const struct AccelLookOps *look = e->accel.ops->look;
    c->instructions += atomic_load(&m->cpus[cpu].instructions);
    int r = exits_copy(machine_cpu(m, cpu)->exits, &c->rows, &c->count, &c->merged);
    if (r == 0 && look != NULL && look->kernel_exits != NULL)
        look->kernel_exits(e->vcpu[cpu], add_kernel, c);
    return r;
}

uint64_t machine_run_ns(const struct Machine *m) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t started = atomic_load(&m->started_ns), ns = atomic_load(&m->run_ns);
    return (uint64_t)(started != 0 ? ns + ts.tv_sec * NS_PER_SEC + ts.tv_nsec - started : ns);
}

/* Of all together, and of each. */
static int count_exits(const struct Machine *m, struct ExitReport *r) {
    int err = (r->cpu = calloc(m->cpu_count, sizeof(*r->cpu))) != NULL ? 0 : -ENOMEM;
    for (unsigned i = 0; i < m->cpu_count && err == 0; i++)
        err = add_counts(m, i, &r->all);
    for (unsigned i = 0; i < m->cpu_count && m->cpu_count > 1 && err == 0; i++)
        err = add_counts(m, i, &r->cpu[i]);
    return err;
}

int machine_print_exits(struct Machine *m, bool json, FILE *f) {
    if (!m->config.exit_stats)
        return -ENODATA;
    const struct Engine *e = m->engine;
    struct ExitReport r = {
        .engine = e->accel.ops->name,
        .real = !e->accel.ops->software,
        .run_ns = machine_run_ns(m),
        .cpus = m->cpu_count,
        .sched = machine_sched(m),
    };
    int err = r.sched != NULL ? count_exits(m, &r) : -ENOMEM;
    if (err == 0 && json) {
        exit_report_json(&r, f);
    } else if (err == 0) {
        machine_find_symbols(m);
        r.symbols = m->trace.config.symbols;
        exit_report_text(&r, f);
    }
    for (unsigned i = 0; r.cpu != NULL && i < m->cpu_count; i++)
        free(r.cpu[i].rows);
    free(r.sched);
    free(r.cpu);
    free(r.all.rows);
    return err;
}

bool machine_print_translator(const struct Machine *m, FILE *f) {
    const struct AccelLookOps *look = m->engine->accel.ops->look;
    if (look == NULL || look->translator == NULL)
        return false;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        if (m->cpu_count > 1)
            fprintf(f, "CPU %u\n", i);
        look->translator(m->engine->vcpu[i], f);
    }
    return true;
}

int twin86_exit_stats(Twin86Machine *machine, enum Twin86ExitFormat format, FILE *f) {
    return machine_print_exits(machine_of(machine), format == TWIN86_EXITS_JSON, f);
}

int twin86_exits_compare(const Twin86ExitsCompare *options, FILE *f, char *why, size_t why_size) {
    char unused[1];
    if (why_size == 0)
        why = unused, why_size = sizeof(unused);
    why[0] = '\0';
    return exit_compare(options->file, options->rip, options->all, f, why, why_size);
}
