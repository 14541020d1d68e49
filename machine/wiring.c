/* SPDX-License-Identifier: MIT */
/* The PC's memory map, devices and interrupt routes: machine_wire_devices, at the end, is the whole of it. */
#include "machine/machine.h"

/* ---- wires ---- */

/* ISA interrupt `line`: to the PICs, and to the IOAPIC pin of the same number, but IRQ 0 to pin 2 (the MADT says so).
 */
static void isa_irq(void *opaque, int line, bool level) {
    struct Machine *m = opaque;
    pic_set_irq(&m->pic, line, level);
    ioapic_set_irq(&m->ioapic, line == 0 ? MACHINE_PIT_GSI : line, level);
}

/* The engine's interrupt controllers; before there is an engine no line is high. */
static void engine_irq(void *opaque, int line, bool level) {
    struct Machine *m = opaque;
    struct Engine *e = m->engine;
    if (e != NULL)
        e->accel.ops->irqchip->set_line(&e->accel, line, level);
}

enum WireKind { WIRE_ISA, WIRE_IOAPIC, WIRE_PIC };

static struct IrqWire plain_wire(struct Machine *m, enum WireKind kind, int line) {
    static const int first[] = {ACCEL_IRQ_ISA, ACCEL_IRQ_IOAPIC - 16, ACCEL_IRQ_PIC};
    if (m->config.kernel_irqchip)
        return (struct IrqWire){engine_irq, m, first[kind] + line};
    switch (kind) {
    case WIRE_IOAPIC: return (struct IrqWire){ioapic_set_irq, &m->ioapic, line};
    case WIRE_PIC: return (struct IrqWire){pic_set_irq, &m->pic, line};
    default: return (struct IrqWire){isa_irq, m, line};
    }
}

/* One that is traced: its number is kind << 8 | line, so that devices may still add to it. */
static void traced_irq(void *opaque, int line, bool level) {
    static const char *const names[] = {"IRQ", "I/O APIC pin", "PIC input"};
    struct Machine *m = opaque;
    enum WireKind kind = (enum WireKind)(line >> 8);
    uint64_t *levels = &m->wire_levels[kind], bit = 1ull << (line & 63);
    if (((*levels & bit) != 0) != level) {
        *levels ^= bit;
        trace_wire(&m->trace, names[kind], line & 0xff, level);
    }
    struct IrqWire w = plain_wire(m, kind, line & 0xff);
    irq_set(&w, level);
}

static struct IrqWire wire(struct Machine *m, enum WireKind kind, int line) {
    if ((m->trace.items & TRACE_IRQ) != 0)
        return (struct IrqWire){traced_irq, m, (int)kind << 8 | line};
    return plain_wire(m, kind, line);
}

static struct IrqWire isa_wire(struct Machine *m, int line) { return wire(m, WIRE_ISA, line); }
struct IrqWire machine_isa_wire(struct Machine *m, int line) { return isa_wire(m, line); }
/* With the kernel's I/O APIC: pin 16 or higher. */
static struct IrqWire ioapic_wire(struct Machine *m, int pin) { return wire(m, WIRE_IOAPIC, pin); }
static struct IrqWire pic_wire(struct Machine *m, int input) { return wire(m, WIRE_PIC, input); }

static void set_intr(struct CPUState *cpu, bool level) {
    if (level)
        cpu_post(cpu, CPU_EVENT_INTR);
    else
        cpu_retract(cpu, CPU_EVENT_INTR);
}

/* The PICs' output: to LINT0 of every local APIC, or with a CPU model that has none to the first CPU's INTR pin. */
static void pic_intr(void *opaque, int line, bool level) {
    struct Machine *m = opaque;
    (void)line;
    if (!cpu_has(&machine_cpu(m, 0)->model, CPUID_APIC)) {
        set_intr(machine_cpu(m, 0), level);
        return;
    }
    for (unsigned i = 0; i < m->cpu_count; i++)
        lapic_set_lint(&m->cpus[i].lapic, 0, level);
}

static void set_a20(void *opaque, bool enabled) {
    struct Machine *m = opaque;
    bus_set_a20(m->bus, enabled);
    i8042_a20_changed(&m->i8042, enabled);
    port92_a20_changed(&m->port92, enabled);
}

