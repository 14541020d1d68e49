/* SPDX-License-Identifier: MIT */
/*
 * Does `diff insn` find bugs? Each plant breaks the results of one instruction in one way, often for few inputs only;
 * the generator's cases, run on the broken engine and on the sound one, must tell them apart. A fixed seed, and few
 * cases: what is found here by chance alone would be found too late in practice.
 */
#include "accel/tcg-lite/run/tcg.h"
#include "diff/insn.h"
#include "isa/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What a plant looks at and breaks. */
struct Broken {
    const struct DiffState *in;
    struct DiffState *out;
    const struct X86Insn *insn;
    const struct DiffSpace *space;
};

static uint8_t *xmm(struct Broken *b, unsigned r) { return b->out->fx + FXSAVE_XMM + 16 * r; }
static uint8_t *st(struct Broken *b, unsigned r) { return b->out->fx + FXSAVE_ST + 16 * r; }
static uint64_t in_gpr(struct Broken *b, unsigned off) { return b->in->gpr[off / 8]; }
static uint64_t *out_gpr(struct Broken *b, unsigned off) { return &b->out->gpr[off / 8]; }

static uint64_t operand(struct Broken *b) {
    CPUX86State env = {.rip = b->in->rip};
    memcpy(env.gpr, b->in->gpr, sizeof(env.gpr));
    const uint8_t *g = (const uint8_t *)env.gpr;
    uint64_t base = b->insn->seg == SEG_FS ? b->in->fs_base : b->insn->seg == SEG_GS ? b->in->gs_base : 0;
    uint64_t ea = *(const uint64_t *)(g + b->insn->base) + (*(const uint64_t *)(g + b->insn->index) << b->insn->scale) +
                  (uint64_t)(int64_t)b->insn->disp;
    return base + (b->insn->asize == 3 ? ea : (uint32_t)ea);
}

/** Byte k of the memory operand, or NULL. */
static uint8_t *memory(struct Broken *b, unsigned k) {
    return b->insn->mem ? diff_space_at(b->space, operand(b) + k) : NULL;
}

static void flip(uint8_t *p, unsigned bit) {
    if (p != NULL)
        *p ^= (uint8_t)(1u << bit);
}

/** As if the fault had not come: the instruction was skipped. */
static void no_fault(struct Broken *b, uint32_t vector) {
    if (b->out->vector != vector)
        return;
    b->out->vector = DIFF_NO_FAULT;
    b->out->error = 0;
    b->out->cr2 = 0;
    b->out->rip = b->in->rip + b->insn->len;
    b->out->rflags &= ~(uint64_t)FLAG_RF;
}

#define PLANT(name) static void name(struct Broken *b)
#define FAULTED (b->out->vector != DIFF_NO_FAULT)

/* ---- integers ---- */

