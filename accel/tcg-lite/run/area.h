/* SPDX-License-Identifier: MIT */
/**
 * Memory operands of several parts: far pointers, bounds, descriptor tables' registers, 80-bit numbers, images of the
 * x87's and vector state. Each part has an address of its own: the operand's offset plus where the part stands in it,
 * cut to the address size. So an operand whose offset is near the end of 64 KiB (16-bit addresses) or 4 GiB (32-bit
 * ones, in 64-bit code as well) goes on at offset 0, between parts; a part that reaches over that end is checked
 * against the segment's limit as any operand is. With 16-bit addresses as an 80286 and an Intel Xeon do; all parts
 * measured on AMD family 1Ah with 32-bit addresses in 64-bit code, those of save areas with a segment base that is no
 * multiple of 64.
 */
#ifndef TWIN86_TCG_AREA_H
#define TWIN86_TCG_AREA_H

#include "accel/tcg-lite/run/mem.h"

/** What an operand is made of. */
enum MemParts {
    PARTS_BYTES,  /* MASKMOVQ, MASKMOVDQU */
    PARTS_TABLE,  /* 2 bytes, and the others: LGDT and its kin */
    PARTS_M80,    /* 8 bytes and 2 */
    PARTS_X87_16, /* 7 of 2 bytes, then eight times PARTS_M80: FSTENV, FSAVE */
    PARTS_X87_32, /* 7 of 4 bytes, then the same */
    PARTS_SAVE,   /* FXSAVE, XSAVE: registers, and halves of the x87's */
};

/** An operand's bytes: from `linear` on, but from byte `first` on they are at `rest`. */
struct MemArea {
    uint64_t linear, rest;
    unsigned first; /* size of the operand when it does not wrap */
};

/** Offset -> linear for the ModRM operand of n bytes. Raises what mem_linear raises, for all parts. */
struct MemArea mem_area(struct Tcg *t, const struct Insn *i, enum MemParts parts, unsigned n, enum Access access);
/** The same for an operand at another offset (already cut to the address size). */
struct MemArea mem_area_at(struct Tcg *t, const struct Insn *i, enum MemParts parts, uint64_t offset, unsigned n,
                           enum Access access);
/** n bytes that begin at byte `at` of it, all-or-nothing as mem_load_bytes and mem_store_bytes are. */
void mem_area_load(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, void *buf, unsigned n);
void mem_area_store(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, const void *buf,
                    unsigned n);
/** The faults that such a store would raise; otherwise nothing. */
void mem_area_probe_write(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, unsigned n);
/* The same, never #AC. */
void mem_area_store_unaligned(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at,
                              const void *buf, unsigned n);
void mem_area_probe_write_unaligned(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at,
                                    unsigned n);
/** The fault of one byte, never #AC. */
void mem_area_probe_byte(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, bool write);

/** The linear address of the one part of `size` bytes that stands `at` bytes into the ModRM operand. */
uint64_t mem_part(struct Tcg *t, const struct Insn *i, unsigned at, unsigned size, enum Access access);

/* The ModRM operand of 80 bits, where it is not in one page that the TLB knows. */
void mem_load_m80(struct Tcg *t, const struct Insn *i, void *buf);
void mem_store_m80(struct Tcg *t, const struct Insn *i, const void *buf);
/** The faults of such a store; Intel's processors have stored the low 64 bits when those of the others come
 *  (RULE_M80_STORE_PARTIAL). */
void mem_probe_m80(struct Tcg *t, const struct Insn *i, uint64_t low);

/** True when bytes of the ModRM operand of n bytes lie on both sides of the end of the address size. */
ALWAYS_INLINE bool mem_wraps(const CPUX86State *env, const struct Insn *i, unsigned n) {
    uint64_t last = ea_offset(env, i) + n - 1;
    return i->asize != 3 && UNLIKELY(last > (i->asize == 1 ? UINT16_MAX : UINT32_MAX));
}

/** True when the ModRM operand of n bytes ends beyond its segment's limit. */
ALWAYS_INLINE bool mem_beyond_limit(const struct Tcg *t, const struct Insn *i, unsigned n) {
    const CPUX86State *env = t->env;
    return (t->mode & MODE_CODE) != MODE_CODE64 && !segment_holds(&env->seg[i->seg], (uint32_t)ea_offset(env, i), n);
}

#endif
