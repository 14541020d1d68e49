/* SPDX-License-Identifier: MIT */
/* The instructions that enter and leave VMX operation and manage VMCSs (SDM vol. 3, chapter 31). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/vmx/vmcs.h"
#include "accel/tcg-lite/vmx/vmx.h"

/* ---- how they end (31.2) ---- */

static void succeed(struct Tcg *t) { cc_load(&t->cc, 0); }

static void fail_invalid(struct Tcg *t) { cc_load(&t->cc, FLAG_CF); }

/* VMfail: with a current VMCS the error number goes there. */
static void fail(struct Tcg *t, enum VmxError error) {
    if (t->env->vmcs_pointer == VMCS_NO_POINTER) {
        fail_invalid(t);
        return;
    }
    vmcs_write(t->cpu->bus, t->env->vmcs_pointer, VMCS_INSTRUCTION_ERROR, error);
    cc_load(&t->cc, FLAG_ZF);
}

/* ---- what all of them check ---- */

/* #UD in compatibility mode; that of real and v8086 mode comes of the row. */
static void require_mode(struct Tcg *t) {
    if (x86_long_mode(t->env) && !x86_code64(t->env))
        tcg_fault(t, VEC_UD);
}

static void require_root(struct Tcg *t) {
    require_mode(t);
    if (t->env->vmx == VMX_OFF)
        tcg_fault(t, VEC_UD);
    require_cpl0(t);
}

/* The 64-bit operand in memory: a physical address. */
static uint64_t load_pointer(struct Tcg *t, const struct Insn *i) {
    return mem_load(t, i, ea_linear(t->env, i, t, EA_FULL, 8, ACCESS_READ), 8);
}

static bool is_region(const struct Tcg *t, uint64_t address) {
    return (address & (VMCS_REGION_SIZE - 1)) == 0 && address >> t->cpu->model.phys_bits == 0;
}

static uint32_t revision_at(const struct Tcg *t, uint64_t region) {
    return (uint32_t)bus_read_uint(t->cpu->bus, region + VMCS_AT_REVISION, 4);
}

/* ---- VMX operation ---- */

/* A20M, CR0 and CR4, IA32_FEATURE_CONTROL: outside of VMX operation all of them are #GP(0). */
static bool vmxon_allowed(const struct Tcg *t) {
    const CPUX86State *env = t->env;
    const uint64_t control = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON;
    return x86_cpl(env) == 0 && bus_a20_mask(t->cpu->bus) == UINT64_MAX && (~env->cr0 & vmx_cr0_fixed()) == 0 &&
           (~env->cr4 & vmx_cr4_fixed()) == 0 && (~env->feature_control & control) == 0;
}

void helper_vmxon(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    require_mode(t);
    if (!(env->cr4 & CR4_VMXE))
        tcg_fault(t, VEC_UD);
    if (env->vmx != VMX_OFF) {
        require_cpl0(t);
        fail(t, VMX_ERROR_VMXON_IN_ROOT);
        return;
    }
    if (!vmxon_allowed(t))
        tcg_fault_error(t, VEC_GP, 0);
    uint64_t region = load_pointer(t, i);
    if (!is_region(t, region) || revision_at(t, region) != VMCS_REVISION) {
        fail_invalid(t);
        return;
    }
    env->vmx = VMX_ROOT;
    env->vmxon_pointer = region;
    env->vmcs_pointer = VMCS_NO_POINTER;
    succeed(t);
}

/* An INIT that came meanwhile is served now; A20M counts again. */
void helper_vmxoff(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    (void)i;
    require_root(t);
    env->vmx = VMX_OFF;
    env->vmxon_pointer = env->vmcs_pointer = 0;
    if (bus_a20_mask(t->cpu->bus) != UINT64_MAX)
        tcg_tlb_flush(t);
    if (env->init_blocked) {
        env->init_blocked = false;
        pthread_mutex_lock(t->cpu->lock);
        cpu_post_init(t->cpu);
        pthread_mutex_unlock(t->cpu->lock);
    }
    succeed(t);
}

/* Outside of VMX operation too the instruction may be there, so its row does not know of v8086 mode. */
void vmx_vmcall(struct Tcg *t) {
    if (x86_v8086(t->env))
        tcg_fault(t, VEC_UD);
    require_root(t);
    fail(t, VMX_ERROR_VMCALL_IN_ROOT); /* there is no SMM monitor to call */
}

