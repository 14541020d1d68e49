/* SPDX-License-Identifier: MIT */
/* The vCPU thread loop. See vcpu.h. */
#include "cpu/vcpu.h"
#include "accel/accel.h"
#include "cpu/exclusive.h"
#include "cpu/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A CLOCK_ICOUNT guest that no interrupt can wake sleeps for real, at most this long at a time. */
#define ICOUNT_IDLE_MAX_NS (50 * 1000000LL)

struct VcpuThread {
    pthread_t id;
    _Atomic int tid;
    struct VcpuOps ops;
    pthread_mutex_t mutex;  /* guards what follows, and the two condition variables */
    pthread_cond_t wake;    /* the thread waits here, parked or in HLT */
    pthread_cond_t parked;  /* others wait here for the thread to park */
    bool stop, reset, quit; /* requests */
    unsigned pausers;       /* how many wait in vcpu_pause for this run to end */
    void (*work)(void *opaque);
    void *work_opaque;
    _Atomic bool running;  /* written under the mutex */
    uint64_t ended;        /* how many runs have come to an end */
    _Atomic bool sleeping; /* in HLT: cpu_post must signal */
    _Atomic unsigned held; /* who keeps it from executing (vcpu_hold) */
    int wait_file;         /* the thread's schedstat; -1: not open */
    uint64_t stop_count;   /* cpu_progress at which the budget is used up */
};

/* ---- requests, from any thread ---- */

