/* SPDX-License-Identifier: MIT */
/* x87, MMX, SSE and SSE2: basics, control and status, exceptions, saving and restoring. */
#include "tests/guests/guest64.h"

#define SCRATCH 0x30000

    .macro EXPECT_D name, want
    fstpl SCRATCH
    mov SCRATCH, %rax
    EXPECT "\name", \want
    .endm

    .macro EXPECT_SW name, mask, want
    fnstsw %ax
    and $\mask, %eax
    EXPECT "\name", \want
    .endm

/* AT&T syntax swaps FDIVP and FDIVRP: `fdivrp` here is the manual's FDIVP, ST1 / ST0. */
test:
    mov %cr0, %rax
    and $~0xc, %rax
    or $0x22, %rax /* NE, MP */
    mov %rax, %cr0
    call x87
    call x87_stack
    call x87_exceptions
    call mmx
    call sse
    call sse_exceptions
    call state
    ret

x87:
    fninit
    fnstcw SCRATCH
    movzwl SCRATCH, %eax
    EXPECT "fninit: control word", 0x37f
    fld1
    fldpi
    faddp
    EXPECT_D "1 + pi", 0x401090fdaa22168c
    fldl2e
    EXPECT_D "log2(e)", 0x3ff71547652b82fe
    fldz
    fld1
    fdivrp
    EXPECT_D "0 / 1", 0
    movl $-7, SCRATCH
    fildl SCRATCH
    fabs
    fsqrt
    EXPECT_D "sqrt(7)", 0x40052a7fa9d2f8ea
    fld1
    fchs
    fistpl SCRATCH
    movslq SCRATCH, %rax
    EXPECT "fistp", -1
    movw $0xf7f, SCRATCH
    fldcw SCRATCH
    movabs $0x3ffe666666666666, %rax /* 1.9 */
    mov %rax, SCRATCH
    fldl SCRATCH
    fistpl SCRATCH
    movslq SCRATCH, %rax
    EXPECT "rounding toward zero", 1
    fninit
    fld1
    fldz
    fcomip
    fstp %st(0)
    EXPECT_FLAGS "fcomi 0 < 1", 0x45, 0x01
    fld1
    fld1
    fucompp
    EXPECT_SW "fucompp equal", 0x4500, 0x4000
    fld1
    fxam
    EXPECT_SW "fxam: normal", 0x4700, 0x0400
    fstp %st(0)
    fldz
    fxam
    EXPECT_SW "fxam: zero", 0x4700, 0x4000
    fstp %st(0)
    fxam
    EXPECT_SW "fxam: empty", 0x4500, 0x4100
    fninit
    movq $1234567, SCRATCH
    fildll SCRATCH
    fbstp SCRATCH
    mov SCRATCH, %rax
    EXPECT "fbstp", 0x1234567
    fbld SCRATCH
    fistpll SCRATCH
    mov SCRATCH, %rax
    EXPECT "fbld", 1234567
    fld1
    fld1
    fadd %st, %st(1)
    fscale
    EXPECT_D "fscale", 0x4010000000000000
    fninit
    fldpi
    frndint
    EXPECT_D "frndint", 0x4008000000000000
    fldpi
    fstpt SCRATCH
    mov SCRATCH, %rax
    EXPECT "pi: mantissa", 0xc90fdaa22168c235
    movzwl SCRATCH+8, %eax
    EXPECT "pi: exponent", 0x4000
    ret

x87_stack:
    fninit
    fstp %st(0)
    EXPECT_SW "stack underflow: IE, SF, C1 clear", 0x241, 0x41
    fninit
    mov $8, %ecx
1:  fld1
    loop 1b
    EXPECT_SW "eight loads: TOP is 0, no flags", 0x3841, 0
    fld1
    EXPECT_SW "stack overflow: IE, SF, C1", 0x241, 0x241
    fstpl SCRATCH
    mov SCRATCH, %rax
    EXPECT "the indefinite", 0xfff8000000000000
    fninit
    fld1
    fldz
    fxch
    fstpl SCRATCH
    mov SCRATCH, %rax
    EXPECT "fxch", 0x3ff0000000000000
    ffree %st(0)
    fincstp
    fnstenv SCRATCH
    movzwl SCRATCH+8, %eax
    EXPECT "tag word: all empty", 0xffff
    fninit
    ret

