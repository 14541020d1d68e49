/* SPDX-License-Identifier: MIT */
/* The leader's accesses to devices, and the follower's, which must be the same. See lockstep_follow.h. */
#include "diff/guest/lockstep_follow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const space_names[] = {"memory", "port", "MSR"};

/* ---- bytes ---- */

static bool grow(struct LockLog *log) {
    size_t capacity = log->capacity == 0 ? 256 : 2 * log->capacity;
    struct LogByte *p = realloc(log->byte, capacity * sizeof(*p));
    if (p == NULL) {
        log->no_memory = true;
        return false;
    }
    log->byte = p;
    log->capacity = capacity;
    return true;
}

void lock_log_note(struct LockLog *log, enum LogSpace space, bool write, uint64_t address, const void *data, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (log->count == log->capacity && !grow(log))
            return;
        log->byte[log->count++] = (struct LogByte){.address = space == LOG_MSR ? address : address + i,
                                                   .space = (uint8_t)space,
                                                   .write = write,
                                                   .value = ((const uint8_t *)data)[i]};
    }
}

static void describe(const struct LogByte *b, char *text, size_t n) {
    snprintf(text, n, "%s %s %" PRIx64 ": %02x", b->write ? "writes" : "reads", space_names[b->space], b->address,
             b->value);
}

static bool matches(const struct LogByte *a, const struct LogByte *b) {
    return a->space == b->space && a->write == b->write && a->address == b->address &&
           (!a->write || a->value == b->value);
}

bool lock_log_take(struct LockLog *log, enum LogSpace space, bool write, uint64_t address, void *data, size_t n) {
    bool same = true;
    for (size_t i = 0; i < n; i++) {
        uint8_t *value = (uint8_t *)data + i;
        struct LogByte mine = {
            .address = space == LOG_MSR ? address : address + i, .space = (uint8_t)space, .write = write};
        mine.value = write ? *value : 0;
        const struct LogByte *his = log->taken < log->count ? &log->byte[log->taken] : NULL;
        if (his != NULL && matches(his, &mine)) {
            log->taken++;
            if (!write)
                *value = his->value;
            continue;
        }
        char text[2][64] = {"nothing", ""};
        if (his != NULL)
            describe(his, text[0], sizeof(text[0]));
        describe(&mine, text[1], sizeof(text[1]));
        lock_diffs_add(&log->odd, LOCK_DEVICE, "device access", text[0], text[1]);
        if (!write)
            *value = 0xff;
        same = false;
    }
    return same;
}

void lock_log_finish(struct LockLog *log, struct LockDiffs *d) {
    for (unsigned i = 0; i < log->odd.count; i++)
        lock_diffs_add(d, LOCK_DEVICE, log->odd.item[i].name, log->odd.item[i].value[0], log->odd.item[i].value[1]);
    for (; log->taken < log->count; log->taken++) {
        char text[64];
        describe(&log->byte[log->taken], text, sizeof(text));
        lock_diffs_add(d, LOCK_DEVICE, "device access", text, "nothing");
    }
    if (log->no_memory)
        lock_diffs_add(d, LOCK_DEVICE, "device access", "no memory to keep it", "");
    lock_diffs_clear(&log->odd);
    log->count = log->taken = 0;
}

/* ---- the two taps ---- */

static void note(void *opaque, const struct BusAccess *a) {
    lock_log_note(opaque, a->port ? LOG_PORT : LOG_MEMORY, a->write, a->address, a->data, a->size);
}

static void answer(void *opaque, const struct BusAccess *a) {
    lock_log_take(opaque, a->port ? LOG_PORT : LOG_MEMORY, a->write, a->address, a->data, a->size);
}

void lock_log_init(struct LockLog *log) {
    *log = (struct LockLog){
        .leader = {.after = note, .opaque = log},
        .follower = {.instead = answer, .opaque = log},
    };
}

void lock_log_destroy(struct LockLog *log) { free(log->byte); }
