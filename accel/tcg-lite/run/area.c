/* SPDX-License-Identifier: MIT */
/* Memory operands of several parts. See area.h. */
#include "accel/tcg-lite/run/area.h"
#include "accel/tcg-lite/run/block.h"
#include "cpu/xsave.h"

static uint64_t offset_mask(const struct Insn *i) {
    return i->asize == 3 ? UINT64_MAX : i->asize == 2 ? UINT32_MAX : UINT16_MAX;
}

uint64_t mem_part(struct Tcg *t, const struct Insn *i, unsigned at, unsigned size, enum Access access) {
    uint64_t offset = (ea_offset(t->env, i) + at) & offset_mask(i);
    return mem_linear(t, i, i->seg, offset, size, access);
}

/** Of FXSAVE's and XSAVE's areas: 64 bits, MXCSR and its mask, vector registers. */
static unsigned save_part_size(unsigned at) {
    if (at >= XSAVE_EXTENDED)
        return 32;
    if (at >= FXSAVE_XMM && at < FXSAVE_SIZE)
        return 16;
    return at == FXSAVE_MXCSR || at == FXSAVE_MXCSR_MASK ? 4 : 8;
}

/** The size of the part that begins at byte `at`. */
static unsigned part_size(enum MemParts parts, unsigned at) {
    enum { WORDS = 7, M80 = 10, MANTISSA = 8 };
    unsigned word = parts == PARTS_X87_16 ? 2 : parts == PARTS_X87_32 ? 4 : 0;
    switch (parts) {
    case PARTS_BYTES: return 1;
    case PARTS_TABLE: return at == 0 ? 2 : 8;
    case PARTS_SAVE: return save_part_size(at);
    default: break;
    }
    if (at < WORDS * word)
        return word;
    return (at - WORDS * word) % M80 == 0 ? MANTISSA : M80 - MANTISSA;
}

struct MemArea mem_area_at(struct Tcg *t, const struct Insn *i, enum MemParts parts, uint64_t offset, unsigned n,
                           enum Access access) {
    uint64_t mask = offset_mask(i);
    struct MemArea a = {.first = n};
    if (UNLIKELY(n - 1 > mask - offset)) {
        unsigned at = 0;
        while (at <= mask - offset)
            at += part_size(parts, at);
        a.first = at < n ? at : n;
    }
    a.linear = mem_linear(t, i, i->seg, offset, a.first, access);
    if (a.first < n)
        a.rest = mem_linear(t, i, i->seg, (offset + a.first) & mask, n - a.first, access);
    return a;
}

struct MemArea mem_area(struct Tcg *t, const struct Insn *i, enum MemParts parts, unsigned n, enum Access access) {
    return mem_area_at(t, i, parts, ea_offset(t->env, i), n, access);
}

/** How many of the n bytes from `at` on come before the wrap. */
static unsigned before(const struct MemArea *a, unsigned at, unsigned n) {
    unsigned room = at < a->first ? a->first - at : 0;
    return room < n ? room : n;
}

static uint64_t after(const struct MemArea *a, unsigned at) { return a->rest + (at - a->first); }

static uint64_t byte_linear(const struct MemArea *a, unsigned at) {
    return at < a->first ? a->linear + at : after(a, at);
}

void mem_area_load(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, void *buf, unsigned n) {
    unsigned k = before(a, at, n);
    mem_check_alignment(t, i, byte_linear(a, at), n); /* the whole operand's matter */
    if (k > 0 && k < n) {
        mem_probe_read_unaligned(t, i, a->linear + at, k);
        mem_probe_read_unaligned(t, i, after(a, at + k), n - k);
    }
    if (k > 0)
        mem_load_bytes_unaligned(t, i, a->linear + at, buf, k);
    if (k < n)
        mem_load_bytes_unaligned(t, i, after(a, at + k), (uint8_t *)buf + k, n - k);
}

void mem_area_probe_write_unaligned(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at,
                                    unsigned n) {
    unsigned k = before(a, at, n);
    if (k > 0)
        mem_probe_write_unaligned(t, i, a->linear + at, k);
    if (k < n)
        mem_probe_write_unaligned(t, i, after(a, at + k), n - k);
}

void mem_area_probe_write(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, unsigned n) {
    mem_check_alignment(t, i, byte_linear(a, at), n);
    mem_area_probe_write_unaligned(t, i, a, at, n);
}

void mem_area_probe_byte(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, bool write) {
    if (write)
        mem_probe_write_unaligned(t, i, byte_linear(a, at), 1);
    else
        mem_probe_read_unaligned(t, i, byte_linear(a, at), 1);
}

void mem_area_store_unaligned(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at,
                              const void *buf, unsigned n) {
    unsigned k = before(a, at, n);
    if (k > 0)
        mem_store_bytes_unaligned(t, i, a->linear + at, buf, k);
    if (k < n)
        mem_store_bytes_unaligned(t, i, after(a, at + k), (const uint8_t *)buf + k, n - k);
}

void mem_area_store(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, const void *buf,
                    unsigned n) {
    mem_check_alignment(t, i, byte_linear(a, at), n);
    if (at < a->first && a->first - at < n)
        mem_area_probe_write_unaligned(t, i, a, at, n);
    mem_area_store_unaligned(t, i, a, at, buf, n);
}

void mem_load_m80(struct Tcg *t, const struct Insn *i, void *buf) {
    struct MemArea a = mem_area(t, i, PARTS_M80, 10, ACCESS_READ);
    mem_area_load(t, i, &a, 0, buf, 10);
}

/** The low 64 bits by themselves, if one page has them all. */
static void store_low(struct Tcg *t, const struct Insn *i, uint64_t low) {
    uint64_t linear = mem_part(t, i, 0, 8, ACCESS_WRITE);
    if ((linear & 0xfff) + 8 > 4096)
        return;
    mem_probe_write(t, i, linear, 8);
    mem_store(t, i, linear, 8, low);
}

void mem_probe_m80(struct Tcg *t, const struct Insn *i, uint64_t low) {
    bool limits = (t->mode & MODE_CODE) != MODE_CODE64, intel = tcg_as_intel(t, RULE_M80_STORE_PARTIAL);
    if (intel && limits)
        store_low(t, i, low);
    struct MemArea a = mem_area(t, i, PARTS_M80, 10, ACCESS_WRITE);
    bool apart = a.first == 8, together = (a.linear & 0xfff) + 10 <= 4096;
    if (intel && !limits && (apart || !together))
        store_low(t, i, low);
    mem_area_probe_write(t, i, &a, 0, 10);
}

void mem_store_m80(struct Tcg *t, const struct Insn *i, const void *buf) {
    struct MemArea a = mem_area(t, i, PARTS_M80, 10, ACCESS_WRITE);
    mem_area_store(t, i, &a, 0, buf, 10);
}
