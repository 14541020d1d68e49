/* SPDX-License-Identifier: MIT */
/*
 * Tests in 64-bit mode: define `test` (called, ends with RET). The first GiB is mapped one to one in 2 MiB pages,
 * writable, ring 0 and 3; NXE and CR0.WP are on when the processor has NX.
 *
 * EXPECT name, want               compare RAX with `want` (32 bits, sign-extended), print. Keeps registers and flags.
 * EXPECT_FLAGS, EXPECT_MEM        flags & mask; a quadword in memory.
 * FAULT name, vector, error, insn the instruction must raise that, with the saved RIP pointing at it.
 * TRY label ... label: CAUGHT name, vector, error: the same for more than one instruction.
 * After a fault: caught_rip, caught_cs, caught_rflags, caught_rsp, caught_ss, caught_rsp0 (RSP in the handler, before
 * the error code), caught_cr2.
 */
#include "tests/guests/boot.h"

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_UCODE32 0x1b
#define SEL_UDATA 0x23
#define SEL_UCODE 0x2b
#define SEL_CODE32 0x30
#define SEL_CODE16 0x38
#define SEL_TSS 0x40
#define SEL_FREE 0x50 /* eight slots */
#define NONE 0xffff
#define PML4 0x24000
#define PDPT 0x25000
#define PD 0x26000
#define PT 0x27000 /* free for tests */
#define EFER 0xc0000080

    .section .text16, "ax"
    .code16
start16:
    lgdtl gdt_pointer - IMAGE
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $start32

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
    mov $PML4, %edi
    xor %eax, %eax
    mov $0x3000 / 4, %ecx
    rep stosl
    movl $PDPT + 7, PML4
    movl $PD + 7, PDPT
    mov $PD, %edi
    mov $0x87, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    cmp $0x40000087, %eax
    jb 1b
    mov %cr4, %eax
    or $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    mov %eax, %cr4
    mov $PML4, %eax
    mov %eax, %cr3
    mov $0x80000001, %eax
    cpuid
    mov $EFER, %ecx
    and $1 << 20, %edx /* NX */
    shr $9, %edx
    mov %edx, %ebx
    rdmsr
    or %ebx, %eax /* NXE */
    or $0x101, %eax /* LME, SCE */
    wrmsr
    mov %cr0, %eax
    or $0x80010000, %eax
    and $~4, %eax
    mov %eax, %cr0
    ljmpl $SEL_CODE, $start64

    .code64
start64:
    mov $0xf000, %rsp
    mov $idt, %edi
    mov $stubs, %eax
    mov $256, %ecx
1:  mov %ax, (%rdi)
    movw $SEL_CODE, 2(%rdi)
    movw $0x8e00, 4(%rdi)
    mov %eax, %edx
    shr $16, %edx
    mov %dx, 6(%rdi)
    movq $0, 8(%rdi)
    add $16, %rdi
    add $10, %eax
    loop 1b
    lidt idt_pointer
    movq $0xe000, tss + 4
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
    push %rdx
    push %rax
    mov $PORT_COM1 + 5, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    pop %rax
    mov $PORT_COM1, %edx
    out %al, %dx
    pop %rdx
    ret

print_text:
    lodsb
    test %al, %al
    jz 1f
    call print_char
    jmp print_text
1:  ret

/* RAX as sixteen hex digits. */
print_hex:
    mov $16, %ecx
1:  rol $4, %rax
    push %rax
    and $15, %eax
    mov hex_digits(%rax), %al
    call print_char
    pop %rax
    loop 1b
    ret

/* RAX got, RBX wanted, RSI name. Keeps all registers and flags. */
report:
    pushf
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    cld
    mov %rax, %rdi
    cmp %rbx, %rax
    je 1f
    incl failures
    push %rsi
    mov $text_fail, %esi
    call print_text
    pop %rsi
    call print_text
    mov $text_got, %esi
    call print_text
    mov %rdi, %rax
    call print_hex
    mov $text_want, %esi
    call print_text
    mov %rbx, %rax
    call print_hex
    jmp 2f
1:  push %rsi
    mov $text_ok, %esi
    call print_text
    pop %rsi
    call print_text
2:  mov $text_newline, %esi
    call print_text
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    popf
    ret

stubs:
    .set n, 0
    .rept 256
    .if n == 8 || (n >= 10 && n <= 14) || n == 17 || n == 21
    .byte 0x90, 0x90
    .else
    .byte 0x6a, 0
    .endif
    .byte 0x6a, n & 0xff
    .byte 0xe9
    .long caught - . - 4
    .byte 0x90
    .set n, n + 1
    .endr

