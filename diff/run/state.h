/* SPDX-License-Identifier: MIT */
/**
 * What one test case starts from and ends with: the part of a CPU that a program can see, in the layout in which the
 * real CPU loads and stores it (an XSAVE area, then general registers), so that results are compared as bytes.
 */
#ifndef TWIN86_DIFF_STATE_H
#define TWIN86_DIFF_STATE_H

#include "base/bytes.h"
#include "cpu/xsave.h"
#include "diff/run/record.h"

#include <stddef.h>

#define DIFF_NO_FAULT UINT32_MAX

/** A segment that a generated case has instead of its mode's. */
struct DiffSegment {
    uint32_t base, limit; /* the limit as struct X86Segment has it */
    uint16_t ar;          /* AR_*; 0: limit and attributes are the mode's */
    uint16_t unused;
};

/** In `fx`, where FXSAVE leaves room: CS, SS, and DS and ES of such a case. FS and GS have the bases of the record. */
struct DiffSegments {
    uint32_t given; /* 0: all are the mode's */
    struct DiffSegment cs, ss, data;
};
enum { DIFF_FX_SEGMENTS = 464 };

/** What of DR6 an exception changes. */
enum { DIFF_DR6 = 0xe00f };

struct DiffState {
    uint8_t fx[FXSAVE_SIZE];            /* FXSAVE64 image */
    uint8_t xheader[XSAVE_HEADER_SIZE]; /* XSTATE_BV and reserved bytes; never compared */
    uint8_t ymmh[16][16];               /* upper halves of YMM */
    uint64_t gpr[REG_COUNT];            /* in encoding order */
    uint64_t rflags;
    uint64_t rip; /* after a fault: as the handler finds it */
    uint64_t fs_base, gs_base;
    uint32_t vector; /* out: the exception, or DIFF_NO_FAULT */
    uint32_t error;  /* its error code; 0 where there is none */
    uint64_t cr2;    /* after #PF */
    uint32_t dr6;    /* after #DB: B0 to B3, BD, BS, BT */
    uint32_t insns;  /* in: how many to run */
    uint32_t left;   /* out, of tcg-lite: CS is another in the end, so that what followed was no part of the case */
    bool disturbed;  /* out, of the host: the system has changed registers meanwhile; nothing can be said */
    uint8_t unused[3];
} __attribute__((aligned(64)));

/** Segments and control registers that a case has instead of its mode's. */
struct DiffOwnSystem {
    bool any;
    uint8_t segments; /* bit by enum X86Seg: given */
    bool has_cr0, has_cr4, has_efer, has_xcr0;
    struct X86Segment seg[SEG_COUNT];
    uint64_t cr0, cr4, efer, xcr0;
};

static inline void diff_segments_get(const struct DiffState *s, struct DiffSegments *g) {
    __builtin_memcpy(g, s->fx + DIFF_FX_SEGMENTS, sizeof(*g));
}
static inline void diff_segments_put(struct DiffState *s, const struct DiffSegments *g) {
    __builtin_memcpy(s->fx + DIFF_FX_SEGMENTS, g, sizeof(*g));
}
_Static_assert(DIFF_FX_SEGMENTS + sizeof(struct DiffSegments) <= FXSAVE_SIZE, "");

/** Put them into `env`. */
void diff_own_system_load(const struct DiffOwnSystem *y, CPUX86State *env);

_Static_assert(DIFF_AT_FX_END == FXSAVE_WRITTEN && DIFF_AT_XMM == FXSAVE_XMM && DIFF_AT_FSW == FXSAVE_FSW, "");
_Static_assert(offsetof(struct DiffState, ymmh) == XSAVE_AVX_OFFSET && DIFF_AT_YMMH == XSAVE_AVX_OFFSET, "");
_Static_assert(offsetof(struct DiffState, gpr) == DIFF_AT_GPR, "");
_Static_assert(offsetof(struct DiffState, rflags) == DIFF_AT_RFLAGS, "");
_Static_assert(offsetof(struct DiffState, rip) == DIFF_AT_RIP, "");
_Static_assert(offsetof(struct DiffState, fs_base) == DIFF_AT_FS_BASE, "");
_Static_assert(offsetof(struct DiffState, gs_base) == DIFF_AT_GS_BASE, "");
_Static_assert(offsetof(struct DiffState, vector) == DIFF_AT_VECTOR, "");
_Static_assert(offsetof(struct DiffState, error) == DIFF_AT_ERROR, "");
_Static_assert(offsetof(struct DiffState, cr2) == DIFF_AT_CR2, "");
_Static_assert(offsetof(struct DiffState, dr6) == DIFF_AT_DR6, "");
_Static_assert(sizeof(struct DiffState) == DIFF_STATE_SIZE, "");

/** True for exceptions that push an error code (SDM vol. 3, table 6-1). */
static inline bool diff_has_error(uint32_t vector) {
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC;
}

/** The state after FNINIT and with MXCSR at its default, all else 0; interrupts on. */
void diff_state_init(struct DiffState *s);
/** FSW as FXRSTOR and XRSTOR load it: ES and B follow from its flags and FCW's masks (SDM vol. 1, 8.1.3.3). */
static inline uint16_t diff_x87_status(uint16_t fsw, uint16_t fcw) {
    enum { FLAGS = 0x3f, ES_B = 0x8080 };
    fsw &= (uint16_t)~ES_B;
    return fsw & ~fcw & FLAGS ? fsw | ES_B : fsw;
}

/** To and from env, as far as struct DiffState goes; rflags as they are. */
void diff_state_to_env(const struct DiffState *s, CPUX86State *env);
void diff_state_from_env(struct DiffState *s, const CPUX86State *env);

/** Of a result as an exception has left it: what its vector does not tell of becomes 0. */
static inline void diff_state_finish(struct DiffState *s) {
    if (s->vector == DIFF_NO_FAULT || !diff_has_error(s->vector))
        s->error = 0;
    if (s->vector != VEC_PF)
        s->cr2 = 0;
    s->dr6 = s->vector == VEC_DB ? s->dr6 & DIFF_DR6 : 0;
}

#endif
