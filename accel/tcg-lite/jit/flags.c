/* SPDX-License-Identifier: MIT */
/*
 * Where the guest's flags are. t->cc has them, as in the interpreter (exec/cc.h), unless `pending` says how they follow
 * from registers that nobody has changed since: then they go to t->cc only on the ways out that are taken, and an
 * instruction that reads them does the operation again. Beside that the host's flags may have some (`host`): those
 * with which the next instruction is often content.
 */
#include "accel/tcg-lite/exec/kernels_int.h"
#include "accel/tcg-lite/jit/emit.h"

enum { KEEP = ~(CC_AUX_CF_PO | CC_LAZY_CF | CC_LAZY_OF) };

static int32_t lazy(unsigned bits, unsigned added) { return (int32_t)(CC_LAZY | added | (64 - bits)); }

static bool has_second(const struct Pending *p) {
    return !p->is_imm && p->kind != PENDING_LOGIC && p->kind != PENDING_INC && p->kind != PENDING_DEC;
}

static bool uses(const struct Pending *p, uint32_t registers) {
    if (p->kind == PENDING_NONE || p->kind == PENDING_ADX)
        return false;
    return (registers >> (p->a / 8) & 1) || (has_second(p) && (registers >> (p->b / 8) & 1));
}

/* ---- to t->cc ---- */

static const struct HostOp MOVZX_BYTE = {.map = OP_0F, .opcode = 0xb6, .byte_rm = true};

static void store_result(struct Emit *e, unsigned bits, struct HostRm rm) {
    if (bits == 64 && !rm.mem) {
        asm_store(&e->a, 64, AT_TCG(cc.res), rm.reg);
        return;
    }
    asm_load_sx(&e->a, bits, ADDR, rm);
    asm_store(&e->a, 64, AT_TCG(cc.res), ADDR);
}

static void store_src(struct Emit *e, const struct Pending *p) {
    if (p->is_imm)
        asm_store_imm(&e->a, 64, AT_TCG(cc.src), p->imm);
    else
        asm_store(&e->a, 64, AT_TCG(cc.src), guest_read(e, p->b, ADDR));
}

/** ADDR = a - b or a & b, with the flags of that. */
static void again(struct Emit *e, const struct Pending *p, unsigned alu) {
    asm_load(&e->a, 64, ADDR, guest_rm(p->a));
    if (p->is_imm)
        asm_alu_imm(&e->a, alu, p->bits, rm_reg(ADDR), p->imm);
    else
        asm_alu(&e->a, alu, p->bits, ADDR, guest_rm(p->b));
}

void flags_flush(struct Emit *e, const struct Pending *p) {
    struct Asm *a = &e->a;
    switch (p->kind) {
    case PENDING_NONE: return;
    case PENDING_CMP:
        again(e, p, ALU_SUB);
        store_result(e, p->bits, rm_reg(ADDR));
        store_src(e, p);
        asm_store_imm(a, 32, AT_TCG(cc.aux), lazy(p->bits, 0));
        return;
    case PENDING_TEST:
        again(e, p, ALU_AND);
        store_result(e, p->bits, rm_reg(ADDR));
        asm_store_imm(a, 32, AT_TCG(cc.aux), 0);
        return;
    case PENDING_LOGIC:
        store_result(e, p->bits, guest_rm(p->a));
        asm_store_imm(a, 32, AT_TCG(cc.aux), 0);
        return;
    case PENDING_ADD:
    case PENDING_SUB:
        store_result(e, p->bits, guest_rm(p->a));
        store_src(e, p);
        asm_store_imm(a, 32, AT_TCG(cc.aux), lazy(p->bits, p->kind == PENDING_ADD ? CC_ADDED : 0));
        return;
    case PENDING_INC:
    case PENDING_DEC:
        asm_load_sx(a, p->bits, ADDR, guest_rm(p->a));
        asm_const(a, TEMP, (uint32_t)lazy(p->bits, p->kind == PENDING_INC ? CC_ADDED : 0));
        asm_call_to(a, e->jit->inc_flags);
        return;
    case PENDING_ADX:
        asm_op(a, MOVZX_BYTE, ADDR, AT_FRAME(adx[0]));
        asm_op(a, MOVZX_BYTE, TEMP, AT_FRAME(adx[1]));
        asm_shift(a, 4, 32, TEMP, 8); /* where one of them is not there, its byte is anything */
        asm_alu(a, ALU_OR, 32, ADDR, rm_reg(TEMP));
        asm_const(a, TEMP, p->a);
        asm_call_to(a, e->jit->adx_flags);
        return;
    }
}

