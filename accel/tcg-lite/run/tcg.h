/* SPDX-License-Identifier: MIT */
/**
 * The engine's per-vCPU state and the functions its files offer each other. Private to accel/tcg-lite.
 *
 * Conventions while a block runs:
 *  - env->rip is the RIP of the current block's first instruction; the current instruction's RIP is env->rip + i->off.
 *  - arithmetic flags live in t->cc; env->rflags holds the others (its arithmetic bits are stale).
 *  - t->insn is the instruction that a fault is blamed on; slow paths set it from their `i` argument. NULL means that
 *    env->rip is exact.
 *  - faults unwind by longjmp to the engine's loop, with no lock held and nothing half-written.
 */
#ifndef TWIN86_TCG_TCG_H
#define TWIN86_TCG_TCG_H

#include "accel/accel.h"
#include "accel/tcg-lite/exec/cc.h"
#include "cpu/vendor.h"

#include <setjmp.h>

/**
 * What decoding depends on, beside the bytes. A block is keyed by physical address and these bits. tcg_update_mode
 * computes them from env whenever something they depend on has changed.
 */
enum {
    MODE_CODE16 = 0,
    MODE_CODE32 = 1,
    MODE_CODE64 = 2,
    MODE_CODE = 3,         /* mask */
    MODE_STACK32 = 1 << 2, /* SS.B; 64-bit mode ignores it */
    MODE_USER = 1 << 3,    /* CPL 3 */
    MODE_REAL = 1 << 4,    /* CR0.PE = 0 */
    MODE_VM86 = 1 << 5,
    MODE_EM = 1 << 6,          /* CR0.EM: x87 raises #NM, MMX and SSE #UD */
    MODE_TS = 1 << 7,          /* CR0.TS: x87, MMX, SSE raise #NM */
    MODE_MP = 1 << 8,          /* CR0.MP: with TS, WAIT raises #NM */
    MODE_SSE = 1 << 9,         /* CR4.OSFXSR: SSE allowed */
    MODE_AVX = 1 << 10,        /* CR4.OSXSAVE and XCR0 has SSE and AVX */
    MODE_SIMD_CHECK = 1 << 11, /* MXCSR unmasks something: SSE arithmetic takes the checked path */
    MODE_STEP = 1 << 12,       /* TF or a DR7 breakpoint: blocks of one instruction, every edge is looked at */
    MODE_FLAT = 1 << 13, /* 64-bit, or DS ES SS all base 0, limit 4 GiB, writable: operands need no segment work */
    MODE_BITS = 14,
};

/** Memory-translation contexts, each with a TLB of its own. */
enum {
    MMU_SUPER,    /* CPL 0-2, or implicit supervisor accesses; SMAP in force when CR4.SMAP */
    MMU_SUPER_AC, /* the same with EFLAGS.AC = 1: SMAP suspended */
    MMU_USER,     /* CPL 3 */
    MMU_COUNT,
    MMU_ALIGN = MMU_COUNT, /* CPL 3 with alignment checks on: its TLB stays empty, so every access is looked at */
    MMU_TLBS,
};

enum { TLB_BITS = 12, TLB_SIZE = 1 << TLB_BITS, JUMP_CACHE_BITS = 12, JUMP_CACHE_SIZE = 1 << JUMP_CACHE_BITS };
enum { EXEC_TLB_BITS = 8, EXEC_TLB_SIZE = 1 << EXEC_TLB_BITS };
/** After so many fills of non-global entries a flush clears whole TLBs rather than the entries noted. */
enum { TLB_NOTED_MAX = 2048 };

/**
 * A TLB tag is the linear address of the page, or that with one of these, with which it matches nothing: an address of
 * another entry's, so that linear address - tag is never an offset within a page, and the access takes the slow path.
 */
enum {
    TLB_SLOW = 1 << 13, /* this bit inverted: translated, but every access is looked at: MMIO, ROM, watched, code */
    TLB_NONE = 1 << 0,  /* beside TLB_SLOW: not translated for this kind of access */
};

