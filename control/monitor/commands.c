/* SPDX-License-Identifier: MIT */
/* The table of commands, and those that start, stop and change the machine. */
#include "control/gdb/gdb.h"
#include "control/monitor/command.h"
#include "control/monitor/monitor.h"
#include "debug/cpu_dump.h"
#include "debug/disas.h"
#include "debug/peek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_WAIT_MS = 300 };

/* ---- run control ---- */

static void run_stop(struct Monitor *mon, char *args) {
    char why[160];
    if (monitor_no_more(mon, args) && session_stop(mon->session, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

static void run_cont(struct Monitor *mon, char *args) {
    char why[200];
    if (monitor_no_more(mon, args) && session_cont(mon->session, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

/* Where the guest is: the instruction that comes next. */
static void show_next(struct Monitor *mon) {
    char why[160];
    if (session_hold(mon->session, why, sizeof(why)) != 0) {
        fprintf(mon->out, "%s\n", why);
        return;
    }
    struct Disas *d = disas_new();
    struct DisasLine line;
    const CPUX86State *env = &mon->cpu->env;
    fputs("=> ", mon->out);
    cpu_print_far(env, env->seg[SEG_CS].selector, env->rip, mon->out);
    char symbol[120];
    fputs(symbols_text(monitor_symbols(mon), peek_linear(env, SEG_CS, env->rip), symbol, sizeof(symbol)), mon->out);
    fprintf(mon->out, "  %s\n", d != NULL && disas_at(d, mon->cpu, env->rip, &line) > 0 ? line.text : "");
    session_release(mon->session);
    disas_free(d);
}

static void show_stop(struct Monitor *mon) {
    enum SessionState state = session_state(mon->session);
    show_next(mon);
    if (state != SESSION_PAUSED)
        fprintf(mon->out, "stopped early: %s\n", session_state_name(state));
}

static void run_step(struct Monitor *mon, char *args) {
    char why[200], *end;
    uint64_t count = 1;
    if (args[0] != '\0') {
        errno = 0;
        count = strtoull(args, &end, 0);
        if (args[0] < '0' || args[0] > '9' || *end != '\0' || errno != 0 || count == 0) {
            fprintf(mon->out, "'%.40s' is no number of instructions\n", args);
            return;
        }
    }
    int r = count == 1 ? session_single_step(mon->session, mon->cpu->index, why, sizeof(why))
                       : session_step(mon->session, mon->cpu->index, count, why, sizeof(why));
    if (r != 0)
        fprintf(mon->out, "%s\n", why);
    else if (session_wait_stop(mon->session, STEP_WAIT_MS))
        show_stop(mon);
    else
        fputs("not done yet: the guest sleeps in HLT, or the count is large; it will stop by itself\n", mon->out);
}

struct CPUState *monitor_cpu(struct Monitor *mon, const char *word) {
    char *end;
    unsigned long index = strtoul(word, &end, 0);
    if (word[0] >= '0' && word[0] <= '9' && *end == '\0' && index < mon->m->cpu_count)
        return machine_cpu(mon->m, (unsigned)index);
    fprintf(mon->out, "there is no CPU '%.40s'; 0 to %u are\n", word, mon->m->cpu_count - 1);
    return NULL;
}

static void run_cpu(struct Monitor *mon, char *args) {
    char *word = monitor_word(mon, &args);
    if (word == NULL) {
        fprintf(mon->out, "CPU #%u\n", mon->cpu->index);
        return;
    }
    struct CPUState *cpu = monitor_no_more(mon, args) ? monitor_cpu(mon, word) : NULL;
    if (cpu != NULL)
        mon->cpu = cpu;
}

static void run_reset(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args))
        session_reset(mon->session);
}

static void run_powerdown(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args))
        session_powerdown(mon->session);
}

static void run_wakeup(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args) && session_wakeup(mon->session) != 0)
        fputs("the guest does not sleep (S3)\n", mon->out);
}

static void run_nmi(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args))
        session_nmi(mon->session);
}

static void run_quit(struct Monitor *mon, char *args) {
    if (monitor_no_more(mon, args))
        session_quit(mon->session);
}

