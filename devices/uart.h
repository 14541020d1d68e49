/* SPDX-License-Identifier: MIT */
/**
 * 16550A UART (National Semiconductor PC16550D data sheet, June 1995).
 *
 * Transmission takes no time: a byte written to THR is handed to the backend at once and the transmitter is empty
 * again; unless the backend can't take it: then it waits in the transmitter's FIFO, and the guest for that. Reception
 * is paced by the guest: the host offers bytes with uart_receive, which takes only what fits, so host input never
 * overruns. All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_UART_H
#define TWIN86_DEVICES_UART_H

#include "devices/chardev.h"
#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define UART_FIFO_SIZE 16

/** Modem inputs, as the MSR shows them. */
enum { UART_CTS = 0x10, UART_DSR = 0x20, UART_RI = 0x40, UART_DCD = 0x80 };

struct UartState {
    int64_t timeout_at; /* virtual ns of the character timeout, CLOCK_NEVER when none is running */
    uint16_t divisor;
    uint8_t ier, fcr, lcr, mcr, scr;
    uint8_t line_errors; /* LSR bits 1..4 not yet read */
    uint8_t modem_delta; /* MSR bits 0..3 not yet read */
    uint8_t modem_lines; /* MSR bits 4..7 as last seen, loopback included */
    uint8_t modem_in;    /* the pins */
    uint8_t rx_head, rx_count;
    uint8_t rx_data[UART_FIFO_SIZE];
    uint8_t rx_error[UART_FIFO_SIZE]; /* LSR bits 2..4 that came with the character */
    uint8_t tx_count;                 /* bytes that the line did not take */
    uint8_t tx_data[UART_FIFO_SIZE];
    bool thre_pending;                /* the transmitter-empty interrupt has not been served */
    bool timeout_pending;             /* the character-timeout interrupt is due */
    bool intr;                        /* the INTR pin */
    uint8_t unused[7];
};

struct Uart {
    struct UartState state;
    struct IrqWire irq;
    struct CharBackend backend;
    struct Timer timeout;
    bool input_refused;          /* the host holds input that we had no room for */
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** CTS, DSR and DCD start asserted, as if a terminal were connected. */
void uart_init(struct Uart *u, struct Clock *clock, struct IrqWire irq, struct CharBackend backend);
void uart_reset(struct Uart *u);
extern const struct StateTable uart_state_table;
/** The state was restored: the timer follows, and output that waits is offered. The backend is called for input when
 *  the guest makes room the next time; whoever has some for a receiver with room offers it by itself. */
void uart_restored(struct Uart *u);
/** Leave it as PC firmware does, for guests that start without any: 9600 baud, 8 data bits, no parity, 1 stop bit, the
 *  modem's lines on, no interrupts. After uart_reset. */
void uart_set_firmware_state(struct Uart *u);
/** Map the 8 registers at port `base`. Returns 0 or -errno. */
int uart_map(struct Uart *u, struct Bus *bus, uint16_t base);

/** Number of bytes that uart_receive would take now. After an answer of 0 (full, or loopback), input_ready will be
 * called. */
size_t uart_can_receive(struct Uart *u);
/** Offer bytes to the receiver. Returns how many were taken; if fewer than `len`, input_ready will be called. */
size_t uart_receive(struct Uart *u, const uint8_t *buf, size_t len);
/** The backend can take bytes again (CharBackend.can_write). */
void uart_output_ready(struct Uart *u);
/** A break condition on the line: a zero character with BI set. Lost if there is no room. */
void uart_receive_break(struct Uart *u);
/** Drive the modem inputs (UART_CTS | ...). */
void uart_set_modem(struct Uart *u, uint8_t lines);
/** How long one character takes on the line with the programmed format, in ns. */
int64_t uart_char_time(const struct Uart *u);

#endif
