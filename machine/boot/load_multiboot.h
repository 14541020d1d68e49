/* SPDX-License-Identifier: MIT */
/**
 * Multiboot kernels, version 1 (Multiboot Specification 0.6.96): ELF32, ELF64 (entered in 32-bit mode, as the
 * specification wants) and flat images that carry their load addresses in the header.
 */
#ifndef TWIN86_MACHINE_LOAD_MULTIBOOT_H
#define TWIN86_MACHINE_LOAD_MULTIBOOT_H

#include "machine/boot/loader.h"

/** A header with a right checksum lies in the first 8 KiB. */
bool multiboot_is(const void *data, size_t size);
int multiboot_load(struct Loader *l);

#endif
