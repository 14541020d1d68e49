/* SPDX-License-Identifier: MIT */
/*
 * Faults, gates and addresses of what came after x86-64-v1 on general registers: CMPXCHG16B, MOVBE, BMI, RDRAND,
 * MOVDIR64B, cache control, FSGSBASE, RDPID; LOCK, VEX and length rules.
 */
#include "tests/guests/guest64.h"

#define P 1
#define W 2
#define U 4
#define PD2 0x28000
#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101
#define TSC_AUX 0xc0000103

    .macro MAP index, phys, flags
    movq $(\phys)|(\flags), %rax
    movq %rax, PT+8*(\index)
    invlpg 0x40000000+4096*(\index)
    .endm

/* Go to `label` if the processor has no such feature: a bit of a register of leaf `leaf`, subleaf 0. */
    .macro NEED leaf, reg, bit, label
    mov $\leaf, %eax
    xor %ecx, %ecx
    cpuid
    bt $\bit, %\reg
    jnc \label
    .endm

test:
    movq $PT+7, PD2
    movq $PD2+7, PDPT+8
    mov %cr3, %rax
    mov %rax, %cr3
    call cmpxchg16b
    call random
    call direct_stores
    call cache_control
    call bases
    call identity
    call vex
    call lock
    call length
    call ahf
    call serializing
    ret

cmpxchg16b:
    NEED 1, ecx, 13, 1f
    movq $1, 0x30000
    movq $2, 0x30008
    mov $1, %eax
    mov $2, %edx
    mov $3, %ebx
    mov $4, %ecx
    mov $0, %edi
    sahf
    cmpxchg16b 0x30000
    EXPECT_FLAGS "cmpxchg16b equal: ZF, others stay", 0x8d5, 0x40
    EXPECT_MEM "cmpxchg16b equal: low", 0x30000, 3
    EXPECT_MEM "cmpxchg16b equal: high", 0x30008, 4
    mov $1, %eax
    lock cmpxchg16b 0x30000
    EXPECT_FLAGS "cmpxchg16b unequal: ZF", 0x40, 0
    EXPECT "cmpxchg16b unequal: rax", 3
    mov %rdx, %rax
    EXPECT "cmpxchg16b unequal: rdx", 4
    FAULT "cmpxchg16b, misaligned", 13, 0, cmpxchg16b 0x30008
    MAP 0, 0x30000, P
    FAULT "cmpxchg16b of a read-only page", 14, 3, cmpxchg16b 0x40000000
    xor %eax, %eax
    mov %rax, %rdx
    FAULT "cmpxchg16b of a read-only page, unequal", 14, 3, cmpxchg16b 0x40000000
    MAP 0, 0x30000, 0
    FAULT "cmpxchg16b of no page", 14, 2, cmpxchg16b 0x40000000
    mov $0x7ffffffffff8, %rbx
    FAULT "cmpxchg16b across the canonical border", 13, 0, cmpxchg16b (%rbx)
    mov %rbp, %rsi
    mov $0x800000000008, %rbp
    FAULT "cmpxchg16b on the stack, misaligned, non-canonical", 13, 0, cmpxchg16b (%rbp)
    mov $0x800000000000, %rbp
    FAULT "cmpxchg16b on the stack, non-canonical", 12, 0, cmpxchg16b (%rbp)
    mov %rsi, %rbp
1:  ret

