/* SPDX-License-Identifier: MIT */
/*
 * What an exit costs: small guests (bench/guests) do one thing many times, under each engine, at CPL 0 and at CPL 3.
 * bench-exits [-n BATCHES] [--accel ENGINE]... [--json FILE], in the build folder. docs/exits.md explains the table.
 *
 * A batch is timed from the IN that tells the guest how often to the OUT that says it is done, and is made long enough
 * for those two not to matter; the cost of the guest's loop, measured in the same way, is subtracted. Its time is the
 * CPU time of the thread that runs the guest, so that what else the host does in between does not count. Latencies go
 * from one thread to another and are wall time.
 */
#include "bench/stats.h"
#include "twin86.h"

#include <errno.h>
#include <getopt.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_NS 2e6

enum { PORT = 0x500, PORT_COUNT = 0, PORT_DONE = 4, PORT_STAMP = 12, MMIO = 0xa0000, MAX_ENGINES = 4 };

struct Event {
    const char *rom, *name;
    bool user; /* can also be done at CPL 3 */
};

/* In groups; a row without ROM is a heading. */
static const struct Event events[] = {
    {NULL, "no exit: the processor does it", false},
    {"loop", "the loop: DEC, JNZ", true},
    {"ram", "store to RAM, load", true},
    {"rdtsc", "RDTSC", true},
    {NULL, "exit to KVM, in the host's kernel", false},
    {"cpuid", "CPUID", true},
    {"rdmsr", "RDMSR, of KVM", false},
    {NULL, "exit through KVM to twin86 and a device", false},
    {"x2apic", "RDMSR, of twin86", false},
    {"pio-out", "OUT", true},
    {"pio-in", "IN", true},
    {"string-out", "REP OUTSB, 64 bytes", true},
    {"string-in", "REP INSB, 64 bytes", true},
    {"mmio-write", "MMIO write", true},
    {"mmio-read", "MMIO read", true},
};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

enum Latency { KICK, RESUME, INTERRUPT, WAKE, LATENCIES };
static const char *const latencies[LATENCIES] = {
    [KICK] = "pause: request to parked",
    [RESUME] = "resume: start to the guest's next exit",
    [INTERRUPT] = "interrupt a guest that computes: host input to its handler",
    [WAKE] = "wake a guest from HLT: host input to its handler",
};

struct Result {
    struct Stats stats;
    uint32_t iterations; /* in a batch */
};

/* One engine's results at CPL 0 and CPL 3. */
struct Column {
    const char *engine;
    struct Result event[EVENTS][2];
    struct Stats latency[LATENCIES][2];
};

/* What the guest talks to. Written with the machine's lock held. */
struct Device {
    Twin86Machine *machine;
    char rom[128];
    struct Result *result; /* NULL: count up to `for_ever` */
    unsigned batches;
    uint32_t iterations;
    unsigned long_batches; /* in a row, while the right number of iterations is sought */
    bool calibrated;
    int64_t start;
    _Atomic int64_t stamp; /* of the first access to another port since it was cleared; 0: none */
    sem_t stamped, ready;
};

static struct Column columns[MAX_ENGINES];
static unsigned column_count, batches = 31, samples = 300;

/* ---- the guest's side ---- */

static uint32_t next_batch(struct Device *d) {
    if (d->result == NULL)
        return UINT32_MAX;
    if (d->result->stats.count == d->batches)
        return 0;
    d->start = stats_cpu_now();
    return d->iterations;
}

static void batch_done(struct Device *d) {
    double ns = (double)(stats_cpu_now() - d->start);
    if (d->calibrated) {
        stats_add(&d->result->stats, ns / d->iterations);
    } else if (ns >= BATCH_NS / 2) { /* more than once: what is done for the first time takes longer */
        d->calibrated = ++d->long_batches == 3;
        d->result->iterations = d->iterations;
    } else {
        d->long_batches = 0;
        double factor = BATCH_NS / (ns + 1);
        d->iterations = (uint32_t)(d->iterations * (factor < 8 ? factor : 8)) + 1;
    }
}

static uint64_t device_read(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    struct Device *d = opaque;
    (void)cpu, (void)size;
    return offset == PORT_COUNT ? next_batch(d) : 0;
}

static void device_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    struct Device *d = opaque;
    (void)cpu, (void)value, (void)size;
    if (offset == PORT_DONE && d->result != NULL)
        batch_done(d);
    else if (offset == PORT_DONE)
        sem_post(&d->ready);
    else if (d->result == NULL && atomic_load_explicit(&d->stamp, memory_order_relaxed) == 0) {
        atomic_store(&d->stamp, stats_now());
        sem_post(&d->stamped);
    }
}

static uint64_t mmio_read(void *opaque, unsigned cpu, uint64_t offset, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)size;
    return 0;
}

static void mmio_write(void *opaque, unsigned cpu, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)cpu, (void)offset, (void)value, (void)size;
}

/* ---- machines ---- */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fputs("bench-exits: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    exit(1);
}

