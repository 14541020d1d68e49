/* SPDX-License-Identifier: MIT */
/* The power management function: where the ACPI block is, and what the tables say about it. */
#include "base/bytes.h"
#include "devices/pci/piix4_pm.h"
#include "machine/machine.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <string.h>

enum { DEVFN = PIIX4_PM_SLOT * PCI_FUNCTIONS + PIIX4_PM_FUNCTION };

static struct DeviceBench b;
static struct PciHost host;
static struct Piix4Pm pm;
static uint16_t told;
static unsigned moves;

static uint64_t block_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)size;
    return 0x40 + offset;
}

static void block_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct IoOps block_ops = {block_read, block_write, 1, 1};

static void moved(void *opaque, uint16_t base) {
    ck_assert_ptr_eq(opaque, &told);
    told = base;
    moves++;
}

static void open_bench(void) {
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    bench_open(&b);
    told = moves = 0;
    pci_init(&host, b.bus, &config);
    piix4_pm_init(&pm, &block_ops, &pm, moved, &told);
    ck_assert_int_eq(piix4_pm_add(&pm, &host), 0);
}

static uint32_t get(unsigned reg, unsigned size) { return pci_config_read(&host, 0, DEVFN, reg, size); }
static void put(unsigned reg, uint32_t value, unsigned size) { pci_config_write(&host, 0, DEVFN, reg, value, size); }
static uint8_t in(uint16_t port) { return bench_in(&b, port); }
static void out(uint16_t port, uint8_t value) { bench_out(&b, port, value); }

START_TEST(acpi_block_moves) {
    open_bench();
    ck_assert_uint_eq(get(0, 4), 0x71138086);
    ck_assert_uint_eq(get(8, 4), 0x06800003);
    ck_assert_uint_eq(pci_config_read(&host, 0, 1 << 3, PCI_HEADER_TYPE, 1), PCI_MULTIFUNCTION);
    put(0x40, 0xffffffff, 4);
    ck_assert_uint_eq(get(0x40, 4), 0xffc1);
    put(0x40, 0xb000, 4);
    ck_assert_uint_eq(piix4_pm_base(&pm), 0);
    put(0x80, 0xff, 1); /* PMIOSE, and nothing of the command register */
    ck_assert_uint_eq(get(0x80, 1), 1);
    ck_assert_uint_eq(told, 0xb000);
    ck_assert_uint_eq(in(0xb000), 0x40);
    ck_assert_uint_eq(in(0xb03f), 0x7f);
    ck_assert_uint_eq(in(0xb040), 0xff);
    put(0x40, 0x600, 2);
    ck_assert_uint_eq(told, 0x600);
    ck_assert_uint_eq(in(0xb000), 0xff);
    put(0x40, 0x3c0, 2); /* among the ports that every PC has */
    ck_assert_uint_eq(told, 0);
    put(0x40, 0xcc0, 2); /* over CF8h */
    ck_assert_uint_eq(piix4_pm_base(&pm), 0);
    ck_assert_uint_eq(moves, 3);
    piix4_pm_set_base(&pm, 0x600);
    ck_assert_uint_eq(piix4_pm_base(&pm), 0x600);
    pci_reset(&host);
    piix4_pm_reset(&pm);
    ck_assert_uint_eq(told, 0);
    bench_close(&b);
}
END_TEST

START_TEST(restored_where_it_was) {
    open_bench();
    piix4_pm_set_base(&pm, 0xb000);
    struct Piix4PmState saved = pm.state;
    pci_reset(&host);
    piix4_pm_reset(&pm);
    pm.state = saved;
    pci_restored(&host);
    piix4_pm_restored(&pm);
    ck_assert_uint_eq(told, 0xb000);
    ck_assert_uint_eq(in(0xb001), 0x41);
    bench_close(&b);
}
END_TEST

