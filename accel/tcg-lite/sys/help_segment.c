/* SPDX-License-Identifier: MIT */
/* Instructions that load, store and examine segment registers and descriptor tables (SDM vol. 2). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/exec/shapes_stack.h"
#include "accel/tcg-lite/run/area.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/sys.h"

/* ---- segment registers ---- */

static void load_sreg(struct Tcg *t, unsigned seg, uint16_t selector) {
    segment_load(t, seg, selector);
    if (seg == SEG_SS)
        t->env->int_shadow = SHADOW_MOV_SS;
    tcg_update_mode(t);
}

void helper_mov_to_sreg(struct Tcg *t, const struct Insn *i) {
    unsigned seg = i->reg & 7;
    if (seg == SEG_CS || seg >= SEG_COUNT)
        tcg_fault(t, VEC_UD);
    load_sreg(t, seg, (uint16_t)operand_read(t, i, 16));
}

void helper_mov_from_sreg(struct Tcg *t, const struct Insn *i) {
    unsigned seg = i->reg & 7;
    if (seg >= SEG_COUNT)
        tcg_fault(t, VEC_UD);
    operand_write_word(t, i, t->env->seg[seg].selector);
}

static void push_sreg(struct Tcg *t, const struct Insn *i, unsigned seg) {
    uint16_t selector = t->env->seg[seg].selector;
    if (i->osize != 2 || !tcg_as_intel(t, RULE_PUSH_SEGMENT_16)) {
        stack_push(t->env, i, t, selector, insn_bits(i));
        return;
    }
    uint64_t sp = t->env->gpr[REG_SP] - 4; /* two bytes are written, the next two stay as they are */
    mem_store_stack(t, i, stack_linear(i, t, sp, 2, ACCESS_WRITE), 2, selector);
    stack_set(t->env, t, sp);
}
void helper_push_es(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_ES); }
void helper_push_cs(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_CS); }
void helper_push_ss(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_SS); }
void helper_push_ds(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_DS); }
void helper_push_fs(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_FS); }
void helper_push_gs(struct Tcg *t, const struct Insn *i) { push_sreg(t, i, SEG_GS); }

static void pop_sreg(struct Tcg *t, const struct Insn *i, unsigned seg) {
    unsigned size = insn_bits(i) / 8;
    uint16_t selector = (uint16_t)stack_peek(t, 0, size);
    uint64_t sp = stack_moved(t, size); /* the width is that of the old SS */
    load_sreg(t, seg, selector);
    t->env->gpr[REG_SP] = sp;
}
void helper_pop_es(struct Tcg *t, const struct Insn *i) { pop_sreg(t, i, SEG_ES); }
void helper_pop_ss(struct Tcg *t, const struct Insn *i) { pop_sreg(t, i, SEG_SS); }
void helper_pop_ds(struct Tcg *t, const struct Insn *i) { pop_sreg(t, i, SEG_DS); }
void helper_pop_fs(struct Tcg *t, const struct Insn *i) { pop_sreg(t, i, SEG_FS); }
void helper_pop_gs(struct Tcg *t, const struct Insn *i) { pop_sreg(t, i, SEG_GS); }

/* LES, LDS, LSS, LFS, LGS: offset, then selector. LSS has no interrupt shadow: it loads SP as well. */
static void load_far_pointer(struct Tcg *t, const struct Insn *i, unsigned seg) {
    unsigned size = far_offset_size(t, i);
    uint64_t offset = mem_load(t, i, mem_part(t, i, 0, size, ACCESS_READ), size);
    segment_load(t, seg, (uint16_t)mem_load(t, i, mem_part(t, i, size, 2, ACCESS_READ), 2));
    gpr_write(t->env, i->reg, 8 * size, offset);
    tcg_update_mode(t);
}
void helper_les(struct Tcg *t, const struct Insn *i) { load_far_pointer(t, i, SEG_ES); }
void helper_lds(struct Tcg *t, const struct Insn *i) { load_far_pointer(t, i, SEG_DS); }
void helper_lss(struct Tcg *t, const struct Insn *i) { load_far_pointer(t, i, SEG_SS); }
void helper_lfs(struct Tcg *t, const struct Insn *i) { load_far_pointer(t, i, SEG_FS); }
void helper_lgs(struct Tcg *t, const struct Insn *i) { load_far_pointer(t, i, SEG_GS); }

