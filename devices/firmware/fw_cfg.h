/* SPDX-License-Identifier: MIT */
/**
 * QEMU-compatible firmware configuration device ("fw_cfg", QEMU documentation, docs/specs/fw_cfg): numbered items and
 * named files that firmware and kernels read through ports 510h-51Bh, also by DMA. Items can't be written by the guest:
 * a DMA request that asks for it ends with the error bit, and the data port writes nothing, as in QEMU since 2.4.
 *
 * DMA reaches memory alone, and not far beyond an item's end: what asks for more ends with the error bit.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_FW_CFG_H
#define TWIN86_DEVICES_FW_CFG_H

#include "devices/device_log.h"
#include "devices/state.h"
#include "memory/bus.h"

enum { FW_CFG_BASE = 0x510, FW_CFG_PORTS = 12, FW_CFG_FILE_NAME = 56 };

/** Selectors (numbers as PC firmware knows them). Integers are little-endian but for the file directory. */
enum FwCfgKey {
    FW_CFG_SIGNATURE = 0x00, /* "QEMU" */
    FW_CFG_ID = 0x01,        /* u32: bit 0 ports, bit 1 DMA */
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,  /* u64: below 4 GiB */
    FW_CFG_NOGRAPHIC = 0x04, /* u16 */
    FW_CFG_NB_CPUS = 0x05,   /* u16 */
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,      /* u64s; the first: number of nodes */
    FW_CFG_BOOT_MENU = 0x0e, /* u16 */
    FW_CFG_MAX_CPUS = 0x0f,  /* u16 */
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_FILE_SLOTS = 0x40,
    FW_CFG_KEYS = FW_CFG_FILE_FIRST + FW_CFG_FILE_SLOTS,
    FW_CFG_ARCH = 0x8000,          /* from here on: the PC's own */
    FW_CFG_IRQ0_OVERRIDE = 0x8002, /* u8: IRQ 0 is pin 2 of the I/O APIC */
    FW_CFG_ARCH_KEYS = 0x40,       /* those from 8010h on are twin86's (machine/boot/plan_layout.h) */
};

struct FwCfgState {
    uint64_t dma_address; /* as far as it was written */
    uint32_t offset;      /* within the selected item */
    uint16_t key;
    uint16_t unused;
};

struct FwCfgItem {
    const uint8_t *data;
    void *owned; /* to be freed */
    uint32_t size;
};

struct FwCfg {
    struct FwCfgState state;
    struct Bus *bus;
    struct FwCfgItem item[FW_CFG_KEYS], arch[FW_CFG_ARCH_KEYS];
    char name[FW_CFG_FILE_SLOTS][FW_CFG_FILE_NAME];
    unsigned files;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** Make it with signature, id and an empty directory. 0 or -ENOMEM. */
int fw_cfg_init(struct FwCfg *f, struct Bus *bus);
void fw_cfg_reset(struct FwCfg *f);
/** What is selected, and how far it was read: the items are the machine's. */
extern const struct StateTable fw_cfg_state_table;
void fw_cfg_destroy(struct FwCfg *f);
/** Map its 12 ports at `base`. 0 or -errno. */
int fw_cfg_map(struct FwCfg *f, uint16_t base);

/* Keys that may be set: below FW_CFG_FILE_DIR, and FW_CFG_ARCH to FW_CFG_ARCH + FW_CFG_ARCH_KEYS - 1. */

/** Set item `key` (a former content is dropped). The bytes are not copied: they must live as long as `f`.
 *  0 or -EINVAL. */
int fw_cfg_add_bytes(struct FwCfg *f, uint16_t key, const void *data, uint32_t size);
/** Set item `key` to a little-endian integer of 1, 2, 4 or 8 bytes. 0, -EINVAL or -ENOMEM. */
int fw_cfg_add_int(struct FwCfg *f, uint16_t key, uint64_t value, unsigned size);
/** Set item `key` to a string with its final NUL. 0, -EINVAL or -ENOMEM. */
int fw_cfg_add_string(struct FwCfg *f, uint16_t key, const char *string);
/** Add (or replace) the file `name`, such as "etc/e820". The bytes are copied. 0, -EINVAL (name), -ENOSPC or -ENOMEM.
 */
int fw_cfg_add_file(struct FwCfg *f, const char *name, const void *data, uint32_t size);
/** Take a file out; the numbers of those behind it change. There is none of that name: nothing happens. */
void fw_cfg_remove_file(struct FwCfg *f, const char *name);
/** The contents of the file of that name, or NULL; *size may be NULL. */
const uint8_t *fw_cfg_file(const struct FwCfg *f, const char *name, uint32_t *size);

#endif
