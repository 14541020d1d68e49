/* SPDX-License-Identifier: MIT */
/*
 * The registers (chapter 13): where each is, what a write changes, what it is after a reset, and what else happens.
 * They are double words, at the same places through memory and, one at a time, through the I/O BAR (13.2.2).
 */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { MEMORY = 0x20000, PLAIN_END = 0x6000 };
enum { RA = 0x5400, MTA = 0x5200, VFTA = 0x5600, STATISTICS = 0x4000 };

/* The 82542 had some of them elsewhere; its places still work (table 13-2). */
static const uint8_t register_at[PLAIN_END / 4] = {
    [0x0000 / 4] = E1000_CTRL,   [0x0004 / 4] = E1000_CTRL,   [0x0008 / 4] = E1000_STATUS,
    [0x0010 / 4] = E1000_EECD,   [0x0014 / 4] = E1000_EERD,   [0x0018 / 4] = E1000_CTRL_EXT,
    [0x001c / 4] = E1000_FLA,    [0x0020 / 4] = E1000_MDIC,   [0x0028 / 4] = E1000_FCAL,
    [0x002c / 4] = E1000_FCAH,   [0x0030 / 4] = E1000_FCT,    [0x0038 / 4] = E1000_VET,
    [0x00c0 / 4] = E1000_ICR,    [0x00c4 / 4] = E1000_ITR,    [0x00c8 / 4] = E1000_ICS,
    [0x00d0 / 4] = E1000_IMS,    [0x00d8 / 4] = E1000_IMC,    [0x0100 / 4] = E1000_RCTL,
    [0x0108 / 4] = E1000_RDTR,   [0x0110 / 4] = E1000_RDBAL,  [0x0114 / 4] = E1000_RDBAH,
    [0x0118 / 4] = E1000_RDLEN,  [0x0120 / 4] = E1000_RDH,    [0x0128 / 4] = E1000_RDT,
    [0x0160 / 4] = E1000_FCRTH,  [0x0168 / 4] = E1000_FCRTL,  [0x0170 / 4] = E1000_FCTTV,
    [0x0178 / 4] = E1000_TXCW,   [0x0180 / 4] = E1000_RXCW,   [0x0400 / 4] = E1000_TCTL,
    [0x0410 / 4] = E1000_TIPG,   [0x0420 / 4] = E1000_TDBAL,  [0x0424 / 4] = E1000_TDBAH,
    [0x0428 / 4] = E1000_TDLEN,  [0x0430 / 4] = E1000_TDH,    [0x0438 / 4] = E1000_TDT,
    [0x0440 / 4] = E1000_TIDV,   [0x0458 / 4] = E1000_AIT,    [0x0e00 / 4] = E1000_LEDCTL,
    [0x1000 / 4] = E1000_PBA,    [0x2160 / 4] = E1000_FCRTL,  [0x2168 / 4] = E1000_FCRTH,
    [0x2800 / 4] = E1000_RDBAL,  [0x2804 / 4] = E1000_RDBAH,  [0x2808 / 4] = E1000_RDLEN,
    [0x2810 / 4] = E1000_RDH,    [0x2818 / 4] = E1000_RDT,    [0x2820 / 4] = E1000_RDTR,
    [0x2828 / 4] = E1000_RXDCTL, [0x282c / 4] = E1000_RADV,   [0x2c00 / 4] = E1000_RSRPD,
    [0x3000 / 4] = E1000_TXDMAC, [0x3800 / 4] = E1000_TDBAL,  [0x3804 / 4] = E1000_TDBAH,
    [0x3808 / 4] = E1000_TDLEN,  [0x3810 / 4] = E1000_TDH,    [0x3818 / 4] = E1000_TDT,
    [0x3820 / 4] = E1000_TIDV,   [0x3828 / 4] = E1000_TXDCTL, [0x382c / 4] = E1000_TADV,
    [0x3830 / 4] = E1000_TSPMT,  [0x5000 / 4] = E1000_RXCSUM, [0x5800 / 4] = E1000_WUC,
    [0x5808 / 4] = E1000_WUFC,   [0x5810 / 4] = E1000_WUS,    [0x5820 / 4] = E1000_MANC,
};

/* ---- what else happens ---- */

static uint32_t read_status(struct E1000 *e) {
    uint32_t fd = e->state.reg[E1000_CTRL] & CTRL_FD ? STATUS_FD : 0;
    return fd | STATUS_1000 | (e1000_link_up(e) ? STATUS_LU : 0);
}

