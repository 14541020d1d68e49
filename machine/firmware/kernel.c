/* SPDX-License-Identifier: MIT */
#include "machine/firmware/kernel.h"

#include "base/bytes.h"
#include "base/why.h"
#include "machine/boot/load_bzimage.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROM_NAME "genroms/kernel.rom"
static const char order_name[] = "bootorder";

/* ---- what UEFI takes, too ---- */

/* A firmware volume's signature in its header (UEFI Platform Initialization specification, volume 3, 3.2.1). */
static bool is_uefi(const uint8_t *rom, size_t size) {
    enum { SIGNATURE = 40 };
    return size >= SIGNATURE + 4 && memcmp(rom + SIGNATURE, "_FVH", 4) == 0;
}

static bool runs_uefi(const struct Machine *m) {
    const struct Pflash *flash = &m->fw.flash[0].device;
    return firmware_in_flash(&m->fw) ? is_uefi(flash->array.host, flash->size)
                                     : is_uefi(m->boot.firmware.data, m->boot.firmware.size);
}

/* An item and its size, as QEMU has them (fw_cfg's keys). */
static int add_item(struct FwCfg *f, uint16_t key, uint16_t size_key, const void *data, size_t size) {
    if (size > UINT32_MAX)
        return -EFBIG;
    int r = fw_cfg_add_bytes(f, key, data, (uint32_t)size);
    return r != 0 ? r : fw_cfg_add_int(f, size_key, size, 4);
}

static int add_linux(struct FwCfg *f, const struct BootInput *in) {
    const uint8_t *k = in->kernel.data;
    size_t setup = bzimage_setup_size(k, in->kernel.size);
    int r = add_item(f, FW_CFG_SETUP_DATA, FW_CFG_SETUP_SIZE, k, setup);
    if (r == 0)
        r = add_item(f, FW_CFG_KERNEL_DATA, FW_CFG_KERNEL_SIZE, k + setup, in->kernel.size - setup);
    if (r == 0 && in->module_count > 0)
        r = add_item(f, FW_CFG_INITRD_DATA, FW_CFG_INITRD_SIZE, in->module[0].data, in->module[0].size);
    return r;
}

static int add_command_line(struct FwCfg *f, const struct BootInput *in) {
    const char *text = in->cmdline != NULL ? in->cmdline : "";
    int r = fw_cfg_add_int(f, FW_CFG_CMDLINE_SIZE, strlen(text) + 1, 4);
    return r != 0 ? r : fw_cfg_add_string(f, FW_CFG_CMDLINE_DATA, text);
}

/* ---- the plan ---- */

static int add_files(struct FwCfg *f, const struct BootInput *in, bool is_linux) {
    int r = add_command_line(f, in);
    if (r != 0 || is_linux)
        return r != 0 ? r : add_linux(f, in);
    r = add_item(f, FW_CFG_KERNEL_DATA, FW_CFG_KERNEL_SIZE, in->kernel.data, in->kernel.size);
    for (unsigned i = 0; r == 0 && i < in->module_count; i++)
        r = fw_cfg_add_bytes(f, (uint16_t)(PLAN_KEY_MODULE + i), in->module[i].data, (uint32_t)in->module[i].size);
    return r;
}

/* Where the loader's bytes are found: in the items of add_files. */
static void add_sources(struct BootPlan *p, struct FwCfg *f, unsigned modules) {
    static const uint16_t keys[] = {FW_CFG_SETUP_DATA, FW_CFG_KERNEL_DATA, FW_CFG_INITRD_DATA};
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        plan_add_source(p, keys[i], f->item[keys[i]].data, f->item[keys[i]].size);
    for (unsigned i = 0; i < modules; i++) {
        unsigned key = PLAN_KEY_MODULE + i;
        plan_add_source(p, (uint16_t)key, f->arch[key - FW_CFG_ARCH].data, f->arch[key - FW_CFG_ARCH].size);
    }
}

static int make_plan(struct Machine *m, char *why, size_t n) {
    struct BootPlan *p = &m->fw.plan;
    struct FwCfg *f = &m->fw_cfg;
    int r = plan_init(p);
    if (r != 0)
        return why_errno(why, n, r, "the kernel's loader");
    add_sources(p, f, m->boot.module_count);
    r = boot_plan(&m->boot, m->bus, p, why, n);
    if (r == 0 && ((r = fw_cfg_add_bytes(f, PLAN_KEY, p->bytes, (uint32_t)plan_size(p))) != 0 ||
                   (r = fw_cfg_add_bytes(f, PLAN_KEY_PIECES, p->pieces, (uint32_t)p->pieces_size)) != 0))
        why_errno(why, n, r, "fw_cfg");
    return r;
}

