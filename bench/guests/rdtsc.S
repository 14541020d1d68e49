/* SPDX-License-Identifier: MIT */
/* RDTSC: most hypervisors let the processor do it. */
#define SETUP
#define PREPARE
#define BODY rdtsc
#include "bench/guests/loop64.h"
