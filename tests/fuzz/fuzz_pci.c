/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes PCI configuration space: whatever a guest writes there, and however windows overlap, each address leads to the
 * window that comes first of those that the registers put there, DMA reaches memory alone, and a restored configuration
 * means the same as one that was written.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations.
 */
#include "base/bytes.h"
#include "devices/pci/pci_dma.h"
#include "devices/pci/pci_msi.h"
#include "devices/pci/piix4_pm.h"
#include "tests/fuzz/input.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 4, RAM = 64 << 10, FIRST_SLOT = 2 };

struct Device {
    struct PciDeviceState state;
    struct PciMsixState msix_state;
    struct PciDevice pci;
    struct PciMsix msix;
    struct Region region, rom;
    uint8_t number;
};

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Region ram;
    struct PciHost host;
    struct Piix4Pm pm;
    struct Device device[DEVICES];
};

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_pci: %s\n", what);
    abort();
}

static uint64_t number_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    return ((struct Device *)opaque)->number;
}

static void no_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct IoOps number_ops = {number_read, no_write, 1, 1};

static void no_message(void *opaque, uint64_t address, uint32_t data) {
    (void)opaque, (void)data;
    demand(address >> 20 == 0xfee, "a message elsewhere");
}

static void add(struct Bench *b, unsigned n) {
    static const uint32_t sizes[DEVICES] = {0x1000, 0x4000, 0x10000, 0x1000};
    struct Device *d = &b->device[n];
    d->number = n + 1;
    pci_device_init(&d->pci, &d->state, "device", 0x1af4, 0x10ff, 0x028000, 3);
    pci_device_set_pin(&d->pci, n + 1);
    region_init_mmio(&d->region, "device", sizes[n], &number_ops, d);
    demand(pci_device_add_bar(&d->pci, 0, &d->region, n % 2 != 0 ? PCI_BAR_64 : 0) == 0, "no BAR");
    demand(pci_device_add_io_bar(&d->pci, 2, 32, &number_ops, d) == 0, "no I/O BAR");
    demand(region_init_rom(&d->rom, "rom", &d->number, 1, 4096) == 0 && pci_device_add_rom(&d->pci, &d->rom) == 0,
           "no ROM");
    demand(n == 0 || pci_msi_init(&d->pci, 1u << n) == 0, "no MSI");
    demand(pci_msix_init(&d->msix, &d->msix_state, &d->pci, 5 * n + 1, 4) == 0, "no MSI-X");
    demand(pci_add_device(&b->host, &d->pci, FIRST_SLOT + n, 0) == 0, "no slot");
}

static struct Bench *bench(void) {
    struct PciHostConfig config = {.mmio_base = 0xc0000000,
                                   .mmio_end = 0xfec00000,
                                   .mmio64_base = 1ull << 33,
                                   .mmio64_end = 1ull << 40,
                                   .msi = no_message};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    pci_init(&b->host, b->bus, &config);
    demand(pci_map(&b->host) == 0, "no ports");
    piix4_pm_init(&b->pm, &number_ops, &b->device[0], NULL, NULL);
    demand(piix4_pm_add(&b->pm, &b->host) == 0, "no PM");
    for (unsigned n = 0; n < DEVICES; n++)
        add(b, n);
    return b;
}

/* Whose memory BAR has this address, by the registers alone; 0: nobody's. Others may lie above. */
static unsigned expected(const struct Bench *b, uint64_t at) {
    for (unsigned n = 0; n < DEVICES; n++) {
        const struct Device *d = &b->device[n];
        const uint8_t *c = d->state.config;
        uint64_t base = get_le32(c + PCI_BAR0) & ~15u;
        if (n % 2 != 0)
            base |= (uint64_t)get_le32(c + PCI_BAR0 + 4) << 32;
        bool low = base >= 0xc0000000 && base <= 0xfec00000 - d->region.size;
        bool high = base >= 1ull << 33 && base <= (1ull << 40) - d->region.size;
        if (c[PCI_COMMAND] & PCI_COMMAND_MEMORY && (low || high) && at - base < d->region.size)
            return n + 1;
    }
    return 0;
}

