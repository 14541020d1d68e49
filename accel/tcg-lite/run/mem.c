/* SPDX-License-Identifier: MIT */
/*
 * Segment checks and the slow paths of guest memory accesses: TLB misses, page crossing, MMIO, ROM, decoded code,
 * watched addresses, alignment checks.
 */
#include "accel/tcg-lite/run/mem.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/watch/debugger.h"
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/exclusive.h"
#include "cpu/exits.h"

static _Noreturn void segment_fault(struct Tcg *t, const struct Insn *i, unsigned seg) {
    tcg_raise_error(t, i, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
}

static _Noreturn void canonical_fault(struct Tcg *t, const struct Insn *i, unsigned seg, unsigned mmu, uint64_t linear,
                                      unsigned size);

uint64_t mem_linear(struct Tcg *t, const struct Insn *i, unsigned seg, uint64_t offset, unsigned size,
                    enum Access access) {
    const struct X86Segment *s = &t->env->seg[seg];

    if ((t->mode & MODE_CODE) == MODE_CODE64) {
        uint64_t linear = offset + (seg >= SEG_FS ? s->base : 0);
        mem_check_aligned(t, i, linear, size, access);
        if (!x86_canonical(t->env, linear) || !x86_canonical(t->env, linear + size - 1))
            canonical_fault(t, i, seg, access & ACCESS_UNALIGNED ? MMU_USER : t->mmu, linear, size);
        /* AMD's processors want the offset alone to be canonical, too (measured on Zen; the APM does not say it). */
        if (!x86_canonical(t->env, offset) && !tcg_as_intel(t, RULE_SEGMENT_OFFSET_CANONICAL))
            segment_fault(t, i, seg);
        return linear;
    }
    if (!(t->mode & (MODE_REAL | MODE_VM86))) {
        if (s->ar & AR_UNUSABLE)
            segment_fault(t, i, seg);
        bool code = (s->ar & AR_CODE) != 0;
        if ((access & ACCESS_WRITE) && (code || !(s->ar & AR_WRITABLE)))
            segment_fault(t, i, seg);
        if ((access & ACCESS_READ) && code && !(s->ar & AR_READABLE))
            segment_fault(t, i, seg);
    }
    uint32_t linear = (uint32_t)(s->base + offset);
    mem_check_aligned(t, i, linear, size, access);
    if (!segment_holds(s, (uint32_t)offset, size))
        segment_fault(t, i, seg);
    return linear;
}

/** The page's entry, if it has one. */
static struct TlbEntry *translated(struct Tcg *t, unsigned mmu, uint64_t linear, bool write) {
    struct TlbEntry *e = &t->tlbs[mmu][(linear >> 12) & (TLB_SIZE - 1)];
    uint64_t tag = write ? e->tag_write : e->tag_read;
    return ((tag ^ (linear & ~0xfffull)) & ~(uint64_t)TLB_SLOW) == 0 ? e : NULL;
}

/** The translation of one page for reading or writing. */
static struct TlbEntry *translate(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, bool write) {
    struct TlbEntry *e = translated(t, mmu, linear, write);
    return e != NULL ? e : tcg_tlb_fill(t, i, mmu, linear, write);
}

/** Linear addresses wrap at 4 GiB outside 64-bit code. */
static uint64_t wrap(const struct Tcg *t, uint64_t linear) { return x86_long_mode(t->env) ? linear : (uint32_t)linear; }

static bool canonical_range(const struct Tcg *t, uint64_t linear, unsigned size) {
    return !x86_long_mode(t->env) || (x86_canonical(t->env, linear) && x86_canonical(t->env, linear + size - 1));
}

/** What alignment checking asks of an operand of n bytes: its natural alignment, of 80-bit numbers 8, of the x87's
 *  state 2 or 4 (SDM vol. 3, table 7-6), of vectors 16 (as measured on Zen) or nothing. */
static unsigned alignment(const struct Tcg *t, unsigned n) {
    switch (n) {
    case 1:
    case 2:
    case 4:
    case 8: return n;
    case 16:
    case 32: return tcg_as_intel(t, RULE_AC_VECTOR) ? 1 : 16;
    case 64: return tcg_as_intel(t, RULE_AC_MOVDIR64B) ? 1 : 16;
    case 10: return 8;
    case 14:
    case 94: return 2;
    default: return 4;
    }
}

/** Not all bytes have canonical addresses. */
static void canonical_fault(struct Tcg *t, const struct Insn *i, unsigned seg, unsigned mmu, uint64_t linear,
                            unsigned size) {
    bool misaligned = mmu == MMU_ALIGN && (linear & (alignment(t, size) - 1));
    if (misaligned && x86_canonical(t->env, linear) && tcg_as_intel(t, RULE_AC_BEFORE_CANONICAL))
        tcg_raise_error(t, i, VEC_AC, 0);
    segment_fault(t, i, seg);
}

/** Checks that precede translation: canonical form, and alignment at CPL 3 when CR0.AM and EFLAGS.AC ask for it. */
static void check_address(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned size) {
    if (UNLIKELY(!canonical_range(t, linear, size)))
        canonical_fault(t, i, i != NULL && i->mem ? i->seg : SEG_DS, mmu, linear, size);
    if (mmu == MMU_ALIGN && (linear & (alignment(t, size) - 1)))
        tcg_raise_error(t, i, VEC_AC, 0);
}

static void note_access(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, bool write) {
    if (UNLIKELY(t->watching))
        t->env->pending_db |= dr_match_data(t->env, linear, size, write);
    if (UNLIKELY(t->debug_watching))
        tcg_debug_access(t, i, linear, size, write);
}

/** RAM was written through a slow tag: keep the dirty log, let decoded code of that page become stale, and make the
 *  tag fast once nothing needs it slow. */
static void note_write(struct Tcg *t, struct TlbEntry *e, uint64_t page, uint64_t phys, unsigned size) {
    uint64_t offset, avail;
    struct Region *r = bus_find(t->cpu->bus, phys, &offset, &avail);
    if (r == NULL || r->page_flags == NULL)
        return;
    uint8_t *flags = &r->page_flags[offset >> 12];
    bool logging = bus_dirty_logging(t->cpu->bus);
    if (logging)
        __atomic_or_fetch(flags, PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
    if (__atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_FLAG_CODE)
        tcg_code_stored(t, &r->page_code[offset >> 12], phys, size);
    bool code = __atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_FLAG_CODE;
    bool watched = t->debug_watching && cpu_watched(&t->cpu->debug, page, 4096);
    if (!code && !logging && !watched && !t->watching && e < t->tlbs[MMU_ALIGN] && !(e->tag_write & TLB_NONE))
        e->tag_write = page;
}

/** A device has seen an access. What it asks for (an interrupt, a timer) comes right after the instruction, as it does
 *  on hardware, and as it would if the instruction were alone in its block. */
static void after_device(struct Tcg *t, const struct Insn *i) {
    if (UNLIKELY(i != NULL && tcg_event_due(t)))
        tcg_block_cut(t, i);
}

/* What is no memory: apart, so that the ways to RAM need no stack frame for its sake. */
__attribute__((noinline)) static uint64_t load_device(struct Tcg *t, const struct Insn *i, uint64_t phys,
                                                      unsigned size) {
    tcg_sync_count(t, i);
    if (UNLIKELY(t->cpu->exits != NULL))
        tcg_exit_access(t, i, EXIT_EPT_MISCONFIG, phys, false);
    uint64_t v = bus_read_uint(t->cpu->bus, phys, size);
    if (UNLIKELY(t->cpu->exits != NULL))
        exits_end(t->cpu->exits);
    after_device(t, i);
    return v;
}

__attribute__((noinline)) static void store_device(struct Tcg *t, const struct Insn *i, uint64_t phys, unsigned size,
                                                   uint64_t v) {
    tcg_sync_count(t, i);
    if (UNLIKELY(t->cpu->exits != NULL))
        tcg_exit_access(t, i, EXIT_EPT_MISCONFIG, phys, true);
    bus_write_uint(t->cpu->bus, phys, v, size);
    if (UNLIKELY(t->cpu->exits != NULL))
        exits_end(t->cpu->exits);
    after_device(t, i);
}

/** One access that stays within a page. */
ALWAYS_INLINE uint64_t load_in_page(struct Tcg *t, const struct Insn *i, struct TlbEntry *e, uint64_t linear,
                                    unsigned size) {
    if (LIKELY(e->phys & (TLB_RAM | TLB_ROM)))
        return host_load((const void *)(e->host + (linear & 0xfff)), size);
    return load_device(t, i, (e->phys & ~0xfffull) | (linear & 0xfff), size);
}

ALWAYS_INLINE void store_in_page(struct Tcg *t, const struct Insn *i, struct TlbEntry *e, uint64_t linear,
                                 unsigned size, uint64_t v) {
    uint64_t phys = (e->phys & ~0xfffull) | (linear & 0xfff);
    if (LIKELY(e->phys & TLB_RAM)) {
        host_store((void *)(e->host + (linear & 0xfff)), size, v);
        note_write(t, e, linear & ~0xfffull, phys, size);
    } else {
        store_device(t, i, phys, size, v);
    }
}

static bool crosses(uint64_t linear, unsigned size) { return (linear & 0xfff) + size > 4096; }

static uint64_t load(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned size) {
    check_address(t, i, mmu, linear, size);
    if (LIKELY(!crosses(linear, size))) {
        struct TlbEntry *e = translate(t, i, mmu, linear, false);
        note_access(t, i, linear, size, false);
        return load_in_page(t, i, e, linear, size);
    }
    unsigned first = 4096 - (linear & 0xfff);
    uint64_t second = wrap(t, linear + first), v = 0;
    translate(t, i, mmu, linear, false); /* fault before any device sees anything */
    translate(t, i, mmu, second, false);
    note_access(t, i, linear, size, false);
    for (unsigned k = 0; k < size; k++) {
        uint64_t at = k < first ? linear + k : second + (k - first);
        v |= load_in_page(t, i, translate(t, i, mmu, at, false), at, 1) << (8 * k);
    }
    return v;
}

static void probe_write(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned size) {
    check_address(t, i, mmu, linear, size);
    translate(t, i, mmu, linear, true);
    if (crosses(linear, size))
        translate(t, i, mmu, wrap(t, (linear | 0xfff) + 1), true);
}

static void store(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned size, uint64_t v) {
    probe_write(t, i, mmu, linear, size);
    note_access(t, i, linear, size, true);
    if (LIKELY(!crosses(linear, size))) {
        store_in_page(t, i, translate(t, i, mmu, linear, true), linear, size, v);
        return;
    }
    for (unsigned k = 0; k < size; k++) {
        uint64_t at = wrap(t, linear + k);
        store_in_page(t, i, translate(t, i, mmu, at, true), at, 1, v >> (8 * k));
    }
}

SLOW_CC uint64_t mem_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    return load(t, i, t->mmu, linear, size);
}

SLOW_CC void mem_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    store(t, i, t->mmu, linear, size, v);
}

