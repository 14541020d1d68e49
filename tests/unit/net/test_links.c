/* SPDX-License-Identifier: MIT */
/* Host ends that carry frames over sockets (-netdev stream, dgram, socket), and filter-dump, on a loop of the test's.
 */
#include "base/bytes.h"
#include "net/dump.h"
#include "net/framing.h"
#include "net/netdev.h"
#include "tests/unit/suites.h"

#include <arpa/inet.h>
#include <check.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS = 16, FRAMES = 4096 };

/* ---- a loop ---- */

struct NetTimer {
    int64_t deadline;
    NetTimerFn *fn;
    void *opaque;
};

static struct {
    struct pollfd fd[FDS];
    struct {
        NetFdFn *fn;
        void *opaque;
    } of[FDS];
    struct NetTimer timer[FDS];
    unsigned fds, timers;
} loop;

static int watch(void *opaque, int fd, short events, NetFdFn *fn, void *fn_opaque) {
    unsigned i = 0;
    (void)opaque;
    while (i < loop.fds && loop.fd[i].fd != fd)
        i++;
    loop.fds += i == loop.fds;
    ck_assert_uint_le(loop.fds, FDS);
    loop.fd[i] = (struct pollfd){fd, events, 0};
    loop.of[i].fn = fn;
    loop.of[i].opaque = fn_opaque;
    return 0;
}

static void forget(void *opaque, int fd) {
    (void)opaque;
    for (unsigned i = 0; i < loop.fds; i++)
        if (loop.fd[i].fd == fd) {
            loop.fds--;
            loop.fd[i] = loop.fd[loop.fds];
            loop.of[i] = loop.of[loop.fds];
        }
}

static struct NetTimer *timer_new(void *opaque, NetTimerFn *fn, void *fn_opaque) {
    (void)opaque;
    loop.timer[loop.timers] = (struct NetTimer){NET_NEVER, fn, fn_opaque};
    return &loop.timer[loop.timers++];
}

static void timer_arm(struct NetTimer *t, int64_t deadline) { t->deadline = deadline; }
static void timer_free(struct NetTimer *t) { t->deadline = NET_NEVER; }

static const struct NetHostOps host_ops = {watch, forget, timer_new, timer_arm, timer_free};
static const struct NetHost host = {&host_ops, NULL};

/* One round; all timers are due. False: nothing happened. */
static bool turn(void) {
    bool any = false;
    for (unsigned i = 0; i < loop.timers; i++)
        if (loop.timer[i].deadline != NET_NEVER) {
            loop.timer[i].deadline = NET_NEVER;
            loop.timer[i].fn(loop.timer[i].opaque);
            any = true;
        }
    if (poll(loop.fd, loop.fds, 0) <= 0)
        return any;
    struct pollfd ready[FDS];
    unsigned n = loop.fds;
    memcpy(ready, loop.fd, sizeof(ready));
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < loop.fds && ready[i].revents != 0; k++)
            if (loop.fd[k].fd == ready[i].fd) {
                loop.of[k].fn(loop.of[k].opaque, ready[i].fd, ready[i].revents);
                any = true;
                break;
            }
    return any;
}

/* Until nothing more happens, or for so many rounds. */
static void run(unsigned rounds) {
    while (rounds-- > 0 && turn()) {
    }
}

/* ---- what stands for a card ---- */

struct Card {
    struct NetEnd end;
    struct Netdev *d;
    bool refuses;
    unsigned got, ready;
    uint64_t sum;    /* of what came */
    size_t bytes;    /* of the last one, */
    uint32_t number; /* and what is in it */
};

static bool can_take(void *opaque) { return !((struct Card *)opaque)->refuses; }

static bool take(void *opaque, const struct NetPacket *p) {
    struct Card *c = opaque;
    uint8_t number[4] = {0};
    if (c->refuses)
        return false;
    net_copy(p, 14, number, sizeof(number));
    c->sum += get_le32(number) * 3 + p->bytes;
    c->bytes = p->bytes;
    c->number = get_le32(number);
    c->got++;
    return true;
}

static void ready(void *opaque) { ((struct Card *)opaque)->ready++; }

static void open_card(struct Card *c, const char *text) {
    static const struct NetOps ops = {.can_take = can_take, .take = take, .ready = ready};
    char why[300] = "";
    memset(c, 0, sizeof(*c));
    net_end_init(&c->end, "card", &ops, c, NULL);
    ck_assert_msg(netdev_open(&c->d, "-netdev", text, "n", &host, why, sizeof why) == 0, "%s", why);
    ck_assert_int_eq(net_connect(&c->end, &c->d->end), 0);
    ck_assert_int_eq(netdev_start(c->d, why, sizeof why), 0);
}

