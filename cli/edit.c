/* SPDX-License-Identifier: MIT */
/* See edit.h. */
#include "edit.h"

#include "terminal.h"
#include <twin86.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_LIBEDIT
#include <histedit.h>
#endif

enum { LINE_MAX_BYTES = 4096, KEY_GAP_MS = 50 };

static const char prompt[] = "(twin86) ";

struct Edit {
    bool raw;
    size_t used;
    char line[LINE_MAX_BYTES];
#ifdef HAVE_LIBEDIT
    EditLine *el; /* NULL: plain lines */
    History *history;
    bool has_byte; /* what edit_byte got and libedit has not taken yet */
    uint8_t byte;
    const uint8_t *more;
    size_t more_count, more_taken;
#endif
};

/* ---- plain lines ---- */

static const char *plain_byte(struct Edit *e, uint8_t byte) {
    if (byte == '\r' || byte == '\n') {
        if (e->raw)
            fputc('\n', stdout);
        e->line[e->used] = '\0';
        e->used = 0;
        return e->line;
    }
    if (byte == 0x7f || byte == '\b') {
        if (e->used > 0 && e->raw)
            fputs("\b \b", stdout);
        e->used -= e->used > 0;
    } else if (byte >= ' ' && e->used < sizeof(e->line) - 1) {
        e->line[e->used++] = (char)byte;
        if (e->raw)
            fputc(byte, stdout);
    }
    fflush(stdout);
    return NULL;
}

#ifdef HAVE_LIBEDIT
/* ---- libedit ---- */

static char *show_prompt(EditLine *el) {
    (void)el;
    return (char *)prompt;
}

/* libedit asks for a key: the one that came, and in the middle of a sequence (an arrow key's) those behind it. */
static int next_key(EditLine *el, wchar_t *c) {
    struct Edit *e;
    uint8_t byte;
    el_get(el, EL_CLIENTDATA, &e);
    if (e->has_byte) {
        e->has_byte = false;
        byte = e->byte;
    } else if (e->more_taken < e->more_count) {
        byte = e->more[e->more_taken++];
    } else {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&p, 1, KEY_GAP_MS) <= 0 || read(STDIN_FILENO, &byte, 1) != 1)
            return 0; /* Escape was meant */
    }
    *c = byte;
    return 1;
}

/* What the words that fit have in common. */
struct Matches {
    EditLine *el;
    unsigned count;
    char common[64];
    bool list;
};

static void take_match(void *opaque, const char *word) {
    struct Matches *m = opaque;
    if (m->list) {
        printf("%s%s", m->count == 0 ? "\n" : "  ", word);
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

/* Tab: insert what is certain; when nothing is, show what could be. */
static unsigned char complete(EditLine *el, int key) {
    const LineInfo *info = el_line(el);
    char line[LINE_MAX_BYTES];
    struct Matches m = {.el = el};
    size_t n = (size_t)(info->cursor - info->buffer);
    (void)key;
    if (n >= sizeof(line))
        return CC_ERROR;
    memcpy(line, info->buffer, n);
    line[n] = '\0';
    twin86_monitor_complete(line, take_match, &m);
    if (m.count == 0)
        return CC_ERROR;
    size_t start = n;
    while (start > 0 && line[start - 1] != ' ')
        start--;
    if (strlen(m.common) > n - start || m.count == 1) {
        if (m.count == 1 && strlen(m.common) + 1 < sizeof(m.common))
            strcat(m.common, " ");
        return el_insertstr(el, m.common + (n - start)) == 0 ? CC_REFRESH : CC_ERROR;
    }
    m = (struct Matches){.el = el, .list = true};
    twin86_monitor_complete(line, take_match, &m);
    fputc('\n', stdout);
    return CC_REDISPLAY;
}

static void open_libedit(struct Edit *e) {
    HistEvent event;
    e->history = history_init();
    e->el = el_init("twin86", stdin, stdout, stderr);
    if (e->el == NULL || e->history == NULL)
        return;
    history(e->history, &event, H_SETSIZE, 500);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_SIGNAL, 0);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_PROMPT, show_prompt);
    el_set(e->el, EL_HIST, history, e->history);
    el_set(e->el, EL_GETCFN, next_key);
    el_set(e->el, EL_ADDFN, "twin86-complete", "complete a command", complete);
    el_set(e->el, EL_BIND, "^I", "twin86-complete", NULL);
}

/* libedit sets the terminal to what it likes; Ctrl-C would kill. */
static void set_unbuffered(struct Edit *e, int on) {
    el_set(e->el, EL_UNBUFFERED, on);
    terminal_again();
    fflush(stdout);
}

static const char *libedit_byte(struct Edit *e, uint8_t byte, const uint8_t *more, size_t count, size_t *taken) {
    HistEvent event;
    int n = 0;
    e->has_byte = true;
    e->byte = byte;
    e->more = more;
    e->more_count = count;
    e->more_taken = 0;
    const char *text = el_gets(e->el, &n);
    *taken = e->more_taken;
    fflush(stdout);
    if (text == NULL || n <= 0 || (text[n - 1] != '\n' && text[n - 1] != '\r'))
        return NULL;
    snprintf(e->line, sizeof(e->line), "%.*s", n - 1, text);
    if (e->line[strspn(e->line, " ")] != '\0')
        history(e->history, &event, H_ENTER, e->line);
    set_unbuffered(e, 0);
    return e->line;
}
#endif

/* ---- both ---- */

struct Edit *edit_new(bool raw) {
    struct Edit *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->raw = raw;
#ifdef HAVE_LIBEDIT
    if (raw && isatty(STDOUT_FILENO))
        open_libedit(e);
#endif
    return e;
}

void edit_free(struct Edit *e) {
    if (e == NULL)
        return;
#ifdef HAVE_LIBEDIT
    if (e->el != NULL)
        el_end(e->el);
    if (e->history != NULL)
        history_end(e->history);
#endif
    free(e);
}

void edit_begin(struct Edit *e) {
    e->used = 0;
#ifdef HAVE_LIBEDIT
    if (e->el != NULL) {
        el_resize(e->el);
        set_unbuffered(e, 1);
        return;
    }
#endif
    fputs(prompt, stdout);
    fflush(stdout);
}

void edit_end(struct Edit *e) {
    e->used = 0;
#ifdef HAVE_LIBEDIT
    if (e->el != NULL)
        set_unbuffered(e, 0);
#endif
}

const char *edit_byte(struct Edit *e, uint8_t byte, const uint8_t *more, size_t more_count, size_t *more_taken) {
    *more_taken = 0;
#ifdef HAVE_LIBEDIT
    if (e->el != NULL)
        return libedit_byte(e, byte, more, more_count, more_taken);
#endif
    (void)more, (void)more_count;
    return plain_byte(e, byte);
}
