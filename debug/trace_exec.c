/* SPDX-License-Identifier: MIT */
/*
 * Lines for instructions. Disassembling takes a microsecond or two, so the text of a line is kept by address and bytes:
 * a guest executes the same instructions over and over.
 */
#include "debug/cpu_dump.h"
#include "debug/peek.h"
#include "debug/trace_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_BITS = 14, LINE_TEXT = 208, LINE_LONGEST = 480 };

struct Line {
    uint64_t rip;
    uint16_t cs, length; /* length 0: free */
    uint8_t mode, size;  /* bytes of the instruction */
    uint8_t bytes[DISAS_MAX_INSN];
    bool wide;
    char text[LINE_TEXT];
};

struct TraceLines {
    struct Line line[1 << LINES_BITS];
    char longest[LINE_LONGEST]; /* of a line that is too long to be kept */
};

struct TraceLines *trace_lines_new(void) { return calloc(1, sizeof(struct TraceLines)); }

static char *put_hex(char *p, uint64_t v, unsigned digits) {
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = digits; i-- > 0; v >>= 4)
        p[i] = hex[v & 15];
    return p + digits;
}

/* "0008:00100020  ", then the bytes in a column wide enough for most. */
static char *put_place(char *p, bool wide, uint16_t cs, uint64_t rip) {
    p = put_hex(p, cs, 4);
    *p++ = ':';
    return put_hex(p, rip, wide ? 16 : rip > 0xffff ? 8 : 4);
}

static char *put_bytes(char *p, const uint8_t *bytes, unsigned n) {
    char *column = p + 24;
    for (unsigned i = 0; i < n; i++) {
        p = put_hex(p, bytes[i], 2);
        *p++ = ' ';
    }
    while (p < column)
        *p++ = ' ';
    return p;
}

static unsigned format(struct Trace *t, const struct DisasLine *d, bool wide, uint16_t cs, char text[LINE_LONGEST]) {
    char *p = put_place(text, wide, cs, d->address), symbol[128];
    *p++ = ' ';
    *p++ = ' ';
    p = put_bytes(p, d->bytes, d->size);
    int n = snprintf(p, LINE_LONGEST - (size_t)(p - text), " %s%s\n", d->text,
                     symbols_text(t->config.symbols, d->address, symbol, sizeof(symbol)));
    return (unsigned)(p - text) + (unsigned)n;
}

static bool is_it(const struct Line *l, enum DisasMode mode, bool wide, uint16_t cs, uint64_t rip, const uint8_t *bytes,
                  unsigned n) {
    return l->length != 0 && l->rip == rip && l->cs == cs && l->mode == mode && l->wide == wide && l->size <= n &&
           memcmp(l->bytes, bytes, l->size) == 0;
}

const char *trace_insn_text(struct Trace *t, enum DisasMode mode, bool wide, uint16_t cs, uint64_t rip,
                            const uint8_t *bytes, unsigned n, unsigned *length) {
    struct TraceLines *lines = t->lines;
    struct Line *l = &lines->line[(rip ^ (rip >> LINES_BITS)) & ((1u << LINES_BITS) - 1)];
    if (is_it(l, mode, wide, cs, rip, bytes, n)) {
        *length = l->length;
        return l->text;
    }
    struct DisasLine d;
    disas_bytes(t->disas, mode, rip, bytes, n, &d);
    *length = format(t, &d, wide, cs, lines->longest);
    if (*length >= LINE_TEXT || d.size == 0)
        return lines->longest;
    *l = (struct Line){
        .rip = rip, .cs = cs, .length = (uint16_t)*length, .mode = (uint8_t)mode, .size = d.size, .wide = wide};
    memcpy(l->bytes, d.bytes, d.size);
    memcpy(l->text, lines->longest, *length);
    return l->text;
}

/* "%12u  " */
static unsigned put_number(char *text, uint64_t v) {
    char digits[20];
    unsigned n = 0, used = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (used + n < 12)
        text[used++] = ' ';
    while (n > 0)
        text[used++] = digits[--n];
    text[used++] = ' ';
    text[used++] = ' ';
    return used;
}