static bool in_rom_or_table(const struct Bench *b, uint64_t at) {
    for (unsigned n = 0; n < DEVICES; n++) {
        const uint8_t *c = b->device[n].state.config;
        if (at - (get_le32(c + PCI_ROM) & ~0xfffu) < 4096 || at - (get_le32(c + PCI_BAR0 + 16) & ~0xfffu) < 4096)
            return true;
    }
    return false;
}

static void check(const struct Bench *b) {
    for (unsigned n = 0; n < DEVICES; n++) {
        const uint8_t *c = b->device[n].state.config;
        uint64_t at = get_le32(c + PCI_BAR0) & ~15u;
        if (n % 2 != 0)
            at |= (uint64_t)get_le32(c + PCI_BAR0 + 4) << 32;
        unsigned who = expected(b, at);
        if (who == 0 || in_rom_or_table(b, at))
            continue;
        demand(bus_read_uint(b->bus, at, 1) == who, "a BAR is not where its register says");
    }
}

/* By the ports, as a guest. */
static void access(struct Bench *b, struct Input *in, bool write) {
    unsigned size = 1u << input_byte(in) % 3;
    bus_port_write(b->bus, 0xcf8, (uint32_t)input_number(in, 4) | (input_byte(in) & 1 ? 1u << 31 : 0), 4);
    uint16_t port = 0xcfc + input_byte(in) % 4;
    if (write)
        bus_port_write(b->bus, port, (uint32_t)input_number(in, 4), size);
    else
        bus_port_read(b->bus, port, size);
}

/* To a device's header, where it matters. */
static void aim(struct Bench *b, struct Input *in) {
    static const uint8_t regs[] = {PCI_COMMAND, PCI_BAR0, PCI_BAR0 + 4, PCI_BAR0 + 8, PCI_BAR0 + 16, PCI_ROM};
    uint8_t what = input_byte(in);
    uint32_t value = (uint32_t)input_number(in, 4);
    unsigned reg = regs[what % sizeof regs];
    if (reg != PCI_COMMAND && what & 0x80)
        value = 0xd0000000 | (value & 0x1ffff);
    pci_config_write(&b->host, 0, (FIRST_SLOT + (what >> 4) % DEVICES) * PCI_FUNCTIONS, reg, value, 4);
}

static void dma(struct Bench *b, struct Input *in) {
    struct Device *d = &b->device[input_byte(in) % DEVICES];
    uint8_t buf[256];
    size_t n = input_byte(in);
    uint64_t at = (uint32_t)input_number(in, 4);
    memset(buf, d->number, sizeof buf);
    if (input_byte(in) & 1)
        pci_dma_read(&d->pci, at, buf, n);
    else
        pci_dma_write(&d->pci, at, buf, n);
}

static void restore(struct Bench *b, struct Input *in) {
    struct Device *d = &b->device[input_byte(in) % DEVICES];
    for (unsigned i = input_byte(in) % 8; i > 0; i--) {
        unsigned at = input_byte(in);
        d->state.config[at] = (d->pci.initial[at] & ~d->pci.writable[at]) | (input_byte(in) & d->pci.writable[at]);
    }
    pci_restored(&b->host);
    piix4_pm_restored(&b->pm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *b;
    struct Input in = {data, size};
    if (b == NULL)
        b = bench();
    pci_reset(&b->host);
    piix4_pm_reset(&b->pm);
    for (unsigned n = 0; n < DEVICES; n++)
        pci_msix_reset(&b->device[n].msix);
    while (in.left > 0) {
        uint8_t op = input_byte(&in);
        struct Device *d = &b->device[op >> 6];
        switch (op % 9) {
        case 0: access(b, &in, true); break;
        case 1: access(b, &in, false); break;
        case 2:
        case 3: aim(b, &in); break;
        case 4: dma(b, &in); break;
        case 5: pci_set_irq(&d->pci, op & 0x20); break;
        case 6: pci_msi_send(&d->pci, input_byte(&in)); break;
        case 7: pci_msix_send(&d->msix, input_byte(&in)); break;
        case 8: restore(b, &in); break;
        }
        check(b);
    }
    return 0;
}
