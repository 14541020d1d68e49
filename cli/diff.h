/* SPDX-License-Identifier: MIT */
/** `twin86 diff SUBCOMMAND`: comparing engines. */
#ifndef TWIN86_CLI_DIFF_H
#define TWIN86_CLI_DIFF_H

/** argv[0] is the word "diff". Returns the exit code. */
int diff_main(int argc, char **argv);

/** Subcommands; argv[0] is the subcommand's name. Exit code 0: no difference, 1: there is one, 2: wrong usage. */
int diff_insn_main(int argc, char **argv);
int diff_vectors_main(int argc, char **argv);
int diff_replay_main(int argc, char **argv);
int diff_merge_main(int argc, char **argv);
int diff_import_main(int argc, char **argv);
int diff_guest_main(int argc, char **argv);

#endif
