/* SPDX-License-Identifier: MIT */
/** The child process of the engine `host`, as its parent sees it. It is made anew whenever a case has ended it. */
#ifndef TWIN86_DIFF_HOST_CHILD_H
#define TWIN86_DIFF_HOST_CHILD_H

#include "diff/generate/space.h"
#include "diff/run/host_mail.h"

#include <sys/types.h>

struct HostChild {
    const struct DiffSpace *space;
    struct HostMail *mail;
    pid_t pid; /* 0: there is none */
    int fd;    /* to it and from it; -1: closed */
};

/** How a batch ended. */
enum HostEnd {
    HOST_END_DONE,
    HOST_END_LOST,  /* a case has destroyed what runs cases */
    HOST_END_DIED,  /* the process is gone */
    HOST_END_REFUSED, /* the system does not give a case its segments; the process goes on */
    HOST_END_STUCK, /* the case does not come to an end; the process is gone by now */
};

/** Make the process: the space's pages are at their addresses there. 0, or -errno with one line in `why`. */
int host_child_start(struct HostChild *c, const struct DiffSpace *space, struct HostMail *mail, char *why, size_t n);
/** End it, if there is one. */
void host_child_stop(struct HostChild *c);

/**
 * Let it run the batch that the stub's control page or mail->frames hold. *progress changes with every case that is
 * done; a case for which it stands still for long is one that does not end. Processor time counts, and time asleep in
 * the kernel, but not time that others have the processor.
 */
enum HostEnd host_child_run(struct HostChild *c, const volatile uint32_t *progress);

#endif
