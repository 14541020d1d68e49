/* SPDX-License-Identifier: MIT */
/*
 * What KVM adds to a local APIC for its guests (Linux, Documentation/virt/kvm/x86/msr.rst, hypercalls.rst): an EOI that
 * is no exit, and one call for many IPIs.
 *
 * PV EOI: when an edge-triggered interrupt is delivered and no other waits, bit 0 of a byte in guest memory is set. The
 * guest's EOI is to clear it; only if it is clear already does the guest write the EOI register. So whoever needs to
 * know whether the interrupt is still in service clears the bit: if it was clear, the guest has ended the interrupt.
 */
#include "devices/apic/lapic_internal.h"

#include <stdatomic.h>

void lapic_pv_eoi_settle(struct Lapic *l) {
    if (!l->state.pv_eoi || l->pv_eoi_flag == NULL) /* restored, and not yet told where the guest's memory is */
        return;
    l->state.pv_eoi = 0;
    if (!(atomic_fetch_and(l->pv_eoi_flag, (uint8_t)~1) & 1))
        lapic_eoi(l);
}

void lapic_pv_eoi_offer(struct Lapic *l, unsigned vector) {
    const struct LapicState *s = &l->state;
    uint32_t waiting = 0;
    unsigned in_service = 0;
    if (l->pv_eoi_flag == NULL || s->tmr[vector / 32] >> vector % 32 & 1)
        return;
    for (unsigned i = 0; i < 8; i++) {
        waiting |= s->irr[i];
        in_service += (unsigned)__builtin_popcount(s->isr[i]);
    }
    if (waiting != 0 || in_service != 1)
        return;
    l->state.pv_eoi = 1;
    atomic_fetch_or(l->pv_eoi_flag, 1);
}

void lapic_set_pv_eoi(void *opaque, _Atomic uint8_t *flag) {
    struct Lapic *l = opaque;
    if (flag == l->pv_eoi_flag)
        return;
    lapic_pv_eoi_settle(l);
    l->pv_eoi_flag = flag;
}

unsigned lapic_send_ipis(void *opaque, const uint64_t bits[2], uint32_t first, uint32_t icr) {
    struct Lapic *l = opaque;
    struct ApicMessage msg = {.vector = icr & 0xff, .mode = (icr & LVT_MODE) >> LVT_MODE_SHIFT};
    unsigned taken = 0;
    for (unsigned n = 0; n < 128; n++) {
        if (!(bits[n / 64] >> n % 64 & 1))
            continue;
        msg.dest = first + n;
        taken += apic_bus_deliver(l->bus, &msg, NULL);
    }
    return taken;
}

void lapic_kick(void *opaque, uint32_t id) {
    struct ApicMessage msg = {.dest = id};
    for (struct Lapic *l = ((struct Lapic *)opaque)->bus->lapics; l != NULL; l = l->next)
        if (lapic_matches(l, &msg) && l->ops->kick != NULL)
            l->ops->kick(l->opaque);
}
