/* SPDX-License-Identifier: MIT */
/** x86gen: sequences of instructions that share one exec function (fuse.tab). */
#include "accel/tcg-lite/gen_fn.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE_MAX = 6, WORD_MAX = 512 };

/** A function for `count` instructions; its first count - 1 have a function too, `prefix` (-1 when count is 1). */
struct Fused {
    int count, fn[SEQUENCE_MAX];
    int prefix, unit;
};

static struct Fused *fused;
static int fused_count, fused_room;

static int find_fused(const int *fn, int count) {
    for (int k = 0; k < fused_count; k++)
        if (fused[k].count == count && !memcmp(fused[k].fn, fn, (size_t)count * sizeof *fn))
            return k;
    return -1;
}

static int add_fused(const int *fn, int count, int unit) {
    int at = find_fused(fn, count);
    if (at >= 0)
        return at;
    struct Fused f = {.count = count, .prefix = count > 2 ? add_fused(fn, count - 1, unit) : -1, .unit = unit};
    memcpy(f.fn, fn, (size_t)count * sizeof *fn);
    if (fused_count == fused_room)
        fused = realloc(fused, (size_t)(fused_room = fused_room * 2 + 64) * sizeof *fused);
    fused[fused_count] = f;
    return fused_count++;
}

/* ---- reading: each line's words are names of exec functions with {this,that} alternatives ---- */

/** Call `fn` with every expansion of `word`, which starts with `done` bytes that need none. */
static void expand(const char *word, size_t done, void (*fn)(void *opaque, const char *name), void *opaque) {
    const char *open = strchr(word + done, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!close) {
        fn(opaque, word);
        return;
    }
    for (const char *p = open + 1; p <= close;) {
        size_t n = strcspn(p, ",}");
        char next[WORD_MAX];
        snprintf(next, sizeof next, "%.*s%.*s%s", (int)(open - word), word, (int)n, p, close + 1);
        expand(next, (size_t)(open - word) + n, fn, opaque);
        p += n + 1;
    }
}

struct Line {
    struct Gen *g;
    int number, unit, words;
    char word[SEQUENCE_MAX][WORD_MAX];
    int at; /* the word being expanded */
    int fn[SEQUENCE_MAX];
};

static void take_name(void *opaque, const char *name) {
    struct Line *l = opaque;
    int fn = gen_fn_by_name(name);
    if (fn < 0 || !gen_fn_can_fuse(l->g, fn, l->at == l->words - 1)) {
        gen_error(l->g, l->number, "%s: %s", name,
                  fn < 0 ? "no such exec function" : "a branch or a helper can't stand here");
        return;
    }
    l->fn[l->at] = fn;
    if (++l->at == l->words)
        add_fused(l->fn, l->words, l->unit);
    else
        expand(l->word[l->at], 0, take_name, l);
    l->at--;
}

static void read_line(struct Line *l, char *text) {
    text[strcspn(text, "#\n")] = 0;
    l->words = l->at = 0;
    for (char *word; (word = strsep(&text, " \t"));) {
        if (!*word)
            continue;
        if (l->words == SEQUENCE_MAX) {
            gen_error(l->g, l->number, "more than %d instructions", SEQUENCE_MAX);
            return;
        }
        snprintf(l->word[l->words++], WORD_MAX, "%s", word);
    }
    if (l->words == 2 && !strcmp(l->word[0], "%unit"))
        l->unit = gen_fuse_unit(l->g, l->word[1]);
    else if (l->words == 1)
        gen_error(l->g, l->number, "a single instruction");
    else if (l->words > 0)
        expand(l->word[0], 0, take_name, l);
}

void gen_fuse_parse(struct Gen *g, const char *path) {
    FILE *f = fopen(path, "r");
    char text[WORD_MAX * SEQUENCE_MAX];
    struct Line l = {.g = g, .unit = -1};
    if (!f) {
        fprintf(stderr, "x86gen: cannot open %s\n", path);
        g->errors++;
        return;
    }
    g->tab = path;
    while (fgets(text, sizeof text, f)) {
        l.number++;
        read_line(&l, text);
    }
    fclose(f);
}

/* ---- writing ---- */

static void put_name(FILE *o, const struct Fused *f) {
    fputs("y", o);
    for (int k = 0; k < f->count; k++)
        fprintf(o, "_%s", gen_fn_name(f->fn[k]));
}

void gen_fuse_unit_functions(const struct Gen *g, FILE *o, int unit) {
    for (int k = 0; k < fused_count; k++) {
        const struct Fused *f = &fused[k];
        if (f->unit != unit)
            continue;
        fprintf(o, "\nEXEC_FN ");
        put_name(o, f);
        fprintf(o, "(CPUX86State *env, const struct Insn *i, struct Tcg *t) {\n");
        for (int n = 0; n < f->count; n++) {
            bool last = n == f->count - 1;
            if (last && gen_fn_flow(g, f->fn[n])) {
                fprintf(o, "    CONTINUE(");
                gen_emit_call(g, o, f->fn[n], "i");
                fprintf(o, ");\n");
                continue;
            }
            fprintf(o, "    ");
            gen_emit_call(g, o, f->fn[n], "i");
            fprintf(o, ";\n    i++;\n");
            if (last)
                fprintf(o, "    CONTINUE(i);\n");
            else if (gen_fn_stores(g, f->fn[n]))
                fprintf(o, "    if (UNLIKELY(i->fn == tcg_x_stale))\n        CONTINUE(i);\n");
        }
        fprintf(o, "}\n");
    }
}

void gen_fuse_declare(FILE *o) {
    for (int k = 0; k < fused_count; k++) {
        fprintf(o, "EXEC_FN ");
        put_name(o, &fused[k]);
        fprintf(o, "(CPUX86State *env, const struct Insn *i, struct Tcg *t);\n");
    }
}

void gen_fuse_table(FILE *o) {
    fprintf(o, "const struct X86Fusion x86_fusions[] = {\n");
    for (int k = 0; k < fused_count; k++) {
        const struct Fused *f = &fused[k];
        fprintf(o, "    {");
        if (f->prefix < 0)
            fprintf(o, "x_%s", gen_fn_name(f->fn[0]));
        else
            put_name(o, &fused[f->prefix]);
        fprintf(o, ", x_%s, ", gen_fn_name(f->fn[f->count - 1]));
        put_name(o, f);
        fprintf(o, "},\n");
    }
    fprintf(o, "};\nconst unsigned x86_fusion_count = %d;\n", fused_count);
}
