/* SPDX-License-Identifier: MIT */
/**
 * One 64-bit user-mode instruction on the host CPU itself: registers, flags, x87, MMX, SSE and a window of memory go in
 * and come out. Code and window lie at the addresses that tests/unit/tcg/cpu_bench.h uses, so the same case runs in
 * tcg-lite.
 */
#ifndef TWIN86_TESTS_NATIVE_H
#define TWIN86_TESTS_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NATIVE_CODE = 0x100000,
    NATIVE_WINDOW = 0x200000, /* readable and writable; what lies around it is not mapped */
    NATIVE_WINDOW_SIZE = 0x2000,
    NATIVE_CONTROL = 0x300000,
};

/** What an instruction can see and change. */
struct NativeState {
    uint8_t fx[512] __attribute__((aligned(64))); /* FXSAVE64 image */
    uint64_t gpr[16];
    uint64_t rflags;
    uint32_t fpu_env[8]; /* FSTENV image (out only; all zero after a fault) */
    int64_t vector;      /* out: exception, or -1 */
    uint64_t fault_rip;
};

/** Map code, window and control pages; catch signals. False: this address space has no room for them. */
bool native_init(void);
/** False when this process has something at the addresses that native_init needs. */
bool native_possible(void);

/** Run the instruction, or several that follow one another (n up to 4000 bytes). The window holds the memory operand
 * before and after. */
void native_run(const uint8_t *insn, unsigned n, const struct NativeState *in, struct NativeState *out);

static inline uint8_t *native_window(void) { return (uint8_t *)(uintptr_t)NATIVE_WINDOW; }

#endif