static uint32_t read_icr(struct E1000 *e) {
    uint32_t causes = e->state.reg[E1000_ICR];
    e->state.reg[E1000_ICR] = 0;
    e1000_update_interrupt(e);
    return causes;
}

static uint32_t read_ims(struct E1000 *e) { return e->state.reg[E1000_IMS]; }

static void write_ctrl(struct E1000 *e, uint32_t value) {
    bool before = e1000_link_up(e);
    if (value & CTRL_RST) {
        e1000_software_reset(e);
        return;
    }
    if (value & ~e->state.reg[E1000_CTRL] & CTRL_PHY_RST)
        e1000_phy_reset(e);
    e->state.reg[E1000_CTRL] = value;
    if (before != e1000_link_up(e))
        e1000_cause(e, CAUSE_LSC);
    e1000_room_changed(e);
}

static void write_ctrl_ext(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_CTRL_EXT] = value & ~(uint32_t)CTRL_EXT_EE_RST;
    if (value & CTRL_EXT_EE_RST)
        e1000_load_eeprom(e);
}

static void write_icr(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_ICR] &= ~value;
    e1000_update_interrupt(e);
}

static void write_itr(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_ITR] = value & 0xffff;
    timer_cancel(&e->throttle);
    e1000_update_interrupt(e);
}

static void write_ics(struct E1000 *e, uint32_t value) { e1000_cause(e, value & CAUSES); }

static void write_ims(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_IMS] |= value & CAUSES;
    e1000_update_interrupt(e);
}

static void write_imc(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_IMS] &= ~value;
    e1000_update_interrupt(e);
}

static void write_rctl(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_RCTL] = value;
    e1000_room_changed(e);
}

static void write_rdt(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_RDT] = value & 0xffff;
    e1000_room_changed(e);
}

static void write_rdtr(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_RDTR] = value & 0xffff;
    if (value & RDTR_FPD)
        e1000_flush_receive(e);
}

static void write_tctl(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_TCTL] = value;
    e1000_transmit(e);
}

static void write_tdt(struct E1000 *e, uint32_t value) {
    e->state.reg[E1000_TDT] = value & 0xffff;
    e1000_transmit(e);
}

/* ---- the registers ---- */

/* `read` and `write` NULL: as the bits say. */
static const struct {
    uint32_t initial, writable;
    uint32_t (*read)(struct E1000 *e);
    void (*write)(struct E1000 *e, uint32_t value);
} registers[E1000_REGISTERS] = {
    [E1000_CTRL] = {.initial = CTRL_FD | CTRL_SPEED_1000, .write = write_ctrl},
    [E1000_STATUS] = {.read = read_status},
    [E1000_EECD] = {.initial = 0x118, .write = e1000_write_eecd}, /* there is one; flash can't be written; DO floats */
    [E1000_EERD] = {.write = e1000_write_eerd},
    [E1000_CTRL_EXT] = {.write = write_ctrl_ext},
    [E1000_FLA] = {0},
    [E1000_MDIC] = {.initial = 1 << 28, .write = e1000_write_mdic}, /* ready */
    [E1000_FCAL] = {.writable = UINT32_MAX},
    [E1000_FCAH] = {.writable = 0xffff},
    [E1000_FCT] = {.writable = 0xffff},
    [E1000_VET] = {.initial = 0x8100, .writable = 0xffff},
    [E1000_ICR] = {.read = read_icr, .write = write_icr},
    [E1000_ITR] = {.write = write_itr},
    [E1000_ICS] = {.write = write_ics},
    [E1000_IMS] = {.read = read_ims, .write = write_ims},
    [E1000_IMC] = {.write = write_imc},
    [E1000_RCTL] = {.write = write_rctl},
    [E1000_FCTTV] = {.writable = 0xffff},
    [E1000_TXCW] = {.writable = UINT32_MAX},
    [E1000_RXCW] = {0},
    [E1000_TCTL] = {.write = write_tctl},
    [E1000_TIPG] = {.initial = 0x00602008, .writable = 0x3fffffff},
    [E1000_AIT] = {.writable = 0xffff},
    [E1000_LEDCTL] = {.initial = 0x07068302, .writable = UINT32_MAX},
    [E1000_PBA] = {.initial = 0x00100030, .writable = 0x7f}, /* KiB to send and to receive */
    [E1000_FCRTL] = {.writable = 0x8000fff8},
    [E1000_FCRTH] = {.writable = 0xfff8},
    [E1000_RDBAL] = {.writable = 0xfffffff0},
    [E1000_RDBAH] = {.writable = UINT32_MAX},
    [E1000_RDLEN] = {.writable = 0xfff80},
    [E1000_RDH] = {.writable = 0xffff},
    [E1000_RDT] = {.write = write_rdt},
    [E1000_RDTR] = {.write = write_rdtr},
    [E1000_RXDCTL] = {.initial = 1 << 16, .writable = 0x013f3f3f},
    [E1000_RADV] = {.writable = 0xffff},
    [E1000_RSRPD] = {.writable = 0xfff},
    [E1000_TXDMAC] = {.writable = 1},
    [E1000_TDBAL] = {.writable = 0xfffffff0},
    [E1000_TDBAH] = {.writable = UINT32_MAX},
    [E1000_TDLEN] = {.writable = 0xfff80},
    [E1000_TDH] = {.writable = 0xffff},
    [E1000_TDT] = {.write = write_tdt},
    [E1000_TIDV] = {.writable = 0xffff},
    [E1000_TXDCTL] = {.writable = 0xff3f3f3f},
    [E1000_TADV] = {.writable = 0xffff},
    [E1000_TSPMT] = {.initial = 0x01000400, .writable = UINT32_MAX},
    [E1000_RXCSUM] = {.writable = 0x7ff},
    [E1000_WUC] = {.writable = 0xf},
    [E1000_WUFC] = {.writable = 0x000f80ff},
    [E1000_WUS] = {0},
    [E1000_MANC] = {.writable = UINT32_MAX},
};

