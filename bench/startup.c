/* SPDX-License-Identifier: MIT */
/*
 * From the start of a process to the guest's first instruction: the first instruction behind the reset vector writes a
 * byte to the debug console (bench/guests/first.S), which is a pipe. Timed from before fork and exec until the byte is
 * there, and until the process has ended.
 *
 * bench-startup [-n RUNS] [--twin86 FILE] [--qemu FILE] [--json FILE], in the build folder. Rows of twin86 and
 * QEMU are measured in turn; --qemu none leaves QEMU out.
 */
#include "bench/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROM "bench/guests/first.rom"
#define EXIT_DEVICE "isa-debug-exit,iobase=0xf4,iosize=4"

extern char **environ;

enum { WORDS = 24, LIMIT_MS = 10000 };

static const char *twin86 = "./twin86", *qemu = "qemu-system-x86_64";

#define TWIN86(accel)                                                                                                  \
    {                                                                                                                  \
        "twin86", "-accel", accel, "-m", "64", "-bios", ROM, "-debugcon", "stdio", "-serial", "null", "-device",       \
            EXIT_DEVICE                                                                                                \
    }
#define QEMU(accel, machine)                                                                                           \
    {                                                                                                                  \
        "qemu", "-accel", accel, "-M", machine, "-m", "64", "-bios", ROM, "-nodefaults", "-display", "none",           \
            "-chardev", "stdio,id=c", "-device", "isa-debugcon,iobase=0xe9,chardev=c", "-device", EXIT_DEVICE          \
    }

static struct Row {
    const char *name;
    const char *command[WORDS];
    char skipped[200]; /* why it can't be measured */
    struct Stats first, ended, cpu;
} rows[] = {
    {.name = "twin86 -accel kvm", .command = TWIN86("kvm")},
    {.name = "twin86 -accel tcg-lite", .command = TWIN86("tcg-lite")},
    {.name = "QEMU -accel kvm -M microvm", .command = QEMU("kvm", "microvm")},
    {.name = "QEMU -accel kvm -M pc", .command = QEMU("kvm", "pc")},
    {.name = "QEMU -accel tcg -M microvm", .command = QEMU("tcg", "microvm")},
    {.name = "QEMU -accel tcg -M pc", .command = QEMU("tcg", "pc")},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void skip(struct Row *r, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(r->skipped, sizeof(r->skipped), format, ap);
    va_end(ap);
}

/* Start it with its output in `out`, its complaints in `err`. The process's id, or -errno. */
static pid_t spawn(const struct Row *r, int out, int err) {
    const char *file = strcmp(r->command[0], "twin86") == 0 ? twin86 : qemu;
    posix_spawn_file_actions_t a;
    pid_t pid;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&a, out, 1);
    posix_spawn_file_actions_adddup2(&a, err, 2);
    int e = posix_spawnp(&pid, file, &a, NULL, (char *const *)r->command, environ);
    posix_spawn_file_actions_destroy(&a);
    return e != 0 ? -e : pid;
}

/* Wait until the guest has written its byte. */
static bool has_begun(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&p, 1, LIMIT_MS) == 1 && read(fd, &byte, 1) == 1;
}