bool flags_same_pending(const struct Pending *p, const struct Pending *q) {
    return p->kind == q->kind && p->bits == q->bits && p->is_imm == q->is_imm && p->a == q->a && p->b == q->b &&
           p->imm == q->imm;
}

static unsigned log_bytes(unsigned bits) { return bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3; }

void flags_flush_seldom(struct Emit *e, const struct Pending *p) {
    struct Asm *a = &e->a;
    unsigned n = p->kind == PENDING_CMP ? 0 : p->kind == PENDING_TEST ? 1 : p->kind == PENDING_ADD ? 2 : 3;
    bool known = n < 3 || p->kind == PENDING_SUB;
    if (!known || p->a & 1 || (!p->is_imm && p->b & 1)) {
        flags_flush(e, p);
        return;
    }
    asm_load(a, 64, ADDR, guest_rm(p->a));
    if (p->is_imm)
        asm_store_imm(a, 64, rm_reg(TEMP), p->imm);
    else
        asm_load(a, 64, TEMP, guest_rm(p->b));
    asm_call_to(a, e->jit->flags_of[n][log_bytes(p->bits)]);
}

void flags_counted(struct Emit *e, unsigned bits, unsigned result, bool dec) {
    asm_load_sx(&e->a, bits, ADDR, rm_reg(result));
    asm_const(&e->a, TEMP, (uint32_t)lazy(bits, dec ? 0 : CC_ADDED));
    asm_call_to(&e->a, e->jit->inc_flags);
    flags_in_cc(e);
}

/** The main way's: afterwards t->cc has them. */
static void flush(struct Emit *e) {
    bool computed = e->pending.kind == PENDING_CMP || e->pending.kind == PENDING_TEST;
    bool split = e->pending.kind == PENDING_ADX;
    bool called = e->pending.kind == PENDING_INC || e->pending.kind == PENDING_DEC || split;
    if (split)
        vec_sync(e);
    flags_flush(e, &e->pending);
    e->pending.kind = PENDING_NONE;
    e->host = called ? 0 : computed ? FB_ALL : e->host;
}

/** Operands that are about to be overwritten are kept. */
static void keep_operands(struct Emit *e, uint32_t writes) {
    struct Pending *p = &e->pending;
    if (writes >> (p->a / 8) & 1) {
        asm_store(&e->a, 64, guest_rm(KEPT_A), guest_read(e, p->a, TEMP));
        p->a = KEPT_A;
    }
    if (has_second(p) && (writes >> (p->b / 8) & 1)) {
        asm_store(&e->a, 64, guest_rm(KEPT_B), guest_read(e, p->b, TEMP));
        p->b = KEPT_B;
    }
}

void flags_rebuild(struct Emit *e, const struct Pending *p) {
    if (p->a == KEPT_A) {
        asm_load(&e->a, 64, TEMP, AT_TCG(cc.res));
        if (p->kind == PENDING_CMP) {
            asm_load(&e->a, 64, ADDR, AT_TCG(cc.src));
            asm_lea(&e->a, TEMP, rm_sib(TEMP, ADDR, 0, 0));
        }
        asm_store(&e->a, 64, guest_rm(KEPT_A), TEMP);
    }
    if (!p->is_imm && p->b == KEPT_B) {
        asm_load(&e->a, 64, TEMP, p->kind == PENDING_TEST ? AT_TCG(cc.res) : AT_TCG(cc.src));
        asm_store(&e->a, 64, guest_rm(KEPT_B), TEMP);
    }
}

