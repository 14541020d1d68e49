/* SPDX-License-Identifier: MIT */
/* A VM's life. */
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
    if (vm->caps.msr_filter)
        cap.args[0] |= KVM_MSR_EXIT_REASON_FILTER;
    if (vm->caps.user_space_msr && ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
        vm->caps.user_space_msr = false;
}

/* KVM keeps IA32_APIC_BASE and lets the guest write there without an exit, though the local APIC is ours: of two
 * writes, as it takes to leave x2APIC mode, only the sum would be seen at the next one. So each is made one. Where KVM
 * has no filters there is kvm_move_apic. */
void kvm_show_apic_base(struct KvmVm *vm) {
    uint64_t denied = 0; /* one bit an MSR, set: allowed; KVM reads whole longs */
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges = {
            {.flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = KVM_MSR_APIC_BASE, .bitmap = (uint8_t *)&denied}}};
    if (vm->caps.user_space_msr && vm->caps.msr_filter)
        ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

/* KVM_GET_VCPU_EVENTS tells of a triple fault that KVM_RUN has not reported yet. */
static void show_triple_faults(struct KvmVm *vm) {
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}};
    if (vm->caps.triple_fault && ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0)
        vm->caps.triple_fault = false;
}

int kvm_vm_init(struct KvmVm *vm, char *why, size_t n) {
    vm->fd = -1;
    vm->dev_fd = kvm_open(&vm->caps, why, n);
    if (vm->dev_fd < 0)
        return vm->dev_fd;
    int r = create(vm);
    if (r == 0)
        r = set_addresses(vm);
    if (r == 0) {
        route_msrs(vm);
        show_triple_faults(vm);
        r = kvm_slots_init(vm);
    }
    if (r != 0) {
        snprintf(why, n, "the virtual machine can't be made: %s%s", strerror(-r),
                 r == -EBUSY ? "; another hypervisor on this host uses the processor's virtualization" : "");
        kvm_vm_destroy(vm);
    }
    return r;
}

void kvm_vm_destroy(struct KvmVm *vm) {
    kvm_slots_destroy(vm);
    if (vm->fd >= 0)
        close(vm->fd);
    if (vm->dev_fd >= 0)
        close(vm->dev_fd);
    vm->fd = vm->dev_fd = -1;
}
