/* SPDX-License-Identifier: MIT */
/*
 * 64-bit mode: interrupts from the local APIC and their priorities, NMI and its blocking, PCID and INVPCID, XSAVE's
 * controls, MONITOR.
 */
#include "tests/guests/guest64.h"

#define APIC 0xfee00000
#define ICR 0x300
#define SELF 0x40000
#define NMI 0x4400 /* to APIC id 0, which is us: the shorthand "self" takes fixed vectors only */

    /* APIC registers through RBX, which all of this keeps. */
    .macro APIC_WRITE register, value
    movl $\value, \register(%rbx)
    .endm

test:
    /* FEE00000h: one large uncached page. */
    movq $0x28007, PDPT+24
    movabs $0xfee00093, %rax
    mov %rax, 0x28000+0x1f7*8
    mov %cr3, %rax
    mov %rax, %cr3
    mov $APIC, %ebx
    APIC_WRITE 0xf0, 0x1ff
    call self_ipi
    call priorities
    call nmi
    call apic_timer
    call pcid
    call xsave
    call monitor
    call string_io
    ret

/* Longer than an engine does in one go. What it counts as is seen by `twin86 diff guest`. */
string_io:
    mov $200, %ecx
    mov $0x10000, %esi
    mov $0x80, %edx
    rep outsb
    mov %rcx, %rax
    EXPECT "rep outsb: RCX", 0
    mov %rsi, %rax
    EXPECT "rep outsb: RSI", 0x100c8
    mov $150, %ecx
    mov $0x29000, %edi
    rep insb
    mov %rdi, %rax
    EXPECT "rep insb: RDI", 0x29096
    ret

self_ipi:
    TRY 1f
    sti
    nop
    APIC_WRITE ICR, SELF|0x51
2:  nop
    mov $1000, %ecx
3:  pause
    loop 3b
1:  cli
    CAUGHT "self-IPI", 0x51, 0
    mov 0x100+0x20(%rbx), %eax /* ISR, vectors 40h-5fh */
    EXPECT "in service", 1<<17
    APIC_WRITE 0xb0, 0
    mov 0x100+0x20(%rbx), %eax
    EXPECT "EOI ends it", 0
    APIC_WRITE ICR, SELF|0x52
    mov 0x200+0x20(%rbx), %eax
    EXPECT "IF off: it waits in the IRR", 1<<18
    TRY 1f
    sti
    hlt
2:  nop
1:  cli
    CAUGHT "HLT wakes for it", 0x52, 0
    APIC_WRITE 0xb0, 0
    ret

priorities:
    mov $5, %eax
    mov %rax, %cr8
    mov 0x80(%rbx), %eax
    EXPECT "CR8 is the TPR's upper half", 0x50
    APIC_WRITE ICR, SELF|0x53
    TRY 1f
    sti
    nop
    nop
1:  cli
    CAUGHT "class 5 is held back by CR8 = 5", NONE, 0
    TRY 1f
    sti
    xor %eax, %eax
    mov %rax, %cr8
    nop
    nop
1:  cli
    CAUGHT "and comes when CR8 is lowered", 0x53, 0
    /* 53h is in service: the same class must wait, a higher one interrupts. */
    APIC_WRITE ICR, SELF|0x5f
    APIC_WRITE ICR, SELF|0x61
    TRY 1f
    sti
    nop
    nop
1:  cli
    CAUGHT "a higher class comes first", 0x61, 0
    APIC_WRITE 0xb0, 0
    TRY 1f
    sti
    nop
    nop
1:  cli
    CAUGHT "the same class waits for the EOI", NONE, 0
    APIC_WRITE 0xb0, 0
    TRY 1f
    sti
    nop
    nop
1:  cli
    CAUGHT "then it comes", 0x5f, 0
    APIC_WRITE 0xb0, 0
    ret

/* Our handler leaves without IRET, so NMIs stay blocked until one is executed. */
nmi:
    TRY 1f
    APIC_WRITE ICR, NMI
    mov $1000, %ecx
2:  pause
    loop 2b
1:  CAUGHT "NMI comes with IF off", 2, 0
    TRY 1f
    APIC_WRITE ICR, NMI
    mov $1000, %ecx
2:  pause
    loop 2b
1:  CAUGHT "a second one is blocked", NONE, 0
    TRY 1f
    mov %rsp, %rax
    pushq $SEL_DATA
    pushq %rax
    pushq $2
    pushq $SEL_CODE
    pushq $2f
    iretq
2:  nop
    nop
1:  CAUGHT "until IRET", 2, 0
    mov caught_rip, %rax
    sub $2b, %rax
    EXPECT "right behind it", 0
    mov %rsp, %rax
    pushq $SEL_DATA
    pushq %rax
    pushq $2
    pushq $SEL_CODE
    pushq $1f
    iretq
1:  ret

apic_timer:
    APIC_WRITE 0x3e0, 11 /* divide by 1 */
    APIC_WRITE 0x320, 0x62 /* one-shot */
    TRY 1f
    APIC_WRITE 0x380, 10000
    sti
