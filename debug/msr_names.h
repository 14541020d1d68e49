/* SPDX-License-Identifier: MIT */
/** The names of model-specific registers: the SDM's (vol. 4), or AMD's and KVM's where it has none. */
#ifndef TWIN86_DEBUG_MSR_NAMES_H
#define TWIN86_DEBUG_MSR_NAMES_H

#include <stdint.h>

/** "IA32_EFER"; "" for one that has no name here. */
const char *msr_name(uint32_t msr);

#endif
