/* SPDX-License-Identifier: MIT */
/**
 * The engine's per-vCPU state. What its files do with it, their own headers say. Private to accel/tcg-lite.
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
#include "isa/vendor.h"

#include <setjmp.h>

/**
 * What blocks depend on, beside the bytes: the MODE_* of isa/isa.h, and these. A block is keyed by physical address and
 * all of them. tcg_update_mode computes them from env whenever something they depend on has changed.
 */
enum {
    MODE_STACK32 = MODE_OTHERS,         /* SS.B; 64-bit mode ignores it */
    MODE_USER = MODE_OTHERS << 1,       /* CPL 3 */
    MODE_SIMD_CHECK = MODE_OTHERS << 2, /* MXCSR unmasks something: SSE arithmetic takes the checked path */
    MODE_STEP = MODE_OTHERS << 3,       /* TF or a DR7 breakpoint: blocks of one instruction, every edge is looked at */
    MODE_FLAT =
        MODE_OTHERS << 4, /* 64-bit, or DS ES SS all base 0, limit 4 GiB, writable: operands need no segment work */
    MODE_BITS = 14,
};
_Static_assert(MODE_FLAT < 1 << MODE_BITS, "");

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
enum { TLB_SECOND_BITS = 8, TLB_SECOND_SIZE = 1 << TLB_SECOND_BITS };
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
    uint64_t *page_code; /* likewise; NULL for a vCPU that is alone, too */
};

struct Block;
struct BlockLink;
struct Jit;

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
    struct TlbEntry *tlb;        /* = tlbs[mmu] */
    struct TlbEntry *tlb_second; /* = second[mmu] */
    struct Cc cc;
    uint64_t icount;        /* instructions executed when the current block will have ended */
    _Atomic uint64_t limit; /* block edges take the slow path when icount > limit; a kick stores 0 */
    uint64_t mode_key;      /* link_generation << MODE_BITS | mode */
    const struct Insn *insn;

    CPUX86State *env;
    struct CPUState *cpu;
    uint32_t mode;
    unsigned mmu;
    uint64_t link_generation[2]; /* counts how often ways through supervisor or user code were forgotten (links.h) */

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
    bool host_approximates;      /* RCPPS and RSQRTPS of the host give what the model's vendor has (approx.h) */
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
    /* what had to make room there: two pages that are used in turn and share an entry (a stack and a heap may lie so)
     * would cost a walk each time */
    struct TlbEntry second[MMU_TLBS][TLB_SECOND_SIZE];
    bool second_used;
    struct ExecTlbEntry exec_tlb[2][EXEC_TLB_SIZE]; /* supervisor, user */
    struct BlockCache *blocks;
    struct Links *links;
    struct Jit *jit; /* NULL: nothing is translated */
    bool jit_calls;  /* host code has called an exec function, which returns instead of going on (jit/call.c) */

    /* Pseudo-instructions for what is rare, so that exec functions end in one jump and make no calls for it. */
    struct Insn leave;              /* ends exec() */
    struct Insn lookup;             /* goes on at env->rip */
    struct Insn link;               /* goes on at env->rip and remembers the way in *slow_link */
    struct Insn edge;               /* the limit was passed on entering slow_block */
    const struct Insn *slow_branch; /* NULL: the link may lead to another mode or mapping of this page */
    struct BlockLink *slow_link;
    struct Block *slow_block;

    struct TcgWatch *watch; /* NULL: nobody looks at instructions (watch.h) */

    uint64_t split_locks; /* locked operands that lay in two pages */
    unsigned beside_code; /* stores beside what is decoded (tcg_code_stored) */
    unsigned pauses;      /* how many the guest has executed */
};

enum { TCG_BENIGN = 0x100 }; /* as a first event it never makes a double fault: interrupts, INT n, traps */

/** Whether the guest's CPU does as Intel's processors do in this rule. Not for fast paths. */
static inline bool tcg_as_intel(const struct Tcg *t, enum VendorRule rule) {
    return cpu_as_intel(&t->cpu->model, rule);
}

#endif
