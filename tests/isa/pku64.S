/* SPDX-License-Identifier: MIT */
/* Protection keys: RDPKRU, WRPKRU, CR4.PKE, what PKRU forbids and whom, the error code, cached translations. */
#include "tests/guests/guest64.h"

#define P 1
#define W 2
#define U 4
/* PT maps 40000000h-401FFFFFh in 4 KiB pages. */
#define PD2 0x28000
#define KEY(n) ((n) << 59)

/* The page at 40000000h + 4096 * index. */
    .macro MAP index, phys, flags
    movabs $(\phys)|(\flags), %rax
    movq %rax, PT+8*(\index)
    invlpg 0x40000000+4096*(\index)
    .endm

    .macro PF_FAULT name, error, addr, insn:vararg
    FAULT "\name", 14, \error, \insn
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

    .macro USER_PF name, error, addr, insn:vararg
    USER_FAULT "\name", 14, \error, \insn
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

/* In ring 3 without a fault: it ends at the UD2 behind the instruction. */
    .macro USER_OK name, insn:vararg
    TRY f_\@
    RING3 i_\@
i_\@:
    \insn
    ud2
f_\@:
    CAUGHT "\name", 6, 0
    .endm

    .macro PKRU value:vararg
    mov $(\value), %eax
    xor %ecx, %ecx
    xor %edx, %edx
    wrpkru
    .endm

test:
    movq $PT+7, PD2
    movq $PD2+7, PDPT+8
    mov %cr3, %rax
    mov %rax, %cr3
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    bt $3, %ecx
    jc 1f
    call absent
    ret
1:  shr $4, %ecx
    mov %ecx, %eax
    and $1, %eax
    EXPECT "OSPKE follows CR4.PKE: clear", 0
    FAULT "rdpkru without CR4.PKE", 6, 0, rdpkru
    FAULT "wrpkru without CR4.PKE", 6, 0, wrpkru
    MAP 0, 0x30000, P|W|U|KEY(15)
    NOFAULT "without CR4.PKE a key means nothing", movl $1, 0x40000000
    mov %cr4, %rax
    or $1 << 22, %rax
    mov %rax, %cr4
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    shr $4, %ecx
    mov %ecx, %eax
    and $1, %eax
    EXPECT "OSPKE follows CR4.PKE: set", 1
    call registers
    call access_disable
    call write_disable
    call combined
    call cached
    call areas
    mov %cr4, %rax
    and $~(1 << 22), %rax
    mov %rax, %cr4
    ret

/* Without the feature: no instruction, no bit in CR4. */
absent:
    FAULT "rdpkru", 6, 0, rdpkru
    FAULT "wrpkru", 6, 0, wrpkru
    mov %cr4, %rax
    or $1 << 22, %rax
    FAULT "CR4.PKE", 13, 0, mov %rax, %cr4
    ret

registers:
    mov $-1, %rax
    mov $-1, %rdx
    mov $0xffffffff00000000, %rcx
    rdpkru
    EXPECT "rdpkru after reset, and rcx is ecx", 0
    mov %rdx, %rax
    EXPECT "rdx is cleared", 0
    mov $0xffffffff55555554, %rax
    mov $0x100000000, %rcx
    mov %rcx, %rdx
    wrpkru
    xor %ecx, %ecx
    rdpkru
    EXPECT "what was written", 0x55555554
    mov $1, %ecx
    FAULT "rdpkru, ecx", 13, 0, rdpkru
    xor %edx, %edx
    FAULT "wrpkru, ecx", 13, 0, wrpkru
    xor %ecx, %ecx
    mov $1, %edx
    FAULT "wrpkru, edx", 13, 0, wrpkru
    FAULT "rdpkru, lock", 6, 0, .byte 0xf0, 0x0f, 0x01, 0xee
    FAULT "rdpkru, 66", 6, 0, .byte 0x66, 0x0f, 0x01, 0xee
    FAULT "wrpkru, f3", 6, 0, .byte 0xf3, 0x0f, 0x01, 0xef
    PKRU 0
    xor %ecx, %ecx
    USER_OK "rdpkru in ring 3", rdpkru
    ret

access_disable:
    PKRU 1 << (2*5)
    MAP 0, 0x30000, P|W|U|KEY(5)
    MAP 1, 0x31000, P|W|U|KEY(4)
    MAP 2, 0x32000, P|W|KEY(5)
    PF_FAULT "AD: ring 0 read", 0x21, 0x40000008, mov 0x40000008, %rax
    PF_FAULT "AD: ring 0 write", 0x23, 0x40000008, mov %rax, 0x40000008
    PF_FAULT "AD: ring 0 read-modify-write", 0x23, 0x40000008, incl 0x40000008
    USER_PF "AD: ring 3 read", 0x25, 0x40000010, mov 0x40000010, %rax
    USER_PF "AD: ring 3 write", 0x27, 0x40000010, mov %rax, 0x40000010
    NOFAULT "AD: another key", movl $1, 0x40001000
    NOFAULT "AD: a supervisor page has no key", movl $1, 0x40002000
    USER_PF "AD: ... and is forbidden for what it is", 5, 0x40002000, mov 0x40002000, %rax
    /* fetches are not data accesses */
    movb $0x90, 0x30000
    movw $0x0b0f, 0x30001
    TRY 1f
    RING3 0x40000000
