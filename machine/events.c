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
    for (unsigned i = 0; i < m->cpu_count; i++)
        vcpu_wait_parked(machine_cpu(m, i)); /* the event comes a moment before */
    return 0;
}

/* ---- starting and stopping ---- */

static void request_stop(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        vcpu_request_stop(machine_cpu(m, i));
}

static enum MachineGo go_of(const uint8_t *go, unsigned cpu) {
    return go != NULL ? (enum MachineGo)go[cpu] : MACHINE_RUN;
}

/* `go`: NULL if all run. */
static int start_locked(struct Machine *m, const uint8_t *go, uint64_t instructions) {
    if (machine_running(m))
        return -EBUSY;
    if (event_waits(&m->slot))
        return 0; /* what happened a moment before a pause must be seen first */
    if (atomic_exchange(&m->quit, false)) {
        publish(&m->slot, &(Twin86Event){.kind = TWIN86_EVENT_QUIT});
        return 0;
    }
    m->pending.kind = TWIN86_EVENT_NONE;
    machine_sync_state(m);
    atomic_store(&m->started_ns, host_now());
    clock_start(m->clock);
    storage_resume(m);
    loop_set_active(&m->loop, true);
    m->running = 0;
    for (unsigned i = 0; i < m->cpu_count; i++)
        m->running += go_of(go, i) != MACHINE_STAND;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        if (go_of(go, i) == MACHINE_STAND)
            continue;
        cpu_debug_begin(machine_cpu(m, i), go_of(go, i) == MACHINE_STEP);
        vcpu_resume(machine_cpu(m, i), instructions); /* they are parked, so nothing keeps them from it */
    }
    if (atomic_load(&m->quit)) /* machine_quit came meanwhile, and may have found none running */
        request_stop(m);
    return 0;
}

/* With the lock held to the end, so that whoever holds it and sees the vCPUs parked may touch their state. */
int machine_start(struct Machine *m, uint64_t instructions) {
    pthread_mutex_lock(&m->lock);
    int r = start_locked(m, NULL, instructions);
    pthread_mutex_unlock(&m->lock);
    return r;
}

int machine_go(struct Machine *m, const uint8_t *go, uint64_t instructions) {
    pthread_mutex_lock(&m->lock);
    int r = start_locked(m, go, instructions);
    pthread_mutex_unlock(&m->lock);
    return r;
}

int machine_step(struct Machine *m, unsigned cpu) {
    uint8_t go[MACHINE_CPUS_MAX] = {0};
    go[cpu] = MACHINE_STEP;
    return machine_go(m, go, 0);
}

