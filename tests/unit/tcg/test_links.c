/* SPDX-License-Identifier: MIT */
/* Ways from block to block: they are fast only as long as they are true. */
#include "accel/look.h"
#include "accel/tcg-lite/run/block.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum {
    PD2 = 0x9000,     /* the second GiB's page directory */
    PT2 = 0xa000,     /* its first 2 MiB */
    OTHER = 0xb000,   /* another PML4, PDPT, page directory and table: 4 pages */
    AREA = 0x40000000 /* what PT2 maps */
};
enum { P = 0x300000, Q = 0x301000, R = 0x302000 }; /* pages of code */

static void put(struct CpuBench *b, uint64_t at, const void *bytes, size_t n) { memcpy(b->mem + at, bytes, n); }
static void put64(struct CpuBench *b, uint64_t at, uint64_t v) { memcpy(b->mem + at, &v, 8); }
static void map(struct CpuBench *b, unsigned table, unsigned page, uint64_t phys) {
    put64(b, table + 8 * page, phys | 3);
}

static struct CpuBench *new_bench(void) {
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    put64(b, BENCH_PDPT + 8, PD2 | 3);
    map(b, PD2, 0, PT2);
    memcpy(b->mem + OTHER, b->mem + BENCH_PML4, 4096);
    memcpy(b->mem + OTHER + 0x1000, b->mem + BENCH_PDPT, 4096);
    put64(b, OTHER, (OTHER + 0x1000) | 3);
    put64(b, OTHER + 0x1000 + 8, (OTHER + 0x2000) | 3);
    map(b, OTHER + 0x2000, 0, OTHER + 0x3000);
    put(b, Q, "\xff\xc3\xc3", 3); /* inc ebx; ret */
    put(b, R, "\xff\xc1\xc3", 3); /* inc ecx; ret */
    b->env->gpr[REG_BX] = b->env->gpr[REG_CX] = 0;
    return b;
}

static void runs_to(struct CpuBench *b, unsigned ebx, unsigned ecx) {
    ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), -1);
    ck_assert_uint_eq(b->env->gpr[REG_BX], ebx);
    ck_assert_uint_eq(b->env->gpr[REG_CX], ecx);
    cpu_bench_free(b);
}

/* mov edx, 5; again: call rsi; call rdi; dec edx; jnz again; hlt */
static const uint8_t call_both[] = {0xba, 5, 0, 0, 0, 0xff, 0xd6, 0xff, 0xd7, 0xff, 0xca, 0x75, 0xf8, 0xf4};

/* One page of code at two linear addresses, with a branch into the next page: Q at one, R at the other. */
START_TEST(a_page_at_two_addresses) {
    struct CpuBench *b = new_bench();
    put(b, P + 0xff0, "\xe9\x0b\0\0", 5); /* jmp to the next page */
    map(b, PT2, 0, P), map(b, PT2, 1, Q);
    map(b, PT2, 16, P), map(b, PT2, 17, R);
    cpu_bench_code(b, call_both, sizeof(call_both));
    b->env->gpr[REG_SI] = AREA + 0xff0;
    b->env->gpr[REG_DI] = AREA + 0x10ff0;
    runs_to(b, 5, 5);
}
END_TEST

/* The same where execution falls into the next page, which a block never does by itself. */
START_TEST(falling_into_the_next_page) {
    struct CpuBench *b = new_bench();
    memset(b->mem + P + 0xff0, 0x90, 16);
    map(b, PT2, 0, P), map(b, PT2, 1, Q);
    map(b, PT2, 16, P), map(b, PT2, 17, R);
    cpu_bench_code(b, call_both, sizeof(call_both));
    b->env->gpr[REG_SI] = AREA + 0xff0;
    b->env->gpr[REG_DI] = AREA + 0x10ff0;
    runs_to(b, 5, 5);
}
END_TEST