x87_exceptions:
    fninit
    fld1
    fldz
    fdivp
    EXPECT_SW "0 / 1 sets nothing", 0x3f, 0
    fstp %st(0)
    fld1
    fldz
    fdivrp %st, %st(1)
    EXPECT_SW "1 / 0 sets ZE", 0x3f, 4
    EXPECT_D "and gives infinity", 0x7ff0000000000000
    fnclex
    EXPECT_SW "fnclex", 0x80ff, 0
    movw $0x37b, SCRATCH+32
    fldcw SCRATCH+32 /* unmask ZE */
    fld1
    fldz
    TRY 1f
2:  fdivrp %st, %st(1)
3:  fwait
1:  CAUGHT "unmasked ZE: #MF at the next waiting instruction", 16, 0
    mov caught_rip, %rax
    sub $3b, %rax
    EXPECT "RIP: the waiting instruction", 0
    EXPECT_SW "ES and B are set", 0x8084, 0x8084
    FAULT "fld too", 16, 0, fld1
    NOFAULT "fnstsw does not wait", fnstsw %ax
    fnclex
    NOFAULT "after fnclex all is well", fwait
    fninit
    ret

mmx:
    movabs $0x0102030405060708, %rax
    movq %rax, %mm0
    paddb %mm0, %mm0
    movq %mm0, %rax
    EXPECT "paddb", 0x020406080a0c0e10
    fxsave SCRATCH
    movzbl SCRATCH+4, %eax
    EXPECT "MMX marks all registers valid", 0xff
    movzwl SCRATCH+2, %eax
    and $0x3800, %eax
    EXPECT "and TOP is 0", 0
    emms
    fnstenv SCRATCH
    movzwl SCRATCH+8, %eax
    EXPECT "emms", 0xffff
    movabs $0x7fff7fff80008000, %rax
    movq %rax, %mm1
    paddsw %mm1, %mm1
    movq %mm1, %rax
    EXPECT "paddsw saturates", 0x7fff7fff80008000
    emms
    mov %cr0, %rax
    or $4, %rax
    mov %rax, %cr0
    FAULT "MMX with CR0.EM", 6, 0, paddb %mm0, %mm0
    mov %cr0, %rax
    and $~4, %rax
    or $8, %rax
    mov %rax, %cr0
    FAULT "MMX with CR0.TS", 7, 0, paddb %mm0, %mm0
    FAULT "SSE with CR0.TS", 7, 0, addps %xmm0, %xmm0
    clts
    ret

sse:
    mov $3, %eax
    cvtsi2sd %eax, %xmm0
    mov $2, %eax
    cvtsi2sd %eax, %xmm1
    divsd %xmm1, %xmm0
    movq %xmm0, %rax
    EXPECT "3.0 / 2.0", 0x3ff8000000000000
    cvttsd2si %xmm0, %eax
    EXPECT "cvttsd2si", 1
    cvtsd2si %xmm0, %eax
    EXPECT "cvtsd2si rounds to even", 2
    cvtsd2ss %xmm0, %xmm2
    movd %xmm2, %eax
    EXPECT "cvtsd2ss", 0x3fc00000
    ucomisd %xmm0, %xmm1
    EXPECT_FLAGS "ucomisd 2.0 > 1.5", 0x8d5, 0
    pcmpeqd %xmm3, %xmm3
    pmovmskb %xmm3, %eax
    EXPECT "pcmpeqd, pmovmskb", 0xffff
    psrldq $12, %xmm3
    movq %xmm3, %rax
    EXPECT "psrldq", 0xffffffff
    pshufd $0, %xmm3, %xmm4
    movmskps %xmm4, %eax
    EXPECT "pshufd, movmskps", 0xf
    movabs $0x0000000200000001, %rax
    movq %rax, %xmm5
    punpcklqdq %xmm5, %xmm5
    pmuludq %xmm5, %xmm5
    movq %xmm5, %rax
    EXPECT "pmuludq", 1
    mov %rsp, SCRATCH+64
    movdqu %xmm4, SCRATCH+1
    FAULT "movaps needs alignment", 13, 0, movaps SCRATCH+1, %xmm0
    FAULT "addps needs alignment", 13, 0, addps SCRATCH+8, %xmm0
    NOFAULT "movups does not", movups SCRATCH+1, %xmm0
    mov %cr4, %rax
    and $~0x200, %rax
    mov %rax, %cr4
    FAULT "SSE without CR4.OSFXSR", 6, 0, addps %xmm0, %xmm0
    mov %cr4, %rax
    or $0x200, %rax
    mov %rax, %cr4
    ret

