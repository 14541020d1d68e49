/* SPDX-License-Identifier: MIT */
/* The DSDT: devices of the machine as an operating system shall see them. */
#include "devices/acpi_pm.h"
#include "devices/pci/pci.h"
#include "machine/acpi/acpi_tables.h"
#include "machine/acpi/aml.h"

#include <stdio.h>

enum { HPET_SIZE = 0x400, FW_CFG_SIZE = 12, STATUS_PRESENT = 0x0f, STATUS_HIDDEN = 0x0b };

/* A legacy device: up to two port ranges and two interrupts (0 = none; IRQ 0 is given as IRQ_ZERO). */
enum { IRQ_ZERO = 16 };
struct IsaDevice {
    const char *name, *id;
    struct {
        uint16_t base;
        uint8_t count;
    } io[3];
    uint8_t irq;
    uint8_t uid;
};

static void isa_device(struct Aml *a, const struct IsaDevice *d) {
    size_t device = aml_begin_device(a, d->name);
    aml_name_eisa(a, "_HID", d->id);
    if (d->uid)
        aml_name_integer(a, "_UID", d->uid);
    aml_name_integer(a, "_STA", STATUS_PRESENT);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    for (unsigned i = 0; i < 3 && d->io[i].count; i++)
        aml_res_io(a, d->io[i].base, d->io[i].count);
    if (d->irq)
        aml_res_irq(a, d->irq % IRQ_ZERO);
    aml_end_resources(a, crs);
    aml_end(a, device);
}

static void isa_devices(struct Aml *a, const struct AcpiConfig *c) {
    const struct {
        bool present;
        struct IsaDevice device;
    } list[] = {
        {true, {"PIC", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2, 0}},
        {true, {"TIMR", "PNP0100", {{0x40, 4}}, IRQ_ZERO, 0}},
        {true, {"SPKR", "PNP0800", {{0x61, 1}}, 0, 0}},
        {true, {"DMAC", "PNP0200", {{0x00, 0x10}, {0x81, 0x0f}, {0xc0, 0x20}}, 0, 0}},
        {true, {"FPU", "PNP0C04", {{0xf0, 1}}, 13, 0}},
        {c->rtc, {"RTC", "PNP0B00", {{0x70, 2}}, 8, 0}},
        {c->keyboard, {"KBD", "PNP0303", {{0x60, 1}, {0x64, 1}}, 1, 0}},
        {c->mouse, {"MOU", "PNP0F13", {{0}}, 12, 0}},
        {c->com1, {"COM1", "PNP0501", {{0x3f8, 8}}, 4, 1}},
    };
    for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (list[i].present)
            isa_device(a, &list[i].device);
    }
}

/* A guest's panics; its methods are QEMU's (docs/specs/pvpanic.rst there). */
static void pvpanic(struct Aml *a, uint16_t port) {
    size_t device = aml_begin_device(a, "PEVT");
    aml_name_string_value(a, "_HID", "QEMU0001");
    aml_name_integer(a, "_STA", STATUS_PRESENT);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_io(a, port, 1);
    aml_end_resources(a, crs);
    aml_io_byte(a, "PEOR", "PEPT", port);
    size_t method = aml_begin_method(a, "RDPT", 0);
    aml_return(a);
    aml_name_string(a, "PEPT");
    aml_end(a, method);
    method = aml_begin_method(a, "WRPT", 1);
    aml_store_arg(a, 0, "PEPT");
    aml_end(a, method);
    aml_end(a, device);
}

/* _PRT: one package for every slot and pin. `table[n]` is the interrupt of PIRQ n. */
static void routing_table(struct Aml *a, const char *name, const uint8_t table[PCI_PIRQS]) {
    enum { ENTRIES = (PCI_SLOTS - 1) * 4 };
    aml_name(a, name);
    size_t outer = aml_begin_package(a, ENTRIES);
    for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            size_t entry = aml_begin_package(a, 4);
            aml_integer(a, slot << 16 | 0xffff);
            aml_integer(a, pin);
            aml_integer(a, 0); /* no link device: the next is a global interrupt number */
            aml_integer(a, table[pci_pirq_of(slot, pin)]);
            aml_end(a, entry);
        }
    }
    aml_end(a, outer);
}

static void routing(struct Aml *a, const struct AcpiConfig *c) {
    uint8_t gsi[PCI_PIRQS];
    for (unsigned n = 0; n < PCI_PIRQS; n++)
        gsi[n] = c->pci_gsi_base + n;
    routing_table(a, "PRTA", gsi);
    routing_table(a, "PRTP", c->pirq_irq);
    size_t method = aml_begin_method(a, "_PRT", 0);
    size_t condition = aml_begin_if(a);
    aml_name_string(a, "\\PICF");
    aml_return(a);
    aml_name_string(a, "PRTA");
    aml_end(a, condition);
    aml_return(a);
    aml_name_string(a, "PRTP");
    aml_end(a, method);
}

