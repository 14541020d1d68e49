/* SPDX-License-Identifier: MIT */
/**
 * A bounds-checked reader of ELF32 and ELF64 little-endian x86 files (System V ABI, chapters 4 and 5). It never reads
 * outside of the bytes it was given and never trusts a header's sums.
 */
#ifndef TWIN86_MACHINE_ELF_H
#define TWIN86_MACHINE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_PT_LOAD = 1, ELF_PT_NOTE = 4 };
enum { ELF_PHDR_MAX = 256 };
enum { ELF_SHT_NULL = 0, ELF_SHT_NOBITS = 8, ELF_SHF_ALLOC = 2 };

/** A file opened by elf_open. Holds pointers into the caller's bytes. */
struct Elf {
    const uint8_t *data;
    size_t size;
    bool is64;
    uint16_t machine; /* 3: i386, 62: x86-64 */
    uint64_t entry;
    unsigned phnum;
    uint64_t phoff;
    uint16_t phentsize;
    unsigned shnum; /* 0: no section headers, or none that make sense */
    uint64_t shoff;
    uint16_t shentsize, shstrndx;
};

/** One program header, widened. */
struct ElfSegment {
    uint32_t type;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/** One section header, widened. */
struct ElfSection {
    uint32_t type;
    uint64_t flags, offset, size;
    unsigned addr_at; /* where in the header the address is, of 8 bytes if it is 64-bit, else 4 */
};

/** A note found by elf_find_note. */
struct ElfNote {
    const uint8_t *desc;
    size_t size;
};

/** True if the bytes begin with ELF's magic number, whatever follows. */
bool elf_is(const void *data, size_t size);

/**
 * Check the ELF header and the bounds of the program header table. Returns 0 or -EINVAL with `why` = what is wrong and
 * what would be right (without a file name).
 */
int elf_open(struct Elf *elf, const void *data, size_t size, char *why, size_t n);

/**
 * Program header `index` (< phnum). File bytes of loaded and note segments are checked to lie within the file, memory
 * sizes not to wrap. Returns 0 or -EINVAL with `why`.
 */
int elf_segment(const struct Elf *elf, unsigned index, struct ElfSegment *seg, char *why, size_t n);

/** Section header `index` (< shnum). Nothing of it is checked. */
struct ElfSection elf_section(const struct Elf *elf, unsigned index);

/** Find note `name`/`type` in the PT_NOTE segments. Returns false if there is none (or the notes are malformed). */
bool elf_find_note(const struct Elf *elf, const char *name, uint32_t type, struct ElfNote *note);

#endif
