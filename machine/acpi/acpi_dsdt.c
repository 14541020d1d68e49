/* SPDX-License-Identifier: MIT */
/* The DSDT: devices of the machine as an operating system shall see them. */
#include "cpu/topology.h"
#include "devices/acpi_pm.h"
#include "devices/pci/pci.h"
#include "machine/acpi/acpi_tables.h"
#include "machine/acpi/aml.h"

#include <stdio.h>

enum { HPET_SIZE = 0x400, FW_CFG_SIZE = 12, STATUS_PRESENT = 0x0f, STATUS_HIDDEN = 0x0b };

/* A legacy device: up to three port ranges, an interrupt (0: none; IRQ 0 is given as IRQ_ZERO), a DMA channel (0:
 * none). */
enum { IRQ_ZERO = 16, FLOPPY_DMA = 2 };
struct IsaDevice {
    const char *name, *id;
    struct {
        uint16_t base;
        uint8_t count;
    } io[3];
    uint8_t irq;
    uint8_t uid;
    uint8_t dma;
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
    if (d->dma)
        aml_res_dma(a, d->dma);
    aml_end_resources(a, crs);
    aml_end(a, device);
}

static void isa_devices(struct Aml *a, const struct AcpiConfig *c) {
    const struct {
        bool present;
        struct IsaDevice device;
    } list[] = {
        {true, {"PIC", "PNP0000", {{0x20, 2}, {0xa0, 2}, {0x4d0, 2}}, 2, 0, 0}},
        {true, {"TIMR", "PNP0100", {{0x40, 4}}, IRQ_ZERO, 0, 0}},
        {true, {"SPKR", "PNP0800", {{0x61, 1}}, 0, 0, 0}},
        {true, {"DMAC", "PNP0200", {{0x00, 0x10}, {0x81, 0x0f}, {0xc0, 0x20}}, 0, 0, 0}},
        {true, {"FPU", "PNP0C04", {{0xf0, 1}}, 13, 0, 0}},
        {c->rtc, {"RTC", "PNP0B00", {{0x70, 2}}, 8, 0, 0}},
        {c->keyboard, {"KBD", "PNP0303", {{0x60, 1}, {0x64, 1}}, 1, 0, 0}},
        {c->mouse, {"MOU", "PNP0F13", {{0}}, 12, 0, 0}},
        {c->floppy, {"FDC0", "PNP0700", {{0x3f2, 4}, {0x3f7, 1}}, 6, 0, FLOPPY_DMA}},
        {c->com[0].base, {"COM1", "PNP0501", {{c->com[0].base, 8}}, c->com[0].irq, 1, 0}},
        {c->com[1].base, {"COM2", "PNP0501", {{c->com[1].base, 8}}, c->com[1].irq, 2, 0}},
        {c->com[2].base, {"COM3", "PNP0501", {{c->com[2].base, 8}}, c->com[2].irq, 3, 0}},
        {c->com[3].base, {"COM4", "PNP0501", {{c->com[3].base, 8}}, c->com[3].irq, 4, 0}},
    };
    for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (list[i].present)
            isa_device(a, &list[i].device);
    }
}

/* A guest's panics; its methods are QEMU's (docs/specs/pvpanic.rst there). */
static void pvpanic(struct Aml *a, uint16_t port) {
    static const char *const field = "PEPT";
    size_t device = aml_begin_device(a, "PEVT");
    aml_name_string_value(a, "_HID", "QEMU0001");
    aml_name_integer(a, "_STA", STATUS_PRESENT);
    aml_name(a, "_CRS");
    size_t crs = aml_begin_resources(a);
    aml_res_io(a, port, 1);
    aml_end_resources(a, crs);
    aml_byte_fields(a, AML_SYSTEM_IO, "PEOR", port, &field, 1);
    size_t method = aml_begin_method(a, "RDPT", 0);
    aml_op(a, AML_RETURN);
    aml_name_string(a, field);
    aml_end(a, method);
    method = aml_begin_method(a, "WRPT", 1);
    aml_store_arg0(a, field);
    aml_end(a, method);
    aml_end(a, device);
}

