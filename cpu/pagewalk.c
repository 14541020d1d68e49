/* SPDX-License-Identifier: MIT */
#include "cpu/pagewalk.h"

#include <stdatomic.h>

enum {
    PTE_P = 1 << 0,
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};
#define PTE_NX (1ull << 63)
enum { PTE_KEY_SHIFT = 59 };
#define PTE_ADDRESS 0x000ffffffffff000ull

/** One paging mode: how many levels a walk visits, from the top, and what an entry looks like. */
struct PagingMode {
    unsigned levels;
    unsigned index_bits;
    unsigned entry_size;
};

static const struct PagingMode paging_32bit = {2, 10, 4};
static const struct PagingMode paging_pae = {2, 9, 8}; /* below the PDPTE registers */
static const struct PagingMode paging_4level = {4, 9, 8};
static const struct PagingMode paging_5level = {5, 9, 8};

/** An entry's place, kept so that accessed and dirty bits can be set once the whole walk has succeeded. */
struct EntryRef {
    uint64_t phys;
    uint64_t value;
};

static uint64_t entry_load(struct Bus *bus, uint64_t phys, unsigned size) {
    const void *p = bus_ram_ptr(bus, phys, size);
    if (p == NULL)
        return bus_read_uint(bus, phys, size);
    return size == 4 ? __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE)
                     : __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE);
}

