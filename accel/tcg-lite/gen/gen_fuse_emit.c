/* SPDX-License-Identifier: MIT */
/**
 * x86gen: writes the functions of fuse.tab's sequences.
 *
 * Flags, and the registers where a sequence names them, are read into a struct FusedState (fused.h), at numbers that
 * are constants, and instructions work on that, so that the compiler sees variables. gen_dirty.c decides when they are
 * stored: so that a fault finds what has been done, and nothing else.
 */
#include "accel/tcg-lite/gen/gen_fuse.h"

#include <string.h>

static const char *const field_name[] = {
    [FIELD_RM] = "rm", [FIELD_REG] = "reg", [FIELD_BASE] = "base", [FIELD_INDEX] = "index", [FIELD_VREG] = "vreg"};

static void put_name(FILE *o, int number, bool loop) {
    const struct Fused *f = &gen_fused[number];
    fputs("fused", o);
    for (int k = 0; k < f->count; k++)
        fprintf(o, "_%s", gen_fn_name(f->fn[k]));
    for (int k = 0, insn = -1; k < f->use_count; insn = f->use[k++].insn) {
        uint8_t name = f->use[k].name;
        fprintf(o, "%s", f->use[k].insn != insn ? "_" : "");
        if (name < FUSE_FIXED)
            fprintf(o, "%c%s", 'a' + name, f->use[k].high ? "h" : "");
        else if (name >= FUSE_VECTOR && name < FUSE_NONE)
            fprintf(o, "%c", 'A' + name - FUSE_VECTOR);
        else
            fprintf(o, "%d", name);
    }
    if (loop)
        fputs("_loop", o);
}

static bool is_gpr(uint8_t name) { return name < FUSE_VECTOR; }
static bool is_vector(uint8_t name) { return name >= FUSE_VECTOR && name < FUSE_NONE; }

unsigned gen_fuse_slot(uint8_t name, uint16_t implicit) {
    if (is_vector(name))
        return name - FUSE_VECTOR;
    if (name >= FUSE_FIXED)
        return name - FUSE_FIXED;
    unsigned slot = 0;
    for (unsigned left = name;; slot++)
        if (!(implicit >> slot & 1) && left-- == 0)
            return slot;
}

struct Slots {
    uint16_t implicit;
    uint32_t gpr, vector; /* sets of those in use */
};

/** The function's own state from the guest's. */
static void put_loads(FILE *o, const struct Slots *s) {
    fprintf(o, "    s.cc = t->cc;\n");
    for (unsigned k = 0; k < 16; k++) {
        if (s->gpr >> k & 1)
            fprintf(o, "    s.own.gpr[%u] = gpr_read(env, s.gpr_at[%u], 64);\n", k, k);
        if (s->vector >> k & 1)
            fprintf(o, "    xmm_write(&s.own, %u, xmm_read(env, s.vec_at[%u]));\n", k, k);
    }
}

static void put_dirty(FILE *o, struct Dirty d) {
    fprintf(o, "(struct FusedDirty){0x%x, 0x%x, %d}", d.gpr, d.vector, d.cc);
}
static void put_commit(FILE *o, const char *indent, struct Dirty d) {
    if (!d.gpr && !d.vector && !d.cc)
        return;
    fprintf(o, "%sfused_commit(&s, ", indent);
    put_dirty(o, d);
    fprintf(o, ");\n");
}

/** Which guest register is which. */
static void put_registers(FILE *o, const struct Fused *f, const struct Pack *pack, struct Slots *s) {
    for (unsigned k = 0; k < 16; k++)
        if (s->implicit >> k & 1)
            fprintf(o, "    s.gpr_at[%u] = %u;\n", k, k * 8);
    s->gpr = s->implicit;
    bool rip = false;
    for (int k = 0; k < f->use_count; k++) {
        uint8_t name = f->use[k].name;
        rip |= name == FUSE_IP;
        if (!is_gpr(name) && !is_vector(name))
            continue;
        unsigned slot = gen_fuse_slot(name, s->implicit);
        uint32_t *set = is_vector(name) ? &s->vector : &s->gpr;
        if (!(*set >> slot & 1))
            fprintf(o, "    s.%s_at[%u] = packed_byte(i, %d)%s;\n", is_vector(name) ? "vec" : "gpr", slot,
                    gen_packed_at(pack, f->use[k].insn, gen_field_at(f->use[k].field)), f->use[k].high ? " - 1" : "");
        *set |= 1u << slot;
    }
    fprintf(o, "    s.own.zero = 0;\n%s", rip ? "    s.own.rip = env->rip;\n" : "");
}

