/* SPDX-License-Identifier: MIT */
/* The floppy disk controller: registers, commands, transfers by DMA and without, media, saved states; the 8237's side
 * of them. */
#include "devices/dma.h"
#include "devices/floppy/fdc.h"
#include "tests/unit/devices/ide_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 1 << 20, BUFFER = 0x10000, MB144 = 1474560 };
enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5, DIR = 0x3f7, CCR = 0x3f7 };

static struct DeviceBench dev;
static struct Region ram;
static struct Dma dma;
static struct Fdc fdc;
static struct WireLog irq;
static struct Block *block[2];
static uint8_t result[10];

static size_t move(void *opaque, void *buf, size_t n, bool to_memory, bool *terminal) {
    return dma_move(opaque, 2, buf, n, to_memory, terminal);
}

static void setup(void) {
    bench_open(&dev);
    ck_assert_int_eq(region_init_ram(&ram, "ram", RAM), 0);
    ck_assert_int_eq(bus_map(dev.bus, 0, &ram), 0);
    irq = (struct WireLog){0};
    dma_init(&dma);
    ck_assert_int_eq(dma_map(&dma, dev.bus), 0);
    fdc_init(&fdc, dev.clock, wire_to(&irq), (struct FdcDma){move, &dma});
    ck_assert_int_eq(fdc_map(&fdc, dev.bus), 0);
    fdc_reset(&fdc);
    bench_out(&dev, 0xd6, 0xc0); /* cascade */
    bench_out(&dev, 0xd4, 0);
}

static void teardown(void) {
    fdc_reset(&fdc);
    for (unsigned i = 0; i < 2; i++) {
        block_close(block[i]);
        block[i] = NULL;
    }
    bench_close(&dev);
    region_destroy(&ram);
}

static void out(uint16_t port, uint8_t value) { bench_out(&dev, port, value); }
static uint8_t in(uint16_t port) { return bench_in(&dev, port); }

static void settle(void) {
    for (unsigned i = 0; i < 2; i++)
        if (block[i] != NULL)
            block_drain(block[i]);
}

/* Every 32-bit word of a disk is its number. */
static void insert(unsigned drive, enum FloppyType type, uint64_t size, bool readonly) {
    block[drive] = ide_bench_image(size, readonly);
    struct FdcDriveConfig c = {type, block[drive]};
    ck_assert_int_eq(fdc_add_drive(&fdc, drive, &c), 0);
    fdc_reset(&fdc);
}

/* All bytes of a command, and what comes back: how many, in `result`. */
static unsigned command(unsigned n, const uint8_t *bytes) {
    unsigned got = 0;
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_eq(in(MSR) & 0xc0, 0x80);
        out(FIFO, bytes[i]);
    }
    settle();
    while ((in(MSR) & 0xf0) == 0xd0 && got < sizeof(result))
        result[got++] = in(FIFO);
    return got;
}
#define COMMAND(...) command(sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void expect(const char *what, unsigned n, const uint8_t *bytes) {
    for (unsigned i = 0; i < n; i++)
        ck_assert_msg(result[i] == bytes[i], "%s: byte %u is %02x, not %02x", what, i, result[i], bytes[i]);
}
#define EXPECT(what, ...) expect(what, sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

/* Reset, motor of drive 0 on, rate, SPECIFY: as a driver begins. */
static void start(uint8_t rate) {
    out(DOR, 0);
    out(DOR, 0x1c);
    ck_assert(irq.level);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(COMMAND(0x08), 2);
        EXPECT("reset", 0xc0 | i, 0);
        ck_assert(!irq.level);
    }
    out(CCR, rate);
    COMMAND(0x03, 0xdf, 0x02);
}

static void program_dma(uint8_t mode, uint32_t address, unsigned count) {
    out(0x0a, 0x06);
    out(0x0c, 0);
    out(0x0b, mode | 2);
    out(0x04, address & 0xff);
    out(0x04, address >> 8 & 0xff);
    out(0x81, address >> 16);
    out(0x05, (count - 1) & 0xff);
    out(0x05, (count - 1) >> 8);
    out(0x0a, 0x02);
}
static void dma_in(unsigned count) { program_dma(0x44, BUFFER, count); }
static void dma_out(unsigned count) { program_dma(0x48, BUFFER, count); }

static uint32_t word_at(uint32_t gpa) { return bus_read_uint(dev.bus, gpa, 4); }

static uint32_t disk_word(unsigned drive, unsigned sector) {
    uint32_t v;
    ck_assert_int_eq(block_sync(block[drive], BLOCK_READ, sector * 512, &v, 4), 0);
    return v;
}

