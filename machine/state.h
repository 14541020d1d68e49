/* SPDX-License-Identifier: MIT */
/**
 * The state of a whole machine, saved to a stream and restored from one: registers and run state of every vCPU, devices
 * by their field tables (devices/state.h), timers, the clock, work on its way to the guest, RAM. What a later run does
 * is a function of that, of what the machine was made and loaded with, and of host input; so a guest goes on in
 * another machine, made and loaded in the same way, as if nothing had happened.
 *
 * Not saved: what belongs to the host's side (outputs that are held, statistics, debuggers' points, an event that
 * nobody has taken yet), what an embedder's hooks hold, and what is in disk images, which must be as they were.
 *
 * The stream is read and written from its beginning to its end, without seeking: sections in a fixed order, each with
 * its name, an instance number (of a vCPU), a version, and its size; integers are little-endian. All but RAM comes
 * first. RAM is its pages that are not all zero.
 */
#ifndef TWIN86_MACHINE_STATE_H
#define TWIN86_MACHINE_STATE_H

#include "machine/machine.h"

#include <stdio.h>

/**
 * Save to `f`. The machine must be parked, and stays so; it does not change. The caller flushes and closes `f`, which
 * should be no descriptor that blocks for ever. Any thread; lock not held. 0, or with one line in `why`: -EBUSY (it
 * runs, or a device waits for the host: a disk at work), -ENOMEM, -EIO or what else the stream's error was.
 */
int machine_save(struct Machine *m, FILE *f, char *why, size_t n);

/**
 * Take over a saved state. The machine must be parked, and made and loaded as the one that was saved (options of the
 * guest's machine, devices, drives and their places, CPU model, guest); engines may differ as far as they give the same
 * CPU model. The stream may be anything: it is believed in nothing, and makes nothing grow but the guest's RAM. Any
 * thread; lock not held.
 *
 * 0, or with one line in `why`: -EBUSY, -ENOMEM, -EINVAL (no such state, or of another machine), -EIO. As long as RAM's
 * section has not begun, a failure leaves the machine untouched. From there on (it is the last thing to be read) the
 * machine is reset: it would boot its guest, in RAM that holds anything.
 */
int machine_restore(struct Machine *m, FILE *f, char *why, size_t n);

/** The tables of sections that are no device's, for tests. The one behind the last is NULL. */
extern const struct StateTable *const machine_state_tables[];

#endif
