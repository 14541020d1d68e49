/* SPDX-License-Identifier: MIT */
/*
 * When KVM's instruction emulator gives up, the software engine executes that one instruction on the same env, and KVM
 * goes on. It happens where hardware can't run the guest's mode itself: real mode on old Intel processors, nearly
 * everything on kvm_pvm, and MMIO by unusual instructions everywhere.
 */
#include "accel/kvm/kvm.h"
#include "accel/registry.h"
#include "cpu/mode.h"

#include <stdio.h>

static bool make(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    cpu->engine = NULL;
    bool made = accel_software()->vcpu_init(cpu, NULL) == 0;
    v->tcg = cpu->engine;
    cpu->engine = v;
    return made;
}

/* Of the instruction at env's RIP. */
static const char *mnemonic(struct CPUState *cpu) {
    uint8_t bytes[KVM_CODE_BYTES];
    struct Decoded d;
    size_t n = kvm_code_bytes(cpu, bytes);
    bool known = x86_decode(&cpu->model, cpu_decode_mode(&cpu->env), bytes, n, &d) == DECODE_OK;
    return x86_rows[known ? d.row : 0].mnemonic;
}

/* One instruction; or, when an event is due, its delivery before that. It counts only where all are counted. */
static enum VcpuExit step(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    const struct AccelOps *software = accel_software();
    uint64_t limit = cpu->insn_limit, count = cpu->insn_count, events = cpu->event_count;
    atomic_fetch_or(&cpu->events, CPU_EVENT_CODE); /* what was decoded for the last assist may be overwritten */
    cpu->engine = v->tcg;
    cpu->insn_limit = cpu->insn_count + 1;
    software->put_state(cpu);
    cpu_count_assist(&cpu->stats, mnemonic(cpu));
    enum VcpuExit exit = software->exec(cpu);
    software->get_state(cpu);
    cpu->insn_limit = limit;
    if (!v->stepping) {
        cpu->insn_count = count;
        cpu->event_count = events;
    }
    cpu->engine = v;
    return exit;
}

enum KvmAction kvm_assist(struct CPUState *cpu, enum VcpuExit *exit) {
    struct KvmVcpu *v = cpu->engine;
    *exit = VCPU_EXIT_ERROR;
    if (!v->vm->assist)
        return kvm_fail(cpu, exit,
                        "kvm: KVM can't emulate an instruction, and assist=off keeps tcg-lite from doing it");
    if (v->tcg == NULL && !make(v)) {
        snprintf(cpu->error, sizeof(cpu->error), "kvm: no memory for the software engine's assist");
        return KVM_ACTION_LEAVE;
    }
    kvm_get_state(cpu);
    if (cpu->env.exception.pending && cpu->env.exception.vector == VEC_UD)
        cpu->env.exception.pending = false; /* by which KVM tells the guest that it has given up */
    *exit = step(v);
    if (kvm_put_state_soon(cpu) != 0) {
        *exit = VCPU_EXIT_ERROR;
        return KVM_ACTION_LEAVE;
    }
    return *exit == VCPU_EXIT_BUDGET || *exit == VCPU_EXIT_KICK ? KVM_ACTION_RUN : KVM_ACTION_LEAVE;
}

void kvm_assist_destroy(struct KvmVcpu *v) {
    if (v->tcg == NULL)
        return;
    v->cpu->engine = v->tcg;
    accel_software()->vcpu_destroy(v->cpu);
    v->cpu->engine = v;
    v->tcg = NULL;
}
