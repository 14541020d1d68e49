/* SPDX-License-Identifier: MIT */
#include "diff/generate/space.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *const diff_mode_names[DIFF_MODES] = {"real16",   "v8086",    "prot16", "prot32",
                                                 "compat16", "compat32", "long64"};

enum { REAL_RAM = 0x110000, PAGE = 4096, HOLE = 0x70000000 };
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40 };
#define PTE_NX (1ull << 63)

static bool is_long(const struct DiffSpace *s) { return s->mode >= DIFF_COMPAT16; }
static bool is_real(const struct DiffSpace *s) { return s->mode == DIFF_REAL16; }

/* ---- pages ---- */

static int by_address(const void *a, const void *b) {
    const struct DiffPage *x = a, *y = b;
    return (x->linear > y->linear) - (x->linear < y->linear);
}

static const struct DiffPage *find(const struct DiffSpace *s, uint64_t linear) {
    unsigned low = 0, high = s->pages;
    linear &= ~(uint64_t)(PAGE - 1);
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (s->page[mid].linear == linear)
            return &s->page[mid];
        if (s->page[mid].linear < linear)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct DiffPage *diff_space_page(const struct DiffSpace *s, uint64_t linear) { return find(s, linear); }

uint64_t diff_space_phys(const struct DiffSpace *s, uint64_t linear) {
    const struct DiffPage *p = find(s, linear);
    if (p == NULL)
        return UINT64_MAX;
    return is_real(s) ? linear : (uint64_t)(p - s->page) * PAGE + (linear & (PAGE - 1));
}

uint8_t *diff_space_at(const struct DiffSpace *s, uint64_t linear) {
    uint64_t phys = diff_space_phys(s, linear);
    return phys == UINT64_MAX ? NULL : s->ram.host + phys;
}

/** Whether one of the pages lies there. */
static bool taken(const struct DiffSpace *s, uint64_t from, uint64_t size) {
    for (uint64_t at = from; at - from < size; at += PAGE)
        if (find(s, at) != NULL)
            return true;
    return false;
}

/** Where the structures lie. There are fewer pages than places, but in real-address mode. */
static uint64_t place_tables(const struct DiffSpace *s) {
    uint64_t at = is_real(s) ? DIFF_SYS_REAL : DIFF_SYS;
    while (taken(s, at, DIFF_SYS_SIZE)) {
        at = is_real(s) ? at - DIFF_SYS_SIZE : at + DIFF_SYS_SIZE;
        if (is_real(s) && at == 0)
            return DIFF_NOWHERE;
    }
    return at;
}

static bool canonical(uint64_t linear) { return (uint64_t)((int64_t)(linear << 16) >> 16) == linear; }

static int check_pages(const struct DiffSpace *s, char *why, size_t n) {
    for (unsigned k = 0; k < s->pages; k++) {
        uint64_t at = s->page[k].linear;
        if (k > 0 && s->page[k - 1].linear == at)
            return snprintf(why, n, "the page at %#llx is named twice", (unsigned long long)at), -EINVAL;
        bool fits = is_real(s) || s->mode == DIFF_V8086 ? at < REAL_RAM : is_long(s) ? canonical(at) : at <= UINT32_MAX;
        if (!fits)
            return snprintf(why, n, "mode %s has no address %#llx", diff_mode_names[s->mode], (unsigned long long)at),
                   -EINVAL;
    }
    return 0;
}

/* ---- page tables ---- */

/** Physical pages beyond the case's, given out one by one. */
struct Tables {
    struct DiffSpace *s;
    uint64_t next;
};

static uint64_t take_page(struct Tables *t) {
    uint64_t at = t->next;
    t->next += PAGE;
    return at;
}

static void set_entry(struct Tables *t, uint64_t table, unsigned index, unsigned size, uint64_t v) {
    memcpy(t->s->ram.host + table + index * size, &v, size);
}

static uint64_t get_entry(struct Tables *t, uint64_t table, unsigned index, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, t->s->ram.host + table + index * size, size);
    return v;
}

