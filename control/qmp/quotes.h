/* SPDX-License-Identifier: MIT */
/**
 * Single-quoted strings, which QMP takes beside JSON's own, as JSON strings. The JSON library stays strict.
 */
#ifndef TWIN86_CONTROL_QMP_QUOTES_H
#define TWIN86_CONTROL_QMP_QUOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Where in the input we are. Zeroed: between strings. */
struct QmpQuotes {
    char quote;   /* the string's: ' or ", or 0 outside of strings */
    bool escaped; /* the last byte was a backslash, which is held back */
};

enum { QMP_QUOTES_GROW = 2 }; /* bytes out for a byte in, at most */

/**
 * Write to `out`, which has room for QMP_QUOTES_GROW * `size` bytes, what the tokener shall see of `in`; how many
 * bytes. Input may be cut anywhere. A line that ends within a string has a zero byte there, which is no JSON.
 */
size_t qmp_quotes(struct QmpQuotes *q, const uint8_t *in, size_t size, char *out);

#endif
