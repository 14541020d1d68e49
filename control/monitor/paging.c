/* SPDX-License-Identifier: MIT */
/* See paging.h. The tables are the guest's and may be nonsense, so what is read and printed is bounded. */
#include "control/monitor/paging.h"
#include "control/monitor/command.h"
#include "cpu/pagewalk.h"

#include <inttypes.h>
#include <string.h>

enum {
    TABLES_MAX = 1 << 16, /* tables visited: what maps 128 GiB in 4 KiB pages */
    LINES_MAX = 100000,
};

#define ENTRY_ADDRESS 0x000ffffffffff000ull

struct Walk {
    struct Machine *m;
    const CPUX86State *env;
    PageVisitor *visit;
    void *opaque;
    unsigned entry_size, index_bits;
    unsigned sign_bit; /* of linear addresses: copied to all above it; 63: none */
    unsigned tables;
};

/* The rights that an entry grants below those of the levels above it. */
static uint64_t combine(const struct Walk *w, uint64_t rights, uint64_t entry) {
    uint64_t nx = w->entry_size == 8 && (w->env->efer & EFER_NXE) ? (rights | entry) & PAGE_NX : 0;
    return (rights & entry & (PAGE_W | PAGE_U)) | nx;
}

static uint64_t next_address(const struct Walk *w, uint64_t entry) {
    return w->entry_size == 4 ? entry & 0xfffff000 : entry & ENTRY_ADDRESS;
}

static uint64_t page_address(const struct Walk *w, uint64_t entry, unsigned shift) {
    if (w->entry_size == 4 && shift == 22) /* with PSE-36 */
        return (entry & 0xffc00000) | (entry & 0x001fe000) << 19;
    return next_address(w, entry) & ~((1ull << shift) - 1);
}

static bool is_page(const struct Walk *w, unsigned level, uint64_t entry) {
    bool large = w->entry_size == 4 ? (w->env->cr4 & CR4_PSE) != 0 : level <= 3;
    return level == 1 || (large && (entry & PAGE_PS) != 0);
}

static enum PageWalkEnd visit(struct Walk *w, uint64_t linear, unsigned shift, uint64_t entry, uint64_t rights) {
    unsigned unused = 63 - w->sign_bit;
    struct GuestPage page = {
        .linear = (uint64_t)((int64_t)(linear << unused) >> unused),
        .phys = page_address(w, entry, shift),
        .size = 1ull << shift,
        .entry = entry,
        .rights = rights,
    };
    return w->visit(w->opaque, &page) ? PAGE_WALK_DONE : PAGE_WALK_STOPPED;
}

/* A table, if it lies in RAM or ROM: a device's registers are none. */
static bool read_table(struct Walk *w, uint64_t at, void *entries, size_t size) {
    uint64_t offset, avail;
    at &= x86_a20_mask(w->env, w->m->bus);
    const struct Region *region = bus_find(w->m->bus, at, &offset, &avail);
    if (region == NULL || region->host == NULL || avail < size)
        return false;
    bus_read(w->m->bus, at, entries, size);
    return true;
}

/* `rights`: of the levels above. */
static enum PageWalkEnd walk(struct Walk *w, uint64_t table, unsigned level, uint64_t linear, uint64_t rights) {
    unsigned shift = 12 + (level - 1) * w->index_bits;
    uint8_t entries[4096];
    if (++w->tables > TABLES_MAX)
        return PAGE_WALK_TOO_LONG;
    if (!read_table(w, table, entries, sizeof(entries)))
        return PAGE_WALK_DONE;
    enum PageWalkEnd end = PAGE_WALK_DONE;
    for (uint64_t i = 0; i < sizeof(entries) / w->entry_size && end == PAGE_WALK_DONE; i++) {
        uint64_t entry = 0, here = linear | i << shift;
        memcpy(&entry, entries + i * w->entry_size, w->entry_size);
        if (!(entry & PAGE_P))
            continue;
        uint64_t both = combine(w, rights, entry);
        if (is_page(w, level, entry))
            end = visit(w, here, shift, entry, both);
        else
            end = walk(w, next_address(w, entry), level - 1, here, both);
    }
    return end;
}

