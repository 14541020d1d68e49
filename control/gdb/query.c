/* SPDX-License-Identifier: MIT */
/* q, Q, H, T, v...: what gdb asks before it does anything. */
#include "control/gdb/gdb.h"
#include "control/monitor/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_ok(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "OK");
}

static void supported(struct Gdb *g, const char *args) {
    char text[160];
    g->swbreak = strstr(args, "swbreak+") != NULL;
    g->hwbreak = strstr(args, "hwbreak+") != NULL;
    snprintf(text, sizeof(text),
             "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+",
             (unsigned)GDB_PACKET_MAX);
    gdb_reply(g, text);
}

static void no_ack(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "OK");
    g->no_ack = true;
}

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static void features(struct Gdb *g, const char *args) {
    static const char name[] = "target.xml:";
    uint64_t offset, length;
    char *xml = NULL;
    size_t size = 0;
    if (strncmp(args, name, sizeof(name) - 1) != 0) {
        gdb_reply(g, "E00"); /* there is no such file */
        return;
    }
    args += sizeof(name) - 1;
    if (!gdb_number(&args, &offset) || *args++ != ',' || !gdb_number(&args, &length)) {
        gdb_error(g, EINVAL);
        return;
    }
    FILE *f = open_memstream(&xml, &size);
    if (f == NULL) {
        gdb_error(g, ENOMEM);
        return;
    }
    gdb_describe(g->cpu, g->arch, f);
    if (fclose(f) != 0) {
        free(xml);
        gdb_error(g, ENOMEM);
        return;
    }
    size_t from = offset < size ? offset : size, rest = size - from, n = length < rest ? length : rest;
    n = n < GDB_PACKET_MAX / 2 ? n : GDB_PACKET_MAX / 2;
    gdb_out_begin(&g->out);
    gdb_out_text(&g->out, n == rest ? "l" : "m");
    gdb_out_binary(&g->out, xml + from, n);
    gdb_send(g);
    free(xml);
}

/* ---- monitor COMMAND ---- */

static void monitor(struct Gdb *g, const char *args) {
    size_t n = strlen(args) / 2;
    char line[GDB_PACKET_MAX / 2 + 1], *text = NULL;
    if (!gdb_bytes(&args, line, n) || *args != '\0' || memchr(line, '\0', n) != NULL) {
        gdb_error(g, EINVAL);
        return;
    }
    line[n] = '\0';
    unsigned cpu = g->cpu->index;
    long size = monitor_run_text(g->session, &cpu, line, &text);
    if (size < 0) {
        gdb_error(g, (int)-size);
        return;
    }
    gdb_console(g, text, (size_t)size);
    free(text);
    gdb_reply(g, "OK");
}

/* ---- threads: one for each processor ---- */

/* Hg: whose registers and memory gdb means; Hc: what c and s are for. "Any" is the one that it is. */
static void set_thread(struct Gdb *g, const char *args) {
    int cpu;
    char what = *args != '\0' ? *args++ : '\0';
    if ((what != 'g' && what != 'c') || !gdb_parse_thread(g, &args, &cpu) || *args != '\0') {
        gdb_error(g, ESRCH);
        return;
    }
    if (what == 'c')
        g->goes = cpu >= 0 ? cpu : GDB_ALL;
    else if (cpu >= 0)
        g->cpu = machine_cpu(g->m, (unsigned)cpu);
    gdb_reply(g, "OK");
}

static void thread_alive(struct Gdb *g, const char *args) {
    int cpu;
    if (gdb_parse_thread(g, &args, &cpu) && cpu >= 0 && *args == '\0')
        gdb_reply(g, "OK");
    else
        gdb_error(g, ESRCH);
}

static void current_thread(struct Gdb *g, const char *args) {
    (void)args;
    gdb_out_begin(&g->out);
    gdb_out_text(&g->out, "QC");
    gdb_out_number(&g->out, gdb_thread(g->cpu));
    gdb_send(g);
}

static void first_threads(struct Gdb *g, const char *args) {
    (void)args;
    gdb_out_begin(&g->out);
    for (unsigned i = 0; i < g->m->cpu_count; i++) {
        gdb_out_text(&g->out, i == 0 ? "m" : ",");
        gdb_out_number(&g->out, gdb_thread(machine_cpu(g->m, i)));
    }
    gdb_send(g);
}

static void more_threads(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "l");
}

static void thread_name(struct Gdb *g, const char *args) {
    char text[40];
    int cpu;
    if (!gdb_parse_thread(g, &args, &cpu) || cpu < 0 || *args != '\0') {
        gdb_error(g, ESRCH);
        return;
    }
    const struct CPUState *c = machine_cpu(g->m, (unsigned)cpu);
    const char *state = c->wait_for_sipi ? " [waiting for SIPI]" : c->halted ? " [halted]" : "";
    int n = snprintf(text, sizeof(text), "CPU#%u%s", c->index, state);
    gdb_out_begin(&g->out);
    gdb_out_hex(&g->out, text, (size_t)n);
    gdb_send(g);
}

static void attached(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "1"); /* so that gdb detaches rather than kills when it ends */
}

/* ---- QEMU's: what may happen in a single step ---- */

enum { STEP_ENABLE = 1, STEP_NO_IRQ = 2 };

static void step_bits(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "ENABLE=1,NOIRQ=2,NOTIMER=4");
}

static void get_step(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, g->cpu->debug.steps_let_in ? "0x1" : "0x7");
}

static void set_step(struct Gdb *g, const char *args) {
    uint64_t bits;
    if (strncmp(args, "0x", 2) == 0)
        args += 2;
    if (!gdb_number(&args, &bits) || *args != '\0' || !(bits & STEP_ENABLE)) {
        gdb_error(g, EINVAL);
        return;
    }
    for (unsigned i = 0; i < g->m->cpu_count; i++)
        machine_cpu(g->m, i)->debug.steps_let_in = !(bits & STEP_NO_IRQ);
    gdb_reply(g, "OK");
}

const struct GdbCommand gdb_query_commands[] = {
    {"qSupported", supported},
    {"qXfer:features:read:", features},
    {"QStartNoAckMode", no_ack},
    {"qRcmd,", monitor},
    {"qfThreadInfo", first_threads},
    {"qsThreadInfo", more_threads},
    {"qThreadExtraInfo,", thread_name},
    {"qAttached", attached},
    {"qC", current_thread},
    {"qSymbol:", say_ok},
    {"qqemu.sstepbits", step_bits},
    {"qqemu.sstep", get_step},
    {"Qqemu.sstep=", set_step},
    {"H", set_thread},
    {"T", thread_alive},
    {"!", say_ok},
    {NULL, NULL},
};
