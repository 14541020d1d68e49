/* SPDX-License-Identifier: MIT */
/**
 * What a device tells somebody who looks (tracing): what the guest does wrong with it, and what becomes of interrupts.
 * A device has a pointer to one of these, which is NULL when nobody looks. Called with the machine lock held; must not
 * change anything.
 */
#ifndef TWIN86_DEVICES_DEVICE_LOG_H
#define TWIN86_DEVICES_DEVICE_LOG_H

#include <stddef.h>
#include <stdint.h>

struct DeviceLog {
    /** The guest did something that the device does not know or allow: `what` in a few words, `value` the culprit. */
    void (*error)(void *opaque, const char *device, const char *what, uint64_t value);
    /** "accepts vector", "end of interrupt": `what` happened to `number`. */
    void (*irq)(void *opaque, const char *device, const char *what, unsigned number);
    void *opaque;
};

static inline void device_error(const struct DeviceLog *log, const char *device, const char *what, uint64_t value) {
    if (log != NULL && log->error != NULL)
        log->error(log->opaque, device, what, value);
}

static inline void device_irq(const struct DeviceLog *log, const char *device, const char *what, unsigned number) {
    if (log != NULL && log->irq != NULL)
        log->irq(log->opaque, device, what, number);
}

#endif
