/* SPDX-License-Identifier: MIT */
/**
 * What the host's scheduler has done with a vCPU's thread, as Linux tells it in /proc. To the host a vCPU is a thread
 * like any other; docs/vcpu-scheduling.md says what follows from that.
 */
#ifndef TWIN86_CPU_SCHED_H
#define TWIN86_CPU_SCHED_H

#include "cpu/cpu.h"

/** Numbers since the thread's start; -1: this host does not tell, or nobody has counted. */
struct VcpuSched {
    int thread_id;       /* as gettid gives it */
    int host_cpu;        /* on which it runs, or ran last */
    int64_t cpu_ns;      /* executed, by itself or in KVM */
    int64_t wait_ns;     /* was ready, and waited for a host CPU: what is stolen from the guest */
    int64_t halted_ns;   /* slept because the guest did: HLT, and APs before they are started */
    int64_t voluntary;   /* switches to another thread because it slept */
    int64_t involuntary; /* because its time was over, or another one was more urgent */
    int64_t migrations;  /* went from one host CPU to another */
    int64_t steal_ns;    /* the part of wait_ns that the guest was told, if it has asked (KVM's MSR 4b564d03h) */
    int64_t exits;       /* left the guest */
};

/** All but steal_ns and exits. Any thread. */
void vcpu_sched(const struct CPUState *cpu, struct VcpuSched *s);
/** What stands in the guest's memory for it to read; -1: it has not asked. env up to date, parked. */
int64_t vcpu_steal_told(const struct CPUState *cpu);

#endif
