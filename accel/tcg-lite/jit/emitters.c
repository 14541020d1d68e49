/* SPDX-License-Identifier: MIT */
/* Which instructions have emitters: by shape, or by opcode. All others are executed by their exec functions. */
#include "accel/tcg-lite/jit/emit_int.h"
#include "isa/x86_ids.h"

#define ALU_ROW(n)                                                                                                     \
    [n] = emit_alu, [(n) + 1] = emit_alu, [(n) + 2] = emit_alu, [(n) + 3] = emit_alu, [(n) + 4] = emit_alu,            \
    [(n) + 5] = emit_alu
#define EIGHT(n, fn)                                                                                                   \
    [n] = fn, [(n) + 1] = fn, [(n) + 2] = fn, [(n) + 3] = fn, [(n) + 4] = fn, [(n) + 5] = fn, [(n) + 6] = fn,          \
    [(n) + 7] = fn

static const EmitFn one_byte[256] = {
    ALU_ROW(0x00),
    ALU_ROW(0x08),
    ALU_ROW(0x10),
    ALU_ROW(0x18),
    ALU_ROW(0x20),
    ALU_ROW(0x28),
    ALU_ROW(0x30),
    ALU_ROW(0x38),
    EIGHT(0x50, emit_push),
    EIGHT(0x58, emit_pop),
    [0x63] = emit_mov_extend,
    [0x68] = emit_push,
    [0x69] = emit_imul,
    [0x6a] = emit_push,
    [0x6b] = emit_imul,
    EIGHT(0x70, emit_jcc),
    EIGHT(0x78, emit_jcc),
    [0x80] = emit_alu_imm,
    [0x81] = emit_alu_imm,
    [0x83] = emit_alu_imm,
    [0x84] = emit_test,
    [0x85] = emit_test,
    [0x86] = emit_xchg,
    [0x87] = emit_xchg,
    [0x88] = emit_mov_store,
    [0x89] = emit_mov_store,
    [0x8a] = emit_mov_load,
    [0x8b] = emit_mov_load,
    [0x8d] = emit_lea,
    EIGHT(0x90, emit_xchg),
    [0x98] = emit_convert,
    [0x99] = emit_convert,
    [0xa8] = emit_test,
    [0xa9] = emit_test,
    EIGHT(0xb0, emit_mov_imm),
    EIGHT(0xb8, emit_mov_imm),
    [0xc0] = emit_shift,
    [0xc1] = emit_shift,
    [0xc2] = emit_ret,
    [0xc3] = emit_ret,
    [0xc6] = emit_mov_imm,
    [0xc7] = emit_mov_imm,
    [0xc9] = emit_leave,
    [0xd0] = emit_shift,
    [0xd1] = emit_shift,
    [0xd2] = emit_shift,
    [0xd3] = emit_shift,
    [0xe8] = emit_call,
    [0xe9] = emit_jmp,
    [0xeb] = emit_jmp,
};

static const EmitFn of_0f[256] = {
    [0x0d] = emit_nop,        EIGHT(0x18, emit_nop),    EIGHT(0x40, emit_cmov),  EIGHT(0x48, emit_cmov),
    EIGHT(0x80, emit_jcc),    EIGHT(0x88, emit_jcc),    EIGHT(0x90, emit_setcc), EIGHT(0x98, emit_setcc),
    [0xa3] = emit_bt,         [0xab] = emit_bt,         [0xaf] = emit_imul,      [0xb3] = emit_bt,
    [0xb6] = emit_mov_extend, [0xb7] = emit_mov_extend, [0xba] = emit_bt,        [0xbb] = emit_bt,
    [0xbe] = emit_mov_extend, [0xbf] = emit_mov_extend, [0xc3] = emit_mov_store, EIGHT(0xc8, emit_bswap),
};

/** F6, F7; FE, FF: by ModRM.reg. */
static const EmitFn group_f6[8] = {emit_test, emit_test, emit_not, emit_neg, emit_mul, emit_mul, emit_div, emit_div};
static const EmitFn group_fe[8] = {emit_inc_dec, emit_inc_dec};
static const EmitFn group_ff[8] = {emit_inc_dec,      emit_inc_dec, emit_call_indirect, NULL,
                                   emit_jmp_indirect, NULL,         emit_push};

