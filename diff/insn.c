/* SPDX-License-Identifier: MIT */
/* The run: batch after batch through both engines. */
#include "diff/insn.h"

#include "debug/disas.h"
#include "diff/diff.h"
#include "diff/run/stub_layout.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Faults take hardware a hundred times as long as other cases: all run in the first batches, until each row has had so
 * many cases; then one in FEW. This goes by the batch's number alone, so that shards of a run select as the whole
 * does. */
enum { CASES_ENOUGH = 128, FAULTS_FEW = 64 };

/* ---- rows ---- */

/** `patterns`: separated by commas; each matches a mnemonic, or a feature as in "cpuid=sse4_1". */
static bool wanted(const struct X86Row *row, const char *patterns) {
    char word[DIFF_PATTERN];
    while (*patterns != '\0') {
        patterns = diff_next_pattern(patterns, word, sizeof(word));
        if (!strncmp(word, "cpuid=", 6) ? row->feature != CPUID_NONE && row->feature == cpu_feature_by_name(word + 6)
                                        : fnmatch(word, row->mnemonic, FNM_CASEFOLD) == 0)
            return true;
    }
    return false;
}

const char *insn_left_out(const struct InsnRun *r, unsigned row) {
    if (r->qemu && x86_rows[row].exit == EXIT_XSETBV)
        return "QEMU's emulation executes it and does not tell KVM (measured, 7.2)";
    return gen_left_out(row, r->system);
}

static unsigned pick_rows(const struct InsnRun *r, const char *patterns, uint16_t *rows) {
    const struct CpuModel *m = &r->model;
    unsigned n = 0, when = r->mode == DIFF_LONG64 ? WHEN_64 : WHEN_NOT64;
    for (unsigned k = 1; k < x86_row_count; k++) {
        const struct X86Row *row = &x86_rows[k];
        bool has = row->feature == CPUID_NONE || cpu_has(m, (enum X86Feature)row->feature);
        if (has && (x86_forms[k].when & when) && insn_left_out(r, k) == NULL &&
            (patterns == NULL || wanted(row, patterns)))
            rows[n++] = (uint16_t)k;
    }
    return n;
}

/* ---- a batch ---- */

/** Page-wise host address of a case's memory; contiguous within a page. */
static uint8_t *runner_memory(const struct DiffRunner *r, uint64_t linear) { return diff_space_at(&r->space, linear); }

static void add_range(struct InsnRun *r, struct Comparison *c, uint64_t linear, unsigned n) {
    if (diff_space_page(&r->a->space, linear) == NULL)
        return;
    c->range[c->ranges++] = (struct CompareRange){.linear = linear,
                                                  .n = n,
                                                  .before = gen_window_before(r->batch, linear),
                                                  .a = runner_memory(r->a, linear),
                                                  .b = runner_memory(r->b, linear)};
}

void insn_comparison(struct InsnRun *r, unsigned k, struct Comparison *c) {
    const struct GenBatch *b = r->batch;
    const struct GenGroup *q = &b->group[b->group_of[k]];
    c->in = &b->in[k];
    c->insns = 0;
    for (unsigned n = 0; n < q->length; n++)
        compare_add(c, &x86_rows[q->insn[n].d.row], &q->insn[n].d.insn, q->insn[n].bytes);
    c->oracle = r->b->ops->name;
    c->qemu = r->qemu;
    c->undefined = r->undefined;
    c->a = r->out_a[k];
    c->b = r->out_b[k];
    c->system = r->a->system != NULL && r->b->system != NULL;
    if (c->system) {
        c->system_a = r->a->system[k];
        c->system_b = r->b->system[k];
    }
    c->mode = r->mode;
    c->ranges = 0;
    add_range(r, c, b->layout->data + 512 + k * (uint64_t)GEN_WINDOW, GEN_WINDOW);
    if (b->window[k] >= b->layout->edge) {
        add_range(r, c, b->window[k], GEN_WINDOW / 2);
        add_range(r, c, b->window[k] + GEN_WINDOW / 2, GEN_WINDOW / 2);
    }
}

static bool same(struct InsnRun *r, unsigned k, const uint8_t *data_a, const uint8_t *data_b) {
    unsigned at = 512 + k * GEN_WINDOW;
    if (r->system && memcmp(&r->a->system[k], &r->b->system[k], sizeof(r->a->system[k])) != 0)
        return false;
    if (!diff_state_equal(&r->out_a[k], &r->out_b[k]) || memcmp(data_a + at, data_b + at, GEN_WINDOW))
        return false;
    if (r->batch->window[k] < r->batch->layout->edge)
        return true;
    struct Comparison c;
    insn_comparison(r, k, &c);
    for (unsigned n = 0; n < c.ranges; n++)
        if (memcmp(c.range[n].a, c.range[n].b, c.range[n].n))
            return false;
    return true;
}

