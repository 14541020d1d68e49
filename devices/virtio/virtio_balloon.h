/* SPDX-License-Identifier: MIT */
/**
 * Virtio balloon (specification 1.2, 5.5): the guest gives pages to its host and takes them back, tells statistics of
 * its memory, and, with free page reporting, which pages hold nothing just now. What it gives really goes: the pages
 * leave the host's memory.
 *
 * A turn handles VIRTIO_BALLOON_TURN pages at most; what is left waits for virtio_balloon_continue.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_BALLOON_H
#define TWIN86_DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

enum {
    VIRTIO_BALLOON_PAGE = 4096, /* bytes, whatever the guest's pages are */
    VIRTIO_BALLOON_TURN = 16384,
    VIRTIO_BALLOON_STATS = 10,  /* tags (5.5.6.3) */
    VIRTIO_BALLOON_CONFIG = 16, /* bytes of configuration space */
};

/** Kinds of statistics by their tags; bytes or numbers of events. */
extern const char *const virtio_balloon_stat_names[VIRTIO_BALLOON_STATS];

struct VirtioBalloonState {
    struct VirtioState virtio;
    uint32_t pages;  /* that the host wants */
    uint32_t actual; /* that the driver says it has given */
    uint32_t poison; /* what the driver fills free pages with */
    uint16_t stats_head;
    bool stats_held; /* the buffer for statistics, which begins at stats_head, is here */
    bool more;       /* the last turn left something */
    uint64_t done;   /* of the buffer that the last turn left: pages that were handled, */
    uint16_t head;   /* where it begins, */
    uint8_t queue;   /* and its queue; busy: there is one */
    bool busy;
    uint8_t unused[4];
    uint64_t stats_known; /* bit n: stat[n] was told */
    uint64_t stat[VIRTIO_BALLOON_STATS];
    uint64_t stats_told; /* how often */
};

struct VirtioBalloonConfig {
    bool deflate_on_oom, reporting;
};

struct VirtioBalloonOps {
    /** These whole pages of guest-physical memory hold nothing. */
    void (*discard)(void *opaque, uint64_t gpa, uint64_t size);
    /** Call virtio_balloon_continue soon. */
    void (*more)(void *opaque);
    /** The driver says that it has given another number of pages. May be NULL. */
    void (*changed)(void *opaque);
    /** It has told new statistics. May be NULL. */
    void (*stats_came)(void *opaque);
};

struct VirtioBalloon {
    struct VirtioBalloonState state;
    struct Virtio virtio;
    const struct VirtioBalloonOps *ops;
    void *opaque;
    uint8_t space[VIRTIO_BALLOON_CONFIG];
};

/** Make it on a function that does its DMA. */
void virtio_balloon_init(struct VirtioBalloon *b, struct PciDevice *pci, const struct VirtioBalloonConfig *config,
                         const struct VirtioBalloonOps *ops, void *opaque);
/** Ask the guest to have given so many pages. It does when it likes. */
void virtio_balloon_set_pages(struct VirtioBalloon *b, uint32_t pages);
/** Ask the guest for new statistics. False: it has no buffer for them here, as while it works on the last request. */
bool virtio_balloon_ask_stats(struct VirtioBalloon *b);
/** The next turn. */
void virtio_balloon_continue(struct VirtioBalloon *b);
extern const struct StateTable virtio_balloon_state_table;
/** The state was restored. */
void virtio_balloon_restored(struct VirtioBalloon *b);

#endif
