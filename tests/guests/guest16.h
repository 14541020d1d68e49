/* SPDX-License-Identifier: MIT */
/*
 * Real-mode test guests: define `test` (called near, ends with RET).
 *
 * EXPECT name, want      compare EAX with `want`, print a line. Keeps every register and the flags.
 * EXPECT_FLAGS name, mask, want    the same with FLAGS & mask, as they are now.
 * FAULT name, vector, insn         the instruction must raise `vector` with the saved IP pointing at it.
 */
#include "tests/guests/boot.h"

    .section .text16, "ax"
    .code16
start16:
    call install_vectors
    call test
finish:
    mov failures - IMAGE, %al
    test %al, %al
    setne %al
    out %al, $PORT_EXIT
1:  hlt
    jmp 1b

/* Print one character in AL. */
print_char:
    push %dx
    push %ax
    mov $PORT_COM1 + 5, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    pop %ax
    mov $PORT_COM1, %dx
    out %al, %dx
    pop %dx
    ret

/* Print the text at DS:SI. */
print_text:
    lodsb
    test %al, %al
    jz 1f
    call print_char
    jmp print_text
1:  ret

/* Print EAX as eight hex digits. */
print_hex:
    mov $8, %cx
1:  rol $4, %eax
    push %ax
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al
    das
    or $0x20, %al
    call print_char
    pop %ax
    loop 1b
    ret

/* EAX got, EBX wanted, SI name. Keeps all registers and flags. */
report:
    pushfl
    pushal
    push %ds
    cld
    mov $IMAGE_SEG, %dx
    mov %dx, %ds
    mov %eax, %edi
    cmp %ebx, %eax
    je 1f
    incl failures - IMAGE
    push %si
    mov $text_fail - IMAGE, %si
    call print_text
    pop %si
    call print_text
    mov $text_got - IMAGE, %si
    call print_text
    mov %edi, %eax
    call print_hex
    mov $text_want - IMAGE, %si
    call print_text
    mov %ebx, %eax
    call print_hex
    jmp 2f
1:  push %si
    mov $text_ok - IMAGE, %si
    call print_text
    pop %si
    call print_text
2:  mov $text_newline - IMAGE, %si
    call print_text
    pop %ds
    popal
    popfl
    ret

/* Every vector points to a stub of 4 bytes: push the number, go to `caught`. */
install_vectors:
    push %es
    xor %ax, %ax
    mov %ax, %es
    xor %di, %di
    mov $vector_stubs - IMAGE, %ax
1:  stosw
    movw $IMAGE_SEG, %es:(%di)
    add $2, %di
    add $5, %ax
    cmp $1024, %di
    jb 1b
    pop %es
    ret

    .macro STUBS from, to
    .set n, \from
    .rept \to - \from
    pushw $n
    .byte 0xe9 /* jmp near, always 3 bytes */
    .word caught - . - 2
    .set n, n + 1
    .endr
    .endm
vector_stubs:
    STUBS 0, 128
    .set n, 128
    .rept 128
    .byte 0x6a, n - 128 /* 2-byte push of a small number; `caught` can't tell, so high vectors report n - 128 */
    .byte 0xe9
    .word caught - . - 2
    .set n, n + 1
    .endr

/* On the stack: vector, IP, CS, FLAGS. Noted; then on at fault_resume with the stack as before the fault. */
caught:
    mov %sp, %cs:caught_sp - IMAGE
    popw %cs:caught_vector - IMAGE
    popw %cs:caught_ip - IMAGE
    popw %cs:caught_cs - IMAGE
    popw %cs:caught_flags - IMAGE
    cmpw $0, %cs:fault_resume - IMAGE
    je 1f
    push %cs:fault_resume - IMAGE
    movw $0, %cs:fault_resume - IMAGE
    ret
1:  /* nobody expected it */
    mov $IMAGE_SEG, %ax
    mov %ax, %ds
    movzwl caught_vector - IMAGE, %eax
    shl $16, %eax
    mov caught_ip - IMAGE, %ax
    xor %ebx, %ebx
    mov $text_unexpected - IMAGE, %si
    call report
    jmp finish
    .pushsection .data
    .balign 2
fault_resume: .word 0
caught_sp: .word 0
caught_vector: .word 0
caught_ip: .word 0
caught_cs: .word 0
caught_flags: .word 0
text_unexpected: .asciz "unexpected interrupt (vector, ip)"
    .popsection

.macro EXPECT name:req, want:req
    pushl %ebx
    push %si
    pushf
    TEXT t_\@, "\name"
    mov $\want, %ebx
    mov $t_\@ - IMAGE, %si
    popf
    call report
    pop %si
    popl %ebx
.endm

.macro EXPECT_FLAGS name:req, mask:req, want:req
    pushl %eax
    pushfl
    pushfl
    popl %eax
    andl $\mask, %eax
    EXPECT "\name", \want
    popfl
    popl %eax
.endm

/* The result is vector * 65536 + (saved IP - address of the instruction). */
.macro FAULT name:req, vector:req, insn:vararg
    movw $f_\@ - IMAGE, %cs:fault_resume - IMAGE
    movw $-1, %cs:caught_vector - IMAGE
i_\@:
    \insn
f_\@:
    movw $0, %cs:fault_resume - IMAGE
    pushl %eax
    movzwl %cs:caught_vector - IMAGE, %eax
    shl $16, %eax
    mov %cs:caught_ip - IMAGE, %ax
    sub $i_\@ - IMAGE, %ax
    EXPECT "\name", \vector << 16
    popl %eax
.endm
