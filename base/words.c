/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include <stddef.h>
#include <string.h>

const struct Word *word_find(const struct Word *list, const char *name) {
    for (; list->name != NULL; list++)
        if (strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

const char *word_name(const struct Word *list, int value) {
    for (; list->name != NULL; list++)
        if (list->value == value)
            return list->name;
    return NULL;
}

void words_consider(struct Nearest *near, const struct Word *list, const char *wanted) {
    for (; list->name != NULL; list++)
        nearest_consider(near, wanted, list->name);
}
