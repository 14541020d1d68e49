/* SPDX-License-Identifier: MIT */
/** Small kernels made in memory, for the loaders' tests and as the fuzzer's seeds. All bytes are owned by the caller.
 */
#ifndef TWIN86_TESTS_UNIT_BOOT_IMAGES_H
#define TWIN86_TESTS_UNIT_BOOT_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Image {
    uint8_t *data;
    size_t size;
};

/** A bzImage of protocol 2.15 with `code_size` bytes (a multiple of 16) of code, each byte its offset's low 8 bits. */
struct Image image_bzimage(bool kernel64, size_t code_size);
/** ELF with one segment of 256 file bytes and 4096 in memory at `paddr`; multiboot header, PVH note as asked. */
struct Image image_elf(bool is64, bool multiboot, bool pvh, uint64_t paddr, uint64_t vaddr);
/** A flat multiboot image that carries its addresses: load at `addr`, entry at addr + 64, bss to addr + 8192. */
struct Image image_multiboot_flat(uint32_t addr);
/** A 64 KiB ROM whose reset vector holds a jump. */
struct Image image_firmware(void);

enum { IMAGE_ELF_CODE_OFFSET = 0x200, IMAGE_ELF_FILESZ = 256, IMAGE_ELF_MEMSZ = 4096, IMAGE_ELF_ENTRY = 0x40 };

#endif