/* ---- looking at descriptors: ZF says whether it was allowed ---- */

static void set_zf(struct Tcg *t, bool zf) {
    uint32_t flags = cc_flags(&t->cc) & ~(uint32_t)FLAG_ZF;
    cc_load(&t->cc, zf ? flags | FLAG_ZF : flags);
}

/* Fetch the operand's descriptor if this privilege may see it. Types of system descriptors are the caller's matter. */
static bool visible(struct Tcg *t, uint16_t selector, struct Desc *d) {
    if (selector_null(selector) || !desc_fetch(t, selector, d))
        return false;
    unsigned dpl = desc_dpl(d->lo);
    if (desc_is_code(d->lo) && desc_is_conforming(d->lo))
        return true;
    return dpl >= x86_cpl(t->env) && dpl >= (selector & 3u);
}

static bool system_type_in(const struct Tcg *t, uint64_t lo, unsigned legacy, unsigned wide) {
    return ((x86_long_mode(t->env) ? wide : legacy) >> desc_type(lo)) & 1;
}

enum {
    LSL_WIDE = 1 << DESC_LDT | 1 << DESC_TSS | 1 << DESC_TSS_BUSY,
    LSL_LEGACY = LSL_WIDE | 1 << DESC_TSS16 | 1 << DESC_TSS16_BUSY,
    LAR_WIDE = LSL_WIDE | 1 << DESC_CALL,
    LAR_LEGACY = LSL_LEGACY | 1 << DESC_CALL16 | 1 << DESC_TASK_GATE | 1 << DESC_CALL,
};

void helper_lar(struct Tcg *t, const struct Insn *i) {
    struct Desc d;
    bool ok = visible(t, (uint16_t)operand_read(t, i, 16), &d) &&
              (desc_s(d.lo) || system_type_in(t, d.lo, LAR_LEGACY, LAR_WIDE));
    if (ok)
        gpr_write(t->env, i->reg, insn_bits(i), (d.lo >> 32) & 0xffff00);
    set_zf(t, ok);
}

void helper_lsl(struct Tcg *t, const struct Insn *i) {
    struct Desc d;
    bool ok = visible(t, (uint16_t)operand_read(t, i, 16), &d) &&
              (desc_s(d.lo) || system_type_in(t, d.lo, LSL_LEGACY, LSL_WIDE));
    if (ok)
        gpr_write(t->env, i->reg, insn_bits(i), desc_limit(d.lo));
    set_zf(t, ok);
}

void helper_verr(struct Tcg *t, const struct Insn *i) {
    struct Desc d;
    bool ok = visible(t, (uint16_t)operand_read(t, i, 16), &d) && desc_s(d.lo) &&
              (!desc_is_code(d.lo) || (desc_type(d.lo) & AR_READABLE));
    set_zf(t, ok);
}

void helper_verw(struct Tcg *t, const struct Insn *i) {
    struct Desc d;
    bool ok = visible(t, (uint16_t)operand_read(t, i, 16), &d) && desc_is_writable_data(d.lo);
    set_zf(t, ok);
}

/* ARPL's memory operand counts as written from the start, or only when it is. */
static uint64_t arpl_address(struct Tcg *t, const struct Insn *i, bool write) {
    bool reads_first = tcg_as_intel(t, RULE_ARPL_READS_FIRST);
    if (!i->mem)
        return 0;
    enum Access access = !reads_first ? ACCESS_RMW : write ? ACCESS_WRITE : ACCESS_READ;
    uint64_t at = ea_linear(t->env, i, t, EA_FULL, 2, access);
    if (!reads_first)
        mem_probe_write(t, i, at, 2);
    return at;
}

void helper_arpl(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t at = arpl_address(t, i, false);
    uint16_t dst = (uint16_t)(i->mem ? mem_load(t, i, at, 2) : gpr_read(env, i->rm, 16));
    uint16_t src = (uint16_t)gpr_read(env, i->reg, 16);
    bool raise = (dst & 3) < (src & 3);
    if (raise) {
        dst = (uint16_t)((dst & ~3) | (src & 3));
        if (i->mem)
            mem_store(t, i, arpl_address(t, i, true), 2, dst);
        else
            gpr_write(env, i->rm, 16, dst);
    }
    set_zf(t, raise);
}

