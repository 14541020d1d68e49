/* SPDX-License-Identifier: MIT */
/*
 * Instructions without emitter: host code calls their exec functions, with the guest's state in env as the interpreter
 * has it, and goes on behind them. Those that may lead elsewhere than to the next instruction are left to the
 * interpreter.
 */
#include "accel/tcg-lite/jit/emit_int.h"

/** The exec function ends in the next instruction's, where exec_jit or exec_behind is: they return. What else is there
 *  (the block has become stale, or is cut) returns, too, but leaves t->jit_calls set; then the interpreter goes on.
 *  NULL: go on in host code. */
static const struct Insn *call(struct Tcg *t, const struct Insn *i, ExecFn fn) {
#ifdef TCG_TAIL_CALLS
    t->jit_calls = true;
    fn(t->env, i, t);
    if (!t->jit_calls)
        return NULL;
    t->jit_calls = false;
    return i + 1;
#else
    const struct Insn *next = fn(t->env, i, t);
    return next == i + 1 && jit_may_go_on(next) ? NULL : next;
#endif
}

EXEC_FN exec_behind(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
#ifdef TCG_TAIL_CALLS
    if (t->jit_calls) {
        t->jit_calls = false;
        return;
    }
#endif
    if (t->jit->miss != NULL)
        t->jit->miss[block_of(i)->jit->entry[i->idx].row]++;
    GO_ON(entry_fn(&block_of(i)->jit->entry[i->idx]));
}

bool emit_may_call(const struct EmitInsn *x) { return !x->d.isa.flow && !x->d.isa.jcc && x->d.isa.fault < 0; }

void emit_count_miss(struct Emit *e, const struct EmitInsn *x) {
    if (e->jit->miss == NULL)
        return;
    asm_const_ptr(&e->a, TEMP, &e->jit->miss[x->d.isa.row]);
    asm_alu_imm(&e->a, ALU_ADD, 64, rm_mem(TEMP, 0), 1);
    e->host = 0;
}

bool emit_call_exec(struct Emit *e, const struct EmitInsn *x) {
    flags_finish(e);
    e->host = 0;
    emit_count_miss(e, x);
    asm_const_ptr(&e->a, TEMP, x->i);
    ExecFn fn = flags_wanted(x) ? x->d.insn.fn : x->d.fn_no_flags;
    uintptr_t at;
    memcpy(&at, &fn, sizeof(at));
    asm_const(&e->a, ADDR, at);
    asm_call_to(&e->a, e->jit->call_exec);
    return true;
}

/** ADDR: the exec function, TEMP: the instruction. All registers and the flags may change. */
void call_make(struct Jit *j, struct Asm *a) {
    enum { ABOVE = 16 }; /* of the frame, here */
    j->call_exec = a->p;
    asm_alu_imm(a, ALU_SUB, 64, rm_reg(RSP), 8);
    asm_store(a, 64, rm_mem(RSP, ABOVE + (int32_t)offsetof(struct Frame, save[0])), ADDR);
    world_store_registers(a, ABOVE);
    asm_load(a, 64, RDI, rm_reg(TCG));
    asm_load(a, 64, RSI, rm_reg(TEMP));
    asm_load(a, 64, RDX, rm_mem(RSP, ABOVE + (int32_t)offsetof(struct Frame, save[0])));
    asm_const_ptr(a, RAX, call);
    asm_op(a, (struct HostOp){.opcode = 0xff}, 2, rm_reg(RAX));
    asm_alu(a, ALU_OR, 64, RAX, rm_reg(RAX));
    uint8_t *leaves = asm_jcc(a, COND_NE);
    asm_load(a, 64, ADDR, rm_mem(RSP, ABOVE + (int32_t)offsetof(struct Frame, env)));
    world_load_registers(a, ABOVE);
    asm_alu_imm(a, ALU_ADD, 64, rm_reg(RSP), 8);
    asm_8(a, 0xc3); /* RET */
    asm_here(a, leaves);
    asm_alu_imm(a, ALU_ADD, 64, rm_reg(RSP), ABOVE);
    asm_load(a, 64, TEMP, rm_reg(RAX));
    asm_jmp_to(a, j->leave_stored);
}
