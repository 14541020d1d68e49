/* SPDX-License-Identifier: MIT */
/*
 * What would leave the guest under hardware virtualization, and what would trap, or fail to, without it.
 *
 * The controls assumed are those that KVM sets on an Intel processor with EPT and unrestricted guests, the local APIC
 * being the VMM's (as with twin86's kvm engine). Of what the SDM makes conditional (vol. 3, 26.1.3):
 *   exits:    every I/O instruction, HLT, CPUID, MONITOR, MWAIT, RDPMC, INVD, WBINVD, XSETBV, MOV to and from CR8, MSRs
 *             but those below, bits of CR0 and CR4 but those below, MOV DR after another exit, task switches, #UD, #DB,
 *             #AC and #MC, accesses to what is no memory.
 *   does not: MOV to and from CR3, INVLPG, INVPCID (EPT), RDTSC and RDTSCP (offset), RDRAND, PAUSE (only in long
 * loops), SGDT and kin, XSAVES, page faults. Not counted, because they are about the host: EPT violations of RAM that
 * is touched first, the host's interrupts. For each interrupt that arrives while the guest runs there is one exit, by
 * which the VMM gets the processor to inject it.
 */
#include "cpu/exits.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/run/watch.h"

#include <stdlib.h>
#include <string.h>

/* What becomes of an instruction; the rest is decided by what it does. */
enum Kind {
    KIND_NONE,
    KIND_EXIT,       /* at CPL 0 */
    KIND_ANY_CPL,    /* exits at every CPL */
    KIND_PRIVILEGED, /* at CPL 0 */
    KIND_SENSITIVE,  /* at CPL 0; at CPL 3 they are the user's own business in either case */
    KIND_RDMSR,
    KIND_WRMSR,
    KIND_FROM_CR,
    KIND_TO_CR,
    KIND_FROM_DR,
    KIND_TO_DR,
    KIND_LMSW,
    KIND_RDPMC,
};

/* `operands`: how the row's begin; the 17 of the classical list of sensitive instructions that are not privileged are
 * SGDT SIDT SLDT SMSW PUSHF POPF, LAR LSL VERR VERW POP PUSH CALL JMP INT RET STR MOV (of segments; far). IRET pops
 * flags and CS, too. */
