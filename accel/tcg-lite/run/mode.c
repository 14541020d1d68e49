/* SPDX-License-Identifier: MIT */
/*
 * What the engine derives from control state: mode bits, the TLB in use, and the side effects of CR0, CR3, CR4.
 */
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/links.h"
#include "accel/tcg-lite/run/tcg.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "cpu/mode.h"
#include "cpu/pagewalk.h"

static bool flat_data(const struct X86Segment *s) {
    uint32_t kind = s->ar & (AR_S | AR_P | AR_CODE | AR_EXPAND_DOWN | AR_WRITABLE | AR_UNUSABLE);
    return s->base == 0 && s->limit == 0xffffffff && kind == (AR_S | AR_P | AR_WRITABLE);
}

/** Operands need no segment work. */
static bool is_flat(const CPUX86State *env) {
    if (x86_code64(env))
        return true;
    return x86_protected(env) && !x86_v8086(env) && flat_data(&env->seg[SEG_DS]) && flat_data(&env->seg[SEG_ES]) &&
           flat_data(&env->seg[SEG_SS]);
}

static unsigned choose_mmu(const CPUX86State *env, unsigned cpl) {
    bool ac = (env->rflags & FLAG_AC) != 0;
    if (cpl == 3)
        return ac && (env->cr0 & CR0_AM) ? MMU_ALIGN : MMU_USER;
    return ac ? MMU_SUPER_AC : MMU_SUPER;
}

void tcg_update_mode(struct Tcg *t) {
    CPUX86State *env = t->env;
    unsigned cpl = x86_cpl(env);
    uint32_t m = cpu_decode_mode(env);

    if (env->seg[SEG_SS].ar & AR_DB)
        m |= MODE_STACK32;
    if (cpl == 3)
        m |= MODE_USER;
    if (~env->mxcsr & 0x1f80)
        m |= MODE_SIMD_CHECK;
    if (is_flat(env) && !t->plain)
        m |= MODE_FLAT;
    bool traced = t->cpu->trace != NULL && t->cpu->trace->insn != NULL;
    if ((env->rflags & FLAG_TF) || (env->dr[7] & DR7_ENABLES) || traced || t->stepping || t->plain)
        m |= MODE_STEP;

    bool watching = dr_watches_data(env);
    if (watching != t->watching) {
        t->watching = watching;
        tcg_tlb_flush(t);
    }
    bool code64 = (m & MODE_CODE) == MODE_CODE64;
    uint64_t base = code64 ? 0 : env->seg[SEG_CS].base, limit = code64 ? UINT32_MAX : env->seg[SEG_CS].limit;
    if (base != t->cs_base || limit != t->cs_limit) {
        t->cs_base = base;
        t->cs_limit = limit;
        tcg_forget_links(t, LINKS_ALL);
    }
    t->mode = m;
    t->mode_key = t->link_generation[(m & MODE_USER) != 0] << MODE_BITS | m;
    t->mmu = choose_mmu(env, cpl);
    t->tlb = t->tlbs[t->mmu];
    t->tlb_second = t->second[t->mmu];
}

void tcg_set_rflags(struct Tcg *t, uint64_t v) {
    uint64_t changed = t->env->rflags ^ v;
    cc_load(&t->cc, (uint32_t)v);
    t->env->rflags = v | FLAG_ONE;
    if (changed & (FLAG_TF | FLAG_VM | FLAG_AC))
        tcg_update_mode(t);
}

/** PAE without long mode keeps its four top entries in registers (SDM vol. 3, 4.4.1). */
static void load_pdptes(struct Tcg *t) {
    CPUX86State *env = t->env;
    if (!(env->cr0 & CR0_PG) || !(env->cr4 & CR4_PAE) || x86_long_mode(env))
        return;
    uint64_t table = env->cr3 & 0xffffffe0 & x86_a20_mask(env, t->cpu->bus);
    for (unsigned k = 0; k < 4; k++)
        env->pdpte[k] = bus_read_uint(t->cpu->bus, table + 8 * k, 8);
}

void tcg_set_cr0(struct Tcg *t, uint64_t v) {
    CPUX86State *env = t->env;
    uint64_t changed = env->cr0 ^ v;

    env->cr0 = v | CR0_ET;
    if (changed & CR0_PG) {
        if ((v & CR0_PG) && (env->efer & EFER_LME))
            env->efer |= EFER_LMA;
        else
            env->efer &= ~(uint64_t)EFER_LMA;
    }
    if (changed & (CR0_PG | CR0_CD | CR0_NW))
        load_pdptes(t);
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        tcg_tlb_flush(t);
    tcg_update_mode(t);
}

/** Translations carry no PCID, so another address space means a flush even where CR3's bit 63 would allow to keep them.
 */
void tcg_set_cr3(struct Tcg *t, uint64_t v) {
    t->env->cr3 = v;
    load_pdptes(t);
    tcg_tlb_flush_non_global(t);
}

void tcg_set_cr4(struct Tcg *t, uint64_t v) {
    uint64_t changed = t->env->cr4 ^ v;
    t->env->cr4 = v;
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP))
        load_pdptes(t);
    if (changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_PCIDE | CR4_LA57 | CR4_PKE))
        tcg_tlb_flush(t);
    tcg_update_mode(t);
}

void tcg_set_pkru(struct Tcg *t, uint32_t v) {
    uint32_t changed = t->env->pkru ^ v;
    t->env->pkru = v;
    for (unsigned key = 0; key < 16; key++) {
        if ((t->env->cr4 & CR4_PKE) && (changed >> 2 * key & 3) && (t->pkeys_cached >> key & 1)) {
            tcg_tlb_flush(t);
            return;
        }
    }
}
