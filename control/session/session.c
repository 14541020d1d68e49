/* SPDX-License-Identifier: MIT */
/* Run control. See session.h. */
#include "control/session/session.h"
#include "machine/chardev/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_RETRY_NS (NS_PER_SEC / 5)

enum NoticeKind {
    NOTICE_STOPPED,
    NOTICE_RESUMED,
    NOTICE_RESET,
    NOTICE_SUSPENDED,
    NOTICE_WOKEN,
    NOTICE_NEWS,
    NOTICE_POWERDOWN,
    NOTICE_PANICKED,
    NOTICE_SHUTDOWN,
};

/* Something that observers have yet to be told. In a queue, so that what one of them does upon it comes after it for
 * all of them. */
struct Notice {
    struct Notice *next;
    enum NoticeKind kind;
    bool by_guest;
    struct SessionStop stop;
    Twin86Event event;
    enum Twin86PanicAction action; /* NOTICE_PANICKED */
    struct News news;
};

static const char no_answer[] =
    "the guest's processor does not answer: it has not come back within half a second, and runs on";

struct AtEnd {
    struct AtEnd *next;
    void (*fn)(void *opaque);
    void *opaque;
};

struct Listener {
    struct Session *session;
    struct ListenSpec spec;
    int fd;
    bool awaited; /* the guest does not start before a client has come */
    SessionAccept *accept;
    void *opaque;
    struct LoopTimer again; /* when accepting is tried again after it failed */
};

struct Session {
    struct Machine *m;
    struct Loop loop;
    struct AtEnd *at_end;
    struct VncServer *vnc;
    struct SessionObserver *observers, *next_observer; /* next: who is to be told after this one */
    struct Notice *notices, **last_notice;
    bool telling;

    enum SessionState state;
    struct SessionStop last_stop;
    Twin86Event last_event;
    uint8_t go[MACHINE_CPUS_MAX]; /* what the vCPUs do in this run: enum MachineGo */
    unsigned cpu;                 /* whose step of many instructions it is */
    uint64_t budget_end;          /* its cpu_progress at which that is done; UINT64_MAX: it is none */
    bool single;                  /* a single step is under way */
    unsigned holds;
    unsigned awaited;
    bool begun; /* session_start was called: nobody waits for a name server any more */
    bool start_wanted, no_shutdown;
    enum Twin86PanicAction panic_action;
    bool reset_asked;         /* the next reset is not the guest's doing */
    bool suspended;           /* as observers know it */
    struct LoopTimer balloon; /* when its next change is told */
    int64_t balloon_told;
    bool ended;
    Twin86Event end;
};

/* ---- observers ---- */

static void tell(const struct SessionObserver *o, const struct Notice *n) {
    switch (n->kind) {
    case NOTICE_STOPPED:
        if (o->stopped != NULL)
            o->stopped(o->opaque, &n->stop);
        break;
    case NOTICE_RESUMED:
        if (o->resumed != NULL)
            o->resumed(o->opaque);
        break;
    case NOTICE_RESET:
        if (o->reset != NULL)
            o->reset(o->opaque, n->by_guest);
        break;
    case NOTICE_SUSPENDED:
        if (o->suspended != NULL)
            o->suspended(o->opaque);
        break;
    case NOTICE_WOKEN:
        if (o->woken != NULL)
            o->woken(o->opaque);
        break;
    case NOTICE_NEWS:
        if (o->news != NULL)
            o->news(o->opaque, &n->news);
        break;
    case NOTICE_POWERDOWN:
        if (o->powerdown != NULL)
            o->powerdown(o->opaque);
        break;
    case NOTICE_PANICKED:
        if (o->panicked != NULL)
            o->panicked(o->opaque, &n->event, n->action);
        break;
    case NOTICE_SHUTDOWN:
        if (o->shutdown != NULL)
            o->shutdown(o->opaque, &n->event);
        break;
    }
}

static void tell_all(struct Session *s) {
    if (s->telling)
        return;
    s->telling = true;
    while (s->notices != NULL) {
        struct Notice *n = s->notices;
        s->notices = n->next;
        if (s->notices == NULL)
            s->last_notice = &s->notices;
        for (struct SessionObserver *o = s->observers; o != NULL; o = s->next_observer) {
            s->next_observer = o->next;
            tell(o, n);
        }
        free(n);
    }
    s->telling = false;
}

