/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/vmx/controls.h"

/* A row for each control that a field of the VMCS or a check of VM entry depends on. What is not implemented stays
 * fixed to 0. */
static const struct {
    uint8_t word, bit;
    bool implemented;
} controls[VMX_CONTROLS] = {
    [VMX_CONTROL_POSTED_INTERRUPTS] = {VMX_PIN, 7, false},
    [VMX_CONTROL_PREEMPTION_TIMER] = {VMX_PIN, 6, false},
    [VMX_CONTROL_TPR_SHADOW] = {VMX_PROC, 21, false},
    [VMX_CONTROL_IO_BITMAPS] = {VMX_PROC, 25, false},
    [VMX_CONTROL_MSR_BITMAPS] = {VMX_PROC, 28, false},
    [VMX_CONTROL_SECONDARY] = {VMX_PROC, 31, false},
    [VMX_CONTROL_APIC_ACCESSES] = {VMX_PROC2, 0, false},
    [VMX_CONTROL_EPT] = {VMX_PROC2, 1, false},
    [VMX_CONTROL_VPID] = {VMX_PROC2, 5, false},
    [VMX_CONTROL_VIRTUAL_INTERRUPTS] = {VMX_PROC2, 9, false},
    [VMX_CONTROL_PAUSE_LOOP] = {VMX_PROC2, 10, false},
    [VMX_CONTROL_VM_FUNCTIONS] = {VMX_PROC2, 13, false},
    [VMX_CONTROL_VMCS_SHADOWING] = {VMX_PROC2, 14, false},
    [VMX_CONTROL_PML] = {VMX_PROC2, 17, false},
    [VMX_CONTROL_EPT_VIOLATION_VE] = {VMX_PROC2, 18, false},
    [VMX_CONTROL_XSAVES] = {VMX_PROC2, 20, false},
    [VMX_CONTROL_TSC_SCALING] = {VMX_PROC2, 25, false},
    [VMX_CONTROL_EXIT_LOAD_PAT] = {VMX_EXIT, 19, false},
    [VMX_CONTROL_EXIT_LOAD_EFER] = {VMX_EXIT, 21, false},
    [VMX_CONTROL_LOAD_PAT] = {VMX_ENTRY, 14, false},
    [VMX_CONTROL_LOAD_EFER] = {VMX_ENTRY, 15, false},
    [VMX_CONTROL_EXTERNAL_INTERRUPTS] = {VMX_PIN, 0, false},
    [VMX_CONTROL_NMIS] = {VMX_PIN, 3, false},
    [VMX_CONTROL_VIRTUAL_NMIS] = {VMX_PIN, 5, false},
    [VMX_CONTROL_NMI_WINDOW] = {VMX_PROC, 22, false},
    [VMX_CONTROL_MONITOR_TRAP] = {VMX_PROC, 27, false},
    [VMX_CONTROL_X2APIC] = {VMX_PROC2, 4, false},
    [VMX_CONTROL_UNRESTRICTED] = {VMX_PROC2, 7, false},
    [VMX_CONTROL_APIC_REGISTERS] = {VMX_PROC2, 8, false},
    [VMX_CONTROL_HOST_64] = {VMX_EXIT, 9, false},
    [VMX_CONTROL_ACKNOWLEDGE] = {VMX_EXIT, 15, false},
    [VMX_CONTROL_SAVE_TIMER] = {VMX_EXIT, 22, false},
    [VMX_CONTROL_GUEST_IA32E] = {VMX_ENTRY, 9, false},
    [VMX_CONTROL_TO_SMM] = {VMX_ENTRY, 10, false},
    [VMX_CONTROL_NO_DUAL_MONITOR] = {VMX_ENTRY, 11, false},
    [VMX_CONTROL_LOAD_DEBUG] = {VMX_ENTRY, 2, true}, /* default1 */
};

/* The default1 class (SDM vol. 3, appendix A.2 to A.5). None of it can be 0 here, so the IA32_VMX_TRUE_* MSRs, which
 * could say otherwise, are as the others. */
static const uint32_t default1[VMX_WORDS] = {
    [VMX_PIN] = 0x00000016, [VMX_PROC] = 0x0401e172, [VMX_EXIT] = 0x00036dff, [VMX_ENTRY] = 0x000011ff};

bool vmx_has_control(enum VmxControl c) { return c == VMX_CONTROL_ALWAYS || controls[c].implemented; }

bool vmx_control_set(const uint32_t words[VMX_WORDS], enum VmxControl c) {
    return words[controls[c].word] >> controls[c].bit & 1;
}

void vmx_set_control(uint32_t words[VMX_WORDS], enum VmxControl c) { words[controls[c].word] |= 1u << controls[c].bit; }

uint64_t vmx_word_capability(enum VmxWord word) {
    uint32_t ones = default1[word], may = ones;
    for (unsigned c = VMX_CONTROL_ALWAYS + 1; c < VMX_CONTROLS; c++)
        if (controls[c].word == word && controls[c].implemented)
            may |= 1u << controls[c].bit;
    return (uint64_t)may << 32 | ones;
}