void flags_before(struct Emit *e, const struct EmitInsn *x, uint32_t writes) {
    e->written |= writes;
    uint8_t written = x->d.isa.flags_written, changed = written | x->d.isa.flags_maybe;
    bool kept = (x->need & ~written) != 0, used = uses(&e->pending, writes);
    if (e->pending.kind == PENDING_NONE)
        return;
    if (kept && (used || changed)) {
        if (x->d.isa.flags_read && !x->i->mem) /* as long as they follow from registers */
            flags_load(e, x->d.isa.flags_read);
        if (changed)
            flush(e);
        else
            keep_operands(e, writes);
    } else
        e->spoilt = used || changed;
}

void flags_finish(struct Emit *e) {
    vec_sync(e);
    flush(e);
    e->plain = false;
}

/* ---- to the host's ---- */

/** TEMP = the operand as it was. */
static void undo(struct Emit *e, const struct Pending *p) {
    unsigned alu = p->kind == PENDING_ADD ? ALU_SUB : ALU_ADD;
    asm_load(&e->a, 64, TEMP, guest_rm(p->a));
    if (p->is_imm)
        asm_alu_imm(&e->a, alu, p->bits, rm_reg(TEMP), p->imm);
    else
        asm_alu(&e->a, alu, p->bits, TEMP, guest_rm(p->b));
}

/** The operation of p once more, on TEMP where it changes its operand. */
static void repeat(struct Emit *e, const struct Pending *p) {
    struct Asm *a = &e->a;
    unsigned alu = p->kind == PENDING_ADD ? ALU_ADD : ALU_CMP;
    switch (p->kind) {
    case PENDING_ADD:
    case PENDING_SUB: undo(e, p); break;
    case PENDING_CMP: guest_read(e, p->a, TEMP); break;
    case PENDING_TEST:
    case PENDING_LOGIC:
        asm_load(a, 64, TEMP, guest_rm(p->a));
        alu = ALU_AND;
        break;
    case PENDING_INC:
    case PENDING_DEC:
        asm_load(a, 64, TEMP, guest_rm(p->a));
        asm_lea(a, TEMP, rm_mem(TEMP, p->kind == PENDING_INC ? -1 : 1));
        alu = p->kind == PENDING_INC ? ALU_ADD : ALU_SUB;
        asm_alu_imm(a, alu, p->bits, rm_reg(TEMP), 1);
        return;
    case PENDING_ADX:
    case PENDING_NONE: return;
    }
    unsigned first = p->kind == PENDING_CMP ? guest_target(p->a, TEMP) : TEMP;
    if (p->kind == PENDING_LOGIC)
        asm_alu(a, ALU_AND, p->bits, first, rm_reg(first));
    else if (p->is_imm)
        asm_alu_imm(a, alu, p->bits, rm_reg(first), p->imm);
    else
        asm_alu(a, alu, p->bits, first, guest_rm(p->b));
}

/** From t->cc by one instruction, if that goes. */
static bool load_simple(struct Emit *e, uint8_t wanted) {
    if ((wanted & ~FB_Z) == 0 || (e->plain && (wanted & ~(FB_Z | FB_S)) == 0)) {
        asm_alu_imm(&e->a, ALU_CMP, 64, AT_TCG(cc.res), 0);
        e->host = wanted;
        return true;
    }
    if (wanted == FB_C && e->plain) {
        asm_op(&e->a, (struct HostOp){.map = OP_0F, .opcode = 0xba}, 4, AT_TCG(cc.aux));
        asm_8(&e->a, CC_AUX_CF);
        e->host = FB_C;
        return true;
    }
    return false;
}

