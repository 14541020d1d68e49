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
/** Of what is none: whether a header was meant to be there, of version 1 or 2, and in `why` what is wrong with it. */
bool multiboot_explain(const void *data, size_t size, char *why, size_t n);
int multiboot_load(struct Loader *l);

#endif
