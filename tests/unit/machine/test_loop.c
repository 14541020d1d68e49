/* SPDX-License-Identifier: MIT */
/* The event loop, with real pipes, files, eventfds and threads. */
#include "machine/loop.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SHORT_US = 20000, POSTERS = 6, POSTS = 2000 };

/* A pipe whose reading end is watched. */
struct Pipe {
    struct Loop *loop;
    int fd[2];
    unsigned calls;
    short revents;
    void (*then)(struct Pipe *p);
    struct Pipe *other;
};

static void on_pipe(void *opaque, int fd, short revents) {
    struct Pipe *p = opaque;
    ck_assert_int_eq(fd, p->fd[0]);
    p->calls++;
    p->revents = revents;
    if (p->then != NULL)
        p->then(p);
}

static void pipe_open(struct Pipe *p, struct Loop *l) {
    *p = (struct Pipe){.loop = l};
    ck_assert_int_eq(pipe(p->fd), 0);
    ck_assert_int_eq(loop_add_fd(l, p->fd[0], POLLIN, on_pipe, p), 0);
}

static void pipe_put(struct Pipe *p) { ck_assert_int_eq(write(p->fd[1], "x", 1), 1); }

static void pipe_close(struct Pipe *p) {
    loop_remove_fd(p->loop, p->fd[0]);
    close(p->fd[0]);
    close(p->fd[1]);
}

START_TEST(descriptors) {
    struct Loop l;
    struct Pipe a, b;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    pipe_open(&b, &l);
    loop_run_once(&l, 0);
    ck_assert_uint_eq(a.calls + b.calls, 0);
    pipe_put(&a);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls, 1);
    ck_assert_int_eq(a.revents, POLLIN);
    ck_assert_uint_eq(b.calls, 0);
    loop_run_once(&l, -1); /* still to be read: told again */
    ck_assert_uint_eq(a.calls, 2);
    ck_assert_int_eq(loop_modify_fd(&l, a.fd[0], 0), 0);
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(a.calls, 2);
    ck_assert_int_eq(loop_modify_fd(&l, a.fd[0], POLLIN), 0);
    pipe_put(&b);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls, 3);
    ck_assert_uint_eq(b.calls, 1);
    int n = b.fd[0];
    pipe_close(&b);
    ck_assert_int_eq(loop_modify_fd(&l, n, POLLIN), -ENOENT);
    ck_assert_int_eq(loop_add_fd(&l, -1, POLLIN, on_pipe, &b), -EBADF);
    ck_assert_int_eq(loop_add_fd(&l, n, POLLIN, on_pipe, &b), -EBADF); /* closed */
    loop_run_once(&l, 0);
    pipe_close(&a);
    loop_destroy(&l);
}
END_TEST

START_TEST(replaced) {
    struct Loop l;
    struct Pipe a, second = {0};
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    second.fd[0] = a.fd[0];
    ck_assert_int_eq(loop_add_fd(&l, a.fd[0], POLLIN, on_pipe, &second), 0);
    pipe_put(&a);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls, 0);
    ck_assert_uint_eq(second.calls, 1);
    pipe_close(&a);
    loop_destroy(&l);
}
END_TEST

/* A hang-up that nobody wants to hear of does not keep the loop busy. */
START_TEST(hangup) {
    struct Loop l;
    struct Pipe a;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    close(a.fd[1]);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls, 1);
    ck_assert_int_ne(a.revents & POLLHUP, 0);
    ck_assert_int_eq(loop_modify_fd(&l, a.fd[0], 0), 0);
    int64_t before = loop_now();
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(a.calls, 1);
    ck_assert_int_ge(loop_now() - before, SHORT_US * 1000LL);
    loop_remove_fd(&l, a.fd[0]);
    close(a.fd[0]);
    loop_destroy(&l);
}
END_TEST

START_TEST(plain_file) {
    struct Loop l;
    struct Pipe p = {.loop = &l};
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    p.fd[0] = fileno(f);
    ck_assert_int_eq(loop_add_fd(&l, p.fd[0], POLLIN, on_pipe, &p), 0);
    loop_run_once(&l, -1);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(p.calls, 2);
    ck_assert_int_eq(p.revents, POLLIN);
    ck_assert_int_eq(loop_modify_fd(&l, p.fd[0], 0), 0);
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(p.calls, 2);
    ck_assert_int_eq(loop_modify_fd(&l, p.fd[0], POLLIN | POLLOUT), 0);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(p.calls, 3);
    ck_assert_int_eq(p.revents, POLLIN | POLLOUT);
    loop_remove_fd(&l, p.fd[0]);
    loop_run_once(&l, 0);
    ck_assert_uint_eq(p.calls, 3);
    loop_destroy(&l);
    fclose(f);
}
END_TEST

