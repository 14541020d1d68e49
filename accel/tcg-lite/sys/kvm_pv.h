/* SPDX-License-Identifier: MIT */
/**
 * KVM's paravirtual interface for guests in software (-cpu ...,kvm=on): clock, PV EOI, steal time and hypercalls, as
 * Linux's Documentation/virt/kvm/x86 (msr.rst, hypercalls.rst, cpuid.rst) describes them. The vCPU's thread.
 */
#ifndef TWIN86_TCG_KVM_PV_H
#define TWIN86_TCG_KVM_PV_H

#include "accel/tcg-lite/run/tcg.h"

enum {
    KVM_PV_WALL_CLOCK = 0x4b564d00,
    KVM_PV_SYSTEM_TIME = 0x4b564d01,
    KVM_PV_STEAL_TIME = 0x4b564d03,
    KVM_PV_EOI = 0x4b564d04,
};

/** Those MSRs. False: #GP. The instruction count is exact. */
bool kvm_pv_msr_read(struct Tcg *t, uint32_t msr, uint64_t *v);
bool kvm_pv_msr_write(struct Tcg *t, uint32_t msr, uint64_t v);

/** exec() begins: tell the guest what has changed meanwhile. */
void kvm_pv_enter(struct Tcg *t);
/** Tell the guest what was stolen from it, if it has asked and it is time again. */
void kvm_pv_tell_steal(struct Tcg *t);
/** The guest's TSC was set: its clock is described anew. */
void kvm_pv_clock_changed(struct Tcg *t);

#endif
