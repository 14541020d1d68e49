/* SPDX-License-Identifier: MIT */
/*
 * The host's own two bridges: the 82441FX's memory control (data sheet, chapter 3.2) and the 82371SB's interrupt
 * routing (data sheet, chapter 2).
 */
#include "devices/pci/pci_internal.h"

enum { ISA_SLOT = 1 };

/* A configuration register beyond the header. */
struct Register {
    uint8_t offset, initial, writable;
};

static void set_registers(struct PciDevice *dev, const struct Register *r, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        dev->initial[r[i].offset] = r[i].initial;
        dev->writable[r[i].offset] = r[i].writable;
    }
}

/* ---- 82441FX: what is where the BIOS and video memory are ---- */

enum { PAM = 0x59, PAMS = 7, SMRAM = 0x72 };
enum { SMRAM_BASE = 2, SMRAM_WRITABLE = PCI_SMRAM_ENABLE | PCI_SMRAM_LOCKED | PCI_SMRAM_CLOSED | PCI_SMRAM_OPEN };
enum { SHADOW_BASE = 0xc0000, SHADOW_STEP = 0x4000, BIOS_BASE = 0xf0000, BIOS_SIZE = 0x10000 };

struct PciShadowArea pci_shadow_area(unsigned n) {
    if (n == 0)
        return (struct PciShadowArea){BIOS_BASE, BIOS_SIZE};
    return (struct PciShadowArea){SHADOW_BASE + (n - 1) * SHADOW_STEP, SHADOW_STEP};
}

/* The upper half of PAM0 is area 0; then two areas share a register, the lower one in the lower half. */
uint8_t pci_shadow(const struct PciHost *host, unsigned n) {
    unsigned half = n + 1;
    return host->state.bridge.config[PAM + half / 2] >> half % 2 * 4 & (PCI_SHADOW_READ | PCI_SHADOW_WRITE);
}

uint8_t pci_smram(const struct PciHost *host) { return host->state.bridge.config[SMRAM]; }

static void tell_shadow(struct PciHost *host) {
    if (host->config.shadow_changed)
        host->config.shadow_changed(host->config.shadow_opaque);
}

/* Once D_LCK is set, it and D_OPEN are read-only until the next reset, and D_OPEN is 0. */
static void lock_smram(struct PciDevice *bridge) {
    uint8_t *smram = &bridge->state->config[SMRAM];
    bool locked = *smram & PCI_SMRAM_LOCKED;
    if (locked)
        *smram &= ~PCI_SMRAM_OPEN;
    bridge->writable[SMRAM] = locked ? SMRAM_WRITABLE & ~(PCI_SMRAM_LOCKED | PCI_SMRAM_OPEN) : SMRAM_WRITABLE;
}

static bool reaches(unsigned offset, unsigned size, unsigned first, unsigned count) {
    return offset < first + count && first < offset + size;
}

static void bridge_config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    if (reaches(offset, size, SMRAM, 1))
        lock_smram(dev);
    if (reaches(offset, size, PAM, PAMS) || reaches(offset, size, SMRAM, 1))
        tell_shadow(dev->host);
}

static void init_bridge(struct PciHost *host) {
    static const struct Register registers[] = {
        {PAM, 0, 0x30},     {PAM + 1, 0, 0x33}, {PAM + 2, 0, 0x33}, {PAM + 3, 0, 0x33},
        {PAM + 4, 0, 0x33}, {PAM + 5, 0, 0x33}, {PAM + 6, 0, 0x33}, {SMRAM, SMRAM_BASE, SMRAM_WRITABLE},
    };
    pci_device_init(&host->bridge, &host->state.bridge, "host bridge", 0x8086, 0x1237, 0x060000, 2);
    set_registers(&host->bridge, registers, sizeof(registers) / sizeof(registers[0]));
    host->bridge.config_written = bridge_config_written;
    pci_add_device(host, &host->bridge, 0, 0);
}

/* ---- 82371SB: the way of interrupts ---- */

enum { PIRQ_ROUTE = 0x60, PIRQ_OFF = 0x80, PIRQ_IRQ = 0x0f };

