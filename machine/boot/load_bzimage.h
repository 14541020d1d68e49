/* SPDX-License-Identifier: MIT */
/**
 * Linux bzImage, as the Linux/x86 boot protocol (Linux's Documentation/arch/x86/boot.rst) and the description of
 * boot_params (zero-page.rst) have it. The kernel is entered at its 64-bit entry if it has one, else at the 32-bit one.
 */
#ifndef TWIN86_MACHINE_LOAD_BZIMAGE_H
#define TWIN86_MACHINE_LOAD_BZIMAGE_H

#include "machine/boot/loader.h"

/** By the boot sector's signature and the magic "HdrS". */
bool bzimage_is(const void *data, size_t size);
/** 64 if it has a 64-bit entry, else 32. Of what bzimage_is. */
unsigned bzimage_bits(const void *data, size_t size);
/** Bytes of boot sector and real-mode code at its beginning; the kernel proper follows. */
uint64_t bzimage_setup_size(const void *data, size_t size);
int bzimage_load(struct Loader *l);

#endif
