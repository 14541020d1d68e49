/* SPDX-License-Identifier: MIT */
/**
 * The monitor: commands in lines of text, as QEMU's users type them. One function runs a line; the terminal, sockets,
 * QMP's human-monitor-command and gdb's `monitor` all call it.
 */
#ifndef TWIN86_DEBUG_MONITOR_MONITOR_H
#define TWIN86_DEBUG_MONITOR_MONITOR_H

#include "control/session/session.h"

#include <stdio.h>

enum {
    MONITOR_LINE_MAX = 4096, /* bytes of a line; longer ones are refused */
};

#define MONITOR_PROMPT "(twin86) "

/** Run one line; what it has to say, mistakes included, goes to `out` as lines. A guest that runs stands still while it
 *  is looked at. An empty line does nothing. *cpu is the index of the vCPU that it looks at, which the command `cpu`
 *  changes. */
void monitor_run(struct Session *s, unsigned *cpu, const char *line, FILE *out);

/** As monitor_run, into memory: *text (to be freed, never NULL on success) has the size that is returned, or -ENOMEM.
 */
long monitor_run_text(struct Session *s, unsigned *cpu, const char *line, char **text);

/** Call `fn` for every word that could take the place of the last one in `line`: commands, and what `info`, `help` and
 *  `log` know. */
void monitor_complete(const char *line, void (*fn)(void *opaque, const char *word), void *opaque);

/** Serve monitors on a socket (listen.h), each client its own, at most 8 at a time. 0, or -errno with `why`. */
int monitor_serve(struct Session *s, const char *spec, char *why, size_t n);

#endif