PLANT(add_af) { b->out->rflags ^= FLAG_AF; }
PLANT(adc_carry) { /* the carry in is lost when the sum wraps */
    if ((b->in->rflags & FLAG_CF) && (b->out->rflags & FLAG_CF))
        b->out->rflags ^= FLAG_CF;
}
PLANT(sbb_of_8) {
    if (b->insn->osize == 0)
        b->out->rflags ^= FLAG_OF;
}
PLANT(sub_zf_16) {
    if (b->insn->osize == 1 && (b->out->rflags & FLAG_ZF))
        b->out->rflags ^= FLAG_ZF;
}
PLANT(and_pf) {
    if (b->out->rflags & FLAG_SF)
        b->out->rflags ^= FLAG_PF;
}
PLANT(xor_upper) { /* a 32-bit destination keeps its upper half */
    if (b->insn->osize == 2 && !b->insn->mem && !FAULTED)
        *out_gpr(b, b->insn->rm) |= in_gpr(b, b->insn->rm) & 0xffffffff00000000;
}
PLANT(inc_cf) {
    if (b->out->rflags & FLAG_ZF)
        b->out->rflags |= FLAG_CF;
}
PLANT(neg_cf) { b->out->rflags |= FLAG_CF; }
PLANT(cmp_writes) {
    if (b->insn->mem)
        flip(memory(b, 0), 0);
}
PLANT(imul_of) {
    if ((b->out->rflags & FLAG_CF) && b->insn->osize == 3)
        b->out->rflags ^= FLAG_OF;
}
PLANT(div_fault) { no_fault(b, VEC_DE); }
PLANT(idiv_remainder) {
    if (!FAULTED && b->insn->osize == 2 && (int32_t)b->out->gpr[REG_DX] < 0)
        b->out->gpr[REG_DX] = (uint32_t)-(int32_t)b->out->gpr[REG_DX];
}
PLANT(movsx_sign) {
    if (!FAULTED && b->insn->osize == 3 && (int64_t)*out_gpr(b, b->insn->reg) < 0)
        *out_gpr(b, b->insn->reg) &= 0xffffffff;
}
PLANT(bswap_16) {
    if (b->insn->osize == 1)
        *out_gpr(b, b->insn->reg) ^= 1;
}
PLANT(cmpxchg_acc) {
    if (!(b->out->rflags & FLAG_ZF))
        b->out->gpr[REG_AX] ^= 1;
}
PLANT(xadd_source) { *out_gpr(b, b->insn->reg & ~7u) ^= 2; }
PLANT(xchg_locked) {
    if (b->insn->lock)
        flip(memory(b, 0), 7);
}
PLANT(cmovbe) {
    if ((b->in->rflags & (FLAG_CF | FLAG_ZF)) == FLAG_ZF && !FAULTED)
        *out_gpr(b, b->insn->reg) ^= 1;
}
PLANT(setl) {
    if ((b->in->rflags & (FLAG_SF | FLAG_OF)) == FLAG_OF && !b->insn->mem && !FAULTED)
        b->out->gpr[b->insn->rm / 8] ^= b->insn->rm & 1 ? 0x100 : 1;
}

/* ---- shifts, bits ---- */

PLANT(shl_cf_32) {
    if (b->insn->osize == 2)
        b->out->rflags ^= FLAG_CF;
}
PLANT(shr_count) { /* a count of 31 */
    if ((b->in->gpr[REG_CX] & 31) == 31)
        b->out->rflags ^= FLAG_CF;
}
PLANT(sar_zero_count) { /* flags change though the count is 0 */
    if ((b->in->gpr[REG_CX] & 31) == 0)
        b->out->rflags ^= FLAG_ZF;
}
PLANT(rol_of) {
    if (b->insn->imm == 1)
        b->out->rflags ^= FLAG_OF;
}
PLANT(rcl_cf) {
    if (b->in->rflags & FLAG_CF)
        b->out->rflags ^= FLAG_CF;
}
PLANT(shld_64) {
    if (b->insn->osize == 3 && !b->insn->mem)
        *out_gpr(b, b->insn->rm) ^= 1ull << 63;
}
PLANT(bt_offset) {
    if (b->insn->mem && (int64_t)in_gpr(b, b->insn->reg) < 0)
        b->out->rflags ^= FLAG_CF;
}
PLANT(bsf_zero) {
    if ((b->out->rflags & FLAG_ZF) && !b->insn->mem)
        *out_gpr(b, b->insn->reg) = 0;
}
PLANT(popcnt) {
    if (*out_gpr(b, b->insn->reg) == 64 && !FAULTED)
        *out_gpr(b, b->insn->reg) = 0;
}
PLANT(lzcnt_zf) { b->out->rflags ^= FLAG_ZF; }
PLANT(andn_sf) { b->out->rflags &= ~(uint64_t)FLAG_SF; }
PLANT(pext_top) {
    if (!FAULTED && *out_gpr(b, b->insn->reg) >> 31)
        *out_gpr(b, b->insn->reg) ^= 1ull << 31;
}
PLANT(mulx_order) { /* both halves into one register: the high one must win */
    if (b->insn->reg == b->insn->vreg && !FAULTED)
        *out_gpr(b, b->insn->reg) ^= 4;
}

/* ---- control flow, stack, strings ---- */