void flags_load(struct Emit *e, uint8_t wanted) {
    if ((wanted & ~e->host) == 0)
        return;
    bool counted = e->pending.kind == PENDING_INC || e->pending.kind == PENDING_DEC;
    bool split = e->pending.kind == PENDING_ADX;
    if (split && (wanted & ~e->pending.a) == 0 && wanted != (FB_C | FB_O)) {
        flags_split_load(e, wanted);
        return;
    }
    if ((counted && (wanted & FB_C)) || split) { /* CF is in t->cc */
        asm_store(&e->a, 64, AT_FRAME(save[1]), ADDR);
        flush(e);
        asm_load(&e->a, 64, ADDR, AT_FRAME(save[1]));
        counted = false;
    }
    if (e->pending.kind != PENDING_NONE) {
        repeat(e, &e->pending);
        e->host = counted ? FB_ALL & ~FB_C : FB_ALL;
    } else if (!load_simple(e, wanted)) {
        vec_sync(e);
        asm_call_to(&e->a, e->jit->load_flags);
        e->host = FB_ALL;
    }
}

/* ---- CF and OF apart, for ADCX and ADOX ---- */

void flags_split_store(struct Emit *e, uint8_t flag) {
    uint8_t opcode = flag == FB_C ? 0x92 : 0x90; /* SETB, SETO */
    struct HostOp set = {.map = OP_0F, .opcode = opcode, .byte_rm = true};
    asm_op(&e->a, set, 0, flag == FB_C ? AT_FRAME(adx[0]) : AT_FRAME(adx[1]));
}

void flags_split_load(struct Emit *e, uint8_t flag) {
    if (e->host & flag)
        return;
    if (flag == FB_C) {
        asm_op(&e->a, (struct HostOp){.map = OP_0F, .opcode = 0xba}, 4, AT_FRAME(adx[0])); /* BT */
        asm_8(&e->a, 0);
    } else {
        asm_op(&e->a, MOVZX_BYTE, TEMP, AT_FRAME(adx[1]));
        asm_alu_imm(&e->a, ALU_ADD, 8, rm_reg(TEMP), 0x7f);
    }
    e->host = flag;
}

void flags_split(struct Emit *e, uint8_t flag) {
    struct Pending p = e->pending;
    if (p.kind == PENDING_ADX && (p.a & flag))
        return;
    if (p.kind == PENDING_ADX) { /* the other one is in t->cc */
        e->pending.kind = PENDING_NONE;
        e->host = 0;
        flags_load(e, flag);
        flags_split_store(e, flag);
        e->pending = p;
        e->pending.a |= flag;
        return;
    }
    uint8_t both = p.kind == PENDING_NONE || p.kind == PENDING_INC || p.kind == PENDING_DEC ? flag : FB_C | FB_O;
    flags_load(e, both);
    for (unsigned k = 0; k < 2; k++)
        if (both & (k ? FB_O : FB_C))
            flags_split_store(e, k ? FB_O : FB_C);
    flush(e);
    e->plain = false;
    e->pending = (struct Pending){.kind = PENDING_ADX, .a = both};
    e->host = 0;
}

/* ---- behind an instruction ---- */

void flags_pending(struct Emit *e, const struct EmitInsn *x, struct Pending p, uint8_t host) {
    e->host = host;
    e->plain = false;
    if (!flags_wanted(x))
        return;
    e->pending = p;
    e->spoilt = false;
}

/** t->cc has them all now. */
static void stored(struct Emit *e, uint8_t host, bool plain) {
    e->pending.kind = PENDING_NONE;
    e->spoilt = false;
    e->host = host;
    e->plain = plain;
}

void flags_in_cc(struct Emit *e) { stored(e, 0, false); }

void flags_generic(struct Emit *e, const struct EmitInsn *x) {
    if (flags_wanted(x))
        asm_call_to(&e->a, e->jit->save_flags);
    stored(e, FB_ALL, false);
}

void flags_stored(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, unsigned result, bool is_imm,
                  unsigned src, int32_t imm) {
    (void)x;
    if (is_imm)
        asm_store_imm(&e->a, 64, AT_TCG(cc.src), imm);
    else
        asm_store(&e->a, 64, AT_TCG(cc.src), src);
    store_result(e, bits, rm_reg(result));
    bool lazily = alu == ALU_ADD || alu == ALU_SUB || alu == ALU_CMP;
    asm_store_imm(&e->a, 32, AT_TCG(cc.aux), lazily ? lazy(bits, alu == ALU_ADD ? CC_ADDED : 0) : 0);
    stored(e, FB_ALL, false);
}

