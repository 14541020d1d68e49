/* SPDX-License-Identifier: MIT */
/**
 * A CPU on a bench for tests of tcg-lite: RAM, one vCPU, no devices, no thread. Put bytes in, run n instructions, look
 * at env.
 *
 * Exceptions arrive at handlers that halt: cpu_bench_run then returns VCPU_EXIT_HALT and cpu_bench_vector says which.
 */
#ifndef TWIN86_TESTS_CPU_BENCH_H
#define TWIN86_TESTS_CPU_BENCH_H

#include "accel/tcg-lite/engine.h"
#include "accel/tcg-lite/run/tcg.h"

enum {
    BENCH_RAM = 16 << 20,
    BENCH_PML4 = 0x1000,
    BENCH_PDPT = 0x2000,
    BENCH_PD = 0x6000, /* first GiB in 2 MiB pages */
    BENCH_GDT = 0x3000,
    BENCH_IDT = 0x4000,
    BENCH_TSS = 0x5000,
    BENCH_HANDLERS = 0x8000, /* 16 bytes a vector */
    BENCH_STACK0 = 0x20000,  /* RSP0 */
    BENCH_STACK = 0x40000,
    BENCH_CODE = 0x100000,
    BENCH_DATA = 0x200000,
};

/** Selectors in the bench's GDT. */
enum {
    BENCH_CS64 = 0x08,
    BENCH_DS0 = 0x10,
    BENCH_CS32 = 0x18,
    BENCH_CS16 = 0x20,
    BENCH_DS3 = 0x28 | 3,
    BENCH_CS64_3 = 0x30 | 3,
    BENCH_CS32_3 = 0x38 | 3,
    BENCH_TR = 0x40,
};

enum BenchMode { BENCH_REAL16, BENCH_PM32, BENCH_PM32_USER, BENCH_LONG, BENCH_LONG_USER };

struct CpuBench {
    struct CPUState cpu;
    struct Accel accel;
    struct Region ram;
    pthread_mutex_t lock;
    CPUX86State *env; /* = &cpu.env */
    uint8_t *mem;     /* = ram.host */
};

/** `model` as -cpu takes it. Fails the test when something can't be made. */
struct CpuBench *cpu_bench_new(const char *model, enum BenchMode mode);
void cpu_bench_free(struct CpuBench *b);

/** The engine anew, with these options: what was executed so far is forgotten, env is not. */
void cpu_bench_restart(struct CpuBench *b, const char *options);

/** Put code at BENCH_CODE and point RIP there. */
void cpu_bench_code(struct CpuBench *b, const void *bytes, size_t n);
/** Run at most n instructions; env is up to date afterwards and may be changed. */
enum VcpuExit cpu_bench_run(struct CpuBench *b, uint64_t n);
/** Run this code, which ends in HLT, or its exception's handler; the vector as cpu_bench_vector says it. */
int cpu_bench_try(struct CpuBench *b, const void *code, size_t n);
/** The same with the bytes in the source, HLT added. */
#define CPU_BENCH_RUN(b, ...)                                                                                          \
    ({                                                                                                                 \
        static const uint8_t code_[] = {__VA_ARGS__, 0xf4};                                                            \
        cpu_bench_try(b, code_, sizeof(code_));                                                                        \
    })
/** The vector whose handler halted, or -1. */
int cpu_bench_vector(const struct CpuBench *b);
/** k-th 8-byte (long mode) or 4-byte word of the exception frame; 0 is the error code if there is one, else RIP. */
uint64_t cpu_bench_frame(const struct CpuBench *b, unsigned k);

#endif
