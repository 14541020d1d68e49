/* SPDX-License-Identifier: MIT */
/**
 * The generator: batches of cases from the instruction table. A batch is a function of seed, number and rows only.
 *
 * Cases come in groups that share an encoding: it is decoded once and meets many inputs. Each case has a window of
 * memory of its own, so that the order in which cases run does not matter, and a failing one can be taken out alone.
 */
#ifndef TWIN86_DIFF_GENERATE_H
#define TWIN86_DIFF_GENERATE_H

#include "diff/generate/encode.h"
#include "diff/run/runner.h"

enum {
    GEN_SLOT = 128,
    GEN_SLOTS_PAGE = 4096 / GEN_SLOT - 1,
    GEN_CODE_PAGES = DIFF_BATCH / GEN_SLOTS_PAGE + 2,
    GEN_WINDOW = 1024,
    GEN_DATA_PAGES = DIFF_BATCH * GEN_WINDOW / 4096 + 1,
    GEN_EDGES = 64,
    GEN_EDGE_SIZE = 0x4000,
    GEN_MAX_PAGES = GEN_CODE_PAGES + GEN_DATA_PAGES + 2 * GEN_EDGES,
};

/**
 * Where things lie in linear memory, all of it below 2 GiB, so that every addressing form reaches it; for real-address
 * and v8086 mode below 1 MiB. In 16-bit modes each case has segments of its own about its code and data.
 */
struct GenLayout {
    uint64_t code;         /* slots of GEN_SLOT bytes; the first of each page is for what crosses into it */
    uint64_t data;         /* a window for each case; every fourth has a page boundary in its middle */
    uint64_t edge;         /* groups of four pages: unmapped, writable, one of GEN_EDGE_KINDS, unmapped */
    unsigned cases, edges; /* of a batch: at most DIFF_BATCH, GEN_EDGES */
    unsigned code_pages, data_pages;
};
const struct GenLayout *gen_layout(enum DiffMode mode);

/** Whether code and data of this mode need segments of their own. */
static inline bool gen_mode16(enum DiffMode mode) {
    return mode == DIFF_REAL16 || mode == DIFF_V8086 || mode == DIFF_PROT16 || mode == DIFF_COMPAT16;
}

/** The second mapped page of an edge: kind k % GEN_EDGE_KINDS. */
enum { EDGE_UNMAPPED, EDGE_READ_ONLY, EDGE_SUPERVISOR, EDGE_WRITABLE, GEN_EDGE_KINDS };

enum { GEN_MAX_COUNT = 32, GEN_MAX_PADS = 3, GEN_MAX_LENGTH = 8, GEN_MAX_BYTES = 60 };

/** Cases with the same code. */
struct GenGroup {
    struct DiffInsn insn[GEN_MAX_LENGTH];
    uint8_t length, bytes; /* instructions, and how long they are together */
    uint16_t row;          /* what was wanted of the first */
    uint16_t first, count; /* cases */
    uint64_t code;         /* where the instructions lie */
    uint64_t cs_base;
    uint32_t cs_limit; /* with cs_ar; both 0: the mode's */
    uint16_t cs_ar, cs; /* CS's attributes and selector */
    uint64_t slot;              /* where its slot begins */
    uint64_t pad[GEN_MAX_PADS]; /* behind it, before it, farther on */
};

/** A batch. */
struct GenBatch {
    const struct GenLayout *layout;
    enum DiffMode mode;
    struct DiffState in[DIFF_BATCH];
    uint16_t group_of[DIFF_BATCH];
    uint64_t window[DIFF_BATCH]; /* linear address of each case's GEN_WINDOW bytes */
    struct GenGroup group[DIFF_BATCH];
    unsigned count, groups;
    unsigned edges;                      /* in use */
    uint8_t data[GEN_DATA_PAGES * 4096]; /* what the windows hold before */
    uint8_t edge[GEN_EDGES][2 * 4096];   /* the two inner pages of each edge */
};

struct Generator;

/** The pages of all batches: at most GEN_MAX_PAGES. */
unsigned gen_pages(enum DiffMode mode, struct DiffPage *page);
/** MODE_*, as the decoder takes it. */
uint32_t gen_decode_mode(enum DiffMode mode);

/** What to generate. */
struct GenSetup {
    const struct CpuModel *model;
    uint64_t seed;
    const uint16_t *row; /* used in turn */
    unsigned rows;
    unsigned length; /* instructions of a case, at most GEN_MAX_LENGTH */
    enum DiffMode mode;
    unsigned cpl;
    const CPUX86State *env; /* what cases start from; must stay */
    bool qemu;              /* the oracle is QEMU's emulation: encodings that end it are left out */
    bool system;            /* for runners of runner_system.c: what tells of the system's tables takes part */
};

/** NULL when out of memory. */
struct Generator *gen_new(const struct GenSetup *setup);
void gen_free(struct Generator *g);

/** Fill `b` with batch `number`. */
void gen_batch(struct Generator *g, uint64_t number, struct GenBatch *b);

/** Put a batch's code (with pads) and data where a runner has them. */
void gen_load(const struct GenBatch *b, struct DiffRunner *r);
/** The same with the code of one group, and other bytes than those in place of all other code. */
void gen_load_alone(const struct GenBatch *b, struct DiffRunner *r, unsigned group);

/** Why the generator leaves a row alone in this mode, or NULL. */
const char *gen_left_out(unsigned row, bool system);

/** Bytes of a case's window, as `b` or a runner has them; page by page, because parts may not be mapped. */
const uint8_t *gen_window_before(const struct GenBatch *b, uint64_t linear);

#endif
