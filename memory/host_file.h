/* SPDX-License-Identifier: MIT */
/** Reading files of the host as a whole: kernels, symbols. */
#ifndef TWIN86_MEMORY_HOST_FILE_H
#define TWIN86_MEMORY_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How long a pipe may bring nothing. */
enum { HOST_FILE_WAIT_MS = 30000 };

/**
 * Read all of `path` into *data, to be freed by the caller, and one byte more of it is allocated. What is no plain file
 * (a FIFO, a shell's <(...)) is read to its end, too, unless `plain_only`: then this never waits. 0, or -errno:
 * -EISDIR, -EFBIG (more than `most` bytes), -ETIMEDOUT (nothing came for HOST_FILE_WAIT_MS), -EINVAL (not plain), ...
 * Any thread.
 */
int host_file_read(const char *path, bool plain_only, uint64_t most, uint8_t **data, size_t *size);

#endif
