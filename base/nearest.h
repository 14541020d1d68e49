/* SPDX-License-Identifier: MIT */
/**
 * The name that is nearest to one that nobody knows, for the line that refuses it:
 *
 *     struct Nearest near = {0};
 *     for (...)
 *         nearest_consider(&near, wanted, known[i]);      // near.name: the best so far, NULL when there was none
 *
 * Any thread.
 */
#ifndef TWIN86_BASE_NEAREST_H
#define TWIN86_BASE_NEAREST_H

struct Nearest {
    const char *name;
    unsigned distance; /* letters to change, to add or to leave out */
};

/** Names of more than 32 letters are far from all. */
void nearest_consider(struct Nearest *n, const char *wanted, const char *name);

#endif
