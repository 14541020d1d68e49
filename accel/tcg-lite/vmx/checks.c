/* SPDX-License-Identifier: MIT */
/* VM entry's checks of the controls and of the host state (SDM vol. 3, 27.2). */
#include "accel/tcg-lite/vmx/checks.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"

#define FIRST_BROKEN(rules) vmx_first_broken(rules, sizeof(rules) / sizeof((rules)[0]))

void vmx_entry_read(struct VmxEntry *e, struct Bus *bus, const struct CpuModel *model, uint64_t region,
                    bool long_mode) {
    *e = (struct VmxEntry){.bus = bus, .model = model, .region = region, .long_mode = long_mode};
    for (unsigned w = 0; w < VMX_WORDS; w++)
        e->capability[w] = vmx_word_capability((enum VmxWord)w);
    e->words[VMX_PIN] = (uint32_t)vmx_field(e, VMCS_PIN_CONTROLS);
    e->words[VMX_PROC] = (uint32_t)vmx_field(e, VMCS_PROC_CONTROLS);
    e->words[VMX_EXIT] = (uint32_t)vmx_field(e, VMCS_EXIT_CONTROLS);
    e->words[VMX_ENTRY] = (uint32_t)vmx_field(e, VMCS_ENTRY_CONTROLS);
    if (vmx_set(e, VMX_CONTROL_SECONDARY))
        e->words[VMX_PROC2] = (uint32_t)vmx_field(e, VMCS_PROC2_CONTROLS);
}

/* ---- controls ---- */

static bool bad_word(const struct VmxEntry *e, enum VmxWord w) {
    uint32_t ones = (uint32_t)e->capability[w], may = (uint32_t)(e->capability[w] >> 32);
    return (~e->words[w] & ones) != 0 || (e->words[w] & ~may) != 0;
}

/* A list of MSRs: 16 bytes each. */
static bool bad_list(const struct VmxEntry *e, enum VmcsEncoding count, enum VmcsEncoding address) {
    uint64_t n = vmx_field(e, count), at = vmx_field(e, address);
    return n != 0 && (vmx_bad_address(e, at, 16) || (at + 16 * n - 1) >> e->model->phys_bits != 0);
}

/* 27.2.1.1. Rows about APIC virtualization, EPT and what came later come with those controls; until then they can't be
 * set. */
static const char *check_execution(const struct VmxEntry *e) {
    const struct VmxRule rules[] = {
        {bad_word(e, VMX_PIN), "pin-based controls have bits that can't be so"},
        {bad_word(e, VMX_PROC), "primary processor-based controls have bits that can't be so"},
        {vmx_set(e, VMX_CONTROL_SECONDARY) && bad_word(e, VMX_PROC2),
         "secondary processor-based controls have bits that can't be so"},
        {vmx_field(e, VMCS_CR3_TARGET_COUNT) > 4, "there are more than 4 CR3-target values"},
        {vmx_set(e, VMX_CONTROL_IO_BITMAPS) && (vmx_bad_address(e, vmx_field(e, VMCS_IO_BITMAP_A), 4096) ||
                                                vmx_bad_address(e, vmx_field(e, VMCS_IO_BITMAP_B), 4096)),
         "an I/O bitmap is at no page"},
        {vmx_set(e, VMX_CONTROL_MSR_BITMAPS) && vmx_bad_address(e, vmx_field(e, VMCS_MSR_BITMAPS), 4096),
         "the MSR bitmaps are at no page"},
        {vmx_set(e, VMX_CONTROL_VIRTUAL_NMIS) && !vmx_set(e, VMX_CONTROL_NMIS), "virtual NMIs need NMI exiting"},
        {vmx_set(e, VMX_CONTROL_NMI_WINDOW) && !vmx_set(e, VMX_CONTROL_VIRTUAL_NMIS),
         "NMI-window exiting needs virtual NMIs"},
        {vmx_set(e, VMX_CONTROL_VPID) && vmx_field(e, VMCS_VPID) == 0, "VPID 0 is the host's"},
        {vmx_set(e, VMX_CONTROL_UNRESTRICTED) && !vmx_set(e, VMX_CONTROL_EPT), "an unrestricted guest needs EPT"},
    };
    return FIRST_BROKEN(rules);
}

