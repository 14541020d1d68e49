/* SPDX-License-Identifier: MIT */
/* -chardev and what -serial takes, with QEMU's names. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KIND(k) (1u << CHAR_##k)

static const struct {
    const char *name;
    enum CharKind kind;
} kinds[] = {
    {"null", CHAR_NULL}, {"stdio", CHAR_STDIO},   {"file", CHAR_FILE},       {"pipe", CHAR_PIPE},
    {"pty", CHAR_PTY},   {"socket", CHAR_SOCKET}, {"ringbuf", CHAR_RINGBUF}, {"memory", CHAR_RINGBUF},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* What QEMU has and twin86 has not, by the beginning of its name in either option, and what comes nearest. */
static const struct {
    const char *begins, *nearest;
} others[] = {
    {"udp", "tcp: or -chardev socket are near"},
    {"telnet", "tcp: carries the same bytes, without telnet's commands"},
    {"websocket", "tcp: and unix: are sockets that are there"},
    {"vc", "there is no display; stdio and pty are terminals"},
    {"gtk", "there is no display; stdio and pty are terminals"},
    {"serial", "a port of the host's can't be used; pty and file are near"},
    {"tty", "a port of the host's can't be used; pty and file are near"},
    {"/dev/", "a port of the host's can't be used; pty and file: are near"},
    {"parport", "there is no parallel port"},
    {"parallel", "there is no parallel port"},
    {"con", "that is Windows'; stdio is this terminal"},
    {"mon:", "of monitors that share, mon:stdio is there"},
};

static const char kinds_there[] = "null, stdio, file, pipe, pty, socket and ringbuf are";

static int unknown(const char *option, const char *name, char *why, size_t n) {
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strncmp(name, others[i].begins, strlen(others[i].begins)) == 0)
            return why_set(why, n, -EINVAL, "%s'%.60s' is not supported; %s", option, name, others[i].nearest);
    return why_set(why, n, -EINVAL, "%s'%.60s' is not supported; %s", option, name, kinds_there);
}

/* ---- properties ---- */

static bool set_text(char **to, const char *value) {
    free(*to);
    *to = NULL;
    return value[0] != '\0' && (*to = strdup(value)) != NULL;
}

static bool set_path(struct CharOptions *o, const char *value) {
    struct ListenSpec *w = &o->where;
    if (o->kind != CHAR_SOCKET)
        return set_text(&o->path, value);
    w->local = true;
    if (value[0] == '\0' || strlen(value) >= sizeof(w->path))
        return false;
    strcpy(w->path, value);
    return true;
}

static bool set_host(struct CharOptions *o, const char *value) {
    if (strlen(value) >= sizeof(o->where.host))
        return false;
    strcpy(o->where.host, value);
    return true;
}

static bool set_port(struct CharOptions *o, const char *value) {
    uint64_t port;
    if (!list_number(value, 65535, &port) || port == 0)
        return false;
    snprintf(o->where.port, sizeof(o->where.port), "%u", (unsigned)port);
    return true;
}

static bool set_id(struct CharOptions *o, const char *value) { return set_text(&o->id, value); }
static bool set_log(struct CharOptions *o, const char *value) { return set_text(&o->log_file, value); }
static bool set_reconnect(struct CharOptions *o, const char *value) {
    return list_number(value, 86400, &o->reconnect_s);
}

/* "64K", a power of two up to 16 MiB. */
static bool set_size(struct CharOptions *o, const char *value) {
    char number[24];
    size_t length = strlen(value);
    unsigned shift = length > 0 && (value[length - 1] | 32) == 'k'   ? 10
                     : length > 0 && (value[length - 1] | 32) == 'm' ? 20
                                                                     : 0;
    if (length >= sizeof(number))
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)(length - (shift != 0)), value);
    if (!list_number(number, 16 << 20, &o->ring_size))
        return false;
    o->ring_size <<= shift;
    return o->ring_size > 0 && o->ring_size <= 16 << 20 && (o->ring_size & (o->ring_size - 1)) == 0;
}

/* Keys go to the guest: that is signal=off. */
static bool set_signal(struct CharOptions *o, const char *value) {
    bool on;
    (void)o;
    return list_switch(value, &on) && !on;
}

