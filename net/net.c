/* SPDX-License-Identifier: MIT */
/* Ends, links and the queues in front of ends. See net.h. */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A packet that waits; its bytes follow. */
struct NetQueued {
    struct NetQueued *next;
    size_t bytes;
    struct NetOffload offload;
    uint8_t frame[];
};

/* ---- life ---- */

void net_end_init(struct NetEnd *e, const char *name, const struct NetOps *ops, void *opaque,
                  const struct NetDoor *door) {
    *e = (struct NetEnd){.name = name, .ops = ops, .opaque = opaque, .door = door};
    e->last = &e->first;
}

void net_forget(struct NetEnd *e) {
    for (struct NetQueued *q = e->first, *next; q != NULL; q = next) {
        next = q->next;
        free(q);
    }
    e->first = NULL;
    e->last = &e->first;
    e->waiting = 0;
    e->waiting_bytes = 0;
}

void net_end_destroy(struct NetEnd *e) {
    net_forget(e);
    if (e->peer != NULL)
        e->peer->peer = NULL;
    e->peer = NULL;
    free(e->scratch);
    e->scratch = NULL;
}

int net_connect(struct NetEnd *a, struct NetEnd *b) {
    if (a->peer != NULL || b->peer != NULL)
        return -EBUSY;
    a->peer = b;
    b->peer = a;
    return 0;
}

/* ---- one end ---- */

static bool can_take(struct NetEnd *e) { return e->ops->can_take == NULL || e->ops->can_take(e->opaque); }

/* Whether it may get a packet from within this call. */
static bool may_enter(const struct NetEnd *e) {
    return e->door == NULL || (e->sending == 0 && e->door->is_open(e->door->opaque));
}

static bool take(struct NetEnd *e, const struct NetPacket *p) {
    bool taken = e->ops->take == NULL || e->ops->take(e->opaque, p);
    e->burst |= taken;
    return taken;
}

static void end_burst(struct NetEnd *e) {
    if (e->burst && e->ops->taken != NULL)
        e->ops->taken(e->opaque);
    e->burst = false;
}

/* The sender of what waits for `e` may have been told to hold. */
static void tell_ready(struct NetEnd *e) {
    struct NetEnd *from = e->peer;
    if (from == NULL || !from->held || !net_can_send(from))
        return;
    from->held = false;
    if (from->ops->ready != NULL)
        from->ops->ready(from->opaque);
}

static void knock(struct NetEnd *e) {
    if (e->door != NULL)
        e->door->knock(e->door->opaque);
}

/* ---- the queue ---- */

size_t net_copy(const struct NetPacket *p, size_t skip, void *to, size_t bytes) {
    size_t done = 0;
    for (unsigned i = 0; i < p->pieces && done < bytes; i++) {
        size_t length = p->piece[i].iov_len;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        size_t n = length - skip < bytes - done ? length - skip : bytes - done;
        memcpy((uint8_t *)to + done, (const uint8_t *)p->piece[i].iov_base + skip, n);
        done += n;
        skip = 0;
    }
    return done;
}

/* False: it is lost. */
static bool enqueue(struct NetEnd *e, const struct NetPacket *p) {
    if (e->waiting >= NET_QUEUE_PACKETS || e->waiting_bytes + p->bytes > NET_QUEUE_BYTES)
        return false;
    struct NetQueued *q = malloc(sizeof(*q) + p->bytes);
    if (q == NULL)
        return false;
    q->next = NULL;
    q->bytes = p->bytes;
    q->offload = p->offload;
    net_copy(p, 0, q->frame, p->bytes);
    *e->last = q;
    e->last = &q->next;
    e->waiting++;
    e->waiting_bytes += p->bytes;
    return true;
}

static struct NetQueued *dequeue(struct NetEnd *e) {
    struct NetQueued *q = e->first;
    e->first = q->next;
    if (e->first == NULL)
        e->last = &e->first;
    e->waiting--;
    e->waiting_bytes -= q->bytes;
    return q;
}

static bool take_first(struct NetEnd *e) {
    struct NetQueued *q = e->first;
    const struct iovec piece = {q->frame, q->bytes};
    const struct NetPacket p = {&piece, 1, q->bytes, q->offload};
    return take(e, &p);
}

void net_flush(struct NetEnd *e) {
    if (e->sending > 0) {
        knock(e);
        return;
    }
    while (e->first != NULL && can_take(e) && take_first(e))
        free(dequeue(e));
    end_burst(e);
    tell_ready(e);
}

