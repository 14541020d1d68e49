/* SPDX-License-Identifier: MIT */
/* 32-bit protected mode, ring 0: descriptor checks, limits, types, LDT, far transfers, gates that are wrong. */
#include "tests/guests/guest32.h"

#define FREE0 SEL_FREE
#define FREE1 0x48
#define FREE2 0x50

test:
    call limits
    call expand_down
    call types
    call loading
    call stack_segment
    call ldt
    call queries
    call far_jumps
    call bad_gates
    call code16
    call unreal
    ret

limits:
    DESCRIPTOR FREE0, 0x30000, 0xff, 0x92, 0x4
    mov $FREE0, %eax
    mov %ax, %es
    movl $0xcafe1234, 0x30000
    mov %es:0, %eax
    EXPECT "segment base", 0xcafe1234
    NOFAULT "last dword", movl $0x55, %es:0xfc
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "dword across the limit", 13, 0, movl $0, %es:0xfd
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "byte beyond the limit", 13, 0, movb $0, %es:0x100
    mov 0x300fc, %eax
    EXPECT "nothing was written", 0x55
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "negative offset", 13, 0, movb $0, %es:-1
    mov $FREE0, %eax
    mov %ax, %es
    mov $0xfe, %edi
    mov $4, %ecx
    mov $0xaa, %al
    TRY 1f
    rep stosb
1:  mov %ecx, %edx
    CAUGHT "rep stosb across the limit", 13, 0
    mov %edx, %eax
    EXPECT "rep stosb: ECX at the fault", 2
    mov %edi, %eax
    EXPECT "rep stosb: EDI at the fault", 0x100
    mov 0x300fc, %eax
    EXPECT "rep stosb wrote up to the limit", 0xaaaa0055
    DESCRIPTOR FREE0, 0, 0, 0x92, 0xc
    mov $FREE0, %eax
    mov %ax, %es
    NOFAULT "limit 0 with G covers a page", movb %es:0xfff, %al
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "and no more", 13, 0, movb %es:0x1000, %al
    ret

expand_down:
    DESCRIPTOR FREE0, 0x30000, 0xfff, 0x96, 0x4
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "expand-down: at the limit", 13, 0, movb %es:0xfff, %al
    mov $FREE0, %eax
    mov %ax, %es
    NOFAULT "expand-down: above", movb %es:0x1000, %al
    mov $FREE0, %eax
    mov %ax, %es
    NOFAULT "expand-down, B: far above", movb %es:0x10000, %al
    DESCRIPTOR FREE0, 0x30000, 0xfff, 0x96, 0
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "expand-down, not B: above 64 KiB", 13, 0, movb %es:0x10000, %al
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "expand-down, not B: word across 64 KiB", 13, 0, movw %es:0xffff, %ax
    ret

types:
    DESCRIPTOR FREE0, 0, 0xfffff, 0x90, 0xc
    mov $FREE0, %eax
    mov %ax, %es
    FAULT "write to read-only data", 13, 0, movb $0, %es:0x30000
    mov $FREE0, %eax
    mov %ax, %es
    NOFAULT "read of read-only data", movb %es:0x30000, %al
    mov gdt + FREE0 + 4, %eax
    and $0x100, %eax
    EXPECT "loading sets the accessed bit", 0x100
    FAULT "write through CS", 13, 0, movb $0, %cs:0x30000
    NOFAULT "read through CS", movb %cs:0x30000, %al
    DESCRIPTOR FREE0, 0, 0xfffff, 0x98, 0xc
    TRY 1f
    ljmp $FREE0, $2f
2:  movb %cs:0x30000, %al
1:  CAUGHT "read through execute-only CS", 13, 0
    xor %eax, %eax
    mov %ax, %fs
    FAULT "use of a null segment", 13, 0, movb %fs:0, %al
    mov $3, %eax
    mov %ax, %fs
    mov %fs, %eax
    and $0xffff, %eax
    EXPECT "null selectors keep their RPL", 3
    mov $SEL_DATA, %eax
    mov %ax, %fs
    ret

