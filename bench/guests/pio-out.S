/* SPDX-License-Identifier: MIT */
/* OUT of four bytes. */
#define SETUP
#define PREPARE mov $PORT_PLAIN, %edx
#define BODY out %eax, %dx
#include "bench/guests/loop64.h"
