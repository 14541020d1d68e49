/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions of tcg-lite: what sets which bits of DR6, RF in the flags that are pushed, and what MOV SS holds
 * back or suppresses (SDM vol. 3, 6.8.3, 18.2.3 and 18.3.1; APM vol. 2, 13.1.1.3).
 */
#include "accel/tcg-lite/sys/debug_regs.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <string.h>

#define AMD "max"
#define INTEL "max,vendor=GenuineIntel"
enum { DR6_NONE = 0xffff0ff0, HALT = -1, NO_PAGE = 0x400000 };

static void take_page(struct CpuBench *b, uint64_t linear) {
    memset(b->mem + BENCH_PD + 8 * (linear >> 21), 0, 8);
}

static uint32_t dr6(const struct CpuBench *b) { return (uint32_t)b->env->dr[6]; }
/* Of what was pushed when there is no error code: RIP, CS, RFLAGS. */
static uint64_t pushed_rip(const struct CpuBench *b) { return cpu_bench_frame(b, 0) - BENCH_CODE; }
static bool pushed_rf(const struct CpuBench *b) { return cpu_bench_frame(b, 2) & FLAG_RF; }

static void set_breakpoint(struct CpuBench *b, unsigned n, unsigned kind, uint64_t at) {
    b->env->dr[n] = at;
    b->env->dr[7] |= 1u << (2 * n) | (uint64_t)kind << (16 + 4 * n);
}

/* ---- MOV SS, TF set, and an instruction that ends in some way ---- */

static const struct Behind {
    const char *what;
    uint8_t code[8]; /* behind MOV SS, EAX */
    int vector;
    uint64_t rip; /* pushed, relative to the beginning of MOV SS */
    uint32_t dr6;
} behind_mov_ss[] = {
    {"NOP", {0x90, 0x90}, VEC_DB, 3, DR6_NONE | DR6_BS},
    {"another MOV SS", {0x8e, 0xd0, 0x90}, VEC_DB, 4, DR6_NONE | DR6_BS}, /* the first alone holds traps back */
    {"POPF that clears TF", {0x9d, 0x90}, VEC_DB, 3, DR6_NONE | DR6_BS},
    {"INT3", {0xcc}, VEC_BP, 3, DR6_NONE},
    {"INT n", {0xcd, 0x80}, 0x80, 4, DR6_NONE},
    {"INT1", {0xf1}, VEC_DB, 3, DR6_NONE},
    {"UD2", {0x0f, 0x0b}, VEC_UD, 2, DR6_NONE},
    {"DIV by 0", {0xf7, 0xf1}, VEC_DE, 2, DR6_NONE},
    {"MOV DR6 with DR7.GD", {0x0f, 0x23, 0xf2}, VEC_DB, 2, DR6_NONE | DR6_BD},
    {"SYSCALL", {0x0f, 0x05}, HALT, 0, DR6_NONE},
};

static void run_behind(const struct Behind *c, const char *model) {
    struct CpuBench *b = cpu_bench_new(model, BENCH_LONG);
    uint8_t code[12] = {0x8e, 0xd0};
    memcpy(code + 2, c->code, sizeof(c->code));
    b->env->gpr[REG_AX] = BENCH_DS0;
    b->env->rflags |= FLAG_TF;
    b->env->lstar = BENCH_CODE + 0x100;
    b->mem[BENCH_CODE + 0x100] = 0xf4;
    b->env->fmask = FLAG_TF;
    b->env->star = (uint64_t)BENCH_CS64 << 32;
    memset(b->mem + BENCH_STACK, 0, 8); /* POPF's */
    b->mem[BENCH_STACK] = FLAG_ONE;
    if (c->dr6 & DR6_BD)
        b->env->dr[7] |= DR7_GD;
    int vector = cpu_bench_try(b, code, sizeof(code));
    ck_assert_msg(vector == c->vector, "%s: %d", c->what, vector);
    if (vector >= 0)
        ck_assert_msg(pushed_rip(b) == c->rip, "%s: pushed RIP +%d", c->what, (int)pushed_rip(b));
    ck_assert_msg(dr6(b) == c->dr6, "%s: DR6 %x", c->what, dr6(b));
    ck_assert_uint_eq(b->env->pending_db, 0);
    cpu_bench_free(b);
}