/* MOV to a data segment register from EAX; the register must stay as it was. */
    .macro LOAD_FAULT name, vector, error, selector, reg
    mov $\selector, %ecx
    FAULT "\name", \vector, \error, mov %cx, %\reg
    .endm

loading:
    LOAD_FAULT "load beyond the GDT", 13, 0x80, 0x80, es
    LOAD_FAULT "load beyond the GDT, RPL 3", 13, 0x80, 0x83, es
    LOAD_FAULT "load with TI and no LDT", 13, 0x0c, 0x0c, es
    DESCRIPTOR FREE0, 0, 0xfffff, 0x12, 0xc
    LOAD_FAULT "load of a segment that is not present", 11, FREE0, FREE0, es
    LOAD_FAULT "load of a TSS into DS", 13, SEL_TSS, SEL_TSS, ds
    DESCRIPTOR FREE0, 0, 0xfffff, 0x98, 0xc
    LOAD_FAULT "load of execute-only code into ES", 13, FREE0, FREE0, es
    mov %cs, %ecx
    NOFAULT "load of readable code into FS", mov %cx, %fs
    mov $SEL_DATA + 3, %ecx
    FAULT "RPL 3 and DPL 0", 13, SEL_DATA, mov %cx, %es
    DESCRIPTOR FREE0, 0, 0xfffff, 0x9e, 0xc
    mov $FREE0 + 3, %ecx
    NOFAULT "conforming code: RPL does not matter", mov %cx, %gs
    movl $SEL_TSS, 0x30004
    movl $0x1234, 0x30000
    mov $0x99, %esi
    FAULT "les with a bad selector", 13, SEL_TSS, les 0x30000, %esi
    mov $SEL_DATA, %eax
    mov %ax, %gs
    ret

stack_segment:
    LOAD_FAULT "null into SS", 13, 0, 0, ss
    LOAD_FAULT "RPL 3 into SS", 13, SEL_DATA, SEL_DATA+3, ss
    LOAD_FAULT "DPL 3 into SS", 13, 0x30, 0x30, ss
    DESCRIPTOR FREE0, 0, 0xfffff, 0x90, 0xc
    LOAD_FAULT "read-only data into SS", 13, FREE0, FREE0, ss
    LOAD_FAULT "code into SS", 13, SEL_CODE, SEL_CODE, ss
    DESCRIPTOR FREE0, 0, 0xfffff, 0x12, 0xc
    LOAD_FAULT "SS not present", 12, FREE0, FREE0, ss
    DESCRIPTOR FREE0, 0, 0xbfff, 0x92, 0x4
    mov %esp, 0x30000
    mov $FREE0, %ecx
    TRY 1f
    mov $0xa000, %esp /* the handler pushes there: it must be within the limit */
    mov %cx, %ss
    mov $0xc000, %ebp
    mov (%ebp), %eax
1:  CAUGHT "read beyond SS limit", 12, 0
    TRY 1f
    mov $FREE0, %ecx
    mov $0xbffe, %esp
    mov %cx, %ss
    pop %eax
1:  CAUGHT "pop beyond SS limit", 12, 0
    mov %ss, %eax
    and $0xffff, %eax
    EXPECT "SS is flat again", SEL_DATA
    mov $SEL_DATA, %ecx /* where no limit is checked, nothing has put these back */
    mov %cx, %ss
    mov 0x30000, %esp

    /* A 16-bit stack segment: only SP moves. */
    DESCRIPTOR FREE0, 0, 0xffff, 0x92, 0
    mov $FREE0, %ecx
    mov %esp, %edx
    mov %cx, %ss
    mov $0xabc08000, %esp
    push $0x55
    mov %esp, %eax
    mov $SEL_DATA, %ecx
    mov %cx, %ss
    mov %edx, %esp
    EXPECT "push with a 16-bit stack", 0xabc07ffc
    ret

