/* SPDX-License-Identifier: MIT */
/* The CD-ROM: packets, their lengths, media and the tray. */
#include "tests/unit/devices/ide_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

enum { SECTORS = 100, READY = 0x50, READY_DRQ = 0x58, FAILED = 0x51 };

static struct IdeBench b;
static uint16_t data[4096];
static uint8_t *const bytes = (uint8_t *)data;

#define PACKET(...) ((const uint8_t[IDE_PACKET]){__VA_ARGS__})

static void open_cd(bool medium) {
    ide_bench_open(&b);
    ide_bench_drive(&b, 0, 0, IDE_CD, medium ? ide_bench_image(SECTORS * 2048, true) : NULL, BLOCK_ERROR_REPORT);
}

static void done(void) { ide_bench_close(&b); }

static unsigned byte_count(void) { return ide_in(&b, 0x1f4) | ide_in(&b, 0x1f5) << 8; }
static unsigned reason(void) { return ide_in(&b, 0x1f2) & 3; }

/* The answer in one block: how many bytes. */
static unsigned answer(const uint8_t *packet) {
    ck_assert_uint_eq(ide_packet(&b, packet, false, 0xfffe), READY_DRQ);
    unsigned n = byte_count();
    ck_assert_uint_eq(reason(), 2);
    ck_assert(b.irq[0].level);
    memset(data, 0xee, sizeof(data));
    ide_read_data(&b, data, (n + 1) / 2);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), READY);
    ck_assert_uint_eq(reason(), 3);
    return n;
}

/* What REQUEST SENSE says: key << 16 | asc << 8 | ascq. */
static unsigned sense(void) {
    ck_assert_uint_eq(answer(PACKET(0x03, 0, 0, 0, 18)), 18);
    return bytes[2] << 16 | bytes[12] << 8 | bytes[13];
}

static uint8_t ready(void) { return ide_packet(&b, PACKET(0), false, 0xfffe); }

static uint32_t be32(unsigned at) {
    return (uint32_t)bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
}

START_TEST(identify) {
    open_cd(true);
    ck_assert_uint_eq(ide_command(&b, 0xec, 0, 0), FAILED);
    ck_assert_uint_eq(byte_count(), 0xeb14);
    ck_assert_uint_eq(ide_command(&b, 0xa1, 0, 0), READY_DRQ);
    ide_read_data(&b, data, 256);
    ck_assert_uint_eq(data[0], 0x85c0);
    ck_assert_mem_eq(data + 27, "WTNI68D DVR-MO", 14);
    ck_assert_uint_eq(ide_command(&b, 0x20, 0, 1), FAILED);
    done();
}
END_TEST

START_TEST(reads_by_pio) {
    open_cd(true);
    ck_assert_uint_eq(answer(PACKET(0x25)), 8);
    ck_assert_uint_eq(be32(0), SECTORS - 1);
    ck_assert_uint_eq(be32(4), 2048);
    /* 3 sectors in blocks of 700 bytes at most */
    unsigned total = 0;
    uint8_t status = ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 5, 0, 0, 3), false, 701);
    while (status & 8) {
        unsigned n = byte_count();
        ck_assert_uint_le(n, 700);
        ck_assert_uint_eq(n % 2, 0);
        ck_assert(b.irq[0].level);
        ide_in(&b, 0x1f7);
        ide_read_data(&b, data + total / 2, n / 2);
        total += n;
        status = ide_in(&b, 0x3f6);
    }
    ck_assert_uint_eq(total, 3 * 2048);
    for (unsigned i = 0; i < total / 4; i++)
        ck_assert_mem_eq(bytes + 4 * i, &(uint32_t){5 * 512 + i}, 4);
    ck_assert_uint_eq(status, READY);
    /* READ (12), and READ CD of user data; nothing; too far */
    ck_assert_uint_eq(ide_packet(&b, PACKET(0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1), false, 2048), READY_DRQ);
    ide_read_data(&b, data, 1024);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x10), false, 2048), READY_DRQ);
    ide_read_data(&b, data, 1024);
    ck_assert_mem_eq(bytes, &(uint32_t){7 * 512}, 4);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0xf8), false, 2048), FAILED);
    ck_assert_uint_eq(sense(), 0x052400);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28), false, 2048), READY);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 99, 0, 0, 2), false, 2048), FAILED);
    ck_assert_uint_eq(ide_in(&b, 0x1f1), 0x54);
    ck_assert_uint_eq(sense(), 0x052100);
    ck_assert_uint_eq(sense(), 0);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0xa8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), false, 2048), FAILED);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1), true, 2048), FAILED);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0xff), false, 2048), FAILED);
    ck_assert_uint_eq(sense(), 0x052000);
    done();
}
END_TEST

