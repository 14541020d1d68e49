/* SPDX-License-Identifier: MIT */
/* Without libvncserver there is no VNC. */
#include "control/vnc/vnc.h"

#include <errno.h>
#include <stdio.h>

bool vnc_is_there(void) { return false; }

int vnc_serve(struct Session *s, const char *spec, char *why, size_t n) {
    (void)s, (void)spec;
    snprintf(why, n, "this build has no libvncserver (libvncserver-dev), so no VNC");
    return -ENOTSUP;
}
