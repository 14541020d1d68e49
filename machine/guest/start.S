/* SPDX-License-Identifier: MIT */
/*
 * From the processor's first instruction to C in 64-bit mode.
 *
 * A PC starts like an 8086 of 1978: 16-bit registers, 1 MiB, no protection. Each mode is reached by preparing tables
 * in memory, flipping a bit in a control register, and jumping, so that CS is loaded again.
 */
#include "layout.h"

/* ---- The reset vector: the last 16 bytes below 4 GiB (SDM vol. 3, 10.1.4) ---- */
    .section .reset, "ax"
    .code16
    .globl reset_vector
reset_vector:
    /* CS holds F000h with the hidden base FFFF0000h. Loading CS makes its base F0000h: the ROM's lower copy. */
    ljmp $0xf000, $real_mode - 0xf0000

/* ---- Real mode ---- */
    .section .text16, "ax"
    .code16
real_mode:
    cli
    cld
    xor %ax, %ax
    mov %ax, %ss
    mov $KERNEL_STACK_TOP - 16, %sp
    mov %ax, %es
    mov %cs, %ax
    mov %ax, %ds /* our texts are in the ROM, 64 KiB from F0000h on */

    /* COM1: 115200 baud, 8 data bits, no parity (16550 data sheet). Divisor latch first, then the line's format. */
    mov $uart_setup - 0xf0000, %si
    mov $uart_setup_end - 0xf0000, %bx
1:  lodsw
    mov $COM1 >> 8, %dh
    mov %al, %dl
    mov %ah, %al
    out %al, %dx
    cmp %bx, %si
    jb 1b

    mov $text_real - 0xf0000, %si
    call print16

    /* The way to protected mode: a table of segments, CR0.PE, and a far jump (SDM vol. 3, 10.9.1). */
    lgdtl %cs:gdt_pointer - 0xf0000
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $CODE32, $protected_mode

/* Prints the zero-terminated text at DS:SI. */
print16:
    lodsb
    test %al, %al
    jz 2f
    mov %al, %ah
    mov $COM1_LSR, %dx
1:  in %dx, %al
    test $LSR_CAN_SEND, %al
    jz 1b
    mov %ah, %al
    mov $COM1, %dx
    out %al, %dx
    jmp print16
2:  ret

/* Pairs of port (low byte) and value. */
uart_setup:
    .byte (COM1 + 3) & 0xff, 0x80 /* DLAB on: ports +0 and +1 are the divisor */
    .byte (COM1 + 0) & 0xff, 1
    .byte (COM1 + 1) & 0xff, 0
    .byte (COM1 + 3) & 0xff, 0x03 /* DLAB off, 8n1 */
    .byte (COM1 + 1) & 0xff, 0    /* no interrupts: we poll */
    .byte (COM1 + 2) & 0xff, 0x07 /* FIFOs on and empty */
uart_setup_end:

/* ---- 32-bit protected mode ---- */
    .section .text32, "ax"
    .code32
protected_mode:
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $KERNEL_STACK_TOP, %esp
    mov $text_protected, %esi
    call print32

    /* Is there a long mode? CPUID 80000001h, EDX bit 29. */
    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    test $1 << 29, %edx
    jz no_long_mode

    /*
     * Long mode needs paging. Six empty tables, then: the first 2 MiB one to one in 4 KiB pages; the 2 MiB around the
     * local APIC at FEE00000h as one large uncached page. Bits: 1 present, 2 writable, 4 user, 10h uncached, 80h large.
     */
    mov $PML4, %edi
    xor %eax, %eax
    mov $(PT_USER + 0x1000 - PML4) / 4, %ecx
    rep stosl
    movl $PDPT + 7, PML4
    movl $PD_LOW + 7, PDPT
    movl $PD_APIC + 3, PDPT + 3 * 8
    movl $PT_LOW + 3, PD_LOW
    movl $PT_USER + 7, PD_LOW + 2 * 8
    movl $0xfee00000 + 0x93, PD_APIC + 0x1f7 * 8
    mov $PT_LOW, %edi
    mov $0x003, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    cmp $0x200003, %eax
    jb 1b

    /* The order the manual asks for (SDM vol. 3, 10.8.5): PAE, CR3, EFER.LME (and SCE for SYSCALL), then PG. */
    mov %cr4, %eax
    or $1 << 5, %eax
    mov %eax, %cr4
    mov $PML4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $(1 << 8) + (1 << 0), %eax
    wrmsr
    mov %cr0, %eax
    or $(1 << 31) + (1 << 16), %eax /* PG, and WP: the kernel too must respect read-only pages */
    mov %eax, %cr0
    ljmp $KERNEL_CODE, $long_mode

no_long_mode:
    mov $text_no_long_mode, %esi
    call print32
    jmp power_off32

/* Prints the zero-terminated text at ESI. */
print32:
    lodsb
    test %al, %al
    jz 2f
    mov %al, %ah
    mov $COM1_LSR, %edx
1:  in %dx, %al
    test $LSR_CAN_SEND, %al
    jz 1b
    mov %ah, %al
    mov $COM1, %edx
    out %al, %dx
    jmp print32
2:  ret

power_off32:
    mov $PCI_ADDRESS, %edx
    mov $PM_PMBA, %eax
    out %eax, %dx
    mov $PCI_DATA, %edx
    mov $PM_BASE, %eax
    out %eax, %dx
    mov $PCI_ADDRESS, %edx
    mov $PM_PMREGMISC, %eax
    out %eax, %dx
    mov $PCI_DATA, %edx
    mov $1, %al
    out %al, %dx
    mov $PM_CONTROL, %edx
    mov $PM_SOFT_OFF, %eax
    out %ax, %dx
1:  hlt
    jmp 1b

/* ---- 64-bit mode ---- */
    .text
    .code64
long_mode:
    mov $KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $KERNEL_STACK_TOP, %rsp
    call kernel_main /* kernel.c; never returns */
1:  hlt
    jmp 1b

    .section .rodata
text_real:
    .ascii "\r\ntwin86: the guest that is built in. It starts where every PC starts.\r\n\r\n"
    .asciz "real mode       first instruction at FFFFFFF0h; now 16-bit code at F000h:xxxx\r\n"
text_protected:
    .asciz "protected mode  GDT loaded, CR0.PE set, far jump: 32-bit code\r\n"
text_no_long_mode:
    .asciz "                this CPU has no long mode (CPUID 80000001h EDX bit 29): the end\r\n"

/*
 * The first GDT. Descriptors have the accessed bit set already, as the processor could not set it in ROM. The kernel
 * copies them to RAM and adds the task state segment.
 */
    .balign 8
    .globl gdt_rom
gdt_rom:
    .quad 0
    .quad 0x00af9b000000ffff /* kernel code, 64-bit */
    .quad 0x00cf93000000ffff /* kernel data */
    .quad 0x00cffb000000ffff /* user code, 32-bit: SYSRET's place for it */
    .quad 0x00cff3000000ffff /* user data */
    .quad 0x00affb000000ffff /* user code, 64-bit */
    .quad 0, 0               /* task state segment */
    .quad 0x00cf9b000000ffff /* code, 32-bit */
gdt_pointer:
    .word GDT_SLOTS * 8 - 1
    .long gdt_rom
    .section .note.GNU-stack, "", @progbits
