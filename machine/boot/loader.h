/* SPDX-License-Identifier: MIT */
/** What the loaders share; private to machine/. The public contract is machine/boot/boot.h. */
#ifndef TWIN86_MACHINE_LOADER_H
#define TWIN86_MACHINE_LOADER_H

#include "machine/boot/boot.h"

/** One call of boot_load. */
struct Loader {
    const struct BootInput *in;
    struct Bus *bus;
    CPUX86State env; /* a copy: given to the caller when all went well */
    struct BootPlan *plan; /* not NULL: firmware's option ROM is to do it, and this says what; RAM stays as it is */
    struct E820Map e820;
    struct RamLayout ram;
    uint64_t image_end; /* first byte behind the loaded kernel */
    uint64_t cursor;    /* where loader_place puts the next piece */
    char *why;
    size_t why_size;
};

/** Selectors of the flat GDT (those of Linux's boot protocol). */
enum { BOOT_CS = 0x10, BOOT_DS = 0x18, BOOT_TSS = 0x20, BOOT_GDT_SIZE = 0x30 };

/** Write "FILE: message" to `why`; returns `err` so that callers can return it on. */
__attribute__((format(printf, 4, 5))) int loader_fail(struct Loader *l, const struct BootFile *file, int err,
                                                      const char *format, ...);

/** Copy to (zero) guest RAM that the memory map calls usable. `what` names the piece in the message. 0 or -ENOMEM. */
int loader_copy(struct Loader *l, const struct BootFile *file, const char *what, uint64_t addr, const void *data,
                uint64_t size);
int loader_zero(struct Loader *l, const struct BootFile *file, const char *what, uint64_t addr, uint64_t size);

/**
 * Copy `size` bytes behind the kernel (at l->cursor, rounded up to `align`), below 4 GiB; *addr tells where. The
 * first call starts behind l->image_end and never below 1 MiB. 0 or -ENOMEM.
 */
int loader_place(struct Loader *l, const struct BootFile *file, const char *what, const void *data, uint64_t size,
                 uint64_t align, uint64_t *addr);

/** As loader_place, but nothing is copied yet. */
int loader_reserve(struct Loader *l, const struct BootFile *file, const char *what, uint64_t size, uint64_t align,
                   uint64_t *addr);

/** Set l->env to flat 32-bit protected mode without paging, interrupts off, at `entry`. */
void loader_enter32(struct Loader *l, uint32_t entry, uint64_t gdt_base);
/** The same for 64-bit mode with page tables at `cr3`. */
void loader_enter64(struct Loader *l, uint64_t entry, uint64_t gdt_base, uint64_t cr3);
/** The GDT that fits these: BOOT_GDT_SIZE bytes. `code64`: BOOT_CS is a 64-bit code segment. */
void loader_fill_gdt(uint8_t gdt[BOOT_GDT_SIZE], bool code64);

/** Load an ELF file's PT_LOAD segments at their physical addresses; sets l->image_end. 0 or -errno. */
struct Elf;
int loader_load_elf(struct Loader *l, const struct BootFile *file, const struct Elf *elf);

#endif
