/* SPDX-License-Identifier: MIT */
/** x86gen: from x86.tab to decoder tables and exec functions, at build time. */
#ifndef TWIN86_TCG_GEN_H
#define TWIN86_TCG_GEN_H

#include "isa/decode.h"
#include "isa/decode_tables.h"

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
};

struct Unit {
    char name[NAME_MAX_LEN], headers[NAME_MAX_LEN]; /* headers: the NAME of shapes_NAME.h, kernels_NAME.h */
    char shapes[256], kernels[256];                 /* those files below the header folder; "" where there is none */
};

struct Gen {
    const char *tab, *headers, *out;
    const char *const *fusions; /* files, then NULL */
    bool lenient;
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
void gen_check(struct Gen *g);
void gen_emit(struct Gen *g);
/** True when some header of the engine mentions `name` followed by '('. */
bool gen_known(const struct Gen *g, const char *name);
bool gen_is_help(const struct Row *r);

#endif
