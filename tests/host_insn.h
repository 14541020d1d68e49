/* SPDX-License-Identifier: MIT */
/** One instruction on the host CPU, with given registers. */
#ifndef TWIN86_TESTS_HOST_INSN_H
#define TWIN86_TESTS_HOST_INSN_H

#include <stdbool.h>
#include <stdint.h>

/** FXSAVE image, as a signal frame has it. */
struct HostFx {
    uint16_t fcw, fsw;
    uint8_t ftw, reserved;
    uint16_t fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t mantissa;
        uint16_t sign_exp, pad[3];
    } st[8]; /* relative to the top of stack */
    uint64_t xmm[16][2];
    uint8_t rest[96];
};
_Static_assert(sizeof(struct HostFx) == 512, "FXSAVE");

struct HostState {
    uint64_t gpr[16]; /* in encoding order */
    uint64_t rip, rflags;
    struct HostFx fx;
    uint64_t ymm[16][2]; /* the upper halves; 0 where the host has no AVX */
    bool code32;         /* 32-bit code: only the low halves of the first eight registers count */
    int vector;          /* of the exception that ended it, 3 for INT3; out */
    uint32_t error;      /* its error code, and the address if it is #PF; out */
    uint64_t cr2;
};

/** Map [at, at + size) for code and data of tests, readable, writable, executable. Returns 0 or -errno. */
int host_map(uint64_t at, uint64_t size);
/** Catch the signals that tests may raise. Not thread-safe: one test at a time. */
void host_insn_init(void);
/** Whether tests can load and see the upper halves of YMM registers: else they stay as they are. */
bool host_insn_has_avx(void);
/** Whether the kernel has a segment for 32-bit user code; without it (some virtual machines) code32 can't be run. */
bool host_insn_has_code32(void);
/** Run from s->rip until an exception; *s becomes the state there. */
void host_insn_run(struct HostState *s);

#endif
