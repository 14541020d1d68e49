/* SPDX-License-Identifier: MIT */
/** What the child process of the engine `host` (host_child.h) and its parent share. */
#ifndef TWIN86_DIFF_HOST_MAIL_H
#define TWIN86_DIFF_HOST_MAIL_H

#include <stdint.h>

/** Beside the stub's control page (stub.h) and the memory of cases. */
struct HostMail {
    uint64_t fs; /* the base of FS that the system knows of the child */
};

/** How a run ended, as the child tells it. */
enum HostWord {
    HOST_READY = 'r', /* it waits for a batch */
    HOST_DONE = 'd',
    HOST_LOST = 'l',   /* the stub's memory is destroyed */
    HOST_FAILED = 'f', /* it can't be set up */
};

#endif
