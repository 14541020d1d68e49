/* SPDX-License-Identifier: MIT */
/* VEX instructions that touch only some elements of memory: masked loads and stores, gathers. */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/mem.h"
#include "cpu/pagewalk.h"

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

/** The linear address of an element; the segment is checked for that alone. Only the whole operand's address is wrapped
 *  to the address size (measured on AMD's and Intel's processors in 64-bit code, on Intel's in other). */
static uint64_t element_linear(struct Tcg *t, const struct Insn *i, unsigned n, unsigned size, enum Access access) {
    uint64_t offset = ea_offset(t->env, i) + n * size;
    if ((t->mode & MODE_CODE) != MODE_CODE64)
        offset = (uint32_t)offset;
    return mem_linear(t, i, i->seg, offset, size, access | ACCESS_UNALIGNED);
}

/** Of the selected elements, the address of the first byte of the lowest and of the last byte of the highest. */
struct Span {
    uint64_t first, last;
};

/** The same, in 64-bit code without checks. */
static uint64_t span_linear(struct Tcg *t, const struct Insn *i, unsigned n, unsigned size, enum Access access) {
    if ((t->mode & MODE_CODE) != MODE_CODE64)
        return element_linear(t, i, n, size, access);
    uint64_t base = i->seg >= SEG_FS ? t->env->seg[i->seg].base : 0;
    return ea_offset(t->env, i) + base + n * size;
}

/** False: no element is selected. */
static bool selected_span(struct Tcg *t, const struct Insn *i, const union VecReg *mask, unsigned size,
                          enum Access access, struct Span *s) {
    bool any = false;
    for (unsigned n = 0; n < (16u << i->vl) / size; n++) {
        if (!selected(mask, n, size))
            continue;
        uint64_t at = span_linear(t, i, n, size, access);
        s->first = any ? s->first : at;
        s->last = at + size - 1;
        any = true;
    }
    return any;
}

/**
 * What Intel's processors look at before the elements (RULE_VMASKMOV): where those that are selected lie in two pages,
 * both are to be canonical, and the second page's fault is that of a store's last byte.
 */
static void check_span(struct Tcg *t, const struct Insn *i, const union VecReg *mask, unsigned size, bool write) {
    struct Span s;
    if (!tcg_as_intel(t, RULE_VMASKMOV) || !selected_span(t, i, mask, size, write ? ACCESS_WRITE : ACCESS_READ, &s) ||
        (s.first ^ s.last) < 4096)
        return;
    if (!x86_canonical(t->env, s.first) || !x86_canonical(t->env, s.last))
        tcg_raise_error(t, i, i->seg == SEG_SS ? VEC_SS : VEC_GP, 0);
    if (!write)
        return;
    mem_probe_write_unaligned(t, i, s.first, 1);
    mem_probe_write_unaligned(t, i, s.last, 1);
}

static void mask_load(struct Tcg *t, const struct Insn *i, unsigned size) {
    const union VecReg mask = t->env->vec[i->vreg];
    union VecReg r = {0};
    check_span(t, i, &mask, size, false);
    for (unsigned n = 0; n < (16u << i->vl) / size; n++)
        if (selected(&mask, n, size))
            set_element(&r, n, size, mem_load_unaligned(t, i, element_linear(t, i, n, size, ACCESS_READ), size));
    t->env->vec[i->reg] = r;
}

/** Every selected element is probed before the first is written. */
static void mask_store(struct Tcg *t, const struct Insn *i, unsigned size) {
    const union VecReg mask = t->env->vec[i->vreg], r = t->env->vec[i->reg];
    unsigned count = (16u << i->vl) / size;
    check_span(t, i, &mask, size, true);
    for (unsigned n = 0; n < count; n++)
        if (selected(&mask, n, size))
            mem_probe_write_unaligned(t, i, element_linear(t, i, n, size, ACCESS_WRITE), size);
    for (unsigned n = 0; n < count; n++)
        if (selected(&mask, n, size))
            mem_store_unaligned(t, i, element_linear(t, i, n, size, ACCESS_WRITE), size, element(&r, n, size));
}

void helper_maskload32(struct Tcg *t, const struct Insn *i) { mask_load(t, i, 4); }
void helper_maskload64(struct Tcg *t, const struct Insn *i) { mask_load(t, i, 8); }
void helper_maskstore32(struct Tcg *t, const struct Insn *i) { mask_store(t, i, 4); }
void helper_maskstore64(struct Tcg *t, const struct Insn *i) { mask_store(t, i, 8); }

/* ---- gathers: insn.index is a vector register ---- */

static void clear_above(union VecReg *r, unsigned bytes) { memset((uint8_t *)r + bytes, 0, sizeof(*r) - bytes); }

/** Every element becomes what its sign says (SDM vol. 2, VPGATHERDD: the mask is extended first). */
static void extend_mask(union VecReg *mask, unsigned size, unsigned bytes) {
    for (unsigned n = 0; n < bytes / size; n++)
        set_element(mask, n, size, selected(mask, n, size) ? UINT64_MAX : 0);
    clear_above(mask, bytes);
}

static uint64_t gather_linear(struct Tcg *t, const struct Insn *i, unsigned n, unsigned index_size, unsigned size) {
    const CPUX86State *env = t->env;
    uint64_t base = *(const uint64_t *)((const uint8_t *)env->gpr + i->base) + (uint64_t)(int64_t)i->disp;
    uint64_t index = element(&env->vec[i->index], n, index_size);
    index = index_size == 4 ? (uint64_t)(int64_t)(int32_t)index : index;
    uint64_t offset = base + (index << i->scale);
    return mem_linear(t, i, i->seg, i->asize == 3 ? offset : (uint32_t)offset, size, ACCESS_READ);
}

/**
 * Elements are loaded from the lowest up; each is written and its mask cleared when it is there, so that after a fault
 * the instruction goes on where it was (SDM vol. 2, VPGATHERDD). Only an element that is selected can fault. What a
 * fault finds in the masks from there on, and in the upper halves, is the vendor's (RULE_GATHER_FAULT). When elements
 * are there and a trap is due for them, it is delivered in the fault's place.
 */
static void gather(struct Tcg *t, const struct Insn *i, unsigned index_size, unsigned size) {
    CPUX86State *env = t->env;
    union VecReg *to = &env->vec[i->reg], *mask = &env->vec[i->vreg];
    unsigned wider = index_size > size ? index_size : size, count = (16u << i->vl) / wider, bytes = count * size;
    const bool intel = tcg_as_intel(t, RULE_GATHER_FAULT);
    if (intel)
        extend_mask(mask, size, 16u << i->vl);
    for (unsigned n = 0; n < count; n++) {
        if (selected(mask, n, size)) {
            set_element(to, n, size, mem_load_unaligned(t, i, gather_linear(t, i, n, index_size, size), size));
            if (intel && i->vl == 0) /* of the 256-bit forms with four-byte elements the upper half stays */
                clear_above(to, 16);
            t->partly_done = true;
        }
        set_element(mask, n, size, 0);
    }
    t->partly_done = false;
    clear_above(to, bytes);
    memset(mask, 0, sizeof(*mask));
}

void helper_gather_dd(struct Tcg *t, const struct Insn *i) { gather(t, i, 4, 4); }
void helper_gather_dq(struct Tcg *t, const struct Insn *i) { gather(t, i, 4, 8); }
void helper_gather_qd(struct Tcg *t, const struct Insn *i) { gather(t, i, 8, 4); }
void helper_gather_qq(struct Tcg *t, const struct Insn *i) { gather(t, i, 8, 8); }
