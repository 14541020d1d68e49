/* SPDX-License-Identifier: MIT */
/* Which forms were run. */
#include "diff/insn.h"

void insn_coverage_text(const struct InsnRun *r, FILE *f) {
    fprintf(f, "%-14s %-12s %-16s %10s %9s %9s  %s\n", "form", "operands", "opcode", "cases", "differ", "explained",
            "faults");
    for (unsigned k = 1; k < x86_row_count; k++) {
        const struct RowCoverage *c = &r->row[k];
        const struct X86Row *row = &x86_rows[k];
        if (c->cases == 0)
            continue;
        fprintf(f, "%-14s %-12s %-16s %10llu %9llu %9llu ", row->mnemonic, row->operands, row->opcode,
                (unsigned long long)c->cases, (unsigned long long)c->different, (unsigned long long)c->explained);
        for (unsigned v = 0; v < 32; v++)
            if (c->vectors >> v & 1)
                fprintf(f, " %u", v);
        fputc('\n', f);
    }
    for (unsigned k = 1; k < x86_row_count; k++) {
        const struct X86Row *row = &x86_rows[k];
        const char *why = gen_left_out(k);
        if (r->row[k].cases != 0)
            continue;
        if (why == NULL)
            why = !(x86_forms[k].when & WHEN_64) ? "not in 64-bit mode"
                  : row->feature != CPUID_NONE && !cpu_has(&r->model, (enum X86Feature)row->feature)
                      ? "the CPU model or this host does not have it"
                      : "NEVER REACHED";
        fprintf(f, "not run: %s %s (%s): %s\n", row->mnemonic, row->operands, row->opcode, why);
    }
}