static void seek(uint8_t cylinder) {
    ck_assert_uint_eq(COMMAND(0x0f, 0, cylinder), 0);
    ck_assert(irq.level);
    ck_assert_uint_eq(COMMAND(0x08), 2);
    EXPECT("seek", 0x20, cylinder);
}

/* ---- registers and short commands ---- */

START_TEST(presence) {
    ck_assert_uint_eq(in(0x3f0), 0xff);
    ck_assert_uint_eq(in(MSR), 0); /* held in reset */
    out(FIFO, 0x10);
    ck_assert_uint_eq(in(FIFO), 0xff);
    start(0);
    ck_assert_uint_eq(in(DOR), 0x1c);
    ck_assert_uint_eq(in(MSR), 0x80);
    ck_assert_uint_eq(COMMAND(0x10), 1);
    EXPECT("version", 0x90);
    /* unknown ones, PART ID of later chips among them, and an interrupt that there is not */
    static const uint8_t unknown[] = {0x18, 0x00, 0x01, 0x0b, 0x33, 0x2e, 0x08, 0x25, 0xff};
    for (unsigned i = 0; i < sizeof(unknown); i++) {
        ck_assert_uint_eq(command(1, &unknown[i]), 1);
        EXPECT("unknown", 0x80);
    }
    ck_assert(!irq.level);
    out(0x3f3, 0xff);
    ck_assert_uint_eq(in(0x3f3), 3);
    /* no drive: no change line, no track 0 */
    ck_assert_uint_eq(in(DIR), 0);
    ck_assert_uint_eq(COMMAND(0x04, 0x05), 1);
    EXPECT("no drive", 0x2d);
    COMMAND(0x07, 0);
    ck_assert_uint_eq(in(MSR), 0x81);
    COMMAND(0x08);
    EXPECT("no drive: no track 0", 0x70, 0);
    ck_assert_uint_eq(in(MSR), 0x80);
}
END_TEST

START_TEST(settings) {
    start(2);
    COMMAND(0x13, 0, 0x57, 0x11);
    ck_assert_uint_eq(COMMAND(0x94), 1);
    EXPECT("lock", 0x10);
    COMMAND(0x12, 0x9f);
    COMMAND(0x12, 0x01); /* without OW the drives stay */
    ck_assert_uint_eq(COMMAND(0x0e), 10);
    EXPECT("registers", 0, 0, 0, 0, 0xdf, 0x02, 0, 0x9d, 0x57, 0x11);
    /* a reset by software: implied seek, polling and gap go; the FIFO's part is locked, the drives' bits stay */
    out(MSR, 0x80);
    ck_assert(irq.level);
    ck_assert_uint_eq(COMMAND(0x0e), 10);
    EXPECT("after a reset", 0, 0, 0, 0, 0xdf, 0x02, 0, 0x9c, 0x07, 0x11);
    COMMAND(0x14);
    EXPECT("unlock", 0);
    start(2);
    COMMAND(0x0e);
    EXPECT("after another", 0, 0, 0, 0, 0xdf, 0x02, 0, 0x1c, 0x20, 0);
}
END_TEST

/* DMAGATE lets the interrupt through, and nothing else does. */
START_TEST(interrupt_gate) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    out(DOR, 0x14);
    COMMAND(0x0f, 0, 3);
    ck_assert(!irq.level);
    out(DOR, 0x1c);
    ck_assert(irq.level);
    dma_in(512);
    COMMAND(0x08);
    out(DOR, 0x14);
    ck_assert_uint_eq(COMMAND(0xe6, 0, 3, 0, 1, 2, 18, 0x1b, 0xff), 7);
    EXPECT("no DMA request either", 0x40, 0x10, 0);
}
END_TEST