static bool set_append(struct CharOptions *o, const char *value) { return list_switch(value, &o->append); }
static bool set_log_append(struct CharOptions *o, const char *value) { return list_switch(value, &o->log_append); }
static bool set_mux(struct CharOptions *o, const char *value) {
    return list_switch(value, &o->mux) && (!o->mux || o->kind == CHAR_STDIO);
}
static bool set_server(struct CharOptions *o, const char *value) { return list_switch(value, &o->server); }
static bool set_nodelay(struct CharOptions *o, const char *value) { return list_switch(value, &o->nodelay); }
static bool set_wait(struct CharOptions *o, const char *value) {
    o->where.has_wait = true;
    return list_switch(value, &o->wait);
}

#define ANY ~0u
static const struct Property {
    const char *name;
    unsigned kinds;
    bool is_switch; /* "server" means server=on, "nowait" wait=off */
    const char *right;
    bool (*set)(struct CharOptions *o, const char *value);
} properties[] = {
    {"id", ANY, false, "a name", set_id},
    {"logfile", ANY, false, "a file", set_log},
    {"logappend", ANY, true, "on or off", set_log_append},
    {"mux", ANY, true, "on, of stdio alone, or off", set_mux},
    {"signal", KIND(STDIO), true, "off: all keys go to the guest", set_signal},
    {"path", KIND(FILE) | KIND(PIPE) | KIND(SOCKET), false, "a path, of a socket 107 bytes at most", set_path},
    {"append", KIND(FILE), true, "on or off", set_append},
    {"host", KIND(SOCKET), false, "a name or an address", set_host},
    {"port", KIND(SOCKET), false, "1 to 65535", set_port},
    {"server", KIND(SOCKET), true, "on or off", set_server},
    {"wait", KIND(SOCKET), true, "on or off", set_wait},
    {"nodelay", KIND(SOCKET), true, "on or off", set_nodelay},
    {"reconnect", KIND(SOCKET), false, "a number of seconds, 0 for never", set_reconnect},
    {"size", KIND(RINGBUF), false, "a power of two up to 16M", set_size},
};
enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

/* Of that kind; *value becomes what a switch without one means. */
static const struct Property *find_property(enum CharKind kind, const char *key, const char **value) {
    for (unsigned i = 0; i < PROPERTIES; i++) {
        const struct Property *p = &properties[i];
        bool no = p->is_switch && *value == NULL && strncmp(key, "no", 2) == 0 && strcmp(key + 2, p->name) == 0;
        if ((p->kinds >> kind & 1) == 0 || (strcmp(p->name, key) != 0 && !no))
            continue;
        if (*value == NULL && p->is_switch)
            *value = no ? "off" : "on";
        return p;
    }
    return NULL;
}

static int wrong_property(const struct CharOptions *o, const char *option, const char *key, char *why, size_t n) {
    char list[200] = "";
    for (unsigned i = 0; i < PROPERTIES; i++) {
        size_t used = strlen(list);
        if ((properties[i].kinds >> o->kind & 1) != 0)
            snprintf(list + used, sizeof(list) - used, "%s%s=", used > 0 ? ", " : "", properties[i].name);
    }
    return why_set(why, n, -EINVAL, "%s: there is no property '%s'; %s are there", option, key, list);
}

static int read_properties(struct CharOptions *o, const char *option, char *list, char *why, size_t n) {
    char *key, *value;
    while (list_cut_property(&list, &key, &value)) {
        const char *given = value;
        const struct Property *p = find_property(o->kind, key, &given);
        if (p == NULL)
            return wrong_property(o, option, key, why, n);
        if (given == NULL || !p->set(o, given))
            return why_set(why, n, -EINVAL, "%s: %s=%s is not right; %s is", option, key, given != NULL ? given : "",
                           p->right);
    }
    return 0;
}

