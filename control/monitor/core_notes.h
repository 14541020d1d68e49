/* SPDX-License-Identifier: MIT */
/** The notes of an ELF core file: each CPU's registers as gdb and crash want them. */
#ifndef TWIN86_DEBUG_MONITOR_CORE_NOTES_H
#define TWIN86_DEBUG_MONITOR_CORE_NOTES_H

#include "cpu/env.h"

#include <stddef.h>

enum { CORE_NOTES_MAX = 4096 };

/** Write those of CPU `index` to `notes`, of CORE_NOTES_MAX bytes; how many they are. `wide`: for an x86-64 core, else
 * for an i386 one. NT_PRSTATUS and NT_X86_XSTATE (Linux's struct elf_prstatus and XSAVE area), for x86-64 also
 * NT_PRFPREG and the note "QEMU", in which crash finds control registers and tables. */
size_t core_notes(const CPUX86State *env, unsigned index, bool wide, uint8_t *notes);

#endif
