/* SPDX-License-Identifier: MIT */
/** Fields of messages. Whatever a client sends, nothing is read or written beyond its message and its reply's room. */
#ifndef TWIN86_FS9P_WIRE_H
#define TWIN86_FS9P_WIRE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/** What is left of a message; `bad`: something was read that was not there. */
struct Reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static inline const uint8_t *get_bytes(struct Reader *r, size_t n) {
    static const uint8_t nothing[8];
    if (n > r->left) {
        r->bad = true;
        r->left = 0;
        return n <= sizeof(nothing) ? nothing : NULL;
    }
    const uint8_t *at = r->at;
    r->at += n;
    r->left -= n;
    return at;
}

static inline uint8_t get_u8(struct Reader *r) { return get_bytes(r, 1)[0]; }
static inline uint16_t get_u16(struct Reader *r) { return get_le16(get_bytes(r, 2)); }
static inline uint32_t get_u32(struct Reader *r) { return get_le32(get_bytes(r, 4)); }
static inline uint64_t get_u64(struct Reader *r) { return get_le64(get_bytes(r, 8)); }

/** A string, not terminated. */
struct Text {
    const uint8_t *bytes;
    uint16_t size;
};

static inline struct Text get_text(struct Reader *r) {
    uint16_t size = get_u16(r);
    const uint8_t *bytes = get_bytes(r, size);
    return bytes != NULL && !r->bad ? (struct Text){bytes, size} : (struct Text){(const uint8_t *)"", 0};
}

static inline bool text_is(struct Text t, const char *s) {
    return t.size == strlen(s) && memcmp(t.bytes, s, t.size) == 0;
}

/** What is there of a reply; `full`: there was no room for something. */
struct Writer {
    uint8_t *start;
    size_t used, room;
    bool full;
};

/** Room for n bytes; NULL: there is none. */
static inline uint8_t *put_room(struct Writer *w, size_t n) {
    if (n > w->room - w->used) {
        w->full = true;
        return NULL;
    }
    w->used += n;
    return w->start + w->used - n;
}

static inline void put_number(struct Writer *w, uint64_t v, unsigned bytes) {
    uint8_t *at = put_room(w, bytes);
    if (at != NULL)
        put_le(at, v, bytes);
}

static inline void put_u8(struct Writer *w, uint8_t v) { put_number(w, v, 1); }
static inline void put_u16(struct Writer *w, uint16_t v) { put_number(w, v, 2); }
static inline void put_u32(struct Writer *w, uint32_t v) { put_number(w, v, 4); }
static inline void put_u64(struct Writer *w, uint64_t v) { put_number(w, v, 8); }

static inline void put_text(struct Writer *w, const void *bytes, size_t size) {
    put_u16(w, (uint16_t)size);
    uint8_t *at = put_room(w, size);
    if (at != NULL && size > 0)
        memcpy(at, bytes, size);
}

#endif
