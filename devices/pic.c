/* SPDX-License-Identifier: MIT */
/* 8259A pair. */
#include "devices/pic.h"

#include <string.h>

enum { MASTER, SLAVE };

#define CASCADE_LEVEL 2
#define NO_LEVEL 8

enum { ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, ICW1_LTIM = 0x08, ICW1_SELECT = 0x10 };
enum { ICW4_8086 = 0x01, ICW4_AEOI = 0x02, ICW4_SFNM = 0x10, ICW4_RESERVED = 0xe0 };
enum { OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_POLL = 0x04, OCW3_SELECT = 0x08, OCW3_SMM = 0x20, OCW3_ESMM = 0x40 };
/* OCW2 bits 7..5 */
enum {
    OCW2_ROTATE_AEOI_CLEAR,
    OCW2_EOI,
    OCW2_NOP,
    OCW2_SPECIFIC_EOI,
    OCW2_ROTATE_AEOI_SET,
    OCW2_ROTATE_EOI,
    OCW2_SET_PRIORITY,
    OCW2_ROTATE_SPECIFIC_EOI,
};

/* System lines are always edge-triggered: 0, 1, 2 on the master, 8 and 13 on the slave. */
static const uint8_t elcr_writable[2] = {0xf8, 0xde};

/* An edge request stands while its line is high and it has not been served; a level request while its line is high. */
static uint8_t irr_of(const struct PicChipState *c) { return (c->latch & ~c->elcr) | (c->lines & c->elcr); }

/* The place in the priority order (0 is highest) of the first level in `set`, or NO_LEVEL. */
static unsigned first_rank(const struct PicChipState *c, uint8_t set) {
    unsigned turn = (c->lowest + 1) & 7;
    uint8_t rotated = set >> turn | set << (8 - turn);

    return rotated ? (unsigned)__builtin_ctz(rotated) : NO_LEVEL;
}

static unsigned level_of_rank(const struct PicChipState *c, unsigned rank) { return (c->lowest + 1 + rank) & 7; }

/* The level that the chip asks the CPU to serve, or NO_LEVEL. */
static unsigned requested_level(const struct PicChipState *c, int which) {
    uint8_t blocking = c->special_mask ? c->isr & ~c->imr : c->isr;
    unsigned request = first_rank(c, irr_of(c) & ~c->imr), serving = first_rank(c, blocking), level;

    if (request == NO_LEVEL)
        return NO_LEVEL;
    level = level_of_rank(c, request);
    if (request < serving)
        return level;
    /* Special fully nested mode: a slave in service may ask again, for a higher level of its own. */
    if (request == serving && (c->icw4 & ICW4_SFNM) && which == MASTER && level == CASCADE_LEVEL)
        return level;
    return NO_LEVEL;
}

static void drive_line(struct PicChipState *c, unsigned level, bool high) {
    uint8_t bit = 1 << level;

    if (!high) {
        c->lines &= ~bit;
        c->latch &= ~bit; /* a request withdrawn before INTA becomes a spurious IR7 */
    } else if (!(c->lines & bit)) {
        c->lines |= bit;
        c->latch |= bit;
    }
}

static void update(struct Pic *p) {
    struct PicState *s = &p->state;
    bool intr;

    drive_line(&s->chip[MASTER], CASCADE_LEVEL, requested_level(&s->chip[SLAVE], SLAVE) != NO_LEVEL);
    intr = requested_level(&s->chip[MASTER], MASTER) != NO_LEVEL;
    if (intr != s->intr) {
        s->intr = intr;
        irq_set(&p->intr, intr);
    }
}

/* INTA (or a poll) reaches one chip: the level moves from IRR to ISR. Returns the level, or NO_LEVEL. */
static unsigned accept(struct PicChipState *c, int which) {
    unsigned level = requested_level(c, which);
    uint8_t bit = 1 << level;

    if (level == NO_LEVEL)
        return NO_LEVEL;
    c->latch &= ~bit;
    if (!(c->icw4 & ICW4_AEOI))
        c->isr |= bit;
    else if (c->rotate_on_aeoi)
        c->lowest = level;
    return level;
}

uint8_t pic_acknowledge(struct Pic *p) {
    struct PicChipState *master = &p->state.chip[MASTER], *slave = &p->state.chip[SLAVE], *c = master;
    unsigned level = accept(master, MASTER);

    if (level == CASCADE_LEVEL) {
        c = slave;
        level = accept(slave, SLAVE);
        /* The slave's INT drops during INTA; if it still has a request, that is a new edge. */
        drive_line(master, CASCADE_LEVEL, false);
    }
    update(p);
    if (level == NO_LEVEL)
        device_irq(p->log, "PIC", "has a spurious request, and delivers vector", c->base + 7u);
    else
        device_irq(p->log, "PIC", "delivers vector", c->base + level);
    return c->base + (level == NO_LEVEL ? 7 : level);
}

