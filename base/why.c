/* SPDX-License-Identifier: MIT */
#include "base/why.h"

#include <stdio.h>
#include <string.h>

int why_setv(char *why, size_t n, int r, const char *format, va_list ap) {
    vsnprintf(why, n, format, ap);
    return r;
}

int why_set(char *why, size_t n, int r, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(why, n, r, format, ap);
    va_end(ap);
    return r;
}

int why_errno(char *why, size_t n, int r, const char *what) { return why_set(why, n, r, "%s: %s", what, strerror(-r)); }

void why_addv(char *why, size_t n, const char *format, va_list ap) {
    size_t used = n > 0 ? strnlen(why, n) : 0;
    if (used < n)
        vsnprintf(why + used, n - used, format, ap);
}

void why_add(char *why, size_t n, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_addv(why, n, format, ap);
    va_end(ap);
}
