/* SPDX-License-Identifier: MIT */
/** x86gen: a sequence of fuse.tab, between reading (gen_fuse.c) and writing (gen_fuse_emit.c). */
#ifndef TWIN86_TCG_GEN_FUSE_H
#define TWIN86_TCG_GEN_FUSE_H

#include "accel/tcg-lite/fuse.h"
#include "accel/tcg-lite/gen_fn.h"

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

/** Write what instruction n, a copy, takes over from those before it (gen_near.c). */
void gen_near(const struct Gen *g, FILE *o, const struct Fused *f, int n);

/** The registers that an instruction uses without naming them in a field, for all instructions. */
uint16_t gen_fuse_implicit(const struct Gen *g, const struct Fused *f);

#endif
