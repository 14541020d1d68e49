/* SPDX-License-Identifier: MIT */
#include "machine/boot/load_pvh.h"

#include "base/bytes.h"
#include "machine/boot/start_info.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    NOTE_PHYS32_ENTRY = 18,
    START_MAGIC = 0x336ec578,
    START_VERSION = 1, /* with a memory map */
    START_SIZE = 56,   /* struct hvm_start_info */
    MODULE_SIZE = 32,  /* struct hvm_modlist_entry */
};

bool pvh_entry(const struct Elf *elf, uint32_t *entry) {
    struct ElfNote note;

    if (!elf_find_note(elf, "Xen", NOTE_PHYS32_ENTRY, &note) || (note.size != 4 && note.size != 8))
        return false;
    uint64_t value = note.size == 4 ? get_le32(note.desc) : get_le64(note.desc);
    *entry = (uint32_t)value;
    return value <= UINT32_MAX;
}

static int place_modules(struct Loader *l, uint8_t *start) {
    uint8_t list[BOOT_MODULE_MAX * MODULE_SIZE] = {0};
    unsigned count = l->in->module_count;
    uint64_t addr;

    for (unsigned i = 0; i < count; i++) {
        const struct BootFile *f = &l->in->module[i];
        const char *args = f->args != NULL ? f->args : "";
        uint8_t *p = list + i * MODULE_SIZE;

        if (f->size == 0)
            return loader_fail(l, f, -EINVAL, "is empty; a module or an initial RAM disk is needed");
        int r = loader_place(l, f, "the module", f->data, f->size, 4096, &addr);
        put_le64(p, addr);
        put_le64(p + 8, f->size);
        if (r == 0)
            r = loader_place(l, f, "the module's command line", args, strlen(args) + 1, 8, &addr);
        if (r != 0)
            return r;
        put_le64(p + 16, addr);
    }
    if (count == 0)
        return 0;
    int r = loader_place(l, &l->in->kernel, "the list of modules", list, count * MODULE_SIZE, 8, &addr);
    put_le32(start + 12, count);
    put_le64(start + 16, addr);
    return r;
}

static const struct StartFormat format = {
    .size = START_SIZE,
    .map_at = 40,
    .map_count = 48,
    .map_unit = 1,
    .rsdp = 32,
};

int pvh_load(struct Loader *l) {
    const struct BootFile *k = &l->in->kernel;
    const char *cmdline = l->in->cmdline != NULL ? l->in->cmdline : "";
    uint8_t start[START_SIZE] = {0}, gdt[BOOT_GDT_SIZE];
    uint64_t start_addr = 0, cmdline_addr = 0, gdt_addr = 0;
    char why[160];
    struct Elf elf;
    uint32_t entry;

    if (elf_open(&elf, k->data, k->size, why, sizeof(why)) != 0)
        return loader_fail(l, k, -EINVAL, "%s", why);
    if (!pvh_entry(&elf, &entry))
        return loader_fail(l, k, -EINVAL, "has no PVH note");
    int r = loader_load_elf(l, k, &elf);
    if (r != 0)
        return r;
    if (!e820_is_ram(&l->e820, entry, 1))
        return loader_fail(l, k, -EINVAL,
                           "PVH note starts the kernel at %" PRIx32 "h, where there is no memory; the "
                           "file is corrupted or needs more (-m)",
                           entry);

    put_le32(start, START_MAGIC);
    put_le32(start + 4, START_VERSION);
    loader_fill_gdt(gdt, false);
    if ((r = place_modules(l, start)) != 0 ||
        (r = loader_place(l, k, "the command line", cmdline, strlen(cmdline) + 1, 8, &cmdline_addr)) != 0 ||
        (r = loader_place(l, k, "the first GDT", gdt, sizeof(gdt), 8, &gdt_addr)) != 0)
        return r;
    put_le64(start + 24, cmdline_addr);
    if ((r = start_info_place(l, &format, start, &start_addr)) != 0)
        return r;
    loader_enter32(l, entry, gdt_addr);
    l->env.gpr[REG_BX] = start_addr;
    return 0;
}
