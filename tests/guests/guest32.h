/* SPDX-License-Identifier: MIT */
/*
 * Tests in 32-bit protected mode: define `test` (called, ends with RET). Everything is flat; paging is off.
 *
 * EXPECT name, want               compare EAX with `want`, print a line. Keeps every register and the flags.
 * EXPECT_FLAGS name, mask, want   the same with EFLAGS & mask, as they are now.
 * FAULT name, vector, error, insn the instruction must raise that, with the saved EIP pointing at it.
 * TRY ... CAUGHT name, vector, error: the same for more than one instruction; the saved EIP is not looked at.
 * After a fault: caught_eip, caught_cs, caught_eflags, caught_esp, caught_ss (from inner rings), caught_esp0 (ESP in
 * the handler), caught_cr2. The handler goes on at the TRY's end with flat kernel segments, ESP and flags as at TRY.
 */
#include "tests/guests/boot.h"

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_CODE16 0x18
#define SEL_DATA16 0x20
#define SEL_UCODE 0x2b
#define SEL_UDATA 0x33
#define SEL_TSS 0x38
#define SEL_FREE 0x40 /* eight slots for the test's own descriptors */
#define SEL_FREE_LAST 0x78
#define NONE 0xffff

    .section .text16, "ax"
    .code16
start16:
    lgdtl gdt_pointer - IMAGE
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE, $start32

    .text
    .code32
start32:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    mov $0xf000, %esp
    /* IDT: 256 interrupt gates to stubs 10 bytes apart. */
    mov $idt, %edi
    mov $stubs, %eax
    mov $256, %ecx
1:  mov %ax, (%edi)
    movw $SEL_CODE, 2(%edi)
    movw $0x8e00, 4(%edi)
    mov %eax, %edx
    shr $16, %edx
    mov %dx, 6(%edi)
    add $8, %edi
    add $10, %eax
    loop 1b
    lidt idt_pointer
    /* TSS: ring 0's stack; no I/O bitmap. */
    movl $0xe000, tss + 4
    movl $SEL_DATA, tss + 8
    movw $104, tss + 102
    mov $SEL_TSS, %eax
    ltr %ax
    call test
finish:
    mov failures, %eax
    test %eax, %eax
    setne %al
    out %al, $PORT_EXIT
1:  hlt
    jmp 1b

print_char:
    push %edx
    push %eax
    mov $PORT_COM1 + 5, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    pop %eax
    mov $PORT_COM1, %edx
    out %al, %dx
    pop %edx
    ret

print_text:
    lodsb
    test %al, %al
    jz 1f
    call print_char
    jmp print_text
1:  ret

print_hex:
    mov $8, %ecx
1:  rol $4, %eax
    push %eax
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    or $0x20, %al
    call print_char
    pop %eax
    loop 1b
    ret

/* EAX got, EBX wanted, ESI name. Keeps all registers and flags. */
report:
    pushf
    pusha
    cld
    mov %eax, %edi
    cmp %ebx, %eax
    je 1f
    incl failures
    push %esi
    mov $text_fail, %esi
    call print_text
    pop %esi
    call print_text
    mov $text_got, %esi
    call print_text
    mov %edi, %eax
    call print_hex
    mov $text_want, %esi
    call print_text
    mov %ebx, %eax
    call print_hex
    jmp 2f
1:  push %esi
    mov $text_ok, %esi
    call print_text
    pop %esi
    call print_text
2:  mov $text_newline, %esi
    call print_text
    popa
    popf
    ret

/* Stubs of 10 bytes: [push 0,] push vector, jump. Exceptions 8, 10-14, 17, 21 have an error code. */
stubs:
    .set n, 0
    .rept 256
    .if n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21
    .byte 0x90, 0x90
    .else
    .byte 0x6a, 0
    .endif
    .byte 0x6a, n & 0xff /* push of a byte, sign-extended: the handler takes its low 8 bits */
    .byte 0xe9
    .long caught - . - 4
    .byte 0x90
    .set n, n + 1
    .endr

caught:
    push %ds
    push %eax
    mov $SEL_DATA, %eax
    mov %eax, %ds
    movzbl 8(%esp), %eax
    mov %eax, caught_vector
    mov 12(%esp), %eax
    mov %eax, caught_error
    mov 16(%esp), %eax
    mov %eax, caught_eip
    mov 20(%esp), %eax
    mov %eax, caught_cs
    mov 24(%esp), %eax
    mov %eax, caught_eflags
    mov 28(%esp), %eax
    mov %eax, caught_esp
    mov 32(%esp), %eax
    mov %eax, caught_ss
    lea 16(%esp), %eax
    mov %eax, caught_esp0
    mov %cr2, %eax
    mov %eax, caught_cr2
    incl caught_count
    cmpl $0, hook
    jne 2f
    pop %eax
    mov $SEL_DATA, %eax /* the interrupted EAX is lost: a fault is only expected where that does not matter */
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    cmpl $0, try_resume
    je 1f
    mov try_esp, %esp
    push try_resume
    movl $0, try_resume
    push $2
    popf
    ret
