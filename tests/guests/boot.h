/* SPDX-License-Identifier: MIT */
/*
 * From the reset vector to the label `start16` in RAM at 1000h:xxxx, real mode, DS = ES = 1000h, SS:SP = 0:F000h.
 * Every test guest begins with it. Layout of low memory: 0 interrupt vectors, 1000h-EFFFh free and stack,
 * 10000h-1FFFFh the guest, 20000h-2FFFFh tables of the framework, from 30000h on free.
 */
#define PORT_COM1 0x3f8
#define PORT_EXIT 0xf4
#define IMAGE 0x10000
#define IMAGE_SEG 0x1000

    .section .reset, "ax"
    .code16
copy_to_ram:
    cli
    cld
    mov $0xf000, %ax
    mov %ax, %ds
    mov $IMAGE_SEG, %ax
    mov %ax, %es
    xor %si, %si
    xor %di, %di
    mov $0x8000, %cx
    rep movsw
    mov %ax, %ds
    mov $PORT_COM1 + 3, %dx /* line control: 8 data bits, 1 stop bit, no parity */
    mov $3, %al
    out %al, %dx
    xor %ax, %ax
    mov %ax, %ss
    mov $0xf000, %sp
    ljmp $IMAGE_SEG, $start16 - IMAGE
    .org 0xf0
    .globl reset_vector
reset_vector:
    ljmp $0xf000, $copy_to_ram - IMAGE
    .org 0x100

    .data
    .balign 4
failures: .long 0
text_ok: .asciz "ok "
text_fail: .asciz "FAIL "
text_got: .asciz " got "
text_want: .asciz " want "
text_newline: .asciz "\n"

/* A zero-terminated text in .data; its address goes by the name `label`. */
.macro TEXT label:req, text:req
    .pushsection .data
\label: .asciz "\text"
    .popsection
.endm
