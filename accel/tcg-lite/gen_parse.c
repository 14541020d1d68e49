/* SPDX-License-Identifier: MIT */
/** x86gen: reads x86.tab into rows. */
#include "accel/tcg-lite/decode.h"
#include "accel/tcg-lite/gen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const cond_names[16] = {"O", "NO", "B",  "AE", "E", "NE", "BE", "A",
                                           "S", "NS", "P", "NP", "L", "GE", "LE", "G"};
static const uint8_t cond_flags[8] = {FB_O, FB_C, FB_Z, FB_C | FB_Z, FB_S, FB_P, FB_S | FB_O, FB_S | FB_O | FB_Z};

bool gen_is_help(const struct Row *r) {
    return !strcmp(r->shape, "help") || !strcmp(r->shape, "help_next") || !strcmp(r->shape, "help_jump");
}

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
    r->map = MAP_VEX;
    char *save;
    strtok_r(word, ".", &save);
    for (char *p; (p = strtok_r(NULL, ".", &save));) {
        if (!strcmp(p, "128")) r->form.vex_l = BIT_CLEAR;
        else if (!strcmp(p, "256")) r->form.vex_l = BIT_SET;
        else if (!strcmp(p, "lig")) r->form.vex_l = BIT_ANY;
        else if (!strcmp(p, "np")) r->form.prefixes = PFX_NP;
        else if (!strcmp(p, "66")) r->form.prefixes = PFX_66;
        else if (!strcmp(p, "f3")) r->form.prefixes = PFX_F3;
        else if (!strcmp(p, "f2")) r->form.prefixes = PFX_F2;
        else if (!strcmp(p, "0f")) r->map = MAP_VEX_0F;
        else if (!strcmp(p, "0f38")) r->map = MAP_VEX_0F38;
        else if (!strcmp(p, "0f3a")) r->map = MAP_VEX_0F3A;
        else if (!strcmp(p, "w0")) r->form.vex_w = BIT_CLEAR;
        else if (!strcmp(p, "w1")) r->form.vex_w = BIT_SET;
        else if (!strcmp(p, "wig")) r->form.vex_w = BIT_ANY;
        else gen_error(g, r->line, "unknown part '%s' of a VEX opcode", p);
    }
    if (r->map == MAP_VEX || !r->form.prefixes)
        gen_error(g, r->line, "a VEX opcode needs np, 66, f3 or f2 and 0f, 0f38 or 0f3a");
}

