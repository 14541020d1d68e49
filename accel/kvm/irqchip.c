/* SPDX-License-Identifier: MIT */
/*
 * The kernel's interrupt controllers: two 8259s, I/O APIC, local APIC (-machine kernel-irqchip=on). Timers stay the
 * machine's; their wires come here. With these HLT and its end are the kernel's matter, and the vCPU sleeps in KVM_RUN.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* As in devices/: an engine knows no device. */
#define APIC_BASE_RESET 0xfee00000u
enum { LAPIC_PPR = 0xa0, LAPIC_TIMER_CURRENT = 0x390 };
enum { APIC_BASE_BSP = 1 << 8 };
enum { IOAPIC_PINS = KVM_IOAPIC_NUM_PINS, IOAPIC_ID = 1, PIC_INPUTS = 16, CASCADE = 2, TIMER_PIN = 2 };
#define IOAPIC_BASE 0xfec00000u

/* ---- routes ---- */

enum { MAX_ROUTES = ACCEL_IRQ_LINES + PIC_INPUTS };

union Routes {
    struct kvm_irq_routing r;
    uint8_t bytes[sizeof(struct kvm_irq_routing) + MAX_ROUTES * sizeof(struct kvm_irq_routing_entry)];
};

static void route(union Routes *t, unsigned line, unsigned chip, unsigned pin) {
    t->r.entries[t->r.nr++] = (struct kvm_irq_routing_entry){
        .gsi = line, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {.irqchip = chip, .pin = pin}};
}

static void route_pic(union Routes *t, unsigned line, unsigned input) {
    route(t, line, input < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, input % 8);
}

/* What accel.h says of the lines. */
static int set_routes(struct KvmVm *vm) {
    union Routes t = {0};
    for (unsigned i = 0; i < PIC_INPUTS; i++) {
        if (i == CASCADE)
            continue;
        route_pic(&t, ACCEL_IRQ_ISA + i, i);
        route_pic(&t, ACCEL_IRQ_PIC + i, i);
        route(&t, ACCEL_IRQ_ISA + i, KVM_IRQCHIP_IOAPIC, i == 0 ? TIMER_PIN : i);
    }
    for (unsigned pin = 16; pin < IOAPIC_PINS; pin++)
        route(&t, ACCEL_IRQ_IOAPIC + pin - 16, KVM_IRQCHIP_IOAPIC, pin);
    return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &t) < 0 ? -errno : 0;
}

