/* SPDX-License-Identifier: MIT */
/* A build without ncurses. */
#include "screen.h"

#include <stdio.h>

bool screen_is_there(void) { return false; }

struct Screen *screen_open(Twin86Machine *machine, struct Output *out, int in, char *why, size_t n) {
    (void)machine, (void)out, (void)in;
    snprintf(why, n, "-display curses: this build has no ncurses");
    return NULL;
}

void screen_close(struct Screen *s) { (void)s; }
void screen_hide(struct Screen *s) { (void)s; }
void screen_again(struct Screen *s) { (void)s; }
void screen_resized(struct Screen *s) { (void)s; }
void screen_show(struct Screen *s) { (void)s; }

bool screen_read(struct Screen *s, struct Stroke *stroke) {
    (void)s, (void)stroke;
    return false;
}
