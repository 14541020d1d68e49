/* SPDX-License-Identifier: MIT */
/**
 * Where bytes go: the guest's, the log's, messages. Any thread puts them into a buffer; the session's loop writes them
 * out as far as the file takes them. Nobody ever waits in open(2) or write(2) for whoever should read. While a buffer
 * is rather full, what feeds it is held (twin86_hold_output): the guest then waits as for a slow line.
 */
#ifndef TWIN86_CLI_OUTPUT_H
#define TWIN86_CLI_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <twin86.h>

enum {
    OUTPUT_HIGH = 64 << 10, /* bytes: hold what feeds it */
    OUTPUT_LOW = 16 << 10,  /* let it go on */
    OUTPUT_MAX = 16 << 20,  /* the rest is lost */
};

struct Outputs;

struct Output {
    struct Outputs *all;
    const char *what;      /* "-serial": for messages; static */
    const char *path;      /* the caller's; NULL: a standard descriptor */
    pthread_mutex_t mutex; /* guards what follows */
    int fd;                /* -1: all is discarded, or: */
    bool awaits_reader;    /* it is a FIFO that nobody reads yet */
    bool is_socket;
    bool watched;   /* the loop tells when it can be written */
    bool held;      /* what feeds it */
    unsigned feeds; /* 1 << enum Twin86OutputKind */
    int error;      /* errno of what went wrong: the rest is discarded */
    uint64_t lost;  /* bytes that there was no room for */
    char *data;     /* unwritten: data[written, used) */
    size_t written, used, room;
};

enum { OUTPUTS_MAX = 8 };

/** All of a run. */
struct Outputs {
    struct Output output[OUTPUTS_MAX];
    unsigned count;
    int wake_fd; /* eventfd: there is something to write */
    Twin86Machine *machine;
    Twin86Session *session;
    void (*failed)(void *opaque, const struct Output *o); /* `error` has just been set */
    void *opaque;
};

/** 0 or -errno. */
int outputs_init(struct Outputs *all);
/** Serve them in this session's loop, and hold this machine, from now on. 0 or -ENOMEM. */
int outputs_attach(struct Outputs *all, Twin86Machine *machine, Twin86Session *session,
                   void (*failed)(void *opaque, const struct Output *o), void *opaque);

/** Standard output or error. 0 or -errno. */
int output_standard(struct Outputs *all, struct Output **o, const char *what, int fd);
/** A file, made or emptied; a FIFO may get its reader later. `path` is kept. 0 or -errno. */
int output_file(struct Outputs *all, struct Output **o, const char *what, const char *path);
/** It takes this output of the machine. */
void output_feed(struct Output *o, enum Twin86OutputKind kind);

/** Append. Any thread. NULL takes nothing. */
void output_put(struct Output *o, const void *data, size_t size);
void output_text(struct Output *o, const char *text);
/** For those who print: what is flushed is put. NULL when out of memory. */
FILE *output_stream(struct Output *o);

/** Write what can be written now. Main thread. */
void outputs_flush(struct Outputs *all);
/** True while something is unwritten. */
bool outputs_pending(struct Outputs *all);
/** How soon outputs_flush should be called again whatever the loop says, in us; -1: it need not be. */
int64_t outputs_retry_us(struct Outputs *all);
/** Bytes that are unwritten or were lost. */
uint64_t output_missing(struct Output *o);

#endif
