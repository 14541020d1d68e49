/* SPDX-License-Identifier: MIT */
/* See filter.h. */
#include "sandbox/filter.h"
#include "sandbox/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <unistd.h>

enum { TESTS = sizeof(((struct SandboxRule *)0)->test) / sizeof(struct SandboxTest) };

static struct scmp_arg_cmp condition(const struct SandboxTest *t) {
    if (t->kind == TEST_OWN_PID)
        return SCMP_CMP(t->argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)getpid());
    return SCMP_CMP(t->argument, SCMP_CMP_MASKED_EQ, t->mask, t->value);
}

static int add_rule(scmp_filter_ctx ctx, const struct SandboxRule *r) {
    struct scmp_arg_cmp test[TESTS];
    unsigned n = 0;
    while (n < TESTS && r->test[n].kind != TEST_NONE) {
        test[n] = condition(&r->test[n]);
        n++;
    }
    return seccomp_rule_add_array(ctx, r->error != 0 ? SCMP_ACT_ERRNO(r->error) : SCMP_ACT_ALLOW, r->call, n, test);
}

static bool is_on(const struct SandboxGroup *g, const struct SandboxOptions *o) {
    return g->option >= 0 && *(const bool *)((const char *)o + g->option);
}

/* Calls that this kernel's headers or libseccomp don't know (negative numbers) can't be made, either. */
static int add_group(scmp_filter_ctx ctx, const struct SandboxGroup *g, uint32_t action) {
    int r = 0;
    for (unsigned i = 0; i < g->count && r == 0; i++)
        r = g->calls[i] >= 0 ? seccomp_rule_add(ctx, action, g->calls[i], 0) : 0;
    return r;
}

static bool is_vcpu(enum SandboxThread kind) { return kind == SANDBOX_VCPU || kind == SANDBOX_VCPU_KVM; }

/* libslirp works in this thread. */
static bool has_slirp(enum SandboxThread kind, const struct SandboxOptions *o) {
    return o->user_network && (is_vcpu(kind) || kind == SANDBOX_LOOP);
}

/* What the thread's work needs is allowed, all else refused. */
static int allow_rules(scmp_filter_ctx ctx, enum SandboxThread kind, const struct SandboxOptions *o) {
    bool host = kind == SANDBOX_MAIN || kind == SANDBOX_LOOP;
    unsigned as = 1u << kind;
    int r = 0;
    if (has_slirp(kind, o))
        as |= 1u << SANDBOX_LOOP | (o->tftp ? 1u << SANDBOX_TFTP : 0);
    for (unsigned i = 0; i < sandbox_rule_count && r == 0; i++)
        if ((sandbox_rules[i].threads & as) != 0 && sandbox_rules[i].call >= 0)
            r = add_rule(ctx, &sandbox_rules[i]);
    for (unsigned i = 0; i < sandbox_group_count && r == 0 && host; i++)
        if (is_on(&sandbox_groups[i], o))
            r = add_group(ctx, &sandbox_groups[i], SCMP_ACT_ALLOW);
    return r;
}

/* A program that is started has our filter, and needs we can't know: only what is dangerous is refused. */
static int refuse_groups(scmp_filter_ctx ctx, const struct SandboxOptions *o) {
    int r = 0;
    for (unsigned i = 0; i < sandbox_group_count && r == 0; i++)
        if (!is_on(&sandbox_groups[i], o))
            r = add_group(ctx, &sandbox_groups[i], SCMP_ACT_TRAP);
    return r;
}

/* libseccomp 2.5 writes programs to descriptors only. A pipe: what it holds is no file, which ulimit -f would cut. */
static int export(scmp_filter_ctx ctx, struct SandboxProgram **program) {
    enum { MOST = 4096 /* instructions that the kernel takes */ * sizeof(struct sock_filter) };
    int fd[2];
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    struct SandboxProgram *p = malloc(sizeof(*p) + MOST);
    int r = p == NULL ? -ENOMEM : seccomp_export_bpf(ctx, fd[1]);
    ssize_t size = r == 0 ? read(fd[0], p->filter, MOST) : 0;
    if (r == 0 && (size <= 0 || (size_t)size % sizeof(struct sock_filter) != 0))
        r = -EIO;
    close(fd[0]);
    close(fd[1]);
    if (r == 0) {
        p->count = (unsigned short)((size_t)size / sizeof(struct sock_filter));
        struct SandboxProgram *fitting = realloc(p, sizeof(*p) + (size_t)size);
        p = fitting != NULL ? fitting : p;
    } else {
        free(p);
        p = NULL;
    }
    *program = p;
    return r;
}

bool sandbox_is_there(void) { return true; }

int sandbox_compile(enum SandboxThread kind, const struct SandboxOptions *o, struct SandboxProgram **program) {
    bool spawns = o->spawn && (kind == SANDBOX_MAIN || kind == SANDBOX_LOOP || has_slirp(kind, o));
    scmp_filter_ctx ctx = seccomp_init(spawns ? SCMP_ACT_ALLOW : SCMP_ACT_TRAP);
    *program = NULL;
    if (ctx == NULL)
        return -ENOMEM;
    /* Nobody here makes 32-bit calls: there is no way to go on after one. */
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: few compares for each call */
    if (r == 0)
        r = spawns ? refuse_groups(ctx, o) : allow_rules(ctx, kind, o);
    if (r == 0)
        r = export(ctx, program);
    seccomp_release(ctx);
    return r;
}
