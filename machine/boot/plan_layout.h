/* SPDX-License-Identifier: MIT */
/*
 * The plan by which an option ROM loads a kernel after the BIOS (machine/firmware/kernel_rom.S follows it, plan.c
 * writes it): a head, the start information that the kernel is to find, and steps. Macros, for the assembler includes
 * it, too.
 */
#ifndef TWIN86_MACHINE_PLAN_LAYOUT_H
#define TWIN86_MACHINE_PLAN_LAYOUT_H

/* The head: 32-bit fields, little-endian. Offsets into the start information are 0 where there is no such field. */
#define PLAN_STEPS 0    /* how many */
#define PLAN_MODE 4     /* PLAN_REAL or PLAN_FLAT */
#define PLAN_ENTRY 8    /* flat: address; real: CS << 16 | IP */
#define PLAN_STACK 12   /* real: SS << 16 | SP; all other segments are SS, too */
#define PLAN_EAX 16     /* flat: registers at the entry */
#define PLAN_EBX 20     /* */
#define PLAN_INFO_AT 24 /* flat: where start information and memory map go */
#define PLAN_GDTR 28    /* flat: limit (16 bits), base */
#define PLAN_MAP_HEAD                                                                                                  \
    36 /* bytes in a map's entry before address, size and type: 4 (the entry's size, as multiboot has                  \
          it) or 0 */
#define PLAN_MAP_COUNT 40 /* offset of the field that tells how long the map is */
#define PLAN_MAP_UNIT 44  /* ... and in it an entry counts so much */
#define PLAN_MEMORY 48    /* offset of two fields: KiB below 640 KiB and from 1 MiB on */
#define PLAN_RSDP 52      /* offset of the address of ACPI's root pointer (64 bits) */
#define PLAN_HEAD_SIZE 64
#define PLAN_INFO_SIZE 96
#define PLAN_STEPS_AT (PLAN_HEAD_SIZE + PLAN_INFO_SIZE)

#define PLAN_REAL 0
#define PLAN_FLAT 1

/* A step: bytes of a fw_cfg item to RAM. */
#define STEP_KEY 0
#define STEP_OFFSET 4 /* in the item; what lies beyond its end is zero */
#define STEP_LENGTH 8
#define STEP_TO 12
#define STEP_SIZE 16

/* The memory map behind the start information. */
#define PLAN_MAP_ENTRIES 64
#define PLAN_MAP_ENTRY 24
#define PLAN_BLOCK_SIZE (PLAN_INFO_SIZE + PLAN_MAP_ENTRIES * PLAN_MAP_ENTRY)

/* Low memory up to here is the BIOS's and the ROM's until the kernel starts. */
#define PLAN_LOWEST 0x8000

/* The option ROM, in bytes: a multiple of 512. */
#define KERNEL_ROM_SIZE 1536

/* fw_cfg's numbers for it: twin86's own, no other machine has them (devices/firmware/fw_cfg.h). */
#define PLAN_KEY 0x8030
#define PLAN_KEY_PIECES 0x8031 /* what the loader made: command lines, lists, tables */
#define PLAN_KEY_ZEROES 0x8032 /* an empty item */
#define PLAN_KEY_MODULE 0x8010 /* the first of 32 */

#endif