/* ---- the option ROM ---- */

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n--)
        s += *p++;
    return s;
}

static int add_rom(struct FwCfg *f) {
    enum { HEADER_AT = 0x1a, HEADER_SIZE = 32, HEADER_SUM = 9 };
    uint8_t rom[KERNEL_ROM_SIZE];
    memcpy(rom, kernel_rom, sizeof(rom));
    uint8_t *header = rom + get_le16(rom + HEADER_AT);
    header[HEADER_SUM] = (uint8_t)-sum(header, HEADER_SIZE);
    rom[sizeof(rom) - 1] = (uint8_t)-sum(rom, sizeof(rom));
    return fw_cfg_add_file(f, ROM_NAME, rom, sizeof(rom));
}

/* Before all that was in the list. */
static int put_first(struct Machine *m) {
    static const char line[] = "/rom@" ROM_NAME;
    uint32_t size = 0;
    const uint8_t *rest = fw_cfg_file(&m->fw_cfg, order_name, &size);
    uint8_t *text = malloc(sizeof(line) + size), *before = malloc(size + 1);
    if (text == NULL || before == NULL) {
        free(text);
        free(before);
        return -ENOMEM;
    }
    memcpy(text, line, sizeof(line));
    if (rest != NULL) {
        memcpy(before, rest, size);
        text[sizeof(line) - 1] = '\n';
        memcpy(text + sizeof(line), rest, size);
    }
    int r = fw_cfg_add_file(&m->fw_cfg, order_name, text, (uint32_t)sizeof(line) + size);
    free(text);
    m->fw.order_before = before;
    m->fw.order_size = rest != NULL ? size : 0;
    return r;
}

static void restore_order(struct Machine *m) {
    if (m->fw.order_before == NULL)
        return;
    if (m->fw.order_size == 0)
        fw_cfg_remove_file(&m->fw_cfg, order_name);
    else
        fw_cfg_add_file(&m->fw_cfg, order_name, m->fw.order_before, m->fw.order_size);
    free(m->fw.order_before);
    m->fw.order_before = NULL;
}

/* ---- both ---- */

int kernel_offer(struct Machine *m, char *why, size_t n) {
    const struct BootInput *in = &m->boot;
    enum BootKind kind = boot_kernel_kind(in, why, n);
    bool uefi = runs_uefi(m);
    if (kind == BOOT_UNKNOWN)
        return -EINVAL;
    if (uefi && kind != BOOT_BZIMAGE)
        return why_set(why, n, -EINVAL, "%s: is a %s, which UEFI can't start; a BIOS (leave OVMF out) would be right",
                       in->kernel.name, boot_kind_name(kind));
    m->fw.offered = true;
    int r = add_files(&m->fw_cfg, in, kind == BOOT_BZIMAGE);
    if (r != 0)
        return why_errno(why, n, r, "fw_cfg");
    if (uefi)
        return 0;
    if ((r = make_plan(m, why, n)) != 0)
        return r;
    if ((r = add_rom(&m->fw_cfg)) != 0 || (r = put_first(m)) != 0)
        return why_errno(why, n, r, "the kernel's option ROM");
    return 0;
}

void kernel_withdraw(struct Machine *m) {
    static const uint16_t keys[] = {
        FW_CFG_SETUP_DATA,  FW_CFG_SETUP_SIZE,   FW_CFG_KERNEL_DATA,  FW_CFG_KERNEL_SIZE, FW_CFG_INITRD_DATA,
        FW_CFG_INITRD_SIZE, FW_CFG_CMDLINE_DATA, FW_CFG_CMDLINE_SIZE, PLAN_KEY,           PLAN_KEY_PIECES,
    };
    if (!m->fw.offered)
        return;
    m->fw.offered = false;
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        fw_cfg_add_bytes(&m->fw_cfg, keys[i], NULL, 0);
    for (unsigned i = 0; i < BOOT_MODULE_MAX; i++)
        fw_cfg_add_bytes(&m->fw_cfg, (uint16_t)(PLAN_KEY_MODULE + i), NULL, 0);
    fw_cfg_remove_file(&m->fw_cfg, ROM_NAME);
    restore_order(m);
    plan_free(&m->fw.plan);
}
