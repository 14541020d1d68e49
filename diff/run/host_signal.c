/* SPDX-License-Identifier: MIT */
#include "diff/run/host_signal.h"

#include "diff/run/record.h"
#include "diff/run/stub_layout.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CONTROL ((struct StubControl *)(uintptr_t)STUB_CONTROL)

enum {
    STACK_SIZE = 1 << 16, /* of signals; aligned to it, too: a frame with all that processors have takes 12 KiB */
    CS64 = 0x33,          /* Linux's for programs */
    SS64 = 0x2b,
    FLAG_TRACE = 1 << 8,
    FLAGS_PLAIN = 0x202,
    FSW_ES = 0x80,
};

extern const uint8_t diff_host_begin[], diff_host_entry[], diff_host_restore[], diff_host_probe[];
extern const uint8_t diff_host_restore_call[], diff_host_read_call[], diff_host_write_call[], diff_host_exit_call[];

/*
 * All the system calls that there are. rt_sigreturn takes ID and NT (200000h, 4000h) from the flags that it is called
 * with, the others from the frame: 176 bytes into struct ucontext. Labels name what follows a SYSCALL, as seccomp
 * sees it.
 */
__asm__(".text\n.balign 128\n"
        ".hidden diff_host_begin, diff_host_start, diff_host_restore, diff_host_read, diff_host_write, diff_host_exit\n"
        ".hidden diff_host_bases, diff_host_probe\n.globl diff_host_bases, diff_host_probe\n"
        ".hidden diff_host_restore_call, diff_host_read_call, diff_host_write_call, diff_host_exit_call\n"
        ".globl diff_host_begin, diff_host_start, diff_host_restore, diff_host_read, diff_host_write, diff_host_exit\n"
        ".globl diff_host_restore_call, diff_host_read_call, diff_host_write_call, diff_host_exit_call\n"
        ".hidden diff_host_entry, diff_host_signal\n.globl diff_host_entry\n"
        "diff_host_start:\n"
        "diff_host_begin:\n ud2\n ret\n"
        "diff_host_entry:\n pushq $0x202\n popfq\n jmp diff_host_signal\n" /* without alignment checks */
        "diff_host_restore:\n"
        "mov 176(%rsp), %rax\n and $0x204000, %eax\n or $0x202, %eax\n push %rax\n popfq\n"
        "mov $15, %eax\n syscall\ndiff_host_restore_call:\n ud2\n"
        "diff_host_read:\n xor %eax, %eax\n syscall\ndiff_host_read_call:\n ret\n"
        "diff_host_write:\n mov $1, %eax\n syscall\ndiff_host_write_call:\n ret\n"
        "diff_host_exit:\n mov $231, %eax\n syscall\ndiff_host_exit_call:\n ud2\n"
        "diff_host_bases:\n mov $1, %eax\ndiff_host_probe:\n rdfsbase %rdx\n ret\n");
enum { RDFSBASE_SIZE = 5 };
_Static_assert(SYS_rt_sigreturn == 15 && SYS_read == 0 && SYS_write == 1 && SYS_exit_group == 231, "");
_Static_assert(offsetof(ucontext_t, uc_mcontext.gregs[REG_EFL]) == 176, "");

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
    bool inside; /* a batch is being run; these are of the code that began it: */
    gregset_t caller;
    uint64_t fs, gs;
};

HANDLER inline struct HostContext *context(void) {
    return (struct HostContext *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(STACK_SIZE - 1));
}

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

/** A batch begins: keep what will go on after it. */
HANDLER void begin(struct HostContext *c, greg_t *g) {
    copy(c->caller, g, sizeof(c->caller));
    c->fs = fs_base();
    c->gs = gs_base();
    c->inside = true;
}

/** It is over. */
HANDLER void end(struct HostContext *c, ucontext_t *uc, enum HostWord word) {
    static const uint16_t plain_fcw = 0x37f;
    static const uint32_t plain_mxcsr = 0x1f80;
    copy(uc->uc_mcontext.gregs, c->caller, sizeof(c->caller));
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* UD2 */
    uc->uc_mcontext.gregs[REG_RAX] = (greg_t)word;
    uc->uc_mcontext.fpregs->cwd = plain_fcw;
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->mxcsr = plain_mxcsr;
    set_bases(c->fs, c->gs);
    c->inside = false;
}

/* ---- 64-bit cases: the stub's ---- */

