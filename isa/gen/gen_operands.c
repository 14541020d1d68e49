/* SPDX-License-Identifier: MIT */
/** x86gen: what the operand codes of SDM vol. 2, appendix A say about a row. */
#include "isa/gen/gen.h"

#include <string.h>

/** What a size of a code (the part after the letter) means; others say nothing. */
static const struct {
    const char *code;
    enum X86Size size;
} sizes[] = {
    {"b", SIZE_B}, {"w", SIZE_W},  {"d", SIZE_D}, {"q", SIZE_Q},  {"v", SIZE_V},  {"z", SIZE_Z},
    {"y", SIZE_Y}, {"dq", SIZE_X}, {"x", SIZE_X}, {"ps", SIZE_X}, {"pd", SIZE_X}, {"qq", SIZE_X},
};
static const char silent_sizes[] = "  a p pi s sd ss si t "; /* known, but of no consequence here */

/** Operands that stand for themselves. */
static const struct {
    const char *name;
    enum X86Size size;
    uint8_t imm_kind;
} fixed[] = {
    {"AL", SIZE_B, 0},  {"AH", SIZE_B, 0},  {"CL", SIZE_B, 0},  {"AX", SIZE_W, 0}, {"eAX", SIZE_Z, 0},
    {"rAX", SIZE_V, 0}, {"rCX", SIZE_V, 0}, {"rBP", SIZE_V, 0}, {"1", 0, IMM_ONE}, {"3", SIZE_NONE, 0},
    {"DX", 0, 0},       {"ST0", 0, 0},      {"STi", 0, 0},      {"XMM0", 0, 0},    {"ES", SIZE_NONE, 0},
    {"CS", 0, 0},       {"SS", 0, 0},       {"DS", 0, 0},       {"FS", 0, 0},      {"GS", SIZE_NONE, 0},
};

enum Place { PLACE_NONE, PLACE_REG, PLACE_RM, PLACE_VVVV, PLACE_OPCODE, PLACE_IMM };
enum { FORM_MEM = 1, FORM_REG = 2, FORM_BOTH = 3 };

