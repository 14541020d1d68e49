/* SPDX-License-Identifier: MIT */
/**
 * The mode in which a processor with this state decodes instructions.
 */
#ifndef TWIN86_CPU_MODE_H
#define TWIN86_CPU_MODE_H

#include "cpu/env.h"
#include "isa/isa.h"

/** MODE_* of isa/isa.h. */
static inline uint32_t cpu_decode_mode(const CPUX86State *env) {
    uint32_t m = x86_code64(env) ? MODE_CODE64 : env->seg[SEG_CS].ar & AR_DB ? MODE_CODE32 : MODE_CODE16;
    if (!x86_protected(env))
        m |= MODE_REAL;
    if (x86_v8086(env))
        m |= MODE_VM86;
    if (env->cr0 & CR0_EM)
        m |= MODE_EM;
    if (env->cr0 & CR0_TS)
        m |= MODE_TS;
    if (env->cr0 & CR0_MP)
        m |= MODE_MP;
    if (env->cr4 & CR4_OSFXSR)
        m |= MODE_SSE;
    if ((env->cr4 & CR4_OSXSAVE) && (env->xcr0 & (XCR0_SSE | XCR0_AVX)) == (XCR0_SSE | XCR0_AVX))
        m |= MODE_AVX;
    return m;
}

#endif
