/* SPDX-License-Identifier: MIT */
/* Sections of a saved state: what state.c, state_parts.c and state_ram.c share. See state.h. */
#ifndef TWIN86_MACHINE_STATE_FILE_H
#define TWIN86_MACHINE_STATE_FILE_H

#include "devices/state.h"

#include <stdio.h>

struct Machine;

/** A stream, and where to say what is wrong with it. */
struct StateFile {
    FILE *f;
    char *why;
    size_t why_size;
};

/** One line in `why`; returns `r`. */
int state_file_fail(struct StateFile *s, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* All functions: 0, or -errno with `why`. */

/** The stream's first bytes. */
int state_file_begin(struct StateFile *s);
int state_file_expect_begin(struct StateFile *s);

/** Bytes as they are. */
int state_file_write(struct StateFile *s, const void *data, size_t n);
int state_file_read(struct StateFile *s, void *data, size_t n);

enum { STATE_SIZE_OPEN = -1 }; /* of a section that tells by itself where it ends */

/** The beginning of a section. */
int state_file_section(struct StateFile *s, const char *name, unsigned instance, unsigned version, int64_t size);
/** The next section must be this one, of version 1 to `version` and of at most `max` bytes. */
int state_file_expect(struct StateFile *s, const char *name, unsigned instance, unsigned version, int64_t max,
                      unsigned *found_version, int64_t *size);

/** A section with a struct that has a table. What is read must be believable (state_load); on failure *state may be
 *  half overwritten. */
int state_file_put(struct StateFile *s, const char *name, unsigned instance, const struct StateTable *t,
                   const void *state);
int state_file_get(struct StateFile *s, const char *name, unsigned instance, const struct StateTable *t, void *state);

/* ---- state_parts.c ---- */

/** What the machine was made and loaded with: bytes that are the same where the guest would find the same machine. */
struct MachineIdentity;
int state_put_identity(struct StateFile *s, struct Machine *m);
int state_expect_identity(struct StateFile *s, struct Machine *m);

/** What devices and drives it has, and where (state_devices.c): the same. */
int state_put_devices(struct StateFile *s, struct Machine *m);
int state_expect_devices(struct StateFile *s, struct Machine *m);

/** All that is read before the machine is changed. */
struct SavedMachine;
int state_put_parts(struct StateFile *s, struct Machine *m);
/** Read and check them. *saved is to be freed by state_free_parts in any case. */
int state_get_parts(struct StateFile *s, struct Machine *m, struct SavedMachine **saved);
/** Let the machine have them. -errno: an engine's own interrupt controllers have refused theirs. */
int state_apply_parts(struct StateFile *s, struct Machine *m, const struct SavedMachine *saved);
void state_free_parts(struct SavedMachine *saved);

/* ---- state_ram.c ---- */

int state_put_ram(struct StateFile *s, struct Machine *m);
/** The section's head is checked first; -errno with *touched false: RAM is as it was. */
int state_get_ram(struct StateFile *s, struct Machine *m, bool *touched);

#endif
