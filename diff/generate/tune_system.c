/* SPDX-License-Identifier: MIT */
/*
 * Operands of instructions that change the system: most of the time such that the case's end can still be reached
 * through the interrupt table.
 */
#include "diff/generate/tune.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void set_register(struct Tune *t, unsigned off, uint64_t v) {
    t->s->gpr[off / 8] = t->b->mode == DIFF_LONG64 ? v : (uint32_t)v;
}

/** Some of these bits are other than they were. */
static uint64_t flip(struct Tune *t, uint64_t v, uint64_t bits) { return v ^ (diff_rnd(t->r) & bits); }

void tune_control_register(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t v = diff_rnd(t->r);
    switch (i->reg) {
    case 0: v = flip(t, t->env->cr0, CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM); break;
    case 3: v = flip(t, t->env->cr3, 0x18); break;
    case 4: v = flip(t, t->env->cr4, CR4_TSD | CR4_DE | CR4_PGE | CR4_PCE | CR4_OSXMMEXCPT); break;
    case 8: v &= diff_one_in(t->r, 4) ? 0xff : 15; break;
    default: break;
    }
    if (diff_one_in(t->r, 16)) {
        uint64_t high = 1ull << (32 + diff_below(t->r, 32));
        if (!(i->reg == 3 && t->e->qemu)) /* it would take it, and KVM could not go on */
            v |= high;
    }
    set_register(t, i->rm, v);
}

/** No breakpoint becomes active. */
void tune_debug_register(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t v = diff_integer(t->r);
    if (i->reg == 7 || i->reg == 5)
        v &= ~0x20ffull;
    if (!diff_one_in(t->r, 8))
        v = (uint32_t)v;
    set_register(t, i->rm, v);
}

/** A selector for data, mostly. */
static uint16_t data_selector(struct Tune *t) {
    static const uint16_t list[] = {DIFF_DS_0, DIFF_DS_3, DIFF_DS16_0, DIFF_DS16_3, DIFF_CS32_3,
                                    0,         3,         DIFF_TR,     0x70,        0x24};
    uint16_t v = list[diff_below(t->r, COUNT(list))];
    return diff_one_in(t->r, 8)   ? (uint16_t)diff_rnd(t->r)
           : diff_one_in(t->r, 4) ? v ^ (uint16_t)diff_below(t->r, 4)
                                  : v;
}

void tune_selector(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t v = data_selector(t);
    bool lldt = t->row->exit == EXIT_LDTR_TR && t->row->exit_kind == EXIT_LLDT,
         ltr = t->row->exit == EXIT_LDTR_TR && t->row->exit_kind == EXIT_LTR;
    if ((lldt || ltr) && !diff_one_in(t->r, 4))
        v = diff_one_in(t->r, 2) ? DIFF_TR : 0;
    if (ltr && !(v & ~3ull)) /* QEMU's LTR would take it, and end */
        v = DIFF_TR;
    if (i->mem)
        tune_poke(t, t->target, &v, 2);
    else
        t->s->gpr[i->rm / 8] = (t->s->gpr[i->rm / 8] & ~0xffffull) | v;
}

void tune_pop_selector(struct Tune *t) {
    uint64_t v = data_selector(t) | (diff_rnd(t->r) & 0xffff0000);
    tune_poke(t, t->base[SEG_SS] + t->s->gpr[REG_SP], &v, 8);
}

/** LDS ...: offset, selector. */
void tune_load_far(struct Tune *t) {
    uint16_t v = data_selector(t);
    tune_poke(t, t->target + (1u << t->insn->d.insn.osize), &v, 2);
}

/** The table that there is, now and then another limit. */
void tune_table(struct Tune *t) {
    const struct X86Table *table = t->row->exit_kind == EXIT_LGDT ? &t->env->gdt : &t->env->idt;
    uint8_t bytes[10];
    uint16_t limit = (uint16_t)(diff_one_in(t->r, 4) ? table->limit | diff_rnd(t->r) : table->limit);
    put_le(bytes, limit, 2);
    put_le(bytes + 2, table->base, 8);
    tune_poke(t, t->target, bytes, sizeof(bytes));
}

void tune_msr(struct Tune *t) {
    static const uint32_t list[] = {0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
                                    0xc0000102, 0xc0000103, 0x174,      0x175,      0x176,      0x277};
    uint32_t msr = list[diff_below(t->r, COUNT(list))];
    uint64_t v = diff_integer(t->r);
    if (msr == 0xc0000080)
        v = flip(t, t->env->efer, EFER_SCE);
    else if (msr == 0x277)
        v = 0x0007040600070406 ^ (diff_rnd(t->r) & 0x0202020202020202);
    else if (!diff_one_in(t->r, 4))
        v = (uint64_t)((int64_t)v >> 17);
    t->s->gpr[REG_CX] = msr;
    t->s->gpr[REG_AX] = (uint32_t)v;
    t->s->gpr[REG_DX] = v >> 32;
}

void tune_xsetbv(struct Tune *t) {
    t->s->gpr[REG_CX] = diff_one_in(t->r, 8);
    t->s->gpr[REG_DX] = diff_one_in(t->r, 8);
    t->s->gpr[REG_AX] = diff_one_in(t->r, 2) ? t->env->xcr0 : diff_below(t->r, 16);
}

/** No descriptor in memory: types beyond 3 are #GP. */
void tune_invpcid(struct Tune *t) {
    uint64_t descriptor[2] = {diff_one_in(t->r, 4) ? diff_integer(t->r) : 0, diff_integer(t->r)};
    t->s->gpr[t->insn->d.insn.reg / 8] = diff_below(t->r, 5);
    tune_poke(t, t->target, descriptor, sizeof(descriptor));
}

/** The machine status word can't switch protection on. */
void tune_lmsw(struct Tune *t) {
    const struct X86Insn *i = &t->insn->d.insn;
    uint64_t v = (diff_rnd(t->r) & 0xfffe) | (t->env->cr0 & CR0_PE);
    if (i->mem)
        tune_poke(t, t->target, &v, 2);
    else
        t->s->gpr[i->rm / 8] = (t->s->gpr[i->rm / 8] & ~0xffffull) | v;
}
