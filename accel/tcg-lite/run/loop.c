/* SPDX-License-Identifier: MIT */
/*
 * Executing: exec()'s frame, faults, and the slow path of block edges where events are let in.
 */
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/links.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/kvm_pv.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/watch/debugger.h"
#include "accel/tcg-lite/watch/watch.h"

/* ---- leaving, faults ---- */

void tcg_request_exit(struct Tcg *t, enum VcpuExit why) {
    t->exit = why;
    t->exit_requested = true;
    atomic_store(&t->limit, 0);
}

_Noreturn static void raise(struct Tcg *t, const struct Insn *i, struct TcgFault fault) {
    if (i != NULL) {
        t->icount -= block_of(i)->count - i->idx;
        t->env->rip = tcg_this_rip(t, i);
        t->insn = NULL;
    }
    t->fault = fault;
    t->fault_raised = true;
    siglongjmp(t->unwind, 1);
}

void tcg_raise(struct Tcg *t, const struct Insn *i, enum X86Vector vector) {
    raise(t, i, (struct TcgFault){.vector = (uint8_t)vector});
}

void tcg_raise_error(struct Tcg *t, const struct Insn *i, enum X86Vector vector, uint32_t error) {
    raise(t, i, (struct TcgFault){.vector = (uint8_t)vector, .has_error = true, .error = error});
}

void tcg_sync_count(struct Tcg *t, const struct Insn *i) {
    t->cpu->insn_count = i != NULL ? t->icount - (block_of(i)->count - i->idx) : t->icount;
    t->cpu->access.rip = i != NULL ? tcg_this_rip(t, i) : t->env->rip;
    t->cpu->access.cs = t->env->seg[SEG_CS].selector;
    t->cpu->access.known = true;
    cpu_sync_clock(t->cpu);
}

/* ---- block edges ---- */

bool tcg_event_due(const struct Tcg *t) {
    uint32_t events = atomic_load(&t->cpu->events);
    if ((events & ~(uint32_t)(CPU_EVENT_INTR | CPU_EVENT_NMI | CPU_EVENT_UNHALT)) || t->exit_requested)
        return true;
    if ((events & CPU_EVENT_NMI) && !t->env->nmi_blocked)
        return true;
    return (events & CPU_EVENT_INTR) && (t->env->rflags & FLAG_IF);
}

void tcg_recheck(struct Tcg *t) {
    const CPUX86State *env = t->env;
    /* tf_armed: POPF that clears TF still ends in a single-step trap (SDM vol. 3, 18.3.1.4). */
    bool slow = t->exit_requested || (t->mode & MODE_STEP) || t->tf_armed || env->pending_db || env->int_shadow ||
                t->shadow_running || (env->rflags & FLAG_RF);
    /* A kick that comes between these two stores is not lost: it posts its event first. */
    atomic_store(&t->limit, slow ? 0 : t->cpu->insn_limit);
    if (!slow && tcg_event_due(t))
        atomic_store(&t->limit, 0);
}

void tcg_repeat_later(struct Tcg *t) {
    t->repeating = (t->mode & MODE_STEP) != 0;
    if (tcg_as_intel(t, RULE_REP_TRAP_RF))
        t->env->rflags |= FLAG_RF;
}

static const struct Insn *leave(struct Tcg *t, enum VcpuExit why) {
    t->exit = why;
    t->exit_requested = false;
    return &t->leave;
}

/** Deliver something that is no fault of an instruction. May unwind. */
static void deliver_benign(struct Tcg *t, enum TcgEvent kind, uint8_t vector) {
    if (t->exit_requested && t->exit == VCPU_EXIT_HALT) /* HLT ends before it began */
        t->exit_requested = false;
    t->delivering = TCG_BENIGN;
    t->cpu->debug.first = false;
    tcg_deliver(t, kind, vector, false, 0);
    t->delivering = -1;
}

static void deliver_debug_trap(struct Tcg *t) {
    t->env->dr[6] = x86_dr6_after(t->env->dr[6], t->env->pending_db);
    t->env->pending_db = 0;
    deliver_benign(t, EVENT_FAULT, VEC_DB);
}

static void deliver_interrupt(struct Tcg *t) {
    struct CPUState *cpu = t->cpu;
    tcg_sync_count(t, NULL);
    pthread_mutex_lock(cpu->lock);
    int vector = cpu->apic != NULL && cpu->apic->acknowledge != NULL ? cpu->apic->acknowledge(cpu->apic_opaque) : -1;
    pthread_mutex_unlock(cpu->lock);
    if (UNLIKELY(t->env->kvm_steal_time != 0)) /* guests look in their timer's interrupt */
        kvm_pv_tell_steal(t);
    if (vector >= 0)
        deliver_benign(t, EVENT_EXTERNAL, (uint8_t)vector);
}