static void read_complaint(struct Row *r, FILE *err) {
    char line[160] = "";
    rewind(err);
    while (fgets(line, sizeof(line), err) != NULL && strstr(line, "arning") != NULL)
        ;
    line[strcspn(line, "\n")] = '\0';
    skip(r, "%s", line[0] != '\0' ? line : "the guest's first instruction was not executed");
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void run(struct Row *r, bool counts) {
    int fds[2], status;
    struct rusage used = {0};
    FILE *err = tmpfile();
    if (err == NULL || pipe2(fds, O_CLOEXEC) != 0) {
        skip(r, "%s", strerror(errno));
        return;
    }
    int64_t start = stats_now();
    pid_t pid = spawn(r, fds[1], fileno(err));
    close(fds[1]);
    bool began = pid > 0 && has_begun(fds[0]);
    int64_t first = stats_now();
    if (pid > 0) {
        if (!began)
            kill(pid, SIGKILL);
        wait4(pid, &status, 0, &used);
    }
    int64_t ended = stats_now();
    if (pid < 0)
        skip(r, "can't be started: %s", strerror(-pid));
    else if (!began)
        read_complaint(r, err);
    else if (counts) {
        stats_add(&r->first, (double)(first - start));
        stats_add(&r->ended, (double)(ended - start));
        stats_add(&r->cpu, seconds(used.ru_utime) * 1e9 + seconds(used.ru_stime) * 1e9);
    }
    close(fds[0]);
    fclose(err);
}

static void print_table(unsigned runs) {
    char a[16], b[16], c[16], d[16], e[16];
    stats_describe_host(stdout);
    printf("\nFrom fork and exec to the guest's first instruction, and to the end of the process, %u runs in turn\n\n"
           "%-28s %10s %10s %10s   %10s %10s\n",
           runs, "", "median", "least", "p90", "to the end", "CPU time");
    for (unsigned i = 0; i < ROWS; i++) {
        struct Row *r = &rows[i];
        if (r->skipped[0] != '\0')
            printf("%-28s SKIP: %s\n", r->name, r->skipped);
        else
            printf("%-28s %10s %10s %10s   %10s %10s\n", r->name, stats_text(stats_quantile(&r->first, 0.5), a),
                   stats_text(stats_quantile(&r->first, 0), b), stats_text(stats_quantile(&r->first, 0.9), c),
                   stats_text(stats_quantile(&r->ended, 0.5), d), stats_text(stats_quantile(&r->cpu, 0.5), e));
    }
}

static bool write_json(const char *path) {
    FILE *f = fopen(path, "w");
    bool first = true;
    if (f == NULL)
        return false;
    fputs("{\"host\": \"", f);
    stats_describe_host(f);
    fputs("\", \"results\": [", f);
    for (unsigned i = 0; i < ROWS; i++) {
        if (rows[i].skipped[0] != '\0')
            continue;
        fprintf(f, "%s\n  {\"event\": \"first instruction\", \"program\": \"%s\", ", first ? "" : ",", rows[i].name);
        stats_json(&rows[i].first, f);
        fputc('}', f);
        first = false;
    }
    fputs("\n]}\n", f);
    return fclose(f) == 0;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"twin86", required_argument, NULL, 't'},
                                            {"qemu", required_argument, NULL, 'q'},
                                            {"json", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    unsigned runs = 31;
    const char *json = NULL;
    int o;
    while ((o = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
        switch (o) {
        case 'n': runs = (unsigned)atoi(optarg); break;
        case 't': twin86 = optarg; break;
        case 'q': qemu = optarg; break;
        case 'j': json = optarg; break;
        default:
            fputs("usage: bench-startup [-n RUNS] [--twin86 FILE] [--qemu FILE] [--json FILE]\n", stderr);
            return 2;
        }
    }
    if (runs < 1 || runs > STATS_MAX) {
        fprintf(stderr, "bench-startup: -n takes a number from 1 to %d\n", STATS_MAX);
        return 2;
    }
    for (unsigned k = 0; k < ROWS; k++)
        if (strcmp(qemu, "none") == 0 && strcmp(rows[k].command[0], "qemu") == 0)
            skip(&rows[k], "not asked for");
    for (unsigned i = 0; i <= runs; i++) /* the first time fills the caches and does not count */
        for (unsigned k = 0; k < ROWS; k++)
            if (rows[k].skipped[0] == '\0')
                run(&rows[k], i > 0);
    print_table(runs);
    if (json != NULL && !write_json(json)) {
        fprintf(stderr, "bench-startup: %s can't be written: %s\n", json, strerror(errno));
        return 1;
    }
    return 0;
}
