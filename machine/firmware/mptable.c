/* SPDX-License-Identifier: MIT */
/* Numbers in brackets are sections of the MultiProcessor Specification 1.4. */
#include "machine/firmware/mptable.h"
#include "base/bytes.h"
#include "cpu/topology.h"
#include "devices/pci/pci.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { REVISION = 4, POINTER_SIZE = 16, HEADER_SIZE = 44, XAPIC_IDS = 255, ISA_IRQS = 16, CASCADE = 2 };
enum Entry { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_INTERRUPT, ENTRY_LOCAL };
static const uint8_t entry_size[] = {20, 8, 8, 8, 8};
enum { BUS_PCI, BUS_ISA }; /* a PCI bus has its own number here (4.3.2, D.3) */
enum { CPU_ENABLED = 1, CPU_BOOT = 2, IOAPIC_ENABLED = 1, ALL_LOCAL_APICS = 0xff };
enum Kind { KIND_INT, KIND_NMI, KIND_SMI, KIND_EXTINT };
enum { AS_BUS = 0, LEVEL_LOW = 0xf }; /* polarity and trigger mode (4.3.4) */

/** The table that is being made. */
struct Out {
    uint8_t *buf;
    size_t n, size;
    unsigned entries;
    bool full;
    uint8_t nowhere[20]; /* for entries that found no room */
};

/* Room for one more entry of that type, zeroed; somewhere else if there is none. */
static uint8_t *entry(struct Out *o, enum Entry type) {
    size_t size = entry_size[type];
    o->full |= size > o->n - o->size;
    uint8_t *p = o->full ? o->nowhere : o->buf + o->size;
    if (!o->full) {
        o->size += size;
        o->entries++;
    }
    memset(p, 0, size);
    p[0] = type;
    return p;
}

static void processors(struct Out *o, const struct MpConfig *c) { /* 4.3.1 */
    for (unsigned i = 0; i < c->cpus; i++) {
        uint32_t id = cpu_topology_apic_id(&c->topology, i);
        if (id >= XAPIC_IDS)
            continue;
        uint8_t *p = entry(o, ENTRY_CPU);
        p[1] = (uint8_t)id;
        p[2] = c->lapic_version;
        p[3] = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0);
        put_le32(p + 4, c->cpu_eax & 0xfff); /* stepping, model, family */
        put_le32(p + 8, c->cpu_edx);
    }
}

static void bus(struct Out *o, uint8_t id, const char name[6]) { /* 4.3.2 */
    uint8_t *p = entry(o, ENTRY_BUS);
    p[1] = id;
    memcpy(p + 2, name, 6);
}

static void io_apic(struct Out *o, const struct MpConfig *c) { /* 4.3.3 */
    uint8_t *p = entry(o, ENTRY_IOAPIC);
    p[1] = c->ioapic_id;
    p[2] = c->ioapic_version;
    p[3] = IOAPIC_ENABLED;
    put_le32(p + 4, c->ioapic_base);
}

/* 4.3.4, 4.3.5 */
static void interrupt(struct Out *o, enum Entry type, enum Kind kind, uint8_t flags, uint8_t bus, unsigned irq,
                      unsigned apic, unsigned pin) {
    uint8_t *p = entry(o, type);
    p[1] = (uint8_t)kind;
    p[2] = flags;
    p[4] = bus;
    p[5] = (uint8_t)irq;
    p[6] = (uint8_t)apic;
    p[7] = (uint8_t)pin;
}

static void interrupts(struct Out *o, const struct MpConfig *c) {
    for (unsigned irq = 0; irq < ISA_IRQS; irq++)
        if (irq != CASCADE)
            interrupt(o, ENTRY_INTERRUPT, KIND_INT, AS_BUS, BUS_ISA, irq, c->ioapic_id, irq == 0 ? c->pit_pin : irq);
    for (unsigned slot = 1; slot < PCI_SLOTS; slot++)
        for (unsigned pin = 0; pin < 4; pin++)
            interrupt(o, ENTRY_INTERRUPT, KIND_INT, LEVEL_LOW, BUS_PCI, slot << 2 | pin, c->ioapic_id,
                      c->pirq_pin + pci_pirq_of(slot, pin));
    interrupt(o, ENTRY_LOCAL, KIND_EXTINT, AS_BUS, BUS_ISA, 0, ALL_LOCAL_APICS, 0);
    interrupt(o, ENTRY_LOCAL, KIND_NMI, AS_BUS, BUS_ISA, 0, ALL_LOCAL_APICS, 1);
}

/* 4.1 */
static void pointer(uint8_t p[POINTER_SIZE], uint32_t table) {
    memset(p, 0, POINTER_SIZE);
    memcpy(p, "_MP_", 4);
    put_le32(p + 4, table);
    p[8] = POINTER_SIZE / 16;
    p[9] = REVISION;
    p[10] = checksum_8(p, POINTER_SIZE);
}

/* 4.2 */
static void header(uint8_t p[HEADER_SIZE], const struct Out *o, const struct MpConfig *c) {
    memset(p, 0, HEADER_SIZE);
    memcpy(p, "PCMP", 4);
    put_le16(p + 4, (uint16_t)o->size);
    p[6] = REVISION;
    memcpy(p + 8, "TWIN86  PC          ", 20);
    put_le16(p + 34, (uint16_t)o->entries);
    put_le32(p + 36, c->lapic_base);
    p[7] = checksum_8(p, o->size);
}

int mptable_build(const struct MpConfig *c, uint32_t base, uint8_t *buf, size_t n) {
    if (n < POINTER_SIZE + HEADER_SIZE)
        return -ENOSPC;
    struct Out o = {.buf = buf + POINTER_SIZE, .n = n - POINTER_SIZE, .size = HEADER_SIZE};
    processors(&o, c);
    bus(&o, BUS_PCI, "PCI   ");
    bus(&o, BUS_ISA, "ISA   ");
    io_apic(&o, c);
    interrupts(&o, c);
    if (o.full)
        return -ENOSPC;
    header(o.buf, &o, c);
    pointer(buf, base + POINTER_SIZE);
    return POINTER_SIZE + (int)o.size;
}