void vcpu_wake(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    if (t == NULL || !atomic_load(&t->sleeping))
        return;
    pthread_mutex_lock(&t->mutex);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

bool vcpu_is_self(const struct CPUState *cpu) {
    return cpu->thread != NULL && pthread_equal(cpu->thread->id, pthread_self());
}

static void request(struct CPUState *cpu, bool *flag) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    *flag = true;
    pthread_mutex_unlock(&t->mutex);
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_request_stop(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    bool running = t->running;
    if (running)
        t->stop = true;
    pthread_mutex_unlock(&t->mutex);
    if (running)
        cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_request_reset(struct CPUState *cpu) { request(cpu, &cpu->thread->reset); }

bool vcpu_reset_wanted(const struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    bool wanted = t->reset;
    pthread_mutex_unlock(&t->mutex);
    return wanted;
}

void vcpu_forget_reset(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    t->reset = false;
    pthread_mutex_unlock(&t->mutex);
}

void vcpu_request_work(struct CPUState *cpu, void (*fn)(void *opaque), void *opaque) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    t->work = fn;
    t->work_opaque = opaque;
    pthread_mutex_unlock(&t->mutex);
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_settle_others(struct CPUState *cpu) {
    cpu->settle_others = true;
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_deadline_changed(struct CPUState *cpu) { cpu_post(cpu, CPU_EVENT_LEAVE); }

bool vcpu_running(const struct CPUState *cpu) { return cpu->thread != NULL && atomic_load(&cpu->thread->running); }

int vcpu_resume(struct CPUState *cpu, uint64_t instructions) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    if (t->running) {
        pthread_mutex_unlock(&t->mutex);
        return -EBUSY;
    }
    uint64_t now = cpu_progress(cpu);
    t->stop_count = instructions == 0 || instructions > UINT64_MAX - now ? UINT64_MAX : now + instructions;
    t->stop = false;
    t->running = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    return 0;
}

static struct timespec time_from_now(int64_t ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nsec = until.tv_nsec + ns;
    return (struct timespec){.tv_sec = until.tv_sec + nsec / NS_PER_SEC, .tv_nsec = nsec % NS_PER_SEC};
}

int vcpu_pause(struct CPUState *cpu, int timeout_ms) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    uint64_t ended = t->ended;
    bool running = t->running;
    t->pausers += running;
    pthread_mutex_unlock(&t->mutex);
    if (!running)
        return 0;
    cpu_post(cpu, CPU_EVENT_LEAVE);
    struct timespec until = time_from_now(timeout_ms * 1000000LL);
    int r = 0;
    pthread_mutex_lock(&t->mutex);
    while (t->ended == ended && r == 0)
        r = timeout_ms < 0 ? pthread_cond_wait(&t->parked, &t->mutex)
                           : pthread_cond_timedwait(&t->parked, &t->mutex, &until);
    r = t->ended != ended ? 0 : -ETIMEDOUT;
    if (r != 0)
        t->pausers--; /* who has given up would not hear of a stop that comes later */
    pthread_mutex_unlock(&t->mutex);
    return r;
}

void vcpu_hold(struct CPUState *cpu, unsigned who) {
    if (atomic_fetch_or(&cpu->thread->held, who) == 0)
        cpu_post(cpu, CPU_EVENT_LEAVE);
    else
        vcpu_wake(cpu); /* it waits in another way now */
}

void vcpu_release(struct CPUState *cpu, unsigned who) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    atomic_fetch_and(&t->held, ~who);
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

void vcpu_wait_parked(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->mutex);
    while (t->running)
        pthread_cond_wait(&t->parked, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}

int64_t vcpu_cpu_time(const struct CPUState *cpu) {
    clockid_t id;
    struct timespec ts;
    if (cpu->thread == NULL || pthread_getcpuclockid(cpu->thread->id, &id) != 0 || clock_gettime(id, &ts) != 0)
        return 0;
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int vcpu_thread_id(const struct CPUState *cpu) { return cpu->thread != NULL ? atomic_load(&cpu->thread->tid) : 0; }

/* ---- the thread ---- */

/* Reset the machine, while all its vCPUs stand at safepoints. */
static void reset_machine(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    cpu_run_end(cpu);
    if (cpu->group != NULL)
        cpu_exclusive_begin(cpu->group, NULL);
    pthread_mutex_lock(cpu->lock);
    cpu_sync_state(cpu);
    t->ops.reset(t->ops.opaque);
    cpu_state_changed(cpu);
    pthread_mutex_unlock(cpu->lock);
    if (cpu->group != NULL)
        cpu_exclusive_end(cpu->group);
    cpu_run_begin(cpu);
}

/* See vcpu_settle_others. */
static void settle_others(struct CPUState *cpu) {
    cpu->settle_others = false;
    if (cpu_is_alone(cpu))
        return;
    cpu_run_end(cpu);
    cpu_exclusive_begin(cpu->group, NULL);
    cpu_exclusive_end(cpu->group);
    cpu_run_begin(cpu);
}

/* Serve what others asked for. True: park. */
static bool serve_requests(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    cpu_retract(cpu, CPU_EVENT_LEAVE); /* before looking: a request made after this posts it again */
    cpu_safepoint(cpu);
    if (cpu->settle_others)
        settle_others(cpu);
    pthread_mutex_lock(&t->mutex);
    bool stop = t->stop || t->pausers > 0, reset = t->reset;
    void (*work)(void *opaque) = t->work;
    void *opaque = t->work_opaque;
    t->stop = t->reset = false;
    t->work = NULL;
    pthread_mutex_unlock(&t->mutex);

    if (reset)
        reset_machine(cpu);
    if (work != NULL) {
        pthread_mutex_lock(cpu->lock);
        work(opaque);
        pthread_mutex_unlock(cpu->lock);
    }
    return stop;
}

/* INIT and SIPI (SDM vol. 3, 11.4.3), as cpu_post_init and cpu_post_sipi have left them: the INIT came first. An INIT
 * while waiting for SIPI changes nothing; a SIPI otherwise is ignored. */
static void serve_ipis(struct CPUState *cpu) {
    pthread_mutex_lock(cpu->lock); /* who sends them holds it */
    uint32_t events = atomic_fetch_and(&cpu->events, ~(uint32_t)(CPU_EVENT_INIT | CPU_EVENT_SIPI));
    bool init = (events & CPU_EVENT_INIT) != 0, start = (events & CPU_EVENT_SIPI) != 0 && (init || cpu->wait_for_sipi);
    if (init || start)
        cpu_sync_state(cpu);
    if (init)
        cpu_reset(cpu, true);
    if (start && cpu->wait_for_sipi)
        cpu_start_ap(cpu, cpu->sipi_vector);
    if (init || start)
        cpu_state_changed(cpu);
    pthread_mutex_unlock(cpu->lock);
}

/* CLOCK_ICOUNT: bring the clock up to the instruction count and fire what is due. */
static void run_timers(struct CPUState *cpu) {
    cpu_sync_clock(cpu);
    if (clock_deadline(cpu->clock) > clock_now(cpu->clock))
        return;
    pthread_mutex_lock(cpu->lock);
    clock_run(cpu->clock);
    pthread_mutex_unlock(cpu->lock);
}

/* How far exec may go: to the budget's end, and with CLOCK_ICOUNT to the next timer. */
static void set_limit(struct CPUState *cpu) {
    uint64_t limit = cpu->thread->stop_count, now = cpu_progress(cpu);
    if (cpu->icount) {
        int64_t deadline = clock_deadline(cpu->clock);
        if (deadline < CLOCK_END) {
            int64_t ns = deadline - clock_now(cpu->clock);
            uint64_t insns = ns <= 0 ? 1 : ((uint64_t)(ns - 1) >> cpu->icount_shift) + 1;
            if (insns < limit - now)
                limit = now + insns;
        }
    }
    cpu->insn_limit = limit != UINT64_MAX ? limit - cpu->event_count : UINT64_MAX;
}

/* Sleep until there is work, or for `ns` at most (negative: no limit). */
static void sleep_until_work(struct CPUState *cpu, int64_t ns) {
    struct VcpuThread *t = cpu->thread;
    struct timespec until = time_from_now(ns > 0 ? ns : 0);
    uint32_t wake = cpu_wake_events(cpu); /* who changes that while it sleeps posts CPU_EVENT_LEAVE */
    cpu_run_end(cpu);
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->sleeping, true); /* before looking at events; cpu_post does it the other way round */
    int r = 0;
    while ((atomic_load(&cpu->events) & wake) == 0 && r == 0)
        r = ns < 0 ? pthread_cond_wait(&t->wake, &t->mutex) : pthread_cond_timedwait(&t->wake, &t->mutex, &until);
    atomic_store(&t->sleeping, false);
    pthread_mutex_unlock(&t->mutex);
    cpu_run_begin(cpu);
}

/* Somebody keeps it from executing: wait until others do or nobody does, for a request, or for `ns` (negative: no
 * limit). True: the time is over. */
static bool wait_held(struct CPUState *cpu, int64_t ns) {
    struct VcpuThread *t = cpu->thread;
    struct timespec until = time_from_now(ns > 0 ? ns : 0);
    cpu_run_end(cpu);
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->sleeping, true); /* as in sleep_until_work */
    int r = 0;
    unsigned held = atomic_load(&t->held);
    while (held != 0 && atomic_load(&t->held) == held && (atomic_load(&cpu->events) & CPU_EVENT_LEAVE) == 0 && r == 0)
        r = ns < 0 ? pthread_cond_wait(&t->wake, &t->mutex) : pthread_cond_timedwait(&t->wake, &t->mutex, &until);
    atomic_store(&t->sleeping, false);
    pthread_mutex_unlock(&t->mutex);
    cpu_run_begin(cpu);
    return r != 0;
}