1:  CAUGHT "AD: fetches are allowed", 6, 0
    mov %cr0, %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    PF_FAULT "AD: without CR0.WP too", 0x21, 0x40000008, mov 0x40000008, %rax
    mov %cr0, %rax
    or $0x10000, %rax
    mov %rax, %cr0
    ret

write_disable:
    PKRU 2 << (2*15)
    MAP 0, 0x30000, P|W|U|KEY(15)
    NOFAULT "WD: ring 0 read", mov 0x40000008, %rax
    PF_FAULT "WD: ring 0 write, read before", 0x23, 0x40000008, mov %rax, 0x40000008
    USER_OK "WD: ring 3 read", mov 0x40000008, %rax
    USER_PF "WD: ring 3 write", 0x27, 0x40000008, mov %rax, 0x40000008
    mov %cr0, %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    NOFAULT "WD: ring 0 write without CR0.WP", movl $7, 0x40000008
    USER_PF "WD: ring 3 write without CR0.WP", 0x27, 0x40000008, mov %rax, 0x40000008
    mov %cr0, %rax
    or $0x10000, %rax
    mov %rax, %cr0
    PF_FAULT "WD: ring 0 write with CR0.WP again", 0x23, 0x40000008, mov %rax, 0x40000008
    ret

/* The PK bit says what PKRU forbids, whatever else does too. */
combined:
    PKRU 1 << (2*3)
    MAP 0, 0x30000, P|U|KEY(3)
    PF_FAULT "read-only and AD: write", 0x23, 0x40000000, mov %rax, 0x40000000
    MAP 0, 0x30000, U|KEY(3)
    PF_FAULT "not present and AD", 0, 0x40000000, mov 0x40000000, %rax
    MAP 0, 0x30000, P|W|KEY(3)
    USER_PF "supervisor page and AD", 5, 0x40000000, mov 0x40000000, %rax
    PKRU 2 << (2*3)
    MAP 0, 0x30000, P|U|KEY(3)
    PF_FAULT "read-only and WD: write", 0x23, 0x40000000, mov %rax, 0x40000000
    MAP 0, 0x30000, P|U
    PF_FAULT "read-only alone", 3, 0x40000000, mov %rax, 0x40000000
    /* across pages: the second is forbidden */
    MAP 0, 0x30000, P|W|U
    MAP 1, 0x31000, P|W|U|KEY(3)
    movq $0x1122, 0x30ff8
    PF_FAULT "across pages", 0x23, 0x40001000, movq $-1, 0x40000ffc
    EXPECT_MEM "nothing was written", 0x30ff8, 0x1122
    ret

/* A right that changes is seen at once: by WRPKRU, by CR4.PKE, by both ways round. */
cached:
    PKRU 0
    MAP 0, 0x30000, P|W|U|KEY(7)
    movl $1, 0x40000000
    mov 0x40000000, %eax
    PKRU 2 << (2*7)
    mov 0x40000000, %eax
    PF_FAULT "after WRPKRU: write disabled", 0x23, 0x40000000, movl $2, 0x40000000
    PKRU 3 << (2*7)
    PF_FAULT "after WRPKRU: all disabled", 0x21, 0x40000000, mov 0x40000000, %eax
    PKRU 0
    NOFAULT "after WRPKRU: enabled", movl $2, 0x40000000
    PKRU 0x55555554
    PF_FAULT "what Linux begins with", 0x21, 0x40000000, mov 0x40000000, %eax
    mov %cr4, %rbx
    btr $22, %rbx
    mov %rbx, %cr4
    NOFAULT "CR4.PKE off", movl $2, 0x40000000
    bts $22, %rbx
    mov %rbx, %cr4
    PF_FAULT "CR4.PKE on", 0x21, 0x40000000, mov 0x40000000, %eax
    PKRU 0
    ret

/* XSAVE has PKRU as component 9; where, CPUID says. */
areas:
    mov %cr4, %rax
    or $1 << 18, %rax
    mov %rax, %cr4
    mov $0x203, %eax
    xor %edx, %edx
    xor %ecx, %ecx
    NOFAULT "XCR0 with PKRU", xsetbv
    mov $0xd, %eax
    mov $9, %ecx
    cpuid
    EXPECT "size of the component", 8
    mov %ebx, %ebp
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, %eax
    sub %ebp, %eax
    EXPECT "size of the area", 8
    PKRU 0x123454
    movq $0, 0x34200
    movq $0, 0x34208
    movq $-1, 0x34000(%rbp)
    mov $0x200, %eax
    xor %edx, %edx
    xsave64 0x34000
    mov 0x34000(%rbp), %eax
    EXPECT "xsave", 0x123454
    EXPECT_MEM "xsave: XSTATE_BV", 0x34200, 0x200
    PKRU 0
    mov $0x200, %eax
    xor %edx, %edx
    xsave64 0x34000
    EXPECT_MEM "xsave of zero: XSTATE_BV", 0x34200, 0
    movq $0x200, 0x34200
    movl $0x55555550, 0x34000(%rbp)
    mov $0x200, %eax
    xor %edx, %edx
    xrstor64 0x34000
    xor %ecx, %ecx
    rdpkru
    EXPECT "xrstor", 0x55555550
    PF_FAULT "xrstor is seen at once", 0x21, 0x40000000, mov 0x40000000, %eax
    movq $0, 0x34200
    mov $0x200, %eax
    xor %edx, %edx
    xrstor64 0x34000
    rdpkru
    EXPECT "xrstor to the initial state", 0
    NOFAULT "and that is seen too", mov 0x40000000, %eax
    ret
