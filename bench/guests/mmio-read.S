/* SPDX-License-Identifier: MIT */
/* A load of four bytes from a device. */
#define SETUP
#define PREPARE
#define BODY mov MMIO, %eax
#include "bench/guests/loop64.h"