/* What no host atomic can do alone, an operand across pages or of a device, is done while the other vCPUs stand still.
 * Stopping them may take time, in which they may have changed the map of memory; so the translations must still be
 * there, for a fault could not be raised then. */
static void stop_the_others(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    for (;;) {
        cpu_exclusive_begin(t->cpu->group, t->cpu);
        if (translated(t, t->mmu, linear, true) && translated(t, t->mmu, wrap(t, linear + size - 1), true))
            return;
        cpu_exclusive_end(t->cpu->group);
        probe_write(t, i, t->mmu, linear, size);
    }
}

SLOW_CC void *mem_lock(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    probe_write(t, i, t->mmu, linear, size);
    struct TlbEntry *e = translate(t, i, t->mmu, linear, true);
    if (LIKELY(!crosses(linear, size) && (e->phys & TLB_RAM))) {
        note_access(t, i, linear, size, false);
        note_access(t, i, linear, size, true);
        return (void *)(e->host + (linear & 0xfff));
    }
    t->split_locks += crosses(linear, size);
    if (!cpu_is_alone(t->cpu))
        stop_the_others(t, i, linear, size);
    return NULL;
}

SLOW_CC void mem_unlock(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, const void *host) {
    if (LIKELY(host != NULL)) {
        struct TlbEntry *e = translate(t, i, t->mmu, linear, true);
        note_write(t, e, linear & ~0xfffull, (e->phys & ~0xfffull) | (linear & 0xfff), size);
    } else if (!cpu_is_alone(t->cpu)) {
        cpu_exclusive_end(t->cpu->group);
    }
}