void net_ready(struct NetEnd *e) {
    if (e->first == NULL || may_enter(e))
        net_flush(e);
    else
        knock(e);
}

/* ---- sending ---- */

bool net_can_send(struct NetEnd *from) {
    struct NetEnd *to = from->peer;
    if (!net_link_is_up(from))
        return true;
    bool room = to->waiting < NET_QUEUE_PACKETS / 2 && to->waiting_bytes < NET_QUEUE_BYTES / 2;
    if (to->door == NULL) /* packets for cards may wait, those for the host need not */
        room = to->first == NULL && can_take(to);
    from->held |= !room;
    return room;
}

/* A packet that needs nothing which `to` does not take. */
static void pass(struct NetEnd *from, const struct NetPacket *p) {
    struct NetEnd *to = from->peer;
    bool enters = may_enter(to);
    if (to->first == NULL && enters && can_take(to) && take(to, p))
        return;
    if (!enqueue(to, p))
        from->sent.dropped++;
    else if (!enters)
        knock(to);
}

static void pass_frame(void *opaque, const uint8_t *frame, size_t bytes) {
    const struct iovec piece = {(void *)(uintptr_t)frame, bytes};
    const struct NetPacket p = {&piece, 1, bytes, {0}};
    pass(opaque, &p);
}

/* Do what the other end does not. */
static bool finish(struct NetEnd *from, const struct NetPacket *p, unsigned missing) {
    struct NetOffload o = p->offload;
    if (from->scratch == NULL && (from->scratch = malloc(NET_FRAME_MAX)) == NULL)
        return false;
    net_copy(p, 0, from->scratch, p->bytes);
    if ((missing & ~NET_TAKES_CHECKSUM) != 0)
        return net_cut(&o, from->scratch, p->bytes, pass_frame, from);
    if (!net_finish_checksum(&o, from->scratch, p->bytes))
        return false;
    o.needs_checksum = false;
    o.checked = true;
    const struct iovec piece = {from->scratch, p->bytes};
    const struct NetPacket whole = {&piece, 1, p->bytes, o};
    pass(from, &whole);
    return true;
}

static void show(const struct NetEnd *e, bool sent, const struct NetPacket *p) {
    for (const struct NetWatcher *w = e->watchers; w != NULL; w = w->next)
        w->seen(w->opaque, sent, p);
}

void net_send(struct NetEnd *from, const struct NetPacket *p) {
    if (!net_link_is_up(from) || p->bytes < NET_FRAME_MIN || p->bytes > NET_FRAME_MAX) {
        from->sent.dropped++;
        return;
    }
    from->sent.packets++;
    from->sent.bytes += p->bytes;
    show(from, true, p);
    show(from->peer, false, p);
    unsigned missing = net_offload_needs(&p->offload) & ~from->peer->takes;
    from->sending++;
    if (missing == 0)
        pass(from, p);
    else if (!finish(from, p, missing))
        from->sent.dropped++;
    from->sending--;
}

void net_send_frame(struct NetEnd *from, const void *frame, size_t bytes) {
    const struct iovec piece = {(void *)(uintptr_t)frame, bytes};
    const struct NetPacket p = {&piece, 1, bytes, {0}};
    net_send(from, &p);
}

void net_sent(struct NetEnd *from) {
    if (from->peer != NULL)
        end_burst(from->peer);
}

/* ---- the link ---- */

void net_set_takes(struct NetEnd *e, unsigned takes) { e->takes = takes; }

bool net_link_is_up(const struct NetEnd *e) { return e->peer != NULL && !e->down && !e->peer->down; }

static void tell_link(struct NetEnd *e, bool up) {
    if (e->ops->link_changed != NULL)
        e->ops->link_changed(e->opaque, up);
}

void net_set_link(struct NetEnd *e, bool up) {
    bool was = net_link_is_up(e);
    struct NetEnd *peer = e->peer;
    e->down = !up;
    if (peer == NULL || net_link_is_up(e) == was)
        return;
    tell_link(e, !was);
    tell_link(peer, !was);
    tell_ready(e); /* with the link down nobody is held */
    tell_ready(peer);
}

/* ---- those who look ---- */

void net_watch(struct NetEnd *e, struct NetWatcher *w) {
    w->next = e->watchers;
    e->watchers = w;
}

void net_unwatch(struct NetEnd *e, struct NetWatcher *w) {
    for (struct NetWatcher **at = &e->watchers; *at != NULL; at = &(*at)->next) {
        if (*at != w)
            continue;
        *at = w->next;
        return;
    }
}
