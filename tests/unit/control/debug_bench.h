/* SPDX-License-Identifier: MIT */
/** A CPU that nothing runs, with RAM: for tests of what looks at a CPU. */
#ifndef TWIN86_TESTS_DEBUG_BENCH_H
#define TWIN86_TESTS_DEBUG_BENCH_H

#include "cpu/cpu.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { DEBUG_RAM = 1 << 20, DEBUG_PML4 = 0x1000, DEBUG_PDPT = 0x2000, DEBUG_PD = 0x3000, DEBUG_PT = 0x4000 };

struct DebugBench {
    struct CPUState cpu;
    struct Region ram;
    pthread_mutex_t lock;
};

/** In real mode at 0000:0000. */
static inline struct DebugBench *debug_bench_new(void) {
    struct DebugBench *b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);
    ck_assert_ptr_nonnull(b);
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    b->cpu.bus = bus_new(&b->lock);
    b->cpu.lock = &b->lock;
    ck_assert_int_eq(region_init_ram(&b->ram, "ram", DEBUG_RAM), 0);
    ck_assert_int_eq(bus_map(b->cpu.bus, 0, &b->ram), 0);
    CPUX86State *env = &b->cpu.env;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        env->seg[i] = (struct X86Segment){.ar = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED, .limit = 0xffff};
    env->seg[SEG_CS].ar |= AR_CODE;
    env->rflags = FLAG_ONE;
    env->cr0 = CR0_ET;
    return b;
}

/** Long mode, 4 KiB pages one to one, but linear page 9 is not present and page 10 shows page 8. */
static inline void debug_bench_long(struct DebugBench *b) {
    static const uint64_t tables[] = {DEBUG_PML4, DEBUG_PDPT, DEBUG_PD};
    CPUX86State *env = &b->cpu.env;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t next = (tables[i] + 0x1000) | 3;
        memcpy(b->ram.host + tables[i], &next, 8);
    }
    for (uint64_t i = 0; i < 256; i++) {
        uint64_t entry = i == 9 ? 0 : (i == 10 ? 8 : i) << 12 | 3;
        memcpy(b->ram.host + DEBUG_PT + 8 * i, &entry, 8);
    }
    env->cr3 = DEBUG_PML4;
    env->cr4 = CR4_PAE;
    env->cr0 |= CR0_PE | CR0_PG;
    env->efer = EFER_LME | EFER_LMA;
    env->seg[SEG_CS] = (struct X86Segment){.selector = 8, .ar = 0xa09b, .limit = 0xffffffff};
    env->seg[SEG_SS] = (struct X86Segment){.selector = 0x10, .ar = 0xc093, .limit = 0xffffffff};
}

static inline void debug_bench_code(struct DebugBench *b, uint64_t rip, const void *code, size_t n) {
    memcpy(b->ram.host + rip, code, n);
    b->cpu.env.rip = rip;
}

static inline void debug_bench_free(struct DebugBench *b) {
    bus_free(b->cpu.bus);
    region_destroy(&b->ram);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

#endif
