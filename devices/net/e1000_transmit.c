/* SPDX-License-Identifier: MIT */
/*
 * Sending (3.3 to 3.6): descriptors from the ring's head on, a bounded number in a turn, and as long as the other end
 * takes frames. Where it stops within a descriptor (t->done) it goes on later.
 */
#include "devices/net/e1000_internal.h"

#include <string.h>

/* The upper bits of a descriptor's third word: commands (3.3.3.1, 3.3.6, 3.3.7.1). */
enum {
    CMD_EOP = 1,
    CMD_IFCS = 2,
    CMD_IC = 4,
    CMD_TSE = 4,
    CMD_RS = 8,
    CMD_DEXT = 0x20,
    CMD_VLE = 0x40,
    CMD_IDE = 0x80
};
enum { TYPE_CONTEXT = 0, TYPE_DATA = 1 };
enum { TXS_DD = 1 };
enum { SUM_CONTEXT, SEGMENT_CONTEXT };

struct Descriptor {
    uint64_t at, address;
    uint32_t length;
    uint8_t raw[DESCRIPTOR], command, type; /* type: of an extended one */
    bool legacy;
};

struct Turn {
    unsigned frames, descriptors;
    size_t bytes;
};

/* ---- frames ---- */

uint32_t e1000_segment_limit(const struct E1000Transmit *t) {
    const struct E1000Context *c = &t->context[SEGMENT_CONTEXT];
    return c->mss == 0 || c->header < ETHERNET_HEADER || (uint32_t)c->header + c->mss > E1000_FRAME_MOST
               ? 0
               : (uint32_t)c->header + c->mss;
}

static void insert_tag(struct E1000 *e) {
    struct E1000Transmit *t = &e->state.transmit;
    memmove(t->frame + 12 + VLAN_TAG, t->frame + 12, t->length - 12);
    put_be16(t->frame + 12, (uint16_t)e->state.reg[E1000_VET]);
    put_be16(t->frame + 14, t->tag);
    t->length += VLAN_TAG;
}

static bool loops_back(const struct E1000 *e) {
    return e->state.phy[PHY_CONTROL] & PHY_CONTROL_LOOPBACK ||
           (e->state.reg[E1000_RCTL] & RCTL_LBM) == RCTL_LBM; /* 11b: in the transceiver */
}

/* t->frame, as it is, onto the wire. */
static void put_on_wire(struct E1000 *e) {
    struct E1000Transmit *t = &e->state.transmit;
    if (t->tagged && t->length >= ETHERNET_HEADER)
        insert_tag(e);
    if (e->state.reg[E1000_TCTL] & TCTL_PSP && t->length < ETHERNET_LEAST) {
        memset(t->frame + t->length, 0, ETHERNET_LEAST - t->length);
        t->length = ETHERNET_LEAST;
    }
    if (t->length < ETHERNET_HEADER) {
        device_error(e->log, "e1000", "sends what is no frame, bytes", t->length);
        return;
    }
    e1000_count_sent(e, t->frame, t->length);
    if (loops_back(e))
        e1000_receive(e, t->frame, t->length, false);
    else if (e1000_link_up(e))
        net_send_frame(e->end, t->frame, t->length);
}

/* The guest has made the FCS itself: the other end would look at it, and so does this one. */
static bool strip_fcs(struct E1000 *e) {
    struct E1000Transmit *t = &e->state.transmit;
    if (t->length > FCS && e1000_crc(e, t->frame, t->length - FCS) == get_le32(t->frame + t->length - FCS)) {
        t->length -= FCS;
        return true;
    }
    device_error(e->log, "e1000", "sends a frame with a wrong FCS and without IFCS, bytes", t->length);
    return false;
}

static void send_frame(struct E1000 *e, const struct Descriptor *d) {
    struct E1000Transmit *t = &e->state.transmit;
    if (d->legacy && d->command & CMD_IC) {
        unsigned offset = d->raw[10], start = d->raw[13];
        if (start < t->length && offset + 1 < t->length)
            put_be16(t->frame + offset, ~e1000_sum(t->frame + start, t->length - start, 0));
    } else if (!d->legacy) {
        e1000_insert_checksums(t, &t->context[SUM_CONTEXT], 0);
    }
    t->tagged = d->command & CMD_VLE && e->state.reg[E1000_CTRL] & CTRL_VME;
    t->tag = get_le16(d->raw + 14);
    if (d->command & CMD_IFCS || strip_fcs(e))
        put_on_wire(e);
}