/* IRQs that a PIRQ can be routed to (82371SB data sheet, "PIRQRC"): not 0, 1, 2, 8, 13. */
#define PIRQ_LEGAL 0xdef8u

static uint16_t isa_levels(const struct PciHost *host) {
    uint16_t levels = 0;
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        uint8_t route = host->state.isa.config[PIRQ_ROUTE + n];
        if (host->state.pirq_count[n] && !(route & PIRQ_OFF))
            levels |= 1u << (route & PIRQ_IRQ) & PIRQ_LEGAL;
    }
    return levels;
}

/* Several PIRQs may share an ISA interrupt. */
static void update_isa(struct PciHost *host) {
    uint16_t levels = isa_levels(host), changed = levels ^ host->state.isa_levels;
    host->state.isa_levels = levels;
    for (unsigned irq = 0; irq < 16; irq++) {
        if (changed >> irq & 1) {
            struct IrqWire w = host->config.isa;
            w.line += irq;
            irq_set(&w, levels >> irq & 1);
        }
    }
}

void pci_drive_pirq(struct PciHost *host, unsigned n, bool assert) {
    uint8_t *count = &host->state.pirq_count[n];
    bool before = *count != 0;
    *count += assert ? 1 : -1;
    if (before == (*count != 0))
        return;
    struct IrqWire w = host->config.pirq;
    w.line += n;
    irq_set(&w, *count != 0);
    update_isa(host);
}

static void isa_config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    (void)offset, (void)size;
    update_isa(dev->host);
}

void pci_route_pirq(struct PciHost *host, unsigned n, unsigned irq) {
    if (n < PCI_PIRQS && irq < 16 && PIRQ_LEGAL >> irq & 1) {
        host->state.isa.config[PIRQ_ROUTE + n] = irq;
        update_isa(host);
    }
}

/* Registers of functions that are always there (positive decoding, timing, aliases) keep what is written to them. */
static void init_isa(struct PciHost *host) {
    enum { ROUTE = PIRQ_OFF | PIRQ_IRQ };
    static const struct Register registers[] = {
        {0x4c, 0x4d, 0xff}, /* IORT: ISA I/O recovery */
        {0x4e, 0x03, 0xff}, /* XBCS: what the bridge decodes for the X-bus */
        {0x4f, 0x00, 0x01},
        {PIRQ_ROUTE, PIRQ_OFF, ROUTE},
        {PIRQ_ROUTE + 1, PIRQ_OFF, ROUTE},
        {PIRQ_ROUTE + 2, PIRQ_OFF, ROUTE},
        {PIRQ_ROUTE + 3, PIRQ_OFF, ROUTE},
        {0x69, 0x02, 0xfe}, /* TOM: top of memory for ISA masters */
        {0x6a, 0x00, 0xd1}, /* MSTAT */
        {0x70, 0x80, 0xcf}, /* MBIRQ0 */
        {0x76, 0x0c, 0x8f}, /* MBDMA0, 1 */
        {0x77, 0x0c, 0x8f},
        {0x78, 0x02, 0xff}, /* PCSC */
        {0x79, 0x00, 0xff},
        {0x80, 0x00, 0x7f}, /* APIC base */
        {0x82, 0x00, 0x0f}, /* DLC: delayed transactions */
        {0xa0, 0x08, 0x1f}, /* SMICNTL and its timers: there is no SMI */
        {0xa8, 0x0f, 0xff},
    };
    pci_device_init(&host->isa, &host->state.isa, "isa bridge", 0x8086, 0x7000, 0x060100, 0);
    set_registers(&host->isa, registers, sizeof(registers) / sizeof(registers[0]));
    host->isa.config_written = isa_config_written;
    pci_add_device(host, &host->isa, ISA_SLOT, 0);
}

/* ---- life ---- */

void pci_chipset_init(struct PciHost *host) {
    init_bridge(host);
    init_isa(host);
}

void pci_chipset_reset(struct PciHost *host) {
    lock_smram(&host->bridge);
    update_isa(host);
    tell_shadow(host);
}

void pci_chipset_restored(struct PciHost *host) {
    lock_smram(&host->bridge);
    tell_shadow(host);
}
