/* SPDX-License-Identifier: MIT */
/*
 * Receiving (3.2): frames that pass the filters go into as many buffers of the ring as it takes, and each descriptor
 * tells of its part. While the guest has given no buffers, frames wait at their sender's.
 */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { RXS_DD = 1, RXS_EOP = 2, RXS_VP = 8, RXS_PIF = 0x80 };
enum { USUAL_WITH_FCS = 1522 }; /* with a VLAN tag; without RCTL.LPE the most (13.7.15) */

static size_t buffer_size(const struct E1000 *e) {
    static const uint16_t sizes[] = {2048, 1024, 512, 256};
    uint32_t rctl = e->state.reg[E1000_RCTL];
    size_t size = sizes[rctl >> RCTL_BSIZE & 3];
    return rctl & RCTL_BSEX && size != 2048 ? size * 16 : size; /* 00b with BSEX is reserved */
}

static bool receives(const struct E1000 *e) {
    return e->state.reg[E1000_RCTL] & RCTL_EN && e1000_link_up(e) && pci_is_master(&e->pci);
}

static struct E1000Ring ring_of(const struct E1000 *e) { return e1000_ring(e->state.reg, E1000_RDBAL); }

/* For a frame of so many bytes, FCS included. In a ring that never has it, the frame would wait for ever. */
static bool has_room(struct E1000 *e, size_t bytes) {
    struct E1000Ring r = ring_of(e);
    size_t size = buffer_size(e);
    if (!e1000_ring_good(&r) || (r.count - 1) * size < bytes)
        return true;
    e->full = e1000_ring_left(&r) * size < bytes;
    return !e->full;
}

/* Where frames are not wanted they need not wait. */
bool e1000_can_take(void *opaque) {
    struct E1000 *e = opaque;
    return !receives(e) || has_room(e, USUAL_WITH_FCS);
}

void e1000_room_changed(struct E1000 *e) {
    if (e->full) {
        e->full = false; /* what is still too large is refused again */
        net_ready(e->end);
    }
}

/* ---- one frame ---- */

struct Received {
    const uint8_t *data; /* all that goes to memory, FCS included if the guest wants it */
    size_t bytes;
    uint16_t checksum, tag, checks; /* checks: as e1000_verify */
    uint8_t status;
};

/* The minimum of 13.4.22, RDMTS: it is told of when the ring has come down to it. */
static bool is_low(const struct E1000 *e, const struct E1000Ring *before, uint32_t used) {
    unsigned shift = e->state.reg[E1000_RCTL] >> RCTL_RDMTS & 3;
    uint32_t least = before->count >> (shift + 1), left = e1000_ring_left(before);
    return left > least && left - used <= least;
}

static void write_descriptor(struct E1000 *e, uint64_t at, const struct Received *f, size_t length, bool last) {
    uint8_t d[8];
    put_le16(d, (uint16_t)length);
    put_le16(d + 2, f->checksum);
    put_le16(d + 4, (last ? f->status | RXS_EOP | f->checks : 0) | RXS_DD);
    put_le16(d + 6, last ? f->tag : 0);
    pci_dma_write(&e->pci, at + 8, d, sizeof(d));
}

static void store(struct E1000 *e, const struct E1000Ring *r, const struct Received *f) {
    size_t size = buffer_size(e);
    uint32_t head = r->head;
    for (size_t at = 0, take; at < f->bytes; at += take, head = head + 1 == r->count ? 0 : head + 1) {
        uint8_t address[8];
        uint64_t descriptor = r->base + (uint64_t)head * DESCRIPTOR;
        take = f->bytes - at < size ? f->bytes - at : size;
        pci_dma_read(&e->pci, descriptor, address, sizeof(address));
        if (get_le64(address) != 0) /* 3.2.3: one without a buffer takes part, and no data */
            pci_dma_write(&e->pci, get_le64(address), f->data + at, take);
        write_descriptor(e, descriptor, f, take, at + take == f->bytes);
    }
    e->state.reg[E1000_RDH] = head;
}

static bool is_tagged(const struct E1000 *e, const uint8_t *frame, size_t n) {
    return n >= ETHERNET_HEADER + VLAN_TAG && get_be16(frame + 12) == e->state.reg[E1000_VET];
}