static void deliver_nmi(struct Tcg *t) {
    cpu_retract(t->cpu, CPU_EVENT_NMI);
    t->env->nmi_blocked = true;
    deliver_benign(t, EVENT_EXTERNAL, VEC_NMI);
}

/** The instruction before this edge has completed: its traps become due, its shadow ends. */
static void complete_instruction(struct Tcg *t) {
    t->held_db = 0;
    if (t->shadow_running) {
        t->shadow_running = false;
        t->env->int_shadow = SHADOW_NONE;
    }
    if (t->tf_armed) {
        t->tf_armed = false;
        if (t->env->int_shadow != SHADOW_MOV_SS) /* which has none; breakpoints of its own wait (SDM vol. 3, 6.8.3) */
            t->env->pending_db |= DR6_BS;
    }
}

/** Serve one thing that is due, in the SDM's order of priority (vol. 3, table 6-2). True: look again. */
static bool serve(struct Tcg *t) {
    CPUX86State *env = t->env;
    uint32_t events = atomic_load(&t->cpu->events);

    if (events & CPU_EVENT_MAP) {
        cpu_retract(t->cpu, CPU_EVENT_MAP);
        tcg_blocks_flush(t);
        tcg_tlb_flush(t);
        return true;
    }
    if (events & CPU_EVENT_CODE) {
        tcg_code_serve(t);
        return true;
    }
    if (env->pending_db && env->int_shadow != SHADOW_MOV_SS) {
        deliver_debug_trap(t);
        return true;
    }
    if (env->int_shadow != SHADOW_NONE)
        return false;
    if (UNLIKELY(t->cpu->debug.first && t->cpu->debug.masked))
        return false;
    if (env->interrupt.pending) { /* another engine had acknowledged it */
        env->interrupt.pending = false;
        deliver_benign(t, EVENT_EXTERNAL, env->interrupt.vector);
        return true;
    }
    if ((events & CPU_EVENT_NMI) && !env->nmi_blocked) {
        deliver_nmi(t);
        return true;
    }
    if ((events & CPU_EVENT_INTR) && (env->rflags & FLAG_IF)) {
        deliver_interrupt(t);
        return true;
    }
    return false;
}

static bool counting(const struct Tcg *t) { return UNLIKELY(t->watch != NULL) && t->watch->counting; }

/* Events that wait while the guest does not let them in. */
static void count_blocked(struct Tcg *t) {
    const CPUX86State *env = t->env;
    bool shadow = env->int_shadow != SHADOW_NONE;
    uint32_t blocked =
        (shadow || !(env->rflags & FLAG_IF) ? CPU_EVENT_INTR : 0) | (shadow || env->nmi_blocked ? CPU_EVENT_NMI : 0);
    tcg_exit_blocked(t, atomic_load(&t->cpu->events) & blocked);
}

static void trace_insn(struct Tcg *t, const struct Block *b) {
    if (t->cpu->trace->insn == NULL)
        return;
    t->env->rflags = tcg_rflags(t);
    t->env->mxcsr = tcg_mxcsr(t);
    tcg_sync_count(t, NULL);
    t->cpu->insn_bytes = b->extra_at != 0 ? block_extra(b)->bytes : NULL;
    t->cpu->insn_size = b->bytes;
    t->cpu->trace->insn(t->cpu->trace->opaque, t->cpu);
    t->cpu->insn_bytes = NULL;
}

/** A debugger has a breakpoint at env->rip, and the run did not begin there. */
static bool meets_breakpoint(struct Tcg *t) {
    struct CpuDebug *d = &t->cpu->debug;
    if (LIKELY(!tcg_break_offset(t, t->env->rip + t->cs_base)) || d->first)
        return false;
    uint64_t linear = cpu_linear_rip(t->cpu);
    const struct CpuPoint *p = cpu_breakpoint_at(d, linear);
    if (p != NULL)
        cpu_hit_point(d, p, linear);
    return p != NULL;
}

/** The guest's own instruction breakpoints. An instruction that goes on repeating meets none: RF is cleared only when
 * it begins (SDM vol. 3, 18.3.1.1). */
static void check_code_breakpoints(struct Tcg *t) {
    CPUX86State *env = t->env;
    if (!(env->dr[7] & DR7_ENABLES) || (env->rflags & FLAG_RF) || t->repeating)
        return;
    if (env->int_shadow == SHADOW_MOV_SS && tcg_as_intel(t, RULE_BREAKPOINT_AFTER_MOV_SS))
        return;
    uint32_t hit = dr_match_exec(env, env->rip + ((t->mode & MODE_CODE) == MODE_CODE64 ? 0 : t->cs_base));
    if (hit == 0)
        return;
    env->dr[6] = x86_dr6_after(env->dr[6], hit);
    tcg_raise(t, NULL, VEC_DB);
}

