/* SPDX-License-Identifier: MIT */
/** x86gen: exec functions that can work on copies of the guest's registers. */
#include "accel/tcg-lite/gen/gen_fn.h"

#include <ctype.h>
#include <string.h>

/** What a shape does to its operands. */
enum Writes { WRITES_NOTHING, WRITES_FIRST, WRITES_FIRST_TWO };

/** The shapes that reach registers through gpr_read, gpr_write, xmm_read, xmm_write, env->gpr, env->vec, env->rip and
 *  ea_linear alone, and give `env` to no function that is not inlined, and `i` only by insn_commit. */
static const struct Local {
    const char *shape;
    enum Writes writes;
} locals[] = {
    {"rmw", WRITES_FIRST},          {"rmw_imm", WRITES_FIRST},       {"rmw1", WRITES_FIRST},
    {"rmw_cl", WRITES_FIRST},       {"load_op", WRITES_FIRST},       {"load_op_imm", WRITES_FIRST},
    {"compare", WRITES_NOTHING},    {"compare_rev", WRITES_NOTHING}, {"compare_imm", WRITES_NOTHING},
    {"dshift_imm", WRITES_FIRST},   {"muldiv", WRITES_NOTHING},      {"cbw", WRITES_FIRST},
    {"cwd", WRITES_NOTHING},        {"bswap", WRITES_FIRST},         {"bit_scan", WRITES_FIRST},
    {"mov_store", WRITES_FIRST},    {"mov_load", WRITES_FIRST},      {"mov_imm", WRITES_FIRST},
    {"lea", WRITES_FIRST},          {"movzx_b", WRITES_FIRST},       {"movzx_w", WRITES_FIRST},
    {"movsx_b", WRITES_FIRST},      {"movsx_w", WRITES_FIRST},       {"movsx_d", WRITES_FIRST},
    {"cmov", WRITES_FIRST},         {"setcc", WRITES_FIRST},         {"nop", WRITES_NOTHING},
    {"push_reg", WRITES_NOTHING},   {"push", WRITES_NOTHING},        {"push_imm", WRITES_NOTHING},
    {"pop_reg", WRITES_FIRST},      {"leave", WRITES_NOTHING},       {"call_rel", WRITES_NOTHING},
    {"call_ind", WRITES_NOTHING},   {"ret", WRITES_NOTHING},         {"jmp_ind", WRITES_NOTHING},
    {"vex_op", WRITES_FIRST},       {"vex_op_rev", WRITES_FIRST},    {"vex_un", WRITES_FIRST},
    {"mulx", WRITES_FIRST_TWO},     {"sse_op", WRITES_FIRST},        {"sse_op32", WRITES_FIRST},
    {"sse_op64", WRITES_FIRST},     {"sse_un", WRITES_FIRST},        {"sse_un64", WRITES_FIRST},
    {"sse_imm", WRITES_FIRST},      {"sse_shift", WRITES_FIRST},     {"sse_arithps", WRITES_FIRST},
    {"sse_arithpd", WRITES_FIRST},  {"sse_arithss", WRITES_FIRST},   {"sse_arithsd", WRITES_FIRST},
    {"sse_comi64", WRITES_NOTHING}, {"sse_comi32", WRITES_NOTHING},  {"sse_fromint", WRITES_FIRST},
    {"sse_toint64", WRITES_FIRST},  {"sse_toint32", WRITES_FIRST},   {"sse_mov", WRITES_FIRST},
    {"sse_movu", WRITES_FIRST},     {"sse_store", WRITES_FIRST},     {"sse_storeu", WRITES_FIRST},
    {"sse_movss", WRITES_FIRST},    {"sse_movsd", WRITES_FIRST},     {"sse_storess", WRITES_FIRST},
    {"sse_storesd", WRITES_FIRST},  {"sse_movq", WRITES_FIRST},      {"sse_storeq", WRITES_FIRST},
    {"sse_movd", WRITES_FIRST},     {"sse_stored", WRITES_FIRST},
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
    enum FnKind kind = gen_fn_kind(fn);
    if (!local_of(r) || (kind != FN_REG && kind != FN_BASE && kind != FN_FLAT))
        return false;
    if ((r->form.attr & ATTR_JCC) || ((r->form.attr & ATTR_VEX) && (r->form.attr & ATTR_SSE)))
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
    enum FnKind kind = gen_fn_kind(fn);
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

/** Registers that are operands by name. */
static uint16_t fixed_operand(const char *op) {
    static const struct {
        const char *name;
        uint16_t reg;
    } fixed[] = {{"AL", 1 << REG_AX}, {"AX", 1 << REG_AX}, {"rAX", 1 << REG_AX}, {"CL", 1 << REG_CX}};
    for (unsigned k = 0; k < sizeof(fixed) / sizeof(fixed[0]); k++)
        if (!strcmp(op, fixed[k].name))
            return fixed[k].reg;
    return 0;
}

uint16_t gen_fn_implicit(const struct Gen *g, int fn) {
    const struct Row *r = gen_fn_row(g, fn);
    uint16_t set = (r->fact.reads | r->fact.writes) & X86_REGS_GENERAL;
    for (int k = 0; k < r->operand_count; k++)
        set |= fixed_operand(r->operand[k]);
    return set;
}

uint16_t gen_fn_implicit_written(const struct Gen *g, int fn) {
    const struct Row *r = gen_fn_row(g, fn);
    uint16_t set = r->fact.writes & X86_REGS_GENERAL;
    for (int k = 0; k < r->operand_count && k < (int)local_of(r)->writes; k++)
        set |= fixed_operand(r->operand[k]);
    return set;
}
