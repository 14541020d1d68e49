/* SPDX-License-Identifier: MIT */
/*
 * The PHY behind MDIC: registers of IEEE 802.3 and some of its own (chapter 11, 13.4.7 and the tables there). Its
 * partner does 1000BASE-T with full duplex, and negotiating takes no time.
 */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { PHY_ADDRESS = 1, PHY_REGISTERS = 32 };
enum { MDIC_ADDRESS = 16, MDIC_PHY = 21, MDIC_WRITE = 1 << 26, MDIC_READ = 2 << 26, MDIC_READY = 1 << 28 };
enum { MDIC_INTERRUPT = 1 << 29, MDIC_ERROR = 1 << 30 };
enum { CONTROL_RESET = 1 << 15, CONTROL_RESTART = 1 << 9, CONTROL_NEGOTIATE = 1 << 12 };
enum { STATUS_LINK = 1 << 2, STATUS_COMPLETE = 1 << 5 };

/* What a register has after a reset, what of it can be written, and what it has more while the link is up. */
static const struct {
    uint16_t initial, writable, up;
} phy_register[PHY_REGISTERS] = {
    [PHY_CONTROL] = {0x1140, 0x7dc0, 0},                       /* 1000 Mb/s, negotiating, full duplex */
    [PHY_STATUS] = {0x7949, 0, STATUS_LINK | STATUS_COMPLETE}, /* all of 10 and 100, extended status */
    [2] = {0x0141, 0, 0},                                      /* Marvell */
    [3] = {0x0c20, 0, 0},
    [4] = {0x01e1 | 0x0c00, 0xffff, 0}, /* advertises all, and PAUSE */
    [PHY_PARTNER] = {0, 0, 0x41e1},     /* so does the partner */
    [PHY_EXPANSION] = {0x0004, 0, 0x0001},
    [7] = {0x2001, 0xffff, 0},
    [9] = {0x0e00, 0xff00, 0},
    [PHY_1000_STATUS] = {0, 0, 0x3c00}, /* both receivers are well, and the partner does 1000 with both duplexes */
    [15] = {0x3000, 0, 0},
    [16] = {0x0068, 0xffff, 0},
    [PHY_SPECIFIC_STATUS] = {0, 0, 0xac00}, /* 1000 Mb/s, full duplex, resolved, link */
    [18] = {0, 0xffff, 0},
    [20] = {0x0d60, 0xffff, 0},
    [29] = {0, 0xffff, 0},
    [30] = {0, 0xffff, 0},
};

void e1000_phy_link(struct E1000 *e) {
    for (unsigned i = 0; i < PHY_REGISTERS; i++)
        e->state.phy[i] = e->state.link ? e->state.phy[i] | phy_register[i].up : e->state.phy[i] & ~phy_register[i].up;
    if (!(e->state.phy[PHY_CONTROL] & CONTROL_NEGOTIATE))
        e->state.phy[PHY_STATUS] &= ~STATUS_COMPLETE;
}

void e1000_phy_reset(struct E1000 *e) {
    for (unsigned i = 0; i < PHY_REGISTERS; i++)
        e->state.phy[i] = phy_register[i].initial;
    e1000_phy_link(e);
}

static void write_register(struct E1000 *e, unsigned address, uint16_t value) {
    uint16_t *r = &e->state.phy[address], writable = phy_register[address].writable;
    if (address == PHY_CONTROL && value & CONTROL_RESET) {
        e1000_phy_reset(e);
    } else {
        *r = (*r & ~writable) | (value & writable);
        e1000_phy_link(e);
    }
    /* The link went, and is there again. */
    if (address == PHY_CONTROL && value & (CONTROL_RESET | CONTROL_RESTART) && e1000_link_up(e))
        e1000_cause(e, CAUSE_LSC);
}

void e1000_write_mdic(struct E1000 *e, uint32_t value) {
    unsigned address = value >> MDIC_ADDRESS & 31, phy = value >> MDIC_PHY & 31;
    uint32_t result = value & ~(uint32_t)(MDIC_READY | MDIC_ERROR);
    if (phy != PHY_ADDRESS)
        result |= MDIC_ERROR;
    else if (value & MDIC_WRITE)
        write_register(e, address, (uint16_t)value);
    else if (value & MDIC_READ)
        result = (result & ~0xffffu) | e->state.phy[address];
    e->state.reg[E1000_MDIC] = result | MDIC_READY;
    if (value & MDIC_INTERRUPT)
        e1000_cause(e, CAUSE_MDAC);
}
