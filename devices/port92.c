/* SPDX-License-Identifier: MIT */
/* System control port A (IBM PS/2 Hardware Interface Technical Reference; Intel 82371AB data sheet, section 4.2.5). */
#include "devices/port92.h"

#include <string.h>

enum { FAST_RESET = 0x01, FAST_A20 = 0x02 };

static uint64_t port92_read(void *opaque, uint64_t offset, unsigned size) {
    struct Port92 *p = opaque;

    (void)offset, (void)size;
    return p->state.value;
}

static void port92_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Port92 *p = opaque;
    uint8_t changed = value ^ p->state.value;

    (void)offset, (void)size;
    p->state.value = value & (FAST_RESET | FAST_A20);
    if (p->set_a20 != NULL)
        p->set_a20(p->opaque, value & FAST_A20);
    if ((changed & value & FAST_RESET) && p->reset != NULL)
        p->reset(p->opaque);
}

static const struct IoOps port92_ops = {.read = port92_read, .write = port92_write, .min_size = 1, .max_size = 1};

void port92_a20_changed(struct Port92 *p, bool enabled) {
    p->state.value = (p->state.value & ~FAST_A20) | (enabled ? FAST_A20 : 0);
}

void port92_reset(struct Port92 *p) { p->state.value = FAST_A20; }

void port92_init(struct Port92 *p, void (*set_a20)(void *opaque, bool enabled), void (*reset)(void *opaque),
                 void *opaque) {
    memset(p, 0, sizeof(*p));
    p->set_a20 = set_a20;
    p->reset = reset;
    p->opaque = opaque;
    port92_reset(p);
}

int port92_map(struct Port92 *p, struct Bus *bus, uint16_t base) {
    return bus_map_ports(bus, base, 1, "port92", &port92_ops, p);
}

/* ---- saved state ---- */

const struct StateTable port92_state_table = {
    .name = "port92",
    .size = sizeof(struct Port92State),
    .version = 1,
    .field = (const struct StateField[]){STATE_FIELD(Port92State, value), {0}},
};

void port92_restored(struct Port92 *p) {
    if (p->set_a20 != NULL)
        p->set_a20(p->opaque, p->state.value & FAST_A20);
}
