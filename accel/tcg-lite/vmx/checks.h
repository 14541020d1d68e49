/* SPDX-License-Identifier: MIT */
/**
 * What VM entry checks of a VMCS before it enters (SDM vol. 3, chapter 27): pure functions of the VMCS, of what the
 * processor can do, and of the mode it is in. Each gives the first thing that is wrong, in words, or NULL.
 */
#ifndef TWIN86_TCG_VMX_CHECKS_H
#define TWIN86_TCG_VMX_CHECKS_H

#include "accel/tcg-lite/vmx/vmcs.h"
#include "cpu/env.h"
#include "isa/features.h"

/** A VM entry that is to be checked. */
struct VmxEntry {
    struct Bus *bus;
    const struct CpuModel *model;
    uint64_t region;                /* the current VMCS */
    bool long_mode;                 /* the processor is in IA-32e mode */
    uint64_t capability[VMX_WORDS]; /* what each word of controls can be: see vmx_word_capability */
    uint32_t activities;            /* activity states beside the active one: bits 1 to 3 */
    uint32_t words[VMX_WORDS];      /* the VMCS's controls */
};

/** Exit qualifications of an entry that fails by the guest's state (27.8). */
enum { VMX_FAILS_OTHER = 0, VMX_FAILS_PDPTE = 2, VMX_FAILS_LINK = 4 };

/** Read the controls, with what this processor can do. */
void vmx_entry_read(struct VmxEntry *e, struct Bus *bus, const struct CpuModel *model, uint64_t region, bool long_mode);

/** The controls (27.2.1): VMfail 7. */
const char *vmx_check_controls(const struct VmxEntry *e);
/** The host state (27.2.2 to 27.2.4): VMfail 8. */
const char *vmx_check_host(const struct VmxEntry *e);
/** The guest state (27.3.1): exit reason 33 with that qualification. */
const char *vmx_check_guest(const struct VmxEntry *e, unsigned *qualification);

/* For those functions alone. */

/** A check: whether it is broken, and what is wrong then. */
struct VmxRule {
    bool broken;
    const char *what;
};

static inline const char *vmx_first_broken(const struct VmxRule *rule, unsigned n) {
    for (unsigned k = 0; k < n; k++)
        if (rule[k].broken)
            return rule[k].what;
    return NULL;
}

static inline uint64_t vmx_field(const struct VmxEntry *e, enum VmcsEncoding f) {
    return vmcs_read(e->bus, e->region, f);
}
static inline bool vmx_set(const struct VmxEntry *e, enum VmxControl c) { return vmx_control_set(e->words, c); }
static inline bool vmx_canonical(uint64_t v) { return (uint64_t)((int64_t)(v << 16) >> 16) == v; }
/** No physical address that is a multiple of `align`. */
static inline bool vmx_bad_address(const struct VmxEntry *e, uint64_t v, unsigned align) {
    return v & (align - 1) || v >> e->model->phys_bits;
}

/** IA32_PAT: a byte that is no memory type. */
static inline bool vmx_bad_pat(uint64_t v) {
    for (unsigned k = 0; k < 64; k += 8)
        if ((v >> k & 0xff) > 7 || (v >> k & 0xff) == 2 || (v >> k & 0xff) == 3)
            return true;
    return false;
}

/** VM-entry interruption information (25.8.3). */
enum { EVENT_VALID_BIT = 31, EVENT_ERROR = 1 << 11 };
enum VmxEvent {
    VMX_EVENT_INTERRUPT,
    VMX_EVENT_NMI = 2,
    VMX_EVENT_HARDWARE,
    VMX_EVENT_SOFTWARE_INTERRUPT,
    VMX_EVENT_PRIVILEGED_SOFTWARE,
    VMX_EVENT_SOFTWARE,
    VMX_EVENT_OTHER,
    VMX_EVENT_NONE,
};
static inline enum VmxEvent vmx_injected(const struct VmxEntry *e) {
    uint64_t info = vmx_field(e, VMCS_ENTRY_INTERRUPTION);
    return info >> EVENT_VALID_BIT & 1 ? (enum VmxEvent)(info >> 8 & 7) : VMX_EVENT_NONE;
}

#endif
