/* SPDX-License-Identifier: MIT */
/* VEX instructions that touch only some elements of memory: masked loads and stores, gathers. */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/mem.h"

/** Element n of a register, of 4 or 8 bytes. */
static uint64_t element(const union VecReg *r, unsigned n, unsigned size) { return size == 4 ? r->d[n] : r->q[n]; }
static void set_element(union VecReg *r, unsigned n, unsigned size, uint64_t v) {
    if (size == 4)
        r->d[n] = (uint32_t)v;
    else
        r->q[n] = v;
}
static bool selected(const union VecReg *mask, unsigned n, unsigned size) {
    return element(mask, n, size) >> (8 * size - 1);
}

/* ---- VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ: elements whose sign in H is clear are not touched ---- */

/** The linear address of an element; the segment is checked for that alone. */
static uint64_t element_linear(struct Tcg *t, const struct Insn *i, unsigned n, unsigned size, enum Access access) {
    uint64_t offset = ea_offset(t->env, i) + n * size;
    offset = i->asize == 3 ? offset : i->asize == 2 ? (uint32_t)offset : (uint16_t)offset;
    return mem_linear(t, i, i->seg, offset, size, access);
}

static void mask_load(struct Tcg *t, const struct Insn *i, unsigned size) {
    const union VecReg mask = t->env->vec[i->vreg];
    union VecReg r = {0};
    for (unsigned n = 0; n < (16u << i->vl) / size; n++)
        if (selected(&mask, n, size))
            set_element(&r, n, size, mem_load_unaligned(t, i, element_linear(t, i, n, size, ACCESS_READ), size));
    t->env->vec[i->reg] = r;
}

/** Every selected element is probed before the first is written. */
static void mask_store(struct Tcg *t, const struct Insn *i, unsigned size) {
    const union VecReg mask = t->env->vec[i->vreg], r = t->env->vec[i->reg];
    unsigned count = (16u << i->vl) / size;
    for (unsigned n = 0; n < count; n++)
        if (selected(&mask, n, size))
            mem_probe_write_unaligned(t, i, element_linear(t, i, n, size, ACCESS_WRITE), size);
    for (unsigned n = 0; n < count; n++)
        if (selected(&mask, n, size))
            mem_store_unaligned(t, i, element_linear(t, i, n, size, ACCESS_WRITE), size, element(&r, n, size));
}

void h_maskload32(struct Tcg *t, const struct Insn *i) { mask_load(t, i, 4); }
void h_maskload64(struct Tcg *t, const struct Insn *i) { mask_load(t, i, 8); }
void h_maskstore32(struct Tcg *t, const struct Insn *i) { mask_store(t, i, 4); }
void h_maskstore64(struct Tcg *t, const struct Insn *i) { mask_store(t, i, 8); }

/* ---- gathers: insn.index is a vector register ---- */

/**
 * Elements are loaded from the lowest up; each is written and its mask cleared when it is there, so that after a fault
 * the instruction goes on where it was (SDM vol. 2, VPGATHERDD). Only an element that is selected can fault. Masks from
 * there on stay what they were (as measured on AMD family 19h), and are not filled with their signs.
 */
static void gather(struct Tcg *t, const struct Insn *i, unsigned index_size, unsigned size) {
    CPUX86State *env = t->env;
    union VecReg *to = &env->vec[i->reg], *mask = &env->vec[i->vreg];
    unsigned wider = index_size > size ? index_size : size, count = (16u << i->vl) / wider, bytes = count * size;
    uint64_t base = *(const uint64_t *)((const uint8_t *)env->gpr + i->base) + (uint64_t)(int64_t)i->disp;
    for (unsigned n = 0; n < count; n++) {
        if (!selected(mask, n, size)) {
            set_element(mask, n, size, 0);
            continue;
        }
        uint64_t index = element(&env->vec[i->index], n, index_size);
        index = index_size == 4 ? (uint64_t)(int64_t)(int32_t)index : index;
        uint64_t offset = base + (index << i->scale);
        offset = i->asize == 3 ? offset : (uint32_t)offset;
        uint64_t linear = mem_linear(t, i, i->seg, offset, size, ACCESS_READ);
        set_element(to, n, size, mem_load_unaligned(t, i, linear, size));
        set_element(mask, n, size, 0);
    }
    memset((uint8_t *)to + bytes, 0, 32 - bytes);
    memset(mask, 0, sizeof *mask);
}

void h_gather_dd(struct Tcg *t, const struct Insn *i) { gather(t, i, 4, 4); }
void h_gather_dq(struct Tcg *t, const struct Insn *i) { gather(t, i, 4, 8); }
void h_gather_qd(struct Tcg *t, const struct Insn *i) { gather(t, i, 8, 4); }
void h_gather_qq(struct Tcg *t, const struct Insn *i) { gather(t, i, 8, 8); }