/* Two address spaces: the branch from P leads to Q in one, to R in the other. */
START_TEST(another_address_space) {
    /* mov edx, 5; again: mov cr3, rax; call rsi; mov cr3, rbp; call rsi; dec edx; jnz again; hlt */
    static const uint8_t code[] = {0xba, 5,    0,    0,    0,    0x0f, 0x22, 0xd8, 0xff, 0xd6,
                                   0x0f, 0x22, 0xdd, 0xff, 0xd6, 0xff, 0xca, 0x75, 0xf2, 0xf4};
    struct CpuBench *b = new_bench();
    put(b, P + 0xff0, "\xe9\x0b\0\0", 5);
    map(b, PT2, 0, P), map(b, PT2, 1, Q);
    map(b, OTHER + 0x3000, 0, P), map(b, OTHER + 0x3000, 1, R);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_AX] = BENCH_PML4;
    b->env->gpr[REG_BP] = OTHER;
    b->env->gpr[REG_SI] = AREA + 0xff0;
    runs_to(b, 5, 5);
}
END_TEST

/* MOV CR3 takes away the page that it stands in. */
START_TEST(the_next_instruction_is_elsewhere) {
    static const uint8_t there[] = {0x0f, 0x22, 0xdd, 0xff, 0xc3,
                                    0x0f, 0x22, 0xd8, 0xc3};                              /* mov cr3, rbp; inc ebx;
                                                                                            mov cr3, rax; ret */
    static const uint8_t here[] = {0x0f, 0x22, 0xdd, 0xff, 0xc1, 0x0f, 0x22, 0xd8, 0xc3}; /* ... inc ecx ... */
    struct CpuBench *b = new_bench();
    put(b, P, there, sizeof(there)), put(b, P + 0x100, there, sizeof(there));
    put(b, Q, here, sizeof(here)), put(b, Q + 0x100, here, sizeof(here));
    map(b, PT2, 0, P);
    map(b, OTHER + 0x3000, 0, Q);
    cpu_bench_code(b, call_both, sizeof(call_both));
    b->env->gpr[REG_AX] = BENCH_PML4;
    b->env->gpr[REG_BP] = OTHER;
    b->env->gpr[REG_SI] = AREA;
    b->env->gpr[REG_DI] = AREA + 0x100;
    runs_to(b, 0, 10);
}
END_TEST

/* The page that a branch leads to is exchanged and INVLPG told. */
START_TEST(another_page) {
    /* mov edx, 5; again: call rsi; mov [rdi], rax; invlpg [r8]; call rsi; mov [rdi], rbp; invlpg [r8]; dec edx;
       jnz again; hlt */
    static const uint8_t code[] = {0xba, 5,    0,    0,    0,    0xff, 0xd6, 0x48, 0x89, 0x07, 0x41, 0x0f, 0x01, 0x38,
                                   0xff, 0xd6, 0x48, 0x89, 0x2f, 0x41, 0x0f, 0x01, 0x38, 0xff, 0xca, 0x75, 0xea, 0xf4};
    struct CpuBench *b = new_bench();
    put(b, P + 0xff0, "\xe9\x0b\0\0", 5);
    map(b, PT2, 0, P), map(b, PT2, 1, Q);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_AX] = R | 3;
    b->env->gpr[REG_BP] = Q | 3;
    b->env->gpr[REG_SI] = AREA + 0xff0;
    b->env->gpr[REG_DI] = PT2 + 8;
    b->env->gpr[REG_R8] = AREA + 0x1000;
    runs_to(b, 5, 5);
}
END_TEST

/* A block that a link within the page leads to is overwritten. */
START_TEST(overwritten_target) {
    /* mov edx, 5; again: jmp there; there: inc ebx; xor byte [rip - 3], 2 (inc ebx <-> inc ecx); dec edx; jnz again;
       hlt */
    static const uint8_t code[] = {0xba, 5,    0,    0,    0,    0xeb, 0x00, 0xff, 0xc3, 0x80, 0x35,
                                   0xf8, 0xff, 0xff, 0xff, 0x02, 0xff, 0xca, 0x75, 0xf1, 0xf4};
    struct CpuBench *b = new_bench();
    cpu_bench_code(b, code, sizeof(code));
    runs_to(b, 3, 2);
}
END_TEST