START_TEST(behind_mov_ss_with_tf) {
    run_behind(&behind_mov_ss[_i], AMD);
    run_behind(&behind_mov_ss[_i], INTEL);
}
END_TEST

/* A page fault of the next instruction, of its own bytes, and of the delivery of a software interrupt. */
START_TEST(fault_behind_mov_ss) {
    static const uint8_t load[] = {0x8e, 0xd0, 0x8b, 0x01}, gate[] = {0x8e, 0xd0, 0xcd, 0x81};
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_LONG);
    take_page(b, NO_PAGE);
    b->env->gpr[REG_AX] = BENCH_DS0;
    b->env->gpr[REG_CX] = NO_PAGE;
    b->env->rflags |= FLAG_TF;
    ck_assert_int_eq(cpu_bench_try(b, load, sizeof(load)), VEC_PF);
    ck_assert_uint_eq(dr6(b), DR6_NONE);
    cpu_bench_free(b);

    b = cpu_bench_new(AMD, BENCH_LONG);
    b->env->gpr[REG_AX] = BENCH_DS0;
    b->env->rflags |= FLAG_TF;
    memset(b->mem + BENCH_IDT + 16 * 0x81, 0, 16);
    ck_assert_int_eq(cpu_bench_try(b, gate, sizeof(gate)), VEC_GP);
    ck_assert_uint_eq(dr6(b), DR6_NONE);
    cpu_bench_free(b);

    b = cpu_bench_new(AMD, BENCH_LONG);
    take_page(b, NO_PAGE);
    b->env->gpr[REG_AX] = BENCH_DS0;
    b->env->rflags |= FLAG_TF;
    memcpy(b->mem + NO_PAGE - 2, load, 2);
    b->env->rip = NO_PAGE - 2;
    ck_assert_int_eq(cpu_bench_run(b, 1000), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_PF);
    ck_assert_uint_eq(dr6(b), DR6_NONE);
    ck_assert_uint_eq(b->env->int_shadow, SHADOW_NONE); /* it ends with the delivery */
    cpu_bench_free(b);
}
END_TEST

/* POP SS does the same; real-address mode. */
START_TEST(pop_ss_with_tf) {
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_REAL16);
    b->env->rflags |= FLAG_TF;
    b->mem[0x20000 + 0x8001] = 0x20; /* selector 2000h */
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x17, 0xf1), VEC_DB);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), 2);
    ck_assert_uint_eq(dr6(b), DR6_NONE);
    cpu_bench_free(b);
}
END_TEST

/* A data breakpoint on MOV SS waits until the next instruction is done, and outlives a software interrupt there. */
START_TEST(data_breakpoint_on_mov_ss) {
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_LONG);
    b->env->gpr[REG_AX] = BENCH_DATA;
    b->mem[BENCH_DATA] = BENCH_DS0;
    set_breakpoint(b, 0, DR7_ACCESS, BENCH_DATA);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x8e, 0x10, 0x90, 0x90), VEC_DB);
    ck_assert_uint_eq(pushed_rip(b), 3);
    ck_assert_uint_eq(dr6(b), DR6_NONE | 1);
    cpu_bench_free(b);

    b = cpu_bench_new(AMD, BENCH_LONG);
    b->env->gpr[REG_AX] = BENCH_DATA;
    b->mem[BENCH_DATA] = BENCH_DS0;
    set_breakpoint(b, 0, DR7_ACCESS, BENCH_DATA);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x8e, 0x10, 0xcc), VEC_DB);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), BENCH_HANDLERS + 16 * VEC_BP);
    ck_assert_uint_eq(dr6(b), DR6_NONE | 1);
    cpu_bench_free(b);
}
END_TEST

