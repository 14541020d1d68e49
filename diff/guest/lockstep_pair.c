/* SPDX-License-Identifier: MIT */
/*
 * Two complete machines under -icount, compared every so many instructions. When they differ, the first instruction
 * that does is looked for: both machines are made anew and brought to where they last agreed (a run repeats exactly),
 * then
 *  - both go one instruction at a time. This finds an instruction that is wrong whatever runs around it, and an event
 *    that comes at another time;
 *  - if that shows nothing, the fault is in how instructions run together. Runs of different lengths from the same
 *    point then narrow it down to the block after which the states differ.
 * Only registers, devices and watched words are compared after each step; RAM is compared as a whole where it counts.
 */
#include "diff/guest/lockstep.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct Pair {
    const struct LockConfig *c;
    struct LockResult *r;
    struct Machine *m[2];
    bool ended[2];
    Twin86Event event[2];
    int64_t deadline; /* host ms; -1: none */
    struct Disas *disas;
    struct LockHistory history;
    struct LockDiffs watch; /* words of RAM to compare after each step */
    uint64_t events;        /* that side A had met before the step */
    uint64_t block_end;     /* where the block that differs ends */
};

enum { BLOCK_MAX = 64 }; /* instructions that an engine may run as one */

static bool failed(const struct Pair *p) { return p->r->outcome == LOCK_FAILED; }

static void fail(struct Pair *p, const char *what) {
    p->r->outcome = LOCK_FAILED;
    p->r->error = -EIO;
    snprintf(p->r->why, sizeof(p->r->why), "%s", what);
}

static void close_machine(struct Pair *p, unsigned s) {
    lock_machine_free(p->m[s]);
    p->m[s] = NULL;
    p->ended[s] = false;
}

static bool open_machine(struct Pair *p, unsigned s, bool output) {
    close_machine(p, s);
    p->m[s] = lock_machine_new(p->c, p->c->engine[s], true, output, p->r);
    if (p->m[s] == NULL)
        p->r->outcome = LOCK_FAILED;
    return p->m[s] != NULL;
}

/* ---- running ---- */

/* Wait for a side that runs; when the time is up, stop it. */
static void wait_for(struct Pair *p, unsigned s) {
    int ms = -1;
    if (p->deadline >= 0) {
        int64_t left = p->deadline - lock_now_ms();
        ms = left < 0 ? 0 : (int)left;
    }
    if (machine_wait(p->m[s], ms, &p->event[s]) == 0) {
        p->ended[s] = p->event[s].kind != TWIN86_EVENT_BUDGET;
        return;
    }
    machine_pause(p->m[s], -1);
    p->r->timed_out = true;
}

enum { SIDE_A = 1, SIDE_B = 2, BOTH = 3 };

/* These sides until their progress is `target` (cpu_progress), or they have ended. Two run at once. */
static void advance(struct Pair *p, unsigned sides, uint64_t target) {
    bool runs[2] = {false, false};
    for (unsigned s = 0; s < 2; s++) {
        if (!(sides & 1u << s))
            continue;
        uint64_t now = cpu_progress(machine_cpu(p->m[s], 0));
        runs[s] = !p->ended[s] && now < target && machine_start(p->m[s], target - now) == 0;
    }
    for (unsigned s = 0; s < 2; s++)
        if (runs[s])
            wait_for(p, s);
}

static void run_to(struct Pair *p, unsigned sides, uint64_t target) {
    const struct LockPlant *what = &p->c->plant;
    struct Machine *m = p->m[what->side];
    if (what->apply != NULL && (sides & 1u << what->side) && cpu_progress(machine_cpu(m, 0)) < what->at &&
        target >= what->at) {
        advance(p, 1u << what->side, what->at);
        if (cpu_progress(machine_cpu(m, 0)) == what->at)
            what->apply(what->opaque, m);
    }
    advance(p, sides, target);
}

/* Begin anew, and stop where the first run stopped: budgets cut blocks. */
static bool replay_to(struct Pair *p, unsigned sides, uint64_t target) {
    for (unsigned s = 0; s < 2; s++)
        if ((sides & 1u << s) && !open_machine(p, s, false))
            return false;
    for (uint64_t at = p->c->every; at <= target && at != 0; at += p->c->every)
        run_to(p, sides, at);
    return true;
}

/* ---- comparing ---- */

