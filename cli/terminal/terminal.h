/* SPDX-License-Identifier: MIT */
/**
 * The terminal: raw while the guest runs, restored whatever happens. All of it belongs to the main thread; the state
 * is the process's (there is one terminal), hence static.
 */
#ifndef TWIN86_CLI_TERMINAL_H
#define TWIN86_CLI_TERMINAL_H

#include <stdbool.h>

/** Remember the terminal's settings and see to it that exit and crashes restore them. False: stdin is no terminal. */
bool terminal_init(void);
/** Every key goes to the guest, ^C and ^Z too. Does nothing in the background or without a terminal. */
void terminal_raw(void);
/** Whether a line feed that is written returns to the left margin, too, as it does at first. What ncurses draws wants
 *  it not to. */
void terminal_translate(bool on);
/** We were stopped and go on: whoever had the terminal meanwhile may have changed its settings, as shells do. */
void terminal_continued(void);
/** True when what is typed is meant for us: then the terminal is raw. False in the background, where reading would stop
 *  us. */
bool terminal_ours(void);
/** As it was found. Async-signal-safe. */
void terminal_restore(void);

#endif