static void pci_root(struct Aml *a, const struct AcpiConfig *c) {
    size_t root = aml_begin_device(a, "PCI0");
    aml_name_eisa(a, "_HID", "PNP0A03");
    aml_name_integer(a, "_UID", 0);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_bus_window(a, 0, 0xff);
    aml_res_io(a, 0xcf8, 8);
    aml_res_io_window(a, 0, 0xcf7);
    aml_res_io_window(a, 0xd00, 0xffff);
    aml_res_memory_window(a, 0xa0000, 0xbffff);
    aml_res_memory_window(a, c->mmio_base, c->mmio_end - 1);
    if (c->mmio64_end > c->mmio64_base)
        aml_res_memory64_window(a, c->mmio64_base, c->mmio64_end - 1);
    aml_end_resources(a, crs);
    routing(a, c);
    size_t isa = aml_begin_device(a, "ISA");
    aml_name_integer(a, "_ADR", 0x00010000);
    isa_devices(a, c);
    if (c->pvpanic_port)
        pvpanic(a, c->pvpanic_port);
    aml_end(a, isa);
    aml_end(a, root);
}

static void hpet(struct Aml *a, const struct AcpiConfig *c) {
    size_t device = aml_begin_device(a, "HPET");
    aml_name_eisa(a, "_HID", "PNP0103");
    aml_name_integer(a, "_UID", 0);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_memory(a, c->hpet_base, HPET_SIZE, false);
    aml_end_resources(a, crs);
    aml_end(a, device);
}

static void fw_cfg(struct Aml *a, const struct AcpiConfig *c) {
    size_t device = aml_begin_device(a, "FWCF");
    aml_name_string_value(a, "_HID", "QEMU0002");
    aml_name_integer(a, "_STA", STATUS_HIDDEN);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_io(a, c->fw_cfg_base, FW_CFG_SIZE);
    aml_end_resources(a, crs);
    aml_end(a, device);
}

/* Resources of the mainboard that nobody else claims. */
static void mainboard(struct Aml *a, const struct AcpiConfig *c) {
    size_t device = aml_begin_device(a, "MBRD");
    aml_name_eisa(a, "_HID", "PNP0C02");
    aml_name_integer(a, "_UID", 0);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_io(a, c->pm_base, ACPI_PM_PORTS);
    aml_res_io(a, 0x92, 1);
    if (c->ioapic_base)
        aml_res_memory(a, c->ioapic_base, 0x1000, true);
    if (c->lapic_base)
        aml_res_memory(a, c->lapic_base, 0x1000, true);
    aml_end_resources(a, crs);
    aml_end(a, device);
}

static void processors(struct Aml *a, const struct AcpiConfig *c) {
    for (unsigned i = 0; i < c->cpus; i++) {
        char name[8];
        snprintf(name, sizeof(name), "C%03X", i & 0xfff);
        size_t device = aml_begin_device(a, name);
        aml_name_string_value(a, "_HID", "ACPI0007");
        aml_name_integer(a, "_UID", i);
        aml_end(a, device);
    }
}

/* A sleep state that there is (ACPI 6.4, 7.4.2): the types for PM1a and PM1b control. */
static void sleep_state(struct Aml *a, const char *name, uint8_t type) {
    aml_name(a, name);
    size_t package = aml_begin_package(a, 4);
    aml_integer(a, type);
    aml_integer(a, type);
    aml_integer(a, 0);
    aml_integer(a, 0);
    aml_end(a, package);
}

void acpi_dsdt(struct Aml *a, const struct AcpiConfig *c) {
    aml_name_integer(a, "\\PICF", 0); /* 1: the system uses the I/O APIC */
    size_t pic = aml_begin_method(a, "\\_PIC", 1);
    aml_store_arg(a, 0, "\\PICF");
    aml_end(a, pic);

    if (!c->no_s3)
        sleep_state(a, "\\_S3", ACPI_SLP_TYP_S3);
    sleep_state(a, "\\_S5", ACPI_SLP_TYP_S5);

    size_t sb = aml_begin_scope(a, "\\_SB");
    processors(a, c);
    pci_root(a, c);
    mainboard(a, c);
    if (c->hpet_base)
        hpet(a, c);
    if (c->fw_cfg_base)
        fw_cfg(a, c);
    aml_end(a, sb);
}
