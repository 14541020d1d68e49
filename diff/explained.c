/* SPDX-License-Identifier: MIT */
/*
 * Differences between tcg-lite and hardware that are no bugs: each with the SDM's section or what was measured. The
 * report counts them by name. Flags that the SDM leaves undefined are in x86.tab, not here.
 */
#include "accel/tcg-lite/mem.h"
#include "diff/compare.h"

#include <string.h>
#include <unistd.h>

static bool is(const struct Comparison *c, const char *mnemonic) { return !strcmp(c->row->mnemonic, mnemonic); }

/** Linear address of the memory operand. */
static uint64_t operand(const struct Comparison *c) {
    CPUX86State env = {.rip = c->in->rip};
    memcpy(env.gpr, c->in->gpr, sizeof(env.gpr));
    uint64_t base = c->insn->seg == SEG_FS ? c->in->fs_base : c->insn->seg == SEG_GS ? c->in->gs_base : 0;
    return base + ea_offset(&env, c->insn);
}

static void forget_memory(struct Comparison *c, uint64_t linear, unsigned n) {
    for (unsigned k = 0; k < c->ranges; k++) {
        struct CompareRange *m = &c->range[k];
        for (unsigned j = 0; j < n; j++)
            if (linear + j - m->linear < m->n)
                m->a[linear + j - m->linear] = m->b[linear + j - m->linear];
    }
}

/** Bytes that the hardware has stored as 0. */
static void forget_zeros(struct Comparison *c, uint64_t linear, unsigned n) {
    for (unsigned k = 0; k < c->ranges; k++) {
        struct CompareRange *m = &c->range[k];
        for (unsigned j = 0; j < n; j++)
            if (linear + j - m->linear < m->n && m->b[linear + j - m->linear] == 0)
                m->a[linear + j - m->linear] = 0;
    }
}

static bool saves_x87(const struct Comparison *c) {
    return is(c, "FXSAVE") || is(c, "XSAVE") || is(c, "XSAVEOPT") || is(c, "XSAVEC");
}

static void mxcsr_mask(struct Comparison *c) {
    if (saves_x87(c))
        forget_memory(c, operand(c) + FXSAVE_MXCSR_MASK, 4);
}

static void pointers_not_stored(struct Comparison *c) {
    if (saves_x87(c) && !(diff_get16(c->in->fx + FXSAVE_FSW) & 0x80)) {
        forget_memory(c, operand(c) + FXSAVE_FOP, 2);
        forget_memory(c, operand(c) + FXSAVE_FIP, 16);
    }
}

/** Where they are in DiffState. */
static bool no_pointers(const struct DiffState *s) {
    return diff_get16(s->fx + FXSAVE_FOP) == 0 && diff_get64(s->fx + FXSAVE_FIP) == 0 &&
           diff_get64(s->fx + FXSAVE_FDP) == 0;
}

static void pointers_lost(struct Comparison *c) {
    if (no_pointers(&c->b)) {
        memset(c->a.fx + FXSAVE_FOP, 0, 2);
        memset(c->a.fx + FXSAVE_FIP, 0, 16);
    }
    if (diff_get64(c->b.fx + FXSAVE_FDP) == 0)
        memset(c->a.fx + FXSAVE_FDP, 0, 8);
    if (is(c, "FNSTENV") || is(c, "FNSAVE")) {
        bool small = c->insn->osize == 1;
        forget_zeros(c, operand(c) + (small ? 6 : 12), small ? 8 : 16);
    }
}

static bool canonical(uint64_t v) { return (uint64_t)((int64_t)(v << 16) >> 16) == v; }

/** The fault becomes the hardware's, and so does everything else: what a case does after another fault means nothing.
 */
static void take_all(struct Comparison *c) {
    for (unsigned k = 0; k < c->ranges; k++)
        memcpy(c->range[k].a, c->range[k].b, c->range[k].n);
    c->a = c->b;
}

static void call_target_and_stack(struct Comparison *c) {
    if (is(c, "CALL") && c->a.vector == VEC_GP && c->b.vector == VEC_SS && !canonical(c->in->gpr[REG_SP] - 8))
        take_all(c);
}

static void misaligned_stack_operand(struct Comparison *c) {
    if (c->insn->mem && c->a.vector == VEC_SS && c->b.vector == VEC_GP && (operand(c) & 15))
        take_all(c);
}

static void cmps_order(struct Comparison *c) {
    if (is(c, "CMPS") && c->a.vector == VEC_PF && c->b.vector == VEC_PF && c->a.cr2 != c->b.cr2)
        take_all(c);
}

/** Where the flags of a repeated comparison are those of a later iteration. */
static void interrupted_comparison(struct Comparison *c) {
    bool compares = (is(c, "CMPS") || is(c, "SCAS")) && c->insn->rep;
    if (compares && c->a.vector == VEC_PF && c->b.vector == VEC_PF)
        c->a.rflags = c->b.rflags;
}

