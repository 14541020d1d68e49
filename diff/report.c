/* SPDX-License-Identifier: MIT */
#include "diff/report.h"

#include <string.h>

void diff_report_head(FILE *f, struct Disas *disas, enum DiffMode mode, const struct Comparison *c) {
    enum DisasMode size = mode == DIFF_LONG64                            ? DISAS_64
                          : mode == DIFF_PROT32 || mode == DIFF_COMPAT32 ? DISAS_32
                                                                         : DISAS_16;
    for (unsigned k = 0; k < c->insns; k++) {
        const struct CompareInsn *i = &c->insn[k];
        struct DisasLine line;
        disas_bytes(disas, size, i->rip, i->bytes, i->insn->len, &line);
        fprintf(f, "%s %s:", i->row->mnemonic, i->row->operands);
        for (unsigned n = 0; n < i->insn->len; n++)
            fprintf(f, " %02x", i->bytes[n]);
        fprintf(f, "  %s\n", line.text);
    }
}

void diff_report_state(FILE *f, const struct Comparison *c) {
    char in[40], a[40], b[40];
    if (c->a.vector != c->b.vector || c->a.error != c->b.error || c->a.cr2 != c->b.cr2 || c->a.dr6 != c->b.dr6) {
        const struct DiffState *s[2] = {&c->a, &c->b};
        for (unsigned k = 0; k < 2; k++) {
            fprintf(f, "  %-9s", k == 0 ? "tcg-lite" : c->oracle);
            if (s[k]->vector == DIFF_NO_FAULT)
                fprintf(f, "no fault\n");
            else if (s[k]->vector == DIFF_TRIPLE_FAULT)
                fprintf(f, "triple fault\n");
            else if (s[k]->vector == DIFF_NO_END)
                fprintf(f, "did not come to an end\n");
            else if (s[k]->vector == DIFF_GONE)
                fprintf(f, "left the program: a system call, or what runs cases is destroyed\n");
            else
                fprintf(f, "fault %u, error %#x, cr2 %#llx, dr6 %#x\n", s[k]->vector, s[k]->error,
                        (unsigned long long)s[k]->cr2, s[k]->dr6);
        }
    }
    if (c->a.vector == DIFF_NO_END || c->a.vector == DIFF_GONE || c->b.vector == DIFF_NO_END ||
        c->b.vector == DIFF_GONE)
        return; /* there are no registers then */
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

void diff_report_system(FILE *f, const struct Comparison *c) {
    for (unsigned k = 0; c->system && k < DIFF_SYSTEM; k++)
        if (c->system_a.v[k] != c->system_b.v[k])
            fprintf(f, "  %-9s tcg-lite %#llx, %s %#llx\n", diff_system_names[k], (unsigned long long)c->system_a.v[k],
                    c->oracle, (unsigned long long)c->system_b.v[k]);
}

void diff_report_memory(FILE *f, const struct Comparison *c) {
    unsigned lines = 0;
    for (unsigned k = 0; k < c->ranges; k++)
        for (unsigned at = 0; at + 8 <= c->range[k].n && lines < 12; at += 8) {
            const struct CompareRange *m = &c->range[k];
            if (!memcmp(m->a + at, m->b + at, 8))
                continue;
            fprintf(f, "  %#llx was %016llx, tcg-lite %016llx, %s %016llx\n", (unsigned long long)m->linear + at,
                    (unsigned long long)get_le64(m->before + at), (unsigned long long)get_le64(m->a + at), c->oracle,
                    (unsigned long long)get_le64(m->b + at));
            lines++;
        }
}
