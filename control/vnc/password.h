/* SPDX-License-Identifier: MIT */
/** The password of a VNC server: asked for by viewers, set from another thread. */
#ifndef TWIN86_CONTROL_VNC_PASSWORD_H
#define TWIN86_CONTROL_VNC_PASSWORD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    VNC_PASSWORD_BYTES = 8, /* the protocol knows no more of one */
    VNC_EXPIRES_MOST = INT32_MAX,
};

struct VncPassword {
    pthread_mutex_t lock; /* of what follows `wanted` */
    bool wanted;          /* viewers are asked for one; fixed */
    bool known;           /* one has been set: before that every viewer is refused */
    char text[VNC_PASSWORD_BYTES + 1];
    bool expires;
    time_t end; /* expires: from then on it is no good */
};

void vnc_password_init(struct VncPassword *p, bool wanted);
void vnc_password_destroy(struct VncPassword *p);

/** Its first eight bytes count. False: viewers are not asked for one. */
bool vnc_password_set(struct VncPassword *p, const char *text);
/** `when`: "now", "never", "+SECONDS", or seconds since 1970. 0, or -EINVAL: it is none of these. */
int vnc_password_expire(struct VncPassword *p, const char *when);
/** Whether the `n` bytes of `answer` are what the right password makes of the 16 bytes of `challenge`. */
bool vnc_password_good(struct VncPassword *p, const uint8_t challenge[16], const char *answer, size_t n);

#endif