caught:
    push %rax
    movzbl 8(%rsp), %eax
    mov %rax, caught_vector
    mov 16(%rsp), %rax
    mov %rax, caught_error
    mov 24(%rsp), %rax
    mov %rax, caught_rip
    mov 32(%rsp), %rax
    mov %rax, caught_cs
    mov 40(%rsp), %rax
    mov %rax, caught_rflags
    mov 48(%rsp), %rax
    mov %rax, caught_rsp
    mov 56(%rsp), %rax
    mov %rax, caught_ss
    lea 24(%rsp), %rax
    mov %rax, caught_rsp0
    mov %cr2, %rax
    mov %rax, caught_cr2
    mov $SEL_DATA, %eax
    mov %eax, %ss
    cmpq $0, try_resume
    je 1f
    mov try_rsp, %rsp
    pushq try_resume
    movq $0, try_resume
    pushq $2
    popf
    ret
1:  mov $0xd000, %esp
    mov caught_vector, %rax
    shl $56, %rax
    xor caught_rip, %rax
    xor %ebx, %ebx
    mov $text_unexpected, %esi
    call report
    jmp finish

    .data
    .balign 16
gdt:
    .quad 0
    .quad 0x00af9a000000ffff /* 08 64-bit code */
    .quad 0x00cf92000000ffff /* 10 data */
    .quad 0x00cffa000000ffff /* 18 ring 3 32-bit code */
    .quad 0x00cff2000000ffff /* 20 ring 3 data */
    .quad 0x00affa000000ffff /* 28 ring 3 64-bit code */
    .quad 0x00cf9a000000ffff /* 30 32-bit code */
    .quad 0x00009a010000ffff /* 38 16-bit code, base 10000h */
    .quad 0x0000890200000067 /* 40 TSS at 20000h */
    .quad 0
gdt_free:
    .fill 8, 8, 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
    .balign 4
idt_pointer:
    .word 0xfff
    .quad idt
    .balign 8
try_resume: .quad 0
try_rsp: .quad 0
caught_vector: .quad 0
caught_error: .quad 0
caught_rip: .quad 0
caught_cs: .quad 0
caught_rflags: .quad 0
caught_rsp: .quad 0
caught_ss: .quad 0
caught_rsp0: .quad 0
caught_cr2: .quad 0
hex_digits: .ascii "0123456789abcdef"
text_unexpected: .asciz "unexpected interrupt (vector << 56 ^ rip)"

    .set tss, 0x20000
    .set idt, 0x21000
    .text

.macro EXPECT name:req, want:req
    push %rbx
    push %rsi
    pushf
    TEXT t_\@, "\name"
    mov $\want, %rbx
    mov $t_\@, %esi
    popf
    call report
    pop %rsi
    pop %rbx
.endm

.macro EXPECT_FLAGS name:req, mask:req, want:req
    push %rax
    pushf
    pushf
    pop %rax
    and $\mask, %rax
    EXPECT "\name", \want
    popf
    pop %rax
.endm

.macro EXPECT_MEM name:req, addr:req, want:req
    push %rax
    mov \addr, %rax
    EXPECT "\name", \want
    pop %rax
.endm

.macro TRY resume:req
    movq $NONE, caught_vector
    movq $0, caught_error
    mov %rsp, try_rsp
    movq $\resume, try_resume
.endm

.macro CAUGHT name:req, vector:req, error:req
    movq $0, try_resume
    mov caught_vector, %rax
    shl $16, %rax
    or caught_error, %rax
    EXPECT "\name", (\vector) << 16 | (\error)
.endm

.macro FAULT name:req, vector:req, error:req, insn:vararg
    TRY f_\@
i_\@:
    \insn
    mov try_rsp, %rsp /* a processor that executed a push or pop shall not lose its way */
f_\@:
    CAUGHT "\name", \vector, \error
    mov caught_rip, %rax
    sub $i_\@, %rax
    jz e_\@
    EXPECT "\name: saved rip", 0
e_\@:
.endm

.macro NOFAULT name:req, insn:vararg
    TRY f_\@
    \insn
f_\@:
    CAUGHT "\name", NONE, 0
.endm

/* Run `entry` in ring 3. */
.macro RING3 entry:req, flags=2
    pushq $SEL_UDATA
    pushq $0xc000
    pushq $\flags
    pushq $SEL_UCODE
    pushq $\entry
    iretq
.endm

.macro USER_FAULT name, vector, error, insn:vararg
    TRY f_\@
    RING3 i_\@
i_\@:
    \insn
    ud2
f_\@:
    CAUGHT "\name", \vector, \error
    mov caught_rip, %rax
    sub $i_\@, %rax
    jz e_\@
    EXPECT "\name: saved rip", 0
e_\@:
.endm

.macro WRITE_MSR msr, value
    mov $\msr, %ecx
    mov $\value, %rax
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
.endm
