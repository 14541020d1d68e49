/* SPDX-License-Identifier: MIT */
/* 64-bit mode: what it forbids, canonical addresses, frames, IST, rings, SYSCALL, SYSENTER, compatibility mode. */
#include "tests/guests/guest64.h"

#define CF 1
#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define CSTAR 0xc0000083
#define FMASK 0xc0000084
#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define KERNEL_GS_BASE 0xc0000102

test:
    call registers
    call invalid
    call canonical
    call frames
    call rings
    call syscall_test
    call sysenter_test
    call compat
    call segment_bases
    call moves
    ret

registers:
    mov $-1, %rax
    mov $5, %eax
    EXPECT "32-bit writes clear the upper half", 5
    mov $-1, %rax
    mov $5, %ax
    EXPECT "16-bit writes do not", 0xffffffffffff0005
    mov $-1, %rax
    xor %ecx, %ecx
    cmp $1, %ecx
    cmove %eax, %eax
    EXPECT "cmov that does not move clears it too", 0xffffffff
    mov $0x1122334455667788, %rsi
    movzbl %sil, %eax
    EXPECT "sil", 0x88
    mov $0x1122, %eax
    movzbl %ah, %eax
    EXPECT "ah", 0x11
    mov $0x80000000, %eax
    movslq %eax, %rax
    EXPECT "movsxd", -0x80000000
    lea 1f(%rip), %rax
    sub $1f, %rax
1:  EXPECT "rip-relative", 0
    mov $0x7fffffffffffffff, %rax
    add $1, %rax
    EXPECT_FLAGS "add overflows", 0x801, 0x800
    mov $3, %rax
    mov $-1, %rdx
    mul %rdx
    EXPECT "mul low", -3
    mov %rdx, %rax
    EXPECT "mul high", 2
    mov $1, %edx
    xor %eax, %eax
    mov $3, %ecx
    div %rcx
    EXPECT "div 2^64/3", 0x5555555555555555
    mov $0x0123456789abcdef, %rax
    bswap %rax
    EXPECT "bswap", 0xefcdab8967452301
    mov $1, %eax
    mov $65, %ecx
    shl %cl, %rax
    EXPECT "64-bit shift counts are modulo 64", 2
    mov $0x100, %rax
    push %ax
    pop %cx
    movzwl %cx, %eax
    EXPECT "push ax", 0x100
    mov $7, %eax
    mov $7, %ecx
    mov $9, %edx
    mov %rax, 0x30000
    lock cmpxchg %rdx, 0x30000
    EXPECT_FLAGS "cmpxchg sets ZF", 0x40, 0x40
    EXPECT_MEM "cmpxchg stores", 0x30000, 9
    mov $1, %eax
    cmpxchg %rdx, 0x30000
    EXPECT "cmpxchg loads on failure", 9
    mov $5, %eax
    lock xadd %rax, 0x30000
    EXPECT "xadd", 9
    EXPECT_MEM "xadd sum", 0x30000, 14
    mov $1, %eax
    cpuid
    bt $13, %ecx
    jnc 9f
    movq $1, 0x30000
    movq $2, 0x30008
    mov $1, %eax
    mov $2, %edx
    mov $3, %ebx
    mov $4, %ecx
    lock cmpxchg16b 0x30000
    EXPECT_FLAGS "cmpxchg16b", 0x40, 0x40
    EXPECT_MEM "cmpxchg16b high", 0x30008, 4
    FAULT "cmpxchg16b must be aligned", 13, 0, cmpxchg16b 0x30008
    ret
9:  FAULT "cmpxchg16b without CX16", 6, 0, cmpxchg16b 0x30000
    ret

