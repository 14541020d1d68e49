/* SPDX-License-Identifier: MIT */
/**
 * Firmware: where it is found, what it is told through fw_cfg, the flash chips that hold it, the shadow RAM that it
 * copies itself to. docs/firmware.md is about the whole.
 */
#ifndef TWIN86_MACHINE_FIRMWARE_H
#define TWIN86_MACHINE_FIRMWARE_H

#include "devices/firmware/fw_cfg.h"
#include "devices/firmware/pflash.h"
#include "devices/pci/pci.h"
#include "include/twin86.h"
#include "machine/boot/plan.h"
#include "machine/firmware/shadow.h"
#include "machine/firmware/smbios.h"

struct Machine;

enum { FIRMWARE_BOOT_DEVICES = 3, FIRMWARE_FLASH_CHIPS = 2 };

/** -boot: see QEMU's manual. */
struct BootOptions {
    char order[FIRMWARE_BOOT_DEVICES + 1]; /* letters of QEMU's: a floppy, c disk, d CD, n network */
    char once[FIRMWARE_BOOT_DEVICES + 1];  /* until the first reset; "": as order */
    bool menu, strict;
    int64_t splash_ms, retry_ms; /* how long the menu waits; until a retry when nothing boots; -1: not given */
};

/** A flash chip and the file that keeps it. */
struct FlashChip {
    struct Pflash device;
    int fd; /* -1: nothing is kept; only while device.size is not 0 */
};

enum { BOOT_ORDER_MOST = FW_CFG_FILE_SLOTS, BOOT_INDEX_NONE = -1 };

/** Devices with bootindex=, by it. */
struct BootOrder {
    struct {
        int64_t index;
        char path[FW_CFG_FILE_NAME + 16];
    } entry[BOOT_ORDER_MOST];
    unsigned count;
};

/** The expansion ROM of a PCI device. */
struct PciRom {
    struct PciRom *next;
    struct Region region;
};

struct Firmware {
    bool wanted; /* something is there that firmware would boot from, or that only firmware takes notice of */
    char **dirs; /* where firmware files are looked for first; NULL ends it */
    struct BootOptions boot;
    struct BootOrder order;
    struct PciRom *roms;
    struct SmbiosOptions smbios;
    struct Shadow shadow;
    struct FlashChip flash[FIRMWARE_FLASH_CHIPS];
    /* the kernel that firmware starts (kernel.c) */
    bool offered;
    struct BootPlan plan;
    uint8_t *order_before; /* "bootorder" without it; NULL: is not changed; order_size 0: there was none */
    uint32_t order_size;
};

/** "order=cd,menu=on..." on top of *o. 0, or -EINVAL with one line in `why`, which begins with the option. */
int boot_options_parse(struct BootOptions *o, const char *text, char *why, size_t n);

/** Take what concerns firmware out of `config`. Before devices are wired. 0, or -errno with `why`. */
int firmware_configure(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** Shadow RAM, flash chips, fw_cfg. RAM is mapped, all other devices are wired. 0, or -errno with `why`. */
int firmware_wire(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void firmware_destroy(struct Machine *m);
/** After pci_reset: flash, and what CMOS says of the order to boot in; `again`: the machine has run. */
void firmware_reset(struct Machine *m, bool again);
/** What lies below 1 MiB while shadow RAM is off: the ROM that the guest brings, or the flash. */
void firmware_show_rom(struct Machine *m);

/**
 * The path of a firmware file: `name` itself if there is such a file, else in the first folder that has it, of those of
 * the configuration and the usual ones. To be freed. NULL with one line in `why`, which names the folders.
 */
char *firmware_find(const struct Machine *m, const char *name, char *why, size_t n);
/** The PC's BIOS by default. */
#define FIRMWARE_BIOS "bios-256k.bin"
/** The firmware is in a flash chip. */
static inline bool firmware_in_flash(const struct Firmware *f) { return f->flash[0].device.size != 0; }

/** bootindex=N (-1: none): true if it is that, and right. */
bool boot_index_property(const char *key, const char *value, int64_t *index);
/** Give a device its place; BOOT_INDEX_NONE: nothing happens. Before firmware_add_items. 0, or -errno with `why`, which
 *  begins with `option`. */
int boot_order_add(struct Machine *m, const char *option, int64_t index, const char *path, char *why, size_t n);
/** The item "bootorder": lines, and with `strict` the last one that lets nothing else boot. Returns its length; `n` is
 *  large enough with sizeof(*o) + 8. */
size_t boot_order_print(const struct BootOrder *o, bool strict, char *text, size_t n);

enum { FIRMWARE_ROM_MOST = 16 << 20 };
/** Read an option ROM, to be freed. 0, or -errno with `why`, which begins with `option`. */
int firmware_read_rom(const struct Machine *m, const char *option, const char *file, uint8_t **data, size_t *size,
                      char *why, size_t n);
/** romfile= of a device that is not plugged in yet; NULL or "": it has none. 0, or -errno with `why`. */
int firmware_add_pci_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n);
/** The same of a ROM that such devices have by default; no matter where there is none. */
int firmware_add_usual_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n);
/** The same if there is something that firmware would boot from: none else would start it. */
int firmware_add_default_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n);
void firmware_destroy_pci_roms(struct Machine *m);

/** -fw_cfg, -option-rom, and the order they say to boot in, into fw_cfg. 0, or -errno with `why`. */
int firmware_add_items(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** The flash chips of the configuration, mapped; files are open and locked until firmware_destroy_flash. */
int firmware_create_flash(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void firmware_destroy_flash(struct Machine *m);
/** PAM registers were written: `opaque` is the machine. Lock held. */
void firmware_shadow_changed(void *opaque);

/** What firmware leaves behind, for guests that start without any (bios_state.c). RAM and devices are reset. */
void machine_set_bios_state(struct Machine *m);
/** Of that the devices alone: RAM stays as it is. Lock held. */
void machine_set_bios_devices(struct Machine *m);
/** SMBIOS tables into RAM for them. 0 or -errno. */
int machine_smbios_to_ram(struct Machine *m);
/** And Intel's MultiProcessor tables. 0 or -errno. */
int machine_mptable_to_ram(struct Machine *m);

#endif
