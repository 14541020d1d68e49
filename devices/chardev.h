/* SPDX-License-Identifier: MIT */
/**
 * What a character device (UART, debug console) is connected to on the host side.
 *
 * Callbacks run with the machine lock held, in whatever thread runs the device, and must not block.
 */
#ifndef TWIN86_DEVICES_CHARDEV_H
#define TWIN86_DEVICES_CHARDEV_H

#include <stddef.h>
#include <stdint.h>

/** The far end of a character device. Any callback may be NULL. */
struct CharBackend {
    /** Bytes the guest sent. The backend takes all of them (it buffers or drops what the host cannot take). */
    void (*write)(void *opaque, const uint8_t *buf, size_t len);
    /** The device refused input earlier and now has room again: offer the rest (directly or later). */
    void (*input_ready)(void *opaque);
    void *opaque;
};

static inline void char_write(const struct CharBackend *b, const uint8_t *buf, size_t len) {
    if (b->write != NULL)
        b->write(b->opaque, buf, len);
}

static inline void char_input_ready(const struct CharBackend *b) {
    if (b->input_ready != NULL)
        b->input_ready(b->opaque);
}

#endif
