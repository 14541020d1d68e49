/* SPDX-License-Identifier: MIT */
/* The VM's memory: every whole page of RAM and ROM on the bus is in a slot, everything else exits as MMIO. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define A20_LINE (1ull << 20)
enum { PAGE_SIZE = 4096 };

/* ---- what slots there should be ---- */

struct Wanted {
    struct Bus *bus;
    bool readonly_mem;
    struct KvmSlot *slot;
    unsigned count, max;
};

/* Pages that a device shares with RAM exit, and the bus sorts it out. */
static void want(struct Wanted *w, struct KvmSlot s) {
    uint64_t skip = -s.gpa % PAGE_SIZE;
    if (s.size < skip + PAGE_SIZE)
        return;
    s.gpa += skip, s.host += skip, s.size = (s.size - skip) / PAGE_SIZE * PAGE_SIZE;
    if (s.page_flags != NULL)
        s.page_flags += (skip + PAGE_SIZE - 1) / PAGE_SIZE;
    if (w->count < w->max)
        w->slot[w->count] = s;
    w->count++;
}

/* From `skip` bytes on, `size` bytes, at another address. */
static struct KvmSlot part(const struct KvmSlot *s, uint64_t skip, uint64_t size, uint64_t gpa) {
    struct KvmSlot p = *s;
    p.gpa = gpa, p.host += skip, p.size = size;
    if (p.page_flags != NULL)
        p.page_flags += (s->gpa % PAGE_SIZE + skip) / PAGE_SIZE;
    return p;
}

/*
 * With A20 off the second MiB shows the first one: that is where real mode's FFFF:0010 and up wraps. On a PC every odd
 * MiB shows the even one below it, which would take a slot for each MiB of RAM and milliseconds for each switch of the
 * gate; RAM from 2 MiB on stays as it is. Devices are masked exactly (handle_mmio).
 */
static void want_without_a20(struct Wanted *w, const struct KvmSlot *s) {
    uint64_t end = s->gpa + s->size;
    if (s->gpa < A20_LINE) {
        uint64_t size = (end < A20_LINE ? end : A20_LINE) - s->gpa;
        want(w, part(s, 0, size, s->gpa));
        want(w, part(s, 0, size, s->gpa + A20_LINE));
    }
    if (end > 2 * A20_LINE) {
        uint64_t skip = s->gpa < 2 * A20_LINE ? 2 * A20_LINE - s->gpa : 0;
        want(w, part(s, skip, s->size - skip, s->gpa + skip));
    }
}

static void want_range(void *opaque, const struct BusMapping *m, uint64_t offset) {
    struct Wanted *w = opaque;
    bool rom = m->region->kind == REGION_ROM;
    if (m->region->kind == REGION_MMIO || (rom && !w->readonly_mem))
        return;
    struct KvmSlot s = {.gpa = m->base, .size = m->size, .host = m->region->host + offset, .readonly = rom};
    if (m->region->page_flags != NULL) {
        s.page_flags = m->region->page_flags + offset / PAGE_SIZE;
        s.log = bus_dirty_logging(w->bus);
    }
    if (bus_a20(w->bus))
        want(w, s);
    else
        want_without_a20(w, &s);
}

unsigned kvm_wanted_slots(struct Bus *bus, bool readonly_mem, struct KvmSlot *slot, unsigned max) {
    struct Wanted w = {.bus = bus, .readonly_mem = readonly_mem, .slot = slot, .max = max};
    bus_for_each(bus, want_range, &w);
    return w.count;
}

/* ---- making it so ---- */

static void map_failed(struct KvmVm *vm, const struct KvmSlot *s, int r) {
    snprintf(vm->map_error, sizeof(vm->map_error), "KVM refuses memory at %#llx, %#llx bytes: %s",
             (unsigned long long)s->gpa, (unsigned long long)s->size, strerror(-r));
    atomic_store(&vm->map_failed, true);
}

/* The gate is closed: a slot changes by going and coming back, and a vCPU that ran meanwhile would find no memory
 * there. Data KVM would read and write through the bus, but LOCK would not be atomic; page tables it would call not
 * present. */
