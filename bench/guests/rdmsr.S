/* SPDX-License-Identifier: MIT */
/* An MSR that KVM answers itself: IA32_APIC_BASE. */
#define SETUP
#define PREPARE mov $0x1b, %ecx
#define BODY rdmsr
#include "bench/guests/loop64.h"
