/* SPDX-License-Identifier: MIT */
/* A debugger's stops. See debug.h. */
#include "cpu/debug.h"
#include "cpu/cpu.h"

#include <errno.h>

static bool same(const struct CpuPoint *a, const struct CpuPoint *b) {
    return a->address == b->address && a->kind == b->kind &&
           (a->kind == CPU_BREAKPOINT ? a->hardware == b->hardware : a->length == b->length);
}

static struct CpuPoint *find(struct CpuDebug *d, const struct CpuPoint *p) {
    for (unsigned i = 0; i < d->count; i++)
        if (same(&d->point[i], p))
            return &d->point[i];
    return NULL;
}

static unsigned *counter(struct CpuDebug *d, const struct CpuPoint *p) {
    return p->kind == CPU_BREAKPOINT ? &d->breakpoints : &d->watchpoints;
}

int cpu_point_insert(struct CpuDebug *d, const struct CpuPoint *p) {
    if (p->kind > CPU_WATCH_ACCESS || (p->kind != CPU_BREAKPOINT && p->length == 0))
        return -EINVAL;
    if (find(d, p) != NULL)
        return 0;
    if (d->count == CPU_POINTS)
        return -ENOSPC;
    d->point[d->count++] = *p;
    ++*counter(d, p);
    d->generation++;
    return 0;
}

int cpu_point_remove(struct CpuDebug *d, const struct CpuPoint *p) {
    struct CpuPoint *at = find(d, p);
    if (at == NULL)
        return -ENOENT;
    --*counter(d, p);
    *at = d->point[--d->count];
    d->generation++;
    return 0;
}

static bool hit_breakpoint(const struct CpuDebug *d) {
    return d->hit.kind == CPU_HIT_POINT && d->hit.point.kind == CPU_BREAKPOINT;
}

void cpu_debug_begin(struct CPUState *cpu, bool step) {
    struct CpuDebug *d = &cpu->debug;
    uint64_t rip = cpu_linear_rip(cpu);
    /* Somebody was told of this one; where a mere pause happened to come, nobody was. */
    bool told = d->hit.kind != CPU_HIT_NONE && (!hit_breakpoint(d) || d->hit.address == rip);
    d->hit.kind = CPU_HIT_NONE;
    d->step = step;
    d->first = step || (told && cpu_breakpoint_at(d, rip) != NULL);
    /* A step of a CPU in HLT is the interrupt that ends it. */
    d->masked = d->first && !(step && (cpu->halted || d->steps_let_in));
}

void cpu_debug_end(struct CPUState *cpu) { cpu->debug.step = cpu->debug.first = cpu->debug.masked = false; }

const struct CpuPoint *cpu_breakpoint_at(const struct CpuDebug *d, uint64_t linear) {
    for (unsigned i = 0; i < d->count && d->breakpoints != 0; i++)
        if (d->point[i].kind == CPU_BREAKPOINT && d->point[i].address == linear)
            return &d->point[i];
    return NULL;
}

/* Ranges may end at the top of the address space, and may wrap there. */
static bool overlap(const struct CpuPoint *p, uint64_t linear, uint64_t size) {
    return linear - p->address < p->length || p->address - linear < size;
}

const struct CpuPoint *cpu_watchpoint_at(const struct CpuDebug *d, uint64_t linear, unsigned size, bool write) {
    for (unsigned i = 0; i < d->count; i++) {
        const struct CpuPoint *p = &d->point[i];
        bool wanted = p->kind == CPU_WATCH_ACCESS || p->kind == (write ? CPU_WATCH_WRITE : CPU_WATCH_READ);
        if (wanted && overlap(p, linear, size))
            return p;
    }
    return NULL;
}

bool cpu_watched(const struct CpuDebug *d, uint64_t linear, uint64_t size) {
    for (unsigned i = 0; i < d->count; i++)
        if (d->point[i].kind != CPU_BREAKPOINT && overlap(&d->point[i], linear, size))
            return true;
    return false;
}

void cpu_hit_point(struct CpuDebug *d, const struct CpuPoint *p, uint64_t address) {
    d->hit.kind = CPU_HIT_POINT;
    d->hit.point = *p;
    d->hit.address = address;
}

void cpu_hit_step(struct CpuDebug *d) { d->hit.kind = CPU_HIT_STEP; }

uint64_t cpu_linear_rip(const struct CPUState *cpu) {
    const CPUX86State *env = &cpu->env;
    return x86_code64(env) ? env->rip : (uint32_t)(env->rip + env->seg[SEG_CS].base);
}
