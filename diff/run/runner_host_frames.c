/* SPDX-License-Identifier: MIT */
/*
 * 32- and 16-bit user code on the real CPU: the child process (host_child.h) goes from case to case by signal frames
 * (host_cases.c). Segments are Linux's own or of the local descriptor table. What runs the cases lies above 4 GiB,
 * where none of them reaches.
 */
#include "diff/run/host_child.h"
#include "diff/run/host_segments.h"
#include "diff/run/runner_host.h"
#include "diff/run/segments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert((int)DIFF_BATCH == HOST_CASES && (int)DIFF_LDT_ENTRIES == HOST_LDT_ENTRIES, "");

struct FrameRunner {
    struct DiffRunner head;
    struct HostMail *mail; /* and behind it the cases */
    struct HostCases *cases;
    struct HostChild child;
};

struct Shared {
    struct HostMail mail;
    struct HostCases cases;
};

static void close_runner(struct DiffRunner *r) {
    struct FrameRunner *h = (struct FrameRunner *)r;
    host_child_stop(&h->child);
    diff_space_destroy(&r->space);
    if (h->mail != NULL)
        munmap(h->mail, sizeof(struct Shared));
    free(h);
}

static int start_child(struct FrameRunner *h, char *why, size_t n) {
    host_child_stop(&h->child);
    memset(h->cases->local, 0, sizeof(h->cases->local));
    return host_child_start(&h->child, &h->head.space, h->mail, why, n);
}

static int make_runner(struct FrameRunner *h, const struct DiffSetup *setup, char *why, size_t n) {
    int r = diff_space_init(&h->head.space, setup->mode, setup->cpl, setup->model, setup->page, setup->pages, why, n);
    if (r != 0)
        return r;
    struct Shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return snprintf(why, n, "%s", strerror(errno)), -ENOMEM;
    h->mail = &s->mail;
    h->cases = h->mail->frames = &s->cases;
    return start_child(h, why, n);
}

int diff_host_frames_open(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    struct FrameRunner *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    h->head.ops = &diff_host_frame_runner;
    h->child.fd = -1;
    int r = make_runner(h, setup, why, n);
    if (r != 0) {
        close_runner(&h->head);
        return r;
    }
    *out = &h->head;
    return 0;
}

static void put_pad(struct DiffRunner *r, uint8_t *at, uint64_t linear) {
    (void)r, (void)linear;
    diff_trap_pad(at);
}

static void code_changed(struct DiffRunner *r) { (void)r; }

static int takes(struct DiffRunner *r, const struct DiffState *in, const struct DiffOwnSystem *own, char *why,
                 size_t n) {
    struct HostSegments ignored;
    struct X86Segment seg[SEG_COUNT];
    if (own->has_cr0 || own->has_cr4 || own->has_efer || own->has_xcr0)
        return snprintf(why, n, "host: a program has no control registers of its own"), -EINVAL;
    diff_segments(&r->space, in, own, seg);
    return diff_host_segments(seg, &ignored, why, n);
}

/* ---- a batch ---- */

static int put_case(struct FrameRunner *h, unsigned k, const struct DiffState *in, char *why, size_t n) {
    struct X86Segment seg[SEG_COUNT];
    diff_segments(&h->head.space, in, h->head.own, seg);
    memcpy(h->cases->in[k], in, sizeof(*in));
    return diff_host_segments(seg, &h->cases->segments[k], why, n);
}

static void take_case(const struct FrameRunner *h, unsigned k, const struct DiffState *in, struct DiffState *o) {
    struct X86Segment seg[SEG_COUNT];
    diff_segments(&h->head.space, in, h->head.own, seg);
    memcpy(o, h->cases->out[k], sizeof(*o));
    put_le(o->fx + FXSAVE_FIP, get_le32(o->fx + FXSAVE_FIP), 8); /* see DiffSetup.pointers32 */
    put_le(o->fx + FXSAVE_FDP, get_le32(o->fx + FXSAVE_FDP), 8);
    if (o->vector == VEC_BP && diff_at_trap_pad(&h->head.space, (uint32_t)(seg[SEG_CS].base + o->rip - 1))) {
        o->vector = DIFF_NO_FAULT;
        o->rip--;
    }
    diff_host_finish(&h->head.space, o);
}

static void give_up(struct DiffState *o, enum HostEnd end) {
    memset(o, 0, sizeof(*o));
    o->vector = end == HOST_END_STUCK ? DIFF_NO_END : DIFF_GONE;
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    struct FrameRunner *h = (struct FrameRunner *)r;
    struct HostCases *m = h->cases;
    int e = 0;
    for (unsigned k = 0; k < count && e == 0; k++)
        e = put_case(h, k, &in[which[k]], why, n);
    m->count = count;
    for (m->at = 0; m->at < count && e == 0;) {
        unsigned first = m->at;
        enum HostEnd end = host_child_run(&h->child, &m->at);
        for (unsigned k = first; k < m->at; k++)
            take_case(h, k, &in[which[k]], &out[which[k]]);
        if (end == HOST_END_DONE)
            continue;
        r->stuck = which[m->at];
        if (end == HOST_END_REFUSED)
            return snprintf(why, n, "host: this kernel does not give a program the segments of a case: modify_ldt: %s",
                            strerror(-m->error)),
                   -EIO;
        if (end != HOST_END_LOST)
            give_up(&out[which[m->at++]], end);
        e = start_child(h, why, n);
    }
    return e;
}

const struct DiffRunnerOps diff_host_frame_runner = {
    .name = "host",
    .open = diff_host_frames_open,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .takes = takes,
    .run = run,
};
