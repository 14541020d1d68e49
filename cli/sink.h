/* SPDX-License-Identifier: MIT */
/**
 * Where guest output goes. The machine's threads append to a buffer, which must not block; the main thread writes it
 * out. Only when the buffer is full does the guest wait for the host's file or terminal.
 */
#ifndef TWIN86_CLI_SINK_H
#define TWIN86_CLI_SINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SINK_SIZE = 65536 };

struct Sink {
    pthread_mutex_t mutex;
    int fd;      /* -1: discard */
    int wake_fd; /* eventfd that is signalled when there is something to flush */
    bool broken; /* a write failed: the rest is discarded */
    size_t used;
    uint8_t data[SINK_SIZE];
};

void sink_init(struct Sink *s, int fd, int wake_fd);
/** Append. Any thread. */
void sink_put(struct Sink *s, const uint8_t *data, size_t size);
/** Write out what is there. Any thread. False: the file can't be written (errno says why). */
bool sink_flush(struct Sink *s);

#endif