enum PageWalkEnd guest_pages(struct Machine *m, const CPUX86State *env, PageVisitor *visit, void *opaque) {
    struct Walk w = {m, env, visit, opaque, .entry_size = 8, .index_bits = 9, .sign_bit = 63};
    if (x86_long_mode(env)) {
        unsigned levels = env->cr4 & CR4_LA57 ? 5 : 4;
        w.sign_bit = 12 + 9 * levels - 1;
        return walk(&w, env->cr3 & ENTRY_ADDRESS, levels, 0, PAGE_W | PAGE_U);
    }
    if (!(env->cr4 & CR4_PAE)) {
        w.entry_size = 4;
        w.index_bits = 10;
        return walk(&w, env->cr3 & 0xfffff000, 2, 0, PAGE_W | PAGE_U);
    }
    enum PageWalkEnd end = PAGE_WALK_DONE;
    for (uint64_t i = 0; i < 4 && end == PAGE_WALK_DONE; i++)
        if (env->pdpte[i] & PAGE_P)
            end = walk(&w, env->pdpte[i] & ENTRY_ADDRESS, 2, i << 30, PAGE_W | PAGE_U);
    return end;
}

/* ---- info ---- */

struct Listing {
    struct Monitor *mon;
    int width; /* digits of a linear address */
    unsigned lines;
    bool open; /* info mem: a range has begun */
    uint64_t start, end, rights;
};

static void begin(struct Listing *l, struct Monitor *mon) {
    *l = (struct Listing){.mon = mon, .width = x86_long_mode(&mon->cpu->env) ? 16 : 8};
}

static bool paging_on(struct Monitor *mon, const char *args) {
    if (!monitor_no_more(mon, args))
        return false;
    if (mon->cpu->env.cr0 & CR0_PG)
        return true;
    fputs("PG disabled\n", mon->out);
    return false;
}

static void say_end(struct Monitor *mon, enum PageWalkEnd end) {
    if (end == PAGE_WALK_STOPPED)
        fprintf(mon->out, "(the first %d lines; there is more)\n", LINES_MAX);
    else if (end == PAGE_WALK_TOO_LONG)
        fprintf(mon->out, "(given up after %d page tables: does one contain itself?)\n", TABLES_MAX);
}

static bool print_page(void *opaque, const struct GuestPage *p) {
    static const struct {
        uint64_t bit;
        char letter;
    } bits[] = {
        {PAGE_NX, 'X'},  {PAGE_G, 'G'},   {PAGE_PS, 'P'}, {PAGE_D, 'D'}, {PAGE_A, 'A'},
        {PAGE_PCD, 'C'}, {PAGE_PWT, 'T'}, {PAGE_U, 'U'},  {PAGE_W, 'W'},
    };
    struct Listing *l = opaque;
    char letters[sizeof(bits) / sizeof(bits[0]) + 1] = "";
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        bool set = (p->entry & bits[i].bit) != 0 && (bits[i].bit != PAGE_PS || p->size > 4096);
        letters[i] = set ? bits[i].letter : '-';
    }
    fprintf(l->mon->out, "%0*" PRIx64 ": %016" PRIx64 " %s\n", l->width, p->linear, p->phys, letters);
    return ++l->lines < LINES_MAX;
}

void monitor_info_tlb(struct Monitor *mon, char *args) {
    struct Listing l;
    begin(&l, mon);
    if (paging_on(mon, args))
        say_end(mon, guest_pages(mon->m, &mon->cpu->env, print_page, &l));
}

static void print_range(struct Listing *l) {
    if (!l->open)
        return;
    l->open = false;
    l->lines++;
    fprintf(l->mon->out, "%0*" PRIx64 "-%0*" PRIx64 " %0*" PRIx64 " %cr%c\n", l->width, l->start, l->width, l->end,
            l->width, l->end - l->start, l->rights & PAGE_U ? 'u' : '-', l->rights & PAGE_W ? 'w' : '-');
}

static bool extend_range(void *opaque, const struct GuestPage *p) {
    struct Listing *l = opaque;
    uint64_t rights = p->rights & (PAGE_U | PAGE_W);
    if (!l->open || p->linear != l->end || rights != l->rights) {
        print_range(l);
        l->open = true;
        l->start = p->linear;
        l->rights = rights;
    }
    l->end = p->linear + p->size;
    return l->lines < LINES_MAX;
}

void monitor_info_mem(struct Monitor *mon, char *args) {
    struct Listing l;
    begin(&l, mon);
    if (!paging_on(mon, args))
        return;
    enum PageWalkEnd end = guest_pages(mon->m, &mon->cpu->env, extend_range, &l);
    print_range(&l);
    say_end(mon, end);
}
