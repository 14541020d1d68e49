/* SPDX-License-Identifier: MIT */
/* libFuzzer: bytes as lines of the monitor, with -DFUZZ_QMP as what a QMP client sends, with -DFUZZ_GDB as what gdb
 * does, on a small machine. Nothing may crash, hang, leak, or leave the session unusable. */
#include "control/gdb/gdb.h"
#include "control/monitor/monitor.h"
#include "control/qmp/qmp.h"
#include "machine/chardev/listen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RUNS = 500 }; /* for one machine */

static Twin86Machine *machine;
static struct Session *session;
static unsigned runs;

/* dump.c's open is this: no file of the host is written. */
int fuzz_open(const char *path, int flags, ...);
int fuzz_open(const char *path, int flags, ...) {
    (void)flags;
    return path[0] == '/' ? -1 : memfd_create("core", MFD_CLOEXEC);
}

/* gdbserver listens nowhere. */
int fuzz_listen_open(const struct ListenSpec *spec, bool names, char *why, size_t n);
int fuzz_listen_open(const struct ListenSpec *spec, bool names, char *why, size_t n) {
    (void)spec, (void)names;
    snprintf(why, n, "not here");
    return -EACCES;
}

static void begin(void) {
    Twin86Config c;
    char why[300];
    Twin86Event e;
    if (session != NULL && (session_ended(session, &e) || ++runs % RUNS == 0)) {
        session_free(session);
        session = NULL;
        if (runs >= RUNS) {
            twin86_destroy(machine);
            machine = NULL;
            runs = 0;
        }
    }
    twin86_config_init(&c);
    c.ram_size = 1 << 20;
    if (machine == NULL && twin86_create(&machine, &c, why, sizeof(why)) != 0)
        abort();
    if (session == NULL && (session = session_new(machine_of(machine))) == NULL)
        abort();
}

#ifdef FUZZ_QMP
/* Every answer is a line. */
static void answer(void *opaque, const void *data, size_t size) {
    const char *text = data;
    (void)opaque;
    if (size < 4 || text[0] != '{' || memcmp(text + size - 3, "}\r\n", 3) != 0)
        abort();
}

static void feed(const uint8_t *data, size_t size) {
    struct Qmp *q = qmp_new(session, answer, NULL);
    if (q == NULL)
        abort();
    if (size > 0 && (data[0] & 1)) { /* in two pieces, negotiated */
        static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
        qmp_input(q, (const uint8_t *)hello, sizeof(hello) - 1);
        size_t half = size / 2;
        qmp_input(q, data, half);
        qmp_input(q, data + half, size - half);
    } else {
        qmp_input(q, data, size);
    }
    qmp_free(q);
}
#elif defined(FUZZ_GDB)
/* Every answer is a packet or an acknowledgement. */
static void answer(void *opaque, const void *data, size_t size) {
    const char *text = data;
    (void)opaque;
    if (size == 1 ? *text != '+' && *text != '-' : size < 4 || text[0] != '$' || text[size - 3] != '#')
        abort();
}

/* As it is, or with the first byte's lowest bit in frames with right checksums: '\n' parts the packets. */
static void feed(const uint8_t *data, size_t size) {
    struct Gdb *g = calloc(1, sizeof(*g));
    static struct GdbOut out;
    const char *packet;
    if (g == NULL)
        abort();
    gdb_attach(g, session, NULL, answer, NULL);
    if (size > 0 && !(data[0] & 1)) {
        gdb_input(g, data, size);
    } else {
        for (size_t i = 1, n; i < size; i += n + 1) {
            const uint8_t *end = memchr(data + i, '\n', size - i);
            n = end != NULL ? (size_t)(end - (data + i)) : size - i;
            gdb_out_begin(&out);
            gdb_out_binary(&out, data + i, n);
            size_t all = gdb_out_end(&out, &packet);
            gdb_input(g, (const uint8_t *)packet, all);
            gdb_input(g, (const uint8_t *)"\x03", 1);
        }
    }
    gdb_detach(g);
    free(g);
}
#else
/* Steps that are told to take long do. */
static bool is_slow(const char *line) {
    const char *step = strstr(line, "step");
    return step != NULL && strlen(step) > 8;
}

static void ignore(void *opaque, const char *word) { (void)opaque, (void)word; }

static void feed(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1), *rest = copy, *line, *text;
    unsigned cpu = 0;
    if (copy == NULL)
        return;
    memcpy(copy, data, size);
    copy[size] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (is_slow(line))
            continue;
        monitor_complete(line, ignore, NULL);
        if (monitor_run_text(session, &cpu, line, &text) < 0)
            abort();
        free(text);
    }
    free(copy);
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    begin();
    feed(data, size);
    char why[160];
    session_stop(session, why, sizeof(why));
    session_poll(session, 0);
    return 0;
}
