/* SPDX-License-Identifier: MIT */
/* Values of options. See values.h. */
#include "values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool next_item(char **list, char **key, char **value) {
    if (*list == NULL)
        return false;
    *key = strsep(list, ",");
    *value = strchr(*key, '=');
    if (*value != NULL)
        *(*value)++ = '\0';
    return true;
}

bool parse_number(const char *text, uint64_t max, uint64_t *number) {
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return *end == '\0' && errno == 0 && *number <= max;
}

bool parse_size(const char *text, uint64_t *bytes) {
    static const char suffixes[] = "BKMGT";
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    uint64_t v = strtoull(text, &end, 10);
    unsigned power = 2;
    if (*end != '\0') {
        const char *s = strchr(suffixes, toupper((unsigned char)*end));
        if (s == NULL || end[1] != '\0')
            return false;
        power = (unsigned)(s - suffixes);
    }
    if (errno != 0 || v > UINT64_MAX >> (10 * power))
        return false;
    *bytes = v << (10 * power);
    return true;
}

bool parse_date(const char *text, int64_t *seconds) {
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end == NULL) {
        tm = (struct tm){0};
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    if (end == NULL || *end != '\0')
        return false;
    int day = tm.tm_mday;
    *seconds = timegm(&tm);
    return tm.tm_mday == day; /* timegm makes 2 March of 30 February */
}

bool parse_switch(const char *text, bool *on) {
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}

bool parse_uuid(const char *text, uint8_t uuid[16]) {
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    unsigned n = 0;
    if (strlen(text) != strlen(form))
        return false;
    for (unsigned i = 0; form[i] != '\0'; i++) {
        const char digits[] = {text[i], form[i + 1] != '\0' ? text[i + 1] : '\0', '\0'};
        if (form[i] == '-') {
            if (text[i] != '-')
                return false;
            continue;
        }
        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return false;
        uuid[n++] = (uint8_t)strtoul(digits, NULL, 16);
        i++;
    }
    return true;
}
