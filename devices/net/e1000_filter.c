/* SPDX-License-Identifier: MIT */
/* Which frames are received: addresses (3.2.1) and VLANs (9.3). */
#include "devices/net/e1000_internal.h"

#include <string.h>

static bool is_station(const struct E1000 *e, const uint8_t *address) {
    const uint32_t *r = e->state.receive_address;
    uint32_t low = get_le32(address), high = get_le16(address + 4);
    for (unsigned i = 0; i < 32; i += 2)
        if (r[i] == low && (r[i + 1] & (RAH_AV | 0x3ffff)) == (RAH_AV | high)) /* AS = 0: the destination */
            return true;
    return false;
}

/* RCTL.MO chooses which 12 bits of the address are the index (13.4.22, 13.5.1). */
static bool in_multicast_table(const struct E1000 *e, const uint8_t *address) {
    static const uint8_t shifts[4] = {4, 3, 2, 0};
    unsigned shift = shifts[e->state.reg[E1000_RCTL] >> RCTL_MO & 3];
    unsigned index = get_le16(address + 4) >> shift & 0xfff;
    return e->state.multicast[index / 32] >> index % 32 & 1;
}

static enum E1000Match match_address(const struct E1000 *e, const uint8_t *address) {
    uint32_t rctl = e->state.reg[E1000_RCTL];
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (is_station(e, address))
        return E1000_EXACT;
    if (rctl & RCTL_BAM && memcmp(address, broadcast, sizeof(broadcast)) == 0)
        return E1000_EXACT;
    if (!(address[0] & 1))
        return rctl & RCTL_UPE ? E1000_INEXACT : E1000_REFUSED;
    return rctl & RCTL_MPE || in_multicast_table(e, address) ? E1000_INEXACT : E1000_REFUSED;
}

static bool passes_vlan(const struct E1000 *e, const uint8_t *frame, size_t n) {
    uint32_t rctl = e->state.reg[E1000_RCTL];
    if (!(rctl & RCTL_VFE) || n < ETHERNET_HEADER + VLAN_TAG ||
        get_be16(frame + 12) != (e->state.reg[E1000_VET] & 0xffff))
        return true;
    uint16_t tag = get_be16(frame + ETHERNET_HEADER);
    if (rctl & RCTL_CFIEN && (tag >> 12 & 1) != ((rctl & RCTL_CFI) != 0))
        return false;
    return e->state.vlan[tag >> 5 & 0x7f] >> (tag & 31) & 1;
}

enum E1000Match e1000_filter(const struct E1000 *e, const uint8_t *frame, size_t n) {
    return passes_vlan(e, frame, n) ? match_address(e, frame) : E1000_REFUSED;
}
