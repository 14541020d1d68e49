/* SPDX-License-Identifier: MIT */
/* Local APIC: accepting, prioritizing, delivering and ending interrupts (SDM vol. 3, 11.6 and 11.8). */
#include "devices/apic/lapic_internal.h"

#include <stdio.h>
#include <string.h>

static int highest(const uint32_t bits[8]) {
    for (int i = 7; i >= 0; i--) {
        if (bits[i])
            return i * 32 + 31 - __builtin_clz(bits[i]);
    }
    return -1;
}

static void bit_set(uint32_t bits[8], unsigned n) { bits[n / 32] |= 1u << n % 32; }

static void bit_clear(uint32_t bits[8], unsigned n) { bits[n / 32] &= ~(1u << n % 32); }

static bool bit_test(const uint32_t bits[8], unsigned n) { return bits[n / 32] >> n % 32 & 1; }

/* SDM vol. 3, 11.8.3.1 */
unsigned lapic_priority(const struct Lapic *l) {
    int in_service = highest(l->state.isr);
    unsigned isrv = in_service < 0 ? 0 : (unsigned)in_service;
    return l->state.tpr >> 4 >= isrv >> 4 ? l->state.tpr : isrv & 0xf0;
}

unsigned lapic_settled_priority(struct Lapic *l) {
    lapic_pv_eoi_settle(l);
    return lapic_priority(l);
}

/* The vector that may be delivered now, or -1. */
static int deliverable(const struct Lapic *l) {
    int v = highest(l->state.irr);
    return v >= 0 && (unsigned)v >> 4 > lapic_priority(l) >> 4 ? v : -1;
}

static bool extint_waits(const struct Lapic *l) {
    const struct LapicState *s = &l->state;
    if (!lapic_enabled(l)) /* LINT0 is the CPU's INTR pin then (SDM vol. 3, 11.4.3) */
        return s->lint & 1;
    uint32_t lvt = s->lvt[LAPIC_LVT_LINT0];
    bool open = !(lvt & LVT_MASKED) && (lvt & LVT_MODE) >> LVT_MODE_SHIFT == APIC_DM_EXTINT;
    return s->extint_message || (open && s->lint & 1);
}

void lapic_update(struct Lapic *l) {
    bool intr = extint_waits(l) || (lapic_enabled(l) && deliverable(l) >= 0);
    if (intr == l->state.intr)
        return;
    l->state.intr = intr;
    if (l->ops->set_intr)
        l->ops->set_intr(l->opaque, intr);
}

/* Put a fixed interrupt into IRR. Vectors below 16 are illegal (SDM vol. 3, 11.5.3). */
static bool accept_vector(struct Lapic *l, uint8_t vector, bool level) {
    if (vector < 16) {
        lapic_error(l, ESR_RECEIVE_VECTOR);
        return false;
    }
    lapic_pv_eoi_settle(l);
    device_irq(l->log, l->name, level ? "accepts (level) vector" : "accepts vector", vector);
    bit_set(l->state.irr, vector);
    if (level)
        bit_set(l->state.tmr, vector);
    else
        bit_clear(l->state.tmr, vector);
    lapic_update(l);
    return true;
}

static void take_init(struct Lapic *l) {
    lapic_clear(l);
    if (l->ops->init)
        l->ops->init(l->opaque);
}

static void take_nmi(struct Lapic *l) {
    if (l->ops->nmi)
        l->ops->nmi(l->opaque);
}

void lapic_error(struct Lapic *l, uint32_t esr_bit) {
    if (l->state.errors & esr_bit)
        return; /* also ends the recursion when the error interrupt's own vector is illegal */
    device_error(l->log, l->name, "error, as bit of ESR", esr_bit);
    l->state.errors |= esr_bit;
    lapic_local_interrupt(l, LAPIC_LVT_ERROR);
}

void lapic_local_interrupt(struct Lapic *l, unsigned lvt) {
    uint32_t entry = l->state.lvt[lvt];
    if (entry & LVT_MASKED)
        return;
    if ((entry & LVT_MODE) >> LVT_MODE_SHIFT == APIC_DM_NMI)
        take_nmi(l);
    else if ((entry & LVT_MODE) >> LVT_MODE_SHIFT == APIC_DM_FIXED)
        accept_vector(l, entry & LVT_VECTOR, false);
}

