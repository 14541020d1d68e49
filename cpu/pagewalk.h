/* SPDX-License-Identifier: MIT */
/**
 * The page walk (SDM vol. 3, chapter 4) for every paging mode: used by the software engine's TLB fill and, with
 * WALK_PEEK, by debuggers.
 */
#ifndef TWIN86_CPU_PAGEWALK_H
#define TWIN86_CPU_PAGEWALK_H

#include "cpu/cpuid.h"
#include "cpu/env.h"
#include "memory/bus.h"

/** What the access is; or-ed. */
enum {
    WALK_WRITE = 1 << 0,
    WALK_EXEC = 1 << 1,
    WALK_USER = 1 << 2, /* CPL 3 and not an implicit supervisor access */
    WALK_AC = 1 << 3,   /* EFLAGS.AC suspends SMAP for this access */
    WALK_PEEK = 1 << 4, /* a debugger looks: no permission checks, no accessed or dirty bits set */
};

struct WalkResult {
    uint64_t phys;      /* of the address asked for, A20 applied */
    uint64_t page_size; /* bytes; 4096 without paging */
    bool writable;      /* by an access of the same kind, R/W bits and CR0.WP considered */
    bool dirty;         /* the dirty bit is set (now) */
    bool global;
    bool user;      /* CPL 3 may access the page: U/S bits alone, true without paging */
    uint8_t key;    /* protection key (0 where there are none) */
    uint32_t error; /* page-fault error code when the walk failed */
};

/** Translate. True on success; false: raise #PF with r->error. Canonical checks are the caller's. */
bool x86_walk(const CPUX86State *env, const struct CpuModel *model, struct Bus *bus, uint64_t linear, unsigned how,
              struct WalkResult *r);

/** The bits of physical addresses that count: A20M is not looked at in VMX operation (SDM vol. 3, 24.8). */
static inline uint64_t x86_a20_mask(const CPUX86State *env, const struct Bus *bus) {
    return env->vmx == VMX_OFF ? bus_a20_mask(bus) : UINT64_MAX;
}

/** True if `v` is a canonical address under the current number of linear-address bits (48, or 57 with CR4.LA57). */
static inline bool x86_canonical(const CPUX86State *env, uint64_t v) {
    unsigned unused = env->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;
    return (uint64_t)((int64_t)(v << unused) >> unused) == v;
}

#endif
