/* SPDX-License-Identifier: MIT */
/* Serial input wakes the guest from HLT. */
#define WAIT hlt
#include "bench/guests/wake64.h"
