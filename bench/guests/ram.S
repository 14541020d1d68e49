/* SPDX-License-Identifier: MIT */
/* A store to RAM and a load from it. */
#define SETUP
#define PREPARE
#define BODY mov %eax, BUFFER; mov BUFFER, %eax
#include "bench/guests/loop64.h"
