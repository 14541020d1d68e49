/* SPDX-License-Identifier: MIT */
#include "tests/unit/devices/ide_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUNCTION = PIIX3_IDE_DEVFN };

static void on_failed(void *opaque, unsigned channel, unsigned drive, bool write, int error, enum BlockOnError action) {
    struct IdeBench *b = opaque;
    (void)channel, (void)drive, (void)write;
    b->failures[action]++;
    b->stops += action == BLOCK_ERROR_STOP;
    b->stop_error = error;
}

static void on_tray(void *opaque, unsigned channel, unsigned drive, bool open) {
    (void)channel, (void)drive, (void)open;
    ((struct IdeBench *)opaque)->tray_moves++;
}

static const struct IdeOps ops = {on_failed, on_tray};

void ide_bench_open(struct IdeBench *b) {
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    memset(b, 0, sizeof(*b));
    bench_open(&b->dev);
    ck_assert_int_eq(region_init_ram(&b->ram, "ram", IDE_BENCH_RAM), 0);
    ck_assert_int_eq(bus_map(b->dev.bus, 0, &b->ram), 0);
    pci_init(&b->host, b->dev.bus, &config);
    struct IrqWire irq[IDE_CHANNELS] = {wire_to(&b->irq[0]), wire_to(&b->irq[1])};
    piix3_ide_init(&b->piix, irq, &ops, b);
    ck_assert_int_eq(piix3_ide_add(&b->piix, &b->host), 0);
    pci_config_write(&b->host, 0, FUNCTION, PCI_BAR0 + 16, IDE_BENCH_MASTER, 4);
    pci_config_write(&b->host, 0, FUNCTION, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    piix3_ide_reset(&b->piix);
}

void ide_bench_close(struct IdeBench *b) {
    piix3_ide_reset(&b->piix);
    for (unsigned i = 0; i < IDE_CHANNELS * IDE_DRIVES; i++)
        block_close(b->block[i / IDE_DRIVES][i % IDE_DRIVES]);
    ide_destroy(&b->piix.ide);
    bench_close(&b->dev);
    region_destroy(&b->ram);
}

struct Block *ide_bench_image(uint64_t size, bool readonly) {
    char path[] = "/tmp/ide-test-XXXXXX", why[BLOCK_WHY] = "";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    for (uint32_t i = 0; i < size / 4; i++)
        fwrite(&i, 4, 1, f);
    fclose(f);
    struct Block *block = NULL;
    struct BlockOptions o = {.filename = path, .format = "raw", .readonly = readonly};
    ck_assert_msg(block_open(&block, &o, NULL, why, sizeof(why)) == 0, "%s", why);
    unlink(path);
    return block;
}

void ide_bench_drive(struct IdeBench *b, unsigned channel, unsigned drive, enum IdeKind kind, struct Block *block,
                     enum BlockOnError policy) {
    struct IdeDriveConfig config = {
        .kind = kind, .block = block, .read_error = policy, .write_error = policy, .serial = "S-1"};
    ck_assert_int_eq(ide_add_drive(&b->piix.ide, channel, drive, &config), 0);
    b->block[channel][drive] = block;
    piix3_ide_reset(&b->piix);
}

uint8_t ide_in(struct IdeBench *b, uint16_t port) { return bench_in(&b->dev, port); }
void ide_out(struct IdeBench *b, uint16_t port, uint8_t value) { bench_out(&b->dev, port, value); }

void ide_bench_settle(struct IdeBench *b) {
    for (unsigned i = 0; i < IDE_CHANNELS * IDE_DRIVES; i++)
        if (b->block[i / IDE_DRIVES][i % IDE_DRIVES] != NULL)
            block_drain(b->block[i / IDE_DRIVES][i % IDE_DRIVES]);
}

uint8_t ide_command(struct IdeBench *b, uint8_t command, uint32_t lba, uint8_t count) {
    ide_out(b, 0x1f6, 0xe0 | lba >> 24);
    ide_out(b, 0x1f2, count);
    for (unsigned i = 0; i < 3; i++)
        ide_out(b, 0x1f3 + i, lba >> 8 * i);
    ide_out(b, 0x1f7, command);
    ide_bench_settle(b);
    return ide_in(b, 0x3f6);
}

void ide_read_data(struct IdeBench *b, uint16_t *to, unsigned words) {
    for (unsigned i = 0; i < words; i++)
        to[i] = bus_port_read(b->dev.bus, 0x1f0, 2);
    ide_bench_settle(b);
}

void ide_write_data(struct IdeBench *b, const uint16_t *from, unsigned words) {
    for (unsigned i = 0; i < words; i++)
        bus_port_write(b->dev.bus, 0x1f0, from[i], 2);
    ide_bench_settle(b);
}

uint8_t ide_packet(struct IdeBench *b, const uint8_t packet[IDE_PACKET], bool dma, unsigned limit) {
    uint16_t words[IDE_PACKET / 2];
    ide_out(b, 0x1f6, 0xa0);
    ide_out(b, 0x1f1, dma);
    ide_out(b, 0x1f4, limit & 0xff);
    ide_out(b, 0x1f5, limit >> 8);
    ide_out(b, 0x1f7, 0xa0);
    ck_assert_uint_eq(ide_in(b, 0x3f6), 0x58);
    ck_assert_uint_eq(ide_in(b, 0x1f2) & 3, 1);
    memcpy(words, packet, IDE_PACKET);
    ide_write_data(b, words, IDE_PACKET / 2);
    return ide_in(b, 0x3f6);
}

void ide_bench_start_master(struct IdeBench *b, const struct IdeRange *ranges, unsigned n, bool to_memory) {
    for (unsigned i = 0; i < n; i++) {
        bus_write_uint(b->dev.bus, IDE_BENCH_TABLE + 8 * i, ranges[i].address, 4);
        bus_write_uint(b->dev.bus, IDE_BENCH_TABLE + 8 * i + 4,
                       (ranges[i].bytes & 0xffff) | (i + 1 == n ? 1u << 31 : 0), 4);
    }
    ide_out(b, IDE_BENCH_MASTER, 0);
    bus_port_write(b->dev.bus, IDE_BENCH_MASTER + 4, IDE_BENCH_TABLE, 4);
    ide_out(b, IDE_BENCH_MASTER + 2, 6);
    ide_out(b, IDE_BENCH_MASTER, to_memory ? 9 : 1);
    ide_bench_settle(b);
}