static void machine_for(struct Device *d, const char *engine, const char *rom, bool user) {
    char why[512] = "";
    snprintf(d->rom, sizeof(d->rom), "bench/guests/%s%s.rom", rom, user ? "-user" : "");
    sem_init(&d->stamped, 0, 0);
    sem_init(&d->ready, 0, 0);
    Twin86Config c;
    twin86_config_init(&c);
    c.ram_size = 2 << 20;
    c.accel = engine;
    c.cpu = "max";
    c.debug_exit = true;
    if (twin86_create(&d->machine, &c, why, sizeof(why)) != 0)
        die("%s: %s", engine, why);
    const Twin86Hook ports = {device_read, device_write, d}, pages = {mmio_read, mmio_write, d};
    const Twin86Guest guest = {.bios = d->rom};
    if (twin86_hook_ports(d->machine, PORT, 16, &ports) != 0 || twin86_hook_mmio(d->machine, MMIO, 4096, &pages) != 0 ||
        twin86_load(d->machine, &guest, why, sizeof(why)) != 0)
        die("%s: %s", d->rom, why);
}

static void measure_event(struct Result *result, const char *engine, const char *rom, bool user) {
    struct Device d = {.result = result, .batches = batches, .iterations = 1};
    Twin86Event event;
    machine_for(&d, engine, rom, user);
    int r = twin86_start(d.machine, 0);
    if (r != 0 || twin86_wait(d.machine, 120000, &event) != 0)
        die("%s, %s: the guest does not come to its end", engine, d.rom);
    if (event.kind != TWIN86_EVENT_DEBUG_EXIT || result->stats.count != batches)
        die("%s, %s: event %d: %s", engine, d.rom, (int)event.kind, event.message);
    twin86_destroy(d.machine);
}

/* ---- latencies ---- */

static void sleep_ns(long ns) { nanosleep(&(const struct timespec){.tv_nsec = ns}, NULL); }

/* Asleep: on a host with few processors a thread that polls would keep the guest from running. */
static void wait_for(struct Device *d, sem_t *what) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    while (sem_timedwait(what, &end) != 0) {
        if (errno == EINTR)
            continue;
        Twin86Event event = {0};
        char text[4096] = "";
        twin86_pause(d->machine);
        twin86_wait(d->machine, 0, &event);
        twin86_dump_registers(d->machine, 0, false, text, sizeof(text));
        die("%s, %s: the guest does not answer; %s\n%s", twin86_engine(d->machine), d->rom, event.message, text);
    }
}

/* `stamps`: the guest accesses a port all the time, and resuming is measured; else it computes, and pausing is. */
static void measure_pauses(struct Stats *s, const char *engine, bool stamps, bool user) {
    struct Device d = {0};
    machine_for(&d, engine, stamps ? "pio-out" : "loop", user);
    for (unsigned i = 0; i < samples + 10; i++) {
        int64_t start = stats_now();
        if (twin86_start(d.machine, 0) != 0)
            die("%s: the guest can't be resumed", engine);
        if (stamps && i >= 10) {
            wait_for(&d, &d.stamped);
            stats_add(s, (double)(d.stamp - start));
        }
        sleep_ns(i < 10 ? 20000000 : 200000 + (long)(i % 16) * 10000); /* at first it has to get where it is to be */
        start = stats_now();
        twin86_pause(d.machine);
        if (!stamps && i >= 10)
            stats_add(s, (double)(stats_now() - start));
        while (sem_trywait(&d.stamped) == 0)
            ;
        d.stamp = 0;
    }
    twin86_destroy(d.machine);
}

static void measure_wake(struct Stats *s, const char *engine, const char *rom, bool user) {
    struct Device d = {0};
    machine_for(&d, engine, rom, user);
    twin86_start(d.machine, 0);
    wait_for(&d, &d.ready);
    for (unsigned i = 0; i < samples; i++) {
        sleep_ns((i == 0 ? 10000000 : 300000) + (long)(i % 16) * 10000);
        d.stamp = 0;
        int64_t start = stats_now();
        twin86_serial_input(d.machine, "x", 1);
        wait_for(&d, &d.stamped);
        stats_add(s, (double)(d.stamp - start));
        wait_for(&d, &d.ready);
    }
    twin86_destroy(d.machine);
}

/* ---- all, and what is shown ---- */

static void measure(struct Column *c) {
    for (unsigned i = 0; i < EVENTS; i++)
        for (unsigned user = 0; events[i].rom != NULL && user <= events[i].user; user++)
            measure_event(&c->event[i][user], c->engine, events[i].rom, user != 0);
    for (unsigned user = 0; user < 2; user++) {
        measure_pauses(&c->latency[KICK][user], c->engine, false, user != 0);
        measure_pauses(&c->latency[RESUME][user], c->engine, true, user != 0);
        measure_wake(&c->latency[INTERRUPT][user], c->engine, "wake-spin", user != 0);
    }
    measure_wake(&c->latency[WAKE][0], c->engine, "wake-hlt", false);
    for (unsigned user = 0; user < 2; user++) { /* subtract the loop */
        double loop = stats_quantile(&c->event[1][user].stats, 0.5);
        for (unsigned i = 2; i < EVENTS; i++)
            for (unsigned k = 0; k < c->event[i][user].stats.count; k++) {
                double *v = &c->event[i][user].stats.value[k];
                *v = *v > loop ? *v - loop : 0;
            }
    }
}

