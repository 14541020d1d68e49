/* SPDX-License-Identifier: MIT */
/* 16550A UART. Section numbers are those of the PC16550D data sheet. */
#include "devices/uart.h"

#include <string.h>

enum { REG_RBR_THR, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

enum { IER_RDA = 0x01, IER_THRE = 0x02, IER_RLS = 0x04, IER_MS = 0x08, IER_MASK = 0x0f };
enum { IIR_NONE = 0x01, IIR_MS = 0x00, IIR_THRE = 0x02, IIR_RDA = 0x04, IIR_RLS = 0x06, IIR_TIMEOUT = 0x0c };
enum { IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 0x01, FCR_CLEAR_RX = 0x02, FCR_CLEAR_TX = 0x04, FCR_STICKY = 0xc9 /* enable, DMA mode, trigger */ };
enum { LCR_LENGTH = 0x03, LCR_STOP = 0x04, LCR_PARITY = 0x08, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10, MCR_MASK = 0x1f };
enum {
    LSR_DR = 0x01,
    LSR_OE = 0x02,
    LSR_PE = 0x04,
    LSR_FE = 0x08,
    LSR_BI = 0x10,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
    LSR_FIFO_ERROR = 0x80,
};
enum { MSR_DCTS = 0x01, MSR_DDSR = 0x02, MSR_TERI = 0x04, MSR_DDCD = 0x08 };

/* The crystal of every PC: the baud rate is this / 16 / divisor. */
#define UART_CRYSTAL_HZ 1843200

static bool fifo_on(const struct UartState *s) { return s->fcr & FCR_ENABLE; }

static unsigned fifo_capacity(const struct UartState *s) { return fifo_on(s) ? UART_FIFO_SIZE : 1; }

static unsigned trigger_level(const struct UartState *s) {
    static const uint8_t level[4] = {1, 4, 8, 14};

    return fifo_on(s) ? level[s->fcr >> 6] : 1;
}

static uint8_t data_mask(const struct UartState *s) { return 0xff >> (3 - (s->lcr & LCR_LENGTH)); }

int64_t uart_char_time(const struct Uart *u) {
    const struct UartState *s = &u->state;
    unsigned half_bits = 2 * (1 + 5 + (s->lcr & LCR_LENGTH) + !!(s->lcr & LCR_PARITY) + 1);
    unsigned divisor = s->divisor ? s->divisor : 1;

    if (s->lcr & LCR_STOP) /* 2 stop bits, or 1.5 with 5 data bits */
        half_bits += (s->lcr & LCR_LENGTH) ? 2 : 1;
    return (int64_t)half_bits * divisor * 16 * NS_PER_SEC / (2 * UART_CRYSTAL_HZ);
}

/* Table II: the pending interrupt of highest priority. */
static uint8_t interrupt_id(const struct UartState *s) {
    if ((s->ier & IER_RLS) && s->line_errors)
        return IIR_RLS;
    if (s->ier & IER_RDA) {
        if (s->rx_count >= trigger_level(s))
            return IIR_RDA;
        if (s->timeout_pending)
            return IIR_TIMEOUT;
    }
    if ((s->ier & IER_THRE) && s->thre_pending)
        return IIR_THRE;
    if ((s->ier & IER_MS) && s->modem_delta)
        return IIR_MS;
    return IIR_NONE;
}

/* PC boards gate INTR with OUT2. We drive the wire regardless, as virtual PCs do: guests rely on it. */
static void update_intr(struct Uart *u) {
    bool intr = interrupt_id(&u->state) != IIR_NONE;

    if (intr == u->state.intr)
        return;
    u->state.intr = intr;
    irq_set(&u->irq, intr);
}

/* Section 8.4.2: characters below the trigger level raise an interrupt when the FIFO saw no traffic for 4 characters.
 */
static void restart_timeout(struct Uart *u) {
    struct UartState *s = &u->state;

    s->timeout_pending = false;
    s->timeout_at = CLOCK_NEVER;
    if (fifo_on(s) && s->rx_count > 0 && (s->ier & IER_RDA)) {
        s->timeout_at = clock_after(clock_now(u->timeout.clock), 4 * uart_char_time(u));
        timer_arm(&u->timeout, s->timeout_at);
    } else if (timer_armed(&u->timeout)) {
        timer_cancel(&u->timeout);
    }
}

static void timeout_expired(void *opaque) {
    struct Uart *u = opaque;

    u->state.timeout_at = CLOCK_NEVER;
    u->state.timeout_pending = u->state.rx_count > 0;
    update_intr(u);
}

/* Put a character behind the others; the caller updates timeout and INTR. */
static void rx_push(struct UartState *s, uint8_t data, uint8_t error) {
    unsigned tail;

    if (s->rx_count >= fifo_capacity(s)) {
        s->line_errors |= LSR_OE;
        if (fifo_on(s))
            return;      /* the FIFO keeps what it has; the shift register is overwritten */
        s->rx_count = 0; /* without FIFO the new character replaces the old one */
    }
    tail = (s->rx_head + s->rx_count) % UART_FIFO_SIZE;
    s->rx_data[tail] = data & data_mask(s);
    s->rx_error[tail] = error;
    if (s->rx_count++ == 0)
        s->line_errors |= error; /* errors show when their character is at the top (8.4.1) */
}

/* Tell the host of room, but only when a good part of the FIFO is free: one call for many bytes. */
static void offer_room(struct Uart *u) {
    if (u->input_refused && !(u->state.mcr & MCR_LOOP) && u->state.rx_count <= fifo_capacity(&u->state) / 2) {
        u->input_refused = false;
        char_input_ready(&u->backend);
    }
}

static uint8_t read_rbr(struct Uart *u) {
    struct UartState *s = &u->state;
    uint8_t data = s->rx_data[s->rx_head];

    if (s->rx_count == 0)
        return data; /* an empty receiver shows the last character again */
    if (--s->rx_count > 0) {
        s->rx_head = (s->rx_head + 1) % UART_FIFO_SIZE;
        s->line_errors |= s->rx_error[s->rx_head];
    }
    restart_timeout(u);
    offer_room(u);
    update_intr(u);
    return data;
}

/* Behind the bytes that wait for the line. A guest that does not look whether there is room loses the oldest. */
static void tx_push(struct UartState *s, uint8_t value) {
    if (s->tx_count == fifo_capacity(s)) {
        s->tx_count--;
        memmove(s->tx_data, s->tx_data + 1, s->tx_count);
    }
    s->tx_data[s->tx_count++] = value;
}

static void write_thr(struct Uart *u, uint8_t value) {
    struct UartState *s = &u->state;

    value &= data_mask(s);
    if (s->mcr & MCR_LOOP) {
        rx_push(s, value, 0);
        restart_timeout(u);
    } else if (s->tx_count == 0 && char_can_write(&u->backend)) {
        char_write(&u->backend, &value, 1);
    } else {
        tx_push(s, value);
    }
    s->thre_pending = s->tx_count == 0; /* it left at once: the transmitter is empty again */
    update_intr(u);
}

static void tx_emptied(struct Uart *u) {
    u->state.tx_count = 0;
    u->state.thre_pending = true;
    update_intr(u);
}

void uart_output_ready(struct Uart *u) {
    if (u->state.tx_count == 0 || !char_can_write(&u->backend))
        return;
    char_write(&u->backend, u->state.tx_data, u->state.tx_count);
    tx_emptied(u);
}

static void clear_rx(struct UartState *s) {
    s->rx_head = 0;
    s->rx_count = 0;
    s->rx_data[0] = 0;
}

static void write_fcr(struct Uart *u, uint8_t value) {
    struct UartState *s = &u->state;
    bool toggled = (value ^ s->fcr) & FCR_ENABLE;

    /* Bits other than 0 are only taken while bit 0 is written as 1 (8.4). */
    s->fcr = (value & FCR_ENABLE) ? value & FCR_STICKY : 0;
    if (toggled || (value & (FCR_ENABLE | FCR_CLEAR_RX)) == (FCR_ENABLE | FCR_CLEAR_RX)) {
        clear_rx(s);
        restart_timeout(u);
        offer_room(u);
    }
    bool clear_tx = (value & (FCR_ENABLE | FCR_CLEAR_TX)) == (FCR_ENABLE | FCR_CLEAR_TX);
    if ((toggled || clear_tx) && s->tx_count > 0)
        tx_emptied(u);
    update_intr(u);
}

static void write_ier(struct Uart *u, uint8_t value) {
    struct UartState *s = &u->state;
    uint8_t enabled = value & ~s->ier;

    if (value & ~IER_MASK)
        device_error(u->log, "UART", "reserved bits of the interrupt enable register,", value & ~(unsigned)IER_MASK);
    s->ier = value & IER_MASK;
    if ((enabled & IER_THRE) && s->tx_count == 0)
        s->thre_pending = true; /* enabling it while the transmitter is empty raises it at once */
    if (enabled & IER_RDA)
        restart_timeout(u);
    update_intr(u);
}

static uint8_t read_iir(struct Uart *u) {
    struct UartState *s = &u->state;
    uint8_t id = interrupt_id(s);

    if (id == IIR_THRE) {
        s->thre_pending = false;
        update_intr(u);
    }
    return id | (fifo_on(s) ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(struct Uart *u) {
    struct UartState *s = &u->state;
    uint8_t lsr = (s->tx_count == 0 ? LSR_THRE | LSR_TEMT : 0) | s->line_errors;

    if (s->rx_count > 0)
        lsr |= LSR_DR;
    if (fifo_on(s)) {
        for (unsigned i = 0; i < s->rx_count; i++)
            if (s->rx_error[(s->rx_head + i) % UART_FIFO_SIZE])
                lsr |= LSR_FIFO_ERROR;
    }
    if (s->line_errors) {
        s->line_errors = 0;
        s->rx_error[s->rx_head] = 0;
        update_intr(u);
    }
    return lsr;
}

/* Section 8.6.2: in loopback the modem outputs appear at the modem inputs. */
static uint8_t modem_lines(const struct UartState *s) {
    uint8_t lines = 0;

    if (!(s->mcr & MCR_LOOP))
        return s->modem_in;
    lines |= (s->mcr & MCR_RTS) ? UART_CTS : 0;
    lines |= (s->mcr & MCR_DTR) ? UART_DSR : 0;
    lines |= (s->mcr & MCR_OUT1) ? UART_RI : 0;
    lines |= (s->mcr & MCR_OUT2) ? UART_DCD : 0;
    return lines;
}

static void update_modem(struct Uart *u) {
    struct UartState *s = &u->state;
    uint8_t now = modem_lines(s), changed = now ^ s->modem_lines;

    s->modem_delta |= (changed & UART_CTS) ? MSR_DCTS : 0;
    s->modem_delta |= (changed & UART_DSR) ? MSR_DDSR : 0;
    s->modem_delta |= (changed & UART_DCD) ? MSR_DDCD : 0;
    s->modem_delta |= (changed & s->modem_lines & UART_RI) ? MSR_TERI : 0; /* only the trailing edge */
    s->modem_lines = now;
    update_intr(u);
}

static void write_mcr(struct Uart *u, uint8_t value) {
    if (value & ~MCR_MASK)
        device_error(u->log, "UART", "reserved bits of the modem control register,", value & ~(unsigned)MCR_MASK);
    u->state.mcr = value & MCR_MASK;
    update_modem(u);
    offer_room(u);
}

static uint8_t read_msr(struct Uart *u) {
    uint8_t msr = u->state.modem_lines | u->state.modem_delta;

    u->state.modem_delta = 0;
    update_intr(u);
    return msr;
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned size) {
    struct Uart *u = opaque;
    struct UartState *s = &u->state;
    bool dlab = s->lcr & LCR_DLAB;

    (void)size;
    switch (offset) {
    case REG_RBR_THR: return dlab ? s->divisor & 0xff : read_rbr(u);
    case REG_IER: return dlab ? s->divisor >> 8 : s->ier;
    case REG_IIR_FCR: return read_iir(u);
    case REG_LCR: return s->lcr;
    case REG_MCR: return s->mcr;
    case REG_LSR: return read_lsr(u);
    case REG_MSR: return read_msr(u);
    case REG_SCR: return s->scr;
    }
    return 0xff;
}

static void uart_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Uart *u = opaque;
    struct UartState *s = &u->state;
    bool dlab = s->lcr & LCR_DLAB;
    uint8_t v = value;

    (void)size;
    switch (offset) {
    case REG_RBR_THR:
        if (dlab)
            s->divisor = (s->divisor & 0xff00) | v;
        else
            write_thr(u, v);
        break;
    case REG_IER:
        if (dlab)
            s->divisor = (s->divisor & 0x00ff) | v << 8;
        else
            write_ier(u, v);
        break;
    case REG_IIR_FCR: write_fcr(u, v); break;
    case REG_LCR:
        if (dlab && !(v & LCR_DLAB) && s->divisor == 0)
            device_error(u->log, "UART", "divisor", 0);
        s->lcr = v;
        break;
    case REG_MCR: write_mcr(u, v); break;
    case REG_SCR: s->scr = v; break;
    default: /* factory test only */ device_error(u->log, "UART", "write to a read-only register,", offset); break;
    }
}

static const struct IoOps uart_ops = {.read = uart_read, .write = uart_write, .min_size = 1, .max_size = 1};

size_t uart_can_receive(struct Uart *u) {
    const struct UartState *s = &u->state;
    size_t room = (s->mcr & MCR_LOOP) ? 0 : fifo_capacity(s) - s->rx_count;

    if (room == 0)
        u->input_refused = true;
    return room;
}

size_t uart_receive(struct Uart *u, const uint8_t *buf, size_t len) {
    size_t room = uart_can_receive(u), take = len < room ? len : room;

    for (size_t i = 0; i < take; i++)
        rx_push(&u->state, buf[i], 0);
    if (take < len)
        u->input_refused = true;
    if (take > 0) {
        restart_timeout(u);
        update_intr(u);
    }
    return take;
}

void uart_receive_break(struct Uart *u) {
    if (uart_can_receive(u) == 0)
        return;
    rx_push(&u->state, 0, LSR_BI);
    restart_timeout(u);
    update_intr(u);
}

void uart_set_modem(struct Uart *u, uint8_t lines) {
    u->state.modem_in = lines & (UART_CTS | UART_DSR | UART_RI | UART_DCD);
    update_modem(u);
}

/* Table III, reset states. The divisor is undefined there; 9600 baud is as good as any. */
void uart_reset(struct Uart *u) {
    struct UartState *s = &u->state;
    uint8_t pins = s->modem_in;

    if (timer_armed(&u->timeout))
        timer_cancel(&u->timeout);
    memset(s, 0, sizeof(*s));
    s->timeout_at = CLOCK_NEVER;
    s->divisor = 12;
    s->modem_in = pins;
    s->modem_lines = pins;
    irq_set(&u->irq, false);
    offer_room(u);
}

void uart_set_firmware_state(struct Uart *u) {
    u->state.divisor = 12;
    u->state.lcr = LCR_LENGTH /* 8 bits */;
    u->state.mcr = MCR_DTR | MCR_RTS;
}

void uart_init(struct Uart *u, struct Clock *clock, struct IrqWire irq, struct CharBackend backend) {
    memset(u, 0, sizeof(*u));
    u->irq = irq;
    u->backend = backend;
    timer_init(&u->timeout, clock, timeout_expired, u);
    u->state.modem_in = UART_CTS | UART_DSR | UART_DCD;
    uart_reset(u);
}

int uart_map(struct Uart *u, struct Bus *bus, uint16_t base) {
    return bus_map_ports(bus, base, 8, "uart", &uart_ops, u);
}

/* ---- saved state ---- */

const struct StateTable uart_state_table = {
    .name = "uart",
    .size = sizeof(struct UartState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(UartState, timeout_at),
            STATE_FIELD(UartState, divisor),
            STATE_FIELD(UartState, ier),
            STATE_FIELD(UartState, fcr),
            STATE_FIELD(UartState, lcr),
            STATE_FIELD(UartState, mcr),
            STATE_FIELD(UartState, scr),
            STATE_FIELD(UartState, line_errors),
            STATE_FIELD(UartState, modem_delta),
            STATE_FIELD(UartState, modem_lines),
            STATE_FIELD(UartState, modem_in),
            STATE_FIELD(UartState, rx_head, .max = UART_FIFO_SIZE - 1),
            STATE_FIELD(UartState, rx_count, .max = UART_FIFO_SIZE),
            STATE_ARRAY(UartState, rx_data),
            STATE_ARRAY(UartState, rx_error),
            STATE_FIELD(UartState, tx_count, .max = UART_FIFO_SIZE),
            STATE_ARRAY(UartState, tx_data),
            STATE_FIELD(UartState, thre_pending),
            STATE_FIELD(UartState, timeout_pending),
            STATE_FIELD(UartState, intr),
            STATE_PADDING(UartState, unused),
            {0},
        },
};

void uart_restored(struct Uart *u) {
    timer_arm(&u->timeout, u->state.timeout_at);
    u->input_refused = true; /* the host may hold some: it is asked when the guest makes room, as it was before */
    uart_output_ready(u);
}