static void set_slot(struct KvmVm *vm, unsigned i) {
    const struct KvmSlot *s = &vm->slots[i];
    struct kvm_userspace_memory_region r = {
        .slot = i,
        .flags = s->size == 0 ? 0 : (s->readonly ? KVM_MEM_READONLY : 0) | (s->log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
        .guest_phys_addr = s->gpa,
        .memory_size = s->size,
        .userspace_addr = (uintptr_t)s->host,
    };
    if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        map_failed(vm, s, -errno);
}

/* What the guest has written since the last time, into the bus's flags. What can't be learnt counts as written. */
static void collect(struct KvmVm *vm, unsigned i) {
    const struct KvmSlot *s = &vm->slots[i];
    uint64_t pages = s->size / PAGE_SIZE, *bits = calloc((pages + 63) / 64, sizeof(*bits));
    struct kvm_dirty_log log = {.slot = i, .dirty_bitmap = bits};
    bool known = bits != NULL && ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) == 0;
    for (uint64_t p = 0; p < pages; p++)
        if (!known || (bits[p / 64] >> p % 64 & 1) != 0)
            __atomic_fetch_or(&s->page_flags[p], PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
    free(bits);
}

static void sync_dirty(void *opaque) {
    struct KvmVm *vm = opaque;
    for (unsigned i = 0; i < (unsigned)vm->caps.slots; i++)
        if (vm->slots[i].size != 0 && vm->slots[i].log)
            collect(vm, i);
}

/* The one of the list that is the same memory at the same place. */
static const struct KvmSlot *find(const struct KvmSlot *list, unsigned count, const struct KvmSlot *s) {
    for (unsigned i = 0; i < count; i++) {
        const struct KvmSlot *l = &list[i];
        if (l->size == s->size && l->gpa == s->gpa && l->host == s->host && l->readonly == s->readonly)
            return l;
    }
    return NULL;
}

static void add_slot(struct KvmVm *vm, const struct KvmSlot *s) {
    unsigned i = 0;
    while (vm->slots[i].size != 0)
        i++; /* there is a free one: no more are wanted than there are */
    vm->slots[i] = *s;
    set_slot(vm, i);
}

static bool as_wanted(const struct KvmVm *vm, const struct KvmSlot *wanted, unsigned count) {
    unsigned used = 0;
    for (unsigned i = 0; i < (unsigned)vm->caps.slots; i++) {
        const struct KvmSlot *s = &vm->slots[i], *w = s->size == 0 ? s : find(wanted, count, s);
        if (w == NULL || w->log != s->log)
            return false;
        used += s->size != 0;
    }
    return used == count;
}

static void follow(struct KvmVm *vm, const struct KvmSlot *wanted, unsigned count) {
    unsigned total = (unsigned)vm->caps.slots;
    if (as_wanted(vm, wanted, count))
        return;
    kvm_gate_close(vm);
    for (unsigned i = 0; i < total; i++) {
        struct KvmSlot *s = &vm->slots[i];
        const struct KvmSlot *w = s->size == 0 ? s : find(wanted, count, s);
        if (w != NULL && w->log == s->log)
            continue;
        if (s->log)
            collect(vm, i);
        if (w != NULL)
            s->log = w->log;
        else
            s->size = 0;
        set_slot(vm, i);
    }
    for (unsigned i = 0; i < count; i++)
        if (find(vm->slots, total, &wanted[i]) == NULL)
            add_slot(vm, &wanted[i]);
    kvm_gate_open(vm);
}

void kvm_vm_update_slots(struct KvmVm *vm) {
    unsigned max = (unsigned)vm->caps.slots;
    struct KvmSlot *wanted = calloc(max, sizeof(*wanted));
    unsigned count = wanted == NULL ? 0 : kvm_wanted_slots(vm->bus, vm->caps.readonly_mem, wanted, max);
    if (wanted == NULL)
        map_failed(vm, &(struct KvmSlot){0}, -ENOMEM);
    else if (count > max)
        map_failed(vm, &wanted[max - 1], -ENOSPC);
    else
        follow(vm, wanted, count);
    free(wanted);
}

/* KVM offers no call for that, but when a slot goes it drops all it has made of the guest's page tables, and flushes
 * the processor's TLB. */
void kvm_vm_forget_translations(struct KvmVm *vm) {
    unsigned i = (unsigned)vm->caps.slots;
    for (unsigned k = 0; k < (unsigned)vm->caps.slots; k++)
        if (vm->slots[k].size != 0 && (i == (unsigned)vm->caps.slots || vm->slots[k].size < vm->slots[i].size))
            i = k;
    if (i == (unsigned)vm->caps.slots)
        return;
    uint64_t size = vm->slots[i].size;
    kvm_gate_close(vm);
    if (vm->slots[i].log)
        collect(vm, i);
    vm->slots[i].size = 0;
    set_slot(vm, i);
    vm->slots[i].size = size;
    set_slot(vm, i);
    kvm_gate_open(vm);
}

static void mapping_changed(void *opaque, uint64_t gpa, uint64_t size) {
    (void)gpa, (void)size;
    kvm_vm_update_slots(opaque);
    kvm_vm_update_bells(opaque);
}

/* ---- life ---- */

int kvm_slots_init(struct KvmVm *vm) {
    const struct BusListener listener = {.mapping_changed = mapping_changed, .sync_dirty = sync_dirty, .opaque = vm};
    vm->slots = calloc((unsigned)vm->caps.slots, sizeof(*vm->slots));
    return vm->slots == NULL ? -ENOMEM : bus_add_listener(vm->bus, &listener);
}

void kvm_slots_destroy(struct KvmVm *vm) {
    bus_remove_listeners(vm->bus, vm);
    free(vm->slots);
    vm->slots = NULL;
}
