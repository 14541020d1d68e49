/* SPDX-License-Identifier: MIT */
/** Doorbells of virtio devices that an engine rings by eventfds (memory/doorbell.h), and who hears them. */
#ifndef TWIN86_MACHINE_DOORBELLS_H
#define TWIN86_MACHINE_DOORBELLS_H

struct Machine;

/** Add those of all virtio devices, if an engine wants them and nobody wants to see each access. The event loop is
 * there. 0 or -errno. */
int machine_wire_doorbells(struct Machine *m);
/** What has been rung and not heard yet is heard now: the machine stands still, and nothing is to be on its way. */
void machine_hear_doorbells(struct Machine *m);
/** The event loop and the engines have gone. */
void machine_destroy_doorbells(struct Machine *m);

#endif
