/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/sys/kvm_pv.h"
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/vcpu.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the clock ---- */

/* In guest memory; `version` is odd while it is being written. */
struct ClockPage {
    uint32_t version, pad0;
    uint64_t tsc, ns;
    uint32_t multiplier; /* ns = this->ns + ((tsc - this->tsc) << shift) * multiplier / 2^32 */
    int8_t shift;
    uint8_t flags, pad1[2];
};
_Static_assert(sizeof(struct ClockPage) == 32, "as guests know it");

struct WallPage {
    uint32_t version, seconds, ns;
};

enum { ENABLED = 1, CLOCK_TSC_STABLE = 1 };

/* The multiplier has its top bit set, for precision. */
static void scale(uint64_t hz, struct ClockPage *p) {
    p->shift = 0;
    for (; hz >= 2 * NS_PER_SEC; hz /= 2)
        p->shift--;
    for (; hz <= NS_PER_SEC; hz *= 2)
        p->shift++;
    p->multiplier = (uint32_t)(((uint64_t)NS_PER_SEC << 32) / hz);
}

/* Write `n` bytes that begin with a version. */
static void write_versioned(struct Tcg *t, uint64_t gpa, void *page, size_t n) {
    struct Bus *bus = t->cpu->bus;
    uint32_t version = ((uint32_t)bus_read_uint(bus, gpa, 4) + 1) | 1, done = version + 1;
    memcpy(page, &version, sizeof(version));
    bus_write(bus, gpa, page, n);
    bus_write(bus, gpa, &done, sizeof(done));
}

static void write_clock(struct Tcg *t) {
    const CPUX86State *env = t->env;
    struct ClockPage p = {.tsc = cpu_read_tsc(t->cpu),
                          .ns = (uint64_t)clock_now(t->cpu->clock) + env->kvm_clock_offset,
                          .flags = cpu_has(&t->cpu->model, CPUID_KVMCLOCK_STABLE) ? CLOCK_TSC_STABLE : 0};
    scale(t->cpu->tsc_hz, &p);
    write_versioned(t, env->kvm_clock & ~(uint64_t)ENABLED, &p, sizeof(p));
}

/* What the wall clock showed when the system time was 0. */
static void write_wall_clock(struct Tcg *t, uint64_t gpa) {
    int64_t ns = clock_now(t->cpu->clock) + (int64_t)t->env->kvm_clock_offset;
    int64_t start = clock_wall_seconds(t->cpu->clock) - ns / NS_PER_SEC;
    struct WallPage p = {.seconds = (uint32_t)start};
    write_versioned(t, gpa, &p, sizeof(p));
}

void kvm_pv_clock_changed(struct Tcg *t) {
    if (t->env->kvm_clock & ENABLED)
        write_clock(t);
}

/* ---- steal time ---- */

struct StealPage {
    uint64_t steal; /* ns that the vCPU was ready to run, and did not */
    uint32_t version, flags;
    uint8_t preempted, pad[47];
};
_Static_assert(sizeof(struct StealPage) == 64, "as guests know it");

enum { STEAL_RESERVED = 0x3e, STEAL_EVERY_NS = 10 * 1000 * 1000 };

/* How long the host let this thread wait for a processor. With icount time is not the host's, and nothing is stolen. */
static uint64_t host_wait_ns(const struct Tcg *t) { return t->cpu->icount ? 0 : (uint64_t)vcpu_waited(t->cpu); }

static int64_t host_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* The count grows, whatever the host counted before: a guest that changes its mind, or its engine, goes on from what it
 * has. */
static void write_steal(struct Tcg *t, uint64_t waited) {
    struct Bus *bus = t->cpu->bus;
    uint64_t gpa = t->env->kvm_steal_time & ~(uint64_t)(STEAL_RESERVED | ENABLED);
    struct StealPage p;
    bus_read(bus, gpa, &p, sizeof(p));
    p.version |= 1;
    bus_write(bus, gpa, &p, sizeof(p));
    p.steal += waited - t->steal_base;
    p.version++;
    p.preempted = 0;
    bus_write(bus, gpa, &p, sizeof(p));
    t->steal_base = waited;
}