START_TEST(seeks) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    ck_assert_uint_eq(in(DIR), 0x80);
    COMMAND(0x07, 0);
    COMMAND(0x08);
    EXPECT("recalibrate", 0x20, 0);
    ck_assert_uint_eq(in(DIR), 0x80); /* no pulse: it was there */
    seek(5);
    ck_assert_uint_eq(in(DIR), 0);
    COMMAND(0x04, 4);
    EXPECT("away from track 0", 0x2c);
    COMMAND(0xcf, 0, 10);
    COMMAND(0x08);
    EXPECT("ten more", 0x20, 15);
    COMMAND(0x8f, 0, 15);
    COMMAND(0x08);
    EXPECT("back", 0x20, 0);
    COMMAND(0x04, 0);
    EXPECT("track 0", 0x38);
    /* to the end of the rail, from where 79 steps don't lead back, but twice */
    seek(200);
    ck_assert_uint_eq(fdc.state.drive[0].cylinder, 83);
    COMMAND(0x07, 0);
    COMMAND(0x08);
    EXPECT("too far", 0x70, 0);
    COMMAND(0x07, 0);
    COMMAND(0x08);
    EXPECT("there", 0x20, 0);
    /* not selected, or not turning: pulses go nowhere */
    out(DOR, 0x0c);
    COMMAND(0x07, 0);
    COMMAND(0x08);
    EXPECT("motor off", 0x70, 0);
}
END_TEST

START_TEST(two_seeks) {
    insert(0, FLOPPY_144, MB144, false);
    insert(1, FLOPPY_144, MB144, false);
    start(0);
    COMMAND(0x0f, 0, 3);
    COMMAND(0x0f, 1, 4);
    ck_assert_uint_eq(in(MSR), 0x83);
    unsigned rises = irq.rises;
    COMMAND(0x08);
    EXPECT("first", 0x20, 3);
    ck_assert_uint_eq(irq.rises, rises + 1); /* the other's */
    COMMAND(0x08);
    EXPECT("second", 0x21, 4);
    ck_assert(!irq.level);
    ck_assert_uint_eq(in(MSR), 0x80);
}
END_TEST

/* ---- transfers ---- */

START_TEST(read_by_dma) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    seek(3);
    dma_in(3 * 512);
    ck_assert_uint_eq(COMMAND(0xe6, 4, 3, 1, 7, 2, 18, 0x1b, 0xff), 7);
    EXPECT("read", 4, 0, 0, 3, 1, 10, 2);
    ck_assert(!irq.level);
    for (unsigned i = 0; i < 3 * 128; i++)
        ck_assert_uint_eq(word_at(BUFFER + 4 * i), ((3 * 2 + 1) * 18 + 6) * 128 + i);
    ck_assert_uint_eq(word_at(BUFFER + 3 * 512), 0);
    ck_assert_uint_eq(in(0x08), 4); /* terminal count, once */
    ck_assert_uint_eq(in(0x08), 0);
    ck_assert_uint_eq(in(0x0f), 0xff); /* and masked */
    /* from one side to the other, and up to the last sector of the cylinder */
    dma_in(4 * 512);
    COMMAND(0xe6, 0, 3, 0, 17, 2, 18, 0x1b, 0xff);
    EXPECT("multi-track", 4, 0, 0, 3, 1, 3, 2);
    ck_assert_uint_eq(word_at(BUFFER + 2 * 512), (3 * 2 + 1) * 18 * 128);
    dma_in(512);
    COMMAND(0xe6, 4, 3, 1, 18, 2, 18, 0x1b, 0xff);
    EXPECT("the last", 4, 0, 0, 4, 0, 1, 2);
    /* one side alone: it ends, and no TC has come */
    dma_in(3 * 512);
    COMMAND(0x46, 0, 3, 0, 17, 2, 18, 0x1b, 0xff);
    EXPECT("no TC", 0x40, 0x80, 0, 3, 0, 18, 2);
    /* a TC in the middle of a sector */
    dma_in(100);
    COMMAND(0x46, 0, 3, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("middle", 0, 0, 0, 3, 0, 2, 2);
}
END_TEST

