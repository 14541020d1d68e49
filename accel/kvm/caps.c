/* SPDX-License-Identifier: MIT */
/* /dev/kvm: whether it is there, and what it can do. Every message says what the user can do about it. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int explain_open(int e, char *why, size_t n) {
    switch (e) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        snprintf(why, n,
                 "there is no usable /dev/kvm; load the module (modprobe kvm_intel or kvm_amd) and switch "
                 "virtualization on in the firmware's settings");
        break;
    case EACCES:
    case EPERM:
        snprintf(why, n,
                 "/dev/kvm may not be opened; become a member of its group (usually: adduser $USER kvm, then "
                 "log in anew) or run as root");
        break;
    default: snprintf(why, n, "/dev/kvm can't be opened: %s", strerror(e)); break;
    }
    return -e;
}

/* Without these there is no engine. */
static const struct {
    int cap;
    const char *name;
} needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT (Linux 4.11)"},
    {KVM_CAP_XSAVE, "KVM_CAP_XSAVE"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS"},
};

/* KVM_CAP_NR_VCPUS, the only one that old kernels have, is a recommendation; 4 is what the oldest can do. */
static void look_vcpus(int fd, struct KvmCaps *c) {
    int most = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), ids;
    if (most <= 0)
        most = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
    c->vcpus = most > 0 ? (unsigned)most : 4;
    ids = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
    c->vcpu_ids = ids > 0 ? (unsigned)ids : c->vcpus;
}

static int look(int fd, struct KvmCaps *c, char *why, size_t n) {
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        snprintf(why, n, "this kernel's KVM speaks version %d of the interface, but %d is needed; use a newer kernel",
                 version, KVM_API_VERSION);
        return -ENOTSUP;
    }
    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (ioctl(fd, KVM_CHECK_EXTENSION, needed[i].cap) > 0)
            continue;
        snprintf(why, n, "this kernel's KVM lacks %s; use a newer kernel", needed[i].name);
        return -ENOTSUP;
    }
    const struct {
        int cap;
        bool *has;
    } wanted[] = {
        {KVM_CAP_READONLY_MEM, &c->readonly_mem},
        {KVM_CAP_XCRS, &c->xcrs},
        {KVM_CAP_DEBUGREGS, &c->debugregs},
        {KVM_CAP_X86_USER_SPACE_MSR, &c->user_space_msr},
        {KVM_CAP_X86_MSR_FILTER, &c->msr_filter},
        {KVM_CAP_SET_IDENTITY_MAP_ADDR, &c->set_identity_map},
        {KVM_CAP_SET_TSS_ADDR, &c->set_tss},
        {KVM_CAP_SET_GUEST_DEBUG, &c->guest_debug},
        {KVM_CAP_USER_NMI, &c->user_nmi},
        {KVM_CAP_SREGS2, &c->sregs2},
        {KVM_CAP_TSC_DEADLINE_TIMER, &c->tsc_deadline},
        {KVM_CAP_ADJUST_CLOCK, &c->adjust_clock},
        {KVM_CAP_IOEVENTFD, &c->ioeventfd},
        {KVM_CAP_SYNC_REGS, &c->sync_regs},
        {KVM_CAP_X86_TRIPLE_FAULT_EVENT, &c->triple_fault},
    };
    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        *wanted[i].has = ioctl(fd, KVM_CHECK_EXTENSION, wanted[i].cap) > 0;
    c->sync_regs = c->sync_regs && (ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_VALID_FIELDS) ==
                                       KVM_SYNC_X86_VALID_FIELDS;
#ifdef KVM_CAP_SET_GUEST_DEBUG2
    int flags = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);
    c->guest_debug_flags = flags > 0 ? (uint32_t)flags : 0;
#endif
    c->xsave = c->vcpu_events = true;
    look_vcpus(fd, c);
    c->slots = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
    if (c->slots < 8)
        c->slots = 32; /* as many as the oldest kernels have */
    if (c->slots > 256)
        c->slots = 256; /* more than the bus ever has ranges */
    c->run_bytes = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (c->run_bytes < (int)sizeof(struct kvm_run)) {
        snprintf(why, n, "this kernel's KVM shares %d bytes per processor, which is too few; use a newer kernel",
                 c->run_bytes);
        return -ENOTSUP;
    }
    return 0;
}

