/* SPDX-License-Identifier: MIT */
#include "machine/doorbells.h"

#include "devices/virtio/virtio_pci_bell.h"
#include "machine/machine.h"
#include "memory/doorbell.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Bell {
    struct BusDoorbell door; /* first: this is how the bus knows it */
    struct LoopWork work;
    struct Machine *machine;
    struct VirtioPci *device;
    unsigned queue;
};

static void ring(void *opaque) {
    struct Bell *b = opaque;
    virtio_notify(b->device->virtio, b->queue);
}

static bool was_rung(const struct Bell *b) {
    uint64_t times;
    return read(b->door.fd, &times, sizeof(times)) == sizeof(times);
}

static void rung(void *opaque, int fd, short revents) {
    struct Bell *b = opaque;
    (void)fd, (void)revents;
    if (was_rung(b))
        loop_post(&b->machine->loop, &b->work);
}

static int add_bell(struct Machine *m, struct VirtioPci *p, unsigned n) {
    struct Bell *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return -ENOMEM;
    *b = (struct Bell){
        .door = {.region = &p->region, .offset = virtio_pci_bell(n), .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
        .machine = m,
        .device = p,
        .queue = n,
    };
    loop_work_init(&b->work, ring, b);
    int r = b->door.fd < 0 ? -errno : loop_add_fd(&m->loop, b->door.fd, POLLIN, rung, b);
    if (r == 0) {
        bus_add_doorbell(m->bus, &b->door);
        return 0;
    }
    if (b->door.fd >= 0)
        close(b->door.fd);
    free(b);
    return r;
}

int machine_wire_doorbells(struct Machine *m) {
    int r = 0;
    if (!bus_doorbells_wanted(m->bus) || m->config.trace != NULL || m->config.exit_stats)
        return 0;
    pthread_mutex_lock(&m->lock);
    for (unsigned i = 0; r == 0 && i < sizeof(m->pci.devices) / sizeof(m->pci.devices[0]); i++) {
        struct VirtioPci *p = virtio_pci_of(m->pci.devices[i]);
        for (unsigned n = 0; r == 0 && p != NULL && n < p->virtio->queues; n++)
            r = add_bell(m, p, n);
    }
    pthread_mutex_unlock(&m->lock);
    return r;
}

static void hear(void *opaque, struct BusDoorbell *d) {
    struct Bell *b = (struct Bell *)d;
    (void)opaque;
    if (was_rung(b) || atomic_load(&b->work.posted))
        ring(b);
}

void machine_hear_doorbells(struct Machine *m) {
    pthread_mutex_lock(&m->lock);
    bus_for_each_doorbell(m->bus, hear, NULL);
    pthread_mutex_unlock(&m->lock);
}

void machine_destroy_doorbells(struct Machine *m) {
    struct BusDoorbell *d;
    while (m->bus != NULL && (d = bus_take_doorbell(m->bus)) != NULL) {
        close(d->fd);
        free(d);
    }
}
