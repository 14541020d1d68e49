/* SPDX-License-Identifier: MIT */
/* Delivery of exceptions and interrupts by tcg-lite: frames, stacks, error codes, double faults; and debug registers.
 */
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>

static void set(struct CpuBench *b, uint64_t at, uint64_t v, unsigned size) { memcpy(b->mem + at, &v, size); }

static struct CpuBench *bench(enum BenchMode mode) { return cpu_bench_new("max", mode); }

static int run(struct CpuBench *b, const void *code, size_t n) {
    cpu_bench_code(b, code, n);
    return cpu_bench_run(b, 10) == VCPU_EXIT_HALT ? cpu_bench_vector(b) : -1;
}
#define RUN(b, ...) run(b, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(combinations) {
    ck_assert_int_eq(tcg_combine_fault(-1, VEC_GP), FAULT_SERIAL);
    ck_assert_int_eq(tcg_combine_fault(TCG_BENIGN, VEC_PF), FAULT_SERIAL);
    ck_assert_int_eq(tcg_combine_fault(VEC_GP, VEC_NP), FAULT_DOUBLE);
    ck_assert_int_eq(tcg_combine_fault(VEC_GP, VEC_PF), FAULT_SERIAL);
    ck_assert_int_eq(tcg_combine_fault(VEC_PF, VEC_GP), FAULT_DOUBLE);
    ck_assert_int_eq(tcg_combine_fault(VEC_PF, VEC_PF), FAULT_DOUBLE);
    ck_assert_int_eq(tcg_combine_fault(VEC_UD, VEC_GP), FAULT_SERIAL);
    ck_assert_int_eq(tcg_combine_fault(VEC_DF, VEC_GP), FAULT_TRIPLE);
}
END_TEST

START_TEST(real_mode_frame) {
    struct CpuBench *b = bench(BENCH_REAL16);
    b->env->rflags |= FLAG_IF;
    ck_assert_int_eq(RUN(b, 0xcd, 0x21), 0x21);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x7ffa);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), 2);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), 0x1000);
    ck_assert_uint_eq(cpu_bench_frame(b, 2), FLAG_ONE | FLAG_IF);
    ck_assert_uint_eq(b->env->rflags & FLAG_IF, 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(fault_has_rf_and_own_rip) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    ck_assert_int_eq(RUN(b, 0x90, 0x0f, 0x0b), VEC_UD);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 1);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CS64_3);
    ck_assert(cpu_bench_frame(b, 2) & FLAG_RF);
    ck_assert_uint_eq(cpu_bench_frame(b, 3), BENCH_STACK);
    ck_assert_uint_eq(cpu_bench_frame(b, 4), BENCH_DS3);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK0 - 40);
    ck_assert(b->env->seg[SEG_SS].ar & AR_UNUSABLE);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(frame_is_aligned) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->gpr[REG_SP] = BENCH_STACK - 5;
    ck_assert_int_eq(RUN(b, 0xcc), VEC_BP);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK - 16 - 40);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 1);
    ck_assert_uint_eq(cpu_bench_frame(b, 3), BENCH_STACK - 5);
    ck_assert(!(cpu_bench_frame(b, 2) & FLAG_RF)); /* a trap */
    cpu_bench_free(b);
}
END_TEST

START_TEST(interrupt_stack_table) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->mem[BENCH_IDT + 16 * VEC_UD + 4] = 3;
    set(b, BENCH_TSS + 28 + 24, 0x31000, 8);
    ck_assert_int_eq(RUN(b, 0x0f, 0x0b), VEC_UD);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x31000 - 40);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, BENCH_DS0); /* same privilege: SS stays */
    cpu_bench_free(b);
}
END_TEST

/* INT n needs the gate's DPL; the code names the IDT entry, without EXT. */
START_TEST(software_interrupt_dpl) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    ck_assert_int_eq(RUN(b, 0xcd, 0x80), VEC_GP);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), 0x80 * 8 + 2);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE);
    cpu_bench_free(b);
    b = bench(BENCH_LONG_USER);
    b->mem[BENCH_IDT + 16 * 0x80 + 5] = 0xef; /* trap gate, DPL 3 */
    b->env->rflags |= FLAG_IF;
    ck_assert_int_eq(RUN(b, 0xcd, 0x80), 0x80);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 2);
    ck_assert(b->env->rflags & FLAG_IF);
    cpu_bench_free(b);
}
END_TEST

/* #UD's gate is not present: #NP with EXT, whose code names vector 6. */
START_TEST(gate_not_present) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->mem[BENCH_IDT + 16 * VEC_UD + 5] = 0x0e;
    ck_assert_int_eq(RUN(b, 0x0f, 0x0b), VEC_NP);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), VEC_UD * 8 + 3);
    cpu_bench_free(b);
}
END_TEST

