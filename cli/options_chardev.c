/* SPDX-License-Identifier: MIT */
/*
 * Options about character devices: -chardev, -serial, -debugcon, -monitor, -mon, -qmp, -parallel. The library has the
 * host ends; the program's own are its terminal and, where nothing else is asked for, a file for the guest's only
 * serial port.
 */
#include "options_internal.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_stdio(const char *arg) { return strcmp(arg, "stdio") == 0 || strcmp(arg, "mon:stdio") == 0; }
static bool is_none(const char *arg) { return strcmp(arg, "none") == 0 || strcmp(arg, "null") == 0; }

/* ---- what the guest says ---- */

/* A target of the program's own. False: the library's. */
static bool own_sink(const char *arg, struct SinkOption *sink) {
    if (is_stdio(arg))
        sink->kind = SINK_STDIO;
    else if (is_none(arg))
        sink->kind = SINK_NULL;
    else if (strncmp(arg, "file:", 5) == 0 && arg[5] != '\0' && strchr(arg, ',') == NULL)
        *sink = (struct SinkOption){SINK_FILE, arg + 5};
    else
        return false;
    return true;
}

bool set_serial(struct Context *c, char *arg) {
    struct Options *o = c->o;
    if (o->serial_count == SERIALS_MAX)
        return wrong(c, "given too often; a PC has %d serial ports at most", SERIALS_MAX);
    o->serials[o->serial_count++] = arg;
    o->serial_given = true;
    return true;
}

bool set_debugcon(struct Context *c, char *arg) {
    c->o->config.debugcon = true;
    c->o->config.debugcon_to = own_sink(arg, &c->o->debugcon) ? NULL : arg;
    return true;
}

bool set_chardev(struct Context *c, char *arg) {
    c->o->config.chardevs = c->o->chardevs;
    return add_to_list(c, c->o->chardevs, arg);
}

bool set_parallel(struct Context *c, char *arg) {
    return is_none(arg) ||
           wrong(c,
                 "'%s' is not supported: there are no parallel ports; -parallel none says so, and -serial %s "
                 "is near",
                 arg, arg);
}

/* ---- monitors ---- */

bool add_server(struct Context *c, const char *where, ServeFunction *serve) {
    if (c->o->servers == SERVERS_MAX)
        return wrong(c, "%d are the most of these", SERVERS_MAX);
    c->o->server[c->o->servers++] = (struct ServerOption){c->name, where, serve};
    return true;
}

/* A monitor at what is neither the terminal nor a listening socket: on a character device of its own. */
static bool add_monitor(struct Context *c, const char *arg, ServeFunction *serve) {
    if (strncmp(arg, "unix:", 5) == 0 || strncmp(arg, "tcp:", 4) == 0 || strncmp(arg, "chardev:", 8) == 0)
        return add_server(c, arg, serve);
    char *text = malloc(strlen(arg) + 64), *id; /* as long as the program */
    const char *path = strncmp(arg, "pipe:", 5) == 0 ? arg + 5 : NULL;
    if (text == NULL || (id = malloc(32)) == NULL)
        return wrong(c, "out of memory");
    if (path == NULL && strcmp(arg, "pty") != 0)
        return wrong(c,
                     "'%s' is not supported; stdio (of -monitor), unix:PATH, tcp:[HOST]:PORT, chardev:ID, pty, "
                     "pipe:PATH and none are",
                     arg);
    snprintf(id, 32, "chardev:compat_monitor%u", c->o->servers);
    snprintf(text, strlen(arg) + 64, "%s,id=%s%s%s", path != NULL ? "pipe" : "pty", id + strlen("chardev:"),
             path != NULL ? ",path=" : "", path != NULL ? path : "");
    return set_chardev(c, text) && add_server(c, id, serve);
}

bool set_monitor(struct Context *c, char *arg) {
    if (is_stdio(arg))
        return c->o->monitor_here = true;
    return is_none(arg) || add_monitor(c, arg, twin86_serve_monitor);
}

bool set_qmp(struct Context *c, char *arg) { return is_none(arg) || add_monitor(c, arg, twin86_serve_qmp); }

