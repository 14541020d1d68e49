/* SPDX-License-Identifier: MIT */
/**
 * The engines of this build, and the choice among them.
 */
#ifndef TWIN86_ACCEL_REGISTRY_H
#define TWIN86_ACCEL_REGISTRY_H

#include "accel/accel.h"

/** All engines of this build, NULL-terminated. */
extern const struct AccelOps *const accel_engines[];
const struct AccelOps *accel_find(const char *name);
/** The one that executes instructions by itself, wherever this program runs. */
const struct AccelOps *accel_software(void);

/**
 * Choose from a list like "kvm:tcg-lite" or "tcg-lite,opt=x": the first that probes well. On success *chosen and
 * *options are set and `why` holds one line for the person if an earlier one was passed over (else ""). Returns 0,
 * -EINVAL for an unknown name anywhere in the list, or the last probe's -errno; `why` then holds the message. *options
 * points into `list`.
 */
int accel_choose(const char *list, const struct AccelOps **chosen, const char **options, char *why, size_t n);
/** The same from a given NULL-terminated set of engines. */
int accel_choose_from(const struct AccelOps *const *engines, const char *list, const struct AccelOps **chosen,
                      const char **options, char *why, size_t n);

#endif
