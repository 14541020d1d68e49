/* SPDX-License-Identifier: MIT */
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void put(struct CpuBench *b, uint64_t at, uint64_t v, unsigned size) { memcpy(b->mem + at, &v, size); }

static void make_tables(struct CpuBench *b, bool long_mode) {
    static const uint64_t gdt[] = {
        0,
        0x00af9b000000ffff,                             /* CS64 */
        0x00cf93000000ffff,                             /* DS0 */
        0x00cf9b000000ffff,                             /* CS32 */
        0x000f9b000000ffff,                             /* CS16, limit 1 MiB */
        0x00cff3000000ffff,                             /* DS3 */
        0x00affb000000ffff,                             /* CS64_3 */
        0x00cffb000000ffff,                             /* CS32_3 */
        0x00008b0000000067 | (uint64_t)BENCH_TSS << 16, /* TR */
        0,
    };
    memcpy(b->mem + BENCH_GDT, gdt, sizeof(gdt));
    put(b, BENCH_PML4, BENCH_PDPT | 7, 8);
    put(b, BENCH_PDPT, BENCH_PD | 7, 8);
    for (unsigned k = 0; k < 512; k++)
        put(b, BENCH_PD + 8 * k, (uint64_t)k << 21 | 0x87, 8);
    for (unsigned v = 0; v < 256; v++) {
        uint64_t handler = BENCH_HANDLERS + 16 * v;
        b->mem[handler] = 0xf4; /* HLT */
        if (long_mode) {
            put(b, BENCH_IDT + 16 * v, handler | BENCH_CS64 << 16 | 0x8e00ull << 32, 8);
            put(b, BENCH_IDT + 16 * v + 8, 0, 8);
        } else {
            put(b, BENCH_IDT + 8 * v, handler | BENCH_CS32 << 16 | 0x8e00ull << 32, 8);
        }
    }
    if (long_mode) {
        put(b, BENCH_TSS + 4, BENCH_STACK0, 8);
    } else {
        put(b, BENCH_TSS + 4, BENCH_STACK0, 4);
        put(b, BENCH_TSS + 8, BENCH_DS0, 4);
    }
}

static struct X86Segment data_segment(uint16_t selector) {
    return (struct X86Segment){.selector = selector, .ar = (selector & 3) ? 0xc0f3 : 0xc093, .limit = 0xffffffff};
}

static void enter_protected(struct CpuBench *b, enum BenchMode mode) {
    CPUX86State *env = b->env;
    bool long_mode = mode == BENCH_LONG || mode == BENCH_LONG_USER;
    bool user = mode == BENCH_PM32_USER || mode == BENCH_LONG_USER;

    make_tables(b, long_mode);
    env->gdt = (struct X86Table){BENCH_GDT, 10 * 8 - 1};
    env->idt = (struct X86Table){BENCH_IDT, 256 * (long_mode ? 16 : 8) - 1};
    env->tr = (struct X86Segment){.selector = BENCH_TR, .ar = 0x8b, .limit = 0x67, .base = BENCH_TSS};
    env->cr0 = CR0_PE | CR0_ET | CR0_MP | CR0_NE | CR0_WP;
    env->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (long_mode) {
        env->cr4 |= CR4_PAE;
        env->cr3 = BENCH_PML4;
        env->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
        env->cr0 |= CR0_PG;
    }
    for (unsigned s = 0; s < SEG_COUNT; s++)
        env->seg[s] = data_segment(user ? BENCH_DS3 : BENCH_DS0);
    if (long_mode)
        env->seg[SEG_CS] = (struct X86Segment){user ? BENCH_CS64_3 : BENCH_CS64, user ? 0xa0fb : 0xa09b, 0xffffffff, 0};
    else
        env->seg[SEG_CS] = (struct X86Segment){user ? BENCH_CS32_3 : BENCH_CS32, user ? 0xc0fb : 0xc09b, 0xffffffff, 0};
    env->gpr[REG_SP] = BENCH_STACK;
    env->rip = BENCH_CODE;
}

static void enter_real(struct CpuBench *b) {
    CPUX86State *env = b->env;
    for (unsigned v = 0; v < 256; v++) {
        put(b, 4 * v, (BENCH_HANDLERS >> 4) << 16 | 16 * v, 4);
        b->mem[BENCH_HANDLERS + 16 * v] = 0xf4;
    }
    for (unsigned s = 0; s < SEG_COUNT; s++)
        env->seg[s] = (struct X86Segment){.selector = 0x2000, .ar = 0x93, .limit = 0xffff, .base = 0x20000};
    env->seg[SEG_CS] = (struct X86Segment){.selector = 0x1000, .ar = 0x9b, .limit = 0xffff, .base = 0x10000};
    env->idt = (struct X86Table){0, 0x3ff};
    env->gpr[REG_SP] = 0x8000;
    env->rip = 0;
}

