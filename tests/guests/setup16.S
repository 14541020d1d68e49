/* SPDX-License-Identifier: MIT */
/*
 * A bzImage whose real-mode code asks the BIOS for everything: it prints its command line by INT 10h, the size of low
 * memory (INT 12h), whether there is a memory map (INT 15h, E820h), the first bytes of its initial RAM disk and of its
 * own 32-bit code, which INT 15h, 87h copies down from above 1 MiB; then it ends twin86 with exit code 1 (port f4h).
 * Its 32-bit code says that it was entered there instead, and ends with code 3.
 */
#define COM1 0x3f8
#define BUFFER 0x4000 /* behind the setup code, in its segment */

    .code16
    .text
    .org 0x1f1
    .byte 2           /* sectors of setup code */
    .word 0
    .long 32          /* paragraphs of 32-bit code */
    .word 0, 0, 0
    .word 0xaa55
    .byte 0xeb, start - . - 1
    .ascii "HdrS"
    .word 0x20c       /* protocol */
    .long 0
    .word 0, 0
    .byte 0, 1        /* loaded high */
    .word 0
code32_start:
    .long 0x100000
ramdisk_image:
    .long 0, 0, 0
    .word 0
    .byte 0, 0
cmd_line_ptr:
    .long 0
    .long 0x37ffffff  /* initrd_addr_max */
    .long 0x1000
    .byte 0, 0
    .word 0           /* no 64-bit entry */
    .long 255         /* cmdline_size */
    .long 0
    .quad 0
    .long 0, 0
    .quad 0
    .quad 0x100000    /* pref_address */
    .long 0x10000     /* init_size */
    .long 0
start:
    mov %ds, %ax
    mov %ss, %bx
    cmp %ax, %bx
    jne wrong
    mov %cs, %bx
    sub $0x20, %bx
    cmp %ax, %bx
    jne wrong
    push %ds
    mov cmd_line_ptr, %eax
    shr $4, %eax
    mov %ax, %ds
    xor %si, %si
    call print
    pop %ds
    call new_line

    mov $text_low, %si
    call print
    int $0x12
    call print_number
    mov $0xe820, %eax
    mov $0x534d4150, %edx
    mov $20, %ecx
    xor %ebx, %ebx
    mov $BUFFER, %di
    int $0x15
    jc wrong
    cmp $0x534d4150, %eax
    jne wrong
    cmpl $0, BUFFER
    jne wrong
    mov $text_map, %si
    call print

    mov ramdisk_image, %eax
    call fetch
    movb $0, BUFFER + 6
    mov $BUFFER, %si
    call print
    call new_line
    mov code32_start, %eax
    call fetch
    mov $BUFFER + 2, %si
    call print
    movw $0x1f72, %ax /* text memory: what is written can be read */
    mov $0xb800, %dx
    mov %dx, %es
    mov %ax, %es:0xf9e
    cmp %ax, %es:0xf9e
    jne wrong
    xor %al, %al
    out %al, $0xf4
wrong:
    mov $text_wrong, %si
    call print
    mov $4, %al
    out %al, $0xf4
1:  hlt
    jmp 1b

/* 32 bytes from EAX, below 16 MiB, to BUFFER, by INT 15h, 87h: its table has six descriptors, the third is the
 * source's, the fourth the destination's. */
fetch:
    push %ds
    pop %es
    mov %eax, source + 2
    movb $0x93, source + 5
    mov %ds, %ax
    movzwl %ax, %eax
    shl $4, %eax
    add $BUFFER, %eax
    mov %eax, target + 2
    movb $0x93, target + 5
    mov $table, %si
    mov $16, %cx
    mov $0x87, %ah
    int $0x15
    jc wrong
    ret

/* AX, below 1000. */
print_number:
    mov $100, %bl
    div %bl
    call digit
    mov %ah, %al
    xor %ah, %ah
    mov $10, %bl
    div %bl
    call digit
    mov %ah, %al
    call digit
new_line:
    mov $text_line, %si
    jmp print
digit:
    push %ax
    add $'0', %al
    call character
    pop %ax
    ret

print:
    lodsb
    test %al, %al
    jz 1f
    call character
    jmp print
1:  ret

character:
    mov $0x0e, %ah
    mov $7, %bx
    int $0x10
    ret

text_low: .asciz "low memory "
text_map: .asciz "memory map\r\n"
text_wrong: .asciz "wrong\r\n"
text_line: .asciz "\r\n"
    .balign 8
table: .quad 0, 0
source: .long 0xffff, 0
target: .long 0xffff, 0
    .quad 0, 0

    .org 0x600
    .code32
    jmp 1f
    .asciz "32-bit code."     /* SeaBIOS keeps the last character until the next one comes */
1:  mov $1, %al
    out %al, $0xf4
    .org 0x800
