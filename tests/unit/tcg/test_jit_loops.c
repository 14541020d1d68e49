/* SPDX-License-Identifier: MIT */
/* Blocks that branch to their own begin: flags and vector registers stay where they are from round to round, and after
 * any number of instructions, and at a fault, everything is as the interpreter has it. */
#include "isa/arch.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <string.h>

enum { DATA = BENCH_DATA + 0xfc0 }; /* near the end of a page */

static const char *const engines[] = {"jit=eager", "plain=on"};

struct Loop {
    const char *what;
    const uint8_t *code;
    size_t size;
    unsigned budget; /* instructions that are more than it takes to leave the loop */
};

#define LOOP(what, budget, ...) {what, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), budget}

static const struct Loop loops[] = {
    LOOP("the carry of a comparison, read in the next round", 90, 0xb9, 12, 0, 0, 0, /* mov ecx, 12 */
         0x83, 0xd3, 0x00,                                                           /* L: adc ebx, 0 */
         0x01, 0xc8,                                                                 /* add eax, ecx */
         0xff, 0xc9,                                                                 /* dec ecx */
         0x83, 0xf9, 0x05,                                                           /* cmp ecx, 5 */
         0x67, 0xe3, 0x02,                                     /* jecxz over: ends the block, so that the loop is two */
         0xeb, 0xf2),                                          /* jmp L */
    LOOP("a counter whose CF is older", 90, 0xb9, 12, 0, 0, 0, /* mov ecx, 12 */
         0x83, 0xd3, 0x01,                                     /* L: adc ebx, 1 */
         0x41, 0x01, 0xcc,                                     /* add r12d, ecx */
         0xd1, 0xe3,                                           /* shl ebx, 1 */
         0xff, 0xc9,                                           /* dec ecx */
         0x75, 0xf4),                                          /* jnz L */
    LOOP("pointers compared, a store in each round, into the next page", 120, 0x48, 0x8d, 0x47,
         0x60,                                                                                /* lea rax, [rdi+96] */
         0x48, 0x01, 0x3f,                                                                    /* L: add [rdi], rdi */
         0x4c, 0x8b, 0x37,                                                                    /* mov r14, [rdi] */
         0x49, 0xff, 0xce,                                                                    /* dec r14 */
         0x48, 0x83, 0xc7, 0x08,                                                              /* add rdi, 8 */
         0x48, 0x39, 0xc7,                                                                    /* cmp rdi, rax */
         0x75, 0xee),                                                                         /* jne L */
    LOOP("vector registers, and a branch out in the midst", 160, 0x66, 0x0f, 0xef, 0xc0,      /* pxor xmm0, xmm0 */
         0x66, 0x48, 0x0f, 0x6e, 0xcf,                                                        /* movq xmm1, rdi */
         0xb9, 20, 0, 0, 0,                                                                   /* mov ecx, 20 */
         0x66, 0x0f, 0xd4, 0xc1,                                                              /* L: paddq xmm0, xmm1 */
         0xf3, 0x0f, 0x6f, 0x17,                                                              /* movdqu xmm2, [rdi] */
         0x66, 0x0f, 0xef, 0xca,                                                              /* pxor xmm1, xmm2 */
         0x83, 0xf9, 0x03,                                                                    /* cmp ecx, 3 */
         0x74, 0x08,                                                                          /* je out */
         0x48, 0x83, 0xc7, 0x06,                                                              /* add rdi, 6 */
         0xff, 0xc9,                                                                          /* dec ecx */
         0x75, 0xe7,                                                                          /* jnz L */
         0x66, 0x48, 0x0f, 0x7e, 0xc2),                                                       /* out: movq rdx, xmm0 */
    LOOP("the loop is overwritten in a later round, again and again", 120, 0xb9, 12, 0, 0, 0, /* mov ecx, 12 */
         0xba, 0xc2, 0, 0, 0,                                                                 /* mov edx, 0xc2 */
         0x48, 0x8d, 0x35, 10, 0, 0, 0,                       /* lea rsi, [the second byte of inc ebx] */
         0x88, 0x17,                                          /* L: mov [rdi], dl */
         0x83, 0xf9, 0x06,                                    /* cmp ecx, 6 */
         0x48, 0x0f, 0x44, 0xfe,                              /* cmove rdi, rsi */
         0xff, 0xc3,                                          /* inc ebx, which becomes inc edx */
         0xff, 0xc9,                                          /* dec ecx */
         0x75, 0xf1),                                         /* jnz L */
    LOOP("two branches to the begin", 160, 0xb9, 20, 0, 0, 0, /* mov ecx, 20 */
         0x31, 0xd2,                                          /* xor edx, edx */
         0x19, 0xdb,                                          /* L: sbb ebx, ebx */
         0x01, 0xda,                                          /* add edx, ebx */
         0xff, 0xc9,                                          /* dec ecx */
         0xf6, 0xc1, 0x03,                                    /* test cl, 3 */
         0x75, 0xf5,                                          /* jnz L */
         0x83, 0xf9, 0x08,                                    /* cmp ecx, 8 */
         0x77, 0xf0),                                         /* ja L */
};

