/* SPDX-License-Identifier: MIT */
/** Bytes as text: base64 (RFC 4648), and what is UTF-8 (RFC 3629). */
#ifndef TWIN86_DEBUG_QMP_BASE64_H
#define TWIN86_DEBUG_QMP_BASE64_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/** A string; NULL when out of memory. */
struct json_object *base64_encode(const uint8_t *data, size_t n);
/** As many bytes as there are come to `to`, which has room for strlen(text); SIZE_MAX: it is no base64. */
size_t base64_decode(const char *text, uint8_t *to);
/** How many bytes the first character has, of `n` bytes; 0: it is none. */
size_t utf8_length(const uint8_t *data, size_t n);

#endif