static void map(struct Tables *t, uint64_t linear, uint64_t phys, uint8_t attr) {
    bool wide = is_long(t->s);
    unsigned levels = wide ? 4 : 2, bits = wide ? 9 : 10, size = wide ? 8 : 4;
    uint64_t table = t->s->env.cr3;
    for (unsigned level = levels - 1; level > 0; level--) {
        unsigned index = (unsigned)(linear >> (12 + bits * level)) & ((1u << bits) - 1);
        uint64_t e = get_entry(t, table, index, size);
        if (e == 0) {
            e = take_page(t) | PTE_P | PTE_W | PTE_U | PTE_A;
            set_entry(t, table, index, size, e);
        }
        table = e & ~(uint64_t)(PAGE - 1);
    }
    uint64_t e = phys | PTE_P | PTE_A | PTE_D | (attr & DIFF_PAGE_WRITE ? PTE_W : 0) |
                 (attr & DIFF_PAGE_USER ? PTE_U : 0) | (wide && (attr & DIFF_PAGE_NX) ? PTE_NX : 0);
    set_entry(t, table, (unsigned)(linear >> 12) & ((1u << bits) - 1), size, e);
}

static void make_tables(struct Tables *t) {
    struct DiffSpace *s = t->s;
    s->env.cr3 = take_page(t);
    for (unsigned k = 0; k < s->pages; k++)
        map(t, s->page[k].linear, s->page[k].attr & DIFF_PAGE_HOLE ? HOLE : (uint64_t)k * PAGE, s->page[k].attr);
    for (unsigned at = 0; at < DIFF_SYS_SIZE; at += PAGE)
        map(t, s->sys + at, s->sys_phys + at,
            at == DIFF_SYS_STACK ? DIFF_PAGE_WRITE | DIFF_PAGE_USER : DIFF_PAGE_WRITE);
}

/* ---- descriptors, handlers ---- */

static void put(struct DiffSpace *s, uint64_t at, uint64_t v, unsigned size) {
    memcpy(s->ram.host + s->sys_phys + at, &v, size);
}

static bool has_ldt(const struct DiffSpace *s) { return s->mode == DIFF_COMPAT16 || s->mode == DIFF_COMPAT32; }

