/* SPDX-License-Identifier: MIT */
/* Lines for what happens at devices: accesses, wires, interrupt controllers, MSRs, a guest's errors. */
#include "debug/msr_names.h"
#include "debug/trace_internal.h"
#include "memory/bus.h"

#include <inttypes.h>

/* The vCPU whose thread this is; NULL: a device acts by itself, or a debugger does. */
static const struct CPUState *current(const struct Trace *t) {
    return t->config.current != NULL ? t->config.current(t->config.current_opaque) : NULL;
}

/* " at 0008:100020 <start+0x20> n=1234": who does it, as far as the engine knows. */
static void put_where(const struct Trace *t, const struct CPUState *cpu, FILE *f) {
    char symbol[128];
    if (cpu == NULL)
        return;
    if (cpu->access.known)
        fprintf(f, " %s %04x:%04" PRIx64 "%s", cpu->access.behind ? "before" : "at", cpu->access.cs, cpu->access.rip,
                symbols_text(t->config.symbols, cpu->access.rip, symbol, sizeof(symbol)));
    if (cpu->insn_count != 0)
        fprintf(f, " n=%" PRIu64, cpu->insn_count);
}

/* The bytes as they lie in memory for long accesses, else a number. */
static void put_value(const struct BusAccess *a, FILE *f) {
    const uint8_t *data = a->data;
    fputs(a->size > 8 ? " bytes=" : " value=", f);
    for (size_t i = 0; i < a->size; i++)
        fprintf(f, "%02x", a->size > 8 ? data[i] : data[a->size - 1 - i]);
}

static void log_access(struct Trace *t, const struct BusAccess *a, const char *name, uint64_t offset) {
    const struct CPUState *cpu = current(t);
    FILE *f = t->file;
    trace_lock(t);
    trace_put_cpu(t, cpu);
    if (a->port)
        fprintf(f, "pio: %s %04" PRIx64, a->write ? "out" : "in ", a->address);
    else
        fprintf(f, "mmio: %s %08" PRIx64, a->write ? "write" : "read ", a->address);
    fprintf(f, " size=%zu", a->size);
    put_value(a, f);
    fprintf(f, " %s", name);
    if (!a->port)
        fprintf(f, "+%" PRIx64, offset);
    put_where(t, cpu, f);
    fputc('\n', f);
    trace_unlock(t);
    trace_line_done(t);
}

static void log_error(struct Trace *t, const struct BusAccess *a, const char *what) {
    const struct CPUState *cpu = current(t);
    trace_lock(t);
    trace_put_cpu(t, cpu);
    fprintf(t->file, "guest_error: %s %s %" PRIx64 "h, size %zu", a->write ? "write to" : "read of", what, a->address,
            a->size);
    put_where(t, cpu, t->file);
    fputc('\n', t->file);
    trace_unlock(t);
    trace_line_done(t);
}

static void port_access(struct Trace *t, const struct BusAccess *a) {
    const char *name = bus_port_name(t->config.bus, (uint16_t)a->address);
    if ((t->items & TRACE_PIO) != 0)
        log_access(t, a, name != NULL ? name : "unassigned", 0);
    if ((t->items & TRACE_GUEST_ERRORS) != 0 && name == NULL)
        log_error(t, a, "unassigned port");
}

static void memory_access(struct Trace *t, const struct BusAccess *a) {
    uint64_t offset = 0, avail;
    const struct Region *r = bus_find(t->config.bus, a->address, &offset, &avail);
    if ((t->items & TRACE_MMIO) != 0)
        log_access(t, a, r != NULL ? r->name : "unassigned", r != NULL ? offset : 0);
    if ((t->items & TRACE_GUEST_ERRORS) != 0 && r == NULL)
        log_error(t, a, "unassigned memory");
    else if ((t->items & TRACE_GUEST_ERRORS) != 0 && r->kind == REGION_ROM && a->write)
        log_error(t, a, "ROM");
}

void trace_access(void *opaque, const struct BusAccess *a) {
    if (a->port)
        port_access(opaque, a);
    else
        memory_access(opaque, a);
}

void trace_msr(void *opaque, struct CPUState *cpu, bool write, uint32_t msr, uint64_t value, bool ok) {
    struct Trace *t = opaque;
    const char *name = msr_name(msr);
    trace_lock(t);
    if ((t->items & TRACE_MSR) != 0) {
        trace_put_cpu(t, cpu);
        fprintf(t->file, "msr: %s %08x%s%s", write ? "write" : "read ", msr, name[0] != '\0' ? " " : "", name);
        if (ok || write)
            fprintf(t->file, " value=%016" PRIx64, value);
        fputs(ok ? "" : " #GP", t->file);
        put_where(t, cpu, t->file);
        fputc('\n', t->file);
    }
    if ((t->items & TRACE_GUEST_ERRORS) != 0 && !ok) {
        trace_put_cpu(t, cpu);
        fprintf(t->file, "guest_error: %s MSR %08x%s%s", write ? "write to" : "read of", msr,
                name[0] != '\0' ? " " : "", name);
        if (write)
            fprintf(t->file, " of value %016" PRIx64, value);
        fputs(" raises #GP", t->file);
        put_where(t, cpu, t->file);
        fputc('\n', t->file);
    }
    trace_unlock(t);
    trace_line_done(t);
}

void trace_device_error(void *opaque, const char *device, const char *what, uint64_t value) {
    struct Trace *t = opaque;
    const struct CPUState *cpu = current(t);
    trace_lock(t);
    trace_put_cpu(t, cpu);
    fprintf(t->file, "guest_error: %s: %s %" PRIx64 "h", device, what, value);
    put_where(t, cpu, t->file);
    fputc('\n', t->file);
    trace_unlock(t);
    trace_line_done(t);
}

void trace_device_irq(void *opaque, const char *device, const char *what, unsigned number) {
    struct Trace *t = opaque;
    trace_lock(t);
    fprintf(t->file, "irq: %s %s %u (%02xh)\n", device, what, number, number);
    trace_unlock(t);
    trace_line_done(t);
}

void trace_wire(struct Trace *t, const char *name, int line, bool level) {
    trace_lock(t);
    fprintf(t->file, "irq: %s %d %s\n", name, line, level ? "rises" : "falls");
    trace_unlock(t);
    trace_line_done(t);
}
