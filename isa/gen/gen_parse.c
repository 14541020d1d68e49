/* SPDX-License-Identifier: MIT */
/** x86gen: reads x86.tab into rows. */
#include "isa/gen/gen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *const cond_names[16] = {"O", "NO", "B", "AE", "E", "NE", "BE", "A",
                                           "S", "NS", "P", "NP", "L", "GE", "LE", "G"};
static const uint8_t cond_flags[8] = {FB_O, FB_C, FB_Z, FB_C | FB_Z, FB_S, FB_P, FB_S | FB_O, FB_S | FB_O | FB_Z};

static bool hex_byte(const char *s, unsigned *v) {
    if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
        return false;
    char b[3] = {s[0], s[1], 0};
    *v = (unsigned)strtoul(b, NULL, 16);
    return true;
}

/** vex.128.66.0f.w0 and the like. */
static void parse_vex(struct Gen *g, struct Row *r, char *word) {
    r->form.attr |= ATTR_VEX;
    r->form.prefixes = 0;
    uint8_t map = MAP_VEX;
    const struct {
        const char *name;
        uint8_t *field, value;
    } parts[] = {
        {"128", &r->form.vex_l, BIT_CLEAR}, {"lz", &r->form.vex_l, BIT_CLEAR}, {"256", &r->form.vex_l, BIT_SET},
        {"lig", &r->form.vex_l, BIT_ANY},   {"w0", &r->form.vex_w, BIT_CLEAR}, {"w1", &r->form.vex_w, BIT_SET},
        {"wig", &r->form.vex_w, BIT_ANY},   {"np", &r->form.prefixes, PFX_NP}, {"66", &r->form.prefixes, PFX_66},
        {"f3", &r->form.prefixes, PFX_F3},  {"f2", &r->form.prefixes, PFX_F2}, {"0f", &map, MAP_VEX_0F},
        {"0f38", &map, MAP_VEX_0F38},       {"0f3a", &map, MAP_VEX_0F3A},
    };
    char *save;
    strtok_r(word, ".", &save);
    for (char *p; (p = strtok_r(NULL, ".", &save));) {
        unsigned k = 0;
        while (k < COUNT(parts) && strcmp(p, parts[k].name))
            k++;
        if (k < COUNT(parts))
            *parts[k].field = parts[k].value;
        else
            gen_error(g, r->line, "unknown part '%s' of a VEX opcode", p);
        if (!strcmp(p, "lig"))
            r->form.attr |= ATTR_LIG;
    }
    r->map = (enum X86Map)map;
    if (r->map == MAP_VEX || !r->form.prefixes)
        gen_error(g, r->line, "a VEX opcode needs np, 66, f3 or f2 and 0f, 0f38 or 0f3a");
}

/** The opcode column: prefix rule, escape bytes, opcode byte, ModRM rules. */
static void parse_opcode(struct Gen *g, struct Row *r, bool *cond) {
    char copy[64], *save;
    snprintf(copy, sizeof(copy), "%s", r->opcode);
    r->form.prefixes = PFX_ANY;
    r->form.vex_l = r->form.vex_w = r->form.rex_b = r->form.vendor_side = BIT_ANY;
    r->form.mod_mem = r->form.mod_reg = true;
    bool have_op = false;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        unsigned v;
        bool vex = r->form.attr & ATTR_VEX;
        if (!strncmp(w, "vex.", 4)) {
            parse_vex(g, r, w);
        } else if (!strcmp(w, "np")) {
            r->form.prefixes = PFX_NP;
        } else if (!strcmp(w, "norep")) {
            r->form.prefixes = PFX_NP | PFX_66;
        } else if (w[0] == '/' && w[1] >= '0' && w[1] <= '7' && !w[2]) {
            r->form.attr |= ATTR_MODRM;
            r->form.modrm_mask = 0x38;
            r->form.modrm_value = (uint8_t)((w[1] - '0') << 3);
        } else if (!strcmp(w, "mem")) {
            r->form.attr |= ATTR_MODRM;
            r->form.mod_reg = false;
        } else if (!strcmp(w, "reg")) {
            r->form.attr |= ATTR_MODRM;
            r->form.mod_mem = false;
        } else if (!hex_byte(w, &v)) {
            gen_error(g, r->line, "'%s' is no opcode byte or rule", w);
        } else if (!have_op && !vex && r->map == MAP_ONE && (v == 0x66 || v == 0xf2 || v == 0xf3)) {
            r->form.prefixes = v == 0x66 ? PFX_66 : v == 0xf2 ? PFX_F2 : PFX_F3;
        } else if (!have_op && !vex && r->map == MAP_ONE && v == 0x0f) {
            r->map = MAP_0F;
        } else if (!have_op && r->map == MAP_0F && (v == 0x38 || v == 0x3a)) {
            r->map = v == 0x38 ? MAP_0F38 : MAP_0F3A;
        } else if (!have_op) {
            have_op = true;
            r->first = r->last = (uint8_t)v;
            if (!strcmp(w + 2, "+r")) {
                r->last = (uint8_t)(v + 7);
                r->form.attr |= ATTR_OPREG;
            } else if (!strcmp(w + 2, "+c")) {
                *cond = true;
            } else if (w[2]) {
                gen_error(g, r->line, "'%s': only +r and +c can follow an opcode byte", w);
            }
        } else if (v >= 0xc0) {
            r->form.attr |= ATTR_MODRM;
            r->form.modrm_mask = 0x3f;
            r->form.modrm_value = v & 0x3f;
            r->form.mod_mem = false;
        } else {
            gen_error(g, r->line, "a fixed ModRM byte is c0 to ff, not %02x", v);
        }
        if (w[0] != 'v' && hex_byte(w, &v) && w[2] == '+' && w[3] == 'r' && (v & 7))
            gen_error(g, r->line, "+r needs an opcode whose low three bits are 0");
    }
    if (!have_op)
        gen_error(g, r->line, "no opcode byte in '%s'", r->opcode);
    if (r->form.prefixes == PFX_66 && !(r->form.attr & ATTR_VEX))
        r->form.attr |= ATTR_PFX66;
}

