/* SPDX-License-Identifier: MIT */
/*
 * The real CPU without KVM: a child process (host_child.h) that has the cases' pages at their addresses runs them,
 * 64-bit ones by the stub (stub.h), others by signal frames (runner_host_frames.c); exceptions come as signals.
 * Whatever a case does to that process ends this case alone: it is made anew.
 *
 * Two things look different from here, and are put right: pages of the supervisor are pages that are not there, and
 * Linux says of addresses in its own half that they are there (P in the error code of #PF).
 */
#include "diff/diff.h"
#include "diff/run/host_child.h"
#include "diff/run/runner_host.h"
#include "diff/run/stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct HostRunner {
    struct DiffRunner head;
    const struct CpuModel *model;
    struct HostMail *mail;
    struct HostChild child;
    struct StubControl *control; /* the parent's view */
    struct DiffState *in, *out;
    uint8_t *before;  /* the cases' memory before a batch */
    bool loses_bases; /* the system does not know that programs set the bases of FS and GS */
};

static void close_runner(struct DiffRunner *r) {
    struct HostRunner *h = (struct HostRunner *)r;
    host_child_stop(&h->child);
    diff_space_destroy(&r->space);
    if (h->mail != NULL)
        munmap(h->mail, sizeof(*h->mail));
    free(h->before);
    free(h);
}

