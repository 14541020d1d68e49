/* SPDX-License-Identifier: MIT */
/**
 * The world in which cases run: one CPU mode, pages with attributes, and the system structures (GDT, IDT, TSS, page
 * tables, exception handlers) that an engine needs to run there. Each engine has a space of its own; two spaces made
 * of the same pages differ in nothing that a case can see.
 */
#ifndef TWIN86_DIFF_SPACE_H
#define TWIN86_DIFF_SPACE_H

#include "cpu/cpuid.h"
#include "cpu/env.h"
#include "memory/region.h"

enum DiffMode {
    DIFF_REAL16,
    DIFF_V8086,
    DIFF_PROT16,
    DIFF_PROT32,
    DIFF_COMPAT16,
    DIFF_COMPAT32,
    DIFF_LONG64,
    DIFF_MODES
};

/** "long64" ... */
extern const char *const diff_mode_names[DIFF_MODES];

enum {
    DIFF_PAGE_WRITE = 1 << 0,
    DIFF_PAGE_USER = 1 << 1,
    DIFF_PAGE_NX = 1 << 2,   /* long and compatibility modes */
    DIFF_PAGE_HOLE = 1 << 3, /* mapped to a physical address where there is nothing */
};

struct DiffPage {
    uint64_t linear; /* a multiple of 4096 */
    uint8_t attr;
};

/** Where the structures lie: DiffSpace.sys and so much beyond. That is DIFF_SYS, in real-address mode DIFF_SYS_REAL, or
 * the first place behind (before) where none of the space's pages is. */
enum {
    DIFF_SYS = 0x30000000,
    DIFF_SYS_REAL = 0xf0000,
    DIFF_SYS_GDT = 0,
    DIFF_SYS_LDT = 0x800, /* compatibility modes: DIFF_LDT_ENTRIES descriptors */
    DIFF_SYS_IDT = 0x1000,
    DIFF_SYS_TSS = 0x2000,
    DIFF_SYS_STACK = 0x3000, /* one page; readable and writable at every level */
    DIFF_SYS_STACK_TOP = 0x4000,
    DIFF_SYS_HANDLERS = 0x4000, /* DIFF_HANDLER bytes for each vector: HLT */
    DIFF_SYS_SIZE = 0x8000,
    DIFF_HANDLER = 64,
};

/** Selectors: the first seven as Linux has them, because the host's are what a program sees where hardware runs it. */
enum {
    DIFF_CS32_0 = 0x08,
    DIFF_CS64_0 = 0x10,
    DIFF_DS_0 = 0x18,
    DIFF_CS32_3 = 0x23,
    DIFF_DS_3 = 0x2b,
    DIFF_CS64_3 = 0x33,
    DIFF_CS16_0 = 0x38,
    DIFF_TR = 0x40,
    DIFF_CS16_3 = 0x53,
    DIFF_DS16_0 = 0x58,
    DIFF_DS16_3 = 0x63,
    DIFF_LDT = 0x68,
};

/** Selectors of the local descriptor table, which a program may fill as it likes (modify_ldt): those of segments in
 *  compatibility modes that are not Linux's own. */
enum {
    DIFF_LDT_ENTRIES = 64,
    DIFF_LDT_CS = 0x07,
    DIFF_LDT_SS = 0x0f,
    DIFF_LDT_DS = 0x17, /* and ES */
    DIFF_LDT_FS = 0x1f,
    DIFF_LDT_GS = 0x27,
};

#define DIFF_NOWHERE UINT64_MAX

struct DiffSpace {
    enum DiffMode mode;
    unsigned cpl;
    struct Region ram; /* physical memory from 0 */
    struct DiffPage *page;
    unsigned pages;
    uint64_t sys, sys_phys; /* of DIFF_SYS_*; sys is DIFF_NOWHERE where real-address mode has no room left for it */
    uint64_t ivt;           /* real-address mode's vectors: at 0, or beyond the pages if one of them is there */
    uint64_t a20_mask;      /* real-address mode: the bits of an address that count */
    CPUX86State env;        /* what every case starts from, but for what it says itself */
};

/**
 * Make a space of these pages (copied, sorted). 0, -EINVAL (pages that overlap each other, or cannot be in that mode)
 * or another -errno, with one line in `why`.
 */
int diff_space_init(struct DiffSpace *s, enum DiffMode mode, unsigned cpl, const struct CpuModel *model,
                    const struct DiffPage *page, unsigned pages, char *why, size_t n);
/** Make it another space, in the memory that it has. -ENOSPC: that is not enough. */
int diff_space_change(struct DiffSpace *s, enum DiffMode mode, unsigned cpl, const struct CpuModel *model,
                      const struct DiffPage *page, unsigned pages, char *why, size_t n);
/** The same space with other pages, whose memory is as it was; -ENOSPC: it must be made anew. */
int diff_space_move(struct DiffSpace *s, const struct DiffPage *page, unsigned pages, char *why, size_t n);
/** Real-address mode without vectors and handlers, all of its memory 0: for engines that tell of exceptions by
 *  themselves.
 */
void diff_space_clear_real(struct DiffSpace *s);
void diff_space_destroy(struct DiffSpace *s);

/** The page of a linear address, or NULL. */
const struct DiffPage *diff_space_page(const struct DiffSpace *s, uint64_t linear);
/** Host address of a byte of a case's page, or NULL where there is none. Pages that follow one another in linear space
 *  do so here. */
uint8_t *diff_space_at(const struct DiffSpace *s, uint64_t linear);
/** Make the local descriptor table say what these segments are, where their selectors are of that table. Compatibility
 *  modes have one. */
void diff_space_put_ldt(struct DiffSpace *s, const struct X86Segment seg[SEG_COUNT]);

/** Physical address of the same. */
uint64_t diff_space_phys(const struct DiffSpace *s, uint64_t linear);

#endif
