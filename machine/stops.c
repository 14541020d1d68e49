/* SPDX-License-Identifier: MIT */
/* A debugger's points in this machine: what its engine can do, and how to say what happened. */
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int machine_insert_point(struct Machine *m, const struct CpuPoint *p, char *why, size_t n) {
    struct CpuDebug with = machine_cpu(m, 0)->debug; /* all have the same points */
    int r = cpu_point_insert(&with, p);
    if (r == -ENOSPC)
        snprintf(why, n, "there are %d points already, which is the most", CPU_POINTS);
    else if (r != 0)
        snprintf(why, n, "no such kind of point, or no length");
    if (r != 0)
        return r;
    machine_sync_state(m);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        struct CPUState *cpu = machine_cpu(m, i);
        if ((r = accel_check_points(cpu->accel->ops, cpu, cpu->engine, &with, why, n)) != 0)
            return r;
    }
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_point_insert(&machine_cpu(m, i)->debug, p);
    return 0;
}

int machine_remove_point(struct Machine *m, const struct CpuPoint *p) {
    int r = 0;
    for (unsigned i = 0; i < m->cpu_count; i++)
        r = cpu_point_remove(&machine_cpu(m, i)->debug, p);
    return r;
}

void machine_describe_stop(const struct CPUState *cpu, char *text, size_t n) {
    static const char *const names[] = {"breakpoint", "watchpoint (write)", "watchpoint (read)", "watchpoint (access)"};
    const struct CpuDebug *d = &cpu->debug;
    if (n > 0)
        text[0] = '\0';
    if (d->hit.kind == CPU_HIT_POINT)
        snprintf(text, n, "%s at %" PRIx64 "h", names[d->hit.point.kind], d->hit.address);
    else if (d->hit.kind == CPU_HIT_STEP)
        snprintf(text, n, "single step");
}
