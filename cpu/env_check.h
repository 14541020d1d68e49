/* SPDX-License-Identifier: MIT */
/**
 * What the registers of a CPU model can hold: for who executes instructions that write them, and for who takes a whole
 * CPUX86State from outside.
 */
#ifndef TWIN86_CPU_ENV_CHECK_H
#define TWIN86_CPU_ENV_CHECK_H

#include "cpu/cpuid.h"
#include "cpu/env.h"

/** Bits that CR4, IA32_EFER (LMA included) and MXCSR can have with this model; cpu_model_xcr0 (cpuid.h) is of the kind,
 *  too. */
uint64_t cpu_model_cr4(const struct CpuModel *m);
uint64_t cpu_model_efer(const struct CpuModel *m);
uint32_t cpu_model_mxcsr(const struct CpuModel *m);

/**
 * Whether a processor of this model could be in this state, as far as engines rely on it: reserved bits, modes that
 * exclude each other, numbers out of range. NULL, or what is wrong: a few words without a name before them. The bytes
 * may be anything (bools included). It asks less than VM entry does (SDM vol. 3, 27.3.1): what instructions would find
 * out by themselves, such as an address that is not canonical, may be.
 */
const char *cpu_env_check(const CPUX86State *env, const struct CpuModel *m);

#endif
