/* SPDX-License-Identifier: MIT */
/*
 * KVM_GUESTDBG_USE_HW_BP promises stops at breakpoints and watchpoints, but KVM's emulator does not look at
 * watchpoints, and processors that are emulated themselves may ignore DR7 of a guest (QEMU 7.2's SVM does). So a VM
 * with two instructions shows it.
 */
#include "accel/kvm/kvm.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, CODE_AT = 0x1000, WATCHED_AT = 0x1800, HLT_AT = 0x1006 };

struct Trial {
    int vm, vcpu;
    uint8_t *page;
    struct kvm_run *run;
};

static struct kvm_segment flat(bool code) {
    return (struct kvm_segment){
        .limit = 0xffffffff, .selector = code ? 8 : 16, .type = code ? 0xb : 3, .present = 1, .db = 1, .s = 1, .g = 1};
}

/* 32-bit code without paging: mov [1800h], eax with its long form, then HLT. */
static bool prepare(struct Trial *t, struct KvmVm *of) {
    static const uint8_t code[] = {0x89, 0x05, 0x00, 0x18, 0x00, 0x00, 0xf4};
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = CODE_AT, .memory_size = PAGE, .userspace_addr = (uintptr_t)t->page};
    struct kvm_regs regs = {.rip = CODE_AT, .rflags = FLAG_ONE};
    struct kvm_sregs s;
    uint64_t identity = 0xfffbc000;
    memcpy(t->page, code, sizeof(code));
    if (of->caps.set_identity_map && ioctl(t->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
        return false;
    if (of->caps.set_tss && ioctl(t->vm, KVM_SET_TSS_ADDR, (unsigned long)identity + PAGE) < 0)
        return false;
    if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0 || ioctl(t->vcpu, KVM_GET_SREGS, &s) < 0)
        return false;
    s.cr0 |= CR0_PE;
    s.cs = flat(true);
    s.ds = s.es = s.ss = s.fs = s.gs = flat(false);
    return ioctl(t->vcpu, KVM_SET_SREGS, &s) == 0 && ioctl(t->vcpu, KVM_SET_REGS, &regs) == 0;
}

/* At HLT: because of a breakpoint there, behind an access that is watched, or as the INT3 that it is made. */
static bool stops(struct Trial *t, unsigned how) {
    struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP};
    const struct kvm_debug_exit_arch *arch = &t->run->debug.arch;
    if (how == KVM_STOPS_INT3) {
        debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
        t->page[HLT_AT - CODE_AT] = 0xcc;
    } else {
        bool watch = how == KVM_STOPS_WATCH;
        debug.arch.debugreg[0] = watch ? WATCHED_AT : HLT_AT;
        debug.arch.debugreg[7] = 0x600 | 2u | (watch ? 0xdu << 16 : 0); /* writes of 4 bytes */
    }
    if (ioctl(t->vcpu, KVM_SET_GUEST_DEBUG, &debug) < 0 || ioctl(t->vcpu, KVM_RUN, 0) < 0 ||
        t->run->exit_reason != KVM_EXIT_DEBUG || arch->pc != HLT_AT)
        return false;
    return how == KVM_STOPS_INT3 ? arch->exception == VEC_BP : (arch->dr6 & 0xf) == 1;
}

static bool try(struct KvmVm *of, unsigned how) {
    struct Trial t = {.vm = ioctl(of->dev_fd, KVM_CREATE_VM, 0UL), .vcpu = -1};
    size_t run_bytes = (size_t)of->caps.run_bytes;
    t.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t.run = MAP_FAILED;
    if (t.vm >= 0 && (t.vcpu = ioctl(t.vm, KVM_CREATE_VCPU, 0UL)) >= 0)
        t.run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t.vcpu, 0);
    bool ok = t.page != MAP_FAILED && t.run != MAP_FAILED && prepare(&t, of) && stops(&t, how);
    if (t.run != MAP_FAILED)
        munmap(t.run, run_bytes);
    if (t.vcpu >= 0)
        close(t.vcpu);
    if (t.vm >= 0)
        close(t.vm);
    if (t.page != MAP_FAILED)
        munmap(t.page, PAGE);
    return ok;
}

unsigned kvm_stops(struct KvmVm *vm) {
    static const uint8_t stops[] = {KVM_STOPS_BREAK, KVM_STOPS_WATCH, KVM_STOPS_INT3};
    if (vm->stops_tried)
        return vm->stops;
    vm->stops_tried = true;
    for (unsigned i = 0; vm->caps.guest_debug && i < sizeof(stops); i++)
        if (try(vm, stops[i]))
            vm->stops |= stops[i];
    return vm->stops;
}
