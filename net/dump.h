/* SPDX-License-Identifier: MIT */
/**
 * -object filter-dump: what goes over a link, into a file of libpcap's format, which tcpdump and wireshark open. Frames
 * are as they were sent: with offloads, checksums may be missing and TCP be in long pieces, as on a Linux host.
 *
 * Opening and closing: no lock; the rest is called with the machine lock held.
 */
#ifndef TWIN86_NET_DUMP_H
#define TWIN86_NET_DUMP_H

#include "net/net.h"

struct NetDump {
    struct NetDump *next;
    struct NetWatcher watcher;
    struct NetEnd *end;
    char *id, *file;
    int fd;
    int error;       /* errno for which it has ended; 0: none */
    uint64_t frames; /* written */
    size_t most;     /* bytes of each */
};

enum { NET_DUMP_MOST = 65536 };

/** Watch `end` from now on. An existing file is overwritten. 0 and *dump, or -errno with `why`. */
int net_dump_open(struct NetDump **dump, struct NetEnd *end, const char *id, const char *file, size_t most, char *why,
                  size_t n);
/** NULL is allowed; its end is still there. */
void net_dump_close(struct NetDump *dump);

#endif