static const struct Rule {
    const char *mnemonic, *operands;
    uint8_t kind;
    int16_t reason;
} rules[] = {
    {"CPUID", "", KIND_ANY_CPL, EXIT_CPUID},
    {"HLT", "", KIND_EXIT, EXIT_HLT},
    {"MONITOR", "", KIND_EXIT, EXIT_MONITOR},
    {"MWAIT", "", KIND_EXIT, EXIT_MWAIT},
    {"INVD", "", KIND_EXIT, EXIT_INVD},
    {"WBINVD", "", KIND_EXIT, EXIT_WBINVD},
    {"XSETBV", "", KIND_EXIT, EXIT_XSETBV},
    {"RDPMC", "", KIND_RDPMC, EXIT_RDPMC},
    {"RDMSR", "", KIND_RDMSR, EXIT_RDMSR},
    {"WRMSR", "", KIND_WRMSR, EXIT_WRMSR},
    {"MOV", "R,Cd", KIND_FROM_CR, EXIT_CR_ACCESS},
    {"MOV", "Cd,", KIND_TO_CR, EXIT_CR_ACCESS},
    {"MOV", "R,Dd", KIND_FROM_DR, EXIT_MOV_DR},
    {"MOV", "Dd,", KIND_TO_DR, EXIT_MOV_DR},
    {"LMSW", "", KIND_LMSW, EXIT_CR_ACCESS},
    {"CLTS", "", KIND_PRIVILEGED, EXIT_CR_ACCESS},
    {"INVLPG", "", KIND_PRIVILEGED, EXIT_INVLPG},
    {"INVPCID", "", KIND_PRIVILEGED, EXIT_INVPCID},
    {"LGDT", "", KIND_PRIVILEGED, EXIT_GDTR_IDTR},
    {"LIDT", "", KIND_PRIVILEGED, EXIT_GDTR_IDTR},
    {"LLDT", "", KIND_PRIVILEGED, EXIT_LDTR_TR},
    {"LTR", "", KIND_PRIVILEGED, EXIT_LDTR_TR},
    {"SWAPGS", "", KIND_PRIVILEGED, EXIT_NONE},
    {"SYSRET", "", KIND_PRIVILEGED, EXIT_NONE},
    {"SYSEXIT", "", KIND_PRIVILEGED, EXIT_NONE},
    {"CLI", "", KIND_PRIVILEGED, EXIT_NONE},
    {"STI", "", KIND_PRIVILEGED, EXIT_NONE},
    {"CLAC", "", KIND_PRIVILEGED, EXIT_NONE},
    {"STAC", "", KIND_PRIVILEGED, EXIT_NONE},
    {"XSAVES", "", KIND_PRIVILEGED, EXIT_XSAVES},
    {"XRSTORS", "", KIND_PRIVILEGED, EXIT_XRSTORS},
    {"SGDT", "", KIND_SENSITIVE, EXIT_GDTR_IDTR},
    {"SIDT", "", KIND_SENSITIVE, EXIT_GDTR_IDTR},
    {"SLDT", "", KIND_SENSITIVE, EXIT_LDTR_TR},
    {"STR", "", KIND_SENSITIVE, EXIT_LDTR_TR},
    {"SMSW", "", KIND_SENSITIVE, EXIT_NONE},
    {"PUSHF", "", KIND_SENSITIVE, EXIT_NONE},
    {"POPF", "", KIND_SENSITIVE, EXIT_NONE},
    {"LAR", "", KIND_SENSITIVE, EXIT_NONE},
    {"LSL", "", KIND_SENSITIVE, EXIT_NONE},
    {"VERR", "", KIND_SENSITIVE, EXIT_NONE},
    {"VERW", "", KIND_SENSITIVE, EXIT_NONE},
    {"POP", "ES", KIND_SENSITIVE, EXIT_NONE},
    {"POP", "SS", KIND_SENSITIVE, EXIT_NONE},
    {"POP", "DS", KIND_SENSITIVE, EXIT_NONE},
    {"POP", "FS", KIND_SENSITIVE, EXIT_NONE},
    {"POP", "GS", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "ES", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "CS", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "SS", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "DS", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "FS", KIND_SENSITIVE, EXIT_NONE},
    {"PUSH", "GS", KIND_SENSITIVE, EXIT_NONE},
    {"MOV", "Sw,", KIND_SENSITIVE, EXIT_NONE},
    {"MOV", "Ev,Sw", KIND_SENSITIVE, EXIT_NONE},
    {"CALL", "Ap", KIND_SENSITIVE, EXIT_NONE},
    {"CALL", "Mp", KIND_SENSITIVE, EXIT_NONE},
    {"JMP", "Ap", KIND_SENSITIVE, EXIT_NONE},
    {"JMP", "Mp", KIND_SENSITIVE, EXIT_NONE},
    {"RETF", "", KIND_SENSITIVE, EXIT_NONE},
    {"IRET", "", KIND_SENSITIVE, EXIT_NONE},
    {"INT", "Ib", KIND_SENSITIVE, EXIT_NONE},
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };
_Static_assert(RULES < 255, "a rule's number, from 1 on, fits into a byte");

uint8_t *tcg_exit_kinds(void) {
    uint8_t *kinds = calloc(x86_row_count, 1);
    for (unsigned row = 1; kinds != NULL && row < x86_row_count; row++)
        for (unsigned k = 0; k < RULES && kinds[row] == 0; k++)
            if (strcmp(x86_rows[row].mnemonic, rules[k].mnemonic) == 0 &&
                strncmp(x86_rows[row].operands, rules[k].operands, strlen(rules[k].operands)) == 0)
                kinds[row] = (uint8_t)(k + 1);
    return kinds;
}

/* ---- counting ---- */

/* `after`: insn_count when the instruction will be complete. */
static void count(struct Tcg *t, struct ExitKey key, uint64_t rip, uint64_t after) {
    key.rip = rip;
    if (key.class == EXIT_CLASS_EXIT) {
        t->watch->last_exit = after;
        t->watch->dr_open = false;
    }
    exits_begin(t->cpu->exits, &key, 1);
}