START_TEST(write_by_dma) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    seek(79);
    for (unsigned i = 0; i < 256; i++)
        bus_write_uint(dev.bus, BUFFER + 4 * i, 0xabcd0000 + i, 4);
    dma_out(1024);
    ck_assert_uint_eq(COMMAND(0xc5, 0, 79, 0, 18, 2, 18, 0x1b, 0xff), 7);
    EXPECT("write", 4, 0, 0, 79, 1, 2, 2);
    ck_assert_uint_eq(disk_word(0, 79 * 36 + 17), 0xabcd0000);
    ck_assert_uint_eq(disk_word(0, 79 * 36 + 18), 0xabcd0080);
    ck_assert_uint_eq(disk_word(0, 79 * 36 + 19), (79 * 36 + 19) * 128);
    /* a masked channel, and one for the other direction */
    out(0x0a, 0x06);
    COMMAND(0xc5, 0, 79, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("masked", 0x40, 0x10, 0);
    dma_in(512);
    COMMAND(0xc5, 0, 79, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("direction", 0x40, 0x10, 0);
    ck_assert_uint_eq(disk_word(0, 79 * 36), 79 * 36 * 128);
    /* deleted data have no place in an image */
    COMMAND(0x49, 0, 79, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("deleted", 0x40, 2, 0);
}
END_TEST

static void expect_failure(const char *what, uint8_t st1, uint8_t st2, unsigned n, const uint8_t *bytes) {
    dma_in(512);
    ck_assert_uint_eq(command(n, bytes), 7);
    ck_assert_msg((result[0] & 0xc0) == 0x40 && result[1] == st1 && result[2] == st2, "%s: %02x %02x %02x", what,
                  result[0], result[1], result[2]);
}
#define FAILS(what, st1, st2, ...)                                                                                     \
    expect_failure(what, st1, st2, sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

START_TEST(not_found) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    FAILS("cylinder", 0x04, 0x10, 0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff);
    FAILS("head", 0x04, 0, 0x46, 0, 0, 1, 1, 2, 18, 0x1b, 0xff);
    FAILS("sector 0", 0x04, 0, 0x46, 0, 0, 0, 0, 2, 18, 0x1b, 0xff);
    FAILS("sector 19", 0x04, 0, 0x46, 0, 0, 0, 19, 2, 20, 0x1b, 0xff);
    FAILS("1024 bytes", 0x04, 0, 0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff);
    FAILS("FM", 0x01, 0, 0x06, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    FAILS("other drive", 0x01, 0, 0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff);
    FAILS("drive 3", 0x01, 0, 0x4a, 3);
    out(CCR, 2);
    FAILS("rate", 0x01, 0, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    FAILS("rate", 0x01, 0, 0x4a, 0);
    out(CCR, 0);
    out(DOR, 0x0c);
    FAILS("motor", 0x01, 0, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    out(DOR, 0x1c);
    ck_assert_int_eq(fdc_set_medium(&fdc, 0, NULL), 0);
    FAILS("no disk", 0x01, 0, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    ck_assert_uint_eq(in(DIR), 0x80);
    seek(1);
    ck_assert_uint_eq(in(DIR), 0x80);
    COMMAND(0x04, 0);
    ck_assert_uint_eq(result[0] & 0x40, 0x40);
}
END_TEST

/* An image whose end was cut off: what is missing was never formatted. */
START_TEST(short_image) {
    insert(0, FLOPPY_144, 100 * 512, false);
    start(0);
    dma_in(512);
    seek(2);
    COMMAND(0x46, 4, 2, 1, 10, 2, 18, 0x1b, 0xff);
    EXPECT("the last one", 4, 0, 0);
    FAILS("beyond", 0x04, 0, 0x46, 4, 2, 1, 11, 2, 18, 0x1b, 0xff);
}
END_TEST

START_TEST(implied_seek) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    COMMAND(0x13, 0, 0x57, 0);
    dma_in(512);
    COMMAND(0x46, 0, 40, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("read", 0x20, 0, 0, 40, 0, 2, 2);
    ck_assert_uint_eq(word_at(BUFFER), 40 * 36 * 128);
}
END_TEST

START_TEST(without_dma) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    COMMAND(0x03, 0xdf, 0x03);
    static const uint8_t read[] = {0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff};
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, read[i]);
    ck_assert(!irq.level);
    ck_assert_uint_eq(in(MSR), 0x30);
    for (unsigned sector = 0; sector < 2; sector++) {
        settle();
        ck_assert(irq.level);
        for (unsigned i = 0; i < 512; i++) {
            uint32_t word = (16 + sector) * 128 + i / 4;
            ck_assert_uint_eq(in(MSR), 0xf0);
            ck_assert_uint_eq(in(FIFO), word >> 8 * (i % 4) & 0xff);
        }
        ck_assert_uint_eq(in(MSR), 0x30); /* the gap */
        bench_run(&dev, FDC_GAP_MOST / 2);
        ck_assert(!irq.level); /* the handler that moved the data is not done yet */
        ck_assert_uint_eq(in(MSR), 0x30);
        bench_run(&dev, FDC_GAP_TIME - 1);
        ck_assert(!irq.level);
        bench_run(&dev, 1);
    }
    ck_assert(irq.level);
    ck_assert_uint_eq(in(MSR), 0xd0);
    ck_assert_uint_eq(COMMAND(), 7);
    EXPECT("no TC comes", 0x40, 0x80, 0, 0, 0, 18, 2);
    ck_assert(!irq.level);
    static const uint8_t write[] = {0x45, 0, 0, 0, 3, 2, 3, 0x1b, 0xff};
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, write[i]);
    ck_assert(irq.level);
    for (unsigned i = 0; i < 512; i++) {
        ck_assert_uint_eq(in(MSR), 0xb0);
        out(FIFO, 0x5a);
    }
    bench_run(&dev, FDC_GAP_MOST - 1);
    ck_assert(!irq.level);
    ck_assert_uint_eq(fdc.state.phase, FDC_GAP);
    bench_run(&dev, 1); /* nobody looks */
    ck_assert_uint_eq(COMMAND(), 7);
    EXPECT("written", 0x40, 0x80, 0);
    ck_assert_uint_eq(disk_word(0, 2), 0x5a5a5a5a);
}
END_TEST

/* A driver that reads fewer sectors than are left on the track, or is not there any more: the rest is lost. */
START_TEST(overrun) {
    static const uint8_t read[] = {0x46, 0, 0, 0, 3, 2, 18, 0x1b, 0xff},
                         write[] = {0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff};
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    COMMAND(0x03, 0xdf, 0x03);
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, read[i]);
    settle();
    for (unsigned i = 0; i < 512; i++) {
        bench_run(&dev, 15000000); /* slow, but alive */
        in(FIFO);
    }
    bench_run(&dev, FDC_GAP_MOST);
    settle();
    ck_assert_uint_eq(in(MSR), 0xf0);
    struct FdcState before = fdc.state;
    fdc_restored(&fdc); /* a restored one waits as long */
    bench_run(&dev, FDC_PATIENCE - 1);
    ck_assert_uint_eq(in(MSR), 0xf0);
    bench_run(&dev, 1);
    ck_assert(irq.level);
    ck_assert_uint_eq(COMMAND(), 7);
    EXPECT("overrun", 0x40, 0x10, 0, 0, 0, 4, 2);
    ck_assert_int_eq(before.served, clock_now(dev.clock) - FDC_PATIENCE);
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, write[i]);
    for (unsigned i = 0; i < 512 + 3; i++) {
        out(FIFO, 0xa5);
        if (fdc.state.phase == FDC_GAP)
            bench_run(&dev, FDC_GAP_MOST);
        settle();
    }
    bench_run(&dev, FDC_PATIENCE);
    ck_assert_uint_eq(COMMAND(), 7);
    EXPECT("underrun", 0x40, 0x10, 0, 0, 0, 4, 2);
    ck_assert_uint_eq(disk_word(0, 2), 0xa5a5a5a5);
    ck_assert_uint_eq(disk_word(0, 3), 3 * 128);
}
END_TEST

START_TEST(verify_and_track) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    ck_assert_uint_eq(COMMAND(0x56, 0, 0, 0, 1, 2, 18, 0x1b, 0xff), 7);
    EXPECT("verify to the end", 0, 0, 0, 1, 0, 1, 2);
    COMMAND(0x56, 0x80, 0, 0, 5, 2, 18, 0x1b, 3);
    EXPECT("three", 0, 0, 0, 0, 0, 8, 2);
    COMMAND(0x56, 0x80, 0, 0, 17, 2, 18, 0x1b, 3);
    EXPECT("there are but two", 0x40, 0x80, 0);
    ck_assert_uint_eq(word_at(BUFFER), 0);
    dma_in(18 * 512);
    COMMAND(0x42, 4, 0, 1, 1, 2, 18, 0x1b, 0xff);
    EXPECT("track", 4, 0, 0);
    ck_assert_uint_eq(word_at(BUFFER + 17 * 512), 35 * 128);
    dma_in(2 * 512);
    COMMAND(0x42, 4, 9, 1, 1, 2, 18, 0x1b, 0xff);
    EXPECT("another cylinder's IDs", 4, 4, 0);
    ck_assert_uint_eq(word_at(BUFFER + 512), 19 * 128);
    dma_in(512);
    COMMAND(0x4c, 0, 0, 0, 2, 2, 18, 0x1b, 0xff);
    EXPECT("no deleted mark", 0, 0, 0x40);
    ck_assert_uint_eq(word_at(BUFFER), 128);
    dma_in(512);
    COMMAND(0x6c, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
    EXPECT("passed over", 0, 0, 0x40);
    ck_assert_uint_eq(word_at(BUFFER), 128);
}
END_TEST

START_TEST(read_id) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    seek(7);
    for (unsigned i = 1; i <= 19; i++) {
        ck_assert_uint_eq(COMMAND(0x4a, 4), 7);
        EXPECT("ID", 4, 0, 0, 7, 1, i <= 18 ? i : 1, 2);
    }
}
END_TEST

