/* SPDX-License-Identifier: MIT */
/* twin86: options, one machine, and a loop between the terminal and the guest until the run ends. */
#include "console.h"
#include "diff.h"
#include "exits.h"
#include "options.h"
#include "sink.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

struct Run {
    struct Options options;
    Twin86Machine *machine;
    Twin86Session *session;
    struct Sink serial, debugcon;
    FILE *log;
    FILE *exit_file; /* of -exit-stats; NULL: the log */
    int signal_fd, wake_fd;
    int64_t deadline, handover_at; /* host us; -1: none */
    struct Console console;
    const char *last_state; /* the session's */
    int exit_signal;        /* die of this in the end */
};

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("twin86: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static int64_t now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* ---- guest output ---- */

static void serial_output(void *opaque, const uint8_t *data, size_t size) {
    sink_put(&((struct Run *)opaque)->serial, data, size);
}

static void debugcon_output(void *opaque, const uint8_t *data, size_t size) {
    sink_put(&((struct Run *)opaque)->debugcon, data, size);
}

static void trace_output(void *opaque, const uint8_t *data, size_t size) {
    FILE *log = ((struct Run *)opaque)->log;
    if (log != NULL)
        fwrite(data, 1, size, log);
}

static bool open_sink(const struct SinkOption *o, const char *option, struct Sink *sink, int wake_fd) {
    int fd = -1;
    if (o->kind == SINK_STDIO)
        fd = STDOUT_FILENO;
    else if (o->kind == SINK_FILE && (fd = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0) {
        complain("%s: %s can't be written: %s", option, o->path, strerror(errno));
        return false;
    }
    sink_init(sink, fd, wake_fd);
    return true;
}

static bool open_outputs(struct Run *r) {
    r->log = stderr;
    if (r->options.log_file != NULL && (r->log = fopen(r->options.log_file, "we")) == NULL) {
        complain("-D: %s can't be written: %s", r->options.log_file, strerror(errno));
        return false;
    }
    if (r->options.exit_file != NULL && (r->exit_file = fopen(r->options.exit_file, "we")) == NULL) {
        complain("-exit-stats: %s can't be written: %s", r->options.exit_file, strerror(errno));
        return false;
    }
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return open_sink(&r->options.serial, "-serial", &r->serial, r->wake_fd) &&
           open_sink(&r->options.debugcon, "-debugcon", &r->debugcon, r->wake_fd);
}

static bool flush_outputs(struct Run *r) {
    bool serial = sink_flush(&r->serial), debugcon = sink_flush(&r->debugcon);
    return serial && debugcon;
}

/* ---- signals ---- */

/* Blocked in all threads and read from a descriptor, so that they are handled between two polls. */
static int block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void read_signals(void *opaque, int fd, short revents) {
    struct Run *r = opaque;
    (void)revents;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTSTP) {
            terminal_restore();
            raise(SIGSTOP);
        } else if (info.ssi_signo == SIGCONT) {
            terminal_raw();
        } else {
            r->exit_signal = (int)info.ssi_signo;
            twin86_session_quit(r->session);
        }
    }
}

/* As if the signal had not been caught, for the shell that waits for us. */
static void die_of(int sig) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    signal(sig, SIG_DFL);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
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
        sink_put(&r->serial, (const uint8_t *)text, strlen(text));
    }
    r->handover_at = ok ? next_handover(r, began) : -1;
}

static bool handover_due(const struct Run *r) {
    return r->console.handover || (r->handover_at >= 0 && now_us() >= r->handover_at);
}

/* ---- the run ---- */

/* How long to wait, at most; negative: for ever. */
static int64_t wait_us(const struct Run *r) {
    int64_t us = -1, next = r->deadline;
    if (next < 0 || (r->handover_at >= 0 && r->handover_at < next))
        next = r->handover_at;
    if (next >= 0) {
        us = next - now_us();
        us = us < 0 ? 0 : us;
    }
    if (r->console.held > 0 && (us < 0 || us > 10000))
        us = 10000; /* the queue is full: see whether the guest has taken some */
    return us;
}

static void write_outputs(void *opaque, int fd, short revents) {
    struct Run *r = opaque;
    (void)revents;
    uint64_t count;
    if (read(fd, &count, sizeof(count)) > 0 && !flush_outputs(r)) {
        complain("guest output can't be written: %s", strerror(errno));
        r->exit_signal = errno == EPIPE ? SIGPIPE : 0;
        twin86_session_quit(r->session);
    }
}

