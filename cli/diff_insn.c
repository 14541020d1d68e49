/* SPDX-License-Identifier: MIT */
/* twin86 diff insn. */
#include "diff.h"
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_DIFFERENT = 1 };

static const char usage[] =
    "Usage: twin86 diff insn [options]      instructions, one by one, on two engines\n"
    "  --forms PATTERN[,PATTERN]...   mnemonics such as 'PADD*', or cpuid=FEATURE (all)\n"
    "  --cases N                      how many cases; 2M and 1G are understood (1M)\n"
    "  --seed N                       the same cases come of the same seed (1)\n"
    "  --cpu MODEL[,+FEATURE]...      as -cpu; what the host lacks is left out (max)\n"
    "  --engines A,B                  of tcg-lite, host (this processor), kvm (tcg-lite,host)\n"
    "  --coverage                     list what was run of each form\n"
    "  --save DIR                     where files of differing cases go (.)\n"
    "Exit codes: 0 nothing differs but what is explained, 1 something differs, 2 bad usage, 6 could not go on.\n"
    "More: docs/diff.md\n";

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("twin86: diff insn: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    return EXIT_BAD_USAGE;
}

/** A number with an optional K, M or G (thousands). */
static bool parse_count(const char *s, uint64_t *v) {
    char *end;
    errno = 0;
    if (s[0] < '0' || s[0] > '9')
        return false;
    *v = strtoull(s, &end, 0);
    uint64_t unit = *end == 'K' ? 1000 : *end == 'M' ? 1000000 : *end == 'G' ? 1000000000 : 1;
    end += unit != 1;
    return errno == 0 && *end == '\0' && !__builtin_mul_overflow(*v, unit, v);
}

static int result(int e, const char *why) {
    if (e >= 0)
        return e == 0 ? EXIT_OK : EXIT_DIFFERENT;
    complain("%s", why);
    return e == -EINVAL ? EXIT_BAD_USAGE : EXIT_INTERNAL;
}

int diff_insn_main(int argc, char **argv) {
    Twin86DiffInsn o = {.cases = 1000000, .seed = 1, .save = "."};
    const struct {
        const char *name;
        const char **text;
        uint64_t *count;
        bool *flag;
    } options[] = {{"--forms", &o.forms, NULL, NULL},  {"--cases", NULL, &o.cases, NULL},
                   {"--seed", NULL, &o.seed, NULL},    {"--cpu", &o.cpu, NULL, NULL},
                   {"--engines", &o.engines, NULL, NULL}, {"--coverage", NULL, NULL, &o.coverage},
                   {"--shrink", NULL, NULL, &o.shrink}, {"--save", &o.save, NULL, NULL}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(usage, stdout);
            return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
        }
        unsigned k = 0;
        while (k < sizeof(options) / sizeof(options[0]) && strcmp(options[k].name, argv[i]) != 0)
            k++;
        if (k == sizeof(options) / sizeof(options[0]))
            return complain("unknown option '%s'; twin86 diff insn --help lists what there is", argv[i]);
        if (options[k].flag != NULL) {
            *options[k].flag = true;
            continue;
        }
        if (++i == argc)
            return complain("%s needs an argument", options[k].name);
        if (options[k].text != NULL)
            *options[k].text = argv[i];
        else if (!parse_count(argv[i], options[k].count))
            return complain("%s '%s' is no number, such as 1000 or 2M", options[k].name, argv[i]);
    }
    char why[512];
    setvbuf(stdout, NULL, _IOLBF, 0);
    return result(twin86_diff_insn(&o, stdout, why, sizeof(why)), why);
}
