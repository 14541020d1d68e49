/* SPDX-License-Identifier: MIT */
/* ATA disks: registers, PIO, DMA, errors, resets, saved state. */
#include "block/internal.h"
#include "tests/unit/devices/ide_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

enum { SECTORS = 4096, WORDS = 256 };
enum { READY = 0x50, READY_DRQ = 0x58, FAILED = 0x51, BUSY = 0x80 };

static struct IdeBench b;
static uint16_t data[WORDS * 256];

static void open_disk(void) {
    ide_bench_open(&b);
    ide_bench_drive(&b, 0, 0, IDE_DISK, ide_bench_image(SECTORS * 512, false), BLOCK_ERROR_REPORT);
}

static void done(void) { ide_bench_close(&b); }

static uint32_t word_at(unsigned n) {
    uint32_t v;
    memcpy(&v, (uint8_t *)data + 4 * n, 4);
    return v;
}

/* Bytes of the image as it is now. */
static uint32_t image_word(uint64_t sector) {
    uint32_t v;
    ck_assert_int_eq(block_sync(b.block[0][0], BLOCK_READ, sector * 512, &v, 4), 0);
    return v;
}

static bool took_irq(unsigned channel) {
    bool level = b.irq[channel].level;
    ide_in(&b, channel ? 0x177 : 0x1f7);
    ck_assert(!b.irq[channel].level);
    return level;
}

START_TEST(presence) {
    ide_bench_open(&b);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), 0);
    ide_out(&b, 0x1f7, 0xec);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), 0);
    ide_bench_drive(&b, 0, 0, IDE_DISK, ide_bench_image(65536, false), BLOCK_ERROR_REPORT);
    ide_bench_drive(&b, 1, 1, IDE_CD, NULL, BLOCK_ERROR_REPORT);
    struct IdeDriveConfig again = {.kind = IDE_CD};
    ck_assert_int_eq(ide_add_drive(&b.piix.ide, 0, 0, &again), -EBUSY);
    ck_assert_int_eq(ide_add_drive(&b.piix.ide, 2, 0, &again), -EINVAL);
    again.kind = IDE_DISK;
    ck_assert_int_eq(ide_add_drive(&b.piix.ide, 0, 1, &again), -EINVAL);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), READY);
    ck_assert_uint_eq(ide_in(&b, 0x1f4) | ide_in(&b, 0x1f5) << 8, 0);
    ide_out(&b, 0x1f6, 0xb0);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), 0);
    ide_out(&b, 0x1f2, 0x55);
    ck_assert_uint_eq(ide_in(&b, 0x1f2), 0);
    ide_out(&b, 0x176, 0xb0);
    ck_assert_uint_eq(ide_in(&b, 0x174) | ide_in(&b, 0x175) << 8, 0xeb14);
    ck_assert_uint_eq(ide_in(&b, 0x177), 0);
    /* the command register switches the ports off */
    pci_config_write(&b.host, 0, 9, PCI_COMMAND, 0, 2);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), 0xff);
    ck_assert_uint_eq(ide_in(&b, 0x376), 0xff);
    done();
}
END_TEST

