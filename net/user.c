/* SPDX-License-Identifier: MIT */
/* -netdev user as a kind of host end; user_slirp.c is what it does. */
#include "net/user.h"
#include "net/user_options.h"

#include <arpa/inet.h>

bool user_is(const struct Netdev *d) { return d->kind == &netdev_user; }

static void describe(const struct Netdev *d, char *text, size_t n) {
    const struct UserOptions *o = d->options;
    struct UserNetwork u;
    char unused[8], net[INET_ADDRSTRLEN] = "off";
    if (user_network(&u, o, unused, sizeof(unused)) == 0 && u.ipv4)
        inet_ntop(AF_INET, &u.net, net, sizeof(net));
    snprintf(text, n, "net=%s,restrict=%s", net, o->restricted ? "on" : "off");
}

const struct NetdevKind netdev_user = {
    .name = "user",
    .properties = USER_PROPERTIES,
    .description = "a network of the program's own (libslirp)",
    .keys = user_keys,
    .options_size = sizeof(struct UserOptions),
    .defaults = user_defaults,
    .open = user_open,
    .start = user_start,
    .close = user_close,
    .describe = describe,
};
