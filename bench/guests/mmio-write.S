/* SPDX-License-Identifier: MIT */
/* A store of four bytes to a device. */
#define SETUP
#define PREPARE
#define BODY mov %eax, MMIO
#include "bench/guests/loop64.h"
