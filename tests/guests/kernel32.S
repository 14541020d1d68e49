/* SPDX-License-Identifier: MIT */
/*
 * A kernel of one page that prints what its loader gave it: command line, modules, memory map's first entry. Built
 * twice: as a multiboot kernel, and with -DPVH as an ELF file with a PVH note. Exits through port f4h with 0.
 */
#define COM1 0x3f8

#ifdef PVH
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long start
#else
    .section .header, "a"
    .balign 4
    .long 0x1badb002, 3, -(0x1badb002 + 3)
#endif

    .text
    .code32
    .globl start
start:
    mov $stack_top, %esp
    mov %eax, %ebp
    mov $COM1 + 3, %edx
    mov $3, %al
    out %al, %dx
#ifdef PVH
    mov (%ebx), %eax
    mov $text_magic, %esi
    call print_value
    mov $text_cmdline, %esi
    mov 24(%ebx), %edi
    call print_pair
    mov 12(%ebx), %ecx
    mov 16(%ebx), %edi
1:  jecxz 2f
    mov $text_module, %esi
    push %edi
    mov 16(%edi), %edi
    call print_pair
    pop %edi
    mov $text_contents, %esi
    push %edi
    mov (%edi), %edi
    call print_pair
    pop %edi
    add $32, %edi
    dec %ecx
    jmp 1b
2:  mov 40(%ebx), %edi
    mov 8(%edi), %eax
#else
    mov %ebp, %eax
    mov $text_magic, %esi
    call print_value
    mov $text_cmdline, %esi
    mov 16(%ebx), %edi
    call print_pair
    testl $8, (%ebx)
    jz 2f
    mov 20(%ebx), %ecx
    mov 24(%ebx), %edi
1:  jecxz 2f
    mov $text_module, %esi
    push %edi
    mov 8(%edi), %edi
    call print_pair
    pop %edi
    mov $text_contents, %esi
    push %edi
    mov (%edi), %edi
    call print_pair
    pop %edi
    add $16, %edi
    dec %ecx
    jmp 1b
2:  mov 48(%ebx), %edi
    mov 12(%edi), %eax
#endif
    mov $text_low, %esi
    call print_value
    mov bss_word, %eax
    mov $text_bss, %esi
    call print_value
    xor %eax, %eax
    out %al, $0xf4
1:  hlt
    jmp 1b

/* ESI, then the text at EDI, then a new line. */
print_pair:
    call print_text
    mov %edi, %esi
    call print_text
    mov $text_newline, %esi
print_text:
    lodsb
    test %al, %al
    jz 1f
    mov $COM1, %edx
    out %al, %dx
    jmp print_text
1:  ret

/* ESI, then EAX in hexadecimal, then a new line. */
print_value:
    push %eax
    call print_text
    pop %eax
    push %ecx
    mov $8, %ecx
1:  rol $4, %eax
    push %eax
    and $15, %eax
    mov digits(%eax), %al
    mov $COM1, %edx
    out %al, %dx
    pop %eax
    loop 1b
    pop %ecx
    mov $text_newline, %esi
    jmp print_text

    .section .rodata
digits: .ascii "0123456789abcdef"
text_magic: .asciz "magic "
text_cmdline: .asciz "command line "
text_module: .asciz "module "
text_contents: .asciz "contents "
text_low: .asciz "low memory "
text_bss: .asciz "bss "
text_newline: .asciz "\n"

    .bss
    .balign 16
bss_word: .long 0
    .space 4092
stack_top:
    .section .note.GNU-stack, "", @progbits
