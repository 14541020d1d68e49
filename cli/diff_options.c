/* SPDX-License-Identifier: MIT */
#include "diff_options.h"
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DIFFERENT = 1 };

int diff_complain(const char *command, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "twin86: diff %s: ", command);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_BAD_USAGE;
}

bool diff_parse_count(const char *s, uint64_t *v) {
    char *end;
    errno = 0;
    if (s[0] < '0' || s[0] > '9')
        return false;
    *v = strtoull(s, &end, 0);
    uint64_t unit = *end == 'K' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 1;
    end += unit != 1;
    return errno == 0 && *end == '\0' && !__builtin_mul_overflow(*v, unit, v);
}

/** One option at argv[*i]. 0, or the exit code. */
static int parse_option(const struct DiffOption *options, char **argv, int argc, int *i) {
    const char *command = argv[0], *arg = argv[*i], *equals = strchr(arg, '=');
    size_t length = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct DiffOption *o = options;
    while (o->name != NULL && (strlen(o->name) != length || strncmp(o->name, arg, length) != 0))
        o++;
    if (o->name == NULL)
        return diff_complain(command, "unknown option '%s'; twin86 diff %s --help lists what there is", arg, command);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o->flag != NULL) {
        *o->flag = true;
        if (value != NULL && o->text == NULL)
            return diff_complain(command, "%s takes no argument", o->name);
        if (value != NULL)
            *o->text = value;
        return 0;
    }
    if (value == NULL && ++*i == argc)
        return diff_complain(command, "%s needs an argument", o->name);
    value = value != NULL ? value : argv[*i];
    if (o->text != NULL)
        *o->text = value;
    else if (!diff_parse_count(value, o->count))
        return diff_complain(command, "%s '%s' is no number, such as 1000 or 2M", o->name, value);
    return 0;
}

int diff_parse(const struct DiffOption *options, const char *usage, int argc, char **argv, unsigned *files) {
    *files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
        }
        if (argv[i][0] != '-') {
            argv[1 + (*files)++] = argv[i];
            continue;
        }
        int e = parse_option(options, argv, argc, &i);
        if (e != 0)
            return e;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return -1;
}

int diff_result(const char *command, int e, const char *why) {
    if (e >= 0)
        return fflush(stdout) != 0 ? EXIT_INTERNAL : e == 0 ? EXIT_OK : EXIT_DIFFERENT;
    diff_complain(command, "%s", why);
    return e == -EINVAL ? EXIT_BAD_USAGE : EXIT_INTERNAL;
}
