/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: causes (ICR), their mask (IMS), and what moderates them (3.2.7, 3.4.3): ITR keeps a distance between two
 * assertions of INTA#; RDTR and RADV delay RXT0, TIDV and TADV TXDW, each pair by the time since the last event and
 * since the first one.
 */
#include "devices/net/e1000_internal.h"

enum { ITR_UNIT = 256, DELAY_UNIT = 1024 }; /* ns: 13.4.18, 13.4.30 */
enum { DELAY = 0xffff };

static void drive(struct E1000 *e, bool level) {
    if (e->state.asserted == level)
        return;
    e->state.asserted = level;
    if (level)
        e->state.last_interrupt = clock_now(e->clock);
    pci_set_irq(&e->pci, level);
}

/* From when on INTA# may be asserted again. */
static int64_t allowed_at(const struct E1000 *e) {
    int64_t interval = (int64_t)(e->state.reg[E1000_ITR] & DELAY) * ITR_UNIT;
    return e->state.last_interrupt < 0 || interval == 0 ? 0 : clock_after(e->state.last_interrupt, interval);
}

void e1000_update_interrupt(struct E1000 *e) {
    bool wanted = (e->state.reg[E1000_ICR] & e->state.reg[E1000_IMS]) != 0;
    if (wanted && !e->state.asserted && clock_now(e->clock) < allowed_at(e)) {
        if (!timer_armed(&e->throttle))
            timer_arm(&e->throttle, allowed_at(e));
        return;
    }
    timer_cancel(&e->throttle);
    drive(e, wanted);
}

void e1000_cause(struct E1000 *e, uint32_t causes) {
    e->state.reg[E1000_ICR] |= causes;
    e1000_update_interrupt(e);
}

static void throttled(void *opaque) { e1000_update_interrupt(opaque); }

/* ---- delays ---- */

static void arm(struct Timer *t, int64_t delay, int64_t absolute) {
    int64_t deadline = delay < absolute ? delay : absolute;
    if (deadline != t->deadline)
        timer_arm(t, deadline);
}

static void arm_both(struct E1000 *e) {
    arm(&e->receive, e->state.receive_delay, e->state.receive_absolute);
    arm(&e->transmit, e->state.transmit_delay, e->state.transmit_absolute);
}

/* The time since the last event begins anew, that since the first one does not; 0 for the latter: there is none. */
static void delay_event(struct E1000 *e, int64_t *delay, int64_t *absolute, enum E1000Register relative_register,
                        enum E1000Register absolute_register) {
    int64_t now = clock_now(e->clock);
    uint32_t most = e->state.reg[absolute_register] & DELAY;
    *delay = clock_after(now, (int64_t)(e->state.reg[relative_register] & DELAY) * DELAY_UNIT);
    if (*absolute == CLOCK_NEVER && most != 0)
        *absolute = clock_after(now, (int64_t)most * DELAY_UNIT);
    arm_both(e);
}

void e1000_flush_receive(struct E1000 *e) {
    e->state.receive_delay = e->state.receive_absolute = CLOCK_NEVER;
    timer_cancel(&e->receive);
    e1000_cause(e, CAUSE_RXT0);
}

static void receive_due(void *opaque) { e1000_flush_receive(opaque); }

static void transmit_due(void *opaque) {
    struct E1000 *e = opaque;
    e->state.transmit_delay = e->state.transmit_absolute = CLOCK_NEVER;
    timer_cancel(&e->transmit);
    e1000_cause(e, CAUSE_TXDW);
}

void e1000_received_one(struct E1000 *e, size_t n) {
    if (n <= (e->state.reg[E1000_RSRPD] & 0xfff)) { /* 13.4.52: small packets are told of at once */
        e1000_flush_receive(e);
        e1000_cause(e, CAUSE_SRPD);
    } else if ((e->state.reg[E1000_RDTR] & DELAY) == 0) {
        e1000_flush_receive(e);
    } else {
        delay_event(e, &e->state.receive_delay, &e->state.receive_absolute, E1000_RDTR, E1000_RADV);
    }
}

void e1000_transmitted_one(struct E1000 *e, bool delayed) {
    if (delayed && (e->state.reg[E1000_TIDV] & DELAY) != 0)
        delay_event(e, &e->state.transmit_delay, &e->state.transmit_absolute, E1000_TIDV, E1000_TADV);
    else
        transmit_due(e);
}

/* ---- life ---- */

void e1000_interrupt_init(struct E1000 *e) {
    timer_init(&e->throttle, e->clock, throttled, e);
    timer_init(&e->receive, e->clock, receive_due, e);
    timer_init(&e->transmit, e->clock, transmit_due, e);
    e1000_interrupt_reset(e);
}

void e1000_interrupt_reset(struct E1000 *e) {
    struct E1000State *s = &e->state;
    timer_cancel(&e->throttle);
    s->receive_delay = s->receive_absolute = s->transmit_delay = s->transmit_absolute = CLOCK_NEVER;
    arm_both(e);
    drive(e, false);
    s->last_interrupt = -1;
}

void e1000_interrupt_restored(struct E1000 *e) {
    timer_cancel(&e->throttle);
    arm_both(e);
    if (!e->state.asserted)
        e1000_update_interrupt(e);
}
