/* SPDX-License-Identifier: MIT */
/**
 * Firmware: where it is found, what it is told through fw_cfg, the flash chips that hold it, the shadow RAM that it
 * copies itself to. docs/firmware.md is about the whole.
 */
#ifndef TWIN86_MACHINE_FIRMWARE_H
#define TWIN86_MACHINE_FIRMWARE_H

#include "devices/firmware/fw_cfg.h"
#include "devices/firmware/pflash.h"
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

struct Firmware {
    bool wanted; /* something is there that firmware would boot from, or that only firmware takes notice of */
    char **dirs; /* where firmware files are looked for first; NULL ends it */
    struct BootOptions boot;
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

#endif
