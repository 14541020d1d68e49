/* SPDX-License-Identifier: MIT */
/* See core_notes.h. */
#include "control/monitor/core_notes.h"
#include "cpu/xsave.h"

#include <elf.h>
#include <string.h>

enum {
    XSTATE_SIZE = XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE,
    XSTATE_XCR0 = 464, /* where Linux leaves XCR0 in the part that software may use */
};

/* Linux's struct elf_prstatus: the process's number is the CPU's, counted from 1. */
enum {
    PRSTATUS64_SIZE = 336,
    PRSTATUS64_PID = 32,
    PRSTATUS64_REGS = 112,
    PRSTATUS32_SIZE = 144,
    PRSTATUS32_PID = 24,
    PRSTATUS32_REGS = 72,
};

static size_t align4(size_t n) { return (n + 3) & ~(size_t)3; }

static uint8_t *put_note(uint8_t *at, const char *name, uint32_t type, const void *data, size_t size) {
    Elf64_Nhdr header = {(uint32_t)strlen(name) + 1, (uint32_t)size, type}; /* the same in 32 bits */
    memcpy(at, &header, sizeof(header));
    at += sizeof(header);
    memcpy(at, name, header.n_namesz);
    at += align4(header.n_namesz);
    memcpy(at, data, size);
    return at + align4(size);
}

/* ---- general registers ---- */

static uint8_t *put_prstatus64(const CPUX86State *env, uint32_t number, uint8_t *at) {
    uint8_t status[PRSTATUS64_SIZE] = {0};
    const uint64_t *g = env->gpr;
    const struct X86Segment *s = env->seg;
    const uint64_t regs[] = {
        /* struct user_regs_struct */
        g[15],
        g[14],
        g[13],
        g[12],
        g[REG_BP],
        g[REG_BX],
        g[11],
        g[10],
        g[9],
        g[8],
        g[REG_AX],
        g[REG_CX],
        g[REG_DX],
        g[REG_SI],
        g[REG_DI],
        ~0ull /* orig_rax: no system call */,
        env->rip,
        s[SEG_CS].selector,
        env->rflags,
        g[REG_SP],
        s[SEG_SS].selector,
        s[SEG_FS].base,
        s[SEG_GS].base,
        s[SEG_DS].selector,
        s[SEG_ES].selector,
        s[SEG_FS].selector,
        s[SEG_GS].selector,
    };
    memcpy(status + PRSTATUS64_PID, &number, sizeof(number));
    memcpy(status + PRSTATUS64_REGS, regs, sizeof(regs));
    return put_note(at, "CORE", NT_PRSTATUS, status, sizeof(status));
}

static uint8_t *put_prstatus32(const CPUX86State *env, uint32_t number, uint8_t *at) {
    uint8_t status[PRSTATUS32_SIZE] = {0};
    const uint64_t *g = env->gpr;
    const struct X86Segment *s = env->seg;
    const uint32_t regs[] = {
        (uint32_t)g[REG_BX], (uint32_t)g[REG_CX], (uint32_t)g[REG_DX],   (uint32_t)g[REG_SI],
        (uint32_t)g[REG_DI], (uint32_t)g[REG_BP], (uint32_t)g[REG_AX],   s[SEG_DS].selector,
        s[SEG_ES].selector,  s[SEG_FS].selector,  s[SEG_GS].selector,    ~0u,
        (uint32_t)env->rip,  s[SEG_CS].selector,  (uint32_t)env->rflags, (uint32_t)g[REG_SP],
        s[SEG_SS].selector,
    };
    memcpy(status + PRSTATUS32_PID, &number, sizeof(number));
    memcpy(status + PRSTATUS32_REGS, regs, sizeof(regs));
    return put_note(at, "CORE", NT_PRSTATUS, status, sizeof(status));
}

/* ---- x87 and vector registers ---- */

