/* SPDX-License-Identifier: MIT */
/*
 * A case is entered from one signal handler, which puts the test's registers into the signal frame, and left by the
 * next, whatever stops it; that one puts the caller's registers back.
 */
#include "tests/host_insn.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static const int greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static struct {
    struct HostState *state; /* of the running case */
    bool inside;
    gregset_t caller;
    struct HostFx caller_fx;
    uint64_t caller_ymm[16][2];
} run;

/* A signal frame has an XSAVE image in the standard form, the kernel says how much of it in the FXSAVE part (Linux:
 * struct _fpx_sw_bytes). */
enum {
    FRAME_MAGIC1 = 0x46505853,
    AT_MAGIC1 = 464,
    AT_XFEATURES = 472,
    AT_XSTATE_BV = 512,
    AT_YMM = 576,
    AVX_STATE = 4
};

static uint8_t *frame_ymm(ucontext_t *c) {
    uint8_t *image = (uint8_t *)c->uc_mcontext.fpregs;
    uint32_t magic;
    uint64_t xfeatures;
    memcpy(&magic, image + AT_MAGIC1, sizeof magic);
    memcpy(&xfeatures, image + AT_XFEATURES, sizeof xfeatures);
    return magic == FRAME_MAGIC1 && (xfeatures & AVX_STATE) ? image + AT_YMM : NULL;
}

static void set_ymm(ucontext_t *c, const uint64_t ymm[16][2]) {
    uint8_t *at = frame_ymm(c), *image = (uint8_t *)c->uc_mcontext.fpregs;
    if (at == NULL)
        return;
    memcpy(at, ymm, 256);
    image[AT_XSTATE_BV] |= 7; /* x87, SSE, AVX */
}

static void get_ymm(ucontext_t *c, uint64_t ymm[16][2]) {
    uint8_t *at = frame_ymm(c), *image = (uint8_t *)c->uc_mcontext.fpregs;
    memset(ymm, 0, 256);
    if (at != NULL && (image[AT_XSTATE_BV] & AVX_STATE))
        memcpy(ymm, at, 256);
}

bool host_insn_has_avx(void) { return __builtin_cpu_supports("avx"); }

bool host_insn_has_code32(void) {
    unsigned rights;
    bool valid;
    __asm__("lar %2, %1" : "=@ccz"(valid), "=r"(rights) : "r"(0x23));
    return valid;
}

static void enter(ucontext_t *c) {
    memcpy(run.caller, c->uc_mcontext.gregs, sizeof run.caller);
    memcpy(&run.caller_fx, c->uc_mcontext.fpregs, sizeof run.caller_fx);
    for (int k = 0; k < 16; k++)
        c->uc_mcontext.gregs[greg[k]] = (greg_t)run.state->gpr[k];
    c->uc_mcontext.gregs[REG_RIP] = (greg_t)run.state->rip;
    c->uc_mcontext.gregs[REG_EFL] = (greg_t)run.state->rflags;
    if (run.state->code32) /* Linux's 32-bit user code segment */
        c->uc_mcontext.gregs[REG_CSGSFS] = (c->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) | 0x23;
    memcpy(c->uc_mcontext.fpregs, &run.state->fx, 416); /* what follows belongs to the kernel */
    get_ymm(c, run.caller_ymm);
    set_ymm(c, run.state->ymm);
    run.inside = true;
}

static void leave(ucontext_t *c) {
    struct HostState *s = run.state;
    for (int k = 0; k < 16; k++)
        s->gpr[k] = (uint64_t)c->uc_mcontext.gregs[greg[k]];
    s->rip = (uint64_t)c->uc_mcontext.gregs[REG_RIP];
    s->rflags = (uint64_t)c->uc_mcontext.gregs[REG_EFL];
    s->vector = (int)c->uc_mcontext.gregs[REG_TRAPNO];
    s->error = (uint32_t)c->uc_mcontext.gregs[REG_ERR];
    s->cr2 = (uint64_t)c->uc_mcontext.gregs[REG_CR2];
    memcpy(&s->fx, c->uc_mcontext.fpregs, sizeof s->fx);
    get_ymm(c, s->ymm);
    memcpy(c->uc_mcontext.gregs, run.caller, sizeof run.caller);
    memcpy(c->uc_mcontext.fpregs, &run.caller_fx, 416);
    set_ymm(c, run.caller_ymm);
    run.inside = false;
}

static void on_signal(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)info;
    if (run.inside)
        leave(context);
    else
        enter(context);
}

void host_insn_init(void) {
    /* 64-bit programs have null selectors there, 32-bit code needs the flat user segment */
    __asm__ volatile("movl %0, %%ds; movl %0, %%es" : : "r"(0x2b));
    static uint8_t stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (unsigned k = 0; k < sizeof signals / sizeof signals[0]; k++)
        sigaction(signals[k], &sa, NULL);
}

int host_map(uint64_t at, uint64_t size) {
    void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return p == (void *)at ? 0 : p == MAP_FAILED ? -errno : -EEXIST;
}

__attribute__((noinline)) void host_insn_run(struct HostState *s) {
    run.state = s;
    __asm__ volatile("int3" ::: "memory");
}
