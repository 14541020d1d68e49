/* SPDX-License-Identifier: MIT */
/*
 * STI, HLT, and a timer's interrupt that may come before, between or after: between them it must not be taken (SDM vol.
 * 2, STI), or HLT sleeps for good. The local APIC's timer is set to a random time each round, near to what an exit
 * costs.
 */
#include "tests/guests/guest64.h"

#define ROUNDS 2000
#define TIMER_VECTOR 0x40
#define X2APIC_SVR 0x80f
#define X2APIC_EOI 0x80b
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_COUNT 0x838
#define X2APIC_DIVIDE 0x83e

test:
    mov $handler, %eax
    mov %ax, idt + TIMER_VECTOR * 16
    shr $16, %eax
    mov %ax, idt + TIMER_VECTOR * 16 + 6
    mov $0xff, %al
    out %al, $0x21
    out %al, $0xa1
    mov $0x1b, %ecx
    rdmsr
    or $0xc00, %eax
    wrmsr
    WRITE_MSR X2APIC_SVR, 0x1ff
    WRITE_MSR X2APIC_LVT_TIMER, TIMER_VECTOR /* one shot */
    WRITE_MSR X2APIC_DIVIDE, 0xb             /* divided by 1: 1 ns here and in KVM */
    xor %r12d, %r12d                       /* interrupts */
    mov $ROUNDS, %r14d
    mov $12345, %ebp
1:  imul $1103515245, %ebp, %ebp
    add $12345, %ebp
    mov %ebp, %eax
    shr $16, %eax
    and $0x3fff, %eax
    lea 20000(%rax, %rax, 2), %eax         /* 20 to 69 us */
    mov %r12, %r15
    mov $X2APIC_COUNT, %ecx
    xor %edx, %edx
    wrmsr
2:  sti
    hlt
    cli
    cmp %r12, %r15
    je 2b
    dec %r14d
    jnz 1b
    mov %r12, %rax
    EXPECT "interrupts", ROUNDS
    ret

handler:
    push %rax
    push %rcx
    push %rdx
    inc %r12
    WRITE_MSR X2APIC_EOI, 0
    pop %rdx
    pop %rcx
    pop %rax
    iretq