/* ---- LINT0, LINT1 ---- */

static bool is_level_fixed(uint32_t entry) {
    return !(entry & LVT_MASKED) && (entry & LVT_MODE) == 0 && entry & LVT_LEVEL;
}

/* A level-triggered pin asks again until its remote IRR is set. */
static void lint_level(struct Lapic *l, unsigned line) {
    uint32_t *entry = &l->state.lvt[LAPIC_LVT_LINT0 + line];
    if (l->state.lint >> line & 1 && is_level_fixed(*entry) && !(*entry & LVT_REMOTE_IRR)) {
        *entry |= LVT_REMOTE_IRR;
        accept_vector(l, *entry & LVT_VECTOR, true);
    }
    lapic_update(l);
}

static void lint_rise(struct Lapic *l, unsigned line) {
    uint32_t entry = l->state.lvt[LAPIC_LVT_LINT0 + line];
    if (!lapic_enabled(l)) {
        if (line == 1)
            take_nmi(l);
        return;
    }
    if (entry & LVT_MASKED)
        return;
    switch ((entry & LVT_MODE) >> LVT_MODE_SHIFT) {
    case APIC_DM_FIXED:
        if (!(entry & LVT_LEVEL))
            accept_vector(l, entry & LVT_VECTOR, false);
        break;
    case APIC_DM_NMI: take_nmi(l); break;
    case APIC_DM_INIT: take_init(l); break;
    }
}

void lapic_set_lint(void *opaque, int line, bool level) {
    struct Lapic *l = opaque;
    uint8_t bit = 1 << (line & 1);
    bool was = l->state.lint & bit;
    if (level == was)
        return;
    l->state.lint ^= bit;
    if (level)
        lint_rise(l, line & 1);
    lint_level(l, line & 1);
}

void lapic_lint_unmasked(struct Lapic *l, unsigned lvt) { lint_level(l, lvt - LAPIC_LVT_LINT0); }

struct IrqWire lapic_extint_wire(struct Lapic *l) { return (struct IrqWire){lapic_set_lint, l, 0}; }

struct IrqWire lapic_nmi_wire(struct Lapic *l) { return (struct IrqWire){lapic_set_lint, l, 1}; }

/* ---- to the CPU ---- */

int lapic_acknowledge(void *opaque) {
    struct Lapic *l = opaque;
    lapic_pv_eoi_settle(l);
    int v = lapic_enabled(l) ? deliverable(l) : -1;
    if (v >= 0) {
        bit_clear(l->state.irr, v);
        bit_set(l->state.isr, v);
        device_irq(l->log, l->name, "delivers vector", (unsigned)v);
        lapic_pv_eoi_offer(l, (unsigned)v);
    } else if (extint_waits(l)) {
        l->state.extint_message = 0;
        v = l->ops->pic_acknowledge ? l->ops->pic_acknowledge(l->opaque) : -1;
    }
    lapic_update(l);
    return v;
}

void lapic_eoi(struct Lapic *l) {
    struct LapicState *s = &l->state;
    int v = highest(s->isr);
    if (v < 0)
        return;
    device_irq(l->log, l->name, "EOI of vector", (unsigned)v);
    bit_clear(s->isr, v);
    if (bit_test(s->tmr, v)) {
        for (unsigned line = 0; line < 2; line++) {
            uint32_t *entry = &s->lvt[LAPIC_LVT_LINT0 + line];
            if (*entry & LVT_REMOTE_IRR && (*entry & LVT_VECTOR) == (unsigned)v) {
                *entry &= ~LVT_REMOTE_IRR;
                lint_level(l, line);
            }
        }
        apic_bus_eoi(l->bus, v);
    }
    lapic_update(l);
}

/* ---- messages ---- */

bool lapic_accepts_fixed(const struct Lapic *l) { return lapic_enabled(l) && l->state.svr & SVR_ENABLE; }