/* 27.2.1.2. */
static const char *check_exit(const struct VmxEntry *e) {
    const struct VmxRule rules[] = {
        {bad_word(e, VMX_EXIT), "VM-exit controls have bits that can't be so"},
        {vmx_set(e, VMX_CONTROL_SAVE_TIMER) && !vmx_set(e, VMX_CONTROL_PREEMPTION_TIMER),
         "the preemption timer is saved but not used"},
        {bad_list(e, VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE), "the VM-exit MSR-store list is at no address"},
        {bad_list(e, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD), "the VM-exit MSR-load list is at no address"},
    };
    return FIRST_BROKEN(rules);
}

static bool has_error_code(unsigned vector) {
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC;
}

static bool bad_vector(enum VmxEvent type, unsigned vector) {
    switch (type) {
    case VMX_EVENT_NMI: return vector != VEC_NMI;
    case VMX_EVENT_HARDWARE: return vector > 31;
    case VMX_EVENT_OTHER: return vector != 0;
    default: return false;
    }
}

/* Event injection (27.2.1.3): an error code comes exactly with those exceptions that have one. */
static const char *check_event(const struct VmxEntry *e) {
    uint64_t info = vmx_field(e, VMCS_ENTRY_INTERRUPTION), length = vmx_field(e, VMCS_ENTRY_LENGTH);
    enum VmxEvent type = vmx_injected(e);
    unsigned vector = info & 0xff;
    if (type == VMX_EVENT_NONE)
        return NULL;
    bool real = vmx_set(e, VMX_CONTROL_UNRESTRICTED) && !(vmx_field(e, VMCS_GUEST_CR0) & CR0_PE);
    bool code = !real && type == VMX_EVENT_HARDWARE && has_error_code(vector);
    bool software = type >= VMX_EVENT_SOFTWARE_INTERRUPT && type <= VMX_EVENT_SOFTWARE;
    const struct VmxRule rules[] = {
        {type == 1, "the injected event's type does not exist"},
        {type == VMX_EVENT_OTHER && !(e->capability[VMX_PROC] >> 32 & 1u << 27),
         "a pending MTF VM exit is injected, which does not exist"},
        {bad_vector(type, vector), "the injected event's vector does not go with its type"},
        {code != !!(info & EVENT_ERROR), "the injected event should have an error code, or none"},
        {info & 0x7ffff000, "the injected event has reserved bits"},
        {code && vmx_field(e, VMCS_ENTRY_ERROR_CODE) >> 16, "the injected error code has reserved bits"},
        {software && (length == 0 || length > 15), "the injected software event's instruction has no length"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_entry(const struct VmxEntry *e) {
    const struct VmxRule rules[] = {
        {bad_word(e, VMX_ENTRY), "VM-entry controls have bits that can't be so"},
        {bad_list(e, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD), "the VM-entry MSR-load list is at no address"},
        {vmx_set(e, VMX_CONTROL_TO_SMM) || vmx_set(e, VMX_CONTROL_NO_DUAL_MONITOR),
         "it is an entry to SMM, or from it, and the processor is not in SMM"},
    };
    const char *wrong = FIRST_BROKEN(rules);
    return wrong != NULL ? wrong : check_event(e);
}

const char *vmx_check_controls(const struct VmxEntry *e) {
    const char *wrong = check_execution(e);
    if (wrong == NULL)
        wrong = check_exit(e);
    return wrong != NULL ? wrong : check_entry(e);
}

/* ---- host state ---- */

static const char *check_host_registers(const struct VmxEntry *e) {
    uint64_t cr0 = vmx_field(e, VMCS_HOST_CR0), cr4 = vmx_field(e, VMCS_HOST_CR4);
    const struct VmxRule rules[] = {
        {~cr0 & vmx_cr0_fixed() || cr0 >> 32, "host CR0 has bits that can't be so"},
        {~cr4 & vmx_cr4_fixed() || cr4 & ~cpu_model_cr4(e->model), "host CR4 has bits that can't be so"},
        {vmx_field(e, VMCS_HOST_CR3) >> e->model->phys_bits, "host CR3 is beyond the physical address"},
        {!vmx_canonical(vmx_field(e, VMCS_HOST_SYSENTER_ESP)), "host IA32_SYSENTER_ESP is not canonical"},
        {!vmx_canonical(vmx_field(e, VMCS_HOST_SYSENTER_EIP)), "host IA32_SYSENTER_EIP is not canonical"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_host_segments(const struct VmxEntry *e) {
    enum { RPL_TI = 7 };
    unsigned low = 0;
    for (unsigned f = VMCS_HOST_ES_SELECTOR; f <= VMCS_HOST_TR_SELECTOR; f += 2)
        low |= vmx_field(e, (enum VmcsEncoding)f) & RPL_TI;
    bool canonical = true;
    for (unsigned f = VMCS_HOST_FS_BASE; f <= VMCS_HOST_IDTR_BASE; f += 2)
        canonical = canonical && vmx_canonical(vmx_field(e, (enum VmcsEncoding)f));
    const struct VmxRule rules[] = {
        {low != 0, "a host selector has RPL or TI"},
        {vmx_field(e, VMCS_HOST_CS_SELECTOR) == 0, "host CS is null"},
        {vmx_field(e, VMCS_HOST_TR_SELECTOR) == 0, "host TR is null"},
        {!vmx_set(e, VMX_CONTROL_HOST_64) && vmx_field(e, VMCS_HOST_SS_SELECTOR) == 0, "host SS is null"},
        {!canonical, "a host base is not canonical"},
    };
    return FIRST_BROKEN(rules);
}

static const char *check_address_space(const struct VmxEntry *e) {
    const uint64_t both = EFER_LMA | EFER_LME;
    bool pat = vmx_set(e, VMX_CONTROL_EXIT_LOAD_PAT), efer = vmx_set(e, VMX_CONTROL_EXIT_LOAD_EFER);
    uint64_t host_efer = vmx_field(e, VMCS_HOST_EFER);
    bool wide = vmx_set(e, VMX_CONTROL_HOST_64), guest = vmx_set(e, VMX_CONTROL_GUEST_IA32E);
    uint64_t cr4 = vmx_field(e, VMCS_HOST_CR4), rip = vmx_field(e, VMCS_HOST_RIP);
    const struct VmxRule rules[] = {
        {wide != e->long_mode, "the host's address-space size is not that of the mode it is in"},
        {guest && !wide, "a guest in IA-32e mode needs a 64-bit host"},
        {!wide && cr4 & CR4_PCIDE, "host CR4 has PCIDE outside of IA-32e mode"},
        {!wide && rip >> 32, "host RIP is beyond 32 bits"},
        {wide && !(cr4 & CR4_PAE), "host CR4 has no PAE in IA-32e mode"},
        {wide && !vmx_canonical(rip), "host RIP is not canonical"},
        {pat && vmx_bad_pat(vmx_field(e, VMCS_HOST_PAT)), "host IA32_PAT has a type that does not exist"},
        {efer && host_efer & ~cpu_model_efer(e->model), "host IA32_EFER has reserved bits"},
        {efer && (host_efer & both) != (wide ? both : 0), "host IA32_EFER is not that of its address-space size"},
    };
    return FIRST_BROKEN(rules);
}

const char *vmx_check_host(const struct VmxEntry *e) {
    const char *wrong = check_host_registers(e);
    if (wrong == NULL)
        wrong = check_host_segments(e);
    return wrong != NULL ? wrong : check_address_space(e);
}
