/* SPDX-License-Identifier: MIT */
/**
 * The VMCS: its fields, and where they lie in the region that the guest gives for it (SDM vol. 3, chapter 25). All of a
 * VMCS is in that memory at any time, nothing is cached: a saved machine has it, and VMCLEAR has nothing to write back.
 */
#ifndef TWIN86_TCG_VMX_VMCS_H
#define TWIN86_TCG_VMX_VMCS_H

#include "accel/tcg-lite/vmx/controls.h"
#include "memory/bus.h"

/** Encodings. */
enum VmcsEncoding {
#define FIELD(name, encoding, text, control) VMCS_##name = encoding,
#include "accel/tcg-lite/vmx/vmcs_fields.h"
#undef FIELD
};

enum VmcsWidth { VMCS_16, VMCS_64, VMCS_32, VMCS_NATURAL };
enum VmcsClass { VMCS_CONTROL, VMCS_READ_ONLY, VMCS_GUEST, VMCS_HOST };

/** A field. */
struct VmcsField {
    uint16_t encoding;
    uint8_t control; /* enum VmxControl: without it there is no such field */
    const char *name;
};

/** The region's layout; fields follow. The revision identifier stands for it: another layout is another identifier. */
enum {
    VMCS_REVISION = 0x74770001,
    VMCS_REGION_SIZE = 4096,
    VMCS_AT_REVISION = 0, /* 32 bits; bit 31: a shadow VMCS */
    VMCS_AT_ABORT = 4,    /* 32 bits: the VMX-abort indicator */
    VMCS_AT_LAUNCHED = 8, /* 32 bits: the launch state */
    VMCS_SHADOW_INDICATOR = 1u << 31,
};
/** What the current-VMCS pointer is when there is none. */
#define VMCS_NO_POINTER UINT64_MAX

/** All fields that the SDM has and this processor could have, sorted by encoding. */
extern const struct VmcsField vmcs_fields[];
extern const unsigned vmcs_field_count;

/** An encoding's parts (SDM vol. 3, table 25-21). */
static inline enum VmcsWidth vmcs_width(uint32_t encoding) { return (enum VmcsWidth)(encoding >> 13 & 3); }
static inline enum VmcsClass vmcs_class(uint32_t encoding) { return (enum VmcsClass)(encoding >> 10 & 3); }
static inline unsigned vmcs_index(uint32_t encoding) { return encoding >> 1 & 0x1ff; }
/** Access to the high half of a 64-bit field. */
static inline bool vmcs_is_high(uint32_t encoding) { return encoding & 1; }
/** Bytes of a field: 2, 4 or 8. */
static inline unsigned vmcs_size(uint32_t encoding) {
    static const uint8_t size[] = {[VMCS_16] = 2, [VMCS_64] = 8, [VMCS_32] = 4, [VMCS_NATURAL] = 8};
    return size[vmcs_width(encoding)];
}
/** Where a field of the table lies in the region. */
unsigned vmcs_offset(uint32_t encoding);

/** The field that VMREAD and VMWRITE reach by this operand, which may ask for a high half. NULL: there is none. */
const struct VmcsField *vmcs_find(uint64_t encoding);

/** A whole field of the VMCS whose region is at `region`. */
uint64_t vmcs_read(struct Bus *bus, uint64_t region, enum VmcsEncoding f);
void vmcs_write(struct Bus *bus, uint64_t region, enum VmcsEncoding f, uint64_t v);

#endif
