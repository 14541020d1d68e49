/* SPDX-License-Identifier: MIT */
/* Signals of the process. */
#include "cli/terminal/terminal.h"
#include "host_fd.h"
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

static bool is_ignored(int sig) {
    struct sigaction now;
    return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static sigset_t ours(void) {
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (!is_ignored(ends[i])) /* by nohup, or by a shell that starts us in the background */
            sigaddset(&set, ends[i]);
    sigaddset(&set, SIGCONT);
    sigaddset(&set, SIGWINCH);
    return set;
}

int signals_block(void) {
    sigset_t set = ours();
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void signals_unblock(void) {
    sigset_t set = ours();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The shell gets its terminal as it was, and we make it ours again when we go on. */
static void stop(void) {
    terminal_restore();
    host_fd_restore();
    raise(SIGSTOP);
    host_fd_again();
}

void signals_read(void *opaque, int fd, short revents) {
    struct Run *r = opaque;
    struct signalfd_siginfo info;
    (void)revents;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGTSTP: stop(); break;
        case SIGCONT:
            terminal_continued();
            console_resized(&r->console); /* others have written to the terminal */
            break;
        case SIGWINCH: console_resized(&r->console); break;
        default:
            r->exit_signal = (int)info.ssi_signo;
            twin86_session_quit(r->session);
            break;
        }
    }
}

void signals_die_of(int sig) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    signal(sig, SIG_DFL);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- before there is a loop ---- */

static volatile sig_atomic_t limit_fd; /* the handler has no other way to know it */

static void on_limit(int sig) {
    static const char text[] = "twin86: -timeout: the time is over, and the guest's files are not read yet\n";
    (void)sig;
    if (write(limit_fd, text, sizeof(text) - 1) < 0)
        _exit(EXIT_TIMEOUT);
    _exit(EXIT_TIMEOUT);
}

void signals_limit_start(int64_t ms, int err_fd) {
    struct itimerval t = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    struct sigaction sa = {.sa_handler = ms > 0 ? on_limit : SIG_DFL};
    sigset_t set;
    limit_fd = err_fd;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (ms == 0)
        setitimer(ITIMER_REAL, &t, NULL);
    sigaction(SIGALRM, &sa, NULL);
    if (ms > 0)
        setitimer(ITIMER_REAL, &t, NULL);
}
