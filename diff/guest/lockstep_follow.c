/* SPDX-License-Identifier: MIT */
/*
 * Leader and follower. The leader is a whole machine on tcg-lite, traced instruction by instruction. Before each of its
 * instructions, and before each interrupt, the follower does the step that brought the leader there; then registers,
 * what the step can have written, and the devices' accesses are compared, and now and then all of RAM.
 *
 * The follower is a second machine of which only RAM, ROM and the vCPU are used. Its vCPU is driven from the leader's
 * thread; its accesses to devices are checked against those of the leader and answered with what the leader got.
 */
#include "diff/guest/lockstep_follow.h"
#include "cpu/mode.h"
#include "cpu/pagewalk.h"
#include "debug/peek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void end(struct Follow *f, enum LockOutcome outcome) {
    f->over = true;
    f->r->outcome = outcome;
    machine_stop(f->leader, TWIN86_EVENT_QUIT, 0);
}

static void fail(struct Follow *f, const char *what) {
    f->r->error = -EIO;
    snprintf(f->r->why, sizeof(f->r->why), "%s", what);
    end(f, LOCK_FAILED);
}

/* ---- what the step is ---- */

/* The instruction that the leader is about to execute. */
static void look_at(struct Follow *f) {
    struct CPUState *cpu = machine_cpu(f->leader, 0);
    struct LockMoment *m = lock_history_next(&f->history);
    m->count = cpu->insn_count;
    m->cs = cpu->env.seg[SEG_CS].selector;
    m->event = false;
    m->mode = disas_mode(&cpu->env);
    m->line.address = cpu->env.rip;
    m->line.text[0] = '\0';
    size_t n = peek_memory(cpu, peek_linear(&cpu->env, SEG_CS, cpu->env.rip), m->line.bytes, sizeof(m->line.bytes));
    m->line.size = (uint8_t)n;
    f->before = cpu->env;
    f->count = cpu->insn_count;
    f->pending = true;
    f->row = 0;
    if (x86_decode(&cpu->model, cpu_decode_mode(&cpu->env), m->line.bytes, n, &f->decoded) == DECODE_OK) {
        f->row = f->decoded.row;
        m->line.size = f->decoded.insn.len;
    }
}

static const struct LockRow *row(const struct Follow *f) { return &f->rows[f->row]; }

/* ---- comparing ---- */

static const struct LockMask *mask_for_step(struct Follow *f, bool executed) {
    const struct LockRow *w = executed ? row(f) : &f->rows[0];
    uint64_t flags = w->undefined;
    memcpy(f->mask.ignore, f->never, env_field_count * sizeof(*f->never));
    for (unsigned i = 0; i < REG_COUNT; i++)
        if ((w->given & 1u << i) || ((w->given & X86_REGS_DEST) && f->decoded.insn.rm == i * 8))
            f->mask.ignore[f->gpr_field + i] = UINT64_MAX;
    if (w->given_flags)
        flags |= FLAG_ARITH;
    f->mask.ignore[f->rflags_field] |= flags;
    if (f->fault_noted)
        f->mask.ignore[f->cr2_field] = f->mask.ignore[f->dr6_field] = UINT64_MAX;
    return &f->mask;
}

/* What may differ after this step does differ: let the follower go on from the leader's values. */
static void level_registers(struct Follow *f, const CPUX86State *leader) {
    CPUX86State *env = &machine_cpu(f->follower, 0)->env;
    uint64_t given = f->r->given;
    for (unsigned i = 0; i < REG_COUNT; i++) {
        if (env->gpr[i] == leader->gpr[i])
            continue;
        env->gpr[i] = leader->gpr[i];
        f->general_changed = true;
        f->r->given++;
    }
    if (((env->rflags ^ leader->rflags) & FLAG_ARITH) != 0) {
        env->rflags = (env->rflags & ~(uint64_t)FLAG_ARITH) | (leader->rflags & FLAG_ARITH);
        f->general_changed = true;
        f->r->given++;
    }
    f->rows[f->row].times += f->r->given - given;
}

static void accept_word(void *opaque, uint64_t offset) {
    struct Follow *f = opaque;
    memcpy(f->follower->ram.host + offset, f->leader->ram.host + offset, 8);
    f->r->given++;
    f->words++;
}

