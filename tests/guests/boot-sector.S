/* SPDX-License-Identifier: MIT */
/*
 * A disk of four sectors that a BIOS boots: the first loads the second by INT 13h as CHS has it, that one the third as
 * LBA (EDD), writes it back to the fourth, reads that again, and ends twin86 with exit code 65h.
 */
    .code16
    .globl _start
_start:
    ljmp $0, $1f
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    mov %dl, drive
    mov $text_sector, %si
    call print
    mov $0x0201, %ax /* one sector: cylinder 0, head 0, sector 2 */
    mov $0x0002, %cx
    xor %dh, %dh
    mov $second, %bx
    int $0x13
    jc failed
    cmpw $0x2222, second
    jne failed
    jmp second + 2

failed:
    mov $text_failed, %si
    call print
    jmp .

print:
    lodsb
    test %al, %al
    jz 1f
    mov $0x0e, %ah
    mov $7, %bx
    int $0x10
    jmp print
1:  ret

drive: .byte 0
text_sector: .asciz "\r\nBoot sector\r\n"
text_failed: .asciz "The disk can't be read as it should\r\n"
    .org 510
    .word 0xaa55

second:
    .word 0x2222
    mov $0x42, %ah /* extended read */
    mov $2, %al
    call transfer
    cmpw $0x3333, 0x8000
    jne failed
    movw $0x4444, 0x8000
    mov $0x43, %ah /* extended write */
    mov $3, %al
    call transfer
    movw $0, 0x8000
    mov $0x42, %ah
    mov $3, %al
    call transfer
    cmpw $0x4444, 0x8000
    jne failed
    mov $text_good, %si
    call print
    mov $0x32, %al
    out %al, $0xf4
    jmp .

/* AH: read or write; AL: which sector, at 8000h. */
transfer:
    mov %al, packet + 8
    mov $0, %al
    mov drive, %dl
    mov $packet, %si
    int $0x13
    jc failed
    ret

packet:
    .byte 16, 0
    .word 1
    .word 0x8000, 0
    .quad 0
text_good: .asciz "Read and written\r\n"
    .org 1024
    .word 0x3333
    .org 2048
