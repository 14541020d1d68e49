/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/vmx/vmcs.h"

#include <stddef.h>

const struct VmcsField vmcs_fields[] = {
#define FIELD(name, encoding, text, control) {encoding, VMX_CONTROL_##control, text},
#include "accel/tcg-lite/vmx/vmcs_fields.h"
#undef FIELD
};

enum { FIELD_COUNT = sizeof(vmcs_fields) / sizeof(vmcs_fields[0]) };
const unsigned vmcs_field_count = FIELD_COUNT;

/* A block for each width, in it one for each class, in it a place for each index. */
unsigned vmcs_offset(uint32_t encoding) {
    enum { CLASSES = 4, MOST_16 = 16, MOST = 32, AT_64 = 64, AT_NATURAL = AT_64 + CLASSES * MOST * 8 };
    enum { AT_32 = AT_NATURAL + CLASSES * MOST * 8, AT_16 = AT_32 + CLASSES * MOST * 4 };
    _Static_assert(AT_16 + CLASSES * MOST_16 * 2 <= VMCS_REGION_SIZE, "");
    static const struct {
        uint16_t at, most;
    } block[] = {[VMCS_16] = {AT_16, MOST_16},
                 [VMCS_64] = {AT_64, MOST},
                 [VMCS_32] = {AT_32, MOST},
                 [VMCS_NATURAL] = {AT_NATURAL, MOST}};
    enum VmcsWidth w = vmcs_width(encoding);
    return block[w].at + (vmcs_class(encoding) * block[w].most + vmcs_index(encoding)) * vmcs_size(encoding);
}

const struct VmcsField *vmcs_find(uint64_t encoding) {
    if (vmcs_is_high((uint32_t)encoding) && vmcs_width((uint32_t)encoding) != VMCS_64)
        return NULL;
    uint64_t full = encoding & ~(uint64_t)1;
    unsigned low = 0, high = FIELD_COUNT;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (vmcs_fields[middle].encoding < full)
            low = middle + 1;
        else
            high = middle;
    }
    const struct VmcsField *f = low < FIELD_COUNT ? &vmcs_fields[low] : NULL;
    return f != NULL && f->encoding == full && vmx_has_control((enum VmxControl)f->control) ? f : NULL;
}

uint64_t vmcs_read(struct Bus *bus, uint64_t region, enum VmcsEncoding f) {
    return bus_read_uint(bus, region + vmcs_offset(f), vmcs_size(f));
}

void vmcs_write(struct Bus *bus, uint64_t region, enum VmcsEncoding f, uint64_t v) {
    bus_write_uint(bus, region + vmcs_offset(f), v, vmcs_size(f));
}
