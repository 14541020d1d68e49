/* SPDX-License-Identifier: MIT */
/*
 * exec: KVM_RUN until something above must act, interrupts from the machine's own controllers, and kicks.
 *
 * A kick may come at any moment. Before KVM_RUN: it has posted its event, then set immediate_exit; the loop clears
 * immediate_exit first and looks at events after that, so it sees one or the other. Within: the signal ends it. The
 * signal is blocked elsewhere, so one that comes late stays pending and is thrown away on the way out.
 */
#include "accel/kvm/kick_signal.h"
#include "accel/kvm/kvm.h"
#include "cpu/exits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static void set_immediate_exit(struct KvmVcpu *v, uint8_t on) {
    __atomic_store_n(&v->run->immediate_exit, on, __ATOMIC_SEQ_CST);
}

/* ---- kicks ---- */

void kvm_kick(struct CPUState *cpu) {
    struct KvmVm *vm = cpu->accel->data; /* not cpu->engine: an assist is using that */
    if (vm->vcpu[cpu->index] != NULL)
        kvm_kick_vcpu(vm->vcpu[cpu->index]);
}

void kvm_kick_vcpu(struct KvmVcpu *v) {
    set_immediate_exit(v, 1);
    pthread_mutex_lock(&v->kick_lock);
    if (v->in_exec && !pthread_equal(v->thread, pthread_self()))
        kick_signal_send(v->thread);
    pthread_mutex_unlock(&v->kick_lock);
}

void kvm_enter(struct KvmVcpu *v) {
    if (!v->signal_ready || !pthread_equal(v->thread, pthread_self()))
        kick_signal_block();
    pthread_mutex_lock(&v->kick_lock);
    v->thread = pthread_self();
    v->signal_ready = true;
    v->in_exec = true;
    pthread_mutex_unlock(&v->kick_lock);
    atomic_store(&v->vm->ran, true);
}

void kvm_leave(struct KvmVcpu *v) {
    pthread_mutex_lock(&v->kick_lock);
    v->in_exec = false;
    pthread_mutex_unlock(&v->kick_lock);
    if (__atomic_load_n(&v->run->immediate_exit, __ATOMIC_SEQ_CST) != 0)
        kick_signal_drain();
}

/* ---- interrupts ---- */

