/* SPDX-License-Identifier: MIT */
/*
 * The doors into the kernel: interrupts and exceptions through the IDT, SYSCALL through its MSR; and the door out to
 * user mode.
 */
#include "layout.h"

    .text
    .code64

/*
 * 256 stubs, 16 bytes apart. The processor pushes SS, RSP, RFLAGS, CS, RIP and, for some exceptions, an error code. For
 * the others we push a zero, then the vector, so that every frame looks the same (SDM vol. 3, 6.13 and 6.14.2).
 */
    .balign 16
    .globl interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    push $vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

interrupt_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi /* struct Frame * */
    call interrupt /* kernel.c */
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp /* vector and error code */
    iretq

/*
 * SYSCALL: the processor saved RIP in RCX and RFLAGS in R11 and nothing else: the stack is still the user's. Interrupts
 * are off (FMASK).
 */
    .globl syscall_entry
syscall_entry:
    mov %rsp, user_rsp
    mov $KERNEL_STACK_TOP - 0x1000, %rsp /* below the frames of kernel_main, which waits for the program's end */
    push %rcx
    push %r11
    mov %rax, %rsi   /* the call's number; its argument is in RDI already */
    call system_call /* kernel.c; the result is in RAX */
    pop %r11
    pop %rcx
    mov user_rsp, %rsp
    sysretq

/* void enter_user(uint64_t rip, uint64_t rsp): IRET is the classic way down to ring 3. Comes back from leave_user. */
    .globl enter_user
enter_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, kernel_rsp
    push $USER_DATA + 3
    push %rsi
    push $0x202 /* interrupts on */
    push $USER_CODE + 3
    push %rdi
    iretq

/* void leave_user(void): returns from enter_user, whatever is on the stack now. */
    .globl leave_user
leave_user:
    mov kernel_rsp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .bss
    .balign 8
user_rsp:
    .quad 0
kernel_rsp:
    .quad 0
    .section .note.GNU-stack, "", @progbits