PLANT(jcc_taken) {
    if (b->out->rflags & FLAG_PF)
        b->out->rip = b->in->rip + b->insn->len;
}
PLANT(loop_count) {
    if (b->insn->asize == 2)
        b->out->gpr[REG_CX] |= b->in->gpr[REG_CX] & 0xffffffff00000000;
}
PLANT(push_16) {
    if (b->insn->osize == 1 && !FAULTED)
        b->out->gpr[REG_SP] -= 6;
}
PLANT(pop_flags) { b->out->rflags &= ~(uint64_t)FLAG_ID; }
PLANT(enter_level) {
    if (!FAULTED && (b->insn->imm >> 16 & 31) > 3)
        b->out->gpr[REG_BP] += 8;
}
PLANT(stos_direction) {
    if (b->in->rflags & FLAG_DF)
        b->out->gpr[REG_DI] ^= 8;
}
PLANT(cmps_flags) {
    if (b->insn->rep && b->in->gpr[REG_CX] == 0)
        b->out->rflags ^= FLAG_ZF;
}
PLANT(lock_ud) { no_fault(b, VEC_UD); }
PLANT(read_only) {
    if (b->out->vector == VEC_PF && b->out->error == (PF_P | PF_W | PF_U))
        no_fault(b, VEC_PF);
}
PLANT(page_error) {
    if (b->out->vector == VEC_PF)
        b->out->error ^= PF_W;
}
PLANT(crossing_cr2) {
    if (b->out->vector == VEC_PF && (b->out->cr2 & 0xfff) == 0)
        b->out->cr2 -= 1;
}
PLANT(not_canonical) { no_fault(b, VEC_GP); }

/* ---- x87, MMX ---- */

PLANT(fadd_pe) { b->out->fx[FXSAVE_FSW] &= (uint8_t)~0x20; }
PLANT(fld_tag) { b->out->fx[FXSAVE_FTW] = b->in->fx[FXSAVE_FTW]; }
PLANT(fcom_c0) { b->out->fx[FXSAVE_FSW + 1] ^= 1; }
PLANT(fist_round) {
    if ((b->in->fx[FXSAVE_FCW + 1] & 0x0c) == 0x0c)
        flip(memory(b, 0), 0);
}
PLANT(fxch_top) { st(b, 0)[9] ^= 0x80; }
PLANT(fstp_empty) {
    if (b->out->fx[FXSAVE_FSW] & 0x40)
        b->out->fx[FXSAVE_FSW + 1] |= 2;
}
PLANT(mf_missing) { no_fault(b, VEC_MF); }
PLANT(fdp) { b->out->fx[FXSAVE_FDP] ^= 1; }
PLANT(paddb_mmx_tag) { b->out->fx[FXSAVE_FTW] = b->in->fx[FXSAVE_FTW]; }
PLANT(psllq_mmx) { st(b, b->insn->reg)[9] = 0; }

/* ---- SSE and what came after ---- */

PLANT(paddsw_lane) {
    if (xmm(b, b->insn->reg)[15] == 0x7f)
        xmm(b, b->insn->reg)[14] ^= 1;
}
PLANT(pshufb_clear) { /* bit 7 of an index clears the byte: not in lane 9 */
    const uint8_t *index = b->in->fx + FXSAVE_XMM + 16 * b->insn->rm;
    if (!b->insn->mem && (index[9] & 0x80))
        xmm(b, b->insn->reg)[9] = 0x80;
}
PLANT(addps_daz) {
    if ((b->in->fx[FXSAVE_MXCSR] & 0x40) && !FAULTED)
        b->out->fx[FXSAVE_MXCSR] |= 2;
}
PLANT(mulsd_upper) { xmm(b, b->insn->reg)[8] ^= 1; }
PLANT(sqrtss_nan) {
    if (xmm(b, b->insn->reg)[3] == 0xff)
        xmm(b, b->insn->reg)[3] = 0x7f;
}
PLANT(minps_nan) {
    if ((b->out->fx[FXSAVE_MXCSR] & 1) && !(b->in->fx[FXSAVE_MXCSR] & 1))
        b->out->fx[FXSAVE_MXCSR] &= 0xfe;
}
PLANT(cvttss2si_indefinite) {
    if (b->insn->osize == 2 && (uint32_t)*out_gpr(b, b->insn->reg) == 0x80000000)
        *out_gpr(b, b->insn->reg) = 0x7fffffff;
}
PLANT(comisd_pf) {
    if (b->out->rflags & FLAG_PF)
        b->out->rflags &= ~(uint64_t)FLAG_ZF;
}
PLANT(xm_missing) { no_fault(b, VEC_XM); }
PLANT(movaps_aligned) {
    if (b->insn->mem && (operand(b) & 15))
        no_fault(b, VEC_GP);
}
PLANT(movss_upper) {
    if (b->insn->mem && !FAULTED)
        memcpy(xmm(b, b->insn->reg) + 4, b->in->fx + FXSAVE_XMM + 16 * b->insn->reg + 4, 12);
}
PLANT(pmovmskb) { *out_gpr(b, b->insn->reg) &= 0x7fff; }
PLANT(pcmpestri_ecx) {
    if (b->out->gpr[REG_CX] == 16)
        b->out->gpr[REG_CX] = 15;
}
PLANT(roundsd_mode) {
    if ((b->insn->imm & 7) == 3 && !FAULTED)
        xmm(b, b->insn->reg)[6] ^= 0x10;
}
PLANT(pmuludq_lane) { xmm(b, b->insn->reg)[12] ^= 1; }
PLANT(packuswb) {
    if (xmm(b, b->insn->reg)[7] == 0xff)
        xmm(b, b->insn->reg)[7] = 0xfe;
}
PLANT(aesenc_key) { xmm(b, b->insn->reg)[3] ^= 1; }
PLANT(crc32) {
    if (b->insn->osize == 3)
        *out_gpr(b, b->insn->reg) |= 1ull << 32;
}

