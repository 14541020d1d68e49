/* SPDX-License-Identifier: MIT */
/* What the processor says of its VT-x: IA32_FEATURE_CONTROL and the capability MSRs (SDM vol. 3, 24.7, appendix A). */
#include "accel/tcg-lite/vmx/vmcs.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"

/* ---- IA32_FEATURE_CONTROL ---- */

bool vmx_feature_control_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->feature_control;
    return true;
}

/* Locked, it stays as it is until RESET. There is no SMX, so VMXON in it can't be allowed. */
bool vmx_feature_control_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    (void)msr;
    if ((t->env->feature_control & FEATURE_CONTROL_LOCKED) ||
        (v & ~(uint64_t)(FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON)))
        return false;
    t->env->feature_control = v;
    return true;
}

/* ---- capabilities ---- */

enum {
    MSR_BASIC = VMX_MSR_BASIC,
    MSR_PIN,
    MSR_PROC,
    MSR_EXIT,
    MSR_ENTRY,
    MSR_MISC,
    MSR_CR0_FIXED0,
    MSR_CR0_FIXED1,
    MSR_CR4_FIXED0,
    MSR_CR4_FIXED1,
    MSR_VMCS_ENUM,
    MSR_PROC2,
    MSR_EPT_VPID,
    MSR_TRUE_PIN,
    MSR_TRUE_PROC,
    MSR_TRUE_EXIT,
    MSR_TRUE_ENTRY,
    MSR_VMFUNC,
};
_Static_assert(MSR_VMFUNC == VMX_MSR_BASIC + VMX_MSR_COUNT - 1, "");

/* Write-back memory for the VMCS; VM exits by INS and OUTS come with instruction information; TRUE MSRs (A.1). */
static uint64_t basic(void) {
    enum { MEMORY_WB = 6 };
    return VMCS_REVISION | (uint64_t)VMCS_REGION_SIZE << 32 | (uint64_t)MEMORY_WB << 50 | 1ull << 54 | 1ull << 55;
}

/* Four CR3-target values; no activity state but the active one; lists of 512 MSRs (A.6). */
static uint64_t misc(void) {
    enum { CR3_TARGETS = 4 };
    return CR3_TARGETS << 16;
}

/* The greatest index of any field there is, for people who count (A.9). */
static uint64_t vmcs_enum(void) {
    unsigned most = 0;
    for (unsigned k = 0; k < vmcs_field_count; k++)
        if (vmx_has_control((enum VmxControl)vmcs_fields[k].control) && vmcs_index(vmcs_fields[k].encoding) > most)
            most = vmcs_index(vmcs_fields[k].encoding);
    return most << 1;
}

bool vmx_capability_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    switch (msr) {
    case MSR_BASIC: *v = basic(); return true;
    case MSR_PIN:
    case MSR_TRUE_PIN: *v = vmx_word_capability(VMX_PIN); return true;
    case MSR_PROC:
    case MSR_TRUE_PROC: *v = vmx_word_capability(VMX_PROC); return true;
    case MSR_EXIT:
    case MSR_TRUE_EXIT: *v = vmx_word_capability(VMX_EXIT); return true;
    case MSR_ENTRY:
    case MSR_TRUE_ENTRY: *v = vmx_word_capability(VMX_ENTRY); return true;
    case MSR_MISC: *v = misc(); return true;
    case MSR_CR0_FIXED0: *v = vmx_cr0_fixed(); return true;
    case MSR_CR0_FIXED1: *v = UINT32_MAX; return true;
    case MSR_CR4_FIXED0: *v = vmx_cr4_fixed(); return true;
    case MSR_CR4_FIXED1: *v = cpu_model_cr4(&t->cpu->model); return true;
    case MSR_VMCS_ENUM: *v = vmcs_enum(); return true;
    case MSR_PROC2: *v = vmx_word_capability(VMX_PROC2); return vmx_has_control(VMX_CONTROL_SECONDARY);
    default: return false; /* no EPT, no VPID, no VM functions */
    }
}
