/* SPDX-License-Identifier: MIT */
/* See edit.h. Keys are those of Emacs and of every shell; escape sequences are ECMA-48's, as a VT100's keys send them.
 */
#include "edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, HISTORY = 200, COLUMNS = 80 };
enum { ESC = 0x1b, DEL = 0x7f };
enum {
    CTRL_A = 1,
    CTRL_B,
    CTRL_D = 4,
    CTRL_E,
    CTRL_F,
    CTRL_K = 11,
    CTRL_L,
    CTRL_N = 14,
    CTRL_P = 16,
    CTRL_U = 21,
    CTRL_W = 23
};

static const char prompt[] = "(twin86) ";

/* How far an escape sequence has come. */
enum Sequence {
    NONE,
    ESCAPE, /* ESC */
    SS3,    /* ESC O */
    CSI,    /* ESC [ and perhaps parameters */
};

struct Edit {
    struct Output *out;
    bool raw, keys;
    EditCompletions *completions;
    enum Sequence sequence;
    unsigned parameter; /* of CSI: the first; others are not kept */
    size_t used, at;    /* bytes of the line; where the next goes */
    size_t shown;       /* columns that are to the left of what is shown */
    char line[LINE_BYTES];
    char *history[HISTORY]; /* newest first */
    unsigned entry;         /* 0: the line that is typed; n: history[n - 1] is looked at */
    char typed[LINE_BYTES]; /* what was typed before history was looked at */
};

/* ---- showing ---- */

