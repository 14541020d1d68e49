/* SPDX-License-Identifier: MIT */
/*
 * Microbenchmarks for bench/micro.py: a firmware image that does one thing many times, as often as it is told.
 *
 * On the serial port it writes "R" and a newline when it is ready. Then it takes "?" and answers with a line
 * "NAME INSTRUCTIONS" for each test (how many one iteration executes; nothing where the processor lacks what it needs)
 * and an empty line; or a letter (the first test is a) and eight hex digits, the number of iterations: it writes "B",
 * does the work, writes "E". It waits in HLT, so that waiting costs no CPU time, which is what micro.py measures.
 */
#include "tests/guests/guest64.h"

#define BUFFER 0x1000000
#define HIGH_PD 0x30000
#define HIGH_PT 0x31000
#define HIGH_PDPT 0x32000
#define HIGH 0xffff800000000000 /* one 4 KiB page there */
#define APIC 0xfee00000
#define VECTOR_INT 0x80
#define VECTOR_PF 14
#define VECTOR_COM1 0x24

/* A test: its line in the table, and a function that does R8 iterations. Ends with END. It needs CPUID bits: those of
   leaf 1 ECX and of leaf 7 EBX. */
.macro TEST label:req, insns:req, ecx1=0, ebx7=0
    .pushsection .rodata
    .quad 9f
    .pushsection .data
9:  .asciz "\label"
    .asciz " \insns"
    .popsection
    .quad t_\@
    .long \ecx1, \ebx7, 0, 0
    .popsection
t_\@:
.endm
.macro LOOP
    .balign 16
1:
.endm
.macro END
    dec %r8
    jnz 1b
    ret
.endm
.macro OUTB port:req, value:req
    mov $\port, %edx
    mov $\value, %al
    out %al, %dx
.endm
.macro GATE vector:req, handler:req
    mov $\handler, %eax
    mov %ax, idt + \vector * 16
    shr $16, %eax
    mov %ax, idt + \vector * 16 + 6
.endm

test:
    movl $HIGH_PDPT + 3, PML4 + 256 * 8
    movl $HIGH_PD + 3, HIGH_PDPT
    movl $HIGH_PT + 3, HIGH_PD
    movl $0, HIGH_PT
    GATE VECTOR_INT, on_int
    GATE VECTOR_PF, on_page_fault
    GATE VECTOR_COM1, on_input
    movl $HIGH_PD + 3, PDPT + 3 * 8 /* from 3 GiB on: the local APIC */
    movl $APIC + 0x9b, HIGH_PD + APIC / 0x200000 % 512 * 8
    mov $APIC, %eax
    movl $0x1ff, 0xf0(%rax)  /* on, and with LINT0 as ExtINT it lets the 8259's interrupts through */
    movl $0x700, 0x350(%rax)
    OUTB 0x20, 0x11 /* 8259: vectors from 20h on, IRQ 4 alone */
    OUTB 0x21, 0x20
    OUTB 0x21, 4
    OUTB 0x21, 1
    OUTB 0x21, 0xef
    OUTB PORT_COM1 + 4, 0x0b /* 16550A: receive interrupt */
    OUTB PORT_COM1 + 1, 1
    WRITE_MSR 0xc0000081, 0x001b000800000000 /* STAR */
    WRITE_MSR 0xc0000082, on_syscall
    WRITE_MSR 0xc0000084, 0
    TEXT text_ready, "R\n"
    mov $text_ready, %esi
    call print_text
command:
    call get_char
    cmp $'?', %al
    je list
    lea -'a'(%rax), %ebx
    cmp $(tests_end - tests) / 32, %ebx
    jae command
    xor %r8d, %r8d
    mov $8, %ecx
1:  call get_char
    sub $'0', %al
    cmp $10, %al
    jb 2f
    sub $'a' - '0' - 10, %al
