/* SPDX-License-Identifier: MIT */
/*
 * tcg-lite: one vCPU without machine or thread. Between cases only what cases can change is loaded, so that blocks and
 * translations stay warm.
 */
#include "accel/cases.h"
#include "accel/registry.h"
#include "diff/case_run.h"
#include "diff/run/segments.h"
#include "diff/run/stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Iterations of repeated string instructions count as instructions; a case gets as many turns. */
enum { MAX_TURNS = 70000, REAL_TOP = 0x110000, ANY_PAGES = 512 };

struct TcgRunner {
    struct DiffRunner head;
    struct CPUState cpu;
    const struct AccelOps *ops;
    struct Accel accel;
    pthread_mutex_t lock;
    uint64_t page; /* where RIP was last looked up: linear, and its host address */
    const uint8_t *page_host;
    bool pointers32;
    uint16_t cs;           /* the case's selector */
    struct CpuTrace trace; /* real-address mode: how it is known that an exception came, and which */
    bool event;
    uint8_t event_vector;
    struct DiffPage *case_page; /* for diff_tcg_case: what the space was made of, in the case's order */
    unsigned case_pages;
};

static void close_runner(struct DiffRunner *r) {
    struct TcgRunner *t = (struct TcgRunner *)r;
    if (t->cpu.engine != NULL)
        t->ops->vcpu_destroy(&t->cpu);
    if (t->accel.data != NULL)
        t->ops->destroy(&t->accel);
    if (t->cpu.bus != NULL)
        bus_free(t->cpu.bus);
    if (t->cpu.clock != NULL)
        clock_free(t->cpu.clock);
    diff_space_destroy(&r->space);
    pthread_mutex_destroy(&t->lock);
    free(t->case_page);
    free(t);
}

static int make_cpu(struct TcgRunner *t, const struct CpuModel *model, const char *options, char *why, size_t n) {
    struct CPUState *cpu = &t->cpu;
    bus_lock_init(&t->lock);
    cpu->bus = bus_new(&t->lock);
    cpu->clock = clock_new(CLOCK_HOST);
    if (cpu->bus == NULL || cpu->clock == NULL)
        return -ENOMEM;
    cpu->lock = &t->lock;
    cpu->bootstrap = true;
    cpu->tsc_hz = 1000000000;
    cpu->model = *model;
    t->accel =
        (struct Accel){.ops = t->ops, .bus = cpu->bus, .clock = cpu->clock, .lock = &t->lock, .options = options};
    cpu->accel = &t->accel;
    int r = t->ops->init(&t->accel, why, n);
    if (r == 0)
        r = bus_map(cpu->bus, 0, &t->head.space.ram);
    if (r == 0)
        r = t->ops->vcpu_init(cpu, &t->accel);
    if (r == 0) {
        cpu_reset(cpu, false);
        cpu->env = t->head.space.env;
        t->ops->put_state(cpu);
    }
    return r;
}

static int open_on(struct DiffRunner **out, const struct DiffSetup *setup, const struct DiffRunnerOps *ops,
                   const char *options, char *why, size_t n) {
    struct TcgRunner *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    t->head.ops = ops;
    t->ops = accel_software();
    t->pointers32 = setup->pointers32;
    int r = diff_space_init(&t->head.space, setup->mode, setup->cpl, setup->model, setup->page, setup->pages, why, n);
    if (r != 0) {
        free(t);
        return r;
    }
    r = make_cpu(t, setup->model, options, why, n);
    if (r != 0) {
        snprintf(why, n, "tcg-lite: %s", strerror(-r));
        close_runner(&t->head);
        return r;
    }
    *out = &t->head;
    return 0;
}

static int open_runner(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    return open_on(out, setup, &diff_tcg_runner, "", why, n);
}
static int open_jit(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    return open_on(out, setup, &diff_jit_runner, "jit=eager", why, n);
}

static const uint8_t pad_bytes[2] = {0xeb, 0xfe};

/** A jump to itself: whatever instructions are left of the budget end here. */
static void put_pad(struct DiffRunner *r, uint8_t *at, uint64_t linear) {
    if (r->oracle_pads)
        diff_stub_pad(at, linear);
    else
        memcpy(at, pad_bytes, sizeof(pad_bytes));
}

