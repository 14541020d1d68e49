/* SPDX-License-Identifier: MIT */
/**
 * Within the child process of the engine `host`: into cases and out of them again. Exceptions are signals.
 *
 * The handler is entered with whatever a case has left in FS, GS, DS, ES and in memory: it uses nothing of the C
 * library, and finds what it needs at the beginning of its stack.
 */
#ifndef TWIN86_DIFF_HOST_SIGNAL_H
#define TWIN86_DIFF_HOST_SIGNAL_H

#include "diff/run/host_mail.h"

#include <stdbool.h>
#include <stddef.h>

/** Take the signals of exceptions; cases may be run then. For a program's main thread. False: the system refuses. */
bool diff_host_signals(struct HostMail *mail);

/** Block all other signals, die with the parent: for a process that does nothing but run cases. False likewise. */
bool diff_host_alone(void);

/** Whether the system has a segment for 32-bit code of programs. */
bool diff_host_has_code32(void);
/** Whether it gives programs segments of a local descriptor table (one entry is written). */
bool diff_host_has_local(void);

/** From now on this process can do nothing but what the functions below do; any other call of the system is SIGSYS. */
bool diff_host_lock(void);

/** Whether RDFSBASE and its like may be used, once signals are taken. */
bool diff_host_bases(void);

/** Run the cases that the stub's control page or mail->frames hold: HOST_DONE, HOST_LOST, HOST_REFUSED. */
enum HostWord diff_host_start(void);

/** One byte from or to a pipe: 1, or another value. */
long diff_host_read(int fd, char *word, size_t one);
long diff_host_write(int fd, const char *word, size_t one);
_Noreturn void diff_host_exit(int code);

/** End such a process, from its parent. */
void diff_host_end(int pid);

#endif
