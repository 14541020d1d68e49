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

void tcg_tlb_flush(struct Tcg *t) {
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
    for (unsigned k = 0; k < MMU_TLBS; k++)
        clear_entry(t, k, (linear >> 12) & (TLB_SIZE - 1));
    tcg_forget_page(t, linear);
}

void tcg_tlb_protect_code(struct Tcg *t, uint64_t phys) {
    phys &= ~0xfffull;
    for (unsigned k = 0; k < MMU_TLBS; k++) {
        for (unsigned n = 0; n < TLB_SIZE; n++) {
            struct TlbEntry *e = &t->tlbs[k][n];
            if ((e->phys & ~0xfffull) == phys && (e->tag_write >> 12 & (TLB_SIZE - 1)) == n)
                e->tag_write ^= TLB_SLOW;
        }
    }
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

struct TlbEntry *tcg_tlb_fill(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, bool write) {
    struct CPUState *cpu = t->cpu;
    struct WalkResult w;

    if (!x86_walk(t->env, &cpu->model, cpu->bus, linear, walk_flags(mmu, write), &w))
        page_fault(t, i, linear, w.error);

    uint64_t page = linear & ~0xfffull, offset, avail;
    struct TlbEntry *e = &t->tlbs[mmu][(linear >> 12) & (TLB_SIZE - 1)];
    struct Region *region = bus_find(cpu->bus, w.phys & ~0xfffull, &offset, &avail);
    bool always_slow =
        t->watching || mmu == MMU_ALIGN || (UNLIKELY(t->debug_watching) && cpu_watched(&cpu->debug, page, 4096));

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
        note_fill(t, mmu, (linear >> 12) & (TLB_SIZE - 1));
    if (w.page_size > 4096 && (t->env->cr0 & CR0_PG))
        t->paging_large[linear >> 63] = true;
    return e;
}

const struct ExecTlbEntry *tcg_exec_page(struct Tcg *t, uint64_t linear) {
    bool user = (t->mode & MODE_USER) != 0;
    struct ExecTlbEntry *e = &t->exec_tlb[user][(linear >> 12) & (EXEC_TLB_SIZE - 1)];
    uint64_t page = linear & ~0xfffull, offset, avail;
    struct WalkResult w;

    if (e->tag == page)
        return e;
    if ((t->mode & MODE_CODE) == MODE_CODE64 && !x86_canonical(t->env, linear))
        tcg_raise_error(t, NULL, VEC_GP, 0);
    if (!x86_walk(t->env, &t->cpu->model, t->cpu->bus, linear, WALK_EXEC | (user ? WALK_USER : 0), &w))
        page_fault(t, NULL, linear, w.error);

    struct Region *region = bus_find(t->cpu->bus, w.phys & ~0xfffull, &offset, &avail);
    bool direct = region != NULL && region->kind != REGION_MMIO && avail >= 4096;
    tcg_page_entered(t, e, page, w.phys & ~0xfffull, user, w.global);
    e->host = direct ? region->host + offset : NULL;
    bool ram = direct && region->kind == REGION_RAM;
    e->page_flags = ram ? &region->page_flags[offset >> 12] : NULL;
    e->page_code = ram && !cpu_is_alone(t->cpu) ? &region->page_code[offset >> 12] : NULL;
    if (w.page_size > 4096 && (t->env->cr0 & CR0_PG))
        t->paging_large[linear >> 63] = true;
    return e;
}
