/* SPDX-License-Identifier: MIT */
/*
 * The user program: ring 3, in its own pages. It can compute, but everything else it has to ask the kernel for.
 */
#include "layout.h"

    .section .user, "ax"
    .code64
user_program:
    /* Ask in the modern way. SYSCALL overwrites RCX and R11. */
    mov $CALL_PRINT, %eax
    lea text_syscall(%rip), %rdi
    syscall

    /* Ask in the old way: a gate in the IDT that ring 3 may call. */
    mov $CALL_PRINT, %eax
    lea text_int80(%rip), %rdi
    int $0x80

    /* Touch memory that is not there yet. The page fault's handler gives us a page and we never notice. */
    mov $USER_LAZY_ADDR + 0x123, %rbx
    mov $6, %eax
    mov %rax, (%rbx)
    mov $7, %eax
    mulq (%rbx)
    mov %rax, %r12
    mov $CALL_PRINT, %eax
    lea text_number(%rip), %rdi
    syscall
    mov $CALL_NUMBER, %eax
    mov %r12, %rdi
    syscall

    /* Try what only the kernel may do. The handler steps over this byte. */
    hlt

    mov $CALL_EXIT, %eax
    xor %edi, %edi
    syscall
1:  jmp 1b

text_syscall:
    .asciz "user mode       hello from ring 3, by SYSCALL\r\n"
text_int80:
    .asciz "                and once more by INT 80h\r\n"
text_number:
    .asciz "                6 * 7, computed in the new page, is "
    .section .note.GNU-stack, "", @progbits
