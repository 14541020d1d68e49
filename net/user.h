/* SPDX-License-Identifier: MIT */
/**
 * -netdev user: a network of the program's own, by libslirp, with DHCP, DNS and TFTP servers, from which the guest
 * reaches what the program reaches. What monitors ask of it. net/README.md tells how it is served.
 *
 * All functions but user_is_there: machine lock held.
 */
#ifndef TWIN86_NET_USER_H
#define TWIN86_NET_USER_H

#include "net/netdev.h"

/** NetdevKind's functions. */
int user_open(struct Netdev *d, char *why, size_t n);
int user_start(struct Netdev *d, char *why, size_t n);
void user_close(struct Netdev *d);

/** Whether this twin86 has it: built with libslirp. Any thread. */
bool user_is_there(void);
/** `d` is of this kind. */
bool user_is(const struct Netdev *d);
/** What else than sockets it works with: files (tftp=), programs that it starts (guestfwd=...-cmd:). */
struct UserNeeds {
    bool files, programs;
};
struct UserNeeds user_needs(const struct Netdev *d);
/** "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT". 0 or -errno with `why`. */
int user_add_forward(struct Netdev *d, const char *rule, char *why, size_t n);
/** "[tcp|udp]:[HOSTADDR]:HOSTPORT". 0 or -errno with `why`. */
int user_remove_forward(struct Netdev *d, const char *rule, char *why, size_t n);
/** `info usernet`: its connections and forwarded ports. */
void user_print(const struct Netdev *d, FILE *f);

#endif
