/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes what an NBD server answers (doc/proto.md of the NBD project): whatever that is, opening refuses it with one
 * line, or every operation ends, with data or with an error. The server is a thread of this program at a unix socket;
 * the input says byte by byte how it departs from the protocol, so that most of a conversation is right.
 *
 * All integers on the wire are big-endian.
 */
#include "base/bytes.h"
#include "block/block.h"
#include "tests/fuzz/input.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 5, MESSAGE = 4096, DATA_MOST = 64 * 1024, IO = 16 * 1024 };
enum { PATIENCE_MS = 100 }; /* where each waits for the other, the server gives up */
enum { OPT_ABORT = 2, OPT_GO = 7, OPT_STRUCTURED = 8 };
enum { REP_ACK = 1, REP_INFO = 3 };
enum { CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2 };
#define OPTION_MAGIC 0x49484156454f5054ull
#define REPLY_MAGIC 0x3e889045565a9ull
#define SIMPLE_MAGIC 0x67446698u
#define CHUNK_MAGIC 0x668e33efu

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "fuzz_nbd: %s\n", what);
    abort();
}

struct Server {
    pthread_mutex_t lock;
    struct Input in; /* this lock: clients share it */
    int listener, stop[2];
};

struct Client {
    struct Server *s;
    int fd;
    bool structured;
};

/* ---- the input ---- */

static uint8_t next(struct Client *c) {
    pthread_mutex_lock(&c->s->lock);
    uint8_t b = input_byte(&c->s->in);
    pthread_mutex_unlock(&c->s->lock);
    return b;
}

/* One byte in eight changes something; zeroes, which come at the input's end, nothing. */
static bool departs(struct Client *c) { return (next(c) & 7) == 7; }

/* ---- the wire ---- */

static bool receive(struct Client *c, void *to, size_t n) {
    for (char *p = to; n > 0;) {
        struct pollfd fds[] = {{c->fd, POLLIN, 0}, {c->s->stop[0], POLLIN, 0}};
        if (poll(fds, 2, PATIENCE_MS) <= 0 || fds[1].revents != 0)
            return false;
        ssize_t got = read(c->fd, p, n);
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
    }
    return true;
}

static bool skip(struct Client *c, uint64_t n) {
    static __thread char rest[4096];
    for (; n > 0; n -= n < sizeof(rest) ? n : sizeof(rest))
        if (!receive(c, rest, n < sizeof(rest) ? (size_t)n : sizeof(rest)))
            return false;
    return true;
}

