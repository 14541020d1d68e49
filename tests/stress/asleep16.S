/* SPDX-License-Identifier: MIT */
/* A guest that says it is there and then sleeps; only what it did not ask for (NMI, RESET) could wake it. */
    .code16
    .text
start:
    mov $0x504, %dx
    out %eax, %dx
    cli
1:  hlt
    jmp 1b

    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
