/* SPDX-License-Identifier: MIT */
/*
 * What the rows of x86.tab say of an instruction beyond its operands, compared with what it does: every form is
 * executed from random states, and every register that changes, and every exception, must be one that its row names.
 */
#include "accel/tcg-lite/run/block.h"
#include "cpu/env_fields.h"
#include "diff/generate/encode.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS = 12, WINDOW = 0x10000, MIDDLE = BENCH_DATA + WINDOW / 2 };

struct Facts {
    struct CpuBench *b;
    struct DiffRng r;
    struct DiffEncode e;
    CPUX86State clean;      /* what trials start from */
    uint8_t window[WINDOW]; /* of memory, at BENCH_DATA */
    struct DiffInsn insn;
    unsigned row;
    int vector; /* of the exception that came, or -1 */
    struct CpuTrace hooks;
    uint32_t *written; /* by row: registers of `writes` that were seen to change */
    unsigned *ran;     /* by row: trials without an exception */
    unsigned bad;
};

/* ---- operands ---- */

static uint32_t gpr_bit(unsigned off) { return off < REG_COUNT * 8 ? 1u << off / 8 : 0; }

/** General registers that the operands name, for reading or writing. */
static uint32_t operand_registers(const struct DiffInsn *d, const struct X86Form *f) {
    static const struct {
        const char *name;
        unsigned reg;
    } fixed[] = {{"AL", REG_AX}, {"AH", REG_AX},  {"AX", REG_AX},  {"eAX", REG_AX}, {"rAX", REG_AX},
                 {"CL", REG_CX}, {"rCX", REG_CX}, {"rBP", REG_BP}, {"DX", REG_DX}};
    const struct X86Insn *i = &d->d.insn;
    uint32_t set = i->mem ? gpr_bit(i->base) | gpr_bit(i->index) : 0;
    bool opcode_names = f->attr & ATTR_OPREG;
    if (opcode_names || f->reg_kind == KIND_GPR || f->reg_kind == KIND_GPR8)
        set |= gpr_bit(i->reg);
    if (!i->mem && (opcode_names || f->rm_kind == KIND_GPR || f->rm_kind == KIND_GPR8))
        set |= gpr_bit(i->rm);
    if (f->vvvv_kind == KIND_GPR)
        set |= gpr_bit(i->vreg);
    for (const char *p = x86_rows[d->d.row].operands; *p != '\0'; p += *p == ',') {
        size_t n = strcspn(p, ",");
        for (unsigned k = 0; k < sizeof(fixed) / sizeof(fixed[0]); k++)
            if (strlen(fixed[k].name) == n && memcmp(fixed[k].name, p, n) == 0)
                set |= 1u << fixed[k].reg;
        p += n;
    }
    return set;
}

/* ---- trials ---- */

/** Registers that are addresses lead into the window; counts of repetitions are small. */
static void make_state(struct Facts *t, CPUX86State *env) {
    const struct X86Row *row = &x86_rows[t->row];
    const struct X86Form *f = &x86_forms[t->row];
    const struct X86Insn *i = &t->insn.d.insn;
    *env = t->clean;
    for (unsigned k = 0; k < REG_COUNT; k++) {
        env->gpr[k] = diff_one_in(&t->r, 2) ? diff_integer(&t->r) : diff_rnd(&t->r);
        if (row->address >> k & 1)
            env->gpr[k] = MIDDLE + diff_below(&t->r, 1024) * 16;
    }
    env->gpr[REG_SP] = MIDDLE + diff_below(&t->r, 256) * 16;
    if (f->attr & ATTR_REP)
        env->gpr[REG_CX] = diff_below(&t->r, 8);
    if (row->group == GROUP_MOVDIR)
        env->gpr[i->reg / 8] = MIDDLE + 1024;
    if (row->image == IMAGE_FROM_R11)
        env->gpr[11] &= ~(uint64_t)FLAG_TF;
    if (row->group == GROUP_XLAT)
        env->gpr[REG_AX] &= ~0xffffff00ull;
    for (unsigned k = 0; k < 16; k++)
        diff_fill(&t->r, CLASS_RANDOM, env->vec[k].b, 32);
    if (f->attr & ATTR_VSIB)
        for (unsigned k = 0; k < 8; k++)
            env->vec[i->index].d[k] &= (k & 1) ? 0 : 0xff;
    if (i->mem) {
        if (!(f->attr & ATTR_VSIB) && i->index != INSN_REG_NONE)
            env->gpr[i->index / 8] = diff_below(&t->r, 64);
        if (i->base < REG_COUNT * 8)
            env->gpr[i->base / 8] = MIDDLE + diff_below(&t->r, 64) * 64 - (uint64_t)(int64_t)i->disp;
        if (row->group == GROUP_BT)
            env->gpr[i->reg / 8] = diff_below(&t->r, 512);
    }
    env->rflags = (env->rflags & ~(uint64_t)FLAG_ARITH) | (diff_rnd(&t->r) & FLAG_ARITH);
}

