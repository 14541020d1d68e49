/* SPDX-License-Identifier: MIT */
/**
 * A whole guest on two engines, compared as it runs. Two ways:
 *
 *  - a pair (lockstep_pair.c): two complete machines under -icount, which makes each run a function of the guest alone.
 *    They run freely and are compared every so many instructions; when they differ, both are started anew, run to the
 *    last point where they agreed, and go on from there one instruction at a time;
 *  - leader and follower (lockstep_follow.c): for engines that have no instruction count, such as kvm. The leader (the
 *    software engine) has the devices; the follower executes the same instructions one by one, and gets what devices,
 *    clocks and interrupts gave to the leader.
 *
 * twin86_diff_guest (guest.c) chooses.
 */
#ifndef TWIN86_DIFF_LOCKSTEP_H
#define TWIN86_DIFF_LOCKSTEP_H

#include "cpu/env_fields.h"
#include "debug/disas.h"
#include "machine/machine.h"

#include <stdio.h>

/* ---- differences (lockstep_compare.c) ---- */

enum LockKind { LOCK_FIELD, LOCK_RAM, LOCK_DEVICE, LOCK_RUN };

/** One thing that is not the same on both sides. */
struct LockDiff {
    enum LockKind kind;
    const struct EnvField *field; /* LOCK_FIELD */
    uint64_t gpa;                 /* LOCK_RAM: offset in RAM, a multiple of 8 */
    char name[40];
    char value[2][72];
};

enum { LOCK_DIFFS = 24 };

/** The first LOCK_DIFFS differences; `total` counts all. */
struct LockDiffs {
    struct LockDiff item[LOCK_DIFFS];
    unsigned count;
    uint64_t total;
};

/** Which bits of which fields are not compared: bits set are ignored; a field of more than 8 bytes is ignored whole. */
struct LockMask {
    uint64_t *ignore; /* env_field_count of them, or NULL: all is compared */
};

void lock_diffs_clear(struct LockDiffs *d);
/** Add one with values as text. */
void lock_diffs_add(struct LockDiffs *d, enum LockKind kind, const char *name, const char *a, const char *b);
void lock_compare_env(const CPUX86State *a, const CPUX86State *b, const struct LockMask *mask, struct LockDiffs *d);
/** Whether anything differs, without saying what. */
bool lock_same_env(const CPUX86State *a, const CPUX86State *b, const struct LockMask *mask);
/** Counts, time, HLT, and all devices. */
void lock_compare_devices(const struct Machine *a, const struct Machine *b, struct LockDiffs *d);
/** All of RAM that either side has touched. */
void lock_compare_ram(const struct Region *a, const struct Region *b, struct LockDiffs *d);
void lock_compare_words(const struct Region *a, const struct Region *b, uint64_t from, uint64_t to,
                        struct LockDiffs *d);
/** Call `accept` for each word that differs and may. */
void lock_level_ram(const struct Region *a, const struct Region *b, bool (*may)(uint64_t a, uint64_t b),
                    void (*accept)(void *opaque, uint64_t offset), void *opaque);
/** The words of RAM that `watch` names. */
void lock_compare_watched(const struct Region *a, const struct Region *b, const struct LockDiffs *watch,
                          struct LockDiffs *d);

/* ---- the last instructions (lockstep_history.c) ---- */

/** One instruction, and the registers after it on both sides. */
struct LockMoment {
    uint64_t count; /* instructions executed before it */
    uint16_t cs;
    struct DisasLine line; /* its text may have to be made yet: see lock_history_resolve */
    enum DisasMode mode;
    char note[64]; /* what else is to be said of it */
    bool event;    /* an exception or interrupt was delivered after it */
    CPUX86State after[2];
};

struct LockHistory {
    struct LockMoment *ring;
    unsigned size;  /* moments kept; one more is there for the registers before them */
    uint64_t total; /* noted since cleared */
};

/** Keep the last `size` (at least 1). 0 or -ENOMEM. */
int lock_history_init(struct LockHistory *h, unsigned size);
void lock_history_destroy(struct LockHistory *h);
void lock_history_clear(struct LockHistory *h);
/** The next moment, its note cleared, for the caller to fill in. */
struct LockMoment *lock_history_next(struct LockHistory *h);
/** k = 0: the latest; NULL when there is none. */
struct LockMoment *lock_history_back(const struct LockHistory *h, unsigned k);
/** Disassemble those that have bytes only. */
void lock_history_resolve(struct LockHistory *h, struct Disas *disas);
/** Print all of them. `names` of the sides; what `mask` (or NULL) ignores need not be told apart; `mark`: this many
 *  moments before the latest one is pointed at. */
void lock_history_print(const struct LockHistory *h, const char *const names[2], const struct LockMask *mask,
                        unsigned mark, FILE *f);
void lock_diffs_print(const struct LockDiffs *d, const char *const names[2], FILE *f);

/* ---- running ---- */

enum LockOutcome { LOCK_SAME, LOCK_DIFFERENT, LOCK_FAILED };

/** For tests: when `side` has executed `at` instructions, `apply` breaks something. */
struct LockPlant {
    unsigned side;
    uint64_t at;
    void (*apply)(void *opaque, struct Machine *m); /* NULL: nothing is planted */
    void *opaque;
};

struct LockConfig {
    Twin86Config machine; /* accel is not looked at */
    const Twin86Guest *guest;
    const char *engine[2];
    uint64_t limit;   /* instructions; 0: to the end */
    uint64_t every;   /* compare after so many instructions */
    unsigned history; /* instructions to print */
    bool exits;       /* with a follower: from exit to exit, each instruction only where that shows something */
    int timeout_ms;   /* -1: none */
    struct LockPlant plant;
    FILE *report; /* where what differs is told */
};

struct LockResult {
    enum LockOutcome outcome;
    uint64_t instructions; /* compared */
    uint64_t first;        /* LOCK_DIFFERENT: instructions executed before the first that differs */
    uint64_t rip;          /* ... and its address */
    uint64_t block; /* ... instructions that must run as a block for the difference to show; 0: it shows in steps */
    uint64_t compares;
    uint64_t meetings; /* follower: how often it was compared */
    uint64_t returns;  /* ... how often the run began anew to look closer */
    uint64_t given;    /* follower: values taken from the leader */
    Twin86Event end;   /* what ended the run, on both sides */
    bool timed_out;
    int error;     /* LOCK_FAILED: -errno; -EINVAL: what was asked for is wrong */
    char why[256]; /* ... one line */
};

/** Two complete machines. */
void lock_run_pair(const struct LockConfig *c, struct LockResult *r);
/** Leader (side 0, tcg-lite) and follower (side 1). */
void lock_run_follow(const struct LockConfig *c, struct LockResult *r);

/** A machine of the configuration with this engine, its guest loaded; NULL with r->why filled. */
struct Machine *lock_machine_new(const struct LockConfig *c, const char *engine, bool icount, bool output,
                                 struct LockResult *r);
void lock_machine_free(struct Machine *m);
int64_t lock_now_ms(void);

#endif
