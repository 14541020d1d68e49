/* SPDX-License-Identifier: MIT */
/** The screen, keyboard and mouse of a session's machine for viewers that speak RFB (RFC 6143), by libvncserver. */
#ifndef TWIN86_CONTROL_VNC_VNC_H
#define TWIN86_CONTROL_VNC_VNC_H

#include "control/session/session.h"

/** Whether this build has libvncserver. */
bool vnc_is_there(void);
/**
 * Serve viewers at `spec`, as QEMU's -vnc: "[HOST]:DISPLAY" (HOST: loopback; TCP port 5900 + DISPLAY) or "unix:PATH",
 * with ",share=allow-exclusive" or ",share=ignore" behind it, until the session ends. In a thread of its own, with an
 * event loop: a viewer that is slow delays other viewers, and neither guest nor monitor. Before the guest starts. 0, or
 * -errno with one line in `why`: -ENOTSUP without libvncserver.
 */
int vnc_serve(struct Session *s, const char *spec, char *why, size_t n);

/** keysyms.c: the key of a keyboard en-us that makes this X11 keysym, as of devices/input/i8042.h; 0: there is none. */
uint16_t vnc_key_of(uint32_t keysym);

#endif
