/* SPDX-License-Identifier: MIT */
/* See console.h. */
#include "console.h"

#include "cli/host_fd.h"
#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CTRL_A = 1, CTRL_C = 3 };

static void say(struct Console *c, const char *text) { output_text(c->out, text); }

/* ---- the monitor ---- */

static void leave_monitor(struct Console *c) {
    edit_end(c->edit);
    c->monitor = false;
    say(c, "\n");
    if (c->screen != NULL)
        screen_again(c->screen);
}

/* A terminal that understands a VT100's sequences: nearly all do, and say so by any name but these. */
static bool has_keys(void) {
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void enter_monitor(struct Console *c) {
    if (c->text == NULL)
        c->text = output_stream(c->out);
    if (c->edit == NULL)
        c->edit = edit_new(c->out, c->raw, has_keys(), twin86_monitor_complete);
    if (c->text == NULL || c->edit == NULL)
        return;
    c->monitor = true;
    if (c->screen != NULL)
        screen_hide(c->screen);
    edit_begin(c->edit);
}

void console_start_monitor(struct Console *c) {
    say(c, "twin86 monitor - type 'help' for more information\n");
    enter_monitor(c);
}

void console_resized(struct Console *c) {
    if (c->monitor)
        edit_show(c->edit);
    else if (c->screen != NULL)
        screen_resized(c->screen);
}

static void switch_monitor(struct Console *c) {
    if (!c->monitor) {
        if (c->screen == NULL)
            say(c, "\n");
        enter_monitor(c);
    } else if (c->to_guest || c->screen != NULL) {
        leave_monitor(c);
    }
}

static void run_line(struct Console *c, const char *line) {
    Twin86Event event;
    twin86_monitor(c->session, &c->cpu, line, c->text);
    fflush(c->text);
    if (twin86_session_ended(c->session, &event))
        c->monitor = false;
    else
        edit_begin(c->edit);
}

/* A byte for the prompt. */
static void monitor_byte(struct Console *c, uint8_t byte) {
    if (byte == CTRL_C && c->raw) { /* the line is not meant */
        say(c, "^C\n");
        edit_begin(c->edit);
        return;
    }
    const char *line = edit_byte(c->edit, byte);
    if (line != NULL)
        run_line(c, line);
}

/* ---- keys ---- */

/* What its keyboard has no room for waits. */
static void press(struct Console *c, struct Stroke stroke) {
    c->has_stroke = stroke_press(c->machine, &stroke) == -ENOSPC;
    c->stroke = stroke;
}

static void escape_key(struct Console *c, uint8_t key) {
    static const char keys[] = "\r\nCtrl-A X  quit twin86\r\n"
                               "Ctrl-A H  this help\r\n"
                               "Ctrl-A E  go on in the next engine of -accel\r\n"
                               "Ctrl-A C  from the guest to the monitor, and back\r\n"
                               "Ctrl-A Ctrl-A  send Ctrl-A to the guest\r\n";
    switch (key) {
    case CTRL_A:
        if (c->monitor)
            monitor_byte(c, key);
        else if (c->screen != NULL)
            press(c, stroke_of(key));
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
        if (c->screen != NULL && !c->monitor)
            enter_monitor(c); /* where there is room for it */
        say(c, keys);
        break;
    case 'c':
    case 'C': switch_monitor(c); break;
    default: /* as typed by mistake: nothing */ break;
    }
}

/* Strokes go to the guest's keyboard, but for those behind Ctrl-A, and Alt-2, with which QEMU's users get to the
 * monitor. */
static void read_strokes(void *opaque, int fd, short revents) {
    struct Console *c = opaque;
    struct Stroke s;
    (void)fd;
    if (c->raw && !terminal_ours())
        return;
    if ((revents & (POLLHUP | POLLERR)) != 0)
        c->open = false;
    while (!c->monitor && !c->has_stroke && screen_read(c->screen, &s)) {
        if (c->escape && s.byte >= 0) {
            c->escape = false;
            escape_key(c, (uint8_t)s.byte);
        } else if (s.byte == CTRL_A) {
            c->escape = true;
        } else if (s.modifiers == STROKE_ALT && s.key != NULL && strcmp(s.key, "2") == 0) {
            switch_monitor(c);
        } else {
            press(c, s);
        }
    }
}

/* Take Ctrl-A sequences out of what was typed; the rest goes to the guest or to the monitor. */
static void read_keys(void *opaque, int fd, short revents) {
    (void)revents;
    struct Console *c = opaque;
    uint8_t typed[sizeof(c->input) / 2];
    Twin86Event event;
    if (c->raw && !terminal_ours())
        return;
    ssize_t got = host_fd_read(fd, c->in_is_socket, typed, sizeof(typed));
    if (got == 0 || (got < 0 && got != -EAGAIN))
        c->open = false;
    for (ssize_t i = 0; i < got && !twin86_session_ended(c->session, &event); i++) {
        if (c->escape) {
            c->escape = false;
            escape_key(c, typed[i]);
        } else if (typed[i] == CTRL_A) {
            c->escape = true;
        } else if (c->monitor) {
            monitor_byte(c, typed[i]);
        } else if (c->to_guest) {
            c->input[c->held++] = typed[i];
        }
    }
}

void console_watch(struct Console *c) {
    c->background = c->raw && !terminal_ours();
    if (c->screen != NULL && !c->monitor)
        twin86_session_watch(c->session, c->in, c->open && !c->has_stroke && !c->background, read_strokes, c);
    else if (c->to_guest || c->monitor)
        twin86_session_watch(c->session, c->in, c->open && c->held == 0 && !c->background, read_keys, c);
}

void console_send(struct Console *c) {
    size_t taken = twin86_serial_input(c->machine, c->input, c->held);
    memmove(c->input, c->input + taken, c->held - taken);
    c->held -= taken;
}

int64_t console_frame_us(const struct Console *c) { return c->screen != NULL && !c->monitor ? SCREEN_FRAME_US : -1; }

void console_frame(struct Console *c) {
    if (c->screen == NULL)
        return;
    if (c->has_stroke)
        press(c, c->stroke);
    screen_show(c->screen);
}

void console_end(struct Console *c) {
    if (c->screen != NULL) {
        screen_close(c->screen);
        c->screen = NULL;
    }
    if (c->monitor && c->edit != NULL)
        leave_monitor(c);
    twin86_session_unwatch(c->session, c->in);
    edit_free(c->edit);
    c->edit = NULL;
    if (c->text != NULL)
        fclose(c->text);
    c->text = NULL;
}
