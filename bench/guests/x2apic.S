/* SPDX-License-Identifier: MIT */
/* An MSR that KVM asks twin86 for: the ID register of the local APIC in x2APIC mode. */
#define SETUP mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr
#define PREPARE mov $0x802, %ecx
#define BODY rdmsr
#include "bench/guests/loop64.h"