/** The fields of instruction n that have been moved. */
static void put_packed(FILE *o, int n, const struct Pack *pack) {
    static const char *const reader[] = {[1] = "byte", [4] = "int", [8] = "long"};
    for (int k = 0; k < pack->count; k++) {
        const struct Packed *p = &pack->item[k];
        size_t field = p->from % sizeof(struct Insn);
        if (p->from / sizeof(struct Insn) != (size_t)n)
            continue;
        const char *name = field == offsetof(struct Insn, disp)    ? "disp"
                           : field == offsetof(struct Insn, imm)   ? "imm"
                           : field == offsetof(struct Insn, scale) ? "scale"
                                                                   : NULL;
        if (name != NULL)
            fprintf(o, "    i%d.insn.%s = packed_%s(i, %d);\n", n, name, reader[p->size], p->to);
    }
}

/** Instruction n with the function's own numbers of registers. */
static void put_numbers(FILE *o, const struct Fused *f, int n, const struct Pack *pack, const struct Slots *s) {
    put_packed(o, n, pack);
    bool named[FIELD_VREG + 1] = {false};
    for (int k = 0; k < f->use_count; k++) {
        uint8_t name = f->use[k].name;
        if (f->use[k].insn != n)
            continue;
        if (f->use[k].field == FIELD_INDEX && name == FUSE_NONE)
            fprintf(o, "    i%d.insn.scale = 0;\n", n);
        fprintf(o, "    i%d.insn.%s = ", n, field_name[f->use[k].field]);
        if (name == FUSE_NONE || name == FUSE_IP)
            fprintf(o, "%s;\n", name == FUSE_IP ? "INSN_REG_RIP" : "INSN_REG_NONE");
        else if (is_vector(name))
            fprintf(o, "%u;\n", gen_fuse_slot(name, s->implicit));
        else
            fprintf(o, "%u;\n", gen_fuse_slot(name, s->implicit) * 8 + f->use[k].high);
        named[f->use[k].field] = true;
    }
    for (int field = FIELD_RM; field <= FIELD_REG; field++) /* the decoder leaves 0 there: AX */
        if (!named[field])
            fprintf(o, "    i%d.insn.%s = 0;\n", n, field_name[field]);
}

static void put_copy(FILE *o, int n, const struct DirtyPlan *plan) {
    fprintf(o, "    struct InsnCopy i%d = insn_copy(i + %d, &s, ", n, n);
    put_dirty(o, plan->before[n]);
    fprintf(o, ");\n");
}

/** An instruction that works on the function's own state. */
static void put_local(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct Pack *pack,
                      const struct Slots *s, const struct DirtyPlan *plan) {
    char insn[16], next[16];
    bool own = f->use_count > 0;
    snprintf(insn, sizeof(insn), "&i%d.insn", n);
    snprintf(next, sizeof(next), "i + %d", n + 1);
    struct GenArgs args = {own ? "&s.own" : "env", insn, next};

    put_copy(o, n, plan);
    gen_near(g, o, f, n);
    if (own)
        put_numbers(o, f, n, pack, s);
    if (gen_fn_flow(g, f->fn[n])) {
        fprintf(o, "%s    const struct Insn *to = ", own ? "    s.own.rip = env->rip;\n" : "");
        gen_emit_call(g, o, f->fn[n], args);
        fprintf(o, ";\n%s", own ? "    env->rip = s.own.rip;\n" : "");
        put_commit(o, "    ", plan->store[n]);
        fprintf(o, "    CONTINUE(to);\n");
        return;
    }
    gen_emit_insn(g, o, f->fn[n], args, false);
    if (n < f->count - 1 && gen_fn_stores(g, f->fn[n])) {
        fprintf(o, "    if (UNLIKELY(i%d.stale)) {\n", n);
        put_commit(o, "        ", plan->behind[n]);
        fprintf(o, "        CONTINUE(%s);\n    }\n", next);
    }
    put_commit(o, "    ", plan->store[n]);
    if (n == f->count - 1)
        fprintf(o, "    CONTINUE(%s);\n", next);
}

