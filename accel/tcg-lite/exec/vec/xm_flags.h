/* SPDX-License-Identifier: MIT */
/**
 * MXCSR's flags when overflow or underflow is unmasked. Computing with everything masked, as kernels do, tells of a
 * result that was rounded into the format's range; unmasked, PE is about a result of the format's precision and any
 * exponent (SDM vol. 1, 4.9.1.4 to 4.9.1.6: so did the processors measured), and underflow needs no inexact result.
 */
#ifndef TWIN86_TCG_XM_FLAGS_H
#define TWIN86_TCG_XM_FLAGS_H

#include "accel/tcg-lite/exec/x87/fpu_host.h"

#include <emmintrin.h>

/** What a result consists of, where the kernel is one that can underflow. */
enum VecLanes { LANES_NONE, LANES_SS, LANES_PS, LANES_SD, LANES_PD, LANES_PS2 /* two in the low half */ };

/** How it came about. LANES_SS and LANES_PS2 of XM_NARROW come from doubles. */
enum XmKind {
    XM_NONE,
    XM_ADD,
    XM_SUB,
    XM_SUB_ADD /* the first lane is a difference, the next a sum ... */,
    XM_MUL,
    XM_DIV,
    XM_NARROW
};

struct XmOperation {
    enum XmKind kind;
    enum VecLanes lanes;
    unsigned halves; /* of 128 bits: 1 or 2 */
    __m128i a[2], b[2];
};

/** The flags of all lanes, for a guest's MXCSR (masks, rounding, DAZ, FTZ) that unmasks overflow or underflow. The
 *  host's MXCSR stays as it is. */
uint32_t xm_flags(const struct XmOperation *o, uint32_t mxcsr);

/** True when an element of a result is denormal. */
bool vec_tiny(__m128i v, enum VecLanes lanes);

#endif
