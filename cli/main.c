/* SPDX-License-Identifier: MIT */
/* twin86: options, one machine, and a loop between the terminal and the guest until the run ends. */
#include "cli/terminal/terminal.h"
#include "diff.h"
#include "exits.h"
#include "host_fd.h"
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What is left of the second within which we end when we are asked to, after the half for the guest to stop. */
enum { GRACE_US = 400000 };

static int64_t now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* ---- output ---- */

static void serial_output(void *opaque, const uint8_t *data, size_t size) {
    output_put(((struct Run *)opaque)->serial, data, size);
}

static void debugcon_output(void *opaque, const uint8_t *data, size_t size) {
    output_put(((struct Run *)opaque)->debugcon, data, size);
}

static void trace_output(void *opaque, const uint8_t *data, size_t size) {
    output_put(((struct Run *)opaque)->log, data, size);
}

/* The run ends: with exit code 6; or, since whoever read our standard output has gone, as programs do then. */
static void output_failed(void *opaque, const struct Output *o) {
    struct Run *r = opaque;
    if (o == r->err && o->feeds == 0 && r->exit_log != r->err)
        return; /* nobody wants to hear what we have to say */
    if (o->error == EPIPE && o->path == NULL && !r->sigpipe_ignored)
        r->exit_signal = SIGPIPE;
    else
        complain(r, "%s%s%s can't be written: %s", o->what, o->path != NULL ? ": " : "", o->path != NULL ? o->path : "",
                 strerror(o->error));
    r->output_failed = true;
    if (!r->over)
        twin86_session_quit(r->session);
}

static bool open_file(struct Run *r, struct Output **o, const char *option, const char *path) {
    int e = output_file(&r->outputs, o, option, path);
    if (e != 0)
        complain(r, "%s: %s can't be written: %s", option, path, strerror(-e));
    return e == 0;
}

static bool open_sink(struct Run *r, const struct SinkOption *s, const char *option, enum Twin86OutputKind kind,
                      struct Output **o) {
    *o = s->kind == SINK_STDIO ? r->out : NULL;
    if (s->kind == SINK_FILE && !open_file(r, o, option, s->path))
        return false;
    output_feed(*o, kind);
    return true;
}

static bool open_outputs(struct Run *r) {
    const char *log = r->options.log_file, *exits = r->options.exit_file;
    r->log = r->err;
    if (log != NULL && !open_file(r, &r->log, "-D", log))
        return false;
    if (exits != NULL && !open_file(r, &r->exit_log, "-exit-stats", exits))
        return false;
    if (exits == NULL)
        r->exit_log = r->log;
    if (r->options.config.trace != NULL)
        output_feed(r->log, TWIN86_OUTPUT_TRACE);
    return open_sink(r, &r->options.serial, "-serial", TWIN86_OUTPUT_SERIAL, &r->serial) &&
           open_sink(r, &r->options.debugcon, "-debugcon", TWIN86_OUTPUT_DEBUGCON, &r->debugcon);
}

/* Standard output and error, for messages from now on. 0 or -errno. */
static int open_standard(struct Run *r) {
    int e = outputs_init(&r->outputs);
    if (e == 0 && (e = output_standard(&r->outputs, &r->out, "standard output", STDOUT_FILENO)) == 0)
        e = output_standard(&r->outputs, &r->err, "standard error", STDERR_FILENO);
    return e;
}

/* Write what is left. Whoever reads may take all the time there is, until somebody asks us to end, or has. False: the
 * time that the run was given is up. */