static void debug_exit(void *opaque, uint32_t code) { machine_stop(opaque, TWIN86_EVENT_DEBUG_EXIT, code); }

static void panic_reported(void *opaque, uint32_t event) { machine_stop(opaque, TWIN86_EVENT_PANIC, event); }

static void debugcon_write(void *opaque, const uint8_t *buf, size_t len) {
    struct Machine *m = opaque;
    if (m->config.debugcon_output != NULL)
        m->config.debugcon_output(m->config.opaque, buf, len);
}

/* ---- memory ---- */

#define TEXT_MEMORY 0xb8000

static uint64_t hole_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    device_error(((struct Machine *)opaque)->hole_log, "display adapter", "there is none; read at",
                 LOW_MEMORY_END + offset);
    return ~0ull;
}

static void hole_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)value, (void)size;
    device_error(((struct Machine *)opaque)->hole_log, "display adapter", "there is none; write at",
                 LOW_MEMORY_END + offset);
}

/* RAM below and above the PCI hole, and none where a display adapter would be, but for its text: programs that write to
 * it without asking find memory there, as on any PC. */
int machine_wire_memory(struct Machine *m) {
    static const struct IoOps hole_ops = {.read = hole_read, .write = hole_write, .min_size = 1, .max_size = 8};
    m->layout = ram_layout(m->config.ram_size);
    int r = region_init_ram(&m->ram, "ram", m->config.ram_size);
    if (r == 0)
        r = bus_map_part(m->bus, 0, &m->ram, 0, m->layout.below_4g);
    if (r == 0 && m->layout.above_4g != 0)
        r = bus_map_part(m->bus, HIGH_RAM_BASE, &m->ram, m->layout.below_4g, m->layout.above_4g);
    region_init_mmio(&m->vga_hole, "vga hole", TEXT_MEMORY - LOW_MEMORY_END, &hole_ops, m);
    return r != 0 ? r : bus_map(m->bus, LOW_MEMORY_END, &m->vga_hole);
}

