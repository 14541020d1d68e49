/* SPDX-License-Identifier: MIT */
/* Serial input interrupts a guest that computes. */
#define WAIT inc %rcx
#include "bench/guests/wake64.h"