static EmitFn of_one_byte(const struct EmitInsn *x) {
    unsigned reg = x->modrm >> 3 & 7;
    switch (x->opcode) {
    case 0x90: return (x->rex & 1) ? emit_xchg : x->mandatory ? NULL : emit_nop;
    case 0xf6:
    case 0xf7: return group_f6[reg];
    case 0xfe: return group_fe[reg];
    case 0xff: return group_ff[reg];
    default: return one_byte[x->opcode];
    }
}

/** By shape, where one emitter does what opcodes would have to be listed for. */
static EmitFn by_shape(const struct EmitInsn *x) {
    if (emit_is_vec(x))
        return x86_rows[x->d.isa.row].shape == X86_SHAPE_AVX_ZEROUPPER ? emit_zeroupper : emit_vec;
    if (!emit_bits_on_host(x))
        return NULL;
    switch (x86_rows[x->d.isa.row].shape) {
    case X86_SHAPE_VEX_OP:
    case X86_SHAPE_VEX_OP_REV:
    case X86_SHAPE_VEX_UN:
    case X86_SHAPE_MULX: return emit_bmi;
    case X86_SHAPE_LOAD_OP_IMM: return x->vex ? emit_bmi : NULL;
    case X86_SHAPE_LOAD_OP:
        if (x86_rows[x->d.isa.row].feature == CPUID_ADX)
            return emit_adx;
        return x->mandatory == 0xf3 && x->opcode >= 0xb8 ? emit_count : NULL;
    case X86_SHAPE_BIT_SCAN: return emit_bit_scan;
    case X86_SHAPE_CRC32:
    case X86_SHAPE_CRC32_B: return emit_crc32;
    case X86_SHAPE_MOVBE_LOAD:
    case X86_SHAPE_MOVBE_STORE: return emit_movbe;
    case X86_SHAPE_DSHIFT_IMM:
    case X86_SHAPE_DSHIFT_CL: return emit_double_shift;
    case X86_SHAPE_XADD: return emit_exchange;
    case X86_SHAPE_XCHG: return x->i->mem ? emit_exchange : NULL;
    case X86_SHAPE_CMPXCHG: return emit_cmpxchg;
    case X86_SHAPE_BT_REG:
    case X86_SHAPE_BT_IMM: return x->i->mem ? emit_bt_memory : NULL;
    case X86_SHAPE_RMW:
    case X86_SHAPE_RMW_IMM:
    case X86_SHAPE_RMW1: return x->i->lock ? emit_locked : NULL;
    default: return NULL;
    }
}

static EmitFn by_opcode(const struct EmitInsn *x) {
    if (x->map == OP_ONE)
        return of_one_byte(x);
    if (x->map != OP_0F || x->vex)
        return NULL;
    bool any = x->opcode == 0x0d || (x->opcode & 0xf8) == 0x18; /* NOPs and hints, whatever the prefix */
    return x->mandatory == 0 || any ? of_0f[x->opcode] : NULL;
}

static bool ends_block(EmitFn fn) {
    return fn == emit_jmp || fn == emit_jmp_indirect || fn == emit_call || fn == emit_call_indirect || fn == emit_ret;
}

static EmitFn own_emitter(const struct EmitInsn *x) {
    if (x->d.isa.fault >= 0 || x->i->more_disp)
        return NULL;
    EmitFn fn = by_shape(x);
    if (fn == NULL && !x->i->lock)
        fn = by_opcode(x);
    return x->d.isa.flow && !ends_block(fn) ? NULL : fn; /* PAUSE lets others have their turn */
}

EmitFn emit_find(const struct EmitInsn *x) {
    EmitFn fn = own_emitter(x);
    return fn == NULL && emit_may_call(x) ? emit_call_exec : fn;
}

bool emit_uses_stack(EmitFn fn) { return fn == emit_push || fn == emit_pop || fn == emit_leave; }
