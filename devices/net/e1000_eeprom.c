/* SPDX-License-Identifier: MIT */
/*
 * The EEPROM: 64 words, read by EERD (5.3.1, 13.4.4) or through its four wires in EECD (13.4.3), where it is a 93C46:
 * a start bit, two bits of instruction, six of address, then 16 of data, each on the rising edge of the clock.
 */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { EECD_SK = 1, EECD_CS = 2, EECD_DI = 4, EECD_DO = 8, EECD_FWE = 0x30, EECD_REQ = 0x40, EECD_GNT = 0x80 };
enum { EECD_WRITABLE = EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ };
enum { EERD_START = 1, EERD_DONE = 1 << 4 };
enum { OPCODE_OTHER, OPCODE_WRITE, OPCODE_READ, OPCODE_ERASE }; /* of OTHER the upper two bits of the address tell */
enum { OTHER_DISABLE, OTHER_WRITE_ALL, OTHER_ERASE_ALL, OTHER_ENABLE };
enum { HEAD_BITS = 9, DATA_BITS = 16 };
enum { WORD_CONTROL_1 = 0x0a, WORD_CHECKSUM = 0x3f, CHECKSUM = 0xbaba }; /* 5.6.35 */

void e1000_eeprom_init(struct E1000 *e, const uint8_t mac[6]) {
    uint16_t *w = e->state.eeprom, sum = 0;
    memset(w, 0xff, sizeof(e->state.eeprom)); /* what nobody has written (5.6) */
    for (unsigned i = 0; i < 3; i++)
        w[i] = get_le16(mac + 2 * i);
    w[0x03] = 0;
    w[WORD_CONTROL_1] = 0x6403; /* signature 01b, BARs of 32 bits, full duplex, and the words that follow are used */
    w[0x0b] = 0x001e;           /* subsystem: Intel PRO/1000 MT Desktop Adapter */
    w[0x0c] = 0x8086;
    w[0x0d] = 0x100e;
    w[0x0e] = 0x8086;
    w[0x0f] = 0;
    for (unsigned i = 0; i < WORD_CHECKSUM; i++)
        sum += w[i];
    w[WORD_CHECKSUM] = CHECKSUM - sum;
}

void e1000_write_eerd(struct E1000 *e, uint32_t value) {
    unsigned address = value >> 8 & 0xff;
    uint32_t data = e->state.eeprom[address % E1000_WORDS];
    e->state.reg[E1000_EERD] = value & EERD_START ? data << 16 | address << 8 | EERD_DONE : address << 8;
}

/* ---- the wires ---- */

static void set_output(struct E1000 *e, bool bit) {
    uint32_t *eecd = &e->state.reg[E1000_EECD];
    *eecd = bit ? *eecd | EECD_DO : *eecd & ~(uint32_t)EECD_DO;
}

static void write_words(struct E1000 *e, unsigned first, unsigned count, uint16_t value) {
    for (unsigned i = 0; i < count && e->state.wire.enabled; i++)
        e->state.eeprom[first + i] = value;
}

/* All bits of an instruction that has data are there, or it has none. */
static void execute(struct E1000 *e, unsigned opcode, unsigned address, uint16_t data) {
    struct E1000Microwire *w = &e->state.wire;
    unsigned other = address >> 4;
    if (opcode == OPCODE_WRITE)
        write_words(e, address, 1, data);
    else if (opcode == OPCODE_ERASE)
        write_words(e, address, 1, UINT16_MAX);
    else if (opcode == OPCODE_OTHER && other == OTHER_WRITE_ALL)
        write_words(e, 0, E1000_WORDS, data);
    else if (opcode == OPCODE_OTHER && other == OTHER_ERASE_ALL)
        write_words(e, 0, E1000_WORDS, UINT16_MAX);
    else if (opcode == OPCODE_OTHER)
        w->enabled = other == OTHER_ENABLE;
}

static bool takes_data(unsigned opcode, unsigned address) {
    return opcode == OPCODE_WRITE || (opcode == OPCODE_OTHER && address >> 4 == OTHER_WRITE_ALL);
}

/* A bit goes in; reading goes on from word to word as long as it is clocked. */
static void clock_in(struct E1000 *e, bool bit) {
    struct E1000Microwire *w = &e->state.wire;
    if (w->reading) {
        if (w->left == 0) {
            w->out = e->state.eeprom[w->next++ % E1000_WORDS];
            w->left = DATA_BITS;
        }
        set_output(e, w->out >> --w->left & 1);
        return;
    }
    if ((w->bits == 0 && !bit) || w->bits == HEAD_BITS + DATA_BITS)
        return; /* no start bit yet; or all is done */
    w->in = w->in << 1 | bit;
    w->bits++;
    if (w->bits < HEAD_BITS)
        return;
    uint32_t head = w->in >> (w->bits - HEAD_BITS);
    unsigned opcode = head >> 6 & 3, address = head & 0x3f;
    if (w->bits == HEAD_BITS && opcode == OPCODE_READ) {
        w->reading = true;
        w->next = (uint8_t)address;
        set_output(e, false); /* the bit in front of the data */
    } else if (w->bits == (takes_data(opcode, address) ? HEAD_BITS + DATA_BITS : HEAD_BITS)) {
        execute(e, opcode, address, (uint16_t)w->in);
    }
}

static void deselect(struct E1000 *e) {
    bool enabled = e->state.wire.enabled;
    e->state.wire = (struct E1000Microwire){.enabled = enabled};
    set_output(e, true); /* nobody drives it; and an instruction takes no time, so it is ready */
}

void e1000_write_eecd(struct E1000 *e, uint32_t value) {
    uint32_t *eecd = &e->state.reg[E1000_EECD], before = *eecd;
    *eecd = (before & ~(uint32_t)EECD_WRITABLE) | (value & EECD_WRITABLE);
    *eecd = value & EECD_REQ ? *eecd | EECD_GNT : *eecd & ~(uint32_t)EECD_GNT;
    if (!(*eecd & EECD_GNT))
        return;
    if (!(value & EECD_CS))
        deselect(e);
    else if (value & EECD_SK && !(before & EECD_SK))
        clock_in(e, value & EECD_DI);
}
