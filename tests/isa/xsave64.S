/* SPDX-License-Identifier: MIT */
/* The XSAVE family: gates, XCR0, headers, what is written and what is left, initial states, compaction, FFXSR. */
#include "tests/guests/guest64.h"

#define AREA 0x30000
#define HEADER AREA+512
#define XSS 0xda0

/* EDX:EAX, the components asked for. */
    .macro RFBM bits
    mov $\bits, %eax
    xor %edx, %edx
    .endm

/* Four KiB of EEh, with the first 16 bytes of the header as given and the rest of it 0. */
    .macro FILL bv=0, comp=0
    mov $AREA, %edi
    mov $0xee, %eax
    mov $4096, %ecx
    rep stosb
    mov $HEADER, %edi
    xor %eax, %eax
    mov $64, %ecx
    rep stosb
    movabs $\bv, %rax
    mov %rax, HEADER
    movabs $\comp, %rax
    mov %rax, HEADER+8
    .endm

    .macro HAS name, bit /* of CPUID leaf 0Dh, subleaf 1; NZ if so */
    mov features, %eax
    shr $\bit, %eax
    and $1, %eax
    .endm

    .macro SET_MXCSR value
    movl $\value, scratch
    ldmxcsr scratch
    .endm

    .macro XMM0 name, want
    movq %xmm0, %rax
    EXPECT "\name", \want
    .endm

    .macro LOAD_XMM0 value
    movabs $\value, %rax
    movq %rax, %xmm0
    .endm

    .macro MXCSR name, want
    stmxcsr scratch
    mov scratch, %eax
    EXPECT "\name", \want
    .endm

test:
    mov $1, %eax
    cpuid
    bt $26, %ecx
    jc 1f
    FAULT "xgetbv without XSAVE", 6, 0, xgetbv
    FAULT "xsave without XSAVE", 6, 0, xsave AREA
    ret
1:
    mov %cr0, %rax
    and $~0xc, %rax
    or $0x22, %rax /* NE, MP */
    mov %rax, %cr0
    fninit
    mov $1, %eax
    cpuid
    mov %ecx, %eax
    shr $27, %eax
    and $1, %eax
    EXPECT "CPUID: OSXSAVE is clear", 0
    FAULT "xgetbv without CR4.OSXSAVE", 6, 0, xgetbv
    FAULT "xsetbv without CR4.OSXSAVE", 6, 0, xsetbv
    FAULT "xsave without CR4.OSXSAVE", 6, 0, xsave AREA
    FAULT "xrstor without CR4.OSXSAVE", 6, 0, xrstor AREA
    mov %cr4, %rax
    or $1 << 18, %rax
    mov %rax, %cr4
    mov $1, %eax
    cpuid
    mov %ecx, %eax
    shr $27, %eax
    and $1, %eax
    EXPECT "CPUID: OSXSAVE is set", 1
    mov $0xd, %eax
    mov $1, %ecx
    cpuid
    mov %eax, features
    call xcr0
    call gates
    call standard
    call restore
    call optimized
    HAS xgetbv1, 2
    jz 1f
    call in_use
1:  HAS xsavec, 1
    jz 1f
    call compacted
    call restore_compacted
1:  HAS xsaves, 3
    jz 1f
    call supervisor
1:  mov $0x80000001, %eax
    cpuid
    bt $25, %edx
    jnc 1f
    call fast_fxsave
1:  mov $1, %eax
    cpuid
    bt $28, %ecx
    jnc 1f
    call avx
1:  ret

