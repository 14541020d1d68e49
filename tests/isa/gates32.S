/* SPDX-License-Identifier: MIT */
/* 32-bit protected mode: rings, inter-privilege calls and returns, I/O permission, task switches. */
#include "tests/guests/guest32.h"

#define FREE0 0x40
#define FREE1 0x48
#define FREE2 0x50
#define FREE3 0x58
#define TSS2 0x23000

test:
    call ring3
    call call_gate
    call bad_stacks
    call conforming
    call io
    call iopl
    call tasks
    ret

ring3:
    USER_FAULT "ring 3: hlt", 13, 0, hlt
    EXPECT_MEM "frame: CS", caught_cs, SEL_UCODE
    EXPECT_MEM "frame: SS", caught_ss, SEL_UDATA
    EXPECT_MEM "frame: ESP", caught_esp, 0xc000
    EXPECT_MEM "ESP0 from the TSS", caught_esp0, 0xdfec
    USER_FAULT "ring 3: cli", 13, 0, cli
    USER_FAULT "ring 3: mov cr0", 13, 0, mov %cr0, %eax
    USER_FAULT "ring 3: mov dr7", 13, 0, mov %dr7, %eax
    USER_FAULT "ring 3: lgdt", 13, 0, lgdt gdt_pointer
    USER_FAULT "ring 3: wrmsr", 13, 0, wrmsr
    USER_FAULT "ring 3: invd", 13, 0, invd
    USER_FAULT "ring 3: clts", 13, 0, clts
    USER_FAULT "ring 3: lmsw", 13, 0, lmsw %ax
    USER_FAULT "ring 3: ltr", 13, 0, ltr %ax
    USER_FAULT "ring 3: int 50h with DPL 0", 13, 0x50*8+2, int $0x50
    USER_FAULT "ring 3: int3 with DPL 0", 13, 3*8+2, int3
    USER_FAULT "ring 3: jump to ring 0", 13, 0x08, ljmp $0x08, $0
    USER_FAULT "ring 3: load of ring 0 data", 13, 0x10, mov selector_10, %es
    ret

/* A gate for ring 3, two parameters. */
call_gate:
    GATE gdt+FREE0, SEL_CODE, gate_target, 0xec, 2
    TRY 1f
    RING3 2f
2:  push $0x1111
    push $0x2222
    mov %esp, %ebp
    lcall $FREE0+3, $0
    /* Back: 8 bytes of parameters are gone from both stacks. */
    sub %esp, %ebp
    mov %ebp, %edx
    mov %cs, %ebx
    ud2
1:  CAUGHT "call gate: way back", 6, 0
    mov %edx, %eax
    EXPECT "ret n releases the outer stack too", -8
    mov seen, %eax
    EXPECT "call gate: CPL 0", SEL_CODE
    EXPECT_MEM "call gate: SS from the TSS", seen+4, SEL_DATA
    EXPECT_MEM "call gate: ESP from the TSS", seen+8, 0xdfe8
    EXPECT_MEM "call gate: last parameter", seen+12, 0x2222
    EXPECT_MEM "call gate: first parameter", seen+16, 0x1111
    EXPECT_MEM "call gate: outer CS", seen+20, SEL_UCODE
    EXPECT_MEM "call gate: outer SS", seen+24, SEL_UDATA
    EXPECT_MEM "the return cleared DS of DPL 0", seen+28, 0
    GATE gdt+FREE0, SEL_CODE, gate_target, 0x8c, 2
    USER_FAULT "call gate with DPL 0", 13, FREE0, lcall $FREE0+3, $0
    GATE gdt+FREE0, SEL_CODE, gate_target, 0xec, 0
    TRY 1f
    RING3 2f
2:  ljmp $FREE0+3, $0
1:  CAUGHT "jump through a gate may not change rings", 13, SEL_CODE
    ret
gate_target:
    mov $SEL_DATA, %eax
    mov %ax, %ds
    mov %cs, %eax
    mov %eax, seen
    mov %ss, %eax
    mov %eax, seen+4
    mov %esp, seen+8
    mov 8(%esp), %eax
    mov %eax, seen+12
    mov 12(%esp), %eax
    mov %eax, seen+16
    mov 4(%esp), %eax
    mov %eax, seen+20
    mov 20(%esp), %eax
    mov %eax, seen+24
    movl $1f, (%esp) /* come back here first, to look at DS */
    lret $8
