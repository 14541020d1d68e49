/* SPDX-License-Identifier: MIT */
/** Where things lie in a record of a case, struct DiffState (state.h): for assembly, and for code that can't be had in
 *  one file with cpu/env.h, whose names <ucontext.h> has, too. */
#ifndef TWIN86_DIFF_RECORD_H
#define TWIN86_DIFF_RECORD_H

enum {
    DIFF_AT_FX = 0,
    DIFF_AT_FSW = 2,
    DIFF_AT_XMM = 160,
    DIFF_AT_FX_END = 416,
    DIFF_AT_YMMH = 576,
    DIFF_AT_GPR = 832,
    DIFF_AT_RFLAGS = 960,
    DIFF_AT_RIP = 968,
    DIFF_AT_FS_BASE = 976,
    DIFF_AT_GS_BASE = 984,
    DIFF_AT_VECTOR = 992,
    DIFF_AT_ERROR = 996,
    DIFF_AT_CR2 = 1000,
    DIFF_AT_DR6 = 1008,
    DIFF_STATE_SIZE = 1024,
};

/**
 * In place of a vector, beyond all that there are: a triple fault; a case that does not come to an end; one that ended
 * its process, called the system, or destroyed what runs cases.
 */
enum { DIFF_TRIPLE_FAULT = 256, DIFF_NO_END, DIFF_GONE };

#endif