2:  and $15, %eax
    shl $4, %r8
    or %rax, %r8
    loop 1b
    test %r8, %r8
    jz command
    shl $5, %ebx
    push %rbx
    mov $'B', %al
    call print_char
    pop %rbx
    mov %rsp, saved_rsp
    mov $BUFFER, %esi
    mov $BUFFER + 0x10000, %edi
    mov $1, %eax
    mov $2, %ecx
    mov $3, %edx
    call *tests + 8(%rbx)
    mov $'E', %al
    call print_char
    jmp command

list:
    mov $1, %eax
    cpuid
    mov %ecx, %r9d
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    mov %ebx, %r10d
    mov $tests, %ebx
1:  mov (%rbx), %rsi
    call print_text
    mov 16(%rbx), %eax
    mov 20(%rbx), %ecx
    and %r9d, %eax
    and %r10d, %ecx
    cmp 16(%rbx), %eax
    jne 2f
    cmp 20(%rbx), %ecx
    jne 2f
    call print_text
2:  mov $text_newline, %esi
    call print_text
    add $32, %ebx
    cmp $tests_end, %ebx
    jb 1b
    mov $text_newline, %esi
    call print_text
    jmp command

get_char:
    mov $PORT_COM1 + 5, %edx
1:  cli
    in %dx, %al
    test $1, %al
    jnz 2f
    sti
    hlt
    jmp 1b
2:  mov $PORT_COM1, %edx
    xor %eax, %eax
    in %dx, %al
    ret

on_input:
    push %rax
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    iretq

on_int:
    iretq

/* Make the page present and try again. */
on_page_fault:
    movl $BUFFER + 3, HIGH_PT
    add $8, %rsp
    iretq

on_syscall:
    test %eax, %eax
    jnz 1f
    sysretq
1:  mov saved_rsp, %rsp
    sub $8, %rsp
    ret

    .section .rodata
    .balign 16
tests:
    .text

TEST alu, 18
    LOOP
    add %ecx, %eax
    xor %eax, %edx
    rol $5, %edx
    lea 7(%rdx, %rax, 2), %ecx
    sub %edx, %eax
    and $0x7fffffff, %ecx
    or $1, %eax
    add %rcx, %rdx
    shr $3, %ecx
    not %edx
    imul %edx, %eax
    adc $0, %ecx
    mov %eax, %ebx
    neg %ebx
    xor %ebx, %ecx
    inc %eax
    END

TEST branches, 15
    LOOP
    imul $1103515245, %eax, %eax
    add $12345, %eax
    test $0x10000, %eax
    jz 2f
    inc %ecx
2:  test $0x20000, %eax
    jnz 3f
    inc %edx
3:  cmp $0x40000000, %eax
    jb 4f
    dec %ecx
4:  cmp %ecx, %edx
    jl 5f
    dec %edx
5:  dec %edx
    END

TEST indirect, 7
    LOOP
    imul $1103515245, %eax, %eax
    add $12345, %eax
    mov %eax, %ecx
    shr $28, %ecx
    jmp *jumps(, %rcx, 8)
    .balign 16
indirect_targets:
    .rept 16
    .balign 16
    dec %r8
    jnz 1b
    ret
    .endr

TEST call-ret, 12
    LOOP
    call 2f
    call 3f
    END
2:  inc %eax
    ret
3:  push %rax
    call 2b
    pop %rax
    ret

TEST load-store, 8
    xor %ebx, %ebx
    LOOP
    mov (%rsi, %rbx), %rax
    add %rcx, %rax
    mov %rax, 64(%rsi, %rbx)
    add %eax, 128(%rsi, %rbx)
    add $72, %ebx
    and $0x3ff8, %ebx
    END

TEST pages-256, 6
    xor %ebx, %ebx
    LOOP
    mov (%rsi, %rbx), %rax
    mov %rcx, 8(%rsi, %rbx)
    add $4096 + 64, %ebx
    and $0xfffc0, %ebx
    END

TEST pages-8192, 6
    xor %ebx, %ebx
    LOOP
    mov (%rsi, %rbx), %rax
    mov %rcx, 8(%rsi, %rbx)
    add $4096 + 64, %ebx
    and $0x1ffffc0, %ebx
    END