invalid:
    FAULT "push es", 6, 0, .byte 0x06
    FAULT "pop ds", 6, 0, .byte 0x1f
    FAULT "daa", 6, 0, .byte 0x27
    FAULT "aaa", 6, 0, .byte 0x37
    FAULT "aam", 6, 0, .byte 0xd4, 0x0a
    FAULT "pusha", 6, 0, .byte 0x60
    FAULT "bound (EVEX without its features or with bad bits)", 6, 0, .byte 0x62, 0x00
    FAULT "far call, immediate", 6, 0, .byte 0x9a, 0, 0, 0, 0, 0, 0
    FAULT "far jmp, immediate", 6, 0, .byte 0xea, 0, 0, 0, 0, 0, 0
    FAULT "into", 6, 0, .byte 0xce
    FAULT "salc", 6, 0, .byte 0xd6
    FAULT "opcode 82", 6, 0, .byte 0x82, 0xc0, 0x00
    FAULT "lock on a load", 6, 0, .byte 0xf0, 0x48, 0x8b, 0x04, 0x25, 0, 0, 3, 0
    FAULT "lock cmp", 6, 0, .byte 0xf0, 0x48, 0x39, 0x04, 0x25, 0, 0, 3, 0
    FAULT "lock add to a register", 6, 0, .byte 0xf0, 0x48, 0x01, 0xc0
    FAULT "lea of a register", 6, 0, .byte 0x8d, 0xc0
    FAULT "mov cr1", 6, 0, .byte 0x0f, 0x20, 0xc8
    FAULT "mov cs", 6, 0, .byte 0x8e, 0xc8
    FAULT "pop of a register with reg 1", 6, 0, .byte 0x8f, 0xc8
    FAULT "ud1", 6, 0, .byte 0x0f, 0xb9, 0xc0
    FAULT "16 bytes", 13, 0, \
        .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
    mov $0x12345678, %ecx
    FAULT "rdmsr of an unknown MSR", 13, 0, rdmsr
    mov $EFER, %ecx
    mov $0x40000000, %edx
    FAULT "wrmsr of reserved EFER bits", 13, 0, wrmsr
    ret

canonical:
    mov $0x800000000000, %rbx
    FAULT "load from a non-canonical address", 13, 0, mov (%rbx), %rax
    FAULT "store", 13, 0, mov %rax, (%rbx)
    mov $0x7ffffffffffc, %rbx
    FAULT "store across the edge", 13, 0, mov %rax, (%rbx)
    mov $0x800000000000, %rbp
    FAULT "through RBP it is a stack fault", 12, 0, mov (%rbp), %rax
    mov $0x800000000000, %rbx
    FAULT "jump to a non-canonical address", 13, 0, jmp *%rbx
    FAULT "call to a non-canonical address", 13, 0, call *%rbx
    mov $LSTAR, %ecx
    mov $0x8000, %edx
    FAULT "wrmsr of a non-canonical LSTAR", 13, 0, wrmsr
    mov $0xffff8000, %edx
    NOFAULT "wrmsr of a canonical LSTAR", wrmsr
    movq $0xa000, tss+36 /* the handler needs another stack */
    .irp vector, 12, 13, 14 /* 13 and 14 for a processor that gets it wrong */
    movb $1, idt+\vector*16+4
    .endr
    TRY 1f
    lea 16(%rbx), %rsp
    push %rax
1:  mov try_rsp, %rsp
    .irp vector, 12, 13, 14
    movb $0, idt+\vector*16+4
    .endr
    CAUGHT "push with a non-canonical RSP", 12, 0
    NOFAULT "invlpg of a non-canonical address does nothing", invlpg (%rbx)
    ret

frames:
    mov %rsp, %r15
    mov $0xbff3, %esp
    TRY 1f
    int $0x50
1:  mov %r15, %rsp
    CAUGHT "int 50h", 0x50, 0
    EXPECT_MEM "frame: RSP", caught_rsp, 0xbff3
    EXPECT_MEM "the frame is aligned to 16", caught_rsp0, 0xbff0-40
    ret

rings:
    USER_FAULT "ring 3: hlt", 13, 0, hlt
    EXPECT_MEM "frame: CS", caught_cs, SEL_UCODE
    EXPECT_MEM "frame: SS", caught_ss, SEL_UDATA
    EXPECT_MEM "frame: RSP", caught_rsp, 0xc000
    EXPECT_MEM "RSP0, and SS to RIP pushed", caught_rsp0, 0xdfd8
    USER_FAULT "ring 3: mov cr3", 13, 0, mov %cr3, %rax
    USER_FAULT "ring 3: mov cr8", 13, 0, mov %cr8, %rax
    USER_FAULT "ring 3: swapgs", 13, 0, swapgs
    USER_FAULT "ring 3: sysret", 13, 0, sysretq
    USER_FAULT "ring 3: invlpg", 13, 0, invlpg (%rax)
    USER_FAULT "ring 3: int 50h with DPL 0", 13, 0x282, int $0x50
    USER_FAULT "ring 3: in", 13, 0, in $0x80, %al
    USER_FAULT "ring 3: cli", 13, 0, cli
    USER_FAULT "ring 3: rdmsr", 13, 0, rdmsr

    /* Interrupt stack table. RSP is aligned to 16 whatever it was. */
    movq $0xa00b, tss+36
    movb $1, idt+0x50*16+4
    TRY 1f
    int $0x50
