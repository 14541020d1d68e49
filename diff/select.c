/* SPDX-License-Identifier: MIT */
/* Which cases and forms are wanted, by name. */
#include "diff/diff.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

const char *diff_next_pattern(const char *list, char *word, size_t n) {
    size_t length = strcspn(list, ",");
    snprintf(word, n, "%.*s", (int)(length < n ? length : n - 1), list);
    return list[length] == ',' ? list + length + 1 : list + length;
}

bool diff_name_wanted(const char *patterns, const char *name) {
    char word[DIFF_PATTERN];
    while (*patterns != '\0') {
        patterns = diff_next_pattern(patterns, word, sizeof(word));
        if (fnmatch(word, name, FNM_CASEFOLD) == 0)
            return true;
    }
    return false;
}
