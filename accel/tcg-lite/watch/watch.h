/* SPDX-License-Identifier: MIT */
/**
 * Looking at instructions without single steps: the last ones that were executed (--trace-last), and those that would
 * exit under hardware virtualization (exit statistics).
 *
 * While somebody looks, struct Tcg has a TcgWatch, and each block a BlockExtra with the bytes that it was decoded from.
 * The exec function of a block's first instruction, of instructions that are counted and of those after them is then
 * one of the hooks here, which goes on in the function that was there. Without anybody, nothing of this exists.
 */
#ifndef TWIN86_TCG_WATCH_H
#define TWIN86_TCG_WATCH_H

#include "accel/look.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/functions.h"
#include "cpu/exits.h"

/** What is known of a block beside what executing it needs. In the arena, behind the block. */
struct BlockExtra {
    const uint8_t *bytes;
    const ExecFn *fn;    /* by index: the exec functions behind the hooks; NULL: only the first instruction has one */
    const uint16_t *row; /* by index: the row of x86.tab of one that is counted, else 0 */
};

/** The block has one (extra_at). */
static inline const struct BlockExtra *block_extra(const struct Block *b) {
    return (const struct BlockExtra *)((const uint8_t *)b + b->extra_at);
}

/** A block was entered. The instructions executed in it are those until the next entry. */
struct HistoryEntry {
    const struct Block *block;
    uint64_t rip;
    union {
        uint64_t count;   /* number of instructions executed when the block will have ended, 48 bits */
        uint16_t word[4]; /* [3]: CS */
    };
};

/**
 * The history is in two halves. When the one has the number of instructions that were asked for, or is full, the other
 * begins anew; so both together have enough of them, and as most blocks have several instructions, no more memory is
 * written than the host's first cache holds with ease.
 */
struct TcgWatch {
    struct HistoryEntry *next; /* where the next entry goes */
    struct HistoryEntry *end;  /* where to look whether this half is done */
    uint64_t began;            /* the number of instructions executed when it began */
    unsigned size;             /* of each half, entries, and instructions that it must have; 0: no history is kept */
    unsigned current;          /* which half */
    unsigned older;            /* entries in the other one */
    struct HistoryEntry *entry[2];
    void *kept; /* copies of blocks that were flushed, to which entries point */

    bool counting;           /* the instructions that would exit */
    bool window, nmi_window; /* an interrupt or NMI waits for the guest to let it in */
    bool dr_open;            /* MOV DR does not exit until the next exit */
    uint64_t last_exit;      /* insn_count behind the instruction that made it; UINT64_MAX: none */
};

/** Make t->watch if cpu->trace or cpu->exits want it. `own`: this engine runs the guest, rather than assist another. 0
 * or -ENOMEM. */
int tcg_watch_init(struct Tcg *t, bool own);
void tcg_watch_free(struct Tcg *t);
/** Somebody wants to know what is executed, not only what is decoded: blocks have hooks, and the translator leaves them
 *  alone. */
static inline bool tcg_watch_executes(const struct Tcg *t) {
    return t->watch != NULL && (t->watch->counting || t->watch->size != 0);
}

/** How much room the BlockExtra of a block of `n` instructions and `bytes` bytes takes. */
size_t tcg_extra_size(const struct TcgWatch *w, unsigned n, unsigned bytes);
/** Make it at `room` and put the hooks in. The block is complete. */
void tcg_extra_fill(struct Tcg *t, struct Block *b, void *room, const struct TcgDecoded *d, const uint8_t *bytes);

/** The blocks are about to be flushed: keep what the history needs of them. */
void tcg_history_keep(struct TcgWatch *w);
/** See AccelLookOps.doctor. */
void tcg_doctor(FILE *f);
/** AccelLookOps.history. */
void tcg_history(struct CPUState *cpu, unsigned n, void (*fn)(void *opaque, const struct AccelExecuted *e),
                 void *opaque);

/* ---- exits.c: what would exit ---- */

/** Whether instructions of this row are to be counted. */
bool tcg_exit_counts(const struct X86Row *row);
/** Instruction i, of such a row, is about to run. */
void tcg_exit_insn(struct Tcg *t, const struct Insn *i, const struct X86Row *row);
/** An access to a port or to what is no memory begins and ends; whoever runs the guest counts these. */
void tcg_exit_access(struct Tcg *t, const struct Insn *i, enum ExitReason reason, uint64_t place, bool write);
/** Events are looked at between two instructions: one that waits now, because the guest can't take it. */
void tcg_exit_blocked(struct Tcg *t, uint32_t events);
/** An interrupt (or NMI) or an exception is about to be delivered. */
void tcg_exit_interrupt(struct Tcg *t, uint8_t vector);
void tcg_exit_exception(struct Tcg *t, uint8_t vector);
/** A call of the hypervisor that is one: neither #UD nor left to the guest. */
void tcg_exit_hypercall(struct Tcg *t, const struct Insn *i);
void tcg_exit_plain(struct Tcg *t, enum ExitReason reason);

#endif
