/* SPDX-License-Identifier: MIT */
/**
 * Guest memory as instructions see it: effective address, segment check, TLB, and the slow paths behind.
 *
 * Every function may raise a fault on behalf of instruction i. Sizes are in bytes. Values are little-endian.
 */
#ifndef TWIN86_TCG_MEM_H
#define TWIN86_TCG_MEM_H

#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/tcg.h"

#include <string.h>

/** How a ModRM memory operand becomes a linear address; a compile-time constant in exec functions. */
enum EaKind {
    EA_BASE,   /* EA_FLAT without index */
    EA_FLAT,   /* 64-bit addressing without segment base */
    EA_FLAT32, /* 32-bit addressing through a flat ES, SS or DS, or in 64-bit code without segment base */
    EA_FULL,   /* any address size, segment base, limit and type checks */
};

enum Access {
    ACCESS_READ = 1,
    ACCESS_WRITE = 2,
    ACCESS_RMW = 3,
    /* beside these: */
    ACCESS_ALIGNED = 4,    /* a misaligned address raises #GP(0), before it may raise #SS (measured) */
    ACCESS_PACKED = 8,     /* the same, unless the guest has set MXCSR.MM (APM vol. 1, 4.2.2) */
    ACCESS_UNALIGNED = 16, /* a misaligned address never raises #AC */
};

/** The offset part alone (LEA), wrapped to the address size. */
ALWAYS_INLINE uint64_t ea_offset(const CPUX86State *env, const struct Insn *i) {
    const uint8_t *g = (const uint8_t *)env->gpr;
    uint64_t ea = *(const uint64_t *)(g + i->base) + (*(const uint64_t *)(g + i->index) << i->scale) +
                  (int64_t)i->disp + i->more_disp;
    return i->asize == 3 ? ea : i->asize == 2 ? (uint32_t)ea : (uint16_t)ea;
}

/** True when [offset, offset + size) lies within the segment (SDM vol. 3, 5.3); expand-down counts from the limit up.
 *  What goes beyond a segment of 4 GiB goes on at offset 0 (measured on Intel's processors; the SDM leaves it open). */
static inline bool segment_holds(const struct X86Segment *s, uint32_t offset, unsigned size) {
    uint64_t last = (uint64_t)offset + size - 1;
    if ((s->ar & (AR_S | AR_CODE | AR_EXPAND_DOWN)) == (AR_S | AR_EXPAND_DOWN))
        return offset > s->limit && last <= (s->ar & AR_DB ? 0xffffffffu : 0xffffu);
    return last <= s->limit || s->limit == UINT32_MAX;
}

/** offset -> linear through segment `seg` with limit, type and null checks (in 64-bit mode only FS/GS bases and the
 *  canonical check). Raises #SS(0) for SS, #GP(0) otherwise. */
uint64_t mem_linear(struct Tcg *t, const struct Insn *i, unsigned seg, uint64_t offset, unsigned size,
                    enum Access access);

/** #GP(0) if `access` asks for alignment and the address has none. */
ALWAYS_INLINE void mem_check_aligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size,
                                     enum Access access) {
    if (UNLIKELY(linear & (size - 1)) && (access & (ACCESS_ALIGNED | ACCESS_PACKED)) &&
        !((access & ACCESS_PACKED) && (t->env->mxcsr & MXCSR_MM)))
        tcg_raise_error(t, i, VEC_GP, 0);
}

/** The ModRM memory operand's linear address. */
ALWAYS_INLINE uint64_t ea_linear(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind kind, unsigned size,
                                 enum Access access) {
    if (kind != EA_FULL) {
        const uint8_t *g = (const uint8_t *)env->gpr;
        uint64_t ea = *(const uint64_t *)(g + i->base) + (int64_t)i->disp;
        if (kind != EA_BASE)
            ea += *(const uint64_t *)(g + i->index) << i->scale;
        if (kind == EA_FLAT32)
            ea = (uint32_t)ea;
        mem_check_aligned(t, i, ea, size, access);
        return ea;
    }
    return mem_linear(t, i, i->seg, ea_offset(env, i), size, access);
}

