/* SPDX-License-Identifier: MIT */
#include "debug/ranges.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char **s, uint64_t *v) {
    char *end;
    if (!isdigit((unsigned char)**s))
        return false;
    errno = 0;
    *v = strtoull(*s, &end, 0);
    *s = end;
    return errno == 0;
}

/* One range at *s, which moves behind it. */
static bool range(const char **s, uint64_t *first, uint64_t *last) {
    uint64_t a, b;
    if (!number(s, &a))
        return false;
    if (strncmp(*s, "..", 2) == 0) {
        *s += 2;
        *first = a;
        return number(s, last) && *last >= a;
    }
    char sign = **s;
    if (sign != '+' && sign != '-')
        return false;
    (*s)++;
    if (!number(s, &b) || b == 0)
        return false;
    *first = sign == '+' ? a : a - (b - 1);
    *last = sign == '+' ? a + (b - 1) : a;
    return *first <= *last;
}

int ranges_parse(const char *text, struct Ranges *r, char *why, size_t n) {
    r->count = 0;
    if (text == NULL || *text == '\0')
        return 0;
    for (const char *s = text;;) {
        const char *item = s;
        if (r->count == RANGES_MAX) {
            snprintf(why, n, "-dfilter: more than %d ranges", RANGES_MAX);
            return -EINVAL;
        }
        bool ok = range(&s, &r->range[r->count].first, &r->range[r->count].last);
        if (!ok || (*s != ',' && *s != '\0')) {
            snprintf(why, n,
                     "-dfilter: '%.*s' is no range; write START..END, START+SIZE or START-SIZE, such as "
                     "0x100000+0x1000",
                     (int)strcspn(item, ",") > 60 ? 60 : (int)strcspn(item, ","), item);
            return -EINVAL;
        }
        r->count++;
        if (*s++ == '\0')
            return 0;
    }
}