/* The header is kept apart as it came, for the next one. */
static void send_segment(struct E1000 *e, bool last) {
    struct E1000Transmit *t = &e->state.transmit;
    const struct E1000Context *c = &t->context[SEGMENT_CONTEXT];
    uint32_t payload = t->length - c->header;
    if (t->segments == 0)
        memcpy(t->header, t->frame, c->header);
    e1000_update_header(t, c, last || t->sent + payload >= c->payload);
    e1000_insert_checksums(t, c, t->length - c->tucss);
    put_on_wire(e);
    memcpy(t->frame, t->header, c->header);
    t->length = c->header;
    t->sent += payload;
    t->segments++;
}

/* ---- descriptors with data ---- */

static void begin(struct E1000 *e, const struct Descriptor *d) {
    struct E1000Transmit *t = &e->state.transmit;
    t->inside = true;
    t->length = t->sent = t->segments = 0;
    t->segmented = !d->legacy && d->command & CMD_TSE;
    t->options = d->legacy ? 0 : d->raw[13];
    t->bad = t->segmented && e1000_segment_limit(t) == 0;
    t->tagged = t->segmented && d->command & CMD_VLE && e->state.reg[E1000_CTRL] & CTRL_VME;
    t->tag = get_le16(d->raw + 14);
    if (t->bad)
        device_error(e->log, "e1000", "segmentation without a context that can be, MSS",
                     t->context[SEGMENT_CONTEXT].mss);
}

static void end(struct E1000 *e) {
    struct E1000Transmit *t = &e->state.transmit;
    if (t->segmented)
        e1000_count(e, t->bad ? STAT_TSCTFC : STAT_TSCTC, 1);
    t->inside = t->segmented = t->bad = t->tagged = false;
    t->length = 0;
}

/* Bytes that fit, into the frame. */
static void fill(struct E1000 *e, const struct Descriptor *d, uint32_t limit, struct Turn *turn) {
    struct E1000Transmit *t = &e->state.transmit;
    uint32_t left = d->length - t->done, room = limit - t->length, take = left < room ? left : room;
    if (t->bad) {
        t->done = d->length;
        return;
    }
    if (take > 0 && d->address != 0) /* 3.3.3.1, note 3 */
        pci_dma_read(&e->pci, d->address + t->done, t->frame + t->length, take);
    else if (d->address == 0)
        take = 0, t->done = d->length;
    t->length += take;
    t->done += take;
    turn->bytes += take;
    if (!t->segmented && t->done < d->length) { /* more than any frame has */
        device_error(e->log, "e1000", "sends a frame that is too long, bytes of the buffer", d->length);
        t->bad = true;
        t->done = d->length;
    }
}

static bool has_turn(struct E1000 *e, const struct Turn *turn) {
    return turn->frames < E1000_TURN_FRAMES && turn->bytes < E1000_TURN_BYTES && net_can_send(e->end);
}

/* False: it goes on within this descriptor later. */
static bool take_data(struct E1000 *e, const struct Descriptor *d, struct Turn *turn) {
    struct E1000Transmit *t = &e->state.transmit;
    if (!t->inside)
        begin(e, d);
    uint32_t limit = t->segmented && !t->bad ? e1000_segment_limit(t) : E1000_FRAME_MOST;
    for (;;) {
        fill(e, d, limit, turn);
        bool all = t->done == d->length, last = all && d->command & CMD_EOP;
        bool whole = last || (t->segmented && !t->bad && t->length == limit);
        if (!whole)
            return true;
        uint32_t header = t->context[SEGMENT_CONTEXT].header;
        bool empty = t->segmented && (t->length < header || (t->length == header && t->segments > 0));
        if (!t->bad && !empty) {
            if (!has_turn(e, turn))
                return false;
            turn->frames++;
            t->segmented ? send_segment(e, last) : send_frame(e, d);
        }
        t->bad = t->bad || (t->segmented && t->length < header);
        if (last)
            end(e);
        if (all)
            return true;
    }
}

