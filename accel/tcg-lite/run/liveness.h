/* SPDX-License-Identifier: MIT */
/**
 * Flag liveness within a block.
 */
#ifndef TWIN86_TCG_LIVENESS_H
#define TWIN86_TCG_LIVENESS_H

#include "accel/tcg-lite/run/functions.h"

/**
 * Give each of d[0..n) that writes flags nobody can see the variant that computes none. Whoever may fault sees all
 * flags (the handler's frame shows them), and so does whatever follows the block.
 */
void liveness_pick(struct TcgDecoded *d, unsigned n);

#endif
