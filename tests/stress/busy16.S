/* SPDX-License-Identifier: MIT */
/*
 * All CPUs compute for as long as the first one's count lasts, with a timer interrupt every 10 ms. Each has asked by
 * KVM's MSR how much time the host steals from it, and says so. The last one resets the machine: -no-reboot ends it.
 */
    .code16
    .text
#define NUMBER 0x500   /* tickets: how many CPUs have come */
#define LOCK 0x504     /* of the serial port */
#define DONE 0x508
#define STOP 0x50c     /* the first one's count is over */
#define PAGES 0x1000   /* of steal time, 64 bytes each */
#define STACKS 0x4000  /* 256 bytes each */
#define ROUNDS 12
#define TIMER_VECTOR 0x40
#define PERIOD 10000000

.macro WRITE_MSR msr:req, value:req
    mov $\msr, %ecx
    mov $\value, %eax
    xor %edx, %edx
    wrmsr
.endm

/* Where each of them begins, F000:0. */
busy:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $1, %eax
    lock xadd %eax, NUMBER
    mov %eax, %esi              /* who it is, in order of arrival */
    mov %eax, %esp
    shl $8, %esp
    add $STACKS + 256, %esp
    mov %eax, %edi
    shl $6, %edi
    add $PAGES, %edi
    mov $0x40000000, %eax
    cpuid
    cmp $0x4b4d564b, %ebx       /* "KVMK" */
    jne 1f
    mov $0x40000001, %eax
    cpuid
    test $1 << 5, %al
    jz 1f
    mov $0x4b564d03, %ecx
    mov %edi, %eax
    or $1, %eax
    xor %edx, %edx
    wrmsr
1:  mov $0x1b, %ecx
    rdmsr
    or $0xc00, %eax
    wrmsr
    WRITE_MSR 0x80f, 0x1ff                    /* enabled */
    WRITE_MSR 0x83e, 0xb                      /* divided by 1 */
    WRITE_MSR 0x832, 1 << 17 | TIMER_VECTOR   /* periodic */
    WRITE_MSR 0x838, PERIOD
    sti
    mov $ROUNDS, %ebp
2:  mov $10000000, %ecx
3:  dec %ecx
    jnz 3b
    cmpb $0, STOP
    jne 4f
    test %esi, %esi
    jnz 2b                      /* others compute on */
    dec %ebp
    jnz 2b
    movb $1, STOP
4:  cli
    call tell
    mov $1, %eax
    lock xadd %eax, DONE
    mov %eax, %ebx
    mov $0x5f, %al              /* CMOS: how many there are, less one */
    out %al, $0x70
    in $0x71, %al
    cmp %al, %bl
    jne 5f
    mov $6, %al
    mov $0xcf9, %dx
    out %al, %dx
5:  hlt
    jmp 5b

/* "1: 123 ms stolen" */
tell:
    lock btsl $0, LOCK
    pause
    jc tell
    mov %esi, %eax
    call print_number
    mov $text_from, %bx
    call print_text
    mov (%edi), %eax
    mov 4(%edi), %edx
    mov $1000000, %ecx
    div %ecx
    call print_number
    mov $text_stolen, %bx
    call print_text
    movl $0, LOCK
    ret

print_number:                   /* EAX */
    xor %edx, %edx
    mov $10, %ecx
    div %ecx
    push %dx
    test %eax, %eax
    jz 1f
    call print_number
1:  pop %ax
    add $'0', %al
    jmp print_char

print_text:                     /* CS:BX */
    mov %cs:(%bx), %al
    inc %bx
    test %al, %al
    jz 1f
    call print_char
    jmp print_text
1:  ret

print_char:                     /* AL */
    mov %al, %ah
    mov $0x3fd, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $0x3f8, %dx
    mov %ah, %al
    out %al, %dx
    ret

timer:
    push %eax
    push %ecx
    push %edx
    WRITE_MSR 0x80b, 0
    pop %edx
    pop %ecx
    pop %eax
    iret

text_from: .asciz ": "
text_stolen: .asciz " ms stolen\r\n"

/* The first: x2APIC mode, the timer's vector, all others. */
start:
    xor %ax, %ax
    mov %ax, %ds
    movw $timer, TIMER_VECTOR * 4
    movw $0xf000, TIMER_VECTOR * 4 + 2
    mov $0x3fb, %dx
    mov $3, %al                 /* characters of 8 bits */
    out %al, %dx
    mov $0x1b, %ecx
    rdmsr
    or $0xc00, %eax
    wrmsr
    WRITE_MSR 0x830, 0xc4500    /* INIT, all but self */
    WRITE_MSR 0x830, 0xc46f0    /* start-up, F000:0 */
    ljmp $0xf000, $busy

    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
