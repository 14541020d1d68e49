/* SPDX-License-Identifier: MIT */
/** ELF kernels with a PVH note ("x86/HVM direct boot ABI" of the Xen project): entered in 32-bit mode. */
#ifndef TWIN86_MACHINE_LOAD_PVH_H
#define TWIN86_MACHINE_LOAD_PVH_H

#include "machine/boot/elf.h"
#include "machine/boot/loader.h"

/** True if the file has the note XEN_ELFNOTE_PHYS32_ENTRY; *entry is its physical entry address. */
bool pvh_entry(const struct Elf *elf, uint32_t *entry);
int pvh_load(struct Loader *l);

#endif
