/* SPDX-License-Identifier: MIT */
/* REP OUTSB of 64 bytes. */
#define SETUP
#define PREPARE mov $PORT_PLAIN, %edx
#define BODY mov $BUFFER, %esi; mov $STRING_BYTES, %ecx; rep outsb
#include "bench/guests/loop64.h"
