/* SPDX-License-Identifier: MIT */
/* See expr.h: precedence climbing. */
#include "control/monitor/expr.h"
#include "base/why.h"
#include "debug/peek.h"
#include "machine/regs.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct Parser {
    const CPUX86State *env;
    const struct Symbols *symbols;
    const char *at;
    unsigned depth;
    char *why;
    size_t n;
};

__attribute__((format(printf, 2, 3))) static bool wrong(const struct Parser *p, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(p->why, p->n, 0, format, ap);
    va_end(ap);
    return false;
}

static void skip_blanks(struct Parser *p) {
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

/* ---- registers ---- */

/* Names that are parts of registers, or other words for them. */
static const struct {
    const char *name, *whole;
    uint8_t shift, bits;
} parts[] = {
    {"eax", "rax", 0, 32},
    {"ecx", "rcx", 0, 32},
    {"edx", "rdx", 0, 32},
    {"ebx", "rbx", 0, 32},
    {"esp", "rsp", 0, 32},
    {"ebp", "rbp", 0, 32},
    {"esi", "rsi", 0, 32},
    {"edi", "rdi", 0, 32},
    {"ax", "rax", 0, 16},
    {"cx", "rcx", 0, 16},
    {"dx", "rdx", 0, 16},
    {"bx", "rbx", 0, 16},
    {"al", "rax", 0, 8},
    {"cl", "rcx", 0, 8},
    {"dl", "rdx", 0, 8},
    {"bl", "rbx", 0, 8},
    {"ah", "rax", 8, 8},
    {"ch", "rcx", 8, 8},
    {"dh", "rdx", 8, 8},
    {"bh", "rbx", 8, 8},
    {"bp", "rbp", 0, 16},
    {"si", "rsi", 0, 16},
    {"di", "rdi", 0, 16},
    {"sp", "rsp", 0, 64},
    {"r8d", "r8", 0, 32},
    {"r9d", "r9", 0, 32},
    {"r10d", "r10", 0, 32},
    {"r11d", "r11", 0, 32},
    {"r12d", "r12", 0, 32},
    {"r13d", "r13", 0, 32},
    {"r14d", "r14", 0, 32},
    {"r15d", "r15", 0, 32},
    {"eip", "rip", 0, 32},
    {"eflags", "rflags", 0, 32},
    {"fs_base", "fs.base", 0, 64},
    {"gs_base", "gs.base", 0, 64},
    {"k_gs_base", "kernel_gs_base", 0, 64},
};

bool expr_register(const CPUX86State *env, const char *name, size_t length, uint64_t *value) {
    char text[24];
    unsigned shift = 0, bits = 64;
    if (length >= sizeof(text))
        return false;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)tolower((unsigned char)name[i]);
    text[length] = '\0';
    if (strcmp(text, "pc") == 0) { /* linear, so that x/i $pc is right in every mode */
        *value = peek_linear(env, SEG_CS, env->rip);
        return true;
    }
    const char *whole = text;
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(parts[i].name, text) == 0) {
            whole = parts[i].whole;
            shift = parts[i].shift;
            bits = parts[i].bits;
            break;
        }
    }
    if (reg_read(env, reg_by_name(whole), value) != 0)
        return false;
    *value >>= shift;
    if (bits < 64)
        *value &= (1ull << bits) - 1;
    return true;
}

/* ---- operands ---- */

static bool parse_binary(struct Parser *p, unsigned least, uint64_t *value);

static bool parse_register(struct Parser *p, uint64_t *value) {
    const char *name = ++p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_' || *p->at == '.')
        p->at++;
    size_t length = (size_t)(p->at - name);
    return expr_register(p->env, name, length, value) ||
           wrong(p, "unknown register '$%.*s'", length < 40 ? (int)length : 40, name);
}

static bool parse_symbol(struct Parser *p, uint64_t *value) {
    char name[256];
    size_t n = 0;
    while (isalnum((unsigned char)p->at[n]) || (p->at[n] != '\0' && strchr("_.$@", p->at[n]) != NULL))
        n++;
    snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name)), p->at);
    if (p->symbols == NULL || !symbols_value(p->symbols, name, value))
        return wrong(p, "unknown symbol '%.40s'%s", name, p->symbols == NULL ? "; none are known (-symbols FILE)" : "");
    p->at += n;
    return true;
}

