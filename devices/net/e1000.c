/* SPDX-License-Identifier: MIT */
/* The whole: PCI function, resets, link. */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { MEMORY_BAR = 0, IO_BAR = 2, MEMORY_SIZE = 0x20000, IO_SIZE = 8 }; /* 4.1; there is no flash for BAR 1 */
enum { MIN_GRANT = 0x3e };

static void link_changed(void *opaque, bool up) {
    struct E1000 *e = opaque;
    bool before = e1000_link_up(e);
    e->state.link = up;
    e1000_phy_link(e);
    if (e1000_link_up(e) != before)
        e1000_cause(e, CAUSE_LSC);
    e1000_room_changed(e);
    e1000_transmit(e);
}

static void output_ready(void *opaque) { e1000_transmit(opaque); }

const struct NetOps e1000_net_ops = {
    .can_take = e1000_can_take,
    .take = e1000_take,
    .ready = output_ready,
    .link_changed = link_changed,
};

void e1000_continue(struct E1000 *e) { e1000_transmit(e); }

/* It may be a bus master now, or none any more. */
static void config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    struct E1000 *e = dev->opaque;
    (void)size;
    if (offset <= PCI_COMMAND) {
        e1000_room_changed(e);
        e1000_transmit(e);
    }
}

static void init_pci(struct E1000 *e) {
    pci_device_init(&e->pci, &e->state.pci, "e1000", 0x8086, 0x100e, 0x020000, 0x02);
    pci_device_set_subsystem(&e->pci, 0x8086, 0x001e);
    pci_device_set_pin(&e->pci, 1);
    e->pci.initial[MIN_GRANT] = 0xff;
    e->pci.opaque = e;
    e->pci.config_written = config_written;
    region_init_mmio(&e->region, "e1000", MEMORY_SIZE, &e1000_memory_ops, e);
    pci_device_add_bar(&e->pci, MEMORY_BAR, &e->region, 0);
    pci_device_add_io_bar(&e->pci, IO_BAR, IO_SIZE, &e1000_port_ops, e);
}

void e1000_init(struct E1000 *e, struct Clock *clock, const struct E1000Config *config) {
    memset(e, 0, sizeof(*e));
    e->clock = clock;
    e->more = config->more;
    e->opaque = config->opaque;
    e->end = config->end;
    init_pci(e);
    e1000_crc_init(e);
    e1000_eeprom_init(e, config->mac);
    e1000_interrupt_init(e);
    e1000_reset(e);
}

/* ---- resets ---- */

/* Words 0 to 2 are the first receive address (13.5.2). */
void e1000_load_eeprom(struct E1000 *e) {
    const uint16_t *w = e->state.eeprom;
    e->state.receive_address[0] = w[0] | (uint32_t)w[1] << 16;
    e->state.receive_address[1] = w[2] | RAH_AV;
}

/* CTRL.RST: all but the PHY, the EEPROM and PCI's configuration (14.7). */
void e1000_software_reset(struct E1000 *e) {
    struct E1000State *s = &e->state;
    e1000_interrupt_reset(e);
    e1000_registers_reset(e);
    memset(s->receive_address, 0, sizeof(s->receive_address));
    memset(s->multicast, 0, sizeof(s->multicast));
    memset(s->vlan, 0, sizeof(s->vlan));
    memset(s->statistics, 0, sizeof(s->statistics));
    memset(&s->transmit, 0, sizeof(s->transmit));
    s->wire = (struct E1000Microwire){.enabled = s->wire.enabled};
    e1000_load_eeprom(e);
    e1000_room_changed(e);
}

void e1000_reset(struct E1000 *e) {
    e->state.link = net_link_is_up(e->end);
    e->state.io_address = 0;
    e->state.wire.enabled = false;
    e1000_software_reset(e);
    e1000_phy_reset(e);
    net_forget(e->end);
}

/* What the host has of the cable counts, and is no event for who finds it as it was. */
void e1000_restored(struct E1000 *e) {
    net_forget(e->end);
    e1000_interrupt_restored(e);
    if (e->state.link != net_link_is_up(e->end))
        link_changed(e, !e->state.link);
    e->full = true;
    e1000_room_changed(e);
    if (e->more != NULL)
        e->more(e->opaque);
}

/* ---- state ---- */