/** Low bits of TlbEntry.phys. */
enum {
    TLB_GLOBAL = 1 << 0,
    TLB_RAM = 1 << 1, /* host is valid and page_flags exist */
    TLB_ROM = 1 << 2, /* host is valid for reads */
};

/** A translation. */
struct TlbEntry {
    uint64_t tag_read, tag_write;
    uintptr_t host; /* address of the page */
    uint64_t phys;  /* physical page address and TLB_GLOBAL ... */
};

/** A translation for instruction fetch. */
struct ExecTlbEntry {
    uint64_t tag; /* linear page, or TLB_NONE */
    uint64_t phys;
    const uint8_t *host; /* NULL: not RAM or ROM */
    uint8_t *page_flags; /* of this page; NULL for ROM */
};

struct Block;

/** Where a direct branch goes (links.h). */
struct BlockLink {
    struct Block *target; /* NULL: not known, or perhaps no longer true */
    struct Block *hint;   /* where it went last */
};

/** A run of decoded instructions within one physical page (the last may reach into the next page). */
struct Block {
    uint64_t phys; /* physical address of the first byte */
    struct Block *hash_next;
    struct Block *page_next[2]; /* other blocks that have bytes in the page of phys, in phys_next */
    uint64_t phys_next;         /* physical page of the bytes that reach into the next page, if any */
    uint32_t mode;
    uint16_t bytes;
    uint8_t count;     /* guest instructions */
    uint8_t exits;     /* conditional branches */
    bool stale;        /* its bytes were overwritten */
    bool falls;        /* the last instruction is not the end of the block by itself */
    bool cached;       /* it can be found again */
    uint32_t extra_at; /* what observers want to know is so many bytes from here (watch.h), or 0 */
    ExecFn first;      /* for them: the exec function behind the hook of the first instruction */
    /* count of them, then, if it falls, a pseudo-instruction that leads on; then struct BlockLink: the last
     * instruction's, [0] not taken or fall through, [1] taken, and one for each conditional branch, taken */
    struct Insn insn[] __attribute__((aligned(32)));
};

#define BLOCK_NO_PAGE UINT64_MAX /* Block.phys_next: there is none */
enum { BLOCK_MAX_INSNS = 112, BLOCK_MAX_EXITS = 8 };
/* struct Insn.exit_link of the first instruction: over all of them, the pseudo-instruction and the other links */
_Static_assert((BLOCK_MAX_INSNS + 1) * (sizeof(struct Insn) / sizeof(struct BlockLink)) + 2 + BLOCK_MAX_EXITS <=
                   UINT8_MAX,
               "a link that the first instruction can't reach");

/** What an x87 instruction leaves of itself beside its address. */
struct X87Raised {
    uint16_t fop;
    uint64_t fdp;
};

struct JumpCacheEntry {
    uint64_t rip, key;
    struct Block *block;
    uint64_t flushes; /* of the block cache: `block` is a pointer only while it has this count */
};

/** A fault on its way from the raising function to the loop. */
struct TcgFault {
    uint8_t vector;
    bool has_error;
    uint32_t error;
};

struct Tcg {
    /* hot */
    struct TlbEntry *tlb; /* = tlbs[mmu] */
    struct Cc cc;
    uint64_t icount;        /* instructions executed when the current block will have ended */
    _Atomic uint64_t limit; /* block edges take the slow path when icount > limit; a kick stores 0 */
    uint64_t mode_key;      /* ways_generation << MODE_BITS | mode */
    const struct Insn *insn;

    CPUX86State *env;
    struct CPUState *cpu;
    uint32_t mode;
    unsigned mmu;
    uint64_t ways_generation[2]; /* counts how often ways through supervisor or user code were forgotten (links.h) */