static bool finish_outputs(struct Run *r, bool asked) {
    int64_t end = asked ? now_us() + GRACE_US : r->deadline;
    bool in_time = true;
    for (;;) {
        Twin86Event event = {0};
        outputs_flush(&r->outputs);
        if (!outputs_pending(&r->outputs))
            break;
        if (end >= 0 && now_us() >= end) {
            in_time = asked;
            break;
        }
        int64_t wait = end < 0 ? -1 : end - now_us(), retry = outputs_retry_us(&r->outputs);
        if (retry >= 0 && (wait < 0 || retry < wait))
            wait = retry;
        twin86_session_poll(r->session, wait);
        twin86_session_ended(r->session, &event);
        if (!asked && (r->exit_signal != 0 || event.kind == TWIN86_EVENT_QUIT)) {
            asked = true;
            end = now_us() + GRACE_US;
        }
    }
    for (unsigned i = 0; i < r->outputs.count; i++) {
        struct Output *o = &r->outputs.output[i];
        uint64_t n = output_missing(o);
        if (n > 0)
            complain(r, "%s%s%s: %" PRIu64 " bytes were not taken", o->what, o->path != NULL ? " " : "",
                     o->path != NULL ? o->path : "", n);
    }
    outputs_flush(&r->outputs);
    return in_time;
}

/* ---- engines ---- */

/* The item behind the one in use in the list of -accel, in `item`; false if there is no other. */
static bool next_engine(const struct Run *r, char *item, size_t n) {
    const char *list = r->options.config.accel, *now = twin86_engine(r->machine), *s = list;
    size_t name = strlen(now);
    while (strncmp(s, now, name) != 0 || strchr(":,", s[name]) == NULL) { /* "" counts: the end of the list */
        s += strcspn(s, ":");
        if (*s++ == '\0')
            return false;
    }
    s += strcspn(s, ":");
    s = *s == ':' ? s + 1 : list;
    snprintf(item, n, "%.*s", (int)strcspn(s, ":"), s);
    return strncmp(item, now, name) != 0 || strchr(",", item[name]) == NULL;
}

/* When the next hand-over is due. A guest that had less time than the change itself took would hardly get on: each
 * engine begins with its translations forgotten. */
static int64_t next_handover(const struct Run *r, int64_t began) {
    int64_t now = now_us(), every = (int64_t)r->options.handover_us, least = 2 * (now - began);
    return every == 0 ? -1 : now + (every > least ? every : least);
}

/* Let the guest go on in the next engine. */
static void hand_over(struct Run *r) {
    int64_t began = now_us();
    char item[256], why[512] = "", text[600];
    bool asked = r->console.handover;
    r->console.handover = false;
    bool ok = next_engine(r, item, sizeof(item));
    if (!ok)
        snprintf(why, sizeof(why), "-accel names no other engine; -accel kvm:tcg-lite -handover would");
    else
        ok = twin86_session_set_accel(r->session, item, why, sizeof(why)) == 0;
    if (asked || !ok) {
        snprintf(text, sizeof(text), "\r\ntwin86: %s%s\r\n", ok ? "the guest goes on in " : "", ok ? item : why);
        output_text(r->out, text);
    }
    r->handover_at = ok ? next_handover(r, began) : -1;
}

static bool handover_due(const struct Run *r) {
    return r->console.handover || (r->handover_at >= 0 && now_us() >= r->handover_at);
}

/* ---- the run ---- */

/* How long to wait, at most; negative: for ever. */
static int64_t wait_us(struct Run *r) {
    int64_t us = -1, next = r->deadline;
    if (next < 0 || (r->handover_at >= 0 && r->handover_at < next))
        next = r->handover_at;
    if (next >= 0) {
        us = next - now_us();
        us = us < 0 ? 0 : us;
    }
    if (r->console.held > 0 && (us < 0 || us > 10000))
        us = 10000; /* the queue is full: see whether the guest has taken some */
    if (r->console.background && (us < 0 || us > 200000))
        us = 200000; /* no signal tells that the terminal is ours again */
    int64_t frame = console_frame_us(&r->console);
    if (frame >= 0 && (us < 0 || us > frame))
        us = frame;
    int64_t retry = outputs_retry_us(&r->outputs);
    return retry >= 0 && (us < 0 || retry < us) ? retry : us;
}

/* With -no-shutdown, -action panic=pause, or werror= and rerror=: the guest is silent from now on, and nothing else
 * would tell why. */