/* RAM that both have at this physical address; `n` shrinks to what is contiguous. */
static bool both_at(const struct Follow *f, uint64_t phys, uint64_t *n, uint64_t *offset) {
    uint64_t avail;
    struct Region *r = bus_find(f->leader->bus, phys, offset, &avail);
    if (avail < *n)
        *n = avail;
    return r == &f->leader->ram;
}

/* Words that may differ are made equal. */
static void level_words(struct Follow *f, uint64_t from, uint64_t to) {
    bool frame = f->events > 0 || f->inject >= 0;
    for (; from < to; from += 8) {
        uint64_t a, b;
        memcpy(&a, f->leader->ram.host + from, sizeof(a));
        memcpy(&b, f->follower->ram.host + from, sizeof(b));
        if (a != b && (explained_word(a, b) || (frame && explained_frame_word(a, b))))
            accept_word(f, from);
    }
}

/* A breakpoint for the follower, where the leader stands, was read as data and copied. */
static bool breakpoint_copied(const struct Follow *f, const uint8_t *leader, uint8_t *follower) {
    return row(f)->string && *follower == ACCEL_STEP_BYTE && *leader == f->stop_byte;
}

static void compare_linear(struct Follow *f, uint64_t linear, uint64_t size, struct LockDiffs *d) {
    struct CPUState *cpu = machine_cpu(f->leader, 0);
    while (size > 0 && d->total < LOCK_DIFFS) {
        struct WalkResult w;
        uint64_t n = 4096 - (linear & 4095), offset;
        n = n < size ? n : size;
        if (x86_walk(&cpu->env, &cpu->model, cpu->bus, linear, WALK_PEEK, &w) && both_at(f, w.phys, &n, &offset) &&
            memcmp(f->leader->ram.host + offset, f->follower->ram.host + offset, n) != 0) {
            for (uint64_t i = offset; i < offset + n; i++)
                if (breakpoint_copied(f, &f->leader->ram.host[i], &f->follower->ram.host[i]))
                    f->follower->ram.host[i] = f->leader->ram.host[i];
            uint64_t from = offset & ~7ull, to = (offset + n + 7) & ~7ull;
            level_words(f, from, to);
            lock_compare_words(&f->leader->ram, &f->follower->ram, from, to, d);
        }
        linear += n;
        size -= n;
    }
}

/* What the step can have written: a memory operand, the stack, CS's descriptor, the target of a string. The rest waits
 * for the next comparison of all RAM. */
static void compare_near(struct Follow *f, const CPUX86State *after, struct LockDiffs *d) {
    enum { NEAR = 64 };
    const struct X86Insn *i = &f->decoded.insn;
    const CPUX86State *before = &f->before;
    if (f->pending && f->row != 0 && i->mem)
        compare_linear(f, peek_linear(before, i->seg, x86_ea_offset(i, before->gpr, before->rip)), NEAR, d);
    if (before->gpr[REG_SP] != after->gpr[REG_SP])
        compare_linear(f, peek_linear(after, SEG_SS, after->gpr[REG_SP]), NEAR, d);
    if (before->seg[SEG_CS].selector != after->seg[SEG_CS].selector && x86_protected(after)) {
        uint16_t selector = after->seg[SEG_CS].selector;
        compare_linear(f, (selector & 4 ? after->ldt.base : after->gdt.base) + (selector & ~7u), 8, d);
    }
    if (f->pending && row(f)->string) {
        uint64_t a = before->gpr[REG_DI], b = after->gpr[REG_DI], low = a < b ? a : b;
        compare_linear(f, peek_linear(before, SEG_ES, low), (a < b ? b : a) - low + 8, d);
    }
}