/** Letters of flags to FB_* bits; d and i are not arithmetic and are ignored. */
static uint8_t parse_flags(struct Gen *g, struct Row *r, const char *s) {
    static const char letters[] = "cpazso"; /* in the order of FB_* */
    uint8_t v = 0;
    for (; *s; s++) {
        const char *at = strchr(letters, *s);
        if (at)
            v |= (uint8_t)(1 << (at - letters));
        else if (*s != 'd' && *s != 'i')
            gen_error(g, r->line, "unknown flag '%c'", *s);
    }
    return v;
}

/** amd=RULE, intel=RULE: the row is there if the CPU is on this side of a rule of isa/vendor.h. */
static bool parse_vendor(struct Gen *g, struct Row *r, const char *a) {
    bool intel = !strncmp(a, "intel=", 6);
    if (!intel && strncmp(a, "amd=", 4) != 0)
        return false;
    if (r->rule[0])
        gen_error(g, r->line, "'%s': a row can have one vendor rule", a);
    snprintf(r->rule, sizeof(r->rule), "%s", strchr(a, '=') + 1);
    if (!r->rule[0] || r->rule[strspn(r->rule, "abcdefghijklmnopqrstuvwxyz0123456789-")])
        gen_error(g, r->line, "'%s' names no vendor rule", a);
    r->form.vendor_side = intel ? BIT_SET : BIT_CLEAR;
    return true;
}

static void parse_attr(struct Gen *g, struct Row *r, const char *a) {
    static const struct {
        const char *name;
        uint32_t bit;
    } bits[] = {
        {"lock", ATTR_LOCK}, {"prot", ATTR_PROT}, {"d64", ATTR_D64}, {"f64", ATTR_F64}, {"x87", ATTR_X87},
        {"wait", ATTR_WAIT}, {"mmx", ATTR_MMX},   {"sse", ATTR_SSE}, {"rep", ATTR_REP}, {"repz", ATTR_REP},
        {"vsib", ATTR_VSIB}, {"flow", ATTR_FLOW}, {"io", ATTR_IO},   {"jcc", ATTR_JCC},
    };
    const struct {
        const char *name;
        uint8_t *set;
    } flags[] = {
        {"w=", &r->flags_sure}, {"w?=", &r->flags_maybe}, {"u=", &r->flags_undefined},
        {"k=", &r->flags_kept}, {"r=", &r->flags_read},
    };
    const struct {
        const char *name;
        bool *set;
    } marks[] = {{"cpl0", &r->cpl0}, {"cold", &r->cold}, {"hot", &r->hot}, {"xmchk", &r->xmchk}};
    const struct {
        const char *name;
        uint8_t *field, value;
    } conditions[] = {
        {"no64", &r->form.when, WHEN_NOT64}, {"only64", &r->form.when, WHEN_64},
        {"rexw", &r->form.vex_w, BIT_SET},   {"norexw", &r->form.vex_w, BIT_CLEAR},
        {"rexb", &r->form.rex_b, BIT_SET},   {"norexb", &r->form.rex_b, BIT_CLEAR},
    };
    for (unsigned k = 0; k < COUNT(bits); k++)
        if (!strcmp(a, bits[k].name)) {
            r->form.attr |= bits[k].bit;
            return;
        }
    for (unsigned k = 0; k < COUNT(flags); k++)
        if (!strncmp(a, flags[k].name, strlen(flags[k].name))) {
            *flags[k].set = parse_flags(g, r, a + strlen(flags[k].name));
            return;
        }
    for (unsigned k = 0; k < COUNT(marks); k++)
        if (!strcmp(a, marks[k].name)) {
            *marks[k].set = true;
            return;
        }
    for (unsigned k = 0; k < COUNT(conditions); k++)
        if (!strcmp(a, conditions[k].name)) {
            *conditions[k].field = conditions[k].value;
            return;
        }
    if (parse_vendor(g, r, a))
        return;
    if (!strncmp(a, "cpuid=", 6))
        snprintf(r->feature, sizeof(r->feature), "%s", a + 6);
    else if (!strncmp(a, "cpuid256=", 9))
        snprintf(r->feature256, sizeof(r->feature256), "%s", a + 9);
    else if (!strcmp(a, "v"))
        gen_want_size(r, SIZE_V);
    else if (!gen_parse_fact(g, r, a))
        gen_error(g, r->line, "unknown attribute '%s'", a);
}

