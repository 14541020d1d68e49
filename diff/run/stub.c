/* SPDX-License-Identifier: MIT */
#include "diff/run/stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x) #x
#define NUMBER(x) STRING(x)

_Static_assert(offsetof(struct StubControl, current) == 0x00 && offsetof(struct StubControl, target) == 0x08, "");
_Static_assert(offsetof(struct StubControl, r15) == 0x10 && offsetof(struct StubControl, rip) == 0x18, "");
_Static_assert(offsetof(struct StubControl, cr2) == 0x20 && offsetof(struct StubControl, vector) == 0x28, "");
_Static_assert(offsetof(struct StubControl, components) == 0x2c && offsetof(struct StubControl, count) == 0x30, "");
_Static_assert(offsetof(struct StubControl, dr6) == 0x38 && DIFF_CS64_3 == 0x33 && DIFF_DS_3 == 0x2b, "");
_Static_assert(STUB_CONTROL == 0x20001000 && STUB_DONE == 0x20002000 && STUB_IN == 0x20010000 &&
                   STUB_OUT - STUB_IN == 0x200000,
               "");
_Static_assert(DIFF_SYS + DIFF_SYS_STACK_TOP == STUB_FRAME && STUB_FRAME == 0x30004000 && DIFF_STATE_SIZE == 1024 &&
                   STUB_FPU_ENV == 544,
               "");

extern const uint8_t diff_stub_after[];

/* Offsets within a record: see state.h. Addresses are absolute, for no register is free. */
__asm__(".pushsection .rodata\n"
        ".globl diff_stub, diff_stub_end, diff_stub_fault, diff_stub_after\n"
        ".hidden diff_stub, diff_stub_end, diff_stub_fault, diff_stub_after\n"
        ".balign 64\n"
        ".set CURRENT, 0x20001000\n.set TARGET, 0x20001008\n.set SAVED, 0x20001010\n.set RIP, 0x20001018\n"
        ".set CR2, 0x20001020\n.set VECTOR, 0x20001028\n.set COMPONENTS, 0x2000102c\n.set COUNT, 0x20001030\n"
        ".set DR6, 0x20001038\n.set STACK, 0x20002000\n"
        ".set OUT, 0x200000\n.set FRAME, 0x30004000\n"
        "diff_stub:\n"
        "mov $0x20010000, %r15d\n"
        "1:\n" /* load a record */
        "mov %r15, CURRENT\n"
        "mov COMPONENTS, %eax\n xor %edx, %edx\n"
        "xrstor64 (%r15)\n"
        "mov 976(%r15), %rax\n wrfsbase %rax\n"
        "mov 984(%r15), %rax\n wrgsbase %rax\n"
        "mov 968(%r15), %rax\n mov %rax, TARGET\n"
        "movl $-1, VECTOR\n"
        "testl $0x100, 960(%r15)\n jnz 3f\n"
        "lea 960(%r15), %rsp\n popfq\n"
        "mov 832(%r15), %rax\n mov 840(%r15), %rcx\n mov 848(%r15), %rdx\n mov 856(%r15), %rbx\n"
        "mov 864(%r15), %rsp\n mov 872(%r15), %rbp\n mov 880(%r15), %rsi\n mov 888(%r15), %rdi\n"
        "mov 896(%r15), %r8\n mov 904(%r15), %r9\n mov 912(%r15), %r10\n mov 920(%r15), %r11\n"
        "mov 928(%r15), %r12\n mov 936(%r15), %r13\n mov 944(%r15), %r14\n mov 952(%r15), %r15\n"
        "jmp *TARGET\n"
        "3:\n" /* single-stepping: only IRET sets TF and jumps at once */
        "mov $STACK, %esp\n"
        "pushq $0x2b\n pushq 864(%r15)\n pushq 960(%r15)\n pushq $0x33\n pushq TARGET\n"
        "mov 832(%r15), %rax\n mov 840(%r15), %rcx\n mov 848(%r15), %rdx\n mov 856(%r15), %rbx\n"
        "mov 872(%r15), %rbp\n mov 880(%r15), %rsi\n mov 888(%r15), %rdi\n"
        "mov 896(%r15), %r8\n mov 904(%r15), %r9\n mov 912(%r15), %r10\n mov 920(%r15), %r11\n"
        "mov 928(%r15), %r12\n mov 936(%r15), %r13\n mov 944(%r15), %r14\n mov 952(%r15), %r15\n"
        "iretq\n"

        "diff_stub_after:\n"
        "mov %r15, SAVED\n mov CURRENT, %r15\n"
        "mov %rsp, OUT+864(%r15)\n"
        "lea OUT+968(%r15), %rsp\n pushfq\n"
        "mov %rax, OUT+832(%r15)\n"
        "2:\n" /* store a record */
        "mov %rcx, OUT+840(%r15)\n mov %rdx, OUT+848(%r15)\n mov %rbx, OUT+856(%r15)\n"
        "mov %rbp, OUT+872(%r15)\n mov %rsi, OUT+880(%r15)\n mov %rdi, OUT+888(%r15)\n"
        "mov %r8, OUT+896(%r15)\n mov %r9, OUT+904(%r15)\n mov %r10, OUT+912(%r15)\n mov %r11, OUT+920(%r15)\n"
        "mov %r12, OUT+928(%r15)\n mov %r13, OUT+936(%r15)\n mov %r14, OUT+944(%r15)\n"
        "mov SAVED, %rax\n mov %rax, OUT+952(%r15)\n"
        "mov RIP, %rax\n mov %rax, OUT+968(%r15)\n"
        "mov VECTOR, %eax\n mov %eax, OUT+992(%r15)\n"
        "rdfsbase %rax\n mov %rax, OUT+976(%r15)\n"
        "rdgsbase %rax\n mov %rax, OUT+984(%r15)\n"
        "mov COMPONENTS, %eax\n xor %edx, %edx\n"
        "xsave64 OUT(%r15)\n"
        "fnstenv OUT+544(%r15)\n"                    /* AMD's XSAVE stores no pointers unless an exception is pending */
        "mov $0x20002000, %esp\n pushq $2\n popfq\n" /* alignment checks off */
        "add $1024, %r15\n"
        "decq COUNT\n"
        "jnz 1b\n"
        "mov %eax, 0x20002000\n" /* KVM_EXIT_MMIO; it goes on here with the next batch */
        "jmp diff_stub\n"

        "diff_stub_fault:\n"
        "mov %r15, SAVED\n mov CURRENT, %r15\n"
        "mov %rax, OUT+832(%r15)\n"
        "mov FRAME-16, %rax\n mov %rax, OUT+864(%r15)\n"
        "mov FRAME-24, %rax\n mov %rax, OUT+960(%r15)\n"
        "mov FRAME-40, %rax\n mov %rax, RIP\n"
        "mov FRAME-48, %eax\n mov %eax, OUT+996(%r15)\n"
        "mov CR2, %rax\n mov %rax, OUT+1000(%r15)\n"
        "mov DR6, %eax\n mov %eax, OUT+1008(%r15)\n"
        "jmp 2b\n"
        "diff_stub_end:\n"
        ".popsection\n");