/* Length and filters. */
static bool is_wanted(struct E1000 *e, const uint8_t *frame, size_t n, uint8_t *status) {
    size_t most = e->state.reg[E1000_RCTL] & RCTL_LPE ? E1000_FRAME - FCS : USUAL_WITH_FCS - FCS;
    e1000_count(e, STAT_TPR, 1);
    e1000_count(e, STAT_TOR, n + FCS);
    enum E1000Match match = e1000_filter(e, frame, n);
    if (match == E1000_REFUSED)
        return false;
    if (n > most) {
        e1000_count(e, STAT_ROC, 1);
        e1000_count(e, STAT_RLEC, 1);
        return false;
    }
    *status = match == E1000_INEXACT ? RXS_PIF : 0;
    return true;
}

/* What goes to memory, of `n` bytes in e->received, where there is room for their FCS. */
static void prepare(struct E1000 *e, size_t n, struct Received *f, bool checked) {
    uint8_t *frame = e->received;
    bool fcs = !(e->state.reg[E1000_RCTL] & RCTL_SECRC);
    if (fcs)
        put_le32(frame + n, e1000_crc(e, frame, n));
    f->data = frame;
    if (e->state.reg[E1000_CTRL] & CTRL_VME && is_tagged(e, frame, n)) { /* 9.2.2: the addresses move on to the type */
        f->tag = get_be16(frame + ETHERNET_HEADER);
        f->status |= RXS_VP;
        memmove(frame + VLAN_TAG, frame, 12);
        f->data += VLAN_TAG;
        n -= VLAN_TAG;
    }
    f->bytes = n + (fcs ? FCS : 0);
    size_t start = e->state.reg[E1000_RXCSUM] & RXCSUM_PCSS;
    f->checks = e1000_verify(e, f->data, n, checked);
    f->checksum = start < f->bytes ? e1000_sum(f->data + start, f->bytes - start, 0) : 0;
}

static void deliver(struct E1000 *e, size_t n, uint8_t status, bool checked) {
    struct Received f = {.status = status};
    struct E1000Ring r = ring_of(e);
    size_t size = buffer_size(e);
    prepare(e, n, &f, checked);
    uint32_t needed = (uint32_t)((f.bytes + size - 1) / size);
    if (!e1000_ring_good(&r) || needed > e1000_ring_left(&r)) {
        e1000_count(e, STAT_RNBC, 1);
        e1000_count(e, STAT_MPC, 1);
        e1000_cause(e, CAUSE_RXO);
        e->end->lost++;
        return;
    }
    e1000_count_received(e, f.data, n);
    bool low = is_low(e, &r, needed);
    store(e, &r, &f);
    if (low)
        e1000_cause(e, CAUSE_RXDMT0);
    e1000_received_one(e, f.bytes);
}

/* What is shorter than a frame on a wire is padded, as whoever would send it there does. */
static void pad_and_deliver(struct E1000 *e, size_t n, uint8_t status, bool checked) {
    if (n < ETHERNET_LEAST) {
        memset(e->received + n, 0, ETHERNET_LEAST - n);
        n = ETHERNET_LEAST;
    }
    deliver(e, n, status, checked);
}

void e1000_receive(struct E1000 *e, const uint8_t *frame, size_t n, bool checked) {
    uint8_t status;
    if (!receives(e) || n < ETHERNET_HEADER || !is_wanted(e, frame, n, &status))
        return;
    memcpy(e->received, frame, n);
    pad_and_deliver(e, n, status, checked);
}

bool e1000_take(void *opaque, const struct NetPacket *p) {
    struct E1000 *e = opaque;
    uint8_t status;
    if (!receives(e) || p->bytes < ETHERNET_HEADER)
        return true;
    if (!has_room(e, p->bytes + FCS))
        return false;
    net_copy(p, 0, e->received, p->bytes < E1000_FRAME - FCS ? p->bytes : E1000_FRAME - FCS);
    if (is_wanted(e, e->received, p->bytes, &status))
        pad_and_deliver(e, p->bytes, status, p->offload.checked);
    return true;
}