static void notify(struct Session *s, const struct Notice *what) {
    struct Notice *n = malloc(sizeof(*n));
    if (n == NULL)
        return;
    *n = *what;
    n->next = NULL;
    if (n->stop.event != NULL)
        n->stop.event = &n->event;
    *s->last_notice = n;
    s->last_notice = &n->next;
    tell_all(s);
}

static void notify_shutdown(struct Session *s, const Twin86Event *event) {
    struct Notice n = {.kind = NOTICE_SHUTDOWN, .event = *event};
    notify(s, &n);
}

static void notify_panic(struct Session *s, const Twin86Event *event, enum Twin86PanicAction action) {
    struct Notice n = {.kind = NOTICE_PANICKED, .event = *event, .action = action};
    notify(s, &n);
}

void session_observe(struct Session *s, struct SessionObserver *o) {
    o->next = s->observers;
    s->observers = o;
}

void session_unobserve(struct Session *s, struct SessionObserver *o) {
    if (s->next_observer == o)
        s->next_observer = o->next;
    for (struct SessionObserver **link = &s->observers; *link != NULL; link = &(*link)->next) {
        if (*link == o) {
            *link = o->next;
            return;
        }
    }
}

/* ---- the machine's news ---- */

static void stopped(struct Session *s, enum SessionState state, bool stepped, const Twin86Event *event) {
    s->state = state;
    s->budget_end = UINT64_MAX;
    s->single = false;
    if (event != NULL)
        s->last_event = *event;
    s->last_stop = (struct SessionStop){state, stepped, event != NULL ? &s->last_event : NULL};
    struct Notice n = {.kind = NOTICE_STOPPED, .stop = s->last_stop};
    if (event != NULL)
        n.event = *event;
    notify(s, &n);
}

static void end(struct Session *s, const Twin86Event *event) {
    if (s->ended)
        return;
    s->ended = true;
    s->end = *event;
    s->state = SESSION_SHUTDOWN;
    notify_shutdown(s, event);
}

/* The run is over: so is the session, unless somebody wants to look. */
static void run_over(struct Session *s, enum SessionState state, const Twin86Event *event) {
    if (!s->no_shutdown) {
        end(s, event);
        return;
    }
    notify_shutdown(s, event);
    stopped(s, state, false, event);
}

static void run_on(struct Session *s);

/* The guest says that it panicked; of what a crash kernel takes care the host is only told. */
static void guest_panic(struct Session *s, const Twin86Event *event) {
    enum Twin86PanicAction action = event->value & PVPANIC_PANICKED ? s->panic_action : TWIN86_PANIC_NONE;
    if (action == TWIN86_PANIC_SHUTDOWN && s->no_shutdown)
        action = TWIN86_PANIC_PAUSE;
    notify_panic(s, event, action);
    if (action == TWIN86_PANIC_SHUTDOWN)
        end(s, event);
    else if (action == TWIN86_PANIC_PAUSE)
        stopped(s, SESSION_GUEST_PANICKED, false, event);
    else if (s->single) /* that was the step */
        stopped(s, SESSION_PAUSED, true, event);
    else if (s->holds == 0 && s->state == SESSION_RUNNING)
        run_on(s);
}

static void handle_event(struct Session *s, const Twin86Event *event) {
    switch (event->kind) {
    case TWIN86_EVENT_NONE: break;
    case TWIN86_EVENT_BUDGET: stopped(s, SESSION_PAUSED, true, event); break;
    case TWIN86_EVENT_DEBUG:
        if (machine_cpu(s->m, event->cpu)->debug.hit.kind == CPU_HIT_STEP)
            stopped(s, SESSION_PAUSED, true, event);
        else
            stopped(s, SESSION_DEBUG, false, event);
        break;
    case TWIN86_EVENT_POWEROFF:
    case TWIN86_EVENT_RESET: run_over(s, SESSION_SHUTDOWN, event); break;
    case TWIN86_EVENT_TRIPLE_FAULT:
        notify_panic(s, event, s->no_shutdown ? TWIN86_PANIC_PAUSE : TWIN86_PANIC_SHUTDOWN);
        run_over(s, SESSION_GUEST_PANICKED, event);
        break;
    case TWIN86_EVENT_PANIC: guest_panic(s, event); break;
    case TWIN86_EVENT_IO_ERROR: stopped(s, SESSION_IO_ERROR, false, event); break;
    case TWIN86_EVENT_ERROR: run_over(s, SESSION_INTERNAL_ERROR, event); break;
    case TWIN86_EVENT_DEBUG_EXIT:
    case TWIN86_EVENT_STUCK: /* the session's own */
    case TWIN86_EVENT_QUIT: end(s, event); break;
    }
}

