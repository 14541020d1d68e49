/* SPDX-License-Identifier: MIT */
/* Translated code that calls exec functions, or leaves in the midst of a chain of carries: what comes then goes on with
 * the exact state. */
#include "isa/arch.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <string.h>

static struct CpuBench *eager_bench(void) {
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    cpu_bench_restart(b, "jit=eager");
    return b;
}

/* FNSTCW, which is called, overwrites the next instruction of its block. */
START_TEST(called_overwrites_next) {
    struct CpuBench *b = eager_bench();
    int vector = CPU_BENCH_RUN(b, 0x31, 0xdb,          /* xor ebx, ebx */
                               0xd9, 0x3d, 1, 0, 0, 0, /* fnstcw [rip+1]: half of the constant below */
                               0xb8, 1, 0, 0, 0);      /* mov eax, 1 */
    ck_assert_int_eq(vector, -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], b->env->fcw);
    ck_assert_uint_eq(b->cpu.insn_count, 4);
    cpu_bench_free(b);
}
END_TEST

/* It faults, with the registers as they are before it; then other code runs as ever. */
START_TEST(called_faults) {
    struct CpuBench *b = eager_bench();
    int vector = CPU_BENCH_RUN(b, 0x41, 0xbc, 7, 0, 0, 0,       /* mov r12d, 7 */
                               0xbb, 9, 0, 0, 0,                /* mov ebx, 9 */
                               0xd9, 0x3c, 0x25, 0, 0, 0, 0x7f, /* fnstcw [0x7f000000] */
                               0x31, 0xdb);                     /* xor ebx, ebx */
    ck_assert_int_eq(vector, VEC_PF);
    ck_assert_uint_eq(cpu_bench_frame(b, 1), BENCH_CODE + 11);
    ck_assert_uint_eq(b->env->gpr[REG_BX], 9);
    ck_assert_uint_eq(b->env->gpr[12], 7);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x31, 0xdb, 0xff, 0xc3, 0xff, 0xc3), -1); /* xor ebx, ebx; inc ebx; inc ebx */
    ck_assert_uint_eq(b->env->gpr[REG_BX], 2);
    cpu_bench_free(b);
}
END_TEST

/* In a loop: registers and flags are the same before and behind it, and every round counts. */
START_TEST(called_in_a_loop) {
    struct CpuBench *b = eager_bench();
    b->env->gpr[REG_DI] = BENCH_DATA;
    int vector = CPU_BENCH_RUN(b, 0xb9, 100, 0, 0, 0,  /* mov ecx, 100 */
                               0x45, 0x31, 0xf6,       /* xor r14d, r14d */
                               0x31, 0xc0,             /* xor eax, eax */
                               0x83, 0xf8, 200,        /* L: cmp eax, -56 */
                               0xd9, 0x3f,             /* fnstcw [rdi] */
                               0x49, 0x8d, 0x76, 0x01, /* lea rsi, [r14+1] */
                               0x49, 0x83, 0xd6, 0x01, /* adc r14, 1 */
                               0x01, 0xc8,             /* add eax, ecx */
                               0xff, 0xc9,             /* dec ecx */
                               0x75, 0xed);            /* jnz L */
    ck_assert_int_eq(vector, -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 5050);
    ck_assert_uint_eq(b->env->gpr[14], 200); /* eax is always below 0xffffffc8 */
    ck_assert_uint_eq(b->cpu.insn_count, 3 + 100 * 7 + 1);
    cpu_bench_free(b);
}
END_TEST

/* ADCX and ADOX whose operands cross pages, so that each leaves to the interpreter and comes back. */
START_TEST(carries_across_pages) {
    static const char *const options[] = {"jit=eager", "plain=on"};
    uint64_t result[2][3];
    for (unsigned k = 0; k < 2; k++) {
        struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
        cpu_bench_restart(b, options[k]);
        memset(b->mem + BENCH_DATA + 0xff8, 0xff, 16);
        b->env->gpr[REG_SI] = BENCH_DATA + 0xffc;
        b->env->gpr[REG_DI] = BENCH_DATA;
        b->env->gpr[REG_BX] = 5;
        b->env->gpr[REG_CX] = 0;
        int vector = CPU_BENCH_RUN(b, 0x6a, 0xff, 0x58,                /* push -1; pop rax */
                                   0x48, 0x01, 0xc0,                   /* add rax, rax: CF */
                                   0x66, 0x48, 0x0f, 0x38, 0xf6, 0x07, /* adcx rax, [rdi] */
                                   0xf3, 0x48, 0x0f, 0x38, 0xf6, 0x1e, /* adox rbx, [rsi] */
                                   0x66, 0x48, 0x0f, 0x38, 0xf6, 0x06, /* adcx rax, [rsi] */
                                   0xf3, 0x48, 0x0f, 0x38, 0xf6, 0xd8, /* adox rbx, rax */
                                   0x66, 0x48, 0x0f, 0x38, 0xf6, 0xc3, /* adcx rax, rbx */
                                   0x0f, 0x92, 0xc1, 0x0f, 0x90, 0xc5, /* setb cl; seto ch */
                                   0x0f, 0x94, 0xc2);                  /* sete dl */
        ck_assert_int_eq(vector, -1);
        result[k][0] = b->env->gpr[REG_AX];
        result[k][1] = b->env->gpr[REG_BX];
        result[k][2] = b->env->gpr[REG_CX] << 8 | (uint8_t)b->env->gpr[REG_DX];
        cpu_bench_free(b);
    }
    ck_assert_mem_eq(result[0], result[1], sizeof(result[0]));
}
END_TEST

Suite *jit_calls_suite(void) {
    Suite *s = suite_create("jit_calls");
    TCase *t = tcase_create("state");
    tcase_add_test(t, called_overwrites_next);
    tcase_add_test(t, called_faults);
    tcase_add_test(t, called_in_a_loop);
    tcase_add_test(t, carries_across_pages);
    suite_add_tcase(s, t);
    return s;
}
