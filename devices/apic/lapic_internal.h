/* SPDX-License-Identifier: MIT */
/* What lapic.c (interrupts), lapic_regs.c (registers) and lapic_timer.c share. */
#ifndef TWIN86_DEVICES_LAPIC_INTERNAL_H
#define TWIN86_DEVICES_LAPIC_INTERNAL_H

#include "devices/apic/lapic.h"

/* LVT entries and the ICR (SDM vol. 3, figures 11-8 and 11-12). */
enum {
    LVT_VECTOR = 0xff,
    LVT_MODE_SHIFT = 8,
    LVT_MODE = 7 << LVT_MODE_SHIFT,
    LVT_ACTIVE_LOW = 1 << 13,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    LVT_TIMER_SHIFT = 17,
    LVT_TIMER = 3 << LVT_TIMER_SHIFT,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_SHORTHAND_SHIFT = 18,
};

enum { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE };

enum { SVR_ENABLE = 1 << 8 };

/* ESR (SDM vol. 3, figure 11-9). */
enum {
    ESR_SEND_ACCEPT = 1 << 2,
    ESR_SEND_VECTOR = 1 << 5,
    ESR_RECEIVE_VECTOR = 1 << 6,
    ESR_REGISTER = 1 << 7,
};

static inline bool lapic_enabled(const struct Lapic *l) { return (l->state.base & APIC_BASE_ENABLE) != 0; }
static inline bool lapic_x2apic(const struct Lapic *l) { return (l->state.base & APIC_BASE_X2APIC) != 0; }
static inline unsigned lapic_timer_mode(const struct Lapic *l) {
    return (l->state.lvt[LAPIC_LVT_TIMER] & LVT_TIMER) >> LVT_TIMER_SHIFT;
}

/* lapic.c */
void lapic_update(struct Lapic *l); /* drive the CPU's interrupt request */
void lapic_error(struct Lapic *l, uint32_t esr_bit);
void lapic_local_interrupt(struct Lapic *l, unsigned lvt);
void lapic_eoi(struct Lapic *l);
void lapic_send_ipi(struct Lapic *l, uint32_t icr_low, uint32_t icr_dest);
void lapic_clear(struct Lapic *l); /* the reset state of SDM vol. 3, 11.4.7.1, but for base and id */
void lapic_lint_unmasked(struct Lapic *l, unsigned lvt);

/* lapic_pv.c: the guest's memory says whether an interrupt has ended. Before anything that depends on ISR */
void lapic_pv_eoi_settle(struct Lapic *l);
/** An interrupt is delivered: the only one there is may be ended without telling us. */
void lapic_pv_eoi_offer(struct Lapic *l, unsigned vector);

/* lapic_timer.c */
void lapic_timer_expired(void *opaque);
void lapic_timer_set_initial(struct Lapic *l, uint32_t count);
void lapic_timer_set_divide(struct Lapic *l, uint32_t divide);
void lapic_timer_set_lvt(struct Lapic *l, uint32_t lvt);
uint32_t lapic_timer_current(const struct Lapic *l);
void lapic_timer_set_deadline(struct Lapic *l, uint64_t tsc);
void lapic_timer_stop(struct Lapic *l);

#endif
