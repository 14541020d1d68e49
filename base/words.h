/* SPDX-License-Identifier: MIT */
/** Words of options and of monitors, and what they mean: tables that end with a row without a name. Any thread. */
#ifndef TWIN86_BASE_WORDS_H
#define TWIN86_BASE_WORDS_H

#include "base/nearest.h"

struct Word {
    const char *name;
    int value;
};

/** The row of that name; NULL: there is none. */
const struct Word *word_find(const struct Word *list, const char *name);
/** The first name of that value; NULL: it has none. */
const char *word_name(const struct Word *list, int value);
/** nearest_consider of all names. */
void words_consider(struct Nearest *near, const struct Word *list, const char *wanted);

#endif
