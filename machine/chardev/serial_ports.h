/* SPDX-License-Identifier: MIT */
/** COM1 to COM4, and the debug console, on their character devices. */
#ifndef TWIN86_MACHINE_SERIAL_PORTS_H
#define TWIN86_MACHINE_SERIAL_PORTS_H

#include "devices/uart.h"
#include "include/twin86.h"

struct Machine;

enum { SERIAL_PORTS = 4 };

/** Where COM1 to COM4 are on every PC. */
struct SerialPlace {
    uint16_t base;
    uint8_t irq;
};
extern const struct SerialPlace serial_usual[SERIAL_PORTS];

struct SerialPort {
    struct Uart uart;
    struct Machine *machine;
    bool there;
    uint16_t base;
    uint8_t irq;
};

/** Make the UARTs, which are at no address yet. */
void serial_ports_init(struct Machine *m);
/** Show those that the configuration has. 0 or -errno with `why`. */
int serial_ports_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** All devices are in: COM1 is there in any case. 0 or -errno. */
int serial_ports_finish(struct Machine *m);
/** -device isa-serial: `list` is what follows the name, and may be cut up. 0 or -errno with `why`. */
int serial_add_isa(struct Machine *m, const char *device, char *list, char *why, size_t n);

/** The debug console goes to the configuration's character device, if it names one. 0 or -errno with `why`. */
int debugcon_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** -device isa-debugcon. */
int debugcon_add(struct Machine *m, const char *device, char *list, char *why, size_t n);

#endif
