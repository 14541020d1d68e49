/* SPDX-License-Identifier: MIT */
#ifndef TWIN86_TCG_KERNELS_INT_H
#define TWIN86_TCG_KERNELS_INT_H

#include "accel/tcg-lite/mem.h"

#endif
