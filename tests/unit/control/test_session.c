/* SPDX-License-Identifier: MIT */
/* Run control, listening sockets and their clients. */
#include "control/session/session.h"
#include "control/session/stream.h"
#include "machine/chardev/listen.h"
#include "tests/unit/control/session_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- specifications ---- */

static const struct {
    const char *spec, *host, *port, *path;
    bool wait;
} good_specs[] = {
    {"tcp::1234", "", "1234", NULL, false},
    {"tcp:1234", "", "1234", NULL, false},
    {"tcp:localhost:1", "localhost", "1", NULL, false},
    {"tcp:[::1]:65535,server", "::1", "65535", NULL, true},
    {"tcp:0.0.0.0:80,server=on,wait=off", "0.0.0.0", "80", NULL, false},
    {"unix:/tmp/x", NULL, NULL, "/tmp/x", false},
    {"unix:/tmp/x,server", NULL, NULL, "/tmp/x", true},
    {"unix:x,server,nowait", NULL, NULL, "x", false},
    {"unix:x,nowait,server", NULL, NULL, "x", false},
    {"unix:x,wait", NULL, NULL, "x", true},
};

START_TEST(specs_are_parsed) {
    struct ListenSpec p;
    char why[200] = "";
    ck_assert_msg(listen_parse(good_specs[_i].spec, &p, why, sizeof(why)) == 0, "%s: %s", good_specs[_i].spec, why);
    ck_assert_int_eq(p.local, good_specs[_i].path != NULL);
    ck_assert_str_eq(p.local ? p.path : p.host, p.local ? good_specs[_i].path : good_specs[_i].host);
    if (!p.local)
        ck_assert_str_eq(p.port, good_specs[_i].port);
    ck_assert_int_eq(p.wait, good_specs[_i].wait);
}
END_TEST

#define LONG_PATH                                                                                                      \
    "unix:/"                                                                                                           \
    "0123456789abcdef012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"

static const char *const bad_specs[] = {
    "",
    "x",
    "tcp:",
    "tcp::",
    "tcp::0",
    "tcp::65536",
    "tcp::123456789",
    "tcp::-1",
    "tcp:: 1",
    "tcp:host:port",
    "unix:",
    "unix:,server",
    "unix:x,",
    "unix:x,server=off",
    "unix:x,telnet",
    "udp::1",
    "stdio,server",
    LONG_PATH,
};

START_TEST(bad_specs_are_refused) {
    struct ListenSpec p;
    char why[200] = "";
    ck_assert_msg(listen_parse(bad_specs[_i], &p, why, sizeof(why)) == -EINVAL, "'%s' was taken", bad_specs[_i]);
    ck_assert(why[0] != '\0' && strchr(why, '\n') == NULL);
}
END_TEST

/* Once the guest has begun nobody waits for a name server. */
START_TEST(names_are_not_looked_up) {
    static const char *const known[] = {"tcp:localhost:65431", "tcp:127.0.0.1:65431", "tcp::65431"};
    struct ListenSpec p;
    char why[300];
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct addrinfo *list = NULL;
        ck_assert_int_eq(listen_parse(known[i], &p, why, sizeof(why)), 0);
        ck_assert_msg(listen_resolve(&p, false, &list, why, sizeof(why)) == 0, "%s", why);
        const struct sockaddr_in *a = (const struct sockaddr_in *)list->ai_addr;
        ck_assert_uint_eq(a->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
        freeaddrinfo(list);
    }
    ck_assert_int_eq(listen_parse("tcp:host.example:65431", &p, why, sizeof(why)), 0);
    ck_assert_int_eq(listen_open(&p, false, why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "addresses and localhost are"));
}
END_TEST

