/* SPDX-License-Identifier: MIT */
/* x, xp, i, o and print: memory, ports and expressions. */
#include "debug/disas.h"
#include "control/monitor/command.h"
#include "control/monitor/expr.h"
#include "debug/peek.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 65536 };

/* "/10xb": how many, how, of which size. */
struct Format {
    unsigned count;
    char letter;   /* x d u o c i */
    unsigned size; /* bytes */
};

static bool parse_count(struct Monitor *mon, char **at, struct Format *f) {
    unsigned long count = strtoul(*at, at, 10);
    if (count == 0 || count > COUNT_MAX) {
        fprintf(mon->out, "the count must be 1 to %d\n", COUNT_MAX);
        return false;
    }
    f->count = (unsigned)count;
    return true;
}

/* What follows the command's name; `f` holds the defaults. *args is moved behind it. */
static bool parse_format(struct Monitor *mon, char **args, struct Format *f) {
    char *at = *args;
    if (*at != '/')
        return true;
    at++;
    if (isdigit((unsigned char)*at) && !parse_count(mon, &at, f))
        return false;
    for (; *at != '\0' && *at != ' ' && *at != '\t'; at++) {
        static const char sizes[] = "bhwg";
        const char *size = strchr(sizes, *at);
        if (size != NULL) {
            f->size = 1u << (size - sizes);
        } else if (*at == 'l') { /* of ports */
            f->size = 4;
        } else if (strchr("xduoci", *at) != NULL) {
            f->letter = *at;
        } else {
            fprintf(mon->out, "'%c' is no format; x, d, u, o, c, i with b, h, w, g are, and a count before them\n",
                    isprint((unsigned char)*at) ? *at : '?');
            return false;
        }
    }
    if (f->letter == 'c')
        f->size = 1;
    *args = at + strspn(at, " \t");
    return true;
}

/* An expression; with `more`, others may follow it. */
static bool parse_value(struct Monitor *mon, char **args, bool more, uint64_t *value) {
    char why[100];
    const char *at = *args;
    if (expr_eval(&mon->cpu->env, monitor_symbols(mon), &at, value, why, sizeof(why)) != 0) {
        fprintf(mon->out, "%s\n", why);
        return false;
    }
    *args += at - *args;
    return more || monitor_no_more(mon, *args);
}

/* ---- printing ---- */

static uint64_t sign_extend(uint64_t v, unsigned size) {
    unsigned unused = 64 - 8 * size;
    return (uint64_t)((int64_t)(v << unused) >> unused);
}

static void print_char(FILE *f, unsigned char c) {
    static const char escapes[] = "n\nr\rt\t\\\\''";
    for (unsigned i = 0; i < sizeof(escapes) - 1; i += 2) {
        if (escapes[i + 1] == (char)c) {
            fprintf(f, "'\\%c'", escapes[i]);
            return;
        }
    }
    fprintf(f, isprint(c) ? "'%c'" : "'\\x%02x'", c);
}

/* As wide as the widest value of its kind. */
static void print_value(FILE *f, const struct Format *fmt, uint64_t v) {
    static const uint8_t decimal[] = {3, 5, 0, 10, 0, 0, 0, 20}; /* digits of the largest value of 1, 2, 4, 8 bytes */
    int width = decimal[fmt->size - 1];
    switch (fmt->letter) {
    case 'o': fprintf(f, "0%0*" PRIo64, (int)(fmt->size * 8 + 2) / 3, v); break;
    case 'u': fprintf(f, "%*" PRIu64, width, v); break;
    case 'd': fprintf(f, "%*" PRId64, width, (int64_t)sign_extend(v, fmt->size)); break;
    case 'c': print_char(f, (unsigned char)v); break;
    default: fprintf(f, "0x%0*" PRIx64, (int)fmt->size * 2, v); break;
    }
}

/* ---- memory ---- */

/* One element; false where there is nothing to read. Physical reads reach devices, virtual ones don't. */
static bool read_element(struct Monitor *mon, bool physical, uint64_t at, unsigned size, uint64_t *v) {
    *v = 0;
    if (!physical)
        return peek_memory(mon->cpu, at, v, size) == size;
    uint64_t offset, avail;
    if (bus_find(mon->m->bus, at, &offset, &avail) == NULL)
        return false;
    bus_read(mon->m->bus, at, v, size);
    return true;
}

static void dump_memory(struct Monitor *mon, bool physical, uint64_t at, const struct Format *f) {
    unsigned in_line = (f->size == 1 ? 8 : 16) / f->size;
    for (unsigned i = 0; i < f->count; i++) {
        uint64_t v;
        if (i % in_line == 0)
            fprintf(mon->out, "%s%016" PRIx64 ":", i == 0 ? "" : "\n", at + (uint64_t)i * f->size);
        if (!read_element(mon, physical, at + (uint64_t)i * f->size, f->size, &v)) {
            fputs(" Cannot access memory", mon->out);
            break;
        }
        fputc(' ', mon->out);
        print_value(mon->out, f, v);
    }
    fputc('\n', mon->out);
}

