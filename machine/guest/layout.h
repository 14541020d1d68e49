/* SPDX-License-Identifier: MIT */
/* Numbers that the guest's assembly and C share. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

/* Page tables: one page each. */
#define PML4 0x1000
#define PDPT 0x2000
#define PD_LOW 0x3000  /* addresses 0-1 GiB */
#define PD_APIC 0x4000 /* addresses 3-4 GiB */
#define PT_LOW 0x5000  /* 0-2 MiB in 4 KiB pages */
#define PT_USER 0x6000 /* 4-6 MiB: the user program's world */

#define KERNEL_STACK_TOP 0x10000
#define FAULT_STACK_TOP 0xc000

/* Selectors. SYSCALL and SYSRET compute theirs from STAR and so dictate the order (SDM vol. 3, 5.8.8). */
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA 0x20
#define USER_CODE 0x28
#define TASK_STATE 0x30 /* takes two slots */
#define CODE32 0x40     /* only for the way to long mode */
#define GDT_SLOTS 9

/* The user program's addresses. */
#define USER_CODE_ADDR 0x400000
#define USER_LAZY_ADDR 0x500000 /* not mapped until it is touched */
#define USER_STACK_TOP 0x600000

/* System calls: number in RAX, argument in RDI. */
#define CALL_EXIT 0
#define CALL_PRINT 1  /* RDI: zero-terminated text */
#define CALL_NUMBER 2 /* RDI: number to print */

/* Soft-off. Whoever boots a PC first chooses the ports of its ACPI registers, in the configuration space of PCI
 * function 00:01.3 (82371AB data sheet, 7.1: PMBA, PMREGMISC); then PM1 control takes SLP_EN, and SLP_TYP 0, which is
 * S5 as our DSDT says. */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PM_PMBA 0x80000b40
#define PM_PMREGMISC 0x80000b80
#define PM_BASE 0x600
#define PM_CONTROL (PM_BASE + 4)
#define PM_SOFT_OFF 0x2000

#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_CAN_SEND 0x20

#endif
