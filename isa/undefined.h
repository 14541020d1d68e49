/* SPDX-License-Identifier: MIT */
/** Lengths of what is no instruction; for the decoder. */
#ifndef TWIN86_ISA_UNDEFINED_H
#define TWIN86_ISA_UNDEFINED_H

#include "isa/isa.h"

enum { TAIL_Z = 0x80 /* 2 or 4, by operand size */, TAIL_FAR /* and 2 more */ };

/** What follows an opcode: a ModRM byte with SIB and displacement, and bytes of an immediate (or TAIL_*). */
struct X86Tail {
    bool modrm;
    uint8_t immediate;
};

/** What follows this opcode, which is no instruction of this model. `map` may be one that no row has (VEX). */
struct X86Tail x86_undefined_tail(const struct CpuModel *model, enum X86Map map, uint8_t opcode);

/** Bytes of ModRM, SIB and displacement; `sib` counts only where ModRM asks for one. */
unsigned x86_modrm_bytes(uint8_t modrm, uint8_t sib, bool address16);

#endif
