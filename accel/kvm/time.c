/* SPDX-License-Identifier: MIT */
/*
 * The TSC and kvmclock, which count on their own while KVM has them; env says how far they are from the machine's
 * clock.
 *
 * What vCPUs have in common has to stay so: Linux calls a TSC unstable that is a cycle behind another processor's. But
 * the clock is read at one moment and KVM asked at another, so what is learnt that way is about right and no more. So
 * offsets from the host's TSC, which are exact, are what is kept and compared: vCPUs whose env says the same get the
 * same offset, and when they stand, those with the same offset get the same env (kvm_settle_time).
 */
#include "accel/kvm/kvm.h"

#include <sys/ioctl.h>

#define MSR_TSC 0x10u
#define MSR_TSC_ADJUST 0x3bu

void kvm_time_init(struct KvmTime *t) {
    *t = (struct KvmTime){0};
    pthread_mutex_init(&t->lock, NULL);
}

void kvm_time_destroy(struct KvmTime *t) { pthread_mutex_destroy(&t->lock); }

/* ---- the host's ---- */

static uint64_t host_tsc(void) { return __builtin_ia32_rdtsc(); }

/* The host's TSC minus the clock as one: the best of a few readings, for the thread may lose its processor in one. So
 * the guest's TSC is the clock's + its offset from the host's + the sample. */
static uint64_t take_sample(struct CPUState *cpu) {
    enum { READINGS = 3 };
    uint64_t sample = 0, width = UINT64_MAX;
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t before = host_tsc(), clock = cpu_read_tsc(cpu) - cpu->env.tsc_offset, after = host_tsc();
        if (after - before >= width)
            continue;
        width = after - before;
        sample = before + width / 2 - clock;
    }
    return sample;
}

/* ---- KVM's ---- */

/* In headers since Linux 5.16. */
#ifndef KVM_VCPU_TSC_CTRL
#define KVM_VCPU_TSC_CTRL 0
#define KVM_VCPU_TSC_OFFSET 0
#endif

static bool offset_attribute(const struct KvmVcpu *v, unsigned long request, uint64_t *offset) {
    struct kvm_device_attr a = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uint64_t)(uintptr_t)offset};
    return ioctl(v->fd, request, &a) == 0;
}

void kvm_probe_tsc(struct KvmVcpu *v) {
    uint64_t offset;
    v->tsc_attribute = offset_attribute(v, KVM_HAS_DEVICE_ATTR, &offset);
}

/* Where the offset can't be asked for, it is what was given, unless the guest has set its TSC: then it is far off. */
static bool read_offset(struct KvmVcpu *v, uint64_t *offset) {
    uint64_t tsc = 0, before = host_tsc(), tolerance = v->cpu->tsc_hz / 1000;
    if (v->tsc_attribute)
        return offset_attribute(v, KVM_GET_DEVICE_ATTR, offset);
    if (!kvm_one_msr(v, KVM_GET_MSRS, MSR_TSC, &tsc))
        return false;
    uint64_t after = host_tsc(), measured = tsc - (before + (after - before) / 2), away = measured - v->tsc.kvm;
    tolerance += after - before;
    *offset = away + tolerance <= 2 * tolerance ? v->tsc.kvm : measured;
    return true;
}

/* KVM takes a value within a second of the one before, of whatever vCPU, as an attempt to synchronize processors, and
 * goes on counting from that one. For one that is to be like another (`shared`), that is right; else a value far away
 * goes in between. */
static void write_offset(struct KvmVcpu *v, uint64_t offset, bool shared) {
    if (v->tsc_attribute && offset_attribute(v, KVM_SET_DEVICE_ATTR, &offset))
        return;
    uint64_t far = (host_tsc() + offset) ^ 1ull << 62;
    if (!shared)
        kvm_one_msr(v, KVM_SET_MSRS, MSR_TSC, &far);
    uint64_t tsc = host_tsc() + offset;
    kvm_one_msr(v, KVM_SET_MSRS, MSR_TSC, &tsc);
}

/* kvmclock stands still while our clock does. */
static uint64_t read_kvmclock(struct KvmVcpu *v) {
    struct kvm_clock_data c;
    if (!v->vm->caps.adjust_clock || ioctl(v->vm->fd, KVM_GET_CLOCK, &c) != 0)
        return v->cpu->env.kvm_clock_offset;
    return c.clock - (uint64_t)clock_now(v->cpu->clock);
}

/* The VM has one: the first vCPU after a pause sets it, before any of them runs; and who has been given another. */
static void put_kvmclock(struct KvmVcpu *v, uint64_t epoch) {
    struct KvmTime *t = &v->vm->time;
    uint64_t offset = v->cpu->env.kvm_clock_offset;
    bool own = v->tsc.known && v->tsc.kvmclock == offset;
    if (t->known && t->epoch == epoch && (own || t->placed == offset))
        return;
    struct kvm_clock_data c = {.clock = (uint64_t)clock_now(v->cpu->clock) + offset};
    if (v->vm->caps.adjust_clock && cpu_has(&v->cpu->model, CPUID_KVMCLOCK))
        ioctl(v->vm->fd, KVM_SET_CLOCK, &c);
    t->placed = offset;
    t->epoch = epoch;
    t->known = true;
}

