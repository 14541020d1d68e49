/* SPDX-License-Identifier: MIT */
/* IN, OUT, INS, OUTS with their permission checks (SDM vol. 1, 19.5; vol. 2). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/exits.h"

/* Above IOPL, and always in v8086 mode, the TSS's map decides; all bits of the access must be clear. */
static void check_port(struct Tcg *t, uint16_t port, unsigned size) {
    const CPUX86State *env = t->env;
    const struct X86Segment *tr = &env->tr;
    enum { MAP_BASE = 102 };
    if (!x86_protected(env) || (!x86_v8086(env) && x86_cpl(env) <= x86_iopl(env)))
        return;
    bool tss32 = (tr->ar & 8) != 0;
    if (!tss32 || tr->limit < MAP_BASE + 1)
        tcg_fault_error(t, VEC_GP, 0);
    uint32_t at = (uint32_t)mem_load_sys(t, tr->base + MAP_BASE, 2) + port / 8;
    if (at + 1 > tr->limit) /* two bytes are always read */
        tcg_fault_error(t, VEC_GP, 0);
    uint32_t map = (uint32_t)mem_load_sys(t, tr->base + at, 2) >> (port % 8);
    if (map & ((1u << size) - 1))
        tcg_fault_error(t, VEC_GP, 0);
}

/* There are no 64-bit ports. */
static unsigned port_size(const struct Insn *i) { return i->osize >= 2 ? 4 : 1u << i->osize; }

static uint32_t port_read(struct Tcg *t, const struct Insn *i, uint16_t port, unsigned size) {
    tcg_sync_count(t, i);
    if (UNLIKELY(t->cpu->exits != NULL))
        tcg_exit_access(t, i, EXIT_IO, port, false);
    uint32_t v = bus_port_read(t->cpu->bus, port, size);
    if (UNLIKELY(t->cpu->exits != NULL))
        exits_end(t->cpu->exits);
    t->env->pending_db |= dr_match_io(t->env, port, size);
    return v;
}

static void port_write(struct Tcg *t, const struct Insn *i, uint16_t port, unsigned size, uint32_t v) {
    tcg_sync_count(t, i);
    if (UNLIKELY(t->cpu->exits != NULL))
        tcg_exit_access(t, i, EXIT_IO, port, true);
    bus_port_write(t->cpu->bus, port, v, size);
    if (UNLIKELY(t->cpu->exits != NULL))
        exits_end(t->cpu->exits);
    t->env->pending_db |= dr_match_io(t->env, port, size);
}

static void in(struct Tcg *t, const struct Insn *i, uint16_t port) {
    unsigned size = port_size(i);
    check_port(t, port, size);
    gpr_write(t->env, REG_AX * 8, size * 8, port_read(t, i, port, size));
}

static void out(struct Tcg *t, const struct Insn *i, uint16_t port) {
    unsigned size = port_size(i);
    check_port(t, port, size);
    port_write(t, i, port, size, (uint32_t)gpr_read(t->env, REG_AX * 8, size * 8));
}

void helper_in_imm(struct Tcg *t, const struct Insn *i) { in(t, i, (uint8_t)i->uimm); }
void helper_in_dx(struct Tcg *t, const struct Insn *i) { in(t, i, (uint16_t)t->env->gpr[REG_DX]); }
void helper_out_imm(struct Tcg *t, const struct Insn *i) { out(t, i, (uint8_t)i->uimm); }
void helper_out_dx(struct Tcg *t, const struct Insn *i) { out(t, i, (uint16_t)t->env->gpr[REG_DX]); }

/* ---- INS, OUTS ---- */

/* Memory is checked before the port is touched: a port must not see an access that then faults. */
static void ins_once(struct Tcg *t, const struct Insn *i, uint16_t port, unsigned size) {
    CPUX86State *env = t->env;
    unsigned width = 8u << i->asize;
    uint64_t index = gpr_read(env, REG_DI * 8, width);
    uint64_t linear = mem_linear(t, i, SEG_ES, index, size, ACCESS_WRITE);
    mem_probe_write(t, i, linear, size);
    uint32_t v = port_read(t, i, port, size);
    mem_store(t, i, linear, size, v);
    gpr_write(env, REG_DI * 8, width, env->rflags & FLAG_DF ? index - size : index + size);
}

static void outs_once(struct Tcg *t, const struct Insn *i, uint16_t port, unsigned size) {
    CPUX86State *env = t->env;
    unsigned width = 8u << i->asize;
    uint64_t index = gpr_read(env, REG_SI * 8, width);
    uint32_t v = (uint32_t)mem_load(t, i, mem_linear(t, i, i->seg, index, size, ACCESS_READ), size);
    port_write(t, i, port, size, v);
    gpr_write(env, REG_SI * 8, width, env->rflags & FLAG_DF ? index - size : index + size);
}

typedef void (*StringStep)(struct Tcg *t, const struct Insn *i, uint16_t port, unsigned size);

/* With a repeat prefix: some iterations, then back to this instruction, so that interrupts and traps get between. It
 * counts when it is complete. */
static void string_io(struct Tcg *t, const struct Insn *i, StringStep step) {
    enum { ITERATIONS = 64 };
    CPUX86State *env = t->env;
    unsigned size = port_size(i), width = 8u << i->asize;
    uint16_t port = (uint16_t)env->gpr[REG_DX];
    check_port(t, port, size);
    if (i->rep == 0) {
        step(t, i, port, size);
        env->rip = tcg_next_rip(t, i);
        return;
    }
    uint64_t count = gpr_read(env, REG_CX * 8, width);
    unsigned most = t->mode & MODE_STEP ? 1 : ITERATIONS;
    for (bool due = false; count != 0 && most > 0 && !due; most--) {
        step(t, i, port, size);
        gpr_write(env, REG_CX * 8, width, --count);
        due = tcg_event_due(t);
    }
    env->rip = count != 0 ? tcg_this_rip(t, i) : tcg_next_rip(t, i);
    if (count != 0) {
        t->icount--;
        tcg_repeat_later(t);
    }
}

void helper_ins(struct Tcg *t, const struct Insn *i) { string_io(t, i, ins_once); }
void helper_outs(struct Tcg *t, const struct Insn *i) { string_io(t, i, outs_once); }
