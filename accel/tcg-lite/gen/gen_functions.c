/* SPDX-License-Identifier: MIT */
/** x86gen: writes the exec functions: one x86_UNIT.c per unit, x86_exec.h, and x86_functions.c with the tables. */
#include "accel/tcg-lite/gen/gen_fn.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define OUT "accel/tcg-lite/exec/" /* of the build tree */

/** An exec function; rows whose functions would be the same share one. */
struct Fn {
    char name[128];
    int unit, row;
    unsigned bits;
    enum FnKind kind;
    bool no_flags;
};

static struct Fn *fns;
static int fn_count, fn_room;
static int *table; /* x86_fns: index into fns, or -1 */
static int table_count, table_room;

static const char *const kind_suffix[FN_KINDS] = {"reg",  "base",      "flat",    "flat32", "full",
                                                  "lock", "lock_full", "reg_chk", "mem_chk"};
static const char *const kind_ea[FN_KINDS] = {"",        "EA_BASE", "EA_FLAT", "EA_FLAT32", "EA_FULL",
                                              "EA_FLAT", "EA_FULL", "",        "EA_FULL"};
static const char *const kind_call[FN_KINDS] = {"_r", "_m", "_m", "_m", "_m", "_l", "_l", "_rc", "_mc"};

bool gen_is_help(const struct Row *r) {
    return !strcmp(r->shape, "help") || !strcmp(r->shape, "help_next") || !strcmp(r->shape, "help_jump");
}

static bool same_code(const struct Gen *g, const struct Fn *a, const struct Fn *b) {
    const struct Row *x = &g->row[a->row], *y = &g->row[b->row];
    return a->unit == b->unit && a->kind == b->kind && a->bits == b->bits && a->no_flags == b->no_flags &&
           x->cpl0 == y->cpl0 && ((x->form.attr ^ y->form.attr) & (ATTR_FLOW | ATTR_JCC)) == 0 &&
           !strcmp(x->shape, y->shape) && !strcmp(x->kernel, y->kernel);
}

