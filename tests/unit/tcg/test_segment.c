/* SPDX-License-Identifier: MIT */
/* Segment loads, far transfers and task switches of tcg-lite, one instruction at a time on descriptors in RAM. */
#include "accel/tcg-lite/sys/sys.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>

/* Selectors that tests fill themselves. */
enum { SEL_A = 0x48, SEL_B = 0x50, SEL_C = 0x58, SEL_D = 0x60, TSS_2 = 0x7000, TSS_SIZE = 0x68 };

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t ar) {
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(ar & 0xf0ff) << 40 |
           (uint64_t)(limit & 0xf0000) << 32 | (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(uint16_t selector, uint32_t offset, uint8_t rights, uint8_t count) {
    return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)count << 32 | (uint64_t)rights << 40 |
           (uint64_t)(offset >> 16) << 48;
}

static void set(struct CpuBench *b, uint64_t at, uint64_t v, unsigned size) { memcpy(b->mem + at, &v, size); }
static uint64_t get(struct CpuBench *b, uint64_t at, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, b->mem + at, size);
    return v;
}
static void set_desc(struct CpuBench *b, uint16_t selector, uint64_t d) { set(b, BENCH_GDT + (selector & ~7u), d, 8); }

static struct CpuBench *bench(enum BenchMode mode) {
    struct CpuBench *b = cpu_bench_new("max", mode);
    b->env->gdt.limit = 0xfff;
    return b;
}

/* Run one instruction (and the handler's HLT): -1, or vector << 16 | error code. */
static int one(struct CpuBench *b, const void *code, size_t n) {
    cpu_bench_code(b, code, n);
    if (cpu_bench_run(b, 1) == VCPU_EXIT_HALT)
        return cpu_bench_vector(b) << 16 | (int)(uint16_t)cpu_bench_frame(b, 0);
    return -1;
}
#define ONE(b, ...) one(b, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define FAULT(vector, error) ((vector) << 16 | (error))

/* ---- data segments ---- */

static const struct LoadCase {
    const char *what;
    uint32_t ar;
    uint16_t selector; /* RPL included */
    uint8_t modrm;     /* MOV Sreg, AX: c0 ES, d0 SS, d8 DS */
    int fault;         /* -1: loads */
} load_cases[] = {
    {"read-only data", 0xc091, SEL_A, 0xd8, -1},
    {"readable code", 0xc09b, SEL_A, 0xd8, -1},
    {"execute-only code", 0xc099, SEL_A, 0xd8, FAULT(VEC_GP, SEL_A)},
    {"system descriptor", 0x0082, SEL_A, 0xd8, FAULT(VEC_GP, SEL_A)},
    {"not present", 0xc013, SEL_A, 0xd8, FAULT(VEC_NP, SEL_A)},
    {"RPL above DPL", 0xc093, SEL_A | 1, 0xd8, FAULT(VEC_GP, SEL_A)},
    {"conforming code, RPL 3", 0xc09f, SEL_A | 3, 0xd8, -1},
    {"beyond the table", 0xc093, 0x1000, 0xd8, FAULT(VEC_GP, 0x1000)},
    {"no LDT", 0xc093, 0xc, 0xd8, FAULT(VEC_GP, 0xc)},
    {"null", 0xc093, 3, 0xc0, -1},
    {"SS null", 0xc093, 0, 0xd0, FAULT(VEC_GP, 0)},
    {"SS writable", 0xc093, SEL_A, 0xd0, -1},
    {"SS read-only", 0xc091, SEL_A, 0xd0, FAULT(VEC_GP, SEL_A)},
    {"SS RPL", 0xc093, SEL_A | 3, 0xd0, FAULT(VEC_GP, SEL_A)},
    {"SS DPL", 0xc0b3, SEL_A, 0xd0, FAULT(VEC_GP, SEL_A)},
    {"SS not present", 0xc013, SEL_A, 0xd0, FAULT(VEC_SS, SEL_A)},
};