/* ---- AVX, BMI, AES, SHA ---- */

static uint8_t *ymmh(struct Broken *b, unsigned r) { return b->out->ymmh[r]; }

PLANT(vex_upper) { /* 128-bit results leave the upper half as it was */
    if (b->insn->vl == 0 && !FAULTED)
        memcpy(ymmh(b, b->insn->reg), b->in->ymmh[b->insn->reg], 16);
}
PLANT(vpaddd_lane) {
    if (b->insn->vl == 1 && !FAULTED)
        ymmh(b, b->insn->reg)[13] ^= 1;
}
PLANT(vperm_index) {
    if (!FAULTED && (b->insn->imm & 0x80))
        ymmh(b, b->insn->reg)[0] ^= 0xff;
}
PLANT(vpblend_last) {
    if (!FAULTED && (b->insn->imm & 0x80))
        xmm(b, b->insn->reg)[15] ^= 2;
}
PLANT(vmask_zero) { /* what is not selected keeps its value */
    if (!FAULTED && b->insn->mem)
        xmm(b, b->insn->reg)[0] |= b->in->fx[FXSAVE_XMM + 16 * b->insn->reg];
}
PLANT(gather_mask) {
    if (!FAULTED)
        xmm(b, b->insn->vreg)[15] |= 0x80;
}
PLANT(fma_sign) {
    if (!FAULTED && xmm(b, b->insn->reg)[3] == 0x80)
        xmm(b, b->insn->reg)[3] = 0;
}
PLANT(fma_flags) { b->out->fx[FXSAVE_MXCSR] &= (uint8_t)~0x10; }
PLANT(half_round) {
    if (!FAULTED && (b->insn->imm & 4))
        b->out->fx[FXSAVE_MXCSR] |= 0x20;
}
PLANT(vzero_one) {
    if (!FAULTED)
        memcpy(ymmh(b, 15), b->in->ymmh[15], 16);
}
PLANT(blsr_cf) {
    if (b->out->rflags & FLAG_ZF)
        b->out->rflags ^= FLAG_CF;
}
PLANT(bextr_length) {
    if (!FAULTED && b->insn->osize == 3 && (in_gpr(b, b->insn->vreg) >> 8 & 0xff) >= 64)
        *out_gpr(b, b->insn->reg) ^= 1;
}
PLANT(bzhi_cf) { b->out->rflags &= ~(uint64_t)FLAG_CF; }
PLANT(rorx_flags) { b->out->rflags ^= FLAG_CF; }
PLANT(tzcnt_zero) {
    if (b->out->rflags & FLAG_CF)
        *out_gpr(b, b->insn->reg) ^= 1;
}
PLANT(adcx_of) {
    if (b->out->rflags & FLAG_CF)
        b->out->rflags ^= FLAG_OF;
}
PLANT(aes_last) { xmm(b, b->insn->reg)[12] ^= 0x1b; }
PLANT(aes_round) {
    if (!FAULTED && b->insn->imm != 0)
        xmm(b, b->insn->reg)[4] ^= (uint8_t)b->insn->imm;
}
PLANT(sha_word) { xmm(b, b->insn->reg)[3] ^= 0x40; }
PLANT(clmul_half) {
    if (!FAULTED && (b->insn->imm & 0x10))
        xmm(b, b->insn->reg)[8] ^= 1;
}
PLANT(single_step) { no_fault(b, VEC_DB); }
PLANT(alignment) { no_fault(b, VEC_AC); }