START_TEST(unix_sockets_are_private_and_replace_abandoned_ones) {
    char path[64], spec[80], why[300];
    struct ListenSpec p;
    struct stat st;
    snprintf(path, sizeof(path), "/tmp/twin86-listen-%d", (int)getpid());
    snprintf(spec, sizeof(spec), "unix:%s", path);
    ck_assert_int_eq(listen_parse(spec, &p, why, sizeof(why)), 0);
    mode_t old = umask(0);
    int fd = listen_open(&p, true, why, sizeof(why));
    umask(old);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(listen_open(&p, true, why, sizeof(why)), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why, "in use"));
    close(fd); /* as a process that was killed leaves it */
    fd = listen_open(&p, true, why, sizeof(why));
    ck_assert_int_ge(fd, 0);
    listen_close(&p, fd);
    ck_assert_int_eq(stat(path, &st), -1);

    close(open(path, O_CREAT | O_WRONLY, 0600)); /* somebody's file */
    ck_assert_int_eq(listen_open(&p, true, why, sizeof(why)), -EEXIST);
    ck_assert_int_eq(stat(path, &st), 0);
    unlink(path);
    ck_assert_int_eq(listen_parse("unix:/nonexistent/x", &p, why, sizeof(why)), 0);
    ck_assert_int_lt(listen_open(&p, true, why, sizeof(why)), 0);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/x"));
}
END_TEST

/* ---- run control ---- */

/* What an observer was told, as letters. */
struct Log {
    char text[64];
    size_t used;
    struct Session *session;
    bool restart;
};

static void put(void *opaque, char c) {
    struct Log *l = opaque;
    if (l->used + 1 < sizeof(l->text))
        l->text[l->used++] = c;
}
static void log_stopped(void *opaque, const struct SessionStop *stop) {
    struct Log *l = opaque;
    char why[100];
    put(l, stop->stepped ? 's' : 'S');
    if (l->restart) {
        l->restart = false;
        ck_assert_int_eq(session_cont(l->session, why, sizeof(why)), 0);
    }
}
static void log_resumed(void *opaque) { put(opaque, 'R'); }
static void log_reset(void *opaque, bool by_guest) { put(opaque, by_guest ? 'g' : 'h'); }
static void log_powerdown(void *opaque) { put(opaque, 'P'); }
static void log_panicked(void *opaque, const Twin86Event *e, enum Twin86PanicAction action) {
    ck_assert_str_ne(e->message, "");
    put(opaque, "!?."[action]);
}
static void log_shutdown(void *opaque, const Twin86Event *e) {
    (void)e;
    put(opaque, 'X');
}
#define LOG_OBSERVER(log)                                                                                              \
    {.stopped = log_stopped,                                                                                           \
     .resumed = log_resumed,                                                                                           \
     .reset = log_reset,                                                                                               \
     .powerdown = log_powerdown,                                                                                       \
     .panicked = log_panicked,                                                                                         \
     .shutdown = log_shutdown,                                                                                         \
     .opaque = (log)}

START_TEST(everybody_is_told) {
    struct SessionBench b;
    session_bench_new(&b, false);
    SESSION_BENCH_CODE(&b, 0x40, 0xeb, 0xfd); /* INC AX; JMP */
    struct Log log = {.session = b.s}, other = {.session = b.s};
    struct SessionObserver o = LOG_OBSERVER(&log), o2 = LOG_OBSERVER(&other);
    char why[100];
    Twin86Event e;
    session_observe(b.s, &o);
    session_observe(b.s, &o2);
    ck_assert_int_eq(session_state(b.s), SESSION_PRELAUNCH);
    session_start(b.s, true);
    ck_assert_int_eq(session_state(b.s), SESSION_PRELAUNCH);
    ck_assert_int_eq(session_step(b.s, 0, 3, why, sizeof(why)), 0);
    session_bench_until(&b, SESSION_PAUSED);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->env.gpr[REG_AX], 2);
    ck_assert_str_eq(log.text, "Rs");
    ck_assert_int_eq(session_stop(b.s, why, sizeof(why)), 0); /* stands already */
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), 0);
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), 0);
    ck_assert_int_eq(session_step(b.s, 0, 1, why, sizeof(why)), -EBUSY);
    ck_assert_int_eq(session_hold(b.s, why, sizeof(why)), 0);
    ck_assert(!vcpu_running(machine_cpu(b.m, 0)));
    ck_assert_int_eq(session_state(b.s), SESSION_RUNNING);
    session_release(b.s);
    ck_assert(vcpu_running(machine_cpu(b.m, 0)));
    log.restart = true; /* and the other still hears of the stop first */
    ck_assert_int_eq(session_stop(b.s, why, sizeof(why)), 0);
    ck_assert_str_eq(log.text, "RsRSR");
    ck_assert_str_eq(other.text, "RsRSR");
    session_unobserve(b.s, &o2);
    session_powerdown(b.s);
    session_reset(b.s);
    for (unsigned i = 0; i < 100 && log.used < 7; i++)
        session_poll(b.s, 100000);
    ck_assert_str_eq(log.text, "RsRSRPh");
    ck_assert(!session_ended(b.s, &e));
    session_quit(b.s);
    ck_assert(session_ended(b.s, &e));
    ck_assert_int_eq(e.kind, TWIN86_EVENT_QUIT);
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), -EPERM);
    ck_assert_str_eq(log.text, "RsRSRPhX");
    ck_assert_str_eq(other.text, "RsRSR");
    session_bench_free(&b);
}
END_TEST

