/* SPDX-License-Identifier: MIT */
/**
 * The power management function of an 82371AB ("PIIX4", 8086:7113; data sheet, chapter 7), at 00:01.3. Its registers
 * say where the ACPI block is (PMBA 40h, enabled by PMREGMISC 80h) and where the SMBus host controller (90h, enabled by
 * D2h and the command register). What the ACPI block is, the machine says (devices/acpi_pm.h). No slave is on the
 * SMBus: every transaction ends with a device error.
 *
 * Firmware programs both addresses; where none runs the machine does (piix4_pm_set_base).
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PIIX4_PM_H
#define TWIN86_DEVICES_PIIX4_PM_H

#include "devices/pci/pci.h"

enum { PIIX4_PM_SLOT = 1, PIIX4_PM_FUNCTION = 3, PIIX4_PM_PORTS = 64, PIIX4_SMBUS_PORTS = 16, PIIX4_SMBUS_BLOCK = 32 };

struct Piix4PmState {
    struct PciDeviceState pci;
    uint8_t smb_status, smb_control, smb_command, smb_address;
    uint8_t smb_data[2];
    uint8_t smb_index; /* in the block, of the next byte */
    uint8_t unused;
    uint8_t smb_block[PIIX4_SMBUS_BLOCK];
};

struct Piix4Pm {
    struct Piix4PmState state;
    struct PciDevice pci;
    uint16_t told; /* the base that `moved` was told last */
    void (*moved)(void *opaque, uint16_t base);
    void *moved_opaque;
};

/**
 * Make it. `ops` is the ACPI block of PIIX4_PM_PORTS ports, `opaque` its owner. `moved` (may be NULL) hears where the
 * block is, 0: nowhere, when that changes.
 */
void piix4_pm_init(struct Piix4Pm *pm, const struct IoOps *ops, void *opaque,
                   void (*moved)(void *opaque, uint16_t base), void *moved_opaque);
/** Plug it in. 0 or -errno. */
int piix4_pm_add(struct Piix4Pm *pm, struct PciHost *host);
/** Back to no address; pci_reset has reset the function. */
void piix4_pm_reset(struct Piix4Pm *pm);
extern const struct StateTable piix4_pm_state_table;
/** The state was restored, and pci_restored was called. */
void piix4_pm_restored(struct Piix4Pm *pm);

/** Where the ACPI block is; 0: nowhere. */
uint16_t piix4_pm_base(const struct Piix4Pm *pm);
/** What firmware does: put it there (a multiple of 64) and enable it. */
void piix4_pm_set_base(struct Piix4Pm *pm, uint16_t base);

#endif