static void tell_balloon(void *opaque) {
    struct Session *s = opaque;
    struct Notice n = {.kind = NOTICE_NEWS, .news = {.kind = NEWS_BALLOON}};
    s->balloon_told = loop_now();
    notify(s, &n);
}

/* While a balloon moves it changes all the time: as often as QEMU tells it, the last change among it. */
static void balloon_changed(struct Session *s) {
    if (loop_now() - s->balloon_told >= NS_PER_SEC)
        tell_balloon(s);
    else
        loop_timer_arm(&s->loop, &s->balloon, s->balloon_told + NS_PER_SEC);
}

static bool next_news(struct Session *s, struct News *news) {
    pthread_mutex_lock(&s->m->lock);
    bool there = news_take(&s->m->news, news);
    pthread_mutex_unlock(&s->m->lock);
    return there;
}

static void take_news(struct Session *s) {
    struct Notice n = {.kind = NOTICE_NEWS};
    for (unsigned i = 0; i < NEWS_MOST && next_news(s, &n.news); i++) /* a guest may make more meanwhile */
        n.news.kind == NEWS_BALLOON ? balloon_changed(s) : notify(s, &n);
}

static void on_news(void *opaque, int fd, short revents) {
    (void)fd, (void)revents;
    take_news(opaque);
}

/* True: there was one. What the machine has said before it comes before it. */
static bool take_event(struct Session *s) {
    Twin86Event event;
    if (machine_wait(s->m, 0, &event) != 0)
        return false;
    take_news(s);
    handle_event(s, &event);
    return true;
}

static void on_event(void *opaque, int fd, short revents) {
    (void)fd, (void)revents;
    take_event(opaque);
}

/* Resets since last time, in the order in which they are told: one that was asked for, and the guest's. */
static void on_reset(void *opaque, int fd, short revents) {
    struct Session *s = opaque;
    uint64_t count = 0;
    (void)revents;
    if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    for (uint64_t i = 0; i < count && i < 16; i++) { /* a guest may do nothing else */
        struct Notice n = {.kind = NOTICE_RESET, .by_guest = !s->reset_asked};
        s->reset_asked = false;
        notify(s, &n);
    }
}

/* Each is one of two that follow one another. */
static void on_sleep(void *opaque, int fd, short revents) {
    struct Session *s = opaque;
    uint64_t count = 0;
    (void)revents;
    if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    for (count = count < 16 ? count : 16 + count % 2; count > 0; count--) { /* a guest may do nothing else */
        s->suspended = !s->suspended;
        struct Notice n = {.kind = s->suspended ? NOTICE_SUSPENDED : NOTICE_WOKEN};
        notify(s, &n);
    }
}

static bool nobody_awaited(const struct Session *s) { return s->awaited == 0 && s->m->chardevs.awaited == 0; }

/* Somebody came who was waited for. */
static void arrived(struct Session *s) {
    if (nobody_awaited(s) && s->start_wanted && s->state == SESSION_PRELAUNCH)
        session_start(s, false);
}

static void on_arrived(void *opaque, int fd, short revents) {
    uint64_t count;
    (void)revents;
    if (read(fd, &count, sizeof(count)) > 0)
        arrived(opaque);
}

/* ---- life ---- */

