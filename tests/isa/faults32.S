/* SPDX-License-Identifier: MIT */
/* 32-bit protected mode: exceptions within exceptions, alignment check, UMIP, TSD, SYSENTER, #UD of many kinds. */
#include "tests/guests/guest32.h"

test:
    call double_faults
    call alignment
    call user_limits
    call sysenter_test
    call undefined
    call locks
    call compare_exchange
    ret

double_faults:
    /* #GP whose gate is not present: #NP while delivering #GP, both contributory: #DF. */
    movb $0x0e, idt+13*8+5
    mov $0x80, %ecx
    FAULT "#GP, then #NP: double fault", 8, 0, mov %cx, %es
    movb $0x8e, idt+13*8+5
    /* A benign exception's gate that is not present: just #NP, with the gate's number and EXT. */
    movb $0x0e, idt+6*8+5
    FAULT "#UD, then #NP: no double fault", 11, 6*8+3, ud2
    movb $0x8e, idt+6*8+5
    movw $SEL_DATA, idt+2 /* #DE's gate leads to data: #GP while delivering #DE */
    xor %ecx, %ecx
    FAULT "#DE, then #GP: double fault", 8, 0, div %ecx
    movw $SEL_CODE, idt+2
    ret

alignment:
    mov %cr0, %eax
    or $0x40000, %eax
    mov %eax, %cr0
    TRY 1f
    RING3 2f, 0x40002
2:  movl $1, 0x30001
    ud2
1:  CAUGHT "AC: unaligned store in ring 3", 17, 0
    mov caught_eip, %eax
    sub $2b, %eax
    EXPECT "AC: EIP", 0
    TRY 1f
    RING3 2f, 0x40002
2:  movl $1, 0x30004
    movw $1, 0x30002
    movb $1, 0x30003
    mov 0x30006, %ax
    ud2
1:  CAUGHT "AC: aligned ones are fine", 6, 0
    TRY 1f
    RING3 2f, 0x2
2:  movl $1, 0x30001
    ud2
1:  CAUGHT "AC: nothing without EFLAGS.AC", 6, 0
    pushf
    orl $0x40000, (%esp)
    popf
    NOFAULT "AC: nothing in ring 0", movl $1, 0x30001
    pushl $2
    popf
    mov %cr0, %eax
    and $~0x40000, %eax
    mov %eax, %cr0
    ret

user_limits:
    mov %cr4, %eax
    or $4, %eax /* TSD */
    mov %eax, %cr4
    USER_FAULT "CR4.TSD: rdtsc in ring 3", 13, 0, rdtsc
    NOFAULT "CR4.TSD: rdtsc in ring 0", rdtsc
    mov %cr4, %eax
    and $~4, %eax
    mov %eax, %cr4
    TRY 1f
    RING3 2f
2:  rdtsc
    sgdt 0x30000
    smsw %ax
    ud2
1:  CAUGHT "rdtsc, sgdt, smsw in ring 3", 6, 0
    USER_FAULT "rdpmc in ring 3", 13, 0, rdpmc
    xor %eax, %eax
    cpuid
    cmp $7, %eax
    jb 9f
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    bt $2, %ecx
    jnc 9f
    mov %cr4, %eax
    or $0x800, %eax
    mov %eax, %cr4
    USER_FAULT "UMIP: sgdt", 13, 0, sgdt 0x30000
    USER_FAULT "UMIP: sidt", 13, 0, sidt 0x30000
    USER_FAULT "UMIP: sldt", 13, 0, sldt %ax
    USER_FAULT "UMIP: str", 13, 0, str %ax
    USER_FAULT "UMIP: smsw", 13, 0, smsw %ax
    NOFAULT "UMIP: ring 0 may", smsw %ax
    mov %cr4, %eax
    and $~0x800, %eax
    mov %eax, %cr4
    ret
9:  mov %cr4, %eax
    or $0x800, %eax
    FAULT "CR4.UMIP without UMIP", 13, 0, mov %eax, %cr4
    ret

sysenter_test:
    mov $1, %eax
    cpuid
    bt $11, %edx
    jnc 9f
    mov $0x174, %ecx
    xor %edx, %edx
    mov $SEL_CODE, %eax
    wrmsr
    inc %ecx
    mov $0xb000, %eax
    wrmsr
    inc %ecx
    mov $sysenter_entry, %eax
    wrmsr
    TRY 1f
    RING3 2f, 0x202
2:  sysenter
3:  mov %cs, %edi
    mov %ss, %ebp
    ud2
