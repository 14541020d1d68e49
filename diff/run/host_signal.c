/* SPDX-License-Identifier: MIT */
#include "diff/run/host_signal.h"

#include "diff/run/stub_layout.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

#define CONTROL ((struct StubControl *)(uintptr_t)STUB_CONTROL)

void diff_host_leave(void);

/* HOST_RSP ... are fields of the control page. */
__asm__(".text\n"
        ".set HOST_RSP, 0x20001040\n.set HOST_FS, 0x20001048\n.set HOST_GS, 0x20001050\n.set HOST_MXCSR, 0x20001058\n"
        ".hidden diff_host_enter, diff_host_leave\n.globl diff_host_enter, diff_host_leave\n"
        "diff_host_enter:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, HOST_RSP\n"
        "rdfsbase %rax\n mov %rax, HOST_FS\n"
        "rdgsbase %rax\n mov %rax, HOST_GS\n"
        "stmxcsr HOST_MXCSR\n"
        "mov $0x20000000, %eax\n jmp *%rax\n"
        "diff_host_leave:\n"
        "mov HOST_RSP, %rsp\n"
        "mov HOST_FS, %rax\n wrfsbase %rax\n"
        "mov HOST_GS, %rax\n wrgsbase %rax\n"
        "fninit\n ldmxcsr HOST_MXCSR\n cld\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "ret\n");
_Static_assert(offsetof(struct StubControl, host) == 0x40 && STUB_CONTROL == 0x20001000, "");

#if defined(__has_attribute)
#if __has_attribute(no_stack_protector)
#define NO_TLS __attribute__((no_stack_protector))
#endif
#endif
#ifndef NO_TLS
#define NO_TLS
#endif

/** FS may point anywhere here: nothing of the C library can be used. */
NO_TLS static void on_signal(int sig, siginfo_t *info, void *opaque) {
    greg_t *g = ((ucontext_t *)opaque)->uc_mcontext.gregs;
    uint64_t *frame = (uint64_t *)(uintptr_t)STUB_FRAME;
    (void)sig;
    if ((uintptr_t)info->si_addr == STUB_DONE && (uint64_t)g[REG_RIP] - STUB_BASE < 4096) {
        g[REG_RIP] = (greg_t)(uintptr_t)diff_host_leave;
        return;
    }
    frame[-2] = (uint64_t)g[REG_RSP];
    frame[-3] = (uint64_t)g[REG_EFL];
    frame[-5] = (uint64_t)g[REG_RIP];
    frame[-6] = (uint64_t)g[REG_ERR];
    CONTROL->cr2 = (uint64_t)g[REG_CR2];
    CONTROL->vector = (uint32_t)g[REG_TRAPNO];
    CONTROL->dr6 = info->si_code == TRAP_TRACE ? 1 << 14 : 0; /* BS */
    g[REG_RIP] = (greg_t)diff_stub_fault_address();
    g[REG_EFL] = 0x202;
}

bool diff_host_signals(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    const struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t ss = {.ss_size = 1 << 16};
    ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ss.ss_sp != MAP_FAILED && sigaltstack(&ss, NULL) == 0;
    for (unsigned k = 0; k < sizeof(signals) / sizeof(signals[0]); k++)
        ok = ok && sigaction(signals[k], &sa, NULL) == 0;
    return ok;
}

void diff_host_end(int pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