xcr0:
    xor %ecx, %ecx
    xgetbv
    EXPECT "XCR0 after reset", 1
    mov %rdx, %rax
    EXPECT "its high half", 0
    mov $2, %ecx
    FAULT "xgetbv, ecx = 2", 13, 0, xgetbv
    RFBM 3
    FAULT "xsetbv, ecx = 2", 13, 0, xsetbv
    xor %ecx, %ecx
    RFBM 2
    FAULT "XCR0 without x87", 13, 0, xsetbv
    RFBM 0
    FAULT "XCR0 = 0", 13, 0, xsetbv
    RFBM 5
    FAULT "XCR0: AVX without SSE", 13, 0, xsetbv
    mov $3, %eax
    mov $0x80000000, %edx
    FAULT "XCR0: bit 63", 13, 0, xsetbv
    mov $0x103, %eax
    xor %edx, %edx
    FAULT "XCR0: a supervisor component", 13, 0, xsetbv
    RFBM 3
    USER_FAULT "xsetbv in ring 3", 13, 0, xsetbv
    RFBM 3
    xor %ecx, %ecx
    NOFAULT "XCR0 = 3", xsetbv
    xgetbv
    EXPECT "XCR0 reads back", 3
    FAULT "xgetbv, 66", 6, 0, .byte 0x66, 0x0f, 0x01, 0xd0
    FAULT "xsetbv, lock", 6, 0, .byte 0xf0, 0x0f, 0x01, 0xd1
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, %eax
    EXPECT "CPUID: the area that XCR0 needs", 576
    ret

gates:
    RFBM 3
    FAULT "xsave of a misaligned area", 13, 0, xsave AREA+32
    FAULT "xrstor of a misaligned area", 13, 0, xrstor AREA+32
    FAULT "xsave, 66", 6, 0, .byte 0x66, 0x0f, 0xae, 0x24, 0x25, 0, 0, 3, 0
    FAULT "xsave, lock", 6, 0, .byte 0xf0, 0x0f, 0xae, 0x24, 0x25, 0, 0, 3, 0
    FAULT "xrstor, f3", 6, 0, .byte 0xf3, 0x0f, 0xae, 0x2c, 0x25, 0, 0, 3, 0
    mov $0x8000000000000000, %rbx
    FAULT "xsave to no address", 13, 0, xsave (%rbx)
    mov %cr0, %rcx
    or $8, %rcx
    mov %rcx, %cr0
    FAULT "xsave with CR0.TS", 7, 0, xsave AREA
    FAULT "xrstor with CR0.TS", 7, 0, xrstor AREA
    clts
    mov %cr0, %rcx
    or $4, %rcx
    mov %rcx, %cr0
    NOFAULT "xsave with CR0.EM", xsave AREA
    mov %cr0, %rcx
    and $~4, %rcx
    mov %rcx, %cr0
    /* the last bytes of the area are in a page that is not there */
    movq $0, PT
    movq $PT+7, 0x28000
    movq $0x28007, PDPT+8
    mov %cr3, %rcx
    mov %rcx, %cr3
    movq $0x31007, PT+8*510
    movq $0, PT+8*511
    mov $0x401fefc0, %ebx
    movq $0x1234, (%rbx)
    RFBM 3
    FAULT "xsave over a page that is not there", 14, 2, xsave (%rbx)
    mov caught_cr2, %rax
    and $~0xfff, %rax
    EXPECT "xsave over a page that is not there: CR2", 0x401ff000
    EXPECT_MEM "xsave over a page that is not there: nothing was written", 0x31fc0, 0x1234
    FAULT "xrstor over a page that is not there", 14, 0, xrstor (%rbx)
    ret

