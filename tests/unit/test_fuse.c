/* SPDX-License-Identifier: MIT */
/* Sequences of instructions that share an exec function behave as one by one. */
#include "accel/tcg-lite/fuse.h"
#include "tests/unit/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>

/* Every sequence of the table is found, unless another one knows more of the same instructions. */
START_TEST(every_sequence_is_found) {
    struct FuseIndex *index = fuse_index_new();
    ck_assert_ptr_nonnull(index);
    ck_assert_uint_gt(x86_fusion_count, 100);
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const struct X86Fusion *f = &x86_fusions[k];
        struct Insn insn[FUSE_MAX] = {0};
        uint8_t *byte[2];
        for (unsigned n = 0; n < f->count; n++)
            insn[n] = (struct Insn){.fn = f->fn[n],
                                    .rm = (uint8_t)(32 * n),
                                    .reg = (uint8_t)(32 * n + 8),
                                    .base = (uint8_t)(32 * n + 16),
                                    .index = (uint8_t)(32 * n + 24)};
        for (unsigned pass = 0; pass < f->count; pass++) /* an equality may follow from another */
            for (unsigned n = 0; n < f->same_count; n++) {
                for (unsigned side = 0; side < 2; side++)
                    byte[side] = (uint8_t *)&insn[f->same[n].insn[side]] + f->same[n].field[side];
                *byte[0] = *byte[1] = *byte[0] < *byte[1] ? *byte[0] : *byte[1];
            }
        fuse_pick(index, insn, f->count);
        ck_assert(insn[0].fn == f->all);
        for (unsigned n = 1; n < f->count; n++)
            ck_assert(insn[n].fn == f->fn[n]);
    }
    fuse_index_free(index);
}
END_TEST

/* push rax overwrites the push rcx behind it. */
START_TEST(first_overwrites_second) {
    static const uint8_t code[] = {0x50, 0x51, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    b->env->gpr[REG_SP] = BENCH_CODE + 1 + 8;
    b->env->gpr[REG_AX] = 0xf490; /* nop; hlt */
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_uint_eq(b->env->gpr[REG_SP], BENCH_CODE + 1);
    ck_assert_uint_eq(b->cpu.insn_count, 3);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 3);
    cpu_bench_free(b);
}
END_TEST

/* mov rax,[rbx]; mov rcx,[rcx]: the second faults, the first has been done. */
START_TEST(second_faults) {
    static const uint8_t code[] = {0x48, 0x8b, 0x03, 0x48, 0x8b, 0x09, 0xf4};
    struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
    cpu_bench_code(b, code, sizeof(code));
    memset(b->mem + BENCH_DATA, 0x5a, 8);
    b->env->gpr[REG_BX] = BENCH_DATA;
    b->env->gpr[REG_CX] = 0x40000000;
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), VEC_PF);
    ck_assert_uint_eq(b->env->cr2, 0x40000000);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE + 3);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0x5a5a5a5a5a5a5a5a);
    ck_assert_uint_eq(b->cpu.insn_count, 2); /* the first, and the handler's hlt */
    cpu_bench_free(b);
}
END_TEST

/* cmp eax,ecx; jb: the branch goes both ways, and the flags are there behind it. */
START_TEST(compare_and_branch) {
    static const uint8_t code[] = {0x39, 0xc8, 0x72, 0x01, 0xf4, 0x9c, 0xf4}; /* pushfq; hlt when below */
    for (unsigned a = 1; a <= 3; a++) {
        struct CpuBench *b = cpu_bench_new("x86-64-v1", BENCH_LONG);
        cpu_bench_code(b, code, sizeof(code));
        b->env->gpr[REG_AX] = a;
        b->env->gpr[REG_CX] = 2;
        ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
        ck_assert_uint_eq(b->env->rip, BENCH_CODE + (a < 2 ? 7 : 5));
        uint64_t want = a < 2 ? FLAG_CF | FLAG_SF | FLAG_AF | FLAG_PF : a == 2 ? FLAG_ZF | FLAG_PF : 0;
        ck_assert_uint_eq(b->env->rflags & FLAG_ARITH, want);
        cpu_bench_free(b);
    }
}
END_TEST

Suite *fuse_suite(void) {
    Suite *s = suite_create("fuse");
    TCase *tc = tcase_create("sequences");
    tcase_add_test(tc, every_sequence_is_found);
    tcase_add_test(tc, first_overwrites_second);
    tcase_add_test(tc, second_faults);
    tcase_add_test(tc, compare_and_branch);
    suite_add_tcase(s, tc);
    return s;
}
