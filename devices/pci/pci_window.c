/* SPDX-License-Identifier: MIT */
/* The addresses that devices decode: BARs, expansion ROMs and the chipset's own windows. */
#include "base/bytes.h"
#include "devices/pci/pci_internal.h"

#include <errno.h>

/* Below 1000h lie the ports of the mainboard, which the bridge gives to no BAR. Those of the chipset may be there, but
 * not where every PC has something. */
enum { LOWEST_IO_BAR = 0x1000, LOWEST_IO_OWN = 0x400, IO_END = 0x10000 };
enum { ROM_ENABLE = 1, ROM_SIZE_MIN = 4096, ROM_SIZE_MAX = 16 << 20, IO_SIZE_MIN = 4, IO_SIZE_MAX = 256 };
#define ROM_ADDRESS 0xfffff800u

/* ---- making them ---- */

static bool is_power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static bool is_free(const struct PciDevice *dev, unsigned n) {
    bool upper_half = n > 0 && dev->window[n - 1].size && dev->window[n - 1].flags & PCI_BAR_64;
    return n < PCI_BARS && !dev->window[n].size && !upper_half;
}

int pci_device_add_bar(struct PciDevice *dev, unsigned n, struct Region *region, uint8_t flags) {
    bool wide = flags & PCI_BAR_64;
    if (!is_free(dev, n) || (wide && !is_free(dev, n + 1)) || !is_power_of_two(region->size) || region->size < 16 ||
        (!wide && region->size > 1u << 31) || flags & ~(PCI_BAR_64 | PCI_BAR_PREFETCH))
        return -EINVAL;
    uint8_t reg = PCI_BAR0 + 4 * n;
    dev->window[n] = (struct PciWindow){.size = region->size,
                                        .region = region,
                                        .flags = flags,
                                        .reg = reg,
                                        .enable = {{PCI_COMMAND, PCI_COMMAND_MEMORY}}};
    uint64_t mask = ~(region->size - 1);
    put_le32(dev->initial + reg, flags);
    put_le32(dev->writable + reg, (uint32_t)mask);
    if (wide)
        put_le32(dev->writable + reg + 4, mask >> 32);
    return 0;
}

int pci_device_add_io_bar(struct PciDevice *dev, unsigned n, unsigned size, const struct IoOps *ops, void *opaque) {
    if (!is_free(dev, n) || !is_power_of_two(size) || size < IO_SIZE_MIN || size > IO_SIZE_MAX)
        return -EINVAL;
    uint8_t reg = PCI_BAR0 + 4 * n;
    dev->window[n] = (struct PciWindow){.size = size,
                                        .ops = ops,
                                        .opaque = opaque,
                                        .flags = PCI_BAR_IO,
                                        .reg = reg,
                                        .enable = {{PCI_COMMAND, PCI_COMMAND_IO}}};
    put_le32(dev->initial + reg, PCI_BAR_IO);
    put_le32(dev->writable + reg, ~(size - 1));
    return 0;
}

int pci_device_add_rom(struct PciDevice *dev, struct Region *rom) {
    struct PciWindow *w = &dev->window[PCI_ROM_WINDOW];
    if (w->size || !is_power_of_two(rom->size) || rom->size < ROM_SIZE_MIN || rom->size > ROM_SIZE_MAX)
        return -EINVAL;
    *w = (struct PciWindow){.size = rom->size,
                            .region = rom,
                            .reg = PCI_ROM,
                            .enable = {{PCI_COMMAND, PCI_COMMAND_MEMORY}, {PCI_ROM, ROM_ENABLE}}};
    put_le32(dev->writable + PCI_ROM, (~((uint32_t)rom->size - 1) & ROM_ADDRESS) | ROM_ENABLE);
    return 0;
}

int pci_device_add_window(struct PciDevice *dev, const struct PciWindow *w) {
    if (!is_power_of_two(w->size) || w->size > IO_SIZE_MAX || !w->ops || !(w->flags & PCI_BAR_IO))
        return -EINVAL;
    for (unsigned i = PCI_OWN_WINDOW; i < PCI_WINDOWS; i++) {
        if (!dev->window[i].size) {
            dev->window[i] = *w;
            return 0;
        }
    }
    return -ENOSPC;
}

/* ---- where they are ---- */

static bool within(uint64_t at, uint64_t size, uint64_t base, uint64_t end) {
    return at >= base && at < end && size <= end - at;
}

