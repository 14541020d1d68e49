/* SPDX-License-Identifier: MIT */
#include "machine/boot/load_multiboot.h"

#include "base/bytes.h"
#include "machine/boot/elf.h"
#include "machine/boot/start_info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_MAGIC = 0x1badb002,
    LOADER_MAGIC = 0x2badb002,
    SEARCH_SIZE = 8192,
    HEADER2_MAGIC = 0xe85250d6, /* of version 2, and where it may lie */
    HEADER2_SIZE = 16,
    SEARCH_SIZE_2 = 32768,
    HEADER_SIZE = 12,
    HEADER_SIZE_ADDRESSES = 32,
    FLAG_KNOWN = 0x7, /* page-aligned modules, memory information, video mode (which we do not set: no display) */
    FLAG_REQUIRED = 0xffff,
    FLAG_ADDRESSES = 1 << 16,
};

/* The information structure (specification, 3.3). */
enum {
    INFO_SIZE = 88,
    INFO_HAS_MEMORY = 1 << 0,
    INFO_HAS_CMDLINE = 1 << 2,
    INFO_HAS_MODULES = 1 << 3,
    INFO_HAS_SECTIONS = 1 << 5,
    INFO_HAS_MMAP = 1 << 6,
    INFO_HAS_LOADER_NAME = 1 << 9,
    MODULE_SIZE = 16,
    MMAP_ENTRY_SIZE = 24, /* a size field of 4 bytes, then 20 */
};

static bool find_header(const uint8_t *d, size_t size, size_t *offset) {
    size_t end = size < SEARCH_SIZE ? size : SEARCH_SIZE;

    for (size_t i = 0; i + HEADER_SIZE <= end; i += 4) {
        if (get_le32(d + i) != HEADER_MAGIC)
            continue;
        if (get_le32(d + i) + get_le32(d + i + 4) + get_le32(d + i + 8) == 0) {
            *offset = i;
            return true;
        }
    }
    return false;
}

/* A header of version 1 or 2 with which something is wrong, so that the person learns what was seen. */
bool multiboot_explain(const void *data, size_t size, char *why, size_t n) {
    const uint8_t *d = data;
    for (size_t i = 0; i + HEADER2_SIZE <= size && i < SEARCH_SIZE_2; i += 4) {
        uint32_t magic = get_le32(d + i), sum = magic + get_le32(d + i + 4) + get_le32(d + i + 8);
        if (magic == HEADER_MAGIC && i + HEADER_SIZE <= SEARCH_SIZE) {
            snprintf(why, n,
                     "has a multiboot header at offset %zu whose magic number, flags (%" PRIx32
                     "h) and checksum (%" PRIx32 "h) add up to %" PRIx32 "h; 0 would be right",
                     i, get_le32(d + i + 4), get_le32(d + i + 8), sum);
            return true;
        }
        if (magic == HEADER_MAGIC) {
            snprintf(why, n, "has a multiboot header at offset %zu; it must lie within the first %d bytes of the file",
                     i, SEARCH_SIZE);
            return true;
        }
        if (magic == HEADER2_MAGIC && i % 8 == 0 && sum + get_le32(d + i + 12) == 0) {
            snprintf(
                why, n,
                "is a multiboot 2 kernel (its header is at offset %zu), which is not supported; multiboot 1 or a PVH "
                "note would be right, or a boot loader such as GRUB in between",
                i);
            return true;
        }
    }
    return false;
}

bool multiboot_is(const void *data, size_t size) {
    size_t offset;
    return find_header(data, size, &offset);
}

/* A flat image: the header tells where the file's bytes go. */
static int load_flat(struct Loader *l, size_t header, uint32_t *entry) {
    const struct BootFile *k = &l->in->kernel;
    const uint8_t *h = (const uint8_t *)k->data + header;

    if (!range_within(header, HEADER_SIZE_ADDRESSES, k->size))
        return loader_fail(l, k, -EINVAL, "multiboot header is cut off; a whole file is needed");
    uint32_t header_addr = get_le32(h + 12), load_addr = get_le32(h + 16), load_end = get_le32(h + 20);
    uint32_t bss_end = get_le32(h + 24);
    *entry = get_le32(h + 28);

    if (load_addr > header_addr || header_addr - load_addr > header)
        return loader_fail(l, k, -EINVAL,
                           "multiboot header says it lies at %" PRIx32 "h, outside of the image loaded "
                           "at %" PRIx32 "h; the file is corrupted",
                           header_addr, load_addr);
    uint64_t file_offset = header - (header_addr - load_addr);
    uint64_t size = load_end != 0 ? (uint64_t)load_end - load_addr : k->size - file_offset;
    if ((load_end != 0 && load_end < load_addr) || !range_within(file_offset, size, k->size))
        return loader_fail(l, k, -EINVAL,
                           "multiboot image should reach to %" PRIx32 "h, and the file ends before; it "
                           "is cut off or corrupted",
                           load_end);
    uint64_t end = load_addr + size;
    if (bss_end != 0 && bss_end < end)
        return loader_fail(l, k, -EINVAL,
                           "multiboot header puts the end of bss (%" PRIx32 "h) into the image; the "
                           "file is corrupted",
                           bss_end);

    int r = loader_copy(l, k, "the kernel", load_addr, (const uint8_t *)k->data + file_offset, size);
    if (r == 0 && bss_end > end) {
        r = loader_zero(l, k, "the kernel", end, bss_end - end);
        end = bss_end;
    }
    l->image_end = end;
    return r;
}

