/* SPDX-License-Identifier: MIT */
/* Memory operands of several parts. See area.h. */
#include "accel/tcg-lite/run/area.h"

static uint64_t offset_mask(const struct Insn *i) {
    return i->asize == 3 ? UINT64_MAX : i->asize == 2 ? UINT32_MAX : UINT16_MAX;
}

uint64_t mem_part(struct Tcg *t, const struct Insn *i, unsigned at, unsigned size, enum Access access) {
    uint64_t offset = (ea_offset(t->env, i) + at) & offset_mask(i);
    return mem_linear(t, i, i->seg, offset, size, access);
}

/* The size of the part that begins at byte `at`. */
static unsigned part_size(enum MemParts parts, unsigned at) {
    enum { WORDS = 7, M80 = 10, MANTISSA = 8 };
    unsigned word = parts == PARTS_X87_16 ? 2 : parts == PARTS_X87_32 ? 4 : 0;
    switch (parts) {
    case PARTS_TABLE: return at == 0 ? 2 : 8;
    case PARTS_XMM: return 16;
    default: break;
    }
    if (at < WORDS * word)
        return word;
    return (at - WORDS * word) % M80 == 0 ? MANTISSA : M80 - MANTISSA;
}

struct MemArea mem_area(struct Tcg *t, const struct Insn *i, enum MemParts parts, unsigned n, enum Access access) {
    uint64_t mask = offset_mask(i), offset = ea_offset(t->env, i);
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

/* How many of the n bytes from `at` on come before the wrap. */
static unsigned before(const struct MemArea *a, unsigned at, unsigned n) {
    unsigned room = at < a->first ? a->first - at : 0;
    return room < n ? room : n;
}

static uint64_t after(const struct MemArea *a, unsigned at) { return a->rest + (at - a->first); }

void mem_area_load(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, void *buf, unsigned n) {
    unsigned k = before(a, at, n);
    if (LIKELY(k == n)) {
        mem_load_bytes(t, i, a->linear + at, buf, n);
    } else if (k == 0) {
        mem_load_bytes(t, i, after(a, at), buf, n);
    } else { /* alignment is the whole operand's matter */
        mem_check_alignment(t, i, a->linear + at, n);
        mem_probe_read_unaligned(t, i, after(a, at + k), n - k);
        mem_load_bytes_unaligned(t, i, a->linear + at, buf, k);
        mem_load_bytes_unaligned(t, i, after(a, at + k), (uint8_t *)buf + k, n - k);
    }
}

void mem_area_probe_write(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, unsigned n) {
    unsigned k = before(a, at, n);
    if (LIKELY(k == n)) {
        mem_probe_write(t, i, a->linear + at, n);
    } else if (k == 0) {
        mem_probe_write(t, i, after(a, at), n);
    } else {
        mem_check_alignment(t, i, a->linear + at, n);
        mem_probe_write_unaligned(t, i, a->linear + at, k);
        mem_probe_write_unaligned(t, i, after(a, at + k), n - k);
    }
}

void mem_area_store(struct Tcg *t, const struct Insn *i, const struct MemArea *a, unsigned at, const void *buf,
                    unsigned n) {
    unsigned k = before(a, at, n);
    if (LIKELY(k == n)) {
        mem_store_bytes(t, i, a->linear + at, buf, n);
    } else if (k == 0) {
        mem_store_bytes(t, i, after(a, at), buf, n);
    } else {
        mem_area_probe_write(t, i, a, at, n);
        mem_store_bytes_unaligned(t, i, a->linear + at, buf, k);
        mem_store_bytes_unaligned(t, i, after(a, at + k), (const uint8_t *)buf + k, n - k);
    }
}