static const struct GenGroup *group_of(const struct InsnRun *r, unsigned k) {
    return &r->batch->group[r->batch->group_of[k]];
}

/** The instruction of case k in which the software faulted; the number of them if in none. */
static unsigned ended_at(const struct InsnRun *r, unsigned k) {
    const struct GenGroup *q = group_of(r, k);
    const struct DiffState *o = &r->out_a[k];
    uint64_t at = q->code - q->cs_base;
    for (unsigned n = 0; n < q->length && o->vector != DIFF_NO_FAULT; at += q->insn[n].len, n++)
        if (o->rip == at)
            return n;
    return q->length;
}

/** The row that a case counts for: that of the instruction that faulted, or of the first. */
static unsigned row_of(const struct InsnRun *r, unsigned k) {
    const struct GenGroup *q = group_of(r, k);
    unsigned n = ended_at(r, k);
    return q->insn[n < q->length ? n : 0].d.row;
}

/** The verdict on case k, counted if it is an explanation. */
static enum Verdict verdict(struct InsnRun *r, unsigned k, struct Comparison *c, struct RowCoverage *row) {
    unsigned explained;
    insn_comparison(r, k, c);
    enum Verdict v = compare(c, &explained);
    if (v == UNDEFINED)
        row->undefined++;
    if (v == EXPLAINED) {
        row->explained++;
        r->explained[explained]++;
    }
    return v;
}

/** Both engines have run case k, and differ in it. */
static void judge(struct InsnRun *r, unsigned k) {
    struct Comparison c;
    uint8_t own[3 * GEN_WINDOW];
    unsigned number = row_of(r, k);
    struct RowCoverage *row = &r->row[number];
    insn_own_memory(r, k, own, false);
    if (verdict(r, k, &c, row) != DIFFERENT)
        return;
    insn_own_memory(r, k, own, true); /* explanations have changed it */
    if (row->differs_in != r->number + 1) { /* takes long; a bug shows in many cases */
        if (insn_ask_again(r, k) && verdict(r, k, &c, row) != DIFFERENT) {
            r->disturbed++;
            return;
        }
        insn_own_memory(r, k, own, true);
        if (insn_strays(r, k)) {
            r->strayed++;
            return;
        }
    }
    row->differs_in = r->number + 1;
    row->different++;
    r->different++;
    insn_report(r, k, number, &c);
}

/** Whether the oracle shall run this case, going by what the software made of it. */
static bool selected(struct InsnRun *r, unsigned k) {
    const struct DiffState *o = &r->out_a[k];
    const struct GenGroup *q = group_of(r, k);
    if (o->left)
        return false; /* to code of another mode, where pads mean nothing */
    if (o->vector == DIFF_NO_FAULT)
        return o->rip + q->cs_base - q->code >= q->bytes; /* a branch back has no end */
    if (o->vector == VEC_PF && o->cr2 - STUB_BASE < DIFF_SYS + DIFF_SYS_SIZE - STUB_BASE)
        return false; /* the oracle has something there */
    if (o->vector == VEC_DB && o->rip + q->cs_base - q->code >= q->bytes && !(r->batch->in[k].rflags & FLAG_TF))
        return false; /* a trap that POPF or IRET began comes after the pad's first instruction */
    struct RowCoverage *row = &r->row[row_of(r, k)];
    row->faults++;
    row->vectors |= 1u << (o->vector < 31 ? o->vector : 31);
    bool early = r->number * r->batch->count < (uint64_t)CASES_ENOUGH * r->rows;
    return r->system || early || diff_one_in(&r->rng, FAULTS_FEW);
}

/** Cases whose memory others have changed after them are left out of `which`. */
static unsigned only_untouched(struct InsnRun *r, uint16_t *which, unsigned count, const uint8_t *data) {
    unsigned kept = 0;
    for (unsigned k = 0; k < count; k++) {
        unsigned at = 512 + which[k] * GEN_WINDOW;
        if (memcmp(data + at, r->after + at, GEN_WINDOW) == 0)
            which[kept++] = which[k];
    }
    return kept;
}

