/* SPDX-License-Identifier: MIT */
/* The ways into generated code and out of it. */
#include "accel/tcg-lite/jit/emit.h"

static const uint8_t kept[] = {RBX, RBP, R12, R13, R14, R15};

static int32_t gpr_at(unsigned n) { return (int32_t)(offsetof(CPUX86State, gpr) + 8 * n); }

/** The frame is `above` bytes above RSP. */
static void move_frame(struct Asm *a, int32_t above, unsigned env, unsigned scratch, bool in) {
    for (unsigned n = 12; n < REG_COUNT; n++) {
        struct HostRm slot = guest_rm(8 * n), there = rm_mem(env, gpr_at(n));
        slot.disp += above;
        asm_load(a, 64, scratch, in ? there : slot);
        asm_store(a, 64, in ? slot : there, scratch);
    }
    struct HostRm slot = AT_FRAME(rip), there = rm_mem(env, (int32_t)offsetof(CPUX86State, rip));
    slot.disp += above;
    asm_load(a, 64, scratch, in ? there : slot);
    asm_store(a, 64, in ? slot : there, scratch);
}

void world_load_registers(struct Asm *a, int32_t above) {
    move_frame(a, above, ADDR, TEMP, true);
    asm_const(a, TEMP, 0);
    for (unsigned k = 0; k < LOOKS; k++)
        asm_store(a, 64, rm_mem(RSP, above + (int32_t)(offsetof(struct Frame, look) + 8 * k)), TEMP);
    for (unsigned n = 0; n < 12; n++)
        asm_load(a, 64, guest_rm(8 * n).reg, rm_mem(ADDR, gpr_at(n)));
}

void world_store_registers(struct Asm *a, int32_t above) {
    asm_load(a, 64, ADDR, rm_mem(RSP, above + (int32_t)offsetof(struct Frame, env)));
    for (unsigned n = 0; n < 12; n++)
        asm_store(a, 64, rm_mem(ADDR, gpr_at(n)), guest_rm(8 * n).reg);
    move_frame(a, above, ADDR, RAX, false);
}

/** enter(t, env, code, flags) */
static JitEnter make_enter(struct Jit *j, struct Asm *a, bool flags) {
    uint8_t *begin = a->p;
    for (unsigned k = 0; k < sizeof(kept); k++)
        asm_opreg(a, (struct HostOp){.opcode = 0x50}, kept[k]);
    asm_alu_imm(a, ALU_SUB, 64, rm_reg(RSP), sizeof(struct Frame));
    asm_load(a, 64, TCG, rm_reg(RDI));
    asm_store(a, 64, AT_FRAME(env), RSI);
    asm_store(a, 64, AT_FRAME(save[0]), RDX);
    asm_load(a, 64, ADDR, rm_reg(RSI));
    if (flags) {
        asm_opreg(a, (struct HostOp){.opcode = 0x50}, RCX);
        asm_8(a, 0x9d); /* POPFQ */
    }
    world_load_registers(a, 0);
    asm_jmp_rm(a, AT_FRAME(save[0]));
    JitEnter fn;
    const uint8_t *run = begin + j->code.run;
    memcpy(&fn, &run, sizeof(fn));
    return fn;
}

static void make_leave(struct Jit *j, struct Asm *a) {
    j->leave_at = a->p; /* sizeof(struct Insn) is 32 */
    asm_opreg(a, (struct HostOp){.opcode = 0x58}, ADDR);
    asm_shift(a, 4, 32, ADDR, 5);
    asm_alu(a, ALU_ADD, 64, TEMP, rm_reg(ADDR));
    j->leave = a->p;
    world_store_registers(a, 0);
    j->leave_stored = a->p;
    asm_load(a, 64, RAX, rm_reg(TEMP));
    asm_alu_imm(a, ALU_ADD, 64, rm_reg(RSP), sizeof(struct Frame));
    for (unsigned k = sizeof(kept); k-- > 0;)
        asm_opreg(a, (struct HostOp){.opcode = 0x58}, kept[k]);
    asm_8(a, 0xc3);
}

