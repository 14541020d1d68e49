/* SPDX-License-Identifier: MIT */
/*
 * Machines made and destroyed, paused and resumed by the thousand, and told everything at once by many threads, while
 * a guest runs that notices an access lost or doubled. Everything through the public interface, for each engine.
 *
 * stress [ENGINE...], in the build folder. STRESS_CYCLES, STRESS_MACHINES and STRESS_MS change how many pauses, how
 * many machines and how long a storm; every line says what was done.
 */
#include "tests/stress/chain.h"
#include "tests/stress/cpus.h"
#include "tests/stress/usage.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROM(name) "tests/stress/" name ".rom"

enum { WARM_UP = 40, WATCHDOG_SECONDS = 60 };

static unsigned passed, failed, skipped;
static unsigned cycles = 10000, machines = 1000, storm_ms = 1500;
static char doing[200]; /* for the watchdog */

/* ---- reports ---- */

__attribute__((format(printf, 3, 4))) static void verdict(bool good, const struct Engine *engine, const char *format,
                                                          ...) {
    va_list ap;
    va_start(ap, format);
    printf("%s %s: ", good ? "ok" : "FAIL", engine->name);
    vprintf(format, ap);
    putchar('\n');
    fflush(stdout);
    va_end(ap);
    if (good)
        passed++;
    else
        failed++;
}

static void begin(const struct Engine *engine, const char *what) {
    snprintf(doing, sizeof(doing), "FAIL %s: %s: stuck for %d s\n", engine->name, what, WATCHDOG_SECONDS);
    alarm(WATCHDOG_SECONDS);
}

static void on_alarm(int sig) {
    (void)sig;
    ssize_t n = write(STDOUT_FILENO, doing, strlen(doing));
    _exit(n > 0 ? 1 : 2);
}

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static Twin86Machine *make(struct Chain *chain, const struct Engine *engine, const char *rom) {
    char why[512] = "";
    Twin86Machine *m = chain_machine(chain, engine, rom, why, sizeof(why));
    if (m == NULL)
        verdict(false, engine, "no machine: %s", why);
    return m;
}

/* ---- pause and resume ---- */

static void sleep_us(unsigned us) {
    const struct timespec ts = {.tv_nsec = us * 1000L};
    if (us > 0)
        nanosleep(&ts, NULL);
}

/*
 * Between an access that the guest reads and the next one EAX holds what was read, unless an interrupt handler is at
 * work: a pause must not find the instruction half done. Every other look also makes the engine load all registers.
 */
static unsigned look_at_registers(Twin86Machine *m, const struct Chain *chain, unsigned i) {
    uint64_t rax, rsp;
    unsigned wrong = twin86_read_reg(m, 0, TWIN86_RAX, &rax) != 0 || twin86_read_reg(m, 0, TWIN86_RSP, &rsp) != 0;
    if ((chain->step == 1 || chain->step == 3) && (uint16_t)rsp == 0x7000)
        wrong += (uint32_t)rax != chain->value;
    if (i % 2)
        wrong += twin86_write_reg(m, 0, TWIN86_R8, i) != 0;
    return wrong;
}

/* Returns how often something was not as it must be. */
static unsigned pause_and_resume(Twin86Machine *m, const struct Chain *chain, unsigned n) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < n; i++) {
        wrong += twin86_start(m, 0) != 0;
        sleep_us(i % 8 * 10); /* none at all, too: the thread may not have begun yet */
        twin86_pause(m);
        wrong += twin86_running(m) + look_at_registers(m, chain, i);
    }
    return wrong;
}

