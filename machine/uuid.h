/* SPDX-License-Identifier: MIT */
/** UUIDs as text (RFC 4122, 3). */
#ifndef TWIN86_MACHINE_UUID_H
#define TWIN86_MACHINE_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 };

/** 32 hexadecimal digits as 8-4-4-4-12. */
void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]);

/** The reverse; false: the text is no such thing. */
bool uuid_parse(const char *text, uint8_t uuid[16]);

#endif