static void close_card(struct Card *c) {
    netdev_close(c->d);
    net_end_destroy(&c->end);
}

static uint8_t frame[NET_FRAME_MAX];

/* Number `i` is in it. Returns what it adds to the sum. */
static uint64_t send_frame(struct Card *c, uint32_t i, size_t bytes) {
    put_le32(frame + 14, i);
    net_send_frame(&c->end, frame, bytes);
    return i * 3 + bytes;
}

static char folder[] = "/tmp/twin86-links-XXXXXX";
static char text[2][400];

static void begin(void) {
    memset(&loop, 0, sizeof(loop));
    strcpy(folder, "/tmp/twin86-links-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void) { ck_assert_int_eq(rmdir(folder), 0); /* no socket is left */ }

/* ---- streams ---- */

static void open_pair(struct Card *a, struct Card *b) {
    begin();
    snprintf(text[0], sizeof text[0], "stream,server=on,addr.type=unix,addr.path=%s/s", folder);
    snprintf(text[1], sizeof text[1], "stream,reconnect=1,addr.type=unix,addr.path=%s/s", folder);
    open_card(a, text[0]);
    open_card(b, text[1]);
    run(100);
}

START_TEST(stream) {
    static const size_t sizes[] = {18, 60, 61, 1514, 9000, 65535, NET_FRAME_MAX};
    static struct Card a, b;
    uint64_t sum[2] = {0};
    open_pair(&a, &b);
    for (uint32_t i = 0; i < 700; i++) {
        struct Card *from = i % 2 ? &a : &b;
        sum[i % 2] += send_frame(from, i, sizes[i % 7]);
        net_sent(&from->end);
        run(1);
    }
    run(1000);
    ck_assert_uint_eq(a.got, 350);
    ck_assert_uint_eq(b.got, 350);
    ck_assert_uint_eq(b.sum, sum[1]);
    ck_assert_uint_eq(a.sum, sum[0]);
    close_card(&b);
    close_card(&a);
    end();
}
END_TEST

/* A sender that is held, because nobody reads; a receiver that takes nothing for a while. Nothing is lost. */
START_TEST(stream_held) {
    static struct Card a, b;
    uint64_t sum = 0;
    uint32_t sent = 0;
    open_pair(&a, &b);
    b.refuses = true;
    while (net_can_send(&a.end) && sent < FRAMES) {
        sum += send_frame(&a, sent++, 1514);
        net_sent(&a.end);
        if (sent % 16 == 0)
            run(2);
    }
    ck_assert_uint_gt(sent, 100);
    ck_assert_uint_lt(sent, FRAMES);
    ck_assert_uint_eq(b.got, 0);
    ck_assert_uint_eq(a.ready, 0);
    run(100);
    b.refuses = false;
    net_ready(&b.end);
    run(10000);
    ck_assert_uint_eq(b.got, sent);
    ck_assert_uint_eq(b.sum, sum);
    ck_assert_uint_eq(a.ready, 1);
    ck_assert_uint_eq(a.end.sent.dropped + a.d->end.lost, 0);
    close_card(&a);
    close_card(&b);
    end();
}
END_TEST

/* What is no frame ends the connection; another one comes. */
START_TEST(stream_wrong) {
    static struct Card a;
    static const uint8_t wrong[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3}, small[] = {0, 0, 0, 2, 9, 9, 0, 0, 0, 0};
    uint8_t good[4 + 60] = {0, 0, 0, 60}, byte;
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    begin();
    snprintf(text[0], sizeof text[0], "stream,server=on,addr.type=unix,addr.path=%s/s", folder);
    snprintf(u.sun_path, sizeof u.sun_path, "%s/s", folder);
    open_card(&a, text[0]);
    for (unsigned round = 0; round < 2; round++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&u, sizeof u), 0);
        ck_assert_int_eq(write(fd, small, sizeof small), sizeof small);
        for (unsigned i = 0; i < sizeof good; i++) { /* byte by byte */
            ck_assert_int_eq(write(fd, good + i, 1), 1);
            run(10);
        }
        ck_assert_uint_eq(a.got, round + 1);
        ck_assert_int_eq(write(fd, wrong, sizeof wrong), sizeof wrong);
        run(10);
        ck_assert_int_le(read(fd, &byte, 1), 0);
        close(fd);
        run(10);
    }
    send_frame(&a, 0, 60); /* nobody is there */
    ck_assert_uint_eq(a.d->end.lost, 1);
    close_card(&a);
    end();
}
END_TEST

