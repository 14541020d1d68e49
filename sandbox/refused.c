/* SPDX-License-Identifier: MIT */
/* The handler of SIGSYS, which the kernel sends to a thread in place of a refused call. See refused.h. */
#include "sandbox/refused.h"
#include "sandbox/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 /* of si_code */
#endif

enum { CALLS = 1024 };

/* The handler has no other way to know them. */
static volatile sig_atomic_t log_fd, resolv_conf = -1;
static struct sigaction before;

/* Of which calls this thread has told already. Initial-exec: a first use of it must not allocate. */
static _Thread_local __attribute__((tls_model("initial-exec"))) uint64_t told[CALLS / 64];

static bool tell_again(unsigned call) {
    uint64_t *word = &told[call % CALLS / 64], bit = 1ull << call % 64;
    bool again = (*word & bit) == 0;
    *word |= bit;
    return again;
}

static void append(char *text, size_t n, const char *more) {
    size_t used = strlen(text), length = strlen(more);
    length = length < n - used - 1 ? length : n - used - 1;
    memcpy(text + used, more, length);
    text[used + length] = '\0';
}

static void append_number(char *text, size_t n, unsigned v) {
    char digits[12];
    size_t at = sizeof(digits);
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    append(text, n, digits + at);
}

/* Only what is async-signal-safe: the call may have been made in the middle of malloc or printf. */
static void tell(int call) {
    char name[16] = "", text[160] = "";
    prctl(PR_GET_NAME, name);
    append(text, sizeof(text), "twin86: sandbox: the thread '");
    append(text, sizeof(text), name);
    append(text, sizeof(text), "' tried the system call ");
    if (sandbox_call_name(call) != NULL)
        append(text, sizeof(text), sandbox_call_name(call));
    else
        append_number(text, sizeof(text), (unsigned)call);
    append(text, sizeof(text), ", which its work does not need; it was refused\n");
    if (write(log_fd, text, strlen(text)) < 0)
        return; /* nobody listens */
}

/* A descriptor for the one file that threads get without opening it, or -EPERM. Whoever reads begins at its start. */
static long lend(const ucontext_t *context) {
    const greg_t *r = context->uc_mcontext.gregs; /* of openat(2): RDI, RSI, RDX */
    if (resolv_conf < 0 || ((int)r[REG_RDX] & O_ACCMODE) != O_RDONLY ||
        strcmp((const char *)r[REG_RSI], "/etc/resolv.conf") != 0)
        return -EPERM;
    int fd = fcntl(resolv_conf, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd >= 0 ? fd : -errno;
}

static void on_refused(int sig, siginfo_t *info, void *context) {
    int saved = errno;
    if (info->si_code != SYS_SECCOMP) { /* somebody has sent it */
        sigaction(sig, &before, NULL);
        raise(sig);
        return;
    }
    long result = info->si_syscall == SYS_openat ? lend(context) : -EPERM;
    if (result == -EPERM && tell_again((unsigned)info->si_syscall))
        tell(info->si_syscall);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = result;
    errno = saved;
}

void sandbox_lend_resolv_conf(int fd) { resolv_conf = fd; }

int sandbox_tell_refused(int fd) {
    struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_RESTART}, now;
    log_fd = fd;
    if (sigaction(SIGSYS, NULL, &now) != 0)
        return -errno;
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_refused)
        return 0; /* another machine's sandbox has come before */
    before = now;
    return sigaction(SIGSYS, &action, NULL) != 0 ? -errno : 0;
}
