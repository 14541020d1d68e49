/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_9p.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 0, HEADER = 7, LEAST_MEMORY = 8192 };

#define F_MOUNT_TAG (1ull << 0)

/* ---- the end of a request ---- */

static void release(struct Virtio9pRequest *r) {
    r->next = r->owner->free;
    r->owner->free = r;
}

static void completed(void *opaque) {
    struct Virtio9pRequest *r = opaque;
    struct Virtio *v = &r->owner->virtio;
    virtio_write(v, &r->buffer, 0, r->request.reply, r->request.used);
    virtio_give(v, QUEUE, &r->buffer, (uint32_t)r->request.used);
    release(r);
}

/* There is no memory even for its message. */
static void refuse(struct Virtio9pRequest *r) {
    struct Virtio *v = &r->owner->virtio;
    uint8_t header[HEADER], reply[FS9P_LEAST_REPLY];
    virtio_read(v, &r->buffer, 0, header, sizeof(header));
    struct Fs9pRequest q = {.message = header, .reply = reply};
    fs9p_reply_error(&q, -ENOMEM);
    virtio_write(v, &r->buffer, 0, reply, sizeof(reply));
    virtio_give(v, QUEUE, &r->buffer, sizeof(reply));
    virtio_tell(v, QUEUE);
    release(r);
}

/* ---- its beginning ---- */

static bool have_memory(uint8_t **memory, size_t *room, size_t wanted) {
    if (*room >= wanted)
        return true;
    size_t size = LEAST_MEMORY;
    while (size < wanted)
        size *= 2;
    free(*memory);
    *memory = malloc(size);
    *room = *memory != NULL ? size : 0;
    return *memory != NULL;
}

static void begin(struct Virtio9pRequest *r) {
    struct Virtio9p *d = r->owner;
    struct Fs9pRequest *q = &r->request;
    uint64_t writable = r->buffer.writable_bytes;
    q->size = (size_t)r->buffer.readable_bytes;
    q->room = writable < FS9P_MESSAGE ? (size_t)writable : FS9P_MESSAGE;
    if (!have_memory(&q->message, &r->message_room, q->size) || !have_memory(&q->reply, &r->reply_room, q->room)) {
        refuse(r);
        return;
    }
    virtio_read(&d->virtio, &r->buffer, 0, q->message, q->size);
    fs9p_submit(d->server, q);
}

static bool is_message(const struct VirtioBuffer *b) {
    return b->readable_bytes >= HEADER && b->readable_bytes <= FS9P_MESSAGE && b->writable_bytes >= FS9P_LEAST_REPLY;
}

/* As many as there are requests to put them into; a completion goes on. */
static void take_all(struct Virtio9p *d) {
    d->starved = false;
    for (unsigned taken = 0; d->free != NULL && taken < VIRTIO_QUEUE_SIZE; taken++) {
        struct Virtio9pRequest *r = d->free;
        if (!virtio_take(&d->virtio, QUEUE, &r->buffer))
            return;
        if (!is_message(&r->buffer)) {
            virtio_broken(&d->virtio, "a buffer that can't hold a message and its reply, bytes",
                          r->buffer.readable_bytes);
            return;
        }
        d->free = r->next;
        begin(r);
    }
    d->starved = true;
}

static void notified(void *opaque, unsigned n) {
    (void)n;
    take_all(opaque);
}

static void finished(struct Virtio9p *d) {
    d->state.mounted = fs9p_mounted(d->server);
    virtio_tell(&d->virtio, QUEUE);
    if (d->starved && virtio_is_live(&d->virtio))
        take_all(d);
}

void virtio_9p_complete(struct Virtio9p *d) {
    fs9p_complete(d->server);
    finished(d);
}

void virtio_9p_drain(struct Virtio9p *d) {
    fs9p_drain(d->server);
    finished(d);
}

/* ---- life ---- */

static void reset(void *opaque) {
    struct Virtio9p *d = opaque;
    fs9p_reset(d->server);
    d->free = NULL;
    for (unsigned i = 0; i < VIRTIO_9P_REQUESTS; i++)
        release(&d->requests[i]);
    d->starved = false;
    d->state.mounted = 0;
}

void virtio_9p_restored(struct Virtio9p *d) { reset(d); }

int virtio_9p_init(struct Virtio9p *d, struct PciDevice *pci, struct Fs9p *server, const char *tag) {
    static const struct VirtioDeviceOps ops = {notified, reset, NULL};
    size_t length = strnlen(tag, VIRTIO_9P_TAG);
    memset(d, 0, sizeof(*d));
    d->server = server;
    d->requests = calloc(VIRTIO_9P_REQUESTS, sizeof(*d->requests));
    if (d->requests == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < VIRTIO_9P_REQUESTS; i++) {
        struct Virtio9pRequest *r = &d->requests[i];
        r->owner = d;
        r->request.done = completed;
        r->request.opaque = r;
    }
    put_le16(d->space, (uint16_t)length);
    memcpy(d->space + 2, tag, length);
    d->virtio = (struct Virtio){
        .state = &d->state.virtio,
        .pci = pci,
        .ops = &ops,
        .opaque = d,
        .offered = F_MOUNT_TAG | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
        .queues = 1,
        .config = d->space,
        .config_size = (unsigned)(2 + length),
    };
    return 0;
}

void virtio_9p_destroy(struct Virtio9p *d) {
    for (unsigned i = 0; i < VIRTIO_9P_REQUESTS && d->requests != NULL; i++) {
        free(d->requests[i].request.message);
        free(d->requests[i].request.reply);
    }
    free(d->requests);
    d->requests = NULL;
}

static const char *check(const void *state) {
    const struct Virtio9pState *s = state;
    return s->mounted
               ? "the guest has a shared folder mounted, which is no part of a state; umount it in the guest first"
               : virtio_check(&s->virtio);
}

const struct StateTable virtio_9p_state_table = {
    .name = "virtio_9p",
    .size = sizeof(struct Virtio9pState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(Virtio9pState, virtio, &virtio_state_table),
            STATE_FIELD(Virtio9pState, mounted, .max = 1),
            STATE_PADDING(Virtio9pState, unused),
            {0},
        },
};
