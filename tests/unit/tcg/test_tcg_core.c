/* SPDX-License-Identifier: MIT */
/* The engine's machinery: blocks and self-modifying code, TLB and faults, budgets, page walks. */
#include "accel/tcg-lite/run/block.h"
#include "cpu/pagewalk.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static unsigned blocks_decoded(const struct CpuBench *b) {
    char text[128];
    unsigned n = 0;
    tcg_describe(b->cpu.engine, text, sizeof(text));
    ck_assert_int_eq(sscanf(text, "blocks: %u", &n), 1);
    return n;
}

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
/* What is written in one page, by DMA for example, leaves the code of others alone; a page without code is data. */
START_TEST(code_written_elsewhere) {
    /* mov ecx, 100; again: call rsi; dec ecx; jnz again; hlt */
    static const uint8_t code[] = {0xb9, 100, 0, 0, 0, 0xff, 0xd6, 0xff, 0xc9, 0x75, 0xfa, 0xf4};
    static const uint8_t ret[] = {0xc3}, inc[] = {0xff, 0xc3, 0xc3};
    enum { CALLED = 0x300000 };
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->env->gpr[REG_SI] = CALLED;
    b->env->gpr[REG_BX] = 0;
    memcpy(b->mem + CALLED, ret, sizeof(ret));
    cpu_bench_code(b, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
    unsigned decoded = blocks_decoded(b);
    uint64_t flushes = tcg_blocks_flushes(b->cpu.engine);
    for (unsigned n = 0; n < 1000; n++)
        bus_write(b->cpu.bus, CALLED, inc, sizeof(inc));
    b->env->rip = BENCH_CODE;
    ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_BX], 100);
    ck_assert_uint_le(blocks_decoded(b), decoded + 2);
    ck_assert_uint_eq(tcg_blocks_flushes(b->cpu.engine), flushes);
    /* more than are kept apart */
    for (unsigned n = 2; n < 100; n++)
        bus_write(b->cpu.bus, (n & 1 ? CALLED : BENCH_CODE) + 0x10 * n, ret, sizeof(ret));
    bus_write(b->cpu.bus, CALLED, ret, sizeof(ret));
    b->env->rip = BENCH_CODE;
    ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_BX], 100);
    cpu_bench_free(b);
}
END_TEST

/* The flag of a page that has lost its code goes with the first write. */
START_TEST(code_that_was_there) {
    static const uint8_t code[] = {0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    b->ram.page_flags[BENCH_DATA >> 12] |= PAGE_FLAG_CODE;
    cpu_bench_code(b, code, sizeof(code));
    bus_write(b->cpu.bus, BENCH_DATA, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 10), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->ram.page_flags[BENCH_DATA >> 12] & PAGE_FLAG_CODE, 0);
    cpu_bench_free(b);
}
END_TEST

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

/* A device whose accesses make an interrupt due, in the middle of a block. */
enum { DEVICE = 0x2000000, ROUNDS = 1000 };

static uint64_t due_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    cpu_post(opaque, CPU_EVENT_INTR);
    return 0;
}

static void due_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)value, (void)size;
    cpu_post(opaque, CPU_EVENT_INTR);
}

static int acknowledge(void *opaque) {
    cpu_retract(opaque, CPU_EVENT_INTR);
    return 0x40;
}

static const struct DueDevice {
    const char *what;
    uint8_t access[3], handler[4];
    uint64_t sum;
} due_devices[] = {
    /* inc r8; then what follows the access finds it one higher each time */
    {"store", {0x48, 0x89, 0x07}, {0x49, 0xff, 0xc0, 0x90}, (uint64_t)ROUNDS *(ROUNDS + 1) / 2},
    {"load", {0x48, 0x8b, 0x07}, {0x49, 0xff, 0xc0, 0x90}, (uint64_t)ROUNDS *(ROUNDS + 1) / 2},
    /* inc byte [rsi]: the block's own ADD R10, imm8, which is decoded anew each time */
    {"store, the block is overwritten", {0x48, 0x89, 0x07}, {0xfe, 0x06, 0x90, 0x90}, 0},
};

/* The interrupt comes right behind the access, and whatever is decoded for that is decoded once. */
START_TEST(device_makes_an_interrupt_due) {
    static const struct IoOps ops = {.read = due_read, .write = due_write, .min_size = 8, .max_size = 8};
    static struct CpuApicOps apic = {.acknowledge = acknowledge};
    /* mov ecx, ROUNDS; again: access; add r10, r8; add r10, 0; dec ecx; jnz again; hlt */
    uint8_t code[] = {0xb9, 0, 0, 0, 0, 0, 0, 0, 0x4d, 0x01, 0xc2, 0x49, 0x83, 0xc2, 0, 0xff, 0xc9, 0x75, 0xf2, 0xf4};
    const struct DueDevice *d = &due_devices[_i];
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    struct Region device;
    bool overwritten = d->sum == 0;
    uint32_t rounds = ROUNDS;
    region_init_mmio(&device, "due", 4096, &ops, &b->cpu);
    ck_assert_int_eq(bus_map(b->cpu.bus, DEVICE, &device), 0);
    b->cpu.apic = &apic;
    b->cpu.apic_opaque = &b->cpu;
    memcpy(b->mem + BENCH_HANDLERS + 16 * 0x40, d->handler, 4);
    memcpy(b->mem + BENCH_HANDLERS + 16 * 0x40 + 4, "\x48\xcf", 2); /* iretq */
    memcpy(code + 1, &rounds, 4);
    memcpy(code + 5, d->access, 3);
    b->env->gpr[REG_DI] = DEVICE;
    b->env->gpr[REG_SI] = BENCH_CODE + 14;
    b->env->gpr[8] = b->env->gpr[10] = 0;
    b->env->rflags |= FLAG_IF;
    cpu_bench_code(b, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 100 * ROUNDS), VCPU_EXIT_HALT);
    uint64_t sum = d->sum;
    for (int n = 1; overwritten && n <= ROUNDS; n++)
        sum += (uint64_t)(int8_t)n;
    ck_assert_msg(b->env->gpr[10] == sum, "%s: %lu", d->what, b->env->gpr[10]);
    ck_assert_msg(overwritten || blocks_decoded(b) < 20, "%s: %u blocks", d->what, blocks_decoded(b));
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
    tcase_add_test(tc, code_written_elsewhere);
    tcase_add_test(tc, code_that_was_there);
    tcase_add_test(tc, fault_is_precise);
    tcase_add_test(tc, fetch_across_pages);
    tcase_add_test(tc, store_is_all_or_nothing);
    tcase_add_test(tc, walk_sets_accessed_and_dirty);
    tcase_add_loop_test(tc, walk_rights, 0, sizeof(rights) / sizeof(rights[0]));
    tcase_add_loop_test(tc, last_page_of_the_space, 0, sizeof(last_page) / sizeof(last_page[0]));
    tcase_add_test(tc, last_page_areas);
    tcase_add_test(tc, interrupts_without_an_instruction);
    tcase_add_loop_test(tc, device_makes_an_interrupt_due, 0, sizeof(due_devices) / sizeof(due_devices[0]));
    suite_add_tcase(s, tc);
    return s;
}
