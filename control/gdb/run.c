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
    gdb_out_text(&g->out, "thread:");
    gdb_out_number(&g->out, gdb_thread(g->cpu));
    gdb_out_text(&g->out, ";");
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

/* `go`: enum MachineGo by index. */
static void go_as(struct Gdb *g, const uint8_t *go) {
    char why[256] = "";
    g->awaiting = true;
    if (session_go(g->session, go, why, sizeof(why)) == 0)
        return;
    g->awaiting = false;
    strncat(why, "\n", sizeof(why) - strlen(why) - 1);
    gdb_console(g, why, strlen(why));
    gdb_stop_reply(g, session_last_stop(g->session));
}

/* c and s: Hc's thread, while the others stand; else c is for all. */
static void go(struct Gdb *g, bool step) {
    uint8_t plan[MACHINE_CPUS_MAX] = {0};
    if (step)
        plan[g->goes >= 0 ? (unsigned)g->goes : g->cpu->index] = MACHINE_STEP;
    else if (g->goes >= 0)
        plan[g->goes] = MACHINE_RUN;
    else
        memset(plan, MACHINE_RUN, sizeof(plan));
    go_as(g, plan);
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

/* ACTION[:THREAD]: fills in what no action before it was for. False: there is no such action or thread. */
static bool vcont_action(struct Gdb *g, const char **args, uint8_t *go, bool *chosen) {
    static const char letters[] = "cCsSt";
    static const uint8_t does[] = {MACHINE_RUN, MACHINE_RUN, MACHINE_STEP, MACHINE_STEP, MACHINE_STAND};
    const char *letter = **args != '\0' ? strchr(letters, **args) : NULL;
    uint64_t signal;
    int cpu = GDB_ALL;
    if (letter == NULL)
        return false;
    ++*args;
    if ((*letter == 'C' || *letter == 'S') && !gdb_number(args, &signal)) /* a machine has no use for it */
        return false;
    if (**args == ':') {
        ++*args;
        if (!gdb_parse_thread(g, args, &cpu))
            return false;
    }
    for (unsigned i = 0; i < g->m->cpu_count; i++) {
        if (chosen[i] || (cpu >= 0 && (unsigned)cpu != i))
            continue;
        chosen[i] = true;
        go[i] = does[letter - letters];
    }
    return true;
}

/* vCont;ACTION[:THREAD]...: for each thread the first that is for it; without one it stands. */
static void vcont(struct Gdb *g, const char *args) {
    uint8_t plan[MACHINE_CPUS_MAX] = {0};
    bool chosen[MACHINE_CPUS_MAX] = {false}, any = false;
    while (*args == ';') {
        ++args;
        if (!vcont_action(g, &args, plan, chosen)) {
            gdb_error(g, EINVAL);
            return;
        }
        any = true;
    }
    if (*args != '\0' || !any)
        gdb_error(g, EINVAL);
    else if (memchr(plan, MACHINE_RUN, sizeof(plan)) != NULL || memchr(plan, MACHINE_STEP, sizeof(plan)) != NULL)
        go_as(g, plan);
    else
        gdb_reply(g, "OK"); /* all stand */
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
