/* SPDX-License-Identifier: MIT */
/* -netdev user as a kind of host end; user_slirp.c is what it does. */
#include "net/user.h"
#include "net/user_options.h"

#include <arpa/inet.h>

bool user_is(const struct Netdev *d) { return d->kind == &netdev_user; }

struct UserNeeds user_needs(const struct Netdev *d) {
    const struct UserOptions *o = d->options;
    struct UserNeeds needs = {.files = o->tftp != NULL};
    char unused[8];
    for (unsigned i = 0; i < o->guestfwd.count; i++) {
        struct UserGuestForward f;
        needs.programs |= user_guest_forward_parse(&f, o->guestfwd.item[i], unused, sizeof(unused)) == 0 && f.command;
    }
    return needs;
}

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
