/* SPDX-License-Identifier: MIT */
/**
 * A small writer of ACPI machine language (ACPI specification 6.4, chapter 20) and of resource descriptors (6.4).
 *
 * Everything is appended to a caller's buffer. What does not fit sets `overflow`, and nothing is written past the end;
 * so callers check once, at the end. Packages nest: aml_begin_... returns a mark, which aml_end takes back.
 */
#ifndef TWIN86_MACHINE_AML_H
#define TWIN86_MACHINE_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Aml {
    uint8_t *buf;
    size_t size, len;
    bool overflow;
};

void aml_init(struct Aml *a, uint8_t *buf, size_t size);

/* Raw little-endian data and opcodes. */
void aml_bytes(struct Aml *a, const void *data, size_t n);
void aml_u8(struct Aml *a, uint8_t v);
void aml_u16(struct Aml *a, uint16_t v);
void aml_u32(struct Aml *a, uint32_t v);
void aml_u64(struct Aml *a, uint64_t v);

/** A NameString: "\\_SB.PCI0", "^FOO", "BAR"; segments shorter than four are padded with '_'. */
void aml_name_string(struct Aml *a, const char *name);
/** The shortest encoding of an integer. */
void aml_integer(struct Aml *a, uint64_t v);
void aml_string(struct Aml *a, const char *s);
/** A compressed EISA id such as "PNP0A03". */
void aml_eisa_id(struct Aml *a, const char *id);

/** Name (name, ...): the value follows. And the common cases. */
void aml_name(struct Aml *a, const char *name);
void aml_name_integer(struct Aml *a, const char *name, uint64_t v);
void aml_name_eisa(struct Aml *a, const char *name, const char *id);
void aml_name_string_value(struct Aml *a, const char *name, const char *s);

/** Terms of methods: what they work on follows, a target last (AML_NONE: none). */
enum AmlOp {
    AML_NONE = 0x00,
    AML_LOCAL0 = 0x60,
    AML_ARG0 = 0x68,
    AML_STORE = 0x70,
    AML_SUBTRACT = 0x74,
    AML_SHIFT_LEFT = 0x79,
    AML_AND = 0x7b,
    AML_OR = 0x7d,
    AML_FIND_SET_RIGHT_BIT = 0x82,
    AML_CREATE_WORD_FIELD = 0x8b,
    AML_RETURN = 0xa4,
};
void aml_op(struct Aml *a, enum AmlOp op);

/* Packages: everything until aml_end is inside. */
size_t aml_begin_scope(struct Aml *a, const char *name);
size_t aml_begin_device(struct Aml *a, const char *name);
size_t aml_begin_method(struct Aml *a, const char *name, unsigned args);
/** One that nobody enters twice at a time, as those must be that create names. */
size_t aml_begin_serialized_method(struct Aml *a, const char *name, unsigned args);
size_t aml_begin_package(struct Aml *a, uint8_t elements);
size_t aml_begin_if(struct Aml *a); /* the predicate comes first */
size_t aml_begin_else(struct Aml *a);
void aml_end(struct Aml *a, size_t mark);

/** OperationRegion (region, space, base, count) with Field (region, ByteAcc, NoLock, Preserve) { field[0], 8, ... }. */
enum AmlSpace { AML_SYSTEM_IO = 1, AML_PCI_CONFIG = 2 };
void aml_byte_fields(struct Aml *a, enum AmlSpace space, const char *region, uint16_t base, const char *const *field,
                     unsigned count);

/** Store (Arg0, name). */
void aml_store_arg0(struct Aml *a, const char *name);

/* Resource templates: a buffer of descriptors. */
size_t aml_begin_resources(struct Aml *a);
void aml_end_resources(struct Aml *a, size_t mark);
void aml_res_io(struct Aml *a, uint16_t base, uint8_t count);
/** One ISA interrupt, edge-triggered. */
void aml_res_irq(struct Aml *a, unsigned irq);
/** Some or one of the ISA interrupts `irqs` (1 << n), level-triggered, active low, shared: as PCI's are. */
void aml_res_pci_irqs(struct Aml *a, uint16_t irqs);
/** One of the 8237s' channels, with which memory is moved a byte at a time. */
void aml_res_dma(struct Aml *a, unsigned channel);
void aml_res_memory(struct Aml *a, uint32_t base, uint32_t size, bool writable);
/* Windows that a bridge produces, [min, max]. */
void aml_res_bus_window(struct Aml *a, uint16_t min, uint16_t max);
void aml_res_io_window(struct Aml *a, uint16_t min, uint16_t max);
void aml_res_memory_window(struct Aml *a, uint32_t min, uint32_t max);
void aml_res_memory64_window(struct Aml *a, uint64_t min, uint64_t max);

#endif