/* Asleep until a time that there is not: fire what waits for it. In case nothing comes of it, not all the time. */
static void end_time(struct CPUState *cpu) {
    pthread_mutex_lock(cpu->lock);
    clock_run_end(cpu->clock);
    pthread_mutex_unlock(cpu->lock);
    sleep_until_work(cpu, ICOUNT_IDLE_MAX_NS);
}

/* Halted and nothing to do: sleep, or with CLOCK_ICOUNT let time jump to the next timer. */
static void idle(struct CPUState *cpu) {
    if (!cpu->icount) {
        if (cpu->thread->ops.idle != NULL)
            cpu->thread->ops.idle(cpu->thread->ops.opaque);
        sleep_until_work(cpu, -1);
        return;
    }
    int64_t deadline = clock_deadline(cpu->clock);
    if (deadline == CLOCK_NEVER) {
        sleep_until_work(cpu, -1);
        return;
    }
    int64_t ns = deadline - clock_now(cpu->clock);
    if (cpu->wait_for_sipi || (cpu->env.rflags & FLAG_IF) == 0) { /* timers would spin: nothing they raise gets in */
        sleep_until_work(cpu, ns > ICOUNT_IDLE_MAX_NS ? ICOUNT_IDLE_MAX_NS : ns < 0 ? 0 : ns);
        if (cpu_has_work(cpu))
            return;
    }
    if (deadline >= CLOCK_END) {
        end_time(cpu);
        return;
    }
    if (ns > 0)
        cpu->icount_offset += ns;
    run_timers(cpu);
}

