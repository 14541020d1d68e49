/* SPDX-License-Identifier: MIT */
/*
 * A boot sector that draws in one mode after the other: sets it by INT 10h, fills memory with a pattern, sends its
 * number and FFh to COM1, and goes on when a byte comes from there.
 */
    .code16
    .globl _start
#define MODES 14
#define COM1 0x3f8
_start:
    ljmp $0, $1f
1:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    cld
    movw $table, %si
    xorw %bp, %bp
next:
    lodsw
    sti
    testb $0x01, %ah             # VESA
    jnz vesa
    pushw %ax
    xorb %ah, %ah
    int $0x10
    jmp set
vesa:
    pushw %ax
    movw %ax, %bx
    andw $0x1ff, %bx
    movw $0x4f02, %ax
    int $0x10
set:
    movw $0x0100, %ax            # no cursor
    movw $0x2000, %cx
    int $0x10
    movw $0x1003, %ax            # no blinking
    xorw %bx, %bx
    int $0x10
    cli
    popw %ax
    testb $0x20, %ah
    jz 1f
    pushw %si
    call unchain
    popw %si
    movb $0x13, %al
    movb $0x40, %ah
1:  movw $0xb800, %dx
    testb $0x80, %ah             # text and CGA
    jnz 1f
    movb $0xa0, %dh
    xorb %dl, %dl
1:  movw %dx, %es
    testb $0x40, %ah             # by planes
    jnz planes
    call fill
    jmp drawn
planes:
    movb $8, %bh
2:  movw $0x3c4, %dx
    movb $2, %al
    movb %bh, %ah
    outw %ax, %dx
    call fill
    shrb $1, %bh
    jnz 2b
drawn:
    movw %bp, %ax
    call send
    movb $0xff, %al
    call send
    movw $COM1 + 5, %dx
3:  inb %dx, %al
    testb $1, %al
    jz 3b
    movb $COM1 & 0xff, %dl
    inb %dx, %al
    incw %bp
    cmpw $MODES, %bp
    jb next
    movb $0xfe, %al
    call send
4:  hlt
    jmp 4b

send:                            # AL
    pushw %ax
    movw $COM1 + 5, %dx
5:  inb %dx, %al
    testb $0x20, %al
    jz 5b
    popw %ax
    movb $COM1 & 0xff, %dl
    outb %al, %dx
    ret

fill:                            # 32 KiB at ES, a pattern for each BH
    xorw %di, %di
6:  movw %di, %ax
    movb %bh, %cl
    rorw %cl, %ax
    xorb %ah, %al
    addb %bh, %al
    stosb
    testw $0x8000, %di
    jz 6b
    ret

unchain:                         # 320x240 of mode 13h
    movw $0x3c4, %dx
    movw $0x0604, %ax
    outw %ax, %dx
    movw $0x3c2, %dx
    movb $0xe3, %al
    outb %al, %dx
    movw $0x3d4, %dx
    movw $crt, %si
    movw $(crt_end - crt) / 2, %cx
7:  lodsw
    outw %ax, %dx
    loop 7b
    ret
crt:
    .word 0x2c11, 0x0d06, 0x3e07, 0x4109, 0xea10, 0xac11, 0xdf12, 0x0014, 0xe715, 0x0616, 0xe317, 0x3413
crt_end:

/* 80h: at B8000h; 40h: by planes; 20h: unchained; 01h: VESA */
table:
    .word 0x8003, 0x8001, 0x8004, 0x8006, 0x400d, 0x400e, 0x4010, 0x4012, 0x0013, 0x2013
    .word 0x0101, 0x0110, 0x0111, 0x0112
    .org 510
    .word 0xaa55