struct Session *session_new(struct Machine *m) {
    struct Session *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->m = m;
    s->state = SESSION_PRELAUNCH;
    s->last_stop.state = SESSION_PRELAUNCH;
    s->budget_end = UINT64_MAX;
    s->last_notice = &s->notices;
    s->balloon_told = loop_now() - NS_PER_SEC;
    loop_timer_init(&s->balloon, tell_balloon, s);
    if (loop_init(&s->loop, NULL) != 0 || loop_add_fd(&s->loop, m->slot.fd, POLLIN, on_event, s) != 0 ||
        loop_add_fd(&s->loop, m->sleep_fd, POLLIN, on_sleep, s) != 0 ||
        loop_add_fd(&s->loop, m->news.fd, POLLIN, on_news, s) != 0 ||
        loop_add_fd(&s->loop, m->reset_fd, POLLIN, on_reset, s) != 0 ||
        loop_add_fd(&s->loop, m->chardevs.arrived_fd, POLLIN, on_arrived, s) != 0) {
        loop_destroy(&s->loop);
        free(s);
        return NULL;
    }
    return s;
}

void session_free(struct Session *s) {
    if (s == NULL)
        return;
    if (s->end.kind != TWIN86_EVENT_STUCK)
        machine_pause(s->m, -1);
    while (s->at_end != NULL) {
        struct AtEnd *e = s->at_end;
        s->at_end = e->next;
        e->fn(e->opaque);
        free(e);
    }
    loop_destroy(&s->loop);
    free(s);
}

struct Machine *session_machine(const struct Session *s) { return s->m; }

int session_at_end(struct Session *s, void (*fn)(void *opaque), void *opaque) {
    struct AtEnd *e = malloc(sizeof(*e));
    if (e == NULL)
        return -ENOMEM;
    *e = (struct AtEnd){s->at_end, fn, opaque};
    s->at_end = e;
    return 0;
}

struct Loop *session_loop(struct Session *s) { return &s->loop; }

struct VncServer *session_vnc(const struct Session *s) { return s->vnc; }
void session_set_vnc(struct Session *s, struct VncServer *first) { s->vnc = first; }

void session_poll(struct Session *s, int64_t timeout_us) { loop_run_once(&s->loop, timeout_us); }

bool session_ended(const struct Session *s, Twin86Event *event) {
    if (s->ended)
        *event = s->end;
    return s->ended;
}

/* ---- starting, stopping ---- */

/* Let the guest run for the rest of its step, if it is one. */
static void run_on(struct Session *s) {
    uint64_t done = cpu_progress(machine_cpu(s->m, s->cpu));
    if (s->budget_end == UINT64_MAX)
        machine_go(s->m, s->go, 0);
    else if (s->budget_end > done)
        machine_go(s->m, s->go, s->budget_end - done);
    else if (!take_event(s))
        stopped(s, SESSION_PAUSED, true, NULL); /* a hold came just when the step was done */
}

/* Only a reset can make it run again. */
static bool run_is_over(const struct Session *s) {
    bool crashed = s->state == SESSION_GUEST_PANICKED && s->last_event.kind != TWIN86_EVENT_PANIC;
    return s->ended || crashed || s->state == SESSION_SHUTDOWN || s->state == SESSION_INTERNAL_ERROR;
}

/* What the vCPUs do, and how they are asked. */
struct Plan {
    uint8_t go[MACHINE_CPUS_MAX];
    unsigned cpu;
    uint64_t instructions; /* of that vCPU; 0: without limit */
    bool single;           /* with a step */
};

static int resume(struct Session *s, const struct Plan *p, char *why, size_t n) {
    if (run_is_over(s)) {
        snprintf(why, n, "the guest's run is over (%s); reset the machine first", session_state_name(s->state));
        return -EPERM;
    }
    if (s->state == SESSION_RUNNING)
        return -EBUSY;
    machine_sync_state(s->m);
    s->cpu = p->cpu;
    memcpy(s->go, p->go, sizeof(s->go));
    uint64_t done = cpu_progress(machine_cpu(s->m, p->cpu));
    s->budget_end = p->instructions == 0 || p->instructions > UINT64_MAX - done ? UINT64_MAX : done + p->instructions;
    s->single = p->single;
    s->state = SESSION_RUNNING;
    struct Notice notice = {.kind = NOTICE_RESUMED};
    notify(s, &notice);
    if (s->holds == 0 && s->state == SESSION_RUNNING && !machine_running(s->m))
        run_on(s);
    return 0;
}