/* ---- LDTR, TR, GDTR, IDTR, machine status word ---- */

/* CR4.UMIP keeps SGDT, SIDT, SLDT, SMSW and STR from CPL > 0. */
static void check_umip(struct Tcg *t) {
    if (t->env->cr4 & CR4_UMIP)
        require_cpl0(t);
}

void helper_sldt(struct Tcg *t, const struct Insn *i) {
    check_umip(t);
    operand_write_word(t, i, t->env->ldt.selector);
}

void helper_str(struct Tcg *t, const struct Insn *i) {
    check_umip(t);
    operand_write_word(t, i, t->env->tr.selector);
}

/* A descriptor for LDTR or TR of one of the types in `types`; in long mode with a 64-bit base. */
static struct X86Segment system_segment(struct Tcg *t, uint16_t selector, unsigned types, struct Desc *d) {
    if ((selector & 4) || !desc_fetch_system(t, selector, d) || desc_s(d->lo) || !((types >> desc_type(d->lo)) & 1) ||
        ((d->hi >> 40) & 31) != 0)
        selector_fault(t, VEC_GP, selector, 0);
    if (!desc_present(d->lo))
        selector_fault(t, VEC_NP, selector, 0);
    struct X86Segment s = desc_segment(selector, d);
    s.base |= d->hi << 32;
    if (x86_long_mode(t->env) && !x86_canonical(t->env, s.base))
        selector_fault(t, VEC_GP, selector, 0);
    return s;
}

void helper_lldt(struct Tcg *t, const struct Insn *i) {
    uint16_t selector = (uint16_t)operand_read(t, i, 16);
    struct Desc d;
    if (selector_null(selector))
        segment_set_null(&t->env->ldt, selector);
    else
        t->env->ldt = system_segment(t, selector, 1 << DESC_LDT, &d);
}

void helper_ltr(struct Tcg *t, const struct Insn *i) {
    uint16_t selector = (uint16_t)operand_read(t, i, 16);
    unsigned types = x86_long_mode(t->env) ? 1 << DESC_TSS : 1 << DESC_TSS | 1 << DESC_TSS16;
    struct Desc d;
    if (selector_null(selector))
        tcg_fault_error(t, VEC_GP, 0);
    struct X86Segment s = system_segment(t, selector, types, &d);
    if (!desc_set_busy(t, &d, true)) /* another processor was quicker */
        selector_fault(t, VEC_GP, selector, 0);
    s.ar |= DESC_TSS_BUSY_BIT;
    t->env->tr = s;
}

static void store_table(struct Tcg *t, const struct Insn *i, const struct X86Table *table) {
    uint8_t buf[10];
    unsigned n = x86_code64(t->env) ? 10 : 6;
    check_umip(t);
    host_store(buf, 2, table->limit);
    host_store(buf + 2, 8, table->base);
    struct MemArea area = mem_area(t, i, PARTS_TABLE, n, ACCESS_WRITE);
    mem_area_store(t, i, &area, 0, buf, n);
}
void helper_sgdt(struct Tcg *t, const struct Insn *i) { store_table(t, i, &t->env->gdt); }
void helper_sidt(struct Tcg *t, const struct Insn *i) { store_table(t, i, &t->env->idt); }

static void load_table(struct Tcg *t, const struct Insn *i, struct X86Table *table) {
    uint8_t buf[10];
    bool code64 = x86_code64(t->env);
    unsigned n = code64 ? 10 : 6;
    struct MemArea area = mem_area(t, i, PARTS_TABLE, n, ACCESS_READ);
    mem_area_load(t, i, &area, 0, buf, n);
    uint64_t base = host_load(buf + 2, n - 2);
    if (!code64 && i->osize == 1)
        base &= 0xffffff;
    if (code64 && !x86_canonical(t->env, base))
        tcg_fault_error(t, VEC_GP, 0);
    table->limit = (uint16_t)host_load(buf, 2);
    table->base = base;
}
void helper_lgdt(struct Tcg *t, const struct Insn *i) { load_table(t, i, &t->env->gdt); }
void helper_lidt(struct Tcg *t, const struct Insn *i) { load_table(t, i, &t->env->idt); }

void helper_smsw(struct Tcg *t, const struct Insn *i) {
    check_umip(t);
    operand_write_word(t, i, t->env->cr0);
}
