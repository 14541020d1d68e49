/* SPDX-License-Identifier: MIT */
/* Guest registers and guest memory as operands of host instructions. */
#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/jit/emit.h"

/** Where guest registers are; from 12 on in the frame. */
static const uint8_t host_of[12] = {RAX, RCX, RDX, RBX, R12, R13, RSI, RDI, R8, R9, R10, R11};

struct HostRm guest_rm(unsigned off) {
    if (off & 1)
        return rm_reg(HOST_HIGH + off / 8);
    if (guest_in_frame(off))
        return rm_mem(FRAME, (int32_t)(offsetof(struct Frame, gpr) + off - 12 * 8));
    return rm_reg(host_of[off / 8]);
}

unsigned guest_target(unsigned off, unsigned scratch) { return guest_in_frame(off) ? scratch : guest_rm(off).reg; }

unsigned guest_read(struct Emit *e, unsigned off, unsigned scratch) {
    if (guest_in_frame(off))
        asm_load(&e->a, 64, scratch, guest_rm(off));
    return guest_target(off, scratch);
}

void guest_written(struct Emit *e, unsigned off, unsigned bits, unsigned reg) {
    if (!guest_in_frame(off))
        return;
    if (bits < 32) { /* a load of more than the last store's bytes waits until that is done */
        asm_load(&e->a, 64, ADDR, guest_rm(off));
        asm_load(&e->a, bits, ADDR, rm_reg(reg));
        reg = ADDR;
    }
    asm_store(&e->a, 64, guest_rm(off), reg);
}

unsigned guest_fetch(struct Emit *e, unsigned off, unsigned bits, unsigned scratch) {
    if (guest_in_frame(off))
        asm_load(&e->a, bits == 32 ? 32 : 64, scratch, guest_rm(off));
    return guest_target(off, scratch);
}

void guest_put_back(struct Emit *e, unsigned off, unsigned reg) {
    if (guest_in_frame(off))
        asm_store(&e->a, 64, guest_rm(off), reg);
}

/** A base or index as a host register. RIP is that of the block, from where displacements count. */
static unsigned part(struct Emit *e, unsigned off, unsigned scratch) {
    if (off == INSN_REG_NONE)
        return NO_REG;
    if (off == INSN_REG_RIP) {
        asm_load(&e->a, 64, scratch, AT_FRAME(rip));
        return scratch;
    }
    return guest_read(e, off, scratch);
}

void emit_offset(struct Emit *e, const struct EmitInsn *x, unsigned reg) {
    const struct Insn *i = x->i;
    unsigned index = part(e, i->index, ADDR), base = part(e, i->base, TEMP);
    if (index == NO_REG && base != NO_REG && i->disp == 0) {
        if (i->asize == 2)
            asm_load(&e->a, 32, reg, rm_reg(base));
        else if (reg != base)
            asm_load(&e->a, 64, reg, rm_reg(base));
        return;
    }
    asm_lea(&e->a, reg, rm_sib(base, index, i->scale, i->disp));
    if (i->asize == 2)
        asm_load(&e->a, 32, reg, rm_reg(reg));
}

static void add_segment(struct Emit *e, unsigned seg) {
    int32_t at =
        (int32_t)(offsetof(CPUX86State, seg) + seg * sizeof(struct X86Segment) + offsetof(struct X86Segment, base));
    asm_load(&e->a, 64, TEMP, AT_FRAME(env));
    asm_load(&e->a, 64, TEMP, rm_mem(TEMP, at));
    asm_lea(&e->a, ADDR, rm_sib(ADDR, TEMP, 0, 0));
}

static int32_t tag_at(bool write) {
    return write ? (int32_t)offsetof(struct TlbEntry, tag_write) : (int32_t)offsetof(struct TlbEntry, tag_read);
}