/** Set `bits` (accessed, dirty) in an entry, atomically where it is RAM. False: the entry changed; walk again. */
static bool entry_set_bits(struct Bus *bus, const struct EntryRef *e, unsigned size, uint32_t bits) {
    if ((e->value & bits) == bits)
        return true;
    void *p = bus_ram_ptr(bus, e->phys, size);
    if (p == NULL) {
        bus_write_uint(bus, e->phys, e->value | bits, size);
        return true;
    }
    if (size == 4) {
        uint32_t old = (uint32_t)e->value;
        return __atomic_compare_exchange_n((uint32_t *)p, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    uint64_t old = e->value;
    return __atomic_compare_exchange_n((uint64_t *)p, &old, old | bits, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/** Bits that must be 0 in every 8-byte entry. SDM vol. 3, 4.4 and 4.5. */
static uint64_t reserved_always(const CPUX86State *env, const struct CpuModel *m) {
    uint64_t r = PTE_ADDRESS & ~((1ull << m->phys_bits) - 1);
    if (!(env->efer & EFER_NXE))
        r |= PTE_NX;
    if (!x86_long_mode(env))
        r |= 0x7ff0000000000000ull; /* PAE: bits 62-52 */
    return r;
}

/** Those beside them at `level` (1 is the leaf table). SDM vol. 3, 4.3 to 4.5. */
static uint64_t reserved_bits(const CPUX86State *env, const struct CpuModel *m, const struct PagingMode *mode,
                              unsigned level, uint64_t entry) {
    if (level == 1 || (level < 4 && !(entry & PTE_PS)))
        return 0;
    if (mode->entry_size == 4) {
        if (!(env->cr4 & CR4_PSE))
            return 0;
        if (!cpu_has(m, CPUID_PSE36))
            return 0x003fe000;
        unsigned high = m->phys_bits > 40 ? 40 : m->phys_bits; /* address bits 39-32 are entry bits 20-13 */
        return 1u << 21 | (high < 40 ? (0xffu << (13 + high - 32)) & 0x001fe000 : 0);
    }
    if (level >= 4 || (level == 3 && !cpu_has(m, CPUID_PDPE1GB)))
        return PTE_PS;
    return level == 3 ? 0x3fffe000 : 0x001fe000;
}

static bool is_large(const CPUX86State *env, const struct PagingMode *mode, unsigned level, uint64_t entry) {
    return level > 1 && (entry & PTE_PS) && (mode->entry_size == 8 || (env->cr4 & CR4_PSE));
}

/** Physical address that a leaf entry gives for `linear`. */
static uint64_t leaf_address(const struct PagingMode *mode, uint64_t entry, unsigned shift, uint64_t linear) {
    uint64_t mask = (1ull << shift) - 1;
    if (mode->entry_size == 4 && shift == 22)
        return (entry & 0xffc00000) | ((entry & 0x001fe000) << 19) | (linear & mask);
    return (entry & PTE_ADDRESS & ~mask) | (linear & mask);
}

/** Permission check on the combined rights; returns 0 or the error code's P bit with the violation's facts. */
static bool allowed(const CPUX86State *env, unsigned how, uint64_t rights, bool nx, bool *writable) {
    bool user_page = (rights & PTE_U) != 0;
    bool w = (rights & PTE_W) != 0;
    if (how & WALK_USER) {
        *writable = w;
        if (!user_page)
            return false;
    } else {
        *writable = w || !(env->cr0 & CR0_WP);
        if (user_page && (how & WALK_EXEC) && (env->cr4 & CR4_SMEP))
            return false;
        if (user_page && !(how & WALK_EXEC) && (env->cr4 & CR4_SMAP) && !(how & WALK_AC))
            return false;
    }
    if ((how & WALK_EXEC) && nx)
        return false;
    return !(how & WALK_WRITE) || *writable;
}

/**
 * Protection keys (SDM vol. 3, 4.6.2): true if PKRU forbids this data access to a user page; what it says of writing
 * goes into *writable.
 */
static bool key_forbids(const CPUX86State *env, unsigned how, uint64_t rights, unsigned key, bool *writable) {
    if (!(env->cr4 & CR4_PKE) || !x86_long_mode(env) || !(rights & PTE_U) || (how & WALK_EXEC))
        return false;
    uint32_t bits = env->pkru >> (2 * key);
    bool write_disabled = (bits & 2) && ((how & WALK_USER) || (env->cr0 & CR0_WP));
    *writable &= !write_disabled;
    return (bits & 1) || (write_disabled && (how & WALK_WRITE));
}

static uint32_t fault_code(const CPUX86State *env, unsigned how, uint32_t cause) {
    bool report_exec = (env->cr4 & CR4_SMEP) || ((env->cr4 & CR4_PAE) && (env->efer & EFER_NXE));
    return cause | (how & WALK_WRITE ? PF_W : 0) | (how & WALK_USER ? PF_U : 0) |
           ((how & WALK_EXEC) && report_exec ? PF_I : 0);
}

/** Where the walk starts: the mode, and the physical address of the top table. False: not-present PDPTE. */
static bool walk_start(const CPUX86State *env, uint64_t linear, const struct PagingMode **mode, uint64_t *table) {
    if (x86_long_mode(env)) {
        *mode = env->cr4 & CR4_LA57 ? &paging_5level : &paging_4level;
        *table = env->cr3 & PTE_ADDRESS;
    } else if (env->cr4 & CR4_PAE) {
        uint64_t pdpte = env->pdpte[(linear >> 30) & 3];
        *mode = &paging_pae;
        *table = pdpte & PTE_ADDRESS;
        return pdpte & PTE_P;
    } else {
        *mode = &paging_32bit;
        *table = env->cr3 & 0xfffff000;
    }
    return true;
}

enum WalkStep { STEP_DONE, STEP_FAULT, STEP_AGAIN };

static enum WalkStep walk_once(const CPUX86State *env, const struct CpuModel *model, struct Bus *bus, uint64_t linear,
                               unsigned how, struct WalkResult *r) {
    uint64_t a20 = x86_a20_mask(env, bus), table, rights = PTE_W | PTE_U;
    const struct PagingMode *mode;
    struct EntryRef visited[5];
    bool nx = false;
    uint64_t nx_bit, always;

    if (!walk_start(env, linear, &mode, &table)) {
        r->error = fault_code(env, how, 0);
        return STEP_FAULT;
    }
    nx_bit = mode->entry_size == 8 && (env->efer & EFER_NXE) ? PTE_NX : 0;
    always = mode->entry_size == 8 ? reserved_always(env, model) : 0;
    for (unsigned level = mode->levels, n = 0;; level--, n++) {
        unsigned shift = 12 + (level - 1) * mode->index_bits;
        uint64_t index = (linear >> shift) & ((1u << mode->index_bits) - 1);
        uint64_t phys = (table + index * mode->entry_size) & a20;
        uint64_t entry = entry_load(bus, phys, mode->entry_size);

        visited[n] = (struct EntryRef){phys, entry};
        if (!(entry & PTE_P)) {
            r->error = fault_code(env, how, 0);
            return STEP_FAULT;
        }
        if (!(how & WALK_PEEK) && (entry & (always | reserved_bits(env, model, mode, level, entry)))) {
            r->error = fault_code(env, how, PF_P | PF_RSVD);
            return STEP_FAULT;
        }
        rights &= entry;
        nx |= (entry & nx_bit) != 0;
        if (level > 1 && !is_large(env, mode, level, entry)) {
            table = mode->entry_size == 4 ? entry & 0xfffff000 : entry & PTE_ADDRESS;
            continue;
        }

        bool ok = allowed(env, how, rights, nx, &r->writable);
        r->key = x86_long_mode(env) ? entry >> PTE_KEY_SHIFT & 15 : 0;
        bool forbidden = key_forbids(env, how, rights, r->key, &r->writable);
        r->page_size = 1ull << shift;
        r->phys = leaf_address(mode, entry, shift, linear) & a20;
        r->user = (rights & PTE_U) != 0;
        r->global = (entry & PTE_G) && (env->cr4 & CR4_PGE);
        r->dirty = (entry & PTE_D) || (how & WALK_WRITE);
        if (how & WALK_PEEK)
            return STEP_DONE;
        if (!ok || forbidden) {
            r->error = fault_code(env, how, forbidden ? PF_P | PF_PK : PF_P);
            return STEP_FAULT;
        }
        for (unsigned k = 0; k < n; k++) {
            if (!entry_set_bits(bus, &visited[k], mode->entry_size, PTE_A))
                return STEP_AGAIN;
        }
        uint32_t leaf_bits = how & WALK_WRITE ? PTE_A | PTE_D : PTE_A;
        return entry_set_bits(bus, &visited[n], mode->entry_size, leaf_bits) ? STEP_DONE : STEP_AGAIN;
    }
}

bool x86_walk(const CPUX86State *env, const struct CpuModel *model, struct Bus *bus, uint64_t linear, unsigned how,
              struct WalkResult *r) {
    *r = (struct WalkResult){.page_size = 4096, .writable = true, .dirty = true, .user = true};
    if (!(env->cr0 & CR0_PG)) {
        r->phys = linear & x86_a20_mask(env, bus);
        return true;
    }
    enum WalkStep step;
    do {
        step = walk_once(env, model, bus, linear, how, r);
    } while (step == STEP_AGAIN);
    return step == STEP_DONE;
}
