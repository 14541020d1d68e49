/* SPDX-License-Identifier: MIT */
/** Emitters of general instructions. Private to jit/. */
#ifndef TWIN86_TCG_JIT_EMIT_INT_H
#define TWIN86_TCG_JIT_EMIT_INT_H

#include "accel/tcg-lite/jit/emit.h"

bool emit_alu(struct Emit *e, const struct EmitInsn *x);
bool emit_alu_imm(struct Emit *e, const struct EmitInsn *x);
bool emit_test(struct Emit *e, const struct EmitInsn *x);
bool emit_inc_dec(struct Emit *e, const struct EmitInsn *x);
bool emit_not(struct Emit *e, const struct EmitInsn *x);
bool emit_neg(struct Emit *e, const struct EmitInsn *x);

bool emit_mov_store(struct Emit *e, const struct EmitInsn *x);
bool emit_mov_load(struct Emit *e, const struct EmitInsn *x);
bool emit_mov_imm(struct Emit *e, const struct EmitInsn *x);
bool emit_mov_extend(struct Emit *e, const struct EmitInsn *x);
bool emit_lea(struct Emit *e, const struct EmitInsn *x);
bool emit_xchg(struct Emit *e, const struct EmitInsn *x);
bool emit_nop(struct Emit *e, const struct EmitInsn *x);
bool emit_convert(struct Emit *e, const struct EmitInsn *x);
bool emit_bswap(struct Emit *e, const struct EmitInsn *x);
bool emit_setcc(struct Emit *e, const struct EmitInsn *x);
bool emit_cmov(struct Emit *e, const struct EmitInsn *x);

bool emit_is_vec(const struct EmitInsn *x);
bool emit_vec(struct Emit *e, const struct EmitInsn *x);
bool emit_zeroupper(struct Emit *e, const struct EmitInsn *x);

/** Those of emit_bits.c: the host has the row's feature. */
bool emit_bits_on_host(const struct EmitInsn *x);
bool emit_bmi(struct Emit *e, const struct EmitInsn *x);
bool emit_count(struct Emit *e, const struct EmitInsn *x);
bool emit_bit_scan(struct Emit *e, const struct EmitInsn *x);
bool emit_adx(struct Emit *e, const struct EmitInsn *x);
bool emit_crc32(struct Emit *e, const struct EmitInsn *x);
bool emit_movbe(struct Emit *e, const struct EmitInsn *x);
bool emit_double_shift(struct Emit *e, const struct EmitInsn *x);

bool emit_locked(struct Emit *e, const struct EmitInsn *x);
bool emit_exchange(struct Emit *e, const struct EmitInsn *x);
bool emit_cmpxchg(struct Emit *e, const struct EmitInsn *x);
bool emit_bt_memory(struct Emit *e, const struct EmitInsn *x);

bool emit_shift(struct Emit *e, const struct EmitInsn *x);
bool emit_imul(struct Emit *e, const struct EmitInsn *x);
bool emit_mul(struct Emit *e, const struct EmitInsn *x);
bool emit_div(struct Emit *e, const struct EmitInsn *x);
bool emit_bt(struct Emit *e, const struct EmitInsn *x);

bool emit_push(struct Emit *e, const struct EmitInsn *x);
bool emit_pop(struct Emit *e, const struct EmitInsn *x);
bool emit_leave(struct Emit *e, const struct EmitInsn *x);

bool emit_jcc(struct Emit *e, const struct EmitInsn *x);
bool emit_jmp(struct Emit *e, const struct EmitInsn *x);
bool emit_jmp_indirect(struct Emit *e, const struct EmitInsn *x);
bool emit_call(struct Emit *e, const struct EmitInsn *x);
bool emit_call_indirect(struct Emit *e, const struct EmitInsn *x);
bool emit_ret(struct Emit *e, const struct EmitInsn *x);

/** The host's form of an instruction of the base set: opcode, operand size. `bytes`: operands of 8 bits. */
static inline struct HostOp int_op(const struct EmitInsn *x, bool bytes) {
    unsigned bits = insn_bits(x->i);
    return (struct HostOp){.prefix = bits == 16 ? 0x66 : 0,
                           .map = x->map,
                           .opcode = x->opcode,
                           .wide = bits == 64,
                           .byte_reg = bytes,
                           .byte_rm = bytes};
}

#endif