static void code_changed(struct DiffRunner *r) {
    struct TcgRunner *t = (struct TcgRunner *)r;
    t->ops->cases->memory_changed(&t->cpu, 0, UINT64_MAX);
}

/* ---- one case ---- */

static void load(struct TcgRunner *r, const struct DiffState *in) {
    CPUX86State *env = &r->cpu.env;
    const CPUX86State *fresh = &r->head.space.env;
    if (r->head.space.cpl != 3) { /* anything may have changed */
        bool flush = memcmp(&env->cr0, &fresh->cr0, sizeof(env->cr0)) != 0 || env->cr3 != fresh->cr3 ||
                     env->cr4 != fresh->cr4 || env->efer != fresh->efer || env->dr[7] != fresh->dr[7];
        *env = *fresh;
        if (flush)
            r->ops->put_state(&r->cpu);
    } else {
        env->dr[6] = fresh->dr[6];
    }
    diff_state_to_env(in, env);
    diff_segments(&r->head.space, in, NULL, env->seg);
    diff_space_put_ldt(&r->head.space, env->seg);
    r->cs = env->seg[SEG_CS].selector;
    env->xinuse = XCR0_X87 | XCR0_SSE | XCR0_AVX; /* the oracle loads them all by XRSTOR */
    env->cr2 = 0;
    r->ops->cases->put_registers(&r->cpu);
    r->cpu.halted = false;
}

static bool in_handler(const struct TcgRunner *r) { return diff_in_handler(&r->head.space, &r->cpu.env); }

static bool at_pad(struct TcgRunner *r) {
    const CPUX86State *env = &r->cpu.env;
    uint64_t linear = env->rip + (x86_code64(env) ? 0 : env->seg[SEG_CS].base);
    if ((linear & ~0xfffull) != r->page || r->page_host == NULL) {
        r->page = linear & ~0xfffull;
        r->page_host = diff_space_at(&r->head.space, r->page);
    }
    const uint8_t *p = r->page_host + (linear & 0xfff);
    return r->page_host != NULL && !memcmp(p, pad_bytes, sizeof(pad_bytes));
}

/** False: a triple fault. */
static bool run_budget(struct CPUState *cpu, uint64_t insns) {
    const struct AccelOps *ops = cpu->accel->ops;
    cpu->insn_limit = cpu->insn_count + insns;
    bool alive = ops->exec(cpu) != VCPU_EXIT_SHUTDOWN;
    ops->get_state(cpu);
    return alive;
}

/** How a case ended. */
struct End {
    bool alive; /* no triple fault */
    bool fault; /* a handler was entered: this one */
    uint32_t vector;
};

/** As far as it is known by where RIP is. */
static struct End end_of(const struct TcgRunner *r, bool alive) {
    bool fault = alive && in_handler(r);
    return (struct End){alive, fault, fault ? diff_handler_vector(&r->head.space, &r->cpu.env) : 0};
}

static void finish(struct TcgRunner *r, struct DiffState *out, struct DiffFrame *frame, const struct End *end) {
    CPUX86State *env = &r->cpu.env;
    const struct DiffSpace *s = &r->head.space;
    *frame = (struct DiffFrame){.cs = env->seg[SEG_CS].selector, .ss = env->seg[SEG_SS].selector};
    if (!end->alive) {
        *out = (struct DiffState){.vector = DIFF_TRIPLE_FAULT};
        return;
    }
    if (r->pointers32)
        env->fip = (uint32_t)env->fip, env->fdp = (uint32_t)env->fdp;
    diff_state_from_env(out, env);
    out->vector = DIFF_NO_FAULT;
    out->error = out->dr6 = 0;
    out->cr2 = 0;
    if (end->fault) {
        out->vector = end->vector;
        diff_frame_read(s, env, out, frame);
    }
    out->left = frame->cs != r->cs;
    if (r->head.oracle_pads && out->vector == VEC_PF && out->cr2 == STUB_CONTROL + offsetof(struct StubControl, rip)) {
        out->vector = DIFF_NO_FAULT; /* the first instruction of a pad */
        out->error = 0;
        out->cr2 = 0;
        out->rflags &= ~(uint64_t)FLAG_RF;
    }
}

