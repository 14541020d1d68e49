/* SPDX-License-Identifier: MIT */
/*
 * VMX operation and VMCSs (SDM vol. 3, chapters 24, 25 and 31): the table of fields, the capability MSRs, and each
 * instruction's ends, in the interpreter and in the translator.
 */
#include "accel/tcg-lite/vmx/vmcs.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <stdlib.h>
#include <string.h>

enum { REGION_ON = 0x300000, REGION_A = 0x301000, REGION_B = 0x302000, POINTER = BENCH_DATA };
enum Result { OK, INVALID, VALID, NO_RESULT = -1 };

static const char *const engines[] = {"jit=off", "jit=eager"};
enum { ENGINES = sizeof(engines) / sizeof(engines[0]) };

static void give_vmx(struct CpuBench *b) { b->cpu.model.feature[CPUID_VMX / 32] |= 1u << CPUID_VMX % 32; }

static void put32(struct CpuBench *b, uint64_t at, uint32_t v) { memcpy(b->mem + at, &v, 4); }
static void put64(struct CpuBench *b, uint64_t at, uint64_t v) { memcpy(b->mem + at, &v, 8); }
static uint64_t get64(struct CpuBench *b, uint64_t at) {
    uint64_t v;
    memcpy(&v, b->mem + at, 8);
    return v;
}

/* Ready for VMXON. */
static struct CpuBench *bench(enum BenchMode mode, const char *options) {
    struct CpuBench *b = cpu_bench_new("max,vendor=GenuineIntel,kvm=off", mode);
    give_vmx(b);
    b->env->cr4 |= CR4_VMXE;
    b->env->feature_control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON;
    put32(b, REGION_ON, VMCS_REVISION);
    put32(b, REGION_A, VMCS_REVISION);
    put32(b, REGION_B, VMCS_REVISION);
    cpu_bench_restart(b, options);
    return b;
}

/* In VMX operation, with REGION_A current. */
static struct CpuBench *bench_root(enum BenchMode mode, const char *options) {
    struct CpuBench *b = bench(mode, options);
    b->env->vmx = VMX_ROOT;
    b->env->vmxon_pointer = REGION_ON;
    b->env->vmcs_pointer = REGION_A;
    return b;
}

/* All six flags say how it ended (31.2). */
static enum Result result(const struct CpuBench *b) {
    switch (b->env->rflags & FLAG_ARITH) {
    case 0: return OK;
    case FLAG_CF: return INVALID;
    case FLAG_ZF: return VALID;
    default: return NO_RESULT;
    }
}

static unsigned error_number(struct CpuBench *b) {
    return (unsigned)vmcs_read(b->cpu.bus, b->env->vmcs_pointer, VMCS_INSTRUCTION_ERROR);
}

/* Instructions whose operand is at [rbx], or none; each ends in HLT. */
enum Name { VMXON, VMXOFF, VMCLEAR, VMPTRLD, VMPTRST, VMREAD, VMWRITE, VMREAD_MEM, VMWRITE_MEM, VMCALL, NAMES };
static const struct {
    uint8_t bytes[5], n;
} code[NAMES] = {
    [VMXON] = {{0xf3, 0x0f, 0xc7, 0x33, 0xf4}, 5},   [VMXOFF] = {{0x0f, 0x01, 0xc4, 0xf4}, 4},
    [VMCLEAR] = {{0x66, 0x0f, 0xc7, 0x33, 0xf4}, 5}, [VMPTRLD] = {{0x0f, 0xc7, 0x33, 0xf4}, 4},
    [VMPTRST] = {{0x0f, 0xc7, 0x3b, 0xf4}, 4},       [VMREAD] = {{0x0f, 0x78, 0xc2, 0xf4}, 4}, /* field eAX, eDX */
    [VMWRITE] = {{0x0f, 0x79, 0xc2, 0xf4}, 4},       [VMREAD_MEM] = {{0x0f, 0x78, 0x03, 0xf4}, 4},
    [VMWRITE_MEM] = {{0x0f, 0x79, 0x03, 0xf4}, 4},   [VMCALL] = {{0x0f, 0x01, 0xc1, 0xf4}, 4},
};

/* The vector it raised, or -1. The flags before it are all set. */
static int run(struct CpuBench *b, enum Name name) {
    b->env->rflags |= FLAG_ARITH;
    b->env->gpr[REG_BX] = POINTER;
    return cpu_bench_try(b, code[name].bytes, code[name].n);
}

