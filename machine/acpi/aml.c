/* SPDX-License-Identifier: MIT */
#include "machine/acpi/aml.h"

#include <string.h>

/* ACPI 6.4, table 20.1 */
enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXT = 0x5b,
    OP_EXT_REGION = 0x80,
    OP_EXT_FIELD = 0x81,
    OP_EXT_DEVICE = 0x82,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
};

enum { SEGMENT = 4, PKG_LENGTH_MAX = 4 };

void aml_init(struct Aml *a, uint8_t *buf, size_t size) { *a = (struct Aml){.buf = buf, .size = size}; }

void aml_bytes(struct Aml *a, const void *data, size_t n) {
    if (n > a->size - a->len) {
        a->overflow = true;
        return;
    }
    memcpy(a->buf + a->len, data, n);
    a->len += n;
}

static void put(struct Aml *a, uint64_t v, unsigned bytes) {
    uint8_t b[8];
    for (unsigned i = 0; i < bytes; i++)
        b[i] = v >> 8 * i;
    aml_bytes(a, b, bytes);
}

void aml_u8(struct Aml *a, uint8_t v) { put(a, v, 1); }

void aml_u16(struct Aml *a, uint16_t v) { put(a, v, 2); }

void aml_u32(struct Aml *a, uint32_t v) { put(a, v, 4); }

void aml_u64(struct Aml *a, uint64_t v) { put(a, v, 8); }

/* ---- names and values ---- */

static unsigned count_segments(const char *name) {
    unsigned n = *name != 0;
    for (; *name; name++)
        n += *name == '.';
    return n;
}

void aml_name_string(struct Aml *a, const char *name) {
    for (; *name == '\\' || *name == '^'; name++)
        aml_u8(a, *name);
    unsigned n = count_segments(name);
    if (n == 0) {
        aml_u8(a, 0);
    } else if (n == 2) {
        aml_u8(a, OP_DUAL_NAME);
    } else if (n > 2) {
        aml_u8(a, OP_MULTI_NAME);
        aml_u8(a, n);
    }
    while (*name) {
        size_t len = strcspn(name, ".");
        aml_bytes(a, name, len < SEGMENT ? len : SEGMENT);
        for (size_t i = len; i < SEGMENT; i++)
            aml_u8(a, '_');
        name += len + (name[len] == '.');
    }
}

void aml_integer(struct Aml *a, uint64_t v) {
    if (v <= 1) {
        aml_u8(a, v ? OP_ONE : OP_ZERO);
    } else if (v <= UINT8_MAX) {
        aml_u8(a, OP_BYTE);
        aml_u8(a, v);
    } else if (v <= UINT16_MAX) {
        aml_u8(a, OP_WORD);
        aml_u16(a, v);
    } else if (v <= UINT32_MAX) {
        aml_u8(a, OP_DWORD);
        aml_u32(a, v);
    } else {
        aml_u8(a, OP_QWORD);
        aml_u64(a, v);
    }
}

void aml_string(struct Aml *a, const char *s) {
    aml_u8(a, OP_STRING);
    aml_bytes(a, s, strlen(s) + 1);
}