/** One that works on the guest's state: in the middle a call, at the end a jump to its function. */
static void put_foreign(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct Slots *s,
                        const struct DirtyPlan *plan) {
    const char *name = gen_fn_name(f->fn[n]);
    put_commit(o, "    ", plan->before[n]);
    if (n == f->count - 1) {
        fprintf(o, "    GO_ON_AT(exec_%s, i + %d);\n", name, n);
        return;
    }
    fprintf(o, "    call_%s(env, i + %d, t);\n", name, n);
    if (gen_fn_stores(g, f->fn[n]))
        fprintf(o, "    if (UNLIKELY((i + %d)->fn == tcg_exec_stale))\n        CONTINUE(i + %d);\n", n + 1, n + 1);
    put_loads(o, s);
}

bool gen_fuse_calls(const struct Gen *g, int fn) {
    for (int k = 0; k < gen_fused_count; k++)
        for (int n = 0; n < gen_fused[k].count - 1; n++)
            if (gen_fused[k].fn[n] == fn && gen_fuse_foreign(g, &gen_fused[k], n))
                return true;
    return false;
}

static void put_taken(const struct Gen *g, FILE *o, const struct Fused *f, int n, struct Dirty dirty) {
    put_commit(o, "        ", dirty);
    fprintf(o, "        CONTINUE(%s_taken(env, &i%d.insn, t, %u));\n    }\n", gen_fn_row(g, f->fn[n])->shape, n,
            gen_fn_bits(f->fn[n]));
}

/** A conditional branch. */
static void put_exit(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct DirtyPlan *plan) {
    put_copy(o, n, plan);
    fprintf(o, "    if (kernel_%s(&s.cc)) {\n", gen_fn_row(g, f->fn[n])->kernel);
    put_taken(g, o, f, n, plan->before[n]);
    if (n == f->count - 1)
        fprintf(o, "    CONTINUE(i + %d);\n", n + 1);
}

/** A branch to somewhere that is known, at the end. */
static void put_jump(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct DirtyPlan *plan) {
    char insn[16];
    snprintf(insn, sizeof(insn), "&i%d.insn", n);
    put_copy(o, n, plan);
    gen_emit_insn(g, o, f->fn[n], (struct GenArgs){"env", insn, "NULL"}, true);
}

/** A block that consists of the sequence, and that its last instruction begins anew: registers stay where they are. */
static bool can_loop(const struct Gen *g, const struct Fused *f) {
    int last = f->fn[f->count - 1];
    return f->use_count > 0 && gen_fn_exit(g, last) && gen_fn_bits(last) == 64;
}

static void put_loop_end(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct DirtyPlan *plan) {
    put_copy(o, n, plan);
    fprintf(o, "    if (!kernel_%s(&s.cc)) {\n", gen_fn_row(g, f->fn[n])->kernel);
    put_commit(o, "        ", plan->before[n]);
    fprintf(o, "        CONTINUE(i + %d);\n    }\n    if (!tcg_loop(t, i, i + %d)) {\n", n + 1, n);
    put_taken(g, o, f, n, plan->before[n]);
}

static void put_function(const struct Gen *g, FILE *o, int number, bool loop) {
    const struct Fused *f = &gen_fused[number];
    struct Slots s = {.implicit = gen_fuse_implicit(g, f)};
    struct Pack pack;
    struct DirtyPlan plan;
    gen_pack(g, f, &pack);
    gen_dirty(g, f, loop, &plan);
    fprintf(o, "\nEXEC_FN ");
    put_name(o, number, loop);
    fprintf(
        o, "(CPUX86State *env, const struct Insn *restrict i, struct Tcg *restrict t) {\n"
           "    struct FusedState s __attribute__((unused)); /* where all are foreign */\n    s.env = env, s.t = t;\n");
    if (f->use_count > 0)
        put_registers(o, f, &pack, &s);
    put_loads(o, &s);
    if (loop)
        fprintf(o, "    for (;;) {\n");
    for (int n = 0; n < f->count; n++) {
        if (loop && n == f->count - 1)
            put_loop_end(g, o, f, n, &plan);
        else if (gen_fn_exit(g, f->fn[n]))
            put_exit(g, o, f, n, &plan);
        else if (!strcmp(gen_fn_row(g, f->fn[n])->shape, "jmp_rel"))
            put_jump(g, o, f, n, &plan);
        else if (gen_fuse_foreign(g, f, n))
            put_foreign(g, o, f, n, &s, &plan);
        else
            put_local(g, o, f, n, &pack, &s, &plan);
    }
    fprintf(o, "%s}\n", loop ? "    }\n" : "");
}