SLOW_CC uint64_t mem_load_stack_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    if (!canonical_range(t, linear, size))
        canonical_fault(t, i, SEG_SS, t->mmu, linear, size);
    return load(t, i, t->mmu, linear, size);
}

SLOW_CC void mem_store_stack_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    if (!canonical_range(t, linear, size))
        canonical_fault(t, i, SEG_SS, t->mmu, linear, size);
    store(t, i, t->mmu, linear, size, v);
}

void mem_probe_write(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    probe_write(t, i, t->mmu, linear, size);
}

void tcg_call_astray(struct Tcg *t, const struct Insn *i, unsigned bits) {
    const bool intel = tcg_as_intel(t, RULE_CALL_PUSHES_FIRST);
    const unsigned size = bits / 8;
    uint64_t sp = t->env->gpr[REG_SP] - size;
    if (bits == 64 && !canonical_range(t, sp, size))
        canonical_fault(t, i, SEG_SS, t->mmu, sp, size);
    if (bits != 64 && intel)
        sp = mem_linear(t, i, SEG_SS, t->env->seg[SEG_SS].ar & AR_DB ? (uint32_t)sp : (uint16_t)sp, size, ACCESS_WRITE);
    if (intel)
        store(t, i, t->mmu, sp, size, tcg_next_rip(t, i));
    else if (bits == 64)
        probe_write(t, i, t->mmu, sp, size);
    tcg_raise_error(t, i, VEC_GP, 0);
}