/* One that connects goes on when the other one has gone and is there again. */
START_TEST(stream_again) {
    static struct Card a, b;
    open_pair(&a, &b);
    close_card(&a);
    run(3);
    snprintf(text[0], sizeof text[0], "stream,server=on,addr.type=unix,addr.path=%s/s", folder);
    open_card(&a, text[0]);
    run(5);
    send_frame(&b, 7, 100);
    net_sent(&b.end);
    run(5);
    ck_assert_uint_eq(a.got, 1);
    close_card(&a);
    close_card(&b);
    end();
}
END_TEST

/* ---- datagrams ---- */

START_TEST(dgram) {
    static struct Card a, b;
    uint64_t sum = 0;
    uint32_t sent = 0;
    begin();
    for (unsigned i = 0; i < 2; i++)
        snprintf(text[i], sizeof text[i], "dgram,local.type=unix,local.path=%s/%u,remote.type=unix,remote.path=%s/%u",
                 folder, i, folder, 1 - i);
    open_card(&a, text[0]);
    send_frame(&a, 0, 60); /* nobody is there yet */
    ck_assert_uint_eq(a.d->end.lost, 1);
    open_card(&b, text[1]);
    b.refuses = true;
    while (net_can_send(&a.end) && sent < FRAMES)
        sum += send_frame(&a, sent++, 1514);
    ck_assert_uint_lt(sent, FRAMES);
    run(10);
    b.refuses = false;
    net_ready(&b.end);
    run(1000);
    ck_assert_uint_eq(b.got, sent);
    ck_assert_uint_eq(b.sum, sum);
    ck_assert_uint_eq(a.ready, 1);
    close_card(&a);
    close_card(&b);
    end();
}
END_TEST

