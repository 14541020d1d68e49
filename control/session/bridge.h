/* SPDX-License-Identifier: MIT */
/** Clients that come by a character device of the machine's, whatever its host end is. */
#ifndef TWIN86_DEBUG_SESSION_BRIDGE_H
#define TWIN86_DEBUG_SESSION_BRIDGE_H

#include "control/session/session.h"

/** Call `fn` with a socket for each one who comes at the other side of that character device, until the session ends.
 * 0, or -errno with one line in `why`. */
int bridge_open(struct Session *s, const char *id, SessionAccept *fn, void *opaque, char *why, size_t n);

#endif