/* UTF-8: what is not the first byte of a character takes no column and is not a place for the cursor. */
static bool is_first(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static size_t columns_of(const char *s, size_t n) {
    size_t columns = 0;
    for (size_t i = 0; i < n; i++)
        columns += is_first(s[i]);
    return columns;
}

/* Bytes of `s` that take so many columns. */
static size_t bytes_of(const char *s, size_t n, size_t columns) {
    size_t i = 0;
    while (i < n && (columns > 0 || !is_first(s[i])))
        columns -= is_first(s[i++]);
    return i;
}

static size_t width(void) {
    struct winsize w;
    size_t columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : COLUMNS;
    return columns > sizeof(prompt) + 8 ? columns - sizeof(prompt) : 8; /* the last column stays free */
}

void edit_show(struct Edit *e) {
    char text[32];
    size_t room = width(), cursor = columns_of(e->line, e->at);
    if (!e->keys)
        return;
    if (cursor < e->shown)
        e->shown = cursor;
    else if (cursor > e->shown + room)
        e->shown = cursor - room;
    size_t from = bytes_of(e->line, e->used, e->shown), n = bytes_of(e->line + from, e->used - from, room);
    output_text(e->out, "\r\x1b[K");
    output_text(e->out, prompt);
    output_put(e->out, e->line + from, n);
    if (e->at < from + n) {
        snprintf(text, sizeof(text), "\r\x1b[%zuC", sizeof(prompt) - 1 + cursor - e->shown);
        output_text(e->out, text);
    }
}

static void beep(struct Edit *e) { output_text(e->out, "\a"); }

/* ---- changing ---- */

static void insert(struct Edit *e, const char *s, size_t n) {
    if (n > sizeof(e->line) - 1 - e->used) {
        beep(e);
        return;
    }
    bool at_end = e->at == e->used && columns_of(e->line, e->used) + columns_of(s, n) <= e->shown + width();
    memmove(e->line + e->at + n, e->line + e->at, e->used - e->at);
    memcpy(e->line + e->at, s, n);
    e->used += n;
    e->at += n;
    if (at_end)
        output_put(e->out, s, n);
    else
        edit_show(e);
}

/* Take the bytes from `from` to `to` away. */
static void cut(struct Edit *e, size_t from, size_t to) {
    if (from == to) {
        beep(e);
        return;
    }
    memmove(e->line + from, e->line + to, e->used - to);
    e->used -= to - from;
    e->at = from;
    edit_show(e);
}

static void move(struct Edit *e, size_t to) {
    if (to == e->at) {
        beep(e);
        return;
    }
    e->at = to;
    edit_show(e);
}

static size_t left(const struct Edit *e) {
    size_t at = e->at;
    while (at > 0 && !is_first(e->line[--at]))
        ;
    return at;
}

static size_t right(const struct Edit *e) { return e->at + bytes_of(e->line + e->at, e->used - e->at, 1); }

static size_t word_left(const struct Edit *e) {
    size_t at = e->at;
    while (at > 0 && e->line[at - 1] == ' ')
        at--;
    while (at > 0 && e->line[at - 1] != ' ')
        at--;
    return at;
}

static size_t word_right(const struct Edit *e) {
    size_t at = e->at;
    while (at < e->used && e->line[at] == ' ')
        at++;
    while (at < e->used && e->line[at] != ' ')
        at++;
    return at;
}

/* ---- history ---- */

static void remember(struct Edit *e) {
    if (e->line[strspn(e->line, " ")] == '\0' || (e->history[0] != NULL && strcmp(e->history[0], e->line) == 0))
        return;
    char *copy = strdup(e->line);
    if (copy == NULL)
        return;
    free(e->history[HISTORY - 1]);
    memmove(e->history + 1, e->history, (HISTORY - 1) * sizeof(e->history[0]));
    e->history[0] = copy;
}

static void look_at(struct Edit *e, unsigned entry) {
    if (entry > HISTORY || (entry > 0 && e->history[entry - 1] == NULL)) {
        beep(e);
        return;
    }
    e->line[e->used] = '\0';
    if (e->entry == 0)
        memcpy(e->typed, e->line, e->used + 1);
    e->entry = entry;
    snprintf(e->line, sizeof(e->line), "%s", entry == 0 ? e->typed : e->history[entry - 1]);
    e->used = e->at = strlen(e->line);
    e->shown = 0;
    edit_show(e);
}

/* ---- completion ---- */

/* What the words that fit have in common. */
struct Matches {
    struct Output *out;
    unsigned count;
    char common[64];
    bool list;
};

static void take_match(void *opaque, const char *word) {
    struct Matches *m = opaque;
    if (m->list) {
        output_text(m->out, m->count == 0 ? "\n" : "  ");
        output_text(m->out, word);
    } else if (m->count == 0) {
        snprintf(m->common, sizeof(m->common), "%s", word);
    } else {
        size_t n = 0;
        while (m->common[n] != '\0' && m->common[n] == word[n])
            n++;
        m->common[n] = '\0';
    }
    m->count++;
}

/* Insert what is certain; when nothing is, show what could be. */
static void complete(struct Edit *e) {
    struct Matches m = {.out = e->out};
    char line[LINE_BYTES];
    memcpy(line, e->line, e->at);
    line[e->at] = '\0';
    e->completions(line, take_match, &m);
    size_t word = e->at, known = strlen(m.common);
    while (word > 0 && e->line[word - 1] != ' ')
        word--;
    size_t typed = e->at - word;
    if (m.count == 0 || known < typed) {
        beep(e);
    } else if (m.count == 1) {
        insert(e, m.common + typed, known - typed);
        insert(e, " ", 1);
    } else if (known > typed) {
        insert(e, m.common + typed, known - typed);
    } else {
        m = (struct Matches){.out = e->out, .list = true};
        e->completions(line, take_match, &m);
        output_text(e->out, "\n");
        edit_show(e);
    }
}

/* ---- keys ---- */

static const char *finish(struct Edit *e) {
    if (e->raw)
        output_text(e->out, "\n");
    e->line[e->used] = '\0';
    remember(e);
    e->used = e->at = e->shown = 0;
    e->entry = 0;
    return e->line;
}

static void cursor_key(struct Edit *e, uint8_t key) {
    switch (key) {
    case 'A': look_at(e, e->entry + 1); break;
    case 'B': look_at(e, e->entry - (e->entry > 0)); break;
    case 'C': move(e, right(e)); break;
    case 'D': move(e, left(e)); break;
    case 'H': move(e, 0); break;
    case 'F': move(e, e->used); break;
    default: /* a key that means nothing here */ break;
    }
}

/* CSI n ~ */
static void numbered_key(struct Edit *e, unsigned n) {
    switch (n) {
    case 1:
    case 7: move(e, 0); break;
    case 4:
    case 8: move(e, e->used); break;
    case 3: cut(e, e->at, right(e)); break;
    default: /* as cursor_key */ break;
    }
}

static void alt_key(struct Edit *e, uint8_t key) {
    switch (key) {
    case 'b': move(e, word_left(e)); break;
    case 'f': move(e, word_right(e)); break;
    case 'd': cut(e, e->at, word_right(e)); break;
    default: /* as cursor_key */ break;
    }
}

/* A byte of an escape sequence. */
static void sequence_byte(struct Edit *e, uint8_t byte) {
    enum Sequence s = e->sequence;
    e->sequence = NONE;
    if (byte == ESC) {
        e->sequence = ESCAPE;
    } else if (s == ESCAPE && (byte == '[' || byte == 'O')) {
        e->sequence = byte == '[' ? CSI : SS3;
        e->parameter = 0;
    } else if (s == ESCAPE) {
        alt_key(e, byte);
    } else if (s == SS3) {
        cursor_key(e, byte);
    } else if (byte >= 0x20 && byte < 0x40) { /* parameters and intermediate bytes */
        e->sequence = CSI;
        if (byte >= '0' && byte <= '9' && e->parameter < 100)
            e->parameter = e->parameter * 10 + byte - '0';
        else if (byte == ';')
            e->parameter += 1000; /* the rest says which other keys are held down */
    } else if (byte == '~') {
        numbered_key(e, e->parameter % 1000);
    } else {
        cursor_key(e, byte);
    }
}

static const char *key(struct Edit *e, uint8_t byte) {
    char c = (char)byte;
    switch (byte) {
    case '\r':
    case '\n': return finish(e);
    case ESC: e->sequence = ESCAPE; break;
    case '\t': complete(e); break;
    case DEL:
    case '\b': cut(e, left(e), e->at); break;
    case CTRL_A: move(e, 0); break;
    case CTRL_B: move(e, left(e)); break;
    case CTRL_D: cut(e, e->at, right(e)); break;
    case CTRL_E: move(e, e->used); break;
    case CTRL_F: move(e, right(e)); break;
    case CTRL_K: cut(e, e->at, e->used); break;
    case CTRL_L:
        output_text(e->out, "\x1b[H\x1b[2J");
        edit_show(e);
        break;
    case CTRL_N: look_at(e, e->entry - (e->entry > 0)); break;
    case CTRL_P: look_at(e, e->entry + 1); break;
    case CTRL_U: cut(e, 0, e->used); break;
    case CTRL_W: cut(e, word_left(e), e->at); break;
    default:
        if (byte >= ' ')
            insert(e, &c, 1);
        break;
    }
    return NULL;
}

static const char *plain_byte(struct Edit *e, uint8_t byte) {
    char c = (char)byte;
    if (byte == '\r' || byte == '\n')
        return finish(e);
    if (byte == DEL || byte == '\b') {
        if (e->used > 0 && e->raw)
            output_text(e->out, "\b \b");
        e->used -= e->used > 0;
    } else if (byte >= ' ' && e->used < sizeof(e->line) - 1) {
        e->line[e->used++] = c;
        if (e->raw)
            output_put(e->out, &c, 1);
    }
    return NULL;
}

const char *edit_byte(struct Edit *e, uint8_t byte) {
    if (!e->keys)
        return plain_byte(e, byte);
    if (e->sequence == NONE)
        return key(e, byte);
    sequence_byte(e, byte);
    return NULL;
}

/* ---- life ---- */

struct Edit *edit_new(struct Output *out, bool raw, bool keys, EditCompletions *completions) {
    struct Edit *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->out = out;
    e->raw = raw;
    e->keys = raw && keys;
    e->completions = completions;
    return e;
}

void edit_free(struct Edit *e) {
    for (unsigned i = 0; e != NULL && i < HISTORY; i++)
        free(e->history[i]);
    free(e);
}

void edit_begin(struct Edit *e) {
    edit_end(e);
    output_text(e->out, prompt);
}

void edit_end(struct Edit *e) {
    e->used = e->at = e->shown = 0;
    e->entry = 0;
    e->sequence = NONE;
}
