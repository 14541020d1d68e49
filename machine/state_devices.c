/* SPDX-License-Identifier: MIT */
/*
 * What devices and drives a machine has, their places, and what else of them shapes their states: lines of text, one a
 * device, in a fixed order. A state goes on in a machine that has the same lines. See state.h.
 */
#include "machine/machine.h"
#include "machine/state_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char section[] = "devices";
enum { TEXT_MAX = 65536, LINE_SHOWN = 100 };

static void describe_medium(FILE *f, const struct Block *b) {
    if (b == NULL)
        fputs("empty", f);
    else
        fprintf(f, "%" PRIu64 " bytes%s", block_size(b), block_readonly(b) ? ", read-only" : "");
}

/* ---- ISA ---- */

static void describe_serial_ports(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        if (m->com[i].there)
            fprintf(f, "COM%u at %xh, IRQ %u\n", i + 1, m->com[i].base, m->com[i].irq);
}

static void describe_floppies(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        const struct FdcDriveConfig *c = &m->fdc.drive[i].config;
        if (c->type == FLOPPY_NONE)
            continue;
        fprintf(f, "floppy drive %u of %s: ", i, floppy_type_name(c->type));
        describe_medium(f, c->block);
        fputc('\n', f);
    }
}

/* ---- PCI ---- */

static void describe_function(FILE *f, const struct PciDevice *d) {
    unsigned vendor = d->initial[0] | d->initial[1] << 8, device = d->initial[2] | d->initial[3] << 8;
    fprintf(f, "PCI %02x.%x: %s, %04x:%04x", d->devfn / PCI_FUNCTIONS, d->devfn % PCI_FUNCTIONS, d->name, vendor,
            device);
    for (unsigned i = 0; i < PCI_OWN_WINDOW; i++)
        if (d->window[i].size != 0)
            fprintf(f, ", %s %" PRIu64, i == PCI_ROM_WINDOW ? "ROM" : "BAR", d->window[i].size);
    fputc('\n', f);
}

static void describe_pci(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++)
        if (m->pci.devices[i] != NULL)
            describe_function(f, m->pci.devices[i]);
}

static void describe_ide(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < IDE_CHANNELS * IDE_DRIVES; i++) {
        const struct IdeDriveConfig *c = &m->piix3_ide.ide.channel[i / IDE_DRIVES].drive[i % IDE_DRIVES].config;
        if (c->kind == IDE_NONE)
            continue;
        fprintf(f, "ide.%u unit %u: %s, ", i / IDE_DRIVES, i % IDE_DRIVES, c->kind == IDE_CD ? "CD-ROM" : "disk");
        describe_medium(f, c->block);
        fprintf(f, ", serial '%s', model '%s', version '%s', sectors of %u bytes\n", c->serial, c->model, c->version,
                IDE_SECTOR << c->physical);
    }
}

static void describe_virtio_disks(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++) {
        const struct StorageVirtio *v = &m->storage.virtio[i];
        const struct VirtioBlkConfig *c = &v->blk.config;
        if (v->drive == NULL)
            continue;
        fprintf(f, "virtio-blk-pci in slot %x: ", v->pci.pci.devfn / PCI_FUNCTIONS);
        describe_medium(f, c->block);
        fprintf(f, ", %u queues, features %" PRIx64 ", serial '%s', blocks of %u and %u, %u, %u, %u bytes\n", c->queues,
                v->blk.virtio.offered, c->serial, c->logical, c->physical, c->min_io, c->opt_io,
                c->discard_granularity);
    }
}

static void describe_consoles(FILE *f, const struct VirtioSerialDevice *d) {
    fprintf(f, "virtio-serial-pci: %u ports\n", d->serial.ports);
    for (unsigned i = 0; i < VIRTIO_SERIAL_PORTS; i++) {
        const struct VirtioSerialPort *p = &d->serial.port[i];
        if (p->there)
            fprintf(f, "%s %u: '%s'\n", p->console ? "virtconsole" : "virtserialport", i, p->name);
    }
}

static void describe_cards(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < NET_CARDS; i++) {
        const struct VirtioNic *v = &m->net.virtio[i];
        if (v->plugged)
            fprintf(f, "virtio-net-pci in slot %x: %s, features %" PRIx64 "\n", v->pci.pci.devfn / PCI_FUNCTIONS,
                    mac_text(v->nic.mac).text, v->net.virtio.offered);
    }
    for (unsigned i = 0; i < NET_CARDS; i++) {
        const struct E1000Nic *c = &m->net.e1000[i];
        if (c->plugged)
            fprintf(f, "e1000 in slot %x: %s\n", c->card.pci.devfn / PCI_FUNCTIONS, mac_text(c->nic.mac).text);
    }
}

