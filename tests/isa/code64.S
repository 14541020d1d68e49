/* SPDX-License-Identifier: MIT */
/* Code that writes code, in the ways that decoders with caches get wrong; and shapes of control flow. */
#include "tests/guests/guest64.h"

#define AREA 0x30000 /* a page for code made here */

test:
    call next_instruction
    call earlier_code
    call other_page_view
    call page_crossing_code
    call own_rep
    call loops
    call alias
    ret

/* The immediate of the very next instruction. */
next_instruction:
    mov $3, %ecx
    xor %edx, %edx
1:  mov %cl, 2f+1(%rip)
2:  mov $0x55, %al
    movzbl %al, %eax
    add %eax, %edx
    loop 1b
    mov %rdx, %rax
    EXPECT "a store into the next instruction", 6
    ret

/* Code that ran before is changed and runs again. */
earlier_code:
    movl $0x000001b8, AREA /* mov $1, %eax; ret */
    movw $0xc300, AREA+4
    mov $AREA, %ebx
    call *%rbx
    EXPECT "made code", 1
    movb $2, AREA+1
    call *%rbx
    EXPECT "changed by a byte store", 2
    movw $0x0304, AREA+1
    call *%rbx
    EXPECT "by a word store", 0x0304
    lock incb AREA+1
    call *%rbx
    EXPECT "by a locked increment", 0x0305
    mov $0xc300000009b8, %rax
    xchg %rax, AREA
    call *%rbx
    EXPECT "by xchg", 9
    mov $7, %al
    mov $AREA+1, %edi
    stosb
    call *%rbx
    EXPECT "by stosb", 7
    lea pattern(%rip), %rsi
    mov $AREA, %edi
    mov $6, %ecx
    rep movsb
    call *%rbx
    EXPECT "by rep movsb", 0x11223344
    ret
    .pushsection .data
pattern: .byte 0xb8, 0x44, 0x33, 0x22, 0x11, 0xc3
    .popsection

/* The stack as well can hold code. */
other_page_view:
    mov %rsp, %rdx
    mov $AREA+0x108, %esp
    mov $0xc300000033b8, %rax
    push %rax
    mov %rsp, %rbx
    mov %rdx, %rsp
    call *%rbx
    EXPECT "by push", 0x33
    ret

page_crossing_code:
    mov $AREA+0xffd, %ebx
    movb $0xb8, (%rbx)
    movl $0x01020304, 1(%rbx)
    movb $0xc3, 5(%rbx)
    call *%rbx
    EXPECT "instruction across pages", 0x01020304
    movb $0xff, AREA+0x1001 /* its last byte */
    call *%rbx
    EXPECT "changed in the second page", 0xff020304
    movb $5, AREA+0xffe
    call *%rbx
    EXPECT "changed in the first page", 0xff020305
    ret

/* REP STOSB over itself: the instruction in execution goes on, what follows is new. */
own_rep:
    mov $0x90, %al
    lea 1f(%rip), %rdi
    mov $8, %ecx
    xor %edx, %edx
    rep stosb
1:  inc %edx
    inc %edx
    inc %edx
    inc %edx
    mov %rdx, %rax
    EXPECT "rep stosb over the following code", 0
    ret

/* A loop that changes itself while it runs. */
loops:
    xor %eax, %eax
    mov $10, %ecx
1:  add $1, %eax
    cmp $5, %ecx
    jne 2f
    movb $100, 1b+2
2:  dec %ecx
    jnz 1b
    movb $1, 1b+2
    EXPECT "loop that patches itself", 6+4*100
    xor %eax, %eax
    mov $100000, %ecx
1:  lea 1(%rax), %rax
    loop 1b
    EXPECT "a long loop", 100000
    mov $20, %edi
    call fibonacci
    EXPECT "recursion", 6765
    ret
fibonacci:
    mov %rdi, %rax
    cmp $2, %rdi
    jb 1f
    push %rdi
    dec %rdi
    call fibonacci
    pop %rdi
    push %rax
    sub $2, %rdi
    call fibonacci
    pop %rdx
    add %rdx, %rax
1:  ret

/* One physical page at two addresses: a store through one is seen by code run through the other. */
alias:
    movq $PT+7, 0x28000
    movq $0x28007, PDPT+8
    movq $AREA+7, PT
    mov %cr3, %rax
    mov %rax, %cr3
    movl $0x000001b8, AREA
    movw $0xc300, AREA+4
    mov $0x40000000, %ebx
    call *%rbx
    EXPECT "code through an alias", 1
    movb $2, AREA+1
    call *%rbx
    EXPECT "changed through the other address", 2
    /* And another page at the same address. */
    movl $0x000003b8, AREA+0x1000
    movw $0xc300, AREA+0x1004
    movq $AREA+0x1000+7, PT
    invlpg 0x40000000
    call *%rbx
    EXPECT "other page, same address", 3
    movq $AREA+7, PT
    mov %cr3, %rax
    mov %rax, %cr3
    call *%rbx
    EXPECT "and back", 2
    ret

    .section .note.GNU-stack, "", @progbits
