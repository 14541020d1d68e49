/* SPDX-License-Identifier: MIT */
/* A vCPU's life. */
#include "accel/kvm/kick_signal.h"
#include "accel/kvm/kvm.h"
#include "base/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int refuse(struct CPUState *cpu, int r, const char *why) {
    return why_set(cpu->error, sizeof(cpu->error), r, "kvm: %s", why);
}

static int failed(struct CPUState *cpu, int r, const char *what) {
    return why_set(cpu->error, sizeof(cpu->error), r, "kvm: %s: %s", what, strerror(-r));
}

/* What the software engine can do and hardware can't. */
static int check(struct CPUState *cpu) {
    if (cpu->icount)
        return refuse(cpu, -EINVAL, "hardware does not count instructions; -icount needs -accel tcg-lite");
    if (cpu->trace != NULL &&
        (cpu->trace->insn != NULL || cpu->trace->decoded != NULL || cpu->trace->translated != NULL))
        return refuse(cpu, -EINVAL,
                      "-d exec, in_asm, out_asm, regs, cpu and -perfmap, -jitdump: hardware does not show "
                      "instructions; they need -accel tcg-lite");
    if (cpu->trace != NULL && cpu->trace->history != 0)
        return refuse(cpu, -EINVAL, "--trace-last: hardware does not show instructions; it needs -accel tcg-lite");
    if (cpu->trace != NULL && cpu->trace->all_events)
        return refuse(cpu, -EINVAL,
                      "-d int: hardware delivers exceptions and interrupts unseen; it needs -accel tcg-lite");
    return 0;
}

/* How many there may be. */
static int check_count(struct CPUState *cpu, const struct KvmCaps *caps) {
    unsigned most = caps->vcpus < KVM_VCPUS_MAX ? caps->vcpus : KVM_VCPUS_MAX;
    if (cpu->index < most && cpu->apic_id < caps->vcpu_ids)
        return 0;
    if (cpu->index < most)
        return why_set(
            cpu->error, sizeof(cpu->error), -EINVAL,
            "kvm: this host's KVM has APIC ids below %u, and a processor is to have %u; use numbers of cores "
            "and threads that are powers of two",
            caps->vcpu_ids, cpu->apic_id);
    return why_set(cpu->error, sizeof(cpu->error), -EINVAL,
                   "kvm: this host's KVM gives a guest %u processors at most; -accel tcg-lite has no such limit", most);
}

static int create(struct KvmVcpu *v) {
    v->fd = ioctl(v->vm->fd, KVM_CREATE_VCPU, (unsigned long)v->cpu->apic_id);
    if (v->fd < 0)
        return -errno;
    void *p = mmap(NULL, (size_t)v->vm->caps.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    v->run = p;
    kvm_probe_tsc(v);
    return kick_signal_unblock_in_kvm_run(v->fd);
}

/* The guest's TSC is the host's. */
static void set_tsc_rate(struct KvmVcpu *v) {
    int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
    if (khz > 0)
        v->cpu->tsc_hz = (uint64_t)khz * 1000;
}

int kvm_vcpu_init(struct CPUState *cpu, struct Accel *accel) {
    struct KvmVm *vm = accel->data;
    int r = check(cpu);
    if (r == 0)
        r = check_count(cpu, &vm->caps);
    if (r != 0)
        return r;
    struct KvmVcpu *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return -ENOMEM;
    v->vm = vm;
    v->cpu = cpu;
    kvm_look_for_observers(v);
    v->fd = -1;
    pthread_mutex_init(&v->kick_lock, NULL);
    cpu->engine = v;
    vm->vcpu[cpu->index] = v;
    char dropped[160];
    if (kvm_stats_init(&v->stats) != 0)
        failed(cpu, r = -ENOMEM, "counters");
    else if ((r = create(v)) != 0)
        failed(cpu, r, "a processor can't be made");
    else if ((r = kvm_fit_model(v, dropped, sizeof(dropped))) != 0)
        failed(cpu, r, "what CPU models it supports can't be learnt");
    if (r != 0) {
        kvm_vcpu_destroy(cpu);
        return r;
    }
    if (dropped[0] != '\0')
        snprintf(cpu->error, sizeof(cpu->error), "kvm: this host can't give the CPU model's %s", dropped);
    if (vm->irqchip) {
        cpu->apic = &kvm_apic_ops;
        cpu->apic_opaque = v;
    }
    set_tsc_rate(v);
    return 0;
}

int kvm_set_model(struct CPUState *cpu) {
    struct KvmVcpu *v = cpu->engine;
    int r = kvm_set_cpuid(v);
    if (r != 0)
        return failed(cpu, r, "the CPU model is refused");
    kvm_probe_msrs(v);
    return 0;
}

void kvm_vcpu_destroy(struct CPUState *cpu) {
    struct KvmVcpu *v = cpu->engine;
    if (v == NULL)
        return;
    kvm_assist_destroy(v);
    if (v->run != NULL)
        munmap(v->run, (size_t)v->vm->caps.run_bytes);
    if (v->fd >= 0)
        close(v->fd);
    pthread_mutex_destroy(&v->kick_lock);
    v->vm->vcpu[cpu->index] = NULL;
    free(v->supported);
    kvm_stats_destroy(&v->stats);
    free(v);
    cpu->engine = NULL;
}
