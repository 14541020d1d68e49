/* SPDX-License-Identifier: MIT */
/* What the guests of bench-exits find in their machine; bench/exits.c has the other side. */
#include "tests/guests/guest64.h"

#define PORT_COUNT 0x500
#define PORT_DONE 0x504
#define PORT_PLAIN 0x508 /* takes and gives bytes without meaning */
#define PORT_STAMP 0x50c /* an interrupt has arrived */
#define MMIO 0xa0000
#define BUFFER 0x30000
#define STRING_BYTES 64

/*
 * To CPL 3, all ports allowed in both ways that there are: by IOPL 3, and by the I/O permission bitmap (zeros behind
 * the TSS), which is the only one that kvm_pvm looks at.
 */
.macro TO_USER entry:req, flags:req
    movw $0xfff, gdt + SEL_TSS
    movb $0x89, gdt + SEL_TSS + 5
    mov $SEL_TSS, %eax
    ltr %ax
    mov $SEL_UDATA, %eax
    mov %eax, %ds
    mov %eax, %es
    RING3 \entry, \flags | 0x3000
.endm