START_TEST(reads_by_dma) {
    open_cd(true);
    static const struct IdeRange range[] = {{0x10000, 0x8000}, {0x30000, 0}, {0x20000, 0x8000}};
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 2, 0, 0, 64), true, 0), READY_DRQ);
    ide_bench_start_master(&b, range, 3, true);
    ck_assert_uint_eq(ide_in(&b, IDE_BENCH_MASTER + 2), 4);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), READY);
    ck_assert_uint_eq(reason(), 3);
    ck_assert_uint_eq(bus_read_uint(b.dev.bus, 0x10000, 4), 2 * 512);
    ck_assert_uint_eq(bus_read_uint(b.dev.bus, 0x27ffc, 4), 66 * 512 - 1);
    /* answers go that way, too */
    ide_packet(&b, PACKET(0x12, 0, 0, 0, 36), true, 0);
    ide_bench_start_master(&b, (const struct IdeRange[]){{0x10000, 36}}, 1, true);
    ck_assert_uint_eq(bus_read_uint(b.dev.bus, 0x10000, 4), 0x21008005);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), READY);
    done();
}
END_TEST

START_TEST(answers) {
    open_cd(true);
    ck_assert_uint_eq(answer(PACKET(0x12, 0, 0, 0, 5)), 5); /* odd: the last byte's word */
    ck_assert_uint_eq(bytes[0], 5);
    ck_assert_uint_eq(answer(PACKET(0x12, 1, 0x80, 0, 255)), 24);
    ck_assert_mem_eq(bytes + 4, "S-1 ", 4);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x12, 0, 0, 0, 0), false, 36), READY); /* none wanted */
    ck_assert_uint_eq(answer(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 20)), 20);
    ck_assert_uint_eq(be32(16), SECTORS);
    ck_assert_uint_eq(answer(PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 0, 20)), 12);
    ck_assert_uint_eq(be32(8), 0x00000319); /* frame 250 */
    ck_assert_uint_eq(answer(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40)), 12);
    ck_assert_uint_eq(answer(PACKET(0x43, 2, 2, 0, 0, 0, 0, 1, 0)), 48);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x43, 0, 0, 0, 0, 0, 9, 0, 20), false, 36), FAILED);
    ck_assert_uint_eq(answer(PACKET(0x46, 0, 0, 0, 0, 0, 0, 1, 0)), 48);
    ck_assert_uint_eq(be32(0), 44);
    ck_assert_uint_eq(be32(4), 8); /* a CD */
    ck_assert_uint_eq(answer(PACKET(0x46, 2, 0, 1, 0, 0, 0, 1, 0)), 16);
    ck_assert_uint_eq(answer(PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0)), 28);
    ck_assert_uint_eq(bytes[8], 0x2a);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x5a, 0, 0x3e, 0, 0, 0, 0, 1, 0), false, 36), FAILED);
    ck_assert_uint_eq(answer(PACKET(0x51, 0, 0, 0, 0, 0, 0, 1, 0)), 34);
    ck_assert_uint_eq(answer(PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 1, 0)), 8);
    done();
}
END_TEST

START_TEST(no_medium) {
    open_cd(false);
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(sense(), 0x023a01);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), true, 0), FAILED);
    struct Block *block = ide_bench_image(SECTORS * 2048, true);
    b.block[0][0] = block;
    ide_set_medium(&b.piix.ide, 0, 0, block);
    ck_assert_uint_eq(answer(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)), 8);
    ck_assert_uint_eq(bytes[4] << 8 | bytes[5], 0x0202); /* new medium */
    ck_assert_uint_eq(answer(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)), 8);
    ck_assert_uint_eq(bytes[4], 0);
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(sense(), 0x062800); /* once */
    ck_assert_uint_eq(ready(), READY);
    ide_set_medium(&b.piix.ide, 0, 0, NULL);
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(sense(), 0x023a01);
    done();
}
END_TEST