/** ADDR: a block without host code, which is entered: as tcg_enter. */
static void make_no_code(struct Jit *j, struct Asm *a) {
    j->no_code = a->p + j->code.run;
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0xb6}, TEMP,
           rm_mem(ADDR, (int32_t)offsetof(struct Block, count)));
    asm_alu(a, ALU_ADD, 64, TEMP, AT_TCG(icount));
    asm_store(a, 64, AT_TCG(icount), TEMP);
    asm_alu(a, ALU_CMP, 64, TEMP, AT_TCG(limit));
    asm_lea(a, TEMP, rm_mem(ADDR, (int32_t)offsetof(struct Block, insn)));
    asm_jcc_to(a, COND_BE, j->leave);
    asm_store(a, 64, AT_TCG(slow_block), ADDR);
    asm_lea(a, TEMP, AT_TCG(edge));
    asm_jmp_to(a, j->leave);
}

static const uint8_t volatile_regs[] = {RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11};
enum { VOLATILE = sizeof(volatile_regs) };

void world_call_c(struct Asm *a, const void *fn) {
    const int32_t frame = 8 * (VOLATILE + 1);
    for (unsigned k = 0; k < VOLATILE; k++)
        asm_opreg(a, (struct HostOp){.opcode = 0x50}, volatile_regs[k]);
    asm_load(a, 64, RDI, rm_reg(TCG));
    asm_load(a, 64, RSI, rm_reg(ADDR));
    asm_load(a, 64, RDX, rm_reg(TEMP));
    asm_const_ptr(a, RAX, fn);
    asm_op(a, (struct HostOp){.opcode = 0xff}, 2, rm_reg(RAX));
    asm_store(a, 64, rm_mem(RSP, frame + (int32_t)offsetof(struct Frame, result)), RAX);
    for (unsigned k = VOLATILE; k-- > 0;)
        asm_opreg(a, (struct HostOp){.opcode = 0x58}, volatile_regs[k]);
}

static void test_addr(struct Asm *a) { asm_op(a, (struct HostOp){.opcode = 0x85, .wide = true}, ADDR, rm_reg(ADDR)); }

/** TEMP: a link. Where it leads to a block without code there is nothing to look for. */
static void make_follow(struct Jit *j, struct Asm *a) {
    const uint8_t *called = a->p;
    world_call_c(a, chain_follow);
    asm_8(a, 0xc3);
    j->follow = a->p;
    asm_load(a, 64, ADDR, rm_mem(TEMP, (int32_t)offsetof(struct BlockLink, target)));
    test_addr(a);
    uint8_t *unknown = asm_jcc(a, COND_E);
    asm_store(a, 64, AT_FRAME(save[0]), TEMP);
    asm_const_ptr(a, TEMP, j->no_code);
    asm_alu(a, ALU_CMP, 64, TEMP, rm_mem(ADDR, (int32_t)offsetof(struct Block, code)));
    uint8_t *without = asm_jcc(a, COND_E);
    asm_load(a, 64, TEMP, AT_FRAME(save[0]));
    asm_here(a, unknown);
    asm_load(a, 64, ADDR, AT_FRAME(rip));
    asm_call_to(a, called);
    asm_load(a, 64, ADDR, AT_FRAME(result));
    test_addr(a);
    uint8_t *none = asm_jcc(a, COND_E);
    asm_jmp_rm(a, rm_mem(ADDR, (int32_t)offsetof(struct Block, code)));
    asm_here(a, none);
    asm_store(a, 64, AT_TCG(slow_link), TEMP);
    asm_op(a, (struct HostOp){.opcode = 0x8b}, ADDR, rm_mem(TEMP, (int32_t)offsetof(struct BlockLink, behind)));
    asm_alu(a, ALU_SUB, 64, TEMP, rm_reg(ADDR));
    asm_store(a, 64, AT_TCG(slow_branch), TEMP);
    asm_lea(a, TEMP, AT_TCG(link));
    asm_jmp_to(a, j->leave);
    asm_here(a, without);
    asm_jmp_to(a, j->no_code - j->code.run);
}

static void make_find(struct Jit *j, struct Asm *a) {
    j->find = a->p;
    world_call_c(a, chain_find);
    asm_load(a, 64, ADDR, rm_mem(RSP, 8 + (int32_t)offsetof(struct Frame, result)));
    asm_8(a, 0xc3);
}

_Static_assert(sizeof(struct Frame) % 16 == 8, "RSP is a multiple of 16 in generated code");

void world_make(struct Jit *j, struct Asm *a) {
    j->enter[0] = make_enter(j, a, false);
    j->enter[1] = make_enter(j, a, true);
    make_leave(j, a);
    make_no_code(j, a);
    operand_make(j, a);
    make_follow(j, a);
    make_find(j, a);
    flags_make(j, a);
    vec_make(j, a);
    call_make(j, a);
}
