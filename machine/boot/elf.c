/* SPDX-License-Identifier: MIT */
#include "machine/boot/elf.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    EHDR32_SIZE = 52,
    EHDR64_SIZE = 64,
    PHDR32_SIZE = 32,
    PHDR64_SIZE = 56,
    SHDR32_SIZE = 40,
    SHDR64_SIZE = 64,
    CLASS_32 = 1,
    CLASS_64 = 2,
    DATA_LSB = 1,
    TYPE_EXEC = 2,
    TYPE_DYN = 3,
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
};

bool elf_is(const void *data, size_t size) { return size >= 4 && memcmp(data, "\177ELF", 4) == 0; }

/* A word (4 or 8 bytes, by class) of a header at `p`: ELF32 and ELF64 have most fields at different offsets. */
static uint64_t word(const struct Elf *elf, const uint8_t *p, unsigned off32, unsigned off64) {
    return elf->is64 ? get_le64(p + off64) : get_le32(p + off32);
}

static int check_ident(struct Elf *elf, char *why, size_t n) {
    const uint8_t *d = elf->data;

    if (!elf_is(d, elf->size))
        return snprintf(why, n, "not an ELF file"), -EINVAL;
    if (elf->size < EHDR32_SIZE)
        return snprintf(why, n, "ELF header cut off after %zu bytes; a whole file is needed", elf->size), -EINVAL;
    if (d[4] != CLASS_32 && d[4] != CLASS_64)
        return snprintf(why, n, "ELF class %u; 1 (32-bit) or 2 (64-bit) would be right", d[4]), -EINVAL;
    if (d[5] != DATA_LSB)
        return snprintf(why, n, "ELF file is not little-endian; an x86 kernel is"), -EINVAL;
    elf->is64 = d[4] == CLASS_64;
    if (elf->is64 && elf->size < EHDR64_SIZE)
        return snprintf(why, n, "ELF header cut off after %zu bytes; a whole file is needed", elf->size), -EINVAL;
    return 0;
}

/* Sections are for debuggers and the like: a kernel starts without, whatever is wrong with them. */
static void find_sections(struct Elf *elf) {
    const uint8_t *d = elf->data;
    elf->shoff = word(elf, d, 32, 40);
    elf->shentsize = get_le16(d + (elf->is64 ? 58 : 46));
    elf->shnum = get_le16(d + (elf->is64 ? 60 : 48));
    elf->shstrndx = get_le16(d + (elf->is64 ? 62 : 50));
    if (elf->shentsize < (elf->is64 ? SHDR64_SIZE : SHDR32_SIZE) ||
        !range_within(elf->shoff, (uint64_t)elf->shnum * elf->shentsize, elf->size))
        elf->shnum = 0;
}

struct ElfSection elf_section(const struct Elf *elf, unsigned index) {
    const uint8_t *p = elf->data + elf->shoff + (uint64_t)index * elf->shentsize;
    return (struct ElfSection){
        .type = get_le32(p + 4),
        .flags = word(elf, p, 8, 8),
        .offset = word(elf, p, 16, 24),
        .size = word(elf, p, 20, 32),
        .addr_at = elf->is64 ? 16 : 12,
    };
}