void trace_log_insn(struct Trace *t, struct CPUState *cpu) {
    const CPUX86State *env = &cpu->env;
    uint8_t fetched[DISAS_MAX_INSN];
    const uint8_t *bytes = cpu->insn_bytes;
    unsigned n = cpu->insn_size, length;
    if (bytes == NULL) {
        bytes = fetched;
        n = (unsigned)peek_memory(cpu, peek_linear(env, SEG_CS, env->rip), fetched, sizeof(fetched));
    }
    trace_put_cpu(t, cpu);
    char text[32 + LINE_LONGEST];
    unsigned used = put_number(text, cpu->insn_count);
    const char *line =
        trace_insn_text(t, disas_mode(env), x86_long_mode(env), env->seg[SEG_CS].selector, env->rip, bytes, n, &length);
    memcpy(text + used, line, length);
    fwrite(text, 1, used + length, t->file);
}

void trace_decoded(void *opaque, struct CPUState *cpu, uint64_t rip, const uint8_t *bytes, unsigned size) {
    struct Trace *t = opaque;
    const CPUX86State *env = &cpu->env;
    char symbol[128];
    if (!ranges_hold(&t->config.filter, rip))
        return;
    trace_lock(t);
    trace_put_cpu(t, cpu);
    fprintf(t->file, "IN:%s\n", symbols_text(t->config.symbols, rip, symbol, sizeof(symbol)));
    for (unsigned at = 0; at < size;) {
        struct DisasLine d;
        unsigned length, n = size - at;
        char text[LINE_LONGEST];
        disas_bytes(t->disas, disas_mode(env), rip + at, bytes + at, n, &d);
        length = format(t, &d, x86_long_mode(env), env->seg[SEG_CS].selector, text);
        fwrite(text, 1, length, t->file);
        at += d.size;
    }
    trace_unlock(t);
    trace_line_done(t);
}

/* ---- host code ---- */

static void put_host_code(struct Trace *t, const struct CpuHostCode *p) {
    for (size_t at = 0; at < p->size;) {
        struct DisasLine d;
        char text[LINE_LONGEST], *end = text;
        disas_bytes(t->disas, DISAS_64, p->address + at, p->code + at, p->size - at, &d);
        end = put_hex(end, d.address, 16);
        *end++ = ' ';
        *end++ = ' ';
        end = put_bytes(end, d.bytes, d.size);
        fprintf(t->file, "        %.*s %s\n", (int)(end - text), text, d.text);
        at += d.size;
    }
}

static void put_guest_insn(struct Trace *t, const CPUX86State *env, const struct CpuHostCode *p) {
    struct DisasLine d;
    char text[LINE_LONGEST];
    disas_bytes(t->disas, disas_mode(env), p->rip, p->insn, p->insn_size, &d);
    fwrite(text, 1, format(t, &d, x86_long_mode(env), env->seg[SEG_CS].selector, text), t->file);
}

void trace_translated(void *opaque, struct CPUState *cpu, const struct CpuHostCode *part, unsigned n) {
    struct Trace *t = opaque;
    char symbol[128];
    size_t bytes = 0;
    if (!ranges_hold(&t->config.filter, part[0].rip))
        return;
    for (unsigned i = 0; i < n; i++)
        bytes += part[i].size;
    trace_lock(t);
    if (t->config.perf != NULL)
        perf_code_put(t->config.perf, t->config.symbols, part, n);
    if ((t->items & TRACE_OUT_ASM) == 0) {
        trace_unlock(t);
        return;
    }
    trace_put_cpu(t, cpu);
    fprintf(t->file, "OUT:%s [size=%zu]\n", symbols_text(t->config.symbols, part[0].rip, symbol, sizeof(symbol)),
            bytes);
    for (unsigned i = 0; i < n; i++) {
        if (part[i].insn != NULL)
            put_guest_insn(t, &cpu->env, &part[i]);
        if (part[i].what != NULL)
            fprintf(t->file, "  -- %s\n", part[i].what);
        put_host_code(t, &part[i]);
    }
    trace_unlock(t);
    trace_line_done(t);
}