static int run_pointer(struct CpuBench *b, enum Name name, uint64_t pointer) {
    put64(b, POINTER, pointer);
    return run(b, name);
}

/* ---- tables ---- */

START_TEST(fields) {
    uint8_t taken[VMCS_REGION_SIZE] = {0};
    memset(taken, 1, VMCS_AT_LAUNCHED + 4);
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        const struct VmcsField *f = &vmcs_fields[k];
        ck_assert_msg(k == 0 || vmcs_fields[k - 1].encoding < f->encoding, "%s", f->name);
        ck_assert(!(f->encoding & 1) && f->encoding < 0x8000);
        for (unsigned n = vmcs_offset(f->encoding); n < vmcs_offset(f->encoding) + vmcs_size(f->encoding); n++) {
            ck_assert_uint_lt(n, VMCS_REGION_SIZE);
            ck_assert_msg(taken[n]++ == 0, "%s lies upon another field", f->name);
        }
        bool there = vmx_has_control((enum VmxControl)f->control);
        ck_assert_ptr_eq(vmcs_find(f->encoding), there ? f : NULL);
        ck_assert_ptr_eq(vmcs_find(f->encoding | 1u), there && vmcs_width(f->encoding) == VMCS_64 ? f : NULL);
        ck_assert_ptr_null(vmcs_find(f->encoding | 1ull << 32));
        ck_assert_ptr_null(vmcs_find(f->encoding | 0x8000u));
    }
    ck_assert_ptr_null(vmcs_find(0x6c18));
    ck_assert_ptr_null(vmcs_find(UINT64_MAX));
    ck_assert_str_eq(vmcs_find(VMCS_GUEST_RIP)->name, "Guest RIP");
    ck_assert_uint_eq(VMCS_HOST_RIP, 0x6c16);
    ck_assert_uint_eq(VMCS_GUEST_TR_RIGHTS, 0x4822);
}
END_TEST

static int rdmsr(struct CpuBench *b, uint32_t msr, uint64_t *v) {
    b->env->gpr[REG_CX] = msr;
    int vector = CPU_BENCH_RUN(b, 0x0f, 0x32);
    *v = (uint32_t)b->env->gpr[REG_AX] | b->env->gpr[REG_DX] << 32;
    return vector;
}

static int wrmsr(struct CpuBench *b, uint32_t msr, uint64_t v) {
    b->env->gpr[REG_CX] = msr;
    b->env->gpr[REG_AX] = (uint32_t)v;
    b->env->gpr[REG_DX] = v >> 32;
    return CPU_BENCH_RUN(b, 0x0f, 0x30);
}

