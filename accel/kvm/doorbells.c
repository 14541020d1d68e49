/* SPDX-License-Identifier: MIT */
/* Doorbells of devices as ioeventfds: the guest goes on at once, and the machine's event loop does what it rang for.
 * They follow the memory map as slots do. Where KVM takes no more of them, writes exit as before. */
#include "accel/kvm/kvm.h"

#include <sys/ioctl.h>

enum { BELL_BYTES = 2 };

struct Wanted {
    struct Bus *bus;
    struct KvmBell *bell;
    unsigned count, max;
};

static void want(void *opaque, struct BusDoorbell *d) {
    struct Wanted *w = opaque;
    uint64_t gpa;
    if (w->count < w->max && bus_find_doorbell(w->bus, d, &gpa))
        w->bell[w->count++] = (struct KvmBell){.gpa = gpa, .fd = d->fd};
}

unsigned kvm_wanted_bells(struct Bus *bus, struct KvmBell *bell, unsigned max) {
    struct Wanted w = {.bus = bus, .bell = bell, .max = max};
    bus_for_each_doorbell(bus, want, &w);
    return w.count;
}

static bool set_bell(struct KvmVm *vm, const struct KvmBell *b, bool on) {
    struct kvm_ioeventfd e = {
        .addr = b->gpa, .len = BELL_BYTES, .fd = b->fd, .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN};
    return ioctl(vm->fd, KVM_IOEVENTFD, &e) == 0;
}

static bool has(const struct KvmBell *list, unsigned count, const struct KvmBell *b) {
    for (unsigned i = 0; i < count; i++)
        if (list[i].gpa == b->gpa && list[i].fd == b->fd)
            return true;
    return false;
}

void kvm_vm_update_bells(struct KvmVm *vm) {
    struct KvmBell wanted[KVM_BELLS_MAX];
    unsigned count = kvm_wanted_bells(vm->bus, wanted, KVM_BELLS_MAX), kept = 0;
    for (unsigned i = 0; i < vm->bells; i++) {
        if (has(wanted, count, &vm->bell[i]))
            vm->bell[kept++] = vm->bell[i];
        else
            set_bell(vm, &vm->bell[i], false);
    }
    vm->bells = kept;
    for (unsigned i = 0; i < count && vm->bells < KVM_BELLS_MAX; i++)
        if (!has(vm->bell, vm->bells, &wanted[i]) && set_bell(vm, &wanted[i], true))
            vm->bell[vm->bells++] = wanted[i];
}
