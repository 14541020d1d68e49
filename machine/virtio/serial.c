/* SPDX-License-Identifier: MIT */
/* -device virtio-serial-pci, virtconsole and virtserialport. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ask_more(void *opaque) {
    struct Machine *m = opaque;
    loop_post(&m->loop, &m->virtio.serial.more);
}

static void more(void *opaque) { virtio_serial_continue(&((struct Machine *)opaque)->virtio.serial.serial); }

int virtio_add_serial(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    static const struct VirtioSerialOps ops = {ask_more};
    static const struct VirtioPciId id = {"virtio-serial-pci", VIRTIO_TYPE_CONSOLE, 0x078000};
    struct VirtioSerialDevice *d = &m->virtio.serial;
    struct VirtioPlug plug = {0};
    uint64_t ports = VIRTIO_SERIAL_PORTS;
    char *key, *value;
    while (list_cut_property(&list, &key, &value)) {
        bool good =
            virtio_plug_property(&plug, key, value) || (value != NULL && strcmp(key, "max_ports") == 0 &&
                                                        list_number(value, VIRTIO_SERIAL_PORTS, &ports) && ports > 0);
        if (!good)
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; max_ports=1 to %d, id=, romfile=, bus=pci.0 and "
                           "addr=2 to 1f are",
                           device, key, value != NULL ? value : "", VIRTIO_SERIAL_PORTS);
    }
    if (d->plugged)
        return why_set(why, n, -EINVAL, "-device %s: there is one already; it has room for %u ports", device,
                       d->serial.ports);
    if (plug.id != NULL && (d->id = strdup(plug.id)) == NULL)
        return why_errno(why, n, -ENOMEM, device);
    loop_work_init(&d->more, more, m);
    virtio_pci_init(&d->pci, &id);
    virtio_serial_init(&d->serial, &d->pci.pci, (unsigned)ports, &ops, m);
    int r = virtio_plug(m, &d->pci, &d->serial.virtio, &plug, (unsigned)ports + 1, why, n);
    d->plugged = r == 0;
    return r;
}

/* ---- ports ---- */

struct PortProperties {
    const char *chardev, *name;
    uint64_t number; /* VIRTIO_SERIAL_PORTS: the first free one */
};

/* The controller's bus has its name, with a 0. */
static bool is_bus(const struct Machine *m, const char *name) {
    const char *id = m->virtio.serial.id;
    size_t length = id != NULL ? strlen(id) : 0;
    return strcmp(name, "virtio-serial0.0") == 0 ||
           (id != NULL && strncmp(name, id, length) == 0 && strcmp(name + length, ".0") == 0);
}

static bool read_property(const struct Machine *m, struct PortProperties *p, const char *key, const char *value) {
    if (value == NULL)
        return false;
    if (strcmp(key, "chardev") == 0)
        return p->chardev = value, true;
    if (strcmp(key, "name") == 0)
        return p->name = value, strlen(value) <= VIRTIO_SERIAL_NAME;
    if (strcmp(key, "nr") == 0)
        return list_number(value, VIRTIO_SERIAL_PORTS - 1, &p->number);
    return strcmp(key, "bus") == 0 ? is_bus(m, value) : strcmp(key, "id") == 0;
}

/* Port 0 is kept for a console, as drivers without the multiport feature want it. */
static int choose_number(const struct VirtioSerial *s, bool console, uint64_t *number, const char *device, char *why,
                         size_t n) {
    if (*number == 0 && !console)
        return why_set(why, n, -EINVAL, "-device %s: nr=0 is a virtconsole's; nr=1 and more are right", device);
    if (*number == VIRTIO_SERIAL_PORTS)
        for (*number = !console; *number < s->ports && s->port[*number].there;)
            (*number)++;
    if (*number >= s->ports)
        return why_set(why, n, -EINVAL, "-device %s: the controller has %u ports; its max_ports= says so", device,
                       s->ports);
    return s->port[*number].there ? why_set(why, n, -EINVAL, "-device %s: nr=%u is taken", device, (unsigned)*number)
                                  : 0;
}

int virtio_add_port(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct VirtioSerialDevice *d = &m->virtio.serial;
    bool console = strcmp(device, "virtconsole") == 0;
    struct PortProperties p = {.number = VIRTIO_SERIAL_PORTS};
    char *key, *value;
    if (!d->plugged)
        return why_set(why, n, -EINVAL, "-device %s needs a controller before it: -device virtio-serial-pci", device);
    while (list_cut_property(&list, &key, &value))
        if (!read_property(m, &p, key, value))
            return why_set(
                why, n, -EINVAL,
                "-device %s: %s=%s is not right; chardev=ID, name= of %d bytes, nr=0 to %d, bus=CONTROLLER.0 and "
                "id= are",
                device, key, value != NULL ? value : "", VIRTIO_SERIAL_NAME, VIRTIO_SERIAL_PORTS - 1);
    struct Chardev *c = p.chardev != NULL ? chardev_find(m, p.chardev) : NULL;
    if (c == NULL && (console || p.chardev != NULL)) /* a plain port may lead nowhere */
        return why_set(why, n, -EINVAL, "-device %s needs chardev=ID, the id of a -chardev%s%s", device,
                       p.chardev != NULL ? "; there is none called " : "", p.chardev != NULL ? p.chardev : "");
    int r = choose_number(&d->serial, console, &p.number, device, why, n);
    if (r != 0)
        return r;
    struct VirtioSerialPort *port = virtio_serial_add_port(&d->serial, (unsigned)p.number, console, p.name,
                                                           c != NULL ? chardev_backend(c) : (struct CharBackend){0});
    const struct CharFrontend front = {
        .room = virtio_serial_room,
        .receive = virtio_serial_receive,
        .output_ready = virtio_serial_output_ready,
        .opened = virtio_serial_opened,
        .opaque = port,
        .name = console ? "virtconsole" : "virtserialport",
    };
    return c != NULL ? chardev_attach(c, &front, why, n) : 0;
}
