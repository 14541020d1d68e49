/* SPDX-License-Identifier: MIT */
/**
 * Instructions that are procedures. Each has t->insn = i on entry; see README.md for what it may do.
 */
#ifndef TWIN86_TCG_HELPERS_H
#define TWIN86_TCG_HELPERS_H

#include "accel/tcg-lite/mem.h"

#endif
