/* SPDX-License-Identifier: MIT */
/* -object rng-builtin and rng-random, -device virtio-rng-pci. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- sources ---- */

struct RngSource *virtio_find_source(struct Machine *m, const char *id) {
    struct RngSource *s = m->virtio.sources;
    while (s != NULL && (s->id == NULL || strcmp(s->id, id) != 0))
        s = s->next;
    return s;
}

static void ready(void *opaque) {
    struct RngSource *s = opaque;
    if (s->machine->virtio.rng.source == s)
        virtio_rng_ready(&s->machine->virtio.rng.rng);
}

struct RngSource *virtio_builtin_source(struct Machine *m) {
    struct RngSource *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->machine = m;
    s->fd = -1;
    s->next = m->virtio.sources;
    m->virtio.sources = s;
    loop_work_init(&s->ready, ready, s);
    return s;
}

/* In the loop: what comes for the guest is posted. */
static void readable(void *opaque, int fd, short revents) {
    struct RngSource *s = opaque;
    (void)revents;
    loop_modify_fd(&s->machine->loop, fd, 0);
    loop_post(&s->machine->loop, &s->ready);
}

/* The host's kernel has always some, once it has begun. */
static size_t read_builtin(uint8_t *to, size_t n) {
    ssize_t got = getrandom(to, n, GRND_NONBLOCK);
    return got > 0 ? (size_t)got : 0;
}

size_t virtio_rng_source_read(void *opaque, uint8_t *to, size_t n) {
    struct RngSource *s = opaque;
    if (s->filename == NULL)
        return read_builtin(to, n);
    if (s->fd < 0)
        return 0;
    ssize_t got = read(s->fd, to, n);
    if (got > 0)
        return (size_t)got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        loop_modify_fd(&s->machine->loop, s->fd, POLLIN);
    return 0; /* at its end or after an error: the guest waits, as for a device that has run dry */
}