static unsigned mmu_unaligned(const struct Tcg *t) { return t->mmu == MMU_ALIGN ? MMU_USER : t->mmu; }

uint64_t mem_load_unaligned_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    return load(t, i, mmu_unaligned(t), linear, size);
}

void mem_store_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    store(t, i, mmu_unaligned(t), linear, size, v);
}

static unsigned mmu_halves(const struct Tcg *t) { return tcg_as_intel(t, RULE_AC_VECTOR) ? mmu_unaligned(t) : t->mmu; }

uint64_t mem_load_halves_slow(struct Tcg *t, const struct Insn *i, uint64_t linear) {
    return load(t, i, mmu_halves(t), linear, 8);
}

void mem_store_halves_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, uint64_t v) {
    store(t, i, mmu_halves(t), linear, 8, v);
}

void mem_probe_write_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    probe_write(t, i, mmu_unaligned(t), linear, size);
}

static void probe_read(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned size) {
    check_address(t, i, mmu, linear, size);
    translate(t, i, mmu, linear, false);
    if (crosses(linear, size))
        translate(t, i, mmu, wrap(t, (linear | 0xfff) + 1), false);
}

void mem_probe_read(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    probe_read(t, i, t->mmu, linear, size);
}

void mem_probe_read_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    probe_read(t, i, mmu_unaligned(t), linear, size);
}

void mem_check_alignment(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned n) {
    if (t->mmu == MMU_ALIGN && (linear & (alignment(t, n) - 1)))
        tcg_raise_error(t, i, VEC_AC, 0);
}

/** Check every page of a long operand, for reading or writing. */
static void probe_range(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, unsigned n, bool write) {
    check_address(t, i, mmu, linear, n);
    for (unsigned done = 0; done < n;) { /* by bytes: the last may be that before address 0 */
        uint64_t at = wrap(t, linear + done);
        translate(t, i, mmu, at, write);
        done += 4096 - (at & 0xfff);
    }
}

/** The largest natural piece of a long operand at `at`: the pieces in which devices see it. */
static unsigned piece(uint64_t at, unsigned left) {
    unsigned n = 8;
    while (n > left || (at & (n - 1)))
        n >>= 1;
    return n;
}

/** 16 bytes by one access of the host: on processors with AVX they are atomic where aligned (SDM vol. 3, 9.1.1). */
static void host_copy16(void *to, const void *from) {
    typedef uint64_t any_vec __attribute__((vector_size(16), aligned(1), may_alias));
    *(any_vec *)to = *(const any_vec *)from;
}

static bool is_aligned16(uint64_t linear, unsigned n) { return n == 16 && (linear & 15) == 0; }