standard:
    fld1
    SET_MXCSR 0x1fa1
    LOAD_XMM0 0x1122334455667788
    pxor %xmm15, %xmm15
    FILL 0xff00
    RFBM 3
    xsave64 AREA
    EXPECT_MEM "xsave: XSTATE_BV", HEADER, 0xff03
    EXPECT_MEM "xsave: XMM0", AREA+160, 0x1122334455667788
    EXPECT_MEM "xsave: XMM15", AREA+400, 0
    mov AREA+24, %eax
    EXPECT "xsave: MXCSR", 0x1fa1
    mov AREA+28, %eax
    and $0xffbf, %eax
    EXPECT "xsave: MXCSR_MASK", 0xffbf
    EXPECT_MEM "xsave: behind XMM15", AREA+416, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsave: behind the header", AREA+576, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsave: XCOMP_BV", HEADER+8, 0
    FILL 0xffff
    RFBM 1
    xsave64 AREA
    EXPECT_MEM "xsave of x87 alone: XSTATE_BV", HEADER, 0xffff
    EXPECT_MEM "xsave of x87 alone: MXCSR", AREA+24, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsave of x87 alone: XMM0", AREA+160, 0xeeeeeeeeeeeeeeee
    movzwl AREA, %eax
    EXPECT "xsave of x87 alone: FCW", 0x37f
    FILL 0
    mov $-1, %eax
    mov $-1, %edx
    xsave64 AREA
    EXPECT_MEM "xsave of all: what XCR0 has", HEADER, 3
    FILL 0
    RFBM 0
    xsave64 AREA
    EXPECT_MEM "xsave of nothing: XSTATE_BV", HEADER, 0
    EXPECT_MEM "xsave of nothing: FCW", AREA, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsave of nothing: MXCSR", AREA+24, 0xeeeeeeeeeeeeeeee
    ret

restore:
    SET_MXCSR 0x1f80
    FILL 0
    LOAD_XMM0 0x5555
    fninit
    RFBM 3
    xsave64 AREA
    movl $0x1fbf, AREA+24
    LOAD_XMM0 0x6666
    RFBM 3
    xrstor64 AREA
    XMM0 "xrstor: XMM0", 0x5555
    MXCSR "xrstor: MXCSR", 0x1fbf
    movq $1, HEADER
    movl $0x1f81, AREA+24
    RFBM 3
    xrstor64 AREA
    XMM0 "xrstor: SSE in its initial state", 0
    MXCSR "xrstor: MXCSR is loaded all the same", 0x1f81
    LOAD_XMM0 0x7777
    movl $0x1f80, AREA+24
    RFBM 1
    xrstor64 AREA
    XMM0 "xrstor of x87 alone: XMM0", 0x7777
    MXCSR "xrstor of x87 alone: MXCSR", 0x1f81
    fld1
    movq $2, HEADER
    RFBM 3
    xrstor64 AREA
    fnstsw %ax
    movzwl %ax, %eax
    EXPECT "xrstor: x87 in its initial state, FSW", 0
    fnstcw scratch
    movzwl scratch, %eax
    EXPECT "xrstor: x87 in its initial state, FCW", 0x37f
    /* what a header may not hold */
    RFBM 3
    movl $0x1fffff, AREA+24
    FAULT "xrstor: reserved bits of MXCSR", 13, 0, xrstor AREA
    RFBM 1
    NOFAULT "xrstor: ... which x87 does not care for", xrstor AREA
    movl $0x1f80, AREA+24
    movq $0x103, HEADER
    RFBM 3
    FAULT "xrstor: XSTATE_BV beyond XCR0", 13, 0, xrstor AREA
    movq $3, HEADER
    movq $1, HEADER+8
    FAULT "xrstor: XCOMP_BV without bit 63", 13, 0, xrstor AREA
    movq $0, HEADER+8
    movq $1, HEADER+16
    FAULT "xrstor: reserved bytes", 13, 0, xrstor AREA
    movq $0, HEADER+16
    NOFAULT "xrstor: all is well again", xrstor AREA
    ret