START_TEST(code_breakpoint_behind_mov_ss) {
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = cpu_bench_new(intel ? INTEL : AMD, BENCH_LONG);
        b->env->gpr[REG_AX] = BENCH_DS0;
        set_breakpoint(b, 0, DR7_EXEC, BENCH_CODE + 2);
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0x8e, 0xd0, 0x90), intel ? HALT : VEC_DB);
        if (!intel)
            ck_assert_uint_eq(pushed_rip(b), 2);
        cpu_bench_free(b);
        /* the one behind it strikes in any case */
        b = cpu_bench_new(intel ? INTEL : AMD, BENCH_LONG);
        b->env->gpr[REG_AX] = BENCH_DS0;
        set_breakpoint(b, 0, DR7_EXEC, BENCH_CODE + 3);
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0x8e, 0xd0, 0x90), VEC_DB);
        ck_assert_uint_eq(pushed_rip(b), 3);
        cpu_bench_free(b);
    }
}
END_TEST

/* ---- DR6 ---- */

/* What was there before is stale: B1 and BS. */
static const struct Causes {
    const char *what;
    uint8_t code[6];
    unsigned kind; /* of DR0, at `at`; DR7_IO: none */
    uint64_t at;
    uint64_t flags, dr7;
    uint32_t dr6;
} causes[] = {
    {"data", {0x89, 0x03, 0x90}, DR7_WRITE, BENCH_DATA, 0, 0, DR6_BS | 1},
    {"code", {0x90, 0x90}, DR7_EXEC, BENCH_CODE + 1, 0, 0, DR6_BS | 1},
    {"single step", {0x90, 0x90}, DR7_IO, 0, FLAG_TF, 0, DR6_BS},
    {"single step and data", {0x89, 0x03, 0x90}, DR7_WRITE, BENCH_DATA, FLAG_TF, 0, DR6_BS | 1},
    {"debug register", {0x0f, 0x21, 0xf0}, DR7_IO, 0, 0, DR7_GD, DR6_BS | DR6_BD},
    {"INT1", {0xf1}, DR7_IO, 0, 0, 0, DR6_BS | 2}, /* it is none of the conditions that DR6 tells of */
};

START_TEST(dr6_says_what_struck) {
    const struct Causes *c = &causes[_i];
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_LONG);
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->dr[6] = DR6_NONE | DR6_BS | 2;
    b->env->dr[7] |= c->dr7;
    b->env->rflags |= c->flags;
    if (c->kind != DR7_IO)
        set_breakpoint(b, 0, c->kind, c->at);
    ck_assert_int_eq(cpu_bench_try(b, c->code, sizeof(c->code)), VEC_DB);
    ck_assert_msg(dr6(b) == (DR6_NONE | c->dr6), "%s: DR6 %x", c->what, dr6(b));
    cpu_bench_free(b);
}
END_TEST

/* An instruction that meets a data breakpoint and then faults has met none: PUSH [RAX] without a stack. */
START_TEST(fault_drops_its_breakpoints) {
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_LONG);
    take_page(b, NO_PAGE);
    b->env->gpr[REG_AX] = BENCH_DATA;
    b->env->gpr[REG_SP] = NO_PAGE + 0x1000;
    set_breakpoint(b, 0, DR7_ACCESS, BENCH_DATA);
    memset(b->mem + BENCH_IDT + 16 * VEC_PF + 4, 1, 1); /* on a stack of its own: IST 1 */
    uint64_t stack = BENCH_STACK;
    memcpy(b->mem + BENCH_TSS + 36, &stack, 8);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0xff, 0x30), VEC_PF);
    ck_assert_uint_eq(dr6(b), DR6_NONE);
    cpu_bench_free(b);
}
END_TEST

/* ---- RF ---- */

static const struct Repeated {
    const char *what;
    uint8_t code[3];
} repeated[] = {
    {"REP MOVSB", {0xf3, 0xa4}}, {"REP STOSB", {0xf3, 0xaa}}, {"REP LODSB", {0xf3, 0xac}},
    {"REPE CMPSB", {0xf3, 0xa6}}, {"REPNE SCASB", {0xf2, 0xae}}, {"REP MOVSQ", {0xf3, 0x48, 0xa5}},
    {"REP INSB", {0xf3, 0x6c}}, {"REP OUTSB", {0xf3, 0x6e}},
};