static uint64_t count_after(const struct Tcg *t, const struct Insn *i) {
    return i != NULL ? t->icount - (block_of(i)->count - i->idx) + 1 : t->icount;
}

static uint64_t rip_of(const struct Tcg *t, const struct Insn *i) {
    return i != NULL ? tcg_this_rip(t, i) : t->env->rip;
}

static void count_insn(struct Tcg *t, const struct Insn *i, struct ExitKey key) {
    count(t, key, rip_of(t, i), count_after(t, i));
}

/* One that does not exit. */
static void count_class(struct Tcg *t, const struct Insn *i, enum ExitClass class, const struct Rule *r) {
    struct ExitKey key = {.name = r->mnemonic, .reason = r->reason, .class = (uint8_t) class};
    count_insn(t, i, key);
}

/* ---- what depends on operands ---- */

/* MSRs that KVM lets the guest access without an exit on Intel processors: segment bases, SYSENTER's, the TSC for
 * reading, speculation control, and idle residencies. */
static bool msr_passes(uint32_t msr, bool write) {
    switch (msr) {
    case 0x10: return !write;
    case 0x48:
    case 0x49:
    case 0x174 ... 0x176:
    case 0xc0000100 ... 0xc0000102: return true;
    case 0x3f9:
    case 0x3fc:
    case 0x3fd:
    case 0x660: return !write;
    default: return false;
    }
}

static void count_msr(struct Tcg *t, const struct Insn *i, const struct Rule *r, bool write) {
    uint32_t msr = (uint32_t)t->env->gpr[REG_CX];
    struct ExitKey key = exit_key((enum ExitReason)r->reason, EXIT_PLACE_MSR, msr, write);
    if (msr_passes(msr, write)) {
        key.class = EXIT_CLASS_PRIVILEGED;
        key.name = r->mnemonic;
    }
    count_insn(t, i, key);
}

/* The guest's own bits: changing them does not exit. */
#define CR0_GUEST (uint64_t)(CR0_TS | CR0_WP)
#define CR4_GUEST                                                                                                      \
    (uint64_t)(CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE)

static bool cr_exits(const struct Tcg *t, unsigned cr, bool write, uint64_t value) {
    const CPUX86State *env = t->env;
    switch (cr) {
    case 0: return write && ((value ^ env->cr0) & ~CR0_GUEST) != 0;
    case 4: return write && ((value ^ env->cr4) & ~CR4_GUEST) != 0;
    case 8: return true;
    default: return false;
    }
}

static void count_cr(struct Tcg *t, const struct Insn *i, unsigned cr, bool write, uint64_t value) {
    struct ExitKey key = exit_key(EXIT_CR_ACCESS, EXIT_PLACE_CR, cr, write);
    if (!cr_exits(t, cr, write, value)) {
        key.class = EXIT_CLASS_PRIVILEGED;
        key.name = "MOV CR";
    }
    count_insn(t, i, key);
}

/* After an exit for one, KVM lets the others pass until there is another exit. */
static void count_dr(struct Tcg *t, const struct Insn *i, bool write) {
    struct ExitKey key = exit_key(EXIT_MOV_DR, EXIT_PLACE_DR, i->reg, write);
    bool passes = t->watch->dr_open;
    if (passes)
        key.class = EXIT_CLASS_PRIVILEGED;
    count_insn(t, i, key);
    t->watch->dr_open = true;
}

static void count_lmsw(struct Tcg *t, const struct Insn *i, const struct Rule *r) {
    uint64_t low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    if (i->mem) { /* its operand is read later; that it changes something is usual */
        count_insn(t, i, exit_key(EXIT_CR_ACCESS, EXIT_PLACE_CR, 0, true));
        return;
    }
    uint64_t v = (t->env->cr0 & ~low) | (gpr_read(t->env, i->rm, 16) & low) | (t->env->cr0 & CR0_PE);
    if (cr_exits(t, 0, true, v))
        count_insn(t, i, exit_key(EXIT_CR_ACCESS, EXIT_PLACE_CR, 0, true));
    else
        count_class(t, i, EXIT_CLASS_PRIVILEGED, r);
}