static void test_cycles(const struct Engine *engine, const char *name, const char *rom, unsigned n) {
    struct Chain chain;
    char leak[200];
    Twin86Event event;
    begin(engine, "pause and resume");
    Twin86Machine *m = make(&chain, engine, rom);
    if (m == NULL)
        return;
    twin86_start(m, 0);
    bool began = chain_reaches(&chain.starts, 1, 10);
    twin86_pause(m);
    unsigned wrong = pause_and_resume(m, &chain, WARM_UP);
    struct Usage before = usage_now();
    uint64_t rounds = chain.rounds;
    double start = now();
    wrong += pause_and_resume(m, &chain, n);
    double seconds = now() - start;
    bool leaks = usage_leaks(&before, n, leak, sizeof(leak));
    bool event_came = twin86_wait(m, 0, &event) == 0;
    twin86_destroy(m);
    verdict(began && wrong == 0 && !leaks && !event_came && !chain.is_broken && chain.starts == 1, engine,
            "%u pauses of a guest that %s, %.0f us each, %llu rounds: %u wrong; %s%s%s%s%s", n, name, seconds * 1e6 / n,
            (unsigned long long)(chain.rounds - rounds), wrong, leak, event_came ? "; " : "",
            event_came ? event.message : "", chain.is_broken ? "; " : "", chain.broken);
}

/* ---- create and destroy ---- */

/* A machine that is destroyed while its guest runs, some with everything asked of it a moment before. */
static bool one_life(const struct Engine *engine, struct Chain *chain, bool busy) {
    Twin86Machine *m = make(chain, engine, ROM("chain16"));
    if (m == NULL)
        return false;
    bool good = twin86_start(m, 0) == 0 && chain_reaches(&chain->starts, 1, 10);
    if (busy) {
        twin86_serial_input(m, "0123456789", 10);
        twin86_power_button(m);
        twin86_reset(m);
        twin86_quit(m);
    }
    twin86_destroy(m);
    return good && !chain->is_broken;
}

static void test_machines(const struct Engine *engine) {
    struct Chain chain;
    char leak[200];
    unsigned good = 0, n = machines / engine->part;
    begin(engine, "create and destroy");
    for (unsigned i = 0; i < WARM_UP; i++)
        one_life(engine, &chain, i % 2);
    struct Usage before = usage_now();
    double start = now();
    for (unsigned i = 0; i < n; i++) {
        alarm(WATCHDOG_SECONDS);
        good += one_life(engine, &chain, i % 2);
    }
    double seconds = now() - start;
    bool leaks = usage_leaks(&before, n, leak, sizeof(leak));
    verdict(good == n && !leaks, engine,
            "%u machines made, run to their first exit and destroyed, %.2f ms each: %u good; %s", n, seconds * 1e3 / n,
            good, leak);
}

/* ---- storms ---- */

struct Storm {
    Twin86Machine *machine;
    struct Chain *chain;
    _Atomic bool over;
    _Atomic unsigned pauses, resets, quits, presses, bytes, runs, ends;
    char error[300];
};

