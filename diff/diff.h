/* SPDX-License-Identifier: MIT */
/** What the files of this folder share with each other and with the library's interface. */
#ifndef TWIN86_DIFF_DIFF_H
#define TWIN86_DIFF_DIFF_H

#include "diff/run/runner.h"

#include "include/twin86.h"

/** Whether QEMU emulates the processor: it is a weak oracle, see explained.c. */
bool diff_host_is_qemu(void);

/** Whether Linux is the guest of a paravirtual hypervisor such as PVM, which does not let it know all that programs can
 *  do: the processor has FSGSBASE, the kernel does not say so. */
bool diff_host_is_paravirtual(void);

/** Whose corners this processor has: AMD's (and Hygon's, which are Zens), or Intel's. */
enum CpuVendor diff_host_vendor(void);

/** The text of a CPU model to compare with this processor: `spec` (NULL: "max"), and the host's vendor unless it names
 *  one. To be freed; NULL when out of memory. */
char *diff_model_spec(const char *spec);
/** cpu_model_parse of that. */
int diff_model_parse(struct CpuModel *m, const char *spec, char *why, size_t n);

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