static void tell(struct Follow *f, const struct LockDiffs *d, const char *where) {
    FILE *out = f->c->report;
    struct LockMoment *m = lock_history_back(&f->history, 0);
    if (m == NULL)
        return;
    m->after[0] = machine_cpu(f->leader, 0)->env;
    m->after[1] = machine_cpu(f->follower, 0)->env;
    if (f->inject >= 0)
        snprintf(m->note, sizeof(m->note), "interrupt %02xh after it", f->inject);
    else if (f->events > 0)
        snprintf(m->note, sizeof(m->note), "exception or INT %02xh", f->vector);
    f->r->first = m->count;
    f->r->rip = m->line.address;
    lock_history_resolve(&f->history, f->disas);
    fprintf(out, "%s and %s differ %s instruction %" PRIu64 ": %s\n\n", f->c->engine[0], f->c->engine[1], where,
            m->count, m->line.text);
    lock_history_print(&f->history, f->c->engine, &f->never_mask, 0, out);
    lock_diffs_print(d, f->c->engine, out);
}

/* In the next run each instruction from where they last agreed on. */
static void look_again(struct Follow *f, uint64_t from) {
    f->again = (struct LockSpan){from, f->count + 1};
    f->look_again = true;
    end(f, LOCK_DIFFERENT);
}

static void differ(struct Follow *f, const struct LockDiffs *d) {
    if (f->was_behind) {
        look_again(f, f->met);
        return;
    }
    tell(f, d, "after");
    end(f, LOCK_DIFFERENT);
}

/* This instruction is to be compared by itself. */
static bool in_span(const struct Follow *f, uint64_t count) {
    for (unsigned i = 0; i < f->spans->count; i++)
        if (count >= f->spans->span[i].from && count < f->spans->span[i].to)
            return true;
    return false;
}

static bool stepping(const struct Follow *f, uint64_t count) { return f->spans == NULL || in_span(f, count); }

/* ---- all of RAM ---- */

/* Words that may differ are made equal. True: others differ, and *d says which. */
static bool ram_differs(struct Follow *f, struct LockDiffs *d) {
    lock_diffs_clear(d);
    lock_level_ram(&f->leader->ram, &f->follower->ram, explained_word, accept_word, f);
    lock_compare_ram(&f->leader->ram, &f->follower->ram, d);
    f->r->compares++;
    return d->total != 0;
}

static void check_ram(struct Follow *f) {
    struct LockDiffs d;
    f->since = 0;
    if (!ram_differs(f, &d)) {
        f->ram_met = f->met;
        return;
    }
    if (f->watch != NULL && stepping(f, f->ram_met)) { /* watched, and yet not seen when it came about */
        tell(f, &d, "in RAM before");
        end(f, LOCK_DIFFERENT);
        return;
    }
    f->found = d;
    look_again(f, f->ram_met);
}

/* ---- steps ---- */

static void compare(struct Follow *f, const CPUX86State *leader) {
    struct LockDiffs d;
    lock_diffs_clear(&d);
    const CPUX86State *env = &machine_cpu(f->follower, 0)->env;
    bool executed = f->pending;
    const struct LockMask *mask = mask_for_step(f, executed);
    explained_level(leader, &machine_cpu(f->follower, 0)->env);
    if (!lock_same_env(leader, env, mask))
        lock_compare_env(leader, env, mask, &d);
    if (executed || f->inject >= 0)
        compare_near(f, leader, &d);
    if (f->watch != NULL && stepping(f, f->count))
        lock_compare_watched(&f->leader->ram, &f->follower->ram, f->watch, &d);
    lock_log_finish(&f->log, &d);
    if (d.total != 0) {
        differ(f, &d);
        return;
    }
    f->met = machine_cpu(f->leader, 0)->insn_count;
    f->r->meetings++;
    if (executed)
        level_registers(f, leader);
    struct LockMoment *m = lock_history_back(&f->history, 0);
    if (m != NULL) {
        m->after[0] = *leader;
        m->after[1] = *env;
    }
}

static void stopped_elsewhere(struct Follow *f, enum VcpuExit exit) {
    struct LockDiffs d;
    struct CPUState *cpu = machine_cpu(f->follower, 0);
    if (exit == VCPU_EXIT_ERROR) {
        fail(f, cpu->error);
        return;
    }
    if (f->was_behind) {
        look_again(f, f->met);
        return;
    }
    lock_diffs_clear(&d);
    lock_diffs_add(&d, LOCK_RUN, "the step's end", "done",
                   exit == VCPU_EXIT_SHUTDOWN ? "triple fault"
                   : exit == VCPU_EXIT_HALT   ? "halted"
                                              : "did not come there in time");
    lock_compare_env(&machine_cpu(f->leader, 0)->env, &cpu->env, &f->never_mask, &d);
    differ(f, &d);
}

