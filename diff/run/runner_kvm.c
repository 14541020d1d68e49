/* SPDX-License-Identifier: MIT */
/*
 * The real CPU through KVM, 64-bit user mode: a batch is one KVM_RUN (see stub.h). Handlers at CPL 0 note the vector
 * and go back to the stub.
 */
#include "accel/kvm/kvm.h"
#include "diff/run/stub.h"
#include "diff/run/watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { CASE_SECONDS = 4 }; /* no case takes so long */

/* Within the stack page, below any frame: what a handler returns by. */
enum { RETURN_FRAME = DIFF_SYS + DIFF_SYS_STACK + 0x100 };

struct KvmRunner {
    struct DiffRunner head;
    struct CPUState cpu;
    struct Accel accel;
    pthread_mutex_t lock;
    struct StubControl *control;
    struct DiffState *in, *out;
    struct Watchdog *watchdog;
};

/** What make_cpu has made. */
static void free_cpu(struct KvmRunner *k) {
    watchdog_free(k->watchdog);
    if (k->cpu.engine != NULL)
        kvm_ops.vcpu_destroy(&k->cpu);
    if (k->accel.data != NULL)
        kvm_ops.destroy(&k->accel);
    if (k->cpu.bus != NULL)
        bus_free(k->cpu.bus);
    if (k->cpu.clock != NULL)
        clock_free(k->cpu.clock);
    pthread_mutex_destroy(&k->lock);
}

static void close_runner(struct DiffRunner *r) {
    free_cpu((struct KvmRunner *)r);
    diff_space_destroy(&r->space);
    free(r);
}

/** Note the vector (and CR2), return to the stub. */
static void put_handler(struct DiffSpace *s, unsigned vector) {
    uint8_t *p = s->ram.host + s->sys_phys + DIFF_SYS_HANDLERS + vector * DIFF_HANDLER;
    static const uint8_t note[] = {0xc7, 0x04, 0x25}; /* movl $vector, VECTOR */
    static const uint8_t cr2[] = {0x50, 0x0f, 0x20, 0xd0,
                                  0x48, 0x89, 0x04, 0x25}; /* push rax; mov rax, cr2; mov CR2, rax */
    static const uint8_t dr6[] = {
        0x50, 0x0f, 0x21, 0xf0, /* push rax; mov rax, dr6; mov DR6, eax */
        0x89, 0x04, 0x25, 0,    0,    0,    0,    0xb8,
        0xf0, 0x0f, 0xff, 0xff, 0x0f, 0x23, 0xf0, 0x58}; /* mov eax, 0xffff0ff0; mov dr6, rax; pop rax */
    static const uint8_t leave[] = {0x48, 0xc7, 0xc4};   /* mov $RETURN_FRAME, %rsp */
    memcpy(p, note, sizeof(note));
    put_le(p + 3, STUB_CONTROL + offsetof(struct StubControl, vector), 4);
    put_le(p + 7, vector, 4);
    p += 11;
    if (vector == VEC_PF) {
        memcpy(p, cr2, sizeof(cr2));
        put_le(p + 8, STUB_CONTROL + offsetof(struct StubControl, cr2), 4);
        p[12] = 0x58; /* pop rax */
        p += 13;
    }
    if (vector == VEC_DB) {
        memcpy(p, dr6, sizeof(dr6));
        put_le(p + 7, STUB_CONTROL + offsetof(struct StubControl, dr6), 4);
        p += sizeof(dr6);
    }
    memcpy(p, leave, sizeof(leave));
    put_le(p + 3, RETURN_FRAME, 4);
    p[7] = 0x48, p[8] = 0xcf; /* iretq */
}

static void put_system(struct KvmRunner *k, const struct CpuModel *model) {
    struct DiffSpace *s = &k->head.space;
    const uint64_t frame[5] = {diff_stub_fault_address(), DIFF_CS64_3, FLAG_ONE | FLAG_IF, STUB_DONE, DIFF_DS_3};
    memcpy(s->ram.host + s->sys_phys + (RETURN_FRAME - DIFF_SYS), frame, sizeof(frame));
    for (unsigned v = 0; v < 256; v++)
        put_handler(s, v);
    diff_stub_install(s, model, &k->control, &k->in, &k->out);
}

static int make_cpu(struct KvmRunner *k, const struct CpuModel *model, char *why, size_t n) {
    struct CPUState *cpu = &k->cpu;
    bus_lock_init(&k->lock);
    cpu->bus = bus_new(&k->lock);
    cpu->clock = clock_new(CLOCK_HOST);
    int r = cpu->bus == NULL || cpu->clock == NULL ? -ENOMEM : bus_map(cpu->bus, 0, &k->head.space.ram);
    if (r != 0)
        return snprintf(why, n, "kvm: %s", strerror(-r)), r;
    cpu->lock = &k->lock;
    cpu->bootstrap = true;
    cpu->insn_limit = UINT64_MAX;
    cpu->model = *model;
    k->accel = (struct Accel){.ops = &kvm_ops, .bus = cpu->bus, .clock = cpu->clock, .lock = &k->lock, .options = ""};
    cpu->accel = &k->accel;
    if ((r = kvm_ops.init(&k->accel, why, n)) != 0)
        return r;
    if ((r = kvm_ops.vcpu_init(cpu, &k->accel)) != 0)
        return snprintf(why, n, "%s", cpu->error), r;
    cpu_reset(cpu, false);
    cpu->env = k->head.space.env;
    cpu->env.rip = STUB_BASE;
    cpu->env.rflags = FLAG_ONE | FLAG_IF;
    kvm_ops.put_state(cpu);
    k->watchdog = watchdog_new(cpu);
    return k->watchdog != NULL ? 0 : (snprintf(why, n, "kvm: no thread for a watchdog"), -ENOMEM);
}

