/* SPDX-License-Identifier: MIT */
#include "base/lists.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *list_cut(char **list) {
    char *start = *list, *to = start, *from = start;

    while (*from != '\0') {
        if (*from == ',' && from[1] != ',')
            break;
        if (*from == ',')
            from++;
        *to++ = *from++;
    }
    *list = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    return start;
}

bool list_cut_property(char **list, char **key, char **value) {
    if (*list == NULL)
        return false;
    *key = list_cut(list);
    *value = strchr(*key, '=');
    if (*value != NULL)
        *(*value)++ = '\0';
    return true;
}

bool list_number(const char *text, uint64_t max, uint64_t *number) {
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 0);
    return *end == '\0' && errno == 0 && *number <= max;
}

bool list_pci_slot(const char *text, uint64_t max, uint64_t *slot) {
    char *end;
    if (!isxdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *slot = strtoull(text, &end, 16);
    return (*end == '\0' || strcmp(end, ".0") == 0) && errno == 0 && *slot <= max;
}

bool list_switch(const char *text, bool *on) {
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}
