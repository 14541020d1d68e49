/* SPDX-License-Identifier: MIT */
/* What the host's scheduler has done with a vCPU. See sched.h; the files are those of proc(5), and of the kernel's
 * Documentation/scheduler/sched-stats.rst. */
#include "cpu/sched.h"
#include "cpu/vcpu.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MOST = 8192 };

/* A thread's file as text; "" if there is none. */
static void read_file(int tid, const char *name, char text[FILE_MOST]) {
    char path[64];
    text[0] = '\0';
    snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, FILE_MOST - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

/* The number behind "KEY :" at the beginning of a line; -1: there is none. */
static int64_t number_of(const char *text, const char *key) {
    size_t n = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, n) == 0) {
            const char *p = line + n + strspn(line + n, " \t");
            return *p == ':' ? strtoll(p + 1, NULL, 10) : -1;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return -1;
}

/* The field of /proc/.../stat: the third is the first behind the name, which may have spaces in it. */
static int host_cpu(const char *stat) {
    enum { PROCESSOR = 39 };
    const char *p = strrchr(stat, ')');
    for (unsigned field = 2; p != NULL && field < PROCESSOR; field++)
        p = strchr(p + 1, ' ');
    return p != NULL ? atoi(p + 1) : -1;
}

void vcpu_sched(const struct CPUState *cpu, struct VcpuSched *s) {
    char text[FILE_MOST];
    long long run, wait;
    int tid = vcpu_thread_id(cpu);
    *s = (struct VcpuSched){.thread_id = tid,
                            .cpu_ns = vcpu_cpu_time(cpu),
                            .wait_ns = -1,
                            .halted_ns = vcpu_halted_ns(cpu),
                            .steal_ns = -1,
                            .exits = -1};
    read_file(tid, "schedstat", text);
    if (sscanf(text, "%lld %lld", &run, &wait) == 2)
        s->wait_ns = wait;
    read_file(tid, "status", text);
    s->voluntary = number_of(text, "voluntary_ctxt_switches");
    s->involuntary = number_of(text, "nonvoluntary_ctxt_switches");
    read_file(tid, "sched", text); /* CONFIG_SCHED_DEBUG */
    s->migrations = number_of(text, "se.nr_migrations");
    read_file(tid, "stat", text);
    s->host_cpu = host_cpu(text);
}

/* Linux: struct kvm_steal_time, which begins with the time. The MSR's bit 0 enables it, bits 5:1 are reserved. */
int64_t vcpu_steal_told(const struct CPUState *cpu) {
    uint64_t msr = cpu->env.kvm_steal_time, steal;
    const void *page = (msr & 1) != 0 ? bus_ram_ptr(cpu->bus, msr & ~0x3full, sizeof(steal)) : NULL;
    if (page == NULL)
        return -1;
    memcpy(&steal, page, sizeof(steal));
    return (int64_t)le64toh(steal);
}