static int load_elf(struct Loader *l, uint32_t *entry) {
    const struct BootFile *k = &l->in->kernel;
    char why[160];
    struct Elf elf;

    if (!elf_is(k->data, k->size))
        return loader_fail(l, k, -EINVAL,
                           "multiboot kernel is not ELF and its header has no load addresses (flag 16); "
                           "one of them is needed");
    if (elf_open(&elf, k->data, k->size, why, sizeof(why)) != 0)
        return loader_fail(l, k, -EINVAL, "%s", why);
    int r = loader_load_elf(l, k, &elf);
    if (r != 0)
        return r;

    /* Kernels that are linked high and loaded low often give the entry as a virtual address. */
    uint64_t start = elf.entry;
    for (unsigned i = 0; i < elf.phnum; i++) {
        struct ElfSegment seg;
        if (elf_segment(&elf, i, &seg, why, sizeof(why)) == 0 && seg.type == ELF_PT_LOAD && elf.entry >= seg.vaddr &&
            elf.entry - seg.vaddr < seg.memsz)
            start = elf.entry - seg.vaddr + seg.paddr;
    }
    if (start > UINT32_MAX)
        return loader_fail(l, k, -EINVAL, "multiboot kernel starts at %" PRIx64 "h; an entry below 4 GiB is needed",
                           start);
    *entry = (uint32_t)start;
    return 0;
}

/* Places "NAME ARGS" as the kernel and its modules expect their command lines. */
static int place_cmdline(struct Loader *l, const struct BootFile *f, const char *args, uint64_t *addr) {
    size_t size = strlen(f->name) + 1 + (args != NULL ? strlen(args) : 0) + 1;
    char *text = malloc(size);

    if (text == NULL)
        return loader_fail(l, f, -ENOMEM, "out of memory");
    snprintf(text, size, "%s%s%s", f->name, args != NULL && args[0] != '\0' ? " " : "", args != NULL ? args : "");
    int r = loader_place(l, f, "the command line", text, strlen(text) + 1, 4, addr);
    free(text);
    return r;
}

static int place_modules(struct Loader *l, uint8_t *info) {
    uint8_t list[BOOT_MODULE_MAX * MODULE_SIZE] = {0};
    unsigned count = l->in->module_count;
    uint64_t addr = 0, cmdline = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct BootFile *f = &l->in->module[i];
        int r = loader_place(l, f, "the module", f->data, f->size, 4096, &addr);
        if (r == 0)
            r = place_cmdline(l, f, f->args, &cmdline);
        if (r != 0)
            return r;
        put_le32(list + i * MODULE_SIZE, (uint32_t)addr);
        put_le32(list + i * MODULE_SIZE + 4, (uint32_t)(addr + f->size));
        put_le32(list + i * MODULE_SIZE + 8, (uint32_t)cmdline);
    }
    if (count == 0)
        return 0;
    int r = loader_place(l, &l->in->kernel, "the list of modules", list, count * MODULE_SIZE, 4, &addr);
    if (r == 0) {
        put_le32(info, get_le32(info) | INFO_HAS_MODULES);
        put_le32(info + 20, count);
        put_le32(info + 24, (uint32_t)addr);
    }
    return r;
}

/* Bytes of the file that no segment has, behind the kernel; their header says where. */
static int place_section(struct Loader *l, const struct Elf *elf, unsigned index, uint8_t *header) {
    struct ElfSection s = elf_section(elf, index);
    uint64_t addr = 0;
    if (s.type == ELF_SHT_NULL || s.type == ELF_SHT_NOBITS || s.flags & ELF_SHF_ALLOC || s.size == 0)
        return 0;
    if (!range_within(s.offset, s.size, elf->size))
        return -EINVAL;
    int r = loader_place(l, &l->in->kernel, "a section", elf->data + s.offset, s.size, 16, &addr);
    put_le(header + s.addr_at, addr, elf->is64 ? 8 : 4);
    return r;
}