/* XSAVEOPT leaves out what is in its initial state. */
optimized:
    HAS xsaveopt, 0
    jz 1f
    FILL 0
    movl $0x1f80, AREA+24
    RFBM 3
    xrstor64 AREA
    FILL 0xff
    RFBM 2
    xsaveopt64 AREA
    EXPECT_MEM "xsaveopt of an initial state: XMM0", AREA+160, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsaveopt of an initial state: XSTATE_BV", HEADER, 0xfd
    mov AREA+24, %eax
    EXPECT "xsaveopt of an initial state: MXCSR", 0x1f80
    LOAD_XMM0 0x88
    RFBM 2
    xsaveopt64 AREA
    EXPECT_MEM "xsaveopt: XMM0", AREA+160, 0x88
    EXPECT_MEM "xsaveopt: XSTATE_BV", HEADER, 0xff
1:  ret

in_use:
    FILL 0
    movl $0x1f80, AREA+24
    RFBM 3
    xrstor64 AREA
    mov $1, %ecx
    xgetbv
    and $2, %eax
    EXPECT "xgetbv, ecx = 1: SSE is initial", 0
    SET_MXCSR 0x1f81
    mov $1, %ecx
    xgetbv
    and $2, %eax
    EXPECT "xgetbv, ecx = 1: MXCSR counts", 2
    SET_MXCSR 0x1f80
    LOAD_XMM0 1
    mov $1, %ecx
    xgetbv
    and $2, %eax
    EXPECT "xgetbv, ecx = 1: XMM0 counts", 2
    mov %rdx, %rax
    EXPECT "xgetbv, ecx = 1: edx", 0
    ret

compacted:
    SET_MXCSR 0x1f80
    FILL 0
    movl $0x1f80, AREA+24
    RFBM 3
    xrstor64 AREA
    LOAD_XMM0 0x99
    FILL 0xff, 0x77
    movq $-1, HEADER+16
    RFBM 3
    xsavec64 AREA
    EXPECT_MEM "xsavec: XCOMP_BV", HEADER+8, 0x8000000000000003
    mov HEADER, %rax
    and $2, %rax
    EXPECT "xsavec: XSTATE_BV", 2
    EXPECT_MEM "xsavec: the header's other bytes stay", HEADER+16, -1
    EXPECT_MEM "xsavec: XMM0", AREA+160, 0x99
    mov AREA+24, %eax
    EXPECT "xsavec: MXCSR", 0x1f80
    FILL 0xff, 0x77
    RFBM 1
    xsavec64 AREA
    EXPECT_MEM "xsavec of x87 alone: XCOMP_BV", HEADER+8, 0x8000000000000001
    EXPECT_MEM "xsavec of x87 alone: MXCSR", AREA+24, 0xeeeeeeeeeeeeeeee
    pxor %xmm0, %xmm0
    FILL 0xff, 0x77
    RFBM 2
    xsavec64 AREA
    EXPECT_MEM "xsavec of an initial state: XSTATE_BV", HEADER, 0
    EXPECT_MEM "xsavec of an initial state: XMM0", AREA+160, 0xeeeeeeeeeeeeeeee
    EXPECT_MEM "xsavec of an initial state: MXCSR", AREA+24, 0xeeeeeeeeeeeeeeee
    SET_MXCSR 0x1f81
    FILL 0xff, 0x77
    RFBM 2
    xsavec64 AREA
    EXPECT_MEM "xsavec: MXCSR makes SSE be in use", HEADER, 2
    EXPECT_MEM "xsavec: MXCSR makes SSE be in use: XMM0", AREA+160, 0
    SET_MXCSR 0x1f80
    ret

