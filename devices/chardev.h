/* SPDX-License-Identifier: MIT */
/**
 * What a character device (UART, debug console) is connected to on the host side.
 *
 * Callbacks run with the machine lock held, in whatever thread runs the device, and must not block.
 */
#ifndef TWIN86_DEVICES_CHARDEV_H
#define TWIN86_DEVICES_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The far end of a character device. Any callback may be NULL. */
struct CharBackend {
    /** Bytes the guest sent. The backend takes all of them (it buffers or drops what the host cannot take). */
    void (*write)(void *opaque, const uint8_t *buf, size_t len);
    /** False: the host can't take more for now, and device code calls (the UART's uart_output_ready) say when it can.
     * NULL: it always can. */
    bool (*can_write)(void *opaque);
    /** The device refused input earlier and now has room again: offer the rest (directly or later). */
    void (*input_ready)(void *opaque);
    void *opaque;
};

static inline void char_write(const struct CharBackend *b, const uint8_t *buf, size_t len) {
    if (b->write != NULL)
        b->write(b->opaque, buf, len);
}

static inline bool char_can_write(const struct CharBackend *b) {
    return b->can_write == NULL || b->can_write(b->opaque);
}

static inline void char_input_ready(const struct CharBackend *b) {
    if (b->input_ready != NULL)
        b->input_ready(b->opaque);
}

#endif