/* ---- the way of PCI's interrupts ---- */

enum { PIRQ_ROUTES = 0x60, PIRQ_OFF = 0x80, PIRQ_IRQ = 0x0f }; /* 82371SB data sheet, "PIRQRC" */
static const char *const route_fields[PCI_PIRQS] = {"PRQA", "PRQB", "PRQC", "PRQD"};
static const char *const route_paths[PCI_PIRQS] = {"\\_SB.PCI0.ISA.PRQA", "\\_SB.PCI0.ISA.PRQB", "\\_SB.PCI0.ISA.PRQC",
                                                   "\\_SB.PCI0.ISA.PRQD"};
static const char *const links[PCI_PIRQS] = {"\\_SB.LNKA", "\\_SB.LNKB", "\\_SB.LNKC", "\\_SB.LNKD"};

/* And (route, bits): not 0 if it is off; its interrupt. */
static void route_bits(struct Aml *a, const char *route, uint8_t bits) {
    aml_op(a, AML_AND);
    aml_name_string(a, route);
    aml_integer(a, bits);
    aml_op(a, AML_NONE);
}

/* _STA: present, and enabled unless the route is off. */
static void link_status(struct Aml *a, const char *route) {
    enum { ENABLED = STATUS_HIDDEN, DISABLED = STATUS_HIDDEN & ~2 };
    size_t method = aml_begin_method(a, "_STA", 0);
    size_t condition = aml_begin_if(a);
    route_bits(a, route, PIRQ_OFF);
    aml_op(a, AML_RETURN);
    aml_integer(a, DISABLED);
    aml_end(a, condition);
    aml_op(a, AML_RETURN);
    aml_integer(a, ENABLED);
    aml_end(a, method);
}

static void link_disable(struct Aml *a, const char *route) {
    size_t method = aml_begin_method(a, "_DIS", 0);
    aml_op(a, AML_OR);
    aml_name_string(a, route);
    aml_integer(a, PIRQ_OFF);
    aml_name_string(a, route);
    aml_end(a, method);
}

/* _CRS: the interrupt by now, none if the route is off, in a buffer that is there once. */
static void link_current(struct Aml *a, const char *route) {
    aml_name(a, "BUFR");
    size_t crs = aml_begin_resources(a);
    aml_res_pci_irqs(a, 0);
    aml_end_resources(a, crs);
    aml_op(a, AML_CREATE_WORD_FIELD);
    aml_name_string(a, "BUFR");
    aml_integer(a, 1);
    aml_name_string(a, "IRQW");
    size_t method = aml_begin_serialized_method(a, "_CRS", 0), part = aml_begin_if(a);
    route_bits(a, route, PIRQ_OFF);
    aml_op(a, AML_STORE);
    aml_integer(a, 0);
    aml_name_string(a, "IRQW");
    aml_end(a, part);
    part = aml_begin_else(a);
    aml_op(a, AML_SHIFT_LEFT);
    aml_integer(a, 1);
    route_bits(a, route, PIRQ_IRQ);
    aml_name_string(a, "IRQW");
    aml_end(a, part);
    aml_op(a, AML_RETURN);
    aml_name_string(a, "BUFR");
    aml_end(a, method);
}

/* _SRS: the first interrupt of the descriptor; without any -1, which has the bit that means off. */
static void link_set(struct Aml *a, const char *route) {
    size_t method = aml_begin_serialized_method(a, "_SRS", 1);
    aml_op(a, AML_CREATE_WORD_FIELD);
    aml_op(a, AML_ARG0);
    aml_integer(a, 1);
    aml_name_string(a, "IRQM");
    aml_op(a, AML_FIND_SET_RIGHT_BIT);
    aml_name_string(a, "IRQM");
    aml_op(a, AML_LOCAL0);
    aml_op(a, AML_SUBTRACT);
    aml_op(a, AML_LOCAL0);
    aml_integer(a, 1);
    aml_name_string(a, route);
    aml_end(a, method);
}