START_TEST(load_checks) {
    const struct LoadCase *c = &load_cases[_i];
    struct CpuBench *b = bench(BENCH_PM32);
    b->env->ldt.ar = AR_UNUSABLE;
    set_desc(b, SEL_A, descriptor(0x1000, 0xfffff, c->ar));
    b->env->gpr[REG_AX] = c->selector;
    ck_assert_msg(ONE(b, 0x8e, c->modrm) == c->fault, "%s", c->what);
    if (c->fault == -1) {
        const struct X86Segment *s = &b->env->seg[(c->modrm >> 3) & 7];
        ck_assert_uint_eq(s->selector, c->selector);
        if (c->selector > 3) {
            ck_assert_uint_eq(s->limit, 0xffffffff);
            ck_assert_uint_eq(s->base, 0x1000);
            ck_assert_uint_eq(get(b, BENCH_GDT + SEL_A + 5, 1) & 1, 1); /* accessed */
        } else {
            ck_assert(s->ar & AR_UNUSABLE);
        }
    }
    cpu_bench_free(b);
}
END_TEST

START_TEST(real_mode_keeps_limits) {
    struct CpuBench *b = bench(BENCH_REAL16);
    b->env->seg[SEG_DS].limit = 0xffffffff; /* unreal */
    b->env->gpr[REG_AX] = 0x1234;
    ck_assert_int_eq(ONE(b, 0x8e, 0xd8), -1);
    ck_assert_uint_eq(b->env->seg[SEG_DS].base, 0x12340);
    ck_assert_uint_eq(b->env->seg[SEG_DS].limit, 0xffffffff);
    cpu_bench_free(b);
}
END_TEST

START_TEST(null_stack_in_long_mode) {
    struct CpuBench *b = bench(BENCH_LONG);
    b->env->gpr[REG_AX] = 0;
    ck_assert_int_eq(ONE(b, 0x8e, 0xd0), -1);
    ck_assert(b->env->seg[SEG_SS].ar & AR_UNUSABLE);
    cpu_bench_free(b);
    b = bench(BENCH_LONG_USER);
    b->env->gpr[REG_AX] = 3;
    ck_assert_int_eq(ONE(b, 0x8e, 0xd0), FAULT(VEC_GP, 0));
    cpu_bench_free(b);
}
END_TEST

START_TEST(lar_lsl_verr) {
    struct CpuBench *b = bench(BENCH_PM32_USER);
    set_desc(b, SEL_A, descriptor(0, 0x12, 0xc0f3)); /* DPL 3 data, 4 KiB units */
    set_desc(b, SEL_B, descriptor(0, 0x12, 0xc093)); /* DPL 0 data */
    b->env->gpr[REG_CX] = SEL_A | 3;
    ck_assert_int_eq(ONE(b, 0x0f, 0x02, 0xc1), -1); /* LAR EAX, ECX */
    ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xf0ff00, 0xc0f300);
    ck_assert(b->env->rflags & FLAG_ZF);
    ck_assert_int_eq(ONE(b, 0x0f, 0x03, 0xc1), -1); /* LSL */
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0x12fff);
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xe9), -1); /* VERW CX */
    ck_assert(b->env->rflags & FLAG_ZF);
    b->env->gpr[REG_CX] = SEL_B;
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xe1), -1); /* VERR CX: too privileged */
    ck_assert(!(b->env->rflags & FLAG_ZF));
    cpu_bench_free(b);
}
END_TEST

START_TEST(umip) {
    struct CpuBench *b = bench(BENCH_LONG_USER);
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xc8), -1); /* STR EAX */
    ck_assert_uint_eq(b->env->gpr[REG_AX], BENCH_TR);
    b->env->cr4 |= CR4_UMIP;
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xc8), FAULT(VEC_GP, 0));
    cpu_bench_free(b);
}
END_TEST

