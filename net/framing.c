/* SPDX-License-Identifier: MIT */
#include "net/framing.h"
#include "base/bytes.h"

#include <errno.h>
#include <string.h>

_Static_assert(FRAMING_BUFFER >= FRAMING_PREFIX + NET_FRAME_MAX, "the longest frame fits");

uint8_t *framing_room(struct FrameReader *r, size_t *room) {
    if (r->begin > 0) {
        memmove(r->data, r->data + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    *room = sizeof(r->data) - r->end;
    return r->data + r->end;
}

int framing_next(struct FrameReader *r, const uint8_t **frame, size_t *bytes) {
    while (r->end - r->begin >= FRAMING_PREFIX) {
        uint32_t length = get_be32(r->data + r->begin);
        if (length > NET_FRAME_MAX)
            return -EPROTO;
        if (r->end - r->begin - FRAMING_PREFIX < length)
            return 0;
        *frame = r->data + r->begin + FRAMING_PREFIX;
        *bytes = length;
        r->begin += FRAMING_PREFIX + length;
        if (length >= NET_FRAME_MIN)
            return 1;
    }
    return 0;
}