    /* faults */
    sigjmp_buf unwind;
    bool fault_raised;
    struct TcgFault fault;
    enum VcpuExit exit;
    bool exit_requested; /* leave with `exit` at the next edge */
    int delivering;      /* the vector whose delivery is under way, TCG_BENIGN, or -1 */
    bool tf_armed;       /* TF was set when the current instruction began */
    bool partly_done;    /* a part of it is done for good: traps that are due for that come before the rest's fault */
    bool shadow_running; /* the instruction under an interrupt shadow is running */
    bool repeating;      /* MODE_STEP: the next instruction is a string instruction in the midst of its repetitions */
    uint32_t held_db;    /* what of env->pending_db was there when the current instruction began */
    bool watching;       /* DR7 enables a data breakpoint: no access may take the fast path */
    bool debug_watching; /* a debugger watches some pages: their tags are slow */
    bool stepping;       /* cpu->debug.step, as of the last look */
    bool plain;          /* option plain=on: blocks of one instruction, no short cut in addresses, flags or strings */
    uint8_t operand[32]; /* a vector operand on its way through a slow path (shapes_avx_base.h) */
    bool host_approximates; /* RCPPS and RSQRTPS of the host give what the model's vendor has (approx.h) */
    struct X87Raised x87_raised; /* of the last instruction that raised an unmasked x87 exception (fpu_host.h) */
    uint64_t host_mxcsr;
    uint16_t host_fcw; /* the host's own floating-point modes, while the guest's are in place (fpu_host.h) */

    uint64_t debug_generation; /* cpu->debug.generation, as of the last look */
    uint64_t break_map[64];    /* offsets within pages at which a debugger has breakpoints: blocks end before them */

    /* what mode_key depends on beside the mode bits: code is found by linear address CS.base + RIP */
    uint64_t cs_base, cs_limit;
    bool paging_large[2]; /* pages larger than 4 KiB were cached, in the lower and upper half of the space */
    unsigned noted;       /* fills of non-global entries since the last flush */
    uint16_t noted_at[TLB_NOTED_MAX]; /* mmu << TLB_BITS | index */
    uint16_t pkeys_cached;            /* protection keys of user pages filled since the last whole flush */
    pthread_t thread;                 /* that runs exec() */
    bool kvm_pv_stale;                /* what the guest was told by kvm_pv.c may no longer be true */
    int64_t steal_due;                /* host ns at which it is told again how long it had to wait */
    uint64_t steal_base;              /* what the host had counted when the guest began to ask */

    struct JumpCacheEntry jump_cache[JUMP_CACHE_SIZE];
    struct TlbEntry tlbs[MMU_TLBS][TLB_SIZE];
    struct ExecTlbEntry exec_tlb[2][EXEC_TLB_SIZE]; /* supervisor, user */
    struct BlockCache *blocks;
    struct Links *links;

    /* Pseudo-instructions for what is rare, so that exec functions end in one jump and make no calls for it. */
    struct Insn leave;              /* ends exec() */
    struct Insn lookup;             /* goes on at env->rip */
    struct Insn link;               /* goes on at env->rip and remembers the way in *slow_link */
    struct Insn edge;               /* the limit was passed on entering slow_block */
    const struct Insn *slow_branch; /* NULL: the link may lead to another mode or mapping of this page */
    struct BlockLink *slow_link;
    struct Block *slow_block;

    struct TcgWatch *watch;     /* NULL: nobody looks at instructions (watch.h) */
    struct TcgProfile *profile; /* NULL: nobody counts sequences (profile.h) */
};

enum { TCG_BENIGN = 0x100 }; /* as a first event it never makes a double fault: interrupts, INT n, traps */

/* ---- faults (loop.c) ---- */

/** Ask that exec() return `why` at the next block edge. */
void tcg_request_exit(struct Tcg *t, enum VcpuExit why);

/** Raise an exception on behalf of instruction i (NULL: env->rip is exact). Faults report the instruction's own RIP. */
_Noreturn void tcg_raise(struct Tcg *t, const struct Insn *i, enum X86Vector vector);
_Noreturn void tcg_raise_error(struct Tcg *t, const struct Insn *i, enum X86Vector vector, uint32_t error);
/** As above for helpers that have set t->insn. */
_Noreturn static inline void tcg_fault(struct Tcg *t, enum X86Vector vector) { tcg_raise(t, t->insn, vector); }
_Noreturn static inline void tcg_fault_error(struct Tcg *t, enum X86Vector vector, uint32_t error) {
    tcg_raise_error(t, t->insn, vector, error);
}

