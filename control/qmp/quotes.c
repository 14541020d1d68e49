/* SPDX-License-Identifier: MIT */
#include "control/qmp/quotes.h"

/* A byte behind a backslash: \' is no escape of JSON's. */
static size_t put_escaped(uint8_t c, char *out) {
    size_t n = 0;
    if (c != '\'')
        out[n++] = '\\';
    out[n++] = (char)c;
    return n;
}

static size_t put_in_string(struct QmpQuotes *q, uint8_t c, char *out) {
    size_t n = 0;
    if (c == '\\') {
        q->escaped = true;
        return 0;
    }
    if (c == (uint8_t)q->quote) {
        q->quote = 0;
        c = '"';
    } else if (c == '"') {
        out[n++] = '\\';
    }
    out[n++] = (char)c;
    return n;
}

size_t qmp_quotes(struct QmpQuotes *q, const uint8_t *in, size_t size, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = in[i];
        if (c == '\n') {
            if (q->quote != 0)
                out[n++] = '\0';
            *q = (struct QmpQuotes){0};
            out[n++] = '\n';
        } else if (q->escaped) {
            q->escaped = false;
            n += put_escaped(c, out + n);
        } else if (q->quote != 0) {
            n += put_in_string(q, c, out + n);
        } else {
            if (c == '\'' || c == '"')
                q->quote = (char)c;
            out[n++] = c == '\'' ? '"' : (char)c;
        }
    }
    return n;
}