int elf_open(struct Elf *elf, const void *data, size_t size, char *why, size_t n) {
    *elf = (struct Elf){.data = data, .size = size};
    int r = check_ident(elf, why, n);
    if (r != 0)
        return r;

    const uint8_t *d = data;
    uint16_t type = get_le16(d + 16);
    elf->machine = get_le16(d + 18);
    elf->entry = word(elf, d, 24, 24);
    elf->phoff = word(elf, d, 28, 32);
    elf->phentsize = get_le16(d + (elf->is64 ? 54 : 42));
    elf->phnum = get_le16(d + (elf->is64 ? 56 : 44));

    if (elf->machine != MACHINE_386 && elf->machine != MACHINE_X86_64)
        return snprintf(why, n, "ELF file for machine %u; 3 (i386) or 62 (x86-64) would be right", elf->machine),
               -EINVAL;
    if (type != TYPE_EXEC && type != TYPE_DYN)
        return snprintf(why, n, "ELF file of type %u is not an executable; a linked kernel is needed", type), -EINVAL;
    if (elf->phnum == 0)
        return snprintf(why, n, "ELF file has no program headers; a linked kernel is needed"), -EINVAL;
    if (elf->phnum > ELF_PHDR_MAX)
        return snprintf(why, n, "ELF file has %u program headers; at most %d are allowed", elf->phnum, ELF_PHDR_MAX),
               -EINVAL;
    if (elf->phentsize < (elf->is64 ? PHDR64_SIZE : PHDR32_SIZE))
        return snprintf(why, n, "ELF program headers of %u bytes; %d would be right", elf->phentsize,
                        elf->is64 ? PHDR64_SIZE : PHDR32_SIZE),
               -EINVAL;
    if (!range_within(elf->phoff, (uint64_t)elf->phnum * elf->phentsize, size))
        return snprintf(why, n, "ELF program headers lie beyond the end of the file; it is cut off or corrupted"),
               -EINVAL;
    find_sections(elf);
    return 0;
}

int elf_segment(const struct Elf *elf, unsigned index, struct ElfSegment *seg, char *why, size_t n) {
    if (index >= elf->phnum)
        return snprintf(why, n, "ELF program header %u does not exist", index), -EINVAL;

    const uint8_t *p = elf->data + elf->phoff + (uint64_t)index * elf->phentsize;
    *seg = (struct ElfSegment){
        .type = get_le32(p),
        .offset = word(elf, p, 4, 8),
        .vaddr = word(elf, p, 8, 16),
        .paddr = word(elf, p, 12, 24),
        .filesz = word(elf, p, 16, 32),
        .memsz = word(elf, p, 20, 40),
        .align = word(elf, p, 28, 48),
    };
    if (seg->type != ELF_PT_LOAD && seg->type != ELF_PT_NOTE)
        return 0;
    if (!range_within(seg->offset, seg->filesz, elf->size))
        return snprintf(why, n, "ELF segment %u lies beyond the end of the file; it is cut off or corrupted", index),
               -EINVAL;
    if (seg->type == ELF_PT_LOAD && seg->filesz > seg->memsz)
        return snprintf(why, n, "ELF segment %u is larger in the file than in memory; the file is corrupted", index),
               -EINVAL;
    if (seg->paddr + seg->memsz < seg->paddr)
        return snprintf(why, n, "ELF segment %u wraps around the address space; the file is corrupted", index), -EINVAL;
    return 0;
}

/* A note: name size, description size, type; then name and description, each padded to `align` bytes. */
static bool find_in_segment(const uint8_t *p, size_t size, size_t align, const char *name, uint32_t type,
                            struct ElfNote *note) {
    size_t name_size = strlen(name) + 1;

    while (size >= 12) {
        size_t namesz = get_le32(p), descsz = get_le32(p + 4);
        if (namesz > size || descsz > size)
            return false;
        size_t desc_off = align_up(12 + namesz, align);
        size_t next = align_up(desc_off + descsz, align);

        if (desc_off > size || descsz > size - desc_off)
            return false;
        if (get_le32(p + 8) == type && namesz == name_size && memcmp(p + 12, name, name_size) == 0) {
            *note = (struct ElfNote){p + desc_off, descsz};
            return true;
        }
        if (next > size)
            return false;
        p += next;
        size -= next;
    }
    return false;
}

bool elf_find_note(const struct Elf *elf, const char *name, uint32_t type, struct ElfNote *note) {
    for (unsigned i = 0; i < elf->phnum; i++) {
        struct ElfSegment seg;
        char why[128];

        if (elf_segment(elf, i, &seg, why, sizeof(why)) != 0 || seg.type != ELF_PT_NOTE)
            continue;
        if (find_in_segment(elf->data + seg.offset, seg.filesz, seg.align == 8 ? 8 : 4, name, type, note))
            return true;
    }
    return false;
}
