/* SPDX-License-Identifier: MIT */
#include "devices/pci/pci_msi.h"
#include "base/bytes.h"
#include "devices/pci/pci_dma.h"
#include "devices/pci/pci_internal.h"

#include <errno.h>
#include <string.h>

enum { CAP_MSI = 0x05, CAP_MSIX = 0x11 };

/* MSI's registers, from the capability on (6.8.1): the form with 64-bit addresses and masks. */
enum { CONTROL = 2, ADDRESS = 4, ADDRESS_HIGH = 8, DATA = 12, MASK = 16, PENDING = 20, MSI_SIZE = 24 };
enum { MSI_ENABLE = 1 << 0, MSI_CAPABLE_SHIFT = 1, MSI_USED_SHIFT = 4, MSI_64 = 1 << 7, MSI_MASKS = 1 << 8 };

/* MSI-X (6.8.2). */
enum { TABLE = 4, PBA = 8, MSIX_SIZE = 12, MSIX_ENABLE = 1 << 15, MSIX_MASK_ALL = 1 << 14 };
enum { MSIX_BAR_SIZE = 4096, PBA_OFFSET = 2048, ENTRY_SIZE = 16, ENTRY_DATA = 2, ENTRY_CONTROL = 3, ENTRY_MASKED = 1 };
_Static_assert(PCI_MSIX_MOST *ENTRY_SIZE <= PBA_OFFSET, "the table meets the pending bits");

static bool is_power_of_two(unsigned n) { return n != 0 && (n & (n - 1)) == 0; }

static void send(struct PciDevice *dev, uint64_t address, uint32_t data) {
    const struct PciHostConfig *c = &dev->host->config;
    uint8_t bytes[4];
    if (!pci_is_master(dev))
        return;
    if (address >> 20 == 0xfee && c->msi) {
        c->msi(c->msi_opaque, address, data);
        return;
    }
    put_le32(bytes, data);
    pci_dma_write(dev, address, bytes, sizeof(bytes));
}

/* ---- MSI ---- */

int pci_msi_init(struct PciDevice *dev, unsigned vectors) {
    if (!is_power_of_two(vectors) || vectors > PCI_MSI_MOST || dev->msi)
        return -EINVAL;
    int at = pci_device_add_capability(dev, CAP_MSI, MSI_SIZE);
    if (at < 0)
        return at;
    unsigned log = (unsigned)__builtin_ctz(vectors);
    dev->msi = at;
    put_le16(dev->initial + at + CONTROL, log << MSI_CAPABLE_SHIFT | MSI_64 | MSI_MASKS);
    put_le16(dev->writable + at + CONTROL, MSI_ENABLE | 7 << MSI_USED_SHIFT);
    put_le32(dev->writable + at + ADDRESS, ~3u);
    put_le32(dev->writable + at + ADDRESS_HIGH, ~0u);
    put_le16(dev->writable + at + DATA, 0xffff);
    put_le32(dev->writable + at + MASK, (uint32_t)((1ull << vectors) - 1));
    return 0;
}

bool pci_msi_enabled(const struct PciDevice *dev) {
    return dev->msi && dev->state->config[dev->msi + CONTROL] & MSI_ENABLE;
}

/* How many the guest uses: 1, 2, 4 ..., of those that there are. */
static unsigned vectors_in_use(const uint8_t *cap) {
    unsigned control = get_le16(cap + CONTROL);
    unsigned used = control >> MSI_USED_SHIFT & 7, capable = control >> MSI_CAPABLE_SHIFT & 7;
    return 1u << (used < capable ? used : capable);
}

void pci_msi_send(struct PciDevice *dev, unsigned n) {
    uint8_t *cap = dev->state->config + dev->msi;
    if (!pci_msi_enabled(dev) || n >= PCI_MSI_MOST)
        return;
    unsigned used = vectors_in_use(cap), bit = n & (used - 1);
    if (get_le32(cap + MASK) >> bit & 1) {
        put_le32(cap + PENDING, get_le32(cap + PENDING) | 1u << bit);
        return;
    }
    send(dev, get_le32(cap + ADDRESS) | (uint64_t)get_le32(cap + ADDRESS_HIGH) << 32,
         (get_le16(cap + DATA) & ~(used - 1)) | bit);
}