/* ---- VMCSs ---- */

void helper_vmclear(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    require_root(t);
    uint64_t region = load_pointer(t, i);
    if (!is_region(t, region)) {
        fail(t, VMX_ERROR_VMCLEAR_ADDRESS);
    } else if (region == env->vmxon_pointer) {
        fail(t, VMX_ERROR_VMCLEAR_VMXON_POINTER);
    } else {
        bus_write_uint(t->cpu->bus, region + VMCS_AT_LAUNCHED, 0, 4);
        if (region == env->vmcs_pointer)
            env->vmcs_pointer = VMCS_NO_POINTER;
        succeed(t);
    }
}

/* Without VMCS shadowing bit 31 is as wrong as any other (31.3, VMPTRLD). */
static bool revision_fits(uint32_t revision) {
    return (revision & ~VMCS_SHADOW_INDICATOR) == VMCS_REVISION &&
           (!(revision & VMCS_SHADOW_INDICATOR) || vmx_has_control(VMX_CONTROL_VMCS_SHADOWING));
}

void helper_vmptrld(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    require_root(t);
    uint64_t region = load_pointer(t, i);
    if (!is_region(t, region)) {
        fail(t, VMX_ERROR_VMPTRLD_ADDRESS);
    } else if (region == env->vmxon_pointer) {
        fail(t, VMX_ERROR_VMPTRLD_VMXON_POINTER);
    } else if (!revision_fits(revision_at(t, region))) {
        fail(t, VMX_ERROR_VMPTRLD_REVISION);
    } else {
        env->vmcs_pointer = region;
        succeed(t);
    }
}

void helper_vmptrst(struct Tcg *t, const struct Insn *i) {
    require_root(t);
    mem_store(t, i, ea_linear(t->env, i, t, EA_FULL, 8, ACCESS_WRITE), 8, t->env->vmcs_pointer);
    succeed(t);
}

/* ---- fields (25.11.2) ---- */

/* The field that the register operand names, of the current VMCS. NULL: VMfail was done. */
static const struct VmcsField *named_field(struct Tcg *t, const struct Insn *i, uint64_t *encoding) {
    *encoding = gpr_read(t->env, i->reg, insn_bits(i));
    if (t->env->vmcs_pointer == VMCS_NO_POINTER) {
        fail_invalid(t);
        return NULL;
    }
    const struct VmcsField *f = vmcs_find(*encoding);
    if (f == NULL)
        fail(t, VMX_ERROR_UNSUPPORTED_FIELD);
    return f;
}

/* A destination wider than the field gets zeros above it, one that is narrower the low half. */
void helper_vmread(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    unsigned bits = insn_bits(i);
    uint64_t encoding;
    require_root(t);
    const struct VmcsField *f = named_field(t, i, &encoding);
    if (f == NULL)
        return;
    uint64_t v = vmcs_read(t->cpu->bus, env->vmcs_pointer, f->encoding) >> (vmcs_is_high((uint32_t)encoding) ? 32 : 0);
    if (i->mem)
        mem_store(t, i, ea_linear(env, i, t, EA_FULL, bits / 8, ACCESS_WRITE), bits / 8, v);
    else
        gpr_write(env, i->rm, bits, v);
    succeed(t);
}

/* Of a source that is narrower than the field the rest becomes 0; the high half is written by itself. */
void helper_vmwrite(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    unsigned bits = insn_bits(i);
    uint64_t encoding;
    require_root(t);
    const struct VmcsField *f = named_field(t, i, &encoding);
    if (f == NULL)
        return;
    if (vmcs_class(f->encoding) == VMCS_READ_ONLY) {
        fail(t, VMX_ERROR_READ_ONLY_FIELD);
        return;
    }
    uint64_t v = i->mem ? mem_load(t, i, ea_linear(env, i, t, EA_FULL, bits / 8, ACCESS_READ), bits / 8)
                        : gpr_read(env, i->rm, bits);
    if (vmcs_is_high((uint32_t)encoding))
        v = v << 32 | (uint32_t)vmcs_read(t->cpu->bus, env->vmcs_pointer, f->encoding);
    vmcs_write(t->cpu->bus, env->vmcs_pointer, f->encoding, v);
    succeed(t);
}
