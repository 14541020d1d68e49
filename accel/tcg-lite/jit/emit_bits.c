/* SPDX-License-Identifier: MIT */
/* BMI1, BMI2, counts of bits, scans, CRC32, MOVBE, SHLD and SHRD. */
#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/jit/emit_int.h"
#include "isa/x86_ids.h"

static uint32_t bit(unsigned off) { return 1u << off / 8; }
static unsigned shape_of(const struct EmitInsn *x) { return x86_rows[x->d.isa.row].shape; }
static struct HostRm source(struct Emit *e, const struct EmitInsn *x, unsigned size) {
    return x->i->mem ? emit_memory(e, x, size, false) : guest_rm(x->i->rm);
}

bool emit_bits_on_host(const struct EmitInsn *x) {
    switch (x86_rows[x->d.isa.row].feature) {
    case CPUID_NONE:
    case CPUID_MOVBE: return true;
    case CPUID_BMI1: return host_has(HOST_BMI1);
    case CPUID_BMI2: return host_has(HOST_BMI2);
    case CPUID_ABM: return host_has(HOST_LZCNT);
    case CPUID_POPCNT: return host_has(HOST_POPCNT);
    case CPUID_SSE42: return host_has(HOST_SSE42);
    case CPUID_ADX: return host_has(HOST_BMI2) && __builtin_cpu_supports("adx");
    default: return false;
    }
}

/** SF, ZF, PF from `result`, CF is the host's, OF and AF are 0: as cc_set_parts. */
static void flags_parts(struct Emit *e, unsigned bits, struct HostRm result) {
    struct Asm *a = &e->a;
    asm_alu(a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
    asm_load_sx(a, bits, ADDR, result);
    asm_store(a, 64, AT_TCG(cc.res), ADDR);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)CC_AUX_CF_PO);
    asm_store(a, 32, AT_TCG(cc.aux), TEMP);
    flags_in_cc(e);
}

static void bmi_flags(struct Emit *e, const struct EmitInsn *x, unsigned dst) {
    struct Pending logic = {.kind = PENDING_LOGIC, .bits = (uint8_t)insn_bits(x->i), .a = (uint8_t)dst};
    if (x->d.isa.flags_written == 0)
        return;
    if (shape_of(x) == X86_SHAPE_VEX_OP) /* ANDN; its AF and PF are not the host's */
        flags_pending(e, x, logic, FB_C | FB_O | FB_S | FB_Z);
    else if (flags_wanted(x))
        flags_parts(e, insn_bits(x->i), guest_rm(dst));
    else
        flags_lost(e);
}

/** VEX-encoded: ModRM.reg or, in a group, VEX.vvvv is written; MULX writes both. */
bool emit_bmi(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), shape = shape_of(x);
    bool group = shape == X86_SHAPE_VEX_UN, mulx = shape == X86_SHAPE_MULX;
    bool three = x86_forms[x->d.isa.row].vvvv_kind == KIND_GPR;
    unsigned dst = group ? i->vreg : i->reg;
    if (shape == X86_SHAPE_VEX_OP_REV && x->opcode == 0xf7 && flags_wanted(x))
        return false; /* BEXTR has its own SF */
    flags_before(e, x, bit(dst) | (mulx ? bit(i->vreg) : 0));
    struct HostRm rm = source(e, x, bits / 8);
    unsigned vvvv = !three                                 ? VEX_NO_REG
                    : group || (mulx && i->vreg == i->reg) ? guest_target(i->vreg, TEMP)
                    : mulx                                 ? guest_target(i->vreg, ADDR)
                                                           : guest_read(e, i->vreg, TEMP);
    unsigned reg = group ? x->modrm >> 3 & 7 : guest_target(i->reg, TEMP);
    struct HostVex op = {.prefix = x->mandatory ? x->mandatory
                                   : x->osize   ? 0x66
                                                : 0,
                         .map = x->map,
                         .opcode = x->opcode};
    op.wide = bits == 64;
    asm_vex(&e->a, op, reg, vvvv, rm);
    asm_bytes(&e->a, x->imm, x->imm_len);
    if (group || mulx)
        guest_written(e, i->vreg, 64, vvvv);
    if (!group)
        guest_written(e, i->reg, 64, reg);
    bmi_flags(e, x, dst);
    return true;
}

/** F3 0F B8, BC, BD. As count_result: a result of 0 sets ZF alone of SF, ZF, PF, AF; CF is the host's; OF stays where
 *  the row says so. */
bool emit_count(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool no_of = e->pending.kind == PENDING_LOGIC || e->pending.kind == PENDING_TEST;
    bool keeps = !(x->d.isa.flags_written & FB_O) && (x->need & FB_O);
    if (bits == 16)
        return false;
    struct EmitInsn as = *x;
    if (no_of) /* it is 0 already, and will be written so */
        as.d.isa.flags_written |= FB_O;
    flags_before(e, &as, bit(i->reg));
    struct HostRm rm = source(e, x, bits / 8);
    if (flags_wanted(x) && keeps && !no_of)
        vec_sync(e);
    struct HostOp op = {.prefix = 0xf3, .map = OP_0F, .opcode = x->opcode, .wide = bits == 64};
    unsigned reg = guest_target(i->reg, ADDR);
    asm_op(a, op, reg, rm);
    guest_written(e, i->reg, 64, reg);
    if (!flags_wanted(x)) {
        e->host = FB_C | FB_Z;
        return true;
    }
    if (keeps && !no_of) {
        asm_alu(a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
        asm_load(a, 64, ADDR, rm_reg(reg));
        asm_call_to(a, e->jit->count_flags);
        flags_in_cc(e);
        return true;
    }
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0x95, .byte_rm = true}, 0, rm_reg(ADDR)); /* SETNE */
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0xb6, .byte_rm = true}, ADDR, rm_reg(ADDR));
    asm_store(a, 64, AT_TCG(cc.res), ADDR);
    asm_alu(a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)CC_AUX_CF_PO);
    asm_alu_imm(a, ALU_XOR, 32, rm_reg(ADDR), 1);
    asm_shift(a, 4, 32, ADDR, CC_AUX_PDB);
    asm_alu(a, ALU_OR, 32, TEMP, rm_reg(ADDR));
    asm_store(a, 32, AT_TCG(cc.aux), TEMP);
    flags_in_cc(e);
    return true;
}

