/* SPDX-License-Identifier: MIT */
/* The public interface to sessions. */
#include "control/gdb/gdb.h"
#include "control/monitor/monitor.h"
#include "control/qmp/qmp.h"
#include "control/session/session.h"
#include "control/vnc/vnc.h"

/* A Twin86Session is a struct Session under its public name. */
static struct Session *of(const Twin86Session *session) { return (struct Session *)(uintptr_t)session; }

Twin86Session *twin86_session_new(Twin86Machine *machine) { return (Twin86Session *)session_new(machine_of(machine)); }

void twin86_session_free(Twin86Session *session) { session_free(of(session)); }

/* ---- the loop ---- */

int twin86_session_watch(Twin86Session *session, int fd, bool readable, Twin86FdHandler *handler, void *opaque) {
    return loop_add_fd(session_loop(of(session)), fd, readable ? POLLIN : 0, handler, opaque);
}

int twin86_session_watch_for(Twin86Session *session, int fd, short events, Twin86FdHandler *handler, void *opaque) {
    return loop_add_fd(session_loop(of(session)), fd, events, handler, opaque);
}

void twin86_session_unwatch(Twin86Session *session, int fd) { loop_remove_fd(session_loop(of(session)), fd); }

void twin86_session_poll(Twin86Session *session, int64_t timeout_us) { session_poll(of(session), timeout_us); }

bool twin86_session_ended(const Twin86Session *session, Twin86Event *event) {
    return session_ended(of(session), event);
}

/* ---- run control ---- */

const char *twin86_session_state(const Twin86Session *session) {
    return session_state_name(session_state(of(session)));
}

const char *twin86_session_reason(const Twin86Session *session) {
    const struct SessionStop *stop = session_last_stop(of(session));
    return stop->event != NULL ? stop->event->message : "";
}

void twin86_session_start(Twin86Session *session, bool stopped) { session_start(of(session), stopped); }
void twin86_session_set_no_shutdown(Twin86Session *session, bool on) { session_set_no_shutdown(of(session), on); }
void twin86_session_set_panic_action(Twin86Session *session, enum Twin86PanicAction action) {
    session_set_panic_action(of(session), action);
}
void twin86_session_quit(Twin86Session *session) { session_quit(of(session)); }
int twin86_session_stop(Twin86Session *session) {
    char why[8];
    return session_stop(of(session), why, sizeof(why));
}

int twin86_session_cont(Twin86Session *session, char *why, size_t why_size) {
    return session_cont(of(session), why, why_size);
}

int twin86_session_set_accel(Twin86Session *session, const char *accel, char *why, size_t why_size) {
    return session_set_accel(of(session), accel, why, why_size);
}

/* ---- monitor and QMP ---- */

void twin86_monitor(Twin86Session *session, unsigned *cpu, const char *line, FILE *out) {
    unsigned first = 0;
    if (cpu == NULL || *cpu >= session_machine(of(session))->cpu_count)
        cpu = &first;
    monitor_run(of(session), cpu, line, out);
}

void twin86_monitor_complete(const char *line, void (*fn)(void *opaque, const char *word), void *opaque) {
    monitor_complete(line, fn, opaque);
}

int twin86_serve_monitor(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return monitor_serve(of(session), where, why, why_size);
}

int twin86_serve_gdb(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return gdb_serve(of(session), where, why, why_size);
}

int twin86_serve_qmp(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return qmp_serve(of(session), where, why, why_size);
}

int twin86_serve_vnc(Twin86Session *session, const char *where, char *why, size_t why_size) {
    return vnc_serve(of(session), where, why, why_size);
}