static void describe_folders(FILE *f, const struct Machine *m) {
    for (unsigned i = 0; i < VIRTIO_FOLDERS; i++) {
        const struct VirtioFolderDevice *d = &m->virtio.folder[i];
        if (d->plugged)
            fprintf(f, "virtio-9p-pci in slot %x: tag '%.*s'\n", d->pci.pci.devfn / PCI_FUNCTIONS,
                    (int)(d->p9.virtio.config_size - 2), (const char *)d->p9.space + 2);
    }
}

static void describe_virtio(FILE *f, const struct Machine *m) {
    const struct VirtioDevices *v = &m->virtio;
    describe_virtio_disks(f, m);
    describe_cards(f, m);
    describe_folders(f, m);
    if (v->rng.plugged)
        fprintf(f, "virtio-rng-pci: %" PRIu64 " bytes in %" PRIu64 " ms\n", v->rng.rng.config.max_bytes,
                v->rng.rng.config.period_ms);
    if (v->balloon.plugged)
        fprintf(f, "virtio-balloon-pci: features %" PRIx64 "\n", v->balloon.balloon.virtio.offered);
    if (v->serial.plugged)
        describe_consoles(f, &v->serial);
}

/* ---- the section ---- */

/* To be freed; NULL: no memory. */
static char *describe(const struct Machine *m) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    describe_serial_ports(f, m);
    describe_floppies(f, m);
    describe_ide(f, m);
    describe_virtio(f, m);
    describe_pci(f, m);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

static int out_of_memory(struct StateFile *s) { return state_file_fail(s, -ENOMEM, "%s", strerror(ENOMEM)); }

int state_put_devices(struct StateFile *s, struct Machine *m) {
    char *text = describe(m);
    if (text == NULL)
        return out_of_memory(s);
    int r = state_file_section(s, section, 0, 1, (int64_t)strlen(text));
    if (r == 0)
        r = state_file_write(s, text, strlen(text));
    free(text);
    return r;
}

/* It is in the other text, too. */
static bool has_line(const char *text, const char *line, size_t n) {
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
        if (strncmp(text, line, n) == 0 && (text[n] == '\n' || text[n] == '\0'))
            return true;
    return false;
}

/* The first line that only one of them has; without any, the first at all: they are the same in another order. */
static const char *only_in(const char *text, const char *other) {
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n')
        if (!has_line(other, text, strcspn(text, "\n")))
            return text;
    return NULL;
}

static int shown(const char *line) {
    size_t n = strcspn(line, "\n");
    return (int)(n < LINE_SHOWN ? n : LINE_SHOWN);
}

/* What is read is anything: no control characters go out again. */
static void clean(char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' && *text != '\n')
            *text = '?';
}

static int compare(struct StateFile *s, char *saved, const char *mine) {
    if (strcmp(saved, mine) == 0)
        return 0;
    clean(saved);
    const char *theirs = only_in(saved, mine), *ours = only_in(mine, saved);
    if (theirs != NULL && ours != NULL)
        return state_file_fail(s, -EINVAL, "the state is of a machine with \"%.*s\"; this one has \"%.*s\"",
                               shown(theirs), theirs, shown(ours), ours);
    if (theirs == NULL && ours == NULL)
        return state_file_fail(s, -EINVAL, "the state is of a machine with the same devices in another order");
    return state_file_fail(s, -EINVAL, "the state is of a machine %s \"%.*s\"", theirs != NULL ? "with" : "without",
                           shown(theirs != NULL ? theirs : ours), theirs != NULL ? theirs : ours);
}

int state_expect_devices(struct StateFile *s, struct Machine *m) {
    unsigned version;
    int64_t size;
    int r = state_file_expect(s, section, 0, 1, TEXT_MAX, &version, &size);
    if (r != 0)
        return r;
    char *saved = calloc(1, (size_t)size + 1), *mine = describe(m);
    r = saved == NULL || mine == NULL ? out_of_memory(s) : state_file_read(s, saved, (size_t)size);
    if (r == 0)
        r = compare(s, saved, mine);
    free(saved);
    free(mine);
    return r;
}
