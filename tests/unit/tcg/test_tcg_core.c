/* SPDX-License-Identifier: MIT */
/* The engine's machinery: blocks and self-modifying code, TLB and faults, budgets, page walks. */
#include "cpu/pagewalk.h"
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>

/* mov eax,1; add eax,2; inc ecx; jmp $-? */
START_TEST(runs_and_counts) {
    static const uint8_t code[] = {0xb8, 1, 0, 0, 0, 0x83, 0xc0, 2, 0xff, 0xc1, 0xeb, 0xfc};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_CX] = 0;
    ck_assert_int_eq(cpu_bench_run(b, 2 + 2 * 1000), VCPU_EXIT_BUDGET);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 3);
    ck_assert_uint_eq(b->env->gpr[REG_CX], 1000);
    ck_assert_uint_eq(b->cpu.insn_count, 2002);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 8);
    cpu_bench_free(b);
}
END_TEST

/* Every count from 1 on stops exactly there, also inside a block. */
START_TEST(budget_is_exact) {
    static const uint8_t code[] = {0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xf4};
    for (unsigned n = 1; n <= 5; n++) {
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        cpu_bench_code(b, code, sizeof(code));
        b->env->gpr[REG_AX] = 0;
        ck_assert_int_eq(cpu_bench_run(b, n), VCPU_EXIT_BUDGET);
        ck_assert_uint_eq(b->env->gpr[REG_AX], n);
        ck_assert_uint_eq(b->env->rip, BENCH_CODE + 2 * n);
        ck_assert_uint_eq(b->cpu.insn_count, n);
        cpu_bench_free(b);
    }
}
END_TEST

/* A store into the next instruction of the same block takes effect at once. */
START_TEST(self_modifying_in_block) {
    static const uint8_t code[] = {
        0xc6, 0x05, 0x01, 0, 0, 0, 0x07, /* mov byte [rip+1], 7: the immediate below */
        0xb0, 0x01,                      /* mov al, 1 */
        0xf4,
    };
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xff, 7);
    ck_assert_uint_eq(b->cpu.insn_count, 3);
    cpu_bench_free(b);
}
END_TEST

/* Code that ran and is then overwritten from outside is decoded anew. */
START_TEST(code_written_by_others) {
    static const uint8_t one[] = {0xb8, 1, 0, 0, 0, 0xf4}, two[] = {0xb8, 2, 0, 0, 0, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, one, sizeof(one));
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 1);
    cpu_bench_code(b, two, sizeof(two));
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 2);
    cpu_bench_free(b);
}
END_TEST

/* A fault in the middle of a block shows flags and RIP as if instructions ran one by one. */
START_TEST(fault_is_precise) {
    static const uint8_t code[] = {
        0xff, 0xc1,                         /* inc ecx */
        0x31, 0xc0,                         /* xor eax, eax: ZF */
        0xa1, 0,    0, 0, 0x40, 0, 0, 0, 0, /* mov eax, [40000000h]: not mapped */
        0x83, 0xc8, 1,                      /* or eax, 1 */
        0xf4,
    };
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG_USER);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_CX] = 5;
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, 0x40000000);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), PF_U);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE + 4);
    ck_assert_uint_eq(cpu_bench_frame(b, 3) & FLAG_ZF, FLAG_ZF);
    ck_assert_uint_eq(b->env->gpr[REG_CX], 6);
    ck_assert_uint_eq(b->cpu.insn_count, 3); /* inc, xor, and the handler's hlt */
    cpu_bench_free(b);
}
END_TEST

/* An instruction that reaches into a page that is not mapped faults there. */
START_TEST(fetch_across_pages) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    memset(b->mem + BENCH_PD + 8, 0, 8 * 511); /* only the first 2 MiB stay mapped */
    b->mem[0x1fffff] = 0xb8;
    b->env->rip = 0x1fffff;
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, 0x200000);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), 0x1fffff);
    cpu_bench_free(b);
}
END_TEST

/* A store that crosses into a page that may not be written changes nothing. */
START_TEST(store_is_all_or_nothing) {
    static const uint8_t code[] = {0x48, 0x89, 0x07, 0xf4}; /* mov [rdi], rax */
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    uint64_t not_present = 0;
    memcpy(b->mem + BENCH_PD + 8 * 2, &not_present, 8);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_DI] = 0x3ffffc;
    b->env->gpr[REG_AX] = ~0ull;
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, 0x400000);
    ck_assert_uint_eq(cpu_bench_frame(b, 0), PF_W);
    ck_assert_uint_eq(b->mem[0x3ffffc], 0);
    cpu_bench_free(b);
}
END_TEST