static void load_bytes(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, void *buf, unsigned n) {
    probe_range(t, i, mmu, linear, n, false);
    note_access(t, i, linear, n, false);
    const struct TlbEntry *e = is_aligned16(linear, n) ? translate(t, i, mmu, linear, false) : NULL;
    if (e != NULL && (e->phys & (TLB_RAM | TLB_ROM))) {
        host_copy16(buf, (const void *)(e->host + (linear & 0xfff)));
        return;
    }
    for (unsigned k = 0; k < n;) {
        uint64_t at = wrap(t, linear + k);
        unsigned size = piece(at, n - k);
        host_store((uint8_t *)buf + k, size, load_in_page(t, i, translate(t, i, mmu, at, false), at, size));
        k += size;
    }
}

void mem_load_bytes(struct Tcg *t, const struct Insn *i, uint64_t linear, void *buf, unsigned n) {
    load_bytes(t, i, t->mmu, linear, buf, n);
}

void mem_load_bytes_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, void *buf, unsigned n) {
    load_bytes(t, i, mmu_unaligned(t), linear, buf, n);
}

static void store_bytes(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, const void *buf,
                        unsigned n) {
    probe_range(t, i, mmu, linear, n, true);
    note_access(t, i, linear, n, true);
    struct TlbEntry *e = is_aligned16(linear, n) ? translate(t, i, mmu, linear, true) : NULL;
    if (e != NULL && (e->phys & TLB_RAM)) {
        host_copy16((void *)(e->host + (linear & 0xfff)), buf);
        note_write(t, e, linear & ~0xfffull, (e->phys & ~0xfffull) | (linear & 0xfff), n);
        return;
    }
    for (unsigned k = 0; k < n;) {
        uint64_t at = wrap(t, linear + k);
        unsigned size = piece(at, n - k);
        store_in_page(t, i, translate(t, i, mmu, at, true), at, size, host_load((const uint8_t *)buf + k, size));
        k += size;
    }
}

void mem_store_bytes(struct Tcg *t, const struct Insn *i, uint64_t linear, const void *buf, unsigned n) {
    store_bytes(t, i, t->mmu, linear, buf, n);
}

void mem_store_bytes_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, const void *buf, unsigned n) {
    store_bytes(t, i, mmu_unaligned(t), linear, buf, n);
}

uint64_t mem_load_sys(struct Tcg *t, uint64_t linear, unsigned size) {
    return load(t, t->insn, MMU_SUPER, wrap(t, linear), size);
}

void mem_store_sys(struct Tcg *t, uint64_t linear, unsigned size, uint64_t value) {
    store(t, t->insn, MMU_SUPER, wrap(t, linear), size, value);
}

/* Cleared bits and set ones in one step, for no reader may see the one without the other. */
static uint8_t change_byte(uint8_t *p, uint8_t mask, uint8_t bits) {
    uint8_t old = __atomic_load_n(p, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(p, &old, (uint8_t)((old & ~mask) | bits), true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        ;
    return old;
}

uint8_t mem_change_byte_sys(struct Tcg *t, uint64_t linear, uint8_t mask, uint8_t bits) {
    uint64_t at = wrap(t, linear);
    check_address(t, t->insn, MMU_SUPER, at, 1);
    struct TlbEntry *e = translate(t, t->insn, MMU_SUPER, at, true);
    if (!(e->phys & TLB_RAM)) { /* a device has no use for atomic accesses */
        uint8_t old = (uint8_t)load(t, t->insn, MMU_SUPER, at, 1);
        store(t, t->insn, MMU_SUPER, at, 1, (old & ~mask) | bits);
        return old;
    }
    note_access(t, t->insn, at, 1, true);
    uint8_t old = change_byte((uint8_t *)(e->host + (at & 0xfff)), mask, bits);
    note_write(t, e, at & ~0xfffull, (e->phys & ~0xfffull) | (at & 0xfff), 1);
    return old;
}

void mem_probe_write_sys(struct Tcg *t, uint64_t linear, unsigned size) {
    probe_write(t, t->insn, MMU_SUPER, wrap(t, linear), size);
}

uint64_t mem_load_as(struct Tcg *t, bool user, uint64_t linear, unsigned size) {
    return load(t, t->insn, user ? MMU_USER : MMU_SUPER, wrap(t, linear), size);
}

void mem_store_as(struct Tcg *t, bool user, uint64_t linear, unsigned size, uint64_t value) {
    store(t, t->insn, user ? MMU_USER : MMU_SUPER, wrap(t, linear), size, value);
}
