/* SPDX-License-Identifier: MIT */
/**
 * The line that tells the person why something has failed. Whoever fails returns -errno and writes one line, without
 * its newline, into the `why` of whoever called, which has room for `n` bytes: longer lines are cut, and with `n` = 0
 * none is written. Any thread.
 */
#ifndef TWIN86_BASE_WHY_H
#define TWIN86_BASE_WHY_H

#include <stdarg.h>
#include <stddef.h>

/** Write the line; returns `r`, so that who fails says it in one statement. */
int why_set(char *why, size_t n, int r, const char *format, ...) __attribute__((format(printf, 4, 5)));
int why_setv(char *why, size_t n, int r, const char *format, va_list ap) __attribute__((format(printf, 4, 0)));
/** "WHAT: No such file or directory", of `r` = -errno, which it returns. */
int why_errno(char *why, size_t n, int r, const char *what);
/** Write more behind what is there. */
void why_add(char *why, size_t n, const char *format, ...) __attribute__((format(printf, 3, 4)));
void why_addv(char *why, size_t n, const char *format, va_list ap) __attribute__((format(printf, 3, 0)));

#endif
