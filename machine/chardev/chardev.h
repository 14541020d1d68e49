/* SPDX-License-Identifier: MIT */
/**
 * Character devices: host ends of serial ports, consoles and monitors, as -chardev and -serial name them.
 * docs/devices.md is about the options.
 *
 * No host end makes anybody wait. What a device sends goes to the host at once as far as that takes it, and else into a
 * buffer; while that is rather full the device is told to hold (chardev_can_write), and what does not fit is lost and
 * counted. What the host has for the guest waits in a buffer, too, and nothing more is read while that is full. A host
 * end whose other side is not there takes and forgets all output.
 *
 * All functions: machine lock held. What comes from the host comes by the machine's loop, as posted work.
 */
#ifndef TWIN86_MACHINE_CHARDEV_H
#define TWIN86_MACHINE_CHARDEV_H

#include "devices/chardev.h"
#include "include/twin86.h"
#include "machine/chardev/listen.h"
#include "machine/loop.h"

#include <stdio.h>

struct Machine;

enum CharKind { CHAR_NULL, CHAR_STDIO, CHAR_FILE, CHAR_PIPE, CHAR_PTY, CHAR_SOCKET, CHAR_RINGBUF };

/** What an option says; strings are its own. */
struct CharOptions {
    enum CharKind kind;
    char *id, *path, *log_file;
    bool append, log_append; /* to what is in the file */
    bool mux;                /* stdio: shared with the monitor, which it is anyway */
    uint64_t ring_size;      /* ringbuf: bytes, a power of two */
    struct ListenSpec where; /* socket */
    bool server, wait, nodelay;
    uint64_t reconnect_s; /* 0: never */
};

/** The device's side. Any function may be NULL. Called with the machine lock held. */
struct CharFrontend {
    size_t (*room)(void *opaque); /* how many bytes `receive` would take now */
    void (*receive)(void *opaque, const uint8_t *data, size_t size);
    void (*output_ready)(void *opaque);      /* chardev_can_write said no, and would no longer */
    void (*opened)(void *opaque, bool open); /* the other side of the host end has come or gone */
    void *opaque;
    const char *name; /* of the device; not owned */
    bool host;        /* it is none of the guest's: it hears of everything at once, whether the guest runs or not */
};

enum {
    CHARDEV_IN = 4096,
    CHARDEV_OUT = 64 << 10,
    CHARDEV_OUT_HIGH = 16 << 10, /* unsent: hold */
    CHARDEV_OUT_LOW = 4 << 10,   /* go on */
};

/** A first-in first-out buffer. */
struct CharRing {
    uint8_t *data;
    size_t size, head, count;
};

struct Chardev {
    struct Chardev *next;
    struct Machine *machine;
    struct CharOptions options;
    struct CharFrontend front;
    bool attached, held; /* a device has it; it was told to hold */
    bool open;           /* somebody is at the other side */
    bool awaited;        /* the guest does not start before that */
    bool connecting, started;
    int in_fd, out_fd; /* may be the same; -1: none */
    int listen_fd, log_fd;
    struct sockaddr_storage *address; /* where a client connects to */
    unsigned address_size;
    char pty[64];
    struct CharRing in, out; /* out: of a ringbuf what it keeps */
    uint64_t lost;           /* bytes of output */
    int error;               /* errno of what went wrong with the log or the file; 0: nothing */
    struct LoopWork input, output, event;
    struct LoopTimer again; /* to connect, or to look whether a pty has a reader */
};

struct Chardevs {
    struct Chardev *list;
    _Atomic unsigned awaited; /* host ends whose other side the guest waits for. Any thread */
    int arrived_fd;           /* eventfd: there are less of them */
};

/* ---- options (options.c) ---- */

/** Read "KIND,id=ID,..." of -chardev. 0 or -EINVAL with `why`; chardev_options_free in either case. */
int chardev_parse(struct CharOptions *o, const char *text, char *why, size_t n);
/** Read what -serial and its like take, but for "chardev:ID": "pty", "unix:PATH,server=on", ... `id` is its name. The
 * same rules. */
int chardev_parse_short(struct CharOptions *o, const char *text, const char *id, char *why, size_t n);
void chardev_options_free(struct CharOptions *o);

/* ---- life ---- */

/** Make those of the configuration. 0 or -errno with `why`. */
int chardevs_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** The machine's loop serves them from now on. 0 or -errno with `why`. */
int chardevs_start(struct Machine *m, char *why, size_t n);
/** The devices' states were restored. */
void chardevs_restored(struct Machine *m);
/** The machine's threads have ended. */
void chardevs_destroy(struct Machine *m);

/** Open one more, with what `o` says, which is its own then. 0 or -errno with `why`; `o` is freed on failure. */
int chardev_add(struct Machine *m, struct CharOptions *o, struct Chardev **c, char *why, size_t n);
/** Close one that no device has. 0 or -errno with `why`. */
int chardev_remove(struct Machine *m, const char *id, char *why, size_t n);
struct Chardev *chardev_find(const struct Machine *m, const char *id);
/** The one that -serial and its like mean: "chardev:ID" is there, all else is made with the name `id`. */
int chardev_for(struct Machine *m, const char *text, const char *id, struct Chardev **c, char *why, size_t n);

/* ---- a device's use ---- */

/** The device has it from now on. 0, or -EBUSY with `why`. */
int chardev_attach(struct Chardev *c, const struct CharFrontend *front, char *why, size_t n);
void chardev_detach(struct Chardev *c);
/** What devices/chardev.h wants: `opaque` is the struct Chardev. */
struct CharBackend chardev_backend(struct Chardev *c);
void chardev_write(void *opaque, const uint8_t *data, size_t size);
bool chardev_can_write(void *opaque);
/** The device has room for input again. */
void chardev_input_ready(void *opaque);
/** Offer what the host has, after a restore too. */
void chardev_feed(struct Chardev *c);

/* ---- those who look ---- */

/** "unix:/tmp/socket,server=on", as QEMU calls it. */
void chardev_describe(const struct Chardev *c, char *text, size_t n);
/** As twin86_chardev_note. */
bool chardev_note(const struct Machine *m, unsigned index, char *text, size_t n);
void chardevs_print(const struct Machine *m, FILE *f);
/** Take up to `size` bytes out of a ringbuf: how many, or -EINVAL with `why`. */
long chardev_ring_read(struct Machine *m, const char *id, uint8_t *to, size_t size, char *why, size_t n);
/** Put bytes into it. 0 or -EINVAL with `why`. */
int chardev_ring_write(struct Machine *m, const char *id, const uint8_t *data, size_t size, char *why, size_t n);

/* ---- host ends (host.c, socket.c), for chardev.c ---- */

/** open(2) that waits for nobody. */
int chardev_open_path(const char *path, int how);
/** Open what the options say. 0 or -errno with `why`. */
int chardev_open_host(struct Chardev *c, char *why, size_t n);
int chardev_open_socket(struct Chardev *c, char *why, size_t n);
/** The loop runs: wait for clients, connect. 0 or -errno. */
int chardev_start_socket(struct Chardev *c);
/** Look whether the pty's other side is there. */
void chardev_check_pty(void *opaque);
void chardev_reconnect(void *opaque);
/** The other side is there: `fd` carries both directions. It went: what was for it is forgotten. */
void chardev_connected(struct Chardev *c, int fd);
void chardev_disconnected(struct Chardev *c);
/** Wait for what can be done now. */
void chardev_watch(struct Chardev *c);

#endif