1:  CAUGHT "int through IST", 0x50, 0
    EXPECT_MEM "IST1, aligned", caught_rsp0, 0xa000-40
    EXPECT_MEM "IST: SS", caught_ss, SEL_DATA
    movb $0, idt+0x50*16+4

    /* IRETQ to ring 0 pops SS and RSP too. A null SS is allowed there. */
    mov %rsp, %rdx
    pushq $0
    pushq %rdx
    pushq $2
    pushq $SEL_CODE
    pushq $1f
    iretq
1:  mov %ss, %eax
    movzwl %ax, %eax
    EXPECT "iretq to ring 0 with a null SS", 0
    mov $SEL_DATA, %eax
    mov %eax, %ss
    TRY 1f
    pushq $SEL_DATA
    pushq %rdx
    pushq $2
    pushq $SEL_CODE
    mov $0x800000000000, %rax
    pushq %rax
    iretq
1:  CAUGHT "iretq to a non-canonical address", 13, 0
    movw $0x50*16+14, idt_pointer
    lidt idt_pointer
    FAULT "int beyond the IDT", 13, 0x282, int $0x50
    movw $0xfff, idt_pointer
    lidt idt_pointer
    movb $0, idt+0x50*16+5
    FAULT "int: empty gate", 13, 0x282, int $0x50
    movb $0x0e, idt+0x50*16+5
    FAULT "int: gate not present", 11, 0x282, int $0x50
    movb $0x8e, idt+0x50*16+5
    movw $SEL_CODE32, idt+0x50*16+2
    FAULT "int: gate to 32-bit code", 13, SEL_CODE32, int $0x50
    movw $SEL_CODE, idt+0x50*16+2
    ret

syscall_test:
    WRITE_MSR STAR, 0x0018000800000000
    WRITE_MSR LSTAR, syscall_entry
    WRITE_MSR FMASK, 0x401
    TRY 1f
    RING3 2f, 0x0002
2:  std
    stc
    syscall
3:  pushf
    pop %r13
    mov %cs, %r14d
    mov %ss, %r15d
    ud2
1:  CAUGHT "syscall and sysret", 6, 0
    mov %r8, %rax
    EXPECT "syscall: CS", SEL_CODE
    mov %r9, %rax
    EXPECT "syscall: SS", SEL_DATA
    mov %r10, %rax
    sub $3b, %rax
    EXPECT "syscall: RCX is the return address", 0
    mov %r11, %rax
    and $0x401, %eax
    EXPECT "syscall: R11 holds the flags", 0x401
    mov %r12, %rax
    and $0x401, %eax
    EXPECT "syscall: FMASK cleared them", 0
    mov %r13, %rax
    and $0x401, %eax
    EXPECT "sysret: flags are back", 0x401
    movzwl %r14w, %eax
    EXPECT "sysret: CS", SEL_UCODE
    movzwl %r15w, %eax
    EXPECT "sysret: SS", SEL_UDATA
    cld
    mov $EFER, %ecx
    rdmsr
    and $~1, %eax
    wrmsr
    FAULT "syscall without EFER.SCE", 6, 0, syscall
    mov $EFER, %ecx
    rdmsr
    or $1, %eax
    wrmsr

    /* SYSRET to 32-bit code. */
    TRY 1f
    mov $2f, %ecx
    mov $2, %r11d
    sysretl
    .code32
2:  mov %cs, %edx
    mov $0x11, %ebx
    dec %ebx /* in 64-bit mode 4B would be a REX prefix */
    ud2
    .code64
1:  CAUGHT "sysret to 32-bit code", 6, 0
    movzwl %dx, %eax
    EXPECT "sysret to 32-bit code: CS", SEL_UCODE32
    mov %ebx, %eax
    EXPECT "32-bit code decodes as such", 0x10
    ret
syscall_entry:
    mov %cs, %r8d
    movzwl %r8w, %r8d
    mov %ss, %r9d
    movzwl %r9w, %r9d
    mov %rcx, %r10
    push %r11 /* on the user's stack, which is mapped for us as well */
    pushf
    pop %r12
    pop %r11
    sysretq

/* AMD processors have no SYSENTER in long mode: #UD there. */
sysenter_test:
    xor %eax, %eax
    cpuid
    cmp $0x756e6547, %ebx
    jne 9f
    WRITE_MSR 0x174, 0x08
    WRITE_MSR 0x175, 0xb000
    WRITE_MSR 0x176, sysenter_entry
    TRY 1f
    RING3 2f
2:  sysenter
3:  mov %cs, %r14d
    ud2
