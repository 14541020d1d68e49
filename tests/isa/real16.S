/* SPDX-License-Identifier: MIT */
/* Real mode: 16-bit arithmetic and its flags, BCD, stack, strings, segments, interrupts. */
#include "tests/guests/guest16.h"

#define CF 1
#define PF 4
#define AF 0x10
#define ZF 0x40
#define SF 0x80
#define DF 0x400
#define OF 0x800
#define ARITH (CF | PF | AF | ZF | SF | OF)

test:
    call arithmetic
    call bcd
    call shifts
    call multiply_divide
    call stack
    call strings
    call control
    call segments
    call interrupts
    call a20
    ret

arithmetic:
    xor %eax, %eax
    mov $0x7fff, %ax
    add $1, %ax
    EXPECT_FLAGS "add 7fff+1 flags", ARITH, OF | SF | AF | PF
    EXPECT "add 7fff+1", 0x8000
    mov $0xff, %al
    add $1, %al
    EXPECT_FLAGS "add8 ff+1 flags", ARITH, CF | AF | ZF | PF
    EXPECT "add8 leaves AH", 0x8000
    stc
    mov $0xffff, %ax
    adc $0, %ax
    EXPECT_FLAGS "adc flags", ARITH, CF | AF | ZF | PF
    mov $0, %ax
    sub $1, %ax
    EXPECT_FLAGS "sub 0-1 flags", ARITH, CF | AF | SF | PF
    EXPECT "sub 0-1", 0xffff
    mov $0x8000, %ax
    stc
    sbb $0, %ax
    EXPECT_FLAGS "sbb 8000-0-1 flags", ARITH, OF | AF | PF
    stc
    mov $0xffff, %ax
    inc %ax
    EXPECT_FLAGS "inc keeps CF", ARITH, CF | AF | ZF | PF
    clc
    mov $0x8000, %ax
    dec %ax
    EXPECT_FLAGS "dec 8000", ARITH, OF | AF | PF
    mov $0x80, %al
    neg %al
    EXPECT_FLAGS "neg 80", ARITH, OF | CF | SF
    mov $5, %al
    cmp $7, %al
    EXPECT_FLAGS "cmp 5,7", ARITH, CF | AF | SF
    mov $0xf0, %al
    test $0x0f, %al
    EXPECT_FLAGS "test", ARITH & ~AF, ZF | PF
    mov $0x12345678, %eax
    add $0x11111111, %eax
    EXPECT "32-bit operand in real mode", 0x23456789
    mov $0x12345678, %eax
    bswap %eax
    EXPECT "bswap", 0x78563412
    mov $0x1234ff80, %eax
    cbw
    EXPECT "cbw", 0x1234ff80
    cwde
    EXPECT "cwde", 0xffffff80
    mov $0x8000, %ax
    cwd
    movzwl %dx, %eax
    EXPECT "cwd", 0xffff
    mov $0x0100, %ax
    mov $0xd5, %ah
    sahf
    lahf
    movzwl %ax, %eax
    EXPECT "sahf, lahf", 0xd700
    clc
    cmc
    EXPECT_FLAGS "cmc", CF, CF
    clc
    .byte 0xd6
    movzbl %al, %eax
    EXPECT "salc, CF=0", 0
    stc
    .byte 0xd6
    movzbl %al, %eax
    EXPECT "salc, CF=1", 0xff
    ret

bcd:
    xor %eax, %eax
    mov $0x38, %al
    add $0x45, %al
    daa
    EXPECT_FLAGS "daa flags", CF | AF | ZF | SF, AF | SF
    EXPECT "daa 38+45", 0x83
    mov $0x99, %al
    add $0x01, %al
    daa
    EXPECT_FLAGS "daa carry flags", CF | AF | ZF | PF, CF | AF | ZF | PF
    mov $0x35, %al
    sub $0x47, %al
    das
    EXPECT_FLAGS "das flags", CF | AF, CF | AF
    EXPECT "das 35-47", 0x88
    mov $0x0009, %ax
    add $0x08, %al
    aaa
    EXPECT "aaa 9+8", 0x0107
    EXPECT_FLAGS "aaa flags", CF | AF, CF | AF
    mov $0x0203, %ax
    sub $0x08, %al
    aas
    EXPECT "aas 3-8", 0x0105
    mov $0x003f, %ax
    aam
    EXPECT "aam 63", 0x0603
    EXPECT_FLAGS "aam flags", ZF | SF | PF, PF
    mov $0x0905, %ax
    aad
    EXPECT "aad 9,5", 0x005f
    mov $0x0025, %ax
    aam $16
    EXPECT "aam 16", 0x0205
    FAULT "aam 0", 0, aam $0
    ret

