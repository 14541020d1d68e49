/* SPDX-License-Identifier: MIT */
/*
 * Cases in code of any size, without a program around them: the signal frame from which the kernel goes on is made the
 * case's, and that of the signal which ends it, whatever that is, has its result. Between the two the processor
 * executes nothing but the case.
 *
 * A frame holds CS and SS. The other segment registers are loaded by the handler, which does not use them, and the
 * local descriptor table is made what the case wants.
 */
#include "diff/run/host_handler.h"

#include <signal.h>

enum { FX_SIZE = 464, YMM_SIZE = 256, HALF = sizeof(uint32_t), AVX = 4, FX_BYTES_USED = DIFF_AT_FX_END };

/* Linux says in the FXSAVE part how much of an XSAVE image in the standard form follows it (struct _fpx_sw_bytes). */
enum { MAGIC1 = 0x46505853, AT_MAGIC1 = 464, AT_XFEATURES = 472, AT_XSTATE_BV = 512, AT_YMM = DIFF_AT_YMMH };

extern const uint8_t diff_host_local_call[];

/* modify_ldt(1 | 16, entry, sizeof(entry)): write, in the new format. The label is for seccomp. */
__asm__(".text\n.globl diff_host_local, diff_host_local_call\n.hidden diff_host_local, diff_host_local_call\n"
        "diff_host_local:\n mov $16, %edx\n mov %rdi, %rsi\n mov $0x11, %edi\n mov $154, %eax\n syscall\n"
        "diff_host_local_call:\n ret\n");
_Static_assert(sizeof(struct user_desc) == 16, "");

HANDLER inline uint64_t get64(const uint8_t *p) { return *(const uint64_t *)p; }
HANDLER inline void put64(uint8_t *p, uint64_t v) { *(uint64_t *)p = v; }
HANDLER inline void put32(uint8_t *p, uint32_t v) { *(uint32_t *)p = v; }

/** Of an XSAVE image in a frame: whether it has the upper halves of YMM. */
HANDLER inline bool has_ymm(const uint8_t *image) {
    return *(const uint32_t *)(image + AT_MAGIC1) == MAGIC1 && (get64(image + AT_XFEATURES) & AVX);
}

HANDLER inline void load_vectors(uint8_t *image, const uint8_t *in) {
    copy(image, in, FX_BYTES_USED); /* what follows belongs to the kernel */
    if (!has_ymm(image))
        return;
    copy(image + AT_YMM, in + DIFF_AT_YMMH, YMM_SIZE);
    put64(image + AT_XSTATE_BV, get64(image + AT_XSTATE_BV) | 3 | AVX);
}

HANDLER inline void store_vectors(uint8_t *out, const uint8_t *image) {
    copy(out, image, FX_SIZE);
    for (unsigned k = 0; k < YMM_SIZE; k += 8)
        put64(out + DIFF_AT_YMMH + k, 0);
    if (has_ymm(image) && (image[AT_XSTATE_BV] & AVX))
        copy(out + DIFF_AT_YMMH, image + AT_YMM, YMM_SIZE);
}

HANDLER inline bool same_entry(const struct user_desc *a, const struct user_desc *b) {
    const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
    return get64(x) == get64(y) && get64(x + 8) == get64(y + 8);
}

/** The local table becomes what the case's selectors want. */
HANDLER inline int load_local(struct HostCases *m, const struct HostSegments *s) {
    int e = 0;
    for (unsigned k = 0; k < HOST_SEGMENTS && e == 0; k++) {
        const struct user_desc *want = &s->entry[k];
        if (!(s->local >> k & 1) || same_entry(&m->local[want->entry_number], want))
            continue;
        e = diff_host_local(want);
        if (e == 0)
            copy(&m->local[want->entry_number], want, sizeof(*want));
    }
    return e;
}

/** All but CS and SS. */
HANDLER inline void load_selectors(const uint16_t *s) {
    enum { ES = 0, DS = 3, FS = 4, GS = 5 };
    __asm__ volatile("mov %0, %%es\n mov %1, %%ds\n mov %2, %%fs\n mov %3, %%gs"
                     :
                     : "r"((uint32_t)s[ES]), "r"((uint32_t)s[DS]), "r"((uint32_t)s[FS]), "r"((uint32_t)s[GS]));
}

static const uint8_t order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

BARE NO_PROTECTOR bool diff_host_case_begin(const struct HostContext *c, ucontext_t *uc) {
    enum { CS = 1, SS = 2 };
    struct HostCases *m = c->mail->frames;
    const uint8_t *in = m->in[m->at];
    const struct HostSegments *s = &m->segments[m->at];
    greg_t *g = uc->uc_mcontext.gregs;
    m->error = load_local(m, s);
    if (m->error != 0)
        return false;
    for (unsigned k = 0; k < 16; k++)
        g[order[k]] = (greg_t)get64(in + DIFF_AT_GPR + 8 * k);
    g[REG_RIP] = (greg_t)get64(in + DIFF_AT_RIP);
    g[REG_EFL] = (greg_t)get64(in + DIFF_AT_RFLAGS);
    set_segments(g, s->selector[CS], s->selector[SS]);
    load_vectors((uint8_t *)uc->uc_mcontext.fpregs, in);
    if (!c->has_bases)
        return true; /* the thread's own base of FS could not be put back */
    load_selectors(s->selector);
    if (s->selector[CS] == HOST_CS64)
        set_bases(get64(in + DIFF_AT_FS_BASE), get64(in + DIFF_AT_GS_BASE));
    return true;
}

BARE NO_PROTECTOR void diff_host_case_end(const struct HostContext *c, int sig, const siginfo_t *info,
                                          const ucontext_t *uc) {
    enum { CS = 1 };
    struct HostCases *m = c->mail->frames;
    uint8_t *out = m->out[m->at];
    const greg_t *g = uc->uc_mcontext.gregs;
    const uint64_t width = m->segments[m->at].selector[CS] == HOST_CS64 ? ~0ull : UINT32_MAX;
    bool gone = sig == SIGSYS || ((uint64_t)g[REG_RIP] & ~width) != 0; /* to 64-bit code */
    for (unsigned k = 0; k < 16; k++)
        put64(out + DIFF_AT_GPR + 8 * k, (uint64_t)g[order[k]] & width);
    put64(out + DIFF_AT_RIP, (uint64_t)g[REG_RIP] & width);
    put64(out + DIFF_AT_RFLAGS, (uint64_t)g[REG_EFL]);
    put64(out + DIFF_AT_CR2, (uint64_t)g[REG_CR2]);
    put32(out + DIFF_AT_VECTOR, gone ? DIFF_GONE : (uint32_t)g[REG_TRAPNO]);
    put32(out + DIFF_AT_ERROR, (uint32_t)g[REG_ERR]);
    put32(out + DIFF_AT_DR6, info->si_code == TRAP_TRACE ? DR6_BS : 0);
    if (c->has_bases) {
        put64(out + DIFF_AT_FS_BASE, fs_base());
        put64(out + DIFF_AT_GS_BASE, gs_base());
    }
    store_vectors(out, (const uint8_t *)uc->uc_mcontext.fpregs);
}