1:  mov %ds, %eax
    movw $SEL_UDATA, %cx
    mov %cx, %ds
    mov %eax, seen+28
    sub %esp, %ebp
    mov %ebp, %edx
    ud2
    .pushsection .data
    .balign 4
selector_10: .long 0x10
seen: .fill 8, 4, 0
    .popsection

/* A call gate to ring 1, whose stack in the TSS is wrong. (Ring 0's must be right: the exception needs it.) */
bad_stacks:
    DESCRIPTOR FREE1, 0, 0xfffff, 0xba, 0xc
    GATE gdt+FREE0, FREE1, 0x1234, 0xec
    movl $0xd800, tss+12
    movl $0x33, tss+16
    USER_FAULT "SS1 has RPL 3", 10, 0x30, lcall $FREE0+3, $0
    movl $0, tss+16
    USER_FAULT "SS1 is null", 10, 0, lcall $FREE0+3, $0
    movl $0x81, tss+16
    USER_FAULT "SS1 beyond the GDT", 10, 0x80, lcall $FREE0+3, $0
    movl $FREE1+1, tss+16
    USER_FAULT "SS1 is code", 10, FREE1, lcall $FREE0+3, $0
    DESCRIPTOR FREE2, 0, 0xfffff, 0x32, 0xc
    movl $FREE2+1, tss+16
    USER_FAULT "SS1 is not present", 12, FREE2, lcall $FREE0+3, $0
    DESCRIPTOR FREE2, 0, 0xff, 0xb2, 0x4
    USER_FAULT "SS1 has no room", 12, FREE2, lcall $FREE0+3, $0
    ret

/* Conforming code keeps the caller's ring. */
conforming:
    DESCRIPTOR FREE0, 0, 0xfffff, 0x9e, 0xc
    TRY 1f
    RING3 2f
2:  ljmp $FREE0, $3f
3:  mov %cs, %edx
    ud2
1:  CAUGHT "jump to conforming code", 6, 0
    movzwl %dx, %eax
    EXPECT "CS.RPL is CPL", FREE0+3
    ret

io:
    USER_FAULT "no I/O bitmap: in", 13, 0, in $0x80, %al
    movw $104, tss+102
    movl $0, tss+104+0x80/8
    movl $0xffffffff, tss+104+0x84/8+1
    movw $0x67+0x20, gdt+SEL_TSS
    call reload_tr
    TRY 1f
    RING3 2f
2:  in $0x80, %al
    out %al, $0x80
    ud2
1:  CAUGHT "I/O bitmap allows port 80h", 6, 0
    movb $1, tss+104+0x88/8
    USER_FAULT "I/O bitmap forbids port 88h", 13, 0, in $0x88, %al
    USER_FAULT "I/O bitmap: dword across a forbidden port", 13, 0, in $0x86, %eax
    mov $0x3f8, %edx
    USER_FAULT "I/O bitmap: port beyond the TSS limit", 13, 0, in %dx, %al
    movw $0x67, gdt+SEL_TSS
    call reload_tr
    ret

reload_tr:
    andb $0xfd, gdt+SEL_TSS+5 /* not busy */
    mov $SEL_TSS, %eax
    ltr %ax
    ret

iopl:
    TRY 1f
    RING3 2f, 0x3002
2:  sti
    in $0x80, %al
    pushf
    pop %edx
    cli
    ud2
1:  CAUGHT "IOPL 3: sti and in are allowed", 6, 0
    mov %edx, %eax
    and $0x3200, %eax
    EXPECT "IF was set", 0x3200
    TRY 1f
    RING3 2f, 0x2
2:  push $0x3202
    popf
    pushf
    pop %edx
    ud2
1:  CAUGHT "IOPL 0: popf does not fault", 6, 0
    mov %edx, %eax
    and $0x3200, %eax
    EXPECT "and changes neither IOPL nor IF", 0
    ret

/* Fill a TSS: its address, EIP, ESP. */
    .macro MAKE_TSS at, eip, esp
    mov $\at, %edi
    xor %eax, %eax
    mov $26, %ecx
    rep stosl
    movl $0xe800, \at+4
    movl $SEL_DATA, \at+8
    movl $\eip, \at+32
    movl $2, \at+36
    movl $0x1234567, \at+40
    movl $\esp, \at+56
    movl $SEL_DATA, \at+72
    movl $SEL_CODE, \at+76
    movl $SEL_DATA, \at+80
    movl $SEL_DATA, \at+84
    movl $SEL_DATA, \at+88
    movl $SEL_DATA, \at+92
    movw $104, \at+102
    .endm

