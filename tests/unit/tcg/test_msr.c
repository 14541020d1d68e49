/* SPDX-License-Identifier: MIT */
/* Model-specific, control and debug registers and port permissions of tcg-lite. */
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>

static struct CpuBench *bench(enum BenchMode mode) { return cpu_bench_new("max", mode); }

/* The vector that the instruction raised, or -1. */
static int one(struct CpuBench *b, const void *code, size_t n) {
    cpu_bench_code(b, code, n);
    return cpu_bench_run(b, 1) == VCPU_EXIT_HALT ? cpu_bench_vector(b) : -1;
}
#define ONE(b, ...) one(b, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static int wrmsr(struct CpuBench *b, uint32_t msr, uint64_t v) {
    b->env->gpr[REG_CX] = msr;
    b->env->gpr[REG_AX] = (uint32_t)v;
    b->env->gpr[REG_DX] = v >> 32;
    return ONE(b, 0x0f, 0x30);
}

static int rdmsr(struct CpuBench *b, uint32_t msr, uint64_t *v) {
    b->env->gpr[REG_CX] = msr;
    int vector = ONE(b, 0x0f, 0x32);
    *v = b->env->gpr[REG_AX] | b->env->gpr[REG_DX] << 32;
    return vector;
}

static const struct MsrCase {
    uint32_t msr;
    uint64_t value;
    int vector; /* of the write; if -1 the value reads back */
} msr_cases[] = {
    {0xc0000082, 0xffff800000001234, -1},     /* LSTAR */
    {0xc0000082, 0x8000000000000000, VEC_GP}, /* not canonical */
    {0xc0000101, 0x1234, -1},
    {0xc0000102, 1ull << 62, VEC_GP},
    {0xc0000081, ~0ull, -1},
    {0xc0000084, 1ull << 32, VEC_GP},
    {0x277, 0x0007040600070406, -1},
    {0x277, 2, VEC_GP},
    {0x2ff, 0xc06, -1},
    {0x2ff, 0x1000, VEC_GP},
    {0x201, 0xffc0000800, -1},
    {0x200, 7, VEC_GP},
    {0x26f, 0x0606060606060606, -1},
    {0x174, 0x10, -1},
    {0xfe, 0, VEC_GP},
    {0xc0000080, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE, -1},
    {0xc0000080, EFER_SCE | EFER_LMA, VEC_GP}, /* LME with paging on */
    {0xc0000080, EFER_LME | EFER_LMA | EFER_SVME, VEC_GP},
    {0x12345678, 0, VEC_GP},
    {0x1b, 0xfee00900, VEC_GP}, /* no APIC on the bench */
};

START_TEST(msrs) {
    const struct MsrCase *c = &msr_cases[_i];
    struct CpuBench *b = bench(BENCH_LONG);
    uint64_t v;
    ck_assert_int_eq(wrmsr(b, c->msr, c->value), c->vector);
    if (c->vector == -1) {
        ck_assert_int_eq(rdmsr(b, c->msr, &v), -1);
        ck_assert_uint_eq(v, c->value);
    }
    cpu_bench_free(b);
}
END_TEST

/* AMD's processors have these in any case (APM vol. 2, 13.2). They count nothing: software that writes one and reads it
 * back sees that. */
