/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions in real mode: what MOV SS and POP SS hold back or drop, by what the next instruction does, and what
 * DR6 says of each.
 */
#include "tests/guests/guest16.h"

#define TF 0x100
#define BD 0x2000
#define BS 0x4000
#define NONE 0xffffffff
#define DATA 0x4000 /* in segment 0 */

test:
    xor %ax, %ax
    mov %ax, %fs
    movw $log_db - IMAGE, %fs:4
    movw $log_other - IMAGE, %fs:3*4
    movw $log_other - IMAGE, %fs:6*4
    movw $log_other - IMAGE, %fs:0x80*4
    mov %ss, %dx
    call behind_mov_ss
    call behind_pop_ss
    call causes
    call code_breakpoint
    ret

/* #DB: IP and the low half of DR6, which is cleared, go to the log; with log_ends breakpoints end with the first. */
log_db:
    push %eax
    push %bx
    push %bp
    mov %sp, %bp
    mov %cs:log_next - IMAGE, %bx
    mov %dr6, %eax
    shl $16, %eax
    mov 8(%bp), %ax /* pushed IP */
    mov %eax, %cs:(%bx)
    addw $4, %cs:log_next - IMAGE
    xor %eax, %eax
    mov %eax, %dr6
    cmpb $0, %cs:log_ends - IMAGE
    je 1f
    mov $0x400, %eax
    mov %eax, %dr7
1:  pop %bp
    pop %bx
    pop %eax
    iret
/* Another vector: its return address, with 0 in the place of DR6. From UD2 it returns behind it, and from INT1, too,
 * where that is no instruction (QEMU 7.2): else neither the log nor the test would come to an end. */
log_other:
    push %eax
    push %bx
    push %bp
    mov %sp, %bp
    mov %cs:log_next - IMAGE, %bx
    movzwl 8(%bp), %eax
    mov %eax, %cs:(%bx)
    addw $4, %cs:log_next - IMAGE
    mov 8(%bp), %bx
    cmpw $0x0b0f, %cs:(%bx) /* UD2 */
    je 2f
    cmpb $0xf1, %cs:(%bx) /* a trap returns behind it */
    jne 1f
    decw 8(%bp)
2:  addw $2, 8(%bp)
1:  pop %bp
    pop %bx
    pop %eax
    iret

    .pushsection .data
    .balign 4
log: .fill 16, 4, -1
log_next: .word log - IMAGE
log_ends: .byte 0
    .popsection

    .macro START ends=0
    movb $\ends, log_ends - IMAGE
    movw $log - IMAGE, log_next - IMAGE
    .set k, 0
    .rept 6
    movl $NONE, log - IMAGE + k
    .set k, k + 4
    .endr
    .endm

    .macro STEP /* TF: the first trap comes after the instruction behind this */
    pushf
    pop %cx
    or $TF, %cx
    push %cx
    popf
    .endm

    .macro STOP
    pushf
    pop %cx
    and $~TF, %cx
    push %cx
    popf
    .endm

    /* Entry `index` of the log is `label` (from where it was made) with these bits of DR6. */
    .macro LOGGED name, index, label, dr6
    mov log - IMAGE + 4*\index, %eax
    sub $\label - IMAGE, %ax
    and $0xe00fffff, %eax
    EXPECT "\name", (\dr6)<<16
    .endm

behind_mov_ss:
    START
    STEP
    mov %dx, %ss
    .byte 0xf1
1:  STOP
    LOGGED "mov ss, int1: no trap of mov ss before it", 0, 1b, 0

    START
    STEP
    mov %dx, %ss
    int3
1:  STOP
    LOGGED "mov ss, int3", 0, 1b, 0

    START
    STEP
    mov %dx, %ss
    int $0x80
1:  STOP
    LOGGED "mov ss, int 80h", 0, 1b, 0

    START
    STEP
    mov %dx, %ss
1:  ud2
    STOP
    LOGGED "mov ss, ud2", 0, 1b, 0

    START
    STEP
    mov %dx, %ss
    nop
1:  STOP
    LOGGED "mov ss, nop: one trap for both", 0, 1b, BS

    START
    STEP
    mov %dx, %ss
    mov %dx, %ss
1:  STOP
    LOGGED "mov ss, mov ss: the second one traps", 0, 1b, BS

    /* a general-detect fault there has nothing of a single step */
    START
    mov $0x2400, %eax
    mov %eax, %dr7
    xor %ebx, %ebx
    STEP
    mov %dx, %ss
1:  mov %ebx, %dr6
2:  STOP
    LOGGED "mov ss, mov dr6 with DR7.GD", 0, 1b, BD
    LOGGED "mov dr6 again: its own step", 1, 2b, BS
    ret

behind_pop_ss:
    START
    STEP
    push %ss
2:  pop %ss
    .byte 0xf1
1:  STOP
    LOGGED "push ss: a step", 0, 2b, BS
    LOGGED "pop ss, int1", 1, 1b, 0
    ret

/* B1 and BS of before are stale: B1 goes, BS stays. */
causes:
    START 1
    mov $BS|2, %eax
    mov %eax, %dr6
    mov $DATA, %eax
    mov %eax, %dr0
    mov $0x10402, %eax /* writes of a byte */
    mov %eax, %dr7
    movb $1, %fs:DATA
1:  nop
    LOGGED "data breakpoint: B0 alone, BS stays", 0, 1b, BS|1

    START
    mov $0x400f, %eax
    mov %eax, %dr6
    STEP
    nop
1:  STOP
    LOGGED "single step: no breakpoint", 0, 1b, BS

    /* two at once */
    START 1
    mov $DATA, %eax
    mov %eax, %dr0
    mov %eax, %dr3
    mov $0x10010482, %eax
    mov %eax, %dr7
    movb $1, %fs:DATA
1:  nop
    LOGGED "two breakpoints", 0, 1b, 9
    ret

/* An instruction breakpoint right behind MOV SS: strikes on AMD's processors only; one instruction later on all. */
code_breakpoint:
    xor %eax, %eax
    cpuid
    mov %ss, %dx
    cmp $0x756e6547, %ebx /* "Genu" */
    START 1
    mov $1f, %eax
    mov %eax, %dr0
    mov $0x402, %eax
    mov %eax, %dr7
    mov %dx, %ss
1:  nop
    mov $0x400, %eax
    mov %eax, %dr7
    je 2f
    LOGGED "code breakpoint behind mov ss (AMD)", 0, 1b, 1
    jmp 3f
2:  mov log - IMAGE, %eax
    EXPECT "code breakpoint behind mov ss (Intel)", NONE
3:  START 1
    mov $1f, %eax
    mov %eax, %dr0
    mov $0x402, %eax
    mov %eax, %dr7
    mov %dx, %ss
    nop
1:  nop
    LOGGED "code breakpoint one instruction later", 0, 1b, 1
    mov $0x400, %eax
    mov %eax, %dr7
    ret