/** Run it once; the vector of the exception, or -1. */
static int run(struct Facts *t, const CPUX86State *env) {
    struct CpuBench *b = t->b;
    memcpy(b->mem + BENCH_DATA, t->window, WINDOW);
    memset(b->mem, 0, 4096);              /* displacements without a base, */
    memset(b->mem + BENCH_CODE, 0, 4096); /* and relative to RIP, reach these */
    memcpy(b->mem + BENCH_CODE, t->insn.bytes, sizeof(t->insn.bytes));
    tcg_code_written(b->cpu.engine, BENCH_CODE, 4096);
    b->cpu.env = *env;
    b->cpu.env.rip = BENCH_CODE;
    t->vector = -1;
    cpu_bench_run(b, 1);
    return t->vector;
}

static void on_event(void *opaque, struct CPUState *cpu, const struct CpuEvent *e) {
    struct Facts *t = opaque;
    (void)cpu;
    if (!e->software && t->vector < 0)
        t->vector = e->vector;
}

static void complain(struct Facts *t, const char *what) {
    const struct X86Row *row = &x86_rows[t->row];
    if (t->bad++ > 100)
        return;
    printf("%s %s (%s) %s;", row->mnemonic, row->operands, row->opcode, what);
    for (unsigned k = 0; k < t->insn.len; k++)
        printf(" %02x", t->insn.bytes[k]);
    printf("\n");
}

/** What a row must say for a field that is no general register to change; 0: that is no matter of this test. */
static uint32_t system_bit(const struct EnvField *f) {
    static const struct {
        const char *name;
        uint32_t set;
    } names[] = {{"ldt", X86_REGS_TABLES}, {"tr", X86_REGS_TABLES},
                 {"gdt", X86_REGS_TABLES}, {"idt", X86_REGS_TABLES},
                 {"xcr0", X86_REGS_XCR},   {"dr", X86_REGS_DR},
                 {"cr", X86_REGS_CR},      {"pdpte", X86_REGS_CR},
                 {"pkru", X86_REGS_PKRU},  {"efer", X86_REGS_MSR | X86_REGS_CR}};
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
        if (strncmp(f->name, names[k].name, strlen(names[k].name)) == 0)
            return names[k].set;
    return f->group == ENV_SEGMENT ? X86_REGS_SEG | X86_REGS_MSR : f->group == ENV_MSR ? X86_REGS_MSR : 0;
}

/** Of the system's registers, those that the row writes, as operands too. */
static uint32_t system_written(unsigned row) {
    uint32_t set = x86_rows[row].writes;
    if (x86_rows[row].operands[0] == 'C')
        set |= X86_REGS_CR;
    if (x86_rows[row].operands[0] == 'D' && x86_forms[row].reg_kind == KIND_DR)
        set |= X86_REGS_DR;
    return set;
}

/** Everything that has changed must be what the row names. */
static void check_writes(struct Facts *t, const CPUX86State *before) {
    const struct X86Row *row = &x86_rows[t->row];
    const CPUX86State *after = t->b->env;
    uint32_t named = operand_registers(&t->insn, &x86_forms[t->row]), system = system_written(t->row);
    char text[64];
    for (unsigned k = 0; k < env_field_count; k++) {
        const struct EnvField *f = &env_fields[k];
        if (memcmp(env_field_at(before, f), env_field_at(after, f), f->size) == 0)
            continue;
        uint32_t bit = k < REG_COUNT ? 1u << k : system_bit(f);
        if (k < REG_COUNT && (row->writes & bit))
            t->written[t->row] |= bit;
        uint32_t allowed = k < REG_COUNT ? named | row->writes : system;
        snprintf(text, sizeof(text), "changes %s", f->name);
        if (bit != 0 && (allowed & bit) == 0 && strcmp(f->name, "cr2") != 0)
            complain(t, text);
    }
}

/** With other values in registers that it does not read, everything else comes out the same. */
static void check_reads(struct Facts *t, const CPUX86State *before) {
    const struct X86Row *row = &x86_rows[t->row];
    uint32_t named = operand_registers(&t->insn, &x86_forms[t->row]) | row->reads;
    CPUX86State first = *t->b->env, other = *before;
    static uint8_t memory[WINDOW];
    char text[64];
    memcpy(memory, t->b->mem + BENCH_DATA, WINDOW);
    for (unsigned k = 0; k < REG_COUNT; k++)
        if (!(named >> k & 1))
            other.gpr[k] ^= diff_rnd(&t->r);
    if (run(t, &other) >= 0) {
        complain(t, "faults with other values in registers that it does not read");
        return;
    }
    if (memcmp(memory, t->b->mem + BENCH_DATA, WINDOW) != 0)
        complain(t, "stores something else with other values in registers that it does not read");
    for (unsigned k = 0; k < REG_COUNT; k++) { /* one that is not written, or not all of it, keeps its bits */
        uint64_t now = t->b->env->gpr[k], kept = ~0ull;
        bool same = now == first.gpr[k] || ((now ^ other.gpr[k]) & kept) == 0;
        bool partly = (row->writes >> k & 1) && (uint32_t)now == (uint32_t)first.gpr[k];
        bool low = (row->writes >> k & 1) && ((now ^ first.gpr[k]) & ~(other.gpr[k] ^ before->gpr[k])) == 0;
        snprintf(text, sizeof(text), "depends on a register that it does not name: %s", env_fields[k].name);
        if (!same && !partly && !low)
            complain(t, text);
    }
}