START_TEST(a_step_that_is_held_is_finished) {
    struct SessionBench b;
    session_bench_new(&b, false);
    SESSION_BENCH_CODE(&b, 0x40, 0xeb, 0xfd);
    char why[100];
    ck_assert_int_eq(session_step(b.s, 0, 5000000, why, sizeof(why)), 0);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_int_eq(session_hold(b.s, why, sizeof(why)), 0);
        session_release(b.s);
    }
    session_bench_until(&b, SESSION_PAUSED);
    ck_assert(session_last_stop(b.s)->stepped);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->insn_count, 5000000);
    session_bench_free(&b);
}
END_TEST

/* A single step is one instruction, whatever happens meanwhile; a breakpoint is another state than a step. */
START_TEST(single_steps_and_breakpoints) {
    struct SessionBench b;
    session_bench_new(&b, false);
    SESSION_BENCH_CODE(&b, 0x40, 0x40, 0xeb, 0xfc); /* INC AX; INC AX; JMP back */
    char why[100] = "";
    ck_assert_int_eq(session_single_step(b.s, 0, why, sizeof(why)), 0);
    ck_assert_int_eq(session_single_step(b.s, 0, why, sizeof(why)), -EBUSY);
    ck_assert_int_eq(session_hold(b.s, why, sizeof(why)), 0);
    session_release(b.s);
    session_bench_until(&b, SESSION_PAUSED);
    ck_assert(session_last_stop(b.s)->stepped);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->env.gpr[REG_AX], 1);
    struct CpuPoint p = {.kind = CPU_BREAKPOINT, .address = 0x7c01};
    ck_assert_int_eq(machine_insert_point(b.m, &p, why, sizeof(why)), 0);
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), 0); /* not where the step ended */
    session_bench_until(&b, SESSION_DEBUG);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->env.gpr[REG_AX], 3);
    ck_assert(!session_last_stop(b.s)->stepped);
    session_bench_free(&b);
}
END_TEST

static void run_until_stop(struct SessionBench *b) {
    Twin86Event e;
    for (unsigned i = 0; i < 20 && !session_ended(b->s, &e) && session_state(b->s) == SESSION_RUNNING; i++)
        session_poll(b->s, 1000000);
}