static void load_planted(struct CPUState *cpu) {
    if (cpu->env_changed && cpu->accel->ops->put_state(cpu) == 0)
        cpu->env_changed = false;
}

/* Physical address of an instruction, as the leader's page tables say. */
static uint64_t phys_rip(const struct Follow *f, const CPUX86State *env) {
    const struct CPUState *cpu = machine_cpu(f->leader, 0);
    struct WalkResult w;
    bool mapped = x86_walk(env, &cpu->model, cpu->bus, peek_linear(env, SEG_CS, env->rip), WALK_PEEK, &w);
    return mapped ? w.phys : UINT64_MAX;
}

/* Let the follower do what brought the leader to `leader`. */
static void step(struct Follow *f, const CPUX86State *leader) {
    struct CPUState *cpu = machine_cpu(f->follower, 0);
    const struct LockRow *w = row(f);
    struct AccelStep s = {
        .inject = f->pending ? -1 : f->inject,
        .until = leader,
        .stop = phys_rip(f, leader),
        .event = f->pending && f->events > 0,
        .flags = !f->pending                         ? STEP_FLAGS_STAY
                 : leader->int_shadow != SHADOW_NONE ? STEP_FLAGS_SHADOW
                                                     : w->flags,
        .string = f->pending && w->string && f->decoded.insn.rep != 0,
        .general = f->general_changed,
        .all = f->pending && w->system,
    };
    uint8_t byte = 0;
    peek_memory(machine_cpu(f->leader, 0), peek_linear(leader, SEG_CS, leader->rip), &byte, 1);
    f->stop_byte = byte;
    f->general_changed = false;
    load_planted(cpu);
    atomic_fetch_add(&f->steps, 1);
    enum VcpuExit exit = cpu->accel->ops->follow->step(cpu, &s);
    bool halted = f->pending && w->halts;
    const struct LockPlant *plant = &f->c->plant;
    if (plant->apply != NULL && f->pending && f->count + 1 == plant->at)
        plant->apply(plant->opaque, f->follower);
    if (exit == VCPU_EXIT_DEBUG || (exit == VCPU_EXIT_HALT && halted))
        compare(f, leader);
    else
        stopped_elsewhere(f, exit);
    f->pending = false;
    f->inject = -1;
    f->events = 0;
}

/* ---- from exit to exit ---- */

static uint64_t linear_rip(const CPUX86State *env) { return peek_linear(env, SEG_CS, env->rip); }

/* Nothing about the leader's last instruction needs the follower to be there. */
static bool can_wait(const struct Follow *f, const CPUX86State *after) {
    const struct LockRow *w = row(f);
    if (stepping(f, f->count) || !f->pending || f->inject >= 0 || f->events > 0 || f->log.count > 0 || f->row == 0)
        return false;
    if (w->given != 0 || w->given_flags || w->string || w->halts || w->system)
        return false;
    return x86_cpl(&f->before) == 0 && x86_cpl(after) == 0 && after->int_shadow == SHADOW_NONE &&
           f->before.int_shadow == SHADOW_NONE && f->behind < LOCK_TRAIL;
}

/* Bring the follower to the instruction that the leader has just executed. */
static void rejoin(struct Follow *f) {
    struct CPUState *cpu = machine_cpu(f->follower, 0);
    struct AccelStep s = {.inject = -1,
                          .until = &f->before,
                          .stop = phys_rip(f, &f->before),
                          .instructions = f->behind,
                          .arrivals = 1,
                          .general = f->general_changed};
    for (size_t i = 0; i < f->behind; i++)
        s.arrivals += f->trail[i] == linear_rip(&f->before);
    const struct LockPlant *plant = &f->c->plant;
    if (plant->apply != NULL && plant->at > f->met && plant->at <= f->count)
        plant->apply(plant->opaque, f->follower);
    load_planted(cpu);
    f->behind = 0;
    f->was_behind = true;
    f->general_changed = false;
    atomic_fetch_add(&f->steps, 1);
    enum VcpuExit exit = cpu->accel->ops->follow->step(cpu, &s);
    if (exit != VCPU_EXIT_DEBUG) {
        stopped_elsewhere(f, exit);
        return;
    }
    explained_level(&f->before, &cpu->env);
    if (!lock_same_env(&f->before, &cpu->env, &f->never_mask))
        look_again(f, f->met);
}