/** The opcode column: prefix rule, escape bytes, opcode byte, ModRM rules. */
static void parse_opcode(struct Gen *g, struct Row *r, bool *cond) {
    char copy[64], *save;
    snprintf(copy, sizeof copy, "%s", r->opcode);
    r->form.prefixes = PFX_ANY;
    r->form.vex_l = r->form.vex_w = r->form.rex_b = BIT_ANY;
    r->form.mod_mem = r->form.mod_reg = true;
    bool have_op = false;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        unsigned v;
        bool vex = r->form.attr & ATTR_VEX;
        if (!strncmp(w, "vex.", 4)) {
            parse_vex(g, r, w);
        } else if (!strcmp(w, "np")) {
            r->form.prefixes = PFX_NP;
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

static bool one_of(const char *s, const char *list) {
    char pattern[24];
    snprintf(pattern, sizeof pattern, " %s ", s);
    return strstr(list, pattern) != NULL;
}

/** Which size wins when operands differ: the one that varies. */
static int size_rank(enum X86Size s) {
    static const int rank[SIZE_COUNT] = {[SIZE_NONE] = 0, [SIZE_B] = 1, [SIZE_W] = 1, [SIZE_D] = 1,   [SIZE_Q] = 1,
                                         [SIZE_MMX] = 3,  [SIZE_X] = 4, [SIZE_Z] = 6, [SIZE_Y] = 7, [SIZE_V] = 8};
    return rank[s];
}

static void want_size(struct Row *r, enum X86Size s, bool weak) {
    /* Among fixed sizes the first operand decides: it is the destination. `weak`: an immediate, if nothing else does. */
    if (size_rank(s) > size_rank(r->form.size) && !(weak && r->form.size != SIZE_NONE))
        r->form.size = s;
}

static enum X86Size size_of_code(const char *s) {
    if (!strcmp(s, "b")) return SIZE_B;
    if (!strcmp(s, "w")) return SIZE_W;
    if (!strcmp(s, "d")) return SIZE_D;
    if (!strcmp(s, "q")) return SIZE_Q;
    if (!strcmp(s, "v")) return SIZE_V;
    if (!strcmp(s, "z")) return SIZE_Z;
    if (!strcmp(s, "y")) return SIZE_Y;
    if (one_of(s, " dq x ps pd qq ")) return SIZE_X;
    return SIZE_NONE;
}

static void operand_reg(struct Row *r, enum X86RegKind k) { r->form.reg_kind = k; r->form.attr |= ATTR_MODRM; }
static void operand_rm(struct Row *r, enum X86RegKind k, bool mem, bool reg) {
    r->form.rm_kind = k;
    r->form.attr |= ATTR_MODRM;
    r->form.mod_mem &= mem;
    r->form.mod_reg &= reg;
}

static void operand_imm(struct Gen *g, struct Row *r, const char *code) {
    uint8_t *k = &r->form.imm_kind;
    enum X86ImmKind n = !strcmp(code, "b") ? IMM_B : !strcmp(code, "w") ? IMM_W : !strcmp(code, "z") ? IMM_Z
                      : !strcmp(code, "v") ? IMM_V : IMM_NONE;
    if (n == IMM_NONE)
        gen_error(g, r->line, "unknown immediate I%s", code);
    if (*k == IMM_W && n == IMM_B)
        n = IMM_WB;
    else if (*k == IMM_B && n == IMM_B)
        n = IMM_BB;
    else if (*k)
        gen_error(g, r->line, "these two immediates cannot be together");
    *k = n;
}

static void parse_operand(struct Gen *g, struct Row *r, const char *op, int index) {
    if (one_of(op, " AL AH CL ")) {
        want_size(r, SIZE_B, false);
        return;
    }
    if (one_of(op, " AX ")) {
        want_size(r, SIZE_W, false);
        return;
    }
    if (one_of(op, " DX 3 ST0 STi XMM0 ES CS SS DS FS GS "))
        return;
    if (!strcmp(op, "rAX") || !strcmp(op, "rCX") || !strcmp(op, "rBP")) {
        want_size(r, SIZE_V, false);
        return;
    }
    if (!strcmp(op, "eAX")) {
        want_size(r, SIZE_Z, false);
        return;
    }
    if (!strcmp(op, "1")) {
        r->form.imm_kind = IMM_ONE;
        return;
    }
    const char *code = op + 1;
    if (*code && !one_of(code, " a b d dq p pd pi ps q qq s sd ss si t v w x y z ")) {
        gen_error(g, r->line, "unknown operand '%s'", op);
        return;
    }
    bool byte = !strcmp(code, "b");
    enum X86RegKind gpr = byte ? KIND_GPR8 : KIND_GPR;
    enum X86Size size = size_of_code(code);
    switch (op[0]) {
    case 'G': operand_reg(r, gpr); break;
    case 'E': operand_rm(r, gpr, true, true); break;
    case 'M': operand_rm(r, gpr, true, false); break;
    case 'R': operand_rm(r, gpr, false, true); break;
    case 'S': operand_reg(r, KIND_SEG); size = SIZE_W; if (index == 0) r->form.attr |= ATTR_SEG_DEST; break;
    case 'C': operand_reg(r, KIND_CR); r->form.attr |= ATTR_MODREG; size = SIZE_NONE; break;
    case 'D': operand_reg(r, KIND_DR); r->form.attr |= ATTR_MODREG; size = SIZE_NONE; break;
    case 'P': operand_reg(r, KIND_MMX); size = SIZE_MMX; break;
    case 'Q': operand_rm(r, KIND_MMX, true, true); size = SIZE_MMX; break;
    case 'N': operand_rm(r, KIND_MMX, false, true); size = SIZE_MMX; break;
    case 'V': operand_reg(r, KIND_VEC); size = SIZE_X; break;
    case 'W': operand_rm(r, KIND_VEC, true, true); size = SIZE_X; break;
    case 'U': operand_rm(r, KIND_VEC, false, true); size = SIZE_X; break;
    case 'B': r->form.vvvv_kind = KIND_GPR; break;
    case 'H': r->form.vvvv_kind = KIND_VEC; size = SIZE_X; break;
    case 'Z': /* the register in the opcode's low three bits */
        r->form.attr |= ATTR_OPREG | (byte ? ATTR_OPREG8 : 0);
        break;
    case 'I': operand_imm(g, r, code); want_size(r, size == SIZE_Z ? SIZE_V : size, true); return;
    case 'J':
        r->form.imm_kind = byte ? IMM_JB : IMM_JZ;
        want_size(r, SIZE_V, false);
        return;
    case 'A': r->form.imm_kind = IMM_FAR; want_size(r, SIZE_V, false); return;
    case 'O': r->form.imm_kind = IMM_MOFFS; break;
    case 'F': want_size(r, SIZE_V, false); return;
    case 'X': case 'Y': break;
    case 'L': r->form.imm_kind = IMM_B; size = SIZE_X; break;
    default: gen_error(g, r->line, "unknown operand '%s'", op); return;
    }
    want_size(r, size, false);
}

static uint8_t parse_flags(struct Gen *g, struct Row *r, const char *s) {
    uint8_t v = 0;
    for (; *s; s++) {
        switch (*s) {
        case 'c': v |= FB_C; break;
        case 'p': v |= FB_P; break;
        case 'a': v |= FB_A; break;
        case 'z': v |= FB_Z; break;
        case 's': v |= FB_S; break;
        case 'o': v |= FB_O; break;
        case 'd': case 'i': break;
        default: gen_error(g, r->line, "unknown flag '%c'", *s);
        }
    }
    return v;
}

static void parse_attr(struct Gen *g, struct Row *r, const char *a) {
    static const struct { const char *name; uint32_t bit; } bits[] = {
        {"lock", ATTR_LOCK}, {"prot", ATTR_PROT}, {"d64", ATTR_D64}, {"f64", ATTR_F64}, {"x87", ATTR_X87},
        {"wait", ATTR_WAIT}, {"mmx", ATTR_MMX},   {"sse", ATTR_SSE}, {"rep", ATTR_REP}, {"repz", ATTR_REP},
        {"flow", ATTR_FLOW}, {"io", ATTR_IO},
    };
    for (unsigned k = 0; k < sizeof bits / sizeof bits[0]; k++) {
        if (!strcmp(a, bits[k].name)) {
            r->form.attr |= bits[k].bit;
            return;
        }
    }
    if (!strncmp(a, "w=", 2)) r->flags_sure = parse_flags(g, r, a + 2);
    else if (!strncmp(a, "w?=", 3)) r->flags_maybe = parse_flags(g, r, a + 3);
    else if (!strncmp(a, "u=", 2)) r->flags_undefined = parse_flags(g, r, a + 2);
    else if (!strncmp(a, "k=", 2)) r->flags_kept = parse_flags(g, r, a + 2);
    else if (!strncmp(a, "r=", 2)) r->flags_read = parse_flags(g, r, a + 2);
    else if (!strncmp(a, "cpuid=", 6)) snprintf(r->feature, sizeof r->feature, "%s", a + 6);
    else if (!strcmp(a, "no64")) r->form.when = WHEN_NOT64;
    else if (!strcmp(a, "only64")) r->form.when = WHEN_64;
    else if (!strcmp(a, "cpl0")) r->cpl0 = true;
    else if (!strcmp(a, "cold")) r->cold = true;
    else if (!strcmp(a, "hot")) r->hot = true;
    else if (!strcmp(a, "xmchk")) r->xmchk = true;
    else if (!strcmp(a, "v")) want_size(r, SIZE_V, false);
    else if (!strcmp(a, "rexw")) r->form.vex_w = BIT_SET;
    else if (!strcmp(a, "norexw")) r->form.vex_w = BIT_CLEAR;
    else if (!strcmp(a, "norexb")) r->form.rex_b = BIT_CLEAR;
    else gen_error(g, r->line, "unknown attribute '%s'", a);
}

/** What follows from operands and attributes together. */
static void finish_row(struct Gen *g, struct Row *r) {
    struct X86Form *f = &r->form;
    bool vec = f->reg_kind == KIND_VEC || f->rm_kind == KIND_VEC, mmx = f->reg_kind == KIND_MMX || f->rm_kind == KIND_MMX;
    if (vec && !strncmp(r->feature, "sse", 3))
        f->attr |= ATTR_SSE;
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
}

static void expand_conditions(struct Gen *g, const struct Row *base) {
    for (unsigned c = 0; c < 16 && g->row_count < MAX_ROWS; c++) {
        struct Row *r = &g->row[g->row_count++];
        *r = *base;
        r->first = r->last = (uint8_t)(base->first + c);
        snprintf(r->mnemonic + strlen(base->mnemonic), sizeof r->mnemonic - strlen(base->mnemonic), "%s", cond_names[c]);
        if (!strcmp(base->kernel, "cond")) {
            char name[4];
            unsigned n = 0;
            for (; cond_names[c][n]; n++)
                name[n] = (char)tolower((unsigned char)cond_names[c][n]);
            name[n] = 0;
            snprintf(r->kernel, sizeof r->kernel, "cond_%s", name);
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
    r->line = g->line;
    r->unit = unit;
    r->form.when = WHEN_64 | WHEN_NOT64;
    char *p = line;
    if (!opcode_column(&p, r->opcode, sizeof r->opcode) || !column(&p, r->mnemonic, sizeof r->mnemonic) ||
        !column(&p, r->operands, sizeof r->operands) || !column(&p, r->shape, sizeof r->shape) ||
        !column(&p, r->kernel, sizeof r->kernel)) {
        gen_error(g, g->line, "a row needs opcode, mnemonic, operands, shape, kernel");
        return;
    }
    bool cond = false;
    parse_opcode(g, r, &cond);
    char copy[NAME_MAX_LEN], *save;
    memcpy(copy, r->operands, sizeof copy);
    if (strcmp(copy, "-"))
        for (char *o = strtok_r(copy, ",", &save); o && r->operand_count < MAX_OPERANDS; o = strtok_r(NULL, ",", &save)) {
            snprintf(r->operand[r->operand_count], sizeof r->operand[0], "%.*s", (int)sizeof r->operand[0] - 1, o);
            parse_operand(g, r, o, r->operand_count++);
        }
    for (char *a = strtok_r(p, " \t", &save); a; a = strtok_r(NULL, " \t", &save))
        parse_attr(g, r, a);
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
    snprintf(g->unit[g->unit_count].name, sizeof g->unit[0].name, "%s", name);
    snprintf(g->unit[g->unit_count].headers, sizeof g->unit[0].headers, "%s", headers ? headers : name);
    return g->unit_count++;
}

void gen_parse(struct Gen *g) {
    FILE *f = fopen(g->tab, "r");
    if (!f) {
        fprintf(stderr, "x86gen: cannot open %s\n", g->tab);
        exit(2);
    }
    struct Row *bad = &g->row[g->row_count++]; /* row 0: what no row matches */
    snprintf(bad->mnemonic, sizeof bad->mnemonic, "(bad)");
    snprintf(bad->operands, sizeof bad->operands, "-");
    char buf[512];
    int unit = -1;
    while (fgets(buf, sizeof buf, f)) {
        g->line++;
        buf[strcspn(buf, "#\r\n")] = 0;
        char *p = buf + strspn(buf, " \t");
        if (!*p)
            continue;
        if (!strncmp(p, "%unit", 5)) {
            char *save, *name = strtok_r(p + 5, " \t", &save);
            unit = find_unit(g, name ? name : "", strtok_r(NULL, " \t", &save));
        } else if (unit < 0) {
            gen_error(g, g->line, "no %%unit before the first row");
        } else {
            parse_row(g, p, unit);
        }
    }
    fclose(f);
    if (g->row_count == MAX_ROWS)
        gen_error(g, g->line, "more than %d rows", MAX_ROWS);
}
