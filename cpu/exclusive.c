/* SPDX-License-Identifier: MIT */
/* Stopping the world. See exclusive.h. */
#include "cpu/exclusive.h"

#include <time.h>

void cpu_group_init(struct CpuGroup *g) {
    pthread_condattr_t attr;
    *g = (struct CpuGroup){0};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->stopped, &attr);
    pthread_cond_init(&g->ended, NULL);
    pthread_condattr_destroy(&attr);
}

void cpu_group_destroy(struct CpuGroup *g) {
    pthread_cond_destroy(&g->ended);
    pthread_cond_destroy(&g->stopped);
    pthread_mutex_destroy(&g->mutex);
}

void cpu_group_add(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->group = g;
    cpu->next_in_group = g->first;
    g->first = cpu;
}

static bool mine(const struct CpuGroup *g) { return g->depth != 0 && pthread_equal(g->owner, pthread_self()); }

static void begin_work(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->working = true;
    g->working++;
}

static void end_work(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->working = false;
    if (--g->working == 0)
        pthread_cond_broadcast(&g->stopped);
}

static void note_wanted(struct CpuGroup *g) { atomic_store(&g->wanted, g->waiting + g->depth != 0); }

/* ---- the vCPU loop's part ---- */

void cpu_run_begin(struct CPUState *cpu) {
    struct CpuGroup *g = cpu->group;
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->mutex);
    while (g->waiting + g->depth != 0)
        pthread_cond_wait(&g->ended, &g->mutex);
    begin_work(g, cpu);
    pthread_mutex_unlock(&g->mutex);
}

void cpu_run_end(struct CPUState *cpu) {
    struct CpuGroup *g = cpu->group;
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->mutex);
    end_work(g, cpu);
    pthread_mutex_unlock(&g->mutex);
}

/* Who wants to stop the world says so before it posts CPU_EVENT_LEAVE: if that was withdrawn, it is seen here. */
void cpu_safepoint(struct CPUState *cpu) {
    if (cpu->group == NULL || !atomic_load(&cpu->group->wanted))
        return;
    cpu_run_end(cpu);
    cpu_run_begin(cpu);
}

/* ---- stopping ---- */

/* All vCPUs stand still, and nobody has to come first. */
static bool may_begin(const struct CpuGroup *g, bool within) {
    return g->depth == 0 && g->working == 0 && (within || g->within == 0);
}

/* Be one of those who wait. */
static void ask(struct CpuGroup *g) {
    g->waiting++;
    note_wanted(g);
    for (struct CPUState *cpu = g->first; cpu != NULL; cpu = cpu->next_in_group)
        if (cpu->working)
            cpu_post(cpu, CPU_EVENT_LEAVE);
}

void cpu_exclusive_begin(struct CpuGroup *g, struct CPUState *self) {
    pthread_mutex_lock(&g->mutex);
    if (mine(g)) {
        g->depth++;
        pthread_mutex_unlock(&g->mutex);
        return;
    }
    bool within = self != NULL && self->working;
    g->within += within;
    if (within) /* who waits is no obstacle to somebody else's world */
        end_work(g, self);
    ask(g);
    while (!may_begin(g, within))
        pthread_cond_wait(&g->stopped, &g->mutex);
    g->waiting--;
    g->within -= within;
    g->depth = 1;
    g->owner = pthread_self();
    g->back = within ? self : NULL;
    pthread_mutex_unlock(&g->mutex);
}

/* Nobody has the world: the next one who waits may, or it goes on. */
static void pass_on(struct CpuGroup *g) { pthread_cond_broadcast(g->waiting != 0 ? &g->stopped : &g->ended); }

bool cpu_exclusive_try(struct CpuGroup *g, const struct timespec *until) {
    int r = 0;
    pthread_mutex_lock(&g->mutex);
    ask(g);
    while (!may_begin(g, false) && r == 0)
        r = pthread_cond_timedwait(&g->stopped, &g->mutex, until);
    bool begun = may_begin(g, false);
    g->waiting--;
    if (begun) {
        g->depth = 1;
        g->owner = pthread_self();
        g->back = NULL;
    } else {
        note_wanted(g);
        pass_on(g);
    }
    pthread_mutex_unlock(&g->mutex);
    return begun;
}

void cpu_exclusive_end(struct CpuGroup *g) {
    pthread_mutex_lock(&g->mutex);
    if (--g->depth == 0) {
        struct CPUState *back = g->back;
        g->back = NULL;
        note_wanted(g);
        if (back != NULL)
            begin_work(g, back);
        if (back != NULL && g->waiting != 0) /* it goes on to the end of its instruction, and no further */
            cpu_post(back, CPU_EVENT_LEAVE);
        pass_on(g);
    }
    pthread_mutex_unlock(&g->mutex);
}
