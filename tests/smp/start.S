/* SPDX-License-Identifier: MIT */
/*
 * From a PVH loader to 64-bit C, on the first processor and, by way of real mode, on all others. The first GiB is
 * mapped to itself by large pages, and so, uncached, is the fourth, where the local APIC is.
 */
#define CR0_PE_MP_NE_WP_PG 0x80010023
#define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define STACK_SHIFT 13
#define TRAMPOLINE 0x8000 /* the page that start-up IPIs name */

    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long start

    .text
    .code32
    .globl start
start:
    cld
    mov %ebx, start_info
    mov $page_tables, %edi
    xor %eax, %eax
    mov $4 * 1024, %ecx
    rep stosl
    movl $page_tables + 0x1003, page_tables
    movl $page_tables + 0x2003, page_tables + 0x1000
    movl $page_tables + 0x3003, page_tables + 0x1018
    mov $0x83, %eax
    mov $0xc000009b, %edx
    mov $page_tables + 0x2000, %edi
1:  mov %eax, (%edi)
    mov %edx, 0x1000(%edi)
    add $0x200000, %eax
    add $0x200000, %edx
    add $8, %edi
    cmp $page_tables + 0x3000, %edi
    jne 1b
    mov $trampoline, %esi
    mov $TRAMPOLINE, %edi
    mov $trampoline_end - trampoline, %ecx
    rep movsb
    lgdt gdt_pointer
    ljmp $8, $enable

/* 32-bit code with flat segments, on every processor. */
enable:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $CR4_PAE_OSFXSR_OSXMMEXCPT, %eax
    mov %eax, %cr4
    mov $page_tables, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME_NXE, %eax
    wrmsr
    mov $CR0_PE_MP_NE_WP_PG, %eax
    mov %eax, %cr0
    ljmp $24, $in_64_bits

    .code64
in_64_bits:
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $1, %eax
    cpuid
    shr $24, %ebx /* the APIC's id: this processor's number, stack and all */
    mov %ebx, %edi
    lea 1(%rdi), %rsp
    shl $STACK_SHIFT, %rsp
    add $stacks, %rsp
    lidt idt_pointer
    fninit
    test %edi, %edi
    jz 1f
    call other_cpu_main
1:  call main
2:  hlt
    jmp 2b

    .code16
trampoline:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    lgdtl trampoline_gdt - trampoline
    mov %cr0, %eax
    and $~0x60000000, %eax /* caches on: INIT leaves CD and NW, but a start-up IPI finds them set after power-up */
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $enable
    .balign 4
trampoline_gdt:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:

/* For each vector: its number and, where the processor gives none, an error code. */
    .code64
    .globl vector_stubs
    .balign 16
vector_stubs:
    vector = 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    push $vector
    jmp common
    vector = vector + 1
    .endr

common:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    cld
    call on_interrupt
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

    .data
    .balign 8
    .globl gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 8: 32-bit code */
    .quad 0x00cf93000000ffff /* 16: data */
    .quad 0x00af9b000000ffff /* 24: 64-bit code */
    .quad 0, 0, 0            /* 32: data, 40: a TSS; for the tests of their bits */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 256 * 16 - 1
    .quad idt
    .globl start_info
start_info: .quad 0

    .bss
    .balign 4096
    .globl page_tables, idt, stacks
page_tables: .skip 4 * 4096
idt: .skip 4096
stacks: .skip 64 << STACK_SHIFT
    .section .note.GNU-stack, "", @progbits
