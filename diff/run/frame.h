/* SPDX-License-Identifier: MIT */
/** What the handlers of a space (space.h) find on their stack, and the system's registers as a list of numbers. */
#ifndef TWIN86_DIFF_FRAME_H
#define TWIN86_DIFF_FRAME_H

#include "diff/generate/space.h"
#include "diff/run/state.h"

/** CS and SS as an exception found them. */
struct DiffFrame {
    uint64_t cs, ss;
    uint64_t base, sp, mask; /* where the frame lies: diff_frame_at */
    unsigned bytes;          /* 0: no handler was entered */
};

/** The linear address of the frame's byte k; one at the end of a segment goes on at its beginning. */
static inline uint64_t diff_frame_at(const struct DiffFrame *f, unsigned k) {
    return f->base + ((f->sp + k) & f->mask);
}

/** True when RIP is in one of the space's handlers. */
bool diff_in_handler(const struct DiffSpace *s, const CPUX86State *env);

/** The vector of the handler that `env` is in. */
uint32_t diff_handler_vector(const struct DiffSpace *s, const CPUX86State *env);

/**
 * `env` is at the beginning of the handler of out->vector, or behind its HLT: make `out` what the exception found,
 * error code, CR2 and DR6 included, and data segments of v8086 mode in `env`. All else of `out` has been taken from env
 * before.
 */
void diff_frame_read(const struct DiffSpace *s, CPUX86State *env, struct DiffState *out, struct DiffFrame *frame);

/** A pad that is INT3 and a few letters, and whether one is there. */
void diff_trap_pad(uint8_t *at);
bool diff_at_trap_pad(const struct DiffSpace *s, uint64_t linear);

enum { DIFF_SYSTEM = 54 };

/** What a program at CPL 0 can see beyond struct DiffState. */
struct DiffSystem {
    uint64_t v[DIFF_SYSTEM];
};
extern const char diff_system_names[DIFF_SYSTEM][12];

void diff_system_read(const CPUX86State *env, const struct DiffFrame *frame, struct DiffSystem *out);

/** Of code and stack segment what goes with the selectors: known where no handler has been entered. */
void diff_system_read_own(const CPUX86State *env, struct DiffSystem *out);
/** Bit by number in diff_system_names: those. */
#define DIFF_SYSTEM_OWN (31ull << 48)

#endif
