/* SPDX-License-Identifier: MIT */
/* Virtual-8086 mode: entering and leaving, IOPL-sensitive instructions, I/O bitmap, segments. */
#include "tests/guests/guest32.h"

#define VM 0x20000
#define IOPL3 0x3000

/* Run `entry` (16-bit code in this file) in v8086 mode with CS = DS = ES = FS = GS = 1000h, SS:SP = 0:C000h. */
    .macro V86 entry, flags=2
    push $IMAGE_SEG
    push $IMAGE_SEG
    push $IMAGE_SEG
    push $IMAGE_SEG
    push $0
    push $0xc000
    push $VM|\flags
    push $IMAGE_SEG
    push $\entry-IMAGE
    iret
    .endm

/* One instruction in v8086 mode must fault. */
    .macro V86_FAULT name, vector, error, insn:vararg
    TRY f_\@
    V86 i_\@
    .code16
i_\@:
    \insn
    ud2
    .code32
f_\@:
    CAUGHT "\name", \vector, \error
    mov caught_eip, %eax
    sub $i_\@-IMAGE, %eax
    jz e_\@
    EXPECT "\name: saved ip", 0
e_\@:
    .endm

test:
    V86_FAULT "v86: hlt", 13, 0, hlt
    EXPECT_MEM "frame: CS", caught_cs, IMAGE_SEG
    EXPECT_MEM "frame: SS", caught_ss, 0
    EXPECT_MEM "frame: ESP", caught_esp, 0xc000
    EXPECT_MEM "ESP0: nine words on ring 0's stack and the error code", caught_esp0, 0xdfdc
    mov caught_eflags, %eax
    and $VM, %eax
    EXPECT "frame: VM is set", VM
    mov %ds, %eax
    movzwl %ax, %eax
    EXPECT "the handler runs with its own DS", SEL_DATA
    V86_FAULT "v86: cli, IOPL 0", 13, 0, cli
    V86_FAULT "v86: sti, IOPL 0", 13, 0, sti
    V86_FAULT "v86: pushf, IOPL 0", 13, 0, pushf
    V86_FAULT "v86: popf, IOPL 0", 13, 0, popf
    V86_FAULT "v86: iret, IOPL 0", 13, 0, iret
    V86_FAULT "v86: int 21h, IOPL 0", 13, 0, int $0x21
    V86_FAULT "v86: mov cr0", 13, 0, mov %cr0, %eax
    V86_FAULT "v86: lgdt", 13, 0, lgdt 0
    V86_FAULT "v86: lmsw", 13, 0, lmsw %ax
    V86_FAULT "v86: lldt is not recognized", 6, 0, lldt %ax
    V86_FAULT "v86: verr is not recognized", 6, 0, verr %ax
    V86_FAULT "v86: arpl is not recognized", 6, 0, .byte 0x63, 0xc0
    V86_FAULT "v86: lsl is not recognized", 6, 0, lsl %ax, %ax
    V86_FAULT "v86: in, no bitmap", 13, 0, in $0x80, %al
    V86_FAULT "v86: int3 goes through the IDT: DPL 0", 13, 3*8+2, int3
    V86_FAULT "v86: word at ffff", 13, 0, mov 0xffff, %ax

    /* IOPL 3: the flags are the program's own, but for VM and IOPL. */
    TRY 1f
    V86 2f, IOPL3
    .code16
2:  sti
    pushf
    pop %dx
    cli
    pushf
    pop %bx
    push $0x0ed7
    popf
    pushf
    pop %si
    ud2
    .code32
1:  CAUGHT "v86, IOPL 3: sti, pushf, popf", 6, 0
    movzwl %dx, %eax
    EXPECT "v86: IF on, IOPL seen", 0x3202
    movzwl %bx, %eax
    EXPECT "v86: IF off", 0x3002
    movzwl %si, %eax
    EXPECT "v86: popf sets all but IOPL", 0x3ed7

    TRY 1f
    V86 2f, IOPL3
    .code16
2:  push $0x0002
    push %cs
    push $3f-IMAGE
    iret
3:  mov $0x7777, %dx
    ud2
    .code32
1:  CAUGHT "v86, IOPL 3: iret", 6, 0
    movzwl %dx, %eax
    EXPECT "v86: iret arrived", 0x7777

    TRY 1f
    V86 2f, IOPL3
    .code16
2:  int $0x21
    .code32
1:  CAUGHT "v86, IOPL 3: int 21h checks the gate's DPL", 13, 0x21*8+2

    /* Segments work as in real mode. */
    movl $0x13572468, 0x12340+0x10
    TRY 1f
    V86 2f
    .code16
2:  mov $0x1234, %ax
    mov %ax, %es
    mov %es:0x10, %edx
    mov %es, %bx
    ljmp $IMAGE_SEG-1, $3f-IMAGE+16
3:  mov %cs, %cx
    ud2
    .code32
1:  CAUGHT "v86: segments", 6, 0
    mov %edx, %eax
    EXPECT "v86: segment * 16 + offset", 0x13572468
    movzwl %bx, %eax
    EXPECT "v86: selector is what was loaded", 0x1234
    movzwl %cx, %eax
    EXPECT "v86: far jump", 0xfff

    /* A gate with DPL 3 leads to ring 0 and back; the selectors lie behind SS in the frame. */
    GATE idt+0x50*8, SEL_CODE, gate, 0xee
    TRY 1f
    V86 2f, IOPL3
    .code16
2:  mov $0x2222, %ax
    mov %ax, %fs
    int $0x50
    mov %fs, %dx
    mov $0x4444, %cx
    ud2
    .code32
1:  CAUGHT "v86: int through a gate and back", 6, 0
    mov %ebx, %eax
    EXPECT "ring 0: FS was null", 0
    mov %esi, %eax
    EXPECT "ring 0: FS in the frame", 0x2222
    movzwl %dx, %eax
    EXPECT "v86: FS is back", 0x2222
    movzwl %cx, %eax
    EXPECT "v86: goes on", 0x4444
    GATE idt+0x50*8, SEL_UCODE, gate, 0xee
    TRY 1f
    V86 2f, IOPL3
    .code16
2:  int $0x50
    .code32
1:  CAUGHT "v86: gates must lead to ring 0", 13, 0x28

    /* I/O bitmap. */
    movw $104, tss+102
    movl $0, tss+104+0x80/8
    movb $0, tss+104+0x84/8
    movw $0x67+0x20, gdt+SEL_TSS
    andb $0xfd, gdt+SEL_TSS+5
    mov $SEL_TSS, %eax
    ltr %ax
    TRY 1f
    V86 2f
    .code16
2:  in $0x80, %al
    ud2
    .code32
1:  CAUGHT "v86: bitmap allows", 6, 0
    ret

gate:
    mov %fs, %ebx
    mov 28(%esp), %esi /* EIP CS EFLAGS ESP SS ES DS FS GS */
    iret

    .section .note.GNU-stack, "", @progbits
