/* SPDX-License-Identifier: MIT */
/** What the files of this folder share with each other and with the library's interface. */
#ifndef TWIN86_DIFF_DIFF_H
#define TWIN86_DIFF_DIFF_H

#include "diff/run/runner.h"

#include "include/twin86.h"

/** Whether QEMU emulates the processor: it is a weak oracle, see explained.c. */
bool diff_host_is_qemu(void);

/** Take out of the model what the host's processor does not have. */
void diff_host_model(struct CpuModel *m);

/** `fast`: runners of batches in 64-bit user mode, as far as there are; else those of any mode. "A,B" (NULL:
 * "tcg-lite,host"): the first must be tcg-lite where `a` is NULL. 0 or -EINVAL. */
int diff_find_engines(const char *list, bool fast, const struct DiffRunnerOps **a, const struct DiffRunnerOps **b,
                      char *why, size_t n);

enum { DIFF_PATTERN = 64 };

/** The first of patterns that are joined by commas, into `word`; what comes after it. */
const char *diff_next_pattern(const char *list, char *word, size_t n);
/** Whether one of these patterns (fnmatch(3), upper and lower case alike) is the name's. */
bool diff_name_wanted(const char *patterns, const char *name);

/** A file's contents (to be freed), or NULL with one line in `why`. */
char *diff_read_file(const char *path, size_t *size, char *why, size_t n);

#endif