/* PIRQ n, for systems that use the 8259s, as the ISA bridge routes it (ACPI 6.4, 6.2.12 to 6.2.16). */
static void link_device(struct Aml *a, unsigned n) {
    enum { POSSIBLE = 1 << 5 | 1 << 10 | 1 << 11 }; /* which nothing else of this machine uses */
    size_t device = aml_begin_device(a, links[n]);
    aml_name_eisa(a, "_HID", "PNP0C0F");
    aml_name_integer(a, "_UID", n + 1);
    aml_name(a, "_PRS");
    size_t prs = aml_begin_resources(a);
    aml_res_pci_irqs(a, POSSIBLE);
    aml_end_resources(a, prs);
    link_status(a, route_paths[n]);
    link_disable(a, route_paths[n]);
    link_current(a, route_paths[n]);
    link_set(a, route_paths[n]);
    aml_end(a, device);
}

/* _PRT: one package for every slot and pin. `gsi`: the I/O APIC's input of PIRQA; 0: the link devices. */
static void routing_table(struct Aml *a, const char *name, unsigned gsi) {
    enum { ENTRIES = (PCI_SLOTS - 1) * 4 };
    aml_name(a, name);
    size_t outer = aml_begin_package(a, ENTRIES);
    for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned pirq = pci_pirq_of(slot, pin);
            size_t entry = aml_begin_package(a, 4);
            aml_integer(a, slot << 16 | 0xffff);
            aml_integer(a, pin);
            if (gsi == 0)
                aml_name_string(a, links[pirq]);
            else
                aml_integer(a, 0); /* no link device: the next is a global interrupt number */
            aml_integer(a, gsi == 0 ? 0 : gsi + pirq);
            aml_end(a, entry);
        }
    }
    aml_end(a, outer);
}

static void routing(struct Aml *a, const struct AcpiConfig *c) {
    routing_table(a, "PRTA", c->pci_gsi_base);
    routing_table(a, "PRTP", 0);
    size_t method = aml_begin_method(a, "_PRT", 0);
    size_t condition = aml_begin_if(a);
    aml_name_string(a, "\\PICF");
    aml_op(a, AML_RETURN);
    aml_name_string(a, "PRTA");
    aml_end(a, condition);
    aml_op(a, AML_RETURN);
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
    aml_byte_fields(a, AML_PCI_CONFIG, "PIRQ", PIRQ_ROUTES, route_fields, PCI_PIRQS);
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
    for (unsigned i = 0; i < cpu_topology_count(&c->topology); i++) {
        char name[8];
        snprintf(name, sizeof(name), "C%03X", i & 0xfff);
        size_t device = aml_begin_device(a, name);
        aml_name_string_value(a, "_HID", "ACPI0007");
        aml_name_integer(a, "_UID", i);
        if (i >= c->cpus)
            aml_name_integer(a, "_STA", 0);
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
    aml_store_arg0(a, "\\PICF");
    aml_end(a, pic);

    if (!c->no_s3)
        sleep_state(a, "\\_S3", ACPI_SLP_TYP_S3);
    if (!c->no_s4)
        sleep_state(a, "\\_S4", ACPI_SLP_TYP_S4);
    sleep_state(a, "\\_S5", ACPI_SLP_TYP_S5);

    size_t sb = aml_begin_scope(a, "\\_SB");
    processors(a, c);
    pci_root(a, c);
    for (unsigned n = 0; n < PCI_PIRQS; n++)
        link_device(a, n);
    mainboard(a, c);
    if (c->hpet_base)
        hpet(a, c);
    if (c->fw_cfg_base)
        fw_cfg(a, c);
    aml_end(a, sb);
}
