/* SPDX-License-Identifier: MIT */
/* IN of four bytes. */
#define SETUP
#define PREPARE mov $PORT_PLAIN, %edx
#define BODY in %dx, %eax
#include "bench/guests/loop64.h"
