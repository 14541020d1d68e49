/* SPDX-License-Identifier: MIT */
/**
 * PCI: a host bridge with configuration mechanism 1 (PCI Local Bus specification 3.0, 3.2.2.3.2), bus 0, and what every
 * device on it has: a type 0 configuration header (chapter 6), BARs, an INTx pin.
 *
 * The host bridge is an Intel 440FX (8086:1237); its PAM registers 59h-5Fh and SMRAM 72h say what the processor sees
 * from A0000h to FFFFFh (82441FX data sheet, 3.2.18 and 3.2.19): whoever maps memory is told when they change. Beside
 * it at 00:01.0 is an ISA bridge 82371SB ("PIIX3", 8086:7000), whose registers 60h-63h route PIRQA-PIRQD to ISA
 * interrupts (82371SB data sheet, "PIRQRC").
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PCI_H
#define TWIN86_DEVICES_PCI_H

#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

enum { PCI_SLOTS = 32, PCI_FUNCTIONS = 8, PCI_CONFIG_SIZE = 256, PCI_BARS = 6, PCI_PIRQS = 4, PCI_FIRST_FREE_SLOT = 2 };

/** Configuration header offsets. */
enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x09, /* 3 bytes: interface, subclass, base class */
    PCI_CACHE_LINE = 0x0c,
    PCI_LATENCY = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_ROM = 0x30,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_HEADER_SIZE = 0x40,
};

enum {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_INTX_OFF = 1 << 10,
    PCI_STATUS_INTX = 1 << 3,
    PCI_STATUS_CAPABILITIES = 1 << 4,
};

enum { PCI_MULTIFUNCTION = 0x80 }; /* in the header type */

/** Memory BAR flags, as they stand in the BAR. */
enum { PCI_BAR_IO = 1, PCI_BAR_64 = 4, PCI_BAR_PREFETCH = 8 };

/** What belongs into a device's own state struct. */
struct PciDeviceState {
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t intx;     /* the device asks for its interrupt */
    uint8_t asserted; /* and it reaches the PIRQ */
    uint8_t unused[2];
};

/**
 * A range of addresses that a device decodes while its enable bits are set: a BAR, the expansion ROM, or one that the
 * chipset keeps elsewhere (power management). Of overlapping windows the one of the device with the least number wins,
 * and within a device the one with the least index, whichever was moved there last.
 */
struct PciWindow {
    uint64_t size;         /* power of two; 0: none */
    struct Region *region; /* memory */
    const struct IoOps *ops;
    void *opaque;
    uint64_t mapped_at;
    uint64_t fixed; /* not 0: it is always there, and has no address register */
    bool mapped;
    uint8_t flags; /* PCI_BAR_* */
    uint8_t reg;   /* address register */
    struct {
        uint8_t reg, bits; /* of these bytes of configuration space all bits must be set */
    } enable[2];
};

/** The windows: BARs, the ROM, and PCI_OWN_WINDOWS of the device's own kind. */
enum { PCI_ROM_WINDOW = PCI_BARS, PCI_OWN_WINDOW, PCI_OWN_WINDOWS = 4, PCI_WINDOWS = PCI_OWN_WINDOW + PCI_OWN_WINDOWS };

struct PciDevice {
    struct PciDeviceState *state;
    uint8_t initial[PCI_CONFIG_SIZE];  /* after reset */
    uint8_t writable[PCI_CONFIG_SIZE]; /* bits that a write changes */
    uint8_t clears[PCI_CONFIG_SIZE];   /* bits that a write of 1 clears */
    struct PciWindow window[PCI_WINDOWS];
    const char *name;
    uint8_t devfn;
    uint8_t next_capability;
    uint8_t msi; /* offset of the capability; 0: there is none */
    struct PciMsix *msix;
    struct PciHost *host;
    /** Called before the guest reads configuration bytes [offset, offset + size). May be NULL. */
    void (*config_reading)(struct PciDevice *dev, unsigned offset, unsigned size);
    /** Called after the guest wrote configuration bytes [offset, offset + size). May be NULL. */
    void (*config_written)(struct PciDevice *dev, unsigned offset, unsigned size);
    void *opaque; /* the owner's */
};

struct PciHostState {
    uint32_t address;              /* CF8h */
    uint8_t pirq_count[PCI_PIRQS]; /* devices that assert it */
    uint16_t isa_levels;           /* ISA interrupts held by PIRQs */
    uint16_t unused;
    struct PciDeviceState bridge, isa;
};

/** What a PAM register lets reach DRAM; other accesses go to the PCI bus. */
enum { PCI_SHADOW_READ = 1, PCI_SHADOW_WRITE = 2 };
/** Areas with such a register: 0 is F0000h-FFFFFh; 1 to 12 are 16 KiB each from C0000h on. */
enum { PCI_SHADOW_AREAS = 13 };
struct PciShadowArea {
    uint32_t base, size;
};
/** SMRAM, 72h: who reaches the DRAM at A0000h-BFFFFh. */
enum { PCI_SMRAM_ENABLE = 1 << 3, PCI_SMRAM_LOCKED = 1 << 4, PCI_SMRAM_CLOSED = 1 << 5, PCI_SMRAM_OPEN = 1 << 6 };

