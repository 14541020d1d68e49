/* SPDX-License-Identifier: MIT */
/** Which format an image has, by its first bytes. Private to block/. */
#ifndef TWIN86_BLOCK_PROBE_H
#define TWIN86_BLOCK_PROBE_H

#include <stddef.h>

enum { BLOCK_PROBE = 512 };

/** QEMU's name of the format; "raw" when it is none that is known by its beginning. Formats that are not implemented
 * are named, too, so that nobody takes them for raw disks. */
const char *block_probe(const unsigned char *data, size_t n);

#endif
