/* SPDX-License-Identifier: MIT */
/**
 * x86gen: where a sequence that names its registers keeps what it needs of its instructions.
 *
 * A struct Insn takes half a cache line, of which a sequence reads a few bytes. So numbers of registers, displacements
 * and immediates of all its instructions are put side by side: into the fields of the first ones, which nobody else
 * reads then. What tells where an instruction is and how it accesses memory (off, idx, len, seg ...) stays, for faults
 * and slow paths.
 */
#include "accel/tcg-lite/gen/gen_fuse.h"

#include <string.h>

/** Room in a struct Insn. */
static const uint8_t bytes_at[] = {offsetof(struct Insn, reg),   offsetof(struct Insn, rm),
                                   offsetof(struct Insn, base),  offsetof(struct Insn, index),
                                   offsetof(struct Insn, scale), offsetof(struct Insn, vreg)};
static const uint8_t words_at[] = {offsetof(struct Insn, imm), offsetof(struct Insn, imm) + 4,
                                   offsetof(struct Insn, disp)};
enum { BYTES = sizeof(bytes_at), WORDS = sizeof(words_at) };

size_t gen_field_at(enum GenField field) {
    static const uint8_t at[] = {[FIELD_RM] = offsetof(struct Insn, rm),
                                 [FIELD_REG] = offsetof(struct Insn, reg),
                                 [FIELD_BASE] = offsetof(struct Insn, base),
                                 [FIELD_INDEX] = offsetof(struct Insn, index),
                                 [FIELD_VREG] = offsetof(struct Insn, vreg)};
    return at[field];
}

struct Room {
    int bytes, words;   /* taken so far, in the order of instructions */
    int insn[FUSE_MAX]; /* those that have room */
    int count;
};

static bool has_operand(const struct Row *r, const char *codes) {
    for (int k = 0; k < r->operand_count; k++)
        if (strchr(codes, r->operand[k][0]))
            return true;
    return false;
}

/** A relative branch keeps its displacements. */
static bool has_room(const struct Gen *g, const struct Fused *f, int n) {
    return n < f->count - 1 && gen_fn_local(g, f->fn[n]) && !has_operand(gen_fn_row(g, f->fn[n]), "J");
}

static bool take(struct Room *room, struct Packed *p) {
    int *taken = p->size == 1 ? &room->bytes : &room->words, per = p->size == 1 ? BYTES : WORDS;
    if (p->size == 8)
        *taken = (*taken + WORDS - 1) / WORDS * WORDS; /* imm of the next one */
    if (*taken / per >= room->count)
        return false;
    p->to = (uint16_t)((unsigned)room->insn[*taken / per] * sizeof(struct Insn) +
                       (p->size == 1 ? bytes_at : words_at)[*taken % per]);
    *taken += p->size == 8 ? 2 : 1;
    return true;
}

static bool add(struct Pack *pack, struct Room *room, int insn, size_t field, uint8_t size) {
    struct Packed *p = &pack->item[pack->count];
    *p = (struct Packed){.from = (uint16_t)((size_t)insn * sizeof(struct Insn) + field), .size = size};
    if (pack->count == PACK_MAX || !take(room, p))
        return false;
    pack->count++;
    return true;
}

/** Is use k the first of its register? */
static bool first_use(const struct Fused *f, int k) {
    if (f->use[k].name >= FUSE_NONE)
        return false;
    for (int j = 0; j < k; j++)
        if (f->use[j].name == f->use[k].name)
            return false;
    return true;
}

static bool add_insn(const struct Gen *g, const struct Fused *f, int n, struct Pack *pack, struct Room *room) {
    const struct Row *r = gen_fn_row(g, f->fn[n]);
    bool memory = false, index = false, ok = true;
    if (!gen_fn_local(g, f->fn[n]) || has_operand(r, "J"))
        return true;
    for (int k = 0; k < f->use_count; k++) {
        memory |= f->use[k].insn == n && f->use[k].field == FIELD_BASE;
        index |= f->use[k].insn == n && f->use[k].field == FIELD_INDEX && f->use[k].name != FUSE_NONE;
    }
    if (memory)
        ok = add(pack, room, n, offsetof(struct Insn, disp), 4);
    if (index)
        ok = ok && add(pack, room, n, offsetof(struct Insn, scale), 1);
    if (has_operand(r, "I1")) /* only MOV to a register has an immediate of 64 bits */
        ok =
            ok &&
            add(pack, room, n, offsetof(struct Insn, imm),
                !strcmp(r->shape, "mov_imm") && gen_fn_bits(f->fn[n]) == 64 && gen_fn_kind(f->fn[n]) == FN_REG ? 8 : 4);
    return ok;
}

void gen_pack(const struct Gen *g, const struct Fused *f, struct Pack *pack) {
    struct Room room = {0};
    bool ok = f->use_count > 0 && f->count > 2;
    pack->count = 0;
    for (int n = 0; n < f->count; n++)
        if (has_room(g, f, n))
            room.insn[room.count++] = n;
    for (int k = 0; ok && k < f->use_count; k++)
        if (first_use(f, k))
            ok = add(pack, &room, f->use[k].insn, gen_field_at(f->use[k].field), 1);
    for (int n = 0; ok && n < f->count; n++)
        ok = add_insn(g, f, n, pack, &room);
    if (!ok)
        pack->count = 0; /* they stay where they are */
}

int gen_packed_at(const struct Pack *pack, int insn, size_t field) {
    size_t from = (size_t)insn * sizeof(struct Insn) + field;
    for (int k = 0; k < pack->count; k++)
        if (pack->item[k].from == from)
            return pack->item[k].to;
    return pack->count == 0 ? (int)from : -1;
}