/* Does the bridge send this range to the bus? RAM and the chipset's own ranges come first. */
static bool is_decodable(const struct PciDevice *dev, unsigned n, uint64_t at) {
    const struct PciWindow *w = &dev->window[n];
    const struct PciHostConfig *c = &dev->host->config;
    if (w->fixed)
        return true;
    if (w->flags & PCI_BAR_IO)
        return within(at, w->size, n < PCI_OWN_WINDOW ? LOWEST_IO_BAR : LOWEST_IO_OWN, IO_END) &&
               !within(0xcf8, 8, at, at + w->size);
    return within(at, w->size, c->mmio_base, c->mmio_end) || within(at, w->size, c->mmio64_base, c->mmio64_end);
}

static uint64_t address_of(const struct PciDevice *dev, unsigned n) {
    const struct PciWindow *w = &dev->window[n];
    if (w->fixed)
        return w->fixed;
    const uint8_t *p = dev->state->config + w->reg;
    uint64_t at = get_le32(p);
    if (w->flags & PCI_BAR_64)
        at |= (uint64_t)get_le32(p + 4) << 32;
    return at & ~(w->size - 1);
}

static bool is_enabled(const struct PciDevice *dev, const struct PciWindow *w) {
    const uint8_t *config = dev->state->config;
    return (config[w->enable[0].reg] & w->enable[0].bits) == w->enable[0].bits &&
           (config[w->enable[1].reg] & w->enable[1].bits) == w->enable[1].bits;
}

static void unmap(struct Bus *bus, struct PciWindow *w) {
    w->mapped = false;
    if (w->flags & PCI_BAR_IO)
        bus_unmap_ports(bus, w->mapped_at, w->size, w->opaque);
    else
        bus_unmap(bus, w->region);
}

static void map(struct PciDevice *dev, struct PciWindow *w, uint64_t at) {
    struct Bus *bus = dev->host->bus;
    int r = w->flags & PCI_BAR_IO ? bus_map_ports(bus, at, w->size, dev->name, w->ops, w->opaque)
                                  : bus_map(bus, at, w->region);
    w->mapped = r == 0; /* out of host memory: the window stays silent */
    w->mapped_at = at;
}

/* ---- which one is on top ---- */

/* A range in which something was mapped on top. */
struct Span {
    bool io;
    uint64_t first, end;
};

static bool meets(const struct Span *s, const struct PciWindow *w) {
    return w->mapped && (w->flags & PCI_BAR_IO) == s->io && w->mapped_at < s->end && s->first < w->mapped_at + w->size;
}

static void extend(struct Span *s, const struct PciWindow *w) {
    s->first = w->mapped_at < s->first ? w->mapped_at : s->first;
    s->end = w->mapped_at + w->size > s->end ? w->mapped_at + w->size : s->end;
}

/* Window n of dev was just mapped, so it lies on top: those that come before it go on top again, the first last. */
static void lift_others(struct PciDevice *dev, unsigned n) {
    struct PciHost *host = dev->host;
    const struct PciWindow *moved = &dev->window[n];
    struct Span span = {(moved->flags & PCI_BAR_IO) != 0, moved->mapped_at, moved->mapped_at + moved->size};
    for (unsigned before = dev->devfn * PCI_WINDOWS + n; before-- > 0;) {
        struct PciDevice *d = host->devices[before / PCI_WINDOWS];
        struct PciWindow *w = d ? &d->window[before % PCI_WINDOWS] : NULL;
        if (!w || !meets(&span, w))
            continue;
        unmap(host->bus, w);
        map(d, w, w->mapped_at);
        extend(&span, w);
    }
}

static void update(struct PciDevice *dev, unsigned n) {
    struct PciWindow *w = &dev->window[n];
    uint64_t at = address_of(dev, n);
    bool want = is_enabled(dev, w) && is_decodable(dev, n, at);
    if (w->mapped && (!want || w->mapped_at != at))
        unmap(dev->host->bus, w);
    if (!want || w->mapped)
        return;
    map(dev, w, at);
    if (w->mapped)
        lift_others(dev, n);
}

void pci_windows_update(struct PciDevice *dev) {
    for (unsigned n = 0; n < PCI_WINDOWS; n++) {
        if (dev->window[n].size)
            update(dev, n);
    }
}

void pci_windows_restore(struct PciHost *host) {
    for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++) {
        if (host->devices[i])
            pci_windows_update(host->devices[i]);
    }
}
