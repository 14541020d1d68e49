/* SPDX-License-Identifier: MIT */
/**
 * Virtio entropy device (specification 1.2, 5.4): fills the guest's buffers with random bytes of a source on the host,
 * so many in a period of the guest's time at most. A buffer is used as soon as there is something to put into it, and
 * may come back filled in part.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_RNG_H
#define TWIN86_DEVICES_VIRTIO_RNG_H

#include "devices/clock.h"
#include "devices/virtio/virtio.h"

enum { VIRTIO_RNG_POOL = 4096 };

struct VirtioRngState {
    struct VirtioState virtio;
    uint64_t quota;    /* bytes that may still be given in this period */
    int64_t period_at; /* virtual ns of its end; CLOCK_NEVER: none has begun */
    uint64_t numbers;  /* that were given of the fixed sequence */
};

struct VirtioRngConfig {
    uint64_t max_bytes, period_ms; /* so many in a period; 0: no limit */
    bool repeatable;               /* a fixed sequence in place of the source, for runs that are to be the same */
};

struct VirtioRngOps {
    /** Up to `n` random bytes that are there now. 0: none yet, and virtio_rng_ready will be called. */
    size_t (*read)(void *opaque, uint8_t *to, size_t n);
};

struct VirtioRng {
    struct VirtioRngState state;
    struct Virtio virtio;
    struct VirtioRngConfig config;
    const struct VirtioRngOps *ops;
    void *opaque;
    struct Timer timer;
    size_t count; /* of the source's bytes that were not given yet, the last in `pool` */
    uint8_t pool[VIRTIO_RNG_POOL];
};

/** Make it on a function that does its DMA. */
void virtio_rng_init(struct VirtioRng *r, struct PciDevice *pci, struct Clock *clock,
                     const struct VirtioRngConfig *config, const struct VirtioRngOps *ops, void *opaque);
/** The source has bytes again. */
void virtio_rng_ready(struct VirtioRng *r);
extern const struct StateTable virtio_rng_state_table;
/** The state was restored. */
void virtio_rng_restored(struct VirtioRng *r);

#endif