/** Whether the guest's CPU does as Intel's processors do in this rule. Not for fast paths. */
static inline bool tcg_as_intel(const struct Tcg *t, enum VendorRule rule) {
    return cpu_as_intel(&t->cpu->model, rule);
}

/* ---- interrupt and exception delivery (deliver.c) ---- */

enum TcgEvent {
    EVENT_FAULT,
    EVENT_SOFTWARE /* INT n, INT3, INTO */,
    EVENT_ICEBP /* INT1 */,
    EVENT_EXTERNAL /* interrupts, NMI */
};

/**
 * Deliver an event through the IDT (or real-mode IVT): checks, stack switch, frame, new CS:RIP. env->rip is exact and
 * is what gets pushed; t->insn is NULL. Raises faults itself by tcg_raise. Ends with tcg_update_mode.
 */
void tcg_deliver(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error);

/** What becomes of a fault `second` raised while `first` (a vector, TCG_BENIGN, or -1) was being delivered. */
enum TcgCombined { FAULT_SERIAL, FAULT_DOUBLE, FAULT_TRIPLE };
enum TcgCombined tcg_combine_fault(int first, int second);

/* ---- modes and control state (mode.c) ---- */

/** Recompute t->mode, t->mmu, t->tlb, t->mode_key from env. Call after any change of CR0, CR4, EFER, XCR0, segment
 *  registers, CPL, RFLAGS (TF, VM, AC), DR7 or MXCSR masks. */
void tcg_update_mode(struct Tcg *t);
/** All of RFLAGS, arithmetic flags included. */
static inline uint64_t tcg_rflags(const struct Tcg *t) {
    return (t->env->rflags & ~(uint64_t)FLAG_ARITH) | cc_flags(&t->cc);
}
/** Store all of RFLAGS; the caller has masked what may change. Does tcg_update_mode when TF, VM or AC changed. */
void tcg_set_rflags(struct Tcg *t, uint64_t v);
/** Set CR0, CR3, CR4 with all side effects (flushes, LMA, PDPTE loads) but no privilege or value checks. */
void tcg_set_cr0(struct Tcg *t, uint64_t v);
void tcg_set_cr3(struct Tcg *t, uint64_t v);
void tcg_set_cr4(struct Tcg *t, uint64_t v);
/** Store PKRU; translations whose key has other rights now are forgotten. */
void tcg_set_pkru(struct Tcg *t, uint32_t v);

/* ---- TLB (tlb.c) ---- */

void tcg_tlb_flush(struct Tcg *t); /* everything, globals too */
void tcg_tlb_flush_non_global(struct Tcg *t);
void tcg_tlb_flush_page(struct Tcg *t, uint64_t linear); /* INVLPG */
/** The next access to this physical page for writing takes the slow path (it now holds decoded code). */
void tcg_tlb_protect_code(struct Tcg *t, uint64_t phys);
/** Translate for instruction fetch at the current CPL; raises #PF or #GP (t->insn must be NULL). */
const struct ExecTlbEntry *tcg_exec_page(struct Tcg *t, uint64_t linear);

/* ---- blocks (block.c, loop.c) ---- */

/** Forget all blocks (when nothing runs in them). */
void tcg_blocks_flush(struct Tcg *t);
/** Bytes in a code page were (or are about to be) written: blocks there become stale, the page is data again. */
void tcg_code_written(struct Tcg *t, uint64_t phys, uint64_t size);
/** The string instruction at env->rip is left between two of its repetitions, and goes on unless an event comes. */
void tcg_repeat_later(struct Tcg *t);
/** Choose t->limit anew: after anything that may let an event in (IF, shadows, TF, DR7, new events). */
void tcg_recheck(struct Tcg *t);
/** An event waits that the next block edge would serve: long instructions stop early. */
bool tcg_event_due(const struct Tcg *t);
/** Instructions completed before i; makes cpu->insn_count (and with -icount the clock) exact. Before device code. */
void tcg_sync_count(struct Tcg *t, const struct Insn *i);

/* ---- a debugger's stops (debugger.c) ---- */

