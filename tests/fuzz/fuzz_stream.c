/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the frames of -netdev stream: whatever bytes come, in whatever pieces, each frame is one that was in them,
 * none is lost or changed, and what is no stream of frames is given up.
 *
 * A libFuzzer target (devices.sh). The input's first bytes say in which pieces it is read; the same is taken apart here
 * another way, and compared.
 */
#include "base/bytes.h"
#include "net/framing.h"
#include "tests/fuzz/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_stream: %s\n", what);
    abort();
}

/* What must come next, of the whole of it. As framing_next. */
static int expect(const uint8_t *all, size_t size, size_t *at, size_t *bytes) {
    while (*at + FRAMING_PREFIX <= size) {
        size_t length = get_be32(all + *at);
        if (length > NET_FRAME_MAX)
            return -EPROTO;
        if (length > size - *at - FRAMING_PREFIX)
            return 0;
        *bytes = length;
        *at += FRAMING_PREFIX + length;
        if (length >= NET_FRAME_MIN)
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct FrameReader r;
    struct Input in = {data, size};
    uint8_t step = input_byte(&in);
    const uint8_t *all = in.data, *frame;
    size_t left = in.left, given = 0, at = 0, bytes, want = 0, room;
    r.begin = r.end = 0;
    for (unsigned turn = 0; given < left; turn++) {
        uint8_t *to = framing_room(&r, &room);
        size_t n = 1 + (size_t)(step * (turn + 1)) % 97;
        demand(room > 0, "no room");
        n = n < room ? n : room;
        n = n < left - given ? n : left - given;
        memcpy(to, all + given, n);
        framing_added(&r, n);
        given += n;
        int got, should;
        do {
            got = framing_next(&r, &frame, &bytes);
            should = expect(all, given, &at, &want);
            demand(got == should, "another number of frames");
            demand(got != 1 || (bytes == want && memcmp(frame, all + at - want, want) == 0), "another frame");
        } while (got == 1);
        if (got < 0)
            return 0;
    }
    return 0;
}
