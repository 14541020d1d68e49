/* SPDX-License-Identifier: MIT */
/* The engines of a pair, by name. */
#include "diff/diff.h"

#include <errno.h>
#include <string.h>

static const struct DiffRunnerOps *const runners[] = {
    &diff_tcg_runner,
    &diff_host_runner,
#ifdef HAVE_KVM
    &diff_kvm_runner,
#endif
};

static const struct DiffRunnerOps *find(const char *name, size_t n) {
    for (unsigned k = 0; k < sizeof(runners) / sizeof(runners[0]); k++)
        if (strlen(runners[k]->name) == n && !strncmp(runners[k]->name, name, n))
            return runners[k];
    return NULL;
}

int diff_find_engines(const char *list, const struct DiffRunnerOps **a, const struct DiffRunnerOps **b, char *why,
                      size_t n) {
    if (list == NULL)
        list = "tcg-lite,host";
    const char *comma = strchr(list, ',');
    const struct DiffRunnerOps *first = comma != NULL ? find(list, (size_t)(comma - list)) : NULL;
    *b = comma != NULL ? find(comma + 1, strlen(comma + 1)) : NULL;
    if (first == NULL || *b == NULL || (a == NULL && first != &diff_tcg_runner))
        return snprintf(why, n, "--engines '%s': two are wanted, as in tcg-lite,host; there are tcg-lite, host and kvm",
                        list),
               -EINVAL;
    if (a != NULL)
        *a = first;
    return 0;
}
