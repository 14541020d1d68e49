/* SPDX-License-Identifier: MIT */
/* Without libvncserver there is no VNC. */
#include "control/vnc/vnc.h"

#include <errno.h>
#include <stdio.h>

bool vnc_is_there(void) { return false; }

static int no_vnc(char *why, size_t n) {
    snprintf(why, n, "this build has no libvncserver (libvncserver-dev), so no VNC");
    return -ENOTSUP;
}

int vnc_serve(struct Session *s, const char *spec, char *why, size_t n) {
    (void)s, (void)spec;
    return no_vnc(why, n);
}

bool vnc_status(struct Session *s, struct VncStatus *status) {
    (void)s, (void)status;
    return false;
}

int vnc_set_password(struct Session *s, const char *password, char *why, size_t n) {
    (void)s, (void)password;
    return no_vnc(why, n);
}

int vnc_expire_password(struct Session *s, const char *when, char *why, size_t n) {
    (void)s, (void)when;
    return no_vnc(why, n);
}
