/* SPDX-License-Identifier: MIT */
#include "machine/chardev/serial_ports.h"
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct SerialPlace serial_usual[SERIAL_PORTS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

/* Ports share interrupts: the line is high while one of them wants it. */
static void set_irq(void *opaque, int line, bool level) {
    struct SerialPort *p = opaque;
    struct Machine *m = p->machine;
    (void)line;
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        level |= m->com[i].there && m->com[i].irq == p->irq && m->com[i].uart.state.intr;
    struct IrqWire w = machine_isa_wire(m, p->irq);
    irq_set(&w, level);
}

void serial_ports_init(struct Machine *m) {
    for (unsigned i = 0; i < SERIAL_PORTS; i++) {
        struct SerialPort *p = &m->com[i];
        p->machine = m;
        p->base = serial_usual[i].base;
        p->irq = serial_usual[i].irq;
        uart_init(&p->uart, m->clock, (struct IrqWire){set_irq, p, 0}, (struct CharBackend){0});
    }
}

/* ---- on a character device ---- */

static size_t room(void *opaque) { return uart_can_receive(opaque); }
static void receive(void *opaque, const uint8_t *data, size_t size) { uart_receive(opaque, data, size); }
static void output_ready(void *opaque) { uart_output_ready(opaque); }

static int show(struct Machine *m, unsigned index, struct Chardev *c, char *why, size_t n) {
    static const char *const names[SERIAL_PORTS] = {"COM1", "COM2", "COM3", "COM4"};
    struct SerialPort *p = &m->com[index];
    const struct CharFrontend front = {
        .room = room, .receive = receive, .output_ready = output_ready, .opaque = &p->uart, .name = names[index]};
    int r = c != NULL ? chardev_attach(c, &front, why, n) : 0;
    if (r != 0)
        return r;
    if (c != NULL)
        p->uart.backend = chardev_backend(c);
    p->there = true;
    return (r = uart_map(&p->uart, m->bus, p->base)) == 0 ? 0 : why_errno(why, n, r, names[index]);
}

static int create(struct Machine *m, unsigned index, const char *text, char *why, size_t n) {
    struct Chardev *c;
    char id[16], wrong[300];
    if (strcmp(text, "none") == 0)
        return 0;
    snprintf(id, sizeof(id), "serial%u", index);
    int r = chardev_for(m, text, id, &c, wrong, sizeof(wrong));
    if (r == 0)
        r = show(m, index, c, wrong, sizeof(wrong));
    return r == 0 ? 0 : why_set(why, n, r, "-serial: %s", wrong);
}

/* As with QEMU, a port that is asked for as a device takes the place of the one that is there by default. */
static bool has_isa_serial(const Twin86Config *config) {
    static const char name[] = "isa-serial";
    for (const char *const *s = config->devices; s != NULL && *s != NULL; s++)
        if (strncmp(*s, name, sizeof(name) - 1) == 0)
            return true;
    return false;
}

int serial_ports_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    static const char *const usual_list[] = {"stdio", NULL}, *const nothing[] = {NULL};
    const char *const *list = config->serials != NULL ? config->serials : has_isa_serial(config) ? nothing : usual_list;
    int r = 0;
    for (unsigned i = 0; list[i] != NULL && r == 0; i++) {
        if (i == SERIAL_PORTS)
            return why_set(why, n, -EINVAL, "-serial: a PC has %d serial ports at most", SERIAL_PORTS);
        r = create(m, i, list[i], why, n);
    }
    return r;
}

int serial_ports_finish(struct Machine *m) {
    char why[8];
    return m->com[0].there ? 0 : show(m, 0, NULL, why, sizeof(why));
}

/* ---- -device isa-serial ---- */

struct IsaSerial {
    const char *chardev;
    uint64_t index, base, irq; /* index SERIAL_PORTS: the first free one */
};