/** Run the one instruction at env->rip and come back to the edge. */
static const struct Insn *run_one(struct Tcg *t) {
    CPUX86State *env = t->env;

    if (UNLIKELY(meets_breakpoint(t)))
        return leave(t, VCPU_EXIT_DEBUG);
    t->held_db = env->pending_db;
    check_code_breakpoints(t);
    struct Block *b = tcg_block_find(t, t->mode | MODE_STEP, NULL);
    if (UNLIKELY(t->cpu->trace != NULL))
        trace_insn(t, b);
    t->cpu->debug.first = false;
    env->rflags &= ~(uint64_t)FLAG_RF;
    t->repeating = false;
    t->shadow_running = env->int_shadow != SHADOW_NONE;
    t->tf_armed = (env->rflags & FLAG_TF) != 0;
    t->icount += b->count;
    atomic_store(&t->limit, 0);
    return b->insn;
}

/** A debugger's step is done, or a watchpoint was met: before any event gets in. */
static bool stops_for_debugger(struct Tcg *t) {
    struct CpuDebug *d = &t->cpu->debug;
    if (t->exit_requested && t->exit == VCPU_EXIT_DEBUG)
        return true;
    if (!d->step || d->first)
        return false;
    if (t->exit_requested) /* HLT */
        return true;
    cpu_hit_step(d);
    t->exit = VCPU_EXIT_DEBUG;
    return true;
}

/** Between two instructions, with env->rip exact and icount the number completed: let events in, then go on. */
static const struct Insn *edge(struct Tcg *t) {
    CPUX86State *env = t->env;
    struct CPUState *cpu = t->cpu;

    t->insn = NULL;
    complete_instruction(t);
    if (UNLIKELY(stops_for_debugger(t)))
        return leave(t, t->exit);
    const uint32_t leaving = CPU_EVENT_LEAVE | CPU_EVENT_INIT | CPU_EVENT_SIPI;
    while (serve(t)) {
        if (UNLIKELY(stops_for_debugger(t)))
            return leave(t, t->exit);
        /* a debug trap's own frame can meet a breakpoint, and a trap gate let the next interrupt in, without end */
        if ((atomic_load(&cpu->events) & leaving) || t->icount >= cpu->insn_limit)
            break;
    }
    if (counting(t))
        count_blocked(t);
    if (t->exit_requested)
        return leave(t, t->exit);
    if (atomic_load(&cpu->events) & leaving)
        return leave(t, VCPU_EXIT_KICK);
    if (t->icount >= cpu->insn_limit)
        return leave(t, VCPU_EXIT_BUDGET);
    if ((t->mode & MODE_STEP) || env->int_shadow != SHADOW_NONE || (env->rflags & FLAG_RF) || env->pending_db ||
        tcg_break_offset(t, env->rip + t->cs_base))
        return run_one(t);

    struct Block *b = tcg_block_find(t, t->mode, NULL);
    if (b->count > cpu->insn_limit - t->icount) /* the limit lies inside: go there by single instructions */
        return run_one(t);
    t->icount += b->count;
    tcg_recheck(t);
    return b->insn;
}

/** The first instruction of the block at env->rip in the current mode: decodes if need be; faults if fetch faults.
 *  Counts the block and takes the slow edge if due. */
static const struct Insn *lookup(struct Tcg *t) {
    t->insn = NULL;
    if (UNLIKELY(t->icount >= atomic_load_explicit(&t->limit, memory_order_relaxed)))
        return edge(t);
    uint64_t rip = t->env->rip, flushes = tcg_blocks_flushes(t);
    struct JumpCacheEntry *e = &t->jump_cache[tcg_jump_index(rip)];
    struct Block *b = tcg_block_find(t, t->mode, e->rip == rip && e->flushes == flushes ? e->block : NULL);
    if (b->cached && flushes == tcg_blocks_flushes(t))
        *e = (struct JumpCacheEntry){.rip = rip, .key = t->mode_key, .block = b, .flushes = flushes};
    return tcg_enter(t, b);
}

/** The same for the direct branch `from` to env->rip whose link leads nowhere yet: remembers the block in *link. */
static const struct Insn *follow_new(struct Tcg *t, const struct Insn *from, struct BlockLink *link) {
    t->insn = NULL;
    if (UNLIKELY(t->icount >= atomic_load_explicit(&t->limit, memory_order_relaxed)))
        return edge(t);
    uint64_t flushes = tcg_blocks_flushes(t);
    struct Block *b = tcg_block_find(t, t->mode, link->hint);
    if (flushes == tcg_blocks_flushes(t)) /* else *link itself is gone */
        tcg_link(t, from, link, b);
    return tcg_enter(t, b);
}

/* ---- pseudo-instructions ---- */

