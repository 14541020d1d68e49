/* SPDX-License-Identifier: MIT */
/* Sequences of instructions that share an exec function behave as one by one. */
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/functions.h"
#include "accel/tcg-lite/run/fuse.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- blocks made for a sequence ---- */

enum { ANYTHING = 0xc0 }; /* a number that no register has */

static uint64_t random_state;
static uint64_t rnd(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 24;
}

/** What x86_fn_names has: "MARKNAME FIELDS IMPLICIT". */
static const char *description(ExecFn fn) {
    const char *text = x86_fn_names;
    for (unsigned k = 0; k < x86_fn_count; k++, text += strlen(text) + 1)
        if (*text != '\0' && x86_fns[k] == fn)
            return text;
    ck_abort_msg("an exec function without a name");
}

/** For this field of the instruction. 0 and 8 are numbers of vector registers as well as AX and CX. */
static uint8_t any_register(const char *fields, const char *field) {
    if (strcmp(fields, " - 0x0") == 0)
        return rnd() & 8;
    for (const char *p = fields; (p = strstr(p, field)) != NULL; p += strlen(field))
        if (p[-1] == ',' || p[-1] == ' ')
            return (uint8_t)(strncmp(p + strlen(field), ".v", 2) == 0 ? rnd() & 15 : (rnd() & 15) * 8);
    return 0;
}

static uint8_t *field_of(struct Insn *insn, const struct X86FusionUse *u) {
    return (uint8_t *)&insn[u->insn] + u->field;
}

/** Registers for what the sequence names, each another one. */
static void bind(const struct X86Fusion *f, struct Insn *insn) {
    uint8_t bound[FUSE_NONE];
    uint32_t taken = f->fixed;
    memset(bound, 0xff, sizeof(bound));
    for (unsigned k = 0; k < f->use_count; k++) {
        const struct X86FusionUse *u = &f->use[k];
        bool vector = u->name >= FUSE_VECTOR;
        if (u->name >= FUSE_NONE) {
            *field_of(insn, u) = u->name == FUSE_NONE ? INSN_REG_NONE : INSN_REG_RIP;
        } else if (u->name >= FUSE_FIXED && !vector) {
            *field_of(insn, u) = (uint8_t)((u->name - FUSE_FIXED) * 8 + u->high);
        } else {
            while (bound[u->name] == 0xff) {
                unsigned r = (unsigned)(rnd() & 15) + 16 * vector;
                if (!(taken >> r & 1))
                    bound[u->name] = (uint8_t)(r & 15);
                taken |= 1u << r;
            }
            *field_of(insn, u) = vector ? bound[u->name] : (uint8_t)(bound[u->name] * 8 + u->high);
        }
    }
}

/* Every sequence of the table is found. */
START_TEST(every_sequence_is_found) {
    struct FuseIndex *index = fuse_index_new();
    ck_assert_ptr_nonnull(index);
    ck_assert_uint_gt(x86_fusion_count, 100);
    random_state = 1;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const struct X86Fusion *f = &x86_fusions[k];
        struct Insn insn[FUSE_MAX] = {0};
        for (unsigned n = 0; n < f->count; n++) /* registers that fit no sequence which names them */
            insn[n] = (struct Insn){
                .fn = f->fn[n], .imm = 1, .rm = ANYTHING, .reg = ANYTHING, .base = ANYTHING, .index = ANYTHING};
        bind(f, insn);
        struct Insn alone[FUSE_MAX];
        memcpy(alone, insn, sizeof(alone));
        fuse_pick(index, insn, f->count, true);
        ck_assert_msg(insn[0].fn == f->all, "sequence %u", k);
        for (unsigned n = 1; n < f->count; n++)
            ck_assert(insn[n].fn == f->fn[n]);
        if (f->use_count == 0)
            continue;
        for (unsigned n = 0; n < f->use_count; n++) { /* without what it says of one field it is another */
            memcpy(insn, alone, sizeof(alone));
            *field_of(insn, &f->use[n]) = ANYTHING;
            fuse_pick(index, insn, f->count, true);
            ck_assert_msg(insn[0].fn != f->all && (f->loop == NULL || insn[0].fn != f->loop),
                          "sequence %u with another %u", k, n);
        }
    }
    fuse_index_free(index);
}
END_TEST

/* A build may leave out the sequences that were measured (X86_FUSIONS): only they have loops. */
enum { MEASURED_LOOPS = 100 };

static bool has_measured(void) {
    unsigned loops = 0;
    for (unsigned k = 0; k < x86_fusion_count; k++)
        loops += x86_fusions[k].loop != NULL;
    return loops >= MEASURED_LOOPS;
}