/* What PC firmware stores in CMOS about memory: in KiB above 1 MiB, in 64 KiB units above 16 MiB and above 4 GiB. */
static void wire_cmos(struct Machine *m) {
    uint64_t low = m->layout.below_4g, high = m->layout.above_4g;
    uint64_t ext = low > 0x100000 ? (low - 0x100000) >> 10 : 0, above16 = low > 0x1000000 ? (low - 0x1000000) >> 16 : 0;
    ext = ext > 0xffff ? 0xffff : ext;
    above16 = above16 > 0xffff ? 0xffff : above16;
    const struct {
        uint8_t index, value;
    } bytes[] = {
        {0x15, 640 & 0xff},
        {0x16, 640 >> 8},
        {0x17, ext & 0xff},
        {0x18, ext >> 8},
        {0x30, ext & 0xff},
        {0x31, ext >> 8},
        {0x34, above16 & 0xff},
        {0x35, above16 >> 8},
        {0x5b, (high >> 16) & 0xff},
        {0x5c, (high >> 24) & 0xff},
        {0x5d, (high >> 32) & 0xff},
        {0x14, 0x06}, /* equipment: FPU, mouse port */
        {0x5f, (uint8_t)(m->cpu_count - 1)},
    };
    for (unsigned i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        rtc_set_cmos(&m->rtc, bytes[i].index, bytes[i].value);
}

/* ---- devices ---- */

/* `opaque` is the struct MachineCpu. */
static struct CPUState *cpu_of(void *opaque) { return &((struct MachineCpu *)opaque)->cpu; }

static void lapic_intr(void *opaque, bool level) { set_intr(cpu_of(opaque), level); }
static void lapic_nmi(void *opaque) { cpu_post(cpu_of(opaque), CPU_EVENT_NMI); }
static void lapic_init_ipi(void *opaque) { cpu_post_init(cpu_of(opaque)); }
static void lapic_sipi(void *opaque, uint8_t vector) { cpu_post_sipi(cpu_of(opaque), vector); }

static void lapic_unhalt(void *opaque) { cpu_post(cpu_of(opaque), CPU_EVENT_UNHALT); }

static uint64_t lapic_read_tsc(void *opaque) { return cpu_read_tsc(cpu_of(opaque)); }

static int lapic_inta(void *opaque) {
    struct Pic *pic = &((struct MachineCpu *)opaque)->machine->pic;
    return pic_pending(pic) ? pic_acknowledge(pic) : -1;
}

static bool apic_is_at(const struct Machine *m, uint64_t at) {
    unsigned i = 0;
    while (i < m->cpu_count && lapic_page(&m->cpus[i].lapic) != at)
        i++;
    return i < m->cpu_count;
}

/* The one at this address; 0: one that is not mapped. There are as many as local APICs. */
static struct ApicPage *find_apic_page(struct Machine *m, uint64_t at) {
    unsigned k = 0;
    while (k < MACHINE_CPUS_MAX && m->apic_page[k].at != at)
        k++;
    return k < MACHINE_CPUS_MAX ? &m->apic_page[k] : NULL;
}

/* The local APICs' pages follow IA32_APIC_BASE. Those that are at one address, most often all, share one. */
static void lapic_base_changed(void *opaque, uint64_t base) {
    struct MachineCpu *c = opaque;
    struct Machine *m = c->machine;
    uint64_t at = lapic_page(&c->lapic);
    (void)base;
    if (!cpu_has(&machine_cpu(m, 0)->model, CPUID_APIC) || m->config.kernel_irqchip)
        return;
    for (unsigned k = 0; k < m->cpu_count; k++) {
        struct ApicPage *p = &m->apic_page[k];
        if (p->at != 0 && !apic_is_at(m, p->at)) {
            bus_unmap(m->bus, &p->region);
            p->at = 0;
        }
    }
    if (at == 0 || find_apic_page(m, at) != NULL)
        return;
    struct ApicPage *p = find_apic_page(m, 0);
    p->at = at;
    bus_map(m->bus, at, &p->region);
}

static const struct LapicCpuOps lapic_cpu_ops = {
    .set_intr = lapic_intr,
    .nmi = lapic_nmi,
    .init = lapic_init_ipi,
    .sipi = lapic_sipi,
    .kick = lapic_unhalt,
    .read_tsc = lapic_read_tsc,
    .pic_acknowledge = lapic_inta,
    .base_changed = lapic_base_changed,
};

static const struct CpuApicOps apic_ops = {
    .acknowledge = lapic_acknowledge,
    .get_base = lapic_get_base,
    .set_base = lapic_set_base,
    .get_cr8 = lapic_get_cr8,
    .set_cr8 = lapic_set_cr8,
    .read_msr = lapic_read_msr,
    .write_msr = lapic_write_msr,
    .set_pv_eoi = lapic_set_pv_eoi,
    .send_ipis = lapic_send_ipis,
    .kick = lapic_kick,
    .tsc_changed = lapic_tsc_changed,
};

/* A CPU model without APIC: the PICs' output goes to the CPU's INTR pin. */
static const struct CpuApicOps pic_only_ops = {.acknowledge = lapic_inta};

/* A debugger's access is for the first CPU's. */
static struct Lapic *current_lapic(void *opaque) {
    struct MachineCpu *c = machine_current_cpu(opaque);
    return c != NULL ? &c->lapic : &((struct Machine *)opaque)->cpus[0].lapic;
}

static void wire_lapic(struct MachineCpu *c) {
    struct Machine *m = c->machine;
    struct LapicConfig config = {.id = c->cpu.apic_id, .bsp = c->cpu.bootstrap, .one_of_many = m->cpu_count > 1};
    lapic_init(&c->lapic, &config, &m->apic_bus, m->clock, &lapic_cpu_ops, c);
    bool apic = cpu_has(&c->cpu.model, CPUID_APIC);
    c->cpu.apic = apic ? &apic_ops : &pic_only_ops;
    c->cpu.apic_opaque = apic ? (void *)&c->lapic : c;
}

/*
 * Interrupt controllers: ISA -> PICs -> LINT0 of the local APIC -> CPU, and ISA -> IOAPIC -> APIC bus -> local APIC. If
 * the engine brings its own, these here are at no address and no wire reaches them.
 */
static int wire_interrupts(struct Machine *m) {
    apic_bus_init(&m->apic_bus);
    m->apic_bus.current = current_lapic;
    m->apic_bus.current_opaque = m;
    for (unsigned k = 0; k < MACHINE_CPUS_MAX; k++)
        apic_page_init(&m->apic_page[k], &m->apic_bus);
    for (unsigned i = 0; i < m->cpu_count; i++)
        wire_lapic(&m->cpus[i]);
    machine_fit_devices(m);
    /* PCI interrupts are active-low */
    ioapic_init(&m->ioapic, &m->apic_bus, MACHINE_IOAPIC_ID, 0xf << MACHINE_PIRQ_GSI);
    pic_init(&m->pic, (struct IrqWire){pic_intr, m, 0});
    if (m->config.kernel_irqchip)
        return 0;
    int r = pic_map(&m->pic, m->bus);
    return r != 0 ? r : bus_map(m->bus, IOAPIC_DEFAULT_BASE, &m->ioapic.region);
}

void machine_fit_devices(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++) {
        const struct CpuModel *model = &machine_cpu(m, i)->model;
        struct LapicConfig *c = &m->cpus[i].lapic.config;
        c->x2apic = cpu_has(model, CPUID_X2APIC);
        c->tsc_deadline = cpu_has(model, CPUID_TSC_DEADLINE);
        c->phys_bits = model->phys_bits;
        c->tsc_hz = machine_cpu(m, i)->tsc_hz;
    }
}

