/* SPDX-License-Identifier: MIT */
/**
 * ACPI tables of the machine (ACPI specification 6.4): RSDP, RSDT, XSDT, FADT (revision 5), FACS, DSDT, MADT, HPET.
 * Plain computation into buffers; the caller copies them to guest RAM or offers them through fw_cfg.
 */
#ifndef TWIN86_MACHINE_ACPI_TABLES_H
#define TWIN86_MACHINE_ACPI_TABLES_H

#include "isa/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACPI_RSDP_SIZE = 36, ACPI_POINTERS_MAX = 24, ACPI_TABLES_MAX = 8, ACPI_CPUS_MAX = 1024 };

/** What the tables describe. A zero base means: not there. */
struct AcpiConfig {
    uint32_t tables_base; /* where `buf` will lie in guest memory; a multiple of 64, below 4 GiB */
    unsigned cpus;        /* the first so many are there, of those that `topology` has room for */
    struct CpuTopology topology;
    uint32_t lapic_base;
    uint32_t ioapic_base;
    uint8_t ioapic_id;
    uint8_t sci_irq;  /* ISA interrupt, level-triggered, active-high */
    uint16_t pm_base; /* see devices/acpi_pm.h */
    bool no_s3, no_s4; /* that sleep state is not there */
    uint32_t hpet_base;
    uint32_t hpet_id;             /* low half of its capability register */
    uint64_t mmio_base, mmio_end; /* PCI windows [base, end) */
    uint64_t mmio64_base, mmio64_end;
    uint8_t pci_gsi_base; /* I/O APIC input of PIRQA, B..D follow; level, active-low */
    uint16_t fw_cfg_base;
    uint16_t pvpanic_port;
    uint8_t century;                 /* CMOS index of the century, 0: none */
    struct {
        uint16_t base; /* 0: there is none */
        uint8_t irq;
    } com[4];
    bool rtc, keyboard, mouse, floppy, vga; /* at their usual ports */
};

/** Where a built image holds pointers and checksums: what a firmware that relocates it must know. */
struct AcpiImage {
    size_t size;
    uint8_t rsdp[ACPI_RSDP_SIZE];
    unsigned pointers, tables;
    struct {
        uint32_t offset; /* within the image */
        uint8_t size;    /* 4 or 8 bytes */
    } pointer[ACPI_POINTERS_MAX];
    struct {
        uint32_t offset, size; /* those with a standard header: checksum at byte 9 */
    } table[ACPI_TABLES_MAX];
};

/** The FACS is what an image begins with; where in it the guest says where it wants to wake up. */
enum { ACPI_FACS_WAKING_VECTOR = 12 };

/** Build all tables into `buf`. 0, -EINVAL (impossible config) or -ENOSPC (n too small; 16 KiB + 32 bytes a CPU do). */
int acpi_build(const struct AcpiConfig *config, uint8_t *buf, size_t n, struct AcpiImage *image);

/**
 * For an image built with tables_base 0: the script "etc/table-loader" by which firmware places "etc/acpi/tables" (the
 * image) and "etc/acpi/rsdp" (image->rsdp) and mends pointers and checksums. The rsdp must be the one of the image.
 * Returns the script's size, or -ENOSPC.
 */
int acpi_loader_script(const struct AcpiImage *image, uint8_t *buf, size_t n);

/** Before the image in `buf` and image->rsdp go to firmware: checksums become 0. Some firmware adds what was there to
 *  the new ones. */
void acpi_clear_checksums(struct AcpiImage *image, uint8_t *buf);

/** The DSDT's definition block, without header, appended to `a`. */
struct Aml;
void acpi_dsdt(struct Aml *a, const struct AcpiConfig *config);

#endif