static void make_name(const struct Gen *g, struct Fn *f, bool with_opcode) {
    const struct Row *r = &g->row[f->row];
    char *p = f->name, *end = f->name + sizeof(f->name) - 1;
    p += snprintf(p, (size_t)(end - p), "exec_%s", r->mnemonic);
    for (int k = 0; k < r->operand_count; k++)
        p += snprintf(p, (size_t)(end - p), "_%s", r->operand[k]);
    if (with_opcode)
        p += snprintf(p, (size_t)(end - p), "_%s", r->opcode);
    if (!gen_is_help(r)) {
        if (f->bits)
            p += snprintf(p, (size_t)(end - p), "_%u", f->bits);
        if ((r->form.attr & ATTR_MODRM) || f->kind != FN_REG)
            p += snprintf(p, (size_t)(end - p), "_%s", kind_suffix[f->kind]);
        if (f->no_flags)
            p += snprintf(p, (size_t)(end - p), "_nf");
    }
    for (p = f->name; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '_';
}

static int find_fn(const struct Gen *g, int row, unsigned bits, enum FnKind kind, bool no_flags) {
    struct Fn f = {.unit = g->row[row].unit, .row = row, .bits = bits, .kind = kind, .no_flags = no_flags};
    for (int k = 0; k < fn_count; k++)
        if (same_code(g, &fns[k], &f))
            return k;
    make_name(g, &f, false);
    for (int k = 0; k < fn_count; k++)
        if (!strcmp(fns[k].name, f.name))
            make_name(g, &f, true);
    if (fn_count == fn_room)
        fns = realloc(fns, (size_t)(fn_room = fn_room * 2 + 64) * sizeof(*fns));
    fns[fn_count] = f;
    return fn_count++;
}

static void put_table(int fn) {
    if (table_count == table_room)
        table = realloc(table, (size_t)(table_room = table_room * 2 + 64) * sizeof(*table));
    table[table_count++] = fn;
}

/** The BITS constants of a size, in the order of the decoder's size slots. */
static int size_bits(enum X86Size s, unsigned bits[3]) {
    static const unsigned list[SIZE_COUNT][3] = {
        [SIZE_B] = {8},          [SIZE_W] = {16},        [SIZE_D] = {32},     [SIZE_Q] = {64},
        [SIZE_V] = {16, 32, 64}, [SIZE_Z] = {16, 32},    [SIZE_Y] = {32, 64}, [SIZE_X] = {128},
        [SIZE_256] = {256},      [SIZE_VL] = {128, 256}, [SIZE_MMX] = {64}};
    memcpy(bits, list[s], sizeof(list[s]));
    return s == SIZE_V ? 3 : s == SIZE_Z || s == SIZE_Y || s == SIZE_VL ? 2 : 1;
}

static bool kind_exists(const struct Row *r, enum FnKind k) {
    switch (k) {
    case FN_REG: return r->has_reg;
    case FN_BASE: return r->has_mem && r->hot;
    case FN_FLAT: return r->has_mem && !r->cold;
    case FN_FLAT32: return r->has_mem && !r->cold && !((r->form.attr & ATTR_VEX) && (r->form.attr & ATTR_SSE));
    case FN_FULL: return r->has_mem;
    case FN_LOCK_FLAT: return (r->form.attr & ATTR_LOCK) && !r->cold;
    case FN_LOCK_FULL: return r->form.attr & ATTR_LOCK;
    case FN_REG_CHECK: return r->xmchk && r->has_reg;
    default: return r->xmchk && r->has_mem;
    }
}

static void make_functions(struct Gen *g) {
    for (int n = 1; n < g->row_count; n++) {
        struct Row *r = &g->row[n];
        r->cold |= g->general; /* what simple addresses and flags that nobody reads would save is left out */
        r->hot &= !g->general;
        r->fn = (uint32_t)table_count;
        r->fn_kinds = gen_is_help(r) || !r->has_mem ? 1 : FN_KINDS;
        if (!r->has_mem && r->xmchk)
            r->fn_kinds = FN_KINDS;
        unsigned bits[3];
        int sizes = size_bits(r->form.size, bits);
        bool flags = (r->form.flags_written | r->form.flags_maybe) && !r->cold && !gen_is_help(r);
        for (int s = 0; s < sizes; s++) {
            int at[FN_KINDS][2];
            for (unsigned k = 0; k < r->fn_kinds; k++)
                for (int nf = 0; nf < 2; nf++) {
                    bool help = gen_is_help(r);
                    if (!help && !kind_exists(r, (enum FnKind)k))
                        at[k][nf] = -1;
                    else if (nf && !flags)
                        at[k][nf] = at[k][0];
                    else
                        at[k][nf] = find_fn(g, n, help ? 0 : bits[s], help ? FN_REG : (enum FnKind)k, nf);
                }
            for (unsigned k = 0; k < r->fn_kinds; k++)
                for (int nf = 0; nf < 2; nf++) {
                    /* What a row lacks is done by its general form. */
                    int v = at[k][nf];
                    if (v < 0 && k == FN_BASE)
                        v = at[FN_FLAT][nf];
                    if (v < 0 && (k == FN_BASE || k == FN_FLAT || k == FN_FLAT32))
                        v = at[FN_FULL][nf];
                    if (v < 0 && k == FN_LOCK_FLAT)
                        v = at[FN_LOCK_FULL][nf];
                    if (v < 0 && k == FN_REG_CHECK)
                        v = at[FN_REG][nf];
                    if (v < 0 && k == FN_MEM_CHECK)
                        v = at[FN_FULL][nf];
                    put_table(v);
                }
        }
    }
}

/** The call of the shape. */
static void emit_call(const struct Gen *g, FILE *o, const struct Fn *f) {
    const struct Row *r = &g->row[f->row];
    bool kernel = strcmp(r->kernel, "-") != 0;
    fprintf(o, "%s%s(env, i, t, %u%s%s, %d, %s%s)", r->shape, kind_call[f->kind], f->bits,
            *kind_ea[f->kind] ? ", " : "", kind_ea[f->kind], !f->no_flags, kernel ? "kernel_" : "",
            kernel ? r->kernel : "NULL");
}

/** What it does, and where it goes on. */
static void emit_body(const struct Gen *g, FILE *o, const struct Fn *f) {
    const struct Row *r = &g->row[f->row];
    bool flow = r->form.attr & ATTR_FLOW, branch = r->form.attr & ATTR_JCC;
    fprintf(o, flow ? "    CONTINUE(" : branch ? "    if (" : "    ");
    emit_call(g, o, f);
    if (flow)
        fprintf(o, ");\n");
    else if (branch)
        fprintf(o, ")\n        CONTINUE(%s_taken(env, i, t, %u));\n", r->shape, f->bits);
    else
        fprintf(o, ";\n");
    if (!flow)
        fprintf(o, "    CONTINUE(i + 1);\n");
}

static void emit_function(const struct Gen *g, FILE *o, int fn) {
    const struct Fn *f = &fns[fn];
    const struct Row *r = &g->row[f->row];
    fprintf(o, "\n#line %d \"%s\"\nEXEC_FN %s(CPUX86State *env, const struct Insn *restrict i, struct Tcg *t) {\n",
            r->line, "isa/x86.tab", f->name);
    if (r->cpl0)
        fprintf(o, "    tcg_check_cpl0(env, i, t);\n");
    if (gen_is_help(r)) {
        if (!strcmp(r->shape, "help"))
            fprintf(o, "    help(env, i, t, helper_%s);\n    CONTINUE(i + 1);\n}\n", r->kernel);
        else
            fprintf(o, "    CONTINUE(%s(env, i, t, helper_%s));\n}\n", r->shape, r->kernel);
        return;
    }
    emit_body(g, o, f);
    fprintf(o, "}\n");
}

static void emit_unit(struct Gen *g, int u) {
    char *buf, name[128];
    size_t len;
    FILE *o = gen_begin(&buf, &len);
    fprintf(o, "#pragma GCC diagnostic ignored \"-Wunused-parameter\"\n"
               "#include \"accel/tcg-lite/exec/helpers.h\"\n#include \"accel/tcg-lite/run/mem.h\"\n"
               "#include \"accel/tcg-lite/exec/kernels_cond.h\"\n#include \"accel/tcg-lite/exec/shapes_help.h\"\n");
    if (g->unit[u].kernels[0])
        fprintf(o, "#include \"accel/tcg-lite/%s\"\n", g->unit[u].kernels);
    if (g->unit[u].shapes[0])
        fprintf(o, "#include \"accel/tcg-lite/%s\"\n", g->unit[u].shapes);
    fprintf(o, "#include \"accel/tcg-lite/exec/x86_exec.h\"\n");
    for (int k = 0; k < fn_count; k++)
        if (fns[k].unit == u)
            emit_function(g, o, k);
    snprintf(name, sizeof(name), OUT "x86_%s.c", g->unit[u].name);
    gen_finish(g, o, &buf, &len, name);
}

static void emit_exec_h(struct Gen *g) {
    char *buf;
    size_t len;
    FILE *o = gen_begin(&buf, &len);
    fprintf(o,
            "#ifndef TWIN86_TCG_X86_EXEC_H\n#define TWIN86_TCG_X86_EXEC_H\n#include \"accel/tcg-lite/run/insn.h\"\n");
    for (int k = 0; k < fn_count; k++)
        fprintf(o, "EXEC_FN %s(CPUX86State *env, const struct Insn *i, struct Tcg *t);\n", fns[k].name);
    fprintf(o, "#endif\n");
    gen_finish(g, o, &buf, &len, OUT "x86_exec.h");
}

/** Where each form's functions begin. */
static void emit_forms(const struct Gen *g, FILE *o) {
    fprintf(o, "const struct FormFunctions x86_form_fns[] = {\n");
    for (int k = 0; k < g->row_count; k++)
        fprintf(o, "    {%u, %u},\n", g->row[k].fn, g->row[k].fn_kinds);
    fprintf(o, "};\n");
}

static void emit_functions(struct Gen *g) {
    char *buf;
    size_t len;
    FILE *o = gen_begin(&buf, &len);
    fprintf(o, "#include \"accel/tcg-lite/run/functions.h\"\n#include \"accel/tcg-lite/exec/x86_exec.h\"\n");
    fprintf(o, "const ExecFn x86_fns[] = {\n");
    for (int k = 0; k < table_count; k++)
        fprintf(o, "    %s,\n", table[k] < 0 ? "NULL" : fns[table[k]].name);
    fprintf(o, "    NULL};\n");
    emit_forms(g, o);
    gen_finish(g, o, &buf, &len, OUT "x86_functions.c");
}

void gen_emit_functions(struct Gen *g) {
    make_functions(g);
    for (int u = 0; u < g->unit_count; u++)
        emit_unit(g, u);
    emit_exec_h(g);
    emit_functions(g);
    printf("x86gen: %d rows, %d exec functions in %d units\n", g->row_count - 1, fn_count, g->unit_count);
}
