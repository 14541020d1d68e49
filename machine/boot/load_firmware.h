/* SPDX-License-Identifier: MIT */
/**
 * Firmware ROMs: mapped so that they end at 4 GiB, where the first instruction lies (FFFFFFF0h; SDM vol. 3, 10.1.4),
 * and their last 128 KiB copied into RAM below 1 MiB, where real-mode code expects them. The copy is writable, as
 * firmware finds it after it has unlocked the chip set's shadow RAM.
 */
#ifndef TWIN86_MACHINE_LOAD_FIRMWARE_H
#define TWIN86_MACHINE_LOAD_FIRMWARE_H

#include "machine/boot/loader.h"

int firmware_check(struct Loader *l);
int firmware_map(struct Loader *l, struct Region *rom);
int firmware_load(struct Loader *l);

#endif
