/* SPDX-License-Identifier: MIT */
/* 32-bit paging: two levels, PSE, and PAE with its page-directory-pointer registers. */
#include "tests/guests/guest32.h"

#define P 1
#define W 2
#define U 4
#define A 0x20
#define D 0x40
#define PS 0x80
#define DIR 0x24000
#define TABLE 0x25000
#define TABLE2 0x26000
#define PDPT 0x27000
#define PAE_DIR 0x28000
#define PAE_TABLE 0x29000

test:
    call two_levels
    call pse
    call pse36
    call pae
    ret

    .macro RELOAD
    mov %cr3, %eax
    mov %eax, %cr3
    .endm

    .macro PF_FAULT name, error, addr, insn:vararg
    FAULT "\name", 14, \error, \insn
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

    .macro USER_PF name, error, addr, insn:vararg
    TRY f_\@
    RING3 i_\@
i_\@:
    \insn
    ud2
f_\@:
    CAUGHT "\name", 14, \error
    EXPECT_MEM "\name: CR2", caught_cr2, \addr
    .endm

two_levels:
    mov $TABLE, %edi
    mov $P|W|U, %eax
1:  mov %eax, (%edi)
    add $4, %edi
    add $0x1000, %eax
    cmp $0x400007, %eax
    jb 1b
    movl $TABLE|P|W|U, DIR
    movl $TABLE2|P|W|U, DIR+4
    mov $DIR, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80010000, %eax
    mov %eax, %cr0
    jmp 1f
1:  mov $1, %eax
    EXPECT "paging is on", 1

    PF_FAULT "read, not present", 0, 0x400004, mov 0x400004, %eax
    PF_FAULT "write, not present", 2, 0x400004, mov %eax, 0x400004
    PF_FAULT "no directory entry", 0, 0x800000, mov 0x800000, %eax
    movl $0x30000|P, TABLE2
    invlpg 0x400000
    PF_FAULT "write to a read-only page with WP", 3, 0x400000, mov %eax, 0x400000
    USER_PF "ring 3 read of a ring 0 page", 5, 0x400000, mov 0x400000, %eax
    USER_PF "ring 3 write of a ring 0 page", 7, 0x400000, mov %eax, 0x400000
    movl $0x30000|P|W, TABLE2
    invlpg 0x400000
    movl $0x99, 0x400008
    EXPECT_MEM "mapped", 0x30008, 0x99
    EXPECT_MEM "accessed and dirty", TABLE2, 0x30000|P|W|A|D
    mov DIR+4, %eax
    EXPECT "directory: accessed", TABLE2|P|W|U|A
    TRY 1f
    mov $0x400ffd, %ebp
    movl $0x44332211, (%ebp)
1:  CAUGHT "store across pages, second missing", 14, 2
    EXPECT_MEM "CR2: second page", caught_cr2, 0x401000
    mov 0x30ffc, %eax
    EXPECT "nothing of it was written", 0

    /* A segment with a base: CR2 holds the linear address. */
    DESCRIPTOR SEL_FREE, 0x400000, 0xfffff, 0x92, 0xc
    mov $SEL_FREE, %eax
    mov %ax, %es
    FAULT "through a segment base", 14, 0, mov %es:0x1230, %eax
    EXPECT_MEM "CR2 is linear", caught_cr2, 0x401230

    mov $SEL_DATA, %eax
    mov %ax, %es
    ret

pse:
    mov $0x400000|P|W|PS, %eax
    mov %eax, DIR+8
    RELOAD
    FAULT "PS bit without CR4.PSE is an ordinary entry", 14, 0, mov 0x800000, %eax
    mov %cr4, %eax
    or $0x10, %eax
    mov %eax, %cr4
    movl $0x4444, 0x800ffc
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    EXPECT_MEM "4 MiB page", 0x400ffc, 0x4444
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov DIR+8, %eax
    EXPECT "4 MiB page: accessed and dirty", 0x400000|P|W|PS|A|D
    ret

pse36:
    mov $0x600000|P|W|PS, %eax /* bit 21 is reserved */
    mov %eax, DIR+12
    RELOAD
    FAULT "4 MiB page with reserved bit 21", 14, 9, mov 0xc00000, %eax
    movl $0, DIR+12
    ret

pae:
    mov $1, %eax
    cpuid
    bt $6, %edx
    jnc 9f
    mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
    movl $PAE_DIR|P, PDPT
    movl $P|W|U|PS, PAE_DIR
    movl $0x200000|P|W|U|PS, PAE_DIR+8
    movl $PAE_TABLE|P|W|U, PAE_DIR+16
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $PDPT, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    mov $1, %eax
    EXPECT "PAE paging is on", 1
    PF_FAULT "PAE: read, not present", 0, 0x400004, mov 0x400004, %eax
    PF_FAULT "PAE: no pointer", 0, 0x40000000, mov 0x40000000, %eax
    movl $0x30000|P|W, PAE_TABLE
    movl $0x123, 0x400010
    EXPECT_MEM "PAE: mapped", 0x30010, 0x123
    mov PAE_TABLE, %eax
    EXPECT "PAE: accessed and dirty", 0x30000|P|W|A|D
    movl $0x80000, PAE_TABLE+4 /* bit 51 */
    invlpg 0x400000
    FAULT "PAE: reserved address bit", 14, 9, mov 0x400000, %eax
    movl $0, PAE_TABLE+4

    /* The pointers were loaded into the processor: a change in memory counts after the next load of CR3. */
    movl $PAE_DIR|P, PDPT+8
    FAULT "PAE: a new pointer is not seen", 14, 0, mov 0x40400010, %eax
    RELOAD
    mov 0x40400010, %eax
    EXPECT "PAE: until CR3 is loaded", 0x123
    EXPECT_MEM "PAE: a pointer has no accessed bit", PDPT+8, PAE_DIR|P
    movl $P|W, PDPT+8
    TRY 1f
    mov %cr3, %eax
    mov %eax, %cr3
1:  CAUGHT "PAE: reserved bit in a pointer", 13, 0
    movl $0, PDPT+8

    mov $0x80000001, %eax
    cpuid
    bt $20, %edx
    jnc 8f
    mov $0xc0000080, %ecx
    rdmsr
    or $0x800, %eax
    wrmsr
    movb $0xc3, 0x30000
    movl $0x80000000, PAE_TABLE+4
    invlpg 0x400000
    mov $0x400000, %ebx
    NOFAULT "PAE: NX page: data", mov (%ebx), %al
    TRY 1f
    call *%ebx
1:  CAUGHT "PAE: NX page: fetch", 14, 0x11
8:  mov %cr0, %eax
    and $0x7fffffff, %eax
    mov %eax, %cr0
9:  ret

    .section .note.GNU-stack, "", @progbits