ldt:
    movl $0x0000ffff, 0x31008
    movl $0x00cf9200, 0x3100c
    DESCRIPTOR FREE0, 0x31000, 0xf, 0x82, 0
    mov $FREE0, %eax
    lldt %ax
    sldt %eax
    and $0xffff, %eax
    EXPECT "sldt", FREE0
    mov $0x0c, %ecx
    NOFAULT "load from the LDT", mov %cx, %es
    LOAD_FAULT "load beyond the LDT", 13, 0x14, 0x14, es
    mov $SEL_DATA, %ecx
    FAULT "lldt of a data segment", 13, SEL_DATA, lldt %cx
    DESCRIPTOR FREE1, 0x31000, 0xf, 0x02, 0
    mov $FREE1, %ecx
    FAULT "lldt not present", 11, FREE1, lldt %cx
    mov $SEL_TSS, %ecx
    FAULT "ltr of a busy TSS", 13, SEL_TSS, ltr %cx
    mov $0, %ecx
    FAULT "ltr of null", 13, 0, ltr %cx
    NOFAULT "lldt of null", lldt %cx
    LOAD_FAULT "the LDT is gone", 13, 0x0c, 0x0c, es
    str %eax
    and $0xffff, %eax
    EXPECT "str", SEL_TSS
    ret

queries:
    mov $SEL_CODE, %ecx
    xor %eax, %eax
    lar %ecx, %eax
    EXPECT_FLAGS "lar sets ZF", 0x40, 0x40
    and $0x00f0fe00, %eax
    EXPECT "lar", 0x00c09a00
    lsl %ecx, %eax
    EXPECT "lsl is in bytes", 0xffffffff
    mov $SEL_TSS, %ecx
    lsl %ecx, %eax
    EXPECT "lsl of a TSS", 0x67
    mov $0x77, %eax
    mov $0, %ecx
    lar %ecx, %eax
    EXPECT_FLAGS "lar of null clears ZF", 0x40, 0
    EXPECT "lar of null leaves the register", 0x77
    GATE gdt+FREE0, SEL_CODE, 0x1234, 0x8c
    mov $0x77, %eax
    mov $FREE0, %ecx
    lsl %ecx, %eax
    EXPECT_FLAGS "lsl of a gate clears ZF", 0x40, 0
    lar %ecx, %eax
    EXPECT_FLAGS "lar of a gate sets ZF", 0x40, 0x40
    mov $SEL_CODE, %ecx
    verr %cx
    EXPECT_FLAGS "verr of code", 0x40, 0x40
    verw %cx
    EXPECT_FLAGS "verw of code", 0x40, 0
    mov $SEL_DATA, %ecx
    verw %cx
    EXPECT_FLAGS "verw of data", 0x40, 0x40
    mov $SEL_DATA + 3, %ecx
    verr %cx
    EXPECT_FLAGS "verr with RPL 3 of DPL 0", 0x40, 0
    mov $0x10, %eax
    mov $0x3, %ecx
    arpl %cx, %ax
    EXPECT_FLAGS "arpl sets ZF when it raises", 0x40, 0x40
    EXPECT "arpl", 0x13
    mov $0x1, %ecx
    arpl %cx, %ax
    EXPECT_FLAGS "arpl clears ZF when it does not", 0x40, 0
    ret

far_jumps:
    TRY 1f
    ljmp $0, $0
1:  CAUGHT "far jump to null", 13, 0
    TRY 1f
    ljmp $SEL_DATA, $0
1:  CAUGHT "far jump to data", 13, SEL_DATA
    TRY 1f
    ljmp $SEL_UCODE, $0
1:  CAUGHT "far jump to ring 3", 13, 0x28
    TRY 1f
    ljmp $0x80, $0
1:  CAUGHT "far jump beyond the GDT", 13, 0x80
    DESCRIPTOR FREE0, 0, 0xfffff, 0x1a, 0xc
    TRY 1f
    lcall $FREE0, $0
1:  CAUGHT "far call to code that is not present", 11, FREE0
    DESCRIPTOR FREE0, 0, 0x0f, 0x9a, 0x4
    TRY 1f
    ljmp $FREE0, $0x10
