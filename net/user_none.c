/* SPDX-License-Identifier: MIT */
/* -netdev user, built without libslirp: refused. */
#include "base/why.h"
#include "net/user.h"

#include <errno.h>

bool user_is_there(void) { return false; }

int user_open(struct Netdev *d, char *why, size_t n) {
    (void)d;
    return why_set(why, n, -ENOTSUP,
                   "-netdev user: this twin86 was built without libslirp; install libslirp-dev and build it anew");
}

int user_start(struct Netdev *d, char *why, size_t n) {
    (void)d, (void)why, (void)n;
    return -ENOTSUP;
}

void user_close(struct Netdev *d) { (void)d; }

int user_add_forward(struct Netdev *d, const char *rule, char *why, size_t n) {
    (void)d, (void)rule;
    return why_set(why, n, -ENOTSUP, "there is no user network");
}

int user_remove_forward(struct Netdev *d, const char *rule, char *why, size_t n) {
    return user_add_forward(d, rule, why, n);
}

void user_print(const struct Netdev *d, FILE *f) { (void)d, (void)f; }
