/* SPDX-License-Identifier: MIT */
/** What the handlers of signals have in common (host_signal.c, host_cases.c). They use nothing of the C library. */
#ifndef TWIN86_DIFF_HOST_HANDLER_H
#define TWIN86_DIFF_HOST_HANDLER_H

#include "diff/run/host_mail.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

enum {
    STACK_SIZE = 1 << 16, /* of signals; aligned to it, too: a frame with all that processors have takes 12 KiB */
    FLAGS_PLAIN = 0x202,
    FLAG_IOPL = 3 << 12,
    DR6_BS = 1 << 14,
};

/* Neither sanitizers nor stack protectors, which use thread-local storage. */
#if defined(__clang__)
#define BARE __attribute__((disable_sanitizer_instrumentation, no_sanitize("address", "thread", "undefined")))
#else
#define BARE __attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))
#endif
#if defined(__has_attribute)
#if __has_attribute(no_stack_protector)
#define NO_PROTECTOR __attribute__((no_stack_protector))
#endif
#endif
#ifndef NO_PROTECTOR
#define NO_PROTECTOR
#endif
#define HANDLER BARE NO_PROTECTOR static

/** At the beginning of the signals' stack. */
struct HostContext {
    struct HostMail *mail;
    bool inside;    /* a batch is being run; these are of the code that began it: */
    bool has_bases; /* RDFSBASE and its like may be used */
    gregset_t caller;
    uint64_t fs, gs;
};

HANDLER inline void copy(void *to, const void *from, size_t n) { /* memcpy may be another's */
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

HANDLER inline uint64_t fs_base(void) {
    uint64_t v;
    __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}
HANDLER inline uint64_t gs_base(void) {
    uint64_t v;
    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}
HANDLER inline void set_bases(uint64_t fs, uint64_t gs) {
    __asm__ volatile("wrfsbase %0\n wrgsbase %1" : : "r"(fs), "r"(gs));
}

/** CS and SS of a signal frame. */
HANDLER inline void set_segments(greg_t *g, uint64_t cs, uint64_t ss) {
    g[REG_CSGSFS] = (greg_t)(((uint64_t)g[REG_CSGSFS] & 0xffffffff0000) | cs | ss << 48);
}

/* ---- host_cases.c ---- */

/** Write an entry of the local descriptor table; 0 or -errno. */
int diff_host_local(const struct user_desc *entry);

/** Make the frame that of case c->mail->frames->at. False: the system refuses (HostCases.error). */
bool diff_host_case_begin(const struct HostContext *c, ucontext_t *uc);
/** Take what the frame says as that case's result. */
void diff_host_case_end(const struct HostContext *c, int sig, const siginfo_t *info, const ucontext_t *uc);

#endif
