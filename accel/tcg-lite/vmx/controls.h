/* SPDX-License-Identifier: MIT */
/**
 * The VMX controls (SDM vol. 3, 25.6 to 25.8 and appendix A): one table says which there are, by word and bit, and
 * which are implemented. The capability MSRs, the fields that a VMCS has, and the checks of a VM entry follow from it.
 */
#ifndef TWIN86_TCG_VMX_CONTROLS_H
#define TWIN86_TCG_VMX_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

/** The words that hold controls. */
enum VmxWord { VMX_PIN, VMX_PROC, VMX_PROC2, VMX_EXIT, VMX_ENTRY, VMX_WORDS };

/** Controls that something depends on; VMX_CONTROL_ALWAYS: on none. */
enum VmxControl {
    VMX_CONTROL_ALWAYS,
    VMX_CONTROL_POSTED_INTERRUPTS,
    VMX_CONTROL_PREEMPTION_TIMER,
    VMX_CONTROL_TPR_SHADOW,
    VMX_CONTROL_IO_BITMAPS,
    VMX_CONTROL_MSR_BITMAPS,
    VMX_CONTROL_SECONDARY,
    VMX_CONTROL_APIC_ACCESSES,
    VMX_CONTROL_EPT,
    VMX_CONTROL_VPID,
    VMX_CONTROL_VIRTUAL_INTERRUPTS,
    VMX_CONTROL_PAUSE_LOOP,
    VMX_CONTROL_VM_FUNCTIONS,
    VMX_CONTROL_VMCS_SHADOWING,
    VMX_CONTROL_PML,
    VMX_CONTROL_EPT_VIOLATION_VE,
    VMX_CONTROL_XSAVES,
    VMX_CONTROL_TSC_SCALING,
    VMX_CONTROL_EXIT_LOAD_PAT,
    VMX_CONTROL_EXIT_LOAD_EFER,
    VMX_CONTROL_LOAD_PAT,
    VMX_CONTROL_LOAD_EFER,
    /* no field needs these */
    VMX_CONTROL_EXTERNAL_INTERRUPTS,
    VMX_CONTROL_NMIS,
    VMX_CONTROL_VIRTUAL_NMIS,
    VMX_CONTROL_NMI_WINDOW,
    VMX_CONTROL_MONITOR_TRAP,
    VMX_CONTROL_X2APIC,
    VMX_CONTROL_UNRESTRICTED,
    VMX_CONTROL_APIC_REGISTERS,
    VMX_CONTROL_HOST_64,
    VMX_CONTROL_ACKNOWLEDGE,
    VMX_CONTROL_SAVE_TIMER,
    VMX_CONTROL_LOAD_DEBUG,
    VMX_CONTROL_GUEST_IA32E,
    VMX_CONTROL_TO_SMM,
    VMX_CONTROL_NO_DUAL_MONITOR,
    VMX_CONTROLS
};

/** Whether that control can be 1. */
bool vmx_has_control(enum VmxControl c);

/** Whether it is 1 in these words. */
bool vmx_control_set(const uint32_t words[VMX_WORDS], enum VmxControl c);
/** Set it to 1. */
void vmx_set_control(uint32_t words[VMX_WORDS], enum VmxControl c);

/** Which bits of a word have to be 1 (the low half), and which may be (the high half), as the capability MSRs say it.
 */
uint64_t vmx_word_capability(enum VmxWord word);

#endif