void kvm_pv_tell_steal(struct Tcg *t) {
    int64_t now = host_now();
    if (!(t->env->kvm_steal_time & ENABLED) || now < t->steal_due)
        return;
    t->steal_due = now + STEAL_EVERY_NS;
    uint64_t waited = host_wait_ns(t);
    if (waited != t->steal_base)
        write_steal(t, waited);
}

static bool set_steal(struct Tcg *t, uint64_t v) {
    if (v & STEAL_RESERVED)
        return false;
    t->env->kvm_steal_time = v;
    t->steal_base = host_wait_ns(t);
    t->steal_due = 0;
    if (v & ENABLED)
        write_steal(t, t->steal_base);
    return true;
}

/* ---- PV EOI ---- */

/* The local APIC uses the byte, wherever it is RAM. */
static void connect_pv_eoi(struct Tcg *t) {
    struct CPUState *cpu = t->cpu;
    uint64_t v = t->env->kvm_pv_eoi;
    if (cpu->apic == NULL || cpu->apic->set_pv_eoi == NULL)
        return;
    void *flag = v & ENABLED ? bus_ram_ptr(cpu->bus, v & ~(uint64_t)3, 4) : NULL;
    pthread_mutex_lock(cpu->lock);
    cpu->apic->set_pv_eoi(cpu->apic_opaque, flag);
    pthread_mutex_unlock(cpu->lock);
}

static bool set_pv_eoi(struct Tcg *t, uint64_t v) {
    if (v & 2)
        return false;
    t->env->kvm_pv_eoi = v;
    connect_pv_eoi(t);
    return true;
}

/* ---- MSRs ---- */

static uint64_t *field(struct Tcg *t, uint32_t msr) {
    CPUX86State *env = t->env;
    switch (msr) {
    case KVM_PV_WALL_CLOCK: return &env->kvm_wall_clock;
    case KVM_PV_SYSTEM_TIME: return &env->kvm_clock;
    case KVM_PV_STEAL_TIME: return &env->kvm_steal_time;
    default: return &env->kvm_pv_eoi;
    }
}

bool kvm_pv_msr_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    *v = *field(t, msr);
    return true;
}

bool kvm_pv_msr_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    tcg_sync_count(t, t->insn);
    switch (msr) {
    case KVM_PV_STEAL_TIME: return set_steal(t, v);
    case KVM_PV_EOI: return set_pv_eoi(t, v);
    case KVM_PV_WALL_CLOCK:
        t->env->kvm_wall_clock = v;
        write_wall_clock(t, v);
        return true;
    default:
        t->env->kvm_clock = v;
        kvm_pv_clock_changed(t);
        return true;
    }
}

void kvm_pv_enter(struct Tcg *t) {
    if (t->kvm_pv_stale) { /* another engine, or a debugger, may have changed what is described */
        t->kvm_pv_stale = false;
        t->steal_base = host_wait_ns(t);
        kvm_pv_clock_changed(t);
        connect_pv_eoi(t);
    }
    kvm_pv_tell_steal(t);
}

/* ---- hypercalls ---- */

enum { CALL_VAPIC_POLL_IRQ = 1, CALL_KICK_CPU = 5, CALL_SEND_IPI = 10, CALL_SCHED_YIELD = 11 };
enum { ERROR_PERMISSION = -1, ERROR_INVALID = -22, ERROR_UNKNOWN = -1000 };
enum { ICR_DESTINATION = 0x800, ICR_SHORTHAND = 0xc0000 };

