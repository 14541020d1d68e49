/* SPDX-License-Identifier: MIT */
/* Levenshtein's distance. See nearest.h. */
#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

/* How many letters must change, come or go to make `b` of `a`; long names are far apart. */
static unsigned distance(const char *a, const char *b) {
    enum { MOST = 32 };
    unsigned row[MOST + 1], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);
    if (la > MOST || lb > MOST)
        return MOST;
    for (unsigned j = 0; j <= lb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[lb];
}

void nearest_consider(struct Nearest *n, const char *wanted, const char *name) {
    unsigned d = distance(wanted, name);
    if (n->name == NULL || d < n->distance)
        *n = (struct Nearest){name, d};
}