/* ---- the ring ---- */

static void set_context(struct E1000 *e, const struct Descriptor *d) {
    struct E1000Transmit *t = &e->state.transmit;
    const uint8_t *r = d->raw;
    if (t->inside) { /* 3.3.5: not within a packet */
        device_error(e->log, "e1000", "a context descriptor within a packet, at", d->at);
        t->bad = true;
        end(e);
    }
    t->context[d->command & CMD_TSE ? SEGMENT_CONTEXT : SUM_CONTEXT] = (struct E1000Context){
        .ipcss = r[0],
        .ipcso = r[1],
        .ipcse = get_le16(r + 2),
        .tucss = r[4],
        .tucso = r[5],
        .tucse = get_le16(r + 6),
        .payload = get_le32(r + 8) & 0xfffff,
        .command = d->command,
        .header = r[13],
        .mss = get_le16(r + 14),
    };
}

static void read_descriptor(struct E1000 *e, uint64_t at, struct Descriptor *d) {
    pci_dma_read(&e->pci, at, d->raw, sizeof(d->raw));
    d->at = at;
    d->address = get_le64(d->raw);
    d->command = d->raw[11];
    d->legacy = !(d->command & CMD_DEXT);
    d->length = d->legacy ? get_le16(d->raw + 8) : get_le32(d->raw + 8) & 0xfffff;
    d->type = d->raw[10] >> 4;
}

static void write_back(struct E1000 *e, const struct Descriptor *d) {
    if (!(d->command & CMD_RS))
        return;
    uint8_t status = (d->raw[12] & 0xf0) | TXS_DD;
    pci_dma_write(&e->pci, d->at + 12, &status, sizeof(status));
    e1000_transmitted_one(e, d->command & CMD_IDE);
}

/* 13.4.41: TXDCTL.LWTHRESH is in units of eight descriptors; it is told of when the ring comes down to it. */
static void tell_of_ring(struct E1000 *e, const struct E1000Ring *r) {
    uint32_t low = (e->state.reg[E1000_TXDCTL] >> 25) * 8, left = e1000_ring_left(r);
    if (low != 0 && left == low - 1)
        e1000_cause(e, CAUSE_TXD_LOW);
    if (left == 0)
        e1000_cause(e, CAUSE_TXQE);
}

/* The descriptor at the head. False: it is not done yet. */
static bool step(struct E1000 *e, struct E1000Ring *r, struct Turn *turn) {
    struct Descriptor d;
    read_descriptor(e, r->base + (uint64_t)r->head * DESCRIPTOR, &d);
    if (e->state.transmit.done > d.length)
        e->state.transmit.done = d.length; /* it has changed meanwhile */
    if (d.legacy || d.type == TYPE_DATA) {
        if (!take_data(e, &d, turn))
            return false;
    } else if (d.type == TYPE_CONTEXT) {
        set_context(e, &d);
    } else {
        device_error(e->log, "e1000", "no such type of transmit descriptor", d.type);
    }
    e->state.transmit.done = 0;
    r->head = r->head + 1 == r->count ? 0 : r->head + 1;
    e->state.reg[E1000_TDH] = r->head;
    write_back(e, &d);
    tell_of_ring(e, r);
    return true;
}

static bool sends(const struct E1000 *e) { return e->state.reg[E1000_TCTL] & TCTL_EN && pci_is_master(&e->pci); }

void e1000_transmit(struct E1000 *e) {
    struct Turn turn = {0};
    struct E1000Ring r = e1000_ring(e->state.reg, E1000_TDBAL);
    if (e->sending || !sends(e) || r.head == r.tail)
        return;
    if (!e1000_ring_good(&r)) {
        device_error(e->log, "e1000", "the transmit ring's head or tail is not within it, tail", r.tail);
        return;
    }
    e->sending = true;
    bool on = true;
    while (on && r.head != r.tail && turn.descriptors++ < E1000_TURN_DESCRIPTORS && turn.bytes < E1000_TURN_BYTES)
        on = step(e, &r, &turn);
    e->sending = false;
    net_sent(e->end);
    /* Else output_ready comes. */
    if (r.head != r.tail && net_can_send(e->end) && e->more != NULL)
        e->more(e->opaque);
}