static void catch_up(struct Follow *f, const CPUX86State *leader) {
    if (f->pending && f->behind > 0)
        rejoin(f);
    if (!f->over && (f->pending || f->inject >= 0))
        step(f, leader);
    f->was_behind = false;
    bus_set_a20(f->follower->bus, bus_a20(f->leader->bus)); /* as the device says that the step has written to */
}

/* ---- what the leader does ---- */

static void on_insn(void *opaque, struct CPUState *cpu) {
    struct Follow *f = opaque;
    if (f->over)
        return;
    if (f->pending && f->events == 0 && row(f)->string && cpu->insn_count == f->count && cpu->env.rip == f->before.rip)
        return; /* the next repetition */
    f->since++;
    if (can_wait(f, &cpu->env)) {
        f->trail[f->behind++] = linear_rip(&f->before);
    } else {
        catch_up(f, &cpu->env);
        if (!f->over && f->since >= f->c->every)
            check_ram(f);
    }
    if (f->over)
        return;
    f->r->instructions = cpu->insn_count;
    look_at(f);
}

static bool same_place(const CPUX86State *a, const CPUX86State *b) {
    return a->rip == b->rip && a->gpr[REG_SP] == b->gpr[REG_SP] &&
           memcmp(&a->seg[SEG_CS], &b->seg[SEG_CS], sizeof(a->seg[SEG_CS])) == 0;
}

/* Between two instructions. An NMI has been noted as blocking others already. */
static void on_interrupt(struct Follow *f, const CPUX86State *env, uint8_t vector) {
    CPUX86State before = *env;
    if (vector == VEC_NMI)
        before.nmi_blocked = false;
    catch_up(f, &before);
    f->inject = vector;
    f->before = *env;
    struct LockMoment *m = lock_history_back(&f->history, 0);
    if (m != NULL)
        snprintf(m->note, sizeof(m->note), "then interrupt %02xh", vector);
}

/* Of an instruction, of delivering something, or, where the last step is complete, of fetching the next instruction. */
static void on_exception(struct Follow *f, struct CPUState *cpu, bool trap) {
    bool complete = f->pending ? f->events == 0 && cpu->insn_count != f->count && !trap
                               : f->inject < 0 || !same_place(&f->before, &cpu->env);
    if (complete) {
        f->fault_noted = true;
        catch_up(f, &cpu->env);
        f->fault_noted = false;
        look_at(f);
    }
    if (f->pending)
        f->events++;
}

static void on_event(void *opaque, struct CPUState *cpu, const struct CpuEvent *e) {
    struct Follow *f = opaque;
    const struct CpuTrace *own = &f->leader->trace.hooks;
    own->event(own->opaque, cpu, e);
    if (f->over)
        return;
    f->vector = e->vector;
    if (e->external)
        on_interrupt(f, &cpu->env, e->vector);
    else
        on_exception(f, cpu, e->between);
}

/* ---- the run ---- */

/* Wait for the leader. Where the follower gets nowhere for long, it is called back. */
static void wait_for_leader(struct Follow *f) {
    enum { PATIENCE_MS = 60000 }; /* a string instruction may move all of RAM, on a host that is emulated itself */
    int64_t deadline = f->deadline;
    uint64_t steps = 0;
    int64_t moved = lock_now_ms();
    while (machine_wait(f->leader, 200, &f->r->end) != 0) {
        int64_t now = lock_now_ms();
        uint64_t s = atomic_load(&f->steps);
        if (s != steps)
            moved = now;
        steps = s;
        if (now - moved > PATIENCE_MS)
            cpu_post(machine_cpu(f->follower, 0), CPU_EVENT_LEAVE);
        if (now > deadline && !f->r->timed_out) {
            f->r->timed_out = true;
            machine_stop(f->leader, TWIN86_EVENT_QUIT, 0);
        }
    }
}