/* Over UDP only the remote address is heard. */
START_TEST(udp) {
    static struct Card a;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, to = in;
    socklen_t size = sizeof in;
    int fd[2];
    memset(&loop, 0, sizeof(loop));
    for (unsigned i = 0; i < 2; i++) {
        fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
        ck_assert_int_eq(bind(fd[i], (struct sockaddr *)&in, sizeof in), 0);
    }
    ck_assert_int_eq(getsockname(fd[0], (struct sockaddr *)&in, &size), 0);
    int spare = socket(AF_INET, SOCK_DGRAM, 0); /* a port that is free */
    ck_assert_int_eq(bind(spare, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(getsockname(spare, (struct sockaddr *)&to, &size), 0);
    close(spare);
    snprintf(text[0], sizeof text[0], "socket,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", ntohs(in.sin_port),
             ntohs(to.sin_port));
    open_card(&a, text[0]);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(sendto(fd[i], frame, 60 + i, 0, (struct sockaddr *)&to, sizeof to), 60 + i);
    run(10);
    ck_assert_uint_eq(a.got, 1);
    ck_assert_uint_eq(a.bytes, 60);
    send_frame(&a, 1, 70);
    ck_assert_int_eq(recv(fd[0], frame, sizeof frame, 0), 70);
    close(fd[0]);
    close(fd[1]);
    close_card(&a);
}
END_TEST

/* ---- tap ---- */

enum { NOT_HERE = 77, TYPE = 0x88b5 /* for experiments (IEEE 802) */ };

#define DEMAND(x)                                                                                                      \
    do {                                                                                                               \
        if (!(x))                                                                                                      \
            _exit(1 + __LINE__ % 70);                                                                                  \
    } while (0)

/* The device up, and a socket that sees its frames of that type. */
static int listen_at(const char *name, uint16_t type) {
    struct ifreq r = {0};
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(type));
    snprintf(r.ifr_name, IFNAMSIZ, "%s", name);
    DEMAND(s >= 0 && ioctl(s, SIOCGIFFLAGS, &r) == 0);
    r.ifr_flags |= IFF_UP;
    DEMAND(ioctl(s, SIOCSIFFLAGS, &r) == 0 && ioctl(s, SIOCGIFINDEX, &r) == 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_ifindex = r.ifr_ifindex};
    DEMAND(bind(s, (struct sockaddr *)&at, sizeof at) == 0);
    return s;
}

/* A TCP packet that is still to be cut: who does that is the kernel's matter. */
static void send_long(struct Card *c, size_t payload) {
    static const uint8_t ip[] = {0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    struct iovec v = {frame, 54 + payload};
    struct NetPacket p = {.piece = &v, .pieces = 1, .bytes = 54 + payload};
    p.offload = (struct NetOffload){.needs_checksum = true,
                                    .gso = NET_GSO_TCP4,
                                    .start = 34,
                                    .offset = 16,
                                    .header_bytes = 54,
                                    .segment_bytes = 1000};
    memset(frame, 0xff, 12);
    put_be16(frame + 12, 0x800);
    memcpy(frame + 14, ip, sizeof ip);
    put_be16(frame + 16, (uint16_t)(40 + payload));
    frame[46] = 0x50;
    net_send(&c->end, &p);
    net_sent(&c->end);
}

/* In a network of its own. */
static void use_tap(void) {
    static struct Card a;
    char why[200];
    if (access("/dev/net/tun", R_OK | W_OK) != 0 ||
        (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0))
        _exit(NOT_HERE);
    memset(&loop, 0, sizeof(loop));
    memset(&a, 0, sizeof a);
    static const struct NetOps ops = {.can_take = can_take, .take = take, .ready = ready};
    net_end_init(&a.end, "card", &ops, &a, NULL);
    if (netdev_open(&a.d, "-netdev", "tap,ifname=tw0,script=no,downscript=no,vhost=off", "n", &host, why, sizeof why) !=
        0)
        _exit(NOT_HERE);
    DEMAND(net_connect(&a.end, &a.d->end) == 0 && netdev_start(a.d, why, sizeof why) == 0);
    int s = listen_at("tw0", TYPE), ip = listen_at("tw0", 0x800);
    memset(frame, 0xff, 12);
    put_be16(frame + 12, TYPE);
    put_le32(frame + 14, 0x12345678);
    DEMAND(send(s, frame, 100, 0) == 100);
    for (unsigned i = 0; i < 2000 && a.number != 0x12345678; i++) /* the kernel has frames of its own */
        run(1);
    DEMAND(a.number == 0x12345678 && a.bytes == 100);
    send_frame(&a, 5, 200);
    DEMAND(recv(s, frame, sizeof frame, 0) == 200 && get_le32(frame + 14) == 5);
    send_long(&a, 3000);
    DEMAND(recv(ip, frame, sizeof frame, 0) == 3054);
    DEMAND(a.end.sent.dropped == 0 && a.d->end.lost == 0);
    close_card(&a);
    _exit(0);
}

START_TEST(tap) {
    int status;
    pid_t child = fork();
    if (child == 0)
        use_tap();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_HERE)
        printf("SKIP tap: no device can be made here\n");
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* ---- filter-dump ---- */

START_TEST(dump) {
    static struct Card a, b;
    struct NetDump *d = NULL;
    char why[200], file[100];
    uint8_t data[24 + 16 + 60 + 16 + 100 + 1];
    open_pair(&a, &b);
    snprintf(file, sizeof file, "%s/d", folder);
    ck_assert_int_eq(net_dump_open(&d, &a.d->end, "d", file, 100, why, sizeof why), 0);
    send_frame(&a, 0x01020304, 60);
    net_sent(&a.end);
    send_frame(&b, 5, 500);
    net_sent(&b.end);
    run(10);
    ck_assert_uint_eq(d->frames, 2);
    net_dump_close(d);
    send_frame(&a, 1, 60); /* not watched any more */
    FILE *f = fopen(file, "rb");
    ck_assert_uint_eq(fread(data, 1, sizeof data, f), sizeof data - 1);
    fclose(f);
    ck_assert_uint_eq(get_le32(data), 0xa1b2c3d4);
    ck_assert_uint_eq(get_le32(data + 16), 100);
    ck_assert_uint_eq(get_le32(data + 20), 1);
    ck_assert_uint_eq(get_le32(data + 24 + 8), 60);
    ck_assert_uint_eq(get_le32(data + 40 + 14), 0x01020304);
    ck_assert_uint_eq(get_le32(data + 100 + 8), 100); /* cut */
    ck_assert_uint_eq(get_le32(data + 100 + 12), 500);
    unlink(file);
    ck_assert_int_ne(net_dump_open(&d, &a.d->end, "d", "/nowhere/x", 100, why, sizeof why), 0);
    close_card(&a);
    close_card(&b);
    end();
}
END_TEST

/* A disk that is full ends the file, and nothing else. */
START_TEST(dump_full) {
    static struct Card a, b;
    struct NetDump *d = NULL;
    char why[200];
    open_pair(&a, &b);
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_int_ne(net_dump_open(&d, &a.d->end, "d", "/dev/full", 100, why, sizeof why), 0);
        ck_assert_ptr_nonnull(strstr(why, "No space"));
    }
    send_frame(&a, 1, 60);
    net_sent(&a.end);
    run(5);
    ck_assert_uint_eq(b.got, 1);
    close_card(&a);
    close_card(&b);
    end();
}
END_TEST

Suite *links_net_suite(void) {
    Suite *s = suite_create("links_net");
    TCase *t = tcase_create("links_net");
    tcase_add_test(t, stream);
    tcase_add_test(t, stream_held);
    tcase_add_test(t, stream_wrong);
    tcase_add_test(t, stream_again);
    tcase_add_test(t, dgram);
    tcase_add_test(t, udp);
    tcase_add_test(t, tap);
    tcase_add_test(t, dump);
    tcase_add_test(t, dump_full);
    suite_add_tcase(s, t);
    return s;
}