static struct CpuBench *repeat_bench(bool intel, unsigned count) {
    struct CpuBench *b = cpu_bench_new(intel ? INTEL : AMD, BENCH_LONG);
    b->env->gpr[REG_SI] = BENCH_DATA;
    b->env->gpr[REG_DI] = BENCH_DATA + 0x1000;
    b->env->gpr[REG_CX] = count;
    b->env->gpr[REG_AX] = 0xee;
    return b;
}

static uint64_t length_of(const struct Repeated *r) { return r->code[1] == 0x48 ? 3 : 2; }

/* A single-step trap, a data breakpoint and an interrupt after an iteration that is not the last: RF = 1 on Intel's
 * processors, 0 on AMD's. */
START_TEST(rf_within_rep) {
    const struct Repeated *r = &repeated[_i];
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = repeat_bench(intel, 3);
        b->env->rflags |= FLAG_TF;
        ck_assert_int_eq(cpu_bench_try(b, r->code, sizeof(r->code)), VEC_DB);
        ck_assert_uint_eq(pushed_rip(b), 0);
        ck_assert_uint_eq(b->env->gpr[REG_CX], 2);
        ck_assert_msg(pushed_rf(b) == intel, "%s, intel %u", r->what, intel);
        ck_assert_uint_eq(b->env->rflags & FLAG_RF, 0);
        cpu_bench_free(b);

        b = repeat_bench(intel, 1);
        b->env->rflags |= FLAG_TF;
        ck_assert_int_eq(cpu_bench_try(b, r->code, sizeof(r->code)), VEC_DB);
        ck_assert_uint_eq(pushed_rip(b), length_of(r));
        ck_assert_msg(!pushed_rf(b), "%s, intel %u: last", r->what, intel);
        cpu_bench_free(b);
    }
}
END_TEST

START_TEST(rf_of_data_breakpoint_within_rep) {
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = repeat_bench(intel, 3);
        set_breakpoint(b, 2, DR7_WRITE, BENCH_DATA + 0x1001);
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0xf3, 0xa4), VEC_DB);
        ck_assert_uint_eq(b->env->gpr[REG_CX], 1);
        ck_assert_uint_eq(pushed_rf(b), intel);
        ck_assert_uint_eq(dr6(b), DR6_NONE | 4);
        cpu_bench_free(b);
    }
}
END_TEST

static int acknowledge(void *opaque) {
    struct CPUState *cpu = opaque;
    cpu_retract(cpu, CPU_EVENT_INTR);
    return 0x40;
}

/* STI lets REP begin before the interrupt comes. */
START_TEST(rf_of_interrupt_within_rep) {
    static const struct CpuApicOps apic = {.acknowledge = acknowledge};
    for (unsigned k = 0; k < 6; k++) {
        bool intel = k & 1, last = k >= 4;
        struct CpuBench *b = repeat_bench(intel, last ? 1 : 3);
        b->cpu.apic = &apic;
        b->cpu.apic_opaque = &b->cpu;
        cpu_post(&b->cpu, CPU_EVENT_INTR);
        const uint8_t code[] = {0xfb, 0xf3, k >= 2 ? 0x6e : 0xa4, 0xf4};
        ck_assert_int_eq(cpu_bench_try(b, code, sizeof(code)), 0x40);
        ck_assert_uint_eq(pushed_rip(b), last ? 3 : 1);
        ck_assert_uint_eq(pushed_rf(b), intel && !last);
        cpu_bench_free(b);
    }
}
END_TEST

/* An instruction breakpoint on REP strikes before its first iteration, and with RF set by the handler no more: RF is
 * cleared when the instruction begins, not at each iteration. */
