/* SPDX-License-Identifier: MIT */
/*
 * The vCPU loop: a thread's vCPUs, one or several, get their turns, in each of which requests are served, HLT is slept
 * through, and the engine executes.
 *
 * Several take turns by executed instructions, and by nothing of the host's: with CLOCK_ICOUNT all of them count as
 * time, so that a run with any number of vCPUs is a function of its instructions.
 */
#include "accel/accel.h"
#include "cpu/exclusive.h"
#include "cpu/vcpu_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A CLOCK_ICOUNT guest that no interrupt can wake sleeps for real, at most this long at a time. */
#define ICOUNT_IDLE_MAX_NS (50 * 1000000LL)

/** What became of a turn, or of a part of it. */
enum Round {
    ROUND_ON,    /* it could go on */
    ROUND_WAITS, /* nothing to do for now */
    ROUND_PARKS,
};

/* ---- requests ---- */

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
    pthread_mutex_lock(&t->worker->mutex);
    bool stop = t->stop || t->pausers > 0, reset = t->reset;
    void (*work)(void *opaque) = t->work;
    void *opaque = t->work_opaque;
    t->stop = t->reset = false;
    t->work = NULL;
    pthread_mutex_unlock(&t->worker->mutex);

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
    if (init && cpu->env.vmx != VMX_OFF) { /* blocked there (SDM vol. 3, 24.8); VMXOFF posts it again */
        cpu->env.init_blocked = true;
        init = start = false;
        cpu_state_changed(cpu);
    }
    if (init)
        cpu_reset(cpu, true);
    if (start && cpu->wait_for_sipi)
        cpu_start_ap(cpu, cpu->sipi_vector);
    if (init || start)
        cpu_state_changed(cpu);
    pthread_mutex_unlock(cpu->lock);
}

/* ---- executing ---- */

/* CLOCK_ICOUNT: bring the clock up to the instruction count and fire what is due. */
static void run_timers(struct CPUState *cpu) {
    cpu_sync_clock(cpu);
    if (clock_deadline(cpu->clock) > clock_now(cpu->clock))
        return;
    pthread_mutex_lock(cpu->lock);
    clock_run(cpu->clock);
    pthread_mutex_unlock(cpu->lock);
}

