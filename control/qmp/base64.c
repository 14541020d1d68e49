/* SPDX-License-Identifier: MIT */
#include "control/qmp/base64.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct json_object *base64_encode(const uint8_t *data, size_t n) {
    size_t size = (n + 2) / 3 * 4;
    char *text = malloc(size + 1), *to = text;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < n; i += 3) {
        unsigned left = n - i < 3 ? (unsigned)(n - i) : 3;
        uint32_t v = (uint32_t)data[i] << 16 | (left > 1 ? data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++)
            *to++ = k <= left ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    struct json_object *o = json_object_new_string_len(text, (int)size);
    free(text);
    return o;
}

size_t base64_decode(const char *text, uint8_t *to) {
    size_t length = strlen(text), n = 0;
    unsigned padding = 0;
    if (length % 4 != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t v = 0;
        for (unsigned k = 0; k < 4; k++) {
            const char *digit = text[i + k] != '=' ? strchr(digits, text[i + k]) : NULL;
            bool pad = text[i + k] == '=' && k >= 2 && i + 4 == length;
            if ((digit == NULL && !pad) || (digit != NULL && padding > 0))
                return SIZE_MAX;
            padding += pad;
            v = v << 6 | (digit != NULL ? (uint32_t)(digit - digits) : 0);
        }
        for (unsigned k = 0; k < 3 - padding; k++)
            to[n++] = (uint8_t)(v >> (16 - 8 * k));
    }
    return n;
}

/* No overlong forms, no surrogates, nothing beyond U+10FFFF. */
size_t utf8_length(const uint8_t *data, size_t n) {
    static const struct {
        uint8_t first, last, low, high; /* of the first byte; of the second */
        uint8_t length;
    } rows[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (data[0] < rows[i].first || data[0] > rows[i].last || n < rows[i].length)
            continue;
        if (rows[i].length > 1 && (data[1] < rows[i].low || data[1] > rows[i].high))
            return 0;
        for (unsigned k = 2; k < rows[i].length; k++)
            if ((data[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].length;
    }
    return 0;
}
