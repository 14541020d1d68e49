/* SPDX-License-Identifier: MIT */
/* What all host ends have in common: buffers, holding, devices that come and go. */
#include "machine/chardev/chardev.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- buffers ---- */

static size_t ring_put(struct CharRing *r, const uint8_t *data, size_t n) {
    size_t room = r->size - r->count, all = n < room ? n : room;
    for (size_t i = 0; i < all; i++)
        r->data[(r->head + r->count++) % r->size] = data[i];
    return all;
}

/* What lies in one piece. */
static size_t ring_piece(const struct CharRing *r, const uint8_t **data) {
    size_t to_end = r->size - r->head;
    *data = r->data + r->head;
    return r->count < to_end ? r->count : to_end;
}

static void ring_drop(struct CharRing *r, size_t n) {
    r->head = (r->head + n) % r->size;
    r->count -= n;
}

static int ring_init(struct CharRing *r, size_t size) {
    *r = (struct CharRing){.data = malloc(size), .size = size};
    return r->data != NULL ? 0 : -ENOMEM;
}

/* Before the loop runs there is nobody who could be told; who starts then looks. */
static void post(struct Chardev *c, struct LoopWork *w) {
    if (c->started && c->front.host)
        w->fn(w->opaque);
    else if (c->started)
        loop_post(&c->machine->loop, w);
}

/* ---- to the host ---- */

static bool is_stream(const struct Chardev *c) { return c->options.kind == CHAR_SOCKET; }

