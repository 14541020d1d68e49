/* SPDX-License-Identifier: MIT */
/**
 * The layout of FXSAVE and XSAVE areas (SDM vol. 1, 10.5 and 13.4), shared by CPUID leaf 0Dh and the engines.
 */
#ifndef TWIN86_CPU_XSAVE_H
#define TWIN86_CPU_XSAVE_H

#include "cpu/env.h"

enum {
    FXSAVE_FCW = 0,
    FXSAVE_FSW = 2,
    FXSAVE_FTW = 4, /* abridged: a bit for each register that is not empty */
    FXSAVE_FOP = 6,
    FXSAVE_FIP = 8,  /* 64 bits with REX.W, else 32 bits and FCS */
    FXSAVE_FDP = 16, /* the same with FDS */
    FXSAVE_MXCSR = 24,
    FXSAVE_MXCSR_MASK = 28,
    FXSAVE_ST = 32, /* ST(0) to ST(7), 16 bytes each */
    FXSAVE_XMM = 160,
    FXSAVE_WRITTEN = 416, /* what lies between here and FXSAVE_SIZE is never written */
    FXSAVE_SIZE = 512,

    XSAVE_HEADER = 512,
    XSAVE_XSTATE_BV = 512,
    XSAVE_XCOMP_BV = 520,
    XSAVE_HEADER_SIZE = 64,
    XSAVE_EXTENDED = 576, /* where extended components begin in the compacted format */
    XSAVE_AVX_OFFSET = 576,
    XSAVE_AVX_SIZE = 256,
    XSAVE_MAX_SIZE = 832,
};

#define XSAVE_COMPACTED (1ull << 63) /* in XCOMP_BV */

/** User components that can be in XCR0, and supervisor components that can be in IA32_XSS, whatever the CPU model. */
#define XSAVE_USER_COMPONENTS (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define XSAVE_SUPERVISOR_COMPONENTS 0ull

/** Bytes of an area that holds the components in `bv`, in the standard or the compacted format. */
static inline unsigned xsave_size(uint64_t bv, bool compacted) {
    (void)compacted; /* with AVX as the only extended component both end at the same place */
    return bv & XCR0_AVX ? XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE : XSAVE_EXTENDED;
}

#endif