START_TEST(format) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    seek(1);
    for (unsigned i = 0; i < 18; i++)
        bus_write_uint(dev.bus, BUFFER + 4 * i, 0x02000001 | (uint32_t)(i + 1) << 16, 4);
    dma_out(18 * 4);
    ck_assert_uint_eq(COMMAND(0x4d, 0, 2, 18, 0x6c, 0xf6), 7);
    EXPECT("format", 0, 0, 0);
    ck_assert_uint_eq(disk_word(0, 35), 35 * 128);
    ck_assert_uint_eq(disk_word(0, 36), 0xf6f6f6f6);
    ck_assert_uint_eq(disk_word(0, 53), 0xf6f6f6f6);
    ck_assert_uint_eq(disk_word(0, 54), 54 * 128);
    /* what no image can hold */
    bus_write_uint(dev.bus, BUFFER, 0x03010001, 4);
    dma_out(4);
    COMMAND(0x4d, 0, 3, 9, 0x6c, 0xf6);
    EXPECT("1024 bytes", 0x40, 4, 0);
    COMMAND(0x4d, 0, 2, 0, 0x6c, 0xf6);
    EXPECT("no sectors", 0, 0, 0);
}
END_TEST

START_TEST(scan) {
    static const struct {
        uint8_t command, host, st2, r;
    } cases[] = {
        {0x51, 0x33, 0x04, 1}, {0x51, 0x11, 0x08, 1}, {0x51, 0x22, 0x08, 2},
        {0x51, 0xff, 0x08, 1}, {0x59, 0x10, 0x04, 1}, {0x59, 0x11, 0x08, 1},
        {0x59, 0x30, 0x00, 1}, {0x5d, 0x10, 0x00, 1}, {0x5d, 0x12, 0x00, 2},
    };
    uint8_t sector[512];
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    for (unsigned i = 0; i < 2; i++) {
        memset(sector, 0x11 * (int)(i + 1), sizeof(sector));
        ck_assert_int_eq(block_sync(block[0], BLOCK_WRITE, i * 512, sector, 512), 0);
    }
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(sector, cases[i].host, sizeof(sector));
        bus_write(dev.bus, BUFFER, sector, 512);
        bus_write(dev.bus, BUFFER + 512, sector, 512);
        dma_out(1024);
        ck_assert_uint_eq(COMMAND(cases[i].command, 0, 0, 0, 1, 2, 2, 0x1b, 1), 7);
        ck_assert_msg(result[2] == cases[i].st2, "case %u: %02x %02x %02x, %u", i, result[0], result[1], result[2],
                      result[5]);
        if (cases[i].st2 != 4)
            ck_assert_uint_eq(result[5], cases[i].r);
    }
}
END_TEST

