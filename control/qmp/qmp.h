/* SPDX-License-Identifier: MIT */
/**
 * QMP, the JSON protocol by which programs drive QEMU: greeting, qmp_capabilities, commands with ids, events.
 * A build without json-c has none of it.
 */
#ifndef TWIN86_DEBUG_QMP_QMP_H
#define TWIN86_DEBUG_QMP_QMP_H

#include "control/session/session.h"

enum {
    QMP_DEPTH_MAX = 32,    /* nesting of what a client sends */
    QMP_INPUT_MAX = 65536, /* bytes of one value that it sends */
    QMP_CLIENTS_MAX = 8,
};

/** Serve on a socket (listen.h), at most QMP_CLIENTS_MAX at a time. 0, or -errno with `why`; -ENOSYS without json-c. */
int qmp_serve(struct Session *s, const char *spec, char *why, size_t n);

/**
 * One client, for those who have bytes from elsewhere (tests). `write` gets what is to be sent, whole lines. NULL when
 * out of memory, or without json-c.
 */
struct Qmp *qmp_new(struct Session *s, void (*write)(void *opaque, const void *data, size_t size), void *opaque);
/** Bytes came, in pieces of any size. */
void qmp_input(struct Qmp *q, const uint8_t *data, size_t size);
void qmp_free(struct Qmp *q);

#endif
