/* SPDX-License-Identifier: MIT */
/*
 * What it costs to raise an interrupt of KVM's interrupt controllers from a thread that is no vCPU's: bench-interrupts
 * [BATCHES]. docs/kvm-run.md goes by it. Each way delivers to a local APIC whose vCPU does not run, so that neither a
 * wake-up nor the guest is in the figures; CPU time of the thread.
 */
#include "bench/stats.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BATCH = 1000, VECTOR = 0x41, PIN = 20, GSI_LINE = PIN, GSI_MSI = 30, GSI_LEVEL = 21 };
enum { SVR = 0xf0, SVR_ENABLE = 1 << 8, LEVEL_TRIGGERED = 1 << 15 };

static struct {
    int vm, vcpu, msi_fd, level_fd, resample_fd;
} k;

static void must(bool good, const char *what) {
    if (good)
        return;
    printf("SKIP bench-interrupts: %s\n", what);
    exit(77);
}

static void set_routes(void) {
    union {
        struct kvm_irq_routing r;
        uint8_t bytes[sizeof(struct kvm_irq_routing) + 3 * sizeof(struct kvm_irq_routing_entry)];
    } t = {.r.nr = 3};
    t.r.entries[0] = (struct kvm_irq_routing_entry){
        .gsi = GSI_LINE, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {KVM_IRQCHIP_IOAPIC, PIN}};
    t.r.entries[1] = (struct kvm_irq_routing_entry){
        .gsi = GSI_MSI, .type = KVM_IRQ_ROUTING_MSI, .u.msi = {.address_lo = 0xfee00000, .data = VECTOR}};
    t.r.entries[2] = (struct kvm_irq_routing_entry){
        .gsi = GSI_LEVEL, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {KVM_IRQCHIP_IOAPIC, GSI_LEVEL}};
    must(ioctl(k.vm, KVM_SET_GSI_ROUTING, &t) == 0, "KVM_SET_GSI_ROUTING");
}

static void set_up_chips(void) {
    struct kvm_lapic_state lapic;
    struct kvm_irqchip c = {.chip_id = KVM_IRQCHIP_IOAPIC};
    uint32_t svr = SVR_ENABLE | 0xff;
    must(ioctl(k.vcpu, KVM_GET_LAPIC, &lapic) == 0, "KVM_GET_LAPIC");
    memcpy(lapic.regs + SVR, &svr, sizeof(svr));
    must(ioctl(k.vcpu, KVM_SET_LAPIC, &lapic) == 0, "KVM_SET_LAPIC");
    must(ioctl(k.vm, KVM_GET_IRQCHIP, &c) == 0, "KVM_GET_IRQCHIP");
    c.chip.ioapic.redirtbl[PIN].bits = VECTOR + 1; /* edges, so that each one is delivered */
    c.chip.ioapic.redirtbl[GSI_LEVEL].bits = (VECTOR + 2) | LEVEL_TRIGGERED;
    must(ioctl(k.vm, KVM_SET_IRQCHIP, &c) == 0, "KVM_SET_IRQCHIP");
}

static void set_up_fds(void) {
    k.msi_fd = eventfd(0, EFD_CLOEXEC), k.level_fd = eventfd(0, EFD_CLOEXEC), k.resample_fd = eventfd(0, EFD_CLOEXEC);
    struct kvm_irqfd msi = {.fd = (uint32_t)k.msi_fd, .gsi = GSI_MSI};
    struct kvm_irqfd level = {.fd = (uint32_t)k.level_fd,
                              .gsi = GSI_LEVEL,
                              .flags = KVM_IRQFD_FLAG_RESAMPLE,
                              .resamplefd = (uint32_t)k.resample_fd};
    must(ioctl(k.vm, KVM_IRQFD, &msi) == 0 && ioctl(k.vm, KVM_IRQFD, &level) == 0, "KVM_IRQFD");
}

/* ---- the ways ---- */

static void signal_msi(void) {
    struct kvm_msi msi = {.address_lo = 0xfee00000, .data = VECTOR};
    ioctl(k.vm, KVM_SIGNAL_MSI, &msi);
}

static void ring(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) != sizeof(one))
        abort();
}

static void irqfd_msi(void) { ring(k.msi_fd); }
static void irqfd_level(void) { ring(k.level_fd); }

static void irq_line(void) {
    struct kvm_irq_level l = {.irq = GSI_LINE, .level = 1};
    ioctl(k.vm, KVM_IRQ_LINE, &l);
    l.level = 0;
    ioctl(k.vm, KVM_IRQ_LINE, &l);
}

static void nothing(void) { getppid(); }

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*raise)(void);
    } ways[] = {
        {"a system call that does nothing (getppid)", nothing},   {"a message by KVM_SIGNAL_MSI", signal_msi},
        {"a message by an irqfd and its route", irqfd_msi},       {"a line, up and down, by KVM_IRQ_LINE", irq_line},
        {"a line, up, by an irqfd with resampling", irqfd_level},
    };
    enum { WAYS = sizeof(ways) / sizeof(ways[0]) };
    static struct Stats stats[WAYS];
    int batches = argc > 1 ? atoi(argv[1]) : 101, dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    char median[16], least[16];
    must(dev >= 0, "/dev/kvm can't be opened");
    k.vm = ioctl(dev, KVM_CREATE_VM, 0);
    must(k.vm >= 0 && ioctl(k.vm, KVM_CREATE_IRQCHIP, 0) == 0, "KVM_CREATE_IRQCHIP");
    k.vcpu = ioctl(k.vm, KVM_CREATE_VCPU, 0);
    must(k.vcpu >= 0, "KVM_CREATE_VCPU");
    set_up_chips();
    set_routes();
    set_up_fds();
    for (int b = 0; b < batches; b++)
        for (unsigned w = 0; w < WAYS; w++) {
            int64_t start = stats_cpu_now();
            for (unsigned i = 0; i < BATCH; i++)
                ways[w].raise();
            stats_add(&stats[w], (double)(stats_cpu_now() - start) / BATCH);
        }
    stats_describe_host(stdout);
    printf("\n%-45s %9s %9s\n", "", "median", "least");
    for (unsigned w = 0; w < WAYS; w++)
        printf("%-45s %9s %9s\n", ways[w].name, stats_text(stats_quantile(&stats[w], 0.5), median),
               stats_text(stats_quantile(&stats[w], 0), least));
    return 0;
}