/* ---- disks ---- */

START_TEST(protection) {
    insert(0, FLOPPY_144, MB144, true);
    start(0);
    COMMAND(0x04, 0);
    EXPECT("protected", 0x78);
    dma_out(512);
    COMMAND(0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    EXPECT("write", 0x40, 2, 0);
    COMMAND(0x4d, 0, 2, 18, 0x6c, 0xf6);
    EXPECT("format", 0x40, 2, 0);
    dma_in(512);
    COMMAND(0x46, 0, 0, 0, 2, 2, 18, 0x1b, 0xff);
    EXPECT("read", 0, 0, 0);
    ck_assert_uint_eq(word_at(BUFFER), 128);
}
END_TEST

START_TEST(geometries) {
    static const struct {
        uint32_t kib;
        enum FloppyType type, drive;
        uint8_t cylinders, heads, sectors, rate, steps;
    } cases[] = {
        {160, FLOPPY_360, FLOPPY_360, 40, 1, 8, 2, 1},   {180, FLOPPY_360, FLOPPY_360, 40, 1, 9, 2, 1},
        {320, FLOPPY_360, FLOPPY_360, 40, 2, 8, 2, 1},   {360, FLOPPY_360, FLOPPY_360, 40, 2, 9, 2, 1},
        {360, FLOPPY_360, FLOPPY_120, 40, 2, 9, 1, 2},   {720, FLOPPY_144, FLOPPY_144, 80, 2, 9, 2, 1},
        {720, FLOPPY_144, FLOPPY_720, 80, 2, 9, 2, 1},   {1200, FLOPPY_120, FLOPPY_120, 80, 2, 15, 0, 1},
        {1440, FLOPPY_144, FLOPPY_288, 80, 2, 18, 0, 1}, {1680, FLOPPY_144, FLOPPY_144, 80, 2, 21, 0, 1},
        {2880, FLOPPY_288, FLOPPY_288, 80, 2, 36, 3, 1}, {1266, FLOPPY_144, FLOPPY_144, 80, 2, 18, 0, 1},
        {100, FLOPPY_144, FLOPPY_120, 80, 2, 15, 0, 1},  {2000, FLOPPY_288, FLOPPY_288, 80, 2, 36, 3, 1},
    };
    struct FloppyMedium m;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t size = (uint64_t)cases[i].kib << 10;
        ck_assert_msg(floppy_type_for(size) == cases[i].type, "case %u", i);
        ck_assert_msg(floppy_medium(cases[i].drive, size, &m), "case %u", i);
        ck_assert_msg(m.cylinders == cases[i].cylinders && m.heads == cases[i].heads && m.sectors == cases[i].sectors &&
                          m.rate == cases[i].rate && m.steps == cases[i].steps,
                      "case %u: %u %u %u, %u, %u", i, m.cylinders, m.heads, m.sectors, m.rate, m.steps);
    }
    ck_assert_int_eq(floppy_type_for(2881 << 10), FLOPPY_NONE);
    ck_assert(!floppy_medium(FLOPPY_144, 1200 << 10, &m)); /* 5.25 inches */
    ck_assert(!floppy_medium(FLOPPY_120, 1440 << 10, &m));
    ck_assert(!floppy_medium(FLOPPY_144, 2880 << 10, &m));
    ck_assert(!floppy_medium(FLOPPY_360, 1000 << 10, &m));
}
END_TEST