static int make_runner(struct HostRunner *h, const struct DiffSetup *setup, char *why, size_t n) {
    int r = diff_stub_space(&h->head.space, setup, why, n);
    if (r != 0)
        return r;
    diff_stub_install(&h->head.space, setup->model, &h->control, &h->in, &h->out);
    h->mail = mmap(NULL, sizeof(*h->mail), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    h->before = malloc(h->head.space.pages * (size_t)4096);
    if (h->mail == MAP_FAILED || h->before == NULL) {
        h->mail = h->mail != MAP_FAILED ? h->mail : NULL;
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    }
    return host_child_start(&h->child, &h->head.space, h->mail, why, n);
}

static int open_runner(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    if (setup->mode < DIFF_COMPAT16 || setup->cpl != 3)
        return snprintf(why, n, "host runs user code of modes long, compat32 and compat16 only (--cpl 3)"), -ENOTSUP;
    if (setup->mode != DIFF_LONG64)
        return diff_host_frames_open(out, setup, why, n);
    if (!cpu_has(setup->model, CPUID_XSAVE))
        return snprintf(why, n, "host: this processor does not have XSAVE, which batches need"), -ENOTSUP;
    struct HostRunner *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    h->head.ops = &diff_host_runner;
    h->model = setup->model;
    h->child.fd = -1;
    h->loses_bases = diff_host_is_paravirtual();
    int r = make_runner(h, setup, why, n);
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

/* ---- a batch ---- */

/** What is to be run, in this order. */
struct Batch {
    struct HostRunner *h;
    const struct DiffState *in;
    struct DiffState *out;
    const uint16_t *which;
    unsigned count;
};

/** All of the cases' memory that is not the stub's; it lies before and behind that. */
static void copy_memory(struct HostRunner *h, bool back) {
    const struct DiffSpace *s = &h->head.space;
    size_t stub = diff_space_phys(s, STUB_BASE), stub_end = diff_space_phys(s, STUB_END - 4096) + 4096;
    const size_t from[] = {0, stub_end}, to[] = {stub, s->pages * (size_t)4096};
    for (unsigned k = 0; k < 2; k++)
        memcpy(back ? s->ram.host + from[k] : h->before + from[k], back ? h->before + from[k] : s->ram.host + from[k],
               to[k] - from[k]);
}

void diff_host_finish(const struct DiffSpace *s, struct DiffState *o) {
    diff_state_finish(o);
    if (o->vector != VEC_PF)
        return;
    const struct DiffPage *p = diff_space_page(s, o->cr2); /* see above */
    if (p != NULL && !(p->attr & DIFF_PAGE_USER))
        o->error |= PF_P;
    if (o->cr2 >= 0x7ffffffff000) /* TASK_SIZE_MAX */
        o->error &= ~(uint32_t)PF_P;
}

/** Linux that does not know of WRFSBASE puts back the bases that it knows now and then. */
static bool disturbed(const struct HostRunner *h, const struct DiffState *in, const struct DiffState *out) {
    return h->loses_bases && ((out->fs_base != in->fs_base && out->fs_base == h->mail->fs) ||
                              (out->gs_base != in->gs_base && out->gs_base == 0));
}

/** Whether no case has changed what others start from. */
static bool same_inputs(const struct Batch *b, unsigned at, unsigned count) {
    for (unsigned k = 0; k < count; k++)
        if (memcmp(&b->h->in[k], &b->in[b->which[at + k]], sizeof(b->in[0])) != 0)
            return false;
    return true;
}

/** Run the cases from `at` on, at most `count`. *done: how many of them have ended as they should; UINT_MAX: that can't
 *  be known, for the stub's memory is destroyed. */
static enum HostEnd run_some(const struct Batch *b, unsigned at, unsigned count, unsigned *done) {
    struct HostRunner *h = b->h;
    for (unsigned k = 0; k < count; k++)
        h->in[k] = b->in[b->which[at + k]];
    diff_stub_install(&h->head.space, h->model, &h->control, &h->in, &h->out); /* a case may have been there */
    h->control->current = STUB_IN;
    h->control->count = count;
    enum HostEnd end = host_child_run(&h->child, (const uint32_t *)&h->control->count);
    uint64_t left = h->control->count, current = (h->control->current - STUB_IN) / DIFF_STATE_SIZE;
    bool sane = left <= count && current == count - left - (end == HOST_END_DONE);
    sane = sane && (end == HOST_END_DONE) == (left == 0) && (count == 1 || same_inputs(b, at, count));
    *done = sane ? count - (unsigned)left : UINT32_MAX;
    for (unsigned k = 0; sane && k < *done; k++) {
        struct DiffState *o = &b->out[b->which[at + k]];
        *o = h->out[k];
        diff_stub_finish(o);
        diff_host_finish(&h->head.space, o);
        o->disturbed = disturbed(h, &h->in[k], o);
    }
    return sane || end != HOST_END_DONE ? end : HOST_END_LOST;
}

/** The case was the last one of its process. */
static int give_up(const struct Batch *b, unsigned at, enum HostEnd end, char *why, size_t n) {
    struct HostRunner *h = b->h;
    struct DiffState *o = &b->out[b->which[at]];
    memset(o, 0, sizeof(*o));
    o->vector = end == HOST_END_STUCK ? DIFF_NO_END : DIFF_GONE;
    h->head.stuck = b->which[at];
    host_child_stop(&h->child);
    return host_child_start(&h->child, &h->head.space, h->mail, why, n);
}

/** From `at` on, one by one. */
static int run_singly(const struct Batch *b, unsigned at, char *why, size_t n) {
    unsigned done;
    int r = 0;
    for (; at < b->count && r == 0; at++) {
        enum HostEnd end = run_some(b, at, 1, &done);
        if (end != HOST_END_DONE)
            r = give_up(b, at, end, why, n);
    }
    return r;
}

/** A case has destroyed what tells how far the batch had come: back to its beginning. */
static int begin_anew(const struct Batch *b, char *why, size_t n) {
    struct HostRunner *h = b->h;
    host_child_stop(&h->child);
    int r = host_child_start(&h->child, &h->head.space, h->mail, why, n);
    copy_memory(h, true);
    return r != 0 ? r : run_singly(b, 0, why, n);
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    const struct Batch b = {(struct HostRunner *)r, in, out, which, count};
    unsigned done;
    int e = 0;
    if (count <= 1)
        return run_singly(&b, 0, why, n);
    copy_memory(b.h, false);
    for (unsigned at = 0; at < count && e == 0; at += done + 1) {
        enum HostEnd end = run_some(&b, at, count - at, &done);
        if (end == HOST_END_DONE)
            break;
        if (done == UINT32_MAX)
            return begin_anew(&b, why, n);
        e = give_up(&b, at + done, end, why, n);
    }
    return e;
}

const struct DiffRunnerOps diff_host_runner = {
    .name = "host",
    .open = open_runner,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .run = run,
};
