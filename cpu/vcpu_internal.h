/* SPDX-License-Identifier: MIT */
/** What vcpu.c (requests, life) and vcpu_run.c (the loop) share. */
#ifndef TWIN86_CPU_VCPU_INTERNAL_H
#define TWIN86_CPU_VCPU_INTERNAL_H

#include "cpu/vcpu.h"

#include <time.h>

/** A thread of the host, which runs one vCPU, or several in turns. */
struct VcpuWorker {
    pthread_t id;
    _Atomic int tid;
    int wait_file;                    /* the thread's schedstat; -1: not open. Not mutex: its own */
    pthread_mutex_t mutex;            /* a leaf; guards what follows, and of its vCPUs what struct VcpuThread says */
    pthread_cond_t wake;              /* the thread waits here, parked or without work */
    pthread_cond_t parked;            /* others wait here for a vCPU to park */
    bool quit;                        /* a request */
    struct CPUState *first, *last;    /* linked by VcpuThread.next */
    bool shared;                      /* by several; not mutex: set before one of them runs */
    struct CPUState *_Atomic current; /* whose turn it is; NULL: not begun yet */
    _Atomic bool sleeping;            /* it waits for work: cpu_post must signal */
};

/** A vCPU's part in its thread. */
struct VcpuThread {
    struct VcpuWorker *worker;
    struct CPUState *next;
    struct VcpuOps ops;
    bool stop, reset; /* requests; these and what follows to `ended`: the worker's mutex */
    unsigned pausers; /* how many wait in vcpu_pause for this run to end */
    void (*work)(void *opaque);
    void *work_opaque;
    _Atomic bool running;  /* written under the mutex */
    uint64_t ended;        /* how many runs have come to an end */
    bool waits;            /* it has nothing to do until one of `sleeps_for` comes, or `held` is not what it was */
    uint32_t sleeps_for;   /* of CPUState.events */
    unsigned held_then;    /* `held` */
    _Atomic unsigned held; /* who keeps it from executing (vcpu_hold) */
    uint64_t stop_count;   /* cpu_progress at which the budget is used up */
    /* Host time asleep in HLT; since when it is now, 0: it is not. Its thread's; any thread may look. */
    _Atomic int64_t halted_ns, halted_since;
};

/** Several take turns in its thread. */
static inline bool vcpu_takes_turns(const struct CPUState *cpu) { return cpu->thread->worker->shared; }

/** CLOCK_MONOTONIC. */
static inline int64_t vcpu_host_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/** The same, `ns` from now. */
struct timespec vcpu_time_from_now(int64_t ns);

/** The thread. `arg`: the struct VcpuWorker. */
void *vcpu_thread_main(void *arg);

#endif