/* What the host takes now; -EAGAIN: nothing. */
static ssize_t host_write(struct Chardev *c, const uint8_t *data, size_t n) {
    for (;;) {
        ssize_t done = is_stream(c) ? send(c->out_fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(c->out_fd, data, n);
        if (done >= 0)
            return done;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

/* A file that takes nothing any more ends the run; a peer that has gone may be followed by another one. */
static void write_failed(struct Chardev *c, int error) {
    if (c->options.kind != CHAR_FILE) {
        chardev_disconnected(c);
        return;
    }
    c->error = error;
    c->open = false;
    c->out.count = 0;
    loop_modify_fd(&c->machine->loop, c->out_fd, 0); /* or it would be told again and again */
    machine_stop(c->machine, TWIN86_EVENT_ERROR, 0);
    snprintf(c->machine->pending.message, sizeof(c->machine->pending.message),
             "character device %s: %.120s can't be written: %s", c->options.id, c->options.path, strerror(error));
}

/* Write what waits; from the loop, or before something else is written. */
static void flush(struct Chardev *c) {
    const uint8_t *data;
    while (c->open && c->out.count > 0) {
        size_t piece = ring_piece(&c->out, &data);
        ssize_t n = host_write(c, data, piece);
        if (n == -EAGAIN)
            break;
        if (n < 0)
            write_failed(c, (int)-n);
        else
            ring_drop(&c->out, (size_t)n);
    }
}

static void put_host(struct Chardev *c, const uint8_t *data, size_t n) {
    if (!c->open || c->out_fd < 0)
        return;
    while (n > 0 && c->open && c->out.count == 0) {
        ssize_t done = host_write(c, data, n);
        if (done == -EAGAIN)
            break;
        if (done < 0)
            write_failed(c, (int)-done);
        else
            data += done, n -= (size_t)done;
    }
    if (n == 0 || !c->open)
        return;
    c->lost += n - ring_put(&c->out, data, n);
    chardev_watch(c);
}

/* The newest bytes stay. */
static void put_ring(struct CharRing *r, const uint8_t *data, size_t n) {
    if (n > r->size) {
        data += n - r->size;
        n = r->size;
    }
    size_t room = r->size - r->count;
    if (n > room)
        ring_drop(r, n - room);
    ring_put(r, data, n);
}

static void put_log(struct Chardev *c, const uint8_t *data, size_t n) {
    while (n > 0 && c->log_fd >= 0) {
        ssize_t done = write(c->log_fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            c->error = errno; /* info chardev tells */
            close(c->log_fd);
            c->log_fd = -1;
            return;
        }
        data += done, n -= (size_t)done;
    }
}

void chardev_write(void *opaque, const uint8_t *data, size_t size) {
    struct Chardev *c = opaque;
    const Twin86Config *config = &c->machine->config;
    put_log(c, data, size);
    switch (c->options.kind) {
    case CHAR_NULL: break;
    case CHAR_RINGBUF: put_ring(&c->out, data, size); break;
    case CHAR_STDIO:
        if (config->serial_output != NULL)
            config->serial_output(config->opaque, data, size);
        break;
    default: put_host(c, data, size);
    }
}

/* With CLOCK_ICOUNT a run must not depend on how fast the host reads: what of the guest does not fit is lost then. */
bool chardev_can_write(void *opaque) {
    struct Chardev *c = opaque;
    if (c->options.kind == CHAR_STDIO)
        return machine_serial_can_write(c->machine);
    bool loses = c->options.kind == CHAR_RINGBUF || (c->machine->config.icount && !c->front.host);
    if (loses || c->out.count < CHARDEV_OUT_HIGH)
        return true;
    c->held = true;
    return false;
}

static void output_ready(void *opaque) {
    struct Chardev *c = opaque;
    if (c->front.output_ready != NULL)
        c->front.output_ready(c->front.opaque);
}

/* ---- from the host ---- */

void chardev_feed(struct Chardev *c) {
    const uint8_t *data;
    if (c->options.kind == CHAR_STDIO) {
        machine_feed_serial(c->machine);
        return;
    }
    while (c->in.count > 0 && c->front.room != NULL) {
        size_t room = c->front.room(c->front.opaque), n = room > 0 ? ring_piece(&c->in, &data) : 0;
        n = n < room ? n : room;
        if (n == 0)
            break;
        c->front.receive(c->front.opaque, data, n);
        ring_drop(&c->in, n);
    }
    chardev_watch(c);
}

void chardev_input_ready(void *opaque) { chardev_feed(opaque); }

static void input(void *opaque) { chardev_feed(opaque); }

static void event(void *opaque) {
    struct Chardev *c = opaque;
    if (c->front.opened != NULL)
        c->front.opened(c->front.opaque, c->open);
}

/* Read what there is room for. */
static void read_host(struct Chardev *c) {
    uint8_t data[CHARDEV_IN];
    size_t room = c->in.size - c->in.count;
    if (room == 0)
        return;
    ssize_t n = read(c->in_fd, data, room < sizeof(data) ? room : sizeof(data));
    if (n > 0) {
        ring_put(&c->in, data, (size_t)n);
        post(c, &c->input);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        chardev_disconnected(c);
    }
}

static void host_ready(void *opaque, int fd, short revents) {
    struct Chardev *c = opaque;
    if (fd == c->out_fd && (revents & POLLOUT) != 0)
        flush(c);
    if (c->open && fd == c->in_fd && (revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        read_host(c);
    if (c->open && c->in.count == c->in.size && (revents & (POLLHUP | POLLERR)) != 0)
        chardev_disconnected(c); /* or the loop would be told again and again */
    chardev_watch(c);
}

void chardev_watch(struct Chardev *c) {
    struct Loop *l = &c->machine->loop;
    if (c->held && c->out.count < CHARDEV_OUT_LOW) {
        c->held = false;
        post(c, &c->output);
    }
    if (!c->started || !c->open || (c->in_fd < 0 && c->out_fd < 0))
        return;
    short in = c->in_fd >= 0 && c->in.count < c->in.size ? POLLIN : 0, out = c->out.count > 0 ? POLLOUT : 0;
    if (c->in_fd >= 0)
        loop_add_fd(l, c->in_fd, c->in_fd == c->out_fd ? in | out : in, host_ready, c);
    if (c->out_fd >= 0 && c->out_fd != c->in_fd)
        loop_add_fd(l, c->out_fd, out, host_ready, c);
}

/* ---- the other side ---- */

/* Nobody waits for this one any more. */
static void arrived(struct Chardev *c) {
    struct Chardevs *all = &c->machine->chardevs;
    uint64_t one = 1;
    c->awaited = false;
    all->awaited--;
    if (write(all->arrived_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: whoever reads it will come */
}

static void opened(struct Chardev *c, bool open) {
    c->open = open;
    post(c, &c->event);
    if (open && c->awaited)
        arrived(c);
}

void chardev_connected(struct Chardev *c, int fd) {
    c->in_fd = c->out_fd = fd;
    opened(c, true);
    chardev_watch(c);
}

void chardev_disconnected(struct Chardev *c) {
    struct Loop *l = &c->machine->loop;
    bool keeps = c->options.kind != CHAR_SOCKET; /* the same descriptor works for who comes next */
    if (!c->open)
        return;
    if (c->in_fd >= 0)
        (keeps ? (void)loop_modify_fd(l, c->in_fd, 0) : loop_remove_fd(l, c->in_fd));
    c->out.count = 0;
    opened(c, false);
    if (c->held) {
        c->held = false;
        post(c, &c->output);
    }
    if (c->options.kind == CHAR_PTY) {
        loop_timer_arm(l, &c->again, loop_now() + NS_PER_SEC / 4);
    } else if (!keeps) {
        close(c->in_fd);
        c->in_fd = c->out_fd = -1;
        if (c->listen_fd >= 0)
            loop_modify_fd(l, c->listen_fd, POLLIN);
        else if (c->options.reconnect_s != 0)
            loop_timer_arm(l, &c->again, loop_now() + (int64_t)c->options.reconnect_s * NS_PER_SEC);
    }
}

/* ---- devices ---- */

int chardev_attach(struct Chardev *c, const struct CharFrontend *front, char *why, size_t n) {
    if (c->attached)
        return why_set(why, n, -EBUSY, "character device '%s' belongs to %s already", c->options.id, c->front.name);
    if (c->options.kind == CHAR_STDIO && front->room != NULL && c->machine->serial.front != NULL)
        return why_set(why, n, -EBUSY, "stdio belongs to %s already", c->machine->serial.front->front.name);
    c->front = *front;
    c->attached = true;
    if (c->options.kind == CHAR_STDIO)
        c->machine->serial.front = front->room != NULL ? c : NULL;
    if (c->open)
        post(c, &c->event);
    return 0;
}

void chardev_detach(struct Chardev *c) {
    if (c->machine->serial.front == c)
        c->machine->serial.front = NULL;
    c->front = (struct CharFrontend){0};
    c->attached = false;
}

struct CharBackend chardev_backend(struct Chardev *c) {
    return (struct CharBackend){chardev_write, chardev_can_write, chardev_input_ready, c};
}

/* ---- life ---- */

struct Chardev *chardev_find(const struct Machine *m, const char *id) {
    struct Chardev *c = m->chardevs.list;
    while (c != NULL && strcmp(c->options.id, id) != 0)
        c = c->next;
    return c;
}

static int open_log(struct Chardev *c, char *why, size_t n) {
    const char *path = c->options.log_file;
    if (path == NULL)
        return 0;
    c->log_fd = chardev_open_path(path, O_WRONLY | O_CREAT | (c->options.log_append ? O_APPEND : O_TRUNC));
    return c->log_fd >= 0
               ? 0
               : why_set(why, n, -errno, "-chardev %s: logfile=%s: %s", c->options.id, path, strerror(errno));
}

static int open_one(struct Chardev *c, char *why, size_t n) {
    enum CharKind kind = c->options.kind;
    int r = kind == CHAR_RINGBUF ? ring_init(&c->out, (size_t)c->options.ring_size) : ring_init(&c->out, CHARDEV_OUT);
    if (r == 0)
        r = ring_init(&c->in, CHARDEV_IN);
    if (r != 0)
        return why_errno(why, n, r, "-chardev");
    if ((r = open_log(c, why, n)) != 0)
        return r;
    c->open = kind == CHAR_NULL || kind == CHAR_STDIO || kind == CHAR_RINGBUF;
    return kind == CHAR_SOCKET ? chardev_open_socket(c, why, n) : c->open ? 0 : chardev_open_host(c, why, n);
}

/* What the other side takes at once. */
static void send_rest(struct Chardev *c) {
    const uint8_t *data;
    ssize_t n = 1;
    while (c->open && c->out_fd >= 0 && c->out.count > 0 && n > 0) {
        size_t piece = ring_piece(&c->out, &data);
        if ((n = host_write(c, data, piece)) > 0)
            ring_drop(&c->out, (size_t)n);
    }
}

static void close_one(struct Chardev *c) {
    struct Loop *l = &c->machine->loop;
    send_rest(c);
    if (c->started) {
        loop_timer_arm(l, &c->again, LOOP_NEVER);
        loop_remove_fd(l, c->in_fd);
        loop_remove_fd(l, c->out_fd);
        loop_remove_fd(l, c->listen_fd);
        loop_cancel(l, &c->input);
        loop_cancel(l, &c->output);
        loop_cancel(l, &c->event);
    }
    if (c->awaited)
        arrived(c);
    listen_close(&c->options.where, c->listen_fd);
    if (c->in_fd >= 0)
        close(c->in_fd);
    if (c->out_fd >= 0 && c->out_fd != c->in_fd)
        close(c->out_fd);
    if (c->log_fd >= 0)
        close(c->log_fd);
    free(c->address);
    free(c->in.data);
    free(c->out.data);
    chardev_options_free(&c->options);
    free(c);
}

static int start_one(struct Chardev *c) {
    c->started = true;
    int r = c->options.kind == CHAR_SOCKET ? chardev_start_socket(c) : 0;
    if (c->options.kind == CHAR_PTY)
        loop_timer_arm(&c->machine->loop, &c->again, loop_now());
    if (c->open)
        post(c, &c->event);
    chardev_watch(c);
    return r;
}

int chardev_add(struct Machine *m, struct CharOptions *o, struct Chardev **made, char *why, size_t n) {
    struct Chardev *c = calloc(1, sizeof(*c)), **end = &m->chardevs.list;
    if (c == NULL || chardev_find(m, o->id) != NULL) {
        int r = c == NULL ? why_errno(why, n, -ENOMEM, "-chardev")
                          : why_set(why, n, -EEXIST, "-chardev: there is a '%s' already", o->id);
        free(c);
        chardev_options_free(o);
        return r;
    }
    c->machine = m;
    c->options = *o;
    c->in_fd = c->out_fd = c->listen_fd = c->log_fd = -1;
    loop_work_init(&c->input, input, c);
    loop_work_init(&c->output, output_ready, c);
    loop_work_init(&c->event, event, c);
    loop_timer_init(&c->again, o->kind == CHAR_PTY ? chardev_check_pty : chardev_reconnect, c);
    int r = open_one(c, why, n);
    if (r == 0 && m->loop.open && (r = start_one(c)) != 0)
        why_errno(why, n, r, "-chardev");
    if (r != 0) {
        close_one(c);
        return r;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = c;
    *made = c;
    return 0;
}

int chardev_remove(struct Machine *m, const char *id, char *why, size_t n) {
    struct Chardev **link = &m->chardevs.list, *c;
    while (*link != NULL && strcmp((*link)->options.id, id) != 0)
        link = &(*link)->next;
    if ((c = *link) == NULL)
        return why_set(why, n, -ENODEV, "there is no character device '%s'", id);
    if (c->attached)
        return why_set(why, n, -EBUSY, "character device '%s' belongs to %s", id, c->front.name);
    *link = c->next;
    close_one(c);
    return 0;
}

int chardev_for(struct Machine *m, const char *text, const char *id, struct Chardev **c, char *why, size_t n) {
    struct CharOptions o;
    if (strncmp(text, "chardev:", 8) == 0) {
        *c = chardev_find(m, text + 8);
        return *c != NULL ? 0 : why_set(why, n, -ENODEV, "there is no -chardev with id=%s", text + 8);
    }
    int r = chardev_parse_short(&o, text, id, why, n);
    if (r == 0)
        return chardev_add(m, &o, c, why, n);
    chardev_options_free(&o);
    return r;
}

int chardevs_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = 0;
    m->chardevs.arrived_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->chardevs.arrived_fd < 0)
        return why_errno(why, n, -errno, "event descriptor");
    for (const char *const *s = config->chardevs; r == 0 && s != NULL && *s != NULL; s++) {
        struct CharOptions o;
        struct Chardev *c;
        r = chardev_parse(&o, *s, why, n);
        if (r == 0)
            r = chardev_add(m, &o, &c, why, n);
        else
            chardev_options_free(&o);
    }
    return r;
}

int chardevs_start(struct Machine *m, char *why, size_t n) {
    int r = 0;
    for (struct Chardev *c = m->chardevs.list; c != NULL && r == 0; c = c->next)
        r = start_one(c);
    return r == 0 ? 0 : why_errno(why, n, r, "-chardev");
}

void chardevs_restored(struct Machine *m) {
    for (struct Chardev *c = m->chardevs.list; c != NULL; c = c->next) {
        if (c->attached && !c->front.host) /* the guest may know it otherwise */
            post(c, &c->event);
        if (c->in.count > 0)
            post(c, &c->input);
    }
}

void chardevs_destroy(struct Machine *m) {
    for (struct Chardev *c = m->chardevs.list, *next; c != NULL; c = next) {
        next = c->next;
        c->started = false; /* the loop has gone */
        close_one(c);
    }
    m->chardevs.list = NULL;
    if (m->chardevs.arrived_fd > 0)
        close(m->chardevs.arrived_fd);
}
