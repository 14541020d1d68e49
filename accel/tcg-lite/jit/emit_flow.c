/* SPDX-License-Identifier: MIT */
/* The stack, and near branches of 64-bit code: shapes_stack.h and shapes_flow.h say what they do. */
#include "accel/tcg-lite/jit/emit_int.h"
#include "accel/tcg-lite/run/flow.h"

static bool is_64(const struct EmitInsn *x) { return x->i->osize == 3; }

static void move_sp(struct Emit *e, int32_t by) {
    unsigned sp = guest_rm(REG_SP * 8).reg;
    asm_lea(&e->a, sp, rm_mem(sp, by));
}

/** The eight bytes at `by` from the top of the stack, at some displacement from ADDR. */
static struct HostRm stack_memory(struct Emit *e, int32_t by, bool write) {
    struct HostRm rm;
    if (look_shared(e, REG_SP * 8, by, 8, write, &rm))
        return rm;
    asm_lea(&e->a, ADDR, rm_mem(guest_rm(REG_SP * 8).reg, by));
    emit_lookup(e, 8, write);
    return rm_mem(ADDR, 0);
}

bool emit_push(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    bool is_imm = x->opcode == 0x68 || x->opcode == 0x6a;
    if (!is_64(x))
        return false;
    flags_before(e, x, 1u << REG_SP);
    if (i->mem) {
        asm_load(&e->a, 64, TEMP, emit_memory(e, x, 8, false));
        asm_store(&e->a, 64, AT_FRAME(save[0]), TEMP);
    }
    struct HostRm top = stack_memory(e, -8, true);
    if (is_imm) {
        asm_store_imm(&e->a, 64, top, (int32_t)i->imm);
    } else if (i->mem) {
        asm_load(&e->a, 64, TEMP, AT_FRAME(save[0]));
        asm_store(&e->a, 64, top, TEMP);
    } else {
        asm_store(&e->a, 64, top, guest_read(e, i->rm, TEMP));
    }
    move_sp(e, -8);
    return true;
}

bool emit_pop(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    if (!is_64(x) || i->mem)
        return false;
    flags_before(e, x, 1u << REG_SP | 1u << i->rm / 8);
    struct HostRm top = stack_memory(e, 0, false);
    unsigned reg = guest_target(i->rm, TEMP);
    if (i->rm != REG_SP * 8)
        move_sp(e, 8);
    asm_load(&e->a, 64, reg, top);
    guest_written(e, i->rm, 64, reg);
    return true;
}

bool emit_leave(struct Emit *e, const struct EmitInsn *x) {
    unsigned bp = guest_rm(REG_BP * 8).reg;
    if (!is_64(x))
        return false;
    flags_before(e, x, 1u << REG_SP | 1u << REG_BP);
    asm_load(&e->a, 64, ADDR, rm_reg(bp));
    emit_lookup(e, 8, false);
    asm_lea(&e->a, guest_rm(REG_SP * 8).reg, rm_mem(bp, 8));
    asm_load(&e->a, 64, bp, rm_mem(ADDR, 0));
    return true;
}

/* ---- direct branches ---- */

/** The first round's jump through `link`: there is one that is set and taken back. */
static const uint8_t *jump_of(const struct Emit *e, const struct BlockLink *link) {
    for (unsigned k = 0; k < e->outs; k++)
        if (e->out[k].kind == OUT_LINK && e->out[k].link == link)
            return e->out[k].jump - 1;
    return NULL;
}

/** Go on through `link`, to RIP + delta from the block's begin. */
static void follow(struct Emit *e, struct BlockLink *link, int64_t delta) {
    struct Asm *a = &e->a;
    if (delta == 0) { /* this block anew */
        asm_jmp_to(a, e->loop);
        return;
    }
    if (delta != (int32_t)delta)
        a->bad = true;
    asm_alu_imm(a, ALU_ADD, 64, AT_FRAME(rip), (int32_t)delta);
    const uint8_t *jump = e->rounds.p != NULL ? jump_of(e, link) : NULL;
    if (jump != NULL)
        asm_jmp_to(a, jump);
    else
        emit_out(e, asm_jmp(a), OUT_LINK)->link = link;
}

void emit_link_slow(struct Emit *e, const struct Out *o) {
    asm_const_ptr(&e->a, TEMP, o->link);
    asm_jmp_to(&e->a, e->jit->follow);
}

void emit_falls(struct Emit *e) {
    flags_finish(e);
    follow(e, tcg_links(&e->b->insn[e->n]), e->b->bytes);
}

bool emit_jcc(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_load(e, x->d.isa.flags_read);
    bool again = own_branch_fits(e, x);
    if (again && x->i->behind == 0) {
        asm_jcc_to(&e->a, x->opcode & 15, e->rounds.p);
        own_branch(e, NULL);
        return true;
    }
    struct Out *o = emit_out(e, asm_jcc(&e->a, x->opcode & 15), OUT_TAKEN);
    o->link = tcg_exit_link(x->i);
    o->delta = x->i->imm;
    o->again = again;
    if (o->delta == 0)
        own_branch(e, o);
    return true;
}

