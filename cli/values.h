/* SPDX-License-Identifier: MIT */
/** Values of options: each function is true, and stores what it read, if all of `text` is such a value. */
#ifndef TWIN86_CLI_VALUES_H
#define TWIN86_CLI_VALUES_H

#include <stdbool.h>
#include <stdint.h>

/** The next "key=value" or "value" (then *value is NULL, and *key what there is) of a comma-separated list; false at
 * its end. The list is cut up. */
bool next_item(char **list, char **key, char **value);
/** A number from 0 to `max`, decimal, or hexadecimal behind 0x. */
bool parse_number(const char *text, uint64_t max, uint64_t *number);
/** A size with a suffix B, K, M, G or T; MiB without one. */
bool parse_size(const char *text, uint64_t *bytes);
/** "2026-01-31" or "2026-01-31T12:00:00", UTC: seconds since 1970. */
bool parse_date(const char *text, int64_t *seconds);
/** "on" or "off". */
bool parse_switch(const char *text, bool *on);
/** "6ba7b810-9dad-11d1-80b4-00c04fd430c8". */
bool parse_uuid(const char *text, uint8_t uuid[16]);

#endif