START_TEST(ltr_marks_busy) {
    struct CpuBench *b = bench(BENCH_LONG);
    set_desc(b, SEL_A, descriptor(0x5000, 0x67, 0x89));
    set(b, BENCH_GDT + SEL_B, 0xffff8000, 8); /* the base's upper half */
    b->env->gpr[REG_AX] = SEL_A;
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xd8), -1);
    ck_assert_uint_eq(b->env->tr.base, 0xffff800000005000);
    ck_assert_uint_eq(get(b, BENCH_GDT + SEL_A + 5, 1), 0x8b);
    ck_assert_int_eq(ONE(b, 0x0f, 0x00, 0xd8), FAULT(VEC_GP, SEL_A)); /* busy now */
    cpu_bench_free(b);
}
END_TEST

/* ---- far transfers ---- */

/* EA: JMP ptr16:32; 9A: CALL */
#define FAR32(opcode, selector, offset)                                                                                \
    opcode, (offset)&0xff, ((offset) >> 8) & 0xff, ((offset) >> 16) & 0xff, 0, (selector)&0xff, (selector) >> 8

START_TEST(far_jump_checks) {
    struct CpuBench *b = bench(BENCH_PM32);
    ck_assert_int_eq(ONE(b, FAR32(0xea, 0, 0)), FAULT(VEC_GP, 0));
    ck_assert_int_eq(ONE(b, FAR32(0xea, BENCH_DS0, 0)), FAULT(VEC_GP, BENCH_DS0));
    ck_assert_int_eq(ONE(b, FAR32(0xea, BENCH_CS32_3 & ~3, 0)), FAULT(VEC_GP, BENCH_CS32_3 & ~3));
    set_desc(b, SEL_A, descriptor(0x1000, 0xfff, 0x409b));
    ck_assert_int_eq(ONE(b, FAR32(0xea, SEL_A, 0x1000)), FAULT(VEC_GP, 0)); /* beyond its limit */
    ck_assert_int_eq(ONE(b, FAR32(0xea, SEL_A, 0x10)), -1);
    ck_assert_uint_eq(b->env->rip, 0x10);
    ck_assert_uint_eq(b->env->seg[SEG_CS].base, 0x1000);
    cpu_bench_free(b);
}
END_TEST

/* CALL through a 32-bit gate to ring 0 with two parameters, and back with RETF 8. */
START_TEST(call_gate_and_return) {
    static const uint8_t retf8[] = {0xca, 8, 0};
    struct CpuBench *b = bench(BENCH_PM32_USER);
    set_desc(b, SEL_A, gate(BENCH_CS32, 0x9000, 0xec, 2));
    set(b, BENCH_STACK, 0x11111111, 4);
    set(b, BENCH_STACK + 4, 0x22222222, 4);
    memcpy(b->mem + 0x9000, retf8, sizeof(retf8));
    b->env->seg[SEG_DS] = (struct X86Segment){.selector = BENCH_DS0, .ar = 0xc09b, .limit = 0xffffffff};
    ck_assert_int_eq(ONE(b, FAR32(0x9a, SEL_A | 3, 0)), -1);
    ck_assert_uint_eq(b->env->seg[SEG_CS].selector, BENCH_CS32);
    ck_assert_uint_eq(b->env->seg[SEG_SS].selector, BENCH_DS0);
    ck_assert_uint_eq(x86_cpl(b->env), 0);
    ck_assert_uint_eq(b->env->rip, 0x9000);
    uint64_t sp = b->env->gpr[REG_SP];
    ck_assert_uint_eq(sp, BENCH_STACK0 - 24);
    ck_assert_uint_eq(get(b, sp, 4), BENCH_CODE + 7);
    ck_assert_uint_eq(get(b, sp + 4, 4), BENCH_CS32_3);
    ck_assert_uint_eq(get(b, sp + 8, 4), 0x11111111);
    ck_assert_uint_eq(get(b, sp + 12, 4), 0x22222222);
    ck_assert_uint_eq(get(b, sp + 16, 4), BENCH_STACK);
    ck_assert_uint_eq(get(b, sp + 20, 4), BENCH_DS3);

    ck_assert_int_eq(cpu_bench_run(b, 1), VCPU_EXIT_BUDGET);
    ck_assert_uint_eq(x86_cpl(b->env), 3);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 7);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK + 8);
    ck_assert_uint_eq(b->env->seg[SEG_DS].selector, 0); /* ring 0's is taken away */
    ck_assert_uint_eq(b->env->seg[SEG_ES].selector, BENCH_DS3);
    cpu_bench_free(b);
}
END_TEST

