/* SPDX-License-Identifier: MIT */
/* CPUID leaf 0: never executed by the processor, answered within the hypervisor. */
#define SETUP
#define PREPARE
#define BODY xor %eax, %eax; cpuid
#include "bench/guests/loop64.h"
