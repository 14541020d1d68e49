/* SPDX-License-Identifier: MIT */
#include "tests/stress/cpus.h"

#include "machine/machine.h"
#include "machine/state.h"
#include "twin86.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GUEST "tests/smp/smp.elf"

enum { AFTERWARDS_SECONDS = 50, LINE_SIZE = 200 };

/* What the guest prints: each test's verdict, and "FAIL" only where something is wrong. */
struct Text {
    char line[LINE_SIZE];
    size_t used;
    char wrong[LINE_SIZE]; /* the first line that says so, and the last that told more */
    char before[LINE_SIZE];
    _Atomic bool is_wrong;
    _Atomic uint64_t good; /* lines "ok ..." */
};

struct Torment {
    Twin86Config config;
    Twin86Guest guest;
    Twin86Machine *machine;
    struct Text text;
    const char *engine[2];
    char append[200], error[300];
    _Atomic bool over;
    _Atomic unsigned pauses, resets;
    unsigned moves, hand_overs;
};

static void take_line(struct Text *t) {
    t->line[t->used] = '\0';
    t->used = 0;
    if (strncmp(t->line, "ok ", 3) == 0)
        atomic_fetch_add(&t->good, 1);
    if (strstr(t->line, "FAIL") != NULL && !t->is_wrong) {
        snprintf(t->wrong, sizeof(t->wrong), "%s", t->line);
        t->is_wrong = true;
    }
    if (!t->is_wrong && t->line[0] == ' ') /* what is wrong; the verdict follows */
        snprintf(t->before, sizeof(t->before), "%s", t->line);
}

static void collect(void *opaque, const uint8_t *data, size_t size) {
    struct Text *t = opaque;
    for (size_t i = 0; i < size; i++)
        if (data[i] == '\n' || t->used == LINE_SIZE - 1)
            take_line(t);
        else
            t->line[t->used++] = (char)data[i];
}

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void sleep_us(unsigned us) {
    const struct timespec ts = {.tv_nsec = us * 1000L};
    nanosleep(&ts, NULL);
}

static Twin86Machine *make(struct Torment *t) {
    Twin86Machine *m = NULL;
    if (twin86_create(&m, &t->config, t->error, sizeof(t->error)) != 0)
        return NULL;
    if (twin86_load(m, &t->guest, t->error, sizeof(t->error)) == 0)
        return m;
    twin86_destroy(m);
    return NULL;
}

/* ---- what torments ---- */

static void *pauser(void *arg) {
    struct Torment *t = arg;
    for (unsigned i = 0; !t->over; i++) {
        Twin86Stats stats;
        twin86_pause(t->machine);
        twin86_stats(t->machine, &stats);
        t->pauses++;
        sleep_us(i * 7919 % 2000);
    }
    return NULL;
}

static void *resetter(void *arg) {
    struct Torment *t = arg;
    for (unsigned i = 0; !t->over; i++) {
        twin86_reset(t->machine);
        t->resets++;
        sleep_us(i * 7919 % 100000);
    }
    return NULL;
}

/* Through a stream into a machine of its own. */
static bool move(struct Torment *t) {
    char *data = NULL;
    size_t size = 0;
    twin86_pause(t->machine);
    FILE *out = open_memstream(&data, &size);
    int r = machine_save(machine_of(t->machine), out, t->error, sizeof(t->error));
    fclose(out);
    Twin86Machine *other = r == 0 ? make(t) : NULL;
    if (other != NULL) {
        FILE *in = fmemopen(data, size, "rb");
        r = machine_restore(machine_of(other), in, t->error, sizeof(t->error));
        fclose(in);
        twin86_destroy(t->machine);
        t->machine = other;
        t->moves++;
    }
    free(data);
    return r == 0 && other != NULL;
}

static bool hand_over(struct Torment *t) {
    twin86_pause(t->machine);
    uint64_t rip;
    if (twin86_read_reg(t->machine, t->hand_overs % t->config.cpus, TWIN86_RIP, &rip) != 0)
        return false;
    int r = twin86_set_accel(t->machine, t->engine[++t->hand_overs % 2], t->error, sizeof(t->error));
    return r == 0;
}

