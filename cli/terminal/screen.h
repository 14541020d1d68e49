/* SPDX-License-Identifier: MIT */
/**
 * -display curses: the guest's text modes in the terminal, by ncurses, and what is typed as keys of the guest. What is
 * drawn goes to an Output, so that nobody waits for a slow terminal. Main thread.
 */
#ifndef TWIN86_CLI_SCREEN_H
#define TWIN86_CLI_SCREEN_H

#include "cli/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <twin86.h>

/** How often to look whether the guest has drawn anything, in us. */
enum { SCREEN_FRAME_US = 50000 };

struct Screen;

enum { STROKE_SHIFT = 1 << 0, STROKE_CTRL = 1 << 1, STROKE_ALT = 1 << 2 };

/** Something that was typed. */
struct Stroke {
    const char *key;    /* QEMU's name of it; NULL: none that the guest's keyboard has */
    unsigned modifiers; /* STROKE_* */
    int byte;           /* the ASCII character that it is, or -1 */
};

/** This build has ncurses. */
bool screen_is_there(void);
/** Take the terminal, whose input is `in`. NULL with one line in `why`: it is none, or an unknown one. */
struct Screen *screen_open(Twin86Machine *machine, struct Output *out, int in, char *why, size_t n);
/** Give the terminal back. NULL is none. */
void screen_close(struct Screen *s);
/** Leave it to lines of text for a while; draw all of it again. */
void screen_hide(struct Screen *s);
void screen_again(struct Screen *s);
/** The terminal has changed its size. */
void screen_resized(struct Screen *s);
/** Draw what has changed. Nothing happens while it is hidden. */
void screen_show(struct Screen *s);
/** The next thing typed; false: there is nothing. Never waits longer than it takes to tell Esc from a sequence. */
bool screen_read(struct Screen *s, struct Stroke *stroke);

/* screen_keys.c */

/** The keys of a US keyboard that make an ASCII character, control characters too. */
struct Stroke stroke_of(int byte);
/** Press and release it. As twin86_press. */
int stroke_press(Twin86Machine *machine, const struct Stroke *stroke);

#endif
