/* SPDX-License-Identifier: MIT */
/* 4-level paging: error codes, permissions, accessed and dirty bits, large pages, NX, SMEP, SMAP, page crossing. */
#include "tests/guests/guest64.h"

#define P 1
#define W 2
#define U 4
#define A 0x20
#define D 0x40
#define PS 0x80
#define G 0x100
/* PT maps 40000000h-401FFFFFh (the second GiB's first 2 MiB) in 4 KiB pages. */
#define PD2 0x28000
#define BASE 0x40000000
#define NX_BIT 0x8000000000000000

/* The page at BASE + 4096 * index. */
    .macro MAP index, phys, flags
    movq $(\phys)|(\flags), %rax
    movq %rax, PT+8*(\index)
    invlpg BASE+4096*(\index)
    .endm

    .macro PF_FAULT name, error, addr, insn:vararg
    FAULT "\name", 14, \error, \insn
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

    .macro USER_PF name, error, addr, insn:vararg
    USER_FAULT "\name", 14, \error, \insn
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

test:
    movq $PT+7, PD2
    movq $PD2+7, PDPT+8
    mov %cr3, %rax
    mov %rax, %cr3
    call present
    call write_protect
    call user
    call accessed_dirty
    call levels
    call crossing
    call large
    call no_execute
    call reserved
    call smep_smap
    call global
    ret

present:
    PF_FAULT "read, not present", 0, 0x40000008, mov 0x40000008, %rax
    PF_FAULT "write, not present", 2, 0x40000010, mov %rax, 0x40000010
    mov $0x40000020, %rbx
    mov $0x33, %eax
    PF_FAULT "read-modify-write is a write", 2, 0x40000020, addl $1, (%rbx)
    PF_FAULT "bt only reads", 0, 0x40000020, btl $1, (%rbx)
    PF_FAULT "cmpxchg is a write", 2, 0x40000020, cmpxchg %ecx, (%rbx)
    PF_FAULT "push qword reads first", 0, 0x40000020, push (%rbx)
    MAP 0, 0x30000, P|W
    movq $0x1234, 0x40000008
    EXPECT_MEM "mapped", 0x30008, 0x1234
    ret

write_protect:
    MAP 0, 0x30000, P
    PF_FAULT "ring 0 write to a read-only page", 3, 0x40000000, mov %rax, 0x40000000
    mov %cr0, %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    NOFAULT "and with CR0.WP off", movq $0x77, 0x40000000
    mov %cr0, %rax
    or $0x10000, %rax
    mov %rax, %cr0
    EXPECT_MEM "it was written", 0x30000, 0x77
    FAULT "read-modify-write of a read-only page", 14, 3, incl 0x40000000
    EXPECT_MEM "nothing was written", 0x30000, 0x77
    mov $0x40000000, %rdi
    mov $3, %ecx
    TRY 1f
    rep stosb
1:  CAUGHT "rep stosb to a read-only page", 14, 3
    mov %rcx, %rax
    EXPECT "RCX is unchanged", 3
    ret

user:
    MAP 0, 0x30000, P|W
    USER_PF "ring 3 read of a ring 0 page", 5, 0x40000000, mov 0x40000000, %rax
    USER_PF "ring 3 write of a ring 0 page", 7, 0x40000000, mov %rax, 0x40000000
    USER_PF "ring 3 read, not present", 4, 0x40001000, mov 0x40001000, %rax
    MAP 0, 0x30000, P|U
    USER_PF "ring 3 write of a read-only page", 7, 0x40000000, mov %rax, 0x40000000
    andb $~U, PD2
    mov %cr3, %rax
    mov %rax, %cr3
    USER_PF "user bit off in the directory", 5, 0x40000000, mov 0x40000000, %rax
    orb $U, PD2
    andb $~W, PD2
    mov %cr3, %rax
    mov %rax, %cr3
    MAP 0, 0x30000, P|W|U
    USER_PF "write bit off in the directory", 7, 0x40000000, mov %rax, 0x40000000
    orb $W, PD2
    mov %cr3, %rax
    mov %rax, %cr3
    ret

accessed_dirty:
    MAP 0, 0x30000, P|W
    mov 0x40000000, %rax
    EXPECT_MEM "reading sets accessed", PT, 0x30000|P|W|A
    movb $1, 0x40000000
    EXPECT_MEM "writing sets dirty", PT, 0x30000|P|W|A|D
    MAP 0, 0x30000, P
    FAULT "a write that faults", 14, 3, movb $1, 0x40000000
    mov PT, %rax
    and $D, %rax
    EXPECT "sets no dirty bit", 0
    MAP 0, 0x30000, P|W
    mov $0, %ecx
    mov $1, %eax
    mov %eax, 0x30000
    mov $2, %eax
    cmpxchg %ecx, 0x40000000
    EXPECT_MEM "a failing cmpxchg writes all the same", PT, 0x30000|P|W|A|D
    mov PD2, %rax
    and $A|D, %rax
    EXPECT "the directory: accessed, not dirty", A
    ret