/** A segment as an entry of a descriptor table (SDM vol. 3, 3.4.5). */
static uint64_t descriptor(const struct X86Segment *g) {
    uint64_t limit = g->ar & AR_G ? g->limit >> 12 : g->limit, base = g->base;
    return (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(g->ar & 0xff) << 40 | (limit >> 16 & 15) << 48 |
           (uint64_t)(g->ar >> 12 & 15) << 52 | (base >> 24 & 0xff) << 56;
}

void diff_space_put_ldt(struct DiffSpace *s, const struct X86Segment seg[SEG_COUNT]) {
    enum { LOCAL = 4 };
    if (!has_ldt(s))
        return;
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if ((seg[k].selector & LOCAL) && seg[k].selector / 8 < DIFF_LDT_ENTRIES && !(seg[k].ar & AR_UNUSABLE))
            put(s, DIFF_SYS_LDT + seg[k].selector / 8 * 8, descriptor(&seg[k]), 8);
}

static void make_ldt(struct DiffSpace *s) {
    enum { LIMIT = DIFF_LDT_ENTRIES * 8 - 1 };
    uint64_t at = s->sys + DIFF_SYS_LDT;
    s->env.ldt = (struct X86Segment){.selector = DIFF_LDT, .ar = 0x82, .limit = LIMIT, .base = at};
    put(s, DIFF_SYS_GDT + DIFF_LDT, LIMIT | (at & 0xffffff) << 16 | 0x82ull << 40 | (at >> 24 & 0xff) << 56, 8);
    put(s, DIFF_SYS_GDT + DIFF_LDT + 8, at >> 32, 8);
    s->env.gdt.limit = DIFF_LDT + 15;
    diff_space_put_ldt(s, s->env.seg);
}

static void make_gdt(struct DiffSpace *s) {
    uint64_t tss = s->sys + DIFF_SYS_TSS;
    const uint64_t gdt[] = {
        0,
        0x00cf9b000000ffff, /* CS32_0 */
        0x00af9b000000ffff, /* CS64_0 */
        0x00cf93000000ffff, /* DS_0 */
        0x00cffb000000ffff, /* CS32_3 */
        0x00cff3000000ffff, /* DS_3 */
        0x00affb000000ffff, /* CS64_3 */
        0x00009b000000ffff, /* CS16_0 */
        0x00008b0000000067 | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56,
        tss >> 32,
        0x0000fb000000ffff, /* CS16_3 */
        0x000093000000ffff, /* DS16_0 */
        0x0000f3000000ffff, /* DS16_3 */
    };
    memcpy(s->ram.host + s->sys_phys + DIFF_SYS_GDT, gdt, sizeof(gdt));
    s->env.gdt = (struct X86Table){s->sys + DIFF_SYS_GDT, sizeof(gdt) - 1};
}

static void make_handlers(struct DiffSpace *s) {
    for (unsigned v = 0; v < 256; v++) {
        uint64_t handler = s->sys + DIFF_SYS_HANDLERS + v * DIFF_HANDLER;
        put(s, DIFF_SYS_HANDLERS + v * DIFF_HANDLER, 0xf4, 1); /* HLT */
        uint64_t dpl = v == VEC_BP || v == VEC_OF ? 3 : 0;
        uint64_t gate = (handler & 0xffff) | (handler >> 16 & 0xffff) << 48 | (0x8e00 | dpl << 13) << 32;
        if (is_real(s)) {
            uint32_t vector = (uint32_t)(s->sys >> 4) << 16 | (uint32_t)(handler - s->sys);
            memcpy(s->ram.host + s->ivt + 4 * v, &vector, 4);
        } else if (is_long(s)) {
            uint64_t ist = s->cpl == 0 ? 1ull << 32 : 0; /* cases may do anything to RSP */
            put(s, DIFF_SYS_IDT + 16 * v, gate | (uint64_t)DIFF_CS64_0 << 16 | ist, 8);
            put(s, DIFF_SYS_IDT + 16 * v + 8, handler >> 32, 8);
        } else {
            put(s, DIFF_SYS_IDT + 8 * v, gate | (uint64_t)DIFF_CS32_0 << 16, 8);
        }
    }
    s->env.idt = is_real(s) ? (struct X86Table){s->ivt, 0x3ff}
                            : (struct X86Table){s->sys + DIFF_SYS_IDT, (uint16_t)(256 * (is_long(s) ? 16 : 8) - 1)};
}

static void make_tss(struct DiffSpace *s) {
    uint64_t top = s->sys + DIFF_SYS_STACK_TOP;
    if (is_long(s)) {
        put(s, DIFF_SYS_TSS + 4, top, 8);
        put(s, DIFF_SYS_TSS + 36, top, 8); /* IST1 */
    } else {
        put(s, DIFF_SYS_TSS + 4, top, 4);
        put(s, DIFF_SYS_TSS + 8, DIFF_DS_0, 4);
    }
    s->env.tr = (struct X86Segment){.selector = DIFF_TR, .ar = 0x8b, .limit = 0x67, .base = s->sys + DIFF_SYS_TSS};
    put(s, DIFF_SYS_TSS + (is_long(s) ? 0x66 : 0x66), 0x68, 2); /* no I/O permission map */
}

/* ---- registers ---- */

static void set_segments(struct DiffSpace *s) {
    CPUX86State *env = &s->env;
    bool user = s->cpl == 3, wide = s->mode == DIFF_PROT32 || s->mode == DIFF_COMPAT32 || s->mode == DIFF_LONG64;
    uint32_t dpl = user ? AR_DPL : 0, data = AR_S | AR_P | AR_WRITABLE | AR_ACCESSED | dpl;
    if (is_real(s)) /* as after reset */
        env->tr = (struct X86Segment){.ar = 0x8b, .limit = 0xffff};
    if (is_real(s) || s->mode == DIFF_V8086) {
        for (unsigned k = 0; k < SEG_COUNT; k++) { /* a segment each: 1000, 2000 ... */
            uint16_t selector = (uint16_t)(0x1000 * (k + 1));
            uint32_t ar = s->mode == DIFF_V8086 ? 0xf3 : k == SEG_CS ? 0x9b : 0x93;
            env->seg[k] = (struct X86Segment){selector, ar, 0xffff, (uint64_t)selector << 4};
        }
        return;
    }
    for (unsigned k = 0; k < SEG_COUNT; k++)
        env->seg[k] = wide ? (struct X86Segment){user ? DIFF_DS_3 : DIFF_DS_0, data | AR_DB | AR_G, 0xffffffff, 0}
                           : (struct X86Segment){user ? DIFF_DS16_3 : DIFF_DS16_0, data, 0xffff, 0};
    uint32_t code = data | AR_CODE;
    struct X86Segment *cs = &env->seg[SEG_CS];
    if (s->mode == DIFF_LONG64)
        *cs = (struct X86Segment){user ? DIFF_CS64_3 : DIFF_CS64_0, code | AR_L | AR_G, 0xffffffff, 0};
    else if (wide)
        *cs = (struct X86Segment){user ? DIFF_CS32_3 : DIFF_CS32_0, code | AR_DB | AR_G, 0xffffffff, 0};
    else
        *cs = (struct X86Segment){user ? DIFF_CS16_3 : DIFF_CS16_0, code, 0xffff, 0};
    if (s->mode == DIFF_COMPAT16) {
        env->seg[SEG_FS].selector = DIFF_LDT_FS;
        env->seg[SEG_GS].selector = DIFF_LDT_GS;
        cs->selector = DIFF_LDT_CS;
        env->seg[SEG_SS].selector = DIFF_LDT_SS;
        env->seg[SEG_DS].selector = env->seg[SEG_ES].selector = DIFF_LDT_DS;
    }
    if (s->mode != DIFF_LONG64)
        return;
    static const uint8_t null_segments[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS}; /* as programs find them */
    for (unsigned k = 0; k < sizeof(null_segments); k++)
        env->seg[null_segments[k]] = (struct X86Segment){.ar = AR_UNUSABLE};
}

static void set_control(struct DiffSpace *s, const struct CpuModel *model) {
    CPUX86State *env = &s->env;
    env->cr0 = CR0_ET | CR0_NE | CR0_MP;
    if (!is_real(s))
        env->cr0 |= CR0_PE | CR0_PG | CR0_WP | CR0_AM;
    if (cpu_has(model, CPUID_FXSR))
        env->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (cpu_has(model, CPUID_XSAVE))
        env->cr4 |= CR4_OSXSAVE;
    env->xcr0 = XCR0_X87;
    if (cpu_has(model, CPUID_XSAVE))
        env->xcr0 |= XCR0_SSE | (cpu_has(model, CPUID_AVX) ? XCR0_AVX : 0);
    if (is_long(s)) {
        env->cr4 |= CR4_PAE | (cpu_has(model, CPUID_FSGSBASE) ? CR4_FSGSBASE : 0);
        env->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    }
    env->dr[6] = 0xffff0ff0;
    env->dr[7] = 0x400;
    env->mxcsr = 0x1f80;
    env->fcw = 0x37f;
    env->rflags = FLAG_ONE | (s->mode == DIFF_V8086 ? FLAG_VM | FLAG_IOPL : 0);
    env->pat = 0x0007040600070406;
}

/* ---- life ---- */

/** Page-table pages that are needed at most: one per level for every page, and for the system's. */
static uint64_t ram_size(const struct DiffSpace *s) {
    if (is_real(s))
        return REAL_RAM + PAGE;
    uint64_t tables = 8, previous = UINT64_MAX;
    for (unsigned k = 0; k < s->pages; k++) {
        if (s->page[k].linear >> 21 != previous)
            tables += 3;
        previous = s->page[k].linear >> 21;
    }
    return ((uint64_t)s->pages + tables) * PAGE + DIFF_SYS_SIZE;
}

static void build(struct DiffSpace *s, const struct CpuModel *model) {
    s->ivt = is_real(s) && find(s, 0) != NULL ? REAL_RAM : 0;
    s->a20_mask = UINT64_MAX;
    s->sys_phys = is_real(s) ? s->sys : (uint64_t)s->pages * PAGE;
    struct Tables t = {.s = s, .next = s->sys_phys + DIFF_SYS_SIZE};
    set_control(s, model);
    if (s->sys != DIFF_NOWHERE)
        make_handlers(s);
    if (!is_real(s)) {
        make_tables(&t);
        make_gdt(s);
        make_tss(s);
    }
    set_segments(s);
    if (has_ldt(s))
        make_ldt(s);
}

/** The list of pages. */
static int list_pages(struct DiffSpace *s, const struct DiffPage *page, unsigned pages, char *why, size_t n) {
    if (pages > s->pages || s->page == NULL) {
        struct DiffPage *more = realloc(s->page, (pages + 1) * sizeof(*page));
        if (more == NULL)
            return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
        s->page = more;
    }
    memcpy(s->page, page, pages * sizeof(*page));
    s->pages = pages;
    qsort(s->page, pages, sizeof(*page), by_address);
    int r = check_pages(s, why, n);
    s->sys = r == 0 ? place_tables(s) : s->sys;
    return r;
}

/** Everything but memory. */
static int describe(struct DiffSpace *s, enum DiffMode mode, unsigned cpl, const struct DiffPage *page, unsigned pages,
                    char *why, size_t n) {
    s->mode = mode;
    s->cpl = cpl;
    memset(&s->env, 0, sizeof(s->env));
    return list_pages(s, page, pages, why, n);
}

int diff_space_init(struct DiffSpace *s, enum DiffMode mode, unsigned cpl, const struct CpuModel *model,
                    const struct DiffPage *page, unsigned pages, char *why, size_t n) {
    memset(s, 0, sizeof(*s));
    int r = describe(s, mode, cpl, page, pages, why, n);
    if (r == 0 && (r = region_init_shared_ram(&s->ram, "diff", ram_size(s))) != 0)
        snprintf(why, n, "memory for the cases: %s", strerror(-r));
    if (r == 0) /* a process for cases has pages of its own: see host_child.c */
        madvise(s->ram.host, s->ram.size, MADV_DONTFORK);
    if (r != 0) {
        free(s->page);
        s->page = NULL;
        return r;
    }
    build(s, model);
    return 0;
}

int diff_space_move(struct DiffSpace *s, const struct DiffPage *page, unsigned pages, char *why, size_t n) {
    bool same = pages == s->pages;
    uint64_t used = ram_size(s), tables = s->sys_phys + DIFF_SYS_SIZE, sys = s->sys;
    if (!is_real(s) && !same)
        return -ENOSPC;
    int r = list_pages(s, page, pages, why, n);
    if (r != 0 || is_real(s))
        return r;
    if (ram_size(s) > s->ram.size || s->sys != sys)
        return -ENOSPC;
    memset(s->ram.host + tables, 0, used - tables);
    make_tables(&(struct Tables){.s = s, .next = tables});
    return 0;
}

int diff_space_change(struct DiffSpace *s, enum DiffMode mode, unsigned cpl, const struct CpuModel *model,
                      const struct DiffPage *page, unsigned pages, char *why, size_t n) {
    uint64_t used = ram_size(s);
    int r = describe(s, mode, cpl, page, pages, why, n);
    if (r != 0)
        return r;
    if (ram_size(s) > s->ram.size)
        return -ENOSPC;
    memset(s->ram.host, 0, used);
    build(s, model);
    return 0;
}

void diff_space_clear_real(struct DiffSpace *s) {
    memset(s->ram.host, 0, REAL_RAM + PAGE);
    s->ivt = s->env.idt.base = 0;
    s->sys = DIFF_NOWHERE;
}

void diff_space_destroy(struct DiffSpace *s) {
    if (s->page == NULL)
        return;
    region_destroy(&s->ram);
    free(s->page);
    s->page = NULL;
}