/* A block that its last branch begins anew: the function that loops, unless its entries are counted. */
START_TEST(loops_are_found) {
    struct FuseIndex *index = fuse_index_new();
    unsigned loops = 0;
    ck_assert_ptr_nonnull(index);
    random_state = 1;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const struct X86Fusion *f = &x86_fusions[k];
        if (f->loop == NULL)
            continue;
        struct Insn alone[FUSE_MAX] = {0}, insn[FUSE_MAX + 1];
        for (unsigned n = 0; n < f->count; n++)
            alone[n] = (struct Insn){.fn = f->fn[n], .imm = n + 1 < f->count};
        bind(f, alone);
        memcpy(insn, alone, sizeof(alone));
        fuse_pick(index, insn, f->count, true);
        ck_assert_msg(insn[0].fn == f->loop, "sequence %u", k);
        memcpy(insn, alone, sizeof(alone));
        fuse_pick(index, insn, f->count, false);
        ck_assert_msg(insn[0].fn == f->all, "sequence %u while entries are counted", k);
        memcpy(insn + 1, alone, sizeof(alone)); /* the branch leads back, but not to the sequence */
        for (unsigned n = 0; n < f->count; n++)
            insn[n + 1].off = 1;
        ck_assert(!fuse_put_loop(f, insn + 1));
        loops++;
    }
    ck_assert_uint_ge(loops, MEASURED_LOOPS);
    fuse_index_free(index);
}
END_TEST

/* ---- a sequence does what its instructions do one by one ---- */

enum { DATA_SIZE = 0x4000 };

/** A block, with room for links, that leaves the engine at its end and by its branches. */
struct Trial {
    uint8_t block[sizeof(struct Block)];
    struct Insn insn[FUSE_MAX + 1];
    struct BlockLink links[FUSE_MAX + 2];
} __attribute__((aligned(64)));

struct Outcome {
    uint64_t gpr[16], rip, icount;
    union VecReg vec[16];
    struct Cc cc;
    uint32_t mxcsr;
    bool faulted;
    struct TcgFault fault;
    uint8_t data[DATA_SIZE];
};

static void make_trial(struct Trial *x, const struct X86Fusion *f, const char *const text_of[FUSE_MAX]) {
    memset(x, 0, sizeof(*x));
    ((struct Block *)x->block)->count = f->count;
    for (unsigned n = 0; n < f->count; n++) {
        const char *text = text_of[n], *fields = strchr(text, ' ');
        struct Insn *i = &x->insn[n];
        *i = (struct Insn){.fn = f->fn[n],
                           .imm = (int64_t)(rnd() & 0x7f) - 0x20,
                           .disp = (int32_t)(rnd() & 0xff) - 0x40,
                           .off = (uint16_t)n,
                           .idx = (uint8_t)n,
                           .len = 1,
                           .asize = 3,
                           .seg = SEG_DS,
                           .osize = 3,
                           .scale = rnd() & 3};
        i->reg = any_register(fields, "reg");
        i->rm = any_register(fields, "rm");
        i->vreg = (uint8_t)((rnd() & 15) * 8);
        i->base = (uint8_t)((rnd() & 15) * 8);
        i->index = (uint8_t)((rnd() & 15) * 8);
        if (text[0] == '-' && text[1] == 'J') {
            i->exit_link = (uint8_t)(&x->links[n] - (struct BlockLink *)i);
            i->behind = (uint8_t)(f->count - 1 - n);
        }
        if (text[0] == '|') /* its links follow */
            return bind(f, x->insn);
    }
    x->insn[f->count] = (struct Insn){.fn = tcg_exec_leave, .idx = (uint8_t)f->count};
    bind(f, x->insn);
}

static void go(struct Tcg *t, const struct Insn *i) {
#ifdef TCG_TAIL_CALLS
    i->fn(t->env, i, t);
#else
    while (i != NULL)
        i = i->fn(t->env, i, t);
#endif
}

static void try(struct CpuBench *b, const struct Trial *x, const struct Outcome *before, struct Outcome *after) {
    struct Tcg *t = b->cpu.engine;
    memcpy(b->env->gpr, before->gpr, sizeof(before->gpr));
    memcpy(b->env->vec, before->vec, sizeof(before->vec));
    memcpy(b->mem + BENCH_DATA, before->data, DATA_SIZE);
    b->env->rip = BENCH_CODE;
    t->cc = before->cc;
    t->icount = 1000;
    t->fault_raised = false;
    t->fault = (struct TcgFault){0};
    host_set_mxcsr(before->mxcsr);
    if (sigsetjmp(t->unwind, 0) == 0)
        go(t, x->insn);
    after->mxcsr = host_mxcsr();
    memcpy(after->gpr, b->env->gpr, sizeof(after->gpr));
    memcpy(after->vec, b->env->vec, sizeof(after->vec));
    memcpy(after->data, b->mem + BENCH_DATA, DATA_SIZE);
    after->rip = b->env->rip;
    after->cc = t->cc;
    after->icount = t->icount;
    after->faulted = t->fault_raised;
    after->fault = t->fault;
}

