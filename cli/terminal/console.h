/* SPDX-License-Identifier: MIT */
/**
 * What is typed: bytes for the guest's serial port, lines for the monitor, and the keys behind Ctrl-A that switch
 * between the two.
 */
#ifndef TWIN86_CLI_CONSOLE_H
#define TWIN86_CLI_CONSOLE_H

#include "cli/output.h"
#include "edit.h"
#include "screen.h"

#include <twin86.h>

struct Console {
    Twin86Machine *machine;
    Twin86Session *session;
    struct Output *out; /* standard output */
    FILE *text;         /* the same, for who prints; made when it is first wanted */
    int in;             /* standard input, without waits */
    unsigned cpu;       /* that the monitor looks at */
    bool in_is_socket;
    struct Screen *screen; /* -display curses: what is typed are keys; NULL: it is not wanted */
    struct Stroke stroke;  /* typed, and the guest's keyboard had no room for it */
    bool has_stroke;
    bool to_guest;     /* the serial port is here, so bytes go to the guest */
    bool monitor;      /* lines are typed at the monitor's prompt */
    bool handover;     /* out: Ctrl-A E was typed */
    bool open;         /* standard input has not ended */
    bool escape;       /* Ctrl-A was typed */
    bool raw;          /* standard input is a terminal in raw mode */
    bool background;   /* but for now it is meant for somebody else: look again soon */
    struct Edit *edit; /* made when it is first wanted */
    size_t held;       /* typed bytes that the machine's queue had no room for */
    uint8_t input[1024];
};

/** The terminal has changed its size. */
void console_resized(struct Console *c);
/** Read from standard input when there is room for it. Before each round of the session. */
void console_watch(struct Console *c);
/** Give the guest what is held. */
void console_send(struct Console *c);
/** Begin with the monitor's prompt. */
void console_start_monitor(struct Console *c);
void console_end(struct Console *c);
/** How soon console_frame wants to be called, in us; -1: it need not be. */
int64_t console_frame_us(const struct Console *c);
/** Draw, with -display curses. */
void console_frame(struct Console *c);

#endif