/* ---- changes within handlers ---- */

static void remove_both(struct Pipe *p) {
    loop_remove_fd(p->loop, p->other->fd[0]);
    loop_remove_fd(p->loop, p->fd[0]);
}

/* Whichever is called first: the other's event of the same round is not told. */
START_TEST(removal_in_handler) {
    struct Loop l;
    struct Pipe a, b;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    pipe_open(&b, &l);
    a.then = b.then = remove_both;
    a.other = &b, b.other = &a;
    pipe_put(&a);
    pipe_put(&b);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls + b.calls, 1);
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(a.calls + b.calls, 1);
    pipe_close(&a);
    pipe_close(&b);
    loop_destroy(&l);
}
END_TEST

/* The other's descriptor is closed, and a new one gets its number. */
static void reuse_number(struct Pipe *p) {
    struct Pipe *o = p->other;
    loop_remove_fd(p->loop, o->fd[0]);
    close(o->fd[1]);
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(dup2(fds[0], o->fd[0]), o->fd[0]);
    close(fds[0]);
    o->fd[1] = fds[1];
    ck_assert_int_eq(loop_add_fd(p->loop, o->fd[0], POLLIN, on_pipe, o), 0);
    p->then = o->then = NULL;
}

START_TEST(reuse_in_handler) {
    struct Loop l;
    struct Pipe a, b;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    pipe_open(&b, &l);
    a.then = b.then = reuse_number;
    a.other = &b, b.other = &a;
    pipe_put(&a);
    pipe_put(&b);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls + b.calls, 1); /* the old one's event is not the new one's */
    struct Pipe *fresh = a.calls == 0 ? &a : &b;
    pipe_put(fresh);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(fresh->calls, 1);
    pipe_close(&a);
    pipe_close(&b);
    loop_destroy(&l);
}
END_TEST

static void want_no_more(struct Pipe *p) { ck_assert_int_eq(loop_modify_fd(p->loop, p->other->fd[0], 0), 0); }

START_TEST(modified_in_handler) {
    struct Loop l;
    struct Pipe a, b;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    pipe_open(&a, &l);
    pipe_open(&b, &l);
    a.then = b.then = want_no_more;
    a.other = &b, b.other = &a;
    pipe_put(&a);
    pipe_put(&b);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(a.calls + b.calls, 1);
    pipe_close(&a);
    pipe_close(&b);
    loop_destroy(&l);
}
END_TEST

/* ---- timers ---- */

struct Tick {
    struct LoopTimer timer;
    struct Loop *loop;
    char letter;
    bool again;
};

static char ticks[16];

static void on_tick(void *opaque) {
    struct Tick *t = opaque;
    ck_assert_int_eq(t->timer.deadline, LOOP_NEVER);
    ticks[strlen(ticks)] = t->letter;
    if (t->again)
        loop_timer_arm(t->loop, &t->timer, loop_now() - 1);
}

START_TEST(host_timers) {
    struct Loop l;
    struct Tick t[4];
    memset(ticks, 0, sizeof(ticks));
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    int64_t now = loop_now();
    for (unsigned i = 0; i < 4; i++) {
        t[i] = (struct Tick){.loop = &l, .letter = (char)('a' + i)};
        loop_timer_init(&t[i].timer, on_tick, &t[i]);
    }
    loop_timer_arm(&l, &t[0].timer, now + 2000000);
    loop_timer_arm(&l, &t[1].timer, now + 1000000);
    loop_timer_arm(&l, &t[2].timer, now + 2000000); /* a tie: the order of arming */
    loop_timer_arm(&l, &t[3].timer, now + 500000);
    loop_timer_arm(&l, &t[3].timer, LOOP_NEVER);
    while (strlen(ticks) < 3)
        loop_run_once(&l, -1);
    ck_assert_str_eq(ticks, "bac");
    ck_assert_int_ge(loop_now() - now, 2000000);
    t[3].again = true; /* one that is due again at once takes its turn with all else */
    loop_timer_arm(&l, &t[3].timer, now);
    loop_run_once(&l, -1);
    ck_assert_str_eq(ticks, "bacd");
    loop_run_once(&l, -1);
    ck_assert_str_eq(ticks, "bacdd");
    loop_timer_arm(&l, &t[3].timer, LOOP_NEVER);
    loop_run_once(&l, SHORT_US);
    ck_assert_str_eq(ticks, "bacdd");
    loop_destroy(&l);
}
END_TEST