EXEC_FN tcg_exec_lookup(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env, (void)i;
    CONTINUE(lookup(t));
}

EXEC_FN tcg_exec_link(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env, (void)i;
    CONTINUE(follow_new(t, t->slow_branch, t->slow_link));
}

EXEC_FN tcg_exec_edge(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env, (void)i;
    t->icount -= t->slow_block->count;
    CONTINUE(edge(t));
}

EXEC_FN tcg_exec_fallthrough(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    env->rip = tcg_next_rip(t, i);
    CONTINUE(tcg_follow(t, i, &tcg_links(i)[0]));
}

/** The block was overwritten: the rest of it is decoded anew. Or it was cut here. */
EXEC_FN tcg_exec_stale(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
#ifdef TCG_TAIL_CALLS
    if (UNLIKELY(t->jit_calls)) /* its caller comes back here */
        return;
#endif
    tcg_block_mend(t);
    t->icount -= block_of(i)->count - i->idx;
    env->rip = tcg_this_rip(t, i);
    CONTINUE(lookup(t));
}

/** A debugger may have a breakpoint here: the edge looks. */
EXEC_FN tcg_exec_break(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env;
    t->icount -= block_of(i)->count;
    CONTINUE(edge(t));
}

EXEC_FN tcg_exec_leave(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env, (void)i, (void)t;
#ifdef TCG_TAIL_CALLS
    return;
#else
    return NULL;
#endif
}

/* ---- exec ---- */

static void run(struct Tcg *t) {
    const struct Insn *i = edge(t);
#ifdef TCG_TAIL_CALLS
    i->fn(t->env, i, t);
#else
    while (i != NULL)
        i = i->fn(t->env, i, t);
#endif
}

/** A gather's later element has faulted: a trap that is due for those before comes in the fault's place, and the
 *  instruction goes on behind it (SDM vol. 2, VPGATHERDD), with RF as the vendor sets it (RULE_GATHER_TRAP). */
static bool trap_in_lieu(struct Tcg *t) {
    CPUX86State *env = t->env;
    if (LIKELY(!t->partly_done))
        return false;
    t->partly_done = false;
    env->pending_db |= t->tf_armed ? DR6_BS : 0;
    if (env->pending_db == 0)
        return false;
    env->dr[6] = x86_dr6_after(env->dr[6], env->pending_db);
    env->pending_db = t->held_db = 0;
    env->rflags |= tcg_as_intel(t, RULE_GATHER_TRAP) ? FLAG_RF : 0;
    t->fault = (struct TcgFault){.vector = VEC_DB};
    return true;
}

/** Deliver the fault that unwound to here. False: it was the third. */
static bool deliver_fault(struct Tcg *t) {
    trap_in_lieu(t);
    struct TcgFault f = t->fault;
    t->fault_raised = false;
    t->tf_armed = false; /* the instruction did not complete */
    if (t->delivering < 0)
        t->env->pending_db = t->held_db; /* nor are breakpoints that it had met so far of any account */
    t->held_db = 0;
    if (t->delivering >= 0) {
        switch (tcg_combine_fault(t->delivering, f.vector)) {
        case FAULT_SERIAL: break;
        case FAULT_DOUBLE: f = (struct TcgFault){.vector = VEC_DF, .has_error = true}; break;
        case FAULT_TRIPLE:
            t->delivering = -1;
            if (counting(t))
                tcg_exit_plain(t, EXIT_TRIPLE_FAULT);
            return false;
        }
    }
    t->delivering = f.vector;
    t->cpu->debug.first = false;
    tcg_deliver(t, EVENT_FAULT, f.vector, f.has_error, f.error);
    t->delivering = -1;
    return true;
}

enum VcpuExit tcg_exec(struct CPUState *cpu) {
    struct Tcg *t = cpu->engine;

    t->thread = pthread_self();
    t->icount = cpu->insn_count;
    t->exit_requested = false;
    t->exit = VCPU_EXIT_KICK;
    tcg_fp_enter(t);
    tcg_debug_follow(t);
    if (UNLIKELY(t->env->kvm_clock != 0 || t->env->kvm_steal_time != 0 || t->env->kvm_pv_eoi != 0))
        kvm_pv_enter(t);
    if (t->env->exception.pending) { /* another engine left it on its way */
        t->fault = (struct TcgFault){t->env->exception.vector, t->env->exception.has_error, t->env->exception.error};
        t->fault_raised = true;
        t->env->exception.pending = false;
    }
    (void)sigsetjmp(t->unwind, 0); /* faults come back to here */
    t->jit_calls = false;
    if (t->fault_raised && !deliver_fault(t))
        t->exit = VCPU_EXIT_SHUTDOWN;
    else
        run(t);
    tcg_fp_leave(t);
    cpu->insn_count = t->icount;
    cpu_sync_clock(cpu);
    return t->exit;
}
