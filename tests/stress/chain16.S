/* SPDX-License-Identifier: MIT */
/*
 * A guest whose every access has one right answer, so that an access lost, doubled or cut short by a kick shows: what
 * it reads from a port it writes to MMIO, what it reads from MMIO it writes to the port, and what REP INS brought
 * REP OUTS takes back. Serial input is echoed to a port by an interrupt handler; a timer interrupt ends its HLT.
 * Real mode, run from the ROM. Ports: chain.h.
 */
#define PORT 0x500
#define RESTART 0x504
#define STRING 0x508
#define ECHO 0x50c
#define WORDS 8
#define BUFFER 0x600

    .code16
    .text
start:
    cli
    cld
    xor %ax, %ax
    mov %ax, %es
    mov %ax, %ss
    mov $0x7000, %sp
    movw $timer, %es:0x20
    movw $0xf000, %es:0x22
    movw $serial, %es:0x30
    movw $0xf000, %es:0x32
    mov $0x11, %al /* 8259: vectors from 8 on, IRQ 0 and 4 */
    out %al, $0x20
    mov $8, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xee, %al
    out %al, $0x21
    mov $0x34, %al /* 8254: a thousand interrupts a second */
    out %al, $0x43
    mov $0xa9, %al
    out %al, $0x40
    mov $0x04, %al
    out %al, $0x40
    mov $0x3fb, %dx /* 16550A: 8 bits, FIFO, receive interrupt */
    mov $3, %al
    out %al, %dx
    mov $0x3f9, %dx
    mov $1, %al
    out %al, %dx
    mov $0x3fa, %dx
    mov $7, %al
    out %al, %dx
    mov $0x3fc, %dx
    mov $0x0b, %al
    out %al, %dx
    mov $0xa000, %ax
    mov %ax, %ds
    mov $RESTART, %dx
    out %eax, %dx
    sti

awake:
    mov $8, %bp
round:
    mov $PORT, %dx
    in %dx, %eax
    mov %eax, 4
    mov 0, %eax
    out %eax, %dx
    mov $STRING, %dx
    mov $BUFFER, %di
    mov $WORDS, %cx
    rep insl
    mov $BUFFER, %si
    mov $WORDS, %cx
    rep outsl %es:(%si), %dx
    dec %bp
    jnz round
    hlt
    jmp awake

timer:
    push %ax
    mov $0x20, %al
    out %al, $0x20
    pop %ax
    iret

serial:
    push %ax
    push %dx
1:  mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz 2f
    mov $0x3f8, %dx
    in %dx, %al
    mov $ECHO, %dx
    out %al, %dx
    jmp 1b
2:  mov $0x20, %al
    out %al, $0x20
    pop %dx
    pop %ax
    iret

    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