/** The cases on the software, one by one. Some write elsewhere than was meant, and are not all run by the oracle: a
 * case counts as long as its memory is its own. *count of them are left in `which`. */
static int run_software(struct InsnRun *r, uint16_t *which, unsigned *count, char *why, size_t n) {
    struct GenBatch *b = r->batch;
    const uint8_t *data = runner_memory(r->a, b->layout->data);
    int e = 0;
    *count = 0;
    for (unsigned k = 0; k < b->count && e == 0; k++) {
        unsigned at = 512 + k * GEN_WINDOW;
        if (memcmp(data + at, b->data + at, GEN_WINDOW) != 0)
            continue;
        which[*count] = (uint16_t)k;
        e = r->a->ops->run(r->a, b->in, r->out_a, &which[(*count)++], 1, why, n);
        memcpy(r->after + at, data + at, GEN_WINDOW);
    }
    *count = only_untouched(r, which, *count, data);
    return e;
}

/** The engine could not go on: say in which case. */
static int failed(struct InsnRun *r, struct DiffRunner *engine, int e) {
    struct Comparison c;
    insn_comparison(r, engine->stuck, &c);
    fprintf(r->report, "%s could not go on:\n", engine->ops->name);
    r->differences = 0; /* in any case this one is shown */
    r->row[0].different = 0;
    insn_report(r, engine->stuck, 0, &c);
    return e;
}

static int run_batch(struct InsnRun *r, char *why, size_t n) {
    struct GenBatch *b = r->batch;
    uint16_t which[DIFF_BATCH];
    gen_batch(r->gen, r->number, b);
    diff_rng_init(&r->rng, r->number, 0xfa);
    gen_load(b, r->a);
    gen_load(b, r->b);
    unsigned ran, count = 0;
    int e = run_software(r, which, &ran, why, n);
    if (e != 0)
        return failed(r, r->a, e);
    for (unsigned k = 0; k < ran; k++)
        if (selected(r, which[k]))
            which[count++] = which[k];
    r->skipped += b->count - count;
    e = r->b->ops->run(r->b, b->in, r->out_b, which, count, why, n);
    if (e != 0)
        return failed(r, r->b, e);
    const uint8_t *data_a = runner_memory(r->a, b->layout->data), *data_b = runner_memory(r->b, b->layout->data);
    for (unsigned k = 0; k < count; k++) {
        const struct GenGroup *q = group_of(r, which[k]);
        if (r->out_b[which[k]].disturbed) {
            r->disturbed++;
            if (!insn_ask_again(r, which[k])) {
                r->skipped++;
                continue;
            }
        }
        r->cases++;
        unsigned end = ended_at(r, which[k]);
        for (unsigned i = 0; i < q->length && i <= end; i++)
            r->row[q->insn[i].d.row].cases++;
        if (!same(r, which[k], data_a, data_b))
            judge(r, which[k]);
        if (r->record != NULL && (e = insn_record(r, which[k], row_of(r, which[k]), why, n)) != 0)
            return e;
    }
    return 0;
}

/* ---- the run ---- */

void insn_free(struct InsnRun *r) {
    if (r->a != NULL)
        r->a->ops->close(r->a);
    if (r->b != NULL)
        r->b->ops->close(r->b);
    gen_free(r->gen);
    disas_free(r->disas);
    free(r->batch);
    free(r->after);
    free(r->out_a);
    free(r->out_b);
    free(r->row);
    free(r->explained);
    free(r->identity);
    free(r->have);
    for (unsigned k = 0; k < r->differences; k++)
        free(r->difference[k].text);
    free(r->difference);
    free(r);
}