/* SDM vol. 3, 11.6.2.2: flat and cluster model of the xAPIC. */
static bool matches_xapic_logical(const struct Lapic *l, uint32_t dest) {
    uint32_t ldr = l->state.ldr >> 24;
    if (dest == UINT32_MAX)
        return true;
    if (dest > 0xff)
        return false;
    switch (l->state.dfr >> 28) {
    case 0xf: return ldr & dest;
    case 0: return dest == 0xff || (ldr >> 4 == dest >> 4 && ldr & dest & 0xf);
    default: return false;
    }
}

/* SDM vol. 3, 11.12.10.2: a cluster number and a bit for each of its 16 members, derived from the id. */
static bool matches_x2apic_logical(const struct Lapic *l, uint32_t dest) {
    uint32_t id = l->config.id;
    return dest == UINT32_MAX || (dest >> 16 == (id >> 4 & 0xffff) && dest >> (id & 15) & 1);
}

bool lapic_matches(const struct Lapic *l, const struct ApicMessage *msg) {
    if (!lapic_enabled(l))
        return false;
    if (msg->broadcast)
        return true;
    if (!msg->logical)
        return msg->dest == (lapic_x2apic(l) ? l->config.id : l->state.id);
    return lapic_x2apic(l) ? matches_x2apic_logical(l, msg->dest) : matches_xapic_logical(l, msg->dest);
}

bool lapic_receive(struct Lapic *l, const struct ApicMessage *msg) {
    switch (msg->mode) {
    case APIC_DM_FIXED:
    case APIC_DM_LOWEST: return lapic_accepts_fixed(l) && accept_vector(l, msg->vector, msg->level);
    case APIC_DM_NMI: take_nmi(l); return true;
    case APIC_DM_INIT: take_init(l); return true;
    case APIC_DM_SIPI:
        if (l->ops->sipi)
            l->ops->sipi(l->opaque, msg->vector);
        return true;
    case APIC_DM_EXTINT:
        if (!lapic_accepts_fixed(l))
            return false;
        l->state.extint_message = 1;
        lapic_update(l);
        return true;
    default: /* this CPU has no system management mode */
        device_error(l->log, l->name, "is sent what it does not take, delivery mode", msg->mode);
        return false;
    }
}

void lapic_send_ipi(struct Lapic *l, uint32_t icr, uint32_t dest) {
    enum { NONE, SELF, ALL, OTHERS } shorthand = icr >> ICR_SHORTHAND_SHIFT & 3;
    struct ApicMessage msg = {
        .dest = dest,
        .vector = icr & 0xff,
        .mode = (icr & LVT_MODE) >> LVT_MODE_SHIFT,
        .logical = icr & ICR_LOGICAL,
    }; /* edge: only INIT has a level (SDM vol. 3, 11.6.1) */
    bool fixed = msg.mode == APIC_DM_FIXED || msg.mode == APIC_DM_LOWEST;

    if (msg.mode == APIC_DM_RESERVED || msg.mode == APIC_DM_EXTINT || (shorthand == SELF && !fixed))
        return;
    if (msg.mode == APIC_DM_INIT && icr & ICR_LEVEL && !(icr & ICR_ASSERT))
        return; /* INIT level de-assert: only synchronized arbitration ids, which newer APICs do not have */
    if (fixed && msg.vector < 16) {
        lapic_error(l, ESR_SEND_VECTOR);
        return;
    }
    if (shorthand == SELF) {
        lapic_receive(l, &msg);
        return;
    }
    msg.broadcast = shorthand != NONE || (!msg.logical && dest == (lapic_x2apic(l) ? UINT32_MAX : 0xff));
    apic_bus_deliver(l->bus, &msg, shorthand == OTHERS ? l : NULL);
}

/* ---- life ---- */

void lapic_clear(struct Lapic *l) {
    struct LapicState *s = &l->state, old = *s;
    lapic_timer_stop(l);
    memset(s, 0, sizeof(*s));
    s->base = old.base;
    s->id = old.id;
    s->lint = old.lint; /* wires keep their level */
    s->intr = old.intr;
    s->timer_expiry = s->timer_due = CLOCK_NEVER;
    s->dfr = UINT32_MAX;
    s->svr = 0xff;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++)
        s->lvt[i] = LVT_MASKED;
    lapic_update(l);
}