int kvm_irqchip_create(struct KvmVm *vm, char *why, size_t n) {
    const struct {
        int cap;
        const char *name;
    } needed[] = {
        {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
        {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
        {KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI"},
        {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE"},
    };
    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (ioctl(vm->fd, KVM_CHECK_EXTENSION, needed[i].cap) > 0)
            continue;
        snprintf(why, n, "kernel-irqchip=on: this kernel's KVM lacks %s; use kernel-irqchip=off", needed[i].name);
        return -ENOTSUP;
    }
    int r = ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 ? -errno : set_routes(vm);
    if (r != 0)
        snprintf(why, n, "kernel-irqchip=on: the kernel's interrupt controllers can't be made: %s", strerror(-r));
    vm->irqchip = r == 0;
    return r;
}

static void set_line(struct Accel *accel, int line, bool level) {
    struct KvmVm *vm = accel->data;
    if (line < 0 || line >= ACCEL_IRQ_LINES || (vm->irq_lines >> line & 1) == level)
        return;
    struct kvm_irq_level l = {.irq = (uint32_t)line, .level = level};
    vm->irq_lines ^= 1ull << line;
    ioctl(vm->fd, KVM_IRQ_LINE, &l);
}

static void send_msi(struct Accel *accel, uint64_t address, uint32_t data) {
    struct KvmVm *vm = accel->data;
    struct kvm_msi msi = {.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};
    ioctl(vm->fd, KVM_SIGNAL_MSI, &msi); /* nobody listens to what no local APIC takes */
}

/* ---- what the CPU side asks: only an assist does, KVM_RUN has it all in the kernel ---- */

static uint64_t get_base(void *opaque) { return ((struct KvmVcpu *)opaque)->apic_base; }
static bool set_base(void *opaque, uint64_t value) { return ((struct KvmVcpu *)opaque)->apic_base = value, true; }
static uint8_t get_cr8(void *opaque) { return ((struct KvmVcpu *)opaque)->cr8; }
static void set_cr8(void *opaque, uint8_t value) { ((struct KvmVcpu *)opaque)->cr8 = value & 15; }

const struct CpuApicOps kvm_apic_ops = {
    .get_base = get_base,
    .set_base = set_base,
    .get_cr8 = get_cr8,
    .set_cr8 = set_cr8,
};

/* ---- reset ---- */

static void put_register(struct kvm_lapic_state *s, unsigned offset, uint32_t value) {
    memcpy(s->regs + offset, &value, sizeof(value));
}

/* SDM vol. 3, 11.4.7.1; then what PC firmware leaves behind on the bootstrap CPU: virtual wire mode. */
void kvm_lapic_reset_state(struct kvm_lapic_state *s, uint8_t id, bool bootstrap) {
    enum {
        ID = 0x20,
        DFR = 0xe0,
        SVR = 0xf0,
        LVT_CMCI = 0x2f0,
        LVT_TIMER = 0x320,
        LVT_LINT0 = 0x350,
        LVT_LINT1 = 0x360
    };
    enum { LVT_ERROR = 0x370, MASKED = 1 << 16, EXTINT = 7 << 8, NMI = 4 << 8, SVR_ENABLE = 1 << 8 };
    memset(s, 0, sizeof(*s));
    put_register(s, ID, (uint32_t)id << 24);
    put_register(s, DFR, UINT32_MAX);
    put_register(s, SVR, 0xff);
    put_register(s, LVT_CMCI, MASKED);
    for (unsigned lvt = LVT_TIMER; lvt <= LVT_ERROR; lvt += 0x10)
        put_register(s, lvt, MASKED);
    if (!bootstrap)
        return;
    put_register(s, SVR, SVR_ENABLE | 0xff);
    put_register(s, LVT_LINT0, EXTINT);
    put_register(s, LVT_LINT1, NMI);
}

/* xAPIC mode first: in x2APIC mode KVM reads the id register in another format. */
static void reset_lapic(struct KvmVcpu *v) {
    uint64_t zero = 0;
    struct kvm_sregs sregs;
    struct kvm_lapic_state lapic;
    v->apic_base = APIC_BASE_RESET | (v->cpu->bootstrap ? APIC_BASE_BSP : 0);
    if (cpu_has(&v->cpu->model, CPUID_APIC))
        v->apic_base |= KVM_APIC_ENABLE;
    v->cr8 = 0;
    if (v->vm->caps.tsc_deadline)
        kvm_one_msr(v, KVM_SET_MSRS, MSR_TSC_DEADLINE, &zero);
    if (ioctl(v->fd, KVM_GET_SREGS, &sregs) == 0) {
        sregs.apic_base = v->apic_base;
        sregs.cr8 = 0;
        ioctl(v->fd, KVM_SET_SREGS, &sregs);
    }
    kvm_lapic_reset_state(&lapic, (uint8_t)v->cpu->apic_id, v->cpu->bootstrap);
    ioctl(v->fd, KVM_SET_LAPIC, &lapic);
}

static void reset_pic(struct KvmVm *vm, unsigned chip, uint8_t elcr_mask) {
    struct kvm_irqchip c = {.chip_id = chip, .chip.pic = {.imr = 0xff, .elcr_mask = elcr_mask}};
    ioctl(vm->fd, KVM_SET_IRQCHIP, &c);
}

static void reset_ioapic(struct KvmVm *vm) {
    struct kvm_irqchip c = {.chip_id = KVM_IRQCHIP_IOAPIC,
                            .chip.ioapic = {.base_address = IOAPIC_BASE, .id = IOAPIC_ID}};
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        c.chip.ioapic.redirtbl[pin].fields.mask = 1;
    ioctl(vm->fd, KVM_SET_IRQCHIP, &c);
}

static void reset(struct CPUState *cpu) {
    struct KvmVcpu *v = cpu->engine;
    reset_pic(v->vm, KVM_IRQCHIP_PIC_MASTER, 0xf8);
    reset_pic(v->vm, KVM_IRQCHIP_PIC_SLAVE, 0xde);
    reset_ioapic(v->vm);
    reset_lapic(v);
}

/* ---- state: the structs of the kernel's interface, which does not change ---- */

struct SharedState {
    struct kvm_irqchip chip[KVM_NR_IRQCHIPS];
    uint64_t lines; /* levels */
};

struct LocalState {
    uint64_t apic_base, cr8, tsc_deadline;
    struct kvm_lapic_state lapic;
};

/* Of an edge-triggered pin KVM shows a request that found its vector pending already, until the line falls. It means
 * nothing any more, and a restored I/O APIC would send it once more. */
static void forget_edges(struct kvm_ioapic_state *s) {
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        if (s->redirtbl[pin].fields.trig_mode == 0)
            s->irr &= ~(1u << pin);
}

static size_t save(struct Accel *accel, void *buf, size_t n) {
    const struct KvmVm *vm = accel->data;
    struct SharedState s;
    memset(&s, 0, sizeof(s));
    for (unsigned i = 0; i < KVM_NR_IRQCHIPS; i++) {
        s.chip[i].chip_id = i;
        ioctl(vm->fd, KVM_GET_IRQCHIP, &s.chip[i]);
    }
    forget_edges(&s.chip[KVM_IRQCHIP_IOAPIC].chip.ioapic);
    s.lines = vm->irq_lines;
    if (sizeof(s) <= n)
        memcpy(buf, &s, sizeof(s));
    return sizeof(s);
}

static size_t save_cpu(struct CPUState *cpu, bool counts, void *buf, size_t n) {
    struct KvmVcpu *v = cpu->engine;
    struct LocalState s;
    memset(&s, 0, sizeof(s));
    s.apic_base = v->apic_base;
    s.cr8 = v->cr8;
    ioctl(v->fd, KVM_GET_LAPIC, &s.lapic);
    /* It follows from TPR and ISR (SDM vol. 3, 11.8.3.1), and KVM_SET_LAPIC has KVM forget it until it is needed. */
    put_register(&s.lapic, LAPIC_PPR, 0);
    if (v->vm->caps.tsc_deadline)
        kvm_one_msr(v, KVM_GET_MSRS, MSR_TSC_DEADLINE, &s.tsc_deadline);
    if (!counts)
        put_register(&s.lapic, LAPIC_TIMER_CURRENT, 0);
    if (sizeof(s) <= n)
        memcpy(buf, &s, sizeof(s));
    return sizeof(s);
}

/*
 * The kernel knows each line's level beside what its chips have of it. Lines that are high here go low first, so that
 * it knows of none; then the chips get theirs, and of a line that is high there only the chips know, until it falls. To
 * raise it again would be an edge more.
 */
static int restore(struct Accel *accel, const void *buf, size_t n) {
    struct KvmVm *vm = accel->data;
    struct SharedState s;
    if (n != sizeof(s))
        return -EINVAL;
    memcpy(&s, buf, sizeof(s));
    if (s.lines >> ACCEL_IRQ_LINES != 0)
        return -EINVAL;
    for (int line = 0; line < ACCEL_IRQ_LINES; line++)
        set_line(accel, line, false);
    for (unsigned i = 0; i < KVM_NR_IRQCHIPS; i++) {
        if (s.chip[i].chip_id != i)
            return -EINVAL;
        if (ioctl(vm->fd, KVM_SET_IRQCHIP, &s.chip[i]) < 0)
            return -errno;
    }
    vm->irq_lines = s.lines;
    return 0;
}

/* The mode (xAPIC, x2APIC) before the registers, whose format depends on it; then the deadline, which depends on the
 * timer's mode. */
static int restore_cpu(struct CPUState *cpu, const void *buf, size_t n) {
    struct KvmVcpu *v = cpu->engine;
    struct LocalState s;
    struct kvm_sregs sregs;
    if (n != sizeof(s))
        return -EINVAL;
    memcpy(&s, buf, sizeof(s));
    if (s.cr8 > 15)
        return -EINVAL;
    if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0)
        return -errno;
    sregs.apic_base = s.apic_base;
    sregs.cr8 = s.cr8;
    if (ioctl(v->fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(v->fd, KVM_SET_LAPIC, &s.lapic) < 0)
        return -errno;
    v->apic_base = s.apic_base;
    v->cr8 = (uint8_t)s.cr8;
    v->known = false;
    if (v->vm->caps.tsc_deadline && !kvm_one_msr(v, KVM_SET_MSRS, MSR_TSC_DEADLINE, &s.tsc_deadline))
        return -EINVAL;
    return 0;
}

const struct AccelIrqchipOps kvm_irqchip_ops = {
    .set_line = set_line,
    .send_msi = send_msi,
    .reset = reset,
    .save = save,
    .save_cpu = save_cpu,
    .restore = restore,
    .restore_cpu = restore_cpu,
};