void e1000_registers_reset(struct E1000 *e) {
    for (unsigned i = 0; i < E1000_REGISTERS; i++)
        e->state.reg[i] = registers[i].initial;
}

/* ---- accesses ---- */

/* The word of an array that `offset` lies in, or NULL; the 82542's places first. */
static uint32_t *array_word(struct E1000 *e, uint64_t offset) {
    const struct {
        uint32_t at, old, bytes;
        uint32_t *words;
    } arrays[] = {
        {RA, 0x40, sizeof(e->state.receive_address), e->state.receive_address},
        {MTA, 0x200, sizeof(e->state.multicast), e->state.multicast},
        {VFTA, 0x600, sizeof(e->state.vlan), e->state.vlan},
    };
    for (unsigned i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        if (offset - arrays[i].at < arrays[i].bytes)
            return arrays[i].words + (offset - arrays[i].at) / 4;
        if (offset - arrays[i].old < arrays[i].bytes)
            return arrays[i].words + (offset - arrays[i].old) / 4;
    }
    return NULL;
}

static uint32_t read_register(struct E1000 *e, uint64_t offset) {
    if (offset - STATISTICS < sizeof(e->state.statistics))
        return e1000_read_statistic(e, (unsigned)(offset - STATISTICS) / 4);
    const uint32_t *word = array_word(e, offset);
    if (word != NULL)
        return *word;
    unsigned i = offset < PLAIN_END ? register_at[offset / 4] : E1000_NONE;
    if (i == E1000_NONE)
        device_error(e->log, "e1000", "no register to read at", offset);
    return registers[i].read != NULL ? registers[i].read(e) : e->state.reg[i];
}

static void write_register(struct E1000 *e, uint64_t offset, uint32_t value) {
    if (offset - STATISTICS < sizeof(e->state.statistics))
        return; /* can only be read */
    uint32_t *word = array_word(e, offset);
    if (word != NULL) {
        *word = value;
        return;
    }
    unsigned i = offset < PLAIN_END ? register_at[offset / 4] : E1000_NONE;
    if (i == E1000_NONE)
        device_error(e->log, "e1000", "no register to write at", offset);
    else if (registers[i].write != NULL)
        registers[i].write(e, value);
    else
        e->state.reg[i] = (e->state.reg[i] & ~registers[i].writable) | (value & registers[i].writable);
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    return read_register(opaque, offset);
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)size;
    write_register(opaque, offset, (uint32_t)value);
}

const struct IoOps e1000_memory_ops = {.read = memory_read, .write = memory_write, .min_size = 4, .max_size = 4};

/* IOADDR and IODATA. */
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size) {
    struct E1000 *e = opaque;
    (void)size;
    if (offset == 0)
        return e->state.io_address;
    return e->state.io_address < MEMORY ? read_register(e, e->state.io_address & ~3u) : UINT32_MAX;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct E1000 *e = opaque;
    (void)size;
    if (offset == 0)
        e->state.io_address = (uint32_t)value & 0xfffff;
    else if (e->state.io_address < MEMORY)
        write_register(e, e->state.io_address & ~3u, (uint32_t)value);
}

const struct IoOps e1000_port_ops = {.read = port_read, .write = port_write, .min_size = 4, .max_size = 4};