static void tell_end(struct Run *r) {
    static const char *const ends[] = {"shutdown", "guest-panicked", "internal-error"};
    const char *state = twin86_session_state(r->session);
    if (state == r->last_state)
        return;
    r->last_state = state;
    if (strcmp(state, "io-error") == 0)
        complain(r,
                 "the guest has stopped (%s): %s; when that is mended, cont in the monitor (Ctrl-A C) tries it again",
                 state, twin86_session_reason(r->session));
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (strcmp(state, ends[i]) == 0)
            complain(r, "the guest has stopped (%s); Ctrl-A C: monitor, Ctrl-A X: quit", state);
}

/* However often the loop comes round. */
static void draw_frame(struct Run *r) {
    int64_t frame = console_frame_us(&r->console), now = frame >= 0 ? now_us() : 0;
    if (frame < 0 || now < r->frame_at)
        return;
    r->frame_at = now + frame;
    console_frame(&r->console);
}

/* Serve terminal, guest and clients until the session ends. False: the time is up, and the guest stands. */
static bool serve(struct Run *r, Twin86Event *event) {
    while (!twin86_session_ended(r->session, event)) {
        console_watch(&r->console);
        if (outputs_retry_us(&r->outputs) >= 0)
            outputs_flush(&r->outputs);
        twin86_session_poll(r->session, wait_us(r));
        if (r->console.held > 0)
            console_send(&r->console);
        draw_frame(r);
        if (!twin86_session_ended(r->session, event))
            tell_end(r);
        if (handover_due(r))
            hand_over(r);
        if (r->deadline >= 0 && now_us() >= r->deadline) {
            if (twin86_session_stop(r->session) != 0)
                twin86_session_quit(r->session);            /* it does not answer: this says so */
            return twin86_session_ended(r->session, event); /* it may have ended in the same moment */
        }
    }
    return true;
}

/* The terminal is the guest's serial port, the monitor's prompt, its screen, or two of these in turn. 0, or the exit
 * code. */
static int start_console(struct Run *r) {
    bool is_socket;
    int in = host_fd_without_waits(STDIN_FILENO, false, &is_socket);
    r->console = (struct Console){
        .machine = r->machine,
        .session = r->session,
        .out = r->out,
        .in = in < 0 ? STDIN_FILENO : in,
        .in_is_socket = is_socket,
        .to_guest = r->options.serial.kind == SINK_STDIO,
        .open = true,
    };
    if ((r->console.to_guest || r->options.monitor_here || r->options.curses) && terminal_init()) {
        terminal_raw();
        r->console.raw = true;
    }
    if (r->options.monitor_here)
        console_start_monitor(&r->console);
    if (!r->options.curses)
        return 0;
    char why[256];
    r->console.screen = screen_open(r->machine, r->out, r->console.in, why, sizeof(why));
    if (r->console.screen == NULL)
        complain(r, "%s", why);
    return r->console.screen != NULL ? 0 : EXIT_BAD_USAGE;
}

/* The session is over, or its time. The exit code. */
static int end_run(struct Run *r, bool ended, const Twin86Event *event) {
    int code = EXIT_TIMEOUT;
    r->over = true;
    console_end(&r->console);
    terminal_restore();
    if (ended)
        code = report_end(r, event);
    else
        complain(r, "-timeout: %g s are over", (double)r->options.timeout_ms / 1000);
    r->stuck = ended && event->kind == TWIN86_EVENT_STUCK;
    if (!r->stuck)
        report_run(r);
    if (!finish_outputs(r, !ended || r->exit_signal != 0 || event->kind == TWIN86_EVENT_QUIT || r->stuck))
        code = EXIT_TIMEOUT;
    return r->output_failed ? EXIT_INTERNAL : code;
}

static int run_guest(struct Run *r) {
    Twin86Event event = {0};
    r->deadline = r->options.timeout_ms < 0 ? -1 : now_us() + r->options.timeout_ms * 1000;
    int e = start_console(r);
    if (e == 0)
        e = confine(r);
    if (e != 0) {
        console_end(&r->console);
        terminal_restore();
        finish_outputs(r, true);
        return e;
    }
    r->handover_at = next_handover(r, now_us());
    twin86_session_start(r->session, r->options.stopped);
    bool ended = serve(r, &event);
    return end_run(r, ended, &event);
}