2:  hlt
    jmp 2b
1:  cli
    CAUGHT "one-shot timer", 0x62, 0
    APIC_WRITE 0xb0, 0
    mov 0x390(%rbx), %eax
    EXPECT "it stands at zero", 0
    APIC_WRITE 0x320, 0x20063 /* periodic */
    APIC_WRITE 0x380, 10000
    mov $3, %r12d
3:  TRY 1f
    sti
2:  hlt
    jmp 2b
1:  cli
    APIC_WRITE 0xb0, 0
    dec %r12d
    jnz 3b
    CAUGHT "periodic timer, three times", 0x63, 0
    APIC_WRITE 0x320, 0x10000
    APIC_WRITE 0x380, 0
    ret

pcid:
    push %rbx
    mov $1, %eax
    cpuid
    bt $17, %ecx
    jnc 9f
    mov %cr4, %rax
    bts $17, %rax
    mov %rax, %cr4
    NOFAULT "CR4.PCIDE", nop
    mov $PML4+5, %eax
    mov %rax, %cr3
    mov %cr3, %rax
    EXPECT "CR3 with a PCID", PML4+5
    bts $63, %rax
    mov %rax, %cr3
    mov %cr3, %rax
    EXPECT "bit 63 is not stored", PML4+5
    mov %cr4, %rax
    btr $17, %rax
    mov $PML4, %ecx
    mov %rcx, %cr3
    mov %rax, %cr4
    mov $PML4+5, %ecx
    mov %rcx, %cr3
    mov %cr4, %rax
    bts $17, %rax
    FAULT "CR4.PCIDE may not be set while CR3 has low bits", 13, 0, mov %rax, %cr4
    mov $PML4, %ecx
    mov %rcx, %cr3
    pop %rbx
    ret
9:  mov %cr4, %rax
    bts $17, %rax
    FAULT "CR4.PCIDE without PCID", 13, 0, mov %rax, %cr4
    pop %rbx
    ret

xsave:
    push %rbx
    mov $1, %eax
    cpuid
    bt $26, %ecx
    jnc 9f
    FAULT "xgetbv without OSXSAVE", 6, 0, xgetbv
    mov %cr4, %rax
    bts $18, %rax
    mov %rax, %cr4
    mov $1, %eax
    cpuid
    shr $27, %ecx
    and $1, %ecx
    mov %rcx, %rax
    EXPECT "CPUID shows OSXSAVE", 1
    xor %ecx, %ecx
    xgetbv
    EXPECT "XCR0 after reset", 1
    xor %edx, %edx
    mov $3, %eax
    xsetbv
    xgetbv
    EXPECT "XCR0 with SSE", 3
    mov $2, %eax
    FAULT "xsetbv without x87", 13, 0, xsetbv
    mov $0x80000003, %eax
    FAULT "xsetbv of an unknown component", 13, 0, xsetbv
    mov $1, %ecx
    mov $3, %eax
    FAULT "xsetbv of XCR1", 13, 0, xsetbv
    mov $0x5a5a, %eax
    movq %rax, %xmm3
    mov $0x30000, %edi
    mov $0x80, %ecx
    xor %eax, %eax
    rep stosq
    mov $3, %eax
    xor %edx, %edx
    xsave 0x30000
    EXPECT_MEM "xsave: components", 0x30200, 3
    xorps %xmm3, %xmm3
    xrstor 0x30000
    movq %xmm3, %rax
    EXPECT "xrstor", 0x5a5a
    movq $0, 0x30200
    mov $3, %eax
    xrstor 0x30000
    movq %xmm3, %rax
    EXPECT "xrstor of what was not saved: initial state", 0
    movq $1, 0x30208
    FAULT "xrstor: wrong header", 13, 0, xrstor 0x30000
    FAULT "xsave must be aligned to 64", 13, 0, xsave 0x30020
    mov %cr4, %rax
    btr $18, %rax
    mov %rax, %cr4
    pop %rbx
    ret
9:  mov %cr4, %rax
    bts $18, %rax
    FAULT "CR4.OSXSAVE without XSAVE", 13, 0, mov %rax, %cr4
    FAULT "xgetbv without XSAVE", 6, 0, xgetbv
    pop %rbx
    ret

monitor:
    push %rbx
    mov $1, %eax
    cpuid
    bt $3, %ecx
    jnc 9f
    mov $0x30000, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    NOFAULT "monitor", monitor
    movl $1, 0x30000
    xor %eax, %eax
    NOFAULT "mwait after a store", mwait
    mov $1, %ecx
    mov $0x30000, %eax
    FAULT "monitor with an extension", 13, 0, monitor
    USER_FAULT "monitor in ring 3", 6, 0, monitor
    pop %rbx
    ret
9:  FAULT "monitor without the feature", 6, 0, monitor
    FAULT "mwait without the feature", 6, 0, mwait
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
