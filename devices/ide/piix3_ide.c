/* SPDX-License-Identifier: MIT */
#include "devices/ide/piix3_ide.h"
#include "base/bytes.h"

#include <string.h>

enum { IDETIM = 0x40, IDETIM_DECODE = 0x8000, MASTER_BAR = 4, MASTER_PORTS = 16, MASTER_CHANNEL = 8 };

static const struct {
    uint16_t command, control;
} ports[IDE_CHANNELS] = {{0x1f0, 0x3f6}, {0x170, 0x376}};

/* The bus master's ports: 8 of each channel. */
static uint64_t master_read(void *opaque, uint64_t offset, unsigned size) {
    struct Piix3Ide *p = opaque;
    return ide_master_ops.read(&p->ide.channel[offset / MASTER_CHANNEL], offset % MASTER_CHANNEL, size);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Piix3Ide *p = opaque;
    ide_master_ops.write(&p->ide.channel[offset / MASTER_CHANNEL], offset % MASTER_CHANNEL, value, size);
}

static const struct IoOps master_ops = {.read = master_read, .write = master_write, .min_size = 1, .max_size = 1};

static void config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    struct Piix3Ide *p = dev->opaque;
    (void)size;
    if (offset <= PCI_COMMAND)
        ide_master_changed(&p->ide);
}

static void add_ports(struct Piix3Ide *p, unsigned channel) {
    struct PciWindow w = {.size = 8,
                          .ops = &ide_command_ops,
                          .opaque = &p->ide.channel[channel],
                          .fixed = ports[channel].command,
                          .flags = PCI_BAR_IO,
                          .enable = {{PCI_COMMAND, PCI_COMMAND_IO}}};
    pci_device_add_window(&p->pci, &w);
    w.size = 1;
    w.ops = &ide_control_ops;
    w.fixed = ports[channel].control;
    pci_device_add_window(&p->pci, &w);
}

void piix3_ide_init(struct Piix3Ide *p, const struct IrqWire irq[IDE_CHANNELS], const struct IdeOps *ops,
                    void *opaque) {
    memset(p, 0, sizeof(*p));
    pci_device_init(&p->pci, &p->state.pci, "ide", 0x8086, 0x7010, 0x010180, 0);
    p->pci.opaque = p;
    p->pci.config_written = config_written;
    put_le32(p->pci.writable + IDETIM, UINT32_MAX); /* transfers take no time, whatever it says */
    p->pci.writable[IDETIM + 4] = 0xff;
    ide_init(&p->ide, &p->pci, irq, ops, opaque);
    for (unsigned i = 0; i < IDE_CHANNELS; i++)
        add_ports(p, i);
    pci_device_add_io_bar(&p->pci, MASTER_BAR, MASTER_PORTS, &master_ops, p);
}

int piix3_ide_add(struct Piix3Ide *p, struct PciHost *host) {
    return pci_add_device(host, &p->pci, PIIX3_IDE_SLOT, PIIX3_IDE_FUNCTION);
}

void piix3_ide_reset(struct Piix3Ide *p) { ide_reset(&p->ide); }

void piix3_ide_set_firmware_state(struct Piix3Ide *p) {
    pci_config_write(p->pci.host, 0, PIIX3_IDE_DEVFN, IDETIM, IDETIM_DECODE | (uint32_t)IDETIM_DECODE << 16, 4);
    pci_config_write(p->pci.host, 0, PIIX3_IDE_DEVFN, PCI_COMMAND, PCI_COMMAND_IO, 2);
}

void piix3_ide_set_log(struct Piix3Ide *p, const struct DeviceLog *log) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++)
        p->ide.channel[i].log = log;
}

const struct StateTable piix3_ide_state_table = {
    .name = "piix3_ide",
    .size = sizeof(struct Piix3IdeState),
    .version = 1,
    .field = (const struct StateField[]){STATE_WITHIN(Piix3IdeState, pci, &pci_device_state_table), {0}},
};
