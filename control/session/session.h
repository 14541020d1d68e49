/* SPDX-License-Identifier: MIT */
/**
 * A session: one machine that is looked at. It is the loop of the program's main thread (descriptors and their
 * handlers) and the one place where a running machine is stopped, continued, stepped, reset and ended, so that the gdb
 * stub, the monitor, QMP and the terminal agree on what the machine is doing.
 *
 * Threads: everything here happens in the thread that calls session_poll; the guest's thread is heard through the
 * machine's descriptors only. Handlers and observers are called from that loop or from the request that caused them,
 * and may make any request.
 */
#ifndef TWIN86_DEBUG_SESSION_SESSION_H
#define TWIN86_DEBUG_SESSION_SESSION_H

#include "include/twin86.h"
#include "machine/loop.h"
#include "machine/machine.h"

struct Session;
struct VncServer;

/** What the machine is doing; the comments are what QMP calls it. */
enum SessionState {
    SESSION_PRELAUNCH,      /* prelaunch: not started yet (-S, or clients are waited for) */
    SESSION_RUNNING,        /* running */
    SESSION_PAUSED,         /* paused: somebody asked for it, or a step is done */
    SESSION_DEBUG,          /* debug: a breakpoint or watchpoint */
    SESSION_SHUTDOWN,       /* shutdown: powered off, or reset with no_reboot, and kept by no_shutdown */
    SESSION_GUEST_PANICKED, /* guest-panicked: pvpanic; or triple fault with no_reboot, kept by no_shutdown */
    SESSION_IO_ERROR,       /* io-error: a drive's image could not be read or written */
    SESSION_INTERNAL_ERROR, /* internal-error: the engine can't go on, kept by no_shutdown */
};

/** Why the guest stopped. */
struct SessionStop {
    enum SessionState state;  /* the new one: not running */
    bool stepped;             /* PAUSED: all instructions of session_step were executed */
    const Twin86Event *event; /* what the machine said; NULL when it was asked to stop */
};

/** Somebody who wants to know. Any function may be NULL. Kept by whoever adds it. */
struct SessionObserver {
    void (*stopped)(void *opaque, const struct SessionStop *stop);
    void (*resumed)(void *opaque);
    /** The machine was reset, by the guest or by a request. */
    void (*reset)(void *opaque, bool by_guest);
    /** The guest has gone to sleep in S3; it does not sleep any more. */
    void (*suspended)(void *opaque);
    void (*woken)(void *opaque);
    /** Something that the machine has to say while it runs. Of NEWS_BALLOON there is one a second at most. */
    void (*news)(void *opaque, const struct News *news);
    /** The power button was pressed. */
    void (*powerdown)(void *opaque);
    /** Triple fault with no_reboot, or pvpanic; `event->message` tells how it came about, `action` what is done upon
     *  it, which follows. */
    void (*panicked)(void *opaque, const Twin86Event *event, enum Twin86PanicAction action);
    /** The run is over (event->kind tells why: POWEROFF, RESET, QUIT, ...), and so is the session unless no_shutdown.
     */
    void (*shutdown)(void *opaque, const Twin86Event *event);
    void *opaque;
    struct SessionObserver *next; /* the session's */
};

/** For a machine that is stopped; it must outlive the session. NULL when out of memory. */
struct Session *session_new(struct Machine *m);
/** Stop the guest and let everybody who called session_at_end clean up, the last one first. */
void session_free(struct Session *s);
struct Machine *session_machine(const struct Session *s);

/** Call `fn` in session_free. 0 or -ENOMEM. */
int session_at_end(struct Session *s, void (*fn)(void *opaque), void *opaque);

/** The servers of its screen for viewers by VNC, the last one first, which control/vnc/ keeps; NULL: none. */
struct VncServer *session_vnc(const struct Session *s);
void session_set_vnc(struct Session *s, struct VncServer *first);

/* ---- the loop ---- */

/** The session's own event loop, which has no thread: whoever calls session_poll runs it. */
struct Loop *session_loop(struct Session *s);
/** One round: wait until a descriptor is ready, the machine has news, or `timeout_us` (negative: for ever) are over;
 *  call who is concerned. Not from a handler. */
void session_poll(struct Session *s, int64_t timeout_us);
/** True when the session is over: *event is why. */
bool session_ended(const struct Session *s, Twin86Event *event);

