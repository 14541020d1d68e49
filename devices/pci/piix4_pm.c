/* SPDX-License-Identifier: MIT */
#include "devices/pci/piix4_pm.h"
#include "base/bytes.h"

#include <string.h>

/* Configuration registers (82371AB data sheet, 7.1). */
enum { PMBA = 0x40, PMREGMISC = 0x80, SMBBA = 0x90, SMBHSTCFG = 0xd2 };
enum { PMIOSE = 1, SMB_HST_EN = 1, SCI_PIN = 1 };

/* SMBus registers (7.2) and their bits. */
enum { SMB_HOST_STATUS, SMB_SLAVE_STATUS, SMB_CONTROL, SMB_COMMAND, SMB_ADDRESS, SMB_DATA0, SMB_DATA1, SMB_BLOCK };
enum { SMB_STATUS_DEVICE_ERROR = 1 << 2, SMB_STATUS_CLEARS = 0x1e };
enum { SMB_CONTROL_START = 1 << 6, SMB_CONTROL_KEPT = 0x1f };

/* ---- SMBus ---- */

static uint8_t next_in_block(struct Piix4PmState *s) {
    uint8_t i = s->smb_index;
    s->smb_index = (i + 1) % PIIX4_SMBUS_BLOCK;
    return i;
}

static uint64_t smb_read(void *opaque, uint64_t offset, unsigned size) {
    struct Piix4PmState *s = &((struct Piix4Pm *)opaque)->state;
    (void)size;
    switch (offset) {
    case SMB_HOST_STATUS: return s->smb_status;
    case SMB_CONTROL: s->smb_index = 0; return s->smb_control; /* reading it rewinds the block (7.2.8) */
    case SMB_COMMAND: return s->smb_command;
    case SMB_ADDRESS: return s->smb_address;
    case SMB_DATA0:
    case SMB_DATA1: return s->smb_data[offset - SMB_DATA0];
    case SMB_BLOCK: return s->smb_block[next_in_block(s)];
    default: return 0;
    }
}

static void smb_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Piix4PmState *s = &((struct Piix4Pm *)opaque)->state;
    (void)size;
    switch (offset) {
    case SMB_HOST_STATUS: s->smb_status &= ~(value & SMB_STATUS_CLEARS); break;
    case SMB_CONTROL:
        s->smb_control = value & SMB_CONTROL_KEPT;
        if (value & SMB_CONTROL_START)
            s->smb_status |= SMB_STATUS_DEVICE_ERROR; /* nobody acknowledges */
        break;
    case SMB_COMMAND: s->smb_command = value; break;
    case SMB_ADDRESS: s->smb_address = value; break;
    case SMB_DATA0:
    case SMB_DATA1: s->smb_data[offset - SMB_DATA0] = value; break;
    case SMB_BLOCK: s->smb_block[next_in_block(s)] = value; break;
    }
}

static const struct IoOps smb_ops = {.read = smb_read, .write = smb_write, .min_size = 1, .max_size = 1};

/* ---- where the ACPI block is ---- */

uint16_t piix4_pm_base(const struct Piix4Pm *pm) {
    const struct PciWindow *w = &pm->pci.window[PCI_OWN_WINDOW];
    return w->mapped ? (uint16_t)w->mapped_at : 0;
}

static void tell(struct Piix4Pm *pm) {
    uint16_t base = piix4_pm_base(pm);
    if (base == pm->told)
        return;
    pm->told = base;
    if (pm->moved)
        pm->moved(pm->moved_opaque, base);
}

static void config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    (void)offset, (void)size;
    tell(dev->opaque);
}

void piix4_pm_set_base(struct Piix4Pm *pm, uint16_t base) {
    unsigned devfn = PIIX4_PM_SLOT * PCI_FUNCTIONS + PIIX4_PM_FUNCTION;
    pci_config_write(pm->pci.host, 0, devfn, PMBA, base, 4);
    pci_config_write(pm->pci.host, 0, devfn, PMREGMISC, PMIOSE, 1);
}