START_TEST(walk_sets_accessed_and_dirty) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    struct WalkResult r;
    uint64_t pde;
    ck_assert(x86_walk(b->env, &b->cpu.model, b->cpu.bus, 0x200123, 0, &r));
    ck_assert_uint_eq(r.phys, 0x200123);
    ck_assert_uint_eq(r.page_size, 2 << 20);
    ck_assert(!r.dirty);
    memcpy(&pde, b->mem + BENCH_PD + 8, 8);
    ck_assert_uint_eq(pde & 0x60, 0x20);
    ck_assert(x86_walk(b->env, &b->cpu.model, b->cpu.bus, 0x200123, WALK_WRITE, &r));
    memcpy(&pde, b->mem + BENCH_PD + 8, 8);
    ck_assert_uint_eq(pde & 0x60, 0x60);
    cpu_bench_free(b);
}
END_TEST

/** The leaf entry's bits, the access, and the error code it gives (-1: none). */
static const struct {
    uint64_t pde;
    unsigned how;
    uint32_t cr0_off, cr4_on;
    int error;
} rights[] = {
    {0x200087, WALK_USER | WALK_WRITE, 0, 0, -1},
    {0x200086, 0, 0, 0, 0},
    {0x200086, WALK_USER | WALK_WRITE, 0, 0, PF_U | PF_W},
    {0x200085, WALK_USER, 0, 0, -1},
    {0x200085, WALK_USER | WALK_WRITE, 0, 0, PF_P | PF_W | PF_U},
    {0x200085, WALK_WRITE, 0, 0, PF_P | PF_W},
    {0x200085, WALK_WRITE, CR0_WP, 0, -1},
    {0x200083, WALK_USER, 0, 0, PF_P | PF_U},
    {0x8000000000200087, WALK_EXEC, 0, 0, PF_P | PF_I},
    {0x200087, WALK_EXEC, 0, CR4_SMEP, PF_P | PF_I},
    {0x200087, WALK_EXEC | WALK_USER, 0, CR4_SMEP, -1},
    {0x200087, 0, 0, CR4_SMAP, PF_P},
    {0x200087, WALK_AC, 0, CR4_SMAP, -1},
    {0x200087, WALK_WRITE, 0, CR4_SMAP, PF_P | PF_W},
    {0x203087, 0, 0, 0, PF_P | PF_RSVD},
    {0x0008000000200087, 0, 0, 0, PF_P | PF_RSVD},
};

START_TEST(walk_rights) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    struct WalkResult r;
    memcpy(b->mem + BENCH_PD + 8, &rights[_i].pde, 8);
    b->env->cr0 &= ~(uint64_t)rights[_i].cr0_off;
    b->env->cr4 |= rights[_i].cr4_on;
    bool ok = x86_walk(b->env, &b->cpu.model, b->cpu.bus, 0x200000, rights[_i].how, &r);
    ck_assert_int_eq(ok, rights[_i].error < 0);
    if (!ok)
        ck_assert_int_eq((int)r.error, rights[_i].error);
    cpu_bench_free(b);
}
END_TEST

/* With a base that makes it an address again: AMD's processors refuse the offset, Intel's look at the sum alone. */
START_TEST(non_canonical_offset) {
    static const uint8_t load[] = {0x64, 0x48, 0x8b, 0x03, 0xf4}; /* mov rax, fs:[rbx]; hlt */
    static const struct {
        const char *model;
        int vector;
    } cases[] = {{"max", VEC_GP}, {"max,vendor=GenuineIntel", -1}};
    for (unsigned k = 0; k < 2; k++) {
        struct CpuBench *b = cpu_bench_new(cases[k].model, BENCH_LONG);
        b->env->seg[SEG_FS].base = 0xffff800000000000;
        b->env->gpr[REG_BX] = 0x800000000000 + BENCH_DATA;
        b->mem[BENCH_DATA] = 0x5a;
        cpu_bench_code(b, load, sizeof(load));
        ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
        ck_assert_int_eq(cpu_bench_vector(b), cases[k].vector);
        if (cases[k].vector < 0)
            ck_assert_uint_eq(b->env->gpr[REG_AX] & 0xff, 0x5a);
        cpu_bench_free(b);
    }
}
END_TEST