/* The kernel's section headers, so that it finds its symbols; left out if there is something wrong or no room. */
static void place_sections(struct Loader *l, uint8_t *info) {
    const struct BootFile *k = &l->in->kernel;
    struct Loader before = *l;
    char unused[160];
    struct Elf elf;
    uint64_t addr = 0;
    int r = 0;

    if (!elf_is(k->data, k->size) || elf_open(&elf, k->data, k->size, unused, sizeof(unused)) != 0 || elf.shnum == 0)
        return;
    size_t size = (size_t)elf.shnum * elf.shentsize;
    uint8_t *headers = malloc(size);
    if (headers == NULL)
        return;
    memcpy(headers, elf.data + elf.shoff, size);
    l->why = unused, l->why_size = sizeof(unused);
    for (unsigned i = 0; r == 0 && i < elf.shnum; i++)
        r = place_section(l, &elf, i, headers + (size_t)i * elf.shentsize);
    if (r == 0)
        r = loader_place(l, k, "the section headers", headers, size, 8, &addr);
    free(headers);
    l->why = before.why, l->why_size = before.why_size;
    if (r != 0) {
        l->cursor = before.cursor;
        return;
    }
    put_le32(info, get_le32(info) | INFO_HAS_SECTIONS);
    put_le32(info + 28, elf.shnum);
    put_le32(info + 32, elf.shentsize);
    put_le32(info + 36, (uint32_t)addr);
    put_le32(info + 40, elf.shstrndx);
}

static int place_info(struct Loader *l, bool elf, uint64_t *info_addr, uint64_t *gdt_addr) {
    static const char loader_name[] = "twin86";
    static const struct StartFormat format = {
        .size = INFO_SIZE,
        .map_head = 4,
        .map_at = 48,
        .map_count = 44,
        .map_unit = MMAP_ENTRY_SIZE,
        .memory = 4,
    };
    const struct BootFile *k = &l->in->kernel;
    uint8_t info[INFO_SIZE] = {0}, gdt[BOOT_GDT_SIZE];
    uint64_t cmdline = 0, name = 0;
    int r;

    put_le32(info, INFO_HAS_MEMORY | INFO_HAS_MMAP | INFO_HAS_CMDLINE | INFO_HAS_LOADER_NAME);
    loader_fill_gdt(gdt, false);
    if ((r = place_modules(l, info)) != 0 || (r = place_cmdline(l, k, l->in->cmdline, &cmdline)) != 0 ||
        (r = loader_place(l, k, "the loader's name", loader_name, sizeof(loader_name), 4, &name)) != 0 ||
        (r = loader_place(l, k, "the first GDT", gdt, sizeof(gdt), 8, gdt_addr)) != 0)
        return r;
    if (elf)
        place_sections(l, info);
    put_le32(info + 16, (uint32_t)cmdline);
    put_le32(info + 64, (uint32_t)name);
    return start_info_place(l, &format, info, info_addr);
}

int multiboot_load(struct Loader *l) {
    const struct BootFile *k = &l->in->kernel;
    uint64_t info_addr = 0, gdt_addr = 0;
    uint32_t entry = 0;
    size_t header;

    if (!find_header(k->data, k->size, &header))
        return loader_fail(l, k, -EINVAL, "has no multiboot header");
    uint32_t flags = get_le32((const uint8_t *)k->data + header + 4);
    if (flags & FLAG_REQUIRED & ~FLAG_KNOWN)
        return loader_fail(l, k, -EINVAL,
                           "multiboot kernel demands features %" PRIx32 "h that version 1 of the "
                           "specification does not have",
                           flags & FLAG_REQUIRED & ~FLAG_KNOWN);

    int r = flags & FLAG_ADDRESSES ? load_flat(l, header, &entry) : load_elf(l, &entry);
    if (r == 0 && !e820_is_ram(&l->e820, entry, 1))
        r = loader_fail(l, k, -EINVAL,
                        "multiboot kernel starts at %" PRIx32 "h, where there is no memory; the file is "
                        "corrupted or needs more (-m)",
                        entry);
    if (r == 0)
        r = place_info(l, !(flags & FLAG_ADDRESSES), &info_addr, &gdt_addr);
    if (r != 0)
        return r;
    loader_enter32(l, entry, gdt_addr);
    l->env.gpr[REG_AX] = LOADER_MAGIC;
    l->env.gpr[REG_BX] = info_addr;
    return 0;
}
