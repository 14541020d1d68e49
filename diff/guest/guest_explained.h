/* SPDX-License-Identifier: MIT */
/**
 * What may differ between leader and follower, and why: the one list of it. Flags that an instruction leaves undefined
 * come from the instruction table. `twin86 diff guest` compares everything else.
 */
#ifndef TWIN86_DIFF_GUEST_EXPLAINED_H
#define TWIN86_DIFF_GUEST_EXPLAINED_H

#include "cpu/env_fields.h"

/** An instruction whose result is known to be wrong: the follower is given the leader's. So it is, without being in
 * this list, where the instruction table says that a result comes from outside of the program (X86Row.outside): time
 * stamps, random numbers, CPUID, MSRs. */
struct ExplainedInsn {
    const char *engine; /* the follower's; NULL: any */
    uint16_t id;        /* enum X86Id */
    uint32_t gprs;      /* bit n: general register n */
    bool flags;
    const char *why;
};
extern const struct ExplainedInsn explained_insns[];
extern const unsigned explained_insn_count;

/** A field, or bits of it, that is never compared, with followers of this engine (NULL: with any). */
struct ExplainedField {
    const char *engine, *field;
    uint64_t bits;
    const char *why;
};
extern const struct ExplainedField explained_fields[];
extern const unsigned explained_field_count;

/** Things in the follower's state that mean the same as the leader's are made the same. */
void explained_level(const CPUX86State *leader, CPUX86State *follower);

/** Two values of a word of RAM that may differ: the leader's is then taken. */
bool explained_word(uint64_t leader, uint64_t follower);
/** The same for words of an exception's frame. */
bool explained_frame_word(uint64_t leader, uint64_t follower);

#endif