static void pm_reset(void *opaque, bool hard) {
    (void)hard;
    machine_guest_reset(opaque);
}

/* The HPET stands between PIT, RTC and their interrupts: its legacy route can take IRQ 0 and 8 over. */
static int wire_acpi(struct Machine *m) {
    static const struct AcpiPmOps pm_ops = {
        .poweroff = machine_guest_poweroff,
        .hibernate = machine_guest_hibernate,
        .suspend = machine_guest_sleep,
        .wake = machine_guest_wake,
        .reset = pm_reset,
    };
    struct HpetWires wires = {
        .irq0 = isa_wire(m, 0),
        .irq8 = isa_wire(m, 8),
        .gsi = ioapic_wire(m, 0), /* the HPET adds the pin */
        .gsi_mask = 0xf00000,     /* pins 20 to 23, where nothing else is */
    };
    hpet_init(&m->hpet, m->clock, &wires);
    acpi_pm_init(&m->acpi_pm, m->clock, isa_wire(m, 9), &pm_ops, m);
    m->acpi_pm.no_s3 = m->config.no_s3;
    m->acpi_pm.no_s4 = m->config.no_s4;
    return m->config.no_hpet ? 0 : bus_map(m->bus, HPET_DEFAULT_BASE, &m->hpet.region);
}

/* The tables that firmware fetches say where the ACPI block is by now. If memory is short, they stay as they were. */
static void pm_moved(void *opaque, uint16_t base) {
    if (base != 0)
        machine_acpi_to_fw_cfg(opaque);
}

/* Message signaled interrupts go to the local APICs, wherever they are. */
static void pci_msi(void *opaque, uint64_t address, uint32_t data) {
    struct Machine *m = opaque;
    struct Engine *e = m->engine;
    if (!m->config.kernel_irqchip)
        apic_bus_msi(&m->apic_bus, address, data);
    else if (e != NULL)
        e->accel.ops->irqchip->send_msi(&e->accel, address, data);
}

/* Disks, at the ports and interrupts that every PC has them. */
static int wire_ide(struct Machine *m) {
    static const struct IdeOps ops = {.failed = storage_ide_failed, .tray_moved = storage_tray_moved};
    const struct IrqWire irq[IDE_CHANNELS] = {isa_wire(m, 14), isa_wire(m, 15)};
    piix3_ide_init(&m->piix3_ide, irq, &ops, m);
    return piix3_ide_add(&m->piix3_ide, &m->pci);
}

/* From where on firmware places BARs, if RAM leaves it to it. */
#define PCI_WINDOW_LOWEST 0x80000000ull