static int open_engines(struct InsnRun *r, const struct DiffRunnerOps *const engines[2], char *why, size_t n) {
    struct DiffPage *page = calloc(GEN_MAX_PAGES, sizeof(*page));
    if (page == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    const struct DiffSetup setup = {r->mode, r->cpl, &r->model, page, gen_pages(r->mode, page), true};
    int e = engines[0]->open(&r->a, &setup, why, n);
    if (e == 0)
        e = engines[1]->open(&r->b, &setup, why, n);
    free(page);
    return e;
}

/** "pm32" and the like; 3, or 0. */
static int parse_mode(struct InsnRun *r, const Twin86DiffInsn *o, char *why, size_t n) {
    static const struct {
        const char *name;
        enum DiffMode mode;
    } modes[] = {{"real", DIFF_REAL16},       {"v86", DIFF_V8086},         {"pm16", DIFF_PROT16}, {"pm32", DIFF_PROT32},
                 {"compat16", DIFF_COMPAT16}, {"compat32", DIFF_COMPAT32}, {"long", DIFF_LONG64}};
    r->mode = DIFF_LONG64;
    r->cpl = o->cpl == 0 ? 0 : 3;
    bool found = o->mode == NULL;
    for (unsigned k = 0; k < sizeof(modes) / sizeof(modes[0]) && !found; k++)
        if ((found = strcmp(modes[k].name, o->mode) == 0))
            r->mode = modes[k].mode;
    if (!found)
        return snprintf(why, n, "--mode %s is not known; there are real, v86, pm16, pm32, compat16, compat32 and long",
                        o->mode),
               -EINVAL;
    r->cpl = r->mode == DIFF_REAL16 ? 0 : r->mode == DIFF_V8086 ? 3 : r->cpl;
    bool compatible = r->mode == DIFF_COMPAT16 || r->mode == DIFF_COMPAT32;
    if (compatible && r->cpl == 0)
        return snprintf(why, n, "--mode %s --cpl 0: no system runs such code; --cpl 3 is what there is", o->mode),
               -EINVAL;
    snprintf(r->mode_name, sizeof(r->mode_name), "%s CPL %u", diff_mode_names[r->mode], r->cpl);
    return 0;
}

/** Which batches it runs. */
static int choose_shard(struct InsnRun *r, const Twin86DiffInsn *o, char *why, size_t n) {
    r->shards = o->shards != 0 ? o->shards : 1;
    unsigned shard = o->shards != 0 ? o->shard : 1;
    if (r->shards > INSN_MAX_SHARDS || shard == 0 || shard > r->shards)
        return snprintf(why, n, "--shard %u/%u: one of 1/N to N/N is wanted, with N up to %d", shard, r->shards,
                        INSN_MAX_SHARDS),
               -EINVAL;
    r->have = calloc(r->shards, sizeof(*r->have));
    if (r->have == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    r->have[shard - 1] = true;
    r->number = shard - 1;
    return 0;
}

static int prepare(struct InsnRun *r, const Twin86DiffInsn *o, const struct DiffRunnerOps *const engines[2], char *why,
                   size_t n) {
    int e = diff_model_parse(&r->model, o->cpu, why, n);
    if (e != 0)
        return e;
    diff_host_model(&r->model);
    if ((e = parse_mode(r, o, why, n)) != 0)
        return e;
    r->system = engines[0]->system_wide;
    r->qemu = compare_oracle_is_qemu(engines[1]->name);
    r->length = o->length != 0 ? o->length : 1;
    if (r->length > GEN_MAX_LENGTH)
        return snprintf(why, n, "--length %u: a case has at most %u instructions", r->length, GEN_MAX_LENGTH), -EINVAL;
    if ((e = choose_shard(r, o, why, n)) != 0)
        return e;
    uint16_t *rows = calloc(x86_row_count, sizeof(*rows));
    r->batch = calloc(1, sizeof(*r->batch));
    r->after = malloc(GEN_DATA_PAGES * 4096);
    r->out_a = aligned_alloc(64, DIFF_BATCH * sizeof(*r->out_a));
    r->out_b = aligned_alloc(64, DIFF_BATCH * sizeof(*r->out_b));
    r->row = calloc(x86_row_count, sizeof(*r->row));
    r->explained = calloc(explanation_count, sizeof(*r->explained));
    r->disas = disas_new();
    unsigned count = r->rows = rows != NULL ? pick_rows(r, o->forms, rows) : 0;
    bool memory = rows && r->batch && r->after && r->out_a && r->out_b && r->row && r->explained && r->disas;
    if (memory && count > 0 && (e = open_engines(r, engines, why, n)) == 0) {
        r->gen = gen_new(&(struct GenSetup){.model = &r->model,
                                            .seed = o->seed,
                                            .row = rows,
                                            .rows = count,
                                            .length = r->length,
                                            .mode = r->mode,
                                            .cpl = r->cpl,
                                            .env = &r->a->space.env,
                                            .qemu = r->qemu,
                                            .system = r->system});
        memory = r->gen != NULL;
    }
    free(rows);
    if (!memory)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    if (e != 0)
        return e;
    if (count == 0)
        return snprintf(why, n,
                        "--forms '%s': no instruction of this CPU model matches; a mnemonic such as 'ADD', "
                        "'PADD*' or a feature such as 'cpuid=sse2' is wanted",
                        o->forms != NULL ? o->forms : "*"),
               -EINVAL;
    memset(r->out_a, 0, DIFF_BATCH * sizeof(*r->out_a));
    memset(r->out_b, 0, DIFF_BATCH * sizeof(*r->out_b));
    return 0;
}

static void summarize(struct InsnRun *r) {
    unsigned rows = 0;
    for (unsigned k = 1; k < x86_row_count; k++)
        rows += r->row[k].cases != 0;
    for (unsigned k = 0; k < explanation_count; k++)
        if (r->explained[k] != 0)
            fprintf(r->report, "explained: %s: %llu cases: %s\n", explanations[k].name,
                    (unsigned long long)r->explained[k], explanations[k].why);
    if (r->strayed != 0)
        fprintf(r->report, "not compared: %llu cases went astray, to memory of others or what ends cases\n",
                (unsigned long long)r->strayed);
    if (r->disturbed != 0)
        fprintf(r->report,
                "asked again: %llu cases: the system had disturbed them, or the processor said something else the "
                "second time\n",
                (unsigned long long)r->disturbed);
    fprintf(r->report, "%llu cases of %u forms, %llu differ\n", (unsigned long long)r->cases, rows,
            (unsigned long long)r->different);
}

static int report_coverage(struct InsnRun *r, const char *html, char *why, size_t n) {
    if (html == NULL) {
        insn_coverage_text(r, r->report);
        return 0;
    }
    FILE *f = fopen(html, "w");
    if (f != NULL)
        insn_coverage_html(r, f);
    if (f == NULL || ferror(f) || fclose(f) != 0)
        return snprintf(why, n, "--coverage: %s can't be written: %s", html, strerror(errno)), -EINVAL;
    return 0;
}

int insn_conclude(struct InsnRun *r, bool coverage, const char *html, const char *file, char *why, size_t n) {
    int e = coverage ? report_coverage(r, html, why, n) : 0;
    if (e == 0 && file != NULL)
        e = insn_file_write(r, file, why, n);
    if (e != 0)
        return e;
    summarize(r);
    return r->different != 0;
}

/** All batches of the shard: the run has as many as its cases need. */
static int run_batches(struct InsnRun *r, uint64_t cases, char *why, size_t n) {
    uint64_t size = gen_layout(r->mode)->cases, batches = cases / size + (cases % size != 0);
    int e = 0;
    for (; e == 0 && r->number < batches; r->number += r->shards)
        e = run_batch(r, why, n);
    return e;
}

int diff_insn_run(const Twin86DiffInsn *o, const struct DiffRunnerOps *a, const struct DiffRunnerOps *b, FILE *out,
                  char *why, size_t why_size) {
    struct InsnRun *r = calloc(1, sizeof(*r));
    char record_why[512];
    if (r == NULL)
        return snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM;
    r->report = out;
    r->save = o->save;
    r->shrink = o->shrink;
    r->undefined = o->undefined;
    const struct DiffRunnerOps *const engines[2] = {a, b};
    int e = prepare(r, o, engines, why, why_size);
    if (e == 0 && (r->identity = insn_identity(r, o)) == NULL)
        e = (snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM);
    if (e == 0)
        e = insn_record_open(r, o, why, why_size);
    if (e == 0)
        e = run_batches(r, o->cases, why, why_size);
    int closed = insn_record_close(r, record_why, sizeof(record_why));
    if (e == 0 && (e = closed) != 0)
        snprintf(why, why_size, "%s", record_why);
    if (e == 0)
        e = insn_conclude(r, o->coverage, o->html, o->report, why, why_size);
    insn_free(r);
    return e;
}

/** Whether runners of batches are wanted: the host has no other; other engines have them in 64-bit user mode. What
 *  QEMU's emulation of a processor gives is not what batches want. */
static bool wants_batches(const Twin86DiffInsn *o) {
    const char *oracle = o->engines != NULL ? strchr(o->engines, ',') : NULL;
    if (oracle != NULL && strcmp(oracle + 1, diff_host_runner.name) == 0)
        return true;
    return (o->mode == NULL || strcmp(o->mode, "long") == 0) && o->cpl != 0 && !diff_host_is_qemu();
}

int twin86_diff_insn(const Twin86DiffInsn *o, FILE *out, char *why, size_t why_size) {
    const struct DiffRunnerOps *a, *b;
    int e = diff_find_engines(o->engines, wants_batches(o), &a, &b, why, why_size);
    return e != 0 ? e : diff_insn_run(o, a, b, out, why, why_size);
}