/** What follows from operands and attributes together. */
static void finish_row(struct Gen *g, struct Row *r) {
    struct X86Form *f = &r->form;
    bool vec = f->reg_kind == KIND_VEC || f->rm_kind == KIND_VEC,
         mmx = f->reg_kind == KIND_MMX || f->rm_kind == KIND_MMX;
    if (vec || f->vvvv_kind == KIND_VEC)
        f->attr |= ATTR_SSE;
    if (f->size == SIZE_X && (f->attr & ATTR_VEX) && !(f->attr & ATTR_LIG)) /* which widths VEX.L chooses from */
        f->size = f->vex_l == BIT_SET ? SIZE_256 : f->vex_l == BIT_ANY ? SIZE_VL : SIZE_X;
    if (mmx && !vec)
        f->attr |= ATTR_MMX;
    if (!strcmp(r->shape, "help_next") || !strcmp(r->shape, "help_jump"))
        f->attr |= ATTR_FLOW;
    if ((f->attr & ATTR_MODRM) == 0 || (f->attr & ATTR_MODREG))
        f->mod_mem = f->mod_reg = true;
    if (!f->mod_mem && !f->mod_reg)
        gen_error(g, r->line, "operands and ModRM rules contradict each other");
    r->has_mem = ((f->attr & ATTR_MODRM) && !(f->attr & ATTR_MODREG) && f->mod_mem) || f->imm_kind == IMM_MOFFS;
    r->has_reg = !(f->attr & ATTR_MODRM) || f->mod_reg;
    f->flags_read = r->flags_read;
    f->flags_written = r->flags_sure | (r->flags_maybe ? 0 : r->flags_undefined);
    f->flags_maybe = r->flags_maybe | (r->flags_maybe ? r->flags_undefined : 0);
    if ((f->attr & ATTR_LOCK) && !r->has_mem)
        gen_error(g, r->line, "lock on a row without memory operand");
    gen_finish_facts(g, r);
}

static void expand_conditions(struct Gen *g, const struct Row *base) {
    for (unsigned c = 0; c < 16 && g->row_count < MAX_ROWS; c++) {
        struct Row *r = &g->row[g->row_count++];
        *r = *base;
        r->first = r->last = (uint8_t)(base->first + c);
        snprintf(r->mnemonic + strlen(base->mnemonic), sizeof(r->mnemonic) - strlen(base->mnemonic), "%s",
                 cond_names[c]);
        if (!strcmp(base->kernel, "cond")) {
            char name[4];
            unsigned n = 0;
            for (; cond_names[c][n]; n++)
                name[n] = (char)tolower((unsigned char)cond_names[c][n]);
            name[n] = 0;
            snprintf(r->kernel, sizeof(r->kernel), "cond_%s", name);
        }
        r->flags_read = r->form.flags_read = cond_flags[c >> 1];
    }
}

static bool column(char **p, char *out, size_t n) {
    *p += strspn(*p, " \t");
    size_t k = strcspn(*p, " \t");
    snprintf(out, n, "%.*s", (int)k, *p);
    *p += k;
    return k > 0;
}

/** The opcode column is everything up to the first word with a capital: the mnemonic. */
static bool opcode_column(char **p, char *out, size_t n) {
    char *at = *p;
    while (*at && !isupper((unsigned char)*at)) {
        at += strcspn(at, " \t");
        at += strspn(at, " \t");
    }
    size_t k = (size_t)(at - *p);
    while (k && ((*p)[k - 1] == ' ' || (*p)[k - 1] == '\t'))
        k--;
    snprintf(out, n, "%.*s", (int)k, *p);
    *p = at;
    return k > 0;
}