START_TEST(identify) {
    open_disk();
    ck_assert_uint_eq(ide_command(&b, 0xec, 0, 0), READY_DRQ);
    ck_assert(took_irq(0));
    ide_read_data(&b, data, WORDS);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), READY);
    ck_assert_uint_eq(data[0], 0x40);
    ck_assert_mem_eq(data + 10, "-S 1", 4); /* bytes of a word are swapped */
    ck_assert_mem_eq(data + 27, "WTNI68H RADDSI K", 16);
    ck_assert_uint_eq(data[60] | data[61] << 16, SECTORS);
    ck_assert_uint_eq(data[100] | data[101] << 16, SECTORS);
    ck_assert_uint_eq(data[1], SECTORS / 1008);
    ck_assert_uint_eq(data[83] & 0x7400, 0x7400);
    ck_assert_uint_eq(data[63], 0x0407);
    uint8_t sum = 0;
    for (unsigned i = 0; i < 512; i++)
        sum += ((uint8_t *)data)[i];
    ck_assert_uint_eq(sum, 0);
    ide_out(&b, 0x1f1, 3);
    ck_assert_uint_eq(ide_command(&b, 0xef, 0, 0x45), READY);
    ide_out(&b, 0x1f1, 3);
    ck_assert_uint_eq(ide_command(&b, 0xef, 0, 0x47), FAILED);
    ide_command(&b, 0xec, 0, 0);
    ide_read_data(&b, data, WORDS);
    ck_assert_uint_eq(data[88], 0x203f);
    ck_assert_uint_eq(data[63], 0x0007);
    ck_assert_uint_eq(ide_command(&b, 0xa1, 0, 0), FAILED);
    ck_assert_uint_eq(ide_in(&b, 0x1f1), 4);
    done();
}
END_TEST

START_TEST(pio_reads) {
    open_disk();
    ck_assert_uint_eq(ide_command(&b, 0x20, 7, 3), READY_DRQ);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(ide_in(&b, 0x3f6), READY_DRQ);
        ck_assert(took_irq(0));
        ide_read_data(&b, data + i * WORDS, WORDS);
    }
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert(!took_irq(0));
    for (unsigned i = 0; i < 3 * 128; i++)
        ck_assert_uint_eq(word_at(i), 7 * 128 + i);
    ck_assert_uint_eq(ide_in(&b, 0x1f3), 9); /* the last one */
    ck_assert_uint_eq(ide_in(&b, 0x1f0), 0xff);
    /* 0 is 256; double words, and bytes */
    ck_assert_uint_eq(ide_command(&b, 0xc4, 0, 4), FAILED); /* READ MULTIPLE needs its mode */
    ck_assert_uint_eq(ide_command(&b, 0xc6, 0, 3), FAILED);
    ck_assert_uint_eq(ide_command(&b, 0xc6, 0, 16), READY);
    ck_assert_uint_eq(ide_command(&b, 0xc4, 16, 0), READY_DRQ);
    b.irq[0].rises = 0;
    took_irq(0);
    for (unsigned i = 0; i < 256 * 128; i++) {
        ck_assert_uint_eq(bus_port_read(b.dev.bus, 0x1f0, 4), 16 * 128 + i);
        if (i % (16 * 128) == 16 * 128 - 1) {
            ide_bench_settle(&b);
            took_irq(0);
        }
    }
    ck_assert_uint_eq(b.irq[0].rises, 15);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    /* CHS, as the drive was told to count */
    ide_out(&b, 0x1f6, 0xa3);
    ide_out(&b, 0x1f2, 10);
    ide_out(&b, 0x1f7, 0x91);
    ide_out(&b, 0x1f6, 0xa2);
    ide_out(&b, 0x1f2, 1);
    ide_out(&b, 0x1f3, 5);
    ide_out(&b, 0x1f4, 3);
    ide_out(&b, 0x1f5, 0);
    ide_out(&b, 0x1f7, 0x20);
    ide_bench_settle(&b);
    ide_read_data(&b, data, WORDS);
    ck_assert_uint_eq(word_at(0), ((3 * 4 + 2) * 10 + 4) * 128);
    done();
}
END_TEST

