/* SPDX-License-Identifier: MIT */
/* Exits counted by reason, and accesses by port, page and MSR, for -d stats. Only the vCPU's thread counts. */
#include "accel/kvm/kvm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORTS = 65536, TOP = 6 };

int kvm_stats_init(struct KvmStats *s) {
    s->ports = calloc(PORTS, sizeof(*s->ports));
    return s->ports == NULL ? -1 : 0;
}

void kvm_stats_destroy(struct KvmStats *s) {
    free(s->ports);
    s->ports = NULL;
}

/* One that finds no row any more is counted by reason only. */
static void count_place(struct KvmPlace *p, uint64_t at) {
    for (unsigned i = 0; i < KVM_STATS_PLACES; i++) {
        if (p[i].count != 0 && p[i].at != at)
            continue;
        p[i].at = at;
        p[i].count++;
        return;
    }
}

void kvm_stats_exit(struct KvmStats *s, const struct kvm_run *run) {
    uint32_t reason = run->exit_reason;
    s->exits[reason < KVM_EXIT_KINDS ? reason : KVM_EXIT_KINDS - 1]++;
    switch (reason) {
    case KVM_EXIT_IO: s->ports[run->io.port]++; break;
    case KVM_EXIT_MMIO: count_place(s->mmio, run->mmio.phys_addr & ~0xfffull); break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR: count_place(s->msr, run->msr.index); break;
    }
}

/* ---- as text ---- */

struct Text {
    char *buf;
    size_t n, used;
};

static void __attribute__((format(printf, 2, 3))) say(struct Text *t, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    if (t->used < t->n) {
        int r = vsnprintf(t->buf + t->used, t->n - t->used, format, ap);
        t->used += r > 0 ? (size_t)r : 0;
    }
    va_end(ap);
}

static void say_places(struct Text *t, const char *what, const struct KvmPlace *p, unsigned n) {
    uint64_t last = UINT64_MAX;
    unsigned last_row = 0;
    for (unsigned shown = 0; shown < TOP; shown++) {
        const struct KvmPlace *best = NULL;
        for (unsigned i = 0; i < n; i++) { /* the next after the last one shown, ties in order of rows */
            bool later = p[i].count < last || (p[i].count == last && i > last_row);
            if (p[i].count != 0 && later && (best == NULL || p[i].count > best->count))
                best = &p[i];
        }
        if (best == NULL)
            return;
        say(t, "%s %llx %llu", shown == 0 ? what : "", (unsigned long long)best->at, (unsigned long long)best->count);
        last = best->count;
        last_row = (unsigned)(best - p);
    }
}

/* The ports that are used most, as places. */
static unsigned top_ports(const uint32_t *ports, struct KvmPlace *top) {
    unsigned n = 0;
    for (unsigned port = 0; port < PORTS; port++) {
        unsigned i = n;
        if (ports[port] == 0)
            continue;
        if (n < TOP)
            n++;
        else if (top[--i].count >= ports[port])
            continue;
        for (; i > 0 && top[i - 1].count < ports[port]; i--)
            top[i] = top[i - 1];
        top[i] = (struct KvmPlace){port, ports[port]};
    }
    return n;
}

void kvm_describe(const void *engine, char *buf, size_t n) {
    const struct KvmVcpu *v = engine;
    const struct KvmStats *s = &v->stats;
    struct Text t = {buf, n, 0};
    struct KvmPlace top[TOP];
    say(&t, "exits:");
    for (uint32_t i = 0; i < KVM_EXIT_KINDS; i++)
        if (s->exits[i] != 0)
            say(&t, " %s %llu", kvm_exit_name(i), (unsigned long long)s->exits[i]);
    say_places(&t, "; ports:", top, top_ports(s->ports, top));
    say_places(&t, "; pages:", s->mmio, KVM_STATS_PLACES);
    say_places(&t, "; MSRs:", s->msr, KVM_STATS_PLACES);
}
