/* SPDX-License-Identifier: MIT */
/** What the guest's page tables map, page by page. */
#ifndef TWIN86_DEBUG_MONITOR_PAGING_H
#define TWIN86_DEBUG_MONITOR_PAGING_H

#include "machine/machine.h"

/** Bits of an entry (SDM vol. 3, 4.3 to 4.5). */
enum {
    PAGE_P = 1 << 0,
    PAGE_W = 1 << 1,
    PAGE_U = 1 << 2,
    PAGE_PWT = 1 << 3,
    PAGE_PCD = 1 << 4,
    PAGE_A = 1 << 5,
    PAGE_D = 1 << 6,
    PAGE_PS = 1 << 7, /* not in 4 KiB pages: there it is PAT */
    PAGE_G = 1 << 8,
};
#define PAGE_NX (1ull << 63)

struct GuestPage {
    uint64_t linear, phys, size;
    uint64_t entry;  /* the one that maps it */
    uint64_t rights; /* PAGE_W and PAGE_U, as all levels grant them, and PAGE_NX, as any level says */
};

enum PageWalkEnd {
    PAGE_WALK_DONE,
    PAGE_WALK_STOPPED,  /* by the visitor */
    PAGE_WALK_TOO_LONG, /* more tables than there can be sense in: one may be its own child */
};

/** False: enough. */
typedef bool PageVisitor(void *opaque, const struct GuestPage *page);

/** Visit every page that `env`'s tables map, in the order of linear addresses. Paging must be on; stopped, env up to
 * date. Permissions aside nothing is checked, and nothing is marked accessed. */
enum PageWalkEnd guest_pages(struct Machine *m, const CPUX86State *env, PageVisitor *visit, void *opaque);

#endif
