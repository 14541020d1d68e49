/* SPDX-License-Identifier: MIT */
/** One run of a guest: what the parts of the program's main loop share. */
#ifndef TWIN86_CLI_RUN_H
#define TWIN86_CLI_RUN_H

#include "cli/terminal/console.h"
#include "options.h"
#include "output.h"

struct Run {
    struct Options options;
    Twin86Machine *machine;
    Twin86Session *session;
    struct Outputs outputs;
    struct Output *out, *err;         /* standard output and error */
    struct Output *serial, *debugcon; /* NULL: discarded */
    struct Output *log, *exit_log;    /* -D, -exit-stats: err unless a file was named */
    int64_t deadline, handover_at;    /* host us; -1: none */
    int64_t frame_at;                 /* host us: when the screen may be drawn again */
    struct Console console;
    const char *last_state; /* the session's */
    bool over;              /* the session has ended; what remains is to write out what there is to say */
    bool output_failed;     /* something could not be written: exit code 6 */
    bool stuck;             /* the guest does not stop: the machine must not be touched */
    bool sigpipe_ignored;   /* when twin86 was started */
    int exit_signal;        /* die of this in the end */
};

/** One line on standard error. */
__attribute__((format(printf, 2, 3))) void complain(struct Run *r, const char *format, ...);

/* ---- signals.c ---- */

/** Block those that mean something to us and read them from a descriptor, so that they are handled between two rounds
 * of the loop. Those that were ignored when twin86 was started stay so. The descriptor, or -errno. */
int signals_block(void);
/** As before, with what is pending. */
void signals_unblock(void);
/** Twin86FdHandler of that descriptor; `opaque` is the run. */
void signals_read(void *opaque, int fd, short revents);
/** End as if the signal had not been caught, for the shell that waits for us. */
void signals_die_of(int sig);
/** While files are opened and read there is no loop yet: end with EXIT_TIMEOUT after `ms`; 0: no longer. One line is
 *  written to `err_fd`. */
void signals_limit_start(int64_t ms, int err_fd);

/* ---- confine.c ---- */

/** Files are open and threads there: -chroot, -runas, and the sandbox, from which there is no way back. 0, or the exit
 *  code. */
int confine(struct Run *r);

/* ---- report.c ---- */

/** What the event that ended the run means for who started twin86; says what there is to say of it. */
int report_end(struct Run *r, const Twin86Event *event);
/** What the options want to know in the end. */
void report_run(struct Run *r);

#endif
