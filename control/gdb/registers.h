/* SPDX-License-Identifier: MIT */
/**
 * The registers that gdb sees, in its order, and their description in XML (gdb's manual, appendix G). gdb asks for the
 * description when it connects and can't change it later, so it depends on the guest's kernel, or on the CPU's mode at
 * that time. Outside of long mode 64-bit registers show their lower halves alone, which is what is there to be seen.
 *
 * The program counter is linear in every mode: CS.base + IP. gdb knows no segments; so its breakpoints, `x/i $pc` and
 * symbols of flat ELF files are right in real mode, too.
 */
#ifndef TWIN86_DEBUG_GDB_REGISTERS_H
#define TWIN86_DEBUG_GDB_REGISTERS_H

#include "cpu/cpu.h"

#include <stdio.h>

enum GdbArch {
    GDB_I8086,  /* 16-bit code: gdb disassembles it so; registers have 32 bits */
    GDB_I386,   /* 32-bit code */
    GDB_X86_64, /* long mode, compatibility mode included: registers have 64 bits */
    GDB_ARCHES,
};

enum { GDB_REGISTER_MAX = 16 }; /* bytes of the largest */

/** The one that fits the CPU's present mode. env up to date. */
enum GdbArch gdb_arch(const CPUX86State *env);
/** The one that fits a guest: by its kernel's file, since gdb is given that file, and a kernel of 64-bit code begins in
 *  32-bit mode; or more, if the CPU's present mode has more; without one by that mode. `kernel_bits`: boot_kernel_bits.
 */
enum GdbArch gdb_guest_arch(unsigned kernel_bits, const CPUX86State *env);
/** As gdb names it: "i386:x86-64". */
const char *gdb_arch_name(enum GdbArch arch);

/** How many registers this CPU has in that description. */
unsigned gdb_register_count(const struct CPUState *cpu, enum GdbArch arch);
/** The n-th register's bytes, little-endian; how many they are, 0 if there is no such register. env up to date. */
unsigned gdb_register_get(struct CPUState *cpu, enum GdbArch arch, unsigned n, uint8_t bytes[GDB_REGISTER_MAX]);
/** Its size alone. */
unsigned gdb_register_size(const struct CPUState *cpu, enum GdbArch arch, unsigned n);
/** Set it. False: it can't be (no such register; a selector in protected mode; control registers but CR2, CR3 and CR8;
 *  an RIP outside of CS). The same value as it has can always be set. */
bool gdb_register_set(struct CPUState *cpu, enum GdbArch arch, unsigned n, const uint8_t *bytes);

/** The description, as the file target.xml. */
void gdb_describe(const struct CPUState *cpu, enum GdbArch arch, FILE *f);

#endif
