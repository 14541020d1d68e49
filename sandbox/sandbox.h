/* SPDX-License-Identifier: MIT */
/**
 * The sandbox: once a guest runs, each thread may do those system calls that its work needs, and no others (seccomp
 * filters, by libseccomp). Which these are is one table, rules.c.
 *
 * A machine has one struct Sandbox, open at first: files are opened, users changed, threads started. sandbox_close
 * makes the filters and locks the calling thread in, which is the session's. The others see that it is closed and lock
 * themselves in before they do anything more for the guest: each calls sandbox_enter in its loop, between waiting and
 * working. A filter is never taken off again, and what a thread starts afterwards inherits it.
 *
 * A call that is not in the table fails with EPERM, and the first of its kind in each thread is told of in one line.
 * The guest goes on: what is refused can do no harm, and a feature that was forgotten in the table should not cost
 * anybody his guest.
 */
#ifndef TWIN86_SANDBOX_SANDBOX_H
#define TWIN86_SANDBOX_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/** Kinds of threads. */
enum SandboxThread {
    SANDBOX_MAIN,     /* the session's: monitor, debuggers, terminal; opens files */
    SANDBOX_LOOP,     /* the machine's event loop: timers, character devices, networks */
    SANDBOX_VCPU,     /* executes the guest in software */
    SANDBOX_VCPU_KVM, /* executes it through KVM, too */
    SANDBOX_BLOCK,    /* reads and writes disk images */
    SANDBOX_RING,     /* takes results out of an io_uring */
    SANDBOX_FOLDER,   /* serves a shared folder */
    SANDBOX_THREADS,
};

/** What is allowed beyond the table, in the session's thread and the event loop. All off is the default. */
struct SandboxOptions {
    bool obsolete;           /* calls that Linux keeps for old programs alone */
    bool elevate_privileges; /* becoming another user */
    bool spawn;              /* starting programs, which needs all that those may want: only the lists of dangerous
                                calls are refused then */
    bool resource_control;   /* priorities, CPU affinity */
    bool user_network;       /* there is one: libslirp works in the vCPU's thread, too, when the guest sends */
    bool tftp;               /* it opens files to read, for its TFTP server */
    int log_fd;              /* where lines about refused calls go */
};

struct SandboxProgram;

/** Whose fields are the sandbox's own. All zero: open. */
struct Sandbox {
    _Atomic bool closed;
    struct SandboxProgram *program[SANDBOX_THREADS];
    void (*failed)(void *opaque, int error);
    void *opaque;
};

/** Built with libseccomp. */
bool sandbox_is_there(void);
/** Whether this build and this kernel have what it takes: 0, or -errno with a line: -ENOTSUP: not in this build;
 *  -ENOSYS: not in this kernel. */
int sandbox_probe(char *why, size_t n);

/** Whom to tell when a thread could not be locked in, from then on, with -errno. Any thread may call it, with any lock
 * held. */
void sandbox_set_failed(struct Sandbox *s, void (*failed)(void *opaque, int error), void *opaque);

/** Make the filters and lock this thread in, as SANDBOX_MAIN. Installs the process's handler of SIGSYS. 0, or -errno
 *  with a line; nothing is locked in then. Once. */
int sandbox_close(struct Sandbox *s, const struct SandboxOptions *o, char *why, size_t n);

/** Free the filters; the threads are gone. */
void sandbox_destroy(struct Sandbox *s);

/** See sandbox_enter. */
int sandbox_lock_in(struct Sandbox *s, enum SandboxThread kind);

/** Lock this thread in, if the sandbox is closed (NULL: there is none) and *inside is false, which becomes true. Cheap
 *  when there is nothing to do. 0, or -errno: the thread must do nothing more for the guest. */
static inline int sandbox_enter(struct Sandbox *s, enum SandboxThread kind, bool *inside) {
    if (s == NULL || *inside || !atomic_load_explicit(&s->closed, memory_order_acquire))
        return 0;
    int r = sandbox_lock_in(s, kind);
    *inside = r == 0;
    return r;
}

#endif