static void begin(struct CpuBench *b, const struct Loop *l) {
    uint8_t code[96];
    ck_assert_uint_lt(l->size, sizeof(code));
    memcpy(code, l->code, l->size);
    code[l->size] = 0xf4; /* HLT */
    memset(b->env->gpr, 0, sizeof(b->env->gpr));
    memset(b->env->vec, 0, sizeof(b->env->vec));
    b->env->gpr[REG_SP] = BENCH_STACK;
    b->env->gpr[REG_DI] = DATA;
    b->env->rflags = 2;
    for (unsigned k = 0; k < 256; k++)
        b->mem[DATA + k] = (uint8_t)(k * 37 + 11);
    cpu_bench_code(b, code, l->size + 1);
    b->accel.ops->put_state(&b->cpu);
}

static void same(const struct CpuBench *a, const struct CpuBench *b, const char *what, unsigned n) {
    ck_assert_msg(memcmp(a->env->gpr, b->env->gpr, sizeof(a->env->gpr)) == 0, "%s: registers after %u", what, n);
    ck_assert_msg(a->env->rip == b->env->rip, "%s: RIP after %u", what, n);
    ck_assert_msg(a->env->rflags == b->env->rflags, "%s: flags %lx %lx after %u", what, (unsigned long)a->env->rflags,
                  (unsigned long)b->env->rflags, n);
    ck_assert_msg(memcmp(a->env->vec, b->env->vec, sizeof(a->env->vec)) == 0, "%s: vectors after %u", what, n);
    ck_assert_msg(memcmp(a->mem + DATA, b->mem + DATA, 256) == 0, "%s: memory after %u", what, n);
}

/* Each loop is stopped after n instructions, for all n. */
START_TEST(stopped_anywhere) {
    const struct Loop *l = &loops[_i];
    struct CpuBench *b[2];
    for (unsigned k = 0; k < 2; k++) {
        b[k] = cpu_bench_new("max", BENCH_LONG);
        cpu_bench_restart(b[k], engines[k]);
    }
    for (unsigned n = l->budget; n > 0; n--) {
        int exit[2];
        for (unsigned k = 0; k < 2; k++) {
            begin(b[k], l);
            exit[k] = cpu_bench_run(b[k], n);
            b[k]->accel.ops->get_state(&b[k]->cpu);
        }
        ck_assert_int_eq(exit[0], exit[1]);
        ck_assert_int_eq(exit[0], n == l->budget ? VCPU_EXIT_HALT : exit[0]);
        same(b[0], b[1], l->what, n);
    }
    for (unsigned k = 0; k < 2; k++)
        cpu_bench_free(b[k]);
}
END_TEST

/* A page that is not there is met in a later round: the state is that before the instruction. */
START_TEST(faults_in_a_later_round) {
    const struct Loop walk = LOOP("walk", 0, 0x66, 0x0f, 0xfe, 0xc9, /* L: paddd xmm1, xmm1 */
                                  0x66, 0x0f, 0x6f, 0x16,            /* movdqa xmm2, [rsi] */
                                  0x66, 0x0f, 0xfe, 0xca,            /* paddd xmm1, xmm2 */
                                  0x48, 0x83, 0xc6, 0x10,            /* add rsi, 16 */
                                  0x48, 0x39, 0xfe,                  /* cmp rsi, rdi */
                                  0x72, 0xeb);                       /* jb L */
    struct CpuBench *b[2];
    for (unsigned k = 0; k < 2; k++) {
        b[k] = cpu_bench_new("max", BENCH_LONG);
        cpu_bench_restart(b[k], engines[k]);
        begin(b[k], &walk);
        b[k]->env->gpr[REG_SI] = 0x600000 - 0x200; /* where the page directory ends, below */
        b[k]->env->gpr[REG_DI] = 0x700000;
        for (unsigned at = 0; at < 0x200; at++)
            b[k]->mem[0x600000 - 0x200 + at] = (uint8_t)(at * 7 + 1);
        memset(b[k]->mem + BENCH_PD + 8 * 3, 0, 8);
        ck_assert_int_eq(cpu_bench_run(b[k], 10000), VCPU_EXIT_HALT);
        b[k]->accel.ops->get_state(&b[k]->cpu);
        ck_assert_int_eq(cpu_bench_vector(b[k]), VEC_PF);
        ck_assert_uint_eq(b[k]->env->cr2, 0x600000);
        ck_assert_uint_eq(cpu_bench_frame(b[k], 1), BENCH_CODE + 4);
    }
    ck_assert_uint_eq(cpu_bench_frame(b[0], 3), cpu_bench_frame(b[1], 3)); /* RFLAGS */
    ck_assert_uint_eq(b[0]->cpu.insn_count, b[1]->cpu.insn_count);
    same(b[0], b[1], walk.what, 0);
    for (unsigned k = 0; k < 2; k++)
        cpu_bench_free(b[k]);
}
END_TEST

Suite *jit_loops_suite(void) {
    Suite *s = suite_create("jit_loops");
    TCase *t = tcase_create("rounds");
    tcase_add_loop_test(t, stopped_anywhere, 0, sizeof(loops) / sizeof(loops[0]));
    tcase_add_test(t, faults_in_a_later_round);
    suite_add_tcase(s, t);
    return s;
}
