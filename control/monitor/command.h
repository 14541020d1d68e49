/* SPDX-License-Identifier: MIT */
/** What the files of monitor commands share. */
#ifndef TWIN86_DEBUG_MONITOR_COMMAND_H
#define TWIN86_DEBUG_MONITOR_COMMAND_H

#include "control/session/session.h"

#include <stdio.h>

/** One line that is being run. */
struct Monitor {
    struct Session *session;
    struct Machine *m;
    struct CPUState *cpu; /* that it looks at */
    FILE *out;
};

enum {
    COMMAND_LOOKS = 1 << 0,   /* the guest is held while it runs, env is up to date */
    COMMAND_FORMATS = 1 << 1, /* takes /FMT */
};

/** A command, or something that `info` knows. */
struct MonitorCommand {
    const char *name, *alias; /* alias: NULL if there is none */
    const char *args;         /* as in help: "/FMT ADDR" */
    const char *help;
    unsigned flags;
    /** `args`: what followed the name, without blanks around it; may be cut up. */
    void (*run)(struct Monitor *mon, char *args);
};

/** Tables, ended by an empty row. */
extern const struct MonitorCommand monitor_commands[];
extern const struct MonitorCommand monitor_infos[];

/** The row of that name or alias, or NULL. */
const struct MonitorCommand *monitor_find(const struct MonitorCommand *table, const char *name);

/** Cut the next word off *args (blanks separate; "..." keeps them); NULL at the end, or after saying so when a quote is
 *  not closed. */
char *monitor_word(struct Monitor *mon, char **args);
/** Complain, and return false, if something is left in `args`. */
bool monitor_no_more(struct Monitor *mon, const char *args);

/** The vCPU whose index is `word`; NULL after saying that there is none. */
struct CPUState *monitor_cpu(struct Monitor *mon, const char *word);

/** Names of addresses; NULL if there are none. */
const struct Symbols *monitor_symbols(struct Monitor *mon);

/* memory.c */
void monitor_examine(struct Monitor *mon, char *args);          /* x */
void monitor_examine_physical(struct Monitor *mon, char *args); /* xp */
void monitor_translate(struct Monitor *mon, char *args);        /* gva2gpa */
void monitor_port_in(struct Monitor *mon, char *args);          /* i */
void monitor_port_out(struct Monitor *mon, char *args);         /* o */
void monitor_print(struct Monitor *mon, char *args);            /* print */

/* paging.c */
void monitor_info_mem(struct Monitor *mon, char *args);
void monitor_info_tlb(struct Monitor *mon, char *args);

/* irq.c */
void monitor_info_pic(struct Monitor *mon, char *args);
void monitor_info_lapic(struct Monitor *mon, char *args);
void monitor_info_ioapic(struct Monitor *mon, char *args);
void monitor_info_irq(struct Monitor *mon, char *args);

/* drives.c */
void monitor_info_block(struct Monitor *mon, char *args);
void monitor_info_blockstats(struct Monitor *mon, char *args);
void monitor_block_resize(struct Monitor *mon, char *args);
void monitor_commit(struct Monitor *mon, char *args);
void monitor_eject(struct Monitor *mon, char *args);
void monitor_change(struct Monitor *mon, char *args);

/* chardevs.c */
void monitor_info_chardev(struct Monitor *mon, char *args);
void monitor_ringbuf_read(struct Monitor *mon, char *args);
void monitor_ringbuf_write(struct Monitor *mon, char *args);
void monitor_chardev_add(struct Monitor *mon, char *args);
void monitor_chardev_remove(struct Monitor *mon, char *args);

/* balloon.c */
void monitor_info_balloon(struct Monitor *mon, char *args);
void monitor_balloon(struct Monitor *mon, char *args);

/* network.c */
void monitor_info_network(struct Monitor *mon, char *args);
void monitor_info_usernet(struct Monitor *mon, char *args);
void monitor_set_link(struct Monitor *mon, char *args);
void monitor_info_vnc(struct Monitor *mon, char *args);
void monitor_set_password(struct Monitor *mon, char *args);
void monitor_expire_password(struct Monitor *mon, char *args);
void monitor_hostfwd_add(struct Monitor *mon, char *args);
void monitor_hostfwd_remove(struct Monitor *mon, char *args);

/* display.c */
void monitor_screendump(struct Monitor *mon, char *args);
void monitor_sendkey(struct Monitor *mon, char *args);
void monitor_mouse_move(struct Monitor *mon, char *args);
void monitor_mouse_button(struct Monitor *mon, char *args);

/* dump.c */
void monitor_dump_guest_memory(struct Monitor *mon, char *args);

#endif
