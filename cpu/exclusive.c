/* SPDX-License-Identifier: MIT */
/* Stopping the world. See exclusive.h. */
#include "cpu/exclusive.h"

void cpu_group_init(struct CpuGroup *g) {
    *g = (struct CpuGroup){0};
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->left, NULL);
    pthread_cond_init(&g->ended, NULL);
}

void cpu_group_destroy(struct CpuGroup *g) {
    pthread_cond_destroy(&g->ended);
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->mutex);
}

void cpu_group_add(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->group = g;
    cpu->next_in_group = g->first;
    g->first = cpu;
}

static bool mine(const struct CpuGroup *g) { return g->depth != 0 && pthread_equal(g->owner, pthread_self()); }

static void enter(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->in_guest = true;
    g->inside++;
}

static void leave(struct CpuGroup *g, struct CPUState *cpu) {
    cpu->in_guest = false;
    if (--g->inside == 0)
        pthread_cond_broadcast(&g->left);
}

void cpu_enter_guest(struct CPUState *cpu) {
    struct CpuGroup *g = cpu->group;
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->mutex);
    while (g->depth != 0)
        pthread_cond_wait(&g->ended, &g->mutex);
    enter(g, cpu);
    pthread_mutex_unlock(&g->mutex);
}

void cpu_leave_guest(struct CPUState *cpu) {
    struct CpuGroup *g = cpu->group;
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->mutex);
    leave(g, cpu);
    pthread_mutex_unlock(&g->mutex);
}

void cpu_exclusive_begin(struct CpuGroup *g, struct CPUState *self) {
    pthread_mutex_lock(&g->mutex);
    if (mine(g)) {
        g->depth++;
        pthread_mutex_unlock(&g->mutex);
        return;
    }
    bool inside = self != NULL && self->in_guest;
    if (inside) /* who waits is no obstacle to somebody else's world */
        leave(g, self);
    while (g->depth != 0)
        pthread_cond_wait(&g->ended, &g->mutex);
    g->depth = 1;
    g->owner = pthread_self();
    g->back = inside ? self : NULL;
    for (struct CPUState *cpu = g->first; cpu != NULL; cpu = cpu->next_in_group)
        if (cpu->in_guest)
            cpu_post(cpu, CPU_EVENT_LEAVE);
    while (g->inside != 0)
        pthread_cond_wait(&g->left, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

void cpu_exclusive_end(struct CpuGroup *g) {
    pthread_mutex_lock(&g->mutex);
    if (--g->depth == 0) {
        if (g->back != NULL)
            enter(g, g->back);
        g->back = NULL;
        pthread_cond_broadcast(&g->ended);
    }
    pthread_mutex_unlock(&g->mutex);
}