random:
    NEED 1, ecx, 30, 2f
    NEED 7, ebx, 18, 2f
    mov $0x8d7, %eax
    push %rax
    popf
    rdrand %rbx
    EXPECT_FLAGS "rdrand: CF alone", 0x8d5, 1
    rdrand %rcx
    xor %eax, %eax
    cmp %rbx, %rcx
    sete %al
    EXPECT "rdrand: another number", 0
    mov $-1, %rbx
    rdrand %ebx
    mov %rbx, %rax
    shr $32, %rax
    EXPECT "rdrand of 32 bits clears the rest", 0
    mov $0x1111111111110000, %rbx
    rdrand %bx
    mov %rbx, %rax
    shr $16, %rax
    EXPECT "rdrand of 16 bits keeps the rest", 0x111111111111
    mov $0x8d7, %eax
    push %rax
    popf
    rdseed %r15
    EXPECT_FLAGS "rdseed: CF alone", 0x8d5, 1
    FAULT "rdrand, lock", 6, 0, .byte 0xf0, 0x0f, 0xc7, 0xf0
    FAULT "rdrand, f2", 6, 0, .byte 0xf2, 0x0f, 0xc7, 0xf0
2:  ret

direct_stores:
    NEED 7, ecx, 27, 1f
    movl $0, 0x30000
    mov $0x1234, %ebx
    movdiri %ebx, 0x30001
    EXPECT_MEM "movdiri, unaligned", 0x30000, 0x123400
    FAULT "movdiri, 66", 6, 0, .byte 0x66, 0x0f, 0x38, 0xf9, 0x18
    FAULT "movdiri of registers", 6, 0, .byte 0x0f, 0x38, 0xf9, 0xc3
    FAULT "movdiri, lock", 6, 0, .byte 0xf0, 0x0f, 0x38, 0xf9, 0x18
    MAP 0, 0x30000, P
    FAULT "movdiri to a read-only page", 14, 3, movdiri %ebx, 0x40000000
1:  NEED 7, ecx, 28, 1f
    mov $0x30000, %edi
    mov $64, %ecx
2:  mov %cl, (%rdi)
    inc %edi
    loop 2b
    movq $0, 0x30100
    movq $0, 0x30178
    mov $0x30140, %ebx
    movdir64b 0x30000, %rbx
    EXPECT_MEM "movdir64b: first", 0x30140, 0x393a3b3c3d3e3f40
    EXPECT_MEM "movdir64b: last", 0x30178, 0x0102030405060708
    mov $0x30148, %ebx
    FAULT "movdir64b, misaligned destination", 13, 0, movdir64b 0x30000, %rbx
    mov $0x30100, %ebx
    NOFAULT "movdir64b, unaligned source", movdir64b 0x30001, %rbx
    EXPECT_MEM "movdir64b, unaligned source", 0x30100, 0x38393a3b3c3d3e3f
    mov $0xffffffff00030180, %rbx
    .byte 0x67
    movdir64b 0x30000, %rbx
    EXPECT_MEM "movdir64b, address size", 0x30180, 0x393a3b3c3d3e3f40
    mov $0x8000000000000000, %rbx
    FAULT "movdir64b, non-canonical destination", 13, 0, movdir64b 0x30000, %rbx
    MAP 0, 0x30000, P
    mov $0x40000000, %ebx
    FAULT "movdir64b to a read-only page", 14, 3, movdir64b 0x30000, %rbx
    FAULT "movdir64b without 66", 6, 0, .byte 0x0f, 0x38, 0xf8, 0x1b
    FAULT "movdir64b of registers", 6, 0, .byte 0x66, 0x0f, 0x38, 0xf8, 0xdb
1:  ret

cache_control:
    MAP 0, 0x30000, 0
    MAP 1, 0x31000, P|W
    FAULT "clflush of no page", 14, 0, clflush 0x40000000
    NOFAULT "prefetchw of no page", prefetchw 0x40000000
    NOFAULT "prefetcht0 of no page", prefetcht0 0x40000000
    mov $0x8000000000000000, %rbx
    NOFAULT "prefetchnta of no address", prefetchnta (%rbx)
    FAULT "prefetchw, lock", 6, 0, .byte 0xf0, 0x0f, 0x0d, 0x0b
    NEED 7, ebx, 23, 1f
    NOFAULT "clflushopt", clflushopt 0x40001000
    FAULT "clflushopt of no page", 14, 0, clflushopt 0x40000000
    FAULT "clflushopt, lock", 6, 0, .byte 0xf0, 0x66, 0x0f, 0xae, 0x3b
