/* SPDX-License-Identifier: MIT */
/* See console.h. */
#include "console.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CTRL_A = 1, CTRL_C = 3 };

static void say(const char *text) {
    fputs(text, stdout);
    fflush(stdout);
}

/* ---- the monitor ---- */

static void leave_monitor(struct Console *c) {
    edit_end(c->edit);
    c->monitor = false;
    say("\n");
}

static void enter_monitor(struct Console *c) {
    if (c->edit == NULL && (c->edit = edit_new(c->raw)) == NULL)
        return;
    sink_flush(c->serial);
    c->monitor = true;
    edit_begin(c->edit);
}

void console_start_monitor(struct Console *c) {
    say("twin86 monitor - type 'help' for more information\n");
    enter_monitor(c);
}

static void switch_monitor(struct Console *c) {
    if (!c->monitor) {
        say("\n");
        enter_monitor(c);
    } else if (c->to_guest) {
        leave_monitor(c);
    }
}

static void run_line(struct Console *c, const char *line) {
    Twin86Event event;
    twin86_monitor(c->session, line, stdout);
    fflush(stdout);
    if (twin86_session_ended(c->session, &event))
        c->monitor = false;
    else
        edit_begin(c->edit);
}

/* A byte for the prompt; how many of those that follow it were part of the same key. */
static size_t monitor_byte(struct Console *c, uint8_t byte, const uint8_t *more, size_t count) {
    size_t taken = 0;
    sink_flush(c->serial);
    if (byte == CTRL_C && c->raw) { /* the line is not meant */
        edit_end(c->edit);
        say("^C\n");
        edit_begin(c->edit);
        return 0;
    }
    const char *line = edit_byte(c->edit, byte, more, count, &taken);
    if (line != NULL)
        run_line(c, line);
    return taken;
}

/* ---- keys ---- */

static void escape_key(struct Console *c, uint8_t key) {
    static const char keys[] = "\r\nCtrl-A X  quit twin86\r\n"
                               "Ctrl-A H  this help\r\n"
                               "Ctrl-A E  go on in the next engine of -accel\r\n"
                               "Ctrl-A C  from the guest to the monitor, and back\r\n"
                               "Ctrl-A Ctrl-A  send Ctrl-A to the guest\r\n";
    switch (key) {
    case CTRL_A:
        if (c->monitor)
            monitor_byte(c, key, NULL, 0);
        else
            c->input[c->held++] = key;
        break;
    case 'x':
    case 'X': twin86_session_quit(c->session); break;
    case 'e':
    case 'E': c->handover = true; break;
    case 'h':
    case 'H':
    case '?':
        sink_flush(c->serial);
        say(keys);
        break;
    case 'c':
    case 'C': switch_monitor(c); break;
    default: /* as typed by mistake: nothing */ break;
    }
}

/* Take Ctrl-A sequences out of what was typed; the rest goes to the guest or to the monitor. */
static void read_keys(void *opaque, int fd, short revents) {
    (void)revents;
    struct Console *c = opaque;
    uint8_t typed[sizeof(c->input) / 2];
    Twin86Event event;
    ssize_t got = read(fd, typed, sizeof(typed));
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        c->open = false;
    for (ssize_t i = 0; i < got && !twin86_session_ended(c->session, &event); i++) {
        if (c->escape) {
            c->escape = false;
            escape_key(c, typed[i]);
        } else if (typed[i] == CTRL_A) {
            c->escape = true;
        } else if (c->monitor) {
            i += (ssize_t)monitor_byte(c, typed[i], typed + i + 1, (size_t)(got - i - 1));
        } else if (c->to_guest) {
            c->input[c->held++] = typed[i];
        }
    }
}

void console_watch(struct Console *c) {
    if (c->to_guest || c->monitor)
        twin86_session_watch(c->session, STDIN_FILENO, c->open && c->held == 0, read_keys, c);
}

void console_send(struct Console *c) {
    size_t taken = twin86_serial_input(c->machine, c->input, c->held);
    memmove(c->input, c->input + taken, c->held - taken);
    c->held -= taken;
}

void console_end(struct Console *c) {
    if (c->monitor && c->edit != NULL)
        leave_monitor(c);
    edit_free(c->edit);
    c->edit = NULL;
}
