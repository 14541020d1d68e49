/* SPDX-License-Identifier: MIT */
/* Status and features (specification, 2.1, 2.2, 3.1), and saved state. */
#include "devices/virtio/virtio.h"

void virtio_reset(struct Virtio *v) {
    struct VirtioState *s = v->state;
    v->ops->reset(v->opaque);
    *s = (struct VirtioState){.config_vector = VIRTIO_NO_VECTOR};
    for (unsigned n = 0; n < v->queues; n++) {
        s->queue[n].size = VIRTIO_QUEUE_SIZE;
        s->queue[n].vector = VIRTIO_NO_VECTOR;
    }
}

void virtio_set_status(struct Virtio *v, uint8_t status) {
    struct VirtioState *s = v->state;
    if (status == 0) {
        virtio_reset(v);
        return;
    }
    bool accepted = (s->features & ~v->offered) == 0;
    if (status & VIRTIO_FEATURES_OK && !(s->status & VIRTIO_FEATURES_OK) && !accepted)
        status &= ~VIRTIO_FEATURES_OK; /* by which the driver sees that they don't go together */
    s->status = (s->status & VIRTIO_NEEDS_RESET) | status;
    if (!virtio_is_live(v))
        return;
    for (unsigned n = 0; n < v->queues; n++) /* buffers may have come before */
        virtio_notify(v, n);
}

bool virtio_set_features(struct Virtio *v, uint64_t features) {
    if (v->state->status & VIRTIO_FEATURES_OK)
        return false;
    v->state->features = features;
    return true;
}

void virtio_notify(struct Virtio *v, unsigned n) {
    if (n < v->queues && v->state->queue[n].enabled && virtio_is_live(v))
        v->ops->notified(v->opaque, n);
}

void virtio_config_changed(struct Virtio *v) {
    v->state->generation++;
    if (v->state->status & VIRTIO_DRIVER_OK)
        v->interrupt(v->transport, VIRTIO_QUEUES);
}

void virtio_broken(struct Virtio *v, const char *what, uint64_t value) {
    pci_error(v->pci, what, value);
    if (v->state->status & VIRTIO_NEEDS_RESET)
        return;
    v->state->status |= VIRTIO_NEEDS_RESET;
    if (virtio_has(v, VIRTIO_F_VERSION_1))
        virtio_config_changed(v);
}

/* ---- saved state ---- */

static const struct StateTable queue_table = {
    .name = "queue",
    .size = sizeof(struct VirtioQueueState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(VirtioQueueState, descriptors),
            STATE_FIELD(VirtioQueueState, available),
            STATE_FIELD(VirtioQueueState, used),
            STATE_FIELD(VirtioQueueState, size, .max = VIRTIO_QUEUE_SIZE),
            STATE_FIELD(VirtioQueueState, vector),
            STATE_FIELD(VirtioQueueState, next),
            STATE_FIELD(VirtioQueueState, done),
            STATE_FIELD(VirtioQueueState, told),
            STATE_FIELD(VirtioQueueState, was_told),
            STATE_FIELD(VirtioQueueState, enabled),
            STATE_PADDING(VirtioQueueState, unused),
            {0},
        },
};

const struct StateTable virtio_state_table = {
    .name = "virtio",
    .size = sizeof(struct VirtioState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(VirtioState, features),
            STATE_ARRAY_WITHIN(VirtioState, queue, &queue_table),
            STATE_FIELD(VirtioState, status),
            STATE_FIELD(VirtioState, isr),
            STATE_FIELD(VirtioState, generation),
            STATE_PADDING(VirtioState, unused),
            STATE_FIELD(VirtioState, config_vector),
            STATE_PADDING(VirtioState, unused_2),
            {0},
        },
};

const char *virtio_check(const struct VirtioState *s) {
    for (unsigned n = 0; n < VIRTIO_QUEUES; n++)
        if ((s->queue[n].size & (s->queue[n].size - 1)) != 0 || (s->queue[n].enabled && s->queue[n].size == 0))
            return "a queue has a size that can't be";
    return NULL;
}