/** BSF, BSR: a source of 0 leaves the destination alone. Flags as scan_result. */
bool emit_bit_scan(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    if (bits == 16)
        return false;
    flags_before(e, x, bit(i->reg));
    asm_load(a, bits, TEMP, source(e, x, bits / 8));
    asm_alu(a, ALU_OR, bits, TEMP, rm_reg(TEMP));
    uint8_t *zero = asm_jcc(a, COND_E);
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = x->opcode, .wide = bits == 64}, ADDR, rm_reg(TEMP));
    asm_store(a, 64, guest_rm(i->reg), ADDR);
    asm_lea(a, TEMP, rm_mem(ADDR, 0x100)); /* ZF = 0 even when it is 0 */
    asm_here(a, zero);
    if (!flags_wanted(x)) {
        flags_lost(e);
        return true;
    }
    asm_store(a, 64, AT_TCG(cc.res), TEMP);
    asm_store_imm(a, 32, AT_TCG(cc.aux), 0);
    flags_in_cc(e);
    return true;
}

bool emit_crc32(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    bool byte = shape_of(x) == X86_SHAPE_CRC32_B;
    unsigned bits = byte ? 8 : insn_bits(i);
    if (bits == 16)
        return false;
    flags_before(e, x, bit(i->reg));
    struct HostRm rm = source(e, x, bits / 8);
    unsigned reg = guest_read(e, i->reg, TEMP);
    struct HostOp op = {.prefix = 0xf2, .map = OP_0F38, .opcode = x->opcode, .wide = bits == 64, .byte_rm = byte};
    asm_op(&e->a, op, reg, rm);
    guest_written(e, i->reg, 64, reg);
    return true;
}

/** ADCX, ADOX: both carries stay apart (flags_split), so that a chain needs no others. */
bool emit_adx(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    uint8_t flag = x->d.isa.flags_written;
    e->written |= bit(i->reg);
    flags_split(e, flag);
    struct HostRm rm = source(e, x, bits / 8);
    flags_split_load(e, flag);
    unsigned reg = guest_read(e, i->reg, TEMP);
    struct HostOp op = {.map = OP_0F38, .opcode = x->opcode, .wide = bits == 64};
    op.prefix = flag == FB_C ? 0x66 : 0xf3;
    asm_op(&e->a, op, reg, rm);
    guest_written(e, i->reg, 64, reg);
    flags_split_store(e, flag);
    e->host = flag;
    e->spoilt = false;
    return true;
}

static void bswap(struct Emit *e, unsigned bits, unsigned reg) {
    asm_opreg(&e->a, (struct HostOp){.map = OP_0F, .opcode = 0xc8, .wide = bits == 64}, reg);
}

bool emit_movbe(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool store = shape_of(x) == X86_SHAPE_MOVBE_STORE;
    if (bits == 16)
        return false;
    flags_before(e, x, store ? 0 : bit(i->reg));
    struct HostRm rm = emit_memory(e, x, bits / 8, store);
    unsigned reg = store ? TEMP : guest_target(i->reg, TEMP);
    asm_load(&e->a, bits, reg, store ? guest_rm(i->reg) : rm);
    bswap(e, bits, reg);
    if (store)
        asm_store(&e->a, bits, rm, reg);
    else
        guest_written(e, i->reg, 64, reg);
    return true;
}

/** SHLD, SHRD: the flags of SHLD are those of SHL; SHRD's OF has a rule of its own. */
bool emit_double_shift(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), n = (unsigned)i->imm & (bits - 1);
    bool by_cl = shape_of(x) == X86_SHAPE_DSHIFT_CL, left = x->opcode < 0xa8;
    if (bits == 16 || (!by_cl && n == 0) || (flags_wanted(x) && (by_cl || !left)))
        return false;
    flags_before(e, x, i->mem ? 0 : bit(i->rm));
    struct HostRm rm = i->mem ? emit_memory(e, x, bits / 8, true) : rm_reg(guest_fetch(e, i->rm, bits, ADDR));
    unsigned reg = guest_read(e, i->reg, TEMP);
    asm_op(a, int_op(x, false), reg, rm);
    asm_bytes(a, x->imm, x->imm_len);
    if (!i->mem) {
        if (by_cl && bits == 32)
            asm_load(a, 32, rm.reg, rm); /* it is cut to 32 bits even by 0 */
        guest_put_back(e, i->rm, rm.reg);
    }
    if (!flags_wanted(x)) {
        flags_lost(e);
        return true;
    }
    asm_load(a, bits, ADDR, rm);
    asm_alu(a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
    flags_shifted(e, 4, bits);
    return true;
}
