/* SPDX-License-Identifier: MIT */
/*
 * What firmware leaves behind, for guests that start without any: interrupt vectors and data area in low memory, 8259s,
 * UART. (CMOS is the same in either case; the chipset is set up as early as it is reset: both in wiring.c.)
 */
#include "base/bytes.h"
#include "machine/machine.h"

#include <string.h>

/* The BIOS data area (IBM PS/2 and Personal Computer BIOS Technical Reference, section 2). */
enum {
    BDA = 0x400,
    BDA_COM = 0x00,           /* ports of COM1-COM4; no port: 0 */
    BDA_EBDA = 0x0e,          /* its segment */
    BDA_EQUIPMENT = 0x10,     /* as INT 11h gives it */
    BDA_BASE_MEMORY = 0x13,   /* KiB below the EBDA, as INT 12h gives it */
    BDA_KEY_HEAD = 0x1a,      /* the keyboard's buffer, which is empty */
    BDA_KEY_TAIL = 0x1c,      /* */
    BDA_COM_TIMEOUT = 0x7c,   /* in seconds */
    BDA_KEY_START = 0x80,     /* */
    BDA_KEY_END = 0x82,       /* */
    BDA_KEYBOARD_TYPE = 0x96, /* bit 4: of 101 or 102 keys */
    BDA_SIZE = 0x100,
};
enum { CMOS_EQUIPMENT = 0x14 /* FPU, mouse, floppy drives: the lower byte */, EQUIPMENT_COM_SHIFT = 9 };
enum { KEY_BUFFER = 0x1e, KEY_BUFFER_END = 0x3e, ENHANCED_KEYBOARD = 0x10 };

/* Where PC firmware keeps an IRET for interrupts that nobody wants. */
enum { IRET_SEGMENT = 0xf000, IRET_OFFSET = 0xff53, IRET_OPCODE = 0xcf };

/* Firmware finds the usual ports, and lists them without gaps. How many. */
static unsigned write_com_ports(const struct Machine *m, uint8_t *bda) {
    unsigned count = 0;
    for (unsigned k = 0; k < SERIAL_PORTS; k++)
        for (unsigned i = 0; i < SERIAL_PORTS; i++)
            if (m->com[i].there && m->com[i].base == serial_usual[k].base) {
                bda[BDA_COM_TIMEOUT + count] = 1;
                put_le16(bda + BDA_COM + 2 * count++, m->com[i].base);
            }
    return count;
}

static void write_low_memory(struct Machine *m) {
    uint8_t vectors[256 * 4], bda[BDA_SIZE] = {0}, ebda_kib = (LOW_MEMORY_END - EBDA_BASE) >> 10;
    const uint8_t iret = IRET_OPCODE;
    for (unsigned i = 0; i < 256; i++)
        put_le32(vectors + 4 * i, (uint32_t)IRET_SEGMENT << 16 | IRET_OFFSET);
    unsigned ports = write_com_ports(m, bda);
    put_le16(bda + BDA_EBDA, EBDA_BASE >> 4);
    put_le16(bda + BDA_EQUIPMENT, rtc_get_cmos(&m->rtc, CMOS_EQUIPMENT) | ports << EQUIPMENT_COM_SHIFT);
    put_le16(bda + BDA_BASE_MEMORY, EBDA_BASE >> 10);
    put_le16(bda + BDA_KEY_HEAD, KEY_BUFFER);
    put_le16(bda + BDA_KEY_TAIL, KEY_BUFFER);
    put_le16(bda + BDA_KEY_START, KEY_BUFFER);
    put_le16(bda + BDA_KEY_END, KEY_BUFFER_END);
    bda[BDA_KEYBOARD_TYPE] = ENHANCED_KEYBOARD;
    bus_write(m->bus, 0, vectors, sizeof(vectors));
    bus_write(m->bus, BDA, bda, sizeof(bda));
    bus_write(m->bus, EBDA_BASE, &ebda_kib, 1);
    bus_write(m->bus, (IRET_SEGMENT << 4) + IRET_OFFSET, &iret, 1);
}

/* IRQ 0-7 at vectors 08h-0Fh, 8-15 at 70h-77h; timer, keyboard and cascade are let through, and clock and mouse. */
static void program_pics(struct Machine *m) {
    static const struct {
        uint16_t port;
        uint8_t value;
    } writes[] = {
        {0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xf8}, /* ICW1-4, mask */
        {0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xee},
    };
    for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        bus_port_write(m->bus, writes[i].port, writes[i].value, 1);
}

/* The first DMA controller's channels reach memory through the second one's first. */
static void open_dma_cascade(struct Machine *m) {
    enum { MODE = 0xd6, CASCADE = 0xc0, SINGLE_MASK = 0xd4 };
    bus_port_write(m->bus, MODE, CASCADE, 1);
    bus_port_write(m->bus, SINGLE_MASK, 0, 1);
}

void machine_set_bios_state(struct Machine *m) {
    write_low_memory(m);
    machine_set_bios_devices(m);
}

void machine_set_bios_devices(struct Machine *m) {
    open_dma_cascade(m);
    if (!m->config.kernel_irqchip)
        program_pics(m);
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        if (m->com[i].there)
            uart_set_firmware_state(&m->com[i].uart);
}
