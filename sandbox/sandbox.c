/* SPDX-License-Identifier: MIT */
/* See sandbox.h. */
#include "sandbox/sandbox.h"
#include "base/why.h"
#include "sandbox/filter.h"
#include "sandbox/refused.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *missing(void) {
#ifdef TWIN86_SANITIZERS
    return "built with sanitizers, which open files and start programs of their own when they find something";
#else
    return sandbox_is_there() ? NULL : "built without libseccomp; Debian's package libseccomp-dev brings it";
#endif
}

int sandbox_probe(char *why, size_t n) {
    const char *no = missing();
    uint32_t action = SECCOMP_RET_TRAP;
    if (no != NULL)
        return why_set(why, n, -ENOTSUP, "%s", no);
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        return why_set(why, n, -ENOSYS, "this kernel has no seccomp filters: %s", strerror(errno));
    return 0;
}

void sandbox_set_failed(struct Sandbox *s, void (*failed)(void *opaque, int error), void *opaque) {
    s->failed = failed;
    s->opaque = opaque;
}

/* SPEC_ALLOW: a filter is no reason to slow all of the thread's loads down, which kernels before 5.16 do by default:
 * what a guest could learn by speculation in this process, this process knows of the guest anyway. */
static int install(const struct SandboxProgram *p) {
    struct sock_fprog program = {.len = p->count, .filter = (struct sock_filter *)p->filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -errno;
    int r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
    if (r != 0 && errno == EINVAL) /* before Linux 4.17 */
        r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    return r != 0 ? -errno : 0;
}

int sandbox_lock_in(struct Sandbox *s, enum SandboxThread kind) {
    sigset_t refused;
    sigemptyset(&refused);
    sigaddset(&refused, SIGSYS); /* blocked, it would end the process instead of telling */
    pthread_sigmask(SIG_UNBLOCK, &refused, NULL);
    int r = install(s->program[kind]);
    if (r != 0 && s->failed != NULL)
        s->failed(s->opaque, r);
    return r;
}

int sandbox_close(struct Sandbox *s, const struct SandboxOptions *o, char *why, size_t n) {
    int r = sandbox_probe(why, n);
    for (unsigned k = 0; k < SANDBOX_THREADS && r == 0; k++)
        if ((r = sandbox_compile((enum SandboxThread)k, o, &s->program[k])) != 0)
            why_errno(why, n, r, "the filters can't be made");
    if (r == 0 && (r = sandbox_tell_refused(o->log_fd)) != 0)
        why_errno(why, n, r, "SIGSYS");
    if (r == 0 && o->user_network)
        sandbox_lend_resolv_conf(open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC));
    if (r == 0 && (r = install(s->program[SANDBOX_MAIN])) != 0)
        why_errno(why, n, r, "this kernel takes no seccomp filter");
    if (r != 0)
        sandbox_destroy(s);
    else
        atomic_store_explicit(&s->closed, true, memory_order_release);
    return r;
}

void sandbox_destroy(struct Sandbox *s) {
    atomic_store(&s->closed, false);
    for (unsigned k = 0; k < SANDBOX_THREADS; k++) {
        free(s->program[k]);
        s->program[k] = NULL;
    }
}
