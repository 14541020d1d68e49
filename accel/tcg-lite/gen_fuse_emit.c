/* SPDX-License-Identifier: MIT */
/**
 * x86gen: writes the functions of fuse.tab's sequences.
 *
 * Where a sequence names its registers, these are read into a CPUX86State of the function's own, at numbers that are
 * constants, and instructions work on that, so that the compiler sees variables. What an instruction has written is
 * stored in the guest's registers at once: a fault in the next finds them complete, and the compiler drops stores that
 * nobody can see.
 */
#include "accel/tcg-lite/gen_fuse.h"

#include <string.h>

static const char *const field_name[] = {
    [FIELD_RM] = "rm", [FIELD_REG] = "reg", [FIELD_BASE] = "base", [FIELD_INDEX] = "index", [FIELD_VREG] = "vreg"};

static void put_name(FILE *o, int number, bool loop) {
    const struct Fused *f = &gen_fused[number];
    fputs("y", o);
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

/** Where a register lives in the function's own state: fixed ones at their numbers, the others where room is. */
static unsigned slot_of(uint8_t name, uint16_t implicit) {
    if (is_vector(name))
        return name - FUSE_VECTOR;
    if (name >= FUSE_FIXED)
        return name - FUSE_FIXED;
    unsigned slot = 0;
    for (unsigned left = name;; slot++)
        if (!(implicit >> slot & 1) && left-- == 0)
            return slot;
}

/** Registers of the function: from the guest's (or back) for those in the set. */
static void put_load(FILE *o, unsigned slot, bool vector) {
    if (vector)
        fprintf(o, "    xmm_write(&own, %u, xmm_read(env, V%u));\n", slot, slot);
    else
        fprintf(o, "    own.gpr[%u] = gpr_read(env, R%u, 64);\n", slot, slot);
}
static void put_store(FILE *o, unsigned slot, bool vector) {
    if (vector)
        fprintf(o, "    xmm_write(env, V%u, xmm_read(&own, %u));\n", slot, slot);
    else
        fprintf(o, "    gpr_write(env, R%u, 64, own.gpr[%u]);\n", slot, slot);
}

struct Slots {
    uint16_t implicit;
    uint32_t gpr, vector; /* sets of those in use */
};

static void put_loads(FILE *o, const struct Slots *s) {
    for (unsigned k = 0; k < 16; k++) {
        if (s->gpr >> k & 1)
            put_load(o, k, false);
        if (s->vector >> k & 1)
            put_load(o, k, true);
    }
}

/** Which guest register is which: constants R0 ... (offsets) and V0 ... (numbers). */
static void put_registers(FILE *o, const struct Fused *f, const struct Pack *pack, struct Slots *s) {
    for (unsigned k = 0; k < 16; k++)
        if (s->implicit >> k & 1)
            fprintf(o, "    const unsigned R%u = %u;\n", k, k * 8);
    s->gpr = s->implicit;
    s->vector = 0;
    for (int k = 0; k < f->use_count; k++) {
        uint8_t name = f->use[k].name;
        if (!is_gpr(name) && !is_vector(name))
            continue;
        unsigned slot = slot_of(name, s->implicit);
        uint32_t *set = is_vector(name) ? &s->vector : &s->gpr;
        if (!(*set >> slot & 1))
            fprintf(o, "    const unsigned %c%u = packed_byte(i, %d)%s;\n", is_vector(name) ? 'V' : 'R', slot,
                    gen_packed_at(pack, f->use[k].insn, gen_field_at(f->use[k].field)), f->use[k].high ? " - 1u" : "");
        *set |= 1u << slot;
    }
    fprintf(o, "    CPUX86State own;\n    own.zero = 0;\n");
    for (int k = 0; k < f->use_count; k++)
        if (f->use[k].name == FUSE_IP) {
            fprintf(o, "    own.rip = env->rip;\n");
            break;
        }
    put_loads(o, s);
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

static void put_copy(const struct Gen *g, FILE *o, const struct Fused *f, int n) {
    fprintf(o, "    struct InsnCopy i%d = insn_copy(i + %d);\n", n, n);
    gen_near(g, o, f, n);
}

/** Instruction n with the function's own numbers of registers. */
static void put_own_copy(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct Pack *pack,
                         const struct Slots *s) {
    put_copy(g, o, f, n);
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
            fprintf(o, "%u;\n", slot_of(name, s->implicit));
        else
            fprintf(o, "%u;\n", slot_of(name, s->implicit) * 8 + f->use[k].high);
        named[f->use[k].field] = true;
    }
    for (int field = FIELD_RM; field <= FIELD_REG; field++) /* the decoder leaves 0 there: AX */
        if (!named[field])
            fprintf(o, "    i%d.insn.%s = 0;\n", n, field_name[field]);
}

/** What instruction n has written goes to the guest's registers. */
static void put_stores(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct Slots *s) {
    struct GenUse field[GEN_FIELDS_MAX];
    int fields = gen_fn_fields(g, f->fn[n], field), at = 0;
    while (at < f->use_count && f->use[at].insn != n)
        at++;
    for (int k = 0; k < fields; k++)
        if (field[k].written)
            put_store(o, slot_of(f->use[at + k].name, s->implicit), field[k].vector);
    uint16_t implicit = gen_fn_implicit_written(g, f->fn[n]);
    for (unsigned k = 0; k < 16; k++)
        if (implicit >> k & 1)
            put_store(o, k, false);
}

static void put_own_insn(const struct Gen *g, FILE *o, const struct Fused *f, int n, const struct Pack *pack,
                         const struct Slots *s) {
    char insn[16], next[16];
    bool last = n == f->count - 1;
    snprintf(insn, sizeof insn, "&i%d.insn", n);
    snprintf(next, sizeof next, "i + %d", n + 1);
    struct GenArgs args = {"&own", insn, next, true};
    put_own_copy(g, o, f, n, pack, s);
    if (gen_fn_flow(g, f->fn[n])) {
        fprintf(o, "    own.rip = env->rip;\n    const struct Insn *to = ");
        gen_emit_call(g, o, f->fn[n], args);
        fprintf(o, ";\n    env->rip = own.rip;\n");
        put_stores(g, o, f, n, s);
        fprintf(o, "    CONTINUE(to);\n");
        return;
    }
    gen_emit_insn(g, o, f->fn[n], args, false);
    put_stores(g, o, f, n, s);
    if (last)
        fprintf(o, "    CONTINUE(%s);\n", next);
    else
        gen_emit_check(g, o, f->fn[n], args);
}

/** A block that consists of the sequence, and that its last instruction begins anew: registers stay where they are. */
static bool can_loop(const struct Gen *g, const struct Fused *f) {
    int last = f->fn[f->count - 1];
    return f->use_count > 0 && gen_fn_exit(g, last) && gen_fn_bits(last) == 64;
}

static void put_loop_end(const struct Gen *g, FILE *o, int fn, struct GenArgs args) {
    fprintf(o, "    if (!");
    gen_emit_call(g, o, fn, args);
    fprintf(o, ")\n        CONTINUE(%s);\n    if (!tcg_loop(t, i, %s))\n", args.next, args.insn);
    fprintf(o, "        CONTINUE(%s_taken(%s, %s, t, 64));\n    }\n", gen_fn_row(g, fn)->shape, args.env, args.insn);
}

static void put_function(const struct Gen *g, FILE *o, int number, bool loop) {
    const struct Fused *f = &gen_fused[number];
    struct Slots s = {.implicit = gen_fuse_implicit(g, f)};
    struct Pack pack;
    gen_pack(g, f, &pack);
    fprintf(o, "\nEXEC_FN ");
    put_name(o, number, loop);
    fprintf(o, "(CPUX86State *env, const struct Insn *restrict i, struct Tcg *restrict t) {\n");
    if (f->use_count > 0)
        put_registers(o, f, &pack, &s);
    if (loop)
        fprintf(o, "    for (;;) {\n");
    for (int n = 0; n < f->count; n++) {
        if (f->use_count > 0 && gen_fn_local(g, f->fn[n])) {
            put_own_insn(g, o, f, n, &pack, &s);
            continue;
        }
        char insn[16], next[16];
        bool last = n == f->count - 1, copy = gen_fn_local(g, f->fn[n]);
        snprintf(insn, sizeof insn, copy ? "&i%d.insn" : "i + %d", n);
        snprintf(next, sizeof next, "i + %d", n + 1);
        if (copy)
            put_copy(g, o, f, n);
        struct GenArgs args = {"env", insn, next, copy};
        if (last && loop) {
            put_loop_end(g, o, f->fn[n], args);
            break;
        }
        gen_emit_insn(g, o, f->fn[n], args, last);
        if (!last)
            gen_emit_check(g, o, f->fn[n], args);
        if (f->use_count > 0 && !last && !gen_fn_exit(g, f->fn[n]))
            put_loads(o, &s);
    }
    fprintf(o, "}\n");
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
            fprintf(o, "x_%s, ", gen_fn_name(gen_fused[k].fn[n]));
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
