/* SPDX-License-Identifier: MIT */
/* What others ask of a vCPU, and its life; the loop is in vcpu_run.c. See vcpu.h. */
#include "cpu/thread.h"
#include "cpu/vcpu_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- requests, from any thread ---- */

void vcpu_wake(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    if (t == NULL || !atomic_load(&t->worker->sleeping))
        return;
    pthread_mutex_lock(&t->worker->mutex);
    pthread_cond_signal(&t->worker->wake);
    pthread_mutex_unlock(&t->worker->mutex);
}

bool vcpu_is_self(const struct CPUState *cpu) {
    const struct VcpuWorker *w = cpu->thread != NULL ? cpu->thread->worker : NULL;
    return w != NULL && pthread_equal(w->id, pthread_self()) && (!w->shared || atomic_load(&w->current) == cpu);
}

static void request(struct CPUState *cpu, bool *flag) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    *flag = true;
    pthread_mutex_unlock(&t->worker->mutex);
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_request_stop(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    bool running = t->running;
    if (running)
        t->stop = true;
    pthread_mutex_unlock(&t->worker->mutex);
    if (running)
        cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_request_reset(struct CPUState *cpu) { request(cpu, &cpu->thread->reset); }

bool vcpu_reset_wanted(const struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    bool wanted = t->reset;
    pthread_mutex_unlock(&t->worker->mutex);
    return wanted;
}

void vcpu_forget_reset(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    t->reset = false;
    pthread_mutex_unlock(&t->worker->mutex);
}

void vcpu_request_work(struct CPUState *cpu, void (*fn)(void *opaque), void *opaque) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    t->work = fn;
    t->work_opaque = opaque;
    pthread_mutex_unlock(&t->worker->mutex);
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

bool vcpu_pass_turn(struct CPUState *cpu) {
    if (cpu->thread == NULL || !vcpu_takes_turns(cpu))
        return false;
    cpu->turn_over = true;
    return true;
}

void vcpu_settle_others(struct CPUState *cpu) {
    cpu->settle_others = true;
    cpu_post(cpu, CPU_EVENT_LEAVE);
}

void vcpu_deadline_changed(struct CPUState *cpu) {
    struct CPUState *current = cpu->thread != NULL ? atomic_load(&cpu->thread->worker->current) : NULL;
    cpu_post(current != NULL ? current : cpu, CPU_EVENT_LEAVE);
}

bool vcpu_running(const struct CPUState *cpu) { return cpu->thread != NULL && atomic_load(&cpu->thread->running); }

int vcpu_resume(struct CPUState *cpu, uint64_t instructions) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    if (t->running) {
        pthread_mutex_unlock(&t->worker->mutex);
        return -EBUSY;
    }
    uint64_t now = cpu_progress(cpu);
    t->stop_count = instructions == 0 || instructions > UINT64_MAX - now ? UINT64_MAX : now + instructions;
    t->stop = t->waits = false;
    t->running = true;
    pthread_cond_signal(&t->worker->wake);
    pthread_mutex_unlock(&t->worker->mutex);
    return 0;
}

struct timespec vcpu_time_from_now(int64_t ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nsec = until.tv_nsec + ns;
    return (struct timespec){.tv_sec = until.tv_sec + nsec / NS_PER_SEC, .tv_nsec = nsec % NS_PER_SEC};
}

int vcpu_pause(struct CPUState *cpu, int timeout_ms) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    uint64_t ended = t->ended;
    bool running = t->running;
    t->pausers += running;
    pthread_mutex_unlock(&t->worker->mutex);
    if (!running)
        return 0;
    cpu_post(cpu, CPU_EVENT_LEAVE);
    struct timespec until = vcpu_time_from_now(timeout_ms * 1000000LL);
    int r = 0;
    pthread_mutex_lock(&t->worker->mutex);
    while (t->ended == ended && r == 0)
        r = timeout_ms < 0 ? pthread_cond_wait(&t->worker->parked, &t->worker->mutex)
                           : pthread_cond_timedwait(&t->worker->parked, &t->worker->mutex, &until);
    r = t->ended != ended ? 0 : -ETIMEDOUT;
    if (r != 0)
        t->pausers--; /* who has given up would not hear of a stop that comes later */
    pthread_mutex_unlock(&t->worker->mutex);
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
    pthread_mutex_lock(&t->worker->mutex);
    atomic_fetch_and(&t->held, ~who);
    pthread_cond_signal(&t->worker->wake);
    pthread_mutex_unlock(&t->worker->mutex);
}

void vcpu_wait_parked(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    pthread_mutex_lock(&t->worker->mutex);
    while (t->running)
        pthread_cond_wait(&t->worker->parked, &t->worker->mutex);
    pthread_mutex_unlock(&t->worker->mutex);
}