/* 40 cylinders in a drive of 80: two steps each. */
START_TEST(double_steps) {
    insert(0, FLOPPY_120, 360 << 10, false);
    start(1);
    seek(6);
    dma_in(512);
    COMMAND(0x46, 0, 3, 0, 1, 2, 9, 0x1b, 0xff);
    EXPECT("cylinder 3", 0, 0, 0);
    ck_assert_uint_eq(word_at(BUFFER), 3 * 18 * 128);
    seek(7);
    FAILS("between two", 0x01, 0, 0x46, 0, 3, 0, 1, 2, 9, 0x1b, 0xff);
    seek(80);
    FAILS("beyond the last", 0x01, 0, 0x4a, 0);
}
END_TEST

START_TEST(change) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    seek(1);
    ck_assert_uint_eq(in(DIR), 0);
    struct Block *old = block[0], *large = ide_bench_image(2880 << 10, false);
    ck_assert_int_eq(fdc_set_medium(&fdc, 0, large), -EFBIG);
    ck_assert_uint_eq(in(DIR), 0);
    block[0] = ide_bench_image(720 << 10, true);
    ck_assert_int_eq(fdc_set_medium(&fdc, 0, block[0]), 0);
    ck_assert_uint_eq(in(DIR), 0x80);
    FAILS("the other rate", 0x01, 0, 0x4a, 0);
    out(CCR, 2);
    COMMAND(0x4a, 0);
    EXPECT("ID", 0, 0, 0, 1, 0, 1, 2);
    seek(0);
    ck_assert_uint_eq(in(DIR), 0);
    block_close(old);
    block_close(large);
}
END_TEST

START_TEST(drives) {
    struct FdcDriveConfig c = {FLOPPY_NONE, NULL};
    ck_assert_int_eq(fdc_add_drive(&fdc, 0, &c), -EINVAL);
    c.type = FLOPPY_144;
    ck_assert_int_eq(fdc_add_drive(&fdc, 2, &c), -EINVAL);
    ck_assert_int_eq(fdc_add_drive(&fdc, 1, &c), 0);
    ck_assert_int_eq(fdc_add_drive(&fdc, 1, &c), -EBUSY);
    c.type = FLOPPY_360;
    c.block = block[0] = ide_bench_image(MB144, false);
    ck_assert_int_eq(fdc_add_drive(&fdc, 0, &c), -EFBIG);
}
END_TEST

/* ---- resets, errors, states ---- */