/* KVM takes an interrupt when the last exit said so; otherwise it is asked to exit as soon as it can. */
static void inject(struct KvmVcpu *v, uint32_t events) {
    struct CPUState *cpu = v->cpu;
    v->run->request_interrupt_window = 0;
    if (cpu->debug.first && cpu->debug.masked)
        return;
    if (events & CPU_EVENT_NMI) {
        cpu_retract(cpu, CPU_EVENT_NMI);
        ioctl(v->fd, KVM_NMI);
    }
    if (v->vm->irqchip)
        return;
    if (!(events & CPU_EVENT_INTR) || cpu->apic == NULL || cpu->apic->acknowledge == NULL)
        return;
    if (!v->run->ready_for_interrupt_injection || !v->run->if_flag) {
        v->run->request_interrupt_window = 1;
        return;
    }
    pthread_mutex_lock(cpu->lock);
    int vector = cpu->apic->acknowledge(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    if (vector < 0)
        return;
    struct kvm_interrupt irq = {.irq = (uint32_t)vector};
    ioctl(v->fd, KVM_INTERRUPT, &irq);
    v->run->ready_for_interrupt_injection = 0; /* one at a time */
    if (atomic_load(&cpu->events) & CPU_EVENT_INTR)
        v->run->request_interrupt_window = 1;
}

/* The task priority lives in the local APIC; KVM keeps CR8. */
static void load_cr8(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    if (v->vm->irqchip || cpu->apic == NULL || cpu->apic->get_cr8 == NULL)
        return;
    pthread_mutex_lock(cpu->lock);
    v->cr8 = cpu->apic->get_cr8(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    v->run->cr8 = v->cr8;
}

/* What the guest did to CR8 and IA32_APIC_BASE inside KVM_RUN. */
static void store_apic(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    bool cr8 = (uint8_t)v->run->cr8 != v->cr8, base = v->run->apic_base != v->apic_base;
    if (!cr8 && !base)
        return;
    pthread_mutex_lock(cpu->lock);
    if (cr8 && cpu->apic != NULL && cpu->apic->set_cr8 != NULL)
        cpu->apic->set_cr8(cpu->apic_opaque, (uint8_t)v->run->cr8);
    if (base)
        kvm_move_apic(cpu, v->run->apic_base);
    pthread_mutex_unlock(cpu->lock);
    v->cr8 = (uint8_t)v->run->cr8;
    v->apic_base = v->run->apic_base;
}

/* ---- KVM_RUN ---- */

int kvm_run_vcpu(struct KvmVcpu *v) {
    bool sync = v->sync_runs != 0;
    v->run->kvm_valid_regs = sync          ? KVM_SYNC_X86_VALID_FIELDS
                             : v->observed ? KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS
                                           : 0;
    v->sync_runs -= sync;
    v->known = false;
    kvm_gate_enter(v);
    int r = ioctl(v->fd, KVM_RUN, 0), e = errno;
    kvm_gate_leave(v);
    v->regs_in_run = sync;
    errno = e;
    return r;
}

static enum KvmAction run_failed(struct KvmVcpu *v, int e, enum VcpuExit *exit) {
    struct CPUState *cpu = v->cpu;
    if (e == EINTR || e == EAGAIN)
        return KVM_ACTION_RUN;
    const char *why = "";
    if (e == EFAULT)
        why = "; guest memory can't be reached (is the host out of memory?)";
    else if (e == EINVAL && v->run->kvm_dirty_regs != 0)
        why = "; the registers after an assisted instruction are refused";
    v->run->kvm_dirty_regs = 0;
    return kvm_fail(cpu, exit, "kvm: KVM_RUN: %s%s", strerror(e), why);
}

/* Where the guest is, for observers. KVM has moved on behind an instruction that writes to memory. */
static void note_place(struct KvmVcpu *v) {
    const struct kvm_run *run = v->run;
    v->cpu->access = (struct CpuAccess){
        .rip = run->s.regs.regs.rip,
        .cs = run->s.regs.sregs.cs.selector,
        .known = v->observed,
        .behind = run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write,
    };
}

/* KVM_RUN came back: `interrupted` by a signal, or for a reason. */
static void observe(struct KvmVcpu *v, bool interrupted) {
    struct CPUState *cpu = v->cpu;
    if (v->observed)
        note_place(v);
    if (cpu->exits == NULL)
        return;
    struct ExitKey key = exit_key(EXIT_EXTERNAL_INTERRUPT, EXIT_PLACE_NONE, 0, false);
    key.no_rip = true;
    if (!interrupted)
        kvm_count_exit(cpu, v->run);
    else if (!v->completing)
        exits_begin(cpu->exits, &key, 1);
}

/* A write to IA32_APIC_BASE that has come to us: CPUID, which is KVM's, depends on it. */
static void give_apic_base(struct KvmVcpu *v) {
    uint64_t value = v->run->msr.data;
    if (v->run->msr.index == KVM_MSR_APIC_BASE && !v->run->msr.error &&
        kvm_one_msr(v, KVM_SET_MSRS, KVM_MSR_APIC_BASE, &value))
        v->apic_base = v->run->apic_base = value;
}

static enum KvmAction run_once(struct KvmVcpu *v, enum VcpuExit *exit) {
    struct CPUState *cpu = v->cpu;
    if (cpu->exits != NULL)
        exits_end(cpu->exits);
    int r = kvm_run_vcpu(v);
    int e = errno;
    if (r >= 0 || e == EINTR)
        observe(v, r < 0);
    store_apic(v);
    if (r < 0) {
        if (e == EINTR)
            kick_signal_drain();
        return run_failed(v, e, exit);
    }
    uint32_t reason = v->run->exit_reason;
    kvm_stats_exit(&v->stats, v->run);
    v->io_pending = reason == KVM_EXIT_IO || reason == KVM_EXIT_MMIO || reason == KVM_EXIT_X86_RDMSR ||
                    reason == KVM_EXIT_X86_WRMSR;
    enum KvmAction action = kvm_handle_exit(cpu, v->run, exit);
    if (reason == KVM_EXIT_X86_WRMSR)
        give_apic_base(v);
    return action;
}

/* Finish the instruction whose access the last exit was: its registers are not written yet. It may have more accesses.
 */
static enum KvmAction complete_io(struct KvmVcpu *v, enum VcpuExit *exit) {
    enum KvmAction action = KVM_ACTION_RUN;
    v->completing = true;
    while (v->io_pending && action == KVM_ACTION_RUN) {
        v->io_pending = false;
        set_immediate_exit(v, 1);
        action = run_once(v, exit);
    }
    v->completing = false;
    return action;
}

/* A stop for the debugger, or a step of an instruction budget: what it means. */
static enum KvmAction after_run(struct KvmVcpu *v, enum KvmAction action, enum VcpuExit *exit) {
    if (action == KVM_ACTION_LEAVE && *exit == VCPU_EXIT_DEBUG)
        return kvm_debug_exit(v, exit);
    if (action == KVM_ACTION_LEAVE && *exit == VCPU_EXIT_HALT)
        return kvm_debug_halted(v, exit);
    return action;
}

static bool must_leave(uint32_t events) { return (events & (CPU_EVENT_LEAVE | CPU_EVENT_INIT | CPU_EVENT_SIPI)) != 0; }

/* Another engine has had the guest. What is decoded is not our matter. */
static void forget(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    cpu_retract(cpu, CPU_EVENT_MAP | CPU_EVENT_CODE);
    pthread_mutex_lock(cpu->lock);
    kvm_vm_forget_translations(v->vm);
    pthread_mutex_unlock(cpu->lock);
}

static bool broken(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    if (!atomic_load(&v->vm->map_failed))
        return false;
    snprintf(cpu->error, sizeof(cpu->error), "kvm: %s", v->vm->map_error);
    return true;
}

/* One KVM_RUN, events before it, and what came of it. */
static enum KvmAction run_next(struct KvmVcpu *v, uint32_t events, enum VcpuExit *exit) {
    inject(v, events);
    load_cr8(v);
    enum KvmAction action = run_once(v, exit);
    if (v->stepping && v->io_pending && action == KVM_ACTION_RUN) {
        /* KVM's emulator does not stop after an instruction that writes to a device: that is seen here */
        action = complete_io(v, exit);
        if (action == KVM_ACTION_RUN)
            return kvm_debug_stepped(v, exit);
    }
    return after_run(v, action, exit);
}

static enum VcpuExit loop(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    enum VcpuExit exit = VCPU_EXIT_KICK;
    for (;;) {
        set_immediate_exit(v, 0);
        uint32_t events = atomic_load(&cpu->events);
        if (broken(v))
            return VCPU_EXIT_ERROR;
        if (must_leave(events)) {
            exit = VCPU_EXIT_KICK;
            enum KvmAction action = complete_io(v, &exit);
            action = after_run(v, action, &exit);
            if (action == KVM_ACTION_RUN)
                return VCPU_EXIT_KICK;
            return action == KVM_ACTION_LEAVE ? exit : VCPU_EXIT_KICK; /* an assist comes again with the next exec */
        }
        if (v->stepping && cpu->insn_count >= cpu->insn_limit)
            return VCPU_EXIT_BUDGET;
        if (events & CPU_EVENT_MAP)
            forget(v);
        enum KvmAction action = KVM_ACTION_ASSIST;
        if (v->held_db == 0 && !kvm_debug_assists(v, events))
            action = run_next(v, events, &exit);
        if (action == KVM_ACTION_ASSIST) {
            kvm_debug_disarm(v);
            kvm_patches_alone(v);
            action = kvm_assist(cpu, &exit);
            kvm_patches_together(v);
            if (action == KVM_ACTION_RUN && kvm_debug_arm(v) != 0)
                return VCPU_EXIT_ERROR;
        }
        if (action == KVM_ACTION_LEAVE)
            return exit;
    }
}

enum VcpuExit kvm_exec(struct CPUState *cpu) {
    struct KvmVcpu *v = cpu->engine;
    kvm_enter(v);
    kvm_put_time(v);
    enum VcpuExit exit = kvm_debug_arm(v) == 0 ? loop(v) : VCPU_EXIT_ERROR;
    kvm_debug_disarm(v);
    kvm_leave(v);
    return kvm_flush_regs(v) == 0 ? exit : VCPU_EXIT_ERROR;
}