START_TEST(double_and_triple_fault) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->mem[BENCH_IDT + 16 * VEC_GP + 5] = 0x0e;
    b->env->gpr[REG_AX] = 0x7ff8;
    ck_assert_int_eq(RUN(b, 0x8e, 0xd8), VEC_DF);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), 0);
    cpu_bench_free(b);

    b = bench(BENCH_LONG);
    b->env->idt.limit = 0;
    cpu_bench_code(b, "\x0f\x0b", 2);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_SHUTDOWN);
    cpu_bench_free(b);
}
END_TEST

/* The TSS has no room for ESP0: #TS with the TSS's selector; its delivery fails alike, then #DF's: shutdown. */
START_TEST(stack_switch_checks) {
    struct CpuBench *b = bench(BENCH_PM32_USER);
    b->env->tr.limit = 7;
    cpu_bench_code(b, "\x0f\x0b", 2);
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_SHUTDOWN);
    cpu_bench_free(b);
    b = bench(BENCH_PM32_USER);
    ck_assert_int_eq(RUN(b, 0x0f, 0x0b), VEC_UD);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK0 - 20);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, BENCH_DS0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(interrupt_shadow) {
    struct CpuBench *b = bench(BENCH_LONG);
    cpu_bench_code(b, "\xfb\xf4", 2); /* STI; HLT */
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->int_shadow, SHADOW_STI);
    ck_assert(b->env->rflags & FLAG_IF);
    cpu_bench_free(b);
}
END_TEST

START_TEST(single_step) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->rflags |= FLAG_TF;
    ck_assert_int_eq(RUN(b, 0x90, 0x90), VEC_DB);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 1);
    ck_assert_uint_eq(b->env->dr[6] & DR6_BS, DR6_BS);
    ck_assert_uint_eq(b->env->rflags & FLAG_TF, 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(syscall_and_sysret) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    b->env->star = (uint64_t)0x23 << 48 | (uint64_t)BENCH_CS64 << 32;
    b->env->lstar = 0x9000;
    b->env->fmask = FLAG_IF;
    b->env->rflags |= FLAG_IF | FLAG_CF;
    memcpy(b->mem + 0x9000, "\x48\x0f\x07", 3); /* SYSRETQ */
    cpu_bench_code(b, "\x0f\x05", 2);
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->rip, 0x9000);
    ck_assert_uint_eq(x86_cpl(b->env), 0);
    ck_assert_uint_eq(b->env->gpr[REG_CX], BENCH_CODE + 2);
    ck_assert_uint_eq(b->env->gpr[11], FLAG_ONE | FLAG_IF | FLAG_CF);
    ck_assert_uint_eq(b->env->rflags, FLAG_ONE | FLAG_CF);
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 2);
    ck_assert_uint_eq(x86_cpl(b->env), 3);
    ck_assert_uint_eq(b->env->seg[SEG_CS].selector, 0x33);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, 0x2b);
    ck_assert_uint_eq(b->env->rflags, FLAG_ONE | FLAG_IF | FLAG_CF);
    cpu_bench_free(b);
}
END_TEST

START_TEST(flags_by_privilege) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    set(b, BENCH_STACK, FLAG_IF | FLAG_IOPL | FLAG_DF | FLAG_ID | FLAG_VM | FLAG_RF, 8);
    cpu_bench_code(b, "\x9d", 1); /* POPFQ at CPL 3, IOPL 0 */
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->rflags, FLAG_ONE | FLAG_DF | FLAG_ID);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK + 8);
    ck_assert_int_eq(RUN(b, 0xfa), VEC_GP); /* CLI */
    cpu_bench_free(b);
}
END_TEST

/* v8086 mode on the bench: one flat 64 KiB at `base`. */
static struct CpuBench *bench_v8086(uint32_t cr4, uint32_t flags) {
    struct CpuBench *b = bench(BENCH_PM32);
    b->env->cr4 |= cr4;
    b->env->rflags = FLAG_ONE | FLAG_VM | flags;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        segment_set_real(&b->env->seg[s], 0x3000, true);
    b->env->gpr[REG_SP] = 0x8000;
    set(b, BENCH_TSS + 102, 0x88, 2); /* the interrupt redirection map stands at 68h */
    b->env->tr.limit = 0x200;
    return b;
}

