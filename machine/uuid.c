/* SPDX-License-Identifier: MIT */
#include "machine/uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]) {
    for (unsigned i = 0; i < 16; i++) {
        const char *dash = i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "";
        text += sprintf(text, "%02x%s", uuid[i], dash);
    }
}

bool uuid_parse(const char *text, uint8_t uuid[16]) {
    unsigned n = 0;
    if (strlen(text) != UUID_TEXT_SIZE - 1)
        return false;
    for (unsigned i = 0; i < UUID_TEXT_SIZE - 1; i += 2) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash && text[i++] != '-')
            return false;
        if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]))
            return false;
        sscanf(text + i, "%2hhx", &uuid[n++]);
    }
    return true;
}