int session_cont(struct Session *s, char *why, size_t n) {
    struct Plan p = {.instructions = 0};
    memset(p.go, MACHINE_RUN, sizeof(p.go));
    int r = resume(s, &p, why, n);
    return r != -EBUSY ? r : 0;
}

void session_start(struct Session *s, bool stopped) {
    char why[8];
    s->begun = true;
    s->start_wanted = !stopped;
    if (s->start_wanted && nobody_awaited(s))
        session_cont(s, why, sizeof(why));
}

static int resume_stopped(struct Session *s, const struct Plan *p, char *why, size_t n) {
    int r = resume(s, p, why, n);
    if (r == -EBUSY)
        snprintf(why, n, "the guest is running; stop it first");
    return r;
}

int session_go(struct Session *s, const uint8_t *go, char *why, size_t n) {
    struct Plan p = {.single = false};
    memcpy(p.go, go, s->m->cpu_count);
    for (unsigned i = 0; i < s->m->cpu_count; i++)
        p.single |= go[i] == MACHINE_STEP;
    return resume_stopped(s, &p, why, n);
}

int session_step(struct Session *s, unsigned cpu, uint64_t instructions, char *why, size_t n) {
    struct Plan p = {.cpu = cpu, .instructions = instructions};
    p.go[cpu] = MACHINE_RUN;
    return resume_stopped(s, &p, why, n);
}

int session_single_step(struct Session *s, unsigned cpu, char *why, size_t n) {
    struct Plan p = {.single = true};
    p.go[cpu] = MACHINE_STEP;
    return resume_stopped(s, &p, why, n);
}

/* Whatever a vCPU does, nobody waits for it for ever. */
static int pause_guest(struct Session *s, char *why, size_t n) {
    int r = s->end.kind == TWIN86_EVENT_STUCK ? -ETIMEDOUT : machine_pause(s->m, SESSION_ANSWER_MS);
    if (r != 0)
        snprintf(why, n, "%s", no_answer);
    return r;
}

int session_stop(struct Session *s, char *why, size_t n) {
    if (s->state != SESSION_RUNNING)
        return 0;
    int r = pause_guest(s, why, n);
    if (r == 0 && !take_event(s)) /* it may have stopped by itself in the same moment */
        stopped(s, SESSION_PAUSED, false, NULL);
    return r;
}

bool session_wait_stop(struct Session *s, int timeout_ms) {
    Twin86Event event;
    if (s->state == SESSION_RUNNING && s->holds == 0 && machine_wait(s->m, timeout_ms, &event) == 0) {
        take_news(s);
        handle_event(s, &event);
    }
    return s->state != SESSION_RUNNING;
}

int session_hold(struct Session *s, char *why, size_t n) {
    int r = s->holds == 0 ? pause_guest(s, why, n) : 0;
    if (r != 0)
        return r;
    s->holds++;
    machine_sync_state(s->m);
    return 0;
}

void session_release(struct Session *s) {
    take_news(s); /* of what was done meanwhile, before whoever did it goes on */
    if (--s->holds == 0 && s->state == SESSION_RUNNING && !machine_running(s->m))
        run_on(s); /* if it stopped by itself meanwhile, that is told first: machine_start does nothing then */
}

void session_reset(struct Session *s) {
    s->reset_asked = true;
    machine_press_reset(s->m);
    if (s->state == SESSION_SHUTDOWN || s->state == SESSION_GUEST_PANICKED)
        s->state = s->last_stop.state = SESSION_PAUSED;
}

void session_powerdown(struct Session *s) {
    struct Notice n = {.kind = NOTICE_POWERDOWN};
    machine_press_power(s->m);
    notify(s, &n);
}

int session_wakeup(struct Session *s) { return machine_wake(s->m) ? 0 : -EALREADY; }

void session_nmi(struct Session *s) { machine_press_nmi(s->m); }

void session_quit(struct Session *s) {
    Twin86Event event = {.kind = TWIN86_EVENT_QUIT};
    if (pause_guest(s, event.message, sizeof(event.message)) != 0)
        event.kind = TWIN86_EVENT_STUCK;
    else
        take_event(s);
    if (s->ended)
        s->end = event;
    else
        end(s, &event);
}

