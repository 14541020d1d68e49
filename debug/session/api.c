/* SPDX-License-Identifier: MIT */
/* The public interface to sessions. */
#include "debug/gdb/gdb.h"
#include "debug/monitor/monitor.h"
#include "debug/qmp/qmp.h"
#include "debug/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct Twin86Session {
    struct Session *s;
    struct Watch *watches;
};

/* A handler of the library's user. */
struct Watch {
    struct Watch *next;
    Twin86Session *session;
    int fd;
    Twin86FdHandler *handler;
    void *opaque;
};

Twin86Session *twin86_session_new(Twin86Machine *machine) {
    Twin86Session *session = calloc(1, sizeof(*session));
    if (session != NULL && (session->s = session_new(machine_of(machine))) == NULL) {
        free(session);
        session = NULL;
    }
    return session;
}

void twin86_session_free(Twin86Session *session) {
    if (session == NULL)
        return;
    session_free(session->s);
    for (struct Watch *w = session->watches, *next; w != NULL; w = next) {
        next = w->next;
        free(w);
    }
    free(session);
}

/* ---- the loop ---- */

static void call_handler(void *opaque, int fd, short revents) {
    struct Watch *w = opaque;
    (void)revents;
    w->handler(w->opaque, fd);
}

int twin86_session_watch(Twin86Session *session, int fd, bool readable, Twin86FdHandler *handler, void *opaque) {
    struct Watch *w = session->watches;
    while (w != NULL && w->fd != fd)
        w = w->next;
    if (w == NULL) {
        if ((w = calloc(1, sizeof(*w))) == NULL)
            return -ENOMEM;
        w->next = session->watches;
        session->watches = w;
    }
    w->session = session;
    w->fd = fd;
    w->handler = handler;
    w->opaque = opaque;
    return session_watch(session->s, fd, readable ? POLLIN : 0, call_handler, w);
}

void twin86_session_poll(Twin86Session *session, int64_t timeout_us) { session_poll(session->s, timeout_us); }

bool twin86_session_ended(const Twin86Session *session, Twin86Event *event) { return session_ended(session->s, event); }

/* ---- run control ---- */

const char *twin86_session_state(const Twin86Session *session) { return session_state_name(session_state(session->s)); }

void twin86_session_start(Twin86Session *session, bool stopped) { session_start(session->s, stopped); }
void twin86_session_set_no_shutdown(Twin86Session *session, bool on) { session_set_no_shutdown(session->s, on); }
void twin86_session_set_panic_action(Twin86Session *session, enum Twin86PanicAction action) {
    session_set_panic_action(session->s, action);
}
void twin86_session_quit(Twin86Session *session) { session_quit(session->s); }
void twin86_session_stop(Twin86Session *session) { session_stop(session->s); }

int twin86_session_cont(Twin86Session *session, char *why, size_t why_size) {
    return session_cont(session->s, why, why_size);
}

int twin86_session_set_accel(Twin86Session *session, const char *accel, char *why, size_t why_size) {
    return session_set_accel(session->s, accel, why, why_size);
}

/* ---- monitor and QMP ---- */

void twin86_monitor(Twin86Session *session, const char *line, FILE *out) { monitor_run(session->s, line, out); }

void twin86_monitor_complete(const char *line, void (*fn)(void *opaque, const char *word), void *opaque) {
    monitor_complete(line, fn, opaque);
}

int twin86_serve_monitor(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return monitor_serve(session->s, where, why, why_size);
}

int twin86_serve_gdb(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return gdb_serve(session->s, where, why, why_size);
}

int twin86_serve_qmp(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return qmp_serve(session->s, where, why, why_size);
}
