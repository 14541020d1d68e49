/* SPDX-License-Identifier: MIT */
/* One case on two engines. */
#include "diff/case_run.h"

#include "accel/tcg-lite/run/tcg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 20 }; /* of a case whose run the system has disturbed */

void case_pair_close(struct CasePair *p) {
    if (p->a != NULL)
        p->a->ops->close(p->a);
    if (p->b != NULL)
        p->b->ops->close(p->b);
    free(p->before);
    free(p->after_a);
    free(p->after_b);
    memset(p, 0, sizeof(*p));
}

int case_pair_open(struct CasePair *p, const struct DiffCase *c, const struct DiffRunnerOps *oracle,
                   const struct CpuModel *model, char *why, size_t n) {
    const struct DiffSetup setup = {c->mode, c->cpl, model, c->page, c->pages, true};
    size_t size = c->pages * (size_t)4096;
    memset(p, 0, sizeof(*p));
    p->model = model;
    p->qemu = compare_oracle_is_qemu(oracle->name);
    p->before = malloc(size);
    p->after_a = malloc(size);
    p->after_b = malloc(size);
    int r = 0;
    if (p->before == NULL || p->after_a == NULL || p->after_b == NULL)
        r = (snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM);
    if (r == 0)
        r = diff_tcg_runner.open(&p->a, &setup, why, n);
    if (r == 0)
        r = oracle->open(&p->b, &setup, why, n);
    if (r != 0)
        case_pair_close(p);
    return r;
}

/** Where the oracle's run of the case will end, going by what the software did. */
static void put_pad(struct CasePair *p, uint64_t linear, const struct DiffCase *c) {
    uint8_t pad[DIFF_PAD_SIZE];
    memset(pad, 0, sizeof(pad));
    p->b->ops->pad(p->b, pad, linear);
    for (unsigned k = 0; k < sizeof(pad); k++) {
        uint8_t *at = diff_space_at(&p->b->space, linear + k);
        if (at != NULL && linear + k - c->code >= c->code_bytes) /* never over the instruction itself */
            *at = pad[k];
    }
}

static void keep(const struct DiffCase *c, const struct DiffRunner *r, uint8_t *out) {
    for (unsigned k = 0; k < c->pages; k++)
        memcpy(out + k * 4096, diff_space_at(&r->space, c->page[k].linear), 4096);
}

static uint32_t decode_mode(const struct DiffCase *c) {
    static const uint32_t code[DIFF_MODES] = {MODE_CODE16 | MODE_REAL,
                                              MODE_CODE16 | MODE_VM86,
                                              MODE_CODE16,
                                              MODE_CODE32,
                                              MODE_CODE16,
                                              MODE_CODE32,
                                              MODE_CODE64};
    return code[c->mode] | MODE_SSE | MODE_AVX | (c->cpl == 3 ? MODE_USER : 0);
}

/** The case's instructions, as far as one follows the other. */
static void decode(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp) {
    const uint8_t *bytes = c->bytes + c->code_at;
    cmp->insns = 0;
    for (unsigned at = 0, k = 0; k < COMPARE_INSNS && (k == 0 || (k < c->in.insns && at < c->code_bytes)); k++) {
        struct Decoded *d = &p->decoded[k];
        unsigned left = c->code_bytes - at;
        if (x86_decode(p->model, decode_mode(c), bytes + at, left < 15 ? left : 15, d) != DECODE_OK)
            d->row = 0;
        compare_add(cmp, &x86_rows[d->row], &d->insn, bytes + at);
        at += d->insn.len;
        if (d->row == 0 || d->flow)
            break;
    }
}

int case_pair_run(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp, enum Verdict *verdict,
                  unsigned *explained, char *why, size_t n) {
    static const uint16_t first[1];
    cmp->in = &c->in;
    cmp->oracle = p->b->ops->name;
    cmp->qemu = p->qemu;
    cmp->mode = c->mode;
    cmp->system = false; /* the fast runner does not tell */
    decode(p, c, cmp);
    int r = diff_tcg_case(p->a, c, &cmp->a, why, n);
    if (r != 0)
        return r;
    keep(c, p->a, p->after_a);
    case_load(c, &p->a->space);
    keep(c, p->a, p->before);
    memset(&cmp->b, 0, sizeof(cmp->b)); /* not every runner fills it all */
    for (unsigned k = 0; k == 0 || (cmp->b.disturbed && k < TRIES); k++) {
        case_load(c, &p->b->space);
        put_pad(p, c->code + c->code_bytes, c);
        if (cmp->a.vector == DIFF_NO_FAULT)
            put_pad(p, cmp->a.rip, c);
        p->b->ops->code_changed(p->b);
        r = p->b->ops->run(p->b, &c->in, &cmp->b, first, 1, why, n);
        if (r != 0)
            return r;
    }
    keep(c, p->b, p->after_b);
    cmp->ranges = 0;
    for (unsigned k = 0; k < c->pages; k++)
        if (((c->page[k].linear ^ c->code) & ~0xfffull) != 0 && ((c->page[k].linear ^ (c->code + 32)) & ~0xfffull) != 0)
            cmp->range[cmp->ranges++] = (struct CompareRange){c->page[k].linear, 4096, p->before + k * 4096,
                                                              p->after_a + k * 4096, p->after_b + k * 4096};
    *verdict = compare(cmp, explained);
    return 0;
}