HANDLER void stub_signal(struct HostContext *c, int sig, const siginfo_t *info, ucontext_t *uc) {
    greg_t *g = uc->uc_mcontext.gregs;
    uint64_t *frame = (uint64_t *)(uintptr_t)STUB_FRAME;
    if ((uint64_t)g[REG_RIP] - STUB_BASE < 4096) { /* no business of a case's */
        bool done = (uintptr_t)info->si_addr == STUB_DONE && sig == SIGSEGV;
        end(c, uc, done ? HOST_DONE : HOST_LOST);
        return;
    }
    frame[-2] = (uint64_t)g[REG_RSP];
    frame[-3] = (uint64_t)g[REG_EFL];
    frame[-5] = (uint64_t)g[REG_RIP];
    frame[-6] = (uint64_t)g[REG_ERR];
    CONTROL->cr2 = (uint64_t)g[REG_CR2];
    CONTROL->vector = sig == SIGSYS ? DIFF_GONE : (uint32_t)g[REG_TRAPNO];
    CONTROL->dr6 = info->si_code == TRAP_TRACE ? 1 << 14 : 0; /* BS */
    g[REG_RIP] = (greg_t)diff_stub_fault_address();
    g[REG_EFL] = FLAGS_PLAIN;
    set_segments(g, CS64, SS64); /* it may have left 64-bit code */
}

void diff_host_signal(int sig, siginfo_t *info, void *opaque);
BARE NO_PROTECTOR void diff_host_signal(int sig, siginfo_t *info, void *opaque) {
    struct HostContext *c = context();
    ucontext_t *uc = opaque;
    greg_t *g = uc->uc_mcontext.gregs;
    if (!c->inside && (uintptr_t)g[REG_RIP] == (uintptr_t)diff_host_begin) {
        begin(c, g);
        g[REG_RIP] = STUB_BASE;
        return;
    }
    if (!c->inside && (uintptr_t)g[REG_RIP] == (uintptr_t)diff_host_probe) {
        g[REG_RIP] += RDFSBASE_SIZE;
        g[REG_RAX] = false;
        return;
    }
    stub_signal(c, sig, info, uc);
}

/* ---- making the process so ---- */

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

/** struct sigaction and the call of the C library have no restorer. */
struct KernelAction {
    const void *handler;
    unsigned long flags;
    const void *restorer;
    uint64_t mask;
};
enum { WITH_RESTORER = 0x04000000 };

static bool make_stack(struct HostMail *mail) {
    uint8_t *p = mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    p += -(uintptr_t)p & (STACK_SIZE - 1);
    *(struct HostContext *)p = (struct HostContext){.mail = mail};
    const stack_t ss = {.ss_sp = p, .ss_size = STACK_SIZE};
    return sigaltstack(&ss, NULL) == 0;
}

bool diff_host_signals(struct HostMail *mail) {
    const struct KernelAction action = {diff_host_entry, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | WITH_RESTORER,
                                        diff_host_restore, 0};
    uint64_t blocked = ~0ull;
    bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && make_stack(mail);
    for (unsigned k = 0; k < SIGNALS; k++) {
        ok = ok && syscall(SYS_rt_sigaction, signals[k], &action, NULL, sizeof(action.mask)) == 0;
        blocked &= ~(1ull << (signals[k] - 1));
    }
    return ok && syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, sizeof(blocked)) == 0;
}

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define LOW(label) ((uint32_t)(uintptr_t)(label))
#define UNLESS(v, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, 0, skip)
#define ANSWER(v) BPF_STMT(BPF_RET | BPF_K, v)
/* This call from this place. */
#define ALLOW(label, call)                                                                                             \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)), UNLESS(LOW(label), 3),     \
        FIELD(nr), UNLESS(call, 1), ANSWER(SECCOMP_RET_ALLOW)

bool diff_host_lock(void) {
    struct sock_filter filter[] = {
        FIELD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        ANSWER(SECCOMP_RET_TRAP),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)((uint64_t)(uintptr_t)diff_host_begin >> 32), 1, 0),
        ANSWER(SECCOMP_RET_TRAP),
        ALLOW(diff_host_restore_call, SYS_rt_sigreturn),
        ALLOW(diff_host_read_call, SYS_read),
        ALLOW(diff_host_write_call, SYS_write),
        ALLOW(diff_host_exit_call, SYS_exit_group),
        ANSWER(SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void diff_host_end(int pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