bool pic_pending(const struct Pic *p) { return p->state.intr; }

void pic_set_irq(void *opaque, int line, bool level) {
    struct Pic *p = opaque;

    if (line < 0 || line > 15 || line == CASCADE_LEVEL)
        return;
    drive_line(&p->state.chip[line >> 3], line & 7, level);
    update(p);
}

/* What a PC's guest should not ask of its PICs, or not now. */
static void check_command(struct Pic *p, int which, uint8_t value) {
    const struct PicChipState *c = &p->state.chip[which];
    unsigned command = value >> 5;
    if (value & ICW1_SELECT) {
        if (value & ICW1_LTIM)
            device_error(p->log, "PIC", "level-triggered mode is the ELCR's here, ICW1", value);
    } else if (c->init_step != 0) {
        device_error(p->log, "PIC", "command in the middle of initialization", value);
    } else if (!(value & OCW3_SELECT) && (command & 1) && command != OCW2_ROTATE_AEOI_SET && command != OCW2_NOP &&
               c->isr == 0 && !(c->icw4 & ICW4_AEOI)) {
        device_error(p->log, "PIC", "EOI with nothing in service", value);
    }
}

static void write_icw1(struct PicChipState *c, uint8_t value) {
    c->single = value & ICW1_SNGL;
    c->needs_icw4 = value & ICW1_IC4; /* LTIM is ignored: the ELCR took its place */
    c->init_step = 2;
    c->latch = 0; /* "the edge sense circuit is reset": a line must go low and high again */
    c->imr = 0;
    c->isr = 0;
    c->icw4 = 0;
    c->lowest = 7;
    c->special_mask = false;
    c->read_isr = false;
    c->poll = false;
    c->rotate_on_aeoi = false;
}

static void end_of_interrupt(struct PicChipState *c, unsigned level, bool rotate) {
    c->isr &= ~(1 << level);
    if (rotate)
        c->lowest = level;
}

static void write_ocw2(struct PicChipState *c, uint8_t value) {
    unsigned command = value >> 5, level = value & 7, rank;

    switch (command) {
    case OCW2_EOI:
    case OCW2_ROTATE_EOI:
        /* "An IS bit that is masked by an IMR bit will not be cleared by a non-specific EOI in special mask mode" */
        rank = first_rank(c, c->special_mask ? c->isr & ~c->imr : c->isr);
        if (rank != NO_LEVEL)
            end_of_interrupt(c, level_of_rank(c, rank), command == OCW2_ROTATE_EOI);
        break;
    case OCW2_SPECIFIC_EOI:
    case OCW2_ROTATE_SPECIFIC_EOI: end_of_interrupt(c, level, command == OCW2_ROTATE_SPECIFIC_EOI); break;
    case OCW2_SET_PRIORITY: c->lowest = level; break;
    case OCW2_ROTATE_AEOI_SET:
    case OCW2_ROTATE_AEOI_CLEAR: c->rotate_on_aeoi = command == OCW2_ROTATE_AEOI_SET; break;
    }
}

static void write_ocw3(struct PicChipState *c, uint8_t value) {
    c->poll = value & OCW3_POLL;
    if (value & OCW3_RR)
        c->read_isr = value & OCW3_RIS;
    if (value & OCW3_ESMM)
        c->special_mask = value & OCW3_SMM;
}

static void write_data(struct PicChipState *c, uint8_t value) {
    switch (c->init_step) {
    case 0: c->imr = value; break;
    case 2:
        c->base = value & 0xf8;
        c->init_step = !c->single ? 3 : c->needs_icw4 ? 4 : 0;
        break;
    case 3:
        c->icw3 = value;
        c->init_step = c->needs_icw4 ? 4 : 0;
        break;
    case 4:
        c->icw4 = value;
        c->init_step = 0;
        break;
    }
}

static void end_interrupts(struct Pic *p, int which, uint8_t ocw2) {
    struct PicChipState *c = &p->state.chip[which];
    uint8_t before = c->isr;

    write_ocw2(c, ocw2);
    for (uint8_t levels = before & ~c->isr; levels != 0; levels &= levels - 1)
        device_irq(p->log, "PIC", "EOI of IRQ", which * 8 + (unsigned)__builtin_ctz(levels));
}

