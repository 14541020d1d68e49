/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes block-tool's journal (block_tool.c) to the first ATA disk, in real mode by PIO: records of 4 KiB,
 * each full of its number, from that at `first` on, one in ten pages of the disk; after each seventh a cache flush,
 * the number on COM1 in decimal, and then it waits for a byte from there. Something that fails is "E" and a wait for a
 * byte, after which it is tried again. The whole is copied to RAM at 1000h:0, which is where it runs.
 */
#define COM1 0x3f8
#define ATA 0x1f0
#define BUFFER_SEG 0x3000
#define RECORD_SECTORS 8
#define GAP_SECTORS 80
#define FLUSH_EVERY 7
#define MULTIPLIER 2654435761

    .code16
    .text
start:
    cld
    mov $0xf000, %ax
    mov %ax, %ds
    mov $0x1000, %ax
    mov %ax, %es
    xor %si, %si
    xor %di, %di
    mov $0x1000, %cx
    rep movsb
    ljmp $0x1000, $run

    .org 0x40
first: .long 1 /* the script changes it */

run:
    mov %ax, %ds /* AX is 1000h */
    mov $BUFFER_SEG, %ax
    mov %ax, %es
    mov $0x2000, %ax
    mov %ax, %ss
    mov $0xf000, %sp
    mov $COM1 + 3, %dx
    mov $3, %al
    out %al, %dx
    mov $0x80000904, %eax /* the IDE function's command register: its ports */
    mov $1, %ecx
    call configure
    mov $0x80000940, %eax /* IDETIM: both channels are decoded */
    mov $0x80008000, %ecx
    call configure
    mov $2, %al /* nIEN */
    mov $ATA + 0x206, %dx
    out %al, %dx
    call measure

next:
    call place
    call fill
again:
    mov $0x30, %cl /* WRITE SECTORS */
    call command
    call write_record
    jc broken
    mov first, %eax
    xor %edx, %edx
    mov $FLUSH_EVERY, %ecx
    div %ecx
    test %edx, %edx
    jnz 1f
    mov $0xe7, %cl /* FLUSH CACHE */
    call command
    call wait_ready
    jc broken
    call tell
    call hear
1:  incl first
    jmp next

broken:
    mov $'E', %al
    call put
    mov $'\n', %al
    call put
    call hear
    jmp again

/* ECX into the register of PCI configuration space that EAX names. */
configure:
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    mov %ecx, %eax
    out %eax, %dx
    ret

/* How many places: words 60 and 61 of IDENTIFY DEVICE, by GAP_SECTORS. */
measure:
    mov $0xec, %cl
    call command
    call wait_data
    xor %di, %di
    mov $256, %cx
    mov $ATA, %dx
    rep insw
    mov %es:120, %eax
    xor %edx, %edx
    mov $GAP_SECTORS, %ecx
    div %ecx
    mov %eax, places
    ret

/* number * MULTIPLIER % places * GAP_SECTORS */
place:
    mov first, %eax
    mov $MULTIPLIER, %ecx
    mul %ecx
    mov places, %ecx
    mov %eax, %ebx
    mov %edx, %eax
    xor %edx, %edx
    div %ecx
    mov %ebx, %eax
    div %ecx
    imul $GAP_SECTORS, %edx, %edx
    mov %edx, sector
    ret

fill:
    mov first, %eax
    xor %di, %di
    mov $RECORD_SECTORS * 64, %cx
1:  mov %eax, %es:(%di)
    movl $0, %es:4(%di)
    add $8, %di
    loop 1b
    ret

/* CL: which. */
command:
    call wait_ready
    mov $ATA + 6, %dx
    mov sector + 3, %al
    and $15, %al
    or $0xe0, %al
    out %al, %dx
    mov $ATA + 2, %dx
    mov $RECORD_SECTORS, %al
    out %al, %dx
    inc %dx
    mov sector, %al
    out %al, %dx
    inc %dx
    mov sector + 1, %al
    out %al, %dx
    inc %dx
    mov sector + 2, %al
    out %al, %dx
    mov $ATA + 7, %dx
    mov %cl, %al
    out %al, %dx
    ret

/* Carry: an error. */
write_record:
    xor %si, %si
    mov $RECORD_SECTORS, %bx
1:  call wait_data
    jc 2f
    mov $256, %cx
    mov $ATA, %dx
    rep outsw %es:(%si), %dx
    dec %bx
    jnz 1b
    call wait_ready
2:  ret

wait_ready:
    mov $ATA + 7, %dx
1:  in %dx, %al
    test $0x80, %al
    jnz 1b
    test $0x01, %al
    jz 2f
    stc
2:  ret

/* Until DRQ. */
wait_data:
    call wait_ready
    jc 1f
    test $0x08, %al
    jz wait_data
1:  ret

/* The number, in decimal. */
tell:
    mov first, %eax
    mov $10, %ecx
    xor %bx, %bx
1:  xor %edx, %edx
    div %ecx
    push %dx
    inc %bx
    test %eax, %eax
    jnz 1b
2:  pop %ax
    add $'0', %al
    call put
    dec %bx
    jnz 2b
    mov $'\n', %al

put:
    mov %al, %ah
    mov $COM1 + 5, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov %ah, %al
    mov $COM1, %dx
    out %al, %dx
    ret

hear:
    mov $COM1 + 5, %dx
1:  in %dx, %al
    test $0x01, %al
    jz 1b
    mov $COM1, %dx
    in %dx, %al
    ret

places: .long 0
sector: .long 0

    .org 0xfff0
    ljmp $0xf000, $start
    .org 0x10000