static void count(void *opaque) { ++*(unsigned *)opaque; }

/* Those of a clock: while the loop is active. */
START_TEST(clock_timers) {
    struct Loop l;
    struct Timer t;
    unsigned fired = 0;
    struct Clock *c = clock_new(CLOCK_HOST);
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    loop_set_clock(&l, c);
    clock_set_notify(c, loop_deadline_changed, &l);
    timer_init(&t, c, count, &fired);
    timer_arm(&t, clock_now(c) + 1000000);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(fired, 1);
    loop_set_active(&l, false);
    timer_arm(&t, clock_now(c));
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(fired, 1);
    loop_set_active(&l, true);
    loop_run_once(&l, -1);
    ck_assert_uint_eq(fired, 2);
    timer_arm(&t, CLOCK_END); /* centuries: the sum with the host's time has no room */
    loop_run_once(&l, SHORT_US);
    ck_assert_uint_eq(fired, 2);
    loop_destroy(&l);
    clock_free(c);
}
END_TEST

/* ---- work ---- */

struct Post {
    struct LoopWork work;
    struct Loop *loop;
    unsigned calls;
    bool again;
};

static char order[16];

static void on_post(void *opaque) {
    struct Post *p = opaque;
    p->calls++;
    if (strlen(order) + 1 < sizeof(order))
        order[strlen(order)] = (char)('0' + p->calls);
    if (p->again)
        loop_post(p->loop, &p->work);
}

START_TEST(work) {
    struct Loop l;
    struct Post p[3];
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        p[i] = (struct Post){.loop = &l, .calls = 3 * i};
        loop_work_init(&p[i].work, on_post, &p[i]);
        loop_post(&l, &p[i].work);
        loop_post(&l, &p[i].work); /* asked for already */
    }
    memset(order, 0, sizeof(order));
    loop_run_once(&l, -1);
    ck_assert_str_eq(order, "147");
    p[0].again = true; /* once a round, so that all else gets its turn */
    loop_post(&l, &p[0].work);
    loop_run_once(&l, -1);
    ck_assert_str_eq(order, "1472");
    p[0].again = false;
    loop_run_once(&l, -1);
    ck_assert_str_eq(order, "14723");
    loop_post(&l, &p[1].work);
    loop_post(&l, &p[2].work);
    loop_cancel(&l, &p[1].work);
    loop_run_once(&l, -1);
    ck_assert_str_eq(order, "147238");
    loop_post(&l, &p[1].work); /* and may be posted again */
    loop_set_active(&l, false);
    loop_run_once(&l, SHORT_US);
    ck_assert_str_eq(order, "147238");
    loop_set_active(&l, true);
    loop_run_once(&l, -1);
    ck_assert_str_eq(order, "1472385");
    loop_destroy(&l);
}
END_TEST

/* ---- threads ---- */

/* Each posts its own works, one after the other; the loop's thread sees each poster's in order. */
struct Poster {
    struct Crowd *crowd;
    pthread_t thread;
    struct LoopWork work[POSTS];
    unsigned seen;
};

struct Crowd {
    struct Loop loop;
    pthread_mutex_t lock;
    bool held; /* somebody has the lock: under it */
    unsigned done;
    struct Poster poster[POSTERS];
};

static void enter(struct Crowd *c) {
    ck_assert(!c->held);
    c->held = true;
    c->held = false;
}

static void on_counted(void *opaque) {
    struct Poster *p = opaque;
    enter(p->crowd);
    ck_assert(!atomic_load(&p->work[p->seen].posted)); /* this one, and not one behind it */
    p->seen++;
    p->crowd->done++;
}

static void *poster_main(void *arg) {
    struct Poster *p = arg;
    for (unsigned i = 0; i < POSTS; i++)
        loop_post(&p->crowd->loop, &p->work[i]);
    return NULL;
}

static unsigned crowd_done(struct Crowd *c) {
    pthread_mutex_lock(&c->lock);
    unsigned done = c->done;
    pthread_mutex_unlock(&c->lock);
    return done;
}