START_TEST(amd_performance_counters) {
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = cpu_bench_new(intel ? "max,vendor=GenuineIntel" : "max", BENCH_LONG);
        uint64_t v;
        for (uint32_t msr = 0xc0010000; msr < 0xc0010008; msr++) {
            ck_assert_int_eq(wrmsr(b, msr, 0x530076), intel ? VEC_GP : -1);
            ck_assert_int_eq(rdmsr(b, msr, &v), intel ? VEC_GP : -1);
            ck_assert(intel || v == 0);
        }
        for (unsigned n = 0; n < 6; n++) {
            b->env->gpr[REG_CX] = n;
            b->env->gpr[REG_AX] = b->env->gpr[REG_DX] = 0x1234;
            bool there = !intel && n < 4;
            ck_assert_int_eq(ONE(b, 0x0f, 0x33), there ? -1 : VEC_GP);
            ck_assert(!there || (b->env->gpr[REG_AX] == 0 && b->env->gpr[REG_DX] == 0));
        }
        cpu_bench_free(b);
    }
    struct CpuBench *b = bench(BENCH_LONG_USER);
    b->env->gpr[REG_CX] = 0;
    b->env->cr4 |= CR4_PCE;
    cpu_bench_code(b, (const uint8_t[]){0x0f, 0x33, 0xcc}, 3);
    cpu_bench_run(b, 3);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_GP); /* INT3 at CPL 3, not RDPMC */
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE + 2);
    cpu_bench_free(b);
    b = bench(BENCH_LONG_USER);
    b->env->gpr[REG_CX] = 0;
    ck_assert_int_eq(ONE(b, 0x0f, 0x33), VEC_GP);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE);
    cpu_bench_free(b);
}
END_TEST

static uint32_t cpuid_edx(struct CpuBench *b, uint32_t leaf) {
    b->env->gpr[REG_AX] = leaf;
    ck_assert_int_eq(ONE(b, 0x0f, 0xa2), -1);
    return (uint32_t)b->env->gpr[REG_DX];
}