static size_t read_code(struct Monitor *mon, bool physical, uint64_t at, uint8_t *bytes) {
    if (!physical)
        return peek_memory(mon->cpu, at, bytes, DISAS_MAX_INSN);
    uint64_t offset, avail, n = 0;
    const struct Region *r = bus_find(mon->m->bus, at, &offset, &avail);
    if (r != NULL && r->host != NULL)
        bus_read(mon->m->bus, at, bytes, n = avail < DISAS_MAX_INSN ? avail : DISAS_MAX_INSN);
    return n;
}

static void disassemble(struct Monitor *mon, bool physical, uint64_t at, unsigned count) {
    struct Disas *d = disas_new();
    if (d == NULL) {
        fputs("out of memory\n", mon->out);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[DISAS_MAX_INSN];
        struct DisasLine line;
        size_t n = read_code(mon, physical, at, bytes);
        if (n == 0 || disas_bytes(d, disas_mode(&mon->cpu->env), at, bytes, n, &line) == 0) {
            fprintf(mon->out, "0x%08" PRIx64 ":  Cannot access memory\n", at);
            break;
        }
        char symbol[120];
        fprintf(mon->out, "0x%08" PRIx64 "%s:  ", at, symbols_text(monitor_symbols(mon), at, symbol, sizeof(symbol)));
        for (unsigned k = 0; k < line.size; k++)
            fprintf(mon->out, "%02x ", line.bytes[k]);
        fprintf(mon->out, "%*s%s\n", line.size < 8 ? 3 * (8 - line.size) : 0, "", line.text);
        at += line.size;
    }
    disas_free(d);
}

static void examine(struct Monitor *mon, char *args, bool physical) {
    struct Format f = {1, 'x', 4};
    uint64_t at;
    if (!parse_format(mon, &args, &f) || !parse_value(mon, &args, false, &at))
        return;
    if (f.letter == 'i')
        disassemble(mon, physical, at, f.count);
    else
        dump_memory(mon, physical, at, &f);
}

void monitor_examine(struct Monitor *mon, char *args) { examine(mon, args, false); }
void monitor_examine_physical(struct Monitor *mon, char *args) { examine(mon, args, true); }

void monitor_translate(struct Monitor *mon, char *args) {
    uint64_t at, phys;
    if (!parse_value(mon, &args, false, &at))
        return;
    if (peek_translate(mon->cpu, at, &phys))
        fprintf(mon->out, "gpa: %#" PRIx64 "\n", phys);
    else
        fputs("Unmapped\n", mon->out);
}

/* ---- ports ---- */

static bool parse_port(struct Monitor *mon, char **args, bool more, struct Format *f, uint64_t *port) {
    *f = (struct Format){1, 'x', 1};
    if (!parse_format(mon, args, f) || !parse_value(mon, args, more, port))
        return false;
    if (*port > 0xffff || f->size > 4 || *port + f->size > 0x10000) {
        fputs("ports are 0 to 0xffff, of 1, 2 or 4 bytes (b, h, w)\n", mon->out);
        return false;
    }
    return true;
}

void monitor_port_in(struct Monitor *mon, char *args) {
    struct Format f;
    uint64_t port;
    if (!parse_port(mon, &args, false, &f, &port))
        return;
    uint32_t v = bus_port_read(mon->m->bus, (uint16_t)port, f.size);
    fprintf(mon->out, "port%c[0x%04" PRIx64 "] = 0x%0*x\n", "?bw?l"[f.size], port, (int)f.size * 2, v);
}

void monitor_port_out(struct Monitor *mon, char *args) {
    struct Format f;
    uint64_t port, v;
    if (!parse_port(mon, &args, true, &f, &port) || !parse_value(mon, &args, false, &v))
        return;
    bus_port_write(mon->m->bus, (uint16_t)port, (uint32_t)v, f.size);
}

/* ---- print ---- */

void monitor_print(struct Monitor *mon, char *args) {
    struct Format f = {1, 'x', 8};
    uint64_t v;
    if (!parse_format(mon, &args, &f) || !parse_value(mon, &args, false, &v))
        return;
    switch (f.letter) {
    case 'd': fprintf(mon->out, "%" PRId64 "\n", (int64_t)v); break;
    case 'u': fprintf(mon->out, "%" PRIu64 "\n", v); break;
    case 'o': fprintf(mon->out, "%#" PRIo64 "\n", v); break;
    case 'c':
        print_char(mon->out, (unsigned char)v);
        fputc('\n', mon->out);
        break;
    default: fprintf(mon->out, "%#" PRIx64 "\n", v); break;
    }
}
