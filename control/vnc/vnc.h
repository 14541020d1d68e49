/* SPDX-License-Identifier: MIT */
/** The screen, keyboard and mouse of a session's machine for viewers that speak RFB (RFC 6143), by libvncserver. */
#ifndef TWIN86_CONTROL_VNC_VNC_H
#define TWIN86_CONTROL_VNC_VNC_H

#include "control/session/session.h"

/** Whether this build has libvncserver. */
bool vnc_is_there(void);
/**
 * Serve viewers at `spec`, as QEMU's -vnc: "[HOST]:DISPLAY" (HOST: loopback; TCP port 5900 + DISPLAY) or "unix:PATH",
 * with ",share=allow-exclusive|ignore" and ",password=on|off" behind it, until the session ends. With a password nobody
 * may look before one is set. In a thread of its own, with an event loop: a viewer that is slow delays other viewers,
 * and neither guest nor monitor. Before the guest starts. 0, or -errno with one line in `why`: -ENOTSUP without
 * libvncserver.
 */
int vnc_serve(struct Session *s, const char *spec, char *why, size_t n);

enum { VNC_VIEWERS_MOST = 16 };

/** A viewer, or where viewers are waited for: numeric host and port; of a unix socket its path and "". */
struct VncPlace {
    char host[256], service[32];
    const char *family; /* "ipv4", "ipv6", "unix" */
};

/** The session's server, as QMP and the monitor show it. */
struct VncStatus {
    struct VncPlace where, viewer[VNC_VIEWERS_MOST];
    unsigned viewers;
    bool password; /* viewers are asked for one */
};

/** The first server of the session. False: it has none. */
bool vnc_status(struct Session *s, struct VncStatus *status);
/** For viewers that come from now on, at every server that asks for one. 0, or -errno with one line in `why`. */
int vnc_set_password(struct Session *s, const char *password, char *why, size_t n);
/** From when on it is no good: "now", "never", "+SECONDS", or seconds since 1970. 0, or -errno with `why`. */
int vnc_expire_password(struct Session *s, const char *when, char *why, size_t n);

/** keysyms.c: the key of a keyboard en-us that makes this X11 keysym, as of devices/input/i8042.h; 0: there is none. */
uint16_t vnc_key_of(uint32_t keysym);

#endif
