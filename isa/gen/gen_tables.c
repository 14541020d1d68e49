/* SPDX-License-Identifier: MIT */
/** x86gen: writes the decoder's tables, x86_tables.c, and the names of mnemonics and shapes, x86_ids.h. */
#include "isa/gen/gen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

FILE *gen_begin(char **buf, size_t *len) {
    FILE *o = open_memstream(buf, len);
    fprintf(o, "/* SPDX-License-Identifier: MIT */\n/* Made by x86gen from x86.tab. */\n");
    return o;
}

void gen_finish(struct Gen *g, FILE *o, char **buf, size_t *len, const char *name) {
    fclose(o);
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", g->out, name);
    FILE *f = fopen(path, "r");
    bool same = false;
    if (f) {
        char *old = malloc(*len + 1);
        same = fread(old, 1, *len + 1, f) == *len && !memcmp(old, *buf, *len);
        free(old);
        fclose(f);
    }
    if (!same) {
        f = fopen(path, "w");
        if (!f || fwrite(*buf, 1, *len, f) != *len || fclose(f)) {
            fprintf(stderr, "x86gen: cannot write %s\n", path);
            g->errors++;
        }
    }
    free(*buf);
}

/** The name of a constant: "loopcc-prefix" is LOOPCC_PREFIX. */
static void capitals(const char *from, char *to, size_t n) {
    unsigned c = 0;
    for (; from[c] && c + 1 < n; c++)
        to[c] = from[c] == '-' ? '_' : (char)toupper((unsigned char)from[c]);
    to[c] = 0;
}

/* ---- x86_ids.h: a constant for each mnemonic, and each shape ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/** Of name[1] to name[n - 1], sorted, each once. */
static void emit_constants(const char **name, int n, const char *prefix, FILE *o) {
    char upper[NAME_MAX_LEN];
    qsort(name + 1, (size_t)n - 1, sizeof(name[0]), by_name);
    for (int k = 1; k < n; k++) {
        if (k > 1 && !strcmp(name[k - 1], name[k]))
            continue;
        capitals(name[k], upper, sizeof(upper));
        fprintf(o, "    %s_%s,\n", prefix, upper);
    }
}

static void emit_ids(struct Gen *g) {
    static const char *name[MAX_ROWS];
    char *buf;
    size_t len;
    FILE *o = gen_begin(&buf, &len);
    fprintf(o, "/** Mnemonics and shapes as numbers: X86Row.id, X86Row.shape. */\n#ifndef "
               "TWIN86_ISA_X86_IDS_H\n#define TWIN86_ISA_X86_IDS_H\n"
               "enum X86Id {\n    ID_NONE, /* no such instruction */\n");
    for (int k = 1; k < g->row_count; k++)
        name[k] = g->row[k].mnemonic;
    emit_constants(name, g->row_count, "ID", o);
    fprintf(o, "};\n/** Shapes: X86Row.shape. */\nenum X86Shape {\n    X86_SHAPE_NONE,\n");
    for (int k = 1; k < g->row_count; k++)
        name[k] = g->row[k].shape;
    emit_constants(name, g->row_count, "X86_SHAPE", o);
    fprintf(o, "};\n#endif\n");
    gen_finish(g, o, &buf, &len, "isa/x86_ids.h");
}

/* ---- x86_tables.c ---- */

static void emit_rows(const struct Gen *g, FILE *o) {
    char id[NAME_MAX_LEN] = "NONE", shape[NAME_MAX_LEN] = "NONE", feature[48];
    fprintf(o, "const struct X86Row x86_rows[] = {\n");
    for (int k = 0; k < g->row_count; k++) {
        const struct Row *r = &g->row[k];
        if (k > 0) {
            capitals(r->mnemonic, id, sizeof(id));
            capitals(r->shape, shape, sizeof(shape));
        }
        capitals(r->feature[0] ? r->feature : "none", feature, sizeof(feature));
        fprintf(o, "#line %d \"isa/x86.tab\"\n    {\"%s\", \"%s\", \"%s\", ID_%s, X86_SHAPE_%s, CPUID_%s, %u, %u, %u, ",
                r->line, r->mnemonic, r->operands, r->opcode, id, shape, feature, r->flags_read,
                r->flags_sure | r->flags_maybe, r->flags_undefined | r->flags_kept);
        gen_emit_fact(r, o);
        fprintf(o, "},\n");
    }
    fprintf(o, "};\nconst unsigned x86_row_count = %d;\n", g->row_count);
}