/* With -no-shutdown, or -action panic=pause: the guest is silent from now on, and nothing else would tell why. */
static void tell_end(struct Run *r) {
    static const char *const ends[] = {"shutdown", "guest-panicked", "internal-error"};
    const char *state = twin86_session_state(r->session);
    if (state == r->last_state)
        return;
    r->last_state = state;
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (strcmp(state, ends[i]) == 0)
            fprintf(stderr, "\r\ntwin86: the guest has stopped (%s); Ctrl-A C: monitor, Ctrl-A X: quit\r\n", state);
}

/* Serve terminal, guest and clients until the session ends. False: the time is up. */
static bool serve(struct Run *r, Twin86Event *event) {
    while (!twin86_session_ended(r->session, event)) {
        console_watch(&r->console);
        twin86_session_poll(r->session, wait_us(r));
        if (r->console.held > 0)
            console_send(&r->console);
        if (!twin86_session_ended(r->session, event))
            tell_end(r);
        if (handover_due(r))
            hand_over(r);
        if (r->deadline >= 0 && now_us() >= r->deadline) {
            twin86_session_stop(r->session);
            return twin86_session_ended(r->session, event); /* it may have ended in the same moment */
        }
    }
    return true;
}

/* What ran slower than the user may think. Only hardware needs assistance. */
static void report_assists(struct Run *r) {
    bool even_none = r->options.log_stats && strcmp(twin86_engine(r->machine), "tcg-lite") != 0;
    char which[256];
    uint64_t n = twin86_assists(r->machine, which, sizeof(which));
    if (n > 0)
        fprintf(r->log, "twin86: assists: %" PRIu64 " (%s)\n", n, which);
    else if (even_none)
        fputs("twin86: assists: 0\n", r->log);
}

static void report_exits(struct Run *r) {
    FILE *f = r->exit_file != NULL ? r->exit_file : r->log;
    int e = twin86_exit_stats(r->machine, r->options.exit_json ? TWIN86_EXITS_JSON : TWIN86_EXITS_TEXT, f);
    if (e != 0 && e != -ENODATA)
        complain("-exit-stats: %s", strerror(-e));
    if (r->exit_file == NULL)
        return;
    bool lost = ferror(f) != 0;
    if (fclose(f) != 0 || lost)
        complain("-exit-stats: %s could not be written in full", r->options.exit_file);
    r->exit_file = NULL;
}

static void report(struct Run *r) {
    if (r->options.log_stats) {
        Twin86Stats s;
        twin86_stats(r->machine, &s);
        double run = (double)s.run_ns / 1e9, cpu = (double)s.cpu_ns / 1e9;
        fprintf(r->log, "twin86: %s: ", twin86_engine(r->machine));
        if (s.instructions > 0 && s.handovers == 0) /* else only some were counted, or none */
            fprintf(r->log, "%" PRIu64 " instructions, %.1f MIPS, ", s.instructions,
                    cpu > 0 ? (double)s.instructions / cpu / 1e6 : 0);
        fprintf(r->log, "%.3f s, %.3f s of host CPU, guest time %.3f s, %" PRIu64 " resets\n", run, cpu,
                (double)s.guest_ns / 1e9, s.resets);
        if (s.handovers > 0)
            fprintf(r->log, "twin86: %" PRIu64 " hand-overs\n", s.handovers);
        char text[2048], *rest = text, *line;
        twin86_engine_stats(r->machine, text, sizeof(text));
        while ((line = strsep(&rest, "\n")) != NULL)
            if (line[0] != '\0')
                fprintf(r->log, "twin86: %s\n", line);
    }
    report_assists(r);
    report_exits(r);
    uint8_t hash[32];
    if (r->options.log_hash && twin86_state_hash(r->machine, hash) == 0) {
        fputs("twin86: state ", r->log);
        for (unsigned i = 0; i < sizeof(hash); i++)
            fprintf(r->log, "%02x", hash[i]);
        fputc('\n', r->log);
    }
    bool lost = ferror(r->log) != 0;
    if (r->log != stderr && (fclose(r->log) != 0 || lost))
        complain("-D: %s could not be written in full", r->options.log_file);
    r->log = NULL;
}

static void report_crash(struct Run *r, const Twin86Event *event) {
    complain("the guest crashed: %s", event->message[0] != '\0' ? event->message : "triple fault");
    twin86_crash_report(r->machine, stderr);
}