START_TEST(iret_to_outer_long) {
    struct CpuBench *b = bench(BENCH_LONG);
    uint64_t frame[] = {0x12345, BENCH_CS64_3, FLAG_ONE | FLAG_IF | FLAG_CF | FLAG_IOPL, 0x7ff8, BENCH_DS3};
    memcpy(b->mem + BENCH_STACK, frame, sizeof(frame));
    b->env->nmi_blocked = true;
    ck_assert_int_eq(ONE(b, 0x48, 0xcf), -1);
    ck_assert_uint_eq(b->env->rip, 0x12345);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x7ff8);
    ck_assert_uint_eq(x86_cpl(b->env), 3);
    ck_assert_uint_eq(b->env->rflags, frame[2]);
    ck_assert(!b->env->nmi_blocked);
    cpu_bench_free(b);

    b = bench(BENCH_LONG); /* not canonical; the frame is kept */
    frame[0] = 1ull << 63;
    memcpy(b->mem + BENCH_STACK, frame, sizeof(frame));
    ck_assert_int_eq(ONE(b, 0x48, 0xcf), FAULT(VEC_GP, 0));
    ck_assert_uint_eq(cpu_bench_frame(b, 4), BENCH_STACK);
    cpu_bench_free(b);
}
END_TEST

/* A return to an outer level makes segments null that are too privileged there: selector and validity. The bases of FS
 * and GS stay, and count in 64-bit code. By IRET and by RETF. */
START_TEST(return_keeps_bases) {
    for (unsigned iret = 0; iret < 2; iret++) {
        struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
        uint64_t far[] = {BENCH_CODE + 0x100, BENCH_CS64_3, BENCH_STACK, BENCH_DS3};
        uint64_t frame[] = {BENCH_CODE + 0x100, BENCH_CS64_3, FLAG_ONE, BENCH_STACK, BENCH_DS3};
        if (iret)
            memcpy(b->mem + BENCH_STACK, frame, sizeof(frame));
        else
            memcpy(b->mem + BENCH_STACK, far, sizeof(far));
        b->env->seg[SEG_FS].base = 0x12345000;
        b->env->seg[SEG_GS].base = BENCH_DATA;
        b->env->seg[SEG_GS].selector = BENCH_DS0;
        b->mem[BENCH_DATA + 0x10] = 0x5a;
        /* mov al, gs:[0x10]; mov ecx, gs; then #GP */
        static const uint8_t outer[] = {0x65, 0x8a, 0x04, 0x25, 0x10, 0, 0, 0, 0x8c, 0xe9, 0xf4};
        memcpy(b->mem + BENCH_CODE + 0x100, outer, sizeof(outer));
        b->env->gpr[REG_CX] = 0xffff;
        const uint8_t code[] = {0x48, iret ? 0xcf : 0xcb};
        cpu_bench_code(b, code, sizeof(code));
        ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
        ck_assert_int_eq(cpu_bench_vector(b), VEC_GP); /* HLT at CPL 3 */
        ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xff, 0x5a);
        ck_assert_uint_eq(b->env->gpr[REG_CX], 0);
        ck_assert_uint_eq(b->env->seg[SEG_FS].base, 0x12345000);
        ck_assert_uint_eq(b->env->seg[SEG_FS].selector, 0);
        ck_assert(b->env->seg[SEG_DS].ar & AR_UNUSABLE);
        cpu_bench_free(b);
    }
}
END_TEST

