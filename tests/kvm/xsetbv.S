/* SPDX-License-Identifier: MIT */
/*
 * XCR0 is the guest's across an exit: XSETBV, an access to a port, XGETBV (SDM vol. 2, XSETBV). A hypervisor that is
 * not told of XSETBV puts back what it knows, and a guest that has enabled AVX loses it at some moment later. Ends
 * well where there is no XSAVE.
 */
#include "tests/guests/guest64.h"

#define CR4_OSXSAVE 0x40000
#define PORT_POST 0x80

test:
    mov $1, %eax
    cpuid
    bt $26, %ecx /* XSAVE */
    jnc 1f
    mov %cr4, %rax
    or $CR4_OSXSAVE, %rax
    mov %rax, %cr4
    xor %ecx, %ecx
    xor %edx, %edx
    mov $3, %eax /* x87, SSE */
    xsetbv
    out %al, $PORT_POST
    xgetbv
    EXPECT "XCR0 after an exit", 3
1:  ret