static bool parse_number(struct Parser *p, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(p->at, &end, 0);
    if (errno != 0)
        return wrong(p, "a number of more than 64 bits");
    if (isalnum((unsigned char)*end) || *end == '_')
        return wrong(p, "invalid digit '%c' in a number", *end);
    p->at = end;
    return true;
}

static bool parse_operand(struct Parser *p, uint64_t *value) {
    skip_blanks(p);
    char c = *p->at;
    if (isdigit((unsigned char)c))
        return parse_number(p, value);
    if (c == '$')
        return parse_register(p, value);
    if (isalpha((unsigned char)c) || c == '_')
        return parse_symbol(p, value);
    if (c == '\'') {
        if (p->at[1] == '\0' || p->at[2] != '\'')
            return wrong(p, "a character is written 'A'");
        *value = (unsigned char)p->at[1];
        p->at += 3;
        return true;
    }
    if (c == '\0')
        return wrong(p, "the expression is incomplete");
    if (strchr("(-+~!", c) == NULL)
        return wrong(p, isprint((unsigned char)c) ? "unexpected '%c' in the expression" : "unexpected byte %02xh",
                     (unsigned char)c);
    if (p->depth == DEPTH_MAX)
        return wrong(p, "the expression is nested too deeply");
    p->depth++;
    p->at++;
    bool ok = c == '(' ? parse_binary(p, 0, value) : parse_operand(p, value);
    p->depth--;
    if (!ok)
        return false;
    switch (c) {
    case '-': *value = -*value; break;
    case '~': *value = ~*value; break;
    case '!': *value = !*value; break;
    case '(':
        skip_blanks(p);
        if (*p->at != ')')
            return wrong(p, "')' is missing");
        p->at++;
        break;
    default: break;
    }
    return true;
}

/* ---- operators ---- */

/* In groups from the weakest on, as in C. */
static const struct Operator {
    char text[3];
    uint8_t level;
} operators[] = {
    {"|", 1}, {"^", 2}, {"&", 3}, {"<<", 4}, {">>", 4}, {"+", 5}, {"-", 5}, {"*", 6}, {"/", 6}, {"%", 6},
};

static const struct Operator *next_operator(struct Parser *p) {
    skip_blanks(p);
    for (unsigned i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strncmp(p->at, operators[i].text, strlen(operators[i].text)) == 0)
            return &operators[i];
    return NULL;
}

static bool apply(const struct Parser *p, const char *op, uint64_t right, uint64_t *value) {
    switch (op[0]) {
    case '|': *value |= right; break;
    case '^': *value ^= right; break;
    case '&': *value &= right; break;
    case '<': *value = right < 64 ? *value << right : 0; break;
    case '>': *value = right < 64 ? *value >> right : 0; break;
    case '+': *value += right; break;
    case '-': *value -= right; break;
    case '*': *value *= right; break;
    default:
        if (right == 0)
            return wrong(p, "division by zero");
        *value = op[0] == '/' ? *value / right : *value % right;
        break;
    }
    return true;
}

/* An operand and all operators of a level above `least` that follow it. */
static bool parse_binary(struct Parser *p, unsigned least, uint64_t *value) {
    if (!parse_operand(p, value))
        return false;
    for (;;) {
        const struct Operator *op = next_operator(p);
        uint64_t right;
        if (op == NULL || op->level <= least)
            return true;
        p->at += strlen(op->text);
        if (!parse_binary(p, op->level, &right) || !apply(p, op->text, right, value))
            return false;
    }
}

int expr_eval(const CPUX86State *env, const struct Symbols *symbols, const char **text, uint64_t *value, char *why,
              size_t n) {
    struct Parser p = {.env = env, .symbols = symbols, .at = *text, .why = why, .n = n};
    if (!parse_binary(&p, 0, value))
        return -EINVAL;
    skip_blanks(&p);
    *text = p.at;
    return 0;
}
