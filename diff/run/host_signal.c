/* SPDX-License-Identifier: MIT */
#include "diff/run/host_signal.h"

#include "diff/run/host_handler.h"
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

extern const uint8_t diff_host_begin[], diff_host_entry[], diff_host_restore[], diff_host_probe[];
extern const uint8_t diff_host_local_call[], diff_host_restore_call[], diff_host_read_call[];
extern const uint8_t diff_host_write_call[], diff_host_exit_call[];

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
        "diff_host_entry:\n pushq $0x202\n popfq\n" /* without alignment checks, and any segment of a case's */
        "mov $0x2b, %eax\n mov %eax, %ss\n jmp diff_host_signal\n"
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

HANDLER inline struct HostContext *context(void) {
    return (struct HostContext *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(STACK_SIZE - 1));
}

/** A batch begins: keep what will go on after it. */
HANDLER void begin(struct HostContext *c, greg_t *g) {
    copy(c->caller, g, sizeof(c->caller));
    if (c->has_bases) {
        c->fs = fs_base();
        c->gs = gs_base();
    }
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
    uc->uc_mcontext.fpregs->ftw = 0;
    uc->uc_mcontext.fpregs->mxcsr = plain_mxcsr;
    if (c->has_bases) {
        __asm__ volatile("mov %0, %%es\n mov %0, %%ds\n mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
        set_bases(c->fs, c->gs);
    }
    c->inside = false;
}

/* ---- cases in signal frames ---- */

HANDLER void next_case(struct HostContext *c, ucontext_t *uc) {
    const struct HostCases *m = c->mail->frames;
    if (m->at == m->count)
        end(c, uc, HOST_DONE);
    else if (!diff_host_case_begin(c, uc))
        end(c, uc, HOST_REFUSED);
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
    CONTROL->dr6 = info->si_code == TRAP_TRACE ? DR6_BS : 0;
    g[REG_RIP] = (greg_t)diff_stub_fault_address();
    g[REG_EFL] = FLAGS_PLAIN;
    set_segments(g, HOST_CS64, HOST_DS); /* it may have left 64-bit code */
}

/** A fault of the program's own. */
HANDLER void die(greg_t *g) {
    static const char text[] = "host: a signal came while no case was being run\n";
    diff_host_write(2, text, sizeof(text) - 1);
    g[REG_RIP] = (greg_t)(uintptr_t)diff_host_exit;
    g[REG_RDI] = 70;
}

void diff_host_signal(int sig, siginfo_t *info, void *opaque);
BARE NO_PROTECTOR void diff_host_signal(int sig, siginfo_t *info, void *opaque) {
    struct HostContext *c = context();
    ucontext_t *uc = opaque;
    greg_t *g = uc->uc_mcontext.gregs;
    if (!c->inside && (uintptr_t)g[REG_RIP] == (uintptr_t)diff_host_begin) {
        begin(c, g);
        g[REG_RIP] = STUB_BASE;
        if (c->mail->frames != NULL)
            next_case(c, uc);
    } else if (!c->inside && (uintptr_t)g[REG_RIP] == (uintptr_t)diff_host_probe) {
        g[REG_RIP] += RDFSBASE_SIZE;
        g[REG_RAX] = false;
    } else if (!c->inside) {
        die(g);
    } else if (c->mail->frames != NULL) {
        diff_host_case_end(c, sig, info, uc);
        c->mail->frames->at++;
        if ((g[REG_EFL] & FLAG_IOPL) && c->mail->frames->at != c->mail->frames->count)
            end(c, uc, HOST_LOST); /* no signal frame takes it back (QEMU's ADCX sets it) */
        else
            next_case(c, uc);
    } else {
        stub_signal(c, sig, info, uc);
    }
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

static struct HostContext *make_stack(struct HostMail *mail) {
    uint8_t *p = mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    p += -(uintptr_t)p & (STACK_SIZE - 1);
    struct HostContext *c = (struct HostContext *)p;
    *c = (struct HostContext){.mail = mail};
    const stack_t ss = {.ss_sp = p, .ss_size = STACK_SIZE};
    return sigaltstack(&ss, NULL) == 0 ? c : NULL;
}

bool diff_host_signals(struct HostMail *mail) {
    const struct KernelAction action = {diff_host_entry, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | WITH_RESTORER,
                                        diff_host_restore, 0};
    struct HostContext *c = make_stack(mail);
    bool ok = c != NULL;
    for (unsigned k = 0; k < SIGNALS; k++)
        ok = ok && syscall(SYS_rt_sigaction, signals[k], &action, NULL, sizeof(action.mask)) == 0;
    if (ok)
        c->has_bases = diff_host_bases();
    return ok;
}

bool diff_host_alone(void) {
    uint64_t blocked = ~0ull;
    for (unsigned k = 0; k < SIGNALS; k++)
        blocked &= ~(1ull << (signals[k] - 1));
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
           syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, sizeof(blocked)) == 0;
}

/** Whether programs have this selector. */
static bool has_selector(uint32_t selector) {
    unsigned rights;
    bool valid;
    __asm__("lar %2, %1" : "=@ccz"(valid), "=r"(rights) : "r"(selector));
    return valid;
}

bool diff_host_has_code32(void) { return has_selector(HOST_CS32); }

bool diff_host_has_local(void) {
    const struct user_desc data = {.entry_number = HOST_LDT_ENTRIES - 1, .limit = 0xfffff, .seg_32bit = 1,
                                   .limit_in_pages = 1, .useable = 1};
    return diff_host_local(&data) == 0 && has_selector((HOST_LDT_ENTRIES - 1) * 8 | 7);
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
        ALLOW(diff_host_local_call, SYS_modify_ldt),
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
