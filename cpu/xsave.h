/* SPDX-License-Identifier: MIT */
/**
 * The layout of FXSAVE and XSAVE areas (SDM vol. 1, 10.5 and 13.4), shared by CPUID leaf 0Dh and the engines.
 */
#ifndef TWIN86_CPU_XSAVE_H
#define TWIN86_CPU_XSAVE_H

#include "cpu/cpuid.h"
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
    XSAVE_PKRU_OFFSET = 2688, /* Intel's; AMD's is 2432 */
    XSAVE_PKRU_SIZE = 8,
    XSAVE_PKRU_INDEX = 9, /* of its bit in XCR0 */
    XSAVE_MAX_SIZE = 4096,
};

#define XSAVE_COMPACTED (1ull << 63) /* in XCOMP_BV */

/** User components that can be in XCR0, and supervisor components that can be in IA32_XSS, whatever the CPU model. */
#define XSAVE_USER_COMPONENTS ((uint64_t)XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU)
#define XSAVE_SUPERVISOR_COMPONENTS 0ull

/** The components beyond the FXSAVE area, ascending. None of them wants to be aligned in the compacted format. */
static const struct XsaveComponent {
    uint32_t mask;   /* XCR0_* */
    uint16_t offset; /* in the standard format; 0: CpuModel.pkru_offset */
    uint16_t size;
} xsave_components[] = {
    {XCR0_AVX, XSAVE_AVX_OFFSET, XSAVE_AVX_SIZE},
    {XCR0_PKRU, 0, XSAVE_PKRU_SIZE},
};
enum { XSAVE_COMPONENT_COUNT = sizeof(xsave_components) / sizeof(xsave_components[0]) };

/** Where component c lies in an area that holds the components in `bv`, in the standard or the compacted format. */
static inline unsigned xsave_offset(const struct CpuModel *m, const struct XsaveComponent *c, uint64_t bv,
                                    bool compacted) {
    if (!compacted)
        return c->offset ? c->offset : m->pkru_offset;
    unsigned at = XSAVE_EXTENDED;
    for (const struct XsaveComponent *k = xsave_components; k < c; k++)
        at += bv & k->mask ? k->size : 0;
    return at;
}

/** Bytes of an area that holds the components in `bv`. */
static inline unsigned xsave_size(const struct CpuModel *m, uint64_t bv, bool compacted) {
    unsigned end = XSAVE_EXTENDED;
    for (const struct XsaveComponent *c = xsave_components; c < xsave_components + XSAVE_COMPONENT_COUNT; c++)
        if (bv & c->mask)
            end = xsave_offset(m, c, bv, compacted) + c->size;
    return end;
}

#endif