/* Each MSR by the table of controls; those of what is not there are #GP, and so is every write. */
START_TEST(capabilities) {
    static const uint32_t default1[] = {0x16, 0x0401e172, 0x00036dff, 0x000011ff};
    struct CpuBench *b = bench(BENCH_LONG, engines[0]);
    uint64_t v, exact;
    ck_assert_int_eq(rdmsr(b, 0x480, &v), -1);
    ck_assert_uint_eq((uint32_t)v, VMCS_REVISION);
    ck_assert_uint_eq(v >> 32 & 0x1fff, 4096);
    ck_assert_uint_eq(v >> 48 & 1, 0);  /* addresses of any width */
    ck_assert_uint_eq(v >> 50 & 15, 6); /* write-back */
    ck_assert_uint_eq(v >> 55 & 1, 1);
    for (unsigned k = 0; k < 4; k++) {
        ck_assert_int_eq(rdmsr(b, 0x481 + k, &v), -1);
        ck_assert_int_eq(rdmsr(b, 0x48d + k, &exact), -1);
        ck_assert_uint_eq((uint32_t)v, default1[k]);
        ck_assert_uint_eq((uint32_t)v & ~(v >> 32), 0); /* what has to be 1 may be */
        ck_assert_uint_eq((uint32_t)exact & ~(uint32_t)v, 0);
        ck_assert_uint_eq(exact >> 32, v >> 32);
    }
    ck_assert_int_eq(rdmsr(b, 0x486, &v), -1);
    ck_assert_uint_eq(v, CR0_PE | CR0_NE | CR0_PG);
    ck_assert_int_eq(rdmsr(b, 0x487, &v), -1);
    ck_assert_uint_eq(v, 0xffffffff);
    ck_assert_int_eq(rdmsr(b, 0x488, &v), -1);
    ck_assert_uint_eq(v, CR4_VMXE);
    ck_assert_int_eq(rdmsr(b, 0x489, &v), -1);
    ck_assert_uint_eq(v, cpu_model_cr4(&b->cpu.model));
    ck_assert_int_eq(rdmsr(b, 0x48a, &v), -1);
    ck_assert_uint_ge(v >> 1, vmcs_index(VMCS_GUEST_SYSENTER_EIP));
    ck_assert_int_eq(rdmsr(b, 0x48b, &v), vmx_has_control(VMX_CONTROL_SECONDARY) ? -1 : VEC_GP);
    ck_assert_int_eq(rdmsr(b, 0x48c, &v), vmx_has_control(VMX_CONTROL_EPT) ? -1 : VEC_GP);
    ck_assert_int_eq(rdmsr(b, 0x491, &v), vmx_has_control(VMX_CONTROL_VM_FUNCTIONS) ? -1 : VEC_GP);
    for (uint32_t msr = 0x480; msr < 0x492; msr++)
        ck_assert_int_eq(wrmsr(b, msr, 0), VEC_GP);
    cpu_bench_free(b);
    b = cpu_bench_new("max,vendor=GenuineIntel", BENCH_LONG);
    for (uint32_t msr = 0x480; msr < 0x492; msr++)
        ck_assert_int_eq(rdmsr(b, msr, &v), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

START_TEST(feature_control) {
    struct CpuBench *b = bench(BENCH_LONG, engines[0]);
    uint64_t v;
    b->env->feature_control = 0;
    ck_assert_int_eq(wrmsr(b, 0x3a, 3), VEC_GP); /* no SMX */
    ck_assert_int_eq(wrmsr(b, 0x3a, 1ull << 20), VEC_GP);
    ck_assert_int_eq(wrmsr(b, 0x3a, 4), -1);
    ck_assert_int_eq(wrmsr(b, 0x3a, 5), -1);
    ck_assert_int_eq(wrmsr(b, 0x3a, 5), VEC_GP);
    ck_assert_int_eq(rdmsr(b, 0x3a, &v), -1);
    ck_assert_uint_eq(v, 5);
    cpu_reset(&b->cpu, true);
    ck_assert_uint_eq(b->env->feature_control, 5);
    cpu_reset(&b->cpu, false);
    ck_assert_uint_eq(b->env->feature_control, 0);
    cpu_bench_free(b);
}
END_TEST

/* ---- VMXON, VMXOFF ---- */

START_TEST(vmxon) {
    static const struct {
        uint64_t cr0_off, cr4_off, control, pointer;
        uint32_t revision;
        int vector;
        enum Result result;
    } row[] = {
        {0, 0, 5, REGION_ON, VMCS_REVISION, -1, OK},
        {0, CR4_VMXE, 5, REGION_ON, VMCS_REVISION, VEC_UD, 0},
        {CR0_NE, 0, 5, REGION_ON, VMCS_REVISION, VEC_GP, 0},
        {0, 0, 4, REGION_ON, VMCS_REVISION, VEC_GP, 0},
        {0, 0, 1, REGION_ON, VMCS_REVISION, VEC_GP, 0},
        {0, 0, 0, REGION_ON, VMCS_REVISION, VEC_GP, 0},
        {0, 0, 5, REGION_ON + 8, VMCS_REVISION, -1, INVALID},
        {0, 0, 5, 1ull << 40, VMCS_REVISION, -1, INVALID},
        {0, 0, 5, REGION_ON, VMCS_REVISION + 1, -1, INVALID},
        {0, 0, 5, REGION_ON, VMCS_REVISION | 1u << 31, -1, INVALID},
    };
    for (unsigned k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
        struct CpuBench *b = bench(BENCH_LONG, engines[_i]);
        b->env->cr0 &= ~row[k].cr0_off;
        b->env->cr4 &= ~row[k].cr4_off;
        b->env->feature_control = row[k].control;
        put32(b, REGION_ON, row[k].revision);
        ck_assert_msg(run_pointer(b, VMXON, row[k].pointer) == row[k].vector, "row %u", k);
        bool on = row[k].vector == -1 && row[k].result == OK;
        ck_assert_msg(row[k].vector != -1 || result(b) == row[k].result, "row %u", k);
        ck_assert_uint_eq(b->env->vmx, on ? VMX_ROOT : VMX_OFF);
        ck_assert_uint_eq(b->env->vmxon_pointer, on ? REGION_ON : 0);
        ck_assert_uint_eq(b->env->vmcs_pointer, on ? VMCS_NO_POINTER : 0);
        ck_assert_ptr_null(cpu_env_check(b->env, &b->cpu.model));
        if (on) { /* again: there is no VMCS to put the number in; then there is one */
            ck_assert_int_eq(run_pointer(b, VMXON, REGION_ON), -1);
            ck_assert_int_eq(result(b), INVALID);
            ck_assert_int_eq(run_pointer(b, VMPTRLD, REGION_A), -1);
            ck_assert_int_eq(run_pointer(b, VMXON, REGION_ON), -1);
            ck_assert_int_eq(result(b), VALID);
            ck_assert_uint_eq(error_number(b), VMX_ERROR_VMXON_IN_ROOT);
            ck_assert_int_eq(run(b, VMCALL), -1);
            ck_assert_int_eq(result(b), VALID);
            ck_assert_uint_eq(error_number(b), VMX_ERROR_VMCALL_IN_ROOT);
            ck_assert_int_eq(run(b, VMXOFF), -1);
            ck_assert_int_eq(result(b), OK);
            ck_assert_uint_eq(b->env->vmx, VMX_OFF);
            ck_assert_ptr_null(cpu_env_check(b->env, &b->cpu.model));
        }
        cpu_bench_free(b);
    }
}
END_TEST

/* #UD without the feature, outside of VMX operation, in real and in compatibility mode; #GP at CPL 3. */
START_TEST(faults) {
    for (unsigned n = 0; n < NAMES; n++) {
        struct CpuBench *b = bench_root(BENCH_LONG, engines[_i]);
        b->cpu.model.feature[CPUID_VMX / 32] &= ~(1u << CPUID_VMX % 32);
        b->env->vmx = VMX_OFF;
        ck_assert_int_eq(run_pointer(b, n, REGION_ON), VEC_UD);
        cpu_bench_free(b);
        b = bench(BENCH_LONG, engines[_i]);
        ck_assert_int_eq(run_pointer(b, n, REGION_ON), n == VMXON ? -1 : VEC_UD);
        cpu_bench_free(b);
        b = bench_root(BENCH_LONG_USER, engines[_i]);
        ck_assert_int_eq(run_pointer(b, n, REGION_ON), VEC_GP);
        cpu_bench_free(b);
        b = bench_root(BENCH_LONG, engines[_i]);
        b->env->seg[SEG_CS] = (struct X86Segment){BENCH_CS32, 0xc09b, 0xffffffff, 0};
        ck_assert_int_eq(run_pointer(b, n, REGION_ON), VEC_UD);
        cpu_bench_free(b);
        b = bench_root(BENCH_REAL16, engines[_i]);
        ck_assert(n == VMCALL || run(b, n) == VEC_UD); /* it can't be there */
        cpu_bench_free(b);
    }
    struct CpuBench *b = bench(BENCH_LONG_USER, engines[_i]);
    ck_assert_int_eq(run_pointer(b, VMXON, REGION_ON), VEC_GP);
    cpu_bench_free(b);
}
END_TEST

/* Bits of CR0 and CR4 that VMX operation fixes (24.8). */
START_TEST(fixed_bits) {
    struct CpuBench *b = bench_root(BENCH_LONG, engines[_i]);
    b->env->gpr[REG_AX] = b->env->cr0 & ~(uint64_t)CR0_NE;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x22, 0xc0), VEC_GP); /* mov cr0, rax */
    b->env->gpr[REG_AX] = b->env->cr0 ^ CR0_TS;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x22, 0xc0), -1);
    b->env->gpr[REG_AX] = b->env->cr4 & ~(uint64_t)CR4_VMXE;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x22, 0xe0), VEC_GP); /* mov cr4, rax */
    ck_assert_int_eq(run(b, VMXOFF), -1);
    b->env->gpr[REG_AX] = b->env->cr4 & ~(uint64_t)CR4_VMXE;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x22, 0xe0), -1);
    ck_assert_uint_eq(b->env->cr4 & CR4_VMXE, 0);
    cpu_bench_free(b);
}
END_TEST