static bool read_property(struct IsaSerial *d, const char *key, const char *value) {
    if (value == NULL)
        return false;
    if (strcmp(key, "chardev") == 0)
        return d->chardev = value, true;
    if (strcmp(key, "index") == 0)
        return list_number(value, SERIAL_PORTS - 1, &d->index);
    if (strcmp(key, "iobase") == 0)
        return list_number(value, 0xfff8, &d->base) && d->base % 8 == 0 && d->base > 0;
    if (strcmp(key, "irq") == 0)
        return list_number(value, 15, &d->irq) && d->irq > 0;
    return strcmp(key, "id") == 0;
}

int serial_add_isa(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct IsaSerial d = {.index = SERIAL_PORTS};
    char *key, *value;
    while (list_cut_property(&list, &key, &value))
        if (!read_property(&d, key, value))
            return why_set(
                why, n, -EINVAL,
                "-device %s: %s=%s is not right; chardev=ID, index=0 to 3, iobase= a multiple of 8, irq=1 to 15 "
                "and id= are",
                device, key, value != NULL ? value : "");
    struct Chardev *c = d.chardev != NULL ? chardev_find(m, d.chardev) : NULL;
    if (c == NULL)
        return why_set(why, n, -EINVAL, "-device %s needs chardev=ID, the id of a -chardev%s%s", device,
                       d.chardev != NULL ? "; there is none called " : "", d.chardev != NULL ? d.chardev : "");
    if (d.index == SERIAL_PORTS)
        for (d.index = 0; d.index < SERIAL_PORTS && m->com[d.index].there;)
            d.index++;
    if (d.index == SERIAL_PORTS || m->com[d.index].there)
        return why_set(why, n, -EINVAL, "-device %s: %s", device,
                       d.index == SERIAL_PORTS ? "a PC has 4 serial ports at most" : "that index is taken");
    if (d.base != 0)
        m->com[d.index].base = (uint16_t)d.base;
    if (d.irq != 0)
        m->com[d.index].irq = (uint8_t)d.irq;
    return show(m, (unsigned)d.index, c, why, n);
}

/* ---- the debug console ---- */

/* It can't wait, and so it doesn't: what does not fit is lost. */
static int connect_debugcon(struct Machine *m, struct Chardev *c, char *why, size_t n) {
    const struct CharFrontend front = {.name = "isa-debugcon"};
    int r = chardev_attach(c, &front, why, n);
    if (r == 0)
        m->debugcon.backend = (struct CharBackend){.write = chardev_write, .opaque = c};
    return r;
}

int debugcon_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    struct Chardev *c;
    char wrong[300];
    if (config->debugcon_to == NULL)
        return 0;
    int r = chardev_for(m, config->debugcon_to, "debugcon", &c, wrong, sizeof(wrong));
    if (r == 0)
        r = connect_debugcon(m, c, wrong, sizeof(wrong));
    return r == 0 ? 0 : why_set(why, n, r, "-debugcon: %s", wrong);
}

int debugcon_add(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    uint64_t base = DEBUGCON_PORT;
    struct Chardev *c = NULL;
    char *key, *value;
    while (list_cut_property(&list, &key, &value)) {
        bool good = value != NULL && (strcmp(key, "chardev") == 0  ? (c = chardev_find(m, value)) != NULL
                                      : strcmp(key, "iobase") == 0 ? list_number(value, 0xffff, &base)
                                                                   : strcmp(key, "id") == 0);
        if (!good)
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; chardev=ID of a -chardev, iobase=PORT and id= are", device,
                           key, value != NULL ? value : "");
    }
    if (c == NULL || m->config.debugcon)
        return why_set(why, n, -EINVAL, "-device %s %s", device,
                       c == NULL ? "needs chardev=ID, the id of a -chardev"
                                 : "is there already, by -debugcon or another one");
    m->config.debugcon = true;
    m->config.debugcon_port = (uint16_t)base;
    int r = connect_debugcon(m, c, why, n);
    if (r == 0 && (r = debugcon_map(&m->debugcon, m->bus, m->config.debugcon_port)) != 0)
        why_errno(why, n, r, device);
    return r;
}
