/* SPDX-License-Identifier: MIT */
/* Takes the option ROM that starts kernels, built from kernel_rom.S, into the library. */
#include "machine/firmware/kernel.h"

/* The assembler finds the file from the top of the build tree, where the compiler runs. */
__asm__(".pushsection .rodata\n"
        ".globl kernel_rom\n"
        "kernel_rom:\n"
        ".incbin \"machine/firmware/kernel.rom\"\n"
        ".hidden kernel_rom\n"
        ".popsection\n");