/* The one thread that starts the guest, takes its events, and changes the machine. False: `error` says why. */
static bool run_until(struct Torment *t, enum CpusTorment torment, double end) {
    while (now() < end && !t->text.is_wrong) {
        Twin86Event event;
        int r = twin86_start(t->machine, 0);
        if (r != 0 && r != -EBUSY) {
            snprintf(t->error, sizeof(t->error), "start: %s", strerror(-r));
            return false;
        }
        if (torment == CPUS_MOVES || torment == CPUS_HAND_OVERS)
            sleep_us(5000 + t->moves * 7919 % 20000);
        else
            sleep_us(100);
        if (twin86_wait(t->machine, 0, &event) == 0) {
            snprintf(t->error, sizeof(t->error), "event %d: %s", (int)event.kind, event.message);
            return false;
        }
        if ((torment == CPUS_MOVES && !move(t)) || (torment == CPUS_HAND_OVERS && !hand_over(t)))
            return false;
    }
    return true;
}

/* Left alone, the guest must get tests done. */
static bool goes_on(struct Torment *t) {
    uint64_t before = t->text.good;
    Twin86Event event;
    twin86_start(t->machine, 0);
    for (double end = now() + AFTERWARDS_SECONDS; t->text.good < before + 2 && !t->text.is_wrong && now() < end;)
        if (twin86_wait(t->machine, 5, &event) == 0) {
            snprintf(t->error, sizeof(t->error), "event %d: %s", (int)event.kind, event.message);
            return false;
        }
    twin86_pause(t->machine);
    if (t->text.good < before + 2)
        snprintf(t->error, sizeof(t->error), "the guest does not go on");
    return t->error[0] == '\0' && !t->text.is_wrong;
}

/* ---- one torment ---- */

static bool has_engines(struct Torment *t, const char *accel, char *names, size_t n) {
    snprintf(names, n, "%s", accel);
    char *colon = strchr(names, ':');
    t->engine[0] = names;
    t->engine[1] = colon != NULL ? colon + 1 : names;
    if (colon != NULL)
        *colon = '\0';
    return colon != NULL;
}

static void configure(struct Torment *t, const struct CpusRun *run, bool both) {
    twin86_config_init(&t->config);
    t->config.ram_size = 32 << 20;
    t->config.accel = run->accel;
    t->config.kernel_irqchip = run->kernel_irqchip;
    t->config.handover = both;
    t->config.cpus = run->cpus;
    t->config.serial_output = collect;
    t->config.opaque = &t->text;
    /* In a KVM that is emulated HLT may last for ever, and there is but one processor. */
    bool kvm = strstr(run->accel, "kvm") != NULL;
    snprintf(t->append, sizeof(t->append), "cpus=%u test=%s percent=1 loop=1 cores=1%s", run->cpus, run->test,
             kvm ? " idle=pause" : "");
    t->guest = (Twin86Guest){.kernel = GUEST, .append = t->append};
}

bool cpus_torment(const struct CpusRun *run, char *text, size_t n) {
    struct Torment t = {0};
    pthread_t thread[3];
    char names[100];
    unsigned threads = run->torment == CPUS_PAUSES ? 2 : run->torment == CPUS_RESETS ? 3 : 0;
    configure(&t, run, has_engines(&t, run->accel, names, sizeof(names)));
    t.machine = make(&t);
    if (t.machine == NULL) {
        snprintf(text, n, "no machine: %s", t.error);
        return false;
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, i < 2 ? pauser : resetter, &t);
    bool good = run_until(&t, run->torment, now() + run->ms / 1e3);
    t.over = true;
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    good = good && goes_on(&t);
    twin86_destroy(t.machine);
    snprintf(text, n, "%u processors, %s: %u pauses, %u resets, %u moves, %u hand-overs, %llu tests done%s%s%s%s%s%s",
             run->cpus, run->test, t.pauses, t.resets, t.moves, t.hand_overs, (unsigned long long)t.text.good,
             t.error[0] != '\0' ? "; " : "", t.error, t.text.is_wrong ? "; the guest says " : "", t.text.wrong,
             t.text.is_wrong ? " after " : "", t.text.is_wrong ? t.text.before : "");
    return good;
}