shifts:
    xor %eax, %eax
    mov $0x81, %al
    rol $1, %al
    EXPECT_FLAGS "rol flags", CF | OF, CF | OF
    EXPECT "rol", 3
    stc
    mov $0x8001, %ax
    rcr $1, %ax
    EXPECT_FLAGS "rcr flags", CF | OF, CF
    EXPECT "rcr", 0xc000
    clc
    mov $0x01, %al
    mov $9, %cl
    rcl %cl, %al
    movzbl %al, %eax
    EXPECT "rcl8 by 9 is the identity", 1
    mov $0x1234, %ax
    mov $0x21, %cl
    shl %cl, %ax
    EXPECT "shift counts are taken modulo 32", 0x2468
    mov $0x1234, %ax
    mov $0x20, %cl
    stc
    shl %cl, %ax
    EXPECT_FLAGS "shift by 0 keeps flags", CF, CF
    mov $0x8000, %ax
    sar $4, %ax
    EXPECT "sar", 0xf800
    mov $0x1234, %ax
    mov $0x5678, %dx
    shld $4, %dx, %ax
    EXPECT "shld", 0x2345
    shrd $8, %dx, %ax
    EXPECT "shrd", 0x7823
    mov $0x0100, %ax
    bsf %ax, %ax
    EXPECT "bsf", 8
    mov $0x0100, %dx
    bsr %dx, %ax
    EXPECT "bsr", 8
    mov $0, %dx
    bsf %dx, %dx
    EXPECT_FLAGS "bsf 0 sets ZF", ZF, ZF
    movw $0, bits - IMAGE
    movw $0, bits + 2 - IMAGE
    mov $19, %ax
    bts %ax, bits - IMAGE
    mov bits - IMAGE, %eax
    EXPECT "bts reaches beyond its operand", 1 << 19
    ret
    .pushsection .data
    .balign 4
bits: .long 0, 0
    .popsection

multiply_divide:
    mov $0x1234, %ax
    mov $0x100, %cx
    mul %cx
    shl $16, %edx
    mov %ax, %dx
    mov %edx, %eax
    EXPECT "mul", 0x123400
    xor %eax, %eax
    mov $-3, %al
    mov $5, %cl
    imul %cl
    EXPECT "imul8", 0xfff1
    imul $100, %ax, %ax
    EXPECT "imul 3 operands", 0xfa24
    mov $0x0010, %dx
    mov $0x0007, %ax
    mov $0x100, %cx
    div %cx
    EXPECT "div quotient", 0x1000
    movzwl %dx, %eax
    EXPECT "div remainder", 7
    mov $-7, %ax
    cwd
    mov $2, %cx
    idiv %cx
    movzwl %ax, %eax
    EXPECT "idiv truncates", 0xfffd
    movzwl %dx, %eax
    EXPECT "idiv remainder", 0xffff
    xor %cx, %cx
    FAULT "div by 0", 0, div %cx
    mov $1, %cl
    mov $0x100, %ax
    FAULT "div overflow", 0, div %cl
    mov $0x8000, %ax
    cwd
    mov $-1, %cx
    FAULT "idiv overflow", 0, idiv %cx
    ret

stack:
    mov %sp, %dx
    push %sp
    pop %ax
    sub %dx, %ax
    movzwl %ax, %eax
    EXPECT "push sp pushes the old value", 0
    mov %sp, %bp
    pusha
    mov %bp, %ax
    sub %sp, %ax
    movzwl %ax, %eax
    EXPECT "pusha takes 16 bytes", 16
    popa
    pushl $0x12345678
    popl %eax
    EXPECT "push, pop 32", 0x12345678
    mov %sp, %dx
    mov $0x5555, %bp
    enter $8, $0
    mov %dx, %ax
    sub %sp, %ax
    movzwl %ax, %eax
    EXPECT "enter 8,0", 10
    leave
    movzwl %bp, %eax
    EXPECT "leave restores BP", 0x5555
    mov %sp, %ax
    sub %dx, %ax
    movzwl %ax, %eax
    EXPECT "leave restores SP", 0
    mov %sp, %bp
    enter $4, $2
    mov %dx, %ax
    sub %sp, %ax
    movzwl %ax, %eax
    EXPECT "enter 4,2", 10
    leave
    push $0x46
    popf
    EXPECT_FLAGS "popf", 0xffff, 0x46
    pushfl
    popl %eax
    orl $0x240000, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    andl $0x240000, %eax
    EXPECT "AC and ID can be set", 0x240000
    pushl $2
    popfl
    ret

