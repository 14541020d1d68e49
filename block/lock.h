/* SPDX-License-Identifier: MIT */
/** Locks on image files, as QEMU takes them, so that both keep each other out. Private to block/. */
#ifndef TWIN86_BLOCK_LOCK_H
#define TWIN86_BLOCK_LOCK_H

#include <stdbool.h>
#include <stddef.h>

/** Lock `fd` for reading or for writing, nobody else writing. They end with the descriptor. 0; -EAGAIN: somebody has
 * it, *who says what is in the way; -ENOTSUP: the file system has no locks. */
int block_lock(int fd, bool write, const char **who);
/** Of what was locked for writing: others may read again. */
void block_lock_reading(int fd);

#endif