static int exit_code(struct Run *r, const Twin86Event *event) {
    switch (event->kind) {
    case TWIN86_EVENT_POWEROFF:
    case TWIN86_EVENT_RESET:
    case TWIN86_EVENT_QUIT: return EXIT_OK;
    case TWIN86_EVENT_DEBUG_EXIT: return (int)(event->value & 0xff);
    case TWIN86_EVENT_PANIC:
    case TWIN86_EVENT_TRIPLE_FAULT: report_crash(r, event); return EXIT_CRASHED;
    case TWIN86_EVENT_ERROR:
        complain("%s", event->message);
        twin86_crash_report(r->machine, stderr);
        return EXIT_INTERNAL;
    default: complain("stopped for no known reason (%d)", (int)event->kind); return EXIT_INTERNAL;
    }
}

/* The terminal is the guest's serial port, the monitor's prompt, or both in turn. */
static void start_console(struct Run *r) {
    r->console = (struct Console){
        .machine = r->machine,
        .session = r->session,
        .serial = &r->serial,
        .to_guest = r->options.serial.kind == SINK_STDIO,
        .open = true,
    };
    if ((r->console.to_guest || r->options.monitor_here) && terminal_init()) {
        terminal_raw();
        r->console.raw = true;
    }
    if (r->options.monitor_here)
        console_start_monitor(&r->console);
}

static int run_guest(struct Run *r) {
    Twin86Event event = {0};
    int code;
    r->deadline = r->options.timeout_ms < 0 ? -1 : now_us() + r->options.timeout_ms * 1000;
    start_console(r);
    r->handover_at = next_handover(r, now_us());
    twin86_session_start(r->session, r->options.stopped);
    bool ended = serve(r, &event);
    flush_outputs(r);
    console_end(&r->console);
    terminal_restore();
    if (ended) {
        code = exit_code(r, &event);
    } else {
        complain("-timeout: %g s are over", (double)r->options.timeout_ms / 1000);
        code = EXIT_TIMEOUT;
    }
    report(r);
    return code;
}

/* A machine with its guest. 0, or the exit code. */
static int make_machine(struct Run *r) {
    Twin86Config *c = &r->options.config;
    char why[512];
    c->serial_output = serial_output;
    c->debugcon_output = debugcon_output;
    c->trace_output = trace_output;
    c->opaque = r;
    int e = twin86_create(&r->machine, c, why, sizeof(why));
    if (e != 0) {
        complain("%s", why);
        return EXIT_BAD_USAGE;
    }
    if (why[0] != '\0')
        complain("%s", why);
    e = twin86_load(r->machine, &r->options.guest, why, sizeof(why));
    if (e != 0) {
        complain("%s", why);
        return EXIT_BAD_USAGE;
    }
    return open_outputs(r) ? 0 : EXIT_BAD_USAGE;
}

/* The loop, and who is served in it. 0, or the exit code. */
static int make_session(struct Run *r) {
    if ((r->session = twin86_session_new(r->machine)) == NULL ||
        twin86_session_watch(r->session, r->signal_fd, true, read_signals, r) != 0 ||
        twin86_session_watch(r->session, r->wake_fd, true, write_outputs, r) != 0) {
        complain("out of memory");
        return EXIT_INTERNAL;
    }
    twin86_session_set_no_shutdown(r->session, r->options.no_shutdown);
    twin86_session_set_panic_action(r->session, r->options.on_panic);
    for (unsigned i = 0; i < r->options.servers; i++) {
        const struct ServerOption *o = &r->options.server[i];
        char why[512];
        if (o->serve(r->session, o->where, why, sizeof(why)) != 0) {
            complain("%s: %s", o->option, why);
            return EXIT_BAD_USAGE;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static struct Run run;
    char why[512];
    if (argc >= 2 && strcmp(argv[1], "diff") == 0)
        return diff_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "exits") == 0)
        return exits_main(argc - 1, argv + 1);
    if (!options_parse(&run.options, argc, argv, why, sizeof(why))) {
        complain("%s", why);
        return EXIT_BAD_USAGE;
    }
    if (run.options.action != ACTION_RUN) {
        options_print(run.options.action);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
    }
    if (run.options.process_name != NULL)
        prctl(PR_SET_NAME, run.options.process_name);
    run.signal_fd = block_signals();
    int code = make_machine(&run);
    if (code == 0)
        code = make_session(&run);
    if (code == 0)
        code = run_guest(&run);
    twin86_session_free(run.session);
    twin86_destroy(run.machine);
    if (run.exit_signal != 0)
        die_of(run.exit_signal);
    return code;
}