strings:
    push %es
    mov $0x2000, %ax
    mov %ax, %es
    cld
    xor %di, %di
    mov $0x1122, %ax
    mov $4, %cx
    rep stosw
    movzwl %di, %eax
    EXPECT "rep stosw moves DI", 8
    mov %es:4, %eax
    EXPECT "rep stosw stores", 0x11221122
    mov %es, %ax
    mov %ax, %ds
    std
    mov $7, %si
    mov $15, %di
    mov $8, %cx
    rep movsb
    cld
    movzwl %si, %eax
    EXPECT "rep movsb backwards moves SI", 0xffff
    mov %es:12, %eax
    EXPECT "rep movsb backwards copies", 0x11221122
    movb $0x33, %es:5
    xor %di, %di
    mov $0x33, %al
    mov $16, %cx
    repne scasb
    movzwl %cx, %eax
    EXPECT "repne scasb stops", 10
    EXPECT_FLAGS "repne scasb sets ZF", ZF, ZF
    xor %si, %si
    mov $8, %di
    mov $8, %cx
    repe cmpsb
    movzwl %si, %eax
    EXPECT "repe cmpsb stops at the difference", 6
    EXPECT_FLAGS "repe cmpsb flags", ZF | CF, 0
    xor %cx, %cx
    mov $1, %di
    rep stosb
    movzwl %di, %eax
    EXPECT "rep with CX=0", 1
    mov $0xffff, %di
    mov $2, %cx
    mov $0x44, %al
    rep stosb
    movzwl %di, %eax
    EXPECT "DI wraps at 64 KiB", 1
    movzbl %es:0, %eax
    EXPECT "stosb wraps within the segment", 0x44
    xor %eax, %eax
    mov $6, %si
    lodsw %es:(%si), %ax
    EXPECT "lodsw with override", 0x1122
    mov $IMAGE_SEG, %cx
    mov %cx, %ds
    pop %es
    ret

control:
    mov $3, %cx
    xor %eax, %eax
1:  inc %ax
    loop 1b
    EXPECT "loop", 3
    xor %cx, %cx
    mov $1, %eax
    jcxz 1f
    xor %eax, %eax
1:  EXPECT "jcxz", 1
    mov $5, %cx
    xor %eax, %eax
    cmp %ax, %ax
1:  inc %ax
    cmp $2, %ax
    loopne 1b
    EXPECT "loopne", 2
    lcall $IMAGE_SEG, $far_function - IMAGE
    EXPECT "far call", 0x77
    push $1
    push $2
    call pops_two
    EXPECT "ret n", 3
    mov $table - IMAGE, %bx
    mov $2, %al
    xlat
    movzbl %al, %eax
    EXPECT "xlat", 30
    push %cs
    push $1f - IMAGE
    lret
1:  mov $0x5a, %eax
    EXPECT "far return", 0x5a
    mov $jump_to - IMAGE, %bx
    jmp *(%bx)
    mov $0, %eax
1:  ret
far_function:
    mov $0x77, %eax
    lret
pops_two:
    mov %sp, %bp
    movzwl 2(%bp), %eax
    add 4(%bp), %ax
    ret $4
indirect:
    mov $0x66, %eax
    EXPECT "indirect jump", 0x66
    jmp 1b
    .pushsection .data
table: .byte 10, 20, 30
    .balign 2
jump_to: .word indirect - IMAGE
    .popsection

segments:
    mov $0xffff, %bx
    FAULT "word at ffff", 13, mov (%bx), %ax
    FAULT "dword at fffd", 13, mov 0xfffd, %eax
    movl $0x10000, %ebx
    FAULT "32-bit address beyond the limit", 13, movb (%ebx), %al
    mov $0xffff, %bp
    FAULT "stack word at ffff", 12, mov (%bp), %ax
    mov %ss, %dx
    mov $0x3000, %ax
    mov %ax, %fs
    movw $0xbeef, %fs:4
    mov $0x2fff, %ax
    mov %ax, %gs
    movzwl %gs:0x14, %eax
    EXPECT "segments overlap", 0xbeef
    lds pointer - IMAGE, %si
    mov %ds, %ax
    mov %cs, %dx
    mov %dx, %ds
    movzwl %ax, %eax
    EXPECT "lds", 0x1234
    movzwl %si, %eax
    EXPECT "lds offset", 0x5678
    FAULT "lds with a register", 6, .byte 0xc5, 0xc0
    FAULT "mov to cs", 6, .byte 0x8e, 0xc8
    FAULT "lock nop", 6, lock; nop
    FAULT "lock mov", 6, .byte 0xf0, 0x89, 0x07
    FAULT "lock add to register", 6, .byte 0xf0, 0x01, 0xc0
    FAULT "lldt in real mode", 6, .byte 0x0f, 0x00, 0xd0
    FAULT "verr in real mode", 6, .byte 0x0f, 0x00, 0xe0
    FAULT "lar in real mode", 6, .byte 0x0f, 0x02, 0xc0
    FAULT "arpl in real mode", 6, .byte 0x63, 0xc0
    FAULT "0f ff", 6, .byte 0x0f, 0xff, 0xc0
    FAULT "instruction of 16 bytes", 13, \
        .byte 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x26, 0x90
    smsw %ax
    movzwl %ax, %eax
    and $1, %eax
    EXPECT "smsw", 0
    ret
    .pushsection .data
    .balign 4
