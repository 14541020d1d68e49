/* SPDX-License-Identifier: MIT */
/**
 * x86gen, run at build time: reads x86.tab, checks it, and writes the decoder's tables. What an engine makes of the
 * rows it writes itself, and brings main() (accel/tcg-lite/gen/).
 */
#ifndef TWIN86_ISA_GEN_H
#define TWIN86_ISA_GEN_H

#include "isa/isa.h"

#include <stdio.h>

enum { MAX_ROWS = 4096, MAX_UNITS = 64, NAME_MAX_LEN = 48, MAX_OPERANDS = 5 };

/** A row as written, taken apart. */
struct Row {
    int line;
    int unit;
    char opcode[40], mnemonic[NAME_MAX_LEN], operands[NAME_MAX_LEN], shape[NAME_MAX_LEN], kernel[NAME_MAX_LEN];
    char operand[MAX_OPERANDS][12];
    int operand_count;
    char feature[32], feature256[32]; /* feature256: with VEX.L, where that is another */
    char rule[NAME_MAX_LEN];          /* of the vendors' differences, which side of which is form.vendor_side; or "" */
    /* where it is found */
    enum X86Map map;
    uint8_t first, last; /* opcode bytes */
    bool cold, hot, xmchk, cpl0, has_mem, has_reg;
    uint8_t flags_read, flags_sure, flags_maybe, flags_undefined, flags_kept; /* FB_* */
    struct X86Form form;
    struct X86Row fact; /* what gen_facts.c reads */
    /* the engine's */
    uint32_t fn, fn_kinds;
};

struct Unit {
    char name[NAME_MAX_LEN], headers[NAME_MAX_LEN]; /* headers: the NAME of shapes_NAME.h, kernels_NAME.h */
    char shapes[256], kernels[256];                 /* those files below the header folder; "" where there is none */
};

struct Gen {
    const char *tab, *headers, *out;
    bool lenient;
    bool general; /* of each instruction its general form alone */
    int line, errors;
    int row_line; /* where the row begins */
    struct Unit unit[MAX_UNITS];
    int unit_count;
    struct Row row[MAX_ROWS];
    int row_count;
    char *text; /* all headers, to look names up in */
};

void gen_error(struct Gen *g, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void gen_parse(struct Gen *g);
/** Take operand number `index` of row r into account (gen_operands.c). */
void gen_operand(struct Gen *g, struct Row *r, const char *op, int index);
void gen_want_size(struct Row *r, enum X86Size s);
/** An attribute that is a fact: false if it is none. gen_finish_facts: what follows from all of the row. gen_emit_fact:
 *  the facts as initializers of struct X86Row (gen_facts.c). */
bool gen_parse_fact(struct Gen *g, struct Row *r, const char *attribute);
void gen_finish_facts(struct Gen *g, struct Row *r);
void gen_emit_fact(const struct Row *r, FILE *o);
/** Refuse rows that overlap (gen_check.c). */
void gen_check_overlaps(struct Gen *g);
void gen_emit_tables(struct Gen *g);
/** A file in the making; gen_finish writes it below g->out, unless it holds just that already: what has not changed
 * need not be compiled again (gen_tables.c). */
FILE *gen_begin(char **buf, size_t *len);
void gen_finish(struct Gen *g, FILE *o, char **buf, size_t *len, const char *name);

#endif