levels:
    movq $0, PD2
    mov %cr3, %rax
    mov %rax, %cr3
    PF_FAULT "directory entry not present", 0, 0x40000000, mov 0x40000000, %rax
    movq $PT+7, PD2
    mov $0xffff800000001000, %rbx
    FAULT "PML4 entry not present", 14, 2, mov %rax, (%rbx)
    mov caught_cr2, %rax
    sub %rbx, %rax
    EXPECT "CR2 holds all 64 bits", 0
    ret

/* Accesses across a page boundary: pages 0 and 1 lie apart; page 2 is missing. */
crossing:
    MAP 0, 0x30000, P|W
    MAP 1, 0x32000, P|W
    MAP 2, 0, 0
    mov $0x1122334455667788, %rax
    mov %rax, 0x40000ffc
    mov 0x30ffc, %eax
    EXPECT "store across pages: first part", 0x55667788
    mov 0x32000, %eax
    EXPECT "store across pages: second part", 0x11223344
    mov 0x40000ffc, %rbx
    mov %rbx, %rax
    EXPECT "load across pages", 0x1122334455667788
    movl $0, 0x32ffc
    PF_FAULT "store into a missing page", 2, 0x40002000, mov %rax, 0x40001ffc
    mov 0x32ffc, %eax
    EXPECT "the first part was not written", 0
    PF_FAULT "load from a missing page", 0, 0x40002000, mov 0x40001ffe, %eax
    mov $0x40000ffd, %rbx
    lock addl $1, (%rbx)
    mov 0x40000ffd, %eax
    EXPECT "locked add across pages", 0x44556678
    mov $0x40001ff0, %rdi
    mov $0x30000, %esi
    mov $32, %ecx
    TRY 1f
    rep movsb
1:  CAUGHT "rep movsb into a missing page", 14, 2
    mov %rcx, %rax
    EXPECT "RCX", 16
    mov %rdi, %rax
    EXPECT "RDI", 0x40002000
    mov %rsi, %rax
    EXPECT "RSI", 0x30010
    MAP 2, 0x34000, P|W
    rep movsb
    mov %rdi, %rax
    EXPECT "it can go on", 0x40002010
    MAP 2, 0, 0
    std
    mov $0x40003001, %rdi
    mov $8, %ecx
    MAP 3, 0x35000, P|W
    TRY 1f
    rep stosb
1:  mov %rcx, %r8
    cld
    CAUGHT "rep stosb downwards into a missing page", 14, 2
    mov %r8, %rax
    EXPECT "RCX, downwards", 6

    /* Code: an instruction whose end is missing. */
    movb $0x48, 0x32ffe /* mov $imm64, %rax */
    movb $0xb8, 0x32fff
    mov $0x40001ffe, %rbx
    TRY 1f
    jmp *%rbx
1:  CAUGHT "instruction that reaches into a missing page", 14, 0x10
    EXPECT_MEM "CR2 is the missing byte", caught_cr2, 0x40002000
    EXPECT_MEM "RIP is the instruction", caught_rip, 0x40001ffe
    ret

large:
    mov $0x200000|P|W|PS, %eax
    mov %rax, PD2+8
    movq $0x5151, 0x200ff8
    EXPECT_MEM "2 MiB page", 0x40200ff8, 0x5151
    mov PD2+8, %rax
    EXPECT "2 MiB page: accessed", 0x200000|P|W|PS|A
    movb $1, 0x40200000
    mov PD2+8, %rax
    EXPECT "2 MiB page: dirty", 0x200000|P|W|PS|A|D
    mov $0x80000001, %eax
    cpuid
    bt $26, %edx
    jnc 1f
    movq $P|W|PS, PDPT+16
    movq $0x6161, 0x3f008
    mov $0x8003f008, %ebx
    EXPECT_MEM "1 GiB page", (%rbx), 0x6161
    ret
1:  movq $P|W|PS, PDPT+16
    mov $0x80000000, %ebx
    FAULT "1 GiB page without PDPE1GB: reserved bit", 14, 9, mov (%rbx), %eax
    ret

no_execute:
    mov $0x80000001, %eax
    cpuid
    bt $20, %edx
    jnc 9f
    movb $0xc3, 0x30000
    MAP 0, 0x30000, P|W|NX_BIT
    mov $0x40000000, %rbx
    NOFAULT "NX page: data", movb (%rbx), %al
    TRY 1f
    call *%rbx