static const struct {
    const char *mnemonic;
    void (*broken)(struct Broken *b);
    const char *what;
} plants[] = {
    {"ADD", add_af, "AF"},
    {"ADC", adc_carry, "carry in"},
    {"SBB", sbb_of_8, "OF of bytes"},
    {"SUB", sub_zf_16, "ZF of words"},
    {"AND", and_pf, "PF of negative results"},
    {"XOR", xor_upper, "upper half of a 32-bit result"},
    {"INC", inc_cf, "CF must stay"},
    {"NEG", neg_cf, "CF of zero"},
    {"CMP", cmp_writes, "memory is written"},
    {"IMUL", imul_of, "OF of quadwords"},
    {"DIV", div_fault, "#DE missing"},
    {"IDIV", idiv_remainder, "sign of the remainder"},
    {"MOVSX", movsx_sign, "sign extension to 64 bits"},
    {"BSWAP", bswap_16, "words"},
    {"CMPXCHG", cmpxchg_acc, "accumulator"},
    {"XADD", xadd_source, "source"},
    {"XCHG", xchg_locked, "LOCK"},
    {"CMOVBE", cmovbe, "ZF without CF"},
    {"SETL", setl, "OF without SF"},
    {"SHL", shl_cf_32, "CF of doublewords"},
    {"SHR", shr_count, "CF of one count"},
    {"SAR", sar_zero_count, "flags of count 0"},
    {"ROL", rol_of, "OF of count 1"},
    {"RCL", rcl_cf, "CF"},
    {"SHLD", shld_64, "quadwords"},
    {"BT", bt_offset, "negative bit offsets"},
    {"BSF", bsf_zero, "destination of a zero source"},
    {"POPCNT", popcnt, "all ones"},
    {"LZCNT", lzcnt_zf, "ZF"},
    {"ANDN", andn_sf, "SF"},
    {"PEXT", pext_top, "one result bit"},
    {"MULX", mulx_order, "one destination for both halves"},
    {"JLE", jcc_taken, "not taken with PF"},
    {"LOOP", loop_count, "count of 32 bits"},
    {"PUSH", push_16, "words"},
    {"POPF", pop_flags, "ID"},
    {"ENTER", enter_level, "deep nesting"},
    {"STOS", stos_direction, "DF"},
    {"CMPS", cmps_flags, "flags of no iteration"},
    {"NOT", lock_ud, "illegal LOCK"},
    {"MOV", read_only, "writes to read-only pages"},
    {"OR", page_error, "error code of #PF"},
    {"MOVQ", crossing_cr2, "CR2 of the second page"},
    {"TEST", not_canonical, "#GP of addresses"},
    {"FADD", fadd_pe, "PE"},
    {"FLD", fld_tag, "tag word"},
    {"FCOM", fcom_c0, "C0"},
    {"FIST", fist_round, "rounding towards zero"},
    {"FXCH", fxch_top, "sign of ST0"},
    {"FSTP", fstp_empty, "C1 of a stack underflow"},
    {"FSQRT", mf_missing, "#MF"},
    {"FMUL", fdp, "data pointer"},
    {"PADDB", paddb_mmx_tag, "MMX: tag word"},
    {"PSLLQ", psllq_mmx, "MMX: exponent"},
    {"PADDSW", paddsw_lane, "saturation in one lane"},
    {"PSHUFB", pshufb_clear, "one lane"},
    {"ADDPS", addps_daz, "DE with DAZ"},
    {"MULSD", mulsd_upper, "upper half"},
    {"SQRTSS", sqrtss_nan, "sign of the indefinite"},
    {"MINPS", minps_nan, "IE"},
    {"CVTTSS2SI", cvttss2si_indefinite, "indefinite integer"},
    {"COMISD", comisd_pf, "ZF of unordered"},
    {"DIVPS", xm_missing, "#XM"},
    {"MOVAPS", movaps_aligned, "misaligned addresses"},
    {"MOVSS", movss_upper, "upper lanes after a load"},
    {"PMOVMSKB", pmovmskb, "bit 15"},
    {"PCMPESTRI", pcmpestri_ecx, "nothing found"},
    {"ROUNDSD", roundsd_mode, "towards zero"},
    {"PMULUDQ", pmuludq_lane, "upper lane"},
    {"PACKUSWB", packuswb, "saturation in one lane"},
    {"AESENC", aesenc_key, "one byte"},
    {"CRC32", crc32, "upper half"},
    {"VADDPS", vex_upper, "upper half after a 128-bit result"},
    {"VPADDD", vpaddd_lane, "one byte of the upper half"},
    {"VPERMQ", vperm_index, "one selector"},
    {"VPBLENDW", vpblend_last, "one lane"},
    {"VMASKMOVPS", vmask_zero, "elements that are not selected"},
    {"VPGATHERDD", gather_mask, "the mask afterwards"},
    {"VFMADD213SS", fma_sign, "negative zero"},
    {"VFNMSUB231PD", fma_flags, "UE"},
    {"VCVTPS2PH", half_round, "PE with MXCSR's rounding"},
    {"VZEROUPPER", vzero_one, "one register"},
    {"BLSR", blsr_cf, "CF of one bit"},
    {"BEXTR", bextr_length, "lengths of 64 and more"},
    {"BZHI", bzhi_cf, "CF of an index that is too great"},
    {"RORX", rorx_flags, "flags"},
    {"TZCNT", tzcnt_zero, "zero"},
    {"ADCX", adcx_of, "OF"},
    {"AESDECLAST", aes_last, "one byte"},
    {"AESKEYGENASSIST", aes_round, "round constant in another word"},
    {"SHA256RNDS2", sha_word, "one bit"},
    {"SHA1RNDS4", sha_word, "one bit"},
    {"PCLMULQDQ", clmul_half, "one selector"},
    {"XCHG", single_step, "the trap of TF"},
    {"ADD", alignment, "#AC"},
};