/* Slow paths: TLB miss, page crossing, MMIO, code pages. Current privilege. */
SLOW_CC uint64_t mem_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
SLOW_CC void mem_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t value);
/**
 * The operand of a locked instruction that one compare has not shown. Raises what a write of it would raise. An operand
 * in one page of RAM: its host address, for a host atomic. NULL: until mem_unlock the other vCPUs stand still, and
 * mem_load_slow and mem_store_slow (or mem_load_bytes and mem_store_bytes) may be used, which raise nothing.
 */
SLOW_CC void *mem_lock(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
/** After the operand was written; `host`: what mem_lock returned. */
SLOW_CC void mem_unlock(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, const void *host);
/* The same as the first two for the stack: a non-canonical address raises #SS. */
SLOW_CC uint64_t mem_load_stack_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
SLOW_CC void mem_store_stack_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t value);
/** Raise the fault that a write of `size` bytes would raise; otherwise return having done nothing. */
void mem_probe_write(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
/* Without alignment checks, whatever CR0.AM and RFLAGS.AC say: moves under a mask, gathers (SDM vol. 2). */
uint64_t mem_load_unaligned_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
void mem_store_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v);
void mem_store_bytes_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, const void *buf, unsigned n);
void mem_load_bytes_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, void *buf, unsigned n);
void mem_probe_write_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
void mem_probe_read_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
/** Raise #AC if CPL 3 has asked for aligned operands and one of n bytes at `linear` is none. */
void mem_check_alignment(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned n);
/* Four half-precision floats, VCVTPH2PS's and VCVTPS2PH's: checked as any vector is, by the vendor. */
uint64_t mem_load_halves_slow(struct Tcg *t, const struct Insn *i, uint64_t linear);
void mem_store_halves_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, uint64_t v);
/** Near CALL with operands of `bits` to a target beyond CS.limit, or one that is not canonical: #GP(0), or what the
 *  push raises, by the vendor (RULE_CALL_PUSHES_FIRST). */
_Noreturn void tcg_call_astray(struct Tcg *t, const struct Insn *i, unsigned bits);
/** The fault of a read of `size` bytes, as mem_probe_write; no device sees anything. */
void mem_probe_read(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size);
/** n bytes with current privilege, all-or-nothing: every page is checked before the first byte moves. */
void mem_load_bytes(struct Tcg *t, const struct Insn *i, uint64_t linear, void *buf, unsigned n);
void mem_store_bytes(struct Tcg *t, const struct Insn *i, uint64_t linear, const void *buf, unsigned n);

/** Supervisor (implicit) accesses: descriptor tables, TSS, interrupt frames that are pushed at CPL < 3. */
uint64_t mem_load_sys(struct Tcg *t, uint64_t linear, unsigned size);
void mem_store_sys(struct Tcg *t, uint64_t linear, unsigned size, uint64_t value);
/** Set those bits of a byte that `mask` has to those of `bits`, as one locked access. What the byte was. */
uint8_t mem_change_byte_sys(struct Tcg *t, uint64_t linear, uint8_t mask, uint8_t bits);
void mem_probe_write_sys(struct Tcg *t, uint64_t linear, unsigned size);
/** Accesses at a given privilege (user: as CPL 3), for frames on a stack of another level. */
uint64_t mem_load_as(struct Tcg *t, bool user, uint64_t linear, unsigned size);
void mem_store_as(struct Tcg *t, bool user, uint64_t linear, unsigned size, uint64_t value);

ALWAYS_INLINE struct TlbEntry *tlb_entry(struct Tcg *t, uint64_t linear) {
    return &t->tlb[(linear >> 12) & (TLB_SIZE - 1)];
}

