/* SPDX-License-Identifier: MIT */
/*
 * The option ROM that starts a kernel after the BIOS. It is a boot device (BIOS Boot Specification 1.01, 3.2: a boot
 * entry vector in an expansion header), reads its plan (machine/boot/plan_layout.h) from fw_cfg, and follows it: all of
 * it by fw_cfg's DMA, which reaches every address from real mode. What only the BIOS knows, the memory map above all,
 * it writes into the kernel's start information.
 *
 * The ROM may lie anywhere below 1 MiB and is not writable. Its variables are from SCRATCH on, in memory that belongs
 * to whoever is booted; the BIOS's own stack lies below.
 */
#include "machine/boot/plan_layout.h"

#define SCRATCH 0x7000
#define HEAD SCRATCH
#define INFO (HEAD + PLAN_HEAD_SIZE)
#define MAP (INFO + PLAN_INFO_SIZE)
#define MAP_END (MAP + PLAN_MAP_ENTRIES * PLAN_MAP_ENTRY)
#define MAP_COUNT MAP_END
#define STEP (MAP_COUNT + 8)
#define STEP_AT (STEP + STEP_SIZE)
#define DMA (STEP_AT + 8)
#define FLAT (DMA + 16) /* code that is copied here */
#define BIOS_STACK (PLAN_LOWEST - 4)
#define STACK (PLAN_LOWEST - 4)

#define ENTRY_ADDRESS 0 /* within an entry of the map, behind its head */
#define ENTRY_SIZE 8
#define ENTRY_TYPE 16
#define TYPE_RAM 1

#define FW_CFG_DMA 0x514 /* high half; the low half is 4 ports on, and starts */
#define DMA_READ 2
#define DMA_SKIP 4
#define DMA_SELECT 8

#define CODE32 0x10
#define DATA32 0x18

    .code16
    .text
rom:
    .byte 0x55, 0xaa
    .byte (KERNEL_ROM_SIZE / 512)
    lret /* nothing to set up: the BIOS finds the header below */
    .org 0x18
    .word 0 /* of no PCI device */
    .word expansion

    .balign 16
expansion:
    .ascii "$PnP"
    .byte 1, 2       /* revision, length in units of 16 bytes */
    .word 0          /* no further header */
    .byte 0, 0       /* checksum */
    .long 0          /* device */
    .word 0, product /* names */
    .byte 0, 0, 0x80 /* type: other */
    .byte 0x10       /* indicators: boots */
    .word 0, 0       /* boot connection, disconnection */
    .word boot
    .word 0, 0

product:
    .asciz "twin86: the kernel"
text_memory:
    .asciz "twin86: the kernel or its modules do not fit into the memory that the BIOS leaves; use more (-m)\r\n"
text_no_map:
    .asciz "twin86: the BIOS has no memory map (INT 15h, AX=E820h), which the kernel needs\r\n"
text_dma:
    .asciz "twin86: the kernel can't be read from fw_cfg\r\n"

/* ---- the boot entry vector ---- */

boot:
    cld
    pushal
    push %ds
    push %es
    mov %ss, %ax
    mov %sp, %bx
    xor %cx, %cx
    mov %cx, %ds
    mov %cx, %es
    mov %cx, %ss
    mov $STACK, %sp
    mov %bx, BIOS_STACK
    mov %ax, BIOS_STACK + 2
    mov $0x2401, %ax /* A20 on */
    int $0x15
    mov $PLAN_KEY, %eax
    xor %ecx, %ecx
    mov $PLAN_STEPS_AT, %edx
    mov $HEAD, %edi
    call fw_read
    jc fail_dma
    call get_map
    call load_all
    cmpl $PLAN_REAL, HEAD + PLAN_MODE
    je enter_real
    call complete_info
    jmp enter_flat

fail_dma:
    mov $text_dma, %si
    jmp fail
fail_memory:
    mov $text_memory, %si