void gen_fuse_unit_functions(const struct Gen *g, FILE *o, int unit) {
    for (int k = 0; k < gen_fused_count; k++)
        if (gen_fused[k].unit == unit) {
            put_function(g, o, k, false);
            if (can_loop(g, &gen_fused[k]))
                put_function(g, o, k, true);
        }
}

static void declare(FILE *o, int number, bool loop) {
    fprintf(o, "EXEC_FN ");
    put_name(o, number, loop);
    fprintf(o, "(CPUX86State *env, const struct Insn *i, struct Tcg *t);\n");
}

void gen_fuse_declare(const struct Gen *g, FILE *o) {
    for (int fn = 0; gen_fn_name(fn) != NULL; fn++)
        if (gen_fuse_calls(g, fn))
            fprintf(o, "void call_%s(CPUX86State *env, const struct Insn *i, struct Tcg *t);\n", gen_fn_name(fn));
    for (int k = 0; k < gen_fused_count; k++) {
        declare(o, k, false);
        if (can_loop(g, &gen_fused[k]))
            declare(o, k, true);
    }
}

static void put_moves(const struct Gen *g, FILE *o) {
    struct Pack pack;
    fprintf(o, "static const struct X86FusionMove fusion_moves[] = {\n");
    for (int k = 0; k < gen_fused_count; k++) {
        gen_pack(g, &gen_fused[k], &pack);
        for (int n = 0; n < pack.count; n++)
            fprintf(o, "{%d, %d, %d},\n", pack.item[n].from, pack.item[n].to, pack.item[n].size);
    }
    fprintf(o, "{0}};\n");
}

void gen_fuse_table(const struct Gen *g, FILE *o) {
    int fns = 0, uses = 0, moves = 0;
    fprintf(o, "static const ExecFn fusion_fns[] = {\n");
    for (int k = 0; k < gen_fused_count; k++) {
        for (int n = 0; n < gen_fused[k].count; n++)
            fprintf(o, "exec_%s, ", gen_fn_name(gen_fused[k].fn[n]));
        fprintf(o, "\n");
    }
    fprintf(o, "NULL};\nstatic const struct X86FusionUse fusion_uses[] = {\n");
    for (int k = 0; k < gen_fused_count; k++)
        for (int n = 0; n < gen_fused[k].use_count; n++)
            fprintf(o, "{%d, offsetof(struct Insn, %s), %d, %d},\n", gen_fused[k].use[n].insn,
                    field_name[gen_fused[k].use[n].field], gen_fused[k].use[n].name, gen_fused[k].use[n].high);
    fprintf(o, "{0}};\n");
    put_moves(g, o);
    fprintf(o, "const struct X86Fusion x86_fusions[] = {\n");
    for (int k = 0; k < gen_fused_count; k++) {
        const struct Fused *f = &gen_fused[k];
        struct Pack pack;
        gen_pack(g, f, &pack);
        fprintf(o, "    {");
        put_name(o, k, false);
        fprintf(o, ", ");
        if (can_loop(g, f))
            put_name(o, k, true);
        else
            fprintf(o, "NULL");
        fprintf(o, ", fusion_fns + %d, fusion_uses + %d, fusion_moves + %d, %d, %d, %d, 0x%x},\n", fns, uses, moves,
                f->count, f->use_count, pack.count, f->use_count > 0 ? gen_fuse_implicit(g, f) : 0);
        fns += f->count;
        uses += f->use_count;
        moves += pack.count;
    }
    fprintf(o, "};\nconst unsigned x86_fusion_count = %d;\n", gen_fused_count);
}

void gen_fuse_describe(const struct Gen *g, FILE *o, int fn) {
    struct GenUse field[GEN_FIELDS_MAX];
    int fields = gen_fn_fields(g, fn, field);
    for (int k = 0; k < fields; k++)
        fprintf(o, "%s%s%s", k > 0 ? "," : "", field_name[field[k].field],
                field[k].vector ? ".v"
                : field[k].byte ? ".b"
                                : "");
    fprintf(o, "%s 0x%x", fields > 0 ? "" : "-", gen_fn_local(g, fn) ? gen_fn_implicit(g, fn) : 0);
}
