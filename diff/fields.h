/* SPDX-License-Identifier: MIT */
/** The registers of struct DiffState by name: for reading, writing and comparing cases. */
#ifndef TWIN86_DIFF_FIELDS_H
#define TWIN86_DIFF_FIELDS_H

#include "diff/run/state.h"

struct DiffField {
    char name[8];
    uint16_t offset; /* within struct DiffState */
    uint8_t size;    /* bytes; little-endian */
};

enum { DIFF_FIELDS = 16 + 4 + 7 + 8 + 16 + 16 };
extern const struct DiffField diff_fields[DIFF_FIELDS];

/** The field called name[0..n), or -1. "ymmh0" is the upper half of YMM0. */
int diff_field_find(const char *name, size_t n);

static inline const uint8_t *diff_field_at(const struct DiffState *s, const struct DiffField *f) {
    return (const uint8_t *)s + f->offset;
}

/** True when no field, nor the fault, differs. */
bool diff_state_equal(const struct DiffState *a, const struct DiffState *b);

/** "0x1234": a field's value as a hexadecimal number. `out` needs 2 * size + 3 bytes. */
void diff_field_print(const struct DiffField *f, const struct DiffState *s, char *out);

#endif