restore_compacted:
    FILL 2, 0x8000000000000003
    movl $0x1f85, AREA+24
    movq $0xaa, AREA+160
    RFBM 3
    xrstor64 AREA
    XMM0 "xrstor, compacted: XMM0", 0xaa
    MXCSR "xrstor, compacted: MXCSR", 0x1f85
    movq $0, HEADER
    RFBM 2
    xrstor64 AREA
    XMM0 "xrstor, compacted, initial: XMM0", 0
    MXCSR "xrstor, compacted, initial: MXCSR", 0x1f80
    movl $-1, AREA+24
    NOFAULT "xrstor, compacted, initial: MXCSR is not looked at", xrstor64 AREA
    movl $0x1f80, AREA+24
    movq $1, HEADER
    movabs $0x8000000000000002, %rbx
    mov %rbx, HEADER+8
    RFBM 3
    FAULT "xrstor: XSTATE_BV beyond XCOMP_BV", 13, 0, xrstor AREA
    movq $0, HEADER
    movabs $0x8000000000000103, %rbx
    mov %rbx, HEADER+8
    FAULT "xrstor: XCOMP_BV beyond XCR0", 13, 0, xrstor AREA
    movabs $0x8000000000000003, %rbx
    mov %rbx, HEADER+8
    movb $1, HEADER+63
    FAULT "xrstor, compacted: reserved bytes", 13, 0, xrstor AREA
    movb $0, HEADER+63
    NOFAULT "xrstor, compacted: all is well again", xrstor AREA
    ret

supervisor:
    mov $XSS, %ecx
    rdmsr
    EXPECT "IA32_XSS after reset", 0
    mov $1, %eax
    xor %edx, %edx
    FAULT "IA32_XSS: a user component", 13, 0, wrmsr
    LOAD_XMM0 0xbb
    FILL 0, 0
    RFBM 3
    xsaves64 AREA
    EXPECT_MEM "xsaves: XCOMP_BV", HEADER+8, 0x8000000000000003
    EXPECT_MEM "xsaves: XMM0", AREA+160, 0xbb
    LOAD_XMM0 0
    RFBM 3
    xrstors64 AREA
    XMM0 "xrstors: XMM0", 0xbb
    USER_FAULT "xsaves in ring 3", 13, 0, xsaves AREA
    USER_FAULT "xrstors in ring 3", 13, 0, xrstors AREA
    movq $0, HEADER+8
    RFBM 3
    FAULT "xrstors of the standard format", 13, 0, xrstors AREA
    FAULT "xsaves of a misaligned area", 13, 0, xsaves AREA+16
    mov $0xd, %eax
    mov $1, %ecx
    cpuid
    mov %ebx, %eax
    EXPECT "CPUID: the compacted area", 576
    ret

fast_fxsave:
    mov $EFER, %ecx
    rdmsr
    or $0x4000, %eax
    wrmsr
    LOAD_XMM0 0xcc
    FILL
    fxsave64 AREA
    EXPECT_MEM "FFXSR: fxsave64 leaves XMM0 out", AREA+160, 0xeeeeeeeeeeeeeeee
    movzwl AREA, %eax
    EXPECT "FFXSR: but not FCW", 0x37f
    movq $0xdd, AREA+160
    fxrstor64 AREA
    XMM0 "FFXSR: fxrstor64 too", 0xcc
    mov $AREA, %ebx
    TRY 1f
    RING3 2f
2:  fxsave64 (%rbx)
    ud2
1:  CAUGHT "FFXSR: ring 3", 6, 0
    EXPECT_MEM "FFXSR: ring 3 saves it", AREA+160, 0xcc
    mov $EFER, %ecx
    rdmsr
    and $~0x4000, %eax
    wrmsr
    fxsave64 AREA
    EXPECT_MEM "without FFXSR", AREA+160, 0xcc
    ret

    .macro XCR0 bits
    xor %ecx, %ecx
    RFBM \bits
    xsetbv
    .endm

/* YMM3's halves into scratch. */
    .macro YMM3 name, low, high
    vmovdqu %ymm3, scratch
    EXPECT_MEM "\name: low", scratch, \low
    EXPECT_MEM "\name: high", scratch+16, \high
    .endm

