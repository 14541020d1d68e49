/* SPDX-License-Identifier: MIT */
/* The loop alone: DEC and a taken JNZ. Its cost is in all others, too. */
#define SETUP
#define PREPARE
#define BODY
#include "bench/guests/loop64.h"