int session_set_accel(struct Session *s, const char *accel, char *why, size_t n) {
    if (session_hold(s, why, n) != 0)
        return -ETIMEDOUT;
    pthread_mutex_lock(&s->m->lock);
    int r = machine_set_engine(s->m, accel, why, n);
    pthread_mutex_unlock(&s->m->lock);
    session_release(s);
    return r;
}

enum SessionState session_state(const struct Session *s) { return s->state; }
const struct SessionStop *session_last_stop(const struct Session *s) { return &s->last_stop; }
void session_set_no_shutdown(struct Session *s, bool on) { s->no_shutdown = on; }
void session_set_panic_action(struct Session *s, enum Twin86PanicAction action) { s->panic_action = action; }

int session_set_no_reboot(struct Session *s, bool on, char *why, size_t n) {
    int r = session_hold(s, why, n); /* the vCPU's thread reads it */
    if (r != 0)
        return r;
    s->m->config.no_reboot = on;
    session_release(s);
    return 0;
}

const char *session_state_name(enum SessionState state) {
    static const char *const names[] = {
        [SESSION_PRELAUNCH] = "prelaunch", [SESSION_RUNNING] = "running",
        [SESSION_PAUSED] = "paused",       [SESSION_DEBUG] = "debug",
        [SESSION_SHUTDOWN] = "shutdown",   [SESSION_GUEST_PANICKED] = "guest-panicked",
        [SESSION_IO_ERROR] = "io-error",   [SESSION_INTERNAL_ERROR] = "internal-error",
    };
    return names[state];
}

const char *session_status(const struct Session *s) {
    return s->state == SESSION_RUNNING && machine_asleep(s->m) ? "suspended" : session_state_name(s->state);
}

/* ---- listening ---- */

static void accept_again(void *opaque) {
    struct Listener *l = opaque;
    loop_modify_fd(&l->session->loop, l->fd, POLLIN);
}

/* No client: one that has gone again, or there are no descriptors or no memory for it, and it goes on waiting: the
 * socket stays readable, so don't look for a while. */
static void accept_failed(struct Listener *l, int e) {
    if (e != EMFILE && e != ENFILE && e != ENOBUFS && e != ENOMEM)
        return;
    loop_modify_fd(&l->session->loop, l->fd, 0);
    loop_timer_arm(&l->session->loop, &l->again, loop_now() + ACCEPT_RETRY_NS);
}

static void on_client(void *opaque, int fd, short revents) {
    struct Listener *l = opaque;
    struct Session *s = l->session;
    (void)revents;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        accept_failed(l, errno);
        return;
    }
    l->accept(l->opaque, client);
    if (!l->awaited)
        return;
    l->awaited = false;
    s->awaited--;
    arrived(s);
}

static void end_listener(void *opaque) {
    struct Listener *l = opaque;
    loop_timer_arm(&l->session->loop, &l->again, LOOP_NEVER);
    loop_remove_fd(&l->session->loop, l->fd);
    listen_close(&l->spec, l->fd);
    free(l);
}

int session_listen(struct Session *s, const char *spec, bool may_wait, SessionAccept *fn, void *opaque, char *why,
                   size_t n) {
    struct Listener *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        snprintf(why, n, "out of memory");
        return -ENOMEM;
    }
    *l = (struct Listener){.session = s, .accept = fn, .opaque = opaque, .fd = -1};
    loop_timer_init(&l->again, accept_again, l);
    int r = listen_parse(spec, &l->spec, why, n);
    if (r == 0 && (r = l->fd = listen_open(&l->spec, !s->begun, why, n)) >= 0) {
        r = loop_add_fd(&s->loop, l->fd, POLLIN, on_client, l);
        if (r == 0 && (r = session_at_end(s, end_listener, l)) == 0) {
            l->awaited = may_wait && l->spec.wait;
            s->awaited += l->awaited;
            return 0;
        }
        snprintf(why, n, "out of memory");
        loop_remove_fd(&s->loop, l->fd);
    }
    listen_close(&l->spec, l->fd);
    free(l);
    return r;
}
