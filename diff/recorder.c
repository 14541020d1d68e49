/* SPDX-License-Identifier: MIT */
#include "diff/recorder.h"

#include "diff/case_text.h"

#include "debug/disas.h"
#include "diff/diff.h"
#include "diff/reduce.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

struct Recorder {
    struct RecorderSetup setup;
    struct CpuModel model;
    FILE *file;
    struct DiffRunner *guide;
    struct Disas *disas;
    uint8_t *memory; /* of the case's pages after the first run */
    uint64_t cases;
};

/* ---- the file's head ---- */

/** Which processor it is, as CPUID tells. */
static void write_processor(FILE *f) {
    unsigned a, b = 0, c = 0, d = 0, signature = 0;
    char vendor[13] = "";
    if (__get_cpuid(0, &a, &b, &c, &d)) {
        memcpy(vendor, &b, 4);
        memcpy(vendor + 4, &d, 4);
        memcpy(vendor + 8, &c, 4);
        __get_cpuid(1, &signature, &b, &c, &d);
    }
    unsigned family = signature >> 8 & 15, model = signature >> 4 & 15;
    if (family == 6 || family == 15) /* SDM vol. 2, CPUID, figure 3-6 */
        model |= signature >> 12 & 0xf0;
    if (family == 15)
        family += signature >> 20 & 0xff;
    fprintf(f, "%s, family %u, model %u, stepping %u", vendor, family, model, signature & 15);
}

static void write_head(struct Recorder *r) {
    struct utsname system;
    fprintf(r->file, "# Measured on a processor: ");
    write_processor(r->file);
    if (uname(&system) == 0)
        fprintf(r->file, "; %s %s", system.sysname, system.release);
    fprintf(r->file, "; engine %s of twin86 diff.\n", r->setup.oracle->name);
    fprintf(r->file, "# Cases are reduced to what matters; flags that are undefined are masked.\n");
    if (r->setup.cpu != NULL)
        fprintf(r->file, "cpu %s\n", r->setup.cpu);
    else
        fprintf(r->file, "cpu max,vendor=%s\n",
                r->setup.model->vendor == VENDOR_INTEL ? "GenuineIntel" : "AuthenticAMD");
}

int recorder_close(struct Recorder *r, char *why, size_t n) {
    int e = 0;
    if (r == NULL)
        return 0;
    if (r->file != NULL) {
        bool failed = ferror(r->file) != 0;
        if (fclose(r->file) != 0 || failed)
            e = (snprintf(why, n, "--record: %s can't be written: %s", r->setup.path, strerror(errno)), -EIO);
    }
    if (r->guide != NULL)
        r->guide->ops->close(r->guide);
    disas_free(r->disas);
    free(r->memory);
    free(r);
    return e;
}

int recorder_open(struct Recorder **out, const struct RecorderSetup *setup, char *why, size_t n) {
    struct Recorder *r = calloc(1, sizeof(*r));
    char ignored[8];
    if (r == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    r->setup = *setup;
    r->model = *setup->model;
    r->setup.model = &r->model;
    r->memory = malloc(CASE_MAX_PAGES * 4096);
    r->disas = disas_new();
    int e = r->memory == NULL || r->disas == NULL ? -ENOMEM : 0;
    if (e != 0)
        snprintf(why, n, "%s", strerror(-e));
    if (e == 0)
        e = diff_tcg_open_any(&r->guide, &r->model, why, n);
    if (e == 0 && (r->file = fopen(setup->path, "we")) == NULL)
        e = (snprintf(why, n, "--record: %s can't be written: %s", setup->path, strerror(errno)), -EINVAL);
    if (e != 0) {
        recorder_close(r, ignored, sizeof(ignored));
        return e;
    }
    write_head(r);
    *out = r;
    return 0;
}

/* ---- expectations ---- */

/** Everything that is another afterwards; and RIP, which is no part of the rest. */
static void expect_fields(struct DiffCase *c, const struct DiffState *before) {
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *f = &diff_fields[k];
        if (memcmp(diff_field_at(&c->out, f), diff_field_at(before, f), f->size) != 0 || !strcmp(f->name, "rip"))
            case_add(&c->expected, k);
    }
}

static void expect_fault(struct DiffCase *c) {
    uint32_t vector = c->out.vector;
    c->fault = vector != DIFF_NO_FAULT ? FAULT_IS : FAULT_ANY;
    if (vector == DIFF_NO_FAULT || vector == DIFF_TRIPLE_FAULT)
        return;
    c->fault_parts |= diff_has_error(vector) && c->mode != DIFF_REAL16 ? CASE_FAULT_ERROR : 0;
    c->fault_parts |= vector == VEC_PF ? CASE_FAULT_CR2 : 0;
    c->fault_parts |= vector == VEC_DB ? CASE_FAULT_DR6 : 0;
}

/** What differs between the engines' results because it was explained, and is no more than pointers that FXSAVE does
 *  not tell on every processor. */
static void mask_pointers(struct DiffCase *c, const struct DiffState *guide) {
    static const char *const names[] = {"fop", "fip", "fdp"};
    for (unsigned n = 0; n < 3; n++) {
        const struct DiffField *f = &diff_fields[diff_field_find(names[n], 3)];
        if (f->size == 8 && memcmp(diff_field_at(&c->out, f), diff_field_at(&c->in, f), f->size) != 0)
            memset((uint8_t *)&c->mask + f->offset + 4, 0, 4); /* engines tell of the lower halves only: DiffSetup */
        if (memcmp(diff_field_at(&c->out, f), diff_field_at(guide, f), f->size) == 0)
            continue;
        memset((uint8_t *)&c->mask + f->offset, 0, f->size);
        memcpy((uint8_t *)&c->out + f->offset, diff_field_at(&c->in, f), f->size);
    }
}

