/* SPDX-License-Identifier: MIT */
/**
 * Ways from block to block that need no lookup: links of direct branches, and the jump cache of indirect ones.
 *
 * A link within a page holds as long as its blocks do: who runs in a page needs no translation to stay there. All other
 * ways depend on translations, and are forgotten with them: when CR3 is written those through user code, but those
 * through supervisor code only if that was not all in global pages. What a way's hint says is then looked at before the
 * hash of blocks is.
 *
 * A link belongs to the physical page of its branch, but is about linear addresses. So a page that is executed under
 * two linear addresses at a time makes all ways be forgotten whenever the other is entered.
 */
#ifndef TWIN86_TCG_LINKS_H
#define TWIN86_TCG_LINKS_H

#include "accel/tcg-lite/run/block.h"

struct Links;

/** NULL when out of memory. */
struct Links *links_new(void);
void links_free(struct Links *l);

/** Branch `from` (NULL: an instruction that may have changed translations) goes to b through `link`. */
void tcg_link(struct Tcg *t, const struct Insn *from, struct BlockLink *link, struct Block *b);

/** Forget all ways through supervisor code, user code, or both; and translations for instruction fetch with them. */
enum { LINKS_SUPER = 1, LINKS_USER = 2, LINKS_ALL = 3 };
void tcg_forget_links(struct Tcg *t, unsigned which);
/** The translation of this linear page is no longer true. */
void tcg_forget_page(struct Tcg *t, uint64_t linear);
/** Non-global translations are no longer true. */
void tcg_forget_local_links(struct Tcg *t);
/** All blocks, and the links in them, are gone. */
void tcg_links_gone(struct Tcg *t);

/** A physical page is about to be executed at this linear address, after a walk. */
void tcg_page_entered(struct Tcg *t, struct ExecTlbEntry *e, uint64_t linear, uint64_t phys, bool user, bool global);

#endif
