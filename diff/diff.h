/* SPDX-License-Identifier: MIT */
/** What the files of this folder share with each other and with the library's interface. */
#ifndef TWIN86_DIFF_DIFF_H
#define TWIN86_DIFF_DIFF_H

#include "cpu/cpuid.h"

#include "include/twin86.h"

/** Take out of the model what the host's processor does not have. */
void diff_host_model(struct CpuModel *m);

#endif
