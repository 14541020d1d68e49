/* SPDX-License-Identifier: MIT */
/** x86gen: reads fuse.tab, sequences of instructions that share one exec function. */
#include "accel/tcg-lite/gen/gen_fuse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 512 };

struct Fused *gen_fused;
int gen_fused_count;
static int fused_room;

static bool equal(const struct Fused *a, const struct Fused *b) {
    if (a->count != b->count || a->use_count != b->use_count || memcmp(a->fn, b->fn, sizeof(a->fn)) != 0)
        return false;
    for (int k = 0; k < a->use_count; k++)
        if (a->use[k].name != b->use[k].name || a->use[k].high != b->use[k].high)
            return false;
    return true;
}

static void add_fused(const struct Fused *f) {
    for (int k = 0; k < gen_fused_count; k++)
        if (equal(&gen_fused[k], f))
            return;
    if (gen_fused_count == fused_room)
        gen_fused = realloc(gen_fused, (size_t)(fused_room = fused_room * 2 + 64) * sizeof(*gen_fused));
    gen_fused[gen_fused_count++] = *f;
}

uint16_t gen_fuse_implicit(const struct Gen *g, const struct Fused *f) {
    uint16_t set = 0;
    for (int k = 0; k < f->count; k++)
        set |= gen_fn_local(g, f->fn[k]) ? gen_fn_implicit(g, f->fn[k]) : 0;
    for (int k = 0; k < f->use_count; k++)
        set |= f->use[k].name >= FUSE_FIXED && f->use[k].name < FUSE_VECTOR
                   ? (uint16_t)(1u << (f->use[k].name - FUSE_FIXED))
                   : 0;
    return set;
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
        snprintf(next, sizeof(next), "%.*s%.*s%s", (int)(open - word), word, (int)n, p, close + 1);
        expand(next, (size_t)(open - word) + n, fn, opaque);
        p += n + 1;
    }
}

struct Line {
    struct Gen *g;
    int number, words;
    char word[FUSE_MAX][WORD_MAX];
    struct Fused f; /* count: the words that have been expanded */
    bool named;     /* registers are given */
};

/** One name of a register; false: it is none. */
static bool take_register(const char *text, size_t n, bool vector, uint8_t *name) {
    static const char *const fixed[] = {"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"};
    *name = 0xff;
    if (n == 1 && !vector && text[0] >= 'a' && text[0] <= 'p')
        *name = (uint8_t)(text[0] - 'a');
    else if (n == 1 && vector && text[0] >= 'A' && text[0] <= 'P')
        *name = (uint8_t)(FUSE_VECTOR + text[0] - 'A');
    else if (n == 1 && text[0] == '-')
        *name = FUSE_NONE;
    else if (n == 2 && strncmp(text, "IP", 2) == 0)
        *name = FUSE_IP;
    for (unsigned k = 0; n == 2 && k < 8; k++)
        if (strncmp(text, fixed[k], 2) == 0)
            *name = (uint8_t)(FUSE_FIXED + k);
    return *name != 0xff;
}

/** "a,b.h)" behind the sequence's last word so far. */
static bool take_registers(const struct Gen *g, struct Fused *f, const char *text) {
    struct GenUse field[GEN_FIELDS_MAX];
    int fields = gen_fn_fields(g, f->fn[f->count - 1], field);
    for (int k = 0; k < fields; k++) {
        size_t n = strcspn(text, ",)");
        bool high = n > 2 && strncmp(text + n - 2, ".h", 2) == 0;
        uint8_t name;
        if (f->use_count == FUSE_USES_MAX || (high && !field[k].byte) ||
            !take_register(text, n - (high ? 2 : 0), field[k].vector, &name) || (text[n] != ')') != (k + 1 < fields))
            return false;
        f->use[f->use_count].insn = f->count - 1;
        f->use[f->use_count].field = field[k].field;
        f->use[f->use_count].name = name;
        f->use[f->use_count++].high = high;
        text += n + 1;
    }
    return fields > 0;
}

static void take_word(void *opaque, const char *word) {
    struct Line *l = opaque;
    char name[WORD_MAX];
    struct GenUse field[GEN_FIELDS_MAX];
    size_t n = strcspn(word, "(");
    snprintf(name, sizeof(name), "%.*s", (int)n, word);
    int fn = gen_fn_by_name(name), use_count = l->f.use_count;
    l->f.fn[l->f.count++] = fn;
    if (fn < 0)
        gen_error(l->g, l->number, "%s: no such exec function", name);
    else if (!gen_fn_can_fuse(l->g, fn, l->f.count == l->words))
        gen_error(l->g, l->number, "%s: a branch or a helper can't stand here", name);
    else if (word[n] ? !take_registers(l->g, &l->f, word + n + 1) : l->named && gen_fn_fields(l->g, fn, field) > 0)
        gen_error(l->g, l->number, "%s: expected a register for each operand that names one", word);
    else if (l->f.count == l->words)
        add_fused(&l->f);
    else
        expand(l->word[l->f.count], 0, take_word, l);
    l->f.use_count = use_count;
    l->f.fn[--l->f.count] = 0;
}

static void read_line(struct Line *l, char *text) {
    text[strcspn(text, "#\n")] = 0;
    l->words = 0;
    l->named = strchr(text, '(') != NULL;
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
    while (fgets(text, sizeof(text), f)) {
        l.number++;
        read_line(&l, text);
    }
    fclose(f);
}