/* Steps end where they should, whether a panic stops the guest or not. */
START_TEST(panics_by_action) {
    static const struct {
        enum Twin86PanicAction action;
        bool no_shutdown;
        const char *log; /* "." goes on, "?" stops, "!" ends it */
    } cases[] = {
        {TWIN86_PANIC_NONE, false, "R..sR.s"},  {TWIN86_PANIC_NONE, true, "R..sR.s"},
        {TWIN86_PANIC_PAUSE, false, "R.?SR?S"}, {TWIN86_PANIC_SHUTDOWN, true, "R.?SR?S"},
        {TWIN86_PANIC_SHUTDOWN, false, "R.!X"},
    };
    struct SessionBench b;
    char why[200];
    session_bench_new(&b, false);
    /* MOV DX,505h; MOV AL,2; OUT DX,AL; DEC AX; OUT DX,AL; JMP to itself */
    SESSION_BENCH_CODE(&b, 0xba, 0x05, 0x05, 0xb0, 0x02, 0xee, 0x48, 0xee, 0xeb, 0xfe);
    struct Log log = {.session = b.s};
    struct SessionObserver o = LOG_OBSERVER(&log);
    session_observe(b.s, &o);
    session_set_panic_action(b.s, cases[_i].action);
    session_set_no_shutdown(b.s, cases[_i].no_shutdown);
    ck_assert_int_eq(session_step(b.s, 0, 6, why, sizeof(why)), 0);
    run_until_stop(&b);
    if (log.text[log.used - 1] == 's')
        ck_assert_uint_eq(machine_cpu(b.m, 0)->insn_count, 6);
    if (log.text[log.used - 1] != 'X') { /* the second OUT again, alone */
        ck_assert_int_eq(twin86_write_reg(b.machine, 0, TWIN86_RIP, 0x7c07), 0);
        ck_assert_int_eq(session_single_step(b.s, 0, why, sizeof(why)), 0);
        run_until_stop(&b);
    }
    ck_assert_str_eq(log.text, cases[_i].log);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->env.rip, 0x7c08);
    session_bench_free(&b);
}
END_TEST

START_TEST(a_triple_fault_can_be_looked_at) {
    struct SessionBench b;
    session_bench_new(&b, true);
    SESSION_BENCH_CODE(&b, 0x2e, 0x0f, 0x01, 0x1e, 0x00, 0x7d, 0xcc); /* LIDT CS:[7D00h]: limit 0; INT3 */
    struct Log log = {.session = b.s};
    struct SessionObserver o = LOG_OBSERVER(&log);
    char why[200];
    Twin86Event e;
    session_observe(b.s, &o);
    session_set_no_shutdown(b.s, true);
    session_start(b.s, false);
    session_bench_until(&b, SESSION_GUEST_PANICKED);
    ck_assert(!session_ended(b.s, &e));
    ck_assert_str_eq(log.text, "R?XS");
    ck_assert_int_eq(session_last_stop(b.s)->event->kind, TWIN86_EVENT_TRIPLE_FAULT);
    ck_assert_uint_eq(machine_cpu(b.m, 0)->env.rip, 0x7c06);
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), -EPERM);
    ck_assert_ptr_nonnull(strstr(why, "guest-panicked"));
    session_reset(b.s);
    ck_assert_int_eq(session_state(b.s), SESSION_PAUSED);
    ck_assert_int_eq(session_cont(b.s, why, sizeof(why)), 0);
    session_bench_free(&b);

    session_bench_new(&b, true); /* without no_shutdown */
    SESSION_BENCH_CODE(&b, 0x2e, 0x0f, 0x01, 0x1e, 0x00, 0x7d, 0xcc);
    session_start(b.s, false);
    for (unsigned i = 0; i < 100 && !session_ended(b.s, &e); i++)
        session_poll(b.s, 100000);
    ck_assert(session_ended(b.s, &e));
    ck_assert_int_eq(e.kind, TWIN86_EVENT_TRIPLE_FAULT);
    session_bench_free(&b);
}
END_TEST

/* ---- clients ---- */

/* Says everything twice. */
struct Echo {
    struct Session *s;
    struct Stream *stream;
    unsigned came, gone;
};

static void echo_data(void *opaque, const uint8_t *data, size_t size) {
    struct Echo *e = opaque;
    stream_write(e->stream, data, size);
    stream_write(e->stream, data, size);
    if (memchr(data, 'q', size) != NULL)
        stream_close(e->stream);
}
static void echo_closed(void *opaque) {
    ((struct Echo *)opaque)->gone++;
    ((struct Echo *)opaque)->stream = NULL;
}
static void echo_accept(void *opaque, int fd) {
    static const struct StreamOps ops = {echo_data, echo_closed};
    struct Echo *e = opaque;
    e->came++;
    e->stream = stream_new(e->s, fd, &ops, e);
}

