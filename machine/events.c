/* SPDX-License-Identifier: MIT */
/* Starting, stopping, and the events that end a run. */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int64_t host_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* ---- the slot ---- */

int event_slot_init(struct EventSlot *s) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->mutex, NULL);
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->fd < 0 ? -errno : 0;
}

void event_slot_destroy(struct EventSlot *s) {
    if (s->fd >= 0)
        close(s->fd);
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->mutex);
}

static void publish(struct EventSlot *s, const Twin86Event *event) {
    uint64_t one = 1;
    pthread_mutex_lock(&s->mutex);
    s->event = *event;
    while (write(s->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    pthread_cond_broadcast(&s->cond);
    pthread_mutex_unlock(&s->mutex);
}

static bool event_waits(struct EventSlot *s) {
    pthread_mutex_lock(&s->mutex);
    bool waits = s->event.kind != TWIN86_EVENT_NONE;
    pthread_mutex_unlock(&s->mutex);
    return waits;
}

int machine_wait(struct Machine *m, int timeout_ms, Twin86Event *event) {
    struct EventSlot *s = &m->slot;
    struct timespec until;
    if (timeout_ms >= 0) {
        int64_t end = host_now() + timeout_ms * 1000000LL;
        until = (struct timespec){.tv_sec = end / NS_PER_SEC, .tv_nsec = end % NS_PER_SEC};
    }
    int r = 0;
    pthread_mutex_lock(&s->mutex);
    while (s->event.kind == TWIN86_EVENT_NONE && r == 0)
        r = timeout_ms < 0 ? pthread_cond_wait(&s->cond, &s->mutex)
                           : pthread_cond_timedwait(&s->cond, &s->mutex, &until);
    bool have = s->event.kind != TWIN86_EVENT_NONE;
    if (have) {
        uint64_t count;
        *event = s->event;
        s->event.kind = TWIN86_EVENT_NONE;
        while (read(s->fd, &count, sizeof(count)) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&s->mutex);
    if (!have)
        return -ETIMEDOUT;
    vcpu_wait_parked(&m->cpu); /* the event comes a moment before */
    return 0;
}

/* ---- starting and stopping ---- */

static int start_locked(struct Machine *m, uint64_t instructions, bool step) {
    if (vcpu_running(&m->cpu))
        return -EBUSY;
    if (event_waits(&m->slot))
        return 0; /* what happened a moment before a pause must be seen first */
    m->pending.kind = TWIN86_EVENT_NONE;
    cpu_sync_state(&m->cpu);
    cpu_debug_begin(&m->cpu, step);
    atomic_store(&m->started_ns, host_now());
    clock_start(m->clock);
    main_loop_set_active(&m->loop, true);
    return vcpu_resume(&m->cpu, instructions);
}

/* With the lock held to the end, so that whoever holds it and sees the vCPU parked may touch its state. */
static int start(struct Machine *m, uint64_t instructions, bool step) {
    pthread_mutex_lock(&m->lock);
    int r = start_locked(m, instructions, step);
    pthread_mutex_unlock(&m->lock);
    return r;
}

int machine_start(struct Machine *m, uint64_t instructions) { return start(m, instructions, false); }
int machine_step(struct Machine *m) { return start(m, 0, true); }

/* Count a reset, for stats and for whoever watches. */
static void count_reset(struct Machine *m) {
    uint64_t one = 1;
    atomic_fetch_add(&m->resets, 1);
    while (write(m->reset_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void machine_press_reset(struct Machine *m) {
    char why[200];
    pthread_mutex_lock(&m->lock);
    if (vcpu_running(&m->cpu)) {
        vcpu_request_reset(&m->cpu);
    } else {
        cpu_sync_state(&m->cpu);
        count_reset(m);
        machine_reset(m, why, sizeof(why));
    }
    pthread_mutex_unlock(&m->lock);
}

void machine_press_power(struct Machine *m) {
    atomic_store(&m->power_button, true);
    machine_post_work(m);
}

void machine_press_nmi(struct Machine *m) {
    pthread_mutex_lock(&m->lock);
    if (m->config.kernel_irqchip || !cpu_has(&m->cpu.model, CPUID_APIC)) {
        cpu_post(&m->cpu, CPU_EVENT_NMI);
    } else {
        lapic_set_lint(&m->lapic, 1, true);
        lapic_set_lint(&m->lapic, 1, false);
    }
    pthread_mutex_unlock(&m->lock);
}

void machine_pause(struct Machine *m) { vcpu_pause(&m->cpu); }

void machine_stop(struct Machine *m, enum Twin86EventKind kind, uint32_t value) {
    pthread_mutex_lock(&m->lock);
    if (vcpu_running(&m->cpu)) {
        if (m->pending.kind == TWIN86_EVENT_NONE)
            m->pending = (Twin86Event){.kind = kind, .value = value};
        vcpu_request_stop(&m->cpu);
    }
    pthread_mutex_unlock(&m->lock);
}

void machine_guest_poweroff(void *opaque) { machine_stop(opaque, TWIN86_EVENT_POWEROFF, 0); }

void machine_guest_reset(void *opaque) {
    struct Machine *m = opaque;
    if (m->config.no_reboot)
        machine_stop(m, TWIN86_EVENT_RESET, 0);
    else
        vcpu_request_reset(&m->cpu);
}

/* ---- called by the vCPU loop ---- */

static void on_reset(void *opaque) {
    struct Machine *m = opaque;
    char why[200];
    count_reset(m);
    int r = machine_reset(m, why, sizeof(why));
    if (r != 0 && m->pending.kind == TWIN86_EVENT_NONE) { /* loaded before, so only memory can be short */
        machine_stop(m, TWIN86_EVENT_ERROR, 0);
        snprintf(m->pending.message, sizeof(m->pending.message), "the guest could not be loaded anew: %s", why);
    }
}

static void on_shutdown(void *opaque) {
    struct Machine *m = opaque;
    char text[sizeof(m->pending.message)];
    trace_triple_fault(&m->trace, &m->cpu, text, sizeof(text));
    if (!m->config.no_reboot) {
        if (m->trace.config.last != 0 && m->trace.file != NULL) {
            trace_print_crash(&m->trace, &m->cpu, m->trace.file);
            trace_flush(&m->trace);
        }
        vcpu_request_reset(&m->cpu);
        return;
    }
    machine_stop(m, TWIN86_EVENT_TRIPLE_FAULT, 0);
    if (m->pending.kind == TWIN86_EVENT_TRIPLE_FAULT)
        memcpy(m->pending.message, text, sizeof(text));
}

static void on_parked(void *opaque, enum VcpuStop why) {
    struct Machine *m = opaque;
    trace_flush(&m->trace);
    if (m->exits != NULL)
        exits_end(m->exits); /* the time until it goes on is on nobody's account */
    pthread_mutex_lock(&m->lock);
    main_loop_set_active(&m->loop, false);
    clock_stop(m->clock);
    Twin86Event event = m->pending;
    m->pending.kind = TWIN86_EVENT_NONE;
    pthread_mutex_unlock(&m->lock);
    atomic_fetch_add(&m->run_ns, host_now() - atomic_exchange(&m->started_ns, 0));
    atomic_store(&m->instructions, m->cpu.insn_count);
    if (why == VCPU_STOP_ERROR) {
        event.kind = TWIN86_EVENT_ERROR;
        snprintf(event.message, sizeof(event.message), "%s", m->cpu.error);
    } else if (event.kind == TWIN86_EVENT_PANIC) {
        snprintf(event.message, sizeof(event.message), "its kernel says so (pvpanic)%s",
                 event.value & PVPANIC_PANICKED ? "" : "; a crash kernel takes over");
    } else if (event.kind == TWIN86_EVENT_NONE && why == VCPU_STOP_BUDGET) {
        event.kind = TWIN86_EVENT_BUDGET;
    } else if (event.kind == TWIN86_EVENT_NONE && why == VCPU_STOP_DEBUG) {
        event.kind = TWIN86_EVENT_DEBUG;
        machine_describe_stop(m, event.message, sizeof(event.message));
    }
    if (event.kind != TWIN86_EVENT_NONE)
        publish(&m->slot, &event);
}

struct VcpuOps machine_vcpu_ops(struct Machine *m) {
    return (struct VcpuOps){.reset = on_reset, .shutdown = on_shutdown, .parked = on_parked, .opaque = m};
}