/* Conditional branches do not end blocks: instructions are counted right whichever way they go, to any limit. */
START_TEST(counts_with_conditional_branches) {
    /* mov edx, 20; again: test dl, 1; jz 1f; inc ebx; 1: test dl, 2; jnz 2f; inc ecx; 2: dec edx; jnz again; hlt */
    static const uint8_t code[] = {0xba, 20,   0, 0,    0, 0xf6, 0xc2, 1,    0x74, 2,    0xff, 0xc3,
                                   0xf6, 0xc2, 2, 0x75, 2, 0xff, 0xc1, 0xff, 0xca, 0x75, 0xee, 0xf4};
    const unsigned whole = 1 + 20 * 6 + 10 + 10 + 1;
    for (unsigned limit = 1; limit <= whole; limit++) {
        struct CpuBench *b = new_bench(), *c = new_bench();
        cpu_bench_code(b, code, sizeof(code));
        cpu_bench_code(c, code, sizeof(code));
        cpu_bench_run(b, limit);
        ck_assert_uint_eq(b->cpu.insn_count, limit);
        for (unsigned k = 0; k < limit; k++)
            cpu_bench_run(c, 1);
        ck_assert_uint_eq(b->env->rip, c->env->rip);
        ck_assert_int_eq(memcmp(b->env->gpr, c->env->gpr, sizeof(b->env->gpr)), 0);
        cpu_bench_free(b);
        cpu_bench_free(c);
    }
    struct CpuBench *b = new_bench();
    cpu_bench_code(b, code, sizeof(code));
    ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->cpu.insn_count, whole);
    cpu_bench_free(b);
}
END_TEST

/* The bench's engine anew, with these options. */
/* Of the branches at the beginning of a block as long as can be each finds its own link, the first has the longest way.
 */
START_TEST(links_of_the_longest_block) {
    enum { BRANCHES = BLOCK_MAX_EXITS - 1, JCC = 6, NOPS = 300, START = 2, OUT = START + BRANCHES * JCC + NOPS };
    for (unsigned taken = 0; taken < BRANCHES; taken++) {
        uint8_t code[OUT + 8];
        memset(code, 0x90, sizeof(code));
        memcpy(code, "\x09\xc9", 2); /* or ecx, ecx: not zero */
        for (unsigned n = 0; n < BRANCHES; n++) {
            int32_t to = n == taken ? (int32_t)(OUT - START - (n + 1) * JCC) : 0x1000;
            memcpy(code + START + n * JCC, n == taken ? "\x0f\x85" : "\x0f\x84", 2); /* jnz out; jz elsewhere */
            memcpy(code + START + n * JCC + 2, &to, 4);
        }
        int32_t back = -(OUT + 8);
        memcpy(code + OUT, "\xff\xc9", 2); /* dec ecx; jnz to the beginning */
        memcpy(code + OUT + 2, "\x0f\x85", 2);
        memcpy(code + OUT + 4, &back, 4);
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        cpu_bench_code(b, code, sizeof(code));
        put(b, BENCH_CODE + sizeof(code), "\xf4", 1);
        b->env->gpr[REG_CX] = 5;
        ck_assert_int_eq(cpu_bench_run(b, 10000), VCPU_EXIT_HALT);
        ck_assert_uint_eq(b->env->rip, BENCH_CODE + sizeof(code) + 1);
        ck_assert_uint_eq(b->cpu.insn_count, 5 * (taken + 4) + 1);
        cpu_bench_free(b);
    }
}
END_TEST

/* More code than there is room for blocks, on ways that differ from pass to pass: 16-byte slots that go to the next one
 * or the one after it, as RAX's bits say. Links within pages lead to blocks that were forgotten, and must not. */
