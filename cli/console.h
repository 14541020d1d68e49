/* SPDX-License-Identifier: MIT */
/**
 * What is typed: bytes for the guest's serial port, lines for the monitor, and the keys behind Ctrl-A that switch
 * between the two.
 */
#ifndef TWIN86_CLI_CONSOLE_H
#define TWIN86_CLI_CONSOLE_H

#include "edit.h"
#include "output.h"

#include <twin86.h>

struct Console {
    Twin86Machine *machine;
    Twin86Session *session;
    struct Output *out; /* standard output */
    FILE *text;         /* the same, for who prints; made when it is first wanted */
    int in;             /* standard input, without waits */
    unsigned cpu;       /* that the monitor looks at */
    bool in_is_socket;
    bool to_guest;       /* the serial port is here, so bytes go to the guest */
    bool monitor;        /* lines are typed at the monitor's prompt */
    bool handover;       /* out: Ctrl-A E was typed */
    bool open;           /* standard input has not ended */
    bool escape;         /* Ctrl-A was typed */
    bool raw;            /* standard input is a terminal in raw mode */
    bool background;     /* but for now it is meant for somebody else: look again soon */
    struct Edit *edit;   /* made when it is first wanted */
    size_t held;         /* typed bytes that the machine's queue had no room for */
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

#endif
