/* SPDX-License-Identifier: MIT */
/** What the instructions in fuse.tab need. */
#ifndef TWIN86_TCG_SHAPES_FUSE_H
#define TWIN86_TCG_SHAPES_FUSE_H

#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/exec/shapes_bmi.h"
#include "accel/tcg-lite/exec/shapes_flow.h"
#include "accel/tcg-lite/exec/shapes_int.h"
#include "accel/tcg-lite/exec/shapes_mov.h"
#include "accel/tcg-lite/exec/vec/shapes_sse4.h"
#include "accel/tcg-lite/exec/shapes_stack.h"

#endif