/* Held, with CLOCK_ICOUNT asleep: let time jump to the next timer; not all the time, for few timers wake it. */
static void be_held(struct CPUState *cpu) {
    int64_t deadline = clock_deadline(cpu->clock);
    if (!cpu->icount || atomic_load(&cpu->thread->held) != VCPU_HELD_ASLEEP || deadline >= CLOCK_END) {
        wait_held(cpu, -1);
        return;
    }
    int64_t ns = deadline - clock_now(cpu->clock);
    if (!wait_held(cpu, ns > ICOUNT_IDLE_MAX_NS ? ICOUNT_IDLE_MAX_NS : ns < 0 ? 0 : ns))
        return;
    if (ns > 0)
        cpu->icount_offset += ns;
    run_timers(cpu);
}

/* An engine with interrupt controllers of its own sleeps in exec. */
static bool sleeps_here(const struct CPUState *cpu) {
    return cpu->accel->irqchip ? cpu->shut_down : cpu->halted || cpu->wait_for_sipi;
}

/* exec came back: true when the loop is to park, for *why. */
static bool handle_exit(struct CPUState *cpu, enum VcpuExit exit, enum VcpuStop *why) {
    switch (exit) {
    case VCPU_EXIT_KICK:
    case VCPU_EXIT_BUDGET: /* the loop compares counts itself: the limit may have been a timer */ return false;
    case VCPU_EXIT_HALT:
        cpu_sync_state(cpu);
        cpu->halted = true;
        if (cpu->accel->irqchip)
            cpu_state_changed(cpu); /* it is the engine's to sleep */
        if (!cpu->debug.step || cpu->debug.first)
            return false;
        cpu_hit_step(&cpu->debug); /* that was the step: sleep is the next one's */
        *why = VCPU_STOP_DEBUG;
        return true;
    case VCPU_EXIT_SHUTDOWN:
        cpu_sync_state(cpu);
        cpu->halted = cpu->shut_down = true;
        pthread_mutex_lock(cpu->lock);
        cpu->thread->ops.shutdown(cpu->thread->ops.opaque);
        pthread_mutex_unlock(cpu->lock);
        return false;
    case VCPU_EXIT_DEBUG: *why = VCPU_STOP_DEBUG; return true;
    case VCPU_EXIT_ERROR: *why = VCPU_STOP_ERROR; return true;
    }
    snprintf(cpu->error, sizeof(cpu->error), "engine %s left with unknown code %d", cpu->accel->ops->name, (int)exit);
    *why = VCPU_STOP_ERROR;
    return true;
}

static enum VcpuExit execute(struct CPUState *cpu) {
    const struct AccelOps *ops = cpu->accel->ops;
    set_limit(cpu);
    if (cpu->env_changed && ops->put_state != NULL && ops->put_state(cpu) != 0)
        return VCPU_EXIT_ERROR;
    cpu->env_changed = false;
    cpu->engine_owns_state = true;
    return ops->exec(cpu);
}

