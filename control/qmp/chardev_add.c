/* SPDX-License-Identifier: MIT */
/* chardev-add: what QEMU's schema calls a ChardevBackend becomes what -chardev takes. */
#include "base/why.h"
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A member of "data", of that type of backend (NULL: of all), or of the address of a socket; and its key. */
struct Member {
    const char *type, *name, *key;
};

static const struct Member members[] = {
    {NULL, "logfile", "logfile"},
    {NULL, "logappend", "logappend"},
    {"file", "out", "path"},
    {"file", "append", "append"},
    {"pipe", "device", "path"},
    {"stdio", "signal", "signal"},
    {"socket", "server", "server"},
    {"socket", "wait", "wait"},
    {"socket", "nodelay", "nodelay"},
    {"socket", "reconnect", "reconnect"},
    {"ringbuf", "size", "size"},
    {"memory", "size", "size"},
    {NULL, NULL, NULL},
};
static const struct Member addresses[] = {
    {"inet", "host", "host"}, {"inet", "port", "port"}, {"unix", "path", "path"}, {NULL, NULL, NULL}};

/* The option's text, and what is wrong with the arguments. */
struct Text {
    struct QmpCall *call;
    char *text;
    size_t used;
};
enum { TEXT_MOST = 16384 };

__attribute__((format(printf, 2, 3))) static bool refuse(struct QmpCall *call, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(call->why, sizeof(call->why), 0, format, ap);
    va_end(ap);
    call->failed = true;
    return false;
}

static bool put_char(struct Text *t, char c) {
    if (t->used + 1 >= TEXT_MOST)
        return refuse(t->call, "the values are too long");
    t->text[t->used++] = c;
    t->text[t->used] = '\0';
    return true;
}

/* Within a value a comma is two. */
static bool put_text(struct Text *t, const char *s, bool value) {
    for (; *s != '\0'; s++)
        if (!put_char(t, *s) || (value && *s == ',' && !put_char(t, ',')))
            return false;
    return true;
}

static bool put_property(struct Text *t, const char *key, const char *value) {
    return put_text(t, ",", false) && put_text(t, key, false) && put_text(t, "=", false) && put_text(t, value, true);
}

static bool put_value(struct Text *t, const char *key, struct json_object *o) {
    char number[24];
    switch (json_object_get_type(o)) {
    case json_type_boolean: return put_property(t, key, json_object_get_boolean(o) ? "on" : "off");
    case json_type_string: return put_property(t, key, json_object_get_string(o));
    case json_type_int:
        snprintf(number, sizeof(number), "%" PRId64, json_object_get_int64(o));
        return put_property(t, key, number);
    default: return refuse(t->call, "Parameter '%.32s' is of no type that fits", key);
    }
}

static const struct Member *find_member(const struct Member *list, const char *type, const char *name) {
    for (; list->name != NULL; list++)
        if (strcmp(list->name, name) == 0 && (list->type == NULL || strcmp(list->type, type) == 0))
            return list;
    return NULL;
}

/* The member `name` of that object, an object or a string itself; NULL: refused, or (optional) not there. */
static struct json_object *part(struct QmpCall *call, struct json_object *o, const char *name, enum json_type type) {
    struct json_object *found;
    if (o != NULL && json_object_object_get_ex(o, name, &found) && json_object_is_type(found, type))
        return found;
    refuse(call, "Parameter '%s' is missing, or not %s", name, type == json_type_string ? "a string" : "an object");
    return NULL;
}

static bool put_address(struct Text *t, struct json_object *address) {
    struct json_object *type = part(t->call, address, "type", json_type_string),
                       *data = type != NULL ? part(t->call, address, "data", json_type_object) : NULL;
    if (data == NULL)
        return false;
    const char *name = json_object_get_string(type);
    if (strcmp(name, "inet") != 0 && strcmp(name, "unix") != 0)
        return refuse(t->call, "addresses of type '%.32s' are not supported; inet and unix are", name);
    struct json_object_iterator i = json_object_iter_begin(data), end = json_object_iter_end(data);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        const struct Member *m = find_member(addresses, name, json_object_iter_peek_name(&i));
        if (m == NULL)
            return refuse(t->call, "Parameter '%.32s' is unexpected", json_object_iter_peek_name(&i));
        if (!put_value(t, m->key, json_object_iter_peek_value(&i)))
            return false;
    }
    return true;
}

static bool put_members(struct Text *t, const char *type, struct json_object *data) {
    struct json_object_iterator i = json_object_iter_begin(data), end = json_object_iter_end(data);
    for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
        const char *name = json_object_iter_peek_name(&i);
        struct json_object *value = json_object_iter_peek_value(&i);
        const struct Member *m = find_member(members, type, name);
        bool address = strcmp(type, "socket") == 0 && strcmp(name, "addr") == 0;
        if (m == NULL && !address)
            return refuse(t->call, "Parameter '%.32s' is unexpected", name);
        if (!(address ? json_object_is_type(value, json_type_object) && put_address(t, value)
                      : put_value(t, m->key, value)))
            return t->call->failed ? false : refuse(t->call, "Parameter 'addr' is not an object");
    }
    return true;
}

/* Where nothing is said a socket listens, and nobody waits for who comes: unlike -chardev (QEMU's schema). */
static bool put_socket_defaults(struct Text *t, struct json_object *data) {
    struct json_object *server = NULL, *wait;
    bool listens = !json_object_object_get_ex(data, "server", &server) || json_object_get_boolean(server);
    if (server == NULL && !put_property(t, "server", "on"))
        return false;
    return !listens || json_object_object_get_ex(data, "wait", &wait) || put_property(t, "wait", "off");
}

static bool put_all(struct Text *t) {
    struct json_object *id = part(t->call, t->call->arguments, "id", json_type_string);
    struct json_object *backend = id != NULL ? part(t->call, t->call->arguments, "backend", json_type_object) : NULL;
    struct json_object *type = backend != NULL ? part(t->call, backend, "type", json_type_string) : NULL;
    struct json_object *data = type != NULL ? part(t->call, backend, "data", json_type_object) : NULL;
    if (data == NULL)
        return false;
    const char *name = json_object_get_string(type);
    if (strchr(name, ',') != NULL || strchr(name, '=') != NULL)
        return refuse(t->call, "'%.60s' is no type of backend", name);
    return put_text(t, name, false) && put_property(t, "id", json_object_get_string(id)) &&
           put_members(t, name, data) && (strcmp(name, "socket") != 0 || put_socket_defaults(t, data));
}

static struct json_object *add(struct QmpCall *call, const char *text) {
    struct Machine *m = session_machine(call->session);
    struct CharOptions o;
    struct Chardev *c;
    struct json_object *made = NULL;
    int r = chardev_parse(&o, text, call->why, sizeof(call->why));
    if (r != 0)
        chardev_options_free(&o);
    pthread_mutex_lock(&m->lock);
    if (r == 0)
        r = chardev_add(m, &o, &c, call->why, sizeof(call->why));
    if (r == 0 && c->options.kind == CHAR_PTY) {
        made = json_object_new_object();
        json_object_object_add(made, "pty", json_object_new_string(c->pty));
    }
    pthread_mutex_unlock(&m->lock);
    call->failed = r != 0;
    return made;
}

struct json_object *qmp_chardev_add(struct QmpCall *call) {
    struct Text t = {call, calloc(1, TEXT_MOST), 0};
    struct json_object *made = NULL;
    if (t.text == NULL)
        refuse(call, "out of memory");
    else if (put_all(&t))
        made = add(call, t.text);
    free(t.text);
    return made;
}