void tcg_exit_insn(struct Tcg *t, const struct Insn *i, uint8_t kind) {
    const struct Rule *r = &rules[kind - 1];
    const CPUX86State *env = t->env;
    unsigned bits = x86_code64(env) ? 64 : 32;
    if (r->kind == KIND_ANY_CPL) {
        count_insn(t, i, exit_key(EXIT_CPUID, EXIT_PLACE_LEAF, (uint32_t)env->gpr[REG_AX], false));
        return;
    }
    if (x86_cpl(env) != 0) {
        if (r->kind == KIND_RDPMC && (env->cr4 & CR4_PCE))
            count_insn(t, i, exit_key(EXIT_RDPMC, EXIT_PLACE_NONE, 0, false));
        return; /* faults before it could exit */
    }
    switch ((enum Kind)r->kind) {
    case KIND_RDPMC:
    case KIND_EXIT: count_insn(t, i, exit_key((enum ExitReason)r->reason, EXIT_PLACE_NONE, 0, false)); break;
    case KIND_PRIVILEGED: count_class(t, i, EXIT_CLASS_PRIVILEGED, r); break;
    case KIND_SENSITIVE: count_class(t, i, EXIT_CLASS_SENSITIVE, r); break;
    case KIND_RDMSR: count_msr(t, i, r, false); break;
    case KIND_WRMSR: count_msr(t, i, r, true); break;
    case KIND_FROM_CR: count_cr(t, i, i->reg, false, 0); break;
    case KIND_TO_CR: count_cr(t, i, i->reg, true, gpr_read(env, i->rm, bits)); break;
    case KIND_FROM_DR: count_dr(t, i, false); break;
    case KIND_TO_DR: count_dr(t, i, true); break;
    case KIND_LMSW: count_lmsw(t, i, r); break;
    default: break;
    }
}

/* ---- accesses and events ---- */

void tcg_exit_access(struct Tcg *t, const struct Insn *i, enum ExitReason reason, uint64_t place, bool write) {
    struct ExitKey key = exit_key(reason, reason == EXIT_IO ? EXIT_PLACE_PORT : EXIT_PLACE_ADDRESS, place, write);
    key.rip = rip_of(t, i);
    if (t->watch != NULL && t->watch->counting)
        count(t, key, key.rip, count_after(t, i));
    else
        exits_begin(t->cpu->exits, &key, 1); /* by an instruction that another engine could not execute */
}

void tcg_exit_plain(struct Tcg *t, enum ExitReason reason) {
    count(t, exit_key(reason, EXIT_PLACE_NONE, 0, false), t->env->rip, t->icount);
}

void tcg_exit_exception(struct Tcg *t, uint8_t vector) {
    if (vector == VEC_UD || vector == VEC_DB || vector == VEC_AC || vector == VEC_MC)
        count(t, exit_key(EXIT_EXCEPTION_NMI, EXIT_PLACE_VECTOR, vector, false), t->env->rip, t->icount);
}

/* The VMM has the processor if the instruction that has just ended made an exit, or the guest is halted. */
static bool vmm_is_there(const struct Tcg *t) { return t->watch->last_exit == t->icount; }

void tcg_exit_blocked(struct Tcg *t, uint32_t events) {
    struct TcgWatch *w = t->watch;
    bool window = (events & CPU_EVENT_INTR) != 0, nmi_window = (events & CPU_EVENT_NMI) != 0;
    if (((window && !w->window) || (nmi_window && !w->nmi_window)) && !vmm_is_there(t))
        tcg_exit_plain(t, EXIT_EXTERNAL_INTERRUPT);
    w->window = window;
    w->nmi_window = nmi_window;
}

void tcg_exit_interrupt(struct Tcg *t, uint8_t vector) {
    struct TcgWatch *w = t->watch;
    bool *window = vector == VEC_NMI ? &w->nmi_window : &w->window;
    if (*window)
        tcg_exit_plain(t, vector == VEC_NMI ? EXIT_NMI_WINDOW : EXIT_INTERRUPT_WINDOW);
    else if (!vmm_is_there(t))
        tcg_exit_plain(t, EXIT_EXTERNAL_INTERRUPT);
    *window = false;
}
