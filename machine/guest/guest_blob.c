/* SPDX-License-Identifier: MIT */
/* Takes the embedded guest's ROM image, built from this folder, into the library. */
#include "machine/boot/boot.h"

_Static_assert(sizeof(size_t) == 8, "the size below is a quad word");

/* The assembler finds the file from the top of the build tree, where the compiler runs. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".globl embedded_guest\n"
        "embedded_guest:\n"
        ".incbin \"machine/guest/guest.rom\"\n"
        "embedded_guest_end:\n"
        ".balign 8\n"
        ".globl embedded_guest_size\n"
        "embedded_guest_size:\n"
        ".quad embedded_guest_end - embedded_guest\n"
        ".hidden embedded_guest, embedded_guest_size\n"
        ".popsection\n");