/* Say it, and let the BIOS boot something else. SI: text. */
fail:
    mov %cs:(%si), %al
    inc %si
    test %al, %al
    jz 1f
    mov $0x0e, %ah
    mov $7, %bx
    push %si
    int $0x10
    pop %si
    jmp fail
1:  lss BIOS_STACK, %sp
    pop %es
    pop %ds
    popal
    lret

/* ---- fw_cfg ---- */

/* EAX: item, ECX: offset, EDX: bytes, EDI: to where. Carry: it could not be done. Changes EAX, ECX. */
fw_read:
    push %edx
    push %edi
    shl $16, %eax
    or $DMA_SELECT | DMA_SKIP, %eax
    mov %ecx, %edx
    xor %edi, %edi
    call fw_dma
    pop %edi
    pop %edx
    jc 1f
    mov $DMA_READ, %eax
    call fw_dma
1:  ret

/* EAX: control, EDX: bytes, EDI: address. Each field is big-endian. */
fw_dma:
    push %edx
    bswap %eax
    mov %eax, DMA
    bswap %edx
    mov %edx, DMA + 4
    movl $0, DMA + 8
    mov %edi, %eax
    bswap %eax
    mov %eax, DMA + 12
    mov $FW_CFG_DMA, %dx
    xor %eax, %eax
    out %eax, %dx
    add $4, %dx
    mov $DMA, %eax
    bswap %eax
    out %eax, %dx
1:  mov DMA, %eax
    bswap %eax
    test $~1, %eax
    jnz 1b
    shr $1, %eax
    pop %edx
    ret

/* ---- memory ---- */

/* The BIOS's memory map, in the form that the kernel wants. */
get_map:
    movl $0, MAP_COUNT
    xor %ebx, %ebx
    mov $MAP, %di
1:  push %di
    mov HEAD + PLAN_MAP_HEAD, %ax
    movl $PLAN_MAP_ENTRY - 4, (%di) /* of multiboot; or the address, which comes now */
    movl $0, PLAN_MAP_ENTRY - 4(%di)
    add %ax, %di
    mov $0xe820, %eax
    mov $0x534d4150, %edx /* "SMAP" */
    mov $20, %ecx
    int $0x15
    pop %di
    jc 2f
    cmp $0x534d4150, %eax
    jne 2f
    add $PLAN_MAP_ENTRY, %di
    incl MAP_COUNT
    cmpl $PLAN_MAP_ENTRIES, MAP_COUNT
    je 2f
    test %ebx, %ebx
    jnz 1b
2:  cmpl $0, MAP_COUNT
    mov $text_no_map, %si
    je fail
    ret

/* EDI, EDX: an address and a size below 4 GiB. Carry: they are not within one range of RAM. */
is_ram:
    mov $MAP, %si
    add HEAD + PLAN_MAP_HEAD, %si
    mov MAP_COUNT, %cx
1:  cmpl $TYPE_RAM, ENTRY_TYPE(%si)
    jne 3f
    cmpl $0, ENTRY_ADDRESS + 4(%si)
    jne 3f
    mov %edi, %eax
    sub ENTRY_ADDRESS(%si), %eax
    jc 3f
    mov ENTRY_SIZE(%si), %ebx
    cmpl $0, ENTRY_SIZE + 4(%si)
    je 2f
    mov $-1, %ebx
2:  sub %eax, %ebx
    jc 3f
    cmp %edx, %ebx
    jae 4f /* and there is no carry */
3:  add $PLAN_MAP_ENTRY, %si
    loop 1b
    stc
4:  ret

/* ---- the plan's steps ---- */

load_all:
    movl $PLAN_STEPS_AT, STEP_AT