void flags_lost(struct Emit *e) { e->host = 0; }

/** cc.aux = cc.aux less what `keep` has not, and TEMP. Takes ADDR. */
static void merge(struct Emit *e, uint32_t keep) {
    asm_load(&e->a, 32, ADDR, AT_TCG(cc.aux));
    asm_alu_imm(&e->a, ALU_AND, 32, rm_reg(ADDR), (int32_t)keep);
    asm_alu(&e->a, ALU_OR, 32, ADDR, rm_reg(TEMP));
    asm_store(&e->a, 32, AT_TCG(cc.aux), ADDR);
}

static void carry_from_aux(struct Emit *e) {
    asm_op(&e->a, (struct HostOp){.map = OP_0F, .opcode = 0xba}, 4, AT_TCG(cc.aux));
    asm_8(&e->a, CC_AUX_CF);
}

void flags_carry(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    if (!flags_wanted(x)) {
        flags_lost(e);
        return;
    }
    asm_alu(a, ALU_SBB, 32, TEMP, rm_reg(TEMP)); /* all ones for CF */
    asm_load(a, 32, ADDR, AT_TCG(cc.aux));
    asm_alu(a, ALU_XOR, 32, TEMP, rm_reg(ADDR)); /* bit 31: it changes */
    asm_shift(a, 7, 32, TEMP, 31);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)CC_AUX_CF_PO);
    asm_alu(a, ALU_XOR, 32, ADDR, rm_reg(TEMP));
    asm_alu_imm(a, ALU_AND, 32, rm_reg(ADDR), ~CC_LAZY_CF);
    asm_store(a, 32, AT_TCG(cc.aux), ADDR);
    carry_from_aux(e);
    stored(e, FB_C, false);
}

void flags_product(struct Emit *e, const struct EmitInsn *x) {
    if (!flags_wanted(x)) {
        e->host = FB_C | FB_O;
        return;
    }
    asm_alu(&e->a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
    asm_alu_imm(&e->a, ALU_AND, 32, rm_reg(TEMP), INT32_MIN); /* CF, and OF the same */
    merge(e, (uint32_t)KEEP);
    asm_shift(&e->a, 4, 32, TEMP, 1); /* CF again; and OF, for the sign changes */
    stored(e, FB_C | FB_O, false);
}

void flags_rotated(struct Emit *e, const struct EmitInsn *x, unsigned bits, struct HostRm result, bool left) {
    struct Asm *a = &e->a;
    if (!flags_wanted(x)) {
        flags_lost(e);
        return;
    }
    if (bits < 32)
        asm_load_sx(a, bits, TEMP, result);
    else
        asm_load(a, bits, TEMP, result);
    if (left) { /* the lowest bit is CF, the highest CF ^ OF; otherwise the two highest */
        asm_op(a, (struct HostOp){.opcode = 0xc1, .wide = bits == 64}, 1, rm_reg(TEMP));
        asm_8(a, 1);
    }
    if (bits == 64)
        asm_shift(a, 5, 64, TEMP, 32);
    else if (bits < 32 && !left)
        asm_shift(a, 4, 32, TEMP, 32 - bits);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)CC_AUX_CF_PO);
    merge(e, (uint32_t)KEEP);
    stored(e, 0, false);
}

/** ADDR has the result, TEMP all ones for CF. Kinds as in the opcode: 4 SHL, 5 SHR, 7 SAR. As kernel_shl ... have it,
 *  also for counts for which the SDM leaves OF open. */
void flags_shifted(struct Emit *e, unsigned kind, unsigned bits) {
    struct Asm *a = &e->a;
    store_result(e, bits, rm_reg(ADDR));
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), kind == 4 ? INT32_MIN : (int32_t)CC_AUX_CF_PO);
    if (kind == 4)
        asm_shift(a, 5, 64, ADDR, 33); /* the sign to bit 30 */
    else if (kind == 5 && bits == 64)
        asm_shift(a, 5, 64, ADDR, 32);
    else if (kind == 5 && bits < 32)
        asm_shift(a, 4, 32, ADDR, 32 - bits);
    if (kind != 7) {
        asm_alu_imm(a, ALU_AND, 32, rm_reg(ADDR), 1 << CC_AUX_PO);
        asm_alu(a, ALU_XOR, 32, TEMP, rm_reg(ADDR));
    }
    asm_alu_imm(a, ALU_OR, 32, rm_reg(TEMP), 1 << CC_AUX_AF);
    asm_store(a, 32, AT_TCG(cc.aux), TEMP);
    stored(e, 0, true);
}

/* ---- the code that is there once ---- */

uint64_t jit_flags_image(const struct Tcg *t) { return cc_flags(&t->cc) | 2; }

static void count_flags(struct Tcg *t, uint64_t result, uint32_t carry) {
    count_result(&t->cc, (unsigned)result, carry != 0);
}

static void adx_flags(struct Tcg *t, uint64_t values, uint32_t which) {
    bool cf = which & FB_C ? values & 1 : cc_cf(&t->cc), of = which & FB_O ? values >> 8 & 1 : cc_of(&t->cc);
    cc_put_cf_of(&t->cc, cf, of);
}

static void divide_flags_of(struct Tcg *t) { divide_flags(&t->cc); }

static void ret(struct Asm *a) { asm_8(a, 0xc3); }

/** The host's flags, all six, go to t->cc, and stay. Takes ADDR, TEMP. */
static void make_save(struct Asm *a, const uint8_t *table, ptrdiff_t run) {
    const struct HostRm copy = rm_mem(RSP, 8 + (int32_t)offsetof(struct Frame, save[1]));
    asm_load(a, 64, ADDR, rm_reg(RAX));
    asm_8(a, 0x9f);                                                                            /* LAHF */
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0x90, .byte_rm = true}, 0, rm_reg(RAX)); /* SETO AL */
    asm_store(a, 64, copy, RAX);
    asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0xb7}, RAX, rm_reg(RAX)); /* MOVZX EAX, AX */
    asm_load(a, 32, TEMP, rm_reg(RAX));
    asm_shift(a, 5, 32, TEMP, 8);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(RAX), 1);
    asm_lea(a, TEMP, rm_sib(RAX, TEMP, 1, 0));
    asm_const_ptr(a, RAX, table + run);
    asm_load(a, 64, RAX, rm_sib(RAX, TEMP, 3, 0));
    asm_store(a, 32, AT_TCG(cc.aux), RAX);
    asm_shift(a, 7, 64, RAX, 32);
    asm_store(a, 64, AT_TCG(cc.res), RAX);
    asm_load(a, 64, RAX, copy);
    asm_alu_imm(a, ALU_ADD, 8, rm_reg(RAX), 0x7f); /* OF again */
    asm_8(a, 0x9e);                                /* SAHF */
    asm_load(a, 64, RAX, rm_reg(ADDR));
    ret(a);
}

static struct HostRm scratch(unsigned n) { return rm_mem(RSP, 8 + (int32_t)(offsetof(struct Frame, scratch) + 8 * n)); }

/** EAX: aux. EAX = all ones for the lazy CF. Takes RCX, RDX. As cc_lazy_cf. */
static void lazy_carry(struct Asm *a) {
    const struct HostOp shl = {.opcode = 0xd3, .wide = true};
    asm_load(a, 32, RCX, rm_reg(RAX)); /* counts are its low six bits */
    asm_load(a, 64, RDX, AT_TCG(cc.res));
    asm_op(a, (struct HostOp){.opcode = 0xf6, .byte_rm = true}, 0, rm_reg(RAX)); /* TEST */
    asm_8(a, CC_ADDED);
    uint8_t *added = asm_jcc(a, COND_NE);
    asm_alu(a, ALU_ADD, 64, RDX, AT_TCG(cc.src));
    asm_here(a, added);
    asm_load(a, 64, RAX, AT_TCG(cc.src));
    asm_op(a, shl, 4, rm_reg(RDX));
    asm_op(a, shl, 4, rm_reg(RAX));
    asm_alu(a, ALU_CMP, 64, RDX, rm_reg(RAX));
    asm_alu(a, ALU_SBB, 32, RAX, rm_reg(RAX));
}