struct PciHostConfig {
    uint64_t mmio_base, mmio_end;     /* 32-bit window for memory BARs: [base, end) */
    uint64_t mmio64_base, mmio64_end; /* 64-bit window; empty: none */
    struct IrqWire pirq;              /* PIRQA-D as such, to the I/O APIC: `line` + 0..3 */
    struct IrqWire isa;               /* ISA interrupts, to the 8259s: `line` + 0..15 */
    const struct IoOps *reset_ops;    /* the byte register at CF9h, which lies among the bridge's ports; may be NULL */
    void *reset_opaque;
    /** PAM or SMRAM may have changed: written by the guest, reset or restored. May be NULL. */
    void (*shadow_changed)(void *opaque);
    void *shadow_opaque;
    /** A message signaled interrupt to FEExxxxxh; NULL: nobody takes it. */
    void (*msi)(void *opaque, uint64_t address, uint32_t data);
    void *msi_opaque;
};

struct PciHost {
    struct PciHostState state;
    struct PciHostConfig config;
    struct Bus *bus;
    struct PciDevice *devices[PCI_SLOTS * PCI_FUNCTIONS];
    struct PciDevice bridge, isa;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** The guest did something that a device of this bus does not allow: to who looks at the bus. */
static inline void pci_error(const struct PciDevice *dev, const char *what, uint64_t value) {
    device_error(dev->host->log, dev->name, what, value);
}

/** Make the host with its two bridges. */
void pci_init(struct PciHost *host, struct Bus *bus, const struct PciHostConfig *config);
/** Every device's configuration space to its reset state; BARs are unmapped. */
void pci_reset(struct PciHost *host);
extern const struct StateTable pci_state_table;
/** A PciDeviceState within another device's state. */
extern const struct StateTable pci_device_state_table;
/** All devices' states were restored: the BARs follow. */
void pci_restored(struct PciHost *host);
/** Map CF8h-CFFh. Returns 0 or -errno. */
int pci_map(struct PciHost *host);
/** What PC firmware does: route PIRQ n (0..3) to ISA interrupt `irq` (3..15 but 8 and 13), for guests without I/O APIC.
 */
void pci_route_pirq(struct PciHost *host, unsigned n, unsigned irq);

/** Where shadow area n (below PCI_SHADOW_AREAS) is, and its PCI_SHADOW_* bits. */
struct PciShadowArea pci_shadow_area(unsigned n);
uint8_t pci_shadow(const struct PciHost *host, unsigned n);
/** The SMRAM register. */
uint8_t pci_smram(const struct PciHost *host);

/** The PIRQ (0..3) that the mainboard ties pin INTA..INTD (0..3) of a slot to. */
static inline unsigned pci_pirq_of(unsigned slot, unsigned pin) { return (slot + pin + PCI_PIRQS - 1) % PCI_PIRQS; }

/** Begin a device: header with ids, class code (24 bits: base, sub, interface) and revision. `state` is the owner's. */
void pci_device_init(struct PciDevice *dev, struct PciDeviceState *state, const char *name, uint16_t vendor,
                     uint16_t device, uint32_t class_code, uint8_t revision);
void pci_device_set_subsystem(struct PciDevice *dev, uint16_t vendor, uint16_t device);
/** Interrupt pin 1..4 (INTA#..INTD#). */
void pci_device_set_pin(struct PciDevice *dev, uint8_t pin);
/** Memory BAR `n` shows `region` (size a power of two >= 16); PCI_BAR_64 takes n + 1, too. 0 or -EINVAL. */
int pci_device_add_bar(struct PciDevice *dev, unsigned n, struct Region *region, uint8_t flags);
/** I/O BAR `n` of `size` ports (a power of two, 4..256). 0 or -EINVAL. */
int pci_device_add_io_bar(struct PciDevice *dev, unsigned n, unsigned size, const struct IoOps *ops, void *opaque);
/** The expansion ROM BAR shows `rom` (size a power of two, 4 KiB to 16 MiB). 0 or -EINVAL. */
int pci_device_add_rom(struct PciDevice *dev, struct Region *rom);
/** Ports of a kind that is no BAR: see struct PciWindow; `w.size` up to 256. 0 or -EINVAL, -ENOSPC. */
int pci_device_add_window(struct PciDevice *dev, const struct PciWindow *w);
/** A capability of `size` bytes, whose body the owner fills in dev->initial; returns its offset, or -ENOSPC. */
int pci_device_add_capability(struct PciDevice *dev, uint8_t id, uint8_t size);

/** Plug the finished device in. 0, -EINVAL (no such slot), -EBUSY (taken). */
int pci_add_device(struct PciHost *host, struct PciDevice *dev, unsigned slot, unsigned function);

/** Drive the device's INTx pin. */
void pci_set_irq(struct PciDevice *dev, bool level);

/** Configuration accesses of 1, 2 or 4 bytes within an aligned dword; an absent device reads all ones. */
uint32_t pci_config_read(struct PciHost *host, unsigned bus, unsigned devfn, unsigned offset, unsigned size);
void pci_config_write(struct PciHost *host, unsigned bus, unsigned devfn, unsigned offset, uint32_t value,
                      unsigned size);

#endif
