/* SPDX-License-Identifier: MIT */
/* vCPUs as threads of the host. See sched_report.h. */
#include "debug/sched_report.h"

#include <inttypes.h>
#include <stddef.h>

/* The columns: what the struct has, as it is shown. */
enum Unit { COUNT, MILLISECONDS };
static const struct Column {
    const char *head, *key; /* in tables; in JSON */
    uint8_t width, unit;
    uint16_t offset;
} columns[] = {
#define COLUMN(head, member, width, unit) {head, #member, width, unit, offsetof(struct VcpuSched, member)}
    COLUMN("run ms", cpu_ns, 11, MILLISECONDS),       COLUMN("waited ms", wait_ns, 10, MILLISECONDS),
    COLUMN("halted ms", halted_ns, 11, MILLISECONDS), COLUMN("voluntary", voluntary, 10, COUNT),
    COLUMN("involuntary", involuntary, 11, COUNT),    COLUMN("migrations", migrations, 10, COUNT),
    COLUMN("steal ms", steal_ns, 10, MILLISECONDS),   COLUMN("exits", exits, 10, COUNT),
#undef COLUMN
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static int64_t value(const struct VcpuSched *s, const struct Column *c) {
    return *(const int64_t *)((const char *)s + c->offset);
}

static void cell(const struct VcpuSched *s, const struct Column *c, FILE *f) {
    int64_t v = value(s, c);
    if (v < 0)
        fprintf(f, " %*s", c->width, "-");
    else if (c->unit == MILLISECONDS)
        fprintf(f, " %*" PRId64 ".%03" PRId64, c->width - 4, v / 1000000, v / 1000 % 1000);
    else
        fprintf(f, " %*" PRId64, c->width, v);
}

void sched_report_text(const struct VcpuSched *s, unsigned n, uint64_t run_ns, FILE *f) {
    fprintf(f, "CPU   thread  on");
    for (unsigned c = 0; c < COLUMNS; c++)
        fprintf(f, " %*s", columns[c].width, columns[c].head);
    fprintf(f, "   exits/s\n");
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, "%3u %8d %3d", i, s[i].thread_id, s[i].host_cpu);
        for (unsigned c = 0; c < COLUMNS; c++)
            cell(&s[i], &columns[c], f);
        if (s[i].exits < 0 || run_ns == 0)
            fprintf(f, " %9s\n", "-");
        else
            fprintf(f, " %9.0f\n", (double)s[i].exits * 1e9 / (double)run_ns);
    }
}

void sched_report_json(const struct VcpuSched *s, unsigned n, FILE *f) {
    fputs("[", f);
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, "%s{\"cpu\":%u,\"thread_id\":%d,\"host_cpu\":%d", i == 0 ? "" : ",\n", i, s[i].thread_id,
                s[i].host_cpu);
        for (unsigned c = 0; c < COLUMNS; c++) {
            int64_t v = value(&s[i], &columns[c]);
            fprintf(f, v < 0 ? ",\"%s\":null" : ",\"%s\":%" PRId64, columns[c].key, v);
        }
        fputs("}", f);
    }
    fputs("]", f);
}