/* ---- listening ---- */

/** A client came: `fd` is its non-blocking socket, now the callee's. */
typedef void SessionAccept(void *opaque, int fd);
/**
 * Listen where `spec` says (listen.h). With `may_wait`, a spec that wants it keeps the guest from starting until a
 * first client has come. 0, or -errno with one line in `why`. Ends with the session.
 */
int session_listen(struct Session *s, const char *spec, bool may_wait, SessionAccept *fn, void *opaque, char *why,
                   size_t n);

/* ---- run control ---- */

enum SessionState session_state(const struct Session *s);
/** The name that QMP gives a state: "running", "guest-panicked". */
const char *session_state_name(enum SessionState state);
/** The same for now; "suspended" while a running guest sleeps in S3. */
const char *session_status(const struct Session *s);
/** How the last stop came about. Valid until the next; `event` is NULL or what the machine said. */
const struct SessionStop *session_last_stop(const struct Session *s);

/** Begin: run as soon as no client is waited for, or with `stopped` wait for session_cont. */
void session_start(struct Session *s, bool stopped);
/** Keep the machine, stopped, when its run is over; default off. */
void session_set_no_shutdown(struct Session *s, bool on);
/** As Twin86Config.no_reboot, from now on. 0, or as session_hold. */
int session_set_no_reboot(struct Session *s, bool on, char *why, size_t n);
void session_set_panic_action(struct Session *s, enum Twin86PanicAction action);

/** How long the guest's processor may take to come back when it is asked to. */
enum { SESSION_ANSWER_MS = 500 };

/** Stop; observers are told. Nothing happens when stopped. 0, or -ETIMEDOUT with `why`: it does not answer, and runs
 * on. */
int session_stop(struct Session *s, char *why, size_t n);
/** Continue. 0, also when running; -EPERM with `why` when the guest's run is over and it must be reset first. */
int session_cont(struct Session *s, char *why, size_t n);
/** Let each vCPU do what `go` has for it, enum MachineGo by index; one at least does not stand. A step that is done
 * stops the guest with state PAUSED. As session_cont; -EBUSY when running. */
int session_go(struct Session *s, const uint8_t *go, char *why, size_t n);
/** Let that vCPU run, while the others stand, until it has executed `instructions`, and stop again, with state PAUSED;
 * or until something else stops the guest. Sleep in HLT takes as long as it takes. As session_go. */
int session_step(struct Session *s, unsigned cpu, uint64_t instructions, char *why, size_t n);
/** As a debugger wants it: one instruction of one vCPU, or the delivery of the exception that it raises; interrupts
 *  wait (cpu/debug.h), and the other vCPUs stand. As session_go. */
int session_single_step(struct Session *s, unsigned cpu, char *why, size_t n);
/** Wait for `timeout_ms` until the guest has stopped by itself. True when it is stopped. */
bool session_wait_stop(struct Session *s, int timeout_ms);
/** The reset button. */
void session_reset(struct Session *s);
/** The ACPI power button. */
void session_powerdown(struct Session *s);
/** Wake a guest that sleeps in S3. 0, or -EALREADY: it does not. */
int session_wakeup(struct Session *s);
/** A non-maskable interrupt, as from a button on the board. */
void session_nmi(struct Session *s);
/** End the session with TWIN86_EVENT_QUIT, or TWIN86_EVENT_STUCK when the guest can't be stopped: its state must not be
 *  touched then. When it has ended already, only the event changes. */
void session_quit(struct Session *s);
/** Go on in another engine, as twin86_set_accel; a running guest goes on by itself. 0, or -errno with `why`. */
int session_set_accel(struct Session *s, const char *accel, char *why, size_t n);

/** Make the guest stand still for a look or a change, without telling anybody; release lets it go on if it ran. Nests.
 *  Between the two the vCPUs are parked, and env is up to date. 0, or -ETIMEDOUT with `why`: one does not answer, and
 *  there is nothing to release. */
int session_hold(struct Session *s, char *why, size_t n);
void session_release(struct Session *s);

/** Not from an observer's own `shutdown`, `stopped`, ... while it is called for another reason than removal. */
void session_observe(struct Session *s, struct SessionObserver *o);
void session_unobserve(struct Session *s, struct SessionObserver *o);

#endif
