/* SPDX-License-Identifier: MIT */
/* The VM and its memory: every range of RAM and ROM on the bus is a slot, everything else exits as MMIO. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Four pages that Intel processors without unrestricted guest need for real mode, in the hole below 4 GiB. */
#define IDENTITY_MAP_ADDR 0xfeffc000ul
#define TSS_ADDR 0xfeffd000ul

#define A20_LINE (1ull << 20)

/* ---- slots ---- */

static int set_slot(struct KvmVm *vm, unsigned slot, const struct KvmSlot *s) {
    struct kvm_userspace_memory_region r = {
        .slot = slot,
        .flags = s->size != 0 && s->readonly ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = s->gpa,
        .memory_size = s->size,
        .userspace_addr = (uintptr_t)s->host,
    };
    return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0 ? -errno : 0;
}

static void map_failed(struct KvmVm *vm, const struct KvmSlot *s, int r) {
    snprintf(vm->map_error, sizeof(vm->map_error), "KVM refuses memory at %#llx, %#llx bytes: %s",
             (unsigned long long)s->gpa, (unsigned long long)s->size, strerror(-r));
    atomic_store(&vm->map_failed, true);
}

struct Wanted {
    struct KvmVm *vm;
    struct KvmSlot *slot;
    unsigned count;
};

static void want(struct Wanted *w, struct KvmSlot s) {
    if (s.size == 0)
        return;
    if (w->count == (unsigned)w->vm->caps.slots)
        map_failed(w->vm, &s, -ENOSPC);
    else
        w->slot[w->count++] = s;
}

/* With A20 off the second MiB shows the first one. Nobody counts on more: what wraps is real mode's FFFF:0010 and up.
 */
static void want_without_a20(struct Wanted *w, struct KvmSlot s) {
    uint64_t end = s.gpa + s.size;
    struct KvmSlot below = s, above = s;
    if (s.gpa < A20_LINE) {
        below.size = (end < A20_LINE ? end : A20_LINE) - s.gpa;
        want(w, below);
        below.gpa += A20_LINE;
        want(w, below);
    }
    if (end > 2 * A20_LINE) {
        uint64_t skip = s.gpa < 2 * A20_LINE ? 2 * A20_LINE - s.gpa : 0;
        above.gpa += skip, above.host += skip, above.size -= skip;
        want(w, above);
    }
}

static void want_range(void *opaque, const struct BusMapping *m, uint64_t offset) {
    struct Wanted *w = opaque;
    bool rom = m->region->kind == REGION_ROM;
    if (m->region->kind == REGION_MMIO || (rom && !w->vm->caps.readonly_mem))
        return;
    struct KvmSlot s = {.gpa = m->base, .size = m->size, .host = m->region->host + offset, .readonly = rom};
    if (bus_a20(w->vm->bus))
        want(w, s);
    else
        want_without_a20(w, s);
}

static bool same(const struct KvmSlot *a, const struct KvmSlot *b) {
    return a->gpa == b->gpa && a->size == b->size && a->host == b->host && a->readonly == b->readonly;
}

static bool contains(const struct KvmSlot *list, unsigned count, const struct KvmSlot *s) {
    for (unsigned i = 0; i < count; i++)
        if (same(&list[i], s))
            return true;
    return false;
}

static void add_slot(struct KvmVm *vm, const struct KvmSlot *s) {
    unsigned i = 0;
    while (vm->slots[i].size != 0)
        i++; /* there is a free one: no more are wanted than there are */
    int r = set_slot(vm, i, s);
    if (r != 0)
        map_failed(vm, s, r);
    else
        vm->slots[i] = *s;
}

void kvm_vm_update_slots(struct KvmVm *vm) {
    unsigned total = (unsigned)vm->caps.slots;
    struct Wanted w = {.vm = vm, .slot = calloc(total, sizeof(*w.slot))};
    if (w.slot == NULL) {
        map_failed(vm, &(struct KvmSlot){0}, -ENOMEM);
        return;
    }
    bus_for_each(vm->bus, want_range, &w);
    for (unsigned i = 0; i < total; i++) {
        if (vm->slots[i].size == 0 || contains(w.slot, w.count, &vm->slots[i]))
            continue;
        vm->slots[i].size = 0;
        set_slot(vm, i, &vm->slots[i]);
    }
    for (unsigned i = 0; i < w.count; i++)
        if (!contains(vm->slots, total, &w.slot[i]))
            add_slot(vm, &w.slot[i]);
    free(w.slot);
}

static void mapping_changed(void *opaque, uint64_t gpa, uint64_t size) {
    (void)gpa, (void)size;
    kvm_vm_update_slots(opaque);
}

/* ---- life ---- */

static int create(struct KvmVm *vm) {
    do
        vm->fd = ioctl(vm->dev_fd, KVM_CREATE_VM, 0);
    while (vm->fd < 0 && errno == EINTR);
    return vm->fd < 0 ? -errno : 0;
}

static int set_addresses(struct KvmVm *vm) {
    uint64_t identity = IDENTITY_MAP_ADDR;
    if (vm->caps.set_identity_map && ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
        return -errno;
    return vm->caps.set_tss && ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0 ? -errno : 0;
}

/* Accesses to MSRs that KVM doesn't know come to us: the local APIC's are among them. */
static void route_msrs(struct KvmVm *vm) {
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
                                 .args = {KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL}};
    if (vm->caps.user_space_msr && ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
        vm->caps.user_space_msr = false;
}

int kvm_vm_init(struct KvmVm *vm, char *why, size_t n) {
    vm->fd = -1;
    vm->dev_fd = kvm_open(&vm->caps, why, n);
    if (vm->dev_fd < 0)
        return vm->dev_fd;
    vm->slots = calloc((unsigned)vm->caps.slots, sizeof(*vm->slots));
    int r = vm->slots == NULL ? -ENOMEM : create(vm);
    if (r == 0)
        r = set_addresses(vm);
    if (r == 0) {
        const struct BusListener listener = {.mapping_changed = mapping_changed, .opaque = vm};
        route_msrs(vm);
        r = bus_add_listener(vm->bus, &listener);
    }
    if (r != 0) {
        snprintf(why, n, "the virtual machine can't be made: %s%s", strerror(-r),
                 r == -EBUSY ? "; another hypervisor on this host uses the processor's virtualization" : "");
        kvm_vm_destroy(vm);
    }
    return r;
}

void kvm_vm_destroy(struct KvmVm *vm) {
    bus_remove_listeners(vm->bus, vm);
    if (vm->fd >= 0)
        close(vm->fd);
    if (vm->dev_fd >= 0)
        close(vm->dev_fd);
    free(vm->slots);
    vm->slots = NULL;
    vm->fd = vm->dev_fd = -1;
}