/* Nobody is on the SMBus, and the controller says so. */
START_TEST(smbus_has_no_slaves) {
    open_bench();
    put(0x90, 0x700, 4);
    put(0xd2, 9, 1);
    ck_assert_uint_eq(in(0x700), 0xff);
    put(PCI_COMMAND, PCI_COMMAND_IO, 2);
    ck_assert_uint_eq(in(0x700), 0);
    out(0x704, 0xa1);
    out(0x703, 5);
    out(0x702, 0x48); /* read a byte */
    ck_assert_uint_eq(in(0x700), 4);
    ck_assert_uint_eq(in(0x702), 8);
    out(0x700, 0xff);
    ck_assert_uint_eq(in(0x700), 0);
    for (unsigned i = 0; i < 40; i++)
        out(0x707, i);
    in(0x702);
    for (unsigned i = 0; i < 32; i++)
        ck_assert_uint_eq(in(0x707), i < 8 ? 32 + i : i);
    bench_close(&b);
}
END_TEST

/* ---- in the machine ---- */

/* PM1a_EVT_BLK in the tables that firmware would fetch, and the resource in the DSDT. */
static unsigned fadt_says(const struct Machine *m) {
    for (unsigned i = 0; i < m->fw_cfg.files; i++) {
        const struct FwCfgItem *item = &m->fw_cfg.item[FW_CFG_FILE_FIRST + i];
        if (strcmp(m->fw_cfg.name[i], "etc/acpi/tables") != 0)
            continue;
        const uint8_t *fadt = memmem(item->data, item->size, "FACP", 4);
        ck_assert_ptr_nonnull(fadt);
        uint16_t base = get_le16(fadt + 56);
        const uint8_t io[] = {0x47, 1, base & 0xff, base >> 8, base & 0xff, base >> 8, 1, ACPI_PM_PORTS};
        ck_assert_ptr_nonnull(memmem(item->data, item->size, io, sizeof(io)));
        return base;
    }
    return 0;
}

START_TEST(tables_follow) {
    Twin86Config c;
    Twin86Machine *handle;
    char why[200];
    twin86_config_init(&c);
    ck_assert_int_eq(twin86_create(&handle, &c, why, sizeof(why)), 0);
    struct Machine *m = machine_of(handle);
    pthread_mutex_lock(&m->lock);
    ck_assert_uint_eq(fadt_says(m), MACHINE_PM_BASE);
    ck_assert_uint_eq(piix4_pm_base(&m->piix4_pm), MACHINE_PM_BASE);
    pci_config_write(&m->pci, 0, DEVFN, 0x40, 0xb000, 4);
    ck_assert_uint_eq(fadt_says(m), 0xb000);
    uint32_t before = bus_port_read(m->bus, 0xb008, 4);
    ck_assert_uint_lt(before, 0xffffff);
    ck_assert_int_eq(machine_reset(m, why, sizeof(why)), 0);
    ck_assert_uint_eq(fadt_says(m), MACHINE_PM_BASE);
    pthread_mutex_unlock(&m->lock);
    twin86_destroy(handle);
}
END_TEST

/* Firmware finds the chipset as a reset leaves it, and not as firmware would. */
START_TEST(firmware_finds_nothing_set_up) {
    Twin86Config c;
    Twin86Machine *handle;
    char why[200];
    uint8_t isa_route;
    twin86_config_init(&c);
    ck_assert_int_eq(twin86_create(&handle, &c, why, sizeof(why)), 0);
    struct Machine *m = machine_of(handle);
    pthread_mutex_lock(&m->lock);
    for (unsigned firmware = 0; firmware < 2; firmware++) {
        m->boot.firmware.name = firmware ? "a ROM" : NULL;
        machine_reset_devices(m);
        isa_route = pci_config_read(&m->pci, 0, 1 << 3, 0x62, 1);
        ck_assert_uint_eq(isa_route, firmware ? 0x80 : 11);
        ck_assert_uint_eq(piix4_pm_base(&m->piix4_pm), firmware ? 0 : MACHINE_PM_BASE);
    }
    m->boot.firmware.name = NULL;
    pthread_mutex_unlock(&m->lock);
    twin86_destroy(handle);
}
END_TEST

Suite *piix4_pm_suite(void) {
    Suite *s = suite_create("piix4_pm");
    TCase *t = tcase_create("piix4_pm");
    tcase_add_test(t, acpi_block_moves);
    tcase_add_test(t, restored_where_it_was);
    tcase_add_test(t, smbus_has_no_slaves);
    tcase_add_test(t, tables_follow);
    tcase_add_test(t, firmware_finds_nothing_set_up);
    suite_add_tcase(s, t);
    return s;
}
