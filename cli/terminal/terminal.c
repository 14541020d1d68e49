/* SPDX-License-Identifier: MIT */
/* Raw mode and back. See terminal.h. */
#include "terminal.h"

#include "cli/host_fd.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool is_terminal, is_plain; /* plain: what is written is not translated */
static volatile sig_atomic_t is_raw;

void terminal_restore(void) {
    int e = errno;
    if (is_raw) {
        is_raw = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
    errno = e;
}

/* A crash of twin86 itself: restore, then die of the same signal (SA_RESETHAND has put its default action back). */
static void on_crash(int sig) {
    terminal_restore();
    host_fd_restore();
    raise(sig);
}

bool terminal_init(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    is_terminal = true;
    atexit(terminal_restore);
    for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        struct sigaction old, sa = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
        if (sigaction(crashes[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) /* a sanitizer's handler stays */
            sigaction(crashes[i], &sa, NULL);
    }
    return true;
}

static void set_raw(void) {
    struct termios raw = saved;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag |= CS8;
    raw.c_oflag &= is_plain ? ~(tcflag_t)OPOST : ~(tcflag_t)0;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    is_raw = 1; /* first: a signal in between restores once too often rather than never */
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void terminal_raw(void) {
    if (is_terminal && !is_raw && tcgetpgrp(STDIN_FILENO) == getpgrp())
        set_raw();
}

void terminal_translate(bool on) {
    is_plain = !on;
    if (is_raw)
        set_raw();
}

bool terminal_ours(void) {
    pid_t group = is_terminal ? tcgetpgrp(STDIN_FILENO) : -1;
    if (group == getpgrp())
        terminal_raw();
    return group < 0 || group == getpgrp(); /* negative: it is nobody's, or no terminal */
}

void terminal_continued(void) {
    is_raw = 0; /* in the background it is not, and must not be made so again in the end */
    terminal_raw();
}
