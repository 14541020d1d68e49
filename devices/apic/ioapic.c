/* SPDX-License-Identifier: MIT */
#include "devices/apic/ioapic.h"

#include <string.h>

/* Redirection table entries (data sheet 3.2.4). */
#define RTE_VECTOR 0xffull
#define RTE_MODE_SHIFT 8
#define RTE_LOGICAL (1ull << 11)
#define RTE_STATUS (1ull << 12)
#define RTE_ACTIVE_LOW (1ull << 13)
#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL (1ull << 15)
#define RTE_MASKED (1ull << 16)
#define RTE_DEST_SHIFT 56
#define RTE_WRITABLE (0x1afffull | 0xffull << RTE_DEST_SHIFT)

enum { OFFSET_SELECT = 0x00, OFFSET_WINDOW = 0x10, OFFSET_EOI = 0x40 };
enum { REG_ID = 0x00, REG_VERSION = 0x01, REG_ARBITRATION = 0x02, REG_TABLE = 0x10 };

/* The pin is active in the polarity that the guest programmed. */
static bool is_active(const struct Ioapic *io, unsigned pin) {
    bool low_wire = io->active_low >> pin & 1, low_entry = io->state.redirection[pin] & RTE_ACTIVE_LOW;
    return (io->state.asserted >> pin & 1) ^ low_wire ^ low_entry;
}

static bool send(struct Ioapic *io, unsigned pin) {
    uint64_t e = io->state.redirection[pin];
    struct ApicMessage msg = {
        .dest = e >> RTE_DEST_SHIFT,
        .vector = e & RTE_VECTOR,
        .mode = e >> RTE_MODE_SHIFT & 7,
        .logical = e & RTE_LOGICAL,
        .level = e & RTE_LEVEL,
    };
    if (msg.mode == APIC_DM_SIPI || msg.mode == APIC_DM_RESERVED)
        return false;
    msg.broadcast = !msg.logical && msg.dest == 0xff;
    device_irq(io->log, "I/O APIC", "sends vector", msg.vector);
    return apic_bus_deliver(io->bus, &msg, NULL);
}

/* Level: ask while the pin is active and no EOI is owed. Only fixed and lowest priority are ended by one. */
static void service_level(struct Ioapic *io, unsigned pin) {
    uint64_t *e = &io->state.redirection[pin];
    if (*e & RTE_MASKED || !(*e & RTE_LEVEL) || *e & RTE_REMOTE_IRR || !is_active(io, pin))
        return;
    bool ends_with_eoi = (*e >> RTE_MODE_SHIFT & 7) <= APIC_DM_LOWEST;
    if (send(io, pin) && ends_with_eoi)
        *e |= RTE_REMOTE_IRR;
}

void ioapic_set_irq(void *opaque, int line, bool level) {
    struct Ioapic *io = opaque;
    if (line < 0 || line >= IOAPIC_PINS || (io->state.asserted >> line & 1) == level)
        return;
    bool before = is_active(io, line);
    io->state.asserted ^= 1u << line;
    uint64_t e = io->state.redirection[line];
    if (e & RTE_LEVEL)
        service_level(io, line);
    else if (!before && !(e & RTE_MASKED))
        send(io, line); /* an edge on a masked pin is lost (data sheet 3.2.4, "Interrupt Mask") */
}

/* The EOI that a local APIC broadcasts, or a write to the EOI register. */
static void end_of_interrupt(void *opaque, uint8_t vector) {
    struct Ioapic *io = opaque;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t *e = &io->state.redirection[pin];
        if ((*e & RTE_VECTOR) == vector && *e & RTE_REMOTE_IRR) {
            *e &= ~RTE_REMOTE_IRR;
            service_level(io, pin);
        }
    }
}

static uint32_t window_read(const struct Ioapic *io) {
    unsigned reg = io->state.select;
    switch (reg) {
    case REG_ID:
    case REG_ARBITRATION: return io->state.id << 24;
    case REG_VERSION: return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
    }
    if (reg < REG_TABLE || reg >= REG_TABLE + 2 * IOAPIC_PINS)
        return 0;
    uint64_t e = io->state.redirection[(reg - REG_TABLE) / 2];
    return reg & 1 ? e >> 32 : (uint32_t)e;
}

static void write_entry(struct Ioapic *io, unsigned reg, uint32_t value) {
    unsigned pin = (reg - REG_TABLE) / 2;
    uint64_t *e = &io->state.redirection[pin];
    unsigned shift = reg & 1 ? 32 : 0;
    uint64_t half = 0xffffffffull << shift;
    *e = (*e & (~half | ~RTE_WRITABLE)) | ((uint64_t)value << shift & half & RTE_WRITABLE);
    if (!(*e & RTE_LEVEL))
        *e &= ~RTE_REMOTE_IRR; /* edge has none; systems switch to it and back to end an interrupt */
    service_level(io, pin);
}

static void window_write(struct Ioapic *io, uint32_t value) {
    unsigned reg = io->state.select;
    if (reg == REG_ID)
        io->state.id = value >> 24 & 15;
    else if (reg >= REG_TABLE && reg < REG_TABLE + 2 * IOAPIC_PINS)
        write_entry(io, reg, value);
    else
        device_error(io->log, "I/O APIC", "write of no register, number", reg);
}

static uint64_t ioapic_read(void *opaque, uint64_t offset, unsigned size) {
    struct Ioapic *io = opaque;
    (void)size;
    switch (offset) {
    case OFFSET_SELECT: return io->state.select;
    case OFFSET_WINDOW: return window_read(io);
    default: device_error(io->log, "I/O APIC", "read of no register, offset", offset); return UINT32_MAX;
    }
}

static void ioapic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Ioapic *io = opaque;
    (void)size;
    switch (offset) {
    case OFFSET_SELECT: io->state.select = value & 0xff; break;
    case OFFSET_WINDOW: window_write(io, (uint32_t)value); break;
    case OFFSET_EOI: end_of_interrupt(io, value & 0xff); break;
    default: device_error(io->log, "I/O APIC", "write of no register, offset", offset); break;
    }
}

const struct IoOps ioapic_ops = {.read = ioapic_read, .write = ioapic_write, .min_size = 4, .max_size = 4};

void ioapic_reset(struct Ioapic *io) {
    uint32_t asserted = io->state.asserted; /* wires keep their level */
    memset(&io->state, 0, sizeof(io->state));
    io->state.asserted = asserted;
    io->state.id = io->initial_id;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        io->state.redirection[pin] = RTE_MASKED;
}

void ioapic_init(struct Ioapic *io, struct ApicBus *bus, uint8_t id, uint32_t active_low) {
    memset(io, 0, sizeof(*io));
    io->bus = bus;
    io->initial_id = id & 15;
    io->active_low = active_low;
    io->listener = (struct ApicEoiListener){end_of_interrupt, io, NULL};
    apic_bus_add_listener(bus, &io->listener);
    region_init_mmio(&io->region, "ioapic", IOAPIC_PAGE_SIZE, &ioapic_ops, io);
    ioapic_reset(io);
}

/* ---- saved state ---- */

const struct StateTable ioapic_state_table = {
    .name = "ioapic",
    .size = sizeof(struct IoapicState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_ARRAY(IoapicState, redirection),
            STATE_FIELD(IoapicState, asserted),
            STATE_FIELD(IoapicState, id, .max = 15),
            STATE_FIELD(IoapicState, select, .max = 255),
            STATE_PADDING(IoapicState, unused),
            {0},
        },
};