/** TEMP: ADDR, shifted so that the TLB's index counts entries. */
static void shift_to_index(struct Asm *a) {
    enum { BY = 12 - 5 };
    if (host_has(HOST_BMI2)) { /* RORX */
        asm_vex(a, (struct HostVex){.prefix = 0xf2, .map = OP_0F3A, .opcode = 0xf0, .wide = true}, TEMP, VEX_NO_REG,
                rm_reg(ADDR));
        asm_8(a, BY);
    } else {
        asm_load(a, 64, TEMP, rm_reg(ADDR));
        asm_shift(a, 5, 64, TEMP, BY);
    }
}

_Static_assert(sizeof(struct TlbEntry) == 32 && TLB_BITS == 12, "emit_lookup");
struct Out *emit_lookup_or(struct Emit *e, unsigned size, bool write, int kind) {
    struct Asm *a = &e->a;
    shift_to_index(a);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (TLB_SIZE - 1) << 5);
    asm_alu(a, ALU_ADD, 64, TEMP, AT_TCG(tlb));
    asm_alu(a, ALU_SUB, 64, ADDR, rm_mem(TEMP, tag_at(write)));
    asm_alu_imm(a, ALU_CMP, 64, rm_reg(ADDR), (int32_t)(4096 - size));
    struct Out *miss = emit_out(e, asm_jcc(a, COND_A), kind);
    asm_alu(a, ALU_ADD, 64, ADDR, rm_mem(TEMP, (int32_t)offsetof(struct TlbEntry, host)));
    e->host = 0;
    return miss;
}

static const uint8_t lookup_sizes[LOOKUP_SIZES] = {1, 2, 4, 8, 16, 32, 10, 64};

unsigned lookup_index(unsigned size) {
    for (unsigned k = 0; k < LOOKUP_SIZES; k++)
        if (lookup_sizes[k] == size)
            return k;
    return LOOKUP_SIZES;
}

void emit_lookup(struct Emit *e, unsigned size, bool write) {
    struct Out *miss = emit_lookup_or(e, size, write, OUT_MISS);
    miss->size = (uint8_t)size;
    miss->write = write;
    miss->back = e->a.p;
    e->a.bad |= lookup_index(size) == LOOKUP_SIZES;
}

/* In most cases of a miss nothing is there either, or the access reaches into the next page. */
void emit_miss(struct Emit *e, const struct Out *o) {
    asm_call_to(&e->a, e->jit->second[o->write][lookup_index(o->size)]);
    asm_jmp_to(&e->a, o->back);
    emit_bail_here(e, o);
}

/** TEMP: the entry for the linear address in ADDR, in one of the TLBs. ADDR: less the tag there, compared with `last`.
 */
static void look(struct Asm *a, struct HostRm tlb, unsigned entries, bool write, unsigned last) {
    shift_to_index(a);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)(entries - 1) << 5);
    asm_alu(a, ALU_ADD, 64, TEMP, tlb);
    asm_alu(a, ALU_SUB, 64, ADDR, rm_mem(TEMP, tag_at(write)));
    asm_alu_imm(a, ALU_CMP, 64, rm_reg(ADDR), (int32_t)last);
}

static void found(struct Asm *a) {
    asm_alu(a, ALU_ADD, 64, ADDR, rm_mem(TEMP, (int32_t)offsetof(struct TlbEntry, host)));
    asm_8(a, 0xc3); /* RET */
}

/** lookup: ADDR is a linear address; second: less the tag in TEMP's entry. */
static void make_lookup(struct Jit *j, struct Asm *a, bool write, unsigned k) {
    enum { JMP_LENGTH = 5 };
    unsigned last = 4096u - lookup_sizes[k];
    j->lookup[write][k] = a->p;
    look(a, AT_TCG(tlb), TLB_SIZE, write, last);
    uint8_t *miss = asm_jcc(a, COND_A);
    found(a);
    asm_here(a, miss);
    j->second[write][k] = a->p;
    asm_alu(a, ALU_ADD, 64, ADDR, rm_mem(TEMP, tag_at(write)));
    look(a, AT_TCG(tlb_second), TLB_SECOND_SIZE, write, last);
    uint8_t *none = asm_jcc(a, COND_A);
    found(a);
    asm_here(a, none);
    asm_alu_imm(a, ALU_ADD, 64, rm_mem(RSP, 0), JMP_LENGTH); /* over the jump behind the call */
    asm_8(a, 0xc3);
}