static void emit_forms(const struct Gen *g, FILE *o) {
    char feature[NAME_MAX_LEN], rule[NAME_MAX_LEN];
    fprintf(o, "const struct X86Form x86_forms[] = {\n");
    for (int k = 0; k < g->row_count; k++) {
        const struct Row *r = &g->row[k];
        const struct X86Form *f = &r->form;
        capitals(r->feature[0] ? r->feature : "none", feature, sizeof(feature));
        capitals(r->rule[0] ? r->rule : "none", rule, sizeof(rule));
        fprintf(o,
                "#line %d \"isa/x86.tab\"\n"
                "    {%u, %u, %u, %u, %u, 0x%02x, 0x%02x, %d, %d, %u, %u, %u, %u, %u, %u, %u, %u, RULE_%s, %u, "
                "CPUID_%s, 0x%x}, /* %s %s */\n",
                r->line, f->prefixes, f->when, f->rex_b, f->vex_l, f->vex_w, f->modrm_mask, f->modrm_value, f->mod_mem,
                f->mod_reg, f->size, f->reg_kind, f->rm_kind, f->vvvv_kind, f->imm_kind, f->flags_read,
                f->flags_written, f->flags_maybe, rule, f->vendor_side, feature, f->attr, r->mnemonic, r->operands);
    }
    fprintf(o, "};\n");
}

/** How many encodings of its opcode a row takes: fewer is more specific. */
static unsigned breadth(const struct Row *r) {
    const struct X86Form *f = &r->form;
    unsigned n = (unsigned)__builtin_popcount(f->prefixes) * (unsigned)__builtin_popcount(f->rex_b) *
                 (unsigned)__builtin_popcount(f->when) * (unsigned)__builtin_popcount(f->vex_l) *
                 (unsigned)__builtin_popcount(f->vex_w) * ((unsigned)f->mod_mem + f->mod_reg);
    return n * (unsigned)__builtin_popcount(f->vendor_side) * (64u >> __builtin_popcount(f->modrm_mask));
}

static const struct Gen *sort_gen;
static int by_breadth(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    unsigned bx = breadth(&sort_gen->row[x]), by = breadth(&sort_gen->row[y]);
    return bx != by ? (bx < by ? -1 : 1) : x - y;
}

static void emit_slots(const struct Gen *g, FILE *o) {
    static struct X86Slot slot[MAP_COUNT][256];
    unsigned n = 0;
    fprintf(o, "const uint16_t x86_candidates[] = {\n");
    sort_gen = g;
    for (unsigned m = 0; m < MAP_COUNT; m++) {
        for (unsigned op = 0; op < 256; op++) {
            int list[256], count = 0;
            for (int k = 1; k < g->row_count && count < 256; k++)
                if (g->row[k].map == m && g->row[k].first <= op && op <= g->row[k].last)
                    list[count++] = k;
            qsort(list, (size_t)count, sizeof(list[0]), by_breadth);
            slot[m][op] = (struct X86Slot){(uint16_t)n, (uint16_t)count};
            for (int k = 0; k < count; k++, n++)
                fprintf(o, "%d,%s", list[k], n % 16 == 15 ? "\n" : " ");
        }
    }
    fprintf(o, "0};\nconst struct X86Slot x86_slots[MAP_COUNT][256] = {\n");
    for (unsigned m = 0; m < MAP_COUNT; m++) {
        fprintf(o, "    {");
        for (unsigned op = 0; op < 256; op++)
            fprintf(o, "{%u, %u},%s", slot[m][op].first, slot[m][op].count, op % 8 == 7 ? "\n     " : " ");
        fprintf(o, "},\n");
    }
    fprintf(o, "};\n");
}

void gen_emit_tables(struct Gen *g) {
    char *buf;
    size_t len;
    emit_ids(g);
    FILE *o = gen_begin(&buf, &len);
    fprintf(o, "#include \"isa/isa.h\"\n#include \"isa/x86_ids.h\"\n");
    emit_slots(g, o);
    emit_rows(g, o);
    emit_forms(g, o);
    gen_finish(g, o, &buf, &len, "isa/x86_tables.c");
}