START_TEST(iret_to_v8086_and_interrupt_back) {
    struct CpuBench *b = bench(BENCH_PM32);
    uint32_t frame[] = {0x10, 0x3000, FLAG_ONE | FLAG_VM | FLAG_IF, 0xfff0, 0x4000, 0x1111, 0x2222, 0x5555, 0x6666};
    memcpy(b->mem + BENCH_STACK, frame, sizeof(frame));
    b->mem[0x30010] = 0xf4; /* HLT: #GP in v8086 mode */
    ck_assert_int_eq(ONE(b, 0xcf), -1);
    ck_assert(x86_v8086(b->env));
    ck_assert_uint_eq(x86_cpl(b->env), 3);
    ck_assert_uint_eq(b->env->seg[SEG_DS].base, 0x22220);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0xfff0);
    ck_assert_int_eq(cpu_bench_run(b, 2), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_GP);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_STACK0 - 4 * 10);
    static const uint32_t expect[] = {0, 0x10, 0x3000, 0, 0xfff0, 0x4000, 0x1111, 0x2222, 0x5555, 0x6666};
    for (unsigned k = 0; k < 10; k++)
        if (k != 3)
            ck_assert_uint_eq(cpu_bench_frame(b, k), expect[k]);
    ck_assert_uint_eq(cpu_bench_frame(b, 3) & (FLAG_VM | FLAG_RF), FLAG_VM | FLAG_RF);
    ck_assert_uint_eq(b->env->seg[SEG_DS].selector, 0);
    ck_assert(!x86_v8086(b->env));
    cpu_bench_free(b);
}
END_TEST

/* ---- tasks ---- */

static void make_task(struct CpuBench *b) {
    set_desc(b, SEL_A, descriptor(TSS_2, TSS_SIZE - 1, 0x89));
    set(b, TSS_2 + 32, 0x9000, 4); /* EIP */
    set(b, TSS_2 + 36, FLAG_ONE | FLAG_SF, 4);
    for (unsigned k = 0; k < 8; k++)
        set(b, TSS_2 + 40 + 4 * k, 0x1000 * (k + 1), 4);
    for (unsigned k = 0; k < 4; k++)
        set(b, TSS_2 + 72 + 4 * k, k == 1 ? BENCH_CS32 : BENCH_DS0, 2);
    b->mem[0x9000] = 0xcf; /* IRET */
}

START_TEST(task_call_and_iret) {
    struct CpuBench *b = bench(BENCH_PM32);
    make_task(b);
    b->env->ldt.selector = 0;
    b->env->gpr[REG_AX] = 0xabcd;
    ck_assert_int_eq(ONE(b, FAR32(0x9a, SEL_A, 0)), -1);
    ck_assert_uint_eq(b->env->rip, 0x9000);
    ck_assert_uint_eq(b->env->tr.selector, SEL_A);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0x1000);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x5000);
    ck_assert(b->env->rflags & FLAG_NT);
    ck_assert(b->env->cr0 & CR0_TS);
    ck_assert_uint_eq(get(b, TSS_2, 2), BENCH_TR); /* link */
    ck_assert_uint_eq(get(b, BENCH_TSS + 32, 4), BENCH_CODE + 7);
    ck_assert_uint_eq(get(b, BENCH_TSS + 40, 4), 0xabcd);
    ck_assert_uint_eq(get(b, BENCH_GDT + SEL_A + 5, 1), 0x8b);
    ck_assert_uint_eq(get(b, BENCH_GDT + BENCH_TR + 5, 1), 0x8b);

    ck_assert_int_eq(cpu_bench_run(b, 1), VCPU_EXIT_BUDGET); /* IRET: back */
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 7);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0xabcd);
    ck_assert_uint_eq(b->env->tr.selector, BENCH_TR);
    ck_assert_uint_eq(get(b, BENCH_GDT + SEL_A + 5, 1), 0x89);
    ck_assert_uint_eq(get(b, TSS_2 + 36, 4) & FLAG_NT, 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(task_checks) {
    struct CpuBench *b = bench(BENCH_PM32);
    make_task(b);
    set_desc(b, SEL_A, descriptor(TSS_2, TSS_SIZE - 2, 0x89));
    ck_assert_int_eq(ONE(b, FAR32(0xea, SEL_A, 0)), FAULT(VEC_TS, SEL_A));
    set_desc(b, SEL_A, descriptor(TSS_2, TSS_SIZE - 1, 0x8b));
    ck_assert_int_eq(ONE(b, FAR32(0xea, SEL_A, 0)), FAULT(VEC_GP, SEL_A));
    set_desc(b, SEL_A, descriptor(TSS_2, TSS_SIZE - 1, 0x09));
    ck_assert_int_eq(ONE(b, FAR32(0xea, SEL_A, 0)), FAULT(VEC_NP, SEL_A));
    cpu_bench_free(b);
}
END_TEST

/* A bad DS is found out in the new task: the frame shows its EIP. */
START_TEST(task_fault_in_new_task) {
    struct CpuBench *b = bench(BENCH_PM32);
    make_task(b);
    static const uint8_t jmp[] = {FAR32(0xea, SEL_A, 0)};
    set(b, TSS_2 + 84, SEL_B, 2); /* an empty descriptor */
    cpu_bench_code(b, jmp, sizeof(jmp));
    ck_assert_int_eq(cpu_bench_run(b, 2), VCPU_EXIT_HALT); /* JMP counts: it completed */
    ck_assert_int_eq(cpu_bench_vector(b), VEC_TS);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), SEL_B);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), 0x9000);
    ck_assert_uint_eq(b->env->tr.selector, SEL_A);
    ck_assert_uint_eq(get(b, BENCH_GDT + BENCH_TR + 5, 1), 0x89); /* JMP frees the old one */
    cpu_bench_free(b);
}
END_TEST