1:  mov $0xd000, %esp
    mov caught_vector, %eax
    shl $24, %eax
    xor caught_eip, %eax
    xor %ebx, %ebx
    mov $text_unexpected, %esi
    call report
    jmp finish
2:  /* A test's own handler: continues the interrupted program with IRET after this. */
    call *hook
    pop %eax
    pop %ds
    add $8, %esp
    iret

    .data
    .balign 16
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff /* 08 code */
    .quad 0x00cf92000000ffff /* 10 data */
    .quad 0x00009a010000ffff /* 18 16-bit code, base 10000h */
    .quad 0x000092010000ffff /* 20 16-bit data, base 10000h */
    .quad 0x00cffa000000ffff /* 28 ring 3 code */
    .quad 0x00cff2000000ffff /* 30 ring 3 data */
    .quad 0x0000890200000067 /* 38 TSS at 20000h */
gdt_free:
    .fill 8, 8, 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .balign 4
idt_pointer:
    .word 0x7ff
    .long idt
    .balign 4
try_resume: .long 0
try_esp: .long 0
hook: .long 0
caught_vector: .long 0
caught_error: .long 0
caught_eip: .long 0
caught_cs: .long 0
caught_eflags: .long 0
caught_esp: .long 0
caught_ss: .long 0
caught_esp0: .long 0
caught_cr2: .long 0
caught_count: .long 0
text_unexpected: .asciz "unexpected interrupt (vector << 24 ^ eip)"

    .set tss, 0x20000
    .set idt, 0x21000
    .text

/* Descriptors: base, limit (20 bits), access byte, flags nibble (8: G, 4: D/B). */
.macro DESCRIPTOR slot:req, base:req, limit:req, access:req, flags:req
    movl $((\limit) & 0xffff) | (((\base) & 0xffff) << 16), gdt + \slot
    movl $((\base) >> 16 & 0xff) | (\access) << 8 | ((\limit) & 0xf0000) | (\flags) << 20 | ((\base) & 0xff000000), \
         gdt + \slot + 4
.endm

/* A gate in the GDT or IDT. */
.macro GATE at:req, selector:req, offset:req, access:req, params=0
    movl $\offset, %eax
    movw %ax, \at
    movw $\selector, \at + 2
    movw $(\access) << 8 | \params, \at + 4
    shrl $16, %eax
    movw %ax, \at + 6
.endm

.macro EXPECT name:req, want:req
    push %ebx
    push %esi
    pushf
    TEXT t_\@, "\name"
    mov $\want, %ebx
    mov $t_\@, %esi
    popf
    call report
    pop %esi
    pop %ebx
.endm

.macro EXPECT_FLAGS name:req, mask:req, want:req
    push %eax
    pushf
    pushf
    pop %eax
    and $\mask, %eax
    EXPECT "\name", \want
    popf
    pop %eax
.endm

/* Memory operand compared with a value. */
.macro EXPECT_MEM name:req, addr:req, want:req
    push %eax
    mov \addr, %eax
    EXPECT "\name", \want
    pop %eax
.endm

.macro TRY resume:req
    movl $NONE, caught_vector
    movl $0, caught_error
    mov %esp, try_esp
    movl $\resume, try_resume
.endm

/* The result is vector << 16 | error code. */
.macro CAUGHT name:req, vector:req, error:req
    movl $0, try_resume
    mov caught_vector, %eax
    shl $16, %eax
    or caught_error, %eax
    EXPECT "\name", (\vector) << 16 | (\error)
.endm

.macro FAULT name:req, vector:req, error:req, insn:vararg
    TRY f_\@
i_\@:
    \insn
    mov try_esp, %esp /* a processor that executed a push or pop shall not lose its way */
f_\@:
    CAUGHT "\name", \vector, \error
    mov caught_eip, %eax
    sub $i_\@, %eax
    jz e_\@
    EXPECT "\name: saved eip", 0
e_\@:
.endm

/* The instruction must not fault. */
.macro NOFAULT name:req, insn:vararg
    TRY f_\@
    \insn
    pushl %eax
    movl $0, caught_error
    movl $0, try_resume
    popl %eax
f_\@:
    CAUGHT "\name", NONE, 0
.endm

/* Run `entry` in ring 3 with the flat user segments; comes back by a fault to the TRY that is active. */
.macro RING3 entry:req, flags=2
    push $SEL_UDATA
    push $0xc000
    push $\flags
    push $SEL_UCODE
    push $\entry
    mov $SEL_UDATA, %eax
    mov %eax, %ds
    mov %eax, %es
    iret
.endm

/* Fault of one instruction in ring 3. */
.macro USER_FAULT name, vector, error, insn:vararg
    TRY f_\@
    RING3 i_\@
i_\@:
    \insn
    ud2
f_\@:
    CAUGHT "\name", \vector, \error
    mov caught_eip, %eax
    sub $i_\@, %eax
    jz e_\@
    EXPECT "\name: saved eip", 0
e_\@:
.endm