static int64_t send_ipis(struct Tcg *t, const uint64_t arg[4], bool wide) {
    struct CPUState *cpu = t->cpu;
    /* one set of bits: in 32-bit code each half has 32 */
    uint64_t bits[2] = {wide ? arg[0] : (uint32_t)arg[0] | arg[1] << 32, wide ? arg[1] : 0};
    if (arg[3] & (ICR_DESTINATION | ICR_SHORTHAND))
        return ERROR_INVALID;
    if (cpu->apic == NULL || cpu->apic->send_ipis == NULL)
        return ERROR_UNKNOWN;
    pthread_mutex_lock(cpu->lock);
    unsigned taken = cpu->apic->send_ipis(cpu->apic_opaque, bits, (uint32_t)arg[2], (uint32_t)arg[3]);
    pthread_mutex_unlock(cpu->lock);
    return taken;
}

/* The second argument is the APIC id of a vCPU that waits in HLT, perhaps with interrupts off, or is about to. */
static int64_t kick(struct Tcg *t, uint64_t id) {
    struct CPUState *cpu = t->cpu;
    if (cpu->apic == NULL || cpu->apic->kick == NULL)
        return 0;
    pthread_mutex_lock(cpu->lock);
    cpu->apic->kick(cpu->apic_opaque, (uint32_t)id);
    pthread_mutex_unlock(cpu->lock);
    return 0;
}

/* What a processor that waits, or the one that it waits for, would have it easier by: here all have the same thread. */
static int64_t yield(void) {
    sched_yield();
    return 0;
}

static int64_t call(struct Tcg *t, uint64_t number, const uint64_t arg[4], bool wide) {
    const struct CpuModel *m = &t->cpu->model;
    switch (number) {
    case CALL_VAPIC_POLL_IRQ: return 0; /* interrupts are looked at after every exit */
    case CALL_KICK_CPU: return cpu_has(m, CPUID_KVM_PV_UNHALT) ? kick(t, arg[1]) : ERROR_UNKNOWN;
    case CALL_SEND_IPI: return cpu_has(m, CPUID_KVM_PV_IPI) ? send_ipis(t, arg, wide) : ERROR_UNKNOWN;
    case CALL_SCHED_YIELD: return cpu_has(m, CPUID_KVM_PV_SCHED_YIELD) ? yield() : ERROR_UNKNOWN;
    default: return ERROR_UNKNOWN;
    }
}

/* VMCALL and VMMCALL are each other vendor's invalid opcode, and without KVM both are. */
static void hypercall(struct Tcg *t, const struct Insn *i, enum CpuVendor vendor) {
    CPUX86State *env = t->env;
    static const uint8_t reg[] = {REG_BX, REG_CX, REG_DX, REG_SI};
    bool wide = x86_code64(env);
    uint64_t arg[4], mask = wide ? UINT64_MAX : UINT32_MAX;
    if (env->vmx != VMX_OFF && vendor == VENDOR_INTEL) { /* no call of the host's: it is a VMX instruction here */
        vmx_vmcall(t);
        return;
    }
    if (t->cpu->model.feature[FEAT_KVM] == 0 || t->cpu->model.vendor != vendor)
        tcg_fault(t, VEC_UD);
    tcg_sync_count(t, i);
    if (UNLIKELY(t->cpu->exits != NULL))
        tcg_exit_hypercall(t, i);
    for (unsigned k = 0; k < 4; k++)
        arg[k] = env->gpr[reg[k]] & mask;
    int64_t result = x86_cpl(env) != 0 ? ERROR_PERMISSION : call(t, env->gpr[REG_AX] & mask, arg, wide);
    env->gpr[REG_AX] = (uint64_t)result & mask;
    if (UNLIKELY(t->cpu->exits != NULL))
        exits_end(t->cpu->exits);
}

void helper_vmcall(struct Tcg *t, const struct Insn *i) { hypercall(t, i, VENDOR_INTEL); }
void helper_vmmcall(struct Tcg *t, const struct Insn *i) { hypercall(t, i, VENDOR_AMD); }
