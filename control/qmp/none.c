/* SPDX-License-Identifier: MIT */
/* What a build without json-c has in place of QMP. */
#include "control/qmp/qmp.h"

#include <errno.h>
#include <stdio.h>

int qmp_serve(struct Session *s, const char *spec, char *why, size_t n) {
    (void)s, (void)spec;
    snprintf(why, n, "this build has no QMP; json-c was missing (Debian package libjson-c-dev)");
    return -ENOSYS;
}

struct Qmp *qmp_new(struct Session *s, void (*write)(void *opaque, const void *data, size_t size), void *opaque) {
    (void)s, (void)write, (void)opaque;
    return NULL;
}

void qmp_input(struct Qmp *q, const uint8_t *data, size_t size) { (void)q, (void)data, (void)size; }
void qmp_free(struct Qmp *q) { (void)q; }