void operand_make(struct Jit *j, struct Asm *a) {
    for (unsigned write = 0; write < 2; write++)
        for (unsigned k = 0; k < LOOKUP_SIZES; k++)
            make_lookup(j, a, write, k);
}

/** A base register and a displacement. */
static bool is_simple(const struct Insn *i) {
    return i->base < INSN_REG_NONE && i->index == INSN_REG_NONE && i->asize == 3 && i->seg != SEG_FS &&
           i->seg != SEG_GS;
}

struct HostRm emit_memory_at(struct Emit *e, const struct EmitInsn *x, unsigned size, bool write) {
    struct HostRm rm = emit_memory(e, x, size, write);
    if (rm.disp != 0)
        asm_lea(&e->a, ADDR, rm);
    return rm_mem(ADDR, 0);
}

struct HostRm emit_memory(struct Emit *e, const struct EmitInsn *x, unsigned size, bool write) {
    struct HostRm rm;
    if (is_simple(x->i) && look_shared(e, x->i->base, x->i->disp, size, write, &rm))
        return rm;
    emit_offset(e, x, ADDR);
    if (x->i->seg == SEG_FS || x->i->seg == SEG_GS)
        add_segment(e, x->i->seg);
    emit_lookup(e, size, write);
    return rm_mem(ADDR, 0);
}

struct Out *emit_out(struct Emit *e, uint8_t *jump, int kind) {
    if (e->outs == OUT_MAX) {
        e->a.bad = true;
        return &e->out[0];
    }
    struct Out *o = &e->out[e->outs++];
    *o = (struct Out){.jump = jump, .kind = kind, .k = e->k, .pending = e->pending, .vec_dirty = e->vec_dirty};
    return o;
}

static bool is_last_bail(const struct Emit *e, const struct Out *o) {
    return e->last_bail.at != NULL && e->last_bail.k == o->k && e->last_bail.vec_dirty == o->vec_dirty &&
           flags_same_pending(&e->last_bail.pending, &o->pending);
}

bool emit_bailed(struct Emit *e, const struct Out *o) {
    if (!is_last_bail(e, o))
        return false;
    asm_to(&e->a, o->jump, e->last_bail.at);
    return true;
}

/** Leave at the instruction whose number was pushed. */
static void bail_tail(struct Emit *e) {
    if (e->bail_tail != NULL) {
        asm_jmp_to(&e->a, e->bail_tail);
        return;
    }
    e->bail_tail = e->a.p;
    asm_const(&e->a, TEMP, (uintptr_t)e->b->insn | LEAVE_BAIL);
    asm_jmp_to(&e->a, e->jit->leave_at);
}

_Static_assert(BLOCK_MAX_INSNS <= INT8_MAX, "bail_tail");
void emit_bail_here(struct Emit *e, const struct Out *o) {
    if (is_last_bail(e, o)) {
        asm_jmp_to(&e->a, e->last_bail.at);
        return;
    }
    e->last_bail.at = e->a.p;
    e->last_bail.k = o->k;
    e->last_bail.pending = o->pending;
    e->last_bail.vec_dirty = o->vec_dirty;
    vec_move_seldom(e, o->vec_dirty, true);
    vec_end(e);
    flags_flush_seldom(e, &o->pending);
    asm_8(&e->a, 0x6a); /* PUSH imm8 */
    asm_8(&e->a, o->k);
    bail_tail(e);
}

void emit_bail(struct Emit *e, unsigned cond) { emit_out(e, asm_jcc(&e->a, cond), OUT_BAIL); }
void emit_bail_unaligned(struct Emit *e, unsigned size) {
    asm_op(&e->a, (struct HostOp){.opcode = 0xf6, .byte_rm = true}, 0, rm_reg(ADDR)); /* TEST */
    asm_8(&e->a, size - 1);
    emit_bail(e, COND_NE);
}
void emit_bail_always(struct Emit *e) { emit_out(e, asm_jmp(&e->a), OUT_BAIL); }