1:  cmpl $0, HEAD + PLAN_STEPS
    je 2f
    mov $PLAN_KEY, %eax
    mov STEP_AT, %ecx
    mov $STEP_SIZE, %edx
    mov $STEP, %edi
    call fw_read
    jc fail_dma
    mov STEP + STEP_LENGTH, %edx
    mov STEP + STEP_TO, %edi
    call is_ram
    jc fail_memory
    mov STEP + STEP_KEY, %eax
    mov STEP + STEP_OFFSET, %ecx
    call fw_read
    jc fail_dma
    addl $STEP_SIZE, STEP_AT
    decl HEAD + PLAN_STEPS
    jmp 1b
2:  ret

/* ---- what the BIOS knows, for the start information ---- */

complete_info:
    mov MAP_COUNT, %eax
    mull HEAD + PLAN_MAP_UNIT
    mov HEAD + PLAN_MAP_COUNT, %bx
    mov %eax, INFO(%bx)
    mov HEAD + PLAN_MEMORY, %bx
    test %bx, %bx
    jz 1f
    int $0x12
    movzwl %ax, %eax
    mov %eax, INFO(%bx)
    call upper_memory
    mov %eax, INFO + 4(%bx)
1:  mov HEAD + PLAN_RSDP, %bx
    test %bx, %bx
    jz 2f
    call find_rsdp
    mov %eax, INFO(%bx)
2:  ret

/* EAX: KiB from 1 MiB up to the first hole. */
upper_memory:
    mov $MAP, %si
    add HEAD + PLAN_MAP_HEAD, %si
    mov MAP_COUNT, %cx
1:  cmpl $0x100000, ENTRY_ADDRESS(%si)
    jne 2f
    cmpl $0, ENTRY_ADDRESS + 4(%si)
    jne 2f
    cmpl $TYPE_RAM, ENTRY_TYPE(%si)
    jne 2f
    mov ENTRY_SIZE(%si), %eax
    mov ENTRY_SIZE + 4(%si), %edx
    shrd $10, %edx, %eax
    ret
2:  add $PLAN_MAP_ENTRY, %si
    loop 1b
    xor %eax, %eax
    ret

/* EAX: where ACPI's root pointer lies, 0: nowhere (ACPI specification 5.2.5.1: the first KiB of the EBDA, or E0000h to
 * FFFFFh, each 16 bytes). */
find_rsdp:
    mov 0x40e, %dx
    mov $0x40, %cx
    call 1f
    jnc 3f
    mov $0xe000, %dx
    mov $0x2000, %cx
    call 1f
    jnc 3f
    xor %eax, %eax
    ret
1:  mov %dx, %fs
    cmpl $0x20445352, %fs:0 /* "RSD PTR " */
    jne 2f
    cmpl $0x20525450, %fs:4
    je 4f /* and there is no carry */
2:  inc %dx
    loop 1b
    stc
4:  ret
3:  movzwl %dx, %eax
    shl $4, %eax
    ret

/* ---- to the kernel ---- */

enter_real:
    cli
    mov HEAD + PLAN_STACK + 2, %ax
    mov HEAD + PLAN_STACK, %cx
    mov HEAD + PLAN_ENTRY, %ebx
    mov %ax, %ss
    mov %cx, %sp
    push %ebx
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %fs
    mov %ax, %gs
    xor %eax, %eax
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    lret

enter_flat:
    mov $flat, %si
    mov $FLAT, %di
    mov $flat_end - flat, %cx
    rep movsb %cs:(%si), %es:(%di)
    cli
    lgdtl HEAD + PLAN_GDTR
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $CODE32, $FLAT

    .code32
flat:
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov $INFO, %esi
    mov HEAD + PLAN_INFO_AT, %edi
    mov $PLAN_BLOCK_SIZE, %ecx
    rep movsb
    mov HEAD + PLAN_EAX, %eax
    mov HEAD + PLAN_EBX, %ebx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %ebp, %ebp
    jmp *HEAD + PLAN_ENTRY
flat_end:

    .org KERNEL_ROM_SIZE
