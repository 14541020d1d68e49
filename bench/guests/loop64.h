/* SPDX-License-Identifier: MIT */
/*
 * A guest that does one thing many times in 64-bit mode, for bench-exits. The file that includes this defines
 * BODY      what is measured; R8 is the loop's counter
 * PREPARE   before each batch (may be empty)
 * SETUP     once, at CPL 0 (may be empty)
 * Assembled as it is the guest runs at CPL 0, with USER defined at CPL 3.
 *
 * IN from PORT_COUNT asks how often, 0 ends; OUT to PORT_DONE says that it is done.
 */
#include "bench/guests/ports.h"

test:
    SETUP
#ifdef USER
    TO_USER batch, 2
#endif
batch:
    mov $PORT_COUNT, %edx
    in %dx, %eax
    test %eax, %eax
    jz 2f
    mov %eax, %r8d
    PREPARE
1:  BODY
    dec %r8d
    jnz 1b
    mov $PORT_DONE, %edx
    out %eax, %dx
    jmp batch
2:  out %al, $PORT_EXIT
3:  jmp 3b