START_TEST(clients_come_talk_and_go) {
    struct SessionBench b;
    struct Echo echo = {0};
    char path[64], spec[80], why[200], text[16] = "";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    session_bench_new(&b, false);
    SESSION_BENCH_CODE(&b, 0xeb, 0xfe);
    echo.s = b.s;
    snprintf(path, sizeof(path), "/tmp/twin86-client-%d", (int)getpid());
    snprintf(spec, sizeof(spec), "unix:%s,server", path);
    strcpy(address.sun_path, path);
    ck_assert_int_eq(session_listen(b.s, spec, true, echo_accept, &echo, why, sizeof(why)), 0);
    session_start(b.s, false);
    ck_assert_int_eq(session_state(b.s), SESSION_PRELAUNCH); /* waits for a client */
    for (unsigned i = 1; i <= 3; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        session_poll(b.s, 1000000);
        ck_assert_uint_eq(echo.came, i);
        ck_assert_int_eq(session_state(b.s), SESSION_RUNNING);
        ck_assert_int_eq(write(fd, "abc", 3), 3);
        session_poll(b.s, 1000000);
        ck_assert_int_eq(read(fd, text, sizeof(text)), 6);
        ck_assert_mem_eq(text, "abcabc", 6);
        if (i == 2) { /* a farewell */
            ck_assert_int_eq(write(fd, "q", 1), 1);
            session_poll(b.s, 1000000);
            session_poll(b.s, 1000000);
            ck_assert_int_eq(read(fd, text, sizeof(text)), 2);
            ck_assert_int_eq(read(fd, text, sizeof(text)), 0);
        }
        close(fd);
        session_poll(b.s, 1000);
        ck_assert_uint_eq(echo.gone, i);
    }
    session_bench_free(&b);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* One that sends and never reads. */
START_TEST(a_deaf_client_is_not_listened_to) {
    struct SessionBench b;
    struct Echo echo = {0};
    int pair[2];
    static char block[65536];
    session_bench_new(&b, false);
    echo.s = b.s;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    echo_accept(&echo, pair[0]);
    memset(block, 'x', sizeof(block));
    size_t sent = 0;
    for (unsigned i = 0; i < 3000; i++) {
        ssize_t n = write(pair[1], block, sizeof(block));
        sent += n > 0 ? (size_t)n : 0;
        session_poll(b.s, 0);
    }
    ck_assert_uint_lt(sent, 4 << 20);
    ck_assert_uint_eq(echo.gone, 0);
    static char big[STREAM_OUT_MAX];
    stream_write(echo.stream, big, sizeof(big)); /* too much */
    session_poll(b.s, 100000);
    ck_assert_uint_eq(echo.gone, 1);
    close(pair[1]);
    session_bench_free(&b);
}
END_TEST

Suite *session_suite(void) {
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_add_loop_test(t, specs_are_parsed, 0, sizeof(good_specs) / sizeof(good_specs[0]));
    tcase_add_loop_test(t, bad_specs_are_refused, 0, sizeof(bad_specs) / sizeof(bad_specs[0]));
    tcase_add_test(t, names_are_not_looked_up);
    tcase_add_test(t, unix_sockets_are_private_and_replace_abandoned_ones);
    tcase_add_test(t, everybody_is_told);
    tcase_add_test(t, a_step_that_is_held_is_finished);
    tcase_add_test(t, single_steps_and_breakpoints);
    tcase_add_loop_test(t, panics_by_action, 0, 5);
    tcase_add_test(t, a_triple_fault_can_be_looked_at);
    tcase_add_test(t, clients_come_talk_and_go);
    tcase_add_test(t, a_deaf_client_is_not_listened_to);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