START_TEST(lba_48) {
    open_disk();
    ide_out(&b, 0x1f6, 0x40);
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t current[] = {1, 10, 3, 0};
        ide_out(&b, 0x1f2 + i, 0);
        ide_out(&b, 0x1f2 + i, current[i]);
    }
    ide_out(&b, 0x1f7, 0x24);
    ide_bench_settle(&b);
    ide_read_data(&b, data, WORDS);
    ck_assert_uint_eq(word_at(0), (3 * 256 + 10) * 128);
    /* high-order bytes are seen by HOB, which any write ends */
    ide_out(&b, 0x1f3, 0x77);
    ide_out(&b, 0x1f3, 0x88);
    ide_out(&b, 0x3f6, 0x80);
    ck_assert_uint_eq(ide_in(&b, 0x1f3), 0x77);
    ide_out(&b, 0x1f4, 1);
    ck_assert_uint_eq(ide_in(&b, 0x1f3), 0x88);
    /* beyond 2 TiB of nothing */
    for (unsigned i = 0; i < 3; i++) {
        ide_out(&b, 0x1f3 + i, 0xff);
        ide_out(&b, 0x1f3 + i, 0xff);
    }
    ide_out(&b, 0x1f7, 0x24);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), FAILED);
    ck_assert_uint_eq(ide_in(&b, 0x1f1), 0x10);
    ck_assert_uint_eq(ide_command(&b, 0x27, 0, 0), READY);
    ck_assert_uint_eq(ide_in(&b, 0x1f3) | ide_in(&b, 0x1f4) << 8, SECTORS - 1);
    ck_assert_uint_eq(ide_command(&b, 0xf8, 0, 0), READY);
    ck_assert_uint_eq(ide_in(&b, 0x1f3) | ide_in(&b, 0x1f4) << 8, SECTORS - 1);
    done();
}
END_TEST

START_TEST(pio_writes) {
    open_disk();
    ck_assert_uint_eq(ide_command(&b, 0x30, 100, 2), READY_DRQ);
    ck_assert(!took_irq(0)); /* none for the first block */
    memset(data, 0x5a, 1024);
    ide_write_data(&b, data, WORDS);
    ck_assert(took_irq(0));
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY_DRQ);
    ide_write_data(&b, data, WORDS);
    ck_assert(took_irq(0));
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert_uint_eq(image_word(100), 0x5a5a5a5a);
    ck_assert_uint_eq(image_word(101), 0x5a5a5a5a);
    ck_assert_uint_eq(image_word(102), 102 * 128);
    ck_assert_uint_eq(ide_command(&b, 0xe7, 0, 0), READY);
    ck_assert(took_irq(0));
    ck_assert_uint_eq(ide_command(&b, 0x40, 0, 0), READY); /* verify */
    done();
}
END_TEST

static void dma(uint8_t command, uint32_t lba, uint8_t count, const struct IdeRange *ranges, unsigned n) {
    ide_command(&b, command, lba, count);
    ide_bench_start_master(&b, ranges, n, command == 0xc8 || command == 0x25);
}

static uint8_t master_status(void) { return ide_in(&b, IDE_BENCH_MASTER + 2); }
static uint32_t ram(uint32_t at) { return bus_read_uint(b.dev.bus, at, 4); }

START_TEST(dma_both_ways) {
    open_disk();
    /* 256 sectors, in pieces beyond the bounce buffer and across ranges */
    static const struct IdeRange in[] = {{0x10000, 0x8000}, {0x20002, 0xfffe}, {0x40000, 2}, {0x50000, 0x8000}};
    dma(0xc8, 16, 0, in, 4);
    ck_assert_uint_eq(master_status(), 4);
    ck_assert(took_irq(0));
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert_uint_eq(ram(0x10000), 16 * 128);
    ck_assert_uint_eq(ram(0x17ffc), 16 * 128 + 0x1fff);
    ck_assert_uint_eq(ram(0x20002), 16 * 128 + 0x2000);
    ck_assert_uint_eq(ram(0x50000), 16 * 128 + 0x6000);
    ck_assert_uint_eq(ram(0x57ffc), 16 * 128 + 0x7fff);
    static const struct IdeRange out[] = {{0x50000, 0x200}, {0x10000, 0x200}};
    dma(0xca, 200, 2, out, 2);
    ck_assert_uint_eq(master_status(), 4);
    ck_assert_uint_eq(image_word(200), 16 * 128 + 0x6000);
    ck_assert_uint_eq(image_word(201), 16 * 128);
    ck_assert_uint_eq(image_word(202), 202 * 128);
    /* the bus master is started first */
    ide_bench_start_master(&b, in, 4, true);
    ck_assert_uint_eq(master_status(), 1);
    ide_command(&b, 0xc8, 1, 1);
    ck_assert_uint_eq(ram(0x10000), 128);
    ck_assert_uint_eq(master_status(), 5); /* the table has more */
    ide_out(&b, IDE_BENCH_MASTER, 0);
    ck_assert_uint_eq(master_status(), 4);
    done();
}
END_TEST