START_TEST(reset_in_the_middle) {
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    dma_in(512);
    static const uint8_t read[] = {0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff};
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, read[i]);
    ck_assert_uint_eq(in(MSR), 0x10);
    out(DOR, 0x18);
    ck_assert_uint_eq(in(MSR), 0);
    out(DOR, 0x1c);
    for (unsigned i = 0; i < 4; i++) {
        out(FIFO, 8);
        ck_assert_uint_eq(in(FIFO), 0xc0 | i);
        in(FIFO);
    }
    /* a second command waits for what the first has left behind */
    for (unsigned i = 0; i < 9; i++)
        out(FIFO, read[i] + (i == 4));
    ck_assert_uint_eq(in(MSR), 0x10);
    ck_assert_uint_eq(COMMAND(), 7);
    EXPECT("the second", 0, 0, 0, 0, 0, 3, 2);
    ck_assert_uint_eq(word_at(BUFFER), 128);
    fdc_reset(&fdc);
    ck_assert_uint_eq(in(MSR), 0);
    ck_assert_uint_eq(in(DOR), 0);
}
END_TEST

/* Restored elsewhere in the middle of a command, a result, a transfer without DMA. */
START_TEST(saved) {
    size_t n = state_size(&fdc_state_table, fdc_state_table.version);
    uint8_t *bytes = malloc(n);
    char why[200];
    struct FdcState other;
    insert(0, FLOPPY_144, MB144, false);
    start(0);
    COMMAND(0x03, 0xdf, 0x03);
    seek(2);
    static const uint8_t read[] = {0x46, 0, 2, 0, 1, 2, 1, 0x1b, 0xff};
    for (unsigned i = 0; i < 9 + 512 + 7; i++) {
        if (i >= 9) {
            settle();
            in(FIFO);
            if (fdc.state.phase == FDC_GAP) { /* which a restored one waits for, too */
                fdc_restored(&fdc);
                bench_run(&dev, FDC_GAP_MOST);
            }
        } else {
            out(FIFO, read[i]);
        }
        settle();
        if (i == 8)
            ck_assert_uint_eq(fdc.state.phase, FDC_DATA_IN);
        state_save(&fdc_state_table, &fdc.state, bytes);
        memset(&other, 0xa5, sizeof(other));
        ck_assert_msg(state_load(&fdc_state_table, fdc_state_table.version, bytes, n, &other, why, sizeof(why)) == 0,
                      "%u: %s", i, why);
        ck_assert_mem_eq(&other, &fdc.state, sizeof(other));
        fdc.state = other;
    }
    ck_assert_uint_eq(in(MSR), 0x80);
    /* what can't be */
    static const struct {
        uint8_t phase, first;
        uint16_t at, end;
        bool flush;
    } wrong[] = {
        {FDC_MEDIUM, 0, 0, 0, false},     {FDC_COMMAND, 0x46, 9, 0, false}, {FDC_COMMAND, 0x08, 1, 0, false},
        {FDC_RESULT, 0, 7, 7, false},     {FDC_RESULT, 0, 0, 17, false},    {FDC_DATA_IN, 0, 512, 512, false},
        {FDC_DATA_OUT, 0, 0, 513, false}, {FDC_COMMAND, 0, 0, 0, true},
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct FdcState s = fdc.state;
        s.phase = wrong[i].phase;
        s.fifo[0] = wrong[i].first;
        s.at = wrong[i].at;
        s.end = wrong[i].end;
        s.flush = wrong[i].flush;
        state_save(&fdc_state_table, &s, bytes);
        ck_assert_msg(state_load(&fdc_state_table, 1, bytes, n, &other, why, sizeof(why)) == -EINVAL, "%u", i);
    }
    free(bytes);
}
END_TEST

Suite *fdc_suite(void) {
    Suite *s = suite_create("fdc");
    TCase *tc = tcase_create("fdc");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, presence);
    tcase_add_test(tc, settings);
    tcase_add_test(tc, interrupt_gate);
    tcase_add_test(tc, seeks);
    tcase_add_test(tc, two_seeks);
    tcase_add_test(tc, read_by_dma);
    tcase_add_test(tc, write_by_dma);
    tcase_add_test(tc, not_found);
    tcase_add_test(tc, short_image);
    tcase_add_test(tc, implied_seek);
    tcase_add_test(tc, without_dma);
    tcase_add_test(tc, overrun);
    tcase_add_test(tc, verify_and_track);
    tcase_add_test(tc, read_id);
    tcase_add_test(tc, format);
    tcase_add_test(tc, scan);
    tcase_add_test(tc, protection);
    tcase_add_test(tc, geometries);
    tcase_add_test(tc, double_steps);
    tcase_add_test(tc, change);
    tcase_add_test(tc, drives);
    tcase_add_test(tc, reset_in_the_middle);
    tcase_add_test(tc, saved);
    suite_add_tcase(s, tc);
    return s;
}
