/* SPDX-License-Identifier: MIT */
/**
 * The IDE function of an 82371SB ("PIIX3", 8086:7010; data sheet, 2.3 and 2.7), at 00:01.1: two channels at the ports
 * where PCs always had them (1F0h and 3F6h, IRQ 14; 170h and 376h, IRQ 15), and bus master registers in BAR 4. The
 * command register switches the ports on.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PIIX3_IDE_H
#define TWIN86_DEVICES_PIIX3_IDE_H

#include "devices/ide/ide.h"

enum {
    PIIX3_IDE_SLOT = 1,
    PIIX3_IDE_FUNCTION = 1,
    PIIX3_IDE_DEVFN = PIIX3_IDE_SLOT * PCI_FUNCTIONS + PIIX3_IDE_FUNCTION
};

struct Piix3IdeState {
    struct PciDeviceState pci;
};

struct Piix3Ide {
    struct Piix3IdeState state;
    struct PciDevice pci;
    struct Ide ide;
};

/** Make it, without drives. `irq`: INTRQ of both channels. `ops` as ide_init. */
void piix3_ide_init(struct Piix3Ide *p, const struct IrqWire irq[IDE_CHANNELS], const struct IdeOps *ops, void *opaque);
/** Plug it in. 0 or -errno. */
int piix3_ide_add(struct Piix3Ide *p, struct PciHost *host);
/** pci_reset has reset the function. */
void piix3_ide_reset(struct Piix3Ide *p);
/** What firmware does: switch the channels' ports and timing on. */
void piix3_ide_set_firmware_state(struct Piix3Ide *p);
void piix3_ide_set_log(struct Piix3Ide *p, const struct DeviceLog *log);
/** Of the function alone: the channels have ide_channel_state_table each. */
extern const struct StateTable piix3_ide_state_table;

#endif