START_TEST(dma_that_fails) {
    open_disk();
    static const struct IdeRange brief[] = {{0x10000, 0x200}}, nowhere[] = {{0xd0000000, 0x400}},
                                 high[] = {{0xffffff00, 0x400}}, good[] = {{0x10000, 0x400}};
    dma(0xc8, 0, 2, brief, 1);
    ck_assert_uint_eq(master_status(), 0); /* neither active nor interrupted: too short */
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY_DRQ);
    ck_assert(!b.irq[0].level);
    ide_out(&b, 0x1f7, 0xec); /* nothing but a reset helps */
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY_DRQ);
    ide_out(&b, 0x3f6, 4);
    ide_out(&b, 0x3f6, 0);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    dma(0xc8, 0, 2, nowhere, 1);
    ck_assert_uint_eq(master_status(), 2);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 9, PCI_STATUS, 2) & 0x2000, 0x2000);
    ide_out(&b, 0x3f6, 4);
    ide_out(&b, 0x3f6, 0);
    dma(0xca, 0, 2, high, 1);
    ck_assert_uint_eq(master_status(), 2);
    ck_assert_uint_eq(image_word(0), 0);
    ck_assert_uint_eq(image_word(1), 128);
    ide_out(&b, 0x3f6, 4);
    ide_out(&b, 0x3f6, 0);
    /* no bus master: it waits until it is one */
    pci_config_write(&b.host, 0, 9, PCI_COMMAND, PCI_COMMAND_IO, 2);
    dma(0xc8, 3, 2, good, 1);
    ck_assert_uint_eq(master_status(), 1);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY_DRQ);
    pci_config_write(&b.host, 0, 9, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    ide_bench_settle(&b);
    ck_assert_uint_eq(ram(0x10000), 3 * 128);
    ck_assert_uint_eq(master_status(), 4);
    done();
}
END_TEST

START_TEST(interrupt_enable) {
    open_disk();
    ide_out(&b, 0x3f6, 2);
    ide_command(&b, 0xe7, 0, 0);
    ck_assert(!b.irq[0].level);
    ide_out(&b, 0x3f6, 0);
    ck_assert(b.irq[0].level);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY); /* the alternate status ends nothing */
    ck_assert(took_irq(0));
    done();
}
END_TEST

/* A reset while the block layer works: the drive is busy, then new. */
START_TEST(reset_in_flight) {
    open_disk();
    ide_out(&b, 0x1f6, 0xe0);
    ide_out(&b, 0x1f2, 8);
    ide_out(&b, 0x1f3, 0);
    ide_out(&b, 0x1f7, 0x40);
    ck_assert_uint_eq(ide_in(&b, 0x3f6) & BUSY, BUSY);
    ide_out(&b, 0x3f6, 4);
    ide_out(&b, 0x3f6, 0);
    ck_assert_uint_eq(ide_in(&b, 0x3f6) & BUSY, BUSY);
    ide_out(&b, 0x1f7, 0xec);
    ide_bench_settle(&b);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert_uint_eq(ide_in(&b, 0x1f2), 1);
    ck_assert(!b.irq[0].level);
    ide_out(&b, 0x1f2, 8);
    ide_out(&b, 0x1f7, 0x40);
    ide_out(&b, 0x3f6, 4);
    ide_bench_settle(&b);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), BUSY);
    ide_out(&b, 0x3f6, 0);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert_uint_eq(ide_command(&b, 0x20, 5, 1), READY_DRQ);
    ide_out(&b, 0x1f7, 0x20); /* ignored */
    piix3_ide_reset(&b.piix);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    done();
}
END_TEST

