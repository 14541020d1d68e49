/* SPDX-License-Identifier: MIT */
/**
 * Runners: what takes many cases at once to an engine. All run in one space; a case is a DiffState to start from, with
 * its code and data already in the runner's memory.
 *
 * A case ends at a pad: an address where the runner has put what tells it that the case arrived there. It stands behind
 * a case's last instruction and wherever else a branch may lead. What a program must not touch (other code) is filled
 * with INT3.
 */
#ifndef TWIN86_DIFF_RUNNER_H
#define TWIN86_DIFF_RUNNER_H

#include "diff/run/frame.h"
#include "diff/generate/space.h"
#include "diff/run/state.h"

enum {
    DIFF_BATCH = 2048,  /* cases at once */
    DIFF_PAD_SIZE = 16, /* bytes that a pad takes */
};

struct DiffRunner;

/** What to make a runner for. */
struct DiffSetup {
    enum DiffMode mode;
    unsigned cpl;
    const struct CpuModel *model;
    const struct DiffPage *page;
    unsigned pages;
    bool pointers32; /* of FIP and FDP the low halves count: all that FNSTENV tells */
};

struct DiffRunnerOps {
    const char *name;
    bool system_wide; /* any mode; fills `system` */
    /** 0 or -errno with one line in `why`; -ENOTSUP: not in this mode, or not on this host. */
    int (*open)(struct DiffRunner **r, const struct DiffSetup *setup, char *why, size_t n);
    void (*close)(struct DiffRunner *r);
    /** Put a pad of DIFF_PAD_SIZE bytes at host address `at`, which is `linear` for cases. */
    void (*pad)(struct DiffRunner *r, uint8_t *at, uint64_t linear);
    /**
     * Code was written. Then run in[which[k]] for k < count <= DIFF_BATCH, one after the other, into out[which[k]].
     * 0, or -errno with one line in `why`: the engine could not go on.
     */
    void (*code_changed)(struct DiffRunner *r);
    int (*run)(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n);
    /** Whether a case with this of its own can be run: 0, or -EINVAL with one line in `why`. NULL: none can, or, if
     * system_wide, any. */
    int (*takes)(struct DiffRunner *r, const struct DiffState *in, const struct DiffOwnSystem *own, char *why,
                 size_t n);
};

/** The head of every runner. */
struct DiffRunner {
    const struct DiffRunnerOps *ops;
    struct DiffSpace space;
    unsigned stuck;            /* after a failed run: the case that it failed in */
    bool oracle_pads;          /* pads as the oracle has them are wanted, to see what depends on them */
    struct DiffSystem *system; /* by case: more that came out; NULL: this runner does not tell */
    const struct DiffOwnSystem *own; /* what all cases have instead of the mode's (`takes`); NULL: nothing */
};

/* "jit": with jit=eager. */
extern const struct DiffRunnerOps diff_tcg_runner, diff_jit_runner;
extern const struct DiffRunnerOps diff_host_runner;
#ifdef HAVE_KVM
extern const struct DiffRunnerOps diff_kvm_runner;
#endif

/* runner_system.c: any mode and privilege level, slowly; they tell of system registers, too. "plain" is tcg-lite with
 * plain=on. */
extern const struct DiffRunnerOps diff_tcg_system_runner, diff_jit_system_runner, diff_plain_system_runner;
#ifdef HAVE_KVM
extern const struct DiffRunnerOps diff_kvm_system_runner;
#endif

#endif