tasks:
    /* Caches on. While they are off KVM on SVM answers reads of CR0 from its own copy, which knows of TS only where
     * task switches are intercepted (QEMU emulates no such intercept). */
    mov %cr0, %eax
    and $~0x60000000, %eax
    mov %eax, %cr0
    MAKE_TSS TSS2, task_called, 0xb000
    DESCRIPTOR FREE0, TSS2, 0x67, 0x89, 0
    movl $0, seen
    mov $0x55, %ebx
    lcall $FREE0, $0
    mov %ebx, %eax
    EXPECT "registers come back after a task call", 0x55
    EXPECT_MEM "task: EAX from its TSS", seen, 0x1234567
    EXPECT_MEM "task: TR", seen+4, FREE0
    EXPECT_MEM "task: NT is set", seen+8, 0x4000
    EXPECT_MEM "task: back link", TSS2, SEL_TSS
    EXPECT_MEM "task: CR0.TS", seen+12, 8
    mov gdt+FREE0+4, %eax
    and $0x200, %eax
    EXPECT "the ended task is not busy", 0
    mov gdt+SEL_TSS+4, %eax
    and $0x200, %eax
    EXPECT "we are busy", 0x200
    pushf
    pop %eax
    and $0x4000, %eax
    EXPECT "our NT is clear", 0

    /* The task goes on behind its IRET when called again. */
    lcall $FREE0, $0
    EXPECT_MEM "task called again goes on behind iret", seen, 0x7654321

    MAKE_TSS TSS2, task_jumped, 0xb000
    DESCRIPTOR FREE0, TSS2, 0x67, 0x89, 0
    ljmp $FREE0, $0
    EXPECT_MEM "task jump: no NT", seen+8, 0
    mov gdt+FREE0+4, %eax
    and $0x200, %eax
    EXPECT "a task that jumped away is not busy", 0

    /* A task gate in the IDT. */
    MAKE_TSS TSS2, task_interrupt, 0xb000
    GATE idt+0x50*8, FREE0, 0, 0x85
    mov $0x77, %ebx
    int $0x50
    mov %ebx, %eax
    EXPECT "task gate: back", 0x77
    EXPECT_MEM "task gate: ran", seen, 0x5050

    /* And one for #GP: the error code is on the new task's stack. */
    GATE idt+13*8, FREE0, 0, 0x85
    MAKE_TSS TSS2, task_gp, 0xb000
    mov $0x80, %ecx
gp_here:
    mov %cx, %es
    EXPECT_MEM "task gate for #GP: error code", seen, 0x80
    EXPECT_MEM "task gate for #GP: saved EIP", seen+4, 0
    GATE idt+13*8, SEL_CODE, stubs+130, 0x8e

    clts
    DESCRIPTOR FREE0, TSS2, 0x67, 0x8b, 0
    TRY 1f
    lcall $FREE0, $0
1:  CAUGHT "call of a busy task", 13, FREE0
    DESCRIPTOR FREE0, TSS2, 0x67, 0x09, 0
    TRY 1f
    lcall $FREE0, $0
1:  CAUGHT "call of a task that is not present", 11, FREE0
    DESCRIPTOR FREE0, TSS2, 0x66, 0x89, 0
    TRY 1f
    lcall $FREE0, $0
1:  CAUGHT "TSS too short", 10, FREE0
    DESCRIPTOR FREE0, TSS2, 0x67, 0x89, 0
    pushl $0x4002
    popf
    movl $SEL_DATA, tss
    TRY 1f
    iret
1:  CAUGHT "iret with NT and a bad back link", 10, 0x10
    ret

task_called:
    mov %eax, seen
    str %eax
    mov %eax, seen+4
    pushf
    pop %eax
    and $0x4000, %eax
    mov %eax, seen+8
    mov %cr0, %eax
    and $8, %eax
    mov %eax, seen+12
    iret
    movl $0x7654321, seen
    iret
task_jumped:
    pushf
    pop %eax
    and $0x4000, %eax
    mov %eax, seen+8
    ljmp $SEL_TSS, $0
task_interrupt:
    movl $0x5050, seen
    iret
task_gp:
    pop seen
    mov tss+32, %eax
    sub $gp_here, %eax
    mov %eax, seen+4
    addl $2, tss+32 /* skip the MOV */
    iret

    .section .note.GNU-stack, "", @progbits
