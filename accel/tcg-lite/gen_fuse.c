/* SPDX-License-Identifier: MIT */
/** x86gen: sequences of instructions that share one exec function (fuse.tab). */
#include "accel/tcg-lite/fuse.h"
#include "accel/tcg-lite/gen_fn.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 512 };

/** Two fields of a sequence's instructions that are equal. */
struct Same {
    int insn[2];
    const char *field[2];
};

/** A function for `count` instructions. */
struct Fused {
    int count, fn[FUSE_MAX];
    int same_count;
    struct Same same[FUSE_SAME_MAX];
    int unit;
};

static struct Fused *fused;
static int fused_count, fused_room;

static bool equal(const struct Fused *a, const struct Fused *b) {
    if (a->count != b->count || a->same_count != b->same_count || memcmp(a->fn, b->fn, sizeof(a->fn)) != 0)
        return false;
    for (int k = 0; k < a->same_count; k++)
        if (memcmp(a->same[k].insn, b->same[k].insn, sizeof(a->same[k].insn)) != 0 ||
            a->same[k].field[0] != b->same[k].field[0] || a->same[k].field[1] != b->same[k].field[1])
            return false;
    return true;
}

static void add_fused(const struct Fused *f) {
    for (int k = 0; k < fused_count; k++)
        if (equal(&fused[k], f))
            return;
    if (fused_count == fused_room)
        fused = realloc(fused, (size_t)(fused_room = fused_room * 2 + 64) * sizeof *fused);
    fused[fused_count++] = *f;
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
    int number, words;
    char word[FUSE_MAX][WORD_MAX];
    struct Fused f; /* count: the words that have been expanded */
};

static const char *field_name(const char *text, size_t n) {
    static const char *const names[] = {"rm", "reg", "base", "index"};
    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++)
        if (strlen(names[k]) == n && strncmp(names[k], text, n) == 0)
            return names[k];
    return NULL;
}

/** "rm=1.reg,base=2.rm)" behind the sequence's last word so far. */
static bool take_same(struct Fused *f, const char *text) {
    while (*text && *text != ')') {
        struct Same *s = &f->same[f->same_count];
        const char *equals = strchr(text, '='), *end = text + strcspn(text, ",)");
        char *dot;
        if (f->same_count == FUSE_SAME_MAX || !equals || equals > end)
            return false;
        s->field[0] = field_name(text, (size_t)(equals - text));
        s->insn[0] = f->count - 1;
        s->insn[1] = (int)strtol(equals + 1, &dot, 10) - 1;
        s->field[1] = *dot == '.' ? field_name(dot + 1, (size_t)(end - dot - 1)) : NULL;
        if (!s->field[0] || !s->field[1] || s->insn[1] < 0 || s->insn[1] >= f->count)
            return false;
        f->same_count++;
        text = end + (*end == ',');
    }
    return true;
}

static void take_word(void *opaque, const char *word) {
    struct Line *l = opaque;
    char name[WORD_MAX];
    size_t n = strcspn(word, "(");
    snprintf(name, sizeof name, "%.*s", (int)n, word);
    int fn = gen_fn_by_name(name), same_count = l->f.same_count;
    l->f.fn[l->f.count++] = fn;
    if (fn < 0)
        gen_error(l->g, l->number, "%s: no such exec function", name);
    else if (!gen_fn_can_fuse(l->g, fn, l->f.count == l->words))
        gen_error(l->g, l->number, "%s: a branch or a helper can't stand here", name);
    else if (word[n] && !take_same(&l->f, word + n + 1))
        gen_error(l->g, l->number, "%s: expected FIELD=NUMBER.FIELD, up to %d in a sequence", word, FUSE_SAME_MAX);
    else if (l->f.count == l->words)
        add_fused(&l->f);
    else
        expand(l->word[l->f.count], 0, take_word, l);
    l->f.same_count = same_count;
    l->f.fn[--l->f.count] = 0;
}

static void read_line(struct Line *l, char *text) {
    text[strcspn(text, "#\n")] = 0;
    l->words = 0;
    for (char *word; (word = strsep(&text, " \t"));) {
        if (!*word)
            continue;
        if (l->words == FUSE_MAX) {
            gen_error(l->g, l->number, "more than %d instructions", FUSE_MAX);
            return;
        }
        snprintf(l->word[l->words++], WORD_MAX, "%s", word);
    }
    if (l->words == 2 && !strcmp(l->word[0], "%unit"))
        l->f.unit = gen_fuse_unit(l->g, l->word[1]);
    else if (l->words == 1)
        gen_error(l->g, l->number, "a single instruction");
    else if (l->words > 0)
        expand(l->word[0], 0, take_word, l);
}

void gen_fuse_parse(struct Gen *g, const char *path) {
    FILE *f = fopen(path, "r");
    char text[WORD_MAX * FUSE_MAX];
    struct Line l = {.g = g, .f.unit = -1};
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
    for (int k = 0; k < f->same_count; k++)
        fprintf(o, "_%s%d%s%d", f->same[k].field[0], f->same[k].insn[0] + 1, f->same[k].field[1],
                f->same[k].insn[1] + 1);
}

static void put_function(const struct Gen *g, FILE *o, const struct Fused *f) {
    fprintf(o, "\nEXEC_FN ");
    put_name(o, f);
    fprintf(o, "(CPUX86State *env, const struct Insn *restrict i, struct Tcg *t) {\n");
    for (int k = 0; k < f->same_count; k++)
        fprintf(o, "    if (i[%d].%s != i[%d].%s)\n        __builtin_unreachable();\n", f->same[k].insn[0],
                f->same[k].field[0], f->same[k].insn[1], f->same[k].field[1]);
    for (int n = 0; n < f->count; n++) {
        char insn[16], next[16];
        snprintf(insn, sizeof insn, "i + %d", n);
        snprintf(next, sizeof next, "i + %d", n + 1);
        gen_emit_insn(g, o, f->fn[n], insn, next, n == f->count - 1);
    }
    fprintf(o, "}\n");
}

void gen_fuse_unit_functions(const struct Gen *g, FILE *o, int unit) {
    for (int k = 0; k < fused_count; k++)
        if (fused[k].unit == unit)
            put_function(g, o, &fused[k]);
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
        put_name(o, f);
        fprintf(o, ", %d, %d, {", f->count, f->same_count);
        for (int n = 0; n < f->count; n++)
            fprintf(o, "x_%s%s", gen_fn_name(f->fn[n]), n < f->count - 1 ? ", " : "}, {");
        for (int n = 0; n < f->same_count; n++)
            fprintf(o, "{{%d, %d}, {offsetof(struct Insn, %s), offsetof(struct Insn, %s)}}, ", f->same[n].insn[0],
                    f->same[n].insn[1], f->same[n].field[0], f->same[n].field[1]);
        fprintf(o, "}},\n");
    }
    fprintf(o, "};\nconst unsigned x86_fusion_count = %d;\n", fused_count);
}