1:  NEED 7, ebx, 24, 1f
    NOFAULT "clwb", clwb 0x40001000
    FAULT "clwb of no page", 14, 0, clwb 0x40000000
    FAULT "clwb, f3", 6, 0, .byte 0xf3, 0x66, 0x0f, 0xae, 0x33
1:  NEED 0x80000008, ebx, 9, 1f
    NOFAULT "wbnoinvd", wbnoinvd
    USER_FAULT "wbnoinvd in ring 3", 13, 0, wbnoinvd
    FAULT "wbnoinvd, lock", 6, 0, .byte 0xf0, 0xf3, 0x0f, 0x09
1:  ret

bases:
    NEED 7, ebx, 0, 3f
    mov %cr4, %rax
    and $~(1 << 16), %rax
    mov %rax, %cr4
    FAULT "rdfsbase without CR4.FSGSBASE", 6, 0, rdfsbase %rax
    FAULT "wrgsbase without CR4.FSGSBASE", 6, 0, wrgsbase %rax
    mov %cr4, %rax
    or $1 << 16, %rax
    mov %rax, %cr4
    mov $0x7fff12345678, %rax
    wrfsbase %rax
    xor %eax, %eax
    rdfsbase %rax
    EXPECT "fsbase", 0x7fff12345678
    mov $-1, %rax
    rdfsbase %eax
    EXPECT "fsbase, 32 bits", 0x12345678
    mov $0xffffffff00030010, %rax
    wrgsbase %eax
    rdgsbase %rax
    EXPECT "gsbase from 32 bits", 0x30010
    movq $0x77, 0x30018
    mov %gs:8, %rax
    EXPECT "gsbase is a base", 0x77
    mov $0x800000000000, %rax
    FAULT "wrfsbase, non-canonical", 13, 0, wrfsbase %rax
    NOFAULT "wrfsbase of 32 bits takes any", wrfsbase %eax
    FAULT "rdfsbase, lock", 6, 0, .byte 0xf0, 0xf3, 0x48, 0x0f, 0xae, 0xc0
    FAULT "rdfsbase without f3", 6, 0, .byte 0x48, 0x0f, 0xae, 0xc0
    TRY 1f
    pushq $SEL_CODE32
    pushq $2f
    lretq
    .code32
2:  .byte 0xf3, 0x0f, 0xae, 0xc0
    .code64
1:  CAUGHT "rdfsbase in 32-bit code", 6, 0
    WRITE_MSR GS_BASE, 0
    WRITE_MSR FS_BASE, 0
3:  ret

identity:
    WRITE_MSR TSC_AUX, 0x89abcdef
    mov $-1, %rcx
    rdtscp
    mov %rcx, %rax
    EXPECT "rdtscp: rcx", 0x89abcdef
    shr $32, %rdx
    mov %rdx, %rax
    EXPECT "rdtscp: rdx", 0
    mov %cr4, %rax
    or $4, %rax
    mov %rax, %cr4
    USER_FAULT "rdtscp in ring 3 with CR4.TSD", 13, 0, rdtscp
    NEED 7, ecx, 22, 3f
    mov $-1, %rbx
    rdpid %rbx
    mov %rbx, %rax
    EXPECT "rdpid", 0x89abcdef
    TRY 1f
    RING3 2f
2:  rdpid %rax
    ud2
1:  CAUGHT "rdpid in ring 3 with CR4.TSD", 6, 0
    mov caught_rip, %rax
    sub $2b, %rax
    EXPECT "rdpid in ring 3 is four bytes", 4
3:  mov %cr4, %rax
    and $~4, %rax
    mov %rax, %cr4
    ret