static enum VcpuStop run(struct CPUState *cpu) {
    enum VcpuStop why = VCPU_STOP_REQUEST;
    for (;;) {
        if (serve_requests(cpu))
            return VCPU_STOP_REQUEST;
        if (atomic_load(&cpu->thread->held) != 0) {
            be_held(cpu);
            continue;
        }
        if (cpu->icount)
            run_timers(cpu);
        uint32_t events = atomic_load(&cpu->events);
        if ((events & (CPU_EVENT_INIT | CPU_EVENT_SIPI)) != 0)
            serve_ipis(cpu);
        if (cpu_progress(cpu) >= cpu->thread->stop_count)
            return VCPU_STOP_BUDGET;
        if (sleeps_here(cpu)) {
            if (!cpu_has_work(cpu)) {
                idle(cpu);
                continue;
            }
            if ((atomic_load(&cpu->events) & CPU_EVENT_LEAVE) != 0)
                continue; /* a request, not an end to HLT */
            cpu->halted = cpu->shut_down = false;
            cpu_retract(cpu, CPU_EVENT_UNHALT);
        }
        if (handle_exit(cpu, execute(cpu), &why))
            return why;
    }
}

/* Once, for in a sandbox it could not be opened later. */
static void open_wait_file(struct CPUState *cpu) {
    if (cpu_has(&cpu->model, CPUID_KVM_STEAL_TIME))
        cpu->thread->wait_file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

int64_t vcpu_waited(const struct CPUState *cpu) {
    char text[100];
    unsigned long long run, wait;
    ssize_t n = cpu->thread != NULL ? pread(cpu->thread->wait_file, text, sizeof(text) - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return sscanf(text, "%llu %llu", &run, &wait) == 2 ? (int64_t)wait : 0;
}

static void *thread_main(void *arg) {
    struct CPUState *cpu = arg;
    struct VcpuThread *t = cpu->thread;
    char name[16];
    snprintf(name, sizeof(name), "CPU %u", cpu->index);
    pthread_setname_np(pthread_self(), name);
    atomic_store(&t->tid, gettid());
    open_wait_file(cpu);
    pthread_mutex_lock(&t->mutex);
    for (;;) {
        while (!t->running && !t->quit)
            pthread_cond_wait(&t->wake, &t->mutex);
        if (t->quit)
            break;
        pthread_mutex_unlock(&t->mutex);
        if (t->ops.begin != NULL)
            t->ops.begin(t->ops.opaque);
        cpu_run_begin(cpu);
        enum VcpuStop why = run(cpu);
        cpu_sync_state(cpu);
        cpu_debug_end(cpu);
        cpu_run_end(cpu);
        t->ops.parked(t->ops.opaque, why);
        pthread_mutex_lock(&t->mutex);
        t->running = false;
        t->pausers = 0;
        t->ended++;
        pthread_cond_broadcast(&t->parked);
    }
    pthread_mutex_unlock(&t->mutex);
    return NULL;
}

int vcpu_create(struct CPUState *cpu, const struct VcpuOps *ops) {
    struct VcpuThread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    t->ops = *ops;
    t->wait_file = -1;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, &attr);
    pthread_cond_init(&t->parked, &attr);
    pthread_condattr_destroy(&attr);
    cpu->thread = t;
    cpu->env_changed = true;
    pthread_mutex_lock(&t->mutex); /* the new thread waits until t->id is stored */
    int r = thread_start(&t->id, thread_main, cpu);
    pthread_mutex_unlock(&t->mutex);
    if (r != 0) {
        cpu->thread = NULL;
        free(t);
    }
    return r;
}

void vcpu_destroy(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    if (t == NULL)
        return;
    vcpu_pause(cpu, -1);
    pthread_mutex_lock(&t->mutex);
    t->quit = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->mutex);
    pthread_join(t->id, NULL);
    if (t->wait_file >= 0)
        close(t->wait_file);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->parked);
    pthread_mutex_destroy(&t->mutex);
    cpu->thread = NULL;
    free(t);
}
