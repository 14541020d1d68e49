/* SPDX-License-Identifier: MIT */
/* MASKMOVQ and MASKMOVDQU: bytes whose mask has the sign bit set go to [rDI]. */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/area.h"

static uint64_t destination(const struct Tcg *t, const struct Insn *i) {
    uint64_t di = t->env->gpr[REG_DI];
    return i->asize == 3 ? di : i->asize == 2 ? (uint32_t)di : (uint16_t)di;
}

/** Every byte of the destination has to be writable, selected or not: the SDM leaves that open, and it is what
 *  processors do. They check an alignment of 8, whatever the length; Intel's begin with MASKMOVDQU's upper half. */
static void probe(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned n) {
    if (n == 16 && tcg_as_intel(t, RULE_MASKMOVDQU_CR2))
        mem_area_probe_write(t, i, a, 8, 8);
    mem_area_probe_write(t, i, a, 0, 8);
    mem_area_probe_write_unaligned(t, i, a, 0, n);
}

/** The selected bytes, each at an address of its own (area.h). */
static void store_masked(struct Tcg *t, const struct Insn *i, const uint8_t *data, const uint8_t *mask, unsigned n) {
    struct MemArea a = mem_area_at(t, i, PARTS_BYTES, destination(t, i), n, ACCESS_WRITE);
    probe(t, i, &a, n);
    for (unsigned k = 0; k < n;) {
        unsigned run = 0;
        while (k + run < n && (mask[k + run] & 0x80))
            run++;
        if (run != 0)
            mem_area_store_unaligned(t, i, &a, k, data + k, run);
        k += run + 1;
    }
}

void helper_maskmovq(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    if ((env->fsw & FSW_ES) && (env->cr0 & CR0_NE))
        tcg_raise(t, i, VEC_MF);
    uint8_t data[8], mask[8];
    host_store(data, 8, env->fpr[i->reg].mantissa);
    host_store(mask, 8, env->fpr[i->rm].mantissa);
    env->fsw &= (uint16_t)~FSW_TOP; /* MMX state: on Zen even when the store faults */
    env->ftw = 0xff;
    store_masked(t, i, data, mask, 8);
}

void helper_maskmovdqu(struct Tcg *t, const struct Insn *i) {
    store_masked(t, i, t->env->vec[i->reg].b, t->env->vec[i->rm].b, 16);
}
