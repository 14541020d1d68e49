/* SPDX-License-Identifier: MIT */
/*
 * An option ROM that firmware starts (Plug and Play BIOS Specification 1.0a, 3.2): it offers itself as a device to boot
 * from, and when it is booted tells what a BIOS has left: INT 12h, the data area, e820, keys and text by INT 16h and
 * 10h; then it resets the machine once, and switches it off the next time.
 */
    .code16
    .globl _start
_start:
    .byte 0x55, 0xaa
    .byte (end - _start + 511) / 512
    jmp init
    .org 0x18
#ifdef PCI
    .word pcir
#else
    .word 0 /* no PCI data structure */
#endif
    .word pnp

    .org 0x20
pnp:
    .ascii "$PnP"
    .byte 1, 2   /* revision; length in units of 16 */
    .word 0      /* next */
    .byte 0, 0   /* reserved; its sum, at which SeaBIOS does not look */
    .long 0
    .word maker, product
    .byte 1, 0x80, 0 /* mass storage, of another kind */
    .byte 0x14       /* needed only when it is booted; a device to boot from */
    .word 0, 0       /* connection and disconnect vectors */
    .word boot       /* bootstrap entry vector */
    .word 0, 0
#ifdef PCI
    .balign 4
pcir: /* PCI Firmware Specification 3.0, 5.1.2: of the device that has this ROM */
    .ascii "PCIR"
    .word 0x1af4, PCI
    .word 0, 24  /* no vital product data; length */
    .byte 0      /* revision */
    .byte 0, 0xff, 0 /* class */
    .word (end - _start + 511) / 512, 0
    .byte 0, 0x80 /* for PCs; the last image */
    .word 0
#endif
maker: .asciz "twin86"
product: .asciz "twin86 option ROM"

init:
    mov $0x20, %ax /* this is an IPL device, and it is there */
    lret

boot:
    cli
    push %cs
    pop %ds
    xor %ax, %ax
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    mov $text_booted, %si
    call print

    int $0x12 /* KiB of conventional memory */
    cmp $600, %ax
    jb failed
    int $0x11
    test $2, %al
    jz failed
    mov %cs, %ax /* e820: the first range begins at 0 and is RAM */
    push $0x1000
    pop %es
    xor %di, %di
    xor %ebx, %ebx
    mov $0xe820, %eax
    mov $0x534d4150, %edx
    mov $24, %ecx
    int $0x15
    jc failed
    cmpl $0, %es:0
    jne failed
    cmpl $1, %es:16
    jne failed
    xor %ax, %ax
    mov %ax, %es
    cmpw $0x3f8, %es:0x400
    jne failed

    /* CMOS 60h, which no BIOS uses, holds whether this is the second time. */
    mov $0x60, %al
    out %al, $0x70
    in $0x71, %al
    cmp $0x5a, %al
    je second
    mov $0x60, %al
    out %al, $0x70
    mov $0x5a, %al
    out %al, $0x71
    mov $text_reset, %si
    call print
    mov $0xfe, %al /* the keyboard controller's way */
    out %al, $0x64
    jmp .

second:
    mov $0x60, %al
    out %al, $0x70
    xor %al, %al
    out %al, $0x71
    mov $text_off, %si
    call print
    mov $0x31, %al /* isa-debug-exit: 63h */
    out %al, $0xf4
    jmp .

failed:
    mov $text_failed, %si
    call print
    jmp .

print:
    lodsb
    test %al, %al
    jz 1f
    mov $0x0e, %ah
    mov $7, %bx
    int $0x10
    jmp print
1:  ret

text_booted: .asciz "\r\nBooted from the option ROM\r\n"
text_reset: .asciz "Reset\r\n"
text_off: .asciz "Once more, and off\r\n"
text_failed: .asciz "The BIOS lacks something\r\n"
    .org 1023
    .byte 0
end:
