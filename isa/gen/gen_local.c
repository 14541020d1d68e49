/* SPDX-License-Identifier: MIT */
/** x86gen: exec functions that can work on copies of the guest's registers. */
#include "isa/gen/gen_fn.h"

#include <ctype.h>
#include <string.h>

/** What a shape does to its operands. */
enum Writes { WRITES_NOTHING, WRITES_FIRST, WRITES_FIRST_TWO };

enum { AX = 1 << 0, CX = 1 << 1, DX = 1 << 2, SP = 1 << 4, BP = 1 << 5 };

/** The shapes that reach registers through gpr_read, gpr_write, xmm_read, xmm_write, env->gpr, env->vec, env->rip and
 *  ea_linear alone, and give `env` to no function that is not inlined, and `i` only by insn_commit. */
static const struct Local {
    const char *shape;
    enum Writes writes;
    uint16_t implicit, implicit_written;
} locals[] = {
    {"rmw", WRITES_FIRST, 0, 0},
    {"rmw_imm", WRITES_FIRST, 0, 0},
    {"rmw1", WRITES_FIRST, 0, 0},
    {"rmw_cl", WRITES_FIRST, CX, 0},
    {"load_op", WRITES_FIRST, 0, 0},
    {"load_op_imm", WRITES_FIRST, 0, 0},
    {"compare", WRITES_NOTHING, 0, 0},
    {"compare_rev", WRITES_NOTHING, 0, 0},
    {"compare_imm", WRITES_NOTHING, 0, 0},
    {"dshift_imm", WRITES_FIRST, 0, 0},
    {"muldiv", WRITES_NOTHING, AX | DX, AX | DX},
    {"cbw", WRITES_NOTHING, AX, AX},
    {"cwd", WRITES_NOTHING, AX | DX, DX},
    {"bswap", WRITES_FIRST, 0, 0},
    {"bit_scan", WRITES_FIRST, 0, 0},
    {"mov_store", WRITES_FIRST, 0, 0},
    {"mov_load", WRITES_FIRST, 0, 0},
    {"mov_imm", WRITES_FIRST, 0, 0},
    {"lea", WRITES_FIRST, 0, 0},
    {"movzx_b", WRITES_FIRST, 0, 0},
    {"movzx_w", WRITES_FIRST, 0, 0},
    {"movsx_b", WRITES_FIRST, 0, 0},
    {"movsx_w", WRITES_FIRST, 0, 0},
    {"movsx_d", WRITES_FIRST, 0, 0},
    {"cmov", WRITES_FIRST, 0, 0},
    {"setcc", WRITES_FIRST, 0, 0},
    {"nop", WRITES_NOTHING, 0, 0},
    {"push_reg", WRITES_NOTHING, SP, SP},
    {"push", WRITES_NOTHING, SP, SP},
    {"push_imm", WRITES_NOTHING, SP, SP},
    {"pop_reg", WRITES_FIRST, SP, SP},
    {"leave", WRITES_NOTHING, SP | BP, SP | BP},
    {"call_rel", WRITES_NOTHING, SP, SP},
    {"call_ind", WRITES_NOTHING, SP, SP},
    {"ret", WRITES_NOTHING, SP, SP},
    {"jmp_ind", WRITES_NOTHING, 0, 0},
    {"vex_op", WRITES_FIRST, 0, 0},
    {"vex_op_rev", WRITES_FIRST, 0, 0},
    {"vex_un", WRITES_FIRST, 0, 0},
    {"mulx", WRITES_FIRST_TWO, DX, 0},
    {"sse_op", WRITES_FIRST, 0, 0},
    {"sse_op32", WRITES_FIRST, 0, 0},
    {"sse_op64", WRITES_FIRST, 0, 0},
    {"sse_un", WRITES_FIRST, 0, 0},
    {"sse_un64", WRITES_FIRST, 0, 0},
    {"sse_imm", WRITES_FIRST, 0, 0},
    {"sse_shift", WRITES_FIRST, 0, 0},
    {"sse_arithps", WRITES_FIRST, 0, 0},
    {"sse_arithpd", WRITES_FIRST, 0, 0},
    {"sse_arithss", WRITES_FIRST, 0, 0},
    {"sse_arithsd", WRITES_FIRST, 0, 0},
    {"sse_comi64", WRITES_NOTHING, 0, 0},
    {"sse_comi32", WRITES_NOTHING, 0, 0},
    {"sse_fromint", WRITES_FIRST, 0, 0},
    {"sse_toint64", WRITES_FIRST, 0, 0},
    {"sse_toint32", WRITES_FIRST, 0, 0},
    {"sse_mov", WRITES_FIRST, 0, 0},
    {"sse_movu", WRITES_FIRST, 0, 0},
    {"sse_store", WRITES_FIRST, 0, 0},
    {"sse_storeu", WRITES_FIRST, 0, 0},
    {"sse_movss", WRITES_FIRST, 0, 0},
    {"sse_movsd", WRITES_FIRST, 0, 0},
    {"sse_storess", WRITES_FIRST, 0, 0},
    {"sse_storesd", WRITES_FIRST, 0, 0},
    {"sse_movq", WRITES_FIRST, 0, 0},
    {"sse_storeq", WRITES_FIRST, 0, 0},
    {"sse_movd", WRITES_FIRST, 0, 0},
    {"sse_stored", WRITES_FIRST, 0, 0},
};

/** Stack and indirect branches: only 64-bit code has no segments in their way. */
static bool needs_64(const struct Row *r) {
    static const char *const shapes[] = {"push_reg", "push",     "push_imm", "pop_reg", "leave",
                                         "call_rel", "call_ind", "ret",      "jmp_ind"};
    for (unsigned k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++)
        if (!strcmp(shapes[k], r->shape))
            return true;
    return false;
}

static const struct Local *local_of(const struct Row *r) {
    for (unsigned k = 0; k < sizeof(locals) / sizeof(locals[0]); k++)
        if (!strcmp(locals[k].shape, r->shape))
            return &locals[k];
    return NULL;
}

/** Operands that are a general or vector register or an address, or none at all. */
static bool operand_known(const char *op) {
    static const char *const others[] = {"1", "F", "AL", "AX", "rAX", "CL"};
    for (unsigned k = 0; k < sizeof(others) / sizeof(others[0]); k++)
        if (!strcmp(op, others[k]))
            return true;
    return strchr("EGZRMVWUBIJ", op[0]) != NULL;
}

bool gen_fn_local(const struct Gen *g, int fn) {
    const struct Row *r = gen_fn_row(g, fn);
    enum X86FnKind kind = gen_fn_kind(fn);
    if (!local_of(r) || (kind != FN_REG && kind != FN_BASE && kind != FN_FLAT))
        return false;
    if ((r->form.attr & ATTR_EXIT) || ((r->form.attr & ATTR_VEX) && (r->form.attr & ATTR_SSE)))
        return false;
    if (needs_64(r) && gen_fn_bits(fn) != 64)
        return false;
    for (int k = 0; k < r->operand_count; k++)
        if (!operand_known(r->operand[k]))
            return false;
    return true;
}

int gen_fn_fields(const struct Gen *g, int fn, struct GenUse out[GEN_FIELDS_MAX]) {
    const struct Row *r = gen_fn_row(g, fn);
    enum X86FnKind kind = gen_fn_kind(fn);
    int n = 0;
    if (!gen_fn_local(g, fn))
        return 0;
    unsigned written = local_of(r)->writes; /* of the operands, from the first */
    for (int k = 0; k < r->operand_count; k++) {
        char code = r->operand[k][0];
        bool byte = r->operand[k][1] == 'b',
             fixed = strlen(r->operand[k]) > 1 && !islower((unsigned char)r->operand[k][1]);
        struct GenUse u = {.byte = byte, .vector = strchr("VWU", code) != NULL, .written = (unsigned)k < written};
        if (fixed || strchr("1FIJrAC", code))
            continue;
        if (strchr("GV", code))
            u.field = FIELD_REG;
        else if (code == 'B')
            u.field = FIELD_VREG;
        else if (kind == FN_REG)
            u.field = FIELD_RM;
        else {
            out[n++] = (struct GenUse){.field = FIELD_BASE};
            if (kind == FN_FLAT)
                out[n++] = (struct GenUse){.field = FIELD_INDEX};
            continue;
        }
        out[n++] = u;
    }
    return n;
}

static bool has_accumulator(const struct Row *r) {
    for (int k = 0; k < r->operand_count; k++)
        if (!strcmp(r->operand[k], "AL") || !strcmp(r->operand[k], "AX") || !strcmp(r->operand[k], "rAX"))
            return true;
    return false;
}

uint16_t gen_fn_implicit(const struct Gen *g, int fn) {
    const struct Row *r = gen_fn_row(g, fn);
    return local_of(r)->implicit | (has_accumulator(r) ? AX : 0);
}

uint16_t gen_fn_implicit_written(const struct Gen *g, int fn) {
    const struct Row *r = gen_fn_row(g, fn);
    const struct Local *l = local_of(r);
    return l->implicit_written | (has_accumulator(r) && l->writes != WRITES_NOTHING ? AX : 0);
}