START_TEST(task_gate_takes_error_code) {
    struct CpuBench *b = bench(BENCH_PM32);
    make_task(b);
    b->mem[0x9000] = 0xf4;
    set(b, BENCH_IDT + 8 * VEC_GP, gate(SEL_A, 0, 0x85, 0), 8);
    b->env->gpr[REG_AX] = 0x7ff8;
    cpu_bench_code(b, "\x8e\xd8", 2); /* MOV DS, AX */
    ck_assert_int_eq(cpu_bench_run(b, 1), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->tr.selector, SEL_A);
    ck_assert_uint_eq(b->env->gpr[REG_SP], 0x5000 - 4);
    ck_assert_uint_eq(get(b, 0x5000 - 4, 4), 0x7ff8);
    ck_assert_uint_eq(get(b, BENCH_TSS + 32, 4), BENCH_CODE);
    ck_assert_uint_eq(get(b, BENCH_TSS + 36, 4) & FLAG_RF, FLAG_RF);
    cpu_bench_free(b);
}
END_TEST

Suite *segment_suite(void) {
    Suite *s = suite_create("segment");
    TCase *loads = tcase_create("loads"), *far = tcase_create("far"), *task = tcase_create("task");
    tcase_add_loop_test(loads, load_checks, 0, sizeof(load_cases) / sizeof(load_cases[0]));
    tcase_add_test(loads, real_mode_keeps_limits);
    tcase_add_test(loads, null_stack_in_long_mode);
    tcase_add_test(loads, lar_lsl_verr);
    tcase_add_test(loads, umip);
    tcase_add_test(loads, ltr_marks_busy);
    tcase_add_test(far, far_jump_checks);
    tcase_add_test(far, call_gate_and_return);
    tcase_add_test(far, return_keeps_bases);
    tcase_add_test(far, iret_to_outer_long);
    tcase_add_test(far, iret_to_v8086_and_interrupt_back);
    tcase_add_test(task, task_call_and_iret);
    tcase_add_test(task, task_checks);
    tcase_add_test(task, task_fault_in_new_task);
    tcase_add_test(task, task_gate_takes_error_code);
    suite_add_tcase(s, loads);
    suite_add_tcase(s, far);
    suite_add_tcase(s, task);
    return s;
}
