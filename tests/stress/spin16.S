/* SPDX-License-Identifier: MIT */
/* A guest that says it is there and then only computes: nothing but a kick gets it out of the processor. */
    .code16
    .text
start:
    mov $0x504, %dx
    out %eax, %dx
1:  inc %eax
    jmp 1b

    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