static unsigned random_us(unsigned *state, unsigned below) {
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

static void *pauser(void *arg) {
    struct Storm *s = arg;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    while (!s->over) {
        twin86_pause(s->machine);
        s->pauses++;
        sleep_us(random_us(&seed, 1000));
    }
    return NULL;
}

static void *resetter(void *arg) {
    struct Storm *s = arg;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    while (!s->over) {
        twin86_reset(s->machine);
        s->resets++;
        sleep_us(random_us(&seed, 3000));
    }
    return NULL;
}

static void *quitter(void *arg) {
    struct Storm *s = arg;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    while (!s->over) {
        twin86_quit(s->machine);
        s->quits++;
        sleep_us(random_us(&seed, 1000));
    }
    return NULL;
}

static void *presser(void *arg) {
    struct Storm *s = arg;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    while (!s->over) {
        Twin86Stats stats;
        twin86_power_button(s->machine);
        twin86_stats(s->machine, &stats);
        s->presses++;
        sleep_us(random_us(&seed, 500));
    }
    return NULL;
}

static void *typist(void *arg) {
    struct Storm *s = arg;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    while (!s->over) {
        uint8_t byte = (uint8_t)s->bytes;
        s->bytes += (unsigned)twin86_serial_input(s->machine, &byte, 1);
        sleep_us(random_us(&seed, 500));
    }
    return NULL;
}

/* The one thread that starts the guest and takes its events. */
static void run_until(struct Storm *s, double end) {
    while (now() < end && s->error[0] == '\0') {
        Twin86Event event;
        int r = twin86_start(s->machine, 0);
        if (r != 0 && r != -EBUSY)
            snprintf(s->error, sizeof(s->error), "; start: %s", strerror(-r));
        s->runs++;
        sleep_us(20);
        if (twin86_wait(s->machine, 0, &event) != 0)
            continue;
        s->ends++;
        if (event.kind != TWIN86_EVENT_QUIT)
            snprintf(s->error, sizeof(s->error), "; event %d: %s", (int)event.kind, event.message);
    }
}

/* After the storm the guest must still go on, and with `bytes_back` have got every byte. */
static bool recovers(struct Storm *s, bool bytes_back) {
    Twin86Event event;
    twin86_pause(s->machine);
    twin86_wait(s->machine, 0, &event);
    twin86_start(s->machine, 0);
    /* a quit that came while the guest stood ends the run that begins then */
    if (twin86_wait(s->machine, 300, &event) == 0 && event.kind == TWIN86_EVENT_QUIT)
        twin86_start(s->machine, 0);
    bool back = !bytes_back || chain_reaches(&s->chain->echoes, s->bytes, 20);
    bool good = back && chain_reaches(&s->chain->rounds, s->chain->rounds + 50, 20);
    twin86_pause(s->machine);
    return good;
}

static void test_storm(const struct Engine *engine, bool resets) {
    static void *(*const calm[])(void *) = {pauser, pauser, quitter, presser, typist, resetter, resetter};
    pthread_t thread[sizeof(calm) / sizeof(calm[0])];
    unsigned threads = sizeof(calm) / sizeof(calm[0]) - (resets ? 0 : 2);
    struct Chain chain;
    struct Storm s = {.chain = &chain};
    begin(engine, resets ? "storm with resets" : "storm");
    if ((s.machine = make(&chain, engine, ROM("chain16"))) == NULL)
        return;
    twin86_start(s.machine, 0);
    chain_reaches(&chain.starts, 1, 10); /* the guest empties the UART when it starts, and so does a reset */
    chain.echo_in_order = !resets;
    for (unsigned i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, calm[i], &s);
    run_until(&s, now() + storm_ms / 1e3);
    s.over = true;
    for (unsigned i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    bool good = recovers(&s, !resets);
    Twin86Stats stats;
    twin86_stats(s.machine, &stats);
    twin86_destroy(s.machine);
    bool starts = resets ? chain.starts <= stats.resets + 1 && stats.resets > 0 : chain.starts == 1;
    verdict(good && starts && !chain.is_broken && s.error[0] == '\0' && chain.rounds > 0, engine,
            "%u ms of %u threads: %u pauses, %u quits (%u events), %u resets (%llu done), %u presses, %u bytes (%llu "
            "came back), %llu rounds%s%s%s%s%s",
            storm_ms, threads, s.pauses, s.quits, s.ends, s.resets, (unsigned long long)stats.resets, s.presses,
            s.bytes, (unsigned long long)chain.echoes, (unsigned long long)chain.rounds,
            good ? "" : "; the guest does not go on", starts ? "" : "; restarts that nobody asked for", s.error,
            chain.is_broken ? "; " : "", chain.broken);
}

/* ---- a pause must end, though another thread starts the guest again at once ---- */

static void *starter(void *arg) {
    struct Storm *s = arg;
    while (!s->over)
        s->runs += twin86_start(s->machine, 0) == 0;
    return NULL;
}

static void test_pause_against_start(const struct Engine *engine) {
    struct Chain chain;
    struct Storm s = {.chain = &chain};
    pthread_t thread;
    unsigned pauses = cycles / 5 / engine->part;
    begin(engine, "pauses while another thread starts the guest");
    if ((s.machine = make(&chain, engine, ROM("chain16"))) == NULL)
        return;
    pthread_create(&thread, NULL, starter, &s);
    for (unsigned i = 0; i < pauses; i++) {
        while (s.runs <= i)
            sched_yield();
        twin86_pause(s.machine);
    }
    s.over = true;
    pthread_join(thread, NULL);
    twin86_destroy(s.machine);
    verdict(!chain.is_broken && s.runs > 0, engine, "%u pauses while another thread starts the guest (%u times)%s%s",
            pauses, s.runs, chain.is_broken ? "; " : "", chain.broken);
}

/* ---- several processors ---- */

static void test_cpus(const struct Engine *engine, struct CpusRun run) {
    char text[800];
    begin(engine, "several processors");
    run.kernel_irqchip = engine->kernel_irqchip;
    run.ms = storm_ms;
    if (run.accel == NULL)
        run.accel = engine->accel;
    bool good = cpus_torment(&run, text, sizeof(text));
    verdict(good, engine, "%s", text);
}

/* ---- all ---- */

static void test_engine(const struct Engine *engine) {
    unsigned n = cycles / engine->part;
    test_cycles(engine, "does nothing but I/O", ROM("chain16"), n);
    test_cycles(engine, "never exits by itself", ROM("spin16"), n / 5);
    test_cycles(engine, "sleeps in HLT", ROM("asleep16"), n / 5);
    test_machines(engine);
    test_pause_against_start(engine);
    test_storm(engine, false);
    test_storm(engine, true);
    test_cpus(engine, (struct CpusRun){.cpus = 4, .test = "code", .torment = CPUS_PAUSES});
    test_cpus(engine, (struct CpusRun){.cpus = 4, .test = "paging", .torment = CPUS_RESETS});
    if (strcmp(engine->accel, "kvm") == 0 && access("/sys/module/kvm_pvm", F_OK) == 0) {
        printf("SKIP %s: moves of several processors: kvm_pvm's guests set CR4 bits that their CPU model lacks\n",
               engine->name);
        skipped++;
    } else {
        test_cpus(engine, (struct CpusRun){.cpus = 4, .test = "ipi", .torment = CPUS_MOVES});
    }
    test_cpus(engine, (struct CpusRun){.cpus = 64, .test = "halt", .torment = CPUS_RESETS});
    if (engine->other != NULL)
        test_cpus(engine, (struct CpusRun){engine->other, .cpus = 4, .test = "ipi", .torment = CPUS_HAND_OVERS});
}

enum { TESTS_PER_ENGINE = 11 };

static const struct Engine engines[] = {
    {"tcg-lite", "tcg-lite", false, 1, NULL},
    {"kvm", "kvm", false, 1, "kvm:tcg-lite"},
    {"kvm-irqchip", "kvm", true, 5, NULL}, /* HLT and interrupts are the kernel's */
};

static bool wanted(const char *engine, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], engine) == 0)
            return true;
    return argc < 2;
}

/* Whether it can be used here. */
static bool probe(const char *accel, char *why, size_t n) {
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++)
        if (strcmp(twin86_accel_name(i), accel) == 0)
            return twin86_accel_probe(i, why, n) == 0;
    snprintf(why, n, "this build has no such engine");
    return false;
}

static void from_environment(const char *name, unsigned *value) {
    const char *text = getenv(name);
    if (text != NULL && atoi(text) > 0)
        *value = (unsigned)atoi(text);
}

int main(int argc, char **argv) {
    from_environment("STRESS_CYCLES", &cycles);
    from_environment("STRESS_MACHINES", &machines);
    from_environment("STRESS_MS", &storm_ms);
    signal(SIGALRM, on_alarm);
    for (unsigned i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        const struct Engine *engine = &engines[i];
        char why[256];
        if (!wanted(engine->name, argc, argv))
            continue;
        if (probe(engine->accel, why, sizeof(why))) {
            test_engine(engine);
        } else {
            printf("SKIP %s: %s\n", engine->name, why);
            skipped += TESTS_PER_ENGINE + (engine->other != NULL);
        }
    }
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed == 0 && passed + skipped > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