static void make_xstate(const CPUX86State *env, uint8_t area[XSTATE_SIZE]) {
    const uint64_t components = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    uint32_t mxcsr_mask = 0xffff;
    unsigned top = env->fsw >> 11 & 7;
    memset(area, 0, XSTATE_SIZE);
    memcpy(area + FXSAVE_FCW, &env->fcw, 2);
    memcpy(area + FXSAVE_FSW, &env->fsw, 2);
    area[FXSAVE_FTW] = env->ftw;
    memcpy(area + FXSAVE_FOP, &env->fop, 2);
    memcpy(area + FXSAVE_FIP, &env->fip, 8);
    memcpy(area + FXSAVE_FDP, &env->fdp, 8);
    memcpy(area + FXSAVE_MXCSR, &env->mxcsr, 4);
    memcpy(area + FXSAVE_MXCSR_MASK, &mxcsr_mask, 4);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(area + FXSAVE_ST + 16 * i, &env->fpr[(top + i) & 7].mantissa, 8);
        memcpy(area + FXSAVE_ST + 16 * i + 8, &env->fpr[(top + i) & 7].sign_exp, 2);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(area + FXSAVE_XMM + 16 * i, env->vec[i].b, 16);
        memcpy(area + XSAVE_AVX_OFFSET + 16 * i, env->vec[i].b + 16, 16);
    }
    memcpy(area + XSTATE_XCR0, &components, 8);
    memcpy(area + XSAVE_XSTATE_BV, &components, 8);
}

/* ---- what QEMU tells of a CPU ---- */

struct QemuSegment {
    uint32_t selector, limit, flags, pad;
    uint64_t base;
};

struct QemuCpu {
    uint32_t version, size;
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8[8], rip, rflags;
    struct QemuSegment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
    uint64_t cr[5], kernel_gs_base;
};

static struct QemuSegment qemu_segment(const struct X86Segment *s) {
    uint32_t flags = (s->ar & 0xff) << 8 | (s->ar & 0xf000) << 8; /* the descriptor's second word */
    return (struct QemuSegment){s->selector, s->limit, flags, 0, s->base};
}

static uint8_t *put_qemu(const CPUX86State *env, uint8_t *at) {
    const uint64_t *g = env->gpr;
    struct QemuCpu c = {
        .version = 1,
        .size = sizeof(c),
        .rax = g[REG_AX],
        .rbx = g[REG_BX],
        .rcx = g[REG_CX],
        .rdx = g[REG_DX],
        .rsi = g[REG_SI],
        .rdi = g[REG_DI],
        .rsp = g[REG_SP],
        .rbp = g[REG_BP],
        .rip = env->rip,
        .rflags = env->rflags,
        .cs = qemu_segment(&env->seg[SEG_CS]),
        .ds = qemu_segment(&env->seg[SEG_DS]),
        .es = qemu_segment(&env->seg[SEG_ES]),
        .fs = qemu_segment(&env->seg[SEG_FS]),
        .gs = qemu_segment(&env->seg[SEG_GS]),
        .ss = qemu_segment(&env->seg[SEG_SS]),
        .ldt = qemu_segment(&env->ldt),
        .tr = qemu_segment(&env->tr),
        .gdt = {.limit = env->gdt.limit, .base = env->gdt.base},
        .idt = {.limit = env->idt.limit, .base = env->idt.base},
        .cr = {env->cr0, 0, env->cr2, env->cr3, env->cr4},
        .kernel_gs_base = env->kernel_gs_base,
    };
    memcpy(c.r8, g + 8, sizeof(c.r8));
    return put_note(at, "QEMU", 0, &c, sizeof(c));
}

size_t core_notes(const CPUX86State *env, unsigned index, bool wide, uint8_t *notes) {
    uint8_t xstate[XSTATE_SIZE], *at = notes;
    make_xstate(env, xstate);
    at = wide ? put_prstatus64(env, index + 1, at) : put_prstatus32(env, index + 1, at);
    if (wide)
        at = put_note(at, "CORE", NT_PRFPREG, xstate, FXSAVE_SIZE);
    at = put_note(at, "LINUX", NT_X86_XSTATE, xstate, sizeof(xstate));
    if (wide)
        at = put_qemu(env, at);
    return (size_t)(at - notes);
}
