/* SPDX-License-Identifier: MIT */
/*
 * Control and debug registers, XCR0, FS and GS bases, and what empties translation caches (SDM vol. 2; vol. 3, 2.5,
 * 4.4.1, 4.10.1, 18.2). Values are checked here; mode.c gives them their effects.
 */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"

_Noreturn static void gp0(struct Tcg *t) { tcg_fault_error(t, VEC_GP, 0); }

static unsigned control_bits(const struct Tcg *t) { return x86_code64(t->env) ? 64 : 32; }

/* ---- CR0, CR3, CR4 ---- */

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR3_NO_FLUSH (1ull << 63)

/* PAE paging outside long mode loads four entries on the way; reserved bits in a present one fault (4.4.1). */
static void check_pdptes(struct Tcg *t, uint64_t cr3) {
    uint64_t reserved = 0x1e6 | ~((1ull << t->cpu->model.phys_bits) - 1);
    uint64_t table = cr3 & 0xffffffe0 & x86_a20_mask(t->env, t->cpu->bus);
    for (unsigned k = 0; k < 4; k++) {
        uint64_t entry = bus_read_uint(t->cpu->bus, table + 8 * k, 8);
        if ((entry & 1) && (entry & reserved))
            gp0(t);
    }
}

static void write_cr0(struct Tcg *t, uint64_t v) {
    CPUX86State *env = t->env;
    if (v >> 32)
        gp0(t);
    v = (v & CR0_KNOWN) | CR0_ET;
    if (((v & CR0_PG) && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
        gp0(t);
    if (!vmx_allows_cr0(t, v))
        gp0(t);
    bool was = (env->cr0 & CR0_PG) != 0, will = (v & CR0_PG) != 0;
    if (will && !was && (env->efer & EFER_LME)) {
        bool tss16 = !(env->tr.ar & 8);
        if (!(env->cr4 & CR4_PAE) || (env->seg[SEG_CS].ar & AR_L) || tss16)
            gp0(t);
    } else if (will && !was && (env->cr4 & CR4_PAE)) {
        check_pdptes(t, env->cr3);
    }
    if (was && !will && (x86_code64(env) || (env->cr4 & CR4_PCIDE)))
        gp0(t);
    tcg_set_cr0(t, v);
}

static void write_cr3(struct Tcg *t, uint64_t v) {
    CPUX86State *env = t->env;
    if (x86_long_mode(env)) {
        if (env->cr4 & CR4_PCIDE)
            v &= ~CR3_NO_FLUSH;
        if (v >> t->cpu->model.phys_bits)
            gp0(t);
    } else if ((env->cr0 & CR0_PG) && (env->cr4 & CR4_PAE)) {
        check_pdptes(t, v);
    }
    tcg_set_cr3(t, v);
}

static void write_cr4(struct Tcg *t, uint64_t v) {
    CPUX86State *env = t->env;
    uint64_t changed = env->cr4 ^ v;
    bool wide = x86_long_mode(env);
    if ((v & ~cpu_model_cr4(&t->cpu->model)) || !vmx_allows_cr4(t, v))
        gp0(t);
    if (wide && (!(v & CR4_PAE) || (changed & CR4_LA57)))
        gp0(t);
    if ((changed & v & CR4_PCIDE) && (!wide || (env->cr3 & 0xfff)))
        gp0(t);
    const uint64_t reload = CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP;
    if (!wide && (env->cr0 & CR0_PG) && (v & CR4_PAE) && (changed & reload))
        check_pdptes(t, env->cr3);
    tcg_set_cr4(t, v);
}

/* ---- CR8: the APIC's task priority ---- */

static uint64_t read_cr8(struct Tcg *t, const struct Insn *i) {
    struct CPUState *cpu = t->cpu;
    if (cpu->apic == NULL || cpu->apic->get_cr8 == NULL)
        return 0;
    tcg_sync_count(t, i);
    pthread_mutex_lock(cpu->lock);
    uint64_t v = cpu->apic->get_cr8(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    return v;
}

static void write_cr8(struct Tcg *t, const struct Insn *i, uint64_t v) {
    struct CPUState *cpu = t->cpu;
    if (v > 15)
        gp0(t);
    if (cpu->apic == NULL || cpu->apic->set_cr8 == NULL)
        return;
    tcg_sync_count(t, i);
    pthread_mutex_lock(cpu->lock);
    cpu->apic->set_cr8(cpu->apic_opaque, (uint8_t)v);
    pthread_mutex_unlock(cpu->lock);
}

/* The decoder has made CR8 of LOCK MOV CR0. */
void helper_mov_to_cr(struct Tcg *t, const struct Insn *i) {
    uint64_t v = gpr_read(t->env, i->rm, control_bits(t));
    switch (i->reg) {
    case 0: write_cr0(t, v); break;
    case 2: t->env->cr2 = v; break;
    case 3: write_cr3(t, v); break;
    case 4: write_cr4(t, v); break;
    case 8: write_cr8(t, i, v); break;
    default: tcg_fault(t, VEC_UD);
    }
}

void helper_mov_from_cr(struct Tcg *t, const struct Insn *i) {
    const CPUX86State *env = t->env;
    uint64_t v;
    switch (i->reg) {
    case 0: v = env->cr0; break;
    case 2: v = env->cr2; break;
    case 3: v = env->cr3; break;
    case 4: v = env->cr4; break;
    case 8: v = read_cr8(t, i); break;
    default: tcg_fault(t, VEC_UD);
    }
    gpr_write(t->env, i->rm, control_bits(t), v);
}

void helper_clts(struct Tcg *t, const struct Insn *i) {
    (void)i;
    t->env->cr0 &= ~(uint64_t)CR0_TS;
    tcg_update_mode(t);
}

/* LMSW reaches PE, MP, EM and TS, and can't clear PE. */
void helper_lmsw(struct Tcg *t, const struct Insn *i) {
    uint64_t v = operand_read(t, i, 16), cr0 = t->env->cr0;
    write_cr0(t, (cr0 & ~(uint64_t)(CR0_MP | CR0_EM | CR0_TS)) | (v & (CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
}

/* ---- debug registers ---- */

static unsigned debug_number(struct Tcg *t, const struct Insn *i) {
    unsigned n = i->reg;
    if (n > 7 || ((n == 4 || n == 5) && (t->env->cr4 & CR4_DE)))
        tcg_fault(t, VEC_UD);
    if (t->env->dr[7] & DR7_GD) {
        t->env->dr[6] = x86_dr6_after(t->env->dr[6], DR6_BD);
        t->env->rflags |= FLAG_RF; /* pushed so by every fault but an instruction breakpoint (SDM vol. 3, 18.3.1.1) */
        tcg_fault(t, VEC_DB);
    }
    return n == 4 || n == 5 ? n + 2 : n;
}

void helper_mov_to_dr(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    unsigned n = debug_number(t, i);
    uint64_t v = gpr_read(env, i->rm, control_bits(t));
    if (n >= 6 && v >> 32)
        gp0(t);
    if (n == 6)
        v = (v & DR6_CAUSES) | DR6_FIXED;
    if (n == 7)
        v = (v & DR7_WRITABLE) | DR7_FIXED;
    env->dr[n] = v;
    tcg_update_mode(t);
    if (t->watching)
        tcg_tlb_flush(t);
}

void helper_mov_from_dr(struct Tcg *t, const struct Insn *i) {
    gpr_write(t->env, i->rm, control_bits(t), t->env->dr[debug_number(t, i)]);
}

/* ---- translation caches and caches ---- */

void helper_invlpg(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t linear = ea_offset(env, i);
    if (x86_code64(env)) {
        linear += i->seg >= SEG_FS ? env->seg[i->seg].base : 0;
        if (!x86_canonical(env, linear))
            return;
    } else {
        linear = (uint32_t)(linear + env->seg[i->seg].base);
    }
    tcg_tlb_flush_page(t, linear);
}

void helper_invpcid(struct Tcg *t, const struct Insn *i) {
    enum { ONE_ADDRESS, ONE_CONTEXT, ALL_WITH_GLOBALS, ALL };
    CPUX86State *env = t->env;
    uint64_t type = gpr_read(env, i->reg, control_bits(t)), desc[2];
    mem_load_bytes(t, i, ea_linear(env, i, t, EA_FULL, 16, ACCESS_READ), desc, 16);
    if (type > ALL || desc[0] >> 12)
        gp0(t);
    if (type <= ONE_CONTEXT && desc[0] != 0 && !(env->cr4 & CR4_PCIDE))
        gp0(t);
    if (type == ONE_ADDRESS) {
        if (!x86_canonical(env, desc[1]))
            gp0(t);
        tcg_tlb_flush_page(t, desc[1]);
    } else if (type == ALL_WITH_GLOBALS) {
        tcg_tlb_flush(t);
    } else {
        tcg_tlb_flush_non_global(t); /* cached translations carry no PCID */
    }
}

/* Memory is always coherent with the caches that these write back or discard. */
void helper_invd(struct Tcg *t, const struct Insn *i) { (void)t, (void)i; }
void helper_wbinvd(struct Tcg *t, const struct Insn *i) { (void)t, (void)i; }

/* ---- XCR0 ---- */

static void require_osxsave(struct Tcg *t) {
    if (!(t->env->cr4 & CR4_OSXSAVE))
        tcg_fault(t, VEC_UD);
}

void helper_xgetbv(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint32_t n = (uint32_t)env->gpr[REG_CX];
    (void)i;
    require_osxsave(t);
    if (n > 1 || (n == 1 && !cpu_has(&t->cpu->model, CPUID_XGETBV1)))
        gp0(t);
    uint64_t v = n == 1 ? env->xcr0 & tcg_xinuse(t) : env->xcr0;
    env->gpr[REG_AX] = (uint32_t)v;
    env->gpr[REG_DX] = v >> 32;
}

void helper_xsetbv(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t v = (uint32_t)env->gpr[REG_AX] | env->gpr[REG_DX] << 32;
    uint64_t valid = cpu_model_xcr0(&t->cpu->model);
    (void)i;
    require_osxsave(t);
    require_cpl0(t);
    if ((uint32_t)env->gpr[REG_CX] != 0 || (v & ~valid) || !(v & XCR0_X87) || ((v & XCR0_AVX) && !(v & XCR0_SSE)))
        gp0(t);
    env->xcr0 = v;
    tcg_update_mode(t);
}

/* ---- PKRU ---- */

static void check_pkru(struct Tcg *t, bool high_parts) {
    if (!(t->env->cr4 & CR4_PKE))
        tcg_fault(t, VEC_UD);
    if (high_parts)
        gp0(t);
}

void helper_rdpkru(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    (void)i;
    check_pkru(t, (uint32_t)env->gpr[REG_CX] != 0);
    env->gpr[REG_AX] = env->pkru;
    env->gpr[REG_DX] = 0;
}

void helper_wrpkru(struct Tcg *t, const struct Insn *i) {
    const uint64_t *g = t->env->gpr;
    (void)i;
    check_pkru(t, ((uint32_t)g[REG_CX] | (uint32_t)g[REG_DX]) != 0);
    tcg_set_pkru(t, (uint32_t)g[REG_AX]);
}

/* ---- FS and GS bases ---- */

void helper_swapgs(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t base = env->seg[SEG_GS].base;
    (void)i;
    env->seg[SEG_GS].base = env->kernel_gs_base;
    env->kernel_gs_base = base;
}

static void read_base(struct Tcg *t, const struct Insn *i, unsigned seg) {
    if (!(t->env->cr4 & CR4_FSGSBASE))
        tcg_fault(t, VEC_UD);
    gpr_write(t->env, i->rm, insn_bits(i), t->env->seg[seg].base);
}

static void write_base(struct Tcg *t, const struct Insn *i, unsigned seg) {
    if (!(t->env->cr4 & CR4_FSGSBASE))
        tcg_fault(t, VEC_UD);
    uint64_t v = gpr_read(t->env, i->rm, insn_bits(i));
    if (!x86_canonical(t->env, v))
        gp0(t);
    t->env->seg[seg].base = v;
}

void helper_rdfsbase(struct Tcg *t, const struct Insn *i) { read_base(t, i, SEG_FS); }
void helper_rdgsbase(struct Tcg *t, const struct Insn *i) { read_base(t, i, SEG_GS); }
void helper_wrfsbase(struct Tcg *t, const struct Insn *i) { write_base(t, i, SEG_FS); }
void helper_wrgsbase(struct Tcg *t, const struct Insn *i) { write_base(t, i, SEG_GS); }
