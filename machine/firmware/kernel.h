/* SPDX-License-Identifier: MIT */
/**
 * Kernels that firmware starts: what of them is in fw_cfg, and the option ROM that takes it from there (kernel_rom.S).
 */
#ifndef TWIN86_MACHINE_FIRMWARE_KERNEL_H
#define TWIN86_MACHINE_FIRMWARE_KERNEL_H

#include <stddef.h>

struct Machine;

/** The ROM's file, KERNEL_ROM_SIZE bytes (machine/boot/plan_layout.h); checksums are not in it yet. */
extern const unsigned char kernel_rom[];

/**
 * The guest's kernel is open (m->boot) and so is the firmware that is to start it, if it is in no flash chip: offer it.
 * 0, or -errno with one line in `why`; then, and any time, kernel_withdraw takes back what was offered.
 */
int kernel_offer(struct Machine *m, char *why, size_t n);
void kernel_withdraw(struct Machine *m);

#endif
