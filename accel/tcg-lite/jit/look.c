/* SPDX-License-Identifier: MIT */
/* What the translator shows people: counts, sizes, and the host code itself. */
#include "accel/tcg-lite/jit/emit.h"

#include <inttypes.h>
#include <stdio.h>

/** The most frequent ones: "COUNT MNEMONIC OPERANDS". */
static void describe_misses(const struct Jit *j, char *buf, size_t n) {
    enum { LINES = 40 };
    uint64_t below = UINT64_MAX;
    size_t used = strlen(buf);
    for (unsigned lines = 0; lines < LINES;) {
        uint64_t most = 0;
        for (unsigned k = 1; k < x86_row_count; k++)
            most = j->miss[k] < below && j->miss[k] > most ? j->miss[k] : most;
        if (most == 0)
            return;
        for (unsigned k = 1; k < x86_row_count; k++)
            if (j->miss[k] == most && used < n && lines++ < LINES)
                used += (size_t)snprintf(buf + used, n - used, "\nno host code: %12" PRIu64 " %s %s", most,
                                         x86_rows[k].mnemonic, x86_rows[k].operands);
        below = most;
    }
}

void jit_describe(const struct Jit *j, char *buf, size_t n) {
    snprintf(buf, n,
             "%" PRIu64 " blocks translated, %" PRIu64 " instructions to %.1f MiB, %" PRIu64 " called, %" PRIu64
             " left to the interpreter, %" PRIu64 " times full",
             j->blocks, j->insns, (double)j->bytes / (1 << 20), j->called, j->left, j->full);
    if (j->miss != NULL)
        describe_misses(j, buf, n);
}

static double mib(size_t bytes) { return (double)bytes / (1 << 20); }

void jit_info(const struct Jit *j, FILE *f) {
    const struct JitCode *c = &j->code;
    uint64_t insns = j->insns + j->called;
    double each = insns != 0 ? 1.0 / (double)insns : 0;
    fprintf(f, "blocks translated       %" PRIu64 "\n", j->blocks);
    fprintf(f,
            "instructions            %" PRIu64 " have host code, %" PRIu64 " call their function, %" PRIu64
            " are left to the interpreter\n",
            j->insns, j->called, j->left);
    fprintf(f, "host code               %.1f MiB, %.0f bytes an instruction\n", mib(j->bytes), (double)j->bytes * each);
    fprintf(f, "memory in use           %.1f of %.1f MiB, and %.1f of %.1f for what is executed seldom\n", mib(c->used),
            mib(c->half), mib(c->seldom), mib(c->size - c->half));
    fprintf(f, "times full              %" PRIu64 "\n", j->full);
    fprintf(f, "jumps set               %" PRIu64 ", and %" PRIu64 " targets looked for\n", j->followed, j->found);
    fprintf(f, "time spent translating  %.3f s, %.2f us an instruction\n", (double)j->ns / 1e9,
            (double)j->ns / 1e3 * each);
}

/* ---- host code ---- */

struct Parts {
    struct CpuHostCode part[BLOCK_MAX_INSNS + 4];
    unsigned n;
    ptrdiff_t run;
};

static void add_part(struct Parts *p, struct CpuHostCode part, const uint8_t *from, const uint8_t *to) {
    if (from == to)
        return;
    part.code = from;
    part.address = (uint64_t)(uintptr_t)(from + p->run);
    part.size = (size_t)(to - from);
    p->part[p->n++] = part;
}

void jit_show(const struct Emit *e, const uint8_t *often_end, const uint8_t *seldom) {
    const struct CpuTrace *trace = e->t->cpu->trace;
    const uint64_t rip = e->t->env->rip;
    struct Parts p = {.n = 0, .run = e->jit->code.run};
    unsigned off = 0;
    add_part(&p, (struct CpuHostCode){.rip = rip, .what = "entry"}, e->loop, e->insn[0].at);
    for (unsigned k = 0; k < e->n; k++) {
        const struct EmitInsn *x = &e->insn[k];
        const uint8_t *end = k + 1 < e->n ? e->insn[k + 1].at : e->often_end;
        const struct CpuHostCode part = {.rip = rip + off,
                                         .insn = e->bytes + off,
                                         .insn_size = x->i->len,
                                         .what = x->emitter == NULL             ? "left to the interpreter"
                                                 : x->emitter == emit_call_exec ? "calls its function"
                                                                                : NULL};
        add_part(&p, part, x->at, end);
        off += x->i->len;
    }
    add_part(&p, (struct CpuHostCode){.rip = rip, .what = "later rounds"}, e->often_end, often_end);
    add_part(&p, (struct CpuHostCode){.rip = rip, .what = "out of line"}, seldom, e->a.p);
    trace->translated(trace->opaque, e->t->cpu, p.part, p.n);
}