/** INC, DEC with the result, sign-extended, in ADDR, and what aux becomes but for CF in TEMP: as kernel_inc. */
static void make_inc(struct Asm *a) {
    static const uint8_t used[] = {RAX, RCX, RDX};
    for (unsigned k = 0; k < sizeof(used); k++)
        asm_store(a, 64, scratch(k), used[k]);
    asm_load(a, 32, RAX, AT_TCG(cc.aux));
    asm_op(a, (struct HostOp){.opcode = 0xf6, .byte_rm = true}, 0, rm_reg(RAX)); /* TEST */
    asm_8(a, CC_LAZY_CF);
    uint8_t *is_bit = asm_jcc(a, COND_E);
    lazy_carry(a);
    asm_here(a, is_bit);
    asm_shift(a, 7, 32, RAX, 31); /* SAR */
    asm_alu_imm(a, ALU_AND, 32, rm_reg(RAX), (int32_t)CC_AUX_CF_PO);
    asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), ~CC_LAZY_CF);
    asm_alu(a, ALU_OR, 32, TEMP, rm_reg(RAX));
    asm_store(a, 32, AT_TCG(cc.aux), TEMP);
    asm_store(a, 64, AT_TCG(cc.res), ADDR);
    asm_store_imm(a, 64, AT_TCG(cc.src), 1);
    for (unsigned k = 0; k < sizeof(used); k++)
        asm_load(a, 64, used[k], scratch(k));
    ret(a);
}

/** For flags_flush_seldom. ADDR, TEMP: the operands, or result and second operand. */
static void make_flags_of(struct Jit *j, struct Asm *a) {
    for (unsigned n = 0; n < FLAG_STUBS; n++)
        for (unsigned k = 0; k < 4; k++) {
            unsigned bits = 8u << k;
            j->flags_of[n][k] = a->p;
            if (n < 2)
                asm_alu(a, n == 0 ? ALU_SUB : ALU_AND, 64, ADDR, rm_reg(TEMP));
            asm_load_sx(a, bits, ADDR, rm_reg(ADDR));
            asm_store(a, 64, AT_TCG(cc.res), ADDR);
            if (n != 1)
                asm_store(a, 64, AT_TCG(cc.src), TEMP);
            asm_store_imm(a, 32, AT_TCG(cc.aux), n == 1 ? 0 : lazy(bits, n == 2 ? CC_ADDED : 0));
            ret(a);
        }
}

/** By AH of LAHF, and OF: what cc_load makes of it: aux, and res in the upper half. */
static void make_table(struct Asm *a) {
    for (unsigned k = 0; k < 512; k++) {
        struct Cc cc = {0};
        cc_load(&cc, (k >> 1 & 0xd5) | (k & 1 ? FLAG_OF : 0));
        asm_64(a, (uint64_t)(uint32_t)cc.res << 32 | cc.aux);
    }
}

void flags_make(struct Jit *j, struct Asm *a) {
    const uint8_t *table = a->p;
    make_table(a);
    j->save_flags = a->p;
    make_save(a, table, j->code.run);
    j->load_flags = a->p;
    world_call_c(a, jit_flags_image);
    asm_op(a, (struct HostOp){.opcode = 0xff}, 6, rm_mem(RSP, 8 + (int32_t)offsetof(struct Frame, result)));
    asm_8(a, 0x9d); /* POPFQ */
    ret(a);
    make_flags_of(j, a);
    j->inc_flags = a->p;
    make_inc(a);
    j->div_flags = a->p;
    world_call_c(a, divide_flags_of);
    ret(a);
    j->count_flags = a->p;
    world_call_c(a, count_flags);
    ret(a);
    j->adx_flags = a->p;
    world_call_c(a, adx_flags);
    ret(a);
}