/* What is unmasked and pending goes. */
void pci_msi_written(struct PciDevice *dev) {
    uint8_t *cap = dev->state->config + dev->msi;
    uint32_t go = get_le32(cap + PENDING) & ~get_le32(cap + MASK);
    if (!pci_msi_enabled(dev))
        return;
    put_le32(cap + PENDING, get_le32(cap + PENDING) & ~go);
    for (unsigned n = 0; go != 0; n++, go >>= 1)
        if (go & 1)
            pci_msi_send(dev, n);
}

/* ---- MSI-X ---- */

static unsigned msix_control(const struct PciMsix *x) { return get_le16(x->dev->state->config + x->offset + CONTROL); }

bool pci_msix_enabled(const struct PciMsix *x) { return msix_control(x) & MSIX_ENABLE; }

static bool is_masked(const struct PciMsix *x, unsigned n) {
    return msix_control(x) & MSIX_MASK_ALL || x->state->table[n * PCI_MSIX_ENTRY_WORDS + ENTRY_CONTROL] & ENTRY_MASKED;
}

void pci_msix_send(struct PciMsix *x, unsigned n) {
    if (n >= x->vectors || !pci_msix_enabled(x))
        return;
    if (is_masked(x, n)) {
        x->state->pending |= 1ull << n;
        return;
    }
    const uint32_t *entry = &x->state->table[n * PCI_MSIX_ENTRY_WORDS];
    send(x->dev, (entry[0] & ~3u) | (uint64_t)entry[1] << 32, entry[ENTRY_DATA]);
}

static void send_pending(struct PciMsix *x) {
    for (unsigned n = 0; n < x->vectors && pci_msix_enabled(x); n++) {
        if (x->state->pending >> n & 1 && !is_masked(x, n)) {
            x->state->pending &= ~(1ull << n);
            pci_msix_send(x, n);
        }
    }
}

void pci_msix_written(struct PciMsix *x) { send_pending(x); }

/* The table and the pending bits take double words and quad words alone (6.8.2). */
static uint32_t word(const struct PciMsix *x, uint64_t offset) {
    if (offset < (uint64_t)x->vectors * ENTRY_SIZE)
        return x->state->table[offset / 4];
    if (offset >= PBA_OFFSET && offset < PBA_OFFSET + 8)
        return (uint32_t)(x->state->pending >> 8 * (offset - PBA_OFFSET));
    return 0;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    return word(opaque, offset);
}

static void bar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct PciMsix *x = opaque;
    (void)size;
    if (offset >= (uint64_t)x->vectors * ENTRY_SIZE)
        return;
    bool control = offset / 4 % PCI_MSIX_ENTRY_WORDS == ENTRY_CONTROL;
    x->state->table[offset / 4] = (uint32_t)value & (control ? ENTRY_MASKED : UINT32_MAX);
    if (control)
        send_pending(x);
}

static const struct IoOps bar_ops = {.read = bar_read, .write = bar_write, .min_size = 4, .max_size = 4};

int pci_msix_init(struct PciMsix *x, struct PciMsixState *state, struct PciDevice *dev, unsigned vectors,
                  unsigned bar) {
    if (vectors < 1 || vectors > PCI_MSIX_MOST || bar >= PCI_BARS || dev->msix)
        return -EINVAL;
    *x = (struct PciMsix){.state = state, .dev = dev, .vectors = vectors};
    region_init_mmio(&x->region, "msi-x", MSIX_BAR_SIZE, &bar_ops, x);
    int r = pci_device_add_bar(dev, bar, &x->region, 0);
    int at = r == 0 ? pci_device_add_capability(dev, CAP_MSIX, MSIX_SIZE) : r;
    if (at < 0)
        return at;
    x->offset = at;
    dev->msix = x;
    put_le16(dev->initial + at + CONTROL, vectors - 1);
    put_le16(dev->writable + at + CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
    put_le32(dev->initial + at + TABLE, bar);
    put_le32(dev->initial + at + PBA, PBA_OFFSET | bar);
    pci_msix_reset(x);
    return 0;
}

void pci_msix_reset(struct PciMsix *x) {
    memset(x->state, 0, sizeof(*x->state));
    for (unsigned n = 0; n < x->vectors; n++)
        x->state->table[n * PCI_MSIX_ENTRY_WORDS + ENTRY_CONTROL] = ENTRY_MASKED;
}

const struct StateTable pci_msix_state_table = {
    .name = "MSI-X",
    .size = sizeof(struct PciMsixState),
    .field =
        (const struct StateField[]){
            STATE_ARRAY(PciMsixState, table),
            STATE_FIELD(PciMsixState, pending),
            {0},
        },
};
