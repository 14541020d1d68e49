/* SPDX-License-Identifier: MIT */
#include "exits.h"
#include "options.h"
#include "twin86.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "Usage: twin86 exits [--rip] [--all] A.json B.json\n"
                           "Two files that -exit-stats json,file=PATH has written, side by side: counts, shares\n"
                           "and host time by reason and by port, address, MSR ...; B's count over A's.\n"
                           "  --rip   a line for each RIP\n"
                           "  --all   also what is rare\n"
                           "More: docs/exit-statistics.md\n";

static int wrong(const char *what, const char *arg) {
    fprintf(stderr, "twin86: exits: %s%s\n", what, arg);
    return EXIT_BAD_USAGE;
}

int exits_main(int argc, char **argv) {
    Twin86ExitsCompare o = {0};
    unsigned files = 0;
    char why[512];
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "-help") == 0) {
            fputs(help, stdout);
            return EXIT_OK;
        }
        if (strcmp(arg, "--rip") == 0)
            o.rip = true;
        else if (strcmp(arg, "--all") == 0)
            o.all = true;
        else if (arg[0] == '-')
            return wrong("unknown option; there are --rip and --all, not ", arg);
        else if (files == 2)
            return wrong("two files can be compared; this is a third: ", arg);
        else
            o.file[files++] = arg;
    }
    if (files != 2)
        return wrong("needs two files; twin86 exits --help says how they come about", "");
    if (twin86_exits_compare(&o, stdout, why, sizeof(why)) != 0)
        return wrong(why, "");
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
}
