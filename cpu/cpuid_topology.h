/* SPDX-License-Identifier: MIT */
/** What CPUID says of a processor's place and of what it shares with others, for cpuid.c alone. */
#ifndef TWIN86_CPU_CPUID_TOPOLOGY_H
#define TWIN86_CPU_CPUID_TOPOLOGY_H

#include "isa/features.h"

/** The leaf that Intel's processors have for more than what leaf Bh can tell: where it is there, the last one. */
enum { CPUID_V2_TOPOLOGY = 0x1f };
bool cpuid_has_v2_topology(const struct CpuModel *m);

/** AMD's leaves 8000001Dh and 8000001Eh are there. */
bool cpuid_has_topoext(const struct CpuModel *m);

/** Add to what the model alone gives: all that is the same for every processor. */
void cpuid_add_topology(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/** Add what is that processor's own. */
void cpuid_add_apic_id(const struct CpuModel *m, uint32_t apic_id, uint32_t leaf, uint32_t out[4]);

#endif
