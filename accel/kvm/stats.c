/* SPDX-License-Identifier: MIT */
/* Exits counted by reason, and accesses by port, page and MSR, for -d stats. Only the vCPU's thread counts. */
#include "accel/kvm/kvm.h"
#include "cpu/exits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

/* ---- exit statistics: by the SDM's basic exit reasons ---- */

/* What the exits of KVM_RUN are to the processor. Where KVM has no exit of its own for it, the reason is EXIT_NONE. */
static int reason_of(const struct kvm_run *run) {
    switch (run->exit_reason) {
    case KVM_EXIT_IO: return EXIT_IO;
    case KVM_EXIT_MMIO: return EXIT_EPT_MISCONFIG;
    case KVM_EXIT_HLT: return EXIT_HLT;
    case KVM_EXIT_X86_RDMSR: return EXIT_RDMSR;
    case KVM_EXIT_X86_WRMSR: return EXIT_WRMSR;
    case KVM_EXIT_IRQ_WINDOW_OPEN: return EXIT_INTERRUPT_WINDOW;
    case KVM_EXIT_INTR: return EXIT_EXTERNAL_INTERRUPT;
    case KVM_EXIT_NMI:
    case KVM_EXIT_EXCEPTION:
    case KVM_EXIT_DEBUG: return EXIT_EXCEPTION_NMI;
    case KVM_EXIT_SHUTDOWN: return EXIT_TRIPLE_FAULT;
    case KVM_EXIT_HYPERCALL: return EXIT_VMCALL;
    case KVM_EXIT_SET_TPR: return EXIT_CR_ACCESS; /* MOV CR8 that lowers it */
    default: return EXIT_NONE;
    }
}

void kvm_count_exit(struct CPUState *cpu, const struct kvm_run *run) {
    int reason = reason_of(run);
    struct ExitKey key = {.name = exit_reason_name(reason), .reason = (int16_t)reason};
    uint64_t n = 1;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        key.kind = EXIT_PLACE_PORT;
        key.place = run->io.port;
        key.write = run->io.direction == KVM_EXIT_IO_OUT;
        n = run->io.count; /* accesses: a repeated INS may come as one exit */
        break;
    case KVM_EXIT_MMIO:
        key.kind = EXIT_PLACE_ADDRESS;
        key.place = run->mmio.phys_addr;
        key.write = run->mmio.is_write;
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        key.kind = EXIT_PLACE_MSR;
        key.place = run->msr.index;
        key.write = run->exit_reason == KVM_EXIT_X86_WRMSR;
        break;
    case KVM_EXIT_SET_TPR:
        key.kind = EXIT_PLACE_CR;
        key.place = 8;
        key.write = true;
        break;
    case KVM_EXIT_INTERNAL_ERROR: key.name = "(KVM can't emulate)"; break;
    default: break;
    }
    if (key.name == NULL)
        key.name = kvm_exit_name(run->exit_reason);
    key.no_rip = !cpu->access.known;
    key.rip = cpu->access.rip;
    exits_begin(cpu->exits, &key, n);
}

/* KVM's counters of a vCPU (linux/kvm.h, KVM_GET_STATS_FD), as far as they are about exits. */
static const struct {
    const char *name;
    int reason;
} counters[] = {
    {"exits", EXIT_NONE},
    {"irq_exits", EXIT_EXTERNAL_INTERRUPT},
    {"irq_window_exits", EXIT_INTERRUPT_WINDOW},
    {"nmi_window_exits", EXIT_NMI_WINDOW},
    {"halt_exits", EXIT_HLT},
    {"io_exits", EXIT_IO},
    {"mmio_exits", EXIT_EPT_MISCONFIG},
    {"pf_taken", EXIT_EPT_VIOLATION},
    {"invlpg", EXIT_INVLPG},
    {"hypercalls", EXIT_VMCALL},
    {"signal_exits", EXIT_NONE},
    {"insn_emulation", EXIT_NONE},
    {"insn_emulation_fail", EXIT_NONE},
    {"irq_injections", EXIT_NONE},
    {"nmi_injections", EXIT_NONE},
};

static void read_stats_file(int fd, void (*fn)(void *opaque, const char *name, uint64_t value), void *opaque) {
    struct kvm_stats_header h;
    enum { NAME_MOST = 256 };
    union {
        struct kvm_stats_desc d;
        char bytes[sizeof(struct kvm_stats_desc) + NAME_MOST];
    } u;
    uint64_t value;
    if (pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || h.name_size > NAME_MOST || h.name_size == 0)
        return;
    ssize_t each = (ssize_t)(sizeof(u.d) + h.name_size);
    for (uint32_t i = 0; i < h.num_desc && i < 4096; i++) {
        if (pread(fd, u.bytes, (size_t)each, h.desc_offset + (off_t)i * each) != each)
            return;
        u.bytes[each - 1] = '\0';
        if (u.d.size == 1 && pread(fd, &value, sizeof(value), h.data_offset + u.d.offset) == (ssize_t)sizeof(value))
            fn(opaque, u.d.name, value);
    }
}

/* Call `fn` for each counter that is one number. */
static void read_counters(const struct KvmVcpu *v, void (*fn)(void *opaque, const char *name, uint64_t value),
                          void *opaque) {
    int fd = ioctl(v->fd, KVM_GET_STATS_FD, NULL); /* Linux 5.14 and later */
    if (fd < 0)
        return;
    read_stats_file(fd, fn, opaque);
    close(fd);
}

struct ExitTeller {
    void (*fn)(void *opaque, const char *name, int reason, uint64_t count);
    void *opaque;
};

static void tell_exits(void *opaque, const char *name, uint64_t value) {
    const struct ExitTeller *t = opaque;
    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strcmp(name, counters[i].name) == 0)
            t->fn(t->opaque, counters[i].name, counters[i].reason, value);
}

void kvm_kernel_exits(const void *engine, void (*fn)(void *opaque, const char *name, int reason, uint64_t count),
                      void *opaque) {
    struct ExitTeller t = {fn, opaque};
    read_counters(engine, tell_exits, &t);
}

/* Polling for an interrupt before it sleeps is part of the guest's HLT. */
static void add_halted(void *opaque, const char *name, uint64_t value) {
    static const char *const names[] = {"halt_wait_ns", "halt_poll_success_ns", "halt_poll_fail_ns"};
    int64_t *sum = opaque;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            *sum = (*sum < 0 ? 0 : *sum) + (int64_t)value;
}

int64_t kvm_halted_ns(const void *engine) {
    int64_t sum = -1;
    read_counters(engine, add_halted, &sum);
    return sum;
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