/* With bytes changed, left out or doubled, as the input wants it. False: the connection ends. */
static bool answer(struct Client *c, uint8_t *data, size_t n) {
    if (departs(c)) {
        uint8_t how = next(c), at = next(c), value = next(c);
        if (how & 1 && n > 0)
            data[at % n] = value;
        if (how & 2 && n > 4)
            put_be32(data + at % (n - 4), (uint32_t)value << (how & 24));
        if (how & 4)
            n = n * value / 256;
        if (how & 32 && send(c->fd, data, n, MSG_NOSIGNAL) < 0)
            return false;
        if (how & 64) {
            send(c->fd, data, n, MSG_NOSIGNAL);
            return false;
        }
    }
    return n == 0 || send(c->fd, data, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* ---- negotiation ---- */

static bool answer_option(struct Client *c, uint32_t option, uint32_t type, const void *data, uint32_t n) {
    uint8_t reply[64];
    put_be64(reply, REPLY_MAGIC);
    put_be32(reply + 8, option);
    put_be32(reply + 12, type);
    put_be32(reply + 16, n);
    memcpy(reply + 20, data, n);
    return answer(c, reply, 20 + n);
}

static bool answer_go(struct Client *c) {
    uint8_t export[12] = {0};
    put_be64(export + 2, 1 << 20);
    put_be16(export + 10, 0x01ff & ~(uint16_t)(next(c) & 0xc2)); /* flags: mostly all, CAN_MULTI_CONN among them */
    return answer_option(c, OPT_GO, REP_INFO, export, sizeof(export)) && answer_option(c, OPT_GO, REP_ACK, "", 0);
}

/* True: transmission begins. */
static bool negotiate(struct Client *c) {
    uint8_t hello[18], flags[4], header[16];
    memcpy(hello, "NBDMAGICIHAVEOPT", 16);
    put_be16(hello + 16, 3); /* FIXED_NEWSTYLE, NO_ZEROES */
    if (!answer(c, hello, sizeof(hello)) || !receive(c, flags, sizeof(flags)))
        return false;
    while (receive(c, header, sizeof(header)) && get_be64(header) == OPTION_MAGIC) {
        uint32_t option = get_be32(header + 8);
        if (!skip(c, get_be32(header + 12)) || option == OPT_ABORT)
            return false;
        if (option == OPT_GO)
            return answer_go(c);
        bool good = option == OPT_STRUCTURED && next(c) & 1;
        c->structured |= good;
        if (!answer_option(c, option, good ? REP_ACK : 0x80000001u, "", 0)) /* ERR_UNSUP */
            return false;
    }
    return false;
}

/* ---- transmission ---- */

static bool answer_simple(struct Client *c, const uint8_t *cookie, uint32_t error, uint32_t n) {
    uint8_t header[16], *data = calloc(1, n + 1);
    put_be32(header, SIMPLE_MAGIC);
    put_be32(header + 4, error);
    memcpy(header + 8, cookie, 8);
    bool good = answer(c, header, sizeof(header)) && (error != 0 || answer(c, data, n));
    free(data);
    return good;
}

static bool answer_chunk(struct Client *c, const uint8_t *cookie, uint16_t flags, uint16_t type, const uint8_t *data,
                         uint32_t n) {
    uint8_t *chunk = calloc(1, 20 + n);
    put_be32(chunk, CHUNK_MAGIC);
    put_be16(chunk + 4, flags);
    put_be16(chunk + 6, type);
    memcpy(chunk + 8, cookie, 8);
    put_be32(chunk + 16, n);
    memcpy(chunk + 20, data, n);
    bool good = answer(c, chunk, 20 + n);
    free(chunk);
    return good;
}

/* Data, then a hole; or an error; of others nothing. */
static bool answer_structured(struct Client *c, const uint8_t *request, uint32_t n) {
    enum { DONE = 1, NONE = 0, OFFSET_DATA = 1, OFFSET_HOLE = 2, ERROR = 0x8001 };
    const uint8_t *cookie = request + 8;
    uint8_t hole[12], *data;
    if (get_be16(request + 6) != CMD_READ)
        return answer_chunk(c, cookie, DONE, NONE, hole, 0);
    if (departs(c)) {
        memset(hole, 0, sizeof(hole));
        hole[3] = next(c);
        return answer_chunk(c, cookie, DONE, ERROR, hole, 6);
    }
    uint32_t half = n / 2;
    data = calloc(1, 8 + half);
    memcpy(data, request + 16, 8);
    bool good = answer_chunk(c, cookie, 0, OFFSET_DATA, data, 8 + half);
    free(data);
    put_be64(hole, get_be64(request + 16) + half);
    put_be32(hole + 8, n - half);
    return good && answer_chunk(c, cookie, DONE, OFFSET_HOLE, hole, sizeof(hole));
}

static void *serve_client(void *opaque) {
    struct Client *c = opaque;
    uint8_t request[28];
    bool on = negotiate(c);
    while (on && receive(c, request, sizeof(request))) {
        uint16_t type = get_be16(request + 6);
        uint32_t n = get_be32(request + 24);
        if (type == CMD_DISC || (type == CMD_WRITE && !skip(c, n)))
            break;
        bool structured = c->structured && type == CMD_READ;
        on = n > DATA_MOST && type == CMD_READ ? false
             : structured                      ? answer_structured(c, request, n)
                          : answer_simple(c, request + 8, departs(c) ? next(c) : 0, type == CMD_READ ? n : 0);
    }
    close(c->fd);
    return NULL;
}

static void *serve(void *opaque) {
    struct Server *s = opaque;
    struct Client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    unsigned n = 0;
    for (;;) {
        struct pollfd fds[] = {{s->listener, n < CLIENTS ? POLLIN : 0, 0}, {s->stop[0], POLLIN, 0}};
        if (poll(fds, 2, -1) <= 0 || fds[1].revents != 0)
            break;
        clients[n] = (struct Client){.s = s, .fd = accept(s->listener, NULL, NULL)};
        if (clients[n].fd >= 0 && pthread_create(&threads[n], NULL, serve_client, &clients[n]) == 0)
            n++;
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    return NULL;
}

/* ---- the client ---- */

static void use(struct Block *b, struct Input *in) {
    static uint8_t data[IO];
    uint64_t size = block_size(b);
    for (int i = 0; i < 5; i++) {
        uint8_t how = input_byte(in);
        uint64_t offset = size / 256 * input_byte(in), bytes = (how >> 4) * 1024ull;
        bytes = bytes < size - offset ? bytes : size - offset;
        if (block_sync(b, how % BLOCK_OPS, offset, data, bytes) > 0)
            give_up("a result above 0");
    }
}

static char path[64];
static int listener = -1;

static void remove_socket(void) { unlink(path); }

static void listen_once(void) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (listener >= 0)
        return;
    snprintf(path, sizeof(path), "/tmp/fuzz-nbd-%d", (int)getpid());
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    unlink(path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(listener, CLIENTS) != 0)
        give_up("no socket");
    atexit(remove_socket);
}

/* Who was not accepted is nobody's in the next round. */
static void forget_waiting(void) {
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
        close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[BLOCK_WHY] = "", name[96];
    struct Server s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct Input how = {data, size < 11 ? size : 11}; /* the first bytes are the client's */
    struct Block *b = NULL;
    pthread_t thread;
    listen_once();
    s.listener = listener;
    s.in = (struct Input){data + how.left, size - how.left};
    if (pipe(s.stop) != 0 || pthread_create(&thread, NULL, serve, &s) != 0)
        give_up("no server");
    snprintf(name, sizeof(name), "nbd:unix:%s", path);
    struct BlockOptions o = {.filename = name,
                             .format = "raw",
                             .readonly = input_byte(&how) & 1,
                             .auto_readonly = true,
                             .discard = BLOCK_DISCARD_UNMAP};
    int r = block_open(&b, &o, NULL, why, sizeof(why));
    if (r != 0 && (r > 0 || why[0] == '\0' || strchr(why, '\n') != NULL))
        give_up("refused without a line");
    if (r == 0) {
        use(b, &how);
        block_close(b);
    }
    close(s.stop[1]);
    pthread_join(thread, NULL);
    close(s.stop[0]);
    forget_waiting();
    return 0;
}