/* The component behind the FXSAVE area, alone and before PKRU. */
avx:
    XCR0 3
    FAULT "vmovdqu without XCR0.AVX", 6, 0, vmovdqu pattern, %ymm3
    XCR0 7
    NOFAULT "vmovdqu", vmovdqu pattern, %ymm3
    mov %cr0, %rcx
    or $8, %rcx
    mov %rcx, %cr0
    FAULT "vmovdqu with CR0.TS", 7, 0, vmovdqu pattern, %ymm3
    clts
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, %eax
    EXPECT "CPUID: the area that XCR0 needs, with AVX", 832
    FILL 0xff00
    RFBM 4
    xsave64 AREA
    EXPECT_MEM "xsave of AVX: XSTATE_BV", HEADER, 0xff04
    EXPECT_MEM "xsave of AVX: upper half of YMM3", AREA+576+48, 0x3333333333333333
    EXPECT_MEM "xsave of AVX: no XMM3", AREA+160+48, 0xeeeeeeeeeeeeeeee
    mov AREA+24, %eax
    EXPECT "xsave of AVX: MXCSR", 0x1f80
    EXPECT_MEM "xsave of AVX: what is behind it", AREA+832, 0xeeeeeeeeeeeeeeee
    movq $4, HEADER
    movq $0x55, AREA+576+48
    RFBM 4
    xrstor64 AREA
    YMM3 "xrstor of AVX", 0x1111111111111111, 0x55
    movq $0, HEADER
    RFBM 4
    xrstor64 AREA
    YMM3 "xrstor of AVX to its initial state", 0x1111111111111111, 0
    vmovdqu pattern, %ymm3
    movq $0, HEADER
    RFBM 2
    xrstor64 AREA
    YMM3 "xrstor of SSE leaves the upper halves", 0, 0x3333333333333333
    HAS xsavec, 1
    jz 1f
    vmovdqu pattern, %ymm3
    FILL 0
    RFBM 4
    xsavec64 AREA
    EXPECT_MEM "xsavec of AVX: XCOMP_BV", HEADER+8, 0x8000000000000004
    EXPECT_MEM "xsavec of AVX: YMM3", AREA+576+48, 0x3333333333333333
    vzeroall
    RFBM 4
    xrstor64 AREA
    YMM3 "xrstor of AVX, compacted", 0, 0x3333333333333333
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    bt $3, %ecx
    jnc 1f
    call avx_and_pkru
1:  vzeroall
    XCR0 3
    ret

avx_and_pkru:
    mov %cr4, %rax
    or $1 << 22, %rax
    mov %rax, %cr4
    XCR0 0x207
    mov $0x55555550, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    wrpkru
    FILL 0
    RFBM 0x204
    xsavec64 AREA
    EXPECT_MEM "xsavec of AVX and PKRU: XSTATE_BV", HEADER, 0x204
    EXPECT_MEM "xsavec of AVX and PKRU: PKRU", AREA+832, 0x55555550
    FILL 0
    RFBM 0x201
    xsavec64 AREA
    EXPECT_MEM "xsavec of PKRU: PKRU", AREA+576, 0x55555550
    vzeroall
    FILL 0
    RFBM 0x204
    xsavec64 AREA
    EXPECT_MEM "xsavec of AVX in its initial state: XSTATE_BV", HEADER, 0x200
    EXPECT_MEM "xsavec of AVX in its initial state: PKRU has its place", AREA+832, 0x55555550
    movl $4, AREA+832
    RFBM 0x204
    xrstor64 AREA
    xor %ecx, %ecx
    rdpkru
    EXPECT "xrstor of AVX and PKRU, compacted", 4
    mov $0xd, %eax
    mov $1, %ecx
    cpuid
    mov %ebx, %eax
    EXPECT "CPUID: the compacted area, with AVX and PKRU", 840
    xor %eax, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    wrpkru
    mov %cr4, %rax
    and $~(1 << 22), %rax
    mov %rax, %cr4
    ret

    .data
    .balign 32
pattern: .quad 0x1111111111111111, 0x2222222222222222, 0x3333333333333333, 0x4444444444444444
features: .quad 0
scratch: .quad 0, 0, 0, 0
