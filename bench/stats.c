/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int64_t read_clock(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int64_t stats_now(void) { return read_clock(CLOCK_MONOTONIC); }
int64_t stats_cpu_now(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void stats_add(struct Stats *s, double ns) {
    if (s->count < STATS_MAX)
        s->value[s->count++] = ns;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(struct Stats *s, double share) {
    if (s->count == 0)
        return 0;
    qsort(s->value, s->count, sizeof(s->value[0]), compare);
    return s->value[(unsigned)(share * (s->count - 1) + 0.5)];
}

const char *stats_text(double ns, char buf[16]) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned u = 0;
    for (; u < 3 && ns >= 999.5; u++)
        ns /= 1000;
    snprintf(buf, 16, "%.*f %-2s", ns < 9.995 ? 2 : ns < 99.95 ? 1 : 0, ns, units[u]);
    return buf;
}

void stats_json(struct Stats *s, FILE *f) {
    fprintf(f, "\"unit\": \"ns\", \"n\": %u, \"median\": %.2f, \"min\": %.2f, \"p90\": %.2f", s->count,
            stats_quantile(s, 0.5), stats_quantile(s, 0), stats_quantile(s, 0.9));
}

static void processor(char *name, size_t n) {
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, n, "unknown processor");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, n, "%s", colon + 2);
        break;
    }
    if (f != NULL)
        fclose(f);
}

void stats_describe_host(FILE *f) {
    static const char *const modules[] = {"kvm_intel", "kvm_amd", "kvm_pvm"};
    const char *module = "no KVM module to be seen";
    char name[128];
    struct utsname u;
    processor(name, sizeof(name));
    uname(&u);
    for (unsigned i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/sys/module/%s", modules[i]);
        if (access(path, F_OK) == 0)
            module = modules[i];
    }
    fprintf(f, "%s, %ld CPUs, Linux %s, %s", name, sysconf(_SC_NPROCESSORS_ONLN), u.release, module);
}