/* A machine with its guest. Files are opened and read here, which may take long (a FIFO): signals still end us, and so
 * does -timeout. 0, or the exit code. */
static int make_machine(struct Run *r) {
    Twin86Config *c = &r->options.config;
    char why[512];
    c->serial_output = serial_output;
    c->debugcon_output = debugcon_output;
    c->trace_output = trace_output;
    c->opaque = r;
    if (r->options.timeout_ms >= 0)
        signals_limit_start(r->options.timeout_ms + GRACE_US / 1000, r->err->fd);
    int e = twin86_create(&r->machine, c, why, sizeof(why));
    if (e == 0 && why[0] != '\0')
        complain(r, "%s", why);
    if (e == 0 && c->icount && options_ask_for_network(&r->options))
        complain(r, "-icount: what comes from the network is not counted, so runs with one do not repeat");
    if (e == 0)
        e = twin86_load(r->machine, &r->options.guest, why, sizeof(why));
    signals_limit_start(0, -1);
    for (unsigned i = 0; e == 0 && twin86_chardev_note(r->machine, i, why, sizeof(why)); i++)
        if (why[0] != '\0')
            complain(r, "%s", why);
    if (e != 0) {
        complain(r, "%s", why);
        return EXIT_BAD_USAGE;
    }
    return open_outputs(r) ? 0 : EXIT_BAD_USAGE;
}

/* The loop, and who is served in it. 0, or the exit code. */
static int make_session(struct Run *r) {
    int signal_fd = signals_block();
    if (signal_fd < 0 || (r->session = twin86_session_new(r->machine)) == NULL ||
        twin86_session_watch(r->session, signal_fd, true, signals_read, r) != 0 ||
        outputs_attach(&r->outputs, r->machine, r->session, output_failed, r) != 0) {
        complain(r, "out of memory or descriptors");
        return EXIT_INTERNAL;
    }
    twin86_session_set_no_shutdown(r->session, r->options.no_shutdown);
    twin86_session_set_panic_action(r->session, r->options.on_panic);
    for (unsigned i = 0; i < r->options.servers; i++) {
        const struct ServerOption *o = &r->options.server[i];
        char why[512];
        if (o->serve(r->session, o->where, why, sizeof(why)) != 0) {
            complain(r, "%s: %s", o->option, why);
            finish_outputs(r, true);
            return EXIT_BAD_USAGE;
        }
    }
    return 0;
}

static int run(struct Run *r) {
    r->sigpipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
    atexit(host_fd_restore);
    int e = open_standard(r);
    if (e != 0) {
        fprintf(stderr, "twin86: standard output and error: %s\n", strerror(-e));
        return EXIT_INTERNAL;
    }
    int code = make_machine(r);
    if (code == 0)
        code = make_session(r);
    if (code == 0)
        code = run_guest(r);
    twin86_session_free(r->session);
    if (r->stuck) { /* one of our threads still uses the machine */
        terminal_restore();
        host_fd_restore();
        if (r->exit_signal != 0)
            signals_die_of(r->exit_signal);
        _exit(code);
    }
    signals_unblock(); /* nobody reads them any more */
    twin86_destroy(r->machine);
    if (r->exit_signal != 0)
        signals_die_of(r->exit_signal);
    return code;
}

int main(int argc, char **argv) {
    static struct Run r;
    char why[512];
    host_fd_fill_standard();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow (ulimit -f) is told of as a full device is */
    if (argc >= 2 && strcmp(argv[1], "diff") == 0)
        return diff_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "exits") == 0)
        return exits_main(argc - 1, argv + 1);
    if (!options_parse(&r.options, argc, argv, why, sizeof(why))) {
        complain(&r, "%s", why);
        return EXIT_BAD_USAGE;
    }
    if (r.options.action != ACTION_RUN) {
        options_print(r.options.action, r.options.help_kind);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
    }
    if (r.options.process_name != NULL)
        prctl(PR_SET_NAME, r.options.process_name);
    return run(&r);
}