/** Host address of [linear, linear + size) in the page that a tag and its host address stand for, else NULL. */
ALWAYS_INLINE void *tlb_host(uint64_t tag, uintptr_t host, uint64_t linear, unsigned size) {
    uint64_t offset = linear - tag;
    if (UNLIKELY(offset > 4096 - size))
        return NULL;
    void *p = (void *)(host + offset);
    if (p == NULL)
        __builtin_unreachable();
    return p;
}

/** Host address of [linear, linear + size) when one compare shows that it may be read (written), else NULL. */
ALWAYS_INLINE void *mem_host_read(struct Tcg *t, uint64_t linear, unsigned size) {
    const struct TlbEntry *e = tlb_entry(t, linear);
    return tlb_host(e->tag_read, e->host, linear, size);
}
ALWAYS_INLINE void *mem_host_write(struct Tcg *t, uint64_t linear, unsigned size) {
    const struct TlbEntry *e = tlb_entry(t, linear);
    return tlb_host(e->tag_write, e->host, linear, size);
}

/* 1, 2, 4 or 8 bytes by one access of the host, for other processors look on: memcpy of a size that is not constant
 * may store a byte twice. */
ALWAYS_INLINE uint64_t host_load(const void *p, unsigned size) {
    uint64_t v = 0;
    switch (size) {
    case 1: memcpy(&v, p, 1); break;
    case 2: memcpy(&v, p, 2); break;
    case 4: memcpy(&v, p, 4); break;
    default: memcpy(&v, p, 8); break;
    }
    return v;
}
ALWAYS_INLINE void host_store(void *p, unsigned size, uint64_t v) {
    switch (size) {
    case 1: memcpy(p, &v, 1); break;
    case 2: memcpy(p, &v, 2); break;
    case 4: memcpy(p, &v, 4); break;
    default: memcpy(p, &v, 8); break;
    }
}

/** 1, 2, 4 or 8 bytes, any alignment. */
ALWAYS_INLINE uint64_t mem_load(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    void *p = mem_host_read(t, linear, size);
    return LIKELY(p != NULL) ? host_load(p, size) : mem_load_slow(t, i, linear, size);
}
ALWAYS_INLINE void mem_store(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    void *p = mem_host_write(t, linear, size);
    if (LIKELY(p != NULL))
        host_store(p, size, v);
    else
        mem_store_slow(t, i, linear, size, v);
}

ALWAYS_INLINE uint64_t mem_load_stack(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    void *p = mem_host_read(t, linear, size);
    return LIKELY(p != NULL) ? host_load(p, size) : mem_load_stack_slow(t, i, linear, size);
}
ALWAYS_INLINE void mem_store_stack(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    void *p = mem_host_write(t, linear, size);
    if (LIKELY(p != NULL))
        host_store(p, size, v);
    else
        mem_store_stack_slow(t, i, linear, size, v);
}

ALWAYS_INLINE uint64_t mem_load_unaligned(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    void *p = mem_host_read(t, linear, size);
    return LIKELY(p != NULL) ? host_load(p, size) : mem_load_unaligned_slow(t, i, linear, size);
}

/** More than 8 bytes, at once if they can be. */
ALWAYS_INLINE void mem_load_vec(struct Tcg *t, const struct Insn *i, uint64_t linear, void *out, unsigned size) {
    void *p = mem_host_read(t, linear, size);
    if (LIKELY(p != NULL))
        memcpy(out, p, size);
    else
        mem_load_bytes(t, i, linear, out, size);
}
ALWAYS_INLINE void mem_store_vec(struct Tcg *t, const struct Insn *i, uint64_t linear, const void *in, unsigned size) {
    void *p = mem_host_write(t, linear, size);
    if (LIKELY(p != NULL))
        memcpy(p, in, size);
    else
        mem_store_bytes(t, i, linear, in, size);
}

#endif
