/* SPDX-License-Identifier: MIT */
/*
 * A guest that waits for serial input, for bench-exits: WAIT, defined by the file that includes this, is what it does
 * meanwhile. The interrupt's handler writes to PORT_STAMP first of all, and to PORT_DONE when it is ready for the next
 * byte, as the guest does when it begins. With USER defined it waits at CPL 3.
 */
#include "bench/guests/ports.h"

.macro OUTB port:req, value:req
    mov $\port, %edx
    mov $\value, %al
    out %al, %dx
.endm

test:
    OUTB 0x20, 0x11 /* 8259: vectors from 20h on, IRQ 4 alone */
    OUTB 0x21, 0x20
    OUTB 0x21, 4
    OUTB 0x21, 1
    OUTB 0x21, 0xef
    OUTB 0x3fb, 3 /* 16550A: 8 bits, FIFO, receive interrupt */
    OUTB 0x3fa, 7
    OUTB 0x3fc, 0x0b
    OUTB 0x3f9, 1
    mov $handler, %eax
    mov %ax, idt + 0x24 * 16
    shr $16, %eax
    mov %ax, idt + 0x24 * 16 + 6
    OUTB PORT_DONE, 0
#ifdef USER
    TO_USER ready, 0x202
#endif
    sti
ready:
    WAIT
    jmp ready

handler:
    push %rax
    push %rdx
    mov $PORT_STAMP, %edx
    out %al, %dx
1:  mov $0x3f8, %edx /* until nothing is left: the 8259 wants to see the wire fall */
    in %dx, %al
    mov $0x3fd, %edx
    in %dx, %al
    test $1, %al
    jnz 1b
    mov $0x20, %al
    out %al, $0x20
    mov $PORT_DONE, %edx
    out %al, %dx
    pop %rdx
    pop %rax
    iretq
