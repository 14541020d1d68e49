/* SPDX-License-Identifier: MIT */
/** What tests of IDE stand on: the function on a bus with RAM, and drives whose images are temporary files. */
#ifndef TWIN86_TESTS_UNIT_IDE_BENCH_H
#define TWIN86_TESTS_UNIT_IDE_BENCH_H

#include "devices/ide/piix3_ide.h"
#include "tests/unit/devices/device_bench.h"

enum { IDE_BENCH_RAM = 1 << 20, IDE_BENCH_MASTER = 0xc000, IDE_BENCH_TABLE = 0x1000, IDE_BENCH_DATA = 0x10000 };

struct IdeBench {
    struct DeviceBench dev;
    struct PciHost host;
    struct Region ram;
    struct Piix3Ide piix;
    struct WireLog irq[IDE_CHANNELS];
    struct Block *block[IDE_CHANNELS][IDE_DRIVES];
    unsigned stops, failures[BLOCK_ERROR_ENOSPC]; /* by what was done about them */
    int stop_error;
    unsigned tray_moves;
};

/** The function with its ports on, bus mastering too. */
void ide_bench_open(struct IdeBench *b);
void ide_bench_close(struct IdeBench *b);
/** An image of `size` bytes in which every 32-bit word is its number. */
struct Block *ide_bench_image(uint64_t size, bool readonly);
/** Put a drive in, and reset all. `block` NULL: no medium. */
void ide_bench_drive(struct IdeBench *b, unsigned channel, unsigned drive, enum IdeKind kind, struct Block *block,
                     enum BlockOnError policy);

uint8_t ide_in(struct IdeBench *b, uint16_t port);
void ide_out(struct IdeBench *b, uint16_t port, uint8_t value);
/** All that the block layer has to do is done. */
void ide_bench_settle(struct IdeBench *b);
/** An LBA28 command to drive 0 of channel 0, and what comes of it: the status. */
uint8_t ide_command(struct IdeBench *b, uint8_t command, uint32_t lba, uint8_t count);
/** `words` of the data register. */
void ide_read_data(struct IdeBench *b, uint16_t *to, unsigned words);
void ide_write_data(struct IdeBench *b, const uint16_t *from, unsigned words);
/** A PACKET command up to the packet's end: the status then. */
uint8_t ide_packet(struct IdeBench *b, const uint8_t packet[IDE_PACKET], bool dma, unsigned limit);
/** Set the table up (address, bytes; the last has EOT) and start the bus master. */
struct IdeRange {
    uint32_t address, bytes;
};
void ide_bench_start_master(struct IdeBench *b, const struct IdeRange *ranges, unsigned n, bool to_memory);

#endif