START_TEST(posts_from_many_threads) {
    struct Crowd *c = calloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    ck_assert_int_eq(loop_init(&c->loop, &c->lock), 0);
    ck_assert_int_eq(loop_start(&c->loop), 0);
    for (unsigned i = 0; i < POSTERS; i++) {
        struct Poster *p = &c->poster[i];
        p->crowd = c;
        for (unsigned j = 0; j < POSTS; j++)
            loop_work_init(&p->work[j], on_counted, p);
        ck_assert_int_eq(pthread_create(&p->thread, NULL, poster_main, p), 0);
    }
    /* meanwhile descriptors come and go */
    for (unsigned i = 0; i < 200; i++) {
        struct Pipe p;
        pthread_mutex_lock(&c->lock);
        enter(c);
        pipe_open(&p, &c->loop);
        pthread_mutex_unlock(&c->lock);
        pipe_put(&p);
        pthread_mutex_lock(&c->lock);
        pipe_close(&p);
        pthread_mutex_unlock(&c->lock);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(c->poster[i].thread, NULL);
    while (crowd_done(c) < POSTERS * POSTS)
        usleep(1000);
    loop_destroy(&c->loop);
    for (unsigned i = 0; i < POSTERS; i++)
        ck_assert_uint_eq(c->poster[i].seen, POSTS);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
END_TEST

/* An eventfd that another thread signals, in a loop with a thread; its handler reads it and removes itself. */
struct Signal {
    struct Loop loop;
    pthread_mutex_t lock;
    unsigned calls;
};

static void on_signal(void *opaque, int fd, short revents) {
    struct Signal *s = opaque;
    uint64_t n;
    (void)revents;
    ck_assert_int_eq(read(fd, &n, sizeof(n)), (int)sizeof(n));
    s->calls++;
    loop_remove_fd(&s->loop, fd);
}

START_TEST(own_thread) {
    struct Signal s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t one = 1;
    ck_assert_int_eq(loop_init(&s.loop, &s.lock), 0);
    ck_assert_int_eq(loop_start(&s.loop), 0);
    pthread_mutex_lock(&s.lock);
    ck_assert_int_eq(loop_add_fd(&s.loop, fd, POLLIN, on_signal, &s), 0);
    pthread_mutex_unlock(&s.lock);
    unsigned calls = 0;
    ck_assert_int_eq(write(fd, &one, sizeof(one)), (int)sizeof(one));
    while (calls == 0) {
        pthread_mutex_lock(&s.lock);
        calls = s.calls;
        pthread_mutex_unlock(&s.lock);
        usleep(1000);
    }
    ck_assert_int_eq(write(fd, &one, sizeof(one)), (int)sizeof(one));
    usleep(SHORT_US);
    loop_stop(&s.loop);
    ck_assert_uint_eq(s.calls, 1);
    ck_assert_int_eq(loop_start(&s.loop), 0); /* and once more */
    loop_destroy(&s.loop);
    loop_destroy(&s.loop); /* does no harm */
    close(fd);
}
END_TEST

/* Diverted work is done by whoever is asked to. */
static void asked(void *opaque) { ++*(unsigned *)opaque; }

START_TEST(diverted) {
    struct Loop l;
    struct Post p = {.loop = &l};
    unsigned asks = 0;
    ck_assert_int_eq(loop_init(&l, NULL), 0);
    loop_divert(&l, asked, &asks);
    loop_work_init(&p.work, on_post, &p);
    loop_post(&l, &p.work);
    ck_assert_uint_eq(asks, 1);
    loop_run_once(&l, 0);
    ck_assert_uint_eq(p.calls, 0);
    loop_run_posted(&l);
    ck_assert_uint_eq(p.calls, 1);
    loop_destroy(&l);
}
END_TEST

Suite *loop_suite(void) {
    Suite *s = suite_create("loop");
    TCase *tc = tcase_create("loop");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, descriptors);
    tcase_add_test(tc, replaced);
    tcase_add_test(tc, hangup);
    tcase_add_test(tc, plain_file);
    tcase_add_test(tc, removal_in_handler);
    tcase_add_test(tc, reuse_in_handler);
    tcase_add_test(tc, modified_in_handler);
    tcase_add_test(tc, host_timers);
    tcase_add_test(tc, clock_timers);
    tcase_add_test(tc, work);
    tcase_add_test(tc, posts_from_many_threads);
    tcase_add_test(tc, own_thread);
    tcase_add_test(tc, diverted);
    suite_add_tcase(s, tc);
    return s;
}