/* PCI: PIRQA-D go to IOAPIC pins 16-19, and as PIIX3's registers route them to the PICs. */
static int wire_pci(struct Machine *m) {
    struct PciHostConfig config = {
        .mmio_base = m->layout.below_4g > PCI_WINDOW_LOWEST ? m->layout.below_4g : PCI_WINDOW_LOWEST,
        .mmio_end = IOAPIC_DEFAULT_BASE,
        .pirq = ioapic_wire(m, MACHINE_PIRQ_GSI),
        .isa = pic_wire(m, 0),
        .reset_ops = &acpi_pm_reset_ops,
        .reset_opaque = &m->acpi_pm,
        .msi = pci_msi,
        .msi_opaque = m,
        .shadow_changed = firmware_shadow_changed,
        .shadow_opaque = m,
    };
    pci_init(&m->pci, m->bus, &config);
    int r = pci_map(&m->pci);
    if (r != 0 || (r = wire_ide(m)) != 0 || m->config.no_acpi)
        return r;
    piix4_pm_init(&m->piix4_pm, &acpi_pm_ops, &m->acpi_pm, pm_moved, m);
    return piix4_pm_add(&m->piix4_pm, &m->pci);
}

static size_t floppy_dma(void *opaque, void *buf, size_t n, bool to_memory, bool *terminal) {
    enum { FLOPPY_CHANNEL = 2 };
    return dma_move(opaque, FLOPPY_CHANNEL, buf, n, to_memory, terminal);
}

/* Timers and the devices of the ISA bus, at the addresses and interrupts that a PC has them. */
static int wire_isa(struct Machine *m) {
    struct Bus *bus = m->bus;
    int r;
    pit_init(&m->pit, m->clock, hpet_pit_wire(&m->hpet));
    i8042_init(&m->i8042, m->clock, isa_wire(m, 1), isa_wire(m, 12),
               (struct I8042Lines){set_a20, machine_guest_reset, m});
    input_wire(m);
    serial_ports_init(m);
    rtc_init(&m->rtc, m->clock, hpet_rtc_wire(&m->hpet));
    m->rtc.alarm = (struct IrqWire){acpi_pm_rtc_alarm, &m->acpi_pm, 0};
    port92_init(&m->port92, set_a20, machine_guest_reset, m);
    dma_init(&m->dma);
    fdc_init(&m->fdc, m->clock, isa_wire(m, 6), (struct FdcDma){floppy_dma, &m->dma});
    debugcon_init(&m->debugcon, (struct CharBackend){.write = debugcon_write, .opaque = m});
    isa_debug_exit_init(&m->debug_exit, debug_exit, m);
    pvpanic_init(&m->pvpanic, m->config.pvpanic_events, panic_reported, m);
    pc_testdev_init(&m->testdev);
    for (int i = 0; i < PC_TESTDEV_LINES; i++)
        m->testdev.line[i] = i < 16 ? isa_wire(m, i) : ioapic_wire(m, i);
    wire_cmos(m);
    if ((r = dma_map(&m->dma, bus)) != 0 || (r = pit_map(&m->pit, bus, 0x40)) != 0 ||
        (r = pit_map_port61(&m->pit, bus, 0x61)) != 0 || (r = i8042_map(&m->i8042, bus, 0x60)) != 0 ||
        (r = rtc_map(&m->rtc, bus, 0x70)) != 0 || (r = port92_map(&m->port92, bus, 0x92)) != 0 ||
        (r = fdc_map(&m->fdc, bus)) != 0)
        return r;
    if (m->config.debugcon && (r = debugcon_map(&m->debugcon, bus, m->config.debugcon_port)) != 0)
        return r;
    if (m->config.pvpanic && (r = pvpanic_map(&m->pvpanic, bus, m->config.pvpanic_port)) != 0)
        return r;
    if (m->config.pc_testdev && (r = pc_testdev_map(&m->testdev, bus)) != 0)
        return r;
    if (m->config.debug_exit)
        r = isa_debug_exit_map(&m->debug_exit, bus, m->config.debug_exit_port, m->config.debug_exit_ports);
    return r;
}

int machine_wire_devices(struct Machine *m) {
    int r = wire_interrupts(m);
    if (r == 0)
        r = wire_acpi(m);
    if (r == 0)
        r = wire_pci(m);
    return r != 0 ? r : wire_isa(m);
}

/* Where firmware is skipped: what it would have written into the chipset. Shadow RAM (PAM0-6) is left writable. */
static void set_up_chipset(struct Machine *m) {
    enum { PAM0 = 0x59, PAM6 = 0x5f };
    for (unsigned reg = PAM0; reg <= PAM6; reg++)
        pci_config_write(&m->pci, 0, 0, reg, 0x33, 1);
    for (unsigned i = 0; i < PCI_PIRQS; i++)
        pci_route_pirq(&m->pci, i, machine_pirq_irq(i));
    piix3_ide_set_firmware_state(&m->piix3_ide);
    if (!m->config.no_acpi)
        piix4_pm_set_base(&m->piix4_pm, MACHINE_PM_BASE);
}

