/* SPDX-License-Identifier: MIT */
/** Where the stub (stub.h) has its things. Apart, because <ucontext.h> and cpu/env.h can't be had in one file. */
#ifndef TWIN86_DIFF_STUB_LAYOUT_H
#define TWIN86_DIFF_STUB_LAYOUT_H

#include <stdint.h>

enum {
    STUB_BASE = 0x20000000,    /* code, one page */
    STUB_CONTROL = 0x20001000, /* one page; the stub's stack is at its end */
    STUB_DONE = 0x20002000,    /* a page without memory, written after the last case */
    STUB_IN = 0x20010000,      /* struct DiffState [DIFF_BATCH] */
    STUB_OUT = 0x20210000,
    STUB_END = 0x20410000,
    STUB_FRAME = 0x30004000, /* = DIFF_SYS + DIFF_SYS_STACK_TOP: below it lies the frame of an exception */
    STUB_FPU_ENV = 544,      /* within a stored record: what FNSTENV says of the x87's pointers */
};

/** The control page. */
struct StubControl {
    uint64_t current; /* the record in use */
    uint64_t target;  /* where its code is */
    uint64_t r15;
    uint64_t rip; /* the pad that was reached, or what the handler's frame says */
    uint64_t cr2;
    uint32_t vector;
    uint32_t components; /* of XCR0: what is loaded and stored */
    uint64_t count;      /* cases to go, at least 1 */
    uint32_t dr6;        /* after #DB */
    uint32_t unused;
    uint64_t host[4]; /* of runner_host.c */
};

/** Where a handler goes on, with every register but RSP and RFLAGS as the exception left them; these, RIP and the error
 *  code are taken from the frame at STUB_FRAME. */
extern const uint8_t diff_stub[], diff_stub_fault[];
static inline uint64_t diff_stub_fault_address(void) { return STUB_BASE + (uint64_t)(diff_stub_fault - diff_stub); }

#endif