/* A20M keeps VMXON out, and does not count in VMX operation; with VMXOFF it does again. */
START_TEST(a20) {
    static const uint8_t bytes[] = {0x48, 0x8b, 0x11, 0x0f, 0x01, 0xc4, 0x48, 0x8b, 0x31, 0xf4};
    struct CpuBench *b = bench(BENCH_LONG, engines[_i]);
    memcpy(b->mem, code[VMXON].bytes, code[VMXON].n); /* what BENCH_CODE is with A20 masked */
    bus_set_a20(b->cpu.bus, false);
    ck_assert_int_eq(run_pointer(b, VMXON, REGION_ON), VEC_GP);
    cpu_bench_free(b);
    b = bench_root(BENCH_LONG, engines[_i]);
    bus_set_a20(b->cpu.bus, false);
    memcpy(b->mem, bytes, sizeof(bytes));
    put64(b, BENCH_DATA, 1);
    put64(b, BENCH_DATA + (1 << 20), 2);
    b->env->gpr[REG_CX] = BENCH_DATA + (1 << 20);
    ck_assert_int_eq(cpu_bench_try(b, bytes, sizeof(bytes)), -1);
    ck_assert_uint_eq(b->env->gpr[REG_DX], 2);
    ck_assert_uint_eq(b->env->gpr[REG_SI], 1);
    cpu_bench_free(b);
}
END_TEST

