/* SPDX-License-Identifier: MIT */
/* REP INSB of 64 bytes. */
#define SETUP
#define PREPARE mov $PORT_PLAIN, %edx
#define BODY mov $BUFFER, %edi; mov $STRING_BYTES, %ecx; rep insb
#include "bench/guests/loop64.h"