static bool check_faults(struct Facts *t, int vector) {
    const struct X86Row *row = &x86_rows[t->row];
    uint32_t memory = 1u << VEC_PF | 1u << VEC_GP | 1u << VEC_SS | 1u << VEC_AC;
    uint32_t allowed = row->faults | (t->insn.d.insn.mem ? memory : 0);
    char text[64];
    if (vector < 0)
        return true;
    snprintf(text, sizeof(text), "raises exception %d", vector);
    if (vector < 32 && !(allowed >> vector & 1))
        complain(t, text);
    return false;
}

static void try_row(struct Facts *t, unsigned row) {
    CPUX86State before;
    t->row = row;
    for (unsigned k = 0; k < suite_rounds(TRIALS); k++) {
        if (!diff_encode(&t->e, &t->r, row, true, &t->insn) || t->insn.d.insn.base == INSN_REG_RIP ||
            (t->insn.d.insn.mem && t->insn.d.insn.asize == 1)) /* the window is beyond 64 KiB */
            continue;
        make_state(t, &before);
        if (!check_faults(t, run(t, &before)))
            continue;
        if (x86_rows[row].writes & X86_REGS_TASK)
            continue;
        t->ran[row]++;
        check_writes(t, &before);
        if (x86_rows[row].outside == 0 && x86_rows[row].exit != EXIT_IO && t->b->env->cr0 == before.cr0 &&
            t->b->env->cr3 == before.cr3 && t->b->env->cr4 == before.cr4 && t->b->env->efer == before.efer)
            check_reads(t, &before);
    }
}

static void facts_in(struct Facts *t, enum BenchMode bench, uint32_t mode) {
    t->b = cpu_bench_new("max", bench);
    CPUX86State *env = t->b->env;
    env->cr4 |= CR4_OSXSAVE | CR4_FSGSBASE | CR4_PKE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    env->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU;
    env->mxcsr = 0x1f80;
    env->fcw = 0x37f;
    t->clean = *env;
    t->hooks = (struct CpuTrace){.event = on_event, .opaque = t};
    t->b->cpu.trace = &t->hooks;
    struct DiffOpcode *opcodes = diff_opcodes();
    t->e = (struct DiffEncode){.model = &t->b->cpu.model, .mode = mode, .opcodes = opcodes};
    unsigned when = (mode & MODE_CODE) == MODE_CODE64 ? WHEN_64 : WHEN_NOT64;
    for (unsigned row = 1; row < x86_row_count; row++)
        if (x86_forms[row].when & when)
            try_row(t, row);
    free(opcodes);
    cpu_bench_free(t->b);
}

START_TEST(rows_say_what_is_done) {
    struct Facts *t = calloc(1, sizeof(*t));
    diff_rng_init(&t->r, 13, 0);
    diff_fill(&t->r, CLASS_INTEGERS, t->window, WINDOW);
    t->written = calloc(x86_row_count, sizeof(*t->written));
    t->ran = calloc(x86_row_count, sizeof(*t->ran));
    facts_in(t, BENCH_LONG, MODE_CODE64 | MODE_SSE | MODE_AVX);
    facts_in(t, BENCH_LONG_USER, MODE_CODE64 | MODE_SSE | MODE_AVX | MODE_USER);
    facts_in(t, BENCH_PM32, MODE_CODE32 | MODE_SSE | MODE_AVX);
    for (t->row = 1; t->row < x86_row_count; t->row++) { /* and it says no more than that */
        uint32_t claimed = x86_rows[t->row].writes & X86_REGS_GENERAL;
        t->insn.len = 0;
        if (t->ran[t->row] >= TRIALS && (claimed & ~t->written[t->row]) != 0)
            complain(t, "never changes a register that its row names");
    }
    ck_assert_uint_eq(t->bad, 0);
    free(t->written);
    free(t->ran);
    free(t);
}
END_TEST

Suite *facts_suite(void) {
    Suite *s = suite_create("facts");
    TCase *c = tcase_create("rows");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, rows_say_what_is_done);
    suite_add_tcase(s, c);
    return s;
}