void lapic_reset(struct Lapic *l) {
    l->state.base = LAPIC_DEFAULT_BASE | APIC_BASE_ENABLE | (l->config.bsp ? APIC_BASE_BSP : 0);
    l->state.id = l->config.id & 0xff;
    l->pv_eoi_flag = NULL;
    lapic_clear(l);
    if (l->ops->base_changed)
        l->ops->base_changed(l->opaque, l->state.base);
    if (l->ops->set_intr)
        l->ops->set_intr(l->opaque, l->state.intr);
}

void lapic_set_virtual_wire(struct Lapic *l) {
    l->state.svr = SVR_ENABLE | 0xff;
    l->state.lvt[LAPIC_LVT_LINT0] = APIC_DM_EXTINT << LVT_MODE_SHIFT;
    l->state.lvt[LAPIC_LVT_LINT1] = APIC_DM_NMI << LVT_MODE_SHIFT;
    lapic_update(l);
}

void lapic_init(struct Lapic *l, const struct LapicConfig *config, struct ApicBus *bus, struct Clock *clock,
                const struct LapicCpuOps *ops, void *opaque) {
    memset(l, 0, sizeof(*l));
    l->config = *config;
    snprintf(l->name, sizeof(l->name), config->one_of_many ? "local APIC %u" : "local APIC", config->id);
    l->ops = ops;
    l->opaque = opaque;
    l->bus = bus;
    l->clock = clock;
    timer_init(&l->timer, clock, lapic_timer_expired, l);
    apic_bus_add_lapic(bus, l);
    lapic_reset(l);
}

/* ---- saved state ---- */

/* The count goes on from a time, in periods: no division by zero, no overflow. */
static const char *check_state(const void *state) {
    const struct LapicState *s = state;
    bool counting = s->timer_expiry != CLOCK_NEVER;
    if (counting && s->timer_initial == 0)
        return "its timer counts, but has no initial count";
    if (counting && (s->timer_start < INT64_MIN / 4 || s->timer_start > INT64_MAX / 4))
        return "its timer counts from beyond all time";
    return NULL;
}

const struct StateTable lapic_state_table = {
    .name = "lapic",
    .size = sizeof(struct LapicState),
    .version = 1,
    .check = check_state,
    .field =
        (const struct StateField[]){
            STATE_FIELD(LapicState, base),
            STATE_FIELD(LapicState, tsc_deadline),
            STATE_FIELD(LapicState, timer_start),
            STATE_FIELD(LapicState, timer_expiry),
            STATE_FIELD(LapicState, timer_due),
            STATE_ARRAY(LapicState, isr),
            STATE_ARRAY(LapicState, irr),
            STATE_ARRAY(LapicState, tmr),
            STATE_FIELD(LapicState, id),
            STATE_FIELD(LapicState, tpr),
            STATE_FIELD(LapicState, svr),
            STATE_FIELD(LapicState, ldr),
            STATE_FIELD(LapicState, dfr),
            STATE_FIELD(LapicState, esr),
            STATE_FIELD(LapicState, errors),
            STATE_FIELD(LapicState, icr_low),
            STATE_FIELD(LapicState, icr_high),
            STATE_ARRAY(LapicState, lvt),
            STATE_FIELD(LapicState, timer_initial),
            STATE_FIELD(LapicState, timer_divide),
            STATE_FIELD(LapicState, lint, .max = 3),
            STATE_FIELD(LapicState, extint_message, .max = 1),
            STATE_FIELD(LapicState, intr, .max = 1),
            STATE_FIELD(LapicState, pv_eoi, .max = 1),
            STATE_PADDING(LapicState, unused),
            {0},
        },
};

void lapic_restored(struct Lapic *l) {
    timer_arm(&l->timer, l->state.timer_due);
    if (l->ops->base_changed)
        l->ops->base_changed(l->opaque, l->state.base);
    if (l->ops->set_intr)
        l->ops->set_intr(l->opaque, l->state.intr);
}
