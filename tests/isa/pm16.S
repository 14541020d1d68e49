/* SPDX-License-Identifier: MIT */
/*
 * 16-bit protected mode, as on an 80286: 16-bit TSS, gates and stacks. Written for the 32-bit framework: each part goes
 * to the 16-bit code segment (the same memory, from 10000h on) and comes back.
 */
#include "tests/guests/guest32.h"

#define FREE0 0x40
#define FREE1 0x48
#define FREE2 0x50
#define FREE3 0x58
#define TSS16 0x23000
#define OWN16 0x23100

    /* Run 16-bit code up to END16; SS is SEL_DATA16, SP is E000h (that is 1E000h). */
    .macro BEGIN16
    mov %esp, esp32
    ljmp $SEL_CODE16, $1f-IMAGE
    .code16
1:  mov $SEL_DATA16, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0xe000, %sp
    .endm
    .macro END16
    ljmpl $SEL_CODE, $1f
    .code32
1:  push %eax
    mov $SEL_DATA, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov -4(%esp), %eax
    mov esp32, %esp
    .endm
    .pushsection .data
    .balign 4
esp32: .long 0
got: .fill 8, 4, 0
idt16_pointer: .word 0x7ff
    .long idt
    .popsection

test:
    call calls
    call gates
    call limits
    call tasks
    ret

calls:
    BEGIN16
    xor %eax, %eax
    mov $0x1234, %ax
    push %ax
    call 2f
    mov %sp, %bx
    mov %bx, got-IMAGE
    pop %cx
    mov %cx, got+4-IMAGE
    lcall $SEL_CODE16, $3f-IMAGE
    mov %ax, got+8-IMAGE
    pushl $0x89abcdef
    popl got+12-IMAGE
    push $0x2
    push %cs
    push $4f-IMAGE
    iret
2:  add $1, %ax
    ret
3:  add $1, %ax
    lret
4:  movw $0x4444, got+16-IMAGE
    END16
    EXPECT_MEM "16-bit push", got, 0xdffe
    EXPECT_MEM "16-bit pop", got+4, 0x1234
    EXPECT_MEM "near and far call", got+8, 0x1236
    EXPECT_MEM "32-bit push", got+12, 0x89abcdef
    EXPECT_MEM "16-bit iret", got+16, 0x4444
    ret

/* A 286 call gate (type 4) and interrupt gate (type 6): words on the stack. */
gates:
    GATE gdt+FREE0, SEL_CODE16, 2f-IMAGE, 0x84
    GATE idt+0x50*8, SEL_CODE16, 3f-IMAGE, 0x86
    GATE idt+0x51*8, SEL_CODE16, 3f-IMAGE, 0x87
    BEGIN16
    lcall $FREE0, $0x5555
    sti
    int $0x50
    int $0x51
    cli
    jmp 4f
2:  mov %sp, got-IMAGE
    lret
3:  mov %sp, got+4-IMAGE
    pushf
    pop %ax
    mov got+8-IMAGE, %bx
    mov %bx, got+12-IMAGE
    mov %ax, got+8-IMAGE
    iret
4:  nop
    END16
    EXPECT_MEM "286 call gate: 4 bytes", got, 0xdffc
    EXPECT_MEM "286 interrupt gate: 6 bytes", got+4, 0xdffa
    mov got+12, %eax
    and $0x200, %eax
    EXPECT "286 interrupt gate: IF off", 0
    mov got+8, %eax
    and $0x200, %eax
    EXPECT "286 trap gate: IF stays", 0x200
    ret

limits:
    DESCRIPTOR FREE1, 0x30000, 0xff, 0x92, 0
    movb $0x77, 0x300ff
    BEGIN16
    mov $FREE1, %ax
    mov %ax, %es
    mov %es:0xff, %al
    mov %al, got-IMAGE
    END16
    movzbl got, %eax
    EXPECT "last byte of a 16-bit segment", 0x77
    TRY 2f
    BEGIN16
    mov $FREE1, %ax
    mov %ax, %es
3:  movw $0, %es:0xff
    .code32
2:  CAUGHT "word across its limit", 13, 0
    mov caught_eip, %eax
    sub $3b-IMAGE, %eax
    EXPECT "saved IP", 0
    EXPECT_MEM "saved CS", caught_cs, SEL_CODE16
    ret

/* 286 tasks: a task switch through a 44-byte TSS; segment registers FS and GS become null. */
tasks:
    mov $OWN16, %edi
    xor %eax, %eax
    mov $64, %ecx
    rep stosl
    DESCRIPTOR FREE0, OWN16, 43, 0x81, 0
    mov $FREE0, %eax
    ltr %ax
    mov $TSS16, %edi
    xor %eax, %eax
    mov $11, %ecx
    rep stosl
    movw $2f-IMAGE, TSS16+14
    movw $2, TSS16+16
    movw $0x1111, TSS16+18
    movw $0x2222, TSS16+20
    movw $0xd000, TSS16+26
    movw $SEL_DATA16, TSS16+34
    movw $SEL_CODE16, TSS16+36
    movw $SEL_DATA16, TSS16+38
    movw $SEL_DATA16, TSS16+40
    DESCRIPTOR FREE1, TSS16, 43, 0x81, 0
    BEGIN16
    mov $0x5a5a, %bx
    lcall $FREE1, $0
    mov %bx, got+16-IMAGE
    str %ax
    mov %ax, got+20-IMAGE
    jmp 3f
2:  mov %ax, got-IMAGE
    mov %cx, got+4-IMAGE
    mov %sp, got+8-IMAGE
    pushf
    pop %dx
    mov %dx, got+12-IMAGE
    iret
3:  nop
    END16
    movzwl got, %eax
    EXPECT "286 task: AX", 0x1111
    movzwl got+4, %eax
    EXPECT "286 task: CX", 0x2222
    movzwl got+8, %eax
    EXPECT "286 task: SP", 0xd000
    movzwl got+12, %eax
    and $0x4000, %eax
    EXPECT "286 task: NT", 0x4000
    movzwl got+16, %eax
    EXPECT "286 task: our BX came back", 0x5a5a
    movzwl got+20, %eax
    EXPECT "286 task: our TR came back", FREE0
    movzwl TSS16, %eax
    EXPECT "286 task: back link", FREE0
    clts
    andb $0xfd, gdt+SEL_TSS+5
    mov $SEL_TSS, %eax
    ltr %ax
    ret

    .section .note.GNU-stack, "", @progbits