static int run_v8086(struct CpuBench *b, const char *code, size_t n, uint64_t count) {
    memcpy(b->mem + 0x30000, code, n);
    b->env->rip = 0;
    return cpu_bench_run(b, count) == VCPU_EXIT_HALT ? cpu_bench_vector(b) : -1;
}

START_TEST(v8086_iopl) {
    struct CpuBench *b = bench_v8086(0, FLAG_IF);
    ck_assert_int_eq(run_v8086(b, "\xfa", 1, 2), VEC_GP); /* CLI */
    cpu_bench_free(b);
    b = bench_v8086(0, FLAG_IF);
    ck_assert_int_eq(run_v8086(b, "\xcd\x21", 2, 2), VEC_GP); /* INT n */
    ck_assert_uint_eq(cpu_bench_frame(b, 0), 0);
    cpu_bench_free(b);
    b = bench_v8086(0, FLAG_IF | FLAG_IOPL);
    ck_assert_int_eq(run_v8086(b, "\xfa\xfb\x9c\x9d\xfa", 5, 5), -1);
    ck_assert_uint_eq(b->env->rflags & (FLAG_IF | FLAG_IOPL), FLAG_IOPL);
    cpu_bench_free(b);
}
END_TEST

/* CR4.VME: CLI and STI act on VIF, PUSHF shows it as IF, and INT n goes to the task's own vectors. */
START_TEST(v8086_extensions) {
    struct CpuBench *b = bench_v8086(CR4_VME, FLAG_IF | FLAG_VIF);
    ck_assert_int_eq(run_v8086(b, "\xfa\x9c", 2, 2), -1);
    ck_assert_uint_eq(b->env->rflags & (FLAG_IF | FLAG_VIF), FLAG_IF);
    ck_assert_uint_eq(b->mem[0x37ffe] | b->mem[0x37fff] << 8, FLAG_ONE | FLAG_IOPL);
    cpu_bench_free(b);

    b = bench_v8086(CR4_VME, FLAG_IF | FLAG_VIF);
    set(b, 4 * 0x21, 0x30000100, 4); /* 3000:0100 */
    b->mem[0x30100] = 0xcf;
    ck_assert_int_eq(run_v8086(b, "\xcd\x21", 2, 1), -1);
    ck_assert_uint_eq(b->env->rip, 0x100);
    ck_assert(x86_v8086(b->env));
    ck_assert_uint_eq(b->env->rflags & (FLAG_IF | FLAG_VIF), FLAG_IF);
    ck_assert_int_eq(cpu_bench_run(b, 1), VCPU_EXIT_BUDGET); /* IRET */
    ck_assert_uint_eq(b->env->rip, 2);
    ck_assert_uint_eq(b->env->rflags & (FLAG_IF | FLAG_VIF), FLAG_IF | FLAG_VIF);
    cpu_bench_free(b);

    b = bench_v8086(CR4_VME, FLAG_IF | FLAG_VIF);
    b->mem[BENCH_TSS + 0x68 + 0x21 / 8] = 1 << (0x21 % 8); /* not redirected, and IOPL 0 */
    ck_assert_int_eq(run_v8086(b, "\xcd\x21", 2, 2), VEC_GP);
    cpu_bench_free(b);

    b = bench_v8086(CR4_VME, FLAG_IF | FLAG_VIP);
    ck_assert_int_eq(run_v8086(b, "\xfb", 1, 2), VEC_GP); /* STI with an interrupt pending */
    cpu_bench_free(b);
}
END_TEST

START_TEST(sysenter_and_sysexit) {
    struct CpuBench *b = bench(BENCH_PM32_USER);
    ck_assert_int_eq(RUN(b, 0x0f, 0x34), VEC_GP); /* SYSENTER_CS is 0 */
    cpu_bench_free(b);
    b = bench(BENCH_PM32_USER);
    b->env->sysenter_cs = 0x60;
    b->env->sysenter_esp = 0x7000;
    b->env->sysenter_eip = 0x9000;
    b->env->gpr[REG_DX] = 0x1234;
    b->env->gpr[REG_CX] = 0x5678;
    memcpy(b->mem + 0x9000, "\x0f\x35", 2);
    cpu_bench_code(b, "\x0f\x34", 2);
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->rip, 0x9000);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x7000);
    ck_assert_uint_eq(x86_cpl(b->env), 0);
    ck_assert_uint_eq(b->env->seg[SEG_CS].selector, 0x60);
    cpu_bench_run(b, 1);
    ck_assert_uint_eq(b->env->rip, 0x1234);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x5678);
    ck_assert_uint_eq(b->env->seg[SEG_CS].selector, 0x73);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, 0x7b);
    cpu_bench_free(b);
    b = bench(BENCH_LONG); /* AMD: not in long mode */
    ck_assert_int_eq(RUN(b, 0x0f, 0x34), VEC_UD);
    cpu_bench_free(b);
}
END_TEST