1:  CAUGHT "NX page: fetch", 14, 0x11
    EXPECT_MEM "NX page: CR2", caught_cr2, 0x40000000
    EXPECT_MEM "NX page: RIP", caught_rip, 0x40000000
    mov $EFER, %ecx
    rdmsr
    and $~0x800, %eax
    wrmsr
    mov %cr3, %rax
    mov %rax, %cr3
    FAULT "with NXE off the bit is reserved", 14, 9, movb (%rbx), %al
    mov $EFER, %ecx
    rdmsr
    or $0x800, %eax
    wrmsr
    MAP 0, 0x30000, P|W
    mov $PT+7, %eax
    bts $63, %rax
    mov %rax, PD2
    mov %cr3, %rax
    mov %rax, %cr3
    TRY 1f
    call *%rbx
1:  CAUGHT "NX in the directory", 14, 0x11
    movq $PT+7, PD2
    mov %cr3, %rax
    mov %rax, %cr3
9:  ret

reserved:
    mov $0x30000|P|W, %eax
    bts $51, %rax /* beyond any processor's physical address bits */
    mov %rax, PT
    invlpg 0x40000000
    FAULT "reserved address bit: read", 14, 9, movb 0x40000000, %al
    FAULT "reserved address bit: write", 14, 11, movb %al, 0x40000000
    MAP 0, 0x30000, P|W
    mov $0x201000|P|W|PS, %eax
    bts $13, %rax
    mov %rax, PD2+8
    invlpg 0x40200000
    FAULT "reserved bit 13 of a 2 MiB page", 14, 9, movb 0x40200000, %al
    movq $0, PD2+8
    ret

smep_smap:
    xor %eax, %eax
    cpuid
    cmp $7, %eax
    jb 9f
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, %r12d
    bt $7, %r12d
    jnc 8f
    MAP 0, 0x30000, P|W|U
    /* All of low memory is user memory here: take that away, but for the page with our code. */
    mov %cr4, %rax
    bts $20, %rax
    movq $0x83, PD
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov %rax, %cr4
    movb $0xc3, 0x30000
    mov $0x40000000, %rbx
    TRY 1f
    call *%rbx
1:  CAUGHT "SMEP: ring 0 fetch from a user page", 14, 0x11
    NOFAULT "SMEP: reading is fine", movb (%rbx), %al
    mov %cr4, %rax
    btr $20, %rax
    mov %rax, %cr4
    call *%rbx
    mov $1, %eax
    EXPECT "without SMEP it runs", 1
8:  bt $20, %r12d
    jnc 8f
    MAP 0, 0x30000, P|W|U
    movq $0x83, PD
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov %cr4, %rax
    bts $21, %rax
    mov %rax, %cr4
    mov $0x40000000, %rbx
    clac
    FAULT "SMAP: ring 0 read of a user page", 14, 1, movb (%rbx), %al
    clac
    FAULT "SMAP: ring 0 write of a user page", 14, 3, movb %al, (%rbx)
    TRY 1f
    stac
    movb (%rbx), %al
1:  clac
    CAUGHT "SMAP: allowed with AC", NONE, 0
    mov %cr4, %rax
    btr $21, %rax
    mov %rax, %cr4
    movq $0x87, PD
    mov %cr3, %rcx
    mov %rcx, %cr3
    ret
8:  FAULT "stac without SMAP", 6, 0, stac
    mov %cr4, %rax
    bts $21, %rax
    FAULT "CR4.SMAP without SMAP", 13, 0, mov %rax, %cr4
    movq $0x87, PD
    mov %cr3, %rcx
    mov %rcx, %cr3
9:  ret

/* A stale translation of a global page survives MOV CR3; INVLPG and CR4.PGE end it. */
global:
    mov %cr4, %rax
    or $0x80, %rax
    mov %rax, %cr4
    MAP 0, 0x30000, P|W|G
    movq $0x1, 0x30000
    movq $0x2, 0x32000
    mov 0x40000000, %rax
    movq $0x32000|P|W|G, PT
    invlpg 0x40000000
    EXPECT_MEM "invlpg ends a global translation", 0x40000000, 2
    movq $0x30000|P|W|G, PT
    mov %cr4, %rax
    and $~0x80, %rax
    mov %rax, %cr4
    EXPECT_MEM "clearing CR4.PGE ends it too", 0x40000000, 1
    movq $0x32000|P|W, PT
    mov %cr3, %rax
    mov %rax, %cr3
    EXPECT_MEM "mov cr3 ends others", 0x40000000, 2
    ret

    .section .note.GNU-stack, "", @progbits
