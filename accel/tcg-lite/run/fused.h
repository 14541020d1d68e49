/* SPDX-License-Identifier: MIT */
/**
 * What the functions of fused sequences (gen_fuse_emit.c) have that others have not: guest registers and flags in
 * variables of their own, and copies of their instructions that say so to the shapes.
 *
 * The guest's state is behind by what is "dirty". Whoever gives `i` to a function that is not inlined, which may fault
 * or look at registers, gives insn_commit(i), on a path that is seldom taken: it stores what is dirty first. So what
 * instruction after instruction writes to the same register or flags is stored once.
 */
#ifndef TWIN86_TCG_FUSED_H
#define TWIN86_TCG_FUSED_H

#include "accel/tcg-lite/run/tcg.h"

/** What a sequence remembers of the TLB entry that it used last for addresses that begin alike. */
struct PageNear {
    uint64_t tag;
    uintptr_t host;
    enum { NEAR_NOTHING, NEAR_READ, NEAR_WRITE } knows; /* NEAR_WRITE: a page that may be written and so read, too */
};

/** The sequence's own state. Its registers have numbers that are constants; which of the guest's they are, at[] says:
 *  offsets (of general registers) and numbers (of vector registers). */
struct FusedState {
    CPUX86State own;
    struct Cc cc;
    CPUX86State *env; /* the guest's */
    struct Tcg *t;
    unsigned gpr_at[REG_COUNT], vec_at[REG_COUNT];
};

/** Parts of it that the guest's state does not have yet: sets by the sequence's numbers. Constants. */
struct FusedDirty {
    uint16_t gpr, vec;
    bool cc;
};

/** What shapes get for an instruction in the files of fused sequences, which define TCG_INSN_COPIES. */
struct InsnCopy {
    struct Insn insn; /* its registers may be the sequence's own */
    const struct Insn *original;
    struct FusedState *state;
    struct FusedDirty dirty;        /* before it */
    struct PageNear operand, stack; /* for the memory operand and for the stack */
    bool stale;                     /* its store has overwritten the block */
};
ALWAYS_INLINE struct InsnCopy insn_copy(const struct Insn *i, struct FusedState *state, struct FusedDirty dirty) {
    return (struct InsnCopy){.insn = *i, .original = i, .state = state, .dirty = dirty};
}

/** Fields where gen_pack.c has put them. */
ALWAYS_INLINE uint8_t packed_byte(const struct Insn *i, unsigned at) { return ((const uint8_t *)i)[at]; }
ALWAYS_INLINE int32_t packed_int(const struct Insn *i, unsigned at) {
    int32_t v;
    memcpy(&v, (const uint8_t *)i + at, sizeof(v));
    return v;
}
ALWAYS_INLINE int64_t packed_long(const struct Insn *i, unsigned at) {
    int64_t v;
    memcpy(&v, (const uint8_t *)i + at, sizeof(v));
    return v;
}

/** NULL: it is none. */
ALWAYS_INLINE struct InsnCopy *insn_is_copy(const struct Insn *i) {
#ifdef TCG_INSN_COPIES
    return (struct InsnCopy *)(uintptr_t)i;
#else
    (void)i;
    return NULL;
#endif
}
ALWAYS_INLINE const struct Insn *insn_real(const struct Insn *i) {
    const struct InsnCopy *copy = insn_is_copy(i);
    return copy != NULL ? copy->original : i;
}
/** Where instruction i has the flags. */
ALWAYS_INLINE struct Cc *insn_cc(struct Tcg *t, const struct Insn *i) {
    struct InsnCopy *copy = insn_is_copy(i);
    return copy != NULL ? &copy->state->cc : &t->cc;
}

/* Checks by the sanitizer of what are constants here would take half of the time of a build with it. */
#define FUSED_CONSTANTS __attribute__((no_sanitize("undefined"))) ALWAYS_INLINE

FUSED_CONSTANTS void fused_commit_register(const struct FusedState *s, struct FusedDirty dirty, unsigned n) {
    if (dirty.gpr >> n & 1)
        gpr_write(s->env, s->gpr_at[n], 64, s->own.gpr[n]);
    if (dirty.vec >> n & 1)
        memcpy(&s->env->vec[s->vec_at[n]], &s->own.vec[n], 16);
}
/** The guest's state gets what is dirty. */
FUSED_CONSTANTS void fused_commit(const struct FusedState *s, struct FusedDirty dirty) {
    if (dirty.gpr | dirty.vec) {
        fused_commit_register(s, dirty, 0), fused_commit_register(s, dirty, 1);
        fused_commit_register(s, dirty, 2), fused_commit_register(s, dirty, 3);
        fused_commit_register(s, dirty, 4), fused_commit_register(s, dirty, 5);
        fused_commit_register(s, dirty, 6), fused_commit_register(s, dirty, 7);
        fused_commit_register(s, dirty, 8), fused_commit_register(s, dirty, 9);
        fused_commit_register(s, dirty, 10), fused_commit_register(s, dirty, 11);
        fused_commit_register(s, dirty, 12), fused_commit_register(s, dirty, 13);
        fused_commit_register(s, dirty, 14), fused_commit_register(s, dirty, 15);
    }
    if (dirty.cc)
        cc_store(&s->t->cc, &s->cc);
}
/** The real instruction, for a function that is not inlined. */
ALWAYS_INLINE const struct Insn *insn_commit(const struct Insn *i) {
    const struct InsnCopy *copy = insn_is_copy(i);
    if (copy == NULL)
        return i;
    fused_commit(copy->state, copy->dirty);
    return copy->original;
}

#endif