/* "stdio,...,id=ID,..." */
static bool is_stdio_chardev(const struct Options *o, const char *id) {
    for (unsigned i = 0; o->chardevs[i] != NULL; i++) {
        const char *at = strstr(o->chardevs[i], "id=");
        if (strncmp(o->chardevs[i], "stdio", 5) == 0 && at != NULL && strncmp(at + 3, id, strlen(id)) == 0 &&
            strchr(",", at[3 + strlen(id)]) != NULL)
            return true;
    }
    return false;
}

bool set_mon(struct Context *c, char *arg) {
    char *key, *value, *list = arg, *chardev = NULL;
    bool control = false, on;
    for (bool first = true; next_item(&list, &key, &value); first = false) {
        if (value == NULL && first)
            chardev = key;
        else if (value != NULL && strcmp(key, "chardev") == 0)
            chardev = value;
        else if (value != NULL && strcmp(key, "mode") == 0 &&
                 (strcmp(value, "control") == 0 || strcmp(value, "readline") == 0))
            control = value[0] == 'c';
        else if (value == NULL || strcmp(key, "pretty") != 0 || !parse_switch(value, &on) || on)
            return wrong(c, "'%s%s%s' is not known; chardev=ID, mode=readline|control and pretty=off are", key,
                         value != NULL ? "=" : "", value != NULL ? value : "");
    }
    if (chardev == NULL)
        return wrong(c, "needs chardev=ID, the id of a -chardev");
    char *where = malloc(strlen(chardev) + 16);
    if (where == NULL)
        return wrong(c, "out of memory");
    sprintf(where, "chardev:%s", chardev);
    return add_server(c, where, control ? twin86_serve_qmp : twin86_serve_monitor);
}

/* ---- all together ---- */

/* The terminal's monitor needs no server: Ctrl-A C, or the prompt at once where no guest talks there. */
static bool settle_monitors(struct Options *o, char *why, size_t n) {
    unsigned kept = 0;
    for (unsigned i = 0; i < o->servers; i++) {
        const struct ServerOption *s = &o->server[i];
        if (strncmp(s->where, "chardev:", 8) != 0 || !is_stdio_chardev(o, s->where + 8)) {
            o->server[kept++] = *s;
            continue;
        }
        if (s->serve != twin86_serve_monitor) {
            snprintf(why, n, "%s: the terminal has the monitor, not QMP; -chardev socket or pty is for it", s->option);
            return false;
        }
        bool shared = false;
        for (unsigned k = 0; k < o->serial_count; k++)
            shared |= strcmp(o->serials[k], s->where) == 0;
        o->monitor_here |= !shared;
    }
    o->servers = kept;
    return true;
}

/* Does a serial port, or a device, talk to the terminal? */
static bool uses_stdio(const struct Options *o) {
    bool used = false;
    for (unsigned i = 0; i < o->serial_count; i++)
        used |= is_stdio(o->serials[i]);
    for (unsigned i = 0; o->chardevs[i] != NULL; i++)
        used |= strncmp(o->chardevs[i], "stdio", 5) == 0;
    return used;
}

static bool has_isa_serial(const struct Options *o) {
    static const char name[] = "isa-serial";
    for (unsigned i = 0; o->devices[i] != NULL; i++)
        if (strncmp(o->devices[i], name, sizeof(name) - 1) == 0)
            return true;
    return false;
}

bool settle_chardevs(struct Options *o, char *why, size_t n) {
    static const char *const stdio_only[] = {"stdio", NULL};
    if (!settle_monitors(o, why, n))
        return false;
    if (o->serial_count == 0) {
        if (has_isa_serial(o)) /* in COM1's place */
            o->serial.kind = uses_stdio(o) ? SINK_STDIO : SINK_NULL;
        return true;
    }
    if (o->serial_count == 1 && own_sink(o->serials[0], &o->serial)) {
        o->config.serials = stdio_only;
        return true;
    }
    o->config.serials = o->serials;
    o->serial.kind = uses_stdio(o) ? SINK_STDIO : SINK_NULL;
    return true;
}