/* Operands in the last page of the address space, up to its last byte and beyond, where they go on at 0. */
static const struct LastPage {
    const char *what;
    uint8_t code[10]; /* with disp32 at the end */
    uint8_t size, operand;
} last_page[] = {
    {"MOV", {0x48, 0x8b, 0x04, 0x25}, 4, 8},
    {"MOVDQU load", {0xf3, 0x0f, 0x6f, 0x04, 0x25}, 5, 16},
    {"MOVDQU store", {0xf3, 0x0f, 0x7f, 0x04, 0x25}, 5, 16},
    {"MOVUPS", {0x0f, 0x10, 0x04, 0x25}, 4, 16},
    {"FLD m80", {0xdb, 0x2c, 0x25}, 3, 10},
    {"FSTP m80", {0xdb, 0x3c, 0x25}, 3, 10},
    {"FNSTENV", {0xd9, 0x34, 0x25}, 3, 28},
    {"FLDENV", {0xd9, 0x24, 0x25}, 3, 28},
    {"FNSAVE", {0xdd, 0x34, 0x25}, 3, 108},
    {"FRSTOR", {0xdd, 0x24, 0x25}, 3, 108},
    {"SGDT", {0x0f, 0x01, 0x04, 0x25}, 4, 10},
    {"CMPXCHG8B", {0x0f, 0xc7, 0x0c, 0x25}, 4, 8},
    {"PUSH", {0xff, 0x34, 0x25}, 3, 8},
    {"LGS", {0x48, 0x0f, 0xb5, 0x04, 0x25}, 5, 6},
};

static void try_last_page(const struct LastPage *c, int32_t at) {
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    uint64_t pdpt = BENCH_PDPT | 7, pd = BENCH_PD | 7, page = 0x87;
    uint8_t code[16];
    memcpy(b->mem + BENCH_PML4 + 8 * 511, &pdpt, 8);
    memcpy(b->mem + BENCH_PDPT + 8 * 511, &pd, 8);
    memcpy(b->mem + BENCH_PD + 8 * 511, &page, 8); /* the last 2 MiB are the first ones again */
    memset(b->mem + 0x1fff00, 0, 0x100);
    memcpy(code, c->code, c->size);
    memcpy(code + c->size, &at, 4);
    code[c->size + 4] = 0xf4;
    int vector = cpu_bench_try(b, code, c->size + 5u);
    ck_assert_msg(vector == -1, "%s at %d: vector %d", c->what, at, vector);
    cpu_bench_free(b);
}

START_TEST(last_page_of_the_space) {
    const struct LastPage *c = &last_page[_i];
    try_last_page(c, -256);
    try_last_page(c, -(int)c->operand);
    try_last_page(c, -(int)c->operand / 2);
    try_last_page(c, -1);
}
END_TEST

/* FXSAVE and XSAVE, whose areas are aligned; and strings. */
START_TEST(last_page_areas) {
    static const struct LastPage areas[] = {
        {"FXSAVE", {0x0f, 0xae, 0x04, 0x25}, 4, 0},
        {"FXRSTOR", {0x0f, 0xae, 0x0c, 0x25}, 4, 0},
    };
    for (unsigned k = 0; k < 2; k++) {
        try_last_page(&areas[k], -0x400);
        try_last_page(&areas[k], -0x200);
        try_last_page(&areas[k], -0x100);
        try_last_page(&areas[k], -0x10);
    }
}
END_TEST

/* A trap gate lets the next interrupt in before its handler has executed anything, for ever: the budget ends it. */
static int always(void *opaque) {
    (void)opaque;
    return 0x40;
}

START_TEST(interrupts_without_an_instruction) {
    static const struct CpuApicOps apic = {.acknowledge = always};
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    b->cpu.apic = &apic;
    b->mem[BENCH_IDT + 16 * 0x40 + 5] = 0x8f;
    b->env->rflags |= FLAG_IF;
    cpu_bench_code(b, "\x90", 1);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    b->cpu.insn_limit = b->cpu.insn_count + 100;
    tcg_lite_ops.put_state(&b->cpu);
    ck_assert_int_eq(tcg_lite_ops.exec(&b->cpu), VCPU_EXIT_BUDGET);
    ck_assert_uint_eq(b->cpu.insn_count, 0);
    ck_assert_uint_eq(b->cpu.event_count, 100);
    cpu_bench_free(b);
}
END_TEST

Suite *tcg_core_suite(void) {
    Suite *s = suite_create("tcg_core");
    TCase *tc = tcase_create("core");
    tcase_add_test(tc, runs_and_counts);
    tcase_add_test(tc, non_canonical_offset);
    tcase_add_test(tc, budget_is_exact);
    tcase_add_test(tc, self_modifying_in_block);
    tcase_add_test(tc, code_written_by_others);
    tcase_add_test(tc, fault_is_precise);
    tcase_add_test(tc, fetch_across_pages);
    tcase_add_test(tc, store_is_all_or_nothing);
    tcase_add_test(tc, walk_sets_accessed_and_dirty);
    tcase_add_loop_test(tc, walk_rights, 0, sizeof(rights) / sizeof(rights[0]));
    tcase_add_loop_test(tc, last_page_of_the_space, 0, sizeof(last_page) / sizeof(last_page[0]));
    tcase_add_test(tc, last_page_areas);
    tcase_add_test(tc, interrupts_without_an_instruction);
    suite_add_tcase(s, tc);
    return s;
}