static void run_one(struct TcgRunner *r, const struct DiffState *in, struct DiffState *out) {
    struct CPUState *cpu = &r->cpu;
    load(r, in);
    struct DiffFrame frame;
    /* a block of the case and its pad is only translated if the budget has room for it */
    unsigned pad = r->head.ops == &diff_jit_runner ? 2 : 1;
    struct End end = end_of(r, run_budget(cpu, in->insns + pad));
    for (unsigned turn = 0; end.alive && !end.fault && turn < MAX_TURNS && !at_pad(r); turn++)
        end = end_of(r, run_budget(cpu, 1));
    finish(r, out, &frame, &end);
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    (void)why, (void)n;
    for (unsigned k = 0; k < count; k++)
        run_one((struct TcgRunner *)r, &in[which[k]], &out[which[k]]);
    return 0;
}

const struct DiffRunnerOps diff_tcg_runner = {
    .name = "tcg-lite",
    .open = open_runner,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .run = run,
};

const struct DiffRunnerOps diff_jit_runner = {
    .name = "jit",
    .open = open_jit,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .run = run,
};

/* ---- cases from files ---- */

void case_load(const struct DiffCase *c, const struct DiffSpace *s) {
    for (unsigned k = 0; k < c->pages; k++) {
        bool code = ((c->page[k].linear ^ c->code) & ~0xfffull) == 0;
        memset(diff_space_at(s, c->page[k].linear), code ? CASE_FILLER : 0, 4096);
    }
    for (unsigned k = 0; k < c->expected_from; k++) {
        const struct CasePiece *p = &c->piece[k];
        for (unsigned at = 0, part; at < p->n; at += part) {
            part = 4096 - ((p->linear + at) & 0xfff);
            part = part < p->n - at ? part : p->n - at;
            memcpy(diff_space_at(s, p->linear + at), c->bytes + p->at + at, part);
        }
    }
}

static bool same_pages(const struct TcgRunner *t, const struct DiffCase *c) {
    return c->mode != DIFF_REAL16 && t->case_pages == c->pages && t->head.space.mode == c->mode &&
           t->head.space.cpl == c->cpl && !memcmp(t->case_page, c->page, c->pages * sizeof(c->page[0]));
}

/** Blocks made of what a page held must go. */
static void forget_blocks(struct TcgRunner *t, uint64_t phys) {
    uint8_t *flags = &t->head.space.ram.page_flags[phys >> 12];
    if (__atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_FLAG_CODE) {
        t->ops->cases->memory_changed(&t->cpu, phys, 4096);
        __atomic_or_fetch(flags, PAGE_FLAG_CODE, __ATOMIC_RELAXED); /* it will hold code again: the TLB knows */
    }
}

