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
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/watch/watch.h"

/* Whether instructions with this exit reason exit; others are counted as privileged or sensitive, if they are. */
enum Control {
    CONTROL_NO,
    CONTROL_ANY_CPL,
    CONTROL_CPL0, /* elsewhere they fault before they could */
    CONTROL_RDPMC,
    CONTROL_MSR,
    CONTROL_CR,
    CONTROL_DR,
};

static const uint8_t controls[EXIT_REASONS] = {
    [EXIT_CPUID] = CONTROL_ANY_CPL, [EXIT_HLT] = CONTROL_CPL0,     [EXIT_INVD] = CONTROL_CPL0,
    [EXIT_RDPMC] = CONTROL_RDPMC,   [EXIT_CR_ACCESS] = CONTROL_CR, [EXIT_MOV_DR] = CONTROL_DR,
    [EXIT_RDMSR] = CONTROL_MSR,     [EXIT_WRMSR] = CONTROL_MSR,    [EXIT_MWAIT] = CONTROL_CPL0,
    [EXIT_MONITOR] = CONTROL_CPL0,  [EXIT_WBINVD] = CONTROL_CPL0,  [EXIT_XSETBV] = CONTROL_CPL0,
};

static enum Control control_of(const struct X86Row *row) {
    return row->exit == EXIT_NONE ? CONTROL_NO : (enum Control)controls[row->exit];
}

bool tcg_exit_counts(const struct X86Row *row) {
    return control_of(row) != CONTROL_NO || row->privileged || row->sensitive;
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
static void count_class(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    enum ExitClass class = row->privileged ? EXIT_CLASS_PRIVILEGED : EXIT_CLASS_SENSITIVE;
    count_insn(t, i, (struct ExitKey){.name = row->mnemonic, .reason = row->exit, .class = (uint8_t)class});
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

static void count_msr(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    uint32_t msr = (uint32_t)t->env->gpr[REG_CX];
    bool write = row->exit == EXIT_WRMSR;
    struct ExitKey key = exit_key((enum ExitReason)row->exit, EXIT_PLACE_MSR, msr, write);
    if (msr_passes(msr, write)) {
        key.class = EXIT_CLASS_PRIVILEGED;
        key.name = row->mnemonic;
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

static void count_mov_cr(struct Tcg *t, const struct Insn *i, bool write, uint64_t value) {
    struct ExitKey key = exit_key(EXIT_CR_ACCESS, EXIT_PLACE_CR, i->reg, write);
    if (!cr_exits(t, i->reg, write, value)) {
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

static void count_lmsw(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    uint64_t low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    uint64_t v = (t->env->cr0 & ~low) | (gpr_read(t->env, i->rm, 16) & low) | (t->env->cr0 & CR0_PE);
    if (i->mem || cr_exits(t, 0, true, v)) /* an operand in memory is read later; that it changes something is usual */
        count_insn(t, i, exit_key(EXIT_CR_ACCESS, EXIT_PLACE_CR, 0, true));
    else
        count_class(t, i, row);
}

static void count_cr(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    switch (row->exit_kind) {
    case EXIT_CR_TO: count_mov_cr(t, i, true, gpr_read(t->env, i->rm, x86_code64(t->env) ? 64 : 32)); break;
    case EXIT_CR_FROM: count_mov_cr(t, i, false, 0); break;
    case EXIT_CR_LMSW: count_lmsw(t, i, row); break;
    default: count_class(t, i, row); break; /* CLTS: TS is the guest's own */
    }
}

static void count_plain(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    count_insn(t, i, exit_key((enum ExitReason)row->exit, EXIT_PLACE_NONE, 0, false));
}

void tcg_exit_insn(struct Tcg *t, const struct Insn *i, const struct X86Row *row) {
    const CPUX86State *env = t->env;
    enum Control control = control_of(row);
    if (control == CONTROL_ANY_CPL) {
        count_insn(t, i, exit_key((enum ExitReason)row->exit, EXIT_PLACE_LEAF, (uint32_t)env->gpr[REG_AX], false));
        return;
    }
    if (x86_cpl(env) != 0) { /* sensitive ones are the user's own business there, in either case */
        if (control == CONTROL_RDPMC && (env->cr4 & CR4_PCE))
            count_plain(t, i, row);
        return;
    }
    switch (control) {
    case CONTROL_CPL0:
    case CONTROL_RDPMC: count_plain(t, i, row); break;
    case CONTROL_MSR: count_msr(t, i, row); break;
    case CONTROL_CR: count_cr(t, i, row); break;
    case CONTROL_DR: count_dr(t, i, row->exit_kind == EXIT_DR_TO); break;
    default: count_class(t, i, row); break;
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

void tcg_exit_hypercall(struct Tcg *t, const struct Insn *i) {
    count_insn(t, i, exit_key(EXIT_VMCALL, EXIT_PLACE_NONE, 0, false));
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
