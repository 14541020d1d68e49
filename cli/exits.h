/* SPDX-License-Identifier: MIT */
/** `twin86 exits`: two files of exit statistics side by side. */
#ifndef TWIN86_CLI_EXITS_H
#define TWIN86_CLI_EXITS_H

/** argv[0] is "exits". Returns the exit code. */
int exits_main(int argc, char **argv);

#endif
