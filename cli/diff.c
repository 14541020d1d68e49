/* SPDX-License-Identifier: MIT */
/* The subcommands of `twin86 diff`: one row each. */
#include "diff.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"insn", "run cases made from the instruction table on two engines", diff_insn_main},
    {"vectors", "run files of cases, and check what they expect", diff_vectors_main},
    {"replay", "run the cases of files on two engines", diff_replay_main},
    {"merge", "put the reports of a run's shards together", diff_merge_main},
    {"import", "turn files of SingleStepTests into cases", diff_import_main},
    {"guest", "run a whole guest on two engines in lockstep", diff_guest_main},
};

static void list(FILE *f) {
    fputs("Usage: twin86 diff SUBCOMMAND [options]; SUBCOMMAND --help lists its options\n", f);
    for (unsigned i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        fprintf(f, "  %-10s %s\n", subcommands[i].name, subcommands[i].what);
}

int diff_main(int argc, char **argv) {
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        list(stdout);
        return EXIT_OK;
    }
    for (unsigned i = 0; argc >= 2 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    if (argc >= 2)
        fprintf(stderr, "twin86: diff: unknown subcommand '%s'\n", argv[1]);
    list(stderr);
    return EXIT_BAD_USAGE;
}