/* The values that were given, by instruction. */
static void tell_given(const struct Follow *f) {
    FILE *out = f->c->report;
    if (f->r->given == 0)
        return;
    fputs("values taken from the leader:", out);
    for (unsigned i = 0; i < x86_row_count; i++)
        if (f->rows[i].times != 0)
            fprintf(out, " %s (%s) %" PRIu64 ",", i != 0 ? x86_rows[i].mnemonic : "?", x86_rows[i].opcode,
                    f->rows[i].times);
    fprintf(out, " words of RAM %" PRIu64 "\n", f->words);
}

static void finish(struct Follow *f) {
    if (f->over)
        return;
    if (f->r->end.kind == TWIN86_EVENT_ERROR) {
        fail(f, f->r->end.message);
        return;
    }
    if (f->r->end.kind != TWIN86_EVENT_TRIPLE_FAULT) /* nothing is defined after it */
        catch_up(f, &machine_cpu(f->leader, 0)->env);
    if (f->over)
        return;
    f->r->instructions = machine_cpu(f->leader, 0)->insn_count;
    check_ram(f);
    if (!f->over)
        tell_given(f);
}

static void run(struct Follow *f) {
    struct LockDiffs d;
    struct CPUState *cpu = machine_cpu(f->follower, 0);
    lock_diffs_clear(&d);
    lock_compare_env(&machine_cpu(f->leader, 0)->env, &cpu->env, &f->never_mask, &d);
    lock_compare_ram(&f->leader->ram, &f->follower->ram, &d);
    if (d.total != 0) {
        lock_diffs_print(&d, f->c->engine, f->c->report);
        fail(f, "the machines differ before the first instruction");
        return;
    }
    if (cpu->accel->ops->put_state(cpu) != 0) {
        fail(f, cpu->error);
        return;
    }
    cpu->env_changed = false;
    machine_start(f->leader, f->c->limit);
    wait_for_leader(f);
    finish(f);
}

/* One run from the beginning; `spans` and `watch` say where to look closer, and learn from it. False: the end. */
static bool run_once(const struct LockConfig *c, struct LockResult *r, struct LockSpans *spans, struct LockDiffs *watch,
                     int64_t deadline) {
    struct Follow f;
    uint64_t returns = r->returns;
    *r = (struct LockResult){.outcome = LOCK_SAME, .returns = returns};
    bool ok = lock_follow_init(&f, c, r, returns == 0);
    f.deadline = deadline;
    f.spans = c->exits ? spans : NULL;
    f.watch = watch->total != 0 ? watch : NULL;
    if (ok)
        run(&f);
    bool again = f.look_again;
    if (again) {
        if (f.found.total != 0)
            *watch = f.found;
        if (spans->count < LOCK_SPANS)
            spans->span[spans->count++] = f.again;
        r->returns++;
    }
    lock_follow_destroy(&f);
    return again;
}

static void give_up(struct LockResult *r, const char *why) {
    r->outcome = LOCK_FAILED;
    r->error = -EIO;
    snprintf(r->why, sizeof(r->why), "%s", why);
}

/* RAM that differs, and differences after more than one instruction, say only that something is wrong. Run it again
 * then, and look at each instruction from where they last agreed on, or at those words after each. */
void lock_run_follow(const struct LockConfig *c, struct LockResult *r) {
    struct LockDiffs watch = {0};
    struct LockSpans *spans = calloc(1, sizeof(*spans));
    *r = (struct LockResult){.outcome = LOCK_SAME};
    if (spans == NULL) {
        give_up(r, "out of memory");
        return;
    }
    int64_t deadline = c->timeout_ms < 0 ? INT64_MAX : lock_now_ms() + c->timeout_ms;
    bool again = true;
    while (again && r->returns < LOCK_SPANS)
        again = run_once(c, r, spans, &watch, deadline);
    if (again)
        give_up(r, "too many places to look closer at; compare each instruction");
    else if (r->outcome == LOCK_SAME && r->returns > 0 && !c->exits)
        give_up(r, "a run does not repeat: a difference in RAM that was seen does not come again");
    free(spans);
}

const struct CpuTrace lock_follow_hooks = {.insn = on_insn, .event = on_event};