/* Taken out between two pieces of a transfer, by PIO and by DMA. */
START_TEST(medium_goes_away) {
    open_cd(true);
    struct Block *block = b.block[0][0];
    static const struct IdeRange range[] = {{0x10000, 0}, {0x20000, 0}, {0x30000, 0}, {0x40000, 0}};
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 8), false, 0xfffe), READY_DRQ);
    ide_set_medium(&b.piix.ide, 0, 0, NULL);
    ide_read_data(&b, data, 4096);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), FAILED);
    ck_assert_uint_eq(sense(), 0x023a00);
    ide_set_medium(&b.piix.ide, 0, 0, block);
    ck_assert_uint_eq(ready(), FAILED); /* another medium */
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 96), true, 0), READY_DRQ);
    ck_assert_int_eq(ide_move_tray(&b.piix.ide, 0, 0, true, true), 0);
    ide_bench_start_master(&b, range, 4, true);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), FAILED);
    done();
}
END_TEST

START_TEST(tray) {
    open_cd(true);
    ck_assert_uint_eq(ready(), READY);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x1e, 0, 0, 0, 1), false, 0), READY);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x1b, 0, 0, 0, 2), false, 0), FAILED);
    ck_assert_uint_eq(sense(), 0x055302);
    ck_assert_int_eq(ide_move_tray(&b.piix.ide, 0, 0, true, false), -EBUSY);
    ck_assert_uint_eq(answer(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)), 8);
    ck_assert_uint_eq(bytes[4], 1); /* somebody pressed the button */
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x1e), false, 0), READY);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x1b, 0, 0, 0, 2), false, 0), READY);
    ck_assert_uint_eq(b.tray_moves, 1);
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(sense(), 0x023a02);
    struct Block *block = b.block[0][0];
    ide_set_medium(&b.piix.ide, 0, 0, NULL); /* taken out of it */
    ck_assert_uint_eq(b.tray_moves, 1);
    ide_set_medium(&b.piix.ide, 0, 0, block);
    ck_assert_uint_eq(b.tray_moves, 2); /* closed */
    ck_assert_int_eq(ide_move_tray(&b.piix.ide, 0, 0, true, false), 0);
    ck_assert_uint_eq(b.tray_moves, 3);
    piix3_ide_reset(&b.piix); /* leaves it open */
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x1b, 0, 0, 0, 3), false, 0), READY);
    ck_assert_uint_eq(ready(), FAILED);
    ck_assert_uint_eq(sense(), 0x062800);
    ck_assert_uint_eq(ready(), READY);
    ck_assert_int_eq(ide_move_tray(&b.piix.ide, 0, 0, true, true), 0);
    ck_assert_uint_eq(ready(), FAILED);
    done();
}
END_TEST

/* DEVICE RESET reaches it in the middle of a transfer. */
START_TEST(device_reset) {
    open_cd(true);
    ck_assert_uint_eq(ide_packet(&b, PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), false, 2048), READY_DRQ);
    ide_out(&b, 0x1f7, 0x08);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), 0);
    ck_assert_uint_eq(byte_count(), 0xeb14);
    ck_assert_uint_eq(ready(), READY);
    /* while the block layer works */
    ide_out(&b, 0x1f7, 0xa0);
    for (unsigned i = 0; i < 6; i++)
        bus_port_write(b.dev.bus, 0x1f0, i == 0 ? 0x28 : i == 4 ? 0x0100 : 0, 2);
    ide_out(&b, 0x1f7, 0x08);
    ide_bench_settle(&b);
    ck_assert_uint_eq(byte_count(), 0xeb14);
    ck_assert_uint_eq(ide_in(&b, 0x1f7), 0);
    done();
}
END_TEST

Suite *atapi_suite(void) {
    Suite *s = suite_create("atapi");
    TCase *t = tcase_create("atapi");
    tcase_add_test(t, identify);
    tcase_add_test(t, reads_by_pio);
    tcase_add_test(t, reads_by_dma);
    tcase_add_test(t, answers);
    tcase_add_test(t, no_medium);
    tcase_add_test(t, medium_goes_away);
    tcase_add_test(t, tray);
    tcase_add_test(t, device_reset);
    suite_add_tcase(s, t);
    return s;
}