START_TEST(recycled_blocks) {
    enum { SLOTS = 18 * 256, PASSES = 300 };
    /* inc ebx; ror rax, 1; jc the slot after the next; jmp the next */
    static const uint8_t slot[16] = {0xff, 0xc3, 0x48, 0xd1, 0xc8, 0x72, 25, 0xeb, 7};
    /* dec edx; jz over; jmp rsi; over: hlt */
    static const uint8_t end[16] = {0xff, 0xca, 0x74, 2, 0xff, 0xe6, 0xf4};
    const uint64_t bits = 0x9e3779b97f4a7c15;
    struct CpuBench *b = new_bench();
    cpu_bench_restart(b, "tb-size=2");
    for (unsigned k = 0; k < SLOTS; k++)
        put(b, P + 16 * k, slot, sizeof(slot));
    put(b, P + 16 * SLOTS, end, sizeof(end));
    put(b, P + 16 * SLOTS + 16, end, sizeof(end));
    unsigned visited = 0;
    uint64_t rax = bits;
    for (unsigned pass = 0; pass < PASSES; pass++)
        for (unsigned k = 0; k < SLOTS; visited++) {
            k += 1 + (rax & 1);
            rax = rax >> 1 | rax << 63;
        }
    b->env->gpr[REG_AX] = bits;
    b->env->gpr[REG_DX] = PASSES;
    b->env->gpr[REG_SI] = b->env->rip = P;
    ck_assert_int_eq(cpu_bench_run(b, UINT64_MAX), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_BX], visited);
    ck_assert_uint_eq(b->env->gpr[REG_AX], rax);
    char text[160];
    unsigned decoded = 0, recycled = 0;
    tcg_lite_ops.look->describe(b->cpu.engine, text, sizeof(text));
    ck_assert_int_eq(sscanf(text, "blocks: %u decoded, 1.0 of 1.0 MiB used, %u", &decoded, &recycled), 2);
    ck_assert_uint_gt(decoded, SLOTS);
    ck_assert_uint_gt(recycled, 16);
    cpu_bench_free(b);
}
END_TEST

enum { WIDE_PAGES = 3200, WIDE_SLOTS = 8, WIDE_SIZE = 512, WIDE_NOPS = 20 };

/* Slots at `at` of each 512 bytes, that go to the same one of the next page, at last to the first page's next one. */
static void put_wide(struct CpuBench *b, unsigned at) {
    for (unsigned slot = 0; slot < WIDE_SLOTS; slot++)
        for (unsigned page = 0; page < WIDE_PAGES; page++) {
            uint64_t from = P + 4096 * page + WIDE_SIZE * slot + at, next = from + 4096;
            if (page + 1 == WIDE_PAGES)
                next = P + WIDE_SIZE * (slot + 1) + at;
            int32_t by = (int32_t)(next - (from + WIDE_NOPS + 5));
            memset(b->mem + from, 0x90, WIDE_NOPS);
            b->mem[from + WIDE_NOPS] = 0xe9;
            memcpy(b->mem + from + WIDE_NOPS + 1, &by, sizeof(by));
        }
    /* instead of the last one: dec edx; jz over; jmp rsi; over: hlt */
    put(b, P + 4096 * (WIDE_PAGES - 1) + WIDE_SIZE * (WIDE_SLOTS - 1) + at, "\xff\xca\x74\2\xff\xe6\xf4", 7);
}

static void run_wide(struct CpuBench *b, unsigned at, unsigned decoded[1], double used[1], unsigned recycled[1]) {
    char text[160];
    b->env->gpr[REG_DX] = 3;
    b->env->gpr[REG_SI] = b->env->rip = P + at;
    ck_assert_int_eq(cpu_bench_run(b, 1 << 30), VCPU_EXIT_HALT);
    tcg_lite_ops.look->describe(b->cpu.engine, text, sizeof(text));
    ck_assert_int_eq(sscanf(text, "blocks: %u decoded, %lf of 32.0 MiB used, %u", decoded, used, recycled), 3);
}

