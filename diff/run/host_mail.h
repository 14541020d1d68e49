/* SPDX-License-Identifier: MIT */
/** What the child process of the engine `host` (host_child.h) and its parent share. */
#ifndef TWIN86_DIFF_HOST_MAIL_H
#define TWIN86_DIFF_HOST_MAIL_H

#include "diff/run/record.h"

#include <asm/ldt.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    HOST_CASES = 2048,     /* at once */
    HOST_SEGMENTS = 6,     /* in the order of enum X86Seg: ES, CS, SS, DS, FS, GS */
    HOST_LDT_ENTRIES = 64, /* of the local descriptor table: so many are used */
    HOST_CS32 = 0x23,      /* Linux's selectors for programs */
    HOST_DS = 0x2b,
    HOST_CS64 = 0x33,
};

/** The segments that a case starts with. */
struct HostSegments {
    uint16_t selector[HOST_SEGMENTS];
    uint16_t local; /* bit by segment: `entry` says what its selector, one of the local table, stands for */
    struct user_desc entry[HOST_SEGMENTS];
};

/** Cases that signal frames begin and end (host_cases.c). No case of 32 bits reaches them. */
struct HostCases {
    uint32_t at, count; /* the case being run, or to be run first; how many there are */
    int32_t error;      /* -errno of modify_ldt in case `at` */
    struct user_desc local[HOST_LDT_ENTRIES]; /* what the local table holds by now */
    struct HostSegments segments[HOST_CASES];
    uint8_t in[HOST_CASES][DIFF_STATE_SIZE] __attribute__((aligned(64))); /* struct DiffState */
    uint8_t out[HOST_CASES][DIFF_STATE_SIZE] __attribute__((aligned(64)));
};

/** Beside the stub's control page (stub.h) and the memory of cases. */
struct HostMail {
    uint64_t fs;              /* the base of FS that the system knows of the child */
    struct HostCases *frames; /* NULL: 64-bit cases, which the stub runs */
};

/** How a run ended, as the child tells it. */
enum HostWord {
    HOST_READY = 'r', /* it waits for a batch */
    HOST_DONE = 'd',
    HOST_LOST = 'l',      /* the stub's memory, or the process's privilege, is not as it was */
    HOST_FAILED = 'f',    /* it can't be set up */
    HOST_NO_CODE32 = 'c', /* nor can 32-bit code be run */
    HOST_NO_LOCAL = 's',  /* nor can it have segments of its own */
    HOST_REFUSED = 'e',   /* the system does not give it the segments of a case: HostCases.error */
};

#endif