static void random_outcome(struct Outcome *o) {
    memset(o, 0, sizeof(*o));
    for (unsigned k = 0; k < 16; k++) {
        uint64_t kind = rnd() % 8;
        o->gpr[k] = kind < 5 ? BENCH_DATA + 0x800 + (rnd() & 0xff8) : kind < 7 ? rnd() & 0x7f : rnd() << 24 ^ rnd();
        for (unsigned n = 0; n < 4; n++)
            o->vec[k].q[n] = rnd() & 1 ? 0x3ff0000000000000 + (rnd() << 12) : rnd() << 24 ^ rnd();
    }
    o->gpr[REG_SP] = BENCH_DATA + 0x1000 + (rnd() & 0xff8);
    for (unsigned k = 0; k < DATA_SIZE; k += 8)
        memcpy(o->data + k, &(uint64_t){rnd() << 24 ^ rnd()}, 8);
    cc_load(&o->cc, (uint32_t)rnd() & FLAG_ARITH);
    o->mxcsr = 0x1f80;
}

static void compare(const struct Outcome *a, const struct Outcome *b, unsigned k) {
    for (unsigned n = 0; n < 16; n++)
        ck_assert_msg(a->gpr[n] == b->gpr[n], "sequence %u: register %u", k, n);
    ck_assert_msg(memcmp(a->vec, b->vec, sizeof(a->vec)) == 0, "sequence %u: vector registers", k);
    ck_assert_msg(memcmp(a->data, b->data, DATA_SIZE) == 0, "sequence %u: memory", k);
    ck_assert_msg(cc_flags(&a->cc) == cc_flags(&b->cc), "sequence %u: flags", k);
    ck_assert_msg(a->rip == b->rip && a->icount == b->icount, "sequence %u: where it ended", k);
    ck_assert_msg(a->mxcsr == b->mxcsr, "sequence %u: MXCSR", k);
    ck_assert_msg(a->faulted == b->faulted && memcmp(&a->fault, &b->fault, sizeof(a->fault)) == 0, "sequence %u: fault",
                  k);
}

/** Of the 2 MiB with the data just those that a trial starts with; those with the tables can be read, others not even
 *  that. */
static void only_data_is_writable(struct CpuBench *b) {
    enum { PT = 0x7000 };
    uint64_t *pd = (uint64_t *)(b->mem + BENCH_PD), *pt = (uint64_t *)(b->mem + PT);
    for (unsigned k = 0; k < 512; k++) {
        pd[k] &= k == 0 ? ~2ull : 0;
        pt[k] = k < DATA_SIZE / 0x1000 ? (BENCH_DATA + k * 0x1000) | 7 : 0;
    }
    pd[BENCH_DATA >> 21] = PT | 7;
    b->env->cr0 |= CR0_WP;
    tcg_tlb_flush(b->cpu.engine);
    tcg_update_mode(b->cpu.engine);
}

/** For blocks that make_trial has made: the way out of them leads out of the engine. */
static struct CpuBench *trial_bench(void) {
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    struct Tcg *t = b->cpu.engine;
    CPU_BENCH_RUN(b, 0x90); /* the mode is known from here on */
    only_data_is_writable(b);
    t->lookup.fn = t->link.fn = t->edge.fn = tcg_exec_leave;
    random_state = 86;
    return b;
}

static void describe(const struct X86Fusion *f, const char *text_of[FUSE_MAX]) {
    for (unsigned n = 0; n < f->count; n++)
        text_of[n] = description(f->fn[n]);
}

START_TEST(every_sequence_does_the_same) {
    struct CpuBench *b = trial_bench();
    struct Outcome *before = malloc(3 * sizeof(*before)), *single = before + 1, *fused = before + 2;
    uint32_t mxcsr = host_mxcsr();
    unsigned through = 0, faults = 0;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const char *text_of[FUSE_MAX];
        describe(&x86_fusions[k], text_of);
        for (unsigned n = 0; n < 8; n++) {
            struct Trial x;
            make_trial(&x, &x86_fusions[k], text_of);
            random_outcome(before);
            try(b, &x, before, single);
            fuse_put(&x86_fusions[k], x.insn);
            if (n & 1) /* the first access to each page takes the slow path */
                tcg_tlb_flush(b->cpu.engine);
            try(b, &x, before, fused);
            host_set_mxcsr(mxcsr);
            compare(single, fused, k);
            faults += single->faulted;
            through += !single->faulted;
        }
    }
    ck_assert_uint_gt(through, 2 * x86_fusion_count);
    ck_assert_uint_gt(faults, x86_fusion_count);
    free(before);
    cpu_bench_free(b);
}
END_TEST

