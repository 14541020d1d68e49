/* SPDX-License-Identifier: MIT */
/**
 * Floppy disks and the drives that take them: which geometry an image of some size has, and what drive suits it.
 *
 * An image of an unusual size is a disk of the drive's usual format whose end was never formatted. No thread rules:
 * plain data.
 */
#ifndef TWIN86_DEVICES_FLOPPY_MEDIA_H
#define TWIN86_DEVICES_FLOPPY_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

enum { FLOPPY_SECTOR = 512 };

/** A drive, numbered as CMOS 10h has it. */
enum FloppyType { FLOPPY_NONE, FLOPPY_360, FLOPPY_120, FLOPPY_720, FLOPPY_144, FLOPPY_288, FLOPPY_TYPES };

/** Data rates as CCR and DSR code them: 500, 300, 250 kbit/s, 1 Mbit/s. */
enum FloppyRate { FLOPPY_RATE_500, FLOPPY_RATE_300, FLOPPY_RATE_250, FLOPPY_RATE_1000 };

/** A disk in a drive. */
struct FloppyMedium {
    uint8_t cylinders, heads, sectors;
    uint8_t rate;  /* enum FloppyRate, at which this drive reads it */
    uint8_t steps; /* of the drive, from a cylinder to the next: 2 for 40 cylinders in a drive of 80 */
};

/** What an image of `bytes` is in a drive of that type. False: it does not go into it. */
bool floppy_medium(enum FloppyType type, uint64_t bytes, struct FloppyMedium *m);
/** The drive for an image of `bytes`; FLOPPY_NONE: for none, it is too large. */
enum FloppyType floppy_type_for(uint64_t bytes);
/** Cylinders that the drive's heads reach. */
unsigned floppy_cylinders(enum FloppyType type);
/** "1.44 MB, 3.5 inches". */
const char *floppy_type_name(enum FloppyType type);

#endif
