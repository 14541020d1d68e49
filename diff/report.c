/* SPDX-License-Identifier: MIT */
#include "diff/report.h"

#include <string.h>

void diff_report_head(FILE *f, struct Disas *disas, enum DiffMode mode, uint64_t address, const uint8_t *bytes,
                      unsigned len, const struct Comparison *c) {
    enum DisasMode size = mode == DIFF_LONG64                            ? DISAS_64
                          : mode == DIFF_PROT32 || mode == DIFF_COMPAT32 ? DISAS_32
                                                                         : DISAS_16;
    struct DisasLine line;
    disas_bytes(disas, size, address, bytes, len, &line);
    fprintf(f, "%s %s:", c->row->mnemonic, c->row->operands);
    for (unsigned k = 0; k < len; k++)
        fprintf(f, " %02x", bytes[k]);
    fprintf(f, "  %s\n", line.text);
}

void diff_report_state(FILE *f, const struct Comparison *c) {
    char in[40], a[40], b[40];
    if (c->a.vector != c->b.vector || c->a.error != c->b.error || c->a.cr2 != c->b.cr2) {
        const struct DiffState *s[2] = {&c->a, &c->b};
        for (unsigned k = 0; k < 2; k++) {
            fprintf(f, "  %-9s", k == 0 ? "tcg-lite" : c->oracle);
            if (s[k]->vector == DIFF_NO_FAULT)
                fprintf(f, "no fault\n");
            else
                fprintf(f, "fault %u, error %#x, cr2 %#llx\n", s[k]->vector, s[k]->error,
                        (unsigned long long)s[k]->cr2);
        }
    }
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *d = &diff_fields[k];
        if (!memcmp(diff_field_at(&c->a, d), diff_field_at(&c->b, d), d->size))
            continue;
        diff_field_print(d, c->in, in);
        diff_field_print(d, &c->a, a);
        diff_field_print(d, &c->b, b);
        fprintf(f, "  %-7s was %s, tcg-lite %s, %s %s\n", d->name, in, a, c->oracle, b);
    }
}

void diff_report_memory(FILE *f, const struct Comparison *c) {
    unsigned lines = 0;
    for (unsigned k = 0; k < c->ranges; k++)
        for (unsigned at = 0; at + 8 <= c->range[k].n && lines < 12; at += 8) {
            const struct CompareRange *m = &c->range[k];
            if (!memcmp(m->a + at, m->b + at, 8))
                continue;
            fprintf(f, "  %#llx was %016llx, tcg-lite %016llx, %s %016llx\n", (unsigned long long)m->linear + at,
                    (unsigned long long)diff_get64(m->before + at), (unsigned long long)diff_get64(m->a + at),
                    c->oracle, (unsigned long long)diff_get64(m->b + at));
            lines++;
        }
}