static int open_file(struct RngSource *s, char *why, size_t n) {
    struct stat st;
    bool fifo = stat(s->filename, &st) == 0 && S_ISFIFO(st.st_mode); /* which does not end with its last writer */
    s->fd = open(s->filename, (fifo ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return why_set(why, n, -errno, "-object rng-random: %s: %s", s->filename, strerror(errno));
    if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
        return why_set(why, n, -EINVAL,
                       "-object rng-random: %s is no source that goes on; a device such as /dev/urandom or a FIFO is",
                       s->filename);
    return 0;
}

static int add_source(struct Machine *m, const char *kind, const char *id, const char *filename, char *why, size_t n) {
    bool random = strcmp(kind, "rng-random") == 0;
    if (id == NULL)
        return why_set(why, n, -EINVAL, "-object %s needs id=NAME", kind);
    if (virtio_find_source(m, id) != NULL)
        return why_set(why, n, -EEXIST, "-object: there is a '%s' already", id);
    if (!random && filename != NULL)
        return why_set(why, n, -EINVAL, "-object rng-builtin has no filename=; rng-random has");
    if (random && m->config.icount)
        return why_set(why, n, -EINVAL,
                       "-object rng-random makes runs differ, and -icount is for runs that repeat; "
                       "rng-builtin has the same bytes each time then");
    struct RngSource *s = virtio_builtin_source(m);
    if (s == NULL || (s->id = strdup(id)) == NULL)
        return why_set(why, n, -ENOMEM, "-object: out of memory");
    if (random && (s->filename = strdup(filename != NULL ? filename : "/dev/urandom")) == NULL)
        return why_set(why, n, -ENOMEM, "-object: out of memory");
    return random ? open_file(s, why, n) : 0;
}

static int add_object(struct Machine *m, char *list, char *why, size_t n) {
    const char *kind = list_cut(&list), *id = NULL, *filename = NULL;
    char *key, *value;
    if (strncmp(kind, "qom-type=", 9) == 0)
        kind += 9;
    if (strcmp(kind, "rng-builtin") != 0 && strcmp(kind, "rng-random") != 0)
        return why_set(why, n, -EINVAL, "-object: '%s' is not supported; rng-builtin, rng-random and filter-dump are",
                       kind);
    while (list_cut_property(&list, &key, &value)) {
        if (value != NULL && strcmp(key, "id") == 0)
            id = value;
        else if (value != NULL && strcmp(key, "filename") == 0)
            filename = value;
        else
            return why_set(why, n, -EINVAL, "-object %s has no property '%s'; id= and, of rng-random, filename= are",
                           kind, key);
    }
    return add_source(m, kind, id, filename, why, n);
}

int virtio_create_objects(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = 0;
    for (const char *const *s = config->objects; r == 0 && s != NULL && *s != NULL; s++) {
        if (net_is_dump(*s)) /* comes when there are networks */
            continue;
        char *copy = strdup(*s);
        r = copy != NULL ? add_object(m, copy, why, n) : why_set(why, n, -ENOMEM, "-object: out of memory");
        free(copy);
    }
    return r;
}

int virtio_start(struct Machine *m, char *why, size_t n) {
    int r = 0;
    for (struct RngSource *s = m->virtio.sources; s != NULL && r == 0; s = s->next)
        if (s->fd >= 0)
            r = loop_add_fd(&m->loop, s->fd, 0, readable, s);
    return r == 0 ? 0 : why_errno(why, n, r, "-object");
}

void virtio_destroy(struct Machine *m) {
    for (struct RngSource *s = m->virtio.sources, *next; s != NULL; s = next) {
        next = s->next;
        if (s->fd >= 0)
            close(s->fd);
        free(s->filename);
        free(s->id);
        free(s);
    }
    m->virtio.sources = NULL;
    virtio_folders_destroy(m);
    free(m->virtio.balloon.id);
    free(m->virtio.serial.id);
}

/* ---- the device ---- */

struct RngProperties {
    struct VirtioPlug plug;
    const char *rng;
    uint64_t max_bytes, period;
    bool has_period;
};

static bool read_property(struct RngProperties *p, const char *key, const char *value) {
    if (virtio_plug_property(&p->plug, key, value))
        return true;
    if (value == NULL)
        return false;
    if (strcmp(key, "rng") == 0)
        return p->rng = value, true;
    if (strcmp(key, "max-bytes") == 0)
        return list_number(value, INT64_MAX, &p->max_bytes) && p->max_bytes > 0;
    return strcmp(key, "period") == 0 && list_number(value, UINT32_MAX, &p->period) && p->period > 0;
}

int virtio_add_rng(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    static const struct VirtioRngOps ops = {virtio_rng_source_read};
    static const struct VirtioPciId id = {"virtio-rng-pci", VIRTIO_TYPE_ENTROPY, 0x00ff00};
    struct VirtioRngDevice *d = &m->virtio.rng;
    struct RngProperties p = {.max_bytes = INT64_MAX, .period = 1 << 16}; /* QEMU's */
    char *key, *value;
    while (list_cut_property(&list, &key, &value))
        if (!read_property(&p, key, value))
            return why_set(
                why, n, -EINVAL,
                "-device %s: %s=%s is not right; rng=ID, max-bytes= and period= of 1 at least, id=, bus=pci.0, "
                "addr=2 to 1f and romfile=FILE are",
                device, key, value != NULL ? value : "");
    if (d->plugged)
        return why_set(why, n, -EINVAL, "-device %s: there is one already, and one is enough for any guest", device);
    struct RngSource *s = p.rng != NULL ? virtio_find_source(m, p.rng) : virtio_builtin_source(m);
    if (s == NULL)
        return why_set(why, n, -EINVAL,
                       "-device %s: there is no -object '%s'; rng-builtin,id=ID or rng-random,id=ID is", device,
                       p.rng != NULL ? p.rng : "");
    struct VirtioRngConfig config = {
        .max_bytes = p.max_bytes == INT64_MAX ? 0 : p.max_bytes,
        .period_ms = p.period,
        .repeatable = m->config.icount,
    };
    d->source = s;
    virtio_pci_init(&d->pci, &id);
    virtio_rng_init(&d->rng, &d->pci.pci, m->clock, &config, &ops, s);
    int r = virtio_plug(m, &d->pci, &d->rng.virtio, &p.plug, 2, why, n);
    d->plugged = r == 0;
    return r;
}