1:  CAUGHT "sysenter, sysexit", 6, 0
    movzwl %si, %eax
    EXPECT "sysenter: CS", SEL_CODE
    mov %ebx, %eax
    EXPECT "sysenter: ESP", 0xb000
    mov seen_flags, %eax
    and $0x20200, %eax
    EXPECT "sysenter: IF is off", 0
    movzwl %di, %eax
    EXPECT "sysexit: CS", 0x1b
    movzwl %bp, %eax
    EXPECT "sysexit: SS", 0x23
    USER_FAULT "sysexit in ring 3", 13, 0, sysexit
    mov $0x174, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    FAULT "sysenter with CS 0", 13, 0, sysenter
    ret
9:  FAULT "sysenter without SEP", 6, 0, sysenter
    ret
sysenter_entry:
    pushf
    pop %eax
    mov $SEL_DATA, %edx
    mov %dx, %ds
    mov %eax, seen_flags
    mov %cs, %esi
    lea 0(%esp), %ebx
    mov $3b, %edx
    mov $0xc000, %ecx
    sysexit
    .pushsection .data
    .balign 4
seen_flags: .long 0
    .popsection

undefined:
    FAULT "ud2", 6, 0, ud2
    FAULT "0f 04", 6, 0, .byte 0x0f, 0x04
    FAULT "0f 0a", 6, 0, .byte 0x0f, 0x0a
    FAULT "c6 /1", 6, 0, .byte 0xc6, 0xc8, 0
    FAULT "fe /2", 6, 0, .byte 0xfe, 0xd0
    FAULT "ff /7", 6, 0, .byte 0xff, 0xf8
    FAULT "ff /3 with a register", 6, 0, .byte 0xff, 0xd8
    FAULT "8f /1", 6, 0, .byte 0x8f, 0xc8
    FAULT "0f ba /0", 6, 0, .byte 0x0f, 0xba, 0xc0, 0
    FAULT "cmpxchg8b with a register", 6, 0, .byte 0x0f, 0xc7, 0xc8
    FAULT "lgdt with a register", 6, 0, .byte 0x0f, 0x01, 0xd7
    FAULT "mov to segment register 6", 6, 0, .byte 0x8e, 0xf0
    FAULT "mov from segment register 7", 6, 0, .byte 0x8c, 0xf8
    FAULT "mov cr5", 6, 0, .byte 0x0f, 0x20, 0xe8
    FAULT "les with a register", 6, 0, .byte 0xc4, 0xc0
    FAULT "16 prefixes", 13, 0, \
        .byte 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x90
    mov $0x12345678, %ecx
    FAULT "wrmsr of an unknown MSR", 13, 0, wrmsr
    ret

locks:
    mov $0x30000, %ebx
    movl $5, (%ebx)
    FAULT "lock: nop", 6, 0, .byte 0xf0, 0x90
    FAULT "lock: mov", 6, 0, .byte 0xf0, 0x89, 0x03
    FAULT "lock: add to a register from memory", 6, 0, .byte 0xf0, 0x03, 0x03
    FAULT "lock: test", 6, 0, .byte 0xf0, 0x85, 0x03
    FAULT "lock: bt", 6, 0, .byte 0xf0, 0x0f, 0xa3, 0x03
    FAULT "lock: imul", 6, 0, .byte 0xf0, 0x0f, 0xaf, 0x03
    FAULT "lock: shl", 6, 0, .byte 0xf0, 0xc1, 0x23, 1
    FAULT "lock: push", 6, 0, .byte 0xf0, 0xff, 0x33
    NOFAULT "lock: neg memory", lock negl (%ebx)
    NOFAULT "lock: not memory", lock notl (%ebx)
    NOFAULT "lock: btc memory", lock btcl $1, (%ebx)
    NOFAULT "lock: xchg memory", lock xchg %ecx, (%ebx)
    NOFAULT "lock: sbb memory", lock sbbl $0, (%ebx)
    ret

compare_exchange:
    movl $0x11111111, 0x30000
    movl $0x22222222, 0x30004
    mov $0x11111111, %eax
    mov $0x22222222, %edx
    mov $0x33333333, %ebx
    mov $0x44444444, %ecx
    lock cmpxchg8b 0x30000
    EXPECT_FLAGS "cmpxchg8b: equal", 0x40, 0x40
    EXPECT_MEM "cmpxchg8b: stored", 0x30004, 0x44444444
    cmpxchg8b 0x30000
    EXPECT_FLAGS "cmpxchg8b: not equal", 0x40, 0
    EXPECT "cmpxchg8b: loaded", 0x33333333
    movb $5, 0x30000
    mov $5, %al
    mov $6, %cl
    cmpxchg %cl, 0x30000
    movzbl 0x30000, %eax
    EXPECT "cmpxchg8", 6
    ret

    .section .note.GNU-stack, "", @progbits
