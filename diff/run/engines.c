/* SPDX-License-Identifier: MIT */
/* The engines of a pair, by name. */
#include "diff/diff.h"

#include <errno.h>
#include <string.h>

static const struct DiffRunnerOps *const fast_runners[] = {
    &diff_tcg_runner,
    &diff_jit_runner,
    &diff_host_runner,
#ifdef HAVE_KVM
    &diff_kvm_runner,
#endif
    NULL,
};

static const struct DiffRunnerOps *const runners[] = {
    &diff_tcg_system_runner,
    &diff_jit_system_runner,
    &diff_plain_system_runner,
#ifdef HAVE_KVM
    &diff_kvm_system_runner,
#endif
    NULL,
};

static const struct DiffRunnerOps *find(const struct DiffRunnerOps *const *from, const char *name, size_t n) {
    for (; *from != NULL; from++)
        if (strlen((*from)->name) == n && !strncmp((*from)->name, name, n))
            return *from;
    return NULL;
}

int diff_find_engines(const char *list, bool fast, const struct DiffRunnerOps **a, const struct DiffRunnerOps **b,
                      char *why, size_t n) {
    if (list == NULL)
        list = fast ? "tcg-lite,host" : "tcg-lite,kvm";
    const char *comma = strchr(list, ',');
    fast = fast && (comma == NULL || strcmp(comma, ",plain") != 0);
    const struct DiffRunnerOps *const *from = fast ? fast_runners : runners;
    const struct DiffRunnerOps *first = comma != NULL ? find(from, list, (size_t)(comma - list)) : NULL;
    *b = comma != NULL ? find(from, comma + 1, strlen(comma + 1)) : NULL;
    if (first == NULL || *b == NULL || (a == NULL && strcmp(first->name, diff_tcg_runner.name) != 0))
        return snprintf(
                   why, n,
                   "--engines '%s': two are wanted, as in tcg-lite,host; there are tcg-lite, kvm, plain (tcg-lite with "
                   "plain=on), jit (with jit=eager) and, in 64-, 32- and 16-bit user code, host",
                   list),
               -EINVAL;
    if (a != NULL)
        *a = first;
    return 0;
}