static void print_cell(struct Stats *s) {
    char a[16], b[16];
    if (s->count == 0)
        printf("  %9s %9s ", "-", "");
    else
        printf("  %9s %9s ", stats_text(stats_quantile(s, 0.5), a), stats_text(stats_quantile(s, 0), b));
}

static void print_head(const char *what, unsigned width) {
    printf("\n%-*s", (int)width, what);
    for (unsigned i = 0; i < column_count; i++)
        printf("  %-42s", columns[i].engine);
    printf("\n%-*s", (int)width, "");
    for (unsigned i = 0; i < column_count; i++)
        for (unsigned user = 0; user < 2; user++)
            printf("  %9s %9s ", user ? "CPL 3" : "CPL 0", "least");
    putchar('\n');
}

static void print_table(void) {
    enum { EVENT_WIDTH = 28, LATENCY_WIDTH = 60 };
    stats_describe_host(stdout);
    printf("\nCost of one event: median and least of %u batches; CPL 0: guest kernel, CPL 3: guest user program\n",
           batches);
    print_head("", EVENT_WIDTH);
    for (unsigned i = 0; i < EVENTS; i++) {
        printf(events[i].rom != NULL ? "  %-26s" : "%-28s", events[i].name);
        for (unsigned c = 0; events[i].rom != NULL && c < column_count; c++)
            for (unsigned user = 0; user < 2; user++)
                print_cell(&columns[c].event[i][user].stats);
        putchar('\n');
    }
    printf("\nLatency: median and least of %u\n", samples);
    print_head("", LATENCY_WIDTH);
    for (unsigned i = 0; i < LATENCIES; i++) {
        printf("%-*s", LATENCY_WIDTH, latencies[i]);
        for (unsigned c = 0; c < column_count; c++)
            for (unsigned user = 0; user < 2; user++)
                print_cell(&columns[c].latency[i][user]);
        putchar('\n');
    }
}

static void json_row(FILE *f, bool *first, const struct Column *c, const char *name, unsigned user, struct Stats *s) {
    if (s->count == 0)
        return;
    fprintf(f, "%s\n  {\"event\": \"%s\", \"engine\": \"%s\", \"cpl\": %u, ", *first ? "" : ",", name, c->engine,
            user ? 3 : 0);
    stats_json(s, f);
    fputc('}', f);
    *first = false;
}

static void write_json(const char *path) {
    FILE *f = fopen(path, "w");
    bool first = true;
    if (f == NULL)
        die("%s can't be written", path);
    fputs("{\"host\": \"", f);
    stats_describe_host(f);
    fputs("\", \"results\": [", f);
    for (unsigned c = 0; c < column_count; c++)
        for (unsigned user = 0; user < 2; user++) {
            for (unsigned i = 0; i < EVENTS; i++)
                json_row(f, &first, &columns[c], events[i].name, user, &columns[c].event[i][user].stats);
            for (unsigned i = 0; i < LATENCIES; i++)
                json_row(f, &first, &columns[c], latencies[i], user, &columns[c].latency[i][user]);
        }
    fputs("\n]}\n", f);
    if (fclose(f) != 0)
        die("%s can't be written", path);
}

static void add_engine(const char *name, bool asked) {
    for (unsigned i = 0; twin86_accel_name(i) != NULL; i++) {
        char why[256];
        if (strcmp(twin86_accel_name(i), name) != 0)
            continue;
        if (twin86_accel_probe(i, why, sizeof(why)) == 0 && column_count < MAX_ENGINES)
            columns[column_count++].engine = twin86_accel_name(i);
        else if (asked)
            die("%s: %s", name, why);
        else
            printf("SKIP %s: %s\n", name, why);
        return;
    }
    if (asked)
        die("no engine is called %s", name);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"accel", required_argument, NULL, 'a'}, {"json", required_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    const char *json = NULL;
    int o;
    while ((o = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
        switch (o) {
        case 'n': batches = samples = (unsigned)atoi(optarg); break;
        case 'a': add_engine(optarg, true); break;
        case 'j': json = optarg; break;
        default: fputs("usage: bench-exits [-n BATCHES] [--accel ENGINE]... [--json FILE]\n", stderr); return 2;
        }
    }
    if (batches < 1 || batches > STATS_MAX)
        die("-n takes a number from 1 to %d", STATS_MAX);
    if (column_count == 0) {
        add_engine("kvm", false);
        add_engine("tcg-lite", true);
    }
    for (unsigned i = 0; i < column_count; i++)
        measure(&columns[i]);
    print_table();
    if (json != NULL)
        write_json(json);
    return 0;
}