static unsigned hex_digit(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

/* Three letters of five bits, four hex digits, most significant byte first (ACPI 6.4, 19.3.4). */
void aml_eisa_id(struct Aml *a, const char *id) {
    uint32_t v = (id[0] & 0x1fu) << 26 | (id[1] & 0x1fu) << 21 | (id[2] & 0x1fu) << 16;
    for (unsigned i = 0; i < 4; i++)
        v |= hex_digit(id[3 + i]) << (12 - 4 * i);
    aml_u8(a, OP_DWORD);
    aml_u32(a, __builtin_bswap32(v));
}

void aml_name(struct Aml *a, const char *name) {
    aml_u8(a, OP_NAME);
    aml_name_string(a, name);
}

void aml_name_integer(struct Aml *a, const char *name, uint64_t v) {
    aml_name(a, name);
    aml_integer(a, v);
}

void aml_name_eisa(struct Aml *a, const char *name, const char *id) {
    aml_name(a, name);
    aml_eisa_id(a, id);
}

void aml_name_string_value(struct Aml *a, const char *name, const char *s) {
    aml_name(a, name);
    aml_string(a, s);
}

/* ---- packages ---- */

/* The length goes in front, and counts itself; its own size depends on it (ACPI 6.4, 20.2.4). */
void aml_end(struct Aml *a, size_t mark) {
    if (a->overflow)
        return;
    size_t body = a->len - mark;
    unsigned n = body + 1 < 0x40 ? 1 : body + 2 < 0x1000 ? 2 : body + 3 < 0x100000 ? 3 : PKG_LENGTH_MAX;
    uint8_t length[PKG_LENGTH_MAX];
    size_t total = body + n;
    length[0] = n == 1 ? total : (n - 1) << 6 | (total & 15);
    for (unsigned i = 1; i < n; i++)
        length[i] = total >> (4 + 8 * (i - 1));
    if (n > a->size - a->len) {
        a->overflow = true;
        return;
    }
    memmove(a->buf + mark + n, a->buf + mark, body);
    memcpy(a->buf + mark, length, n);
    a->len += n;
}

size_t aml_begin_scope(struct Aml *a, const char *name) {
    aml_u8(a, OP_SCOPE);
    size_t mark = a->len;
    aml_name_string(a, name);
    return mark;
}

size_t aml_begin_device(struct Aml *a, const char *name) {
    aml_u8(a, OP_EXT);
    aml_u8(a, OP_EXT_DEVICE);
    size_t mark = a->len;
    aml_name_string(a, name);
    return mark;
}

static size_t begin_method(struct Aml *a, const char *name, unsigned flags) {
    aml_u8(a, OP_METHOD);
    size_t mark = a->len;
    aml_name_string(a, name);
    aml_u8(a, flags);
    return mark;
}

size_t aml_begin_method(struct Aml *a, const char *name, unsigned args) { return begin_method(a, name, args); }

size_t aml_begin_serialized_method(struct Aml *a, const char *name, unsigned args) {
    enum { SERIALIZED = 1 << 3 };
    return begin_method(a, name, args | SERIALIZED);
}

size_t aml_begin_package(struct Aml *a, uint8_t elements) {
    aml_u8(a, OP_PACKAGE);
    size_t mark = a->len;
    aml_u8(a, elements);
    return mark;
}

size_t aml_begin_if(struct Aml *a) {
    aml_u8(a, OP_IF);
    return a->len;
}

size_t aml_begin_else(struct Aml *a) {
    aml_u8(a, OP_ELSE);
    return a->len;
}

void aml_byte_fields(struct Aml *a, enum AmlSpace space, const char *region, uint16_t base, const char *const *field,
                     unsigned count) {
    enum { BYTE_ACCESS = 1, BITS = 8 };
    aml_u8(a, OP_EXT);
    aml_u8(a, OP_EXT_REGION);
    aml_name_string(a, region);
    aml_u8(a, space);
    aml_integer(a, base);
    aml_integer(a, count);
    aml_u8(a, OP_EXT);
    aml_u8(a, OP_EXT_FIELD);
    size_t mark = a->len;
    aml_name_string(a, region);
    aml_u8(a, BYTE_ACCESS);
    for (unsigned i = 0; i < count; i++) {
        aml_name_string(a, field[i]);
        aml_u8(a, BITS);
    }
    aml_end(a, mark);
}

void aml_op(struct Aml *a, enum AmlOp op) { aml_u8(a, op); }

void aml_store_arg0(struct Aml *a, const char *name) {
    aml_op(a, AML_STORE);
    aml_op(a, AML_ARG0);
    aml_name_string(a, name);
}

/* ---- resources (ACPI 6.4, section 6.4) ---- */

enum {
    RES_IRQ = 0x22,
    RES_IRQ_FLAGS = 0x23,
    RES_DMA = 0x2a,
    RES_IO = 0x47,
    RES_END = 0x79,
    RES_MEMORY32_FIXED = 0x86,
    RES_DWORD = 0x87,
    RES_WORD = 0x88,
    RES_QWORD = 0x8a
};
enum { SPACE_MEMORY, SPACE_IO, SPACE_BUS };
enum { FIXED_WINDOW = 0x0c, IO_ENTIRE_RANGE = 3, MEMORY_UNCACHED_RW = 1 };

/* BufferOp, length, then the buffer's size as a word, which aml_end_resources fills in. */
size_t aml_begin_resources(struct Aml *a) {
    aml_u8(a, OP_BUFFER);
    size_t mark = a->len;
    aml_u8(a, OP_WORD);
    aml_u16(a, 0);
    return mark;
}

void aml_end_resources(struct Aml *a, size_t mark) {
    aml_u8(a, RES_END);
    aml_u8(a, 0); /* no checksum */
    if (a->overflow)
        return;
    size_t size = a->len - mark - 3;
    a->buf[mark + 1] = size;
    a->buf[mark + 2] = size >> 8;
    aml_end(a, mark);
}

void aml_res_io(struct Aml *a, uint16_t base, uint8_t count) {
    aml_u8(a, RES_IO);
    aml_u8(a, 1); /* decodes 16 bits */
    aml_u16(a, base);
    aml_u16(a, base);
    aml_u8(a, 1); /* alignment */
    aml_u8(a, count);
}

void aml_res_irq(struct Aml *a, unsigned irq) {
    aml_u8(a, RES_IRQ);
    aml_u16(a, 1u << irq);
}

void aml_res_pci_irqs(struct Aml *a, uint16_t irqs) {
    enum { LOW_LEVEL_SHARED = 0x18 };
    aml_u8(a, RES_IRQ_FLAGS);
    aml_u16(a, irqs);
    aml_u8(a, LOW_LEVEL_SHARED);
}

void aml_res_dma(struct Aml *a, unsigned channel) {
    aml_u8(a, RES_DMA);
    aml_u8(a, 1u << channel);
    aml_u8(a, 0); /* compatible speed, 8 bits, no bus master */
}

void aml_res_memory(struct Aml *a, uint32_t base, uint32_t size, bool writable) {
    aml_u8(a, RES_MEMORY32_FIXED);
    aml_u16(a, 9);
    aml_u8(a, writable);
    aml_u32(a, base);
    aml_u32(a, size);
}

/* An address space descriptor: granularity, minimum, maximum, translation and length of `width` bytes each. */
static void window(struct Aml *a, uint8_t tag, unsigned width, uint8_t space, uint8_t flags, uint64_t min,
                   uint64_t max) {
    aml_u8(a, tag);
    aml_u16(a, 3 + 5 * width);
    aml_u8(a, space);
    aml_u8(a, FIXED_WINDOW);
    aml_u8(a, flags);
    put(a, 0, width);
    put(a, min, width);
    put(a, max, width);
    put(a, 0, width);
    put(a, max - min + 1, width);
}

void aml_res_bus_window(struct Aml *a, uint16_t min, uint16_t max) { window(a, RES_WORD, 2, SPACE_BUS, 0, min, max); }

void aml_res_io_window(struct Aml *a, uint16_t min, uint16_t max) {
    window(a, RES_WORD, 2, SPACE_IO, IO_ENTIRE_RANGE, min, max);
}

void aml_res_memory_window(struct Aml *a, uint32_t min, uint32_t max) {
    window(a, RES_DWORD, 4, SPACE_MEMORY, MEMORY_UNCACHED_RW, min, max);
}

void aml_res_memory64_window(struct Aml *a, uint64_t min, uint64_t max) {
    window(a, RES_QWORD, 8, SPACE_MEMORY, MEMORY_UNCACHED_RW, min, max);
}