struct CpuBench *cpu_bench_new(const char *model, enum BenchMode mode) {
    struct CpuBench *b = calloc(1, sizeof(*b));
    char why[256];

    ck_assert_ptr_nonnull(b);
    bus_lock_init(&b->lock);
    struct CPUState *cpu = &b->cpu;
    cpu->bus = bus_new(&b->lock);
    ck_assert_int_eq(region_init_ram(&b->ram, "ram", BENCH_RAM), 0);
    ck_assert_int_eq(bus_map(cpu->bus, 0, &b->ram), 0);
    cpu->clock = clock_new(CLOCK_ICOUNT);
    cpu->lock = &b->lock;
    cpu->bootstrap = true;
    cpu->tsc_hz = 1000000000;
    cpu->insn_limit = UINT64_MAX;
    ck_assert_msg(cpu_model_parse(&cpu->model, model, why, sizeof(why)) == 0, "%s", why);
    b->accel =
        (struct Accel){.ops = &tcg_lite_ops, .bus = cpu->bus, .clock = cpu->clock, .lock = &b->lock, .options = ""};
    cpu->accel = &b->accel;
    b->env = &cpu->env;
    b->mem = b->ram.host;
    cpu_reset(cpu, false);
    if (mode == BENCH_REAL16)
        enter_real(b);
    else
        enter_protected(b, mode);
    ck_assert_int_eq(tcg_lite_ops.vcpu_init(cpu, cpu->accel), 0);
    return b;
}

void cpu_bench_free(struct CpuBench *b) {
    tcg_lite_ops.vcpu_destroy(&b->cpu);
    tcg_lite_ops.destroy(&b->accel);
    clock_free(b->cpu.clock);
    bus_free(b->cpu.bus);
    region_destroy(&b->ram);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void cpu_bench_restart(struct CpuBench *b, const char *options) {
    char why[160];
    tcg_lite_ops.vcpu_destroy(&b->cpu);
    tcg_lite_ops.destroy(&b->accel);
    b->accel.options = options;
    ck_assert_msg(tcg_lite_ops.init(&b->accel, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(tcg_lite_ops.vcpu_init(&b->cpu, &b->accel), 0);
    tcg_lite_ops.put_state(&b->cpu);
}

void cpu_bench_code(struct CpuBench *b, const void *bytes, size_t n) {
    bool real = !x86_protected(b->env);
    uint64_t at = real ? 0x10000 : BENCH_CODE;
    bus_write(b->cpu.bus, at, bytes, n);
    b->env->rip = real ? 0 : BENCH_CODE;
}

/* An event takes one off the budget (cpu_count_event), which is given back: n are instructions here. */
enum VcpuExit cpu_bench_run(struct CpuBench *b, uint64_t n) {
    struct CPUState *cpu = &b->cpu;
    uint64_t end = cpu->insn_count + n;
    tcg_lite_ops.put_state(cpu);
    enum VcpuExit e;
    do {
        cpu->insn_limit = end;
        e = tcg_lite_ops.exec(cpu);
    } while (e == VCPU_EXIT_BUDGET && cpu->insn_count < end);
    tcg_lite_ops.get_state(cpu);
    return e;
}

int cpu_bench_vector(const struct CpuBench *b) {
    bool real = !x86_protected(b->env);
    uint64_t ip = b->env->rip + (real ? b->env->seg[SEG_CS].base : 0);
    if (ip <= BENCH_HANDLERS || ip > BENCH_HANDLERS + 256 * 16 || (ip & 15) != 1)
        return -1;
    return (int)((ip - BENCH_HANDLERS) / 16);
}

int cpu_bench_try(struct CpuBench *b, const void *code, size_t n) {
    cpu_bench_code(b, code, n);
    ck_assert_int_eq(cpu_bench_run(b, 1000), VCPU_EXIT_HALT);
    return cpu_bench_vector(b);
}

uint64_t cpu_bench_frame(const struct CpuBench *b, unsigned k) {
    unsigned size = x86_long_mode(b->env) ? 8 : x86_protected(b->env) ? 4 : 2;
    uint64_t v = 0, at = b->env->gpr[REG_SP] + b->env->seg[SEG_SS].base + k * size;
    memcpy(&v, b->mem + at, size);
    return v;
}
