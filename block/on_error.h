/* SPDX-License-Identifier: MIT */
/** What becomes of the host's errors at a drive: QEMU's werror= and rerror=. Any thread. */
#ifndef TWIN86_BLOCK_ON_ERROR_H
#define TWIN86_BLOCK_ON_ERROR_H

#include <errno.h>

enum BlockOnError {
    BLOCK_ERROR_REPORT, /* the guest is told */
    BLOCK_ERROR_IGNORE, /* the guest is not: what was to be read is zeroes */
    BLOCK_ERROR_STOP,   /* the machine stops; when it goes on, it is tried again */
    BLOCK_ERROR_ENOSPC, /* stop if the host's disk is full, else report; of writes */
};

/** What that policy means for this error (-errno): all but ENOSPC. */
static inline enum BlockOnError block_error_action(enum BlockOnError policy, int error) {
    if (policy != BLOCK_ERROR_ENOSPC)
        return policy;
    return error == -ENOSPC ? BLOCK_ERROR_STOP : BLOCK_ERROR_REPORT;
}

#endif