/** Flags that the table calls undefined, of all instructions; not where the first and only one faults. */
static void mask_flags(struct DiffCase *c, const struct Comparison *cmp) {
    uint64_t undefined = 0;
    bool faults = c->out.vector != DIFF_NO_FAULT && c->out.vector != VEC_DB;
    if (faults && cmp->insns == 1 && c->out.rip == c->in.rip)
        return;
    for (unsigned k = 0; k < cmp->insns; k++)
        undefined |= compare_flag_bits(cmp->insn[k].row->flags_undefined);
    c->mask.rflags &= ~undefined;
}

/** Bytes that have changed, as pieces; few that have not changed between them do not part them. */
static bool expect_memory(struct DiffCase *c, const struct CasePair *p) {
    enum { GAP = 4 };
    for (unsigned k = 0; k < c->pages; k++) {
        const uint8_t *before = p->before + k * 4096, *after = p->after_b + k * 4096;
        for (unsigned at = 0, end; at < 4096; at = end) {
            end = at + 1;
            if (before[at] == after[at])
                continue;
            for (unsigned n = end; n < 4096 && n < end + GAP; n++)
                if (before[n] != after[n])
                    end = n + 1;
            if (!case_add_bytes(c, c->page[k].linear + at, after + at, end - at, true))
                return false;
        }
    }
    return true;
}

/** System registers that have changed, if the oracle tells of them. */
static void expect_system(struct DiffCase *c, const struct CasePair *p) {
    if (p->b->system == NULL || c->out.vector == DIFF_TRIPLE_FAULT)
        return;
    for (unsigned k = 0; k < DIFF_SYSTEM; k++) {
        uint64_t v = p->b->system[0].v[k];
        if ((DIFF_SYSTEM_OWN >> k & 1) || v == p->result.system_before.v[k])
            continue;
        c->expected_system |= 1ull << k;
        c->out_system.v[k] = v;
    }
}

static void forget_expectations(struct DiffCase *c) {
    c->judged = false;
    case_expect_begin(c);
    c->rest = REST_ALL;
    c->expected = (struct CaseFields){{0, 0}};
    c->expected_system = 0;
    c->fault = FAULT_ANY;
    c->fault_parts = 0;
    c->pieces = c->expected_from;
}

/* ---- measuring ---- */

/** The oracle ended within the case, or where the guide did as well. */
static bool ended_well(const struct DiffCase *c, const struct DiffState *oracle, const struct DiffState *guide) {
    uint64_t linear = oracle->rip + (c->mode == DIFF_LONG64 ? 0 : case_base(c, SEG_CS));
    if (oracle->vector == DIFF_NO_END)
        return false;
    return oracle->vector == DIFF_TRIPLE_FAULT || oracle->rip == guide->rip || linear - c->code <= c->code_bytes;
}

/** The case twice on the oracle. 1; 0: not the same. */
static int measure(struct Recorder *r, struct CasePair *p, struct DiffCase *c, char *why, size_t n) {
    size_t size = c->pages * (size_t)4096;
    struct DiffSystem system = {{0}};
    int e = case_pair_measure(p, c, &c->out, why, n);
    if (e != 0)
        return e;
    memcpy(r->memory, p->after_b, size);
    if (p->b->system != NULL)
        system = p->b->system[0];
    struct DiffState again;
    if ((e = case_pair_measure(p, c, &again, why, n)) != 0)
        return e;
    bool same = diff_state_equal(&c->out, &again) && memcmp(r->memory, p->after_b, size) == 0 &&
                (p->b->system == NULL || memcmp(&system, &p->b->system[0], sizeof(system)) == 0);
    return same && ended_well(c, &c->out, &p->result.out);
}

static void note_instruction(struct Recorder *r, struct DiffCase *c) {
    enum DisasMode mode = c->mode == DIFF_LONG64                               ? DISAS_64
                          : c->mode == DIFF_PROT32 || c->mode == DIFF_COMPAT32 ? DISAS_32
                                                                               : DISAS_16;
    struct DisasLine line;
    disas_bytes(r->disas, mode, c->in.rip, c->bytes + c->code_at, c->code_bytes, &line);
    snprintf(c->note, sizeof(c->note), "%s", line.text);
}

int recorder_add(struct Recorder *r, struct DiffCase *c, char *why, size_t n) {
    struct CasePair pair;
    struct Comparison cmp = {.in = &c->in};
    forget_expectations(c);
    if (!case_reduce(r->guide, c))
        return 0;
    int e = case_pair_open(&pair, c, r->setup.oracle, r->setup.model, why, n);
    if (e != 0)
        return e;
    e = measure(r, &pair, c, why, n);
    if (e > 0) {
        case_pair_decode(&pair, c, &cmp);
        mask_pointers(c, &pair.result.out);
        mask_flags(c, &cmp);
        expect_fields(c, &pair.result.before);
        expect_fault(c);
        expect_system(c, &pair);
        e = expect_memory(c, &pair);
    }
    case_pair_close(&pair);
    if (e > 0) {
        c->cpu[0] = '\0'; /* the file's head says it */
        note_instruction(r, c);
        case_write(c, r->file);
        r->cases++;
    }
    return e;
}
