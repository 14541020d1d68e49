/* SPDX-License-Identifier: MIT */
/** Command lines of `twin86 diff SUBCOMMAND`: tables of options, files, exit codes. */
#ifndef TWIN86_CLI_DIFF_OPTIONS_H
#define TWIN86_CLI_DIFF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/** An option and where it goes: a text, a number, or a flag (with a text, which may be given after '='). */
struct DiffOption {
    const char *name;
    const char **text;
    uint64_t *count;
    bool *flag;
};

enum { DIFF_OPTIONS = 20 }; /* room for them, and one without a name at the end */

/** "twin86: diff COMMAND: ..." on stderr; the exit code for it. */
int diff_complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A number with an optional K, M or G (thousands). */
bool diff_parse_count(const char *s, uint64_t *v);

/** Options and files (argv[0] is the command; files are moved to the front of argv, from 1 on). -1: go on; else the
 *  exit code. */
int diff_parse(const struct DiffOption *options, const char *usage, int argc, char **argv, unsigned *files);

/** The exit code for what the library returned: 0, 1 (something differs), or -errno with `why`. */
int diff_result(const char *command, int e, const char *why);

#endif
