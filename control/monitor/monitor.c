/* SPDX-License-Identifier: MIT */
/* The monitor's lines: finding the command, its words, help and completion. See monitor.h. */
#include "control/monitor/monitor.h"
#include "control/monitor/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* ---- words ---- */

char *monitor_word(struct Monitor *mon, char **args) {
    char *at = *args + strspn(*args, BLANKS);
    if (*at == '\0')
        return NULL;
    bool quoted = *at == '"';
    char *word = quoted ? ++at : at;
    at += strcspn(at, quoted ? "\"" : BLANKS);
    if (quoted && *at == '\0') {
        fputs("a closing quote is missing\n", mon->out);
        *args = at;
        return NULL;
    }
    if (*at != '\0')
        *at++ = '\0';
    *args = at + strspn(at, BLANKS);
    return word;
}

bool monitor_no_more(struct Monitor *mon, const char *args) {
    args += strspn(args, BLANKS);
    if (*args == '\0')
        return true;
    fprintf(mon->out, "'%.40s' is one word too many\n", args);
    return false;
}

const struct Symbols *monitor_symbols(struct Monitor *mon) {
    machine_find_symbols(mon->m);
    return mon->m->trace.config.symbols;
}

const struct MonitorCommand *monitor_find(const struct MonitorCommand *table, const char *name) {
    for (const struct MonitorCommand *c = table; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0 || (c->alias != NULL && strcmp(c->alias, name) == 0))
            return c;
    return NULL;
}

/* ---- running ---- */

/* The name in front of a line, and what follows it. The character right behind the name. */
static char split(char *line, char **args, char *name, size_t room) {
    line += strspn(line, BLANKS);
    size_t n = strcspn(line, BLANKS "/");
    if (n == 0 && *line != '\0')
        n = 1;
    snprintf(name, room, "%.*s", (int)(n < room ? n : room), line);
    char next = line[n];
    *args = line + n + strspn(line + n, BLANKS);
    size_t end = strlen(*args);
    while (end > 0 && strchr(BLANKS, (*args)[end - 1]) != NULL)
        (*args)[--end] = '\0';
    return next;
}

/* `glued`: the character right behind the name. */
static void run_row(struct Monitor *mon, const struct MonitorCommand *c, char glued, char *args) {
    if (glued == '/' && !(c->flags & COMMAND_FORMATS)) {
        fprintf(mon->out, "%s takes no /FMT\n", c->name);
        return;
    }
    if (!(c->flags & COMMAND_LOOKS)) {
        c->run(mon, args);
        return;
    }
    char why[160];
    if (session_hold(mon->session, why, sizeof(why)) != 0) {
        fprintf(mon->out, "%s\n", why);
        return;
    }
    pthread_mutex_lock(&mon->m->lock);
    c->run(mon, args);
    pthread_mutex_unlock(&mon->m->lock);
    session_release(mon->session);
}

static void run_line(struct Monitor *mon, char *line) {
    char name[32], *args;
    char next = split(line, &args, name, sizeof(name));
    const struct MonitorCommand *c = monitor_find(monitor_commands, name);
    if (c != NULL && strcmp(c->name, "info") == 0 && args[0] != '\0') {
        char *rest;
        next = split(args, &rest, name, sizeof(name));
        const struct MonitorCommand *info = monitor_find(monitor_infos, name);
        if (info != NULL)
            run_row(mon, info, next, rest);
        else
            fprintf(mon->out, "unknown info '%s'; 'info' alone lists what there is\n", name);
    } else if (c != NULL) {
        run_row(mon, c, next, args);
    } else if (name[0] != '\0') {
        fprintf(mon->out, "unknown command: '%s'; 'help' lists what there is\n", name);
    }
}

void monitor_run(struct Session *s, unsigned *cpu, const char *line, FILE *out) {
    struct Machine *m = session_machine(s);
    struct Monitor mon = {s, m, machine_cpu(m, *cpu), out};
    size_t n = strlen(line);
    if (n >= MONITOR_LINE_MAX) {
        fprintf(out, "the line is too long; %d bytes are the most\n", MONITOR_LINE_MAX - 1);
        return;
    }
    char copy[MONITOR_LINE_MAX];
    memcpy(copy, line, n + 1);
    run_line(&mon, copy);
    *cpu = mon.cpu->index;
}

long monitor_run_text(struct Session *s, unsigned *cpu, const char *line, char **text) {
    size_t size = 0;
    *text = NULL;
    FILE *f = open_memstream(text, &size);
    if (f == NULL)
        return -ENOMEM;
    monitor_run(s, cpu, line, f);
    if (fclose(f) != 0 || *text == NULL) {
        free(*text);
        *text = NULL;
        return -ENOMEM;
    }
    return (long)size;
}

/* ---- completion ---- */

static void complete_names(const struct MonitorCommand *table, const char *start,
                           void (*fn)(void *opaque, const char *word), void *opaque) {
    for (const struct MonitorCommand *c = table; c->name != NULL; c++)
        if (strncmp(c->name, start, strlen(start)) == 0)
            fn(opaque, c->name);
}

void monitor_complete(const char *line, void (*fn)(void *opaque, const char *word), void *opaque) {
    line += strspn(line, BLANKS);
    size_t first = strcspn(line, BLANKS);
    if (line[first] == '\0') {
        complete_names(monitor_commands, line, fn, opaque);
        return;
    }
    const char *second = line + first + strspn(line + first, BLANKS);
    if (second[strcspn(second, BLANKS)] != '\0')
        return;
    bool info = first == 4 && strncmp(line, "info", 4) == 0;
    bool help = (first == 4 && strncmp(line, "help", 4) == 0) || (first == 1 && line[0] == '?');
    if (info || help)
        complete_names(info ? monitor_infos : monitor_commands, second, fn, opaque);
    else if (first == 3 && strncmp(line, "log", 3) == 0)
        for (unsigned i = 0; trace_item_name(i) != NULL; i++)
            if (strncmp(trace_item_name(i), second, strlen(second)) == 0)
                fn(opaque, trace_item_name(i));
}
