/* SPDX-License-Identifier: MIT */
/**
 * The tables of Intel's MultiProcessor Specification 1.4, by which guests without ACPI find processors and interrupts.
 * Plain computation; guests that start without firmware find them in RAM. (SeaBIOS makes its own.)
 */
#ifndef TWIN86_MACHINE_MPTABLE_H
#define TWIN86_MACHINE_MPTABLE_H

#include "isa/features.h"

#include <stddef.h>
#include <stdint.h>

/** Such tables are never larger. */
enum { MPTABLE_MAX = 0xf00 };

struct MpConfig {
    unsigned cpus; /* that are there; those whose APIC id has more than 8 bits are left out */
    struct CpuTopology topology;
    uint32_t cpu_eax, cpu_edx; /* CPUID leaf 1 */
    uint32_t lapic_base, ioapic_base;
    uint8_t lapic_version, ioapic_version, ioapic_id;
    uint8_t pit_pin;  /* of the I/O APIC: where ISA interrupt 0 comes */
    uint8_t pirq_pin; /* where PIRQA comes; B, C, D follow; level-triggered, active-low */
};

/**
 * Build the floating pointer, and what it points to, into `buf`, which is to lie at guest-physical `base` (a multiple
 * of 16 that the specification has guests look at: 4). Returns the size, or -ENOSPC when that is more than `n`.
 */
int mptable_build(const struct MpConfig *c, uint32_t base, uint8_t *buf, size_t n);

#endif