static int fail_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    (void)n, (void)offset, (void)bytes, (void)v;
    return -EIO;
}

START_TEST(host_errors) {
    open_disk();
    struct BlockNode *root = b.block[0][0]->root;
    const struct BlockDriver *driver = root->driver;
    struct BlockDriver broken = *driver;
    broken.read = fail_read;
    broken.begin = NULL;
    static const struct IdeRange range[] = {{0x10000, 0x400}};
    root->driver = &broken;
    ck_assert_uint_eq(ide_command(&b, 0x20, 5, 1), FAILED);
    ck_assert_uint_eq(ide_in(&b, 0x1f1), 0x40);
    ck_assert_uint_eq(ide_in(&b, 0x1f3), 5);
    b.piix.ide.channel[0].drive[0].config.read_error = BLOCK_ERROR_IGNORE;
    ck_assert_uint_eq(ide_command(&b, 0x20, 5, 1), READY_DRQ);
    ide_read_data(&b, data, WORDS);
    ck_assert_uint_eq(word_at(9), 0);
    b.piix.ide.channel[0].drive[0].config.read_error = BLOCK_ERROR_STOP;
    dma(0xc8, 9, 2, range, 1);
    ck_assert_uint_eq(b.stops, 1);
    ck_assert_int_eq(b.stop_error, -EIO);
    root->driver = driver;
    ide_resume(&b.piix.ide);
    ide_bench_settle(&b);
    ck_assert_uint_eq(ram(0x10000), 9 * 128);
    ck_assert_uint_eq(master_status(), 4);
    /* the host's disk is full: the write is done when there is room, though its buffer is gone */
    b.piix.ide.channel[0].drive[0].config.write_error = BLOCK_ERROR_ENOSPC;
    root->no_write = -ENOSPC;
    dma(0xca, 20, 2, range, 1);
    ck_assert_uint_eq(b.stops, 2);
    ck_assert_uint_eq(ide_in(&b, 0x3f6) & BUSY, BUSY);
    memset(b.piix.ide.channel[0].bounce, 0, IDE_BOUNCE);
    root->no_write = 0;
    ide_resume(&b.piix.ide);
    ide_bench_settle(&b);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    ck_assert_uint_eq(image_word(20), 9 * 128);
    root->no_write = -EIO;
    dma(0xca, 20, 2, range, 1);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), FAILED);
    ck_assert_uint_eq(b.stops, 2);
    ck_assert_uint_eq(b.failures[BLOCK_ERROR_REPORT], 2);
    ck_assert_uint_eq(b.failures[BLOCK_ERROR_IGNORE], 1);
    root->no_write = 0;
    done();
}
END_TEST

START_TEST(readonly_disk) {
    ide_bench_open(&b);
    ide_bench_drive(&b, 0, 0, IDE_DISK, ide_bench_image(65536, true), BLOCK_ERROR_REPORT);
    ck_assert_uint_eq(ide_command(&b, 0x30, 0, 1), FAILED);
    ck_assert_uint_eq(ide_command(&b, 0x20, 0, 1), READY_DRQ);
    done();
}
END_TEST

START_TEST(smart) {
    open_disk();
    ide_out(&b, 0x1f1, 0xda);
    ck_assert_uint_eq(ide_command(&b, 0xb0, 0x000000, 0), FAILED); /* without its key */
    ide_out(&b, 0x1f1, 0xda);
    ck_assert_uint_eq(ide_command(&b, 0xb0, 0xc24f00, 0), READY);
    ck_assert_uint_eq(ide_in(&b, 0x1f4) | ide_in(&b, 0x1f5) << 8, 0xc24f);
    ide_out(&b, 0x1f1, 0xd0);
    ck_assert_uint_eq(ide_command(&b, 0xb0, 0xc24f00, 0), READY_DRQ);
    ide_read_data(&b, data, WORDS);
    uint8_t sum = 0;
    for (unsigned i = 0; i < 512; i++)
        sum += ((uint8_t *)data)[i];
    ck_assert_uint_eq(sum, 0);
    ide_out(&b, 0x1f1, 0xd9);
    ide_command(&b, 0xb0, 0xc24f00, 0);
    ide_out(&b, 0x1f1, 0xda);
    ck_assert_uint_eq(ide_command(&b, 0xb0, 0xc24f00, 0), FAILED);
    done();
}
END_TEST