/* IA32_MISC_ENABLE bit 34: no NX, neither in CPUID nor in EFER nor in page tables. */
START_TEST(xd_disable) {
    enum { NX = 1 << 20 };
    const uint64_t off = 1ull << 34, efer = EFER_LME | EFER_LMA | EFER_SCE, pte = 1ull << 63;
    struct CpuBench *b = cpu_bench_new("max,vendor=GenuineIntel", BENCH_LONG);
    uint64_t v, *pd = (uint64_t *)(b->mem + BENCH_PD);
    ck_assert_uint_eq(cpuid_edx(b, 0x80000001) & NX, NX);
    ck_assert_int_eq(wrmsr(b, 0x1a0, off | 1), -1);
    ck_assert_int_eq(rdmsr(b, 0x1a0, &v), -1);
    ck_assert_uint_eq(v, off | 1);
    ck_assert_uint_eq(cpuid_edx(b, 0x80000001) & NX, 0);
    ck_assert_int_eq(rdmsr(b, 0xc0000080, &v), -1);
    ck_assert_uint_eq(v, efer);
    ck_assert_int_eq(wrmsr(b, 0xc0000080, efer | EFER_NXE), VEC_GP);
    pd[BENCH_DATA >> 21] |= pte;
    b->env->gpr[REG_AX] = BENCH_DATA;
    ck_assert_int_eq(ONE(b, 0x8b, 0x00), VEC_PF); /* a reserved bit now */
    ck_assert_uint_eq(cpu_bench_frame(b, 0), PF_P | PF_RSVD);
    ck_assert_int_eq(wrmsr(b, 0x1a0, 1), -1);
    ck_assert_uint_eq(cpuid_edx(b, 0x80000001) & NX, NX);
    ck_assert_int_eq(wrmsr(b, 0xc0000080, efer | EFER_NXE), -1);
    b->env->gpr[REG_AX] = BENCH_DATA;
    ck_assert_int_eq(ONE(b, 0x8b, 0x00), -1);
    cpu_bench_free(b);

    b = cpu_bench_new("max,vendor=GenuineIntel,-nx", BENCH_LONG);
    ck_assert_int_eq(wrmsr(b, 0x1a0, off), VEC_GP);
    cpu_bench_free(b);
    b = bench(BENCH_LONG); /* AMD's have no such switch */
    ck_assert_int_eq(wrmsr(b, 0x1a0, off), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

START_TEST(time_stamp) {
    struct CpuBench *b = bench(BENCH_LONG);
    uint64_t v;
    ck_assert_int_eq(wrmsr(b, 0x10, 1ull << 40), -1);
    ck_assert_int_eq(rdmsr(b, 0x10, &v), -1);
    ck_assert_uint_ge(v, 1ull << 40);
    ck_assert_uint_lt(v, (1ull << 40) + 1000000);
    ck_assert_int_eq(wrmsr(b, 0x3b, 0), -1); /* TSC_ADJUST takes the offset away again */
    ck_assert_int_eq(rdmsr(b, 0x10, &v), -1);
    ck_assert_uint_lt(v, 1000000);
    cpu_bench_free(b);
    b = bench(BENCH_LONG_USER);
    ck_assert_int_eq(ONE(b, 0x0f, 0x31), -1);
    b->env->cr4 |= CR4_TSD;
    ck_assert_int_eq(ONE(b, 0x0f, 0x31), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

static void count_call(void *opaque) { ++*(int *)opaque; }

/* The APIC hears of every change, for its TSC deadline. */
START_TEST(time_stamp_moves_deadline) {
    static const struct CpuApicOps ops = {.tsc_changed = count_call};
    struct CpuBench *b = bench(BENCH_LONG);
    int calls = 0;
    b->cpu.apic = &ops;
    b->cpu.apic_opaque = &calls;
    ck_assert_int_eq(wrmsr(b, 0x10, 1ull << 40), -1);
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(wrmsr(b, 0x3b, 5), -1);
    ck_assert_int_eq(calls, 2);
    cpu_bench_free(b);
}
END_TEST

static const struct CrCase {
    uint8_t cr;
    uint64_t set, clear; /* bits changed in the present value */
    int vector;
} cr_cases[] = {
    {0, 0, CR0_PG, VEC_GP}, /* in 64-bit code */
    {0, 0, CR0_PE, VEC_GP},
    {0, CR0_NW, 0, VEC_GP}, /* without CD */
    {0, CR0_NW | CR0_CD, 0, -1},
    {0, 1ull << 32, 0, VEC_GP},
    {0, CR0_TS, 0, -1},
    {4, 0, CR4_PAE, VEC_GP},
    {4, CR4_VMXE, 0, VEC_GP},
    {4, 1ull << 40, 0, VEC_GP},
    {4, CR4_PGE | CR4_SMEP, 0, -1},
    {4, CR4_PCIDE, 0, -1},
    {3, 1ull << 45, 0, VEC_GP}, /* beyond the physical address width */
    {3, 1ull << 63, 0, VEC_GP}, /* PCIDE is clear */
};

START_TEST(control_registers) {
    const struct CrCase *c = &cr_cases[_i];
    struct CpuBench *b = bench(BENCH_LONG);
    const uint64_t *reg[] = {[0] = &b->env->cr0, [3] = &b->env->cr3, [4] = &b->env->cr4};
    uint64_t before = *reg[c->cr], v = (before | c->set) & ~c->clear;
    b->env->gpr[REG_AX] = v;
    ck_assert_int_eq(ONE(b, 0x0f, 0x22, 0xc0 | c->cr << 3), c->vector);
    ck_assert_uint_eq(*reg[c->cr], c->vector == -1 ? v : before);
    cpu_bench_free(b);
}
END_TEST

/* The way into long mode: EFER.LME, then CR0.PG sets LMA. */
START_TEST(long_mode_activation) {
    struct CpuBench *b = bench(BENCH_PM32);
    ck_assert_int_eq(wrmsr(b, 0xc0000080, EFER_LME), -1);
    b->env->gpr[REG_AX] = b->env->cr0 | CR0_PG;
    ck_assert_int_eq(ONE(b, 0x0f, 0x22, 0xc0), VEC_GP); /* without PAE */
    b->env->cr4 |= CR4_PAE;
    b->env->cr3 = BENCH_PML4;
    ck_assert_int_eq(ONE(b, 0x0f, 0x22, 0xc0), -1);
    ck_assert(b->env->efer & EFER_LMA);
    cpu_bench_free(b);
}
END_TEST

START_TEST(pdpte_check) {
    struct CpuBench *b = bench(BENCH_PM32);
    uint64_t entry = BENCH_PD | 0x21; /* a reserved bit */
    memcpy(b->mem + BENCH_PDPT, &entry, 8);
    b->env->cr4 |= CR4_PAE;
    b->env->cr3 = BENCH_PDPT;
    b->env->gpr[REG_AX] = b->env->cr0 | CR0_PG;
    ck_assert_int_eq(ONE(b, 0x0f, 0x22, 0xc0), VEC_GP);
    entry = BENCH_PD | 1;
    memcpy(b->mem + BENCH_PDPT, &entry, 8);
    ck_assert_int_eq(ONE(b, 0x0f, 0x22, 0xc0), -1);
    ck_assert_uint_eq(b->env->pdpte[0], entry);
    cpu_bench_free(b);
}
END_TEST

START_TEST(debug_registers) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->gpr[REG_AX] = 0;
    ck_assert_int_eq(ONE(b, 0x0f, 0x23, 0xf0), -1); /* DR6 */
    ck_assert_uint_eq(b->env->dr[6], 0xffff0ff0);
    ck_assert_int_eq(ONE(b, 0x0f, 0x23, 0xf8), -1); /* DR7 */
    ck_assert_uint_eq(b->env->dr[7], 0x400);
    ck_assert_int_eq(ONE(b, 0x0f, 0x21, 0xe0), -1); /* DR4 is DR6 */
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0xffff0ff0);
    b->env->cr4 |= CR4_DE;
    ck_assert_int_eq(ONE(b, 0x0f, 0x21, 0xe0), VEC_UD);
    b->env->gpr[REG_AX] = 1ull << 32;
    ck_assert_int_eq(ONE(b, 0x0f, 0x23, 0xf8), VEC_GP);
    b->env->dr[7] |= DR7_GD;
    ck_assert_int_eq(ONE(b, 0x0f, 0x21, 0xc0), VEC_DB);
    ck_assert(b->env->dr[6] & DR6_BD);
    ck_assert(!(b->env->dr[7] & DR7_GD));
    cpu_bench_free(b);
}
END_TEST

/* LOCK MOV CR0 reads and writes CR8 where CPUID says so; on the bench nothing holds its value. */
START_TEST(cr8) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->gpr[REG_AX] = 16;
    ck_assert_int_eq(ONE(b, 0x44, 0x0f, 0x22, 0xc0), VEC_GP);
    cpu_bench_free(b);
    b = bench(BENCH_LONG);
    b->env->gpr[REG_AX] = 99;
    ck_assert_int_eq(ONE(b, 0x44, 0x0f, 0x20, 0xc0), -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0);
    ck_assert_int_eq(ONE(b, 0x0f, 0x20, 0xc8), VEC_UD); /* CR1 */
    cpu_bench_free(b);
    b = bench(BENCH_PM32);
    b->env->gpr[REG_AX] = 99;
    ck_assert_int_eq(ONE(b, 0xf0, 0x0f, 0x20, 0xc0), -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0);
    cpu_bench_free(b);
    b = cpu_bench_new("max,-cr8_legacy", BENCH_PM32);
    ck_assert_int_eq(ONE(b, 0xf0, 0x0f, 0x20, 0xc0), VEC_UD);
    cpu_bench_free(b);
}
END_TEST

START_TEST(xcr0) {
    struct CpuBench *b = bench(BENCH_LONG);
    ck_assert_int_eq(ONE(b, 0x0f, 0x01, 0xd0), VEC_UD); /* XGETBV without OSXSAVE */
    cpu_bench_free(b);
    b = bench(BENCH_LONG);
    b->env->cr4 |= CR4_OSXSAVE;
    b->env->gpr[REG_CX] = 0;
    b->env->gpr[REG_DX] = 0;
    b->env->gpr[REG_AX] = XCR0_X87 | XCR0_SSE;
    ck_assert_int_eq(ONE(b, 0x0f, 0x01, 0xd1), -1);
    ck_assert_uint_eq(b->env->xcr0, XCR0_X87 | XCR0_SSE);
    b->env->gpr[REG_AX] = XCR0_SSE; /* x87 can't be left out */
    ck_assert_int_eq(ONE(b, 0x0f, 0x01, 0xd1), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

START_TEST(port_permission) {
    struct CpuBench *b = bench(BENCH_PM32_USER);
    uint16_t map = 0x68; /* the TSS ends there: no map */
    memcpy(b->mem + BENCH_TSS + 102, &map, 2);
    ck_assert_int_eq(ONE(b, 0xe4, 0x60), VEC_GP);
    cpu_bench_free(b);
    b = bench(BENCH_PM32_USER);
    b->env->tr.limit = 0x68 + 0x20;
    memcpy(b->mem + BENCH_TSS + 102, &map, 2);
    ck_assert_int_eq(ONE(b, 0xe4, 0x60), -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xff, 0xff);
    b->mem[BENCH_TSS + 0x68 + 0x60 / 8] = 2; /* port 61h */
    ck_assert_int_eq(ONE(b, 0xe4, 0x60), -1);
    ck_assert_int_eq(ONE(b, 0x66, 0xe5, 0x60), VEC_GP); /* two bytes */
    cpu_bench_free(b);
    b = bench(BENCH_PM32_USER);
    b->env->rflags |= FLAG_IOPL;
    ck_assert_int_eq(ONE(b, 0xe4, 0x60), -1);
    cpu_bench_free(b);
}
END_TEST

/* REP INSB into a page that is not there stops with the count and index of what was done. */
START_TEST(rep_ins_restarts) {
    struct CpuBench *b = bench(BENCH_LONG);
    uint64_t none = 0;
    memcpy(b->mem + BENCH_PD + 8 * 2, &none, 8);
    b->env->gpr[REG_DI] = 0x3ffffe;
    b->env->gpr[REG_CX] = 10;
    b->env->gpr[REG_DX] = 0x80;
    ck_assert_int_eq(ONE(b, 0xf3, 0x6c), VEC_PF);
    ck_assert_uint_eq(b->env->gpr[REG_CX], 8);
    ck_assert_uint_eq(b->env->gpr[REG_DI], 0x400000);
    ck_assert_uint_eq(b->mem[0x3fffff], 0xff);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE);
    cpu_bench_free(b);
}
END_TEST

START_TEST(fs_base_needs_cr4) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    b->env->gpr[REG_AX] = 0x1234;
    ck_assert_int_eq(ONE(b, 0xf3, 0x48, 0x0f, 0xae, 0xd0), VEC_UD);
    cpu_bench_free(b);
    b = bench(BENCH_LONG_USER);
    b->env->cr4 |= CR4_FSGSBASE;
    b->env->gpr[REG_AX] = 0x1234;
    ck_assert_int_eq(ONE(b, 0xf3, 0x48, 0x0f, 0xae, 0xd0), -1);
    ck_assert_uint_eq(b->env->seg[SEG_FS].base, 0x1234);
    cpu_bench_free(b);
}
END_TEST

Suite *msr_suite(void) {
    Suite *s = suite_create("msr");
    TCase *tc = tcase_create("registers"), *io = tcase_create("ports");
    tcase_add_loop_test(tc, msrs, 0, sizeof(msr_cases) / sizeof(msr_cases[0]));
    tcase_add_loop_test(tc, control_registers, 0, sizeof(cr_cases) / sizeof(cr_cases[0]));
    tcase_add_test(tc, amd_performance_counters);
    tcase_add_test(tc, xd_disable);
    tcase_add_test(tc, time_stamp);
    tcase_add_test(tc, time_stamp_moves_deadline);
    tcase_add_test(tc, long_mode_activation);
    tcase_add_test(tc, pdpte_check);
    tcase_add_test(tc, debug_registers);
    tcase_add_test(tc, fs_base_needs_cr4);
    tcase_add_test(tc, cr8);
    tcase_add_test(tc, xcr0);
    tcase_add_test(io, port_permission);
    tcase_add_test(io, rep_ins_restarts);
    suite_add_tcase(s, tc);
    suite_add_tcase(s, io);
    return s;
}
