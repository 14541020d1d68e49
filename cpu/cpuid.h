/* SPDX-License-Identifier: MIT */
/**
 * CPUID models: what `-cpu NAME,+feat,-feat` means, computed once. Engines and the decoder ask features here.
 */
#ifndef TWIN86_CPU_CPUID_H
#define TWIN86_CPU_CPUID_H

#include "isa/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Build a model from "NAME[,+feat|-feat|feat=on|feat=off|vendor=AuthenticAMD|GenuineIntel]...". Features that no engine
 * implements are refused. Returns 0, or -EINVAL with one line in `why`.
 */
int cpu_model_parse(struct CpuModel *m, const char *spec, char *why, size_t n);

/** The static part of CPUID (leaf, subleaf) for this model: what is the same for all of its processors and at all
 * times.
 */
void cpu_model_cpuid(const struct CpuModel *m, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/** The same of the one with that initial APIC id; the caller adds what depends on CR4, XCR0 and other state. */
void cpu_cpuid(const struct CpuModel *m, uint32_t apic_id, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/** The leaf that answers when `leaf` is asked for: itself, but for those beyond the last basic one of Intel's. */
uint32_t cpu_model_leaf(const struct CpuModel *m, uint32_t leaf);

/** The bits that XCR0 can have with this model. */
uint64_t cpu_model_xcr0(const struct CpuModel *m);

/** Iterate names for `-cpu help`; NULL ends. */
const char *cpu_model_name(unsigned index);
/** What that model is, in a few words. */
const char *cpu_model_description(unsigned index);
/** Names of the features that engines implement, index 0, 1, ... until NULL. */
const char *cpu_feature_name(unsigned index);
/** True when every engine of this build implements the feature. */
bool cpu_feature_implemented(enum X86Feature f);
/** The feature called `name` (as in /proc/cpuinfo), or CPUID_NONE. */
enum X86Feature cpu_feature_by_name(const char *name);

#endif
