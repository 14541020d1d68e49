/* SPDX-License-Identifier: MIT */
/* The password that viewers are asked for (RFC 6143, 7.2.2: DES over a challenge, by the first eight bytes). */
#include "control/vnc/password.h"

#include <errno.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void vnc_password_init(struct VncPassword *p, bool wanted) {
    *p = (struct VncPassword){.wanted = wanted};
    uint8_t nothing[CHALLENGESIZE] = {0};
    if (wanted) /* libraries of ciphers open files when they are used first, which the sandbox does not allow */
        rfbEncryptBytes(nothing, p->text);
    pthread_mutex_init(&p->lock, NULL);
}

void vnc_password_destroy(struct VncPassword *p) {
    pthread_mutex_destroy(&p->lock);
    explicit_bzero(p, sizeof(*p));
}

bool vnc_password_set(struct VncPassword *p, const char *text) {
    if (!p->wanted)
        return false;
    pthread_mutex_lock(&p->lock);
    explicit_bzero(p->text, sizeof(p->text));
    memcpy(p->text, text, strnlen(text, VNC_PASSWORD_BYTES));
    p->known = true;
    pthread_mutex_unlock(&p->lock);
    return true;
}

int vnc_password_expire(struct VncPassword *p, const char *when) {
    char *end = NULL;
    const bool never = strcmp(when, "never") == 0, now = strcmp(when, "now") == 0, later = when[0] == '+';
    const char *digits = when + later;
    unsigned long long seconds = strtoull(digits, &end, 10);
    if (!never && !now && (digits[0] < '0' || digits[0] > '9' || *end != '\0' || seconds > VNC_EXPIRES_MOST))
        return -EINVAL;
    pthread_mutex_lock(&p->lock);
    p->expires = !never;
    p->end = now ? 0 : (time_t)seconds + (later ? time(NULL) : 0);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

bool vnc_password_good(struct VncPassword *p, const uint8_t challenge[CHALLENGESIZE], const char *answer, size_t n) {
    uint8_t right[CHALLENGESIZE], differ = 0;
    if (n != sizeof(right))
        return false;
    memcpy(right, challenge, sizeof(right));
    pthread_mutex_lock(&p->lock);
    bool valid = p->known && (!p->expires || time(NULL) < p->end);
    rfbEncryptBytes(right, p->text);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < sizeof(right); i++) /* the same time for every answer */
        differ |= right[i] ^ (uint8_t)answer[i];
    return differ == 0 && valid;
}
