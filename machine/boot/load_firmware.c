/* SPDX-License-Identifier: MIT */
#include "machine/boot/load_firmware.h"

#include "machine/boot/elf.h"
#include "machine/boot/load_bzimage.h"

#include <errno.h>
#include <string.h>

enum {
    ROM_GRANULE = 0x10000,
    RESET_VECTOR_FROM_END = 16,
};

static bool all_bytes(const uint8_t *p, size_t size, uint8_t value) {
    for (size_t i = 0; i < size; i++) {
        if (p[i] != value)
            return false;
    }
    return true;
}

int firmware_check(struct Loader *l) {
    const struct BootFile *f = &l->in->firmware;
    const uint8_t *d = f->data;

    if (f->size == 0)
        return loader_fail(l, f, -EINVAL, "is empty; a firmware ROM is needed");
    if (bzimage_is(d, f->size) || elf_is(d, f->size))
        return loader_fail(l, f, -EINVAL, "is a kernel, not a firmware ROM; use -kernel");
    if (f->size % ROM_GRANULE != 0 || f->size > BOOT_ROM_MAX)
        return loader_fail(l, f, -EINVAL,
                           "%zu bytes are no size for a firmware ROM; a multiple of 64 KiB, 16 MiB at "
                           "most, would be right",
                           f->size);
    const uint8_t *reset = d + f->size - RESET_VECTOR_FROM_END;
    if (all_bytes(reset, RESET_VECTOR_FROM_END, 0) || all_bytes(reset, RESET_VECTOR_FROM_END, 0xff))
        return loader_fail(l, f, -EINVAL,
                           "holds no code at the reset vector (its last 16 bytes are blank); a firmware "
                           "ROM is needed");
    return 0;
}

int firmware_map(struct Loader *l, struct Region *rom) {
    const struct BootFile *f = &l->in->firmware;
    int r = firmware_check(l);

    if (r != 0)
        return r;
    r = region_init_rom(rom, "firmware", f->data, f->size, f->size);
    if (r == 0) {
        r = bus_map(l->bus, HIGH_RAM_BASE - f->size, rom);
        if (r != 0)
            region_destroy(rom);
    }
    if (r != 0) {
        memset(rom, 0, sizeof(*rom));
        return loader_fail(l, f, r, "can't map the ROM: %s", strerror(-r));
    }
    return 0;
}

int firmware_load(struct Loader *l) {
    (void)l; /* the reset vector is in the ROM, and the registers are those of a reset */
    return 0;
}
