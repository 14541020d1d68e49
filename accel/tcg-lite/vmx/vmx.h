/* SPDX-License-Identifier: MIT */
/**
 * VMX operation of a vCPU: its MSRs, and what it forbids (SDM vol. 3, chapters 24 and 31, appendix A). Whether it is in
 * VMX operation, and which VMCS is current, is in env.
 */
#ifndef TWIN86_TCG_VMX_H
#define TWIN86_TCG_VMX_H

#include "accel/tcg-lite/run/tcg.h"

/** IA32_FEATURE_CONTROL (SDM vol. 3, 24.7). */
enum { FEATURE_CONTROL_LOCKED = 1 << 0, FEATURE_CONTROL_VMXON = 1 << 2 };
bool vmx_feature_control_read(struct Tcg *t, uint32_t msr, uint64_t *v);
bool vmx_feature_control_write(struct Tcg *t, uint32_t msr, uint64_t v);

/** The capability MSRs, IA32_VMX_BASIC and those behind it. False: there is no such MSR. */
enum { VMX_MSR_BASIC = 0x480, VMX_MSR_COUNT = 0x12 };
bool vmx_capability_read(struct Tcg *t, uint32_t msr, uint64_t *v);

/** Bits that have to be 1 in CR0 and CR4 in VMX operation (SDM vol. 3, 24.8; IA32_VMX_CR0_FIXED0 and CR4_FIXED0). */
static inline uint64_t vmx_cr0_fixed(void) { return CR0_PE | CR0_NE | CR0_PG; }
static inline uint64_t vmx_cr4_fixed(void) { return CR4_VMXE; }
/** Whether CR0 (CR4) may have this value now: in VMX operation some bits are fixed. */
static inline bool vmx_allows_cr0(const struct Tcg *t, uint64_t v) {
    return t->env->vmx == VMX_OFF || (~v & vmx_cr0_fixed()) == 0;
}
static inline bool vmx_allows_cr4(const struct Tcg *t, uint64_t v) {
    return t->env->vmx == VMX_OFF || (~v & vmx_cr4_fixed()) == 0;
}

/** VM-instruction error numbers (SDM vol. 3, 31.4). */
enum VmxError {
    VMX_ERROR_VMCALL_IN_ROOT = 1,
    VMX_ERROR_VMCLEAR_ADDRESS = 2,
    VMX_ERROR_VMCLEAR_VMXON_POINTER = 3,
    VMX_ERROR_VMPTRLD_ADDRESS = 9,
    VMX_ERROR_VMPTRLD_VMXON_POINTER = 10,
    VMX_ERROR_VMPTRLD_REVISION = 11,
    VMX_ERROR_UNSUPPORTED_FIELD = 12,
    VMX_ERROR_READ_ONLY_FIELD = 13,
    VMX_ERROR_VMXON_IN_ROOT = 15,
};

/** VMCALL in VMX operation; the caller has seen that the guest is in it. */
void vmx_vmcall(struct Tcg *t);

#endif