/* An INIT that was blocked comes with VMXOFF. */
START_TEST(init_blocked) {
    struct CpuBench *b = bench_root(BENCH_LONG, engines[_i]);
    b->env->init_blocked = true;
    ck_assert_ptr_null(cpu_env_check(b->env, &b->cpu.model));
    cpu_bench_code(b, code[VMXOFF].bytes, code[VMXOFF].n);
    ck_assert_int_eq(cpu_bench_run(b, 2), VCPU_EXIT_KICK);
    ck_assert_uint_eq(b->env->rip, BENCH_CODE + 3);
    ck_assert(!b->env->init_blocked);
    ck_assert_uint_ne(atomic_load(&b->cpu.events) & CPU_EVENT_INIT, 0);
    cpu_bench_free(b);
}
END_TEST

/* What a saved machine can't hold. */
START_TEST(impossible_states) {
    struct CpuBench *b = bench_root(BENCH_LONG, engines[0]);
    CPUX86State good = *b->env, *env = b->env;
    const struct CpuModel *m = &b->cpu.model;
    ck_assert_ptr_null(cpu_env_check(env, m));
    env->cr4 &= ~(uint64_t)CR4_VMXE;
    ck_assert_ptr_nonnull(cpu_env_check(env, m));
    *env = good;
    env->cr0 &= ~(uint64_t)CR0_NE;
    ck_assert_ptr_nonnull(cpu_env_check(env, m));
    *env = good;
    env->vmcs_pointer++;
    ck_assert_ptr_nonnull(cpu_env_check(env, m));
    *env = good;
    env->vmxon_pointer = 1ull << 50;
    ck_assert_ptr_nonnull(cpu_env_check(env, m));
    *env = good;
    env->vmx = VMX_OFF;
    env->init_blocked = true;
    ck_assert_ptr_nonnull(cpu_env_check(env, m));
    cpu_bench_free(b);
}
END_TEST

/* ---- VMCLEAR, VMPTRLD, VMPTRST ---- */