/* How far exec may go: to the budget's end, to that of its turn, and with CLOCK_ICOUNT to the next timer. */
static void set_limit(struct CPUState *cpu) {
    uint64_t limit = cpu->thread->stop_count, now = cpu_progress(cpu);
    if (vcpu_takes_turns(cpu) && cpu->turn_end < limit)
        limit = cpu->turn_end;
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

static enum Round wait_for(struct CPUState *cpu, uint32_t events, unsigned held) {
    struct VcpuThread *t = cpu->thread;
    t->sleeps_for = events; /* who changes what it depends on while it waits posts CPU_EVENT_LEAVE */
    t->held_then = held;
    t->waits = true;
    return ROUND_WAITS;
}

/* For those who ask how long it has slept in HLT. */
static void halt_begins(struct VcpuThread *t) {
    if (atomic_load_explicit(&t->halted_since, memory_order_relaxed) == 0)
        atomic_store(&t->halted_since, vcpu_host_now());
}

static void halt_ends(struct VcpuThread *t) {
    int64_t since = atomic_load_explicit(&t->halted_since, memory_order_relaxed);
    if (since == 0)
        return;
    atomic_store(&t->halted_since, 0);
    atomic_fetch_add(&t->halted_ns, vcpu_host_now() - since);
}

/* As far as exec goes at once. ROUND_PARKS: for *why. */
static enum Round one_round(struct CPUState *cpu, enum VcpuStop *why) {
    if (serve_requests(cpu)) {
        *why = VCPU_STOP_REQUEST;
        return ROUND_PARKS;
    }
    unsigned held = atomic_load(&cpu->thread->held);
    if (held != 0) {
        halt_ends(cpu->thread);
        return wait_for(cpu, CPU_EVENT_LEAVE, held);
    }
    if (cpu->icount)
        run_timers(cpu);
    if ((atomic_load(&cpu->events) & (CPU_EVENT_INIT | CPU_EVENT_SIPI)) != 0)
        serve_ipis(cpu);
    if (cpu_progress(cpu) >= cpu->thread->stop_count) {
        *why = VCPU_STOP_BUDGET;
        return ROUND_PARKS;
    }
    if (sleeps_here(cpu)) {
        if (!cpu_has_work(cpu)) {
            if (!cpu->icount && cpu->thread->ops.idle != NULL)
                cpu->thread->ops.idle(cpu->thread->ops.opaque);
            halt_begins(cpu->thread);
            return wait_for(cpu, cpu_wake_events(cpu), 0);
        }
        if ((atomic_load(&cpu->events) & CPU_EVENT_LEAVE) != 0)
            return ROUND_ON; /* a request, not an end to HLT */
        cpu->halted = cpu->shut_down = false;
        cpu_retract(cpu, CPU_EVENT_UNHALT);
    }
    halt_ends(cpu->thread);
    return handle_exit(cpu, execute(cpu), why) ? ROUND_PARKS : ROUND_ON;
}

static void park(struct CPUState *cpu, enum VcpuStop why) {
    struct VcpuThread *t = cpu->thread;
    halt_ends(t);
    t->ops.parked(t->ops.opaque, why);
    pthread_mutex_lock(&t->worker->mutex);
    t->running = false;
    t->pausers = 0;
    t->ended++;
    pthread_cond_broadcast(&t->worker->parked);
    pthread_mutex_unlock(&t->worker->mutex);
}

/* ---- turns ---- */

static bool turn_is_over(const struct CPUState *cpu) {
    return vcpu_takes_turns(cpu) && (cpu->turn_over || cpu_progress(cpu) >= cpu->turn_end);
}

/* Let one vCPU go on until its turn is over: one that is alone in its thread until it waits or parks. */
static enum Round take_turn(struct CPUState *cpu) {
    enum VcpuStop why = VCPU_STOP_REQUEST;
    enum Round r;
    cpu_run_begin(cpu);
    do
        r = one_round(cpu, &why);
    while (r == ROUND_ON && !turn_is_over(cpu));
    if (r == ROUND_PARKS) {
        cpu_sync_state(cpu);
        cpu_debug_end(cpu);
    }
    cpu_sync_clock(cpu);
    cpu_run_end(cpu);
    if (r == ROUND_PARKS)
        park(cpu, why);
    return r;
}

static struct CPUState *after(const struct VcpuWorker *w, const struct CPUState *cpu) {
    return cpu->thread->next != NULL ? cpu->thread->next : w->first;
}

static void begin_turn(struct CPUState *cpu) {
    cpu->has_turn = true;
    cpu->turn_over = false;
    cpu->turn_end = cpu_progress(cpu) + VCPU_TURN_INSNS;
}

/* CLOCK_ICOUNT: time goes on from what it is, with this one's instructions. */
static void set_offset(struct CPUState *cpu) {
    int64_t done;
    if (cpu->icount && !__builtin_mul_overflow((int64_t)cpu_progress(cpu), 1LL << cpu->icount_shift, &done))
        cpu->icount_offset = clock_now(cpu->clock) - done;
}

/* The first that runs from `cpu` on; NULL: none does. Mutex held. */
static struct CPUState *running_from(const struct VcpuWorker *w, struct CPUState *cpu) {
    struct CPUState *c = cpu;
    do {
        if (c->thread->running)
            return c;
        c = after(w, c);
    } while (c != cpu);
    return NULL;
}

/* Whose turn it is: a state that was restored says it, too. NULL: nobody's. */
static struct CPUState *owner(const struct VcpuWorker *w) {
    struct CPUState *cpu = w->first;
    while (cpu != NULL && !cpu->has_turn)
        cpu = cpu->thread->next;
    return cpu;
}

/* It is to park, which is no turn: once it runs again, it is the turn of whose it was. Mutex held. */
static bool is_to_park(const struct CPUState *cpu) { return cpu->thread->stop || cpu->thread->pausers > 0; }

/* Who goes on now; NULL: nobody runs. Mutex held. */
static struct CPUState *next_turn(struct VcpuWorker *w) {
    struct CPUState *had = w->shared ? owner(w) : NULL, *cpu = had;
    if (had == NULL || !had->thread->running || had->turn_over || cpu_progress(had) >= had->turn_end) {
        cpu = w->first != NULL ? running_from(w, had != NULL ? after(w, had) : w->first) : NULL;
        if (cpu != NULL && w->shared && !is_to_park(cpu)) {
            if (had != NULL)
                had->has_turn = false;
            begin_turn(cpu);
        }
    }
    if (cpu != NULL && w->shared)
        set_offset(cpu);
    atomic_store(&w->current, cpu);
    return cpu;
}

/* ---- nothing to do ---- */

static bool has_reason(const struct CPUState *cpu) {
    const struct VcpuThread *t = cpu->thread;
    if (!t->running)
        return false;
    return !t->waits || atomic_load(&t->held) != t->held_then || (atomic_load(&cpu->events) & t->sleeps_for) != 0;
}

/* One of them may go on. Mutex held. */
static bool any_has_reason(const struct VcpuWorker *w) {
    struct CPUState *cpu = w->first;
    while (cpu != NULL && !has_reason(cpu))
        cpu = cpu->thread->next;
    return cpu != NULL || w->quit;
}

/* Until one may, or for `ns` (negative: no limit). False: the time is over. */
static bool sleep_until_work(struct VcpuWorker *w, int64_t ns) {
    struct timespec until = vcpu_time_from_now(ns > 0 ? ns : 0);
    int r = 0;
    pthread_mutex_lock(&w->mutex);
    atomic_store(&w->sleeping, true); /* before looking at events; cpu_post does it the other way round */
    bool reason;
    while (!(reason = any_has_reason(w)) && r == 0)
        r = ns < 0 ? pthread_cond_wait(&w->wake, &w->mutex) : pthread_cond_timedwait(&w->wake, &w->mutex, &until);
    atomic_store(&w->sleeping, false);
    pthread_mutex_unlock(&w->mutex);
    return reason;
}

/** What those that wait can be woken by. */
enum Sleep {
    SLEEP_HELD,    /* by who holds them alone: time stands still */
    SLEEP_ASLEEP,  /* as the board is: by few timers */
    SLEEP_FOR_FEW, /* likewise */
    SLEEP_FOR_ANY, /* by any interrupt */
};

static enum Sleep sleep_of(const struct CPUState *cpu) {
    unsigned held = atomic_load(&cpu->thread->held);
    if (held != 0)
        return held == VCPU_HELD_ASLEEP ? SLEEP_ASLEEP : SLEEP_HELD;
    return cpu->wait_for_sipi || (cpu->env.rflags & FLAG_IF) == 0 ? SLEEP_FOR_FEW : SLEEP_FOR_ANY;
}

/* The lightest of them. */
static enum Sleep sleep_of_all(struct VcpuWorker *w) {
    enum Sleep s = SLEEP_HELD;
    pthread_mutex_lock(&w->mutex);
    for (struct CPUState *cpu = w->first; cpu != NULL; cpu = cpu->thread->next)
        if (cpu->thread->running && sleep_of(cpu) > s)
            s = sleep_of(cpu);
    pthread_mutex_unlock(&w->mutex);
    return s;
}

/* With CLOCK_ICOUNT let time jump to the next timer, `ns` from now, in the name of the one whose turn it is. */
static void jump(struct CPUState *cpu, int64_t ns) {
    cpu_run_begin(cpu);
    if (ns > 0)
        cpu->icount_offset += ns;
    run_timers(cpu);
    cpu_run_end(cpu);
}

/* Asleep until a time that there is not: fire what waits for it. In case nothing comes of it, not all the time. */
static void end_time(struct VcpuWorker *w, struct CPUState *cpu) {
    cpu_run_begin(cpu);
    pthread_mutex_lock(cpu->lock);
    clock_run_end(cpu->clock);
    pthread_mutex_unlock(cpu->lock);
    cpu_run_end(cpu);
    sleep_until_work(w, ICOUNT_IDLE_MAX_NS);
}

/* All wait: sleep, or with CLOCK_ICOUNT let time jump to the next timer. */
static void idle(struct VcpuWorker *w, struct CPUState *cpu) {
    if (!cpu->icount) { /* its state is another's by now, who may have stopped the world */
        sleep_until_work(w, -1);
        return;
    }
    enum Sleep how = sleep_of_all(w);
    int64_t deadline = clock_deadline(cpu->clock);
    bool timers = deadline < CLOCK_END || (deadline == CLOCK_END && how >= SLEEP_FOR_FEW);
    if (how == SLEEP_HELD || !timers) {
        sleep_until_work(w, -1);
        return;
    }
    int64_t ns = deadline - clock_now(cpu->clock), real = ns < ICOUNT_IDLE_MAX_NS ? ns : ICOUNT_IDLE_MAX_NS;
    /* timers would spin, where nothing they raise gets in */
    if (how <= SLEEP_FOR_FEW && sleep_until_work(w, real > 0 ? real : 0))
        return;
    if (deadline >= CLOCK_END)
        end_time(w, cpu);
    else
        jump(cpu, ns);
}

/* ---- the thread ---- */

/* Wait for somebody to run; NULL: quit. */
static struct CPUState *wait_for_run(struct VcpuWorker *w) {
    struct CPUState *cpu;
    pthread_mutex_lock(&w->mutex);
    while ((cpu = w->first != NULL ? running_from(w, w->first) : NULL) == NULL && !w->quit)
        pthread_cond_wait(&w->wake, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
    return cpu;
}

static unsigned count_running(struct VcpuWorker *w) {
    unsigned n = 0;
    pthread_mutex_lock(&w->mutex);
    for (struct CPUState *cpu = w->first; cpu != NULL; cpu = cpu->thread->next)
        n += cpu->thread->running;
    pthread_mutex_unlock(&w->mutex);
    return n;
}

/* Turns, until none runs any more. */
static void take_turns(struct VcpuWorker *w) {
    unsigned waiting = 0; /* how many in a row had nothing to do */
    for (;;) {
        pthread_mutex_lock(&w->mutex);
        struct CPUState *cpu = next_turn(w);
        pthread_mutex_unlock(&w->mutex);
        if (cpu == NULL)
            return;
        cpu->thread->waits = false;
        enum Round r = take_turn(cpu);
        if (r == ROUND_WAITS && w->shared)
            cpu->turn_over = true;
        waiting = r == ROUND_WAITS ? waiting + 1 : 0;
        if (r == ROUND_WAITS && waiting >= count_running(w)) {
            idle(w, cpu);
            waiting = 0;
        }
    }
}

/* Once, for in a sandbox it could not be opened later. */
static void open_wait_file(struct VcpuWorker *w, const struct CpuModel *model) {
    if (cpu_has(model, CPUID_KVM_STEAL_TIME))
        w->wait_file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

/* Who starts several holds the machine lock until all have been started: whose turn is first is no matter of luck. */
static void wait_for_all(struct CPUState *cpu) {
    pthread_mutex_lock(cpu->lock);
    pthread_mutex_unlock(cpu->lock);
}

void *vcpu_thread_main(void *arg) {
    struct VcpuWorker *w = arg;
    struct CPUState *cpu;
    pthread_mutex_lock(&w->mutex); /* until all that vcpu_create does is done */
    open_wait_file(w, &w->first->model);
    atomic_store(&w->tid, gettid());
    pthread_cond_broadcast(&w->parked);
    pthread_mutex_unlock(&w->mutex);
    while ((cpu = wait_for_run(w)) != NULL) {
        if (w->shared)
            wait_for_all(cpu);
        if (cpu->thread->ops.begin != NULL)
            cpu->thread->ops.begin(cpu->thread->ops.opaque);
        take_turns(w);
    }
    return NULL;
}