/** The letters. KIND_GPR becomes KIND_GPR8 for bytes; SIZE_COUNT: as the code says. */
static const struct {
    char letter;
    enum Place place;
    enum X86RegKind kind;
    uint8_t forms; /* of ModRM.rm: which are allowed */
    enum X86Size size;
    uint32_t attr;
} letters[] = {
    {'G', PLACE_REG, KIND_GPR, 0, SIZE_COUNT, 0},
    {'E', PLACE_RM, KIND_GPR, FORM_BOTH, SIZE_COUNT, 0},
    {'M', PLACE_RM, KIND_GPR, FORM_MEM, SIZE_COUNT, 0},
    {'R', PLACE_RM, KIND_GPR, FORM_REG, SIZE_COUNT, 0},
    {'S', PLACE_REG, KIND_SEG, 0, SIZE_W, 0},
    {'C', PLACE_REG, KIND_CR, 0, SIZE_NONE, ATTR_MODREG},
    {'D', PLACE_REG, KIND_DR, 0, SIZE_NONE, ATTR_MODREG},
    {'P', PLACE_REG, KIND_MMX, 0, SIZE_MMX, 0},
    {'Q', PLACE_RM, KIND_MMX, FORM_BOTH, SIZE_MMX, 0},
    {'N', PLACE_RM, KIND_MMX, FORM_REG, SIZE_MMX, 0},
    {'V', PLACE_REG, KIND_VEC, 0, SIZE_X, 0},
    {'W', PLACE_RM, KIND_VEC, FORM_BOTH, SIZE_X, 0},
    {'U', PLACE_RM, KIND_VEC, FORM_REG, SIZE_X, 0},
    {'B', PLACE_VVVV, KIND_GPR, 0, SIZE_COUNT, 0},
    {'H', PLACE_VVVV, KIND_VEC, 0, SIZE_X, 0},
    {'Z', PLACE_OPCODE, KIND_GPR, 0, SIZE_COUNT, ATTR_OPREG},
    {'I', PLACE_IMM, 0, 0, SIZE_COUNT, 0},
    {'J', PLACE_IMM, 0, 0, SIZE_V, 0},
    {'A', PLACE_IMM, 0, 0, SIZE_V, 0},
    {'O', PLACE_IMM, 0, 0, SIZE_COUNT, 0},
    {'L', PLACE_IMM, 0, 0, SIZE_X, 0},
    {'F', PLACE_NONE, 0, 0, SIZE_V, 0},
    {'X', PLACE_NONE, 0, 0, SIZE_COUNT, 0},
    {'Y', PLACE_NONE, 0, 0, SIZE_COUNT, 0},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/** Which size wins when operands differ: the one that varies. Among fixed ones the first operand: the destination. */
static int size_rank(enum X86Size s) {
    static const int rank[SIZE_COUNT] = {[SIZE_NONE] = 0, [SIZE_B] = 1, [SIZE_W] = 1, [SIZE_D] = 1, [SIZE_Q] = 1,
                                         [SIZE_MMX] = 3,  [SIZE_X] = 4, [SIZE_Z] = 6, [SIZE_Y] = 7, [SIZE_V] = 8};
    return rank[s];
}

void gen_want_size(struct Row *r, enum X86Size s) {
    if (size_rank(s) > size_rank(r->form.size))
        r->form.size = s;
}

static bool in_words(const char *s, const char *list) {
    char pattern[24];
    snprintf(pattern, sizeof(pattern), " %s ", s);
    return strstr(list, pattern) != NULL;
}

/** The size that a code names, SIZE_NONE for the silent ones, SIZE_COUNT for unknown ones. */
static enum X86Size size_of_code(const char *code) {
    for (unsigned k = 0; k < COUNT(sizes); k++)
        if (!strcmp(code, sizes[k].code))
            return sizes[k].size;
    return !*code || in_words(code, silent_sizes) ? SIZE_NONE : SIZE_COUNT;
}

static enum X86ImmKind imm_kind(char letter, const char *code) {
    switch (letter) {
    case 'J': return *code == 'b' ? IMM_JB : IMM_JZ;
    case 'A': return IMM_FAR;
    case 'O': return IMM_MOFFS;
    case 'L': return IMM_B;
    default:
        return *code == 'b' ? IMM_B : *code == 'w' ? IMM_W : *code == 'z' ? IMM_Z : *code == 'v' ? IMM_V : IMM_NONE;
    }
}

static void add_imm(struct Gen *g, struct Row *r, char letter, const char *code) {
    enum X86ImmKind n = imm_kind(letter, code), old = r->form.imm_kind;
    if (n == IMM_NONE)
        gen_error(g, r->line, "unknown immediate %c%s", letter, code);
    else if (old && !(n == IMM_B && (old == IMM_W || old == IMM_B)))
        gen_error(g, r->line, "these two immediates cannot be together");
    r->form.imm_kind = old == IMM_W ? IMM_WB : old == IMM_B ? IMM_BB : n;
}

void gen_operand(struct Gen *g, struct Row *r, const char *op, int index) {
    for (unsigned k = 0; k < COUNT(fixed); k++) {
        if (!strcmp(op, fixed[k].name)) {
            gen_want_size(r, fixed[k].size);
            if (fixed[k].imm_kind)
                r->form.imm_kind = fixed[k].imm_kind;
            return;
        }
    }
    unsigned n = 0;
    while (n < COUNT(letters) && letters[n].letter != op[0])
        n++;
    enum X86Size code_size = size_of_code(op + 1);
    if (n == COUNT(letters) || code_size == SIZE_COUNT) {
        gen_error(g, r->line, "unknown operand '%s'", op);
        return;
    }
    enum X86Size size = letters[n].size == SIZE_COUNT ? code_size : letters[n].size;
    enum X86RegKind kind = letters[n].kind == KIND_GPR && code_size == SIZE_B ? KIND_GPR8 : letters[n].kind;
    struct X86Form *f = &r->form;
    f->attr |= letters[n].attr;
    switch (letters[n].place) {
    case PLACE_REG:
        f->reg_kind = kind;
        f->attr |= ATTR_MODRM | (kind == KIND_SEG && index == 0 ? ATTR_SEG_DEST : 0);
        break;
    case PLACE_RM:
        f->rm_kind = kind;
        f->attr |= ATTR_MODRM;
        f->mod_mem &= (letters[n].forms & FORM_MEM) != 0;
        f->mod_reg &= (letters[n].forms & FORM_REG) != 0;
        break;
    case PLACE_VVVV: f->vvvv_kind = kind; break;
    case PLACE_OPCODE: f->attr |= kind == KIND_GPR8 ? ATTR_OPREG8 : 0; break;
    case PLACE_IMM:
        add_imm(g, r, op[0], op + 1);
        if (op[0] == 'I') { /* says something only when nothing else does */
            if (f->size == SIZE_NONE)
                f->size = size == SIZE_Z ? SIZE_V : size;
            return;
        }
        break;
    default: break;
    }
    gen_want_size(r, size);
}
