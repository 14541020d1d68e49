/* SPDX-License-Identifier: MIT */
#include "tests/unit/tcg/native.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

/* Lies at NATIVE_CONTROL, where code can reach it by absolute 32-bit addresses with every register in use. */
struct Control {
    struct NativeState in, out;
    uint64_t host_rsp, host_mxcsr, target, host_flags;
};

enum { STATE_SIZE = 704, AT_GPR = 512, AT_FLAGS = 640, AT_ENV = 648, OUT = STATE_SIZE, TAIL = 2 * STATE_SIZE };
_Static_assert(sizeof(struct NativeState) == STATE_SIZE, "");
_Static_assert(offsetof(struct NativeState, gpr) == AT_GPR, "");
_Static_assert(offsetof(struct NativeState, rflags) == AT_FLAGS, "");
_Static_assert(offsetof(struct NativeState, fpu_env) == AT_ENV, "");
_Static_assert(offsetof(struct Control, host_rsp) == TAIL, "");

#define CONTROL ((struct Control *)(uintptr_t)NATIVE_CONTROL)

void native_enter(void);
void native_exit(void);
void native_abandon(void);

/* GPR order is that of encoding: RAX RCX RDX RBX RSP RBP RSI RDI R8 ... */
__asm__(".text\n"
        ".set C, 0x300000\n.set O, 0x300000 + 704\n.set T, 0x300000 + 1408\n"
        "native_enter:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "stmxcsr T+8\n"
        "pushfq\n popq T+24\n"
        "mov %rsp, T\n"
        "fxrstor64 C\n"
        "pushq C+640\n popfq\n"
        "mov C+512, %rax\n mov C+520, %rcx\n mov C+528, %rdx\n mov C+536, %rbx\n"
        "mov C+552, %rbp\n mov C+560, %rsi\n mov C+568, %rdi\n"
        "mov C+576, %r8\n mov C+584, %r9\n mov C+592, %r10\n mov C+600, %r11\n"
        "mov C+608, %r12\n mov C+616, %r13\n mov C+624, %r14\n mov C+632, %r15\n"
        "mov C+544, %rsp\n"
        "jmp *T+16\n"
        "native_exit:\n"
        "mov %rax, O+512\n mov %rcx, O+520\n mov %rdx, O+528\n mov %rbx, O+536\n mov %rsp, O+544\n"
        "mov %rbp, O+552\n mov %rsi, O+560\n mov %rdi, O+568\n"
        "mov %r8, O+576\n mov %r9, O+584\n mov %r10, O+592\n mov %r11, O+600\n"
        "mov %r12, O+608\n mov %r13, O+616\n mov %r14, O+624\n mov %r15, O+632\n"
        "mov T, %rsp\n"
        "pushfq\n popq O+640\n"
        "fxsave64 O\n"
        "fnstenv O+648\n"
        "native_abandon:\n"
        "mov T, %rsp\n"
        "fninit\n ldmxcsr T+8\n"
        "pushq T+24\n popfq\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "ret\n");

static void on_signal(int sig, siginfo_t *info, void *opaque) {
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    ucontext_t *uc = opaque;
    struct NativeState *out = &CONTROL->out;
    (void)info;
    greg_t *g = uc->uc_mcontext.gregs;
    if (g[REG_RIP] < NATIVE_CODE || g[REG_RIP] > NATIVE_CODE + 0xfff) {
        signal(sig, SIG_DFL); /* the test program's own */
        return;
    }
    out->vector = g[REG_TRAPNO];
    out->fault_rip = (uint64_t)g[REG_RIP];
    out->rflags = (uint64_t)g[REG_EFL];
    for (unsigned k = 0; k < 16; k++)
        out->gpr[k] = (uint64_t)g[order[k]];
    memcpy(out->fx, uc->uc_mcontext.fpregs, sizeof(out->fx));
    memset(out->fpu_env, 0, sizeof(out->fpu_env));
    g[REG_RIP] = (greg_t)(uintptr_t)native_abandon;
    g[REG_RSP] = (greg_t)CONTROL->host_rsp;
    g[REG_EFL] &= ~0x500; /* TF, DF */
}

static bool map_at(uintptr_t at, size_t size, int prot) {
    void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == (void *)at;
}

bool native_possible(void) {
    bool ok = map_at(NATIVE_CODE, 0x1000, PROT_READ);
    if (ok)
        munmap((void *)(uintptr_t)NATIVE_CODE, 0x1000);
    if (!ok || !map_at(NATIVE_WINDOW, NATIVE_WINDOW_SIZE, PROT_READ))
        return false;
    munmap((void *)(uintptr_t)NATIVE_WINDOW, NATIVE_WINDOW_SIZE);
    ok = map_at(NATIVE_CONTROL, 0x1000, PROT_READ);
    if (ok)
        munmap((void *)(uintptr_t)NATIVE_CONTROL, 0x1000);
    return ok;
}

bool native_init(void) {
    static uint8_t stack[65536];
    static bool done;
    if (done)
        return true;
    if (!map_at(NATIVE_CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC) ||
        !map_at(NATIVE_WINDOW, NATIVE_WINDOW_SIZE, PROT_READ | PROT_WRITE) ||
        !map_at(NATIVE_CONTROL, 0x1000, PROT_READ | PROT_WRITE))
        return false;
    const stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    if (sigaltstack(&ss, NULL) != 0)
        return false;
    for (unsigned k = 0; k < sizeof(signals) / sizeof(signals[0]); k++)
        if (sigaction(signals[k], &sa, NULL) != 0)
            return false;
    return done = true;
}

void native_run(const uint8_t *insn, unsigned n, const struct NativeState *in, struct NativeState *out) {
    uint8_t *code = (uint8_t *)(uintptr_t)NATIVE_CODE;
    static const uint8_t jump[6] = {0xff, 0x25}; /* jmp [rip + 0] */
    uintptr_t leave = (uintptr_t)native_exit;
    memcpy(code, insn, n);
    memcpy(code + n, jump, sizeof(jump));
    memcpy(code + n + sizeof(jump), &leave, sizeof(leave));
    CONTROL->in = *in;
    CONTROL->out.vector = -1;
    CONTROL->target = NATIVE_CODE;
    native_enter();
    *out = CONTROL->out;
}