/* VEX on general registers: what may not stand before it, L, vvvv, maps; no OSXSAVE is needed. */
vex:
    NEED 7, ebx, 3, 1f
    NEED 7, ebx, 8, 1f
    mov $0xff, %ebx
    mov $0xf0f, %ecx
    andn %rcx, %rbx, %rax
    EXPECT "andn without OSXSAVE", 0xf00
    FAULT "66 before vex", 6, 0, .byte 0x66, 0xc4, 0xe2, 0x60, 0xf2, 0xc1
    FAULT "f2 before vex", 6, 0, .byte 0xf2, 0xc4, 0xe2, 0x60, 0xf2, 0xc1
    FAULT "f3 before vex", 6, 0, .byte 0xf3, 0xc4, 0xe2, 0x60, 0xf2, 0xc1
    FAULT "lock before vex", 6, 0, .byte 0xf0, 0xc4, 0xe2, 0x60, 0xf2, 0x03
    FAULT "rex before vex", 6, 0, .byte 0x40, 0xc4, 0xe2, 0x60, 0xf2, 0xc1
    FAULT "andn, L = 1", 6, 0, .byte 0xc4, 0xe2, 0x64, 0xf2, 0xc1
    FAULT "map 0", 6, 0, .byte 0xc4, 0xe0, 0x60, 0xf2, 0xc1
    FAULT "rorx, vvvv", 6, 0, .byte 0xc4, 0xe3, 0x63, 0xf0, 0xc1, 1
    mov $0x80000000000000f0, %rbx
    rorx $4, %rbx, %rax
    EXPECT "rorx", 0x080000000000000f
    mov %cr0, %rax
    or $0xc, %rax
    mov %rax, %cr0
    NOFAULT "andn with CR0.EM and TS", andn %rcx, %rbx, %rax
    mov %cr0, %rax
    and $~0xc, %rax
    mov %rax, %cr0
1:  ret

lock:
    FAULT "lock popcnt", 6, 0, .byte 0xf0, 0xf3, 0x0f, 0xb8, 0x03
    FAULT "lock movbe", 6, 0, .byte 0xf0, 0x0f, 0x38, 0xf1, 0x03
    FAULT "lock adcx", 6, 0, .byte 0xf0, 0x66, 0x0f, 0x38, 0xf6, 0x03
    FAULT "lock cmpxchg16b of a register", 6, 0, .byte 0xf0, 0x48, 0x0f, 0xc7, 0xc8
    FAULT "movbe of registers", 6, 0, .byte 0x0f, 0x38, 0xf0, 0xc3
    FAULT "movbe, f3", 6, 0, .byte 0xf3, 0x0f, 0x38, 0xf0, 0x03
    NEED 1, ecx, 22, 1f
    movq $0x11223344, 0x30000
    xor %eax, %eax
    movbe 0x30000, %eax
    EXPECT "movbe", 0x44332211
1:  ret

/* Fifteen bytes are an instruction, sixteen are #GP(0). */
length:
    xor %eax, %eax
    .rept 13
    .byte 0x66
    .endr
    .byte 0x01, 0xc0 /* add %ax, %ax */
    EXPECT "fifteen bytes", 0
    FAULT "sixteen bytes", 13, 0, \
        .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x01, 0xc0
    FAULT "sixteen bytes, the last of them VEX", 13, 0, \
        .byte 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0xc4, 0xe2, 0x60, 0xf2, 0xc1
    ret

ahf:
    mov $0x8d7, %eax
    push %rax
    popf
    lahf
    movzbl %ah, %eax
    EXPECT "lahf", 0xd7
    mov $0xff00, %eax
    sahf
    EXPECT_FLAGS "sahf: OF stays", 0x8d5, 0x8d5
    ret

serializing:
    NEED 7, edx, 14, 1f
    NOFAULT "serialize", serialize
    FAULT "serialize, 66", 6, 0, .byte 0x66, 0x0f, 0x01, 0xe8
1:  ret