static void chip_write(struct Pic *p, int which, uint64_t offset, uint8_t value) {
    struct PicChipState *c = &p->state.chip[which];
    if (p->log != NULL && offset == 0)
        check_command(p, which, value);
    if (offset == 1 && c->init_step == 4 && (!(value & ICW4_8086) || value & ICW4_RESERVED))
        device_error(p->log, "PIC", "ICW4 for another processor, or with reserved bits,", value);
    if (offset == 1)
        write_data(c, value);
    else if (value & ICW1_SELECT)
        write_icw1(c, value);
    else if (value & OCW3_SELECT)
        write_ocw3(c, value);
    else
        end_interrupts(p, which, value);
    update(p);
}

static uint8_t chip_read(struct Pic *p, int which, uint64_t offset) {
    struct PicChipState *c = &p->state.chip[which];
    unsigned level;

    if (c->poll) {
        c->poll = false;
        level = accept(c, which);
        if (which == MASTER ? level == CASCADE_LEVEL : level != NO_LEVEL)
            drive_line(&p->state.chip[MASTER], CASCADE_LEVEL, false);
        update(p);
        return level == NO_LEVEL ? 0 : 0x80 | level;
    }
    if (offset == 1)
        return c->imr;
    return c->read_isr ? c->isr : irr_of(c);
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    return chip_read(opaque, MASTER, offset);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)size;
    chip_write(opaque, MASTER, offset, value);
}

static uint64_t slave_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    return chip_read(opaque, SLAVE, offset);
}

static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)size;
    chip_write(opaque, SLAVE, offset, value);
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size) {
    struct Pic *p = opaque;

    (void)size;
    return p->state.chip[offset & 1].elcr;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Pic *p = opaque;

    (void)size;
    if (value & (uint8_t)~elcr_writable[offset & 1])
        device_error(p->log, "PIC", "ELCR: these lines are always edge-triggered,",
                     value & (uint8_t)~elcr_writable[offset & 1]);
    p->state.chip[offset & 1].elcr = value & elcr_writable[offset & 1];
    update(p);
}

static const struct IoOps master_ops = {.read = master_read, .write = master_write, .min_size = 1, .max_size = 1};
static const struct IoOps slave_ops = {.read = slave_read, .write = slave_write, .min_size = 1, .max_size = 1};
static const struct IoOps elcr_ops = {.read = elcr_read, .write = elcr_write, .min_size = 1, .max_size = 1};

void pic_reset(struct Pic *p) {
    struct PicState *s = &p->state;

    for (int i = 0; i < 2; i++) {
        uint8_t lines = s->chip[i].lines; /* pins belong to the devices that drive them */

        if (i == MASTER)
            lines &= ~(1 << CASCADE_LEVEL);
        memset(&s->chip[i], 0, sizeof(s->chip[i]));
        s->chip[i].lines = lines;
        s->chip[i].imr = 0xff;
        s->chip[i].lowest = 7;
    }
    s->intr = false;
    irq_set(&p->intr, false);
}

void pic_init(struct Pic *p, struct IrqWire intr) {
    memset(p, 0, sizeof(*p));
    p->intr = intr;
    pic_reset(p);
}

int pic_map(struct Pic *p, struct Bus *bus) {
    int ret = bus_map_ports(bus, 0x20, 2, "pic-master", &master_ops, p);

    if (ret == 0)
        ret = bus_map_ports(bus, 0xa0, 2, "pic-slave", &slave_ops, p);
    if (ret == 0)
        ret = bus_map_ports(bus, 0x4d0, 2, "pic-elcr", &elcr_ops, p);
    return ret;
}

/* ---- saved state ---- */

static const struct StateTable chip_table = {
    .name = "8259",
    .size = sizeof(struct PicChipState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(PicChipState, lines),
            STATE_FIELD(PicChipState, latch),
            STATE_FIELD(PicChipState, isr),
            STATE_FIELD(PicChipState, imr),
            STATE_FIELD(PicChipState, elcr),
            STATE_FIELD(PicChipState, base),
            STATE_FIELD(PicChipState, icw3),
            STATE_FIELD(PicChipState, icw4),
            STATE_FIELD(PicChipState, lowest, .max = 7),
            STATE_FIELD(PicChipState, init_step, .max = 4),
            STATE_FIELD(PicChipState, single),
            STATE_FIELD(PicChipState, needs_icw4),
            STATE_FIELD(PicChipState, read_isr),
            STATE_FIELD(PicChipState, poll),
            STATE_FIELD(PicChipState, special_mask),
            STATE_FIELD(PicChipState, rotate_on_aeoi),
            {0},
        },
};

const struct StateTable pic_state_table = {
    .name = "pic",
    .size = sizeof(struct PicState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(PicState, chip, &chip_table),
            STATE_FIELD(PicState, intr),
            {0},
        },
};

void pic_restored(struct Pic *p) { irq_set(&p->intr, p->state.intr); }