START_TEST(pointers) {
    static const struct {
        enum Name name;
        uint64_t pointer;
        unsigned error; /* 0: it succeeds */
    } row[] = {
        {VMCLEAR, REGION_B, 0},
        {VMCLEAR, REGION_B + 4, VMX_ERROR_VMCLEAR_ADDRESS},
        {VMCLEAR, 1ull << 40, VMX_ERROR_VMCLEAR_ADDRESS},
        {VMCLEAR, REGION_ON, VMX_ERROR_VMCLEAR_VMXON_POINTER},
        {VMPTRLD, REGION_B, 0},
        {VMPTRLD, REGION_B + 2048, VMX_ERROR_VMPTRLD_ADDRESS},
        {VMPTRLD, 1ull << 63, VMX_ERROR_VMPTRLD_ADDRESS},
        {VMPTRLD, REGION_ON, VMX_ERROR_VMPTRLD_VMXON_POINTER},
        {VMPTRLD, REGION_B + 4096, VMX_ERROR_VMPTRLD_REVISION}, /* zeros */
        {VMPTRLD, REGION_B + 8192, VMX_ERROR_VMPTRLD_REVISION}, /* a shadow VMCS */
    };
    for (unsigned k = 0; k < sizeof(row) / sizeof(row[0]); k++) {
        struct CpuBench *b = bench_root(BENCH_LONG, engines[_i]);
        put32(b, REGION_B + 8192, VMCS_REVISION | VMCS_SHADOW_INDICATOR);
        put32(b, REGION_B + VMCS_AT_LAUNCHED, 1);
        ck_assert_int_eq(run_pointer(b, row[k].name, row[k].pointer), -1);
        ck_assert_msg(result(b) == (row[k].error == 0 ? OK : VALID), "row %u", k);
        ck_assert_msg(error_number(b) == row[k].error, "row %u: error %u", k, error_number(b));
        bool loaded = row[k].error == 0 && row[k].name == VMPTRLD;
        ck_assert_uint_eq(b->env->vmcs_pointer, loaded ? REGION_B : REGION_A);
        bool cleared = row[k].error == 0 && row[k].name == VMCLEAR;
        ck_assert_uint_eq(b->mem[REGION_B + VMCS_AT_LAUNCHED], !cleared);
        cpu_bench_free(b);
    }
    struct CpuBench *b = bench_root(BENCH_LONG, engines[_i]);
    ck_assert_int_eq(run(b, VMPTRST), -1);
    ck_assert_int_eq(result(b), OK);
    ck_assert_uint_eq(get64(b, POINTER), REGION_A);
    ck_assert_int_eq(run_pointer(b, VMCLEAR, REGION_A), -1); /* the current one: then there is none */
    ck_assert_int_eq(run(b, VMPTRST), -1);
    ck_assert_uint_eq(get64(b, POINTER), UINT64_MAX);
    ck_assert_int_eq(run_pointer(b, VMCLEAR, REGION_ON), -1);
    ck_assert_int_eq(result(b), INVALID);
    b->env->gpr[REG_AX] = VMCS_GUEST_RIP;
    for (unsigned n = VMREAD; n <= VMWRITE_MEM; n++) {
        ck_assert_int_eq(run(b, n), -1);
        ck_assert_int_eq(result(b), INVALID);
    }
    cpu_bench_free(b);
}
END_TEST

/* ---- VMREAD, VMWRITE ---- */

#define PATTERN 0x8877665544332211ull

static uint64_t width_mask(unsigned bytes) { return bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1; }

/* Write this field and read it back; `bits` of operands. */
static void try_field(struct CpuBench *b, const struct VmcsField *f, unsigned bits, bool memory) {
    uint64_t operand = bits == 64 ? UINT64_MAX : UINT32_MAX, mask = operand & width_mask(vmcs_size(f->encoding));
    bool there = vmx_has_control((enum VmxControl)f->control), read_only = vmcs_class(f->encoding) == VMCS_READ_ONLY;
    b->env->gpr[REG_AX] = f->encoding;
    b->env->gpr[REG_DX] = PATTERN;
    put64(b, POINTER, PATTERN);
    vmcs_write(b->cpu.bus, REGION_A, VMCS_INSTRUCTION_ERROR, 0);
    ck_assert_int_eq(run(b, memory ? VMWRITE_MEM : VMWRITE), -1);
    unsigned error = !there ? VMX_ERROR_UNSUPPORTED_FIELD : read_only ? VMX_ERROR_READ_ONLY_FIELD : 0;
    ck_assert_msg(error_number(b) == error && result(b) == (error ? VALID : OK), "%s", f->name);
    if (error == 0)
        ck_assert_msg(vmcs_read(b->cpu.bus, REGION_A, f->encoding) == (PATTERN & mask), "%s", f->name);
    if (there && read_only)
        vmcs_write(b->cpu.bus, REGION_A, f->encoding, PATTERN);
    b->env->gpr[REG_DX] = UINT64_MAX;
    put64(b, POINTER, UINT64_MAX);
    ck_assert_int_eq(run(b, memory ? VMREAD_MEM : VMREAD), -1);
    uint64_t v = memory ? get64(b, POINTER) : b->env->gpr[REG_DX];
    ck_assert_msg(result(b) == (there ? OK : VALID), "%s", f->name);
    uint64_t expected = !there ? UINT64_MAX : memory && bits == 32 ? (PATTERN & mask) | ~operand : PATTERN & mask;
    ck_assert_msg(v == expected, "%s: %llx", f->name, (unsigned long long)v);
}

