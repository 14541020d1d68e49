/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of virtio disks, coalesced. What a software engine's guest reads from the host's memory is there before
 * the instruction that asks for it has ended. Interrupted at once, a driver with 32 requests to make takes 32
 * interrupts, each of which costs it more instructions than the request. So the interrupt waits until the guest has
 * nothing else to do: until a vCPU halts, or WAIT_NS at most. A driver that makes one request at a time need not wait:
 * when nothing came after a request ALONE times in a row it is interrupted at once, but for one time in PROBE.
 *
 * With CLOCK_ICOUNT nothing waits, for WAIT_NS are the host's, and on hardware, where instructions are cheap, neither.
 */
#include "accel/accel.h"
#include "machine/machine.h"

enum { WAIT_NS = 500000, ALONE = 4, PROBE = 16 };

void storage_tell(struct Machine *m) {
    struct Storage *s = &m->storage;
    unsigned waited = atomic_exchange(&s->untold, 0);
    if (waited == 0)
        return;
    s->alone = waited > 1 ? 0 : s->alone + 1;
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (s->virtio[i].drive != NULL)
            virtio_blk_tell(&s->virtio[i].blk);
}

static void tell(void *opaque) { storage_tell(opaque); }

/* A paused machine stays as it is: work that is posted waits until it goes on. */
static void expired(void *opaque) {
    struct Machine *m = opaque;
    loop_post(&m->loop, &m->storage.tell_work);
}

static bool may_wait(struct Machine *m) {
    struct Storage *s = &m->storage;
    if (m->config.icount || !atomic_load(&m->engine)->accel.ops->software)
        return false;
    if (s->alone < ALONE || s->alone % PROBE == 0 || atomic_load(&s->untold) != 0)
        return true;
    s->alone++;
    return false;
}

bool storage_tell_later(void *opaque) {
    const struct StorageVirtio *v = opaque;
    struct Machine *m = v->drive->machine;
    if (!may_wait(m))
        return false;
    if (atomic_fetch_add(&m->storage.untold, 1) == 0)
        loop_timer_arm(&m->loop, &m->storage.tell_timer, loop_now() + WAIT_NS);
    return true;
}

void storage_vcpu_idle(struct Machine *m) {
    if (atomic_load(&m->storage.untold) == 0)
        return;
    pthread_mutex_lock(&m->lock);
    storage_tell(m);
    pthread_mutex_unlock(&m->lock);
}

void storage_coalesce_init(struct Machine *m) {
    loop_timer_init(&m->storage.tell_timer, expired, m);
    loop_work_init(&m->storage.tell_work, tell, m);
}