int kvm_open(struct KvmCaps *caps, char *why, size_t n) {
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return explain_open(errno, why, n);
    *caps = (struct KvmCaps){0};
    int r = look(fd, caps, why, n);
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int kvm_probe(char *why, size_t n) {
    struct KvmCaps caps;
    int fd = kvm_open(&caps, why, n);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* ---- twin86 doctor ---- */

static bool has_module(const char *name) {
    char path[64];
    snprintf(path, sizeof(path), "/sys/module/%s", name);
    return access(path, F_OK) == 0;
}

static void doctor_module(FILE *f) {
    static const struct {
        const char *name, *what;
    } modules[] = {
        {"kvm_intel", "Intel VT-x; every mode of the guest runs on the processor"},
        {"kvm_amd", "AMD SVM; every mode of the guest runs on the processor"},
        {"kvm_pvm", "no hardware virtualization below it: only 64-bit user code runs on the processor, the rest in the "
                    "kernel's emulator, and SYSCALL, 32-bit paging and v8086 mode not at all; use -accel tcg-lite for "
                    "whole operating systems"},
    };
    for (unsigned i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        if (has_module(modules[i].name)) {
            fprintf(f, "  module: %s (%s)\n", modules[i].name, modules[i].what);
            return;
        }
    }
    fprintf(f, "  module: none of kvm_intel, kvm_amd, kvm_pvm is to be seen (it may be built into the kernel)\n");
}

/* Guests go wrong on it without KVM or us being told, so it is said before. */
void kvm_caveat(char *buf, size_t n) {
    snprintf(buf, n, "%s",
             has_module("kvm_pvm")
                 ? "kvm: this host's KVM is kvm_pvm, where SYSCALL, 32-bit paging, v8086 mode and call "
                   "gates go wrong; whole operating systems need -accel tcg-lite"
                 : "");
}

static void doctor_cap(FILE *f, bool has, const char *name, const char *without) {
    if (!has)
        fprintf(f, "  missing: %s; %s\n", name, without);
}

void kvm_doctor(FILE *f) {
    struct KvmCaps c;
    char why[256];
    doctor_module(f);
    int fd = kvm_open(&c, why, sizeof(why));
    if (fd < 0) {
        fprintf(f,
                "  instead: -accel tcg-lite runs the same machine and guests in software, with -icount and traces that "
                "kvm has not, but slower where they compute\n");
        return;
    }
    bool irqchip = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) > 0;
    close(fd);
    fprintf(f, "  memory slots: %d; processors of a guest: at most %u\n", c.slots, c.vcpus);
    doctor_cap(f, c.readonly_mem, "KVM_CAP_READONLY_MEM", "firmware in ROM (-bios, the embedded guest) can't run");
    doctor_cap(f, c.user_space_msr, "KVM_CAP_X86_USER_SPACE_MSR", "guests get no x2APIC");
    doctor_cap(f, c.xcrs, "KVM_CAP_XCRS", "guests get no AVX");
    doctor_cap(f, c.debugregs, "KVM_CAP_DEBUGREGS", "debug registers are lost when engines change");
    doctor_cap(f, c.set_tss, "KVM_CAP_SET_TSS_ADDR", "real mode may fail on old Intel processors");
    doctor_cap(f, irqchip, "KVM_CAP_IRQCHIP", "-machine kernel-irqchip=on is refused");
    doctor_cap(f, c.guest_debug, "KVM_CAP_SET_GUEST_DEBUG",
               "debuggers can't stop guests; under -accel tcg-lite they can");
    doctor_cap(f, c.adjust_clock, "KVM_CAP_ADJUST_CLOCK", "guests that use kvmclock notice pauses");
    doctor_cap(f, c.sregs2, "KVM_CAP_SREGS2", "PAE guests may notice a change of engines");
}