/* All that a reset and a wake-up have in common. */
static void reset_devices(struct Machine *m) {
    bus_set_a20(m->bus, true);
    pic_reset(&m->pic);
    for (unsigned i = 0; i < m->cpu_count; i++)
        lapic_reset(&m->cpus[i].lapic);
    lapic_set_virtual_wire(&m->cpus[0].lapic);
    ioapic_reset(&m->ioapic);
    for (unsigned i = 0; i < m->cpu_count && m->config.kernel_irqchip; i++)
        machine_cpu(m, i)->accel->ops->irqchip->reset(machine_cpu(m, i));
    hpet_reset(&m->hpet);
    pci_reset(&m->pci);
    piix4_pm_reset(&m->piix4_pm);
    piix3_ide_reset(&m->piix3_ide);
    storage_reset(m);
    virtio_devices_reset(m);
    net_reset(m);
    display_reset(m);
    if (!machine_runs_firmware(m))
        set_up_chipset(m);
    fw_cfg_reset(&m->fw_cfg);
    pit_reset(&m->pit);
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        uart_reset(&m->com[i].uart);
    i8042_reset(&m->i8042);
    port92_reset(&m->port92);
    dma_reset(&m->dma);
    fdc_reset(&m->fdc);
    pc_testdev_reset(&m->testdev);
}

void machine_reset_devices(struct Machine *m) {
    acpi_pm_reset(&m->acpi_pm);
    rtc_reset(&m->rtc);
    reset_devices(m);
    machine_sleep_changed(m);
}

/* Configuration registers that firmware writes when it starts a machine and not when it wakes one, and no system saves.
 * What is shadowed: SeaBIOS finds its way by what its copy in RAM, which has run, has noted. IDE timing: Linux takes a
 * channel that is not switched on there for none. */
static const struct {
    uint8_t devfn, offset, size;
} kept_asleep[] = {{0, 0x59, 1}, {0, 0x5a, 2}, {0, 0x5c, 4}, {PIIX3_IDE_DEVFN, 0x40, 4}, {PIIX3_IDE_DEVFN, 0x44, 1}};
enum { KEPT_ASLEEP = sizeof(kept_asleep) / sizeof(kept_asleep[0]) };

/* The RTC lives on its battery, and the ACPI block in the PIIX4's resume well (82371AB data sheet, 3.3). */
void machine_wake_devices(struct Machine *m) {
    uint32_t kept[KEPT_ASLEEP];
    for (unsigned i = 0; i < KEPT_ASLEEP; i++)
        kept[i] = pci_config_read(&m->pci, 0, kept_asleep[i].devfn, kept_asleep[i].offset, kept_asleep[i].size);
    reset_devices(m);
    for (unsigned i = 0; i < KEPT_ASLEEP; i++)
        pci_config_write(&m->pci, 0, kept_asleep[i].devfn, kept_asleep[i].offset, kept[i], kept_asleep[i].size);
    acpi_pm_woken(&m->acpi_pm);
    machine_sleep_changed(m);
}

/* Those that need it: the others are their states and nothing else. */
void machine_restored_devices(struct Machine *m) {
    pic_restored(&m->pic);
    for (unsigned i = 0; i < m->cpu_count; i++)
        lapic_restored(&m->cpus[i].lapic);
    hpet_restored(&m->hpet);
    acpi_pm_restored(&m->acpi_pm);
    pci_restored(&m->pci);
    pit_restored(&m->pit);
    rtc_restored(&m->rtc);
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        uart_restored(&m->com[i].uart);
    i8042_restored(&m->i8042);
    input_clear(m);
    port92_restored(&m->port92);
    piix4_pm_restored(&m->piix4_pm);
    ide_restored(&m->piix3_ide.ide);
    fdc_restored(&m->fdc);
    storage_restored(m);
    virtio_devices_restored(m);
    net_restored(m);
    display_restored(m);
    chardevs_restored(m);
    for (unsigned i = 0; i < FIRMWARE_FLASH_CHIPS; i++)
        pflash_restored(&m->fw.flash[i].device);
    machine_sleep_changed(m);
}
