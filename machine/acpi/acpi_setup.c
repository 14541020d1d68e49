/* SPDX-License-Identifier: MIT */
/* The ACPI tables of this machine: in guest RAM for kernels that are booted directly, in fw_cfg for firmware. */
#include "machine/acpi/acpi_tables.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES_SIZE = 0x8000, SCRIPT_SIZE = 0x2000 };

static struct AcpiConfig describe(struct Machine *m, uint32_t tables_base) {
    bool apic = cpu_has(&machine_cpu(m, 0)->model, CPUID_APIC);
    struct AcpiConfig c = {
        .tables_base = tables_base,
        .cpus = m->cpu_count,
        .topology = machine_topology(m),
        .lapic_base = apic ? LAPIC_DEFAULT_BASE : 0,
        .ioapic_base = apic ? IOAPIC_DEFAULT_BASE : 0,
        .ioapic_id = MACHINE_IOAPIC_ID,
        .sci_irq = 9,
        .pm_base = piix4_pm_base(&m->piix4_pm) != 0 ? piix4_pm_base(&m->piix4_pm) : MACHINE_PM_BASE,
        .no_s3 = m->config.no_s3,
        .no_s4 = m->config.no_s4,
        .hpet_base = m->config.no_hpet ? 0 : HPET_DEFAULT_BASE,
        .hpet_id = (uint32_t)hpet_ops.read(&m->hpet, 0, 4),
        .mmio_base = m->pci.config.mmio_base,
        .mmio_end = m->pci.config.mmio_end,
        .mmio64_base = m->pci.config.mmio64_base,
        .mmio64_end = m->pci.config.mmio64_end,
        .pci_gsi_base = MACHINE_PIRQ_GSI,
        .fw_cfg_base = FW_CFG_BASE,
        .pvpanic_port = m->config.pvpanic ? m->config.pvpanic_port : 0,
        .century = RTC_CENTURY,
        .rtc = true,
        .keyboard = true,
        .mouse = true,
        .vga = m->display.plugged,
    };
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        if (m->com[i].there) {
            c.com[i].base = m->com[i].base;
            c.com[i].irq = m->com[i].irq;
        }
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        c.floppy |= m->fdc.drive[i].config.type != FLOPPY_NONE;
    return c;
}

int machine_acpi_to_ram(struct Machine *m) {
    struct AcpiImage image;
    uint64_t base = ram_acpi_base(&m->layout);
    m->boot.acpi_base = m->boot.acpi_size = m->boot.rsdp = 0;
    if (base == 0 || m->config.no_acpi)
        return 0; /* too little RAM to give some away; or not wanted */
    uint8_t *buf = calloc(1, TABLES_SIZE);
    if (buf == NULL)
        return -ENOMEM;
    struct AcpiConfig config = describe(m, (uint32_t)base);
    int r = acpi_build(&config, buf, TABLES_SIZE, &image);
    if (r == 0) {
        bus_write(m->bus, base, buf, image.size);
        bus_write(m->bus, BIOS_AREA_BASE, image.rsdp, ACPI_RSDP_SIZE); /* where those look who are not told */
        m->boot.acpi_base = base;
        m->boot.acpi_size = ACPI_AREA_SIZE;
        m->boot.rsdp = BIOS_AREA_BASE;
    }
    free(buf);
    return r;
}

int machine_acpi_to_fw_cfg(struct Machine *m) {
    struct AcpiImage image;
    if (m->config.no_acpi)
        return 0;
    uint8_t *buf = calloc(1, TABLES_SIZE + SCRIPT_SIZE);
    if (buf == NULL)
        return -ENOMEM;
    struct AcpiConfig config = describe(m, 0);
    int r = acpi_build(&config, buf, TABLES_SIZE, &image);
    if (r == 0)
        acpi_clear_checksums(&image, buf);
    if (r == 0)
        r = fw_cfg_add_file(&m->fw_cfg, "etc/acpi/tables", buf, (uint32_t)image.size);
    if (r == 0)
        r = fw_cfg_add_file(&m->fw_cfg, "etc/acpi/rsdp", image.rsdp, ACPI_RSDP_SIZE);
    if (r == 0)
        r = acpi_loader_script(&image, buf + TABLES_SIZE, SCRIPT_SIZE);
    if (r >= 0)
        r = fw_cfg_add_file(&m->fw_cfg, "etc/table-loader", buf + TABLES_SIZE, (uint32_t)r);
    free(buf);
    return r;
}
