/* SPDX-License-Identifier: MIT */
/** From the table to a program that the kernel takes. Private to sandbox/ and its tests. */
#ifndef TWIN86_SANDBOX_FILTER_H
#define TWIN86_SANDBOX_FILTER_H

#include "sandbox/sandbox.h"

#include <linux/filter.h>

struct SandboxProgram {
    unsigned short count;
    struct sock_filter filter[];
};

/** The filter of one kind of thread. 0 and *program, to be freed; or -errno: -ENOTSUP: built without libseccomp. */
int sandbox_compile(enum SandboxThread kind, const struct SandboxOptions *o, struct SandboxProgram **program);

#endif
