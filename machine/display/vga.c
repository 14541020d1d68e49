/* SPDX-License-Identifier: MIT */
/* -vga std, -device VGA. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VIDEO_BIOS "vgabios-stdvga.bin"
#define PROPERTIES "vgamem_mb=1..256,edid=on|off,xres=N,yres=N,bus=pci.0,addr=SLOT,id=ID,romfile=FILE"

enum { SIDE_LEAST = 64, SIDE_MOST = 4095 /* EDID has 12 bits for it */ };

struct VgaProperties {
    struct VgaConfig config;
    struct VirtioPlug plug;
};

static bool side(const char *value, uint16_t *side) {
    uint64_t number;
    if (!list_number(value, SIDE_MOST, &number) || number < SIDE_LEAST)
        return false;
    *side = (uint16_t)number;
    return true;
}

/* A power of two: memory is behind a BAR. */
static bool megabytes(const char *value, uint32_t *mib) {
    uint64_t number;
    if (!list_number(value, VGA_MEMORY_MOST, &number) || number < VGA_MEMORY_LEAST || (number & (number - 1)) != 0)
        return false;
    *mib = (uint32_t)number;
    return true;
}

static bool take_property(struct VgaProperties *p, const char *key, const char *value) {
    bool edid;
    if (value == NULL)
        return false;
    if (strcmp(key, "vgamem_mb") == 0)
        return megabytes(value, &p->config.memory_mib);
    if (strcmp(key, "xres") == 0)
        return side(value, &p->config.x_pref);
    if (strcmp(key, "yres") == 0)
        return side(value, &p->config.y_pref);
    if (strcmp(key, "edid") != 0)
        return virtio_plug_property(&p->plug, key, value);
    if (!list_switch(value, &edid))
        return false;
    p->config.no_edid = !edid;
    return true;
}

static int add_rom(struct Machine *m, struct PciDevice *pci, const char *file, char *why, size_t n) {
    return file != NULL ? firmware_add_pci_rom(m, pci, file, why, n)
                        : firmware_add_usual_rom(m, pci, VIDEO_BIOS, why, n);
}

static int plug(struct Machine *m, const struct VgaProperties *p, const char *name, char *why, size_t n) {
    struct MachineDisplay *d = &m->display;
    unsigned slot;
    int r = virtio_choose_slot(m, &p->plug, name, &slot, why, n);
    if (r != 0)
        return r;
    if (d->plugged)
        return why_set(why, n, -EBUSY, "%s: there is a display adapter already; one is the most (-vga none)", name);
    if ((r = vga_init(&d->vga, m->clock, &p->config)) != 0)
        return why_errno(why, n, r, name);
    if ((r = add_rom(m, &d->vga.pci, p->plug.romfile, why, n)) != 0)
        return r;
    if ((r = pci_add_device(&m->pci, &d->vga.pci, slot, 0)) != 0 || (r = vga_map(&d->vga, m->bus)) != 0)
        return why_errno(why, n, r, name);
    snprintf(d->id, sizeof(d->id), "%s", p->plug.id != NULL ? p->plug.id : "");
    d->plugged = true;
    return 0;
}

int display_add_vga(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct VgaProperties p = {.config.memory_mib = VGA_MEMORY_DEFAULT};
    char *key, *value;
    while (list_cut_property(&list, &key, &value))
        if (!take_property(&p, key, value))
            return why_set(why, n, -EINVAL, "-device %s: %s=%s is not right; " PROPERTIES " are", device, key,
                           value != NULL ? value : "");
    return plug(m, &p, device, why, n);
}

int display_create(struct Machine *m, char *why, size_t n) {
    struct VgaProperties p = {.config.memory_mib = VGA_MEMORY_DEFAULT};
    return m->config.vga == TWIN86_VGA_STD ? plug(m, &p, "-vga std", why, n) : 0;
}

void display_destroy(struct Machine *m) {
    surface_free(&m->display.surface);
    vga_destroy(&m->display.vga);
}

void display_reset(struct Machine *m) {
    if (m->display.plugged)
        vga_reset(&m->display.vga);
}

void display_restored(struct Machine *m) {
    if (m->display.plugged)
        vga_restored(&m->display.vga);
}
