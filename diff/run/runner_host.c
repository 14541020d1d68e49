/* SPDX-License-Identifier: MIT */
/*
 * The real CPU without KVM: a child process that has the cases' pages at their addresses runs the stub (see stub.h);
 * exceptions come as signals. The child can do nothing but read, write and exit, and dies with its parent.
 *
 * Two things look different from here, and are put right: pages of the supervisor are pages that are not there, and
 * Linux says of addresses in its own half that they are there (P in the error code of #PF).
 */
#include "diff/run/host_signal.h"
#include "diff/run/stub.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE (1 << 1)
#endif

enum { CHILD_MS = 60000 }; /* no batch takes so long */

struct HostRunner {
    struct DiffRunner head;
    struct StubControl *control; /* the parent's view */
    struct DiffState *in, *out;
    pid_t child;
    int to, from; /* pipes */
};

/* ---- in the child ---- */

static bool map_page(int fd, uint64_t linear, uint64_t phys, size_t size, int prot) {
    void *at = (void *)(uintptr_t)linear;
    return mmap(at, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, (off_t)phys) == at;
}

static int protection(const struct DiffPage *p) {
    if (p->linear == STUB_BASE)
        return PROT_READ | PROT_EXEC;
    if (!(p->attr & DIFF_PAGE_USER) || (p->attr & DIFF_PAGE_HOLE))
        return PROT_NONE;
    return PROT_READ | (p->attr & DIFF_PAGE_WRITE ? PROT_WRITE : 0) | (p->attr & DIFF_PAGE_NX ? 0 : PROT_EXEC);
}

/** Pages that follow one another are one mapping. */
static bool map_space(const struct DiffSpace *s) {
    for (unsigned k = 0, n; k < s->pages; k += n) {
        int prot = protection(&s->page[k]);
        for (n = 1; k + n < s->pages; n++)
            if (s->page[k + n].linear != s->page[k].linear + n * 4096ull || protection(&s->page[k + n]) != prot)
                break;
        if (!map_page(s->ram.memfd, s->page[k].linear, k * 4096ull, n * 4096ull, prot))
            return false;
    }
    return map_page(s->ram.memfd, DIFF_SYS + DIFF_SYS_STACK, s->sys_phys + DIFF_SYS_STACK, 4096,
                    PROT_READ | PROT_WRITE);
}

_Noreturn static void child_main(const struct DiffSpace *s, int from, int to) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    bool ok = map_space(s) && diff_host_signals() && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
    char told = ok ? 'x' : 'f', word;
    while (write(to, &told, 1) == 1 && ok && read(from, &word, 1) == 1)
        diff_host_enter();
    _exit(0);
}

/* ---- in the parent ---- */

static void close_runner(struct DiffRunner *r) {
    struct HostRunner *h = (struct HostRunner *)r;
    if (h->to >= 0)
        close(h->to);
    if (h->from >= 0)
        close(h->from);
    if (h->child > 0)
        diff_host_end(h->child);
    diff_space_destroy(&r->space);
    free(h);
}

/** Wait until the child has done what it was told. */
static bool wait_child(struct HostRunner *h) {
    struct pollfd p = {.fd = h->from, .events = POLLIN};
    ssize_t n;
    char c;
    do
        n = poll(&p, 1, CHILD_MS);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    do
        n = read(h->from, &c, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 && c == 'x';
}

static int start_child(struct HostRunner *h, char *why, size_t n) {
    int a[2], b[2];
    if (pipe(a) != 0)
        return snprintf(why, n, "host: %s", strerror(errno)), -errno;
    if (pipe(b) != 0) {
        int e = errno;
        close(a[0]), close(a[1]);
        return snprintf(why, n, "host: %s", strerror(e)), -e;
    }
    h->child = fork();
    if (h->child == 0) {
        close(a[1]), close(b[0]);
        child_main(&h->head.space, a[0], b[1]);
    }
    close(a[0]), close(b[1]);
    h->to = a[1], h->from = b[0];
    if (h->child < 0 || !wait_child(h))
        return snprintf(why, n,
                        "host: a process for the cases can't be had: it finds no room at their addresses, or "
                        "may not use seccomp"),
               -EIO;
    return 0;
}

static int open_runner(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    if (setup->mode != DIFF_LONG64 || setup->cpl != 3)
        return snprintf(why, n, "host runs mode long64 at CPL 3 only"), -ENOTSUP;
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) || !cpu_has(setup->model, CPUID_XSAVE))
        return snprintf(why, n, "host: this processor or kernel does not give programs XSAVE and FSGSBASE"), -ENOTSUP;
    struct HostRunner *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    h->head.ops = &diff_host_runner;
    h->to = h->from = -1;
    int r = diff_stub_space(&h->head.space, setup, why, n);
    if (r != 0) {
        free(h);
        return r;
    }
    diff_stub_install(&h->head.space, setup->model, &h->control, &h->in, &h->out);
    r = start_child(h, why, n);
    if (r != 0) {
        close_runner(&h->head);
        return r;
    }
    *out = &h->head;
    return 0;
}

static void put_pad(struct DiffRunner *r, uint8_t *at, uint64_t linear) {
    (void)r;
    diff_stub_pad(at, linear);
}

static void code_changed(struct DiffRunner *r) { (void)r; }

/** See above. */
static void mend_fault(const struct DiffSpace *s, struct DiffState *o) {
    if (o->vector != VEC_PF)
        return;
    const struct DiffPage *p = diff_space_page(s, o->cr2);
    if (p != NULL && !(p->attr & DIFF_PAGE_USER))
        o->error |= PF_P;
    if (o->cr2 >= 0x7ffffffff000) /* TASK_SIZE_MAX */
        o->error &= ~(uint32_t)PF_P;
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    struct HostRunner *h = (struct HostRunner *)r;
    if (count == 0)
        return 0;
    for (unsigned k = 0; k < count; k++)
        h->in[k] = in[which[k]];
    h->control->count = count;
    char c = 'r';
    if (write(h->to, &c, 1) != 1 || !wait_child(h) || h->control->count != 0) {
        r->stuck = diff_stub_current(h->control, which, count);
        return snprintf(why, n, "host: the process died, or does not come to an end"), -EIO;
    }
    for (unsigned k = 0; k < count; k++) {
        out[which[k]] = h->out[k];
        diff_stub_finish(&out[which[k]]);
        mend_fault(&r->space, &out[which[k]]);
    }
    return 0;
}

const struct DiffRunnerOps diff_host_runner = {
    .name = "host",
    .open = open_runner,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .run = run,
};
