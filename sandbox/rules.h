/* SPDX-License-Identifier: MIT */
/** The table of allowed system calls. Private to sandbox/ and its tests. */
#ifndef TWIN86_SANDBOX_RULES_H
#define TWIN86_SANDBOX_RULES_H

#include "sandbox/sandbox.h"

#include <stdint.h>

/** Bits of SandboxRule.threads beside those of threads: for threads in which libslirp works, where it serves files. */
enum { SANDBOX_TFTP = SANDBOX_THREADS };

enum SandboxTestKind { TEST_NONE, TEST_BITS, TEST_OWN_PID };

/** A condition on one argument. */
struct SandboxTest {
    enum SandboxTestKind kind;
    unsigned argument;    /* 0 is the first */
    uint64_t mask, value; /* TEST_BITS: (argument & mask) == value */
};

/** These threads may do this call when all tests hold. With several rows for a call: when those of one row hold. */
struct SandboxRule {
    int call;         /* SCMP_SYS(name) */
    unsigned threads; /* bits 1 << enum SandboxThread */
    int error;        /* not 0: it fails with this, and nobody is told: libraries try such calls and do without */
    struct SandboxTest test[3];
};

extern const struct SandboxRule sandbox_rules[];
extern const unsigned sandbox_rule_count;

/** Calls that have a switch of their own in struct SandboxOptions. Where that is on, the session's thread and the event
 *  loop may do them; where it is off, they are refused even when starting programs is allowed. */
struct SandboxGroup {
    int option; /* offset in struct SandboxOptions; -1: there is no switch, and it is off */
    const int *calls;
    unsigned count;
};
extern const struct SandboxGroup sandbox_groups[];
extern const unsigned sandbox_group_count;

/** Name of a system call; NULL: there was none of that number when this was built. Async-signal-safe. */
const char *sandbox_call_name(int call);

#endif
