/* SPDX-License-Identifier: MIT */
/** The child process of runner_host.c: into the stub and out of it again, exceptions as signals. */
#ifndef TWIN86_DIFF_HOST_SIGNAL_H
#define TWIN86_DIFF_HOST_SIGNAL_H

#include <stdbool.h>

/** Let every signal of an exception lead into the stub, and die with the parent. For a process that does nothing else.
 */
bool diff_host_signals(void);

/** Run the stub until it has done all its cases. */
void diff_host_enter(void);

/** End such a process. */
void diff_host_end(int pid);

#endif