1:  CAUGHT "far jump beyond the code limit", 13, 0
    mov $0, %eax
    lcall $SEL_CODE, $far_function
    EXPECT "far call and return", 0x1357
    GATE gdt+FREE1, SEL_CODE, far_function, 0x8c
    mov $0, %eax
    lcall $FREE1, $0xdeadbeef
    EXPECT "far call through a gate", 0x1357
    andb $0x7f, gdt + FREE1 + 5
    TRY 1f
    lcall $FREE1, $0
1:  CAUGHT "gate not present", 11, FREE1
    GATE gdt+FREE1, SEL_DATA, far_function, 0x8c
    TRY 1f
    lcall $FREE1, $0
1:  CAUGHT "gate to data", 13, SEL_DATA
    GATE gdt+FREE1, 0, far_function, 0x8c
    TRY 1f
    lcall $FREE1, $0
1:  CAUGHT "gate to null", 13, 0
    TRY 1f
    push $SEL_DATA
    push $0
    lret
1:  CAUGHT "far return to data", 13, SEL_DATA
    TRY 1f
    push $2
    push $SEL_UDATA
    push $0
    iret
1:  CAUGHT "iret to data", 13, 0x30
    ret
far_function:
    mov $0x1357, %eax
    lret

bad_gates:
    GATE idt+0x50*8, SEL_DATA, 0, 0x8e
    FAULT "int: gate to data", 13, SEL_DATA, int $0x50
    GATE idt+0x50*8, SEL_CODE, 0, 0x0e
    FAULT "int: gate not present", 11, 0x50*8+2, int $0x50
    GATE idt+0x50*8, SEL_CODE, 0, 0x8c
    FAULT "int: a call gate in the IDT", 13, 0x50*8+2, int $0x50
    movw $0x50 * 8 + 6, idt_pointer
    lidt idt_pointer
    FAULT "int: beyond the IDT", 13, 0x50*8+2, int $0x50
    movw $0x7ff, idt_pointer
    lidt idt_pointer
    GATE idt+0x50*8, SEL_CODE, 1f, 0x8f
    sti
    int $0x50
    jmp 2f
1:  pushf
    pop %eax
    cli
    and $0x200, %eax
    EXPECT "trap gates leave IF on", 0x200
    iret
2:  cli
    GATE idt+0x50*8, SEL_CODE16, 1f-IMAGE, 0x86
    mov %esp, %edx
    int $0x50
    jmp 2f
    .code16
1:  mov %sp, %ax
    ljmpl $SEL_CODE, $2f /* IRET would not do: the gate saved only 16 bits of EIP */
    .code32
2:  mov %edx, %esp
    sub %ax, %dx
    movzwl %dx, %eax
    EXPECT "16-bit gates push words", 6
    ret

code16:
    xor %eax, %eax
    mov %esp, %edx
    ljmp $SEL_CODE16, $1f - IMAGE
    .code16
1:  mov $0x4321, %ax
    push %ax
    call 3f
    ljmpl $SEL_CODE, $2f
3:  add $0x1111, %ax
    ret
    .code32
2:  EXPECT "16-bit code", 0x5432
    sub %esp, %edx
    mov %edx, %eax
    EXPECT "16-bit push on a 32-bit stack", 2
    add %edx, %esp
    ret

/* Limits stay in the segment registers' hidden parts when protected mode ends. */
unreal:
    movl $0x600df00d, 0x200000
    cli
    lidt idt_real
    ljmp $SEL_CODE16, $1f - IMAGE
    .code16
1:  mov %cr0, %eax
    and $~1, %eax
    mov %eax, %cr0
    ljmp $IMAGE_SEG, $1f - IMAGE
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov $0x200000, %esi
    mov (%esi), %ebx
    lgdtl %cs:gdt_pointer - IMAGE
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $SEL_CODE, $1f
    .code32
1:  mov $SEL_DATA, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    lidt idt_pointer
    mov %ebx, %eax
    EXPECT "unreal mode reads above 64 KiB", 0x600df00d
    ret
    .pushsection .data
    .balign 4
idt_real: .word 0x3ff
    .long 0
    .popsection

    .section .note.GNU-stack, "", @progbits