void emit_taken(struct Emit *e, const struct Out *o) {
    const struct Insn *i = e->insn[o->k].i;
    if (o->again) {
        if (i->behind != 0)
            asm_alu_imm(&e->a, ALU_SUB, 64, AT_TCG(icount), i->behind);
        asm_jmp_to(&e->a, e->rounds.p);
        return;
    }
    vec_move(e, o->vec_dirty, true);
    vec_end(e);
    flags_flush(e, &o->pending);
    if (i->behind != 0)
        asm_alu_imm(&e->a, ALU_SUB, 64, AT_TCG(icount), i->behind);
    e->k = o->k;
    e->pending.kind = PENDING_NONE;
    follow(e, o->link, o->delta);
}

bool emit_jmp(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_finish(e);
    follow(e, &tcg_links(x->i)[1], x->i->imm);
    return true;
}

/** ADDR = where the return address goes; TEMP and it are written there. */
static void push_return(struct Emit *e, const struct EmitInsn *x) {
    struct HostRm top = stack_memory(e, -8, true);
    asm_load(&e->a, 64, TEMP, AT_FRAME(rip));
    asm_lea(&e->a, TEMP, rm_mem(TEMP, x->i->off + x->i->len));
    asm_store(&e->a, 64, top, TEMP);
    move_sp(e, -8);
}

bool emit_call(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_finish(e);
    push_return(e, x);
    follow(e, &tcg_links(x->i)[1], x->i->imm);
    return true;
}

/* ---- indirect branches ---- */

_Static_assert(sizeof(struct JumpCacheEntry) == 32 && JUMP_CACHE_BITS == 12, "look_up");
/** ADDR: the target, which goes to save[0]; then the block there: the jump cache's, or what is found. */
static void look_up(struct Emit *e) {
    struct Asm *a = &e->a;
    const int32_t cache = (int32_t)offsetof(struct Tcg, jump_cache);
    asm_store(a, 64, AT_FRAME(save[0]), ADDR);
    asm_load(a, 64, TEMP, rm_reg(ADDR));
    asm_shift(a, 5, 64, TEMP, JUMP_CACHE_BITS);
    asm_alu(a, ALU_XOR, 32, TEMP, rm_reg(ADDR));
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), JUMP_CACHE_SIZE - 1);
    asm_shift(a, 4, 32, TEMP, 5);
    asm_alu(a, ALU_CMP, 64, ADDR, rm_sib(TCG, TEMP, 0, cache + (int32_t)offsetof(struct JumpCacheEntry, rip)));
    struct Out *other = emit_out(e, asm_jcc(a, COND_NE), OUT_FIND);
    asm_load(a, 64, ADDR, AT_TCG(mode_key));
    asm_alu(a, ALU_CMP, 64, ADDR, rm_sib(TCG, TEMP, 0, cache + (int32_t)offsetof(struct JumpCacheEntry, key)));
    struct Out *old = emit_out(e, asm_jcc(a, COND_NE), OUT_FIND);
    asm_load(a, 64, ADDR, rm_sib(TCG, TEMP, 0, cache + (int32_t)offsetof(struct JumpCacheEntry, block)));
    other->back = old->back = a->p;
}

/** If it is not known yet, or fetching from there faults, the interpreter does the branch. */
void emit_find_slow(struct Emit *e, const struct Out *o) {
    struct Asm *a = &e->a;
    asm_load(a, 64, ADDR, AT_FRAME(save[0]));
    asm_call_to(a, e->jit->find);
    asm_op(a, (struct HostOp){.opcode = 0x85, .wide = true}, ADDR, rm_reg(ADDR));
    asm_jcc_to(a, COND_NE, o->back);
    asm_const(a, TEMP, (uintptr_t)e->insn[o->k].i | LEAVE_BAIL);
    asm_jmp_to(a, e->jit->leave);
}

/** To the block in ADDR, whose RIP is in save[0]. */
static void enter_found(struct Emit *e) {
    asm_load(&e->a, 64, TEMP, AT_FRAME(save[0]));
    asm_store(&e->a, 64, AT_FRAME(rip), TEMP);
    asm_jmp_rm(&e->a, rm_mem(ADDR, (int32_t)offsetof(struct Block, code)));
}

static void load_target(struct Emit *e, const struct EmitInsn *x) {
    asm_load(&e->a, 64, ADDR, x->i->mem ? emit_memory(e, x, 8, false) : guest_rm(x->i->rm));
}

bool emit_jmp_indirect(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_finish(e);
    load_target(e, x);
    look_up(e);
    enter_found(e);
    return true;
}

bool emit_call_indirect(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_finish(e);
    load_target(e, x);
    look_up(e);
    asm_store(&e->a, 64, AT_FRAME(save[1]), ADDR);
    push_return(e, x);
    asm_load(&e->a, 64, ADDR, AT_FRAME(save[1]));
    enter_found(e);
    return true;
}

bool emit_ret(struct Emit *e, const struct EmitInsn *x) {
    if (!is_64(x))
        return false;
    flags_finish(e);
    asm_load(&e->a, 64, ADDR, stack_memory(e, 0, false));
    look_up(e);
    move_sp(e, 8 + (uint16_t)x->i->imm);
    enter_found(e);
    return true;
}
