/* SPDX-License-Identifier: MIT */
/* One case on two engines. */
#include "diff/case_run.h"

#include "diff/generate/generate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 20 }; /* of a case whose run the system has disturbed */

void case_pair_close(struct CasePair *p) {
    if (p->guide != NULL)
        p->guide->ops->close(p->guide);
    if (p->a != NULL && p->a != p->guide)
        p->a->ops->close(p->a);
    if (p->b != NULL)
        p->b->ops->close(p->b);
    free(p->before);
    free(p->after_a);
    free(p->after_b);
    memset(p, 0, sizeof(*p));
}

/** 0; -EINVAL: the engine can't run the case. */
static int check_own(struct DiffRunner *oracle, const struct DiffCase *c, char *why, size_t n) {
    char reason[256] = "takes no segments or control registers of a case's own";
    if (!c->system.any || oracle->ops->system_wide ||
        (oracle->ops->takes != NULL && oracle->ops->takes(oracle, &c->in, &c->system, reason, sizeof(reason)) == 0))
        return 0;
    return snprintf(why, n, "--engines: %s: %s; diff vectors runs this case", oracle->ops->name, reason), -EINVAL;
}

int case_pair_open(struct CasePair *p, const struct DiffCase *c, const struct DiffRunnerOps *oracle,
                   const struct CpuModel *model, char *why, size_t n) {
    if (c->a20_off)
        return snprintf(why, n, "--engines: %s: has A20 on; diff vectors runs this case", oracle->name), -EINVAL;
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
        r = diff_tcg_runner.open(&p->guide, &setup, why, n);
    p->a = p->guide;
    if (r == 0 && oracle->system_wide)
        r = diff_tcg_system_runner.open(&p->a, &setup, why, n);
    if (r == 0)
        r = oracle->open(&p->b, &setup, why, n);
    if (r == 0)
        r = check_own(p->b, c, why, n);
    if (r != 0)
        case_pair_close(p);
    return r;
}

static void pad_bytes(struct DiffRunner *r, uint64_t linear, uint8_t pad[DIFF_PAD_SIZE]) {
    memset(pad, 0, DIFF_PAD_SIZE);
    r->ops->pad(r, pad, linear);
}

/** Where the oracle's run of the case will end, going by what the software did. */
static void put_pad(struct DiffRunner *r, uint64_t linear, const struct DiffCase *c) {
    uint8_t pad[DIFF_PAD_SIZE];
    pad_bytes(r, linear, pad);
    for (unsigned k = 0; k < sizeof(pad); k++) {
        uint8_t *at = diff_space_at(&r->space, linear + k);
        if (at != NULL && linear + k - c->code >= c->code_bytes) /* never over the instruction itself */
            *at = pad[k];
    }
}

static void keep(const struct DiffCase *c, const struct DiffRunner *r, uint8_t *out) {
    for (unsigned k = 0; k < c->pages; k++)
        memcpy(out + k * 4096, diff_space_at(&r->space, c->page[k].linear), 4096);
}

void case_pair_decode(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp) {
    const uint8_t *bytes = c->bytes + c->code_at;
    cmp->insns = 0;
    for (unsigned at = 0, k = 0; k < COMPARE_INSNS && (k == 0 || (k < c->in.insns && at < c->code_bytes)); k++) {
        struct Decoded *d = &p->decoded[k];
        unsigned left = c->code_bytes - at;
        if (x86_decode(p->model, gen_decode_mode(c->mode), bytes + at, left < 15 ? left : 15, d) != DECODE_OK)
            d->row = 0;
        compare_add(cmp, &x86_rows[d->row], &d->insn, bytes + at);
        at += d->insn.len;
        if (d->row == 0 || d->flow)
            break;
    }
}

/** The pads' bytes that are still there become what the case has there: they are no memory of its own. */
static void take_pad(struct DiffRunner *r, uint64_t linear, const struct DiffCase *c) {
    uint8_t pad[DIFF_PAD_SIZE], page[4096];
    pad_bytes(r, linear, pad);
    for (unsigned k = 0; k < sizeof(pad); k++) {
        uint8_t *at = diff_space_at(&r->space, linear + k);
        if (at == NULL || *at != pad[k] || linear + k - c->code < c->code_bytes)
            continue;
        case_page(c, (linear + k) & ~0xfffull, page);
        *at = page[(linear + k) & 0xfff];
    }
}

/** The case on an engine that takes batches: its memory, what it has of its own, and where it will end. */
static int run_on(struct CasePair *p, struct DiffRunner *r, const struct DiffCase *c, struct DiffState *out, char *why,
                  size_t n) {
    static const uint16_t first[1];
    uint64_t end[2] = {c->code + c->code_bytes, p->result.linear};
    unsigned pads = p->result.out.vector == DIFF_NO_FAULT ? 2 : 1;
    int e = 0;
    memset(out, 0, sizeof(*out)); /* not every runner fills it all */
    r->own = c->system.any ? &c->system : NULL;
    for (unsigned k = 0; e == 0 && (k == 0 || (out->disturbed && k < TRIES)); k++) {
        case_load(c, &r->space);
        for (unsigned pad = 0; pad < pads; pad++)
            put_pad(r, end[pad], c);
        r->ops->code_changed(r);
        e = r->ops->run(r, &c->in, out, first, 1, why, n);
    }
    for (unsigned k = 0; k < pads; k++)
        take_pad(r, end[k], c);
    return e;
}

int case_pair_measure(struct CasePair *p, const struct DiffCase *c, struct DiffState *out, char *why, size_t n) {
    int r = diff_tcg_case(p->guide, c, &p->result, why, n);
    if (r != 0)
        return r;
    case_load(c, &p->a->space);
    keep(c, p->a, p->before);
    if ((r = run_on(p, p->b, c, out, why, n)) == 0)
        keep(c, p->b, p->after_b);
    return r;
}

int case_pair_run(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp, enum Verdict *verdict,
                  unsigned *explained, char *why, size_t n) {
    bool whole = p->a != p->guide; /* both tell of the system's registers */
    cmp->in = &c->in;
    cmp->oracle = p->b->ops->name;
    cmp->qemu = p->qemu;
    cmp->undefined = false;
    cmp->mode = c->mode;
    cmp->system = whole;
    case_pair_decode(p, c, cmp);
    int r = diff_tcg_case(p->guide, c, &p->result, why, n);
    cmp->a = p->result.out;
    if (r == 0 && whole)
        r = run_on(p, p->a, c, &cmp->a, why, n);
    if (r != 0)
        return r;
    keep(c, p->a, p->after_a);
    if ((r = case_pair_measure(p, c, &cmp->b, why, n)) != 0)
        return r;
    if (whole) {
        cmp->system_a = p->a->system[0];
        cmp->system_b = p->b->system[0];
    }
    cmp->ranges = 0;
    for (unsigned k = 0; k < c->pages; k++)
        if (((c->page[k].linear ^ c->code) & ~0xfffull) != 0 && ((c->page[k].linear ^ (c->code + 32)) & ~0xfffull) != 0)
            cmp->range[cmp->ranges++] = (struct CompareRange){c->page[k].linear, 4096, p->before + k * 4096,
                                                              p->after_a + k * 4096, p->after_b + k * 4096};
    *verdict = compare(cmp, explained);
    return 0;
}