/* ---- env's ---- */

/* A vCPU that has not run since the clock was started or stopped has nothing to tell. */
void kvm_get_time(struct KvmVcpu *v) {
    CPUX86State *env = &v->cpu->env;
    struct KvmTime *t = &v->vm->time;
    uint64_t kvm, epoch = clock_epoch(v->cpu->clock);
    if (!v->tsc.known || v->tsc.epoch != epoch || clock_stopped(v->cpu->clock))
        return;
    pthread_mutex_lock(&t->lock);
    uint64_t sample = take_sample(v->cpu), kvmclock = read_kvmclock(v);
    if (read_offset(v, &kvm)) {
        kvm_one_msr(v, KVM_GET_MSRS, MSR_TSC_ADJUST, &env->tsc_adjust);
        v->tsc.kvm = kvm;
        v->tsc.env = env->tsc_offset = kvm + sample;
        v->tsc.kvmclock = env->kvm_clock_offset = kvmclock;
        t->tsc_sample = sample;
        t->kvmclock = kvmclock;
        t->sample_epoch = epoch;
        t->sampled = true;
    }
    pthread_mutex_unlock(&t->lock);
}

uint64_t kvm_place_tsc(const struct KvmVm *vm, uint64_t wanted, uint64_t epoch, uint64_t sample, bool *shared) {
    *shared = true;
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++) {
        const struct KvmTsc *t = &vm->vcpu[i]->tsc;
        if (t->known && t->epoch == epoch && t->placed == wanted)
            return t->placed_kvm;
    }
    *shared = false;
    return wanted - sample;
}

/* Only what somebody has changed, so that looking at registers does not set it back. */
void kvm_put_time(struct KvmVcpu *v) {
    struct CPUState *cpu = v->cpu;
    struct KvmTime *t = &v->vm->time;
    struct KvmTsc *tsc = &v->tsc;
    uint64_t epoch = clock_epoch(cpu->clock), wanted = cpu->env.tsc_offset, adjust = cpu->env.tsc_adjust;
    bool shared;
    if (tsc->known && tsc->env == wanted && tsc->epoch == epoch)
        return;
    pthread_mutex_lock(&t->lock);
    put_kvmclock(v, epoch);
    uint64_t kvm = kvm_place_tsc(v->vm, wanted, epoch, take_sample(cpu), &shared);
    kvm_one_msr(v, KVM_SET_MSRS, MSR_TSC_ADJUST, &adjust);
    write_offset(v, kvm, shared);
    *tsc = (struct KvmTsc){.kvm = kvm,
                           .env = wanted,
                           .kvmclock = cpu->env.kvm_clock_offset,
                           .placed = wanted,
                           .placed_kvm = kvm,
                           .epoch = epoch,
                           .known = true};
    pthread_mutex_unlock(&t->lock);
}

/* In the epoch of the sample, the guest's TSC has run in KVM. */
static bool has_run(const struct KvmTime *t, const struct KvmTsc *tsc) {
    return tsc->known && tsc->epoch == t->sample_epoch;
}

/* env's tsc_offset: of a vCPU that has run; or, until one has, the same as that of others which were given the same. */
static uint64_t settled_tsc(const struct KvmVm *vm, const struct KvmTsc *tsc, uint64_t offset) {
    const struct KvmTime *t = &vm->time;
    if (has_run(t, tsc) && tsc->env == offset)
        return tsc->kvm + t->tsc_sample;
    for (unsigned i = 0; i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++) {
        const struct KvmTsc *other = &vm->vcpu[i]->tsc;
        if (has_run(t, other) && other->placed == offset)
            return other->placed_kvm + t->tsc_sample;
    }
    return offset;
}

static uint64_t settled_kvmclock(const struct KvmTime *t, const struct KvmTsc *tsc, uint64_t offset) {
    bool ours = (has_run(t, tsc) && tsc->kvmclock == offset) || (t->known && t->placed == offset);
    return ours ? t->kvmclock : offset;
}

static void settle_vcpu(const struct KvmVm *vm, struct KvmVcpu *v) {
    CPUX86State *env = &v->cpu->env;
    bool same = v->tsc.env == env->tsc_offset;
    env->tsc_offset = settled_tsc(vm, &v->tsc, env->tsc_offset);
    env->kvm_clock_offset = settled_kvmclock(&vm->time, &v->tsc, env->kvm_clock_offset);
    if (same)
        v->tsc.env = env->tsc_offset;
    v->tsc.kvmclock = env->kvm_clock_offset;
}

void kvm_settle_time(struct KvmVm *vm) {
    struct KvmTime *t = &vm->time;
    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; t->sampled && i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        settle_vcpu(vm, vm->vcpu[i]);
    for (unsigned i = 0; t->sampled && i < KVM_VCPUS_MAX && vm->vcpu[i] != NULL; i++)
        if (has_run(t, &vm->vcpu[i]->tsc))
            vm->vcpu[i]->tsc.placed = vm->vcpu[i]->tsc.placed_kvm + t->tsc_sample;
    if (t->sampled)
        t->placed = t->kvmclock;
    t->sampled = false;
    pthread_mutex_unlock(&t->lock);
}