/* ---- the broken engine ---- */

static unsigned planted; /* which; this program runs one after the other */
static const struct CpuModel *model;
static struct DiffRunnerOps broken;

static int open_broken(struct DiffRunner **r, const struct DiffSetup *setup, char *why, size_t n) {
    model = setup->model;
    int e = diff_tcg_runner.open(r, setup, why, n);
    if (e == 0)
        (*r)->ops = &broken;
    return e;
}

static int run_broken(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
                      unsigned count, char *why, size_t n) {
    int e = diff_tcg_runner.run(r, in, out, which, count, why, n);
    for (unsigned k = 0; k < count && e == 0; k++) {
        struct Decoded d;
        const uint8_t *code = diff_space_at(&r->space, in[which[k]].rip);
        const uint32_t mode = MODE_CODE64 | MODE_USER | MODE_SSE | MODE_AVX | MODE_FLAT;
        if (x86_decode(model, mode, code, 15, &d) != DECODE_OK)
            continue;
        /* LOCK where it is illegal decodes to no row */
        bool illegal_lock = d.row == 0 && memchr(code, 0xf0, 4) && plants[planted].broken == lock_ud;
        if (illegal_lock)
            d.insn.len = 15; /* beyond its end, whatever it is */
        if (!illegal_lock && strcmp(x86_rows[d.row].mnemonic, plants[planted].mnemonic) != 0)
            continue;
        struct Broken b = {&in[which[k]], &out[which[k]], &d.insn, &r->space};
        plants[planted].broken(&b);
    }
    return e;
}

int main(int argc, char **argv) {
    unsigned count = sizeof(plants) / sizeof(plants[0]), failed = 0;
    FILE *null = fopen("/dev/null", "w");
    broken = diff_tcg_runner;
    broken.open = open_broken;
    broken.run = run_broken;
    for (planted = 0; planted < count && null != NULL; planted++) {
        const Twin86DiffInsn o = {.forms = plants[planted].mnemonic, .cases = 30000, .seed = 1, .cpl = 3};
        char why[512] = "";
        if (argc > 1 && strcmp(argv[1], plants[planted].mnemonic) != 0)
            continue;
        int e = diff_insn_run(&o, &broken, &diff_tcg_runner, argc > 1 ? stdout : null, why, sizeof(why));
        if (e == 1)
            continue;
        printf("FAIL %s, %s: not found%s%s\n", plants[planted].mnemonic, plants[planted].what, *why ? ": " : "", why);
        failed++;
    }
    printf("%u passed, %u failed, 0 skipped\n", count - failed, failed);
    return failed != 0 || null == NULL;
}