/* A saved transfer goes on in another machine with the same disk. */
START_TEST(state_in_the_middle) {
    open_disk();
    struct IdeChannelState *s = &b.piix.ide.channel[0].state, saved;
    char why[200] = "";
    size_t n = state_size(&ide_channel_state_table, 1);
    uint8_t bytes[n];
    ide_command(&b, 0x20, 30, 2);
    ide_read_data(&b, data, 10);
    state_save(&ide_channel_state_table, s, bytes);
    piix3_ide_reset(&b.piix);
    ck_assert_msg(state_load(&ide_channel_state_table, 1, bytes, n, &saved, why, sizeof(why)) == 0, "%s", why);
    *s = saved;
    ide_restored(&b.piix.ide);
    ide_read_data(&b, data + 10, WORDS - 10);
    ide_read_data(&b, data + WORDS, WORDS);
    ck_assert_uint_eq(word_at(127), 30 * 128 + 127);
    ck_assert_uint_eq(word_at(128), 31 * 128);
    ck_assert_uint_eq(ide_in(&b, 0x3f6), READY);
    /* a transfer beyond this disk */
    saved.left = SECTORS;
    *s = saved;
    ide_restored(&b.piix.ide);
    ck_assert_uint_eq(s->phase, IDE_IDLE);
    done();
}
END_TEST

/* Whatever a guest does, nothing breaks; sanitizers and the fuzzer look closer. */
START_TEST(survives_anything) {
    open_disk();
    ide_bench_drive(&b, 0, 1, IDE_CD, ide_bench_image(65536, true), BLOCK_ERROR_REPORT);
    uint32_t seed = 7;
    for (unsigned i = 0; i < 60000; i++) {
        static const uint16_t bases[] = {0x1f0, 0x1f0, 0x1f0, 0x3f6, IDE_BENCH_MASTER, 0x1f0, 0x1f0, 0x1f0};
        static const uint8_t commands[] = {0x20, 0x30, 0xa0, 0xc8, 0xca, 0xec, 0xc4, 0xc5, 0x25, 0x35, 0x08, 0xe7};
        seed = seed * 1664525 + 1013904223;
        unsigned base = bases[seed >> 8 & 7], size = 1u << (seed >> 11) % 3;
        uint16_t port = base + (base == 0x3f6 ? 0 : seed >> 13 & 7);
        uint32_t value = seed * 2654435761u;
        if (port == 0x1f7)
            value = commands[(seed >> 16) % sizeof(commands)];
        if (seed >> 30 & 1)
            bus_port_write(b.dev.bus, port, value, size);
        else
            bus_port_read(b.dev.bus, port, size);
        if (seed >> 27 == 0)
            ide_bench_settle(&b);
    }
    done();
}
END_TEST

Suite *ide_suite(void) {
    Suite *s = suite_create("ide");
    TCase *t = tcase_create("ide");
    tcase_add_test(t, presence);
    tcase_add_test(t, identify);
    tcase_add_test(t, pio_reads);
    tcase_add_test(t, lba_48);
    tcase_add_test(t, pio_writes);
    tcase_add_test(t, dma_both_ways);
    tcase_add_test(t, dma_that_fails);
    tcase_add_test(t, interrupt_enable);
    tcase_add_test(t, reset_in_flight);
    tcase_add_test(t, host_errors);
    tcase_add_test(t, readonly_disk);
    tcase_add_test(t, smart);
    tcase_add_test(t, state_in_the_middle);
    tcase_add_test(t, survives_anything);
    suite_add_tcase(s, t);
    return s;
}