/* A loop that is one sequence does what its instructions do, again and again: until its branch is not taken, one of
 * them faults, or something is due. */
START_TEST(every_loop_does_the_same) {
    struct CpuBench *b = trial_bench();
    struct Tcg *t = b->cpu.engine;
    struct Outcome *before = malloc(3 * sizeof(*before)), *single = before + 1, *fused = before + 2;
    uint32_t mxcsr = host_mxcsr();
    unsigned loops = 0, again = 0, faults = 0, due = 0;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const struct X86Fusion *f = &x86_fusions[k];
        const char *text_of[FUSE_MAX];
        if (f->loop == NULL)
            continue;
        loops++;
        describe(f, text_of);
        for (unsigned n = 0; n < 16; n++) {
            struct Trial x;
            make_trial(&x, f, text_of);
            x.insn[f->count - 1].imm = 0;
            x.links[f->count - 1].target = (struct Block *)x.block;
            random_outcome(before);
            atomic_store(&t->limit, 1000 + rnd() % 5 * f->count);
            try(b, &x, before, single);
            ck_assert(fuse_put_loop(f, x.insn));
            if (n & 1)
                tcg_tlb_flush(t);
            try(b, &x, before, fused);
            host_set_mxcsr(mxcsr);
            compare(single, fused, k);
            again += single->icount > 1000;
            faults += single->faulted;
            due += single->icount > atomic_load(&t->limit);
        }
    }
    ck_assert_uint_ge(loops, MEASURED_LOOPS);
    ck_assert_uint_gt(again, 4 * loops);
    ck_assert_uint_gt(faults, loops);
    ck_assert_uint_gt(due, loops);
    free(before);
    cpu_bench_free(b);
}
END_TEST

static const struct Insn *left_at;
static EXEC_FN note_and_leave(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    left_at = i;
    GO_ON(tcg_exec_leave);
}

/* A sequence that has overwritten its own block stops behind the instruction that did, with all done up to there. */
START_TEST(every_sequence_stops_where_it_is_stale) {
    struct CpuBench *b = trial_bench();
    struct Outcome *before = malloc(3 * sizeof(*before)), *single = before + 1, *fused = before + 2;
    uint32_t mxcsr = host_mxcsr();
    unsigned stopped = 0;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        const struct X86Fusion *f = &x86_fusions[k];
        const char *text_of[FUSE_MAX];
        describe(f, text_of);
        for (unsigned n = 0; n < 4; n++) {
            struct Trial x, y;
            make_trial(&x, f, text_of);
            memcpy(&y, &x, sizeof(y));
            random_outcome(before);
            fuse_put(f, y.insn);
            for (unsigned m = 1; m < f->count; m++)
                y.insn[m].fn = note_and_leave;
            ((struct Block *)y.block)->stale = true; /* slow stores say so */
            tcg_tlb_flush(b->cpu.engine);
            left_at = NULL;
            try(b, &y, before, fused);
            host_set_mxcsr(mxcsr);
            if (left_at == NULL)
                continue;
            stopped++;
            x.insn[left_at - y.insn].fn = tcg_exec_leave;
            try(b, &x, before, single);
            host_set_mxcsr(mxcsr);
            compare(single, fused, k);
        }
    }
    ck_assert_uint_gt(stopped, has_measured() ? x86_fusion_count / 4 : 10);
    free(before);
    cpu_bench_free(b);
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
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    if (x86_fusion_count == 0) {
        suite_skip("fuse", 8, "this build was made without sequences");
        return s;
    }
    tcase_add_test(tc, every_sequence_is_found);
    tcase_add_test(tc, every_sequence_does_the_same);
    if (has_measured()) {
        tcase_add_test(tc, loops_are_found);
        tcase_add_test(tc, every_loop_does_the_same);
    } else {
        suite_skip("fuse: loops", 2, "this build was made without the measured sequences");
    }
    tcase_add_test(tc, every_sequence_stops_where_it_is_stale);
    tcase_add_test(tc, first_overwrites_second);
    tcase_add_test(tc, second_faults);
    tcase_add_test(tc, compare_and_branch);
    return s;
}