int64_t vcpu_cpu_time(const struct CPUState *cpu) {
    clockid_t id;
    struct timespec ts;
    unsigned sharers = 0;
    const struct VcpuWorker *w = cpu->thread != NULL ? cpu->thread->worker : NULL;
    if (w == NULL || pthread_getcpuclockid(w->id, &id) != 0 || clock_gettime(id, &ts) != 0)
        return 0;
    for (const struct CPUState *c = w->first; c != NULL; c = c->thread->next)
        sharers++;
    return (ts.tv_sec * NS_PER_SEC + ts.tv_nsec) / sharers;
}

int64_t vcpu_waited(const struct CPUState *cpu) {
    char text[100];
    unsigned long long run, wait;
    ssize_t n = cpu->thread != NULL ? pread(cpu->thread->worker->wait_file, text, sizeof(text) - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return sscanf(text, "%llu %llu", &run, &wait) == 2 ? (int64_t)wait : 0;
}

int64_t vcpu_halted_ns(const struct CPUState *cpu) {
    const struct VcpuThread *t = cpu->thread;
    int64_t since = t != NULL ? atomic_load(&t->halted_since) : 0;
    return t == NULL ? 0 : atomic_load(&t->halted_ns) + (since != 0 ? vcpu_host_now() - since : 0);
}

int vcpu_thread_id(const struct CPUState *cpu) {
    return cpu->thread != NULL ? atomic_load(&cpu->thread->worker->tid) : 0;
}

/* ---- life ---- */

static struct VcpuWorker *worker_new(void) {
    struct VcpuWorker *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->wait_file = -1;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->wake, &attr);
    pthread_cond_init(&w->parked, &attr);
    pthread_condattr_destroy(&attr);
    return w;
}

static void worker_free(struct VcpuWorker *w) {
    if (w->wait_file >= 0)
        close(w->wait_file);
    pthread_cond_destroy(&w->parked);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

static void join(struct VcpuWorker *w, struct CPUState *cpu, struct VcpuThread *t) {
    t->worker = w;
    cpu->thread = t;
    cpu->env_changed = true;
    if (w->first == NULL)
        w->first = cpu;
    else
        w->last->thread->next = cpu;
    w->last = cpu;
}

static void name_thread(const struct VcpuWorker *w, const struct CPUState *cpu) {
    char name[16] = "CPUs";
    if (!w->shared)
        snprintf(name, sizeof(name), "CPU %u", cpu->index);
    pthread_setname_np(w->id, name);
}

int vcpu_create(struct CPUState *cpu, const struct VcpuOps *ops) {
    struct VcpuThread *t = calloc(1, sizeof(*t));
    struct VcpuWorker *w = worker_new();
    if (t == NULL || w == NULL) {
        free(t);
        if (w != NULL)
            worker_free(w);
        return -ENOMEM;
    }
    t->ops = *ops;
    pthread_mutex_lock(&w->mutex); /* the new thread waits until w->id is stored */
    join(w, cpu, t);
    int r = thread_start(&w->id, vcpu_thread_main, w);
    if (r == 0)
        name_thread(w, cpu);
    while (r == 0 && atomic_load(&w->tid) == 0) /* else vcpu_thread_id would be wrong */
        pthread_cond_wait(&w->parked, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
    if (r != 0) {
        cpu->thread = NULL;
        free(t);
        worker_free(w);
    }
    return r;
}

int vcpu_create_beside(struct CPUState *cpu, const struct VcpuOps *ops, struct CPUState *first) {
    struct VcpuThread *t = calloc(1, sizeof(*t));
    struct VcpuWorker *w = first->thread->worker;
    if (t == NULL)
        return -ENOMEM;
    t->ops = *ops;
    pthread_mutex_lock(&w->mutex);
    join(w, cpu, t);
    w->shared = true;
    name_thread(w, cpu);
    pthread_mutex_unlock(&w->mutex);
    return 0;
}

/* False: it was the last one. Mutex held. */
static bool leave(struct VcpuWorker *w, struct CPUState *cpu) {
    struct CPUState **link = &w->first, *before = NULL;
    while (*link != cpu) {
        before = *link;
        link = &(*link)->thread->next;
    }
    *link = cpu->thread->next;
    if (w->last == cpu)
        w->last = before;
    if (atomic_load(&w->current) == cpu)
        atomic_store(&w->current, NULL);
    return w->first != NULL;
}

void vcpu_destroy(struct CPUState *cpu) {
    struct VcpuThread *t = cpu->thread;
    if (t == NULL)
        return;
    struct VcpuWorker *w = t->worker;
    vcpu_pause(cpu, -1);
    pthread_mutex_lock(&w->mutex);
    bool others = leave(w, cpu);
    w->quit = !others;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->mutex);
    if (!others) {
        pthread_join(w->id, NULL);
        worker_free(w);
    }
    cpu->thread = NULL;
    free(t);
}
