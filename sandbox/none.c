/* SPDX-License-Identifier: MIT */
/* Built without libseccomp: there are no filters. */
#include "sandbox/filter.h"

#include <errno.h>

bool sandbox_is_there(void) { return false; }

int sandbox_compile(enum SandboxThread kind, const struct SandboxOptions *o, struct SandboxProgram **program) {
    (void)kind;
    (void)o;
    *program = NULL;
    return -ENOTSUP;
}