/* A data breakpoint is a trap after the store, a port breakpoint one after the OUT. */
START_TEST(breakpoints_strike) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->gpr[REG_DI] = BENCH_DATA;
    b->env->dr[1] = BENCH_DATA + 2;
    b->env->dr[7] = 0x404 | 0x5u << 20;                 /* L1: write, 2 bytes */
    ck_assert_int_eq(RUN(b, 0x89, 0x07, 0x90), VEC_DB); /* MOV [RDI], EAX */
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 2);
    ck_assert_uint_eq(b->env->dr[6] & 0xf, 2);
    cpu_bench_free(b);

    b = bench(BENCH_LONG);
    b->env->cr4 |= CR4_DE;
    b->env->dr[0] = 0x80;
    b->env->dr[7] = 0x401 | 0x2u << 16;
    ck_assert_int_eq(RUN(b, 0xe6, 0x80, 0x90), VEC_DB);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 2);
    cpu_bench_free(b);

    b = bench(BENCH_LONG); /* instruction: a fault before it, and RF lets it run */
    b->env->dr[0] = BENCH_CODE + 1;
    b->env->dr[7] = 0x401;
    ck_assert_int_eq(RUN(b, 0x90, 0xff, 0xc0), VEC_DB);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_CODE + 1);
    b->env->dr[6] = 0;
    b->env->gpr[REG_AX] = 0;
    uint64_t flags = cpu_bench_frame(b, 2) | FLAG_RF;
    memcpy(b->mem + b->env->gpr[REG_SP] + 16, &flags, 8);
    memcpy(b->mem + 0x9000, "\x48\xcf", 2);
    b->env->rip = 0x9000;
    ck_assert_int_eq(cpu_bench_run(b, 2), VCPU_EXIT_BUDGET);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 1);
    ck_assert_uint_eq(b->env->rflags & FLAG_RF, 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(breakpoints) {
    CPUX86State env = {.cr4 = CR4_DE};
    env.dr[0] = 0x1001;
    env.dr[7] = 0x1 | 0xd << 16; /* L0: 4 bytes, write: [1000, 1004) */
    ck_assert_uint_eq(dr_match_data(&env, 0x1003, 1, true), 1);
    ck_assert_uint_eq(dr_match_data(&env, 0x1003, 1, false), 0);
    ck_assert_uint_eq(dr_match_data(&env, 0xffd, 4, true), 1);
    ck_assert_uint_eq(dr_match_data(&env, 0xffc, 4, true), 0);
    ck_assert_uint_eq(dr_match_data(&env, 0x1004, 4, true), 0);
    ck_assert(dr_watches_data(&env));
    env.dr[3] = 0x3f8;
    env.dr[7] = 0x80 | 0x2u << 28; /* G3: I/O, one byte */
    ck_assert_uint_eq(dr_match_io(&env, 0x3f8, 1), 8);
    ck_assert_uint_eq(dr_match_io(&env, 0x3f9, 1), 0);
    env.dr[1] = 0x5555;
    env.dr[7] = 0x4;
    ck_assert_uint_eq(dr_match_exec(&env, 0x5555), 2);
    ck_assert(!dr_watches_data(&env));
}
END_TEST

Suite *deliver_suite(void) {
    Suite *s = suite_create("deliver");
    TCase *tc = tcase_create("delivery"), *flags = tcase_create("flags and debugging");
    tcase_add_test(tc, combinations);
    tcase_add_test(tc, real_mode_frame);
    tcase_add_test(tc, fault_has_rf_and_own_rip);
    tcase_add_test(tc, frame_is_aligned);
    tcase_add_test(tc, interrupt_stack_table);
    tcase_add_test(tc, software_interrupt_dpl);
    tcase_add_test(tc, gate_not_present);
    tcase_add_test(tc, double_and_triple_fault);
    tcase_add_test(tc, stack_switch_checks);
    tcase_add_test(tc, syscall_and_sysret);
    tcase_add_test(tc, sysenter_and_sysexit);
    tcase_add_test(flags, interrupt_shadow);
    tcase_add_test(flags, single_step);
    tcase_add_test(flags, flags_by_privilege);
    tcase_add_test(flags, v8086_iopl);
    tcase_add_test(flags, v8086_extensions);
    tcase_add_test(flags, breakpoints);
    tcase_add_test(flags, breakpoints_strike);
    suite_add_tcase(s, tc);
    suite_add_tcase(s, flags);
    return s;
}