/* What was executed not long ago stays, so the arena grows, and there is no limit to ways from page to page before that
 * of the arena. What was executed long ago makes room. */
START_TEST(the_arena_grows_by_need) {
    struct CpuBench *b = new_bench();
    unsigned decoded[2], recycled[2];
    double used[2];
    cpu_bench_restart(b, "tb-size=64");
    put_wide(b, 0);
    put_wide(b, 256);
    run_wide(b, 0, &decoded[0], &used[0], &recycled[0]);
    ck_assert_uint_ge(decoded[0], WIDE_PAGES * WIDE_SLOTS);
    ck_assert_uint_lt(decoded[0], WIDE_PAGES * WIDE_SLOTS + 10); /* three passes, and each was decoded once */
    ck_assert_uint_eq(recycled[0], 0);
    ck_assert_double_gt(used[0], 16);
    b->cpu.insn_count += 1 << 30;
    run_wide(b, 256, &decoded[1], &used[1], &recycled[1]);
    ck_assert_uint_ge(decoded[1], 2 * WIDE_PAGES * WIDE_SLOTS);
    ck_assert_uint_gt(recycled[1], 5);
    ck_assert_double_lt(used[1], used[0] + 2.1);
    cpu_bench_free(b);
}
END_TEST

/* Two pages whose translations share an entry of the TLB, read in turn; then the first one's table entry changes. */
static void run_sharing(bool invlpg, unsigned ebx) {
    enum { PT3 = OTHER + 0x4000, FAR = TLB_SIZE * 4096 };
    static const uint8_t code[] = {0x8b, 0x06,       /* mov eax, [rsi] */
                                   0x8b, 0x0f,       /* mov ecx, [rdi] */
                                   0x4c, 0x89, 0x02, /* mov [rdx], r8 */
                                   0x0f, 0x01, 0x3e, /* invlpg [rsi] */
                                   0x8b, 0x1e,       /* mov ebx, [rsi] */
                                   0xf4};
    struct CpuBench *b = new_bench();
    map(b, PD2, FAR >> 21, PT3);
    map(b, PT2, 0, P), map(b, PT3, 0, Q);
    put64(b, P, 1), put64(b, Q, 2), put64(b, R, 3);
    cpu_bench_code(b, code, sizeof(code));
    if (!invlpg)
        memcpy(b->mem + BENCH_CODE + 7, "\x0f\x1f\0", 3); /* nop */
    b->env->gpr[REG_SI] = AREA;
    b->env->gpr[REG_DI] = AREA + FAR;
    b->env->gpr[REG_DX] = PT2;
    b->env->gpr[8] = R | 3;
    runs_to(b, ebx, 2);
}

START_TEST(what_made_room_is_remembered) { run_sharing(false, 1); }
END_TEST
START_TEST(what_made_room_is_forgotten_by_invlpg) { run_sharing(true, 3); }
END_TEST

Suite *links_suite(void) {
    Suite *s = suite_create("links");
    TCase *tc = tcase_create("ways");
    tcase_add_test(tc, a_page_at_two_addresses);
    tcase_add_test(tc, falling_into_the_next_page);
    tcase_add_test(tc, another_address_space);
    tcase_add_test(tc, the_next_instruction_is_elsewhere);
    tcase_add_test(tc, another_page);
    tcase_add_test(tc, overwritten_target);
    tcase_add_test(tc, links_of_the_longest_block);
    tcase_add_test(tc, recycled_blocks);
    tcase_add_test(tc, the_arena_grows_by_need);
    tcase_add_test(tc, counts_with_conditional_branches);
    tcase_add_test(tc, what_made_room_is_remembered);
    tcase_add_test(tc, what_made_room_is_forgotten_by_invlpg);
    suite_add_tcase(s, tc);
    return s;
}