/** Instructions that AMD's processors have and the table has not, as (prefix, opcode after 0F, ModRM) with 0 for any.
 */
static void not_in_table(struct Comparison *c) {
    static const struct {
        uint8_t prefix, opcode, modrm;
    } list[] = {{0xf3, 0x2b, 0}, {0xf2, 0x2b, 0}, {0x66, 0x78, 0}, {0xf2, 0x78, 0}, {0x66, 0x79, 0},
                {0xf2, 0x79, 0}, {0, 0x01, 0xfc}, {0, 0x01, 0xfd}, {0, 0x01, 0xfa}, {0, 0x01, 0xfb}};
    if (c->a.vector != VEC_UD || c->row != &x86_rows[0])
        return;
    unsigned at = 0;
    while (at < 12 && c->bytes[at] != 0x0f && c->bytes[at] != 0x62 && c->bytes[at] != 0x8f)
        at++;
    bool other_map = c->bytes[at] != 0x0f && at < 12; /* EVEX, XOP */
    for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]) && !other_map; k++)
        other_map = c->bytes[at + 1] == list[k].opcode && (!list[k].modrm || c->bytes[at + 2] == list[k].modrm) &&
                    (!list[k].prefix || memchr(c->bytes, list[k].prefix, at) != NULL);
    if (other_map)
        take_all(c);
}

static void int1_rip(struct Comparison *c) {
    if (is(c, "INT1") && c->a.vector == VEC_DB && c->b.vector == VEC_DB)
        c->b.rip = c->a.rip;
}

static bool on_pvm(const struct Comparison *c) {
    return !strcmp(c->oracle, "kvm") && access("/sys/module/kvm_pvm", F_OK) == 0;
}

static void upper_half(struct Comparison *c) {
    bool faults = c->a.vector == VEC_PF && c->b.vector == VEC_PF && c->a.cr2 == c->b.cr2;
    if (faults && (int64_t)c->b.cr2 < 0 && on_pvm(c))
        c->b.error &= ~(uint32_t)(PF_P | PF_RSVD);
}

/** kvm_pvm: #GP, #SS and #UD of a program go to an emulator first, which knows few instructions and finds faults of its
 * own. */
static void emulated(struct Comparison *c) {
    uint32_t v = c->a.vector;
    if ((v == VEC_GP || v == VEC_SS || v == VEC_UD || c->b.vector == VEC_UD) && on_pvm(c))
        take_all(c);
}

const struct Explanation explanations[] = {
    {"mxcsr-mask", "FXSAVE and XSAVE store MXCSR_MASK, which is the processor's own (SDM vol. 1, 11.6.6)", mxcsr_mask},
    {"x87-pointers-not-stored",
     "AMD: FXSAVE and XSAVE store FOP, FIP and FDP only while an exception is pending (APM vol. 2, 11.4.4; measured)",
     pointers_not_stored},
    {"x87-pointers-lost",
     "for the same reason the host's kernel loses them when it switches tasks: all three are 0 (measured)",
     pointers_lost},
    {"call-target-and-stack",
     "CALL to an address that is not canonical with such a stack: #GP by the SDM's order (vol. 2, CALL), #SS measured",
     call_target_and_stack},
    {"misaligned-stack-operand",
     "an aligned vector operand through RSP or RBP that is neither canonical nor aligned: the SDM names #SS and #GP "
     "without "
     "an order (vol. 2, 2.4); measured #GP",
     misaligned_stack_operand},
    {"cmps-order",
     "when neither operand of CMPS can be read, the SDM does not say which fault is raised; measured on AMD: sometimes "
     "the one, sometimes the other",
     cmps_order},
    {"interrupted-comparison",
     "a page fault in REP CMPS and SCAS shows the flags from before the instruction (SDM vol. 2, REP); when an "
     "interrupt "
     "had come between, those of the iterations up to then (measured)",
     interrupted_comparison},
    {"not-in-table",
     "the host's processor has instructions that are not in the table: SSE4a, XOP, EVEX, CLZERO, MONITORX, RDPRU",
     not_in_table},
    {"int1-rip",
     "INT1 is a trap (SDM vol. 3, table 6-1: RIP of the next instruction); under a hypervisor that intercepts #DB the "
     "handler finds INT1's own RIP (measured under KVM on AMD)",
     int1_rip},
    {"kvm-pvm-emulated",
     "under kvm_pvm a program's #GP, #SS and #UD are not the processor's: KVM's emulator executes the instruction "
     "again, "
     "and raises #UD for those that it does not know, or another fault, or none (measured); the engine `host` is not "
     "concerned",
     emulated},
    {"kvm-pvm-upper-half",
     "under kvm_pvm the upper half of the address space is the hypervisor's own: #PF there says P and RSVD (measured)",
     upper_half},
};
const unsigned explanation_count = sizeof(explanations) / sizeof(explanations[0]);