static void run_gdbserver(struct Monitor *mon, char *args) {
    char why[300];
    const char *where = args[0] != '\0' ? args : "tcp::1234";
    if (strcmp(where, "none") == 0)
        fputs("a socket that is listened at stays until twin86 ends\n", mon->out);
    else if (gdb_serve(mon->session, where, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
    else
        fprintf(mon->out, "Waiting for gdb connection on device '%s'\n", where);
}

static void run_accel(struct Monitor *mon, char *args) {
    char why[600] = "";
    if (args[0] == '\0')
        fprintf(mon->out, "%s\n", mon->m->engine->item);
    else if (session_set_accel(mon->session, args, why, sizeof(why)) != 0)
        fprintf(mon->out, "%s\n", why);
}

static void run_log(struct Monitor *mon, char *args) {
    char why[200];
    if (args[0] != '\0') {
        bool none = strcmp(args, "none") == 0;
        if (machine_set_trace(mon->m, none ? "" : args, why, sizeof(why)) != 0)
            fprintf(mon->out, "%s\n", why);
        return;
    }
    unsigned on = 0;
    for (unsigned i = 0, item; trace_item_name(i) != NULL; i++) {
        bool is = trace_parse(trace_item_name(i), &item, why, sizeof(why)) == 0 && (mon->m->trace.items & item) != 0;
        fprintf(mon->out, "%c %-12s %s\n", is ? '*' : ' ', trace_item_name(i), trace_item_description(i));
        on += is;
    }
    fputs(on > 0 ? "(* is logged)\n" : "(nothing is logged)\n", mon->out);
}

/* ---- help ---- */

static void print_row(FILE *f, const char *before, const struct MonitorCommand *c) {
    fprintf(f, "%s%s%s%s%s%s -- %s\n", before, c->name, c->alias != NULL ? "|" : "", c->alias != NULL ? c->alias : "",
            c->args[0] != '\0' && c->args[0] != '/' ? " " : "", c->args, c->help);
}

static void print_table(FILE *f, const char *before, const struct MonitorCommand *table) {
    for (const struct MonitorCommand *c = table; c->name != NULL; c++)
        print_row(f, before, c);
}

static void run_help(struct Monitor *mon, char *args) {
    char *name = monitor_word(mon, &args);
    if (name == NULL) {
        print_table(mon->out, "", monitor_commands);
        return;
    }
    const struct MonitorCommand *c = monitor_find(monitor_commands, name);
    if (c == NULL)
        fprintf(mon->out, "unknown command: '%.40s'\n", name);
    else if (strcmp(c->name, "info") == 0)
        print_table(mon->out, "info ", monitor_infos);
    else
        print_row(mon->out, "", c);
}

/* Without a word behind it. */
static void run_info(struct Monitor *mon, char *args) {
    (void)args;
    print_table(mon->out, "info ", monitor_infos);
}

const struct MonitorCommand monitor_commands[] = {
    {"help", "?", "[CMD]", "this list, or one command", 0, run_help},
    {"info", NULL, "[WHAT]", "show registers, memory map, interrupt controllers ...", 0, run_info},
    {"x", NULL, "/FMT ADDR", "memory at a linear address; FMT: count, x d u o c i, b h w g",
     COMMAND_LOOKS | COMMAND_FORMATS, monitor_examine},
    {"xp", NULL, "/FMT ADDR", "memory at a physical address; devices are read, too", COMMAND_LOOKS | COMMAND_FORMATS,
     monitor_examine_physical},
    {"gva2gpa", NULL, "ADDR", "the physical address behind a linear one", COMMAND_LOOKS, monitor_translate},
    {"i", NULL, "/FMT PORT", "read a port; FMT: b, h or w", COMMAND_LOOKS | COMMAND_FORMATS, monitor_port_in},
    {"o", NULL, "/FMT PORT VALUE", "write a port", COMMAND_LOOKS | COMMAND_FORMATS, monitor_port_out},
    {"print", "p", "/FMT EXPR", "evaluate, such as $rip+0x10", COMMAND_LOOKS | COMMAND_FORMATS, monitor_print},
    {"stop", "s", "", "stop the guest", 0, run_stop},
    {"cont", "c", "", "let the guest go on", 0, run_cont},
    {"step", NULL, "[N]", "execute one instruction of this CPU, or N", 0, run_step},
    {"cpu", NULL, "[N]", "look at that CPU from now on, or tell which it is", 0, run_cpu},
    {"accel", NULL, "[ENGINE]", "go on in another engine, or tell which it is", 0, run_accel},
    {"gdbserver", NULL, "[WHERE]", "serve gdb there, as -gdb does (tcp::1234)", 0, run_gdbserver},
    {"log", NULL, "[ITEMS|none]", "log these items from now on, as -d; or list them", COMMAND_LOOKS, run_log},
    {"nmi", NULL, "", "raise a non-maskable interrupt", 0, run_nmi},
    {"system_reset", NULL, "", "press the reset button", 0, run_reset},
    {"system_powerdown", NULL, "", "press the power button", 0, run_powerdown},
    {"system_wakeup", NULL, "", "wake a guest that sleeps in S3", 0, run_wakeup},
    {"eject", NULL, "[-f] DRIVE", "take a CD out; -f: though the guest has locked the tray", COMMAND_LOOKS,
     monitor_eject},
    {"ringbuf_read", NULL, "DEVICE SIZE", "take so many bytes out of a ringbuf", 0, monitor_ringbuf_read},
    {"ringbuf_write", NULL, "DEVICE TEXT", "put text into a ringbuf", 0, monitor_ringbuf_write},
    {"chardev-add", NULL, "KIND,id=ID,...", "make a character device, as -chardev does", 0, monitor_chardev_add},
    {"chardev-remove", NULL, "DEVICE", "close one that nothing uses", 0, monitor_chardev_remove},
    {"balloon", NULL, "MIB", "ask the guest to get along with so much RAM", 0, monitor_balloon},
    {"set_link", NULL, "NAME on|off", "plug the cable of a card or a netdev in or out", 0, monitor_set_link},
    {"hostfwd_add", NULL, "[NETDEV] RULE", "forward a port of the host's, as -netdev user,hostfwd=RULE does", 0,
     monitor_hostfwd_add},
    {"hostfwd_remove", NULL, "[NETDEV] [tcp|udp]:[ADDR]:PORT", "forward it no more", 0, monitor_hostfwd_remove},
    {"change", NULL, "[-f] DRIVE FILE [FORMAT]", "put another CD in", 0, monitor_change},
    {"block_resize", NULL, "DRIVE SIZE", "make an image larger or smaller; SIZE: MiB, or with K, M, G, T",
     COMMAND_LOOKS, monitor_block_resize},
    {"commit", NULL, "DRIVE|all", "put what is in an overlay into its backing file", COMMAND_LOOKS, monitor_commit},
    {"screendump", NULL, "FILE [-f png|ppm]", "the screen as a picture; PNG if FILE ends in .png, else PPM", 0,
     monitor_screendump},
    {"sendkey", NULL, "KEYS [MS]", "press keys for 100 ms, or so many: ctrl-alt-delete", 0, monitor_sendkey},
    {"mouse_move", NULL, "DX DY [DZ]", "move the mouse; DZ: the wheel, towards the user", 0, monitor_mouse_move},
    {"mouse_button", NULL, "STATE", "its buttons that are down: 1 left + 2 middle + 4 right", 0, monitor_mouse_button},
    {"set_password", NULL, "vnc PASSWORD", "for viewers that come from now on (-vnc ...,password=on)", 0,
     monitor_set_password},
    {"expire_password", NULL, "vnc now|never|+SECONDS|TIME", "when that password ends", 0, monitor_expire_password},
    {"dump-guest-memory", NULL, "[-p] FILE", "memory and registers as an ELF core; -p: by linear addresses",
     COMMAND_LOOKS, monitor_dump_guest_memory},
    {"quit", "q", "", "end twin86", 0, run_quit},
    {0},
};
