/* SPDX-License-Identifier: MIT */
/** Display adapters of a machine, and who looks at them. */
#ifndef TWIN86_MACHINE_DISPLAY_H
#define TWIN86_MACHINE_DISPLAY_H

#include "devices/vga/vga.h"
#include "display/picture.h"
#include "display/surface.h"

struct Machine;

struct MachineDisplay {
    struct Vga vga;
    bool plugged;           /* it is there */
    char id[64];            /* as QMP calls it; "": it has none */
    struct Surface surface; /* what was drawn last; nothing while nobody has looked */
};

/** -vga, as the configuration has it. Before other devices: it takes the first slot. 0, or -errno with `why`. */
int display_create(struct Machine *m, char *why, size_t n);
void display_destroy(struct Machine *m);
/** -device VGA. 0, or -errno with `why`. */
int display_add_vga(struct Machine *m, const char *device, char *list, char *why, size_t n);
void display_reset(struct Machine *m);
void display_restored(struct Machine *m);

/** Draw what is to be seen into m->display.surface. Lock held. 0, or -errno with `why`: -ENODEV without an adapter. */
int display_update(struct Machine *m, char *why, size_t n);
/** Write it to a file; device NULL or "": the one that there is, else its id. Lock not held. 0, or -errno with `why`.
 */
int display_dump(struct Machine *m, const char *device, const char *path, enum PictureFormat format, char *why,
                 size_t n);

#endif