static int open_runner(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n) {
    if (setup->mode != DIFF_LONG64 || setup->cpl != 3)
        return diff_kvm_system_runner.open(out, setup, why, n);
    if (!cpu_has(setup->model, CPUID_XSAVE) || !cpu_has(setup->model, CPUID_FSGSBASE))
        return snprintf(why, n, "kvm: this CPU has no XSAVE or FSGSBASE, which batches need"), -ENOTSUP;
    struct KvmRunner *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    k->head.ops = &diff_kvm_runner;
    int r = diff_stub_space(&k->head.space, setup, why, n);
    if (r != 0) {
        free(k);
        return r;
    }
    put_system(k, setup->model);
    r = make_cpu(k, setup->model, why, n);
    if (r != 0) {
        close_runner(&k->head);
        return r;
    }
    *out = &k->head;
    return 0;
}

static void put_pad(struct DiffRunner *r, uint8_t *at, uint64_t linear) {
    (void)r;
    diff_stub_pad(at, linear);
}

static void code_changed(struct DiffRunner *r) { (void)r; /* processors see it */ }

/** Another vCPU, after a case of which KVM may still be full. */
static int make_again(struct KvmRunner *k, char *why, size_t n) {
    const struct CpuModel model = k->cpu.model;
    free_cpu(k);
    memset(&k->cpu, 0, sizeof(k->cpu));
    memset(&k->accel, 0, sizeof(k->accel));
    k->watchdog = NULL;
    return make_cpu(k, &model, why, n);
}

/** -ETIME: a case does not come to an end. */
static int enter(struct KvmRunner *k, char *why, size_t n) {
    struct KvmVcpu *v = k->cpu.engine;
    int e;
    kvm_enter(v);
    bool late;
    uint64_t left;
    do {
        left = k->control->count;
        atomic_fetch_and(&k->cpu.events, ~(unsigned)CPU_EVENT_LEAVE);
        v->run->immediate_exit = 0;
        watchdog_start(k->watchdog, CASE_SECONDS);
        while ((e = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0) == EAGAIN ||
               (e == EINTR && !(atomic_load(&k->cpu.events) & CPU_EVENT_LEAVE)))
            ;
        late = watchdog_stop(k->watchdog);
    } while (late && e == EINTR && k->control->count < left);
    kvm_leave(v);
    v->run->immediate_exit = 0;
    if (late && e == EINTR)
        return -ETIME;
    if (e != 0)
        return snprintf(why, n, "kvm: KVM_RUN: %s", strerror(e)), -EIO;
    if (v->run->exit_reason == KVM_EXIT_MMIO && v->run->mmio.is_write && k->control->count == 0)
        return 0;
    return snprintf(why, n, "kvm: unexpected exit %s", kvm_exit_name(v->run->exit_reason)), -EIO;
}

/** The first cases of these, up to one without an end: *done of them, all but for that. */
static int run_some(struct KvmRunner *k, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
                    unsigned count, unsigned *done, char *why, size_t n) {
    for (unsigned c = 0; c < count; c++)
        k->in[c] = in[which[c]];
    k->control->count = count;
    int e = enter(k, why, n);
    if (e == -ETIME && k->control->count > count)
        return snprintf(why, n, "kvm: a case has written over the engine's own memory"), -EIO;
    *done = e == 0 ? count : count - (unsigned)k->control->count;
    for (unsigned c = 0; c < *done && (e == 0 || e == -ETIME); c++) {
        out[which[c]] = k->out[c];
        diff_stub_finish(&out[which[c]]);
    }
    return e;
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    struct KvmRunner *k = (struct KvmRunner *)r;
    for (unsigned at = 0, done; at < count; at += done) {
        int e = run_some(k, in, out, which + at, count - at, &done, why, n);
        if (e == 0)
            continue;
        r->stuck = diff_stub_current(k->control, which + at, count - at);
        if (e != -ETIME)
            return e;
        memset(&out[which[at + done]], 0, sizeof(*out));
        out[which[at + done++]].vector = DIFF_NO_END;
        if ((e = make_again(k, why, n)) != 0)
            return e;
    }
    return 0;
}

const struct DiffRunnerOps diff_kvm_runner = {
    .name = "kvm",
    .open = open_runner,
    .close = close_runner,
    .pad = put_pad,
    .code_changed = code_changed,
    .run = run,
};
