/* SPDX-License-Identifier: MIT */
/*
 * The software TLB: filling and flushing. Slow paths of loads and stores that use it are in mem.c.
 */
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/run/links.h"
#include "accel/tcg-lite/run/loop.h"
#include "cpu/exclusive.h"

#include <string.h>

static void clear_entry(struct Tcg *t, unsigned mmu, unsigned n) {
    uint64_t tag = ((uint64_t)n << 12 ^ TLB_SLOW) | TLB_NONE;
    t->tlbs[mmu][n] = (struct TlbEntry){.tag_read = tag, .tag_write = tag};
}

/* As clear_entry for an index of so many bits: nothing matches it. */
static void clear_second(struct TlbEntry *e, unsigned n) {
    uint64_t tag = ((uint64_t)n << 12 ^ TLB_SLOW) | TLB_NONE;
    *e = (struct TlbEntry){.tag_read = tag, .tag_write = tag};
}

static void forget_second(struct Tcg *t) {
    if (!t->second_used)
        return;
    for (unsigned k = 0; k < MMU_TLBS; k++)
        for (unsigned n = 0; n < TLB_SECOND_SIZE; n++)
            clear_second(&t->second[k][n], n);
    t->second_used = false;
}

void tcg_tlb_init(struct Tcg *t) {
    t->second_used = true;
    tcg_tlb_flush(t);
}

void tcg_tlb_flush(struct Tcg *t) {
    forget_second(t);
    for (unsigned k = 0; k < MMU_TLBS; k++) {
        for (unsigned n = 0; n < TLB_SIZE; n++)
            clear_entry(t, k, n);
    }
    t->noted = 0;
    t->pkeys_cached = 0;
    t->paging_large[0] = t->paging_large[1] = false;
    tcg_forget_links(t, LINKS_ALL);
}

void tcg_tlb_flush_non_global(struct Tcg *t) {
    forget_second(t);
    if (t->noted < TLB_NOTED_MAX) {
        for (unsigned k = 0; k < t->noted; k++) {
            unsigned mmu = t->noted_at[k] >> TLB_BITS, n = t->noted_at[k] & (TLB_SIZE - 1);
            if (!(t->tlbs[mmu][n].phys & TLB_GLOBAL))
                clear_entry(t, mmu, n);
        }
    } else {
        for (unsigned k = 0; k < MMU_TLBS; k++) {
            for (unsigned n = 0; n < TLB_SIZE; n++) {
                if (!(t->tlbs[k][n].phys & TLB_GLOBAL))
                    clear_entry(t, k, n);
            }
        }
    }
    t->noted = 0;
    tcg_forget_local_links(t);
}

void tcg_tlb_flush_page(struct Tcg *t, uint64_t linear) {
    if (t->paging_large[linear >> 63]) { /* its extent was not kept */
        tcg_tlb_flush(t);
        return;
    }
    forget_second(t);
    for (unsigned k = 0; k < MMU_TLBS; k++)
        clear_entry(t, k, (linear >> 12) & (TLB_SIZE - 1));
    tcg_forget_page(t, linear);
}

/** Entry e at index n gets a slow tag if it is of this physical page. */
static void protect_entry(struct TlbEntry *e, unsigned n, uint64_t phys) {
    enum { SLOW = TLB_SLOW >> 12 };
    if ((e->phys & ~0xfffull) == phys && ((e->tag_write >> 12 ^ n) & SLOW) == 0)
        e->tag_write ^= TLB_SLOW;
}

void tcg_tlb_protect_code(struct Tcg *t, uint64_t phys) {
    phys &= ~0xfffull;
    for (unsigned k = 0; k < MMU_TLBS; k++)
        for (unsigned n = 0; n < TLB_SIZE; n++)
            protect_entry(&t->tlbs[k][n], n, phys);
    for (unsigned k = 0; t->second_used && k < MMU_TLBS; k++)
        for (unsigned n = 0; n < TLB_SECOND_SIZE; n++)
            protect_entry(&t->second[k][n], n, phys);
}

/** Raise the page fault that a failed walk stands for. */
static _Noreturn void page_fault(struct Tcg *t, const struct Insn *i, uint64_t linear, uint32_t error) {
    t->env->cr2 = linear;
    tcg_raise_error(t, i, VEC_PF, error);
}

static unsigned walk_flags(unsigned mmu, bool write) {
    static const unsigned of_mmu[MMU_TLBS] = {0, WALK_AC, WALK_USER, WALK_USER};
    return of_mmu[mmu] | (write ? WALK_WRITE : 0);
}

static void note_fill(struct Tcg *t, unsigned mmu, unsigned index) {
    if (t->noted < TLB_NOTED_MAX)
        t->noted_at[t->noted++] = (uint16_t)(mmu << TLB_BITS | index);
}

static bool is_of(uint64_t tag, uint64_t page) { return ((tag ^ page) & ~(uint64_t)TLB_SLOW) == 0; }

static struct TlbEntry *second_entry(struct Tcg *t, unsigned mmu, uint64_t linear) {
    return &t->second[mmu][(linear >> 12) & (TLB_SECOND_SIZE - 1)];
}

/** The translation had to make room for *e not long ago: they change places. */
static bool is_back(struct Tcg *t, unsigned mmu, struct TlbEntry *e, uint64_t page, bool write) {
    struct TlbEntry *s = second_entry(t, mmu, page), old = *e;
    if (!is_of(s->tag_read, page))
        return false;
    if (write && !is_of(s->tag_write, page)) {
        clear_second(s, (page >> 12) & (TLB_SECOND_SIZE - 1));
        return false;
    }
    *e = *s;
    if (old.tag_read & TLB_NONE)
        clear_second(s, (page >> 12) & (TLB_SECOND_SIZE - 1));
    else
        *s = old;
    return true;
}

