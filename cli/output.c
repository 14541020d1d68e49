/* SPDX-License-Identifier: MIT */
/* See output.h. */
#include "output.h"

#include "host_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIFO_RETRY_US = 100000 };

static size_t unwritten(const struct Output *o) { return o->used - o->written; }

static void wake(struct Outputs *all) {
    uint64_t one = 1;
    if (write(all->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: a wake-up is on its way */
}

/* ---- holding ---- */

/* Under the mutex, so that what is held last is what is meant. */
static void hold_feeds(struct Output *o, bool held) {
    if (o->held == held || o->feeds == 0 || o->all->machine == NULL)
        return;
    o->held = held;
    for (unsigned kind = 0; o->feeds >> kind != 0; kind++)
        if ((o->feeds >> kind & 1) != 0)
            twin86_hold_output(o->all->machine, (enum Twin86OutputKind)kind, held);
}

void output_feed(struct Output *o, enum Twin86OutputKind kind) {
    if (o != NULL)
        o->feeds |= 1u << kind;
}

/* ---- the buffer ---- */

static bool make_room(struct Output *o, size_t size) {
    if (o->written > 0) {
        memmove(o->data, o->data + o->written, unwritten(o));
        o->used -= o->written;
        o->written = 0;
    }
    if (size <= o->room - o->used)
        return true;
    size_t room = o->used + size + o->room / 2 + 4096;
    char *data = size <= OUTPUT_MAX - o->used ? realloc(o->data, room) : NULL;
    if (data == NULL)
        return false;
    o->data = data;
    o->room = room;
    return true;
}

void output_put(struct Output *o, const void *data, size_t size) {
    if (o == NULL || size == 0)
        return;
    pthread_mutex_lock(&o->mutex);
    bool discard = o->error != 0 || (o->fd < 0 && !o->awaits_reader), first = unwritten(o) == 0;
    if (!discard && (size <= o->room - o->used || make_room(o, size))) {
        memcpy(o->data + o->used, data, size);
        o->used += size;
    } else if (!discard) {
        o->lost += size;
    }
    if (unwritten(o) > OUTPUT_HIGH)
        hold_feeds(o, true);
    bool tell = first && unwritten(o) > 0;
    pthread_mutex_unlock(&o->mutex);
    if (tell)
        wake(o->all);
}

void output_text(struct Output *o, const char *text) { output_put(o, text, strlen(text)); }

static ssize_t stream_write(void *opaque, const char *data, size_t size) {
    output_put(opaque, data, size);
    return (ssize_t)size;
}

FILE *output_stream(struct Output *o) { return fopencookie(o, "w", (cookie_io_functions_t){.write = stream_write}); }

/* ---- writing ---- */

static int open_path(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
}

/* A FIFO can't be opened for writing until somebody reads it. */
static void find_reader(struct Output *o) {
    int fd = open_path(o->path);
    if (fd >= 0) {
        o->fd = fd;
        o->awaits_reader = false;
    } else if (errno != ENXIO && errno != EINTR) {
        o->error = errno;
    }
}

/* Write what is taken. Mutex held. */
static void write_out(struct Output *o) {
    if (o->awaits_reader && o->error == 0 && unwritten(o) > 0)
        find_reader(o);
    while (o->error == 0 && o->fd >= 0 && unwritten(o) > 0) {
        ssize_t n = host_fd_write(o->fd, o->is_socket, o->data + o->written, unwritten(o));
        if (n == -EAGAIN)
            break;
        if (n < 0)
            o->error = (int)-n;
        else
            o->written += (size_t)n;
    }
    if (o->error != 0)
        o->written = o->used;
    if (unwritten(o) == 0)
        o->written = o->used = 0;
    if (unwritten(o) < OUTPUT_LOW)
        hold_feeds(o, false);
}

static void on_writable(void *opaque, int fd, short revents);

static void flush(struct Output *o) {
    pthread_mutex_lock(&o->mutex);
    bool good = o->error == 0;
    write_out(o);
    bool failed = good && o->error != 0, more = o->fd >= 0 && unwritten(o) > 0;
    pthread_mutex_unlock(&o->mutex);
    if (more != o->watched && o->all->session != NULL &&
        twin86_session_watch_for(o->all->session, o->fd, more ? POLLOUT : 0, on_writable, o) == 0)
        o->watched = more;
    if (failed && o->all->failed != NULL)
        o->all->failed(o->all->opaque, o);
}

static void on_writable(void *opaque, int fd, short revents) {
    (void)fd, (void)revents;
    flush(opaque);
}

static void on_wake(void *opaque, int fd, short revents) {
    uint64_t count;
    (void)revents;
    if (read(fd, &count, sizeof(count)) > 0)
        outputs_flush(opaque);
}

void outputs_flush(struct Outputs *all) {
    for (unsigned i = 0; i < all->count; i++)
        flush(&all->output[i]);
}

uint64_t output_missing(struct Output *o) {
    pthread_mutex_lock(&o->mutex);
    uint64_t n = o->lost + unwritten(o);
    pthread_mutex_unlock(&o->mutex);
    return n;
}

bool outputs_pending(struct Outputs *all) {
    bool pending = false;
    for (unsigned i = 0; i < all->count && !pending; i++) {
        struct Output *o = &all->output[i];
        pthread_mutex_lock(&o->mutex);
        pending = unwritten(o) > 0;
        pthread_mutex_unlock(&o->mutex);
    }
    return pending;
}

int64_t outputs_retry_us(struct Outputs *all) {
    for (unsigned i = 0; i < all->count; i++)
        if (all->output[i].awaits_reader && output_missing(&all->output[i]) > 0)
            return FIFO_RETRY_US;
    return -1;
}

/* ---- opening ---- */

static struct Output *add(struct Outputs *all, const char *what, const char *path, int fd) {
    struct Output *o = &all->output[all->count++]; /* one an option: there is room */
    *o = (struct Output){.all = all, .what = what, .path = path, .fd = fd};
    pthread_mutex_init(&o->mutex, NULL);
    return o;
}

int output_standard(struct Outputs *all, struct Output **o, const char *what, int fd) {
    bool is_socket;
    int own = host_fd_without_waits(fd, true, &is_socket);
    if (own < 0)
        return own;
    *o = add(all, what, NULL, own);
    (*o)->is_socket = is_socket;
    return 0;
}

int output_file(struct Outputs *all, struct Output **o, const char *what, const char *path) {
    struct stat st;
    int fd = open_path(path), e = errno;
    bool later = fd < 0 && e == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
    if (fd < 0 && !later)
        return -e;
    *o = add(all, what, path, fd);
    (*o)->awaits_reader = later;
    return 0;
}

int outputs_init(struct Outputs *all) {
    *all = (struct Outputs){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    return all->wake_fd < 0 ? -errno : 0;
}

int outputs_attach(struct Outputs *all, Twin86Machine *machine, Twin86Session *session,
                   void (*failed)(void *opaque, const struct Output *o), void *opaque) {
    all->machine = machine;
    all->session = session;
    all->failed = failed;
    all->opaque = opaque;
    int r = twin86_session_watch_for(session, all->wake_fd, POLLIN, on_wake, all);
    outputs_flush(all); /* what was said before */
    return r;
}
