/* SPDX-License-Identifier: MIT */
/* For bench-startup: the first instruction after RESET writes to the debug console, the second ends the machine. */
    .code16
    .text
    .fill 0xfff0, 1, 0xf4
    out %al, $0xe9
    out %al, $0xf4
    hlt
    .org 0x10000
