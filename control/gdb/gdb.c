/* SPDX-License-Identifier: MIT */
/* A client comes, says something, goes. See gdb.h. */
#include "control/gdb/gdb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- replies ---- */

void gdb_send(struct Gdb *g) {
    const char *packet;
    size_t n = gdb_out_end(&g->out, &packet);
    if (n == 0) { /* it did not fit */
        gdb_error(g, 7);
        return;
    }
    g->sent = n;
    g->last = packet;
    g->send(g->opaque, packet, n);
}

void gdb_reply(struct Gdb *g, const char *text) {
    gdb_out_begin(&g->out);
    gdb_out_text(&g->out, text);
    gdb_send(g);
}

void gdb_error(struct Gdb *g, int e) {
    char text[4] = {'E', (char)('0' + e / 10 % 10), (char)('0' + e % 10), '\0'};
    gdb_reply(g, text);
}

void gdb_console(struct Gdb *g, const char *text, size_t n) {
    while (n > 0) {
        size_t part = n < GDB_PACKET_MAX / 2 ? n : GDB_PACKET_MAX / 2;
        gdb_out_begin(&g->out);
        gdb_out_text(&g->out, "O");
        gdb_out_hex(&g->out, text, part);
        gdb_send(g);
        text += part;
        n -= part;
    }
}

/* ---- threads ---- */

bool gdb_parse_thread(struct Gdb *g, const char **text, int *cpu) {
    uint64_t id;
    if (strncmp(*text, "-1", 2) == 0) {
        *text += 2;
        *cpu = GDB_ALL;
        return true;
    }
    if (!gdb_number(text, &id) || id > g->m->cpu_count)
        return false;
    *cpu = id == 0 ? GDB_ANY : (int)id - 1;
    return true;
}

/* ---- commands ---- */

static const struct GdbCommand *const tables[] = {gdb_query_commands, gdb_run_commands, gdb_memory_commands,
                                                  gdb_register_commands};

static const struct GdbCommand *find(const char *packet) {
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct GdbCommand *c = tables[i]; c->name != NULL; c++)
            if (strncmp(packet, c->name, strlen(c->name)) == 0)
                return c;
    return NULL;
}

/* Whatever comes meanwhile from a monitor or QMP, the guest stands still while gdb looks. */
static void run_packet(struct Gdb *g) {
    const struct GdbCommand *c = find(g->in.data);
    if (c == NULL) {
        gdb_reply(g, ""); /* "I don't know this" */
        return;
    }
    char why[160];
    if (session_hold(g->session, why, sizeof(why)) != 0) {
        gdb_error(g, EBUSY);
        return;
    }
    c->run(g, g->in.data + strlen(c->name));
    session_release(g->session);
}

static void interrupt(struct Gdb *g) {
    char why[160];
    if (!g->awaiting) /* it has heard of a stop, or is about to */
        return;
    g->interrupted = true;
    if (session_stop(g->session, why, sizeof(why) - 1) != 0) { /* it goes on waiting */
        strcat(why, "\n");
        gdb_console(g, why, strlen(why));
    }
    g->interrupted = false;
}

void gdb_input(struct Gdb *g, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size && g->attached; i++) {
        switch (gdb_in_byte(&g->in, data[i])) {
        case GDB_INPUT_PACKET:
            if (!g->no_ack)
                g->send(g->opaque, "+", 1);
            run_packet(g);
            break;
        case GDB_INPUT_BAD:
            if (!g->no_ack)
                g->send(g->opaque, "-", 1);
            break;
        case GDB_INPUT_NAK:
            if (!g->no_ack && g->sent > 0)
                g->send(g->opaque, g->last, g->sent);
            break;
        case GDB_INPUT_INTERRUPT: interrupt(g); break;
        case GDB_INPUT_ACK:
        case GDB_INPUT_NONE: break;
        }
    }
}

/* ---- what happens to the guest ---- */

static void on_stopped(void *opaque, const struct SessionStop *stop) {
    struct Gdb *g = opaque;
    if (!g->awaiting)
        return;
    char why[8];
    g->awaiting = false;
    if (session_hold(g->session, why, sizeof(why)) != 0) /* it has just stopped: only if it went on already */
        return;
    if (stop->event != NULL && stop->event->cpu < g->m->cpu_count)
        g->cpu = machine_cpu(g->m, stop->event->cpu);
    gdb_tell_mode(g);
    gdb_stop_reply(g, stop);
    session_release(g->session);
}

static void on_shutdown(void *opaque, const Twin86Event *event) {
    struct Gdb *g = opaque;
    if (!g->awaiting || session_state(g->session) != SESSION_SHUTDOWN)
        return; /* -no-shutdown: a stop follows */
    g->awaiting = false;
    gdb_out_begin(&g->out);
    gdb_out_text(&g->out, "W");
    uint8_t code = event->kind == TWIN86_EVENT_DEBUG_EXIT ? (uint8_t)event->value : 0;
    gdb_out_hex(&g->out, &code, 1);
    gdb_send(g);
}

/* ---- coming and going ---- */

int gdb_attach(struct Gdb *g, struct Session *s, const enum GdbArch *arch, GdbSend *send, void *opaque) {
    char why[8];
    int r = session_stop(s, why, sizeof(why));
    if (r != 0 || (r = session_hold(s, why, sizeof(why))) != 0)
        return r;
    g->session = s;
    g->m = session_machine(s);
    g->cpu = machine_cpu(g->m, 0);
    g->goes = GDB_ALL;
    g->send = send;
    g->opaque = opaque;
    g->arch = g->told = arch != NULL ? *arch : gdb_guest_arch(boot_kernel_bits(&g->m->boot), &g->cpu->env);
    session_release(s);
    g->attached = true;
    g->observer = (struct SessionObserver){.stopped = on_stopped, .shutdown = on_shutdown, .opaque = g};
    session_observe(s, &g->observer);
    return 0;
}

void gdb_detach(struct Gdb *g) {
    if (!g->attached)
        return;
    g->attached = g->awaiting = false;
    session_unobserve(g->session, &g->observer);
    char why[8];
    if (session_hold(g->session, why, sizeof(why)) != 0)
        return;
    while (g->cpu->debug.count > 0) {
        struct CpuPoint p = g->cpu->debug.point[0];
        machine_remove_point(g->m, &p);
    }
    for (unsigned i = 0; i < g->m->cpu_count; i++)
        machine_cpu(g->m, i)->debug.steps_let_in = false;
    session_release(g->session);
}