static void make_room(struct Tcg *t, unsigned mmu, const struct TlbEntry *e, uint64_t page) {
    if ((e->tag_read & TLB_NONE) || is_of(e->tag_read, page))
        return;
    *second_entry(t, mmu, page) = *e; /* whose address has the same lower bits */
    t->second_used = true;
}

struct TlbEntry *tcg_tlb_fill(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, bool write) {
    struct CPUState *cpu = t->cpu;
    struct WalkResult w;
    uint64_t page = linear & ~0xfffull, offset, avail;
    unsigned index = (linear >> 12) & (TLB_SIZE - 1);
    struct TlbEntry *e = &t->tlbs[mmu][index];

    if (is_back(t, mmu, e, page, write))
        return e;
    if (!x86_walk(t->env, &cpu->model, cpu->bus, linear, walk_flags(mmu, write), &w))
        page_fault(t, i, linear, w.error);

    struct Region *region = bus_find(cpu->bus, w.phys & ~0xfffull, &offset, &avail);
    bool always_slow =
        t->watching || mmu == MMU_ALIGN || (UNLIKELY(t->debug_watching) && cpu_watched(&cpu->debug, page, 4096));

    make_room(t, mmu, e, page);
    *e = (struct TlbEntry){.phys = (w.phys & ~0xfffull) | (w.global ? TLB_GLOBAL : 0)};
    bool may_write = w.writable && w.dirty;
    e->tag_read = page ^ TLB_SLOW;
    e->tag_write = (page ^ TLB_SLOW) | (may_write ? 0 : TLB_NONE);
    if (region != NULL && region->kind != REGION_MMIO && avail >= 4096) {
        bool ram = region->kind == REGION_RAM;
        e->host = (uintptr_t)region->host + offset;
        e->phys |= ram ? TLB_RAM : TLB_ROM;
        if (!always_slow) {
            e->tag_read = page;
            uint8_t flags = ram ? __atomic_load_n(&region->page_flags[offset >> 12], __ATOMIC_RELAXED) : PAGE_FLAG_CODE;
            if (may_write && !(flags & PAGE_FLAG_CODE) && !bus_dirty_logging(cpu->bus))
                e->tag_write = page;
        }
    }
    t->pkeys_cached |= (uint16_t)(1u << w.key);
    if (!w.global)
        note_fill(t, mmu, index);
    if (w.page_size > 4096 && (t->env->cr0 & CR0_PG))
        t->paging_large[linear >> 63] = true;
    return e;
}

static struct ExecTlbEntry *exec_entry(struct Tcg *t, uint64_t linear) {
    return &t->exec_tlb[(t->mode & MODE_USER) != 0][(linear >> 12) & (EXEC_TLB_SIZE - 1)];
}

static bool walk_exec(struct Tcg *t, uint64_t linear, struct WalkResult *w) {
    unsigned flags = WALK_EXEC | (t->mode & MODE_USER ? WALK_USER : 0);
    return x86_walk(t->env, &t->cpu->model, t->cpu->bus, linear, flags, w);
}

static const struct ExecTlbEntry *fill_exec(struct Tcg *t, struct ExecTlbEntry *e, uint64_t linear,
                                            const struct WalkResult *w) {
    uint64_t offset, avail;
    struct Region *region = bus_find(t->cpu->bus, w->phys & ~0xfffull, &offset, &avail);
    bool direct = region != NULL && region->kind != REGION_MMIO && avail >= 4096;
    tcg_page_entered(t, e, linear & ~0xfffull, w->phys & ~0xfffull, (t->mode & MODE_USER) != 0, w->global);
    e->host = direct ? region->host + offset : NULL;
    bool ram = direct && region->kind == REGION_RAM;
    e->page_flags = ram ? &region->page_flags[offset >> 12] : NULL;
    e->page_code = ram && !cpu_is_alone(t->cpu) ? &region->page_code[offset >> 12] : NULL;
    if (w->page_size > 4096 && (t->env->cr0 & CR0_PG))
        t->paging_large[linear >> 63] = true;
    return e;
}

static bool may_fetch(const struct Tcg *t, uint64_t linear) {
    return (t->mode & MODE_CODE) != MODE_CODE64 || x86_canonical(t->env, linear);
}

const struct ExecTlbEntry *tcg_exec_page(struct Tcg *t, uint64_t linear) {
    struct ExecTlbEntry *e = exec_entry(t, linear);
    struct WalkResult w;

    if (e->tag == (linear & ~0xfffull))
        return e;
    if (!may_fetch(t, linear))
        tcg_raise_error(t, NULL, VEC_GP, 0);
    if (!walk_exec(t, linear, &w))
        page_fault(t, NULL, linear, w.error);
    return fill_exec(t, e, linear, &w);
}

const struct ExecTlbEntry *tcg_exec_page_known(struct Tcg *t, uint64_t linear) {
    struct ExecTlbEntry *e = exec_entry(t, linear);
    struct WalkResult w;

    if (e->tag == (linear & ~0xfffull))
        return e;
    return may_fetch(t, linear) && walk_exec(t, linear, &w) ? fill_exec(t, e, linear, &w) : NULL;
}