/* Count a reset, for stats and for whoever watches. */
static void count_reset(struct Machine *m) {
    uint64_t one = 1;
    atomic_fetch_add(&m->resets, 1);
    while (write(m->reset_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Parked: at once. False: it runs. */
static bool reset_parked(struct Machine *m) {
    char why[200];
    pthread_mutex_lock(&m->lock);
    bool parked = !machine_running(m);
    if (parked) {
        machine_sync_state(m);
        count_reset(m);
        atomic_store(&m->reset_pressed, false);
        machine_reset(m, why, sizeof(why));
    }
    pthread_mutex_unlock(&m->lock);
    return parked;
}

/* Of a vCPU that runs: the calling thread's own, or any. One that stands would see to it only when it runs again. */
void machine_request_reset(struct Machine *m) {
    const struct MachineCpu *c = machine_current_cpu(m);
    unsigned i = c != NULL ? c->cpu.index : 0;
    while (i + 1 < m->cpu_count && !vcpu_running(machine_cpu(m, i)))
        i++;
    vcpu_request_reset(machine_cpu(m, vcpu_running(machine_cpu(m, i)) ? i : 0));
}

/* While it runs nobody waits for the lock here: the vCPU could hold it for long. */
void machine_press_reset(struct Machine *m) {
    if (!machine_running(m) && reset_parked(m))
        return;
    atomic_store(&m->reset_pressed, true);
    machine_request_reset(m);
}

static int pause_for_ever(struct Machine *m) {
    for (unsigned i = 1; i < m->cpu_count; i++)
        vcpu_request_stop(machine_cpu(m, i));
    for (unsigned i = 0; i < m->cpu_count; i++)
        vcpu_pause(machine_cpu(m, i), -1);
    return 0;
}

/* Of several all or none: if one does not come back, the others must not have parked. */
int machine_pause(struct Machine *m, int timeout_ms) {
    if (timeout_ms < 0)
        return pause_for_ever(m);
    if (m->cpu_count == 1)
        return vcpu_pause(machine_cpu(m, 0), timeout_ms);
    int64_t end = host_now() + timeout_ms * 1000000LL;
    struct timespec until = {.tv_sec = end / NS_PER_SEC, .tv_nsec = end % NS_PER_SEC};
    if (!cpu_exclusive_try(&m->cpu_group, &until))
        return -ETIMEDOUT;
    request_stop(m);
    cpu_exclusive_end(&m->cpu_group);
    return pause_for_ever(m);
}

void machine_quit(struct Machine *m) {
    atomic_store(&m->quit, true);
    request_stop(m); /* does nothing when parked: then the next start sees it */
}

void machine_stop(struct Machine *m, enum Twin86EventKind kind, uint32_t value) {
    pthread_mutex_lock(&m->lock);
    if (machine_running(m)) {
        const struct MachineCpu *c = machine_current_cpu(m);
        if (m->pending.kind == TWIN86_EVENT_NONE)
            m->pending = (Twin86Event){.kind = kind, .value = value, .cpu = c != NULL ? c->cpu.index : 0};
        request_stop(m);
    }
    pthread_mutex_unlock(&m->lock);
}

void machine_guest_poweroff(void *opaque) { machine_stop(opaque, TWIN86_EVENT_POWEROFF, 0); }

void machine_guest_reset(void *opaque) {
    struct Machine *m = opaque;
    if (m->config.no_reboot)
        machine_stop(m, TWIN86_EVENT_RESET, 0);
    else
        machine_request_reset(m);
}

/* ---- called by the vCPU loop ---- */

static void on_reset(void *opaque) {
    struct Machine *m = ((struct MachineCpu *)opaque)->machine;
    char why[200];
    machine_sync_state(m); /* else an engine would bring the old state back */
    int r = 0;
    if (atomic_exchange(&m->reset_pressed, false) || !machine_wake_up(m)) {
        count_reset(m);
        r = machine_reset(m, why, sizeof(why));
    }
    machine_post(m, CPU_EVENT_LEAVE);                     /* one that sleeps sleeps for something else now */
    if (r != 0 && m->pending.kind == TWIN86_EVENT_NONE) { /* loaded before, so only memory can be short */
        machine_stop(m, TWIN86_EVENT_ERROR, 0);
        snprintf(m->pending.message, sizeof(m->pending.message), "the guest could not be loaded anew: %s", why);
    }
}

static void on_shutdown(void *opaque) {
    struct MachineCpu *c = opaque;
    struct Machine *m = c->machine;
    char text[sizeof(m->pending.message)];
    trace_triple_fault(&m->trace, &c->cpu, text, sizeof(text));
    if (!m->config.no_reboot) {
        if (m->trace.config.last != 0 && m->trace.file != NULL) {
            trace_print_crash(&m->trace, &c->cpu, m->trace.file);
            trace_flush(&m->trace);
        }
        machine_request_reset(m);
        return;
    }
    machine_stop(m, TWIN86_EVENT_TRIPLE_FAULT, 0);
    if (m->pending.kind == TWIN86_EVENT_TRIPLE_FAULT)
        memcpy(m->pending.message, text, sizeof(text));
}

/* A vCPU has stopped for `why`: what of it is to be reported. An engine's failure comes before everything else. */
static void note_stop(Twin86Event *event, const struct CPUState *cpu, enum VcpuStop why) {
    if (why == VCPU_STOP_REQUEST || (event->kind != TWIN86_EVENT_NONE && why != VCPU_STOP_ERROR) ||
        event->kind == TWIN86_EVENT_ERROR)
        return;
    *event = (Twin86Event){.cpu = cpu->index};
    switch (why) {
    case VCPU_STOP_ERROR:
        event->kind = TWIN86_EVENT_ERROR;
        snprintf(event->message, sizeof(event->message), "%s", cpu->error);
        break;
    case VCPU_STOP_DEBUG:
        event->kind = TWIN86_EVENT_DEBUG;
        machine_describe_stop(cpu, event->message, sizeof(event->message));
        break;
    default: event->kind = TWIN86_EVENT_BUDGET; break;
    }
}

/* The last vCPU has parked; lock held. */
static Twin86Event end_run(struct Machine *m) {
    loop_set_active(&m->loop, false);
    clock_stop(m->clock);
    Twin86Event event = m->pending;
    m->pending.kind = TWIN86_EVENT_NONE;
    bool minor = event.kind == TWIN86_EVENT_BUDGET || event.kind == TWIN86_EVENT_DEBUG;
    if (atomic_exchange(&m->quit, false) && (event.kind == TWIN86_EVENT_NONE || minor))
        event = (Twin86Event){.kind = TWIN86_EVENT_QUIT};
    atomic_fetch_add(&m->run_ns, host_now() - atomic_exchange(&m->started_ns, 0));
    uint64_t instructions = 0;
    for (unsigned i = 0; i < m->cpu_count; i++) {
        atomic_store(&m->cpus[i].instructions, machine_cpu(m, i)->insn_count);
        instructions += machine_cpu(m, i)->insn_count;
    }
    atomic_store(&m->instructions, instructions);
    if (atomic_load(&m->sandbox_error) != 0) {
        event = (Twin86Event){.kind = TWIN86_EVENT_ERROR};
        snprintf(event.message, sizeof(event.message), "a thread could not be locked into the sandbox: %s",
                 strerror(-atomic_load(&m->sandbox_error)));
    }
    if (event.kind == TWIN86_EVENT_PANIC)
        snprintf(event.message, sizeof(event.message), "its kernel says so (pvpanic)%s",
                 event.value & PVPANIC_PANICKED ? "" : "; a crash kernel takes over");
    if (event.kind == TWIN86_EVENT_IO_ERROR)
        storage_describe_error(m, event.message, sizeof(event.message));
    return event;
}

/* One that stops stops all. */
static void on_parked(void *opaque, enum VcpuStop why) {
    struct MachineCpu *c = opaque;
    struct Machine *m = c->machine;
    Twin86Event event = {0};
    trace_flush(&m->trace);
    if (c->cpu.exits != NULL)
        exits_end(c->cpu.exits); /* the time until it goes on is on nobody's account */
    pthread_mutex_lock(&m->lock);
    note_stop(&m->pending, &c->cpu, why);
    if (--m->running != 0)
        request_stop(m);
    else
        event = end_run(m);
    pthread_mutex_unlock(&m->lock);
    if (event.kind != TWIN86_EVENT_NONE)
        publish(&m->slot, &event);
}

static void on_idle(void *opaque) { storage_vcpu_idle(((struct MachineCpu *)opaque)->machine); }

void machine_sandbox_failed(void *opaque, int error) {
    struct Machine *m = opaque;
    atomic_store(&m->sandbox_error, error);
    request_stop(m);
}

static void on_begin(void *opaque) {
    struct MachineCpu *c = opaque;
    sandbox_enter(&c->machine->sandbox, c->machine->vcpu_sandbox, &c->inside_sandbox);
}

struct VcpuOps machine_vcpu_ops(struct MachineCpu *c) {
    return (struct VcpuOps){.begin = on_begin,
                            .reset = on_reset,
                            .shutdown = on_shutdown,
                            .parked = on_parked,
                            .idle = on_idle,
                            .opaque = c};
}