static const struct StateTable context_table = {
    .name = "context",
    .size = sizeof(struct E1000Context),
    .field =
        (const struct StateField[]){
            STATE_FIELD(E1000Context, ipcss),
            STATE_FIELD(E1000Context, ipcso),
            STATE_FIELD(E1000Context, tucss),
            STATE_FIELD(E1000Context, tucso),
            STATE_FIELD(E1000Context, ipcse),
            STATE_FIELD(E1000Context, tucse),
            STATE_FIELD(E1000Context, payload, .max = 0xfffff),
            STATE_FIELD(E1000Context, mss),
            STATE_FIELD(E1000Context, header),
            STATE_FIELD(E1000Context, command),
            {0},
        },
};

static const struct StateTable transmit_table = {
    .name = "transmit",
    .size = sizeof(struct E1000Transmit),
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(E1000Transmit, context, &context_table),
            STATE_FIELD(E1000Transmit, done, .max = 0xfffff),
            STATE_FIELD(E1000Transmit, length, .max = E1000_FRAME_MOST),
            STATE_FIELD(E1000Transmit, sent),
            STATE_FIELD(E1000Transmit, segments),
            STATE_FIELD(E1000Transmit, tag),
            STATE_FIELD(E1000Transmit, options),
            STATE_FIELD(E1000Transmit, inside),
            STATE_FIELD(E1000Transmit, segmented),
            STATE_FIELD(E1000Transmit, tagged),
            STATE_FIELD(E1000Transmit, bad),
            STATE_PADDING(E1000Transmit, unused),
            STATE_ARRAY(E1000Transmit, header),
            STATE_ARRAY(E1000Transmit, frame),
            {0},
        },
};

static const struct StateTable wire_table = {
    .name = "wire",
    .size = sizeof(struct E1000Microwire),
    .field =
        (const struct StateField[]){
            STATE_FIELD(E1000Microwire, in),
            STATE_FIELD(E1000Microwire, bits, .max = 25),
            STATE_FIELD(E1000Microwire, left, .max = 16),
            STATE_FIELD(E1000Microwire, out),
            STATE_FIELD(E1000Microwire, next),
            STATE_FIELD(E1000Microwire, enabled),
            STATE_FIELD(E1000Microwire, reading),
            STATE_PADDING(E1000Microwire, unused),
            {0},
        },
};

static const char *check(const void *state) {
    const struct E1000State *s = state;
    const int64_t *times[] = {&s->receive_delay, &s->receive_absolute, &s->transmit_delay, &s->transmit_absolute};
    for (unsigned i = 0; i < 4; i++)
        if (*times[i] < 0)
            return "an interrupt is due before the beginning of time";
    const struct E1000Transmit *t = &s->transmit;
    if (t->inside && t->segmented && !t->bad && t->length > e1000_segment_limit(t))
        return "a segment is longer than its context allows";
    if (t->inside && t->segmented && !t->bad && e1000_segment_limit(t) == 0)
        return "a segmentation has no context";
    if (t->segments > 0 && t->segmented && t->length < t->context[1].header)
        return "a segment has less than its header";
    return NULL;
}

const struct StateTable e1000_state_table = {
    .name = "e1000",
    .size = sizeof(struct E1000State),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(E1000State, pci, &pci_device_state_table),
            STATE_ARRAY(E1000State, reg),
            STATE_FIELD(E1000State, io_address, .max = 0xfffff),
            STATE_ARRAY(E1000State, receive_address),
            STATE_ARRAY(E1000State, multicast),
            STATE_ARRAY(E1000State, vlan),
            STATE_ARRAY(E1000State, statistics),
            STATE_ARRAY(E1000State, phy),
            STATE_ARRAY(E1000State, eeprom),
            STATE_WITHIN(E1000State, wire, &wire_table),
            STATE_PADDING(E1000State, unused_2),
            STATE_FIELD(E1000State, last_interrupt),
            STATE_FIELD(E1000State, receive_delay),
            STATE_FIELD(E1000State, receive_absolute),
            STATE_FIELD(E1000State, transmit_delay),
            STATE_FIELD(E1000State, transmit_absolute),
            STATE_FIELD(E1000State, asserted),
            STATE_FIELD(E1000State, link),
            STATE_PADDING(E1000State, unused),
            STATE_WITHIN(E1000State, transmit, &transmit_table),
            {0},
        },
};
