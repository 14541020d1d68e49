/* SPDX-License-Identifier: MIT */
/*
 * Litmus tests of x86-TSO (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, CACM 53(7), 2010; SDM vol. 3, 9.2): a few
 * threads of a few accesses each, and outcomes that no order of execution which the processor may choose can give.
 * tso.py computes from the same table what the model allows, so that none of the outcomes is a slip of the pen.
 *
 * A batch is a row of cells, each with its own x and y: the threads go through them side by side, then look at what
 * they got. Each shape is run with every way to fence and every layout of x and y.
 */
#include "guest.h"

enum { THREADS = 4, REGISTERS = 2, CELLS = 512, CODE_SIZE = 256 };

/*
 * A thread's steps: "x1" stores 1 to x, "ax" loads x into a, "-" is a fence where the variant has one. Outcomes:
 * alternatives of terms, "0a1" (thread 0's a is 1) or "x1" (x is 1 in the end).
 */
struct Shape {
    const char *name;
    const char *thread[THREADS];
    const char *forbidden;       /* always */
    const char *fenced;          /* with fences, too */
    const char *allowed;         /* without them, though no interleaving gives it: "seen" counts it */
    bool must_be_seen, is_whole; /* is_whole: holds for accesses that are one, not for the parts of split ones */
};
static const struct Shape shapes[] = {
    {"SB", {"x1 - ay", "y1 - ax"}, "", "0a0 1a0", "0a0 1a0", true, false},
    {"MP", {"x1 - y1", "ay - bx"}, "1a1 1b0", "", "", false, false},
    {"LB", {"ax - y1", "ay - x1"}, "0a1 1a1", "", "", false, false},
    {"IRIW", {"x1", "y1", "ax - by", "ay - bx"}, "2a1 2b0 3a1 3b0", "", "", false, true},
    {"n6", {"x1 - ax by", "y2 - x2"}, "", "0a1 0b0 x1", "0a1 0b0 x1", false, false},
    {"amd3", {"x1 x2 - ay", "y1 y2 - ax"}, "", "0a1 1a1;0a0 1a0;0a0 1a1;0a1 1a0", "0a1 1a1;0a0 1a0", false, false},
    {"R", {"x1 - y1", "y2 - ax"}, "", "y2 1a0", "y2 1a0", false, false},
    {"S", {"x2 - y1", "ay - x1"}, "1a1 x2", "", "", false, false},
    {"2+2W", {"x1 - y2", "y1 - x2"}, "x1 y1", "", "", false, false},
    {"WRC", {"x1", "ax - y1", "ay - bx"}, "1a1 2a1 2b0", "", "", false, true},
    {"RWC", {"x1", "ax - by", "y1 - ax"}, "", "1a1 1b0 2a0", "1a1 1b0 2a0", false, true},
    {"forwarding", {"x1 - ax by", "y1 - ay bx"}, "0a0;1a0", "0b0 1b0", "0b0 1b0", false, false},
    {"n5", {"x1 - ax", "x2 - ax"}, "0a2 1a1", "", "", false, true},
    {"n4", {"ax - x1", "ax - x2"}, "0a2 1a1", "", "", false, true},
    {"CoRR", {"x1", "ax - bx"}, "1a1 1b0", "", "", false, true},
    {"CoRR2", {"x1", "x2", "ax - bx", "ax - bx"}, "2a1 2b2 3a2 3b1", "", "", false, true},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* ---- ways to fence: at "-", or all stores or loads as locked read-modify-writes, which fence, too ---- */

struct Variant {
    const char *name;
    uint8_t fence[8], fence_size;
    bool is_fenced, xchg_stores, xadd_loads;
};
static const struct Variant variants[] = {
    {"plain", {0}, 0, false, false, false},
    {"MFENCE", {0x0f, 0xae, 0xf0}, 3, true, false, false},
    {"LOCK OR", {0xf0, 0x83, 0x0c, 0x24, 0x00}, 5, true, false, false}, /* lock orl $0, (%rsp) */
    {"XCHG", {0}, 0, true, true, false},
    {"LOCK XADD", {0}, 0, true, false, true},
};
enum { VARIANTS = sizeof(variants) / sizeof(variants[0]) };

/* ---- where x and y are in a cell, and how wide ---- */

struct Layout {
    const char *name;
    uint16_t cell, x, y;
    uint8_t store, load, load_at; /* bytes; loads may take a part of what is stored */
    bool aliases;                 /* each thread has its own linear addresses for the same memory */
    bool is_atomic;               /* SDM vol. 3, 9.1.1: aligned, or within a quadword */
};
static const struct Layout layouts[] = {
    {"dwords", 256, 0, 128, 4, 4, 0, false, true},
    {"bytes", 256, 5, 131, 1, 1, 0, false, true},
    {"words", 256, 6, 136, 2, 2, 0, false, true},
    {"quadwords", 256, 8, 128, 8, 8, 0, false, true},
    {"a line for both", 256, 0, 8, 8, 8, 0, false, true},
    {"a quadword for both", 256, 0, 4, 4, 4, 0, false, true},
    {"unaligned dwords in quadwords", 256, 3, 131, 4, 4, 0, false, true},
    {"quadwords, loads of a dword", 256, 0, 128, 8, 4, 4, false, true},
    {"quadwords, loads of a byte", 256, 0, 128, 8, 1, 3, false, true},
    {"dwords, loads of a word", 256, 4, 136, 4, 2, 1, false, true},
    {"dwords, aliases", 256, 0, 128, 4, 4, 0, true, true},
    {"quadwords across lines", 256, 61, 188, 8, 8, 0, false, false},
    {"words across lines, aliases", 256, 63, 191, 2, 2, 0, true, false},
    {"quadwords across lines, loads of a dword", 256, 60, 189, 8, 4, 2, false, false},
    {"quadwords across pages", 8192, 4093, 8188, 8, 8, 0, false, false},
    {"dwords across pages, aliases", 8192, 4095, 8190, 4, 4, 0, true, false},
};
enum { LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

static uint64_t pattern(unsigned value, unsigned bytes) {
    return 0x0101010101010101 * value & UINT64_MAX >> (64 - bytes * 8);
}

/* ---- the threads' code ---- */

/* code(x, y, where x is loaded from, where y is, results) */
typedef void Code(uint8_t *x, uint8_t *y, const uint8_t *x_part, const uint8_t *y_part, uint64_t *results);
static uint8_t code_space[THREADS][1 << 16] __attribute__((aligned(PAGE)));

static uint8_t *put(uint8_t *p, const void *bytes, unsigned n) {
    memcpy(p, bytes, n);
    return p + n;
}

/* REX and opcode of an access that is `bytes` wide; `opcode` is the byte form's. */
static uint8_t *put_opcode(uint8_t *p, unsigned bytes, uint8_t rex, const uint8_t *opcode, unsigned n) {
    if (bytes == 2)
        *p++ = 0x66;
    *p++ = rex | (bytes == 8 ? 8 : 0);
    p = put(p, opcode, n);
    p[-1] |= bytes > 1;
    return p;
}

/* mov $value, %rax; mov or xchg %rax, (%rdi or %rsi) */
static uint8_t *put_store(uint8_t *p, const struct Layout *l, const struct Variant *v, char where, unsigned value) {
    uint64_t immediate = pattern(value, l->store);
    *p++ = 0x48, *p++ = 0xb8;
    p = put(p, &immediate, 8);
    p = put_opcode(p, l->store, 0x40, (const uint8_t[]){v->xchg_stores ? 0x86 : 0x88}, 1);
    *p++ = where == 'x' ? 7 : 6;
    return p;
}

/* mov or lock xadd (%rdx or %rcx), %r10 or %r11 */
static uint8_t *put_load(uint8_t *p, const struct Layout *l, const struct Variant *v, char into, char where) {
    if (v->xadd_loads) {
        *p++ = 0xf0;
        p = put_opcode(p, l->load, 0x44, (const uint8_t[]){0x0f, 0xc0}, 2);
    } else {
        p = put_opcode(p, l->load, 0x44, (const uint8_t[]){0x8a}, 1);
    }
    *p++ = (uint8_t)((into == 'a' ? 2 : 3) << 3 | (where == 'x' ? 2 : 1));
    return p;
}

static Code *compile(uint8_t *p, const char *steps, const struct Layout *l, const struct Variant *v) {
    Code *code = (Code *)p;
    p = put(p, (const uint8_t[]){0x45, 0x31, 0xd2, 0x45, 0x31, 0xdb}, 6); /* xor %r10d, %r10d; xor %r11d, %r11d */
    for (; *steps != '\0'; steps += *steps == ' ') {
        if (*steps == '-') {
            p = put(p, v->fence, v->fence_size);
            steps++;
            continue;
        }
        if (steps[0] == 'x' || steps[0] == 'y')
            p = put_store(p, l, v, steps[0], (unsigned)(steps[1] - '0'));
        else
            p = put_load(p, l, v, steps[0], steps[1]);
        steps += 2;
    }
    put(p, (const uint8_t[]){0x4d, 0x89, 0x10, 0x4d, 0x89, 0x58, 8, 0xc3}, 8); /* mov %r10, (%r8); mov %r11, 8(%r8) */
    return code;
}

/* ---- a batch ---- */

static struct {
    const struct Shape *shape;
    const struct Variant *variant;
    const struct Layout *layout;
    Code *code[THREADS];
    unsigned threads, cells, turn; /* `turn`: which processor is which thread */
} run;
static uint64_t results[THREADS][CELLS][REGISTERS];
static struct {
    volatile uint32_t cell;
} progress[THREADS] __attribute__((aligned(LINE)));
static uint64_t seen[SHAPES];

/* The arena as this thread sees it. */
static uint8_t *arena_of(unsigned thread) {
    static const uint64_t view[] = {ARENA, SMALL_ALIAS, LARGE_ALIAS};
    return at(view[run.layout->aliases ? thread % 3 : 0]);
}

/* Go on when the others are there, but never wait for long: they may have no processor. */
static void meet(unsigned thread, uint32_t cell) {
    progress[thread].cell = cell;
    for (unsigned other = 0, patience = 60; other < run.threads && patience > 0;) {
        if (progress[other].cell >= cell)
            other++;
        else
            patience--;
    }
    for (uint32_t i = random_below(8); i > 0; i--)
        __asm__ volatile("");
}

static void execute(unsigned thread) {
    const struct Layout *l = run.layout;
    uint8_t *cell = arena_of(thread);
    Code *code = run.code[thread];
    for (unsigned i = 0; i < run.cells; i++, cell += l->cell) {
        uint8_t *x = cell + l->x, *y = cell + l->y;
        meet(thread, i + 1);
        code(x, y, x + l->load_at, y + l->load_at, results[thread][i]);
    }
}

/* ---- outcomes ---- */

static uint64_t load_part(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    return v;
}

/* Whether one of the bytes of `v` is `value`: where an access is split, any part of it may be the one that counts. */
static bool has(uint64_t v, unsigned bytes, unsigned value) {
    for (; bytes > 0; bytes--, v >>= 8)
        if ((v & 0xff) == value)
            return true;
    return false;
}

static uint64_t term_value(const char *term, unsigned cell) {
    const struct Layout *l = run.layout;
    if (*term == 'x' || *term == 'y')
        return load_part((uint8_t *)at(ARENA + (uint64_t)cell * l->cell) + (*term == 'x' ? l->x : l->y) + l->load_at,
                         l->load);
    return results[*term - '0'][cell][term[1] - 'a'];
}

/* Whether the cell's outcome is one of these. */
static bool is_outcome(const char *outcomes, unsigned cell) {
    bool all = *outcomes != '\0';
    for (const char *p = outcomes; *p != '\0';) {
        uint64_t v = term_value(p, cell);
        p += *p == 'x' || *p == 'y' ? 1 : 2;
        all = all && has(v, run.layout->load, (unsigned)(*p++ - '0'));
        if (*p == ';' || *p == '\0') {
            if (all)
                return true;
            all = true;
        }
        p += *p != '\0';
    }
    return false;
}

static void tell(const char *what, unsigned cell) {
    fail("%s %s, %s, %s: a: %x %x %x %x, b: %x %x %x %x, x %x, y %x", run.shape->name, what, run.variant->name,
         run.layout->name, results[0][cell][0], results[1][cell][0], results[2][cell][0], results[3][cell][0],
         results[0][cell][1], results[1][cell][1], results[2][cell][1], results[3][cell][1], term_value("x", cell),
         term_value("y", cell));
}

static void judge(unsigned cell) {
    const struct Shape *s = run.shape;
    const struct Layout *l = run.layout;
    if (l->is_atomic)
        for (unsigned t = 0; t < run.threads; t++)
            for (unsigned r = 0; r < REGISTERS; r++)
                if (results[t][cell][r] != pattern(results[t][cell][r] & 0xff, l->load))
                    tell("torn", cell);
    if (l->is_atomic || !s->is_whole) {
        if (is_outcome(s->forbidden, cell) || (run.variant->is_fenced && is_outcome(s->fenced, cell)))
            tell("forbidden", cell);
        if (!run.variant->is_fenced && is_outcome(s->allowed, cell))
            __atomic_add_fetch(&seen[s - shapes], 1, __ATOMIC_RELAXED);
    }
}

static void clear(unsigned cell) {
    uint8_t *p = at(ARENA + (uint64_t)cell * run.layout->cell);
    memset(p + run.layout->x, 0, run.layout->store);
    memset(p + run.layout->y, 0, run.layout->store);
}

/* All threads execute, then each judges and clears its share of the cells. */
static void batch(unsigned cpu) {
    unsigned thread = (cpu + run.turn) % run.threads;
    barrier(run.threads);
    execute(thread);
    barrier(run.threads);
    for (unsigned i = thread; i < run.cells; i += run.threads) {
        judge(i);
        clear(i);
    }
    barrier(run.threads);
    progress[thread].cell = 0;
}

static void combination(unsigned shape, unsigned variant, unsigned layout, uint64_t rounds) {
    static unsigned compiled;
    run.shape = &shapes[shape], run.variant = &variants[variant], run.layout = &layouts[layout];
    unsigned fit = ARENA_SIZE / run.layout->cell;
    run.cells = fit < CELLS ? fit : CELLS;
    run.turn++;
    compiled++;
    memset(results, 0, sizeof(results));
    for (run.threads = 0; run.threads < THREADS && run.shape->thread[run.threads] != 0; run.threads++)
        run.code[run.threads] = compile(code_space[run.threads] + compiled * CODE_SIZE % sizeof(code_space[0]),
                                        run.shape->thread[run.threads], run.layout, run.variant);
    for (; rounds > 0; rounds -= run.cells) {
        run.cells = rounds < run.cells ? (unsigned)rounds : run.cells;
        on_cpus(run.threads, batch);
    }
}

/*
 * More rounds of what must be seen, until it is: on a busy host two processors seldom run at the same time. With one
 * host processor ("cores=1") they never do.
 */
static void see(unsigned shape) {
    static const uint64_t ticks = 200000000000; /* a minute or more */
    if (option("cores", 2) == 1)
        return;
    for (uint64_t began = tsc(); seen[shape] == 0 && tsc() - began < ticks;)
        combination(shape, 0, 0, CELLS);
    if (seen[shape] == 0)
        fail("%s: what x86-TSO allows was never seen, so the threads do not run at the same time", shapes[shape].name);
}

/* `rounds` of them all together, shared by the combinations; few rounds take a part of the combinations, each shape. */
static void litmus(uint64_t rounds) {
    enum { ALL = SHAPES * VARIANTS * LAYOUTS, LEAST = 512 };
    uint64_t each = rounds / ALL > LEAST ? rounds / ALL : LEAST, done = 0;
    uint64_t number = rounds / each < ALL ? rounds / each : ALL, skip = ALL / number;
    memset(at(ARENA), 0, ARENA_SIZE); /* before a reset it may have been in use */
    for (uint64_t i = 0, at_combination = 0; i < number; i++, at_combination += skip) {
        unsigned c = (unsigned)(at_combination % ALL);
        combination((unsigned)(i % SHAPES), c / SHAPES % VARIANTS, c / SHAPES / VARIANTS, each);
        done += each;
    }
    for (unsigned i = 0; i < SHAPES; i++)
        if (shapes[i].must_be_seen)
            see(i);
    say("litmus: %u rounds of %u combinations; allowed without fences and seen:", done, number);
    for (unsigned i = 0; i < SHAPES; i++)
        if (shapes[i].allowed[0] != '\0')
            say(" %s %u", shapes[i].name, seen[i]);
    say("\n");
}

const struct Test litmus_tests[] = {{"litmus", litmus, 1000000, THREADS}, {0}};
