/* SPDX-License-Identifier: MIT */
/* Names of system calls, by the kernel's headers. libseccomp's own function allocates, which a signal handler must not.
 */
#include "sandbox/rules.h"

static const char *const names[] = {
#include "sandbox/calls.h"
};

const char *sandbox_call_name(int call) {
    return call >= 0 && (unsigned)call < sizeof(names) / sizeof(names[0]) ? names[call] : NULL;
}
