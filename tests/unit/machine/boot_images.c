/* SPDX-License-Identifier: MIT */
#include "tests/unit/machine/boot_images.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

static struct Image new_image(size_t size) {
    struct Image i = {calloc(1, size), size};
    if (i.data == NULL)
        abort();
    return i;
}

struct Image image_bzimage(bool kernel64, size_t code_size) {
    enum { SETUP_SECTS = 1, SETUP_SIZE = (SETUP_SECTS + 1) * 512 };
    struct Image i = new_image(SETUP_SIZE + code_size);
    uint8_t *d = i.data;

    d[0x1f1] = SETUP_SECTS;
    put_le32(d + 0x1f4, (uint32_t)(code_size / 16));
    put_le16(d + 0x1fe, 0xaa55);
    d[0x200] = 0xeb;
    d[0x201] = 0x6a; /* header ends at 26Ch */
    memcpy(d + 0x202, "HdrS", 4);
    put_le16(d + 0x206, 0x20f);
    d[0x211] = 1;                          /* loaded high */
    put_le32(d + 0x214, 0x100000);         /* code32_start */
    put_le32(d + 0x22c, 0x7fffffff);       /* initrd_addr_max */
    put_le32(d + 0x230, 0x200000);         /* kernel_alignment */
    d[0x234] = 1;                          /* relocatable */
    put_le16(d + 0x236, kernel64 ? 3 : 0); /* XLF_KERNEL_64, CAN_BE_LOADED_ABOVE_4G */
    put_le32(d + 0x238, 2047);             /* cmdline_size */
    put_le64(d + 0x258, 0x1000000);        /* pref_address */
    put_le32(d + 0x260, 0x400000);         /* init_size */
    for (size_t k = 0; k < code_size; k++)
        d[SETUP_SIZE + k] = (uint8_t)k;
    return i;
}

static void put_word(uint8_t *p, bool is64, uint64_t v) {
    if (is64)
        put_le64(p, v);
    else
        put_le32(p, (uint32_t)v);
}

static void put_phdr(uint8_t *p, bool is64, uint32_t type, uint64_t offset, uint64_t vaddr, uint64_t paddr,
                     uint64_t filesz, uint64_t memsz) {
    put_le32(p, type);
    put_word(p + (is64 ? 8 : 4), is64, offset);
    put_word(p + (is64 ? 16 : 8), is64, vaddr);
    put_word(p + (is64 ? 24 : 12), is64, paddr);
    put_word(p + (is64 ? 32 : 16), is64, filesz);
    put_word(p + (is64 ? 40 : 20), is64, memsz);
    put_word(p + (is64 ? 48 : 28), is64, 4);
}

struct Image image_elf(bool is64, bool multiboot, bool pvh, uint64_t paddr, uint64_t vaddr) {
    enum { NOTE = 0x140, MULTIBOOT = 0x180 };
    struct Image i = new_image(IMAGE_ELF_CODE_OFFSET + IMAGE_ELF_FILESZ);
    uint8_t *d = i.data;
    unsigned ehsize = is64 ? 64 : 52, phentsize = is64 ? 56 : 32;

    memcpy(d, "\177ELF", 4);
    d[4] = is64 ? 2 : 1;
    d[5] = d[6] = 1;
    put_le16(d + 16, 2);
    put_le16(d + 18, is64 ? 62 : 3);
    put_le32(d + 20, 1);
    put_word(d + 24, is64, vaddr + IMAGE_ELF_ENTRY);
    put_word(d + (is64 ? 32 : 28), is64, ehsize);
    put_le16(d + (is64 ? 52 : 40), (uint16_t)ehsize);
    put_le16(d + (is64 ? 54 : 42), (uint16_t)phentsize);
    put_le16(d + (is64 ? 56 : 44), pvh ? 2 : 1);
    put_phdr(d + ehsize, is64, 1, IMAGE_ELF_CODE_OFFSET, vaddr, paddr, IMAGE_ELF_FILESZ, IMAGE_ELF_MEMSZ);
    if (pvh) {
        unsigned desc = is64 ? 8 : 4;
        put_phdr(d + ehsize + phentsize, is64, 4, NOTE, 0, 0, 16 + desc, 16 + desc);
        put_le32(d + NOTE, 4);
        put_le32(d + NOTE + 4, desc);
        put_le32(d + NOTE + 8, 18);
        memcpy(d + NOTE + 12, "Xen", 4);
        put_word(d + NOTE + 16, is64, paddr + IMAGE_ELF_ENTRY);
    }
    if (multiboot) {
        put_le32(d + MULTIBOOT, 0x1badb002);
        put_le32(d + MULTIBOOT + 4, 3);
        put_le32(d + MULTIBOOT + 8, 0u - 0x1badb002 - 3);
    }
    for (unsigned k = 0; k < IMAGE_ELF_FILESZ; k++)
        d[IMAGE_ELF_CODE_OFFSET + k] = (uint8_t)(k + 1);
    return i;
}

struct Image image_multiboot_flat(uint32_t addr) {
    enum { SIZE = 512, HEADER = 16, FLAGS = 1 << 16 | 3 };
    struct Image i = new_image(SIZE);
    uint8_t *h = i.data + HEADER;

    memset(i.data, 0x90, SIZE);
    put_le32(h, 0x1badb002);
    put_le32(h + 4, FLAGS);
    put_le32(h + 8, 0u - 0x1badb002 - FLAGS);
    put_le32(h + 12, addr + HEADER);
    put_le32(h + 16, addr);
    put_le32(h + 20, addr + SIZE);
    put_le32(h + 24, addr + 8192);
    put_le32(h + 28, addr + 64);
    return i;
}

struct Image image_firmware(void) {
    struct Image i = new_image(0x10000);

    memcpy(i.data + 0xfff0, "\xea\x00\x00\x00\xf0", 5);
    memcpy(i.data, "\xf4", 1);
    return i;
}