START_TEST(every_field) {
    for (unsigned wide = 0; wide < 2; wide++) {
        struct CpuBench *b = bench_root(wide ? BENCH_LONG : BENCH_PM32, engines[_i]);
        for (unsigned k = 0; k < vmcs_field_count; k++)
            for (unsigned memory = 0; memory < 2; memory++)
                try_field(b, &vmcs_fields[k], wide ? 64 : 32, memory);
        cpu_bench_free(b);
    }
}
END_TEST

/* The high half of a 64-bit field by itself; what 32-bit code writes clears it, or leaves the low half (25.11.2). */
START_TEST(halves) {
    for (unsigned wide = 0; wide < 2; wide++) {
        struct CpuBench *b = bench_root(wide ? BENCH_LONG : BENCH_PM32, engines[_i]);
        vmcs_write(b->cpu.bus, REGION_A, VMCS_TSC_OFFSET, PATTERN);
        b->env->gpr[REG_AX] = VMCS_TSC_OFFSET + 1;
        ck_assert_int_eq(run(b, VMREAD), -1);
        ck_assert_uint_eq(b->env->gpr[REG_DX], PATTERN >> 32);
        b->env->gpr[REG_DX] = 0xdeadbeef;
        ck_assert_int_eq(run(b, VMWRITE), -1);
        ck_assert_uint_eq(vmcs_read(b->cpu.bus, REGION_A, VMCS_TSC_OFFSET), 0xdeadbeef00000000 | (uint32_t)PATTERN);
        b->env->gpr[REG_AX] = VMCS_TSC_OFFSET;
        ck_assert_int_eq(run(b, VMWRITE), -1);
        ck_assert_uint_eq(vmcs_read(b->cpu.bus, REGION_A, VMCS_TSC_OFFSET), 0xdeadbeef);
        if (wide) { /* all 64 bits name the field */
            b->env->gpr[REG_AX] |= 1ull << 40;
            ck_assert_int_eq(run(b, VMREAD), -1);
            ck_assert_int_eq(result(b), VALID);
            ck_assert_uint_eq(error_number(b), VMX_ERROR_UNSUPPORTED_FIELD);
        }
        cpu_bench_free(b);
    }
}
END_TEST

/* ---- whatever a guest does ---- */

static uint64_t seed;
static uint64_t number(uint64_t below) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 20) % below;
}

static uint64_t random_pointer(void) {
    static const uint64_t some[] = {REGION_ON,  REGION_A,   REGION_B,   REGION_B + 4096, 0,
                                    0xfee00000, 1ull << 39, 1ull << 40, UINT64_MAX,      BENCH_RAM - 4096};
    return number(8) == 0 ? number(UINT64_MAX) : some[number(sizeof(some) / sizeof(some[0]))] + (number(8) == 0);
}

START_TEST(random_instructions) {
    struct CpuBench *b = bench(BENCH_LONG, engines[_i]);
    seed = 19;
    for (unsigned k = 0; k < suite_rounds(4000); k++) {
        b->env->gpr[REG_AX] = number(4) ? vmcs_fields[number(vmcs_field_count)].encoding + number(2) : number(1 << 16);
        b->env->gpr[REG_DX] = number(UINT64_MAX);
        int vector = run_pointer(b, (enum Name)number(NAMES), random_pointer());
        ck_assert(vector == -1 || vector == VEC_UD || vector == VEC_GP);
        ck_assert(vector != -1 || result(b) != NO_RESULT);
        const char *wrong = cpu_env_check(b->env, &b->cpu.model);
        ck_assert_msg(wrong == NULL, "%s", wrong);
    }
    cpu_bench_free(b);
}
END_TEST

Suite *vmx_suite(void) {
    Suite *s = suite_create("vmx");
    TCase *t = tcase_create("vmx");
    tcase_add_test(t, fields);
    tcase_add_test(t, capabilities);
    tcase_add_test(t, feature_control);
    tcase_add_test(t, impossible_states);
    const TTest *const both[] = {vmxon,       faults, fixed_bits,         a20, init_blocked, pointers,
                                 every_field, halves, random_instructions};
    for (unsigned k = 0; k < sizeof(both) / sizeof(both[0]); k++)
        tcase_add_loop_test(t, both[k], 0, ENGINES);
    suite_add_tcase(s, t);
    return s;
}
