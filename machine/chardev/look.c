/* SPDX-License-Identifier: MIT */
/* What monitors show of host ends, and ringbufs. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void chardev_describe(const struct Chardev *c, char *text, size_t n) {
    const struct CharOptions *o = &c->options;
    const struct ListenSpec *w = &o->where;
    const char *gone = c->open ? "" : "disconnected:", *role = o->server ? ",server=on" : "";
    switch (o->kind) {
    case CHAR_NULL: snprintf(text, n, "null"); break;
    case CHAR_STDIO: snprintf(text, n, "stdio"); break;
    case CHAR_FILE: snprintf(text, n, "file:%s", o->path); break;
    case CHAR_PIPE: snprintf(text, n, "pipe:%s", o->path); break;
    case CHAR_PTY: snprintf(text, n, "pty:%s", c->pty); break;
    case CHAR_RINGBUF: snprintf(text, n, "ringbuf"); break;
    case CHAR_SOCKET:
        if (w->local)
            snprintf(text, n, "%sunix:%s%s", gone, w->path, role);
        else
            snprintf(text, n, "%stcp:%s:%s%s", gone, w->host, w->port, role);
    }
}

bool chardev_note(const struct Machine *m, unsigned index, char *text, size_t n) {
    const struct Chardev *c = m->chardevs.list;
    char where[400];
    while (c != NULL && index-- > 0)
        c = c->next;
    if (c == NULL)
        return false;
    text[0] = '\0';
    chardev_describe(c, where, sizeof(where));
    if (c->options.kind == CHAR_PTY)
        snprintf(text, n, "char device redirected to %s (label %s)", c->pty, c->options.id);
    else if (c->awaited)
        snprintf(text, n, "waiting for connection on: %s", where);
    return true;
}

void chardevs_print(const struct Machine *m, FILE *f) {
    char text[4200];
    for (const struct Chardev *c = m->chardevs.list; c != NULL; c = c->next) {
        chardev_describe(c, text, sizeof(text));
        fprintf(f, "%s: filename=%s", c->options.id, text);
        if (c->attached)
            fprintf(f, ", %s", c->front.name);
        if (c->lost != 0)
            fprintf(f, ", %" PRIu64 " bytes lost that were not taken", c->lost);
        if (c->error != 0)
            fprintf(f, ", %s", strerror(c->error));
        fputc('\n', f);
    }
}

static struct Chardev *find_ring(struct Machine *m, const char *id, char *why, size_t n) {
    struct Chardev *c = chardev_find(m, id);
    if (c != NULL && c->options.kind == CHAR_RINGBUF)
        return c;
    why_set(why, n, -EINVAL, c == NULL ? "there is no character device '%s'" : "'%s' is not a ringbuf device", id);
    return NULL;
}

long chardev_ring_read(struct Machine *m, const char *id, uint8_t *to, size_t size, char *why, size_t n) {
    struct Chardev *c = find_ring(m, id, why, n);
    size_t i = 0;
    if (c == NULL)
        return -EINVAL;
    for (struct CharRing *r = &c->out; i < size && r->count > 0; i++, r->count--) {
        to[i] = r->data[r->head];
        r->head = (r->head + 1) % r->size;
    }
    return (long)i;
}

int chardev_ring_write(struct Machine *m, const char *id, const uint8_t *data, size_t size, char *why, size_t n) {
    struct Chardev *c = find_ring(m, id, why, n);
    if (c == NULL)
        return -EINVAL;
    chardev_write(c, data, size);
    return 0;
}
