/* SPDX-License-Identifier: MIT */
/*
 * A guest that every timer of a PC interrupts, for tests of saved states: 32-bit, flat, no paging. Its checksum depends
 * on the order of all interrupts and on the time stamp counter at each, so that whatever is lost or late in a restored
 * machine shows in what it prints.
 */
#include "tests/unit/state/state_guest.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RAM: IDT 1000h, checksum 500h, counters by vector 800h, a fill at 20000h. ROM at F0000h. */
__asm__(
    ".pushsection .rodata\n"
    ".macro put port, value\n  mov $\\value, %al\n  mov $\\port, %dx\n  out %al, %dx\n .endm\n"
    /* the checksum's next value, of the vector and of what is in EAX */
    ".macro isr name, vector\n"
    "\\name: pushal\n  mov $\\vector, %ecx\n  jmp common_\\name\n"
    ".endm\n"
    ".code16\n"
    "state_guest:\n"
    "  cli\n  lgdtl %cs:gdt_pointer - state_guest\n"
    "  mov %cr0, %eax\n  or $1, %al\n  mov %eax, %cr0\n"
    "  ljmpl $8, $0xf0000 + flat - state_guest\n"
    ".balign 8\n"
    "gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
    "gdt_pointer: .word 23\n  .long 0xf0000 + gdt - state_guest\n"
    "idt_pointer: .word 0x7ff\n  .long 0x1000\n"
    /* vector, handler */
    "gates: .long 0x20, pit - state_guest, 0x21, keyboard - state_guest, 0x24, uart - state_guest\n"
    "  .long 0x28, rtc - state_guest, 0x30, lapic - state_guest, 0x31, hpet - state_guest\n"
    "  .long 1, db - state_guest, 6, ud - state_guest, 0x80, soft - state_guest\n"
    "gates_end:\n"
    ".code32\n"
    "flat:\n"
    "  mov $16, %eax\n  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %ss\n  mov $0x7000, %esp\n  cld\n"
    "  mov $0x1000, %edi\n  mov $256, %ecx\n" /* all gates to `other` */
    "1: movl $0x80000 + other - state_guest, (%edi)\n  movw $0x8e00, 4(%edi)\n  movw $0xf, 6(%edi)\n"
    "  add $8, %edi\n  loop 1b\n"
    "  mov $0xf0000 + gates - state_guest, %esi\n"
    "2: mov (%esi), %eax\n  mov 4(%esi), %ebx\n  or $0x80000, %ebx\n  mov %ebx, 0x1000(,%eax,8)\n"
    "  add $8, %esi\n  cmp $0xf0000 + gates_end - state_guest, %esi\n  jb 2b\n"
    "  lidt 0xf0000 + idt_pointer - state_guest\n"
    "  mov %cr4, %eax\n  or $0x600, %eax\n  mov %eax, %cr4\n  fninit\n  fldz\n  pxor %xmm0, %xmm0\n"
    /* 8259s: vectors 20h and 28h; inputs 0, 1, 2, 4 and 8 */
    "  put 0x20, 0x11\n  put 0x21, 0x20\n  put 0x21, 4\n  put 0x21, 1\n  put 0x21, 0xe8\n"
    "  put 0xa0, 0x11\n  put 0xa1, 0x28\n  put 0xa1, 2\n  put 0xa1, 1\n  put 0xa1, 0xfe\n"
    /* 8254: each 50 us << slower; RTC: each 122 us << slower; 8042: keyboard's interrupt on */
    "  mov 0xfff00, %cl\n  put 0x43, 0x34\n  mov $60, %eax\n  shl %cl, %eax\n  out %al, $0x40\n"
    "  mov %ah, %al\n  out %al, $0x40\n"
    "  put 0x70, 0x0a\n  mov $0x23, %al\n  add %cl, %al\n  out %al, $0x71\n  put 0x70, 0x0b\n  put 0x71, 0x42\n"
    "  put 0x64, 0x60\n  put 0x60, 1\n"
    /* 16550: 9600 8N1, FIFOs with trigger 8, interrupts for input and for an empty transmitter */
    "  put 0x3fb, 0x83\n  put 0x3f8, 12\n  put 0x3f9, 0\n  put 0x3fb, 3\n  put 0x3fa, 0x81\n  put 0x3fc, 0x0b\n"
    "  put 0x3f9, 3\n"
    /* I/O APIC pin 20 to vector 31h, HPET timer 0 to it each 37 us << slower */
    "  movl $0x39, 0xfec00000\n  movl $0, 0xfec00010\n  movl $0x38, 0xfec00000\n  movl $0x31, 0xfec00010\n"
    "  mov $3700, %eax\n  shl %cl, %eax\n"
    "  movl $20 << 9 | 0x4c, 0xfed00100\n  mov %eax, 0xfed00108\n  mov %eax, 0xfed00108\n"
    "  movl $1, 0xfed00010\n"
    /* local APIC: timer each 41 us << slower to vector 30h */
    "  mov $2562, %eax\n  shl %cl, %eax\n"
    "  movl $0x1ff, 0xfee000f0\n  movl $3, 0xfee003e0\n  movl $0x20030, 0xfee00320\n  mov %eax, 0xfee00380\n"
    "  mov $1, %eax\n  cpuid\n  and $1 << 30, %ecx\n  mov %ecx, 0x508\n" /* has RDRAND */
    "  movl $1, 0x500\n  sti\n"
    /* what an instruction leaves to the next one: steps, within REP too, shadows, faults, HLT */
    "  movl $1, 0x50c\n  pushf\n  orl $0x100, (%esp)\n  popf\n"
    "  mov $5, %ecx\n  mov $0x30000, %esi\n  mov $0x31000, %edi\n  rep movsb\n"
    "  mov %ss, %eax\n  mov %eax, %ss\n  nop\n  int $0x80\n  ud2\n  cli\n  sti\n  nop\n"
    "  pushf\n  andl $~0x100, (%esp)\n  popf\n"
    "  mov $300, %ecx\n  mov $0x30000, %esi\n  mov $0x32000, %edi\n  rep movsb\n"
    "  mov $200, %ecx\n  mov $0x33000, %edi\n  mov $7, %eax\n  rep stosl\n"
    "  mov %eax, %dr0\n  hlt\n  sti\n  hlt\n  movl $2, 0x50c\n"
    "  xor %ebp, %ebp\n  mov $12345, %esi\n"
    /* the work, EBP counts */
    "3: imul $1664525, %esi, %esi\n  add $1013904223, %esi\n"
    "  mov %ebp, %edi\n  and $0x3fff, %edi\n  mov %esi, 0x20000(,%edi,4)\n"
    "  movd %esi, %xmm1\n  paddd %xmm1, %xmm0\n  fld1\n  faddp\n"
    "  cmpl $0, 0x508\n  je 11f\n  rdrand %eax\n  xor %eax, 0x504\n11:"
    "  test $31, %ebp\n  jnz 4f\n" /* a letter, from time to time */
    "  mov 0x500, %al\n  and $15, %al\n  add $'a', %al\n  mov $0x3f8, %dx\n  out %al, %dx\n"
    "4: test $127, %ebp\n  jnz 5f\n  put 0x60, 0xee\n"                     /* the keyboard answers */
    "5: mov %ebp, %eax\n  shr $6, %eax\n  and $2, %al\n  out %al, $0x92\n" /* A20 off and on */
    "  push %edi\n  mov $0x100700, %edi\n  mov %ebp, (%edi)\n  pop %edi\n" /* at 700h while it is off */
    "  test $255, %ebp\n  jnz 6f\n  hlt\n"
    "6: inc %ebp\n  cmp $6000, %ebp\n  jb 3b\n"
    "12: cmpb $0, 0xfff00\n  je 13f\n  cmpl $0, 0x7f4\n  je 12b\n"                     /* its host says when */
    "13: cmpl $3, 0x800 + 4 * 0x20\n  jb 12b\n  cmpl $3, 0x800 + 4 * 0x28\n  jb 12b\n" /* each has come */
    "  cmpl $3, 0x800 + 4 * 0x30\n  jb 12b\n  cmpl $3, 0x800 + 4 * 0x31\n  jb 12b\n"
    "  cli\n  mov $8, %ecx\n  mov 0x500, %ebx\n  mov $0x3f8, %dx\n" /* the checksum, as letters */
    "7: mov %bl, %al\n  and $15, %al\n  add $'A', %al\n  out %al, %dx\n  shr $4, %ebx\n  loop 7b\n"
    "  fistpl 0x510\n  movups %xmm0, 0x520\n"
    "8: mov $0xaa, %al\n  out %al, $0xf4\n  hlt\n  jmp 8b\n"
    "isr pit, 0x20\n  isr keyboard, 0x21\n  isr uart, 0x24\n  isr rtc, 0x28\n  isr lapic, 0x30\n  isr hpet, 0x31\n"
    "isr db, 1\n  isr ud, 6\n  isr soft, 0x80\n"
    "other: incl 0x7f0\n  iret\n"
    "common_pit: xor %eax, %eax\n  out %al, $0x43\n  in $0x40, %al\n  mov %al, %ah\n  in $0x40, %al\n  jmp end_pic\n"
    "common_keyboard: in $0x60, %al\n  movzbl %al, %eax\n  jmp end_pic\n"
    "common_uart: xor %ebx, %ebx\n" /* until it has no more to say: its line must fall */
    "9: mov $0x3fa, %dx\n  xor %eax, %eax\n  in %dx, %al\n  imul $7, %ebx, %ebx\n  add %eax, %ebx\n"
    "  test $1, %al\n  jnz 10f\n  mov $0x3fd, %dx\n  in %dx, %al\n  test $1, %al\n  jz 9b\n"
    "  mov $0x3f8, %dx\n  in %dx, %al\n  add %eax, %ebx\n  jmp 9b\n"
    "10: mov %ebx, %eax\n  jmp end_pic\n"
    "common_rtc: mov $0x0c, %al\n  out %al, $0x70\n  in $0x71, %al\n  movzbl %al, %eax\n"
    "  push %eax\n  mov $0x20, %al\n  out %al, $0xa0\n  pop %eax\n  jmp end_pic\n"
    "common_lapic: mov 0xfee00390, %eax\n  jmp end_apic\n"
    "common_hpet: mov 0xfec00010, %eax\n  jmp end_apic\n"
    "common_db: mov $0xffff0ff0, %ebx\n  mov %dr6, %eax\n  mov %ebx, %dr6\n  jmp mix\n"
    "common_ud: addl $2, 32(%esp)\n"
    "common_soft: xor %eax, %eax\n  jmp mix\n"
    "end_apic: movl $0, 0xfee000b0\n  jmp mix\n"
    "end_pic: push %eax\n  mov $0x20, %al\n  out %al, $0x20\n  pop %eax\n"
    "mix: incl 0x800(,%ecx,4)\n  mov %eax, %ebx\n  rdtsc\n  add %ebx, %eax\n  add 32(%esp), %eax\n  add 40(%esp), "
    "%eax\n  add %ecx, %eax\n"
    "  imul $33, 0x500, %ebx\n  add %eax, %ebx\n  mov %ebx, 0x500\n  popal\n  iret\n"
    "state_guest_end:\n"
    ".code64\n"
    ".popsection\n");
extern const uint8_t state_guest[], state_guest_end[];

void state_guest_write(char path[64], uint8_t slower) {
    static uint8_t rom[65536];
    memcpy(rom, state_guest, (size_t)(state_guest_end - state_guest));
    rom[0xff00] = slower;
    memcpy(rom + 0xfff0, "\xea\x00\x00\x00\xf0", 5); /* jmp F000:0000 */
    strcpy(path, "/tmp/twin86-state-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, rom, sizeof(rom)), sizeof(rom));
    close(fd);
}

void state_guest_result(Twin86Machine *m, struct StateGuestResult *r) {
    twin86_read_memory(m, 0x20000, r->filled, sizeof(r->filled));
    twin86_read_memory(m, 0x510, r->rounds, sizeof(r->rounds));
    twin86_read_memory(m, 0x520, r->sums, sizeof(r->sums));
}
