/* SPDX-License-Identifier: MIT */
/* twin86 diff guest: a whole guest on two engines in lockstep. */
#include "diff.h"
#include "options.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: twin86 diff guest [--engines A,B] [--instructions N] [--every N]\n"
    "                         [--follow] [--exits] [--last N] [machine options, as of twin86 itself]\n"
    "Runs one guest on two engines from the same state and stops at the first\n"
    "instruction after which registers, RAM or devices differ.\n"
    "  --engines A,B      tcg-lite,tcg-lite,plain=on (the default: fast paths against\n"
    "                     plain ones) or tcg-lite,kvm\n"
    "  --instructions N   how many; without it until the guest ends\n"
    "  --every N          compare all of RAM after so many (1000000; with kvm 50000)\n"
    "  --follow           with two tcg-lite: compare after each instruction\n"
    "  --exits            with kvm or --follow: compare from exit to exit (faster), and\n"
    "                     each instruction only where that shows a difference\n"
    "  --last N           how many instructions to show where they differ (20)\n"
    "  -cpu MODEL[,...]   without vendor= the host's vendor\n"
    "  -kernel FILE ...   the guest and its machine: see twin86 --help. Its serial\n"
    "                     output is shown with -serial stdio or file:FILE\n"
    "  -timeout SECONDS   stop comparing after that\n"
    "Exit codes: 0 no difference, 1 a difference, 2 bad usage, 6 it could not be done,\n"
    "8 no difference until -timeout.\n";

struct Run {
    Twin86DiffGuest diff;
    struct Options options;
    FILE *serial;
};

static void serial_output(void *opaque, const uint8_t *data, size_t size) {
    struct Run *r = opaque;
    if (r->serial != NULL)
        fwrite(data, 1, size, r->serial);
}

static bool number(const char *option, const char *text, uint64_t max, uint64_t *value) {
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value >= 1 && *value <= max)
        return true;
    fprintf(stderr, "twin86: diff guest: %s: '%s' is not a number from 1 to %llu\n", option, text,
            (unsigned long long)max);
    return false;
}

/* An option of ours: 1 and *used arguments taken; 0: it is the machine's; -1: wrong. */
static int own_option(struct Run *r, int argc, char **argv, int at, int *used) {
    static const char *const names[] = {"engines", "instructions", "every", "last"};
    const char *name = argv[at];
    uint64_t value = 0;
    unsigned k = 0;
    if (name[0] != '-')
        return 0;
    name += name[1] == '-' ? 2 : 1;
    if (strcmp(name, "follow") == 0)
        return *used = 1, r->diff.follow = true, 1;
    if (strcmp(name, "exits") == 0)
        return *used = 1, r->diff.exits = true, 1;
    while (k < 4 && strcmp(name, names[k]) != 0)
        k++;
    if (k == 4)
        return 0;
    if (at + 1 >= argc) {
        fprintf(stderr, "twin86: diff guest: %s needs a value\n", argv[at]);
        return -1;
    }
    *used = 2;
    if (k == 0)
        return r->diff.engines = argv[at + 1], 1;
    if (!number(argv[at], argv[at + 1], k == 3 ? 100000 : UINT64_MAX, &value))
        return -1;
    if (k == 1)
        r->diff.instructions = value;
    else if (k == 2)
        r->diff.every = value;
    else
        r->diff.last = (unsigned)value;
    return 1;
}

/* Ours out of the arguments; what is left is the machine's. */
static bool parse(struct Run *r, int argc, char **argv) {
    char why[512];
    int left = 1;
    for (int i = 1; i < argc;) {
        int used = 1, kind = own_option(r, argc, argv, i, &used);
        if (kind < 0)
            return false;
        if (kind == 0)
            argv[left++] = argv[i];
        i += used;
    }
    if (!options_parse(&r->options, left, argv, why, sizeof(why))) {
        fprintf(stderr, "twin86: diff guest: %s\n", why);
        return false;
    }
    return true;
}

static bool open_serial(struct Run *r) {
    const struct SinkOption *o = &r->options.serial;
    if (!r->options.serial_given || o->kind == SINK_NULL)
        return true;
    r->serial = o->kind == SINK_STDIO ? stdout : fopen(o->path, "we");
    if (r->serial == NULL)
        fprintf(stderr, "twin86: diff guest: -serial: %s can't be written: %s\n", o->path, strerror(errno));
    return r->serial != NULL;
}

int diff_guest_main(int argc, char **argv) {
    struct Run r = {0};
    char why[512] = "";
    if (!parse(&r, argc, argv))
        return EXIT_BAD_USAGE;
    if (r.options.action == ACTION_HELP) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (r.options.action != ACTION_RUN) {
        options_print(r.options.action, r.options.help_kind);
        return EXIT_OK;
    }
    if (r.options.config.chardevs != NULL || r.options.config.debugcon_to != NULL ||
        (r.options.config.serials != NULL && r.options.config.serials == (const char *const *)r.options.serials)) {
        fputs("twin86: diff guest: a host end is for one machine, and these are two; -serial stdio, file:PATH and null "
              "are right\n",
              stderr);
        return EXIT_BAD_USAGE;
    }
    if (!open_serial(&r))
        return EXIT_BAD_USAGE;
    r.diff.timeout_ms = (int)r.options.timeout_ms;
    r.options.config.serial_output = serial_output;
    r.options.config.opaque = &r;
    int e = twin86_diff_guest(&r.options.config, &r.options.guest, &r.diff, stdout, why, sizeof(why));
    if (r.serial != NULL && r.serial != stdout)
        fclose(r.serial);
    if (e == -ETIMEDOUT)
        return EXIT_TIMEOUT;
    if (e < 0)
        fprintf(stderr, "twin86: diff guest: %s\n", why);
    return e >= 0 ? e : e == -EINVAL || e == -ENOENT ? EXIT_BAD_USAGE : EXIT_INTERNAL;
}
