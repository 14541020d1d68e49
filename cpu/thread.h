/* SPDX-License-Identifier: MIT */
/** Threads that a library may start in a program it does not know. */
#ifndef TWIN86_CPU_THREAD_H
#define TWIN86_CPU_THREAD_H

#include <pthread.h>

/** As pthread_create, but the thread takes no signals that are sent to the process: those are for the program's own
 *  threads. Signals of the thread's own mistakes (SIGSEGV ...) stay as they are. 0 or -errno. */
int thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg);

#endif
