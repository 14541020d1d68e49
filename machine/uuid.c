/* SPDX-License-Identifier: MIT */
#include "machine/uuid.h"

#include <stdio.h>

void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT_SIZE]) {
    for (unsigned i = 0; i < 16; i++) {
        const char *dash = i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "";
        text += sprintf(text, "%02x%s", uuid[i], dash);
    }
}
