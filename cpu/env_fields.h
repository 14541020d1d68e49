/* SPDX-License-Identifier: MIT */
/**
 * The fields of CPUX86State by name, for whoever hashes, compares or prints all of it. Every byte of env is in exactly
 * one field, but padding and `zero`.
 */
#ifndef TWIN86_CPU_ENV_FIELDS_H
#define TWIN86_CPU_ENV_FIELDS_H

#include "cpu/env.h"

#include <stddef.h>

/** Kinds of fields, to choose among. */
enum EnvGroup {
    ENV_GENERAL, /* general registers, RIP, RFLAGS */
    ENV_SEGMENT, /* segment and table registers */
    ENV_CONTROL, /* CR, XCR0, EFER, DR */
    ENV_FPU,     /* x87 and MXCSR */
    ENV_VECTOR,
    ENV_MSR,
    ENV_EVENT, /* what is on its way or blocked */
    ENV_GROUPS
};

struct EnvField {
    char name[24];
    uint16_t offset;
    uint8_t size; /* bytes; 1, 2, 4, 8, or 32: a vector register */
    uint8_t group;
    uint8_t max; /* greatest value of a field of one byte that does not use all: a bool, an enum; 0: any */
};

extern const struct EnvField env_fields[];
extern const unsigned env_field_count;

static inline const void *env_field_at(const CPUX86State *env, const struct EnvField *f) {
    return (const uint8_t *)env + f->offset;
}
/** The value of a field of up to 8 bytes. */
uint64_t env_field_read(const CPUX86State *env, const struct EnvField *f);
/** The field of that name, or NULL. */
const struct EnvField *env_field_find(const char *name);

#endif