static void parse_row(struct Gen *g, char *line, int unit) {
    static const struct Row empty;
    struct Row row = empty, *r = &row;
    r->line = g->row_line;
    r->unit = unit;
    r->fact.exit = EXIT_NONE;
    r->form.when = WHEN_64 | WHEN_NOT64;
    char *p = line;
    if (!opcode_column(&p, r->opcode, sizeof(r->opcode)) || !column(&p, r->mnemonic, sizeof(r->mnemonic)) ||
        !column(&p, r->operands, sizeof(r->operands)) || !column(&p, r->shape, sizeof(r->shape)) ||
        !column(&p, r->kernel, sizeof(r->kernel))) {
        gen_error(g, r->line, "a row needs opcode, mnemonic, operands, shape, kernel");
        return;
    }
    bool cond = false;
    parse_opcode(g, r, &cond);
    char copy[NAME_MAX_LEN], *save;
    memcpy(copy, r->operands, sizeof(copy));
    if (strcmp(copy, "-"))
        for (char *o = strtok_r(copy, ",", &save); o && r->operand_count < MAX_OPERANDS;
             o = strtok_r(NULL, ",", &save)) {
            snprintf(r->operand[r->operand_count], sizeof(r->operand[0]), "%.*s", (int)sizeof(r->operand[0]) - 1, o);
            gen_operand(g, r, o, r->operand_count++);
        }
    for (char *a = strtok_r(p, " \t", &save); a; a = strtok_r(NULL, " \t", &save))
        parse_attr(g, r, a);
    if (r->feature256[0] && r->form.vex_l != BIT_ANY)
        gen_error(g, r->line, "cpuid256 on a row without both vector lengths");
    if (r->feature256[0]) { /* two rows, one for each length */
        struct Row high = row;
        high.form.vex_l = BIT_SET;
        memcpy(high.feature, row.feature256, sizeof(high.feature));
        finish_row(g, &high);
        if (g->row_count < MAX_ROWS)
            g->row[g->row_count++] = high;
        r->form.vex_l = BIT_CLEAR;
    }
    finish_row(g, r);
    if (cond)
        expand_conditions(g, r);
    else if (g->row_count < MAX_ROWS)
        g->row[g->row_count++] = row;
}

static int find_unit(struct Gen *g, const char *name, const char *headers) {
    for (int u = 0; u < g->unit_count; u++)
        if (!strcmp(g->unit[u].name, name))
            return u;
    if (g->unit_count == MAX_UNITS) {
        gen_error(g, g->line, "too many units");
        return 0;
    }
    snprintf(g->unit[g->unit_count].name, sizeof(g->unit[0].name), "%s", name);
    snprintf(g->unit[g->unit_count].headers, sizeof(g->unit[0].headers), "%s", headers ? headers : name);
    return g->unit_count++;
}

/** A line without comment and leading spaces; NULL: nothing is left. */
static char *strip(char *line) {
    line[strcspn(line, "#\r\n")] = 0;
    line += strspn(line, " \t");
    return *line ? line : NULL;
}

static void parse_line(struct Gen *g, char *p, int *unit) {
    if (!strncmp(p, "%unit", 5)) {
        char *save, *name = strtok_r(p + 5, " \t", &save);
        *unit = find_unit(g, name ? name : "", strtok_r(NULL, " \t", &save));
    } else if (*unit < 0) {
        gen_error(g, g->row_line, "no %%unit before the first row");
    } else {
        parse_row(g, p, *unit);
    }
}

void gen_parse(struct Gen *g) {
    FILE *f = fopen(g->tab, "r");
    if (!f) {
        fprintf(stderr, "x86gen: cannot open %s\n", g->tab);
        exit(2);
    }
    struct Row *bad = &g->row[g->row_count++]; /* row 0: what no row matches */
    snprintf(bad->mnemonic, sizeof(bad->mnemonic), "(bad)");
    snprintf(bad->operands, sizeof(bad->operands), "-");
    bad->fact.exit = EXIT_NONE;
    bad->fact.faults = 1u << VEC_UD;
    char buf[512], whole[1024] = "";
    int unit = -1;
    while (fgets(buf, sizeof(buf), f)) {
        g->line++;
        char *p = strip(buf);
        if (!p)
            continue;
        if (*p == '+') { /* more of the row before */
            if (!*whole)
                gen_error(g, g->line, "no row before '+'");
            size_t n = strlen(whole);
            snprintf(whole + n, sizeof(whole) - n, " %s", p + 1);
            continue;
        }
        if (*whole)
            parse_line(g, whole, &unit);
        snprintf(whole, sizeof(whole), "%s", p);
        g->row_line = g->line;
    }
    if (*whole)
        parse_line(g, whole, &unit);
    fclose(f);
    if (g->row_count == MAX_ROWS)
        gen_error(g, g->line, "more than %d rows", MAX_ROWS);
}
