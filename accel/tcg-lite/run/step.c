/* SPDX-License-Identifier: MIT */
/*
 * Following another engine: AccelFollowOps.step. An instruction budget stops behind the instruction; where an event is
 * delivered on the way, CPU_EVENT_LEAVE stops before its handler's first instruction.
 */
#include "accel/tcg-lite/run/loop.h"

static void leave_before_handler(void *opaque, struct CPUState *cpu, const struct CpuEvent *e) {
    (void)opaque, (void)e;
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

/* Before each repetition of a string instruction that the leader left in the midst: is this the last one? */
static void leave_at_count(void *opaque, struct CPUState *cpu) {
    const CPUX86State *until = opaque;
    if (cpu->env.gpr[REG_CX] - 1 == until->gpr[REG_CX])
        cpu_post(cpu, CPU_EVENT_LEAVE);
}

static void load(struct CPUState *cpu) {
    if (cpu->accel->ops->put_state(cpu) == 0)
        cpu->env_changed = false;
}

static void inject(struct CPUState *cpu, int vector) {
    if (vector == VEC_NMI)
        cpu_post(cpu, CPU_EVENT_NMI);
    else if (vector >= 0)
        cpu_post(cpu, CPU_EVENT_INTR); /* cpu->apic says which */
}

enum VcpuExit tcg_step(struct CPUState *cpu, const struct AccelStep *s) {
    const struct CpuTrace *trace = cpu->trace;
    struct CpuTrace stop = {.event = leave_before_handler, .opaque = (void *)s->until};
    bool partial = s->string && cpu->env.rip == s->until->rip;
    if (partial)
        stop.insn = leave_at_count;
    cpu->trace = &stop;
    if (s->general || partial)
        load(cpu);
    inject(cpu, s->inject);
    cpu->insn_limit = cpu->insn_count + (s->instructions != 0 ? s->instructions : 1);
    enum VcpuExit exit = tcg_exec(cpu);
    cpu->accel->ops->get_state(cpu);
    cpu_retract(cpu, CPU_EVENT_LEAVE | CPU_EVENT_INTR);
    cpu->trace = trace;
    if (partial)
        load(cpu); /* blocks of more than one instruction again */
    return exit == VCPU_EXIT_BUDGET || exit == VCPU_EXIT_KICK ? VCPU_EXIT_DEBUG : exit;
}
