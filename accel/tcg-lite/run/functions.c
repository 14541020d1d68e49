/* SPDX-License-Identifier: MIT */
/* From what isa/ says of an instruction to what the engine executes. See functions.h. */
#include "accel/tcg-lite/run/functions.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/tcg.h"

/* What stands for instructions that are none. */
static EXEC_FN exec_raise_UD(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env;
    tcg_raise(t, i, VEC_UD);
}
static EXEC_FN exec_raise_NM(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    (void)env;
    tcg_raise(t, i, VEC_NM);
}

static struct Insn executable(const struct X86Insn *d) {
    return (struct Insn){
        .imm = d->imm,
        .disp = d->disp,
        .len = d->len & 15,
        .asize = d->asize & 3,
        .rep = d->rep & 3,
        .reg = d->reg,
        .rm = d->rm,
        .base = d->base,
        .index = d->index,
        .scale = d->scale,
        .seg = d->seg & 7,
        .osize = d->osize & 3,
        .mem = d->mem,
        .lock = d->lock,
        .vl = d->vl,
        .vreg = d->vreg,
        .more_disp = d->more_disp,
    };
}

/** The address form that is enough for this operand: see enum EaKind. */
static enum FnKind memory_kind(uint32_t mode, const struct X86Insn *i) {
    if (!(mode & MODE_FLAT) || i->seg == SEG_FS || i->seg == SEG_GS || i->asize == 1 || i->more_disp)
        return FN_FULL;
    if ((mode & MODE_CODE) == MODE_CODE64)
        return i->asize == 2 ? FN_FLAT32 : i->index == INSN_REG_NONE ? FN_BASE : FN_FLAT;
    return i->seg == SEG_CS || (mode & MODE_CODE) != MODE_CODE32 ? FN_FULL : FN_FLAT32;
}

static enum FnKind kind_of(uint32_t mode, const struct Decoded *d) {
    const struct X86Insn *i = &d->insn;
    enum FnKind kind = i->mem ? memory_kind(mode, i) : FN_REG;
    if (i->lock)
        return kind == FN_FLAT || kind == FN_BASE ? FN_LOCK_FLAT : FN_LOCK_FULL;
    if (x86_forms[d->row].imm_kind == IMM_MOFFS && i->asize == 3 && i->disp != i->imm)
        return FN_REG; /* an offset of 64 bits is taken from imm */
    if (mode & MODE_SIMD_CHECK)
        return i->mem ? FN_MEM_CHECK : FN_REG_CHECK;
    return kind;
}

enum DecodeStatus tcg_decode(const struct CpuModel *model, uint32_t mode, const uint8_t *bytes, size_t n,
                             struct TcgDecoded *out) {
    enum DecodeStatus status = x86_decode(model, mode, bytes, n, &out->isa);
    if (status != DECODE_OK)
        return status;
    const struct Decoded *d = &out->isa;
    out->insn = executable(&d->insn);
    if (d->fault >= 0) {
        out->insn.fn = out->fn_no_flags = d->fault == VEC_NM ? exec_raise_NM : exec_raise_UD;
        return DECODE_OK;
    }
    const struct FormFunctions *form = &x86_form_fns[d->row];
    unsigned kind = form->kinds > 1 ? kind_of(mode, d) : FN_REG;
    const ExecFn *fn = &x86_fns[form->first + (d->size_slot * form->kinds + kind) * 2];
    out->insn.fn = fn[0];
    out->fn_no_flags = fn[1];
    return DECODE_OK;
}
