/* SPDX-License-Identifier: MIT */
/**
 * A client of a shared folder's server, on a temporary folder beside which another one lies that must stay as it is.
 */
#ifndef TWIN86_TESTS_UNIT_FS9P_BENCH_H
#define TWIN86_TESTS_UNIT_FS9P_BENCH_H

#include "fs9p/internal.h"

enum { ROOT = 0, OUT = 1, IN = 2 }; /* fid 0 is the root's */

struct Client {
    struct Fs9p *fs;
    char top[64], folder[80], outside[80]; /* top/in is the server's, top/out is not */
    uint8_t message[FS9P_MESSAGE], reply[FS9P_MESSAGE];
    struct Fs9pRequest request;
    struct Reader in; /* what the last reply holds */
    unsigned replies;
};

/** Make the folders, serve one of them, say Tversion and attach the root. False: this file system has no extended
 *  attributes, which the model needs. */
bool client_open(struct Client *c, struct Fs9pOptions o);
/** End, and remove the folders. */
void client_close(struct Client *c);

/** Put a message together: b, w, d, q numbers of 1, 2, 4 and 8 bytes, s a string, t a string of (bytes, size), n data
 * of (bytes, size). Its size. */
size_t message(uint8_t *to, uint8_t type, uint16_t tag, const char *format, ...);
/** Send one and wait: 0, with c->in at what the reply holds, or -errno of Rlerror. */
int call(struct Client *c, uint8_t type, const char *format, ...);
/** What is in c->message, of that size. */
int call_raw(struct Client *c, size_t size, size_t room);

/** Walk from the root along "a/b/c" to a new fid. */
int walk(struct Client *c, uint32_t to, const char *path);
int clunk(struct Client *c, uint32_t fid);
/** A file with that content, by the server; on the host, in or beside the folder. */
int create(struct Client *c, const char *name, const char *content);
void host_put(const struct Client *c, const char *where, const char *content);
/** What is there on the host; "" if nothing is. */
const char *host_get(const struct Client *c, const char *where);
/** Path of "in/..." or "out/..." */
const char *host_path(const struct Client *c, const char *where);
/** How many descriptors this process has. */
unsigned open_descriptors(void);

#endif