START_TEST(code_breakpoint_on_rep) {
    const struct Repeated *r = &repeated[_i];
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = repeat_bench(intel, 5);
        set_breakpoint(b, 1, DR7_EXEC, BENCH_CODE);
        ck_assert_int_eq(cpu_bench_try(b, r->code, sizeof(r->code)), VEC_DB);
        ck_assert_uint_eq(pushed_rip(b), 0);
        ck_assert(!pushed_rf(b));
        ck_assert_uint_eq(b->env->gpr[REG_CX], 5);
        ck_assert_uint_eq(dr6(b), DR6_NONE | 2);
        cpu_bench_free(b);

        b = repeat_bench(intel, 5);
        set_breakpoint(b, 1, DR7_EXEC, BENCH_CODE);
        b->env->rflags |= FLAG_RF;
        uint8_t code[4] = {0xf4, 0xf4, 0xf4, 0xf4};
        memcpy(code, r->code, length_of(r));
        ck_assert_msg(cpu_bench_try(b, code, sizeof(code)) == HALT, "%s, intel %u", r->what, intel);
        ck_assert_uint_eq(b->env->rip, BENCH_CODE + length_of(r) + 1);
        ck_assert_uint_eq(b->env->rflags & FLAG_RF, 0);
        cpu_bench_free(b);
    }
}
END_TEST

/* Two breakpoints: the second, on what follows REP, strikes although RF was set when REP began. */
START_TEST(code_breakpoint_after_rep) {
    for (unsigned intel = 0; intel < 2; intel++) {
        struct CpuBench *b = repeat_bench(intel, 3);
        b->env->rflags |= FLAG_RF;
        set_breakpoint(b, 0, DR7_EXEC, BENCH_CODE + 2);
        ck_assert_int_eq(CPU_BENCH_RUN(b, 0xf3, 0xa4, 0x90), VEC_DB);
        ck_assert_uint_eq(pushed_rip(b), 2);
        ck_assert_uint_eq(b->env->gpr[REG_CX], 0);
        cpu_bench_free(b);
    }
}
END_TEST

/* Faults push 1, instruction breakpoints what is there, 0; touching a debug register under GD is a fault. */
START_TEST(rf_of_faults) {
    struct CpuBench *b = cpu_bench_new(AMD, BENCH_LONG);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x0b), VEC_UD);
    ck_assert(pushed_rf(b));
    cpu_bench_free(b);
    b = cpu_bench_new(AMD, BENCH_LONG);
    b->env->dr[7] |= DR7_GD;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x21, 0xf0), VEC_DB);
    ck_assert(pushed_rf(b));
    ck_assert_uint_eq(b->env->rflags & FLAG_RF, 0);
    cpu_bench_free(b);
    b = cpu_bench_new(AMD, BENCH_LONG);
    set_breakpoint(b, 0, DR7_EXEC, BENCH_CODE);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x90), VEC_DB);
    ck_assert(!pushed_rf(b));
    cpu_bench_free(b);
}
END_TEST

Suite *debug_suite(void) {
    Suite *s = suite_create("debug");
    TCase *shadow = tcase_create("shadow"), *cause = tcase_create("dr6"), *rf = tcase_create("rf");
    tcase_add_loop_test(shadow, behind_mov_ss_with_tf, 0, sizeof(behind_mov_ss) / sizeof(behind_mov_ss[0]));
    tcase_add_test(shadow, fault_behind_mov_ss);
    tcase_add_test(shadow, pop_ss_with_tf);
    tcase_add_test(shadow, data_breakpoint_on_mov_ss);
    tcase_add_test(shadow, code_breakpoint_behind_mov_ss);
    tcase_add_loop_test(cause, dr6_says_what_struck, 0, sizeof(causes) / sizeof(causes[0]));
    tcase_add_test(cause, fault_drops_its_breakpoints);
    tcase_add_loop_test(rf, rf_within_rep, 0, sizeof(repeated) / sizeof(repeated[0]));
    tcase_add_test(rf, rf_of_data_breakpoint_within_rep);
    tcase_add_test(rf, rf_of_interrupt_within_rep);
    tcase_add_loop_test(rf, code_breakpoint_on_rep, 0, sizeof(repeated) / sizeof(repeated[0]));
    tcase_add_test(rf, code_breakpoint_after_rep);
    tcase_add_test(rf, rf_of_faults);
    suite_add_tcase(s, shadow);
    suite_add_tcase(s, cause);
    suite_add_tcase(s, rf);
    return s;
}