static const char *event_name(const struct Pair *p, unsigned s) {
    static const char *const names[] = {"nothing",      "power-off", "reset",        "debug exit", "triple fault",
                                        "engine error", "running",   "a breakpoint", "quit"};
    unsigned kind = p->ended[s] ? p->event[s].kind : TWIN86_EVENT_BUDGET;
    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static void compare(struct Pair *p, bool all_of_ram, struct LockDiffs *d) {
    const struct Machine *a = p->m[0], *b = p->m[1];
    lock_diffs_clear(d);
    if (p->ended[0] != p->ended[1] ||
        (p->ended[0] && (p->event[0].kind != p->event[1].kind || p->event[0].value != p->event[1].value)))
        lock_diffs_add(d, LOCK_RUN, "the run's end", event_name(p, 0), event_name(p, 1));
    lock_compare_env(&machine_cpu(a, 0)->env, &machine_cpu(b, 0)->env, NULL, d);
    lock_compare_devices(a, b, d);
    if (all_of_ram)
        lock_compare_ram(&a->ram, &b->ram, d);
    else
        lock_compare_watched(&a->ram, &b->ram, &p->watch, d);
}

/* ---- finding the first difference ---- */

static void note(struct Pair *p) {
    struct LockMoment *m = lock_history_next(&p->history);
    struct CPUState *cpu = machine_cpu(p->m[0], 0);
    m->count = cpu->insn_count;
    m->cs = cpu->env.seg[SEG_CS].selector;
    disas_at(p->disas, cpu, cpu->env.rip, &m->line);
    p->events = p->m[0]->trace.events;
}

static void note_result(struct Pair *p) {
    struct LockMoment *m = lock_history_back(&p->history, 0);
    const struct Trace *t = &p->m[0]->trace;
    for (unsigned s = 0; s < 2; s++)
        m->after[s] = machine_cpu(p->m[s], 0)->env;
    m->event = t->events != p->events;
    if (m->event)
        snprintf(m->note, sizeof(m->note), "vector %02xh delivered",
                 trace_recent(t, machine_cpu(p->m[0], 0), 1)->vector);
}

/* The registers before the first instruction that is noted. */
static void note_begin(struct Pair *p) {
    lock_history_clear(&p->history);
    note(p);
    note_result(p);
}

/* One instruction each from `from` on. True: they differ after the one that *at instructions precede. */
static bool step_through(struct Pair *p, uint64_t from, uint64_t to, uint64_t *at, struct LockDiffs *d) {
    if (!replay_to(p, BOTH, from))
        return false;
    note_begin(p);
    while (from < to && !p->ended[0]) {
        note(p);
        run_to(p, BOTH, from + 1);
        note_result(p);
        compare(p, false, d);
        if (d->total != 0) {
            *at = from;
            return true;
        }
        from++;
    }
    return false;
}

/* Did RAM differ already after `at` steps, where the registers still agreed? Then watch that. */
static bool ram_differs_before(struct Pair *p, uint64_t from, uint64_t at) {
    struct LockDiffs d;
    if (!replay_to(p, BOTH, from))
        return false;
    for (uint64_t i = from; i < at; i++)
        run_to(p, BOTH, i + 1);
    lock_diffs_clear(&d);
    lock_compare_ram(&p->m[0]->ram, &p->m[1]->ram, &d);
    if (d.total == 0)
        return false;
    p->watch = d;
    return true;
}

static bool differ_after(struct Pair *p, uint64_t from, uint64_t at, struct LockDiffs *d) {
    if (!replay_to(p, BOTH, from))
        return false;
    run_to(p, BOTH, at);
    compare(p, true, d);
    return d->total != 0;
}

/* Of the runs that begin at `from` in one go, one that differs at its end while the next shorter one does not. 0: none
 * differs. */
static uint64_t shortest_run(struct Pair *p, uint64_t from, uint64_t to, struct LockDiffs *d) {
    uint64_t agrees = from, differs = to;
    if (!differ_after(p, from, to, d))
        return 0;
    while (differs - agrees > 1 && !failed(p)) {
        uint64_t middle = agrees + (differs - agrees) / 2;
        if (differ_after(p, from, middle, d))
            differs = middle;
        else
            agrees = middle;
    }
    differ_after(p, from, differs, d);
    return differs;
}

/* The last instruction from which the rest up to `end` must run in one go for the difference to show. B stands at
 * `end`. */
static uint64_t block_begin(struct Pair *p, uint64_t from, uint64_t end) {
    struct LockDiffs d;
    uint64_t least = end - from > BLOCK_MAX ? end - BLOCK_MAX : from;
    for (uint64_t begin = end - 1; begin > least; begin--) {
        if (!replay_to(p, SIDE_A, from))
            break;
        for (uint64_t i = from; i < begin; i++)
            run_to(p, SIDE_A, i + 1);
        run_to(p, SIDE_A, end);
        compare(p, true, &d);
        if (d.total != 0)
            return begin;
    }
    return least;
}

/* How many noted instructions ago something was done that could explain the difference: of `n`, the last that wrote
 * what differs, or after which an event came; else the first. */
static unsigned suspect(const struct LockHistory *h, const struct LockDiffs *d, unsigned n) {
    bool flow = false;
    for (unsigned i = 0; i < d->count; i++)
        flow |= d->item[i].field != NULL && strcmp(d->item[i].name, "rip") == 0;
    for (unsigned k = 0; k < n; k++) {
        const struct LockMoment *m = lock_history_back(h, k), *before = lock_history_back(h, k + 1);
        if (m == NULL || before == NULL)
            break;
        if (flow && m->event)
            return k;
        for (unsigned i = 0; i < d->count && !flow; i++) {
            const struct EnvField *f = d->item[i].field;
            if (f != NULL && memcmp(env_field_at(&before->after[0], f), env_field_at(&m->after[0], f), f->size) != 0)
                return k;
        }
    }
    return n > 0 ? n - 1 : 0;
}

static void tell(struct Pair *p, uint64_t at, unsigned mark, const struct LockDiffs *d) {
    FILE *f = p->c->report;
    const struct LockMoment *m = lock_history_back(&p->history, mark);
    p->r->first = at;
    p->r->rip = m != NULL ? m->line.address : 0;
    fprintf(f, "%s and %s differ after instruction %" PRIu64 ": %s\n", p->c->engine[0], p->c->engine[1], at,
            m != NULL ? m->line.text : "");
    if (p->r->block != 0)
        fprintf(f,
                "They do so when the engine runs %" PRIu64 " instructions, %" PRIu64 " to %" PRIu64
                ", as a block; one at a time they agree.\n",
                p->r->block, p->block_end - p->r->block, p->block_end - 1);
    fputc('\n', f);
    lock_history_print(&p->history, p->c->engine, NULL, mark, f);
    lock_diffs_print(d, p->c->engine, f);
}

/* Stepping shows nothing: it is in how instructions run together. */
static void locate_block(struct Pair *p, uint64_t agreed, uint64_t differed) {
    struct LockDiffs d, unused;
    uint64_t at;
    uint64_t end = shortest_run(p, agreed, differed, &d);
    if (end == 0 || failed(p)) {
        if (!failed(p))
            fail(p, "a run does not repeat: a difference that was seen does not come again");
        return;
    }
    uint64_t begin = block_begin(p, agreed, end);
    if (failed(p))
        return;
    p->block_end = end;
    p->r->block = end - begin;
    step_through(p, agreed, end, &at, &unused); /* for the history */
    unsigned mark = suspect(&p->history, &d, (unsigned)(end - begin));
    tell(p, end - 1 - mark, mark, &d);
}

/* They agreed after `agreed` instructions and did not after `differed`. */
static void locate(struct Pair *p, uint64_t agreed, uint64_t differed, const struct LockDiffs *found) {
    struct LockDiffs d;
    uint64_t at = agreed;
    p->r->outcome = LOCK_DIFFERENT;
    p->watch = *found;
    p->deadline = -1;
    if (differ_after(p, agreed, agreed, &d)) {
        fail(p, "a run does not repeat: the machines differ where they agreed before");
        return;
    }
    while (step_through(p, agreed, differed, &at, &d)) {
        if (!ram_differs_before(p, agreed, at)) { /* it notes nothing: the history is that of step_through */
            if (!failed(p))
                tell(p, at, 0, &d);
            return;
        }
    }
    if (!failed(p))
        locate_block(p, agreed, differed);
}

/* ---- the run ---- */

static bool over(const struct Pair *p) { return p->ended[0] || p->ended[1] || p->r->timed_out || failed(p); }

static void check_errors(struct Pair *p) {
    for (unsigned s = 0; s < 2; s++)
        if (p->ended[s] && p->event[s].kind == TWIN86_EVENT_ERROR)
            fail(p, p->event[s].message);
}

static void run(struct Pair *p) {
    struct LockDiffs d;
    uint64_t agreed = 0, limit = p->c->limit != 0 ? p->c->limit : UINT64_MAX;
    compare(p, true, &d);
    if (d.total != 0) {
        fail(p, "the machines differ before the first instruction");
        return;
    }
    while (!over(p) && agreed < limit) {
        uint64_t next = limit - agreed < p->c->every ? limit : agreed + p->c->every;
        run_to(p, BOTH, next);
        check_errors(p);
        if (failed(p) || p->r->timed_out)
            break;
        compare(p, true, &d);
        p->r->compares++;
        if (d.total != 0) {
            locate(p, agreed, next, &d);
            return;
        }
        agreed = cpu_progress(machine_cpu(p->m[0], 0));
        p->r->instructions = machine_cpu(p->m[0], 0)->insn_count;
    }
    p->r->end = p->ended[0] ? p->event[0] : (Twin86Event){.kind = TWIN86_EVENT_BUDGET};
}

void lock_run_pair(const struct LockConfig *c, struct LockResult *r) {
    struct Pair p = {.c = c, .r = r, .disas = disas_new(), .deadline = -1};
    *r = (struct LockResult){.outcome = LOCK_SAME};
    if (c->timeout_ms >= 0)
        p.deadline = lock_now_ms() + c->timeout_ms;
    if (p.disas == NULL || lock_history_init(&p.history, c->history) != 0)
        fail(&p, "out of memory");
    else if (open_machine(&p, 0, true) && open_machine(&p, 1, false))
        run(&p);
    close_machine(&p, 0);
    close_machine(&p, 1);
    lock_history_destroy(&p.history);
    disas_free(p.disas);
}