1:  CAUGHT "sysenter and sysexit", 6, 0
    mov %r8, %rax
    EXPECT "sysenter: RSP", 0xb000
    movzwl %r14w, %eax
    EXPECT "sysexit: CS", 0x2b
    WRITE_MSR 0x174, 0
    FAULT "sysenter with CS 0", 13, 0, sysenter
    ret
9:  FAULT "sysenter in long mode on AMD", 6, 0, sysenter
    ret
sysenter_entry:
    mov %rsp, %r8
    mov $3b, %edx
    mov $0xc000, %ecx
    sysexitq

compat:
    mov %rsp, %r15
    pushq $SEL_CODE32
    pushq $1f
    lretq
    .code32
1:  mov $SEL_DATA, %eax
    mov %ax, %ds
    mov $0x7fffffff, %ecx
    inc %ecx /* a REX prefix in 64-bit mode */
    mov $0x12, %al
    add $0x39, %al
    daa
    movzbl %al, %ebx
    pushl $0x1234
    popl %edx
    ljmp $SEL_CODE, $1f
    .code64
1:  mov %r15, %rsp
    mov %rcx, %rax
    EXPECT "compatibility mode: inc", 0x80000000
    mov %rbx, %rax
    EXPECT "compatibility mode: daa", 0x51
    mov %rdx, %rax
    EXPECT "compatibility mode: push, pop", 0x1234

    /* An exception in compatibility mode ring 3 arrives in 64-bit mode. */
    TRY 1f
    pushq $SEL_UDATA
    pushq $0xc000
    pushq $2
    pushq $SEL_UCODE32
    pushq $2f
    iretq
    .code32
2:  hlt
    .code64
1:  CAUGHT "compatibility mode, ring 3: hlt", 13, 0
    EXPECT_MEM "its CS", caught_cs, SEL_UCODE32
    mov caught_rip, %rax
    sub $2b, %rax
    EXPECT "its RIP", 0
    ret

segment_bases:
    WRITE_MSR FS_BASE, 0x30000
    WRITE_MSR GS_BASE, 0x31000
    WRITE_MSR KERNEL_GS_BASE, 0x32000
    movq $0x111, 0x30008
    movq $0x222, 0x31008
    movq $0x333, 0x32008
    mov %fs:8, %rax
    EXPECT "FS base", 0x111
    mov %gs:8, %rax
    EXPECT "GS base", 0x222
    swapgs
    mov %gs:8, %rax
    EXPECT "swapgs", 0x333
    swapgs
    mov %gs:8, %rax
    EXPECT "swapgs again", 0x222
    movq $0x444, 8
    mov %es:8, %rax
    EXPECT "other overrides do nothing", 0x444
    mov $SEL_DATA, %eax
    mov %eax, %fs
    mov %fs:8, %rax
    EXPECT "loading FS loads the descriptor's base", 0x444
    mov $FS_BASE, %ecx
    rdmsr
    EXPECT "and the MSR says so", 0
    ret

moves:
    mov $5, %eax
    mov %rax, %cr8
    mov %cr8, %rax
    EXPECT "cr8", 5
    mov $16, %eax
    FAULT "cr8 has four bits", 13, 0, mov %rax, %cr8
    xor %eax, %eax
    mov %rax, %cr8
    mov %cr0, %rax
    mov $0x100000000, %rbx
    or %rbx, %rax
    FAULT "upper half of CR0", 13, 0, mov %rax, %cr0
    mov %cr0, %rax
    and $~1, %rax
    FAULT "PG without PE", 13, 0, mov %rax, %cr0
    mov %cr0, %rax
    or $0x20000000, %rax
    and $~0x40000000, %rax
    FAULT "NW without CD", 13, 0, mov %rax, %cr0
    mov %cr4, %rax
    and $~0x20, %rax
    FAULT "PAE off in long mode", 13, 0, mov %rax, %cr4
    mov %cr4, %rax
    bts $31, %rax
    FAULT "reserved CR4 bit", 13, 0, mov %rax, %cr4
    mov $EFER, %ecx
    rdmsr
    and $~0x100, %eax
    FAULT "LME off while paging", 13, 0, wrmsr
    mov %cr3, %rax
    mov %rax, %rdx
    mov $0x40000000000000, %rbx
    or %rbx, %rax
    TRY 1f
    mov %rax, %cr3
    mov %rdx, %cr3 /* where that passes it must not stay */
1:  CAUGHT "reserved CR3 bit", 13, 0
    ret

    .section .note.GNU-stack, "", @progbits
