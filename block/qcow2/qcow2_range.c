/* SPDX-License-Identifier: MIT */
/* Who may use which guest clusters: first come, first served. See qcow2.h. */
#include "block/qcow2/qcow2.h"

/* Whether somebody who came before is in the way. */
static bool blocked(const struct Qcow2 *q, const struct Qcow2Range *r) {
    for (const struct Qcow2Range *other = q->ranges; other != NULL && other != r; other = other->next)
        if (other->first <= r->last && r->first <= other->last && (other->exclusive || r->exclusive))
            return true;
    return false;
}

static void append(struct Qcow2 *q, struct Qcow2Range *r) {
    struct Qcow2Range **end = &q->ranges;
    while (*end != NULL)
        end = &(*end)->next;
    r->next = NULL;
    *end = r;
}

void qcow2_range_wait(struct Qcow2 *q, struct Qcow2Range *r) {
    pthread_mutex_lock(&q->range_lock);
    append(q, r);
    while (blocked(q, r))
        pthread_cond_wait(&q->released, &q->range_lock);
    pthread_mutex_unlock(&q->range_lock);
}

static struct Qcow2Range *free_token(struct Qcow2 *q) {
    for (int i = 0; i < QCOW2_TOKENS; i++)
        if (!q->tokens[i].taken)
            return &q->tokens[i];
    return NULL;
}

struct Qcow2Range *qcow2_range_try(struct Qcow2 *q, uint64_t first, uint64_t last) {
    pthread_mutex_lock(&q->range_lock);
    struct Qcow2Range *r = free_token(q);
    if (r != NULL) {
        *r = (struct Qcow2Range){.first = first, .last = last, .taken = true};
        if (blocked(q, r)) {
            r->taken = false;
            r = NULL;
        } else
            append(q, r);
    }
    pthread_mutex_unlock(&q->range_lock);
    return r;
}

void qcow2_range_release(struct Qcow2 *q, struct Qcow2Range *r) {
    pthread_mutex_lock(&q->range_lock);
    struct Qcow2Range **p = &q->ranges;
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    r->taken = false;
    if (q->ranges != NULL)
        pthread_cond_broadcast(&q->released);
    pthread_mutex_unlock(&q->range_lock);
}