/* What only all of them together show. */
static int check(struct CharOptions *o, const char *option, char *why, size_t n) {
    const struct ListenSpec *w = &o->where;
    bool needs_path = o->kind == CHAR_FILE || o->kind == CHAR_PIPE;
    if (o->id == NULL)
        return why_set(why, n, -EINVAL, "%s needs id=NAME, by which devices name it", option);
    if (needs_path && o->path == NULL)
        return why_set(why, n, -EINVAL, "%s: path= is missing", option);
    if (o->kind != CHAR_SOCKET)
        return 0;
    if (w->local == (w->port[0] != '\0'))
        return why_set(why, n, -EINVAL, "%s: a socket has path=, or host= and port=", option);
    if (o->server && o->reconnect_s != 0)
        return why_set(why, n, -EINVAL, "%s: reconnect= is for one that connects, without server=on", option);
    if (!o->server && w->has_wait && o->wait)
        return why_set(why, n, -EINVAL, "%s: wait=on is for one that listens, with server=on", option);
    o->wait = o->server && (o->wait || !w->has_wait); /* QEMU's default */
    return 0;
}

static void begin(struct CharOptions *o, enum CharKind kind) {
    *o = (struct CharOptions){.kind = kind, .ring_size = 65536};
}

int chardev_parse(struct CharOptions *o, const char *text, char *why, size_t n) {
    char *copy = strdup(text), *list = copy, option[80];
    unsigned k = 0;
    begin(o, CHAR_NULL);
    if (copy == NULL)
        return why_errno(why, n, -ENOMEM, "-chardev");
    const char *name = list_cut(&list);
    if (strncmp(name, "backend=", 8) == 0)
        name += 8;
    while (k < KINDS && strcmp(kinds[k].name, name) != 0)
        k++;
    snprintf(option, sizeof(option), "-chardev %.60s", name);
    int r = k == KINDS ? unknown("-chardev: ", name, why, n) : 0;
    if (r == 0) {
        begin(o, kinds[k].kind);
        r = read_properties(o, option, list, why, n);
    }
    if (r == 0)
        r = check(o, option, why, n);
    free(copy);
    return r;
}

/* ---- in short ---- */

static int short_socket(struct CharOptions *o, const char *first, char *why, size_t n) {
    int r;
    if (strncmp(first, "unix:", 5) == 0)
        return set_path(o, first + 5) ? 0
                                      : why_set(why, n, -EINVAL, "'%.40s': a path of 1 to 107 bytes is right", first);
    if ((r = listen_parse(first, &o->where, why, n)) != 0)
        return r;
    o->where.wait = o->where.has_wait = false;
    return 0;
}

int chardev_parse_short(struct CharOptions *o, const char *text, const char *id, char *why, size_t n) {
    static const struct {
        const char *name;
        enum CharKind kind;
        bool has_path;
    } forms[] = {{"null", CHAR_NULL, false},       {"none", CHAR_NULL, false},    {"stdio", CHAR_STDIO, false},
                 {"mon:stdio", CHAR_STDIO, false}, {"pty", CHAR_PTY, false},      {"file:", CHAR_FILE, true},
                 {"pipe:", CHAR_PIPE, true},       {"unix:", CHAR_SOCKET, false}, {"tcp:", CHAR_SOCKET, false}};
    char *copy = strdup(text), *list = copy;
    unsigned k = 0;
    begin(o, CHAR_NULL);
    o->id = strdup(id);
    if (copy == NULL || o->id == NULL) {
        free(copy);
        return why_errno(why, n, -ENOMEM, "-serial");
    }
    const char *first = list_cut(&list);
    for (; k < sizeof(forms) / sizeof(forms[0]); k++) {
        bool prefix = forms[k].name[strlen(forms[k].name) - 1] == ':';
        if (prefix ? strncmp(first, forms[k].name, strlen(forms[k].name)) == 0 : strcmp(first, forms[k].name) == 0)
            break;
    }
    int r = k == sizeof(forms) / sizeof(forms[0]) ? unknown("", text, why, n) : 0;
    if (r == 0) {
        o->kind = forms[k].kind;
        if (forms[k].has_path && !set_text(&o->path, first + strlen(forms[k].name)))
            r = why_set(why, n, -EINVAL, "'%s' needs a path", first);
        else if (o->kind == CHAR_SOCKET)
            r = short_socket(o, first, why, n);
    }
    if (r == 0)
        r = read_properties(o, first, list, why, n);
    if (r == 0)
        r = check(o, first, why, n);
    free(copy);
    return r;
}

void chardev_options_free(struct CharOptions *o) {
    free(o->id);
    free(o->path);
    free(o->log_file);
    *o = (struct CharOptions){0};
}
