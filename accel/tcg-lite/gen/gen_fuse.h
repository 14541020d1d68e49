/* SPDX-License-Identifier: MIT */
/** x86gen: a sequence of fuse.tab, between reading (gen_fuse.c) and writing (gen_fuse_emit.c). */
#ifndef TWIN86_TCG_GEN_FUSE_H
#define TWIN86_TCG_GEN_FUSE_H

#include "accel/tcg-lite/gen/gen_fn.h"
#include "accel/tcg-lite/run/fuse.h"

/** A function for `count` instructions. */
struct Fused {
    int count, fn[FUSE_MAX];
    int use_count; /* 0: any registers */
    struct {
        int insn;
        enum GenField field;
        uint8_t name; /* FUSE_* */
        bool high;    /* AH ... BH */
    } use[FUSE_USES_MAX];
    int unit;
};

extern struct Fused *gen_fused;
extern int gen_fused_count;

/** Offset in struct Insn. */
size_t gen_field_at(enum GenField field);

/** A field that moves: offsets from the first instruction. */
struct Packed {
    uint16_t from, to;
    uint8_t size;
};
enum { PACK_MAX = UINT8_MAX }; /* X86Fusion.move_count */
struct Pack {
    int count; /* 0: nothing moves */
    struct Packed item[PACK_MAX];
};

/** Decide where the fields go that the function reads. */
void gen_pack(const struct Gen *g, const struct Fused *f, struct Pack *pack);
/** Where the function finds a field, as an offset from its first instruction; -1: it has not asked for that. */
int gen_packed_at(const struct Pack *pack, int insn, size_t field);

/** Write what instruction n, a copy, takes over from those before it (gen_near.c). */
void gen_near(const struct Gen *g, FILE *o, const struct Fused *f, int n);

/** Registers and flags of a sequence: sets by the numbers that registers have in its function. */
struct Dirty {
    uint16_t gpr, vector;
    bool cc;
};
/** When the guest's state gets what the function has in variables (gen_dirty.c): what it lacks before and behind each
 *  instruction, and what of that is stored then. */
struct DirtyPlan {
    struct Dirty before[FUSE_MAX], behind[FUSE_MAX], store[FUSE_MAX];
};
void gen_dirty(const struct Gen *g, const struct Fused *f, bool loop, struct DirtyPlan *plan);
/** The number in the function: fixed registers have theirs, the others what is free. */
unsigned gen_fuse_slot(uint8_t name, uint16_t implicit);
/** Instruction n works on the guest's state itself. */
bool gen_fuse_foreign(const struct Gen *g, const struct Fused *f, int n);

/** The registers that an instruction uses without naming them in a field, for all instructions. */
uint16_t gen_fuse_implicit(const struct Gen *g, const struct Fused *f);

#endif