/** In real-address mode all memory is there for any case. What the last one wrote becomes 0 again. */
static void clean_real(struct TcgRunner *t) {
    struct DiffSpace *s = &t->head.space;
    for (uint64_t at = 0; at < s->ram.size && at < REAL_TOP; at += 4096) {
        uint8_t *flags = &s->ram.page_flags[at >> 12];
        if (!(__atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_FLAG_DIRTY))
            continue;
        forget_blocks(t, at);
        memset(s->ram.host + at, 0, 4096);
        __atomic_and_fetch(flags, (uint8_t)~PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
    }
}

/** Give the space that there is the case's pages. -ENOSPC: that is not enough. */
static int move_pages(struct TcgRunner *t, const struct DiffCase *c, char *why, size_t n) {
    struct DiffSpace *s = &t->head.space;
    bool real = s->mode == DIFF_REAL16;
    if (t->case_pages == 0 || s->mode != c->mode || s->cpl != c->cpl ||
        (!real && (s->cpl == 0 || s->pages != c->pages)))
        return -ENOSPC;
    if (real)
        clean_real(t);
    for (unsigned k = 0; k < s->pages && !real; k++)
        forget_blocks(t, k * 4096ull);
    int r = diff_space_move(s, c->page, c->pages, why, n);
    if (r == 0 && !real)
        t->ops->cases->tables_changed(&t->cpu);
    return r;
}

/** Make the space that the case wants. */
static int make_pages(struct TcgRunner *t, const struct DiffCase *c, char *why, size_t n) {
    struct CPUState *cpu = &t->cpu;
    int r = diff_space_change(&t->head.space, c->mode, c->cpl, &cpu->model, c->page, c->pages, why, n);
    if (r != 0)
        return r;
    if (c->mode == DIFF_REAL16)
        diff_space_clear_real(&t->head.space);
    memset(t->head.space.ram.page_flags, 0, t->head.space.ram.size >> 12);
    bus_set_dirty_logging(cpu->bus, c->mode == DIFF_REAL16);
    cpu->env = t->head.space.env;
    t->ops->cases->memory_changed(cpu, 0, UINT64_MAX);
    t->ops->put_state(cpu);
    return 0;
}

static int change_pages(struct TcgRunner *t, const struct DiffCase *c, char *why, size_t n) {
    if (t->case_page == NULL && (t->case_page = malloc(CASE_MAX_PAGES * sizeof(*t->case_page))) == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    int r = move_pages(t, c, why, n);
    if (r == -ENOSPC)
        r = make_pages(t, c, why, n);
    t->page_host = NULL;
    t->case_pages = r == 0 ? c->pages : 0;
    if (r == 0)
        memcpy(t->case_page, c->page, c->pages * sizeof(c->page[0]));
    return r;
}

/** The case's own pages are about to be written. */
static void forget_code(struct TcgRunner *t, const struct DiffCase *c) {
    struct DiffSpace *s = &t->head.space;
    for (unsigned k = 0; k < c->pages; k++) {
        uint64_t phys = diff_space_phys(s, c->page[k].linear);
        forget_blocks(t, phys);
        if (s->mode == DIFF_REAL16)
            __atomic_or_fetch(&s->ram.page_flags[phys >> 12], PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
    }
}

static bool sets_control(const struct DiffOwnSystem *y) {
    return y->has_cr0 || y->has_cr4 || y->has_efer || y->has_xcr0;
}

static bool is_repeated_string(const struct DiffCase *c) {
    const uint8_t *p = c->bytes + c->code_at;
    bool repeat = false;
    for (unsigned k = 0; k < c->code_bytes && k < 15; k++) {
        if ((p[k] >= 0xa4 && p[k] <= 0xaf && p[k] != 0xa8 && p[k] != 0xa9) || (p[k] >= 0x6c && p[k] <= 0x6f))
            return repeat;
        repeat |= p[k] == 0xf2 || p[k] == 0xf3;
    }
    return false;
}

int diff_tcg_open_any(struct DiffRunner **r, const struct CpuModel *model, char *why, size_t n) {
    struct DiffPage *page = calloc(ANY_PAGES, sizeof(*page));
    if (page == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    for (unsigned k = 0; k < ANY_PAGES; k++) /* apart, so that there are page tables for all of them */
        page[k].linear = k * 0x200000ull + (k >= 384 ? 0x1000000000 : 0);
    const struct DiffSetup setup = {.mode = DIFF_LONG64, .cpl = 3, .model = model, .page = page, .pages = ANY_PAGES};
    int e = open_runner(r, &setup, why, n);
    free(page);
    return e;
}

/* ---- exceptions in real-address mode, where all memory belongs to the case ---- */

static void note_event(void *opaque, struct CPUState *cpu, const struct CpuEvent *e) {
    struct TcgRunner *t = opaque;
    t->event = true;
    t->event_vector = e->vector;
    cpu_post(cpu, CPU_EVENT_LEAVE); /* before the handler's first instruction */
}

static struct End run_instructions(struct TcgRunner *t, bool real, uint64_t insns) {
    if (!real)
        return end_of(t, run_budget(&t->cpu, insns));
    t->event = false;
    bool alive = run_budget(&t->cpu, insns);
    cpu_retract(&t->cpu, CPU_EVENT_LEAVE);
    return (struct End){alive, alive && t->event, t->event_vector};
}

static void watch_events(struct TcgRunner *t, bool watch) {
    t->trace = (struct CpuTrace){.event = note_event, .opaque = t};
    t->cpu.trace = watch ? &t->trace : NULL;
}

static void set_a20(struct TcgRunner *t, bool on) {
    if (bus_a20(t->cpu.bus) == on)
        return;
    bus_set_a20(t->cpu.bus, on);
    t->ops->cases->memory_changed(&t->cpu, 0, UINT64_MAX);
    t->ops->put_state(&t->cpu); /* no translation stays */
    t->head.space.a20_mask = bus_a20_mask(t->cpu.bus);
}

/* ---- a case ---- */

/** The case's registers, and those of the system that it has of its own. */
static void load_case(struct TcgRunner *t, const struct DiffCase *c) {
    load(t, &c->in);
    if (!c->system.any)
        return;
    diff_own_system_load(&c->system, &t->cpu.env);
    diff_state_to_env(&c->in, &t->cpu.env);
    diff_space_put_ldt(&t->head.space, t->cpu.env.seg);
    t->cs = t->cpu.env.seg[SEG_CS].selector;
    t->ops->cases->put_registers(&t->cpu);
    if (sets_control(&c->system))
        t->ops->put_state(&t->cpu);
}

/** The next case finds the mode's own again. */
static void unload_case(struct TcgRunner *t, const struct DiffCase *c) {
    if (!c->system.any)
        return;
    t->cpu.env = t->head.space.env;
    diff_space_put_ldt(&t->head.space, t->cpu.env.seg);
    t->ops->cases->put_registers(&t->cpu);
    if (sets_control(&c->system))
        t->ops->put_state(&t->cpu);
}

static void read_system(const struct TcgRunner *t, const struct DiffFrame *frame, struct DiffSystem *system) {
    diff_system_read(&t->cpu.env, frame, system);
    if (frame->bytes == 0)
        diff_system_read_own(&t->cpu.env, system);
}

static void read_result(struct TcgRunner *t, struct CaseResult *r, const struct End *end) {
    const CPUX86State *env = &t->cpu.env;
    finish(t, &r->out, &r->frame, end);
    r->known = !end->alive ? 0 : end->fault ? ~DIFF_SYSTEM_OWN : UINT64_MAX;
    if (end->alive)
        read_system(t, &r->frame, &r->system);
    r->linear = env->rip + (x86_code64(env) ? 0 : env->seg[SEG_CS].base);
}

int diff_tcg_case(struct DiffRunner *r, const struct DiffCase *c, struct CaseResult *result, char *why, size_t n) {
    struct TcgRunner *t = (struct TcgRunner *)r;
    struct CPUState *cpu = &t->cpu;
    bool real = c->mode == DIFF_REAL16;
    int e = same_pages(t, c) ? 0 : change_pages(t, c, why, n);
    if (e != 0)
        return e;
    set_a20(t, !c->a20_off);
    forget_code(t, c);
    case_load(c, &r->space);
    load_case(t, c);
    if (c->rest) {
        const struct DiffFrame none = {.cs = cpu->env.seg[SEG_CS].selector, .ss = cpu->env.seg[SEG_SS].selector};
        diff_state_from_env(&result->before, &cpu->env);
        read_system(t, &none, &result->system_before);
    }
    watch_events(t, real);
    struct End end = run_instructions(t, real, c->in.insns);
    bool repeated = c->in.insns == 1 && is_repeated_string(c);
    for (unsigned turn = 0; end.alive && repeated && !end.fault && turn < MAX_TURNS && cpu->env.rip == c->in.rip;
         turn++)
        end = run_instructions(t, real, 1);
    watch_events(t, false);
    read_result(t, result, &end);
    unload_case(t, c);
    return 0;
}

static bool in_frame(const struct DiffFrame *f, uint64_t linear) {
    for (unsigned n = 0; n < f->bytes; n++)
        if (diff_frame_at(f, n) == linear)
            return true;
    return false;
}

uint64_t diff_tcg_stray_write(const struct DiffRunner *r, const struct DiffFrame *frame) {
    const struct DiffSpace *s = &r->space;
    for (uint64_t page = 0; s->mode == DIFF_REAL16 && page < REAL_TOP; page += 4096) {
        if (!(__atomic_load_n(&s->ram.page_flags[page >> 12], __ATOMIC_RELAXED) & PAGE_FLAG_DIRTY) ||
            diff_space_page(s, page) != NULL)
            continue;
        for (uint64_t at = page; at < page + 4096; at++)
            if (s->ram.host[at] != 0 && !in_frame(frame, at))
                return at;
    }
    return UINT64_MAX;
}
