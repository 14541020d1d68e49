/* SPDX-License-Identifier: MIT */
/**
 * What a machine has to say to those who watch it, and runs on: errors of drives, trays that moved, balloons. In a
 * queue of NEWS_MOST; of more than nobody has fetched in time the last are lost, since a guest can make as many as it
 * likes. What ends a run, resets and sleep are told otherwise (machine.h).
 */
#ifndef TWIN86_MACHINE_NEWS_H
#define TWIN86_MACHINE_NEWS_H

#include "machine/storage/storage.h"

enum NewsKind {
    NEWS_IO_ERROR,   /* an error of the host's at a drive */
    NEWS_TRAY_MOVED, /* of a CD-ROM */
    NEWS_BALLOON,    /* the guest has another amount of RAM now; waits once at most */
    NEWS_HIBERNATED, /* the guest has gone to sleep in S4: power-off follows */
};

struct News {
    enum NewsKind kind;
    /* Of drives: */
    char drive[64];               /* its id; "" if it is a -blockdev */
    char device[64];              /* the id of the device that shows it, else its own */
    char node[STORAGE_NODE_NAME]; /* the image's; "": there is none */
    bool write, open;             /* what failed; the tray is open now */
    int error;                    /* -errno */
    enum BlockOnError action;     /* what was done about it */
};

enum { NEWS_MOST = 64 };

struct NewsQueue {
    int fd; /* eventfd, readable while there is something */
    unsigned first, count;
    struct News item[NEWS_MOST];
};

/** 0 or -errno; news_destroy cleans up in either case. */
int news_init(struct NewsQueue *q);
void news_destroy(struct NewsQueue *q);

/* Machine lock held. */
void news_io_error(struct NewsQueue *q, const struct StorageDrive *d, bool write, int error, enum BlockOnError action);
void news_tray_moved(struct NewsQueue *q, const struct StorageDrive *d, bool open);
void news_plain(struct NewsQueue *q, enum NewsKind kind);
/** The oldest one. False: there is none. */
bool news_take(struct NewsQueue *q, struct News *n);

#endif
