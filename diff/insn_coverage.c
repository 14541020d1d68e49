/* SPDX-License-Identifier: MIT */
/* Which forms were run, and what became of them. */
#include "diff/insn.h"

#include <string.h>

/** Why a form was not run. NULL: there is no reason. */
static const char *reason(const struct InsnRun *r, unsigned k) {
    const struct X86Row *row = &x86_rows[k];
    const char *why = insn_left_out(r, k);
    if (why != NULL)
        return why;
    if (!(x86_forms[k].when & (r->mode == DIFF_LONG64 ? WHEN_64 : WHEN_NOT64)))
        return r->mode == DIFF_LONG64 ? "not in 64-bit mode" : "in 64-bit mode only";
    if (row->feature != CPUID_NONE && !cpu_has(&r->model, (enum X86Feature)row->feature))
        return "the CPU model or this host does not have it";
    if (!x86_form_of_vendor(&x86_forms[k], &r->model))
        return "processors of the other vendor have it";
    return NULL;
}

static void faults_text(const struct RowCoverage *c, char *out, size_t n) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned v = 0; v < 32 && used < n; v++)
        if (c->vectors >> v & 1)
            used += (size_t)snprintf(out + used, n - used, "%s%u", used != 0 ? " " : "", v);
}

void insn_coverage_text(const struct InsnRun *r, FILE *f) {
    char faults[128];
    fprintf(f, "%-14s %-12s %-22s %10s %9s %9s  %-14s  %s\n", "form", "operands", "opcode", "cases", "differ",
            "explained", "mode", "faults seen");
    for (unsigned k = 1; k < x86_row_count; k++) {
        const struct RowCoverage *c = &r->row[k];
        const struct X86Row *row = &x86_rows[k];
        if (c->cases == 0)
            continue;
        faults_text(c, faults, sizeof(faults));
        fprintf(f, "%-14s %-12s %-22s %10llu %9llu %9llu  %-14s  %s\n", row->mnemonic, row->operands, row->opcode,
                (unsigned long long)c->cases, (unsigned long long)c->different, (unsigned long long)c->explained,
                r->mode_name, faults);
    }
    for (unsigned k = 1; k < x86_row_count; k++) {
        const char *why = reason(r, k);
        if (r->row[k].cases == 0)
            fprintf(f, "not run: %s %s (%s): %s\n", x86_rows[k].mnemonic, x86_rows[k].operands, x86_rows[k].opcode,
                    why != NULL ? why : "NEVER REACHED");
    }
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>twin86 diff insn: coverage</title>\n"
    "<style>body{font-family:sans-serif}table{border-collapse:collapse}td,th{padding:.1em .6em;text-align:left;"
    "border-bottom:1px solid #ddd}td.n{text-align:right;font-variant-numeric:tabular-nums}tr.differ{background:#fcc}"
    "tr.never{background:#ffc}tr.out{color:#888}</style></head><body>\n";

void insn_coverage_html(const struct InsnRun *r, FILE *f) {
    char faults[128];
    fputs(head, f);
    fprintf(f,
            "<h1>%llu cases, %llu differ</h1>\n<table><tr><th>form<th>operands<th>opcode<th>cases<th>differ"
            "<th>explained<th>faults seen<th>mode\n",
            (unsigned long long)r->cases, (unsigned long long)r->different);
    for (unsigned k = 1; k < x86_row_count; k++) {
        const struct RowCoverage *c = &r->row[k];
        const struct X86Row *row = &x86_rows[k];
        const char *why = c->cases == 0 ? reason(r, k) : NULL;
        const char *class = c->different != 0 ? "differ" : c->cases != 0 ? "" : why != NULL ? "out" : "never";
        fprintf(f, "<tr class=\"%s\"><td>%s<td>%s<td>%s", class, row->mnemonic, row->operands, row->opcode);
        if (c->cases == 0) {
            fprintf(f, "<td colspan=\"5\">not run: %s\n", why != NULL ? why : "never reached");
            continue;
        }
        faults_text(c, faults, sizeof(faults));
        fprintf(f, "<td class=\"n\">%llu<td class=\"n\">%llu<td class=\"n\">%llu<td>%s<td>%s\n",
                (unsigned long long)c->cases, (unsigned long long)c->different, (unsigned long long)c->explained,
                faults, r->mode_name);
    }
    fputs("</table></body></html>\n", f);
}