/* ---- life ---- */

/* By this bit firmware sees that SMM is set up already, and leaves it alone: there is none (as QEMU has it with
 * smm=off). */
#define APMC_EN (1u << 25)
enum { DEVACTB = 0x58 };

static void init_registers(struct PciDevice *dev) {
    /* kept for firmware that writes them: no SMI, general purpose I/O or device monitor is behind them */
    static const uint8_t kept[][2] = {{0x44, 0x08}, {0x4c, 0x04}, {0x50, 0x1c}};
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        memset(dev->writable + kept[i][0], 0xff, kept[i][1]);
    dev->initial[PMBA] = 1; /* an I/O address */
    put_le32(dev->writable + PMBA, 0xffc0);
    dev->writable[PMREGMISC] = PMIOSE;
    dev->initial[DEVACTB + 3] = APMC_EN >> 24;
    dev->initial[SMBBA] = 1;
    put_le32(dev->writable + SMBBA, 0xfff0);
    dev->writable[SMBHSTCFG] = 0x0f; /* enable, and which interrupt */
}

void piix4_pm_init(struct Piix4Pm *pm, const struct IoOps *ops, void *opaque,
                   void (*moved)(void *opaque, uint16_t base), void *moved_opaque) {
    const struct PciWindow acpi = {.size = PIIX4_PM_PORTS,
                                   .ops = ops,
                                   .opaque = opaque,
                                   .flags = PCI_BAR_IO,
                                   .reg = PMBA,
                                   .enable = {{PMREGMISC, PMIOSE}}};
    const struct PciWindow smbus = {.size = PIIX4_SMBUS_PORTS,
                                    .ops = &smb_ops,
                                    .opaque = pm,
                                    .flags = PCI_BAR_IO,
                                    .reg = SMBBA,
                                    .enable = {{SMBHSTCFG, SMB_HST_EN}, {PCI_COMMAND, PCI_COMMAND_IO}}};
    memset(pm, 0, sizeof(*pm));
    pm->moved = moved;
    pm->moved_opaque = moved_opaque;
    pci_device_init(&pm->pci, &pm->state.pci, "acpi-pm", 0x8086, 0x7113, 0x068000, 3);
    pci_device_set_pin(&pm->pci, SCI_PIN); /* firmware looks at it; the SCI is ISA interrupt 9 by itself */
    pm->pci.opaque = pm;
    pm->pci.config_written = config_written;
    init_registers(&pm->pci);
    pci_device_add_window(&pm->pci, &acpi);
    pci_device_add_window(&pm->pci, &smbus);
}

int piix4_pm_add(struct Piix4Pm *pm, struct PciHost *host) {
    return pci_add_device(host, &pm->pci, PIIX4_PM_SLOT, PIIX4_PM_FUNCTION);
}

void piix4_pm_reset(struct Piix4Pm *pm) {
    struct PciDeviceState pci = pm->state.pci;
    pm->state = (struct Piix4PmState){.pci = pci};
    tell(pm);
}

void piix4_pm_restored(struct Piix4Pm *pm) { tell(pm); }

/* ---- saved state ---- */

const struct StateTable piix4_pm_state_table = {
    .name = "piix4_pm",
    .size = sizeof(struct Piix4PmState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(Piix4PmState, pci, &pci_device_state_table),
            STATE_FIELD(Piix4PmState, smb_status),
            STATE_FIELD(Piix4PmState, smb_control),
            STATE_FIELD(Piix4PmState, smb_command),
            STATE_FIELD(Piix4PmState, smb_address),
            STATE_ARRAY(Piix4PmState, smb_data),
            STATE_FIELD(Piix4PmState, smb_index, .max = PIIX4_SMBUS_BLOCK - 1),
            STATE_PADDING(Piix4PmState, unused),
            STATE_ARRAY(Piix4PmState, smb_block),
            {0},
        },
};