int diff_stub_space(struct DiffSpace *s, const struct DiffSetup *setup, char *why, size_t n) {
    unsigned own = (STUB_END - STUB_BASE) / 4096, count = setup->pages;
    struct DiffPage *page = malloc((setup->pages + own) * sizeof(*page));
    if (page == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    memcpy(page, setup->page, setup->pages * sizeof(*page));
    for (uint64_t at = STUB_BASE; at < STUB_END; at += 4096)
        if (at <= STUB_DONE || at >= STUB_IN)
            page[count++] =
                (struct DiffPage){at, DIFF_PAGE_USER | DIFF_PAGE_WRITE | (at == STUB_DONE ? DIFF_PAGE_HOLE : 0)};
    int r = diff_space_init(s, setup->mode, setup->cpl, setup->model, page, count, why, n);
    free(page);
    return r;
}

void diff_stub_install(struct DiffSpace *s, const struct CpuModel *model, struct StubControl **control,
                       struct DiffState **in, struct DiffState **out) {
    memcpy(diff_space_at(s, STUB_BASE), diff_stub, (size_t)(diff_stub_end - diff_stub));
    *control = (struct StubControl *)diff_space_at(s, STUB_CONTROL);
    *in = (struct DiffState *)diff_space_at(s, STUB_IN);
    *out = (struct DiffState *)diff_space_at(s, STUB_OUT);
    (*control)->components = XCR0_X87 | XCR0_SSE | (cpu_has(model, CPUID_AVX) ? XCR0_AVX : 0);
}

void diff_stub_pad(uint8_t *at, uint64_t linear) {
    static const uint8_t move[4] = {0x48, 0xc7, 0x05, 0}; /* movq $linear, rip_of_control(%rip) */
    uint64_t next = linear + 11;
    memcpy(at, move, 3);
    put_le(at + 3, STUB_CONTROL + offsetof(struct StubControl, rip) - next, 4);
    put_le(at + 7, linear, 4);
    at[11] = 0xe9; /* jmp diff_stub_after */
    put_le(at + 12, STUB_BASE + (uint64_t)(diff_stub_after - diff_stub) - (linear + 16), 4);
}

void diff_stub_finish(struct DiffState *s) {
    const uint8_t *env = (const uint8_t *)s + STUB_FPU_ENV;
    put_le(s->fx + FXSAVE_FIP, get_le32(env + 12), 8);
    put_le(s->fx + FXSAVE_FOP, get_le32(env + 16) >> 16 & 0x7ff, 2);
    put_le(s->fx + FXSAVE_FDP, get_le32(env + 20), 8);
    diff_state_finish(s);
}

unsigned diff_stub_current(const struct StubControl *c, const uint16_t *which, unsigned count) {
    uint64_t k = (c->current - STUB_IN) / DIFF_STATE_SIZE;
    return which[k < count ? k : 0];
}
