/* SPDX-License-Identifier: MIT */
/* What twin86 says when a run is over. */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complain(struct Run *r, const char *format, ...) {
    char text[1200];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text) - 1, format, ap);
    va_end(ap);
    strcat(text, "\n");
    if (r->session == NULL) { /* signals still end us if nobody reads it */
        fprintf(stderr, "twin86: %s", text);
        return;
    }
    output_text(r->err, "twin86: ");
    output_text(r->err, text);
}

/* A library function that prints, to an output. */
static FILE *begin(struct Run *r, struct Output *o) {
    FILE *f = output_stream(o);
    if (f == NULL)
        complain(r, "%s: out of memory", o->what);
    return f;
}

static void report_crash(struct Run *r) {
    FILE *f = begin(r, r->err);
    if (f == NULL)
        return;
    twin86_crash_report(r->machine, f);
    fclose(f);
}

int report_end(struct Run *r, const Twin86Event *event) {
    switch (event->kind) {
    case TWIN86_EVENT_POWEROFF:
    case TWIN86_EVENT_RESET:
    case TWIN86_EVENT_QUIT: return EXIT_OK;
    case TWIN86_EVENT_DEBUG_EXIT: return (int)(event->value & 0xff);
    case TWIN86_EVENT_PANIC:
    case TWIN86_EVENT_TRIPLE_FAULT:
        complain(r, "the guest crashed: %s", event->message[0] != '\0' ? event->message : "triple fault");
        report_crash(r);
        return EXIT_CRASHED;
    case TWIN86_EVENT_IO_ERROR: complain(r, "%s", event->message); return EXIT_INTERNAL;
    case TWIN86_EVENT_ERROR:
        complain(r, "%s", event->message);
        report_crash(r);
        return EXIT_INTERNAL;
    case TWIN86_EVENT_STUCK: complain(r, "%s", event->message); return EXIT_INTERNAL;
    default: complain(r, "stopped for no known reason (%d)", (int)event->kind); return EXIT_INTERNAL;
    }
}

/* What ran slower than the user may think. Only hardware needs assistance. */
static void report_assists(struct Run *r, FILE *f) {
    bool even_none = r->options.log_stats && strcmp(twin86_engine(r->machine), "tcg-lite") != 0;
    char which[256];
    uint64_t n = twin86_assists(r->machine, which, sizeof(which));
    if (n > 0)
        fprintf(f, "twin86: assists: %" PRIu64 " (%s)\n", n, which);
    else if (even_none)
        fputs("twin86: assists: 0\n", f);
}

static void report_exits(struct Run *r) {
    FILE *f = begin(r, r->exit_log);
    if (f == NULL)
        return;
    int e = twin86_exit_stats(r->machine, r->options.exit_json ? TWIN86_EXITS_JSON : TWIN86_EXITS_TEXT, f);
    if (e != 0 && e != -ENODATA)
        complain(r, "-exit-stats: %s", strerror(-e));
    fclose(f);
}

static void report_stats(struct Run *r, FILE *f) {
    Twin86Stats s;
    twin86_stats(r->machine, &s);
    double run = (double)s.run_ns / 1e9, cpu = (double)s.cpu_ns / 1e9;
    fprintf(f, "twin86: %s: ", twin86_engine(r->machine));
    if (s.instructions > 0 && s.handovers == 0) /* else only some were counted, or none */
        fprintf(f, "%" PRIu64 " instructions, %.1f MIPS, ", s.instructions,
                cpu > 0 ? (double)s.instructions / cpu / 1e6 : 0);
    fprintf(f, "%.3f s, %.3f s of host CPU, guest time %.3f s, %" PRIu64 " resets\n", run, cpu,
            (double)s.guest_ns / 1e9, s.resets);
    if (s.handovers > 0)
        fprintf(f, "twin86: %" PRIu64 " hand-overs\n", s.handovers);
    char text[8192], *rest = text, *line;
    twin86_engine_stats(r->machine, text, sizeof(text));
    while ((line = strsep(&rest, "\n")) != NULL)
        if (line[0] != '\0')
            fprintf(f, "twin86: %s\n", line);
}

static void report_hash(struct Run *r, FILE *f) {
    uint8_t hash[32];
    if (twin86_state_hash(r->machine, hash) != 0)
        return;
    fputs("twin86: state ", f);
    for (unsigned i = 0; i < sizeof(hash); i++)
        fprintf(f, "%02x", hash[i]);
    fputc('\n', f);
}

void report_run(struct Run *r) {
    FILE *f = begin(r, r->log);
    if (f == NULL)
        return;
    if (r->options.log_stats)
        report_stats(r, f);
    report_assists(r, f);
    fflush(f);
    report_exits(r);
    if (r->options.log_hash)
        report_hash(r, f);
    fclose(f);
}