TEST movsb-4096, 6
    LOOP
    mov $BUFFER, %esi
    mov $BUFFER + 0x10000, %edi
    mov $4096, %ecx
    rep movsb
    END

TEST stosq-64, 5
    LOOP
    mov $BUFFER, %edi
    mov $8, %ecx
    rep stosq
    END

TEST bignum, 10
    LOOP
    mov (%rsi), %rax
    mul %r8
    add %rax, %r9
    adc %rdx, %r10
    adc $0, %r11
    mov %r9, 8(%rsi)
    mov 16(%rsi), %rax
    xor %r10, %rax
    END

TEST bignum-adx, 10, 0, 1 << 8 | 1 << 19 /* BMI2, ADX */
    mov $BUFFER, %edx
    LOOP
    mulx (%rsi), %rax, %rcx
    adcx %rax, %r9
    adox %rcx, %r10
    mulx 8(%rsi), %rax, %rcx
    adcx %rax, %r10
    adox %rcx, %r11
    mov %r9, 16(%rsi)
    xor %r10, %rdx
    END

TEST aes, 8, 1 << 25, 0
    LOOP
    movdqu (%rsi), %xmm1
    aesenc %xmm1, %xmm2
    aesenc %xmm1, %xmm3
    aesenc %xmm2, %xmm4
    aesenclast %xmm1, %xmm4
    movdqu %xmm4, 16(%rsi)
    END

TEST sse-double, 10
    mov $0x3ff0000000000001, %rax
    movq %rax, %xmm1
    movq %rax, %xmm2
    LOOP
    movsd (%rsi), %xmm0
    addsd %xmm1, %xmm0
    mulsd %xmm2, %xmm0
    subsd %xmm1, %xmm0
    divsd %xmm2, %xmm0
    ucomisd %xmm1, %xmm0
    cvttsd2si %xmm0, %eax
    movsd %xmm0, 8(%rsi)
    END

TEST sse-integer, 10
    LOOP
    movdqu (%rsi), %xmm0
    paddd %xmm0, %xmm1
    pxor %xmm1, %xmm2
    pshufd $0x4e, %xmm2, %xmm3
    pslld $3, %xmm3
    por %xmm3, %xmm1
    pcmpeqb %xmm0, %xmm3
    movdqu %xmm2, 16(%rsi)
    END

TEST x87, 8
    fninit
    movl $0x40490fdb, (%rsi)
    LOOP
    flds (%rsi)
    fmul %st(0), %st
    fadds (%rsi)
    fsqrt
    fchs
    fstpl 8(%rsi)
    END

TEST lock, 4
    LOOP
    lock xadd %eax, (%rsi)
    lock incl 8(%rsi)
    END

TEST syscall, 7
    RING3 1f
    LOOP
    xor %eax, %eax
    syscall
    dec %r8
    jnz 1b
    inc %eax
    syscall

TEST int-iret, 4
    LOOP
    int $VECTOR_INT
    END

TEST page-fault, 8
    movabs $HIGH, %rbx
    LOOP
    mov %rcx, (%rbx)
    movl $0, HIGH_PT
    invlpg (%rbx)
    END

TEST cr3, 8
    mov %cr3, %rax
    LOOP
    mov %rax, %cr3
    mov (%rsi), %ecx
    mov 0x1000(%rsi), %ecx
    mov 0x2000(%rsi), %ecx
    call 2f
    END
2:  ret

TEST code-page-store, 3
    LOOP
    mov %ecx, beside_code
    END

TEST port-in, 3
    LOOP
    in $0x61, %al
    END

TEST port-out, 3
    LOOP
    out %al, $0x80
    END

beside_code: .quad 0
    .section .rodata
tests_end:
jumps:
    .set n, 0
    .rept 16
    .quad indirect_targets + n
    .set n, n + 16
    .endr
    .data
saved_rsp: .quad 0
