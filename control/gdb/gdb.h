/* SPDX-License-Identifier: MIT */
/**
 * gdb's remote serial protocol for one client, without any socket: bytes come in by gdb_input, packets go out by
 * `send`. All-stop, one thread for each processor. docs/debugging.md says what gdb can do with it.
 */
#ifndef TWIN86_DEBUG_GDB_GDB_H
#define TWIN86_DEBUG_GDB_GDB_H

#include "control/gdb/packet.h"
#include "control/gdb/registers.h"
#include "control/session/session.h"

typedef void GdbSend(void *opaque, const void *data, size_t size);

struct Gdb {
    struct Session *session;
    struct Machine *m;
    struct CPUState *cpu; /* the thread whose registers and memory gdb sees: Hg's, or who stopped last */
    int goes;             /* Hc's: the vCPU that c and s are for; -1: c is for all, s for `cpu` */
    GdbSend *send;
    void *opaque;
    struct SessionObserver observer;
    enum GdbArch arch, told; /* as described when the client came; the mode that the person was told last */
    bool no_ack, ack_last;   /* ack_last: the reply that is being made still gets its '+' */
    bool swbreak, hwbreak;   /* gdb understands these in stop replies */
    bool physical;           /* addresses of m, M and X are physical */
    bool awaiting;           /* gdb has let the guest go and waits for a stop reply */
    bool interrupted;        /* by Ctrl-C */
    bool attached;
    size_t sent; /* size of the last packet, which stays in `out` in case it must be sent again */
    const char *last;
    struct GdbIn in;
    struct GdbOut out;
};

/** A client came: stop the guest, and describe it by its mode, or as *arch (may be NULL). `g` is zeroed. 0, or
 *  -ETIMEDOUT: the guest can't be stopped, and nothing is attached. */
int gdb_attach(struct Gdb *g, struct Session *s, const enum GdbArch *arch, GdbSend *send, void *opaque);
/** It has gone, with a D packet or without: its breakpoints go, too, and the guest goes on if it ran. Any number of
 *  times. */
void gdb_detach(struct Gdb *g);
/** Bytes from the client. */
void gdb_input(struct Gdb *g, const uint8_t *data, size_t size);

/** Serve gdb (server.c): "tcp:[HOST]:PORT" or "unix:PATH" as listen.h has them, and ",arch=ARCH" behind. One client at
 * a time, a second one is refused. 0, or -errno with one line in `why`. */
int gdb_serve(struct Session *s, const char *spec, char *why, size_t n);

/* ---- shared by the files of the stub ---- */

/** A command: what it is for, and what follows its name. It replies, or lets the guest go, whose stop is the reply. */
struct GdbCommand {
    const char *name;
    void (*run)(struct Gdb *g, const char *args);
};
/** By name; the rows of commands with a common beginning have the longer one first. Ended by an empty row. */
extern const struct GdbCommand gdb_memory_commands[], gdb_register_commands[], gdb_run_commands[], gdb_query_commands[];

void gdb_reply(struct Gdb *g, const char *text);
/** "E" and a number, as errno: gdb shows it. */
void gdb_error(struct Gdb *g, int e);
/** Send what is in g->out. */
void gdb_send(struct Gdb *g);
/** Text for the person, on gdb's console: while the guest runs, or from a monitor command. */
void gdb_console(struct Gdb *g, const char *text, size_t n);
/** The reply that says why the guest stands still. */
void gdb_stop_reply(struct Gdb *g, const struct SessionStop *stop);

/** gdb's number of a vCPU's thread: 0 means any. */
static inline unsigned gdb_thread(const struct CPUState *cpu) { return cpu->index + 1; }
/** What names a thread in packets; GDB_ANY and GDB_ALL are none of the machine's. */
enum { GDB_ANY = -2, GDB_ALL = -1 };
/** A thread's number at *text, which is moved behind it: *cpu is the vCPU's index, GDB_ANY (0) or GDB_ALL (-1). False:
 *  there is no such thread. */
bool gdb_parse_thread(struct Gdb *g, const char **text, int *cpu);

/** Say on gdb's console when the CPU's mode is another one than gdb was told. While gdb waits for a stop reply. */
void gdb_tell_mode(struct Gdb *g);

#endif
