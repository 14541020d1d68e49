/* SPDX-License-Identifier: MIT */
/*
 * Locked read-modify-writes by all processors at once on the same memory: aligned, across cache lines, across pages,
 * through different linear addresses, and with the pages not in the TLB. No update may be lost. And plain loads and
 * stores of what SDM vol. 3, 9.1.1 promises to be atomic: nobody may see a part of a store.
 */
#include "guest.h"

/* ---- where ---- */

struct Place {
    const char *name;
    unsigned offset;  /* from the arena's start, of the byte that ... */
    bool is_split;    /* ... begins the operand's second half; else of the operand itself */
    bool forget;      /* the pages leave the TLB before each access */
    bool aliases;     /* each processor has its own linear address */
    unsigned divisor; /* of the rounds: this is slow */
};
static const struct Place places[] = {
    {"aligned", 64, false, false, false, 1},
    {"unaligned", 65, false, false, false, 1},
    {"aligned, no TLB entry", 64, false, true, true, 2},
    {"across lines", 128, true, false, false, 2},
    {"across pages", PAGE, true, false, false, 4},
    {"across pages, no TLB entry", PAGE, true, true, true, 4},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static struct {
    const struct Place *place;
    unsigned bytes, cpus;
    uint32_t rounds;
    const void *operation;
} run;

static uint8_t *operand_of(unsigned cpu) {
    static const uint64_t view[] = {SMALL_ALIAS, ARENA, LARGE_ALIAS};
    const struct Place *p = run.place;
    return (uint8_t *)at(view[p->aliases ? cpu % 3 : 1]) + p->offset - (p->is_split ? (run.bytes + 1) / 2 : 0);
}

static void forget(const uint8_t *p) {
    if (run.place->forget) {
        invlpg(p);
        invlpg(p + run.bytes - 1);
    }
}

static uint64_t value_at(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    return v;
}

static uint64_t cut(uint64_t v) { return v & UINT64_MAX >> (64 - run.bytes * 8); }

/* ---- operations, each for operands of 1, 2, 4 and 8 bytes; FORM(name, C type, suffix, register modifier) ---- */

#define FOR_WIDTHS(FORM, name)                                                                                         \
    FORM(name##_1, uint8_t, "b")                                                                                       \
    FORM(name##_2, uint16_t, "w") FORM(name##_4, uint32_t, "l") FORM(name##_8, uint64_t, "q")
#define WIDTHS(name) {name##_1, name##_2, name##_4, name##_8}

/* They add 1. */
typedef void Add(uint8_t *p);
#define ADD(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("lock add" s " $1, %0" : "+m"(*(T *)p)::"cc"); }
#define SUB(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("lock sub" s " $-1, %0" : "+m"(*(T *)p)::"cc"); }
#define INC(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("lock inc" s " %0" : "+m"(*(T *)p)::"cc"); }
#define ADC(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("stc\n\tlock adc" s " $0, %0" : "+m"(*(T *)p)::"cc"); }
#define SBB(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("stc\n\tlock sbb" s " $-2, %0" : "+m"(*(T *)p)::"cc"); }
#define XADD(f, T, s)                                                                                                  \
    static void f(uint8_t *p) {                                                                                        \
        T one = 1;                                                                                                     \
        __asm__ volatile("lock xadd" s " %0, %1" : "+r"(one), "+m"(*(T *)p)::"cc");                                    \
    }
#define CMPXCHG(f, T, s)                                                                                               \
    static void f(uint8_t *p) {                                                                                        \
        T old = *(volatile T *)p;                                                                                      \
        bool done;                                                                                                     \
        do {                                                                                                           \
            T new = (T)(old + 1);                                                                                      \
            __asm__ volatile("lock cmpxchg" s " %3, %1\n\tsete %2"                                                     \
                             : "+a"(old), "+m"(*(T *)p), "=q"(done)                                                    \
                             : "r"(new)                                                                                \
                             : "cc");                                                                                  \
        } while (!done);                                                                                               \
    }
FOR_WIDTHS(ADD, add)
FOR_WIDTHS(SUB, sub)
FOR_WIDTHS(INC, inc)
FOR_WIDTHS(ADC, adc)
FOR_WIDTHS(SBB, sbb)
FOR_WIDTHS(XADD, xadd)
FOR_WIDTHS(CMPXCHG, cmpxchg)

static void cmpxchg8b(uint8_t *p) {
    uint32_t low = ((volatile uint32_t *)p)[0], high = ((volatile uint32_t *)p)[1];
    bool done;
    do {
        uint64_t sum = (low | (uint64_t)high << 32) + 1;
        __asm__ volatile("lock cmpxchg8b %2\n\tsete %3"
                         : "+a"(low), "+d"(high), "+m"(*(uint64_t *)p), "=q"(done)
                         : "b"((uint32_t)sum), "c"((uint32_t)(sum >> 32))
                         : "cc");
    } while (!done);
}

static const struct {
    const char *name;
    Add *add[4];
} adds[] = {
    {"LOCK ADD", WIDTHS(add)},         {"LOCK SUB", WIDTHS(sub)},
    {"LOCK INC", WIDTHS(inc)},         {"LOCK ADC", WIDTHS(adc)},
    {"LOCK SBB", WIDTHS(sbb)},         {"LOCK XADD", WIDTHS(xadd)},
    {"LOCK CMPXCHG", WIDTHS(cmpxchg)}, {"LOCK CMPXCHG8B", {0, 0, 0, cmpxchg8b}},
};
enum { ADDS = sizeof(adds) / sizeof(adds[0]) };

/* They set, clear or flip the bits of `mask` (`bit` is its number) and return whether the bit was set, if they tell. */
typedef bool Bit(uint8_t *p, uint64_t mask, uint64_t bit, bool otherwise);
#define LOGIC(f, T, s, op, value)                                                                                      \
    static bool f(uint8_t *p, uint64_t mask, uint64_t bit, bool otherwise) {                                           \
        (void)bit;                                                                                                     \
        __asm__ volatile("lock " op s " %1, %0" : "+m"(*(T *)p) : "r"((T)(value)) : "cc");                             \
        return otherwise;                                                                                              \
    }
#define OR(f, T, s) LOGIC(f, T, s, "or", mask)
#define AND(f, T, s) LOGIC(f, T, s, "and", ~mask)
#define XOR(f, T, s) LOGIC(f, T, s, "xor", mask)
#define BIT(f, T, s, op)                                                                                               \
    static bool f(uint8_t *p, uint64_t mask, uint64_t bit, bool otherwise) {                                           \
        (void)mask;                                                                                                    \
        __asm__ volatile("lock " op s " %2, %0\n\tsetc %1" : "+m"(*(T *)p), "=q"(otherwise) : "r"((T)bit) : "cc");     \
        return otherwise;                                                                                              \
    }
#define BTS(f, T, s) BIT(f, T, s, "bts")
#define BTR(f, T, s) BIT(f, T, s, "btr")
#define BTC(f, T, s) BIT(f, T, s, "btc")
FOR_WIDTHS(OR, or)
FOR_WIDTHS(AND, and)
FOR_WIDTHS(XOR, xor)
// clang-format off
BTS(bts_2, uint16_t, "w")
BTS(bts_4, uint32_t, "l")
BTS(bts_8, uint64_t, "q")
BTR(btr_2, uint16_t, "w")
BTR(btr_4, uint32_t, "l")
BTR(btr_8, uint64_t, "q")
BTC(btc_2, uint16_t, "w")
BTC(btc_4, uint32_t, "l")
BTC(btc_8, uint64_t, "q")
// clang-format on

static const struct Bits {
    const char *name;
    Bit *set[4], *clear[4];
} bits[] = {
    {"LOCK OR and AND", WIDTHS(or), WIDTHS(and)},
    {"LOCK XOR", WIDTHS(xor), WIDTHS(xor)},
    {"LOCK BTS and BTR", {0, bts_2, bts_4, bts_8}, {0, btr_2, btr_4, btr_8}},
    {"LOCK BTC", {0, btc_2, btc_4, btc_8}, {0, btc_2, btc_4, btc_8}},
};
enum { BITS = sizeof(bits) / sizeof(bits[0]) };

/* They give the operand one of two values, v and f(v). */
#define NOT(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("lock not" s " %0" : "+m"(*(T *)p)); }
#define NEG(f, T, s)                                                                                                   \
    static void f(uint8_t *p) { __asm__ volatile("lock neg" s " %0" : "+m"(*(T *)p)::"cc"); }
FOR_WIDTHS(NOT, not)
FOR_WIDTHS(NEG, neg)
static const struct {
    const char *name;
    Add *flip[4];
} flips[] = {{"LOCK NOT", WIDTHS(not)}, {"LOCK NEG", WIDTHS(neg)}};
enum { FLIPS = sizeof(flips) / sizeof(flips[0]) };

typedef uint64_t Exchange(uint8_t *p, uint64_t v);
#define XCHG(f, T, s)                                                                                                  \
    static uint64_t f(uint8_t *p, uint64_t v) {                                                                        \
        T mine = (T)v;                                                                                                 \
        __asm__ volatile("xchg" s " %0, %1" : "+r"(mine), "+m"(*(T *)p));                                              \
        return mine;                                                                                                   \
    }
FOR_WIDTHS(XCHG, xchg)
static Exchange *const exchanges[] = WIDTHS(xchg);

/* ---- what each processor does ---- */

static void add_work(unsigned cpu) {
    uint8_t *p = operand_of(cpu);
    Add *add = (Add *)run.operation;
    barrier(run.cpus);
    for (uint32_t i = 0; i < run.rounds; i++) {
        forget(p);
        add(p);
    }
}

static unsigned index_of(unsigned bytes) { return bytes == 8 ? 3 : bytes / 2; }

/* The processor's own bit is as the processor left it, whatever the others do with theirs. */
static void bit_work(unsigned cpu) {
    uint8_t *p = operand_of(cpu);
    const struct Bits *b = run.operation;
    uint64_t mask = 1ULL << cpu;
    barrier(run.cpus);
    for (uint32_t i = 0; i < run.rounds; i++) {
        forget(p);
        bool before = b->set[index_of(run.bytes)](p, mask, cpu, false);
        forget(p);
        bool set = *(volatile uint8_t *)(p + cpu / 8) & 1 << cpu % 8;
        bool between = b->clear[index_of(run.bytes)](p, mask, cpu, true);
        if (before || !set || !between)
            fail("%s, %u bytes %s: processor %u finds its bit changed", b->name, (uint64_t)run.bytes, run.place->name,
                 (uint64_t)cpu);
    }
}

static void flip_work(unsigned cpu) {
    uint8_t *p = operand_of(cpu);
    barrier(run.cpus);
    for (uint32_t i = 0; i < 2 * run.rounds; i++) {
        forget(p);
        ((Add *)run.operation)(p);
    }
}

static volatile uint64_t held[MAX_CPUS + 1];

/* Everybody exchanges what it has for what is there: in the end all is still there once. */
static void exchange_work(unsigned cpu) {
    uint8_t *p = operand_of(cpu);
    uint64_t mine = held[cpu];
    barrier(run.cpus);
    for (uint32_t i = 0; i < run.rounds; i++) {
        forget(p);
        mine = exchanges[index_of(run.bytes)](p, mine);
        if (mine != cut(0x0101010101010101 * (mine & 0xff)))
            fail("XCHG, %u bytes %s: a mixture %x", (uint64_t)run.bytes, run.place->name, mine);
    }
    held[cpu] = mine;
}

/* ---- one combination ---- */

static void prepare(const struct Place *place, unsigned bytes, uint64_t rounds) {
    run.place = place;
    run.bytes = bytes;
    run.cpus = cpu_count;
    run.rounds = (uint32_t)((rounds + place->divisor - 1) / place->divisor);
    memset(at(ARENA), 0, 2 * PAGE);
}

static void try_add(const struct Place *place, unsigned bytes, unsigned i, uint64_t rounds) {
    prepare(place, bytes, rounds);
    run.operation = adds[i].add[index_of(bytes)];
    on_cpus(run.cpus, add_work);
    uint64_t is = value_at(operand_of(1), bytes), should_be = cut((uint64_t)run.cpus * run.rounds);
    if (is != should_be)
        fail("%s, %u bytes %s: %u, not %u", adds[i].name, (uint64_t)bytes, place->name, is, should_be);
}

static void try_bits(const struct Place *place, unsigned bytes, unsigned i, uint64_t rounds) {
    prepare(place, bytes, rounds);
    run.cpus = cpu_count < bytes * 8 ? cpu_count : bytes * 8;
    run.operation = &bits[i];
    on_cpus(run.cpus, bit_work);
    if (value_at(operand_of(1), bytes) != 0)
        fail("%s, %u bytes %s: bits are left over", bits[i].name, (uint64_t)bytes, place->name);
}

static void try_flip(const struct Place *place, unsigned bytes, unsigned i, uint64_t rounds) {
    prepare(place, bytes, rounds);
    *operand_of(1) = 1;
    run.operation = flips[i].flip[index_of(bytes)];
    on_cpus(run.cpus, flip_work);
    if (value_at(operand_of(1), bytes) != 1)
        fail("%s, %u bytes %s: %x is left, not 1", flips[i].name, (uint64_t)bytes, place->name,
             value_at(operand_of(1), bytes));
}

static void try_exchange(const struct Place *place, unsigned bytes, uint64_t rounds) {
    bool there[MAX_CPUS + 1] = {0};
    prepare(place, bytes, rounds);
    for (unsigned i = 0; i < run.cpus; i++)
        held[i] = cut(0x0101010101010101 * (i + 1));
    on_cpus(run.cpus, exchange_work);
    held[run.cpus] = value_at(operand_of(1), bytes);
    for (unsigned i = 0; i <= run.cpus; i++)
        there[held[i] & 0xff] = true;
    for (unsigned i = 0; i <= run.cpus; i++)
        if (!there[i])
            fail("XCHG, %u bytes %s: a value got lost", (uint64_t)bytes, place->name);
}

static void locked(uint64_t rounds) {
    for (unsigned i = 0; i < PLACES; i++)
        for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
            if (places[i].is_split && bytes == 1)
                continue;
            for (unsigned o = 0; o < ADDS; o++)
                if (adds[o].add[index_of(bytes)] != 0)
                    try_add(&places[i], bytes, o, rounds);
            for (unsigned o = 0; o < BITS; o++)
                if (bits[o].set[index_of(bytes)] != 0)
                    try_bits(&places[i], bytes, o, rounds);
            for (unsigned o = 0; o < FLIPS; o++)
                try_flip(&places[i], bytes, o, rounds);
            try_exchange(&places[i], bytes, rounds);
        }
}

/* ---- LOCK CMPXCHG16B: two quadwords that stay each other's complement ---- */

static void cmpxchg16b_work(unsigned cpu) {
    uint64_t *p = (uint64_t *)operand_of(cpu);
    barrier(run.cpus);
    for (uint32_t i = 0; i < run.rounds; i++) {
        uint64_t low = 0, high = 0;
        bool done;
        do {
            forget((uint8_t *)p);
            __asm__ volatile("lock cmpxchg16b %2\n\tsete %3"
                             : "+a"(low), "+d"(high), "+m"(*(__int128 *)p), "=q"(done)
                             : "b"(low + 1), "c"(high - 1)
                             : "cc");
            if (high != ~low)
                fail("LOCK CMPXCHG16B %s: %x is not the complement of %x", run.place->name, high, low);
        } while (!done);
    }
}

static void cmpxchg16b(uint64_t rounds) {
    for (unsigned i = 0; i < PLACES; i++) {
        if (places[i].is_split || places[i].offset % 16 != 0)
            continue; /* #GP */
        prepare(&places[i], 16, rounds);
        uint64_t *p = (uint64_t *)operand_of(1);
        p[1] = ~0ULL;
        on_cpus(run.cpus, cmpxchg16b_work);
        if (p[0] != (uint64_t)run.cpus * run.rounds)
            fail("LOCK CMPXCHG16B %s: %u, not %u", places[i].name, p[0], (uint64_t)run.cpus * run.rounds);
    }
}

/* ---- plain accesses ---- */

typedef void Move(uint8_t *to, const uint8_t *from);
#define MOV(f, T, s)                                                                                                   \
    static void f(uint8_t *to, const uint8_t *from) {                                                                  \
        T v;                                                                                                           \
        __asm__ volatile("mov" s " %2, %0\n\tmov" s " %0, %1" : "=&r"(v), "=m"(*(T *)to) : "m"(*(const T *)from));     \
    }
MOV(mov_2, uint16_t, "w")
MOV(mov_4, uint32_t, "l")
MOV(mov_8, uint64_t, "q")
#define STRING(f, s)                                                                                                   \
    static void f(uint8_t *to, const uint8_t *from) { __asm__ volatile("movs" s : "+D"(to), "+S"(from)::"memory"); }
STRING(movs_2, "w")
STRING(movs_4, "l")
STRING(movs_8, "q")
#define THROUGH(f, load, store)                                                                                        \
    static void f(uint8_t *to, const uint8_t *from) {                                                                  \
        __asm__ volatile(load "\n\t" store ::"r"(from), "r"(to) : "memory");                                           \
    }
// clang-format off
THROUGH(push_pop, "push (%0)", "pop (%1)")
THROUGH(x87, "fildll (%0)", "fistpll (%1)")
THROUGH(mmx, "movq (%0), %%mm0", "movq %%mm0, (%1)\n\temms")
THROUGH(sse_8, "movq (%0), %%xmm0", "movq %%xmm0, (%1)")
THROUGH(sse_4, "movd (%0), %%xmm0", "movd %%xmm0, (%1)")
THROUGH(movdqa, "movdqa (%0), %%xmm0", "movdqa %%xmm0, (%1)")
THROUGH(vmovaps, "vmovaps (%0), %%xmm0", "vmovaps %%xmm0, (%1)")
// clang-format on

static const struct Plain {
    const char *name;
    Move *move;
    unsigned bytes;
    bool needs_avx; /* only processors with AVX promise it */
} plains[] = {
    {"MOV", mov_2, 2, false},          {"MOV", mov_4, 4, false},       {"MOV", mov_8, 8, false},
    {"MOVS", movs_2, 2, false},        {"MOVS", movs_4, 4, false},     {"MOVS", movs_8, 8, false},
    {"PUSH, POP", push_pop, 8, false}, {"FILD, FISTP", x87, 8, false}, {"MMX MOVQ", mmx, 8, false},
    {"SSE MOVQ", sse_8, 8, false},     {"SSE MOVD", sse_4, 4, false},  {"MOVDQA", movdqa, 16, true},
    {"VMOVAPS", vmovaps, 16, true},
};
enum { PLAINS = sizeof(plains) / sizeof(plains[0]) };

/* Even processors store patterns, all look. */
static void plain_work(unsigned cpu) {
    const struct Plain *plain = run.operation;
    uint8_t *p = operand_of(cpu), mine[16] __attribute__((aligned(16)));
    barrier(run.cpus);
    for (uint32_t i = 0; i < run.rounds; i++) {
        memset(mine, (int)(1 + (i + cpu * 37) % 126), sizeof(mine));
        forget(p);
        if (cpu % 2 == 0)
            plain->move(p, mine);
        forget(p);
        plain->move(mine, p);
        for (unsigned b = 1; b < run.bytes; b++)
            if (mine[b] != mine[0]) {
                fail("%s, %u bytes %s: a part of a store is seen, %x", plain->name, (uint64_t)run.bytes,
                     run.place->name, *(uint64_t *)mine);
                break;
            }
    }
}

static void plain_accesses(uint64_t rounds) {
    bool avx = cpuid(1).ecx & 1 << 28;
    for (unsigned i = 0; i < PLACES; i++)
        for (unsigned o = 0; o < PLAINS; o++) {
            unsigned end = places[i].offset % 8 + plains[o].bytes;
            if (places[i].is_split || (places[i].offset % plains[o].bytes != 0 && end > 8) ||
                (plains[o].needs_avx && !avx))
                continue; /* within a quadword all processors promise it */
            prepare(&places[i], plains[o].bytes, rounds);
            run.operation = &plains[o];
            on_cpus(run.cpus, plain_work);
        }
}

const struct Test atomic_tests[] = {
    {"atomic-locked", locked, 300, 2},
    {"atomic-cmpxchg16b", cmpxchg16b, 3000, 2},
    {"atomic-plain", plain_accesses, 3000, 2},
    {0},
};