pointer: .word 0x5678, 0x1234
    .popsection

/* Traps: the saved IP points behind the instruction. */
interrupts:
    movw $1f - IMAGE, %cs:fault_resume - IMAGE
    sti
    int $0x41
1:  cli
    movzwl %cs:caught_vector - IMAGE, %eax
    EXPECT "int n", 0x41
    movzwl %cs:caught_ip - IMAGE, %eax
    sub $1b - IMAGE, %ax
    EXPECT "int n saves the next IP", 0
    movzwl %cs:caught_flags - IMAGE, %eax
    and $0x200, %ax
    EXPECT "int n saves IF", 0x200
    mov %sp, %ax
    sub %cs:caught_sp - IMAGE, %ax
    movzwl %ax, %eax
    EXPECT "int n pushes 6 bytes (and the stub 2)", 8
    movw $1f - IMAGE, %cs:fault_resume - IMAGE
    int3
1:  movzwl %cs:caught_ip - IMAGE, %eax
    sub $1b - IMAGE, %ax
    EXPECT "int3 saves the next IP", 0
    movw $1f - IMAGE, %cs:fault_resume - IMAGE
    mov $0x7f, %al
    add $1, %al
    into
1:  movzwl %cs:caught_vector - IMAGE, %eax
    EXPECT "into", 4
    mov $1, %al
    add $1, %al
    into
    movw $0x1234, 0x7000
    mov $5, %ax
    mov $bounds - IMAGE, %bx
    bound %ax, (%bx)
    mov $11, %ax
    FAULT "bound", 5, bound %ax, (%bx)
    mov $-1, %ax
    FAULT "bound, negative", 5, bound %ax, (%bx)

    /* An interrupt vector table elsewhere, and one that is too short. */
    push %es
    mov $0x3000, %ax
    mov %ax, %es
    movw $own_handler - IMAGE, %es:0x50 * 4
    movw $IMAGE_SEG, %es:0x50 * 4 + 2
    pop %es
    lidtl idt_elsewhere - IMAGE
    mov $0, %eax
    int $0x50
    lidtl idt_normal - IMAGE
    EXPECT "lidt in real mode, iret", 0x5050
    sidtl idt_stored - IMAGE
    mov idt_stored + 2 - IMAGE, %eax
    EXPECT "sidt", 0
    push $0x0246
    push %cs
    push $1f - IMAGE
    iret
1:  EXPECT_FLAGS "iret loads FLAGS", 0x246, 0x246
    cli
    ret
own_handler:
    mov $0x5050, %eax
    iret
    .pushsection .data
    .balign 4
bounds: .word 0, 10
idt_elsewhere: .word 0x3ff
    .long 0x30000
    .balign 4
idt_normal: .word 0x3ff
    .long 0
    .balign 4
idt_stored: .word 0
    .long -1
    .popsection

a20:
    xor %ax, %ax
    mov %ax, %fs
    mov $0xffff, %ax
    mov %ax, %gs
    movl $0x11111111, %fs:0x600
    movl $0x22222222, %gs:0x610
    mov %fs:0x600, %eax
    EXPECT "A20 on: FFFF:0610 is above 1 MiB", 0x11111111
    in $0x92, %al
    mov %al, %dl
    and $0xfc, %al
    out %al, $0x92
    mov %gs:0x610, %eax
    mov %eax, %ebx
    movl $0x33333333, %gs:0x610
    mov %dl, %al
    or $2, %al
    and $0xfe, %al
    out %al, $0x92
    mov %ebx, %eax
    EXPECT "A20 off: FFFF:0610 wraps to 0:0600", 0x11111111
    mov %fs:0x600, %eax
    EXPECT "A20 off: the write wrapped too", 0x33333333
    mov %gs:0x610, %eax
    EXPECT "A20 on again", 0x22222222
    ret

    .section .note.GNU-stack, "", @progbits