sse_exceptions:
    movl $0x1f80, SCRATCH
    ldmxcsr SCRATCH
    xorps %xmm0, %xmm0
    mov $1, %eax
    cvtsi2ss %eax, %xmm1
    divss %xmm0, %xmm1
    stmxcsr SCRATCH
    mov SCRATCH, %eax
    EXPECT "1 / 0 sets ZE in MXCSR", 0x1f84
    movd %xmm1, %eax
    EXPECT "and gives infinity", 0x7f800000
    movl $0x1d80, SCRATCH
    ldmxcsr SCRATCH
    mov $1, %eax
    cvtsi2ss %eax, %xmm1
    FAULT "unmasked ZE is #XM", 19, 0, divss %xmm0, %xmm1
    movd %xmm1, %eax
    EXPECT "the destination is unchanged", 0x3f800000
    stmxcsr SCRATCH
    mov SCRATCH, %eax
    EXPECT "the flag is set", 0x1d84
    mov %cr4, %rax
    and $~0x400, %rax
    mov %rax, %cr4
    FAULT "without OSXMMEXCPT it is #UD", 6, 0, divss %xmm0, %xmm1
    mov %cr4, %rax
    or $0x400, %rax
    mov %rax, %cr4
    movl $0x10000, SCRATCH
    FAULT "ldmxcsr of reserved bits", 13, 0, ldmxcsr SCRATCH
    movl $0x7f80, SCRATCH /* round toward zero */
    ldmxcsr SCRATCH
    mov $2, %eax
    cvtsi2ss %eax, %xmm0
    mov $3, %eax
    cvtsi2ss %eax, %xmm1
    divss %xmm1, %xmm0
    movd %xmm0, %eax
    EXPECT "2 / 3 toward zero", 0x3f2aaaaa
    movl $0x1f80, SCRATCH
    ldmxcsr SCRATCH
    ret

state:
    fninit
    fldpi
    mov $0x1234, %eax
    movq %rax, %xmm7
    fxsave64 SCRATCH+0x200
    movzwl SCRATCH+0x200, %eax
    EXPECT "fxsave: control word", 0x37f
    movzbl SCRATCH+0x204, %eax
    EXPECT "fxsave: abridged tags", 0x80
    mov SCRATCH+0x220, %rax
    EXPECT "fxsave: ST0", 0xc90fdaa22168c235
    mov SCRATCH+0x218, %eax
    EXPECT "fxsave: MXCSR", 0x1f80
    mov SCRATCH+0x2a0+0x70, %rax
    EXPECT "fxsave: XMM7", 0x1234
    fninit
    xorps %xmm7, %xmm7
    fxrstor64 SCRATCH+0x200
    movq %xmm7, %rax
    EXPECT "fxrstor: XMM7", 0x1234
    EXPECT_D "fxrstor: ST0", 0x400921fb54442d18
    FAULT "fxsave needs alignment", 13, 0, fxsave64 SCRATCH+8
    fninit
    fldpi
    fnsave SCRATCH+0x200
    fnstenv SCRATCH
    movzwl SCRATCH+8, %eax
    EXPECT "fnsave resets", 0xffff
    frstor SCRATCH+0x200
    EXPECT_D "frstor", 0x400921fb54442d18
    ret

    .section .note.GNU-stack, "", @progbits