/** Make blocks, TLB and mode follow cpu->debug; on entry to exec(). */
void tcg_debug_follow(struct Tcg *t);
/** Bytes of memory were accessed: stop after the instruction if they are watched. i may be NULL. */
void tcg_debug_access(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, bool write);
/** A debugger has a breakpoint at this offset in some page. */
ALWAYS_INLINE bool tcg_break_offset(const struct Tcg *t, uint64_t linear) {
    return (t->break_map[(linear >> 6) & 63] >> (linear & 63)) & 1;
}

ALWAYS_INLINE struct Block *block_of(const struct Insn *i) {
    return (struct Block *)((uintptr_t)(i - i->idx) - __builtin_offsetof(struct Block, insn));
}

/** RIP after instruction i, wrapped to the code size (64-bit code has no wrap). */
ALWAYS_INLINE uint64_t tcg_next_rip(const struct Tcg *t, const struct Insn *i) {
    uint64_t next = t->env->rip + i->off + i->len;
    return (t->mode & MODE_CODE) == MODE_CODE64 ? next : (uint32_t)next;
}
ALWAYS_INLINE uint64_t tcg_this_rip(const struct Tcg *t, const struct Insn *i) {
    uint64_t rip = t->env->rip + i->off;
    return (t->mode & MODE_CODE) == MODE_CODE64 ? rip : (uint32_t)rip;
}

/** The links of i, the last in its block. */
ALWAYS_INLINE struct BlockLink *tcg_links(const struct Insn *i) { return (struct BlockLink *)(uintptr_t)(i + 1); }
/** The link of conditional branch i. */
ALWAYS_INLINE struct BlockLink *tcg_exit_link(const struct Insn *i) {
    return (struct BlockLink *)(uintptr_t)i + i->exit_link;
}

/** Go on at block b (env->rip already holds its RIP). */
ALWAYS_INLINE const struct Insn *tcg_enter(struct Tcg *t, struct Block *b) {
    t->icount += b->count;
    if (UNLIKELY(t->icount > atomic_load_explicit(&t->limit, memory_order_relaxed))) {
        t->slow_block = b;
        return &t->edge;
    }
    return b->insn;
}

/** The conditional branch `from` leads back to `first`, with which its block begins: go on there. False: something may
 *  be due, so take the way through the link. */
ALWAYS_INLINE bool tcg_loop(struct Tcg *t, const struct Insn *first, const struct Insn *from) {
    /* block_of would read first->idx, which is 0 */
    const struct Block *b = (const struct Block *)((uintptr_t)first - offsetof(struct Block, insn));
    uint64_t icount = t->icount - from->behind + b->count;
    if (UNLIKELY(icount > atomic_load_explicit(&t->limit, memory_order_relaxed)))
        return false;
    t->icount = icount;
    return true;
}

/** Go on at env->rip through the link of i, which changes nothing that decoding or translation depends on. */
ALWAYS_INLINE const struct Insn *tcg_follow(struct Tcg *t, const struct Insn *i, struct BlockLink *link) {
    struct Block *b = link->target;
    if (LIKELY(b != NULL))
        return tcg_enter(t, b);
    t->slow_branch = i;
    t->slow_link = link;
    return &t->link;
}

/** The block where an indirect branch to `rip` was seen to go, or NULL. That one is known means that rip is canonical
 * and within CS.limit. */
ALWAYS_INLINE struct Block *tcg_jump_cached(const struct Tcg *t, uint64_t rip) {
    const struct JumpCacheEntry *e = &t->jump_cache[(rip ^ (rip >> JUMP_CACHE_BITS)) & (JUMP_CACHE_SIZE - 1)];
    if (UNLIKELY(e->rip != rip || e->key != t->mode_key))
        return NULL;
    if (e->block == NULL)
        __builtin_unreachable();
    return e->block;
}

/** Go on at env->rip, to which tcg_jump_cached has given `b`. */
ALWAYS_INLINE const struct Insn *tcg_indirect(struct Tcg *t, struct Block *b) {
    return LIKELY(b != NULL) ? tcg_enter(t, b) : &t->lookup;
}

#endif
