/* SPDX-License-Identifier: MIT */
/* c, s, vCont, ?, D, k, R: letting the guest go, and saying how it stopped. */
#include "control/gdb/gdb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Signals in gdb's numbers. */
enum { SIGNAL_INT = 2, SIGNAL_QUIT = 3, SIGNAL_TRAP = 5, SIGNAL_ABRT = 6 };

/* ---- stop replies ---- */

/* gdb keeps the description that it got when it connected. */
void gdb_tell_mode(struct Gdb *g) {
    static const char *const modes[GDB_ARCHES] = {"16-bit", "32-bit", "long"};
    enum GdbArch now = gdb_guest_arch(boot_kernel_bits(&g->m->boot), &g->cpu->env);
    char text[256];
    if (now == g->told || g->arch == GDB_X86_64)
        return;
    g->told = now;
    int n = snprintf(text, sizeof(text),
                     "[twin86: the CPU is in %s mode now; gdb keeps showing it as %s until you say 'disconnect' and "
                     "'target remote' again]\n",
                     modes[now], gdb_arch_name(g->arch));
    if (now != g->arch)
        gdb_console(g, text, (size_t)n);
}

static void out_point(struct Gdb *g) {
    static const char *const watches[] = {
        [CPU_WATCH_WRITE] = "watch:", [CPU_WATCH_READ] = "rwatch:", [CPU_WATCH_ACCESS] = "awatch:"};
    const struct CpuDebug *d = &g->cpu->debug;
    const struct CpuPoint *p = &d->hit.point;
    if (p->kind != CPU_BREAKPOINT) {
        gdb_out_text(&g->out, watches[p->kind]);
        gdb_out_number(&g->out, d->hit.address);
        gdb_out_text(&g->out, ";");
    } else if (p->hardware ? g->hwbreak : g->swbreak) {
        gdb_out_text(&g->out, p->hardware ? "hwbreak:;" : "swbreak:;");
    }
}

static uint8_t signal_of(const struct Gdb *g, enum SessionState state, bool stepped) {
    switch (state) {
    case SESSION_PAUSED: return stepped || !g->interrupted ? SIGNAL_TRAP : SIGNAL_INT;
    case SESSION_INTERNAL_ERROR: return SIGNAL_ABRT;
    case SESSION_SHUTDOWN:
    case SESSION_GUEST_PANICKED: return SIGNAL_QUIT;
    default: return SIGNAL_TRAP;
    }
}

void gdb_stop_reply(struct Gdb *g, const struct SessionStop *stop) {
    uint8_t signal = signal_of(g, stop->state, stop->stepped);
    gdb_out_begin(&g->out);
    gdb_out_text(&g->out, "T");
    gdb_out_hex(&g->out, &signal, 1);
    gdb_out_text(&g->out, "thread:1;");
    if (stop->state == SESSION_DEBUG && g->cpu->debug.hit.kind == CPU_HIT_POINT)
        out_point(g);
    gdb_send(g);
}

static void say_status(struct Gdb *g, const char *args) {
    struct SessionStop now = *session_last_stop(g->session);
    (void)args;
    gdb_stop_reply(g, &now);
}

/* ---- going on ---- */

static void go(struct Gdb *g, bool step) {
    char why[256] = "";
    g->awaiting = true;
    int r = step ? session_single_step(g->session, g->cpu->index, why, sizeof(why))
                 : session_cont(g->session, why, sizeof(why));
    if (r == 0)
        return;
    g->awaiting = false;
    strncat(why, "\n", sizeof(why) - strlen(why) - 1);
    gdb_console(g, why, strlen(why));
    gdb_stop_reply(g, session_last_stop(g->session));
}

static bool set_pc(struct Gdb *g, uint64_t address) {
    uint8_t bytes[8];
    memcpy(bytes, &address, sizeof(bytes));
    return gdb_register_set(g->cpu, g->arch, g->arch == GDB_X86_64 ? 16 : 8, bytes); /* behind the general ones */
}

/* "" or an address to go on at */
static void go_at(struct Gdb *g, const char *args, bool step) {
    uint64_t address;
    if (*args == '\0')
        go(g, step);
    else if (!gdb_number(&args, &address) || *args != '\0')
        gdb_error(g, EINVAL);
    else if (!set_pc(g, address))
        gdb_error(g, EPERM);
    else
        go(g, step);
}

static void cont(struct Gdb *g, const char *args) { go_at(g, args, false); }
static void step(struct Gdb *g, const char *args) { go_at(g, args, true); }

/* With a signal, which a machine has no use for: "SIGNAL" or "SIGNAL;ADDRESS". */
static void go_signal(struct Gdb *g, const char *args, bool step) {
    uint64_t signal;
    if (!gdb_number(&args, &signal) || (*args != '\0' && *args++ != ';'))
        gdb_error(g, EINVAL);
    else
        go_at(g, args, step);
}

static void cont_signal(struct Gdb *g, const char *args) { go_signal(g, args, false); }
static void step_signal(struct Gdb *g, const char *args) { go_signal(g, args, true); }

/* True if "", ":1", ":-1" or ":0": our one thread. */
static bool names_thread(const char **args, bool *ours) {
    uint64_t id;
    *ours = true;
    if (**args != ':')
        return true;
    ++*args;
    if (strncmp(*args, "-1", 2) == 0) {
        *args += 2;
        return true;
    }
    bool ok = gdb_number(args, &id);
    *ours = ok && id <= 1;
    return ok;
}

/* vCont;ACTION[:THREAD]...: the first action that is for our thread. */
static void vcont(struct Gdb *g, const char *args) {
    char chosen = '\0';
    while (*args == ';') {
        char action = *++args;
        uint64_t signal;
        bool ours, ok = action != '\0' && strchr("cCsSt", action) != NULL;
        if (ok)
            args++;
        if (ok && (action == 'C' || action == 'S'))
            ok = gdb_number(&args, &signal);
        if (!ok || !names_thread(&args, &ours)) {
            gdb_error(g, EINVAL);
            return;
        }
        if (ours && chosen == '\0')
            chosen = action;
    }
    if (*args != '\0' || chosen == '\0')
        gdb_error(g, EINVAL);
    else if (chosen == 't')
        gdb_reply(g, "OK"); /* it stands */
    else
        go(g, chosen == 's' || chosen == 'S');
}

static void vcont_query(struct Gdb *g, const char *args) {
    (void)args;
    gdb_reply(g, "vCont;c;C;s;S;t");
}

/* ---- ending ---- */

static void detach(struct Gdb *g, const char *args) {
    char why[256];
    (void)args;
    gdb_reply(g, "OK");
    struct Session *s = g->session;
    gdb_detach(g);
    session_cont(s, why, sizeof(why)); /* unless its run is over */
}

static void kill_guest(struct Gdb *g, const char *args) {
    (void)args;
    session_quit(g->session);
}

static void vkill(struct Gdb *g, const char *args) {
    gdb_reply(g, "OK");
    kill_guest(g, args);
}

static void restart(struct Gdb *g, const char *args) {
    (void)args; /* and no reply */
    session_reset(g->session);
}

const struct GdbCommand gdb_run_commands[] = {
    {"vCont?", vcont_query}, {"vCont", vcont}, {"vKill", vkill},   {"?", say_status}, {"c", cont},
    {"C", cont_signal},      {"s", step},      {"S", step_signal}, {"D", detach},     {"k", kill_guest},
    {"R", restart},          {NULL, NULL},
};
