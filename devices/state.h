/* SPDX-License-Identifier: MIT */
/**
 * A device's state by fields. All that the guest can see of a device, or that decides what it will see, is one plain
 * struct, and a table of its fields is all there is to say about it: with the table the struct is saved, restored,
 * compared and printed here, for every device alike.
 *
 * Each byte of such a struct belongs to exactly one field; the compiler's padding is written out (STATE_PADDING), so
 * that a member which no table names is found by a test (tests/unit/devices/test_state.c).
 *
 * A saved state is its fields in the table's order, little-endian, nothing between them: its size follows from table
 * and version. A field added later says by `since` which version brought it; older states are still read, and leave it
 * as it was in the struct that they are restored into.
 *
 * No thread rules of its own: who calls sees to it that nobody changes the structs meanwhile.
 */
#ifndef TWIN86_DEVICES_STATE_H
#define TWIN86_DEVICES_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum StateKind {
    STATE_UNSIGNED,
    STATE_SIGNED,
    STATE_BOOL,
    STATE_STRUCT,
    STATE_NOTHING, /* padding: neither saved nor looked at */
};

struct StateTable;

/** A member of the struct: one element or an array of them. */
struct StateField {
    const char *name;
    const struct StateTable *table; /* STATE_STRUCT: of each element */
    uint64_t max;                   /* unsigned: values above are refused when restoring; 0: none are */
    uint32_t offset, count;
    uint16_t size;  /* bytes of an element: 1, 2, 4 or 8, or those of the struct */
    uint8_t kind;   /* enum StateKind */
    uint16_t since; /* version of the outermost table that brought it; 0: the first did */
};

struct StateTable {
    const char *name;               /* of the device: "pit"; of structs within another one only for readers */
    const struct StateField *field; /* the one behind the last has no name */
    uint32_t size;                  /* bytes of the struct */
    uint16_t version;               /* from 1 on; 0: the struct is only ever within another one */
    /** Whether these values may stand together, beyond each field's own limit: NULL, or what is wrong as one line. NULL
     *  if they always may. Of the outermost table only. */
    const char *(*check)(const void *state);
};

/* Rows of tables. `S` is the struct's tag, `m` the member; further initializers (.max, .since) may follow. */
#define STATE_KIND_OF(e)                                                                                               \
    _Generic((e),                                                                                                      \
        bool: STATE_BOOL,                                                                                              \
        int8_t: STATE_SIGNED,                                                                                          \
        int16_t: STATE_SIGNED,                                                                                         \
        int32_t: STATE_SIGNED,                                                                                         \
        int64_t: STATE_SIGNED,                                                                                         \
        default: STATE_UNSIGNED)
#define STATE_MEMBER(S, m) (((struct S *)0)->m)
/** A number or a bool. */
#define STATE_FIELD(S, m, ...)                                                                                         \
    {.name = #m,                                                                                                       \
     .offset = offsetof(struct S, m),                                                                                  \
     .count = 1,                                                                                                       \
     .size = sizeof(STATE_MEMBER(S, m)),                                                                               \
     .kind = STATE_KIND_OF(STATE_MEMBER(S, m)),                                                                        \
     __VA_ARGS__}
/** An array of them. */
#define STATE_ARRAY(S, m, ...)                                                                                         \
    {.name = #m,                                                                                                       \
     .offset = offsetof(struct S, m),                                                                                  \
     .count = sizeof(STATE_MEMBER(S, m)) / sizeof(STATE_MEMBER(S, m)[0]),                                              \
     .size = sizeof(STATE_MEMBER(S, m)[0]),                                                                            \
     .kind = STATE_KIND_OF(STATE_MEMBER(S, m)[0]),                                                                     \
     __VA_ARGS__}
/** A struct, which has the table `t`. */
#define STATE_WITHIN(S, m, t)                                                                                          \
    {.name = #m,                                                                                                       \
     .offset = offsetof(struct S, m),                                                                                  \
     .count = 1,                                                                                                       \
     .size = sizeof(STATE_MEMBER(S, m)),                                                                               \
     .kind = STATE_STRUCT,                                                                                             \
     .table = (t)}
/** An array of structs. */
#define STATE_ARRAY_WITHIN(S, m, t)                                                                                    \
    {.name = #m,                                                                                                       \
     .offset = offsetof(struct S, m),                                                                                  \
     .count = sizeof(STATE_MEMBER(S, m)) / sizeof(STATE_MEMBER(S, m)[0]),                                              \
     .size = sizeof(STATE_MEMBER(S, m)[0]),                                                                            \
     .kind = STATE_STRUCT,                                                                                             \
     .table = (t)}
/** A member that only fills space. */
#define STATE_PADDING(S, m)                                                                                            \
    {.name = #m, .offset = offsetof(struct S, m), .count = 1, .size = sizeof(STATE_MEMBER(S, m)), .kind = STATE_NOTHING}

/** Bytes of a saved state of that version. */
size_t state_size(const struct StateTable *t, unsigned version);
/** Save: state_size(t, t->version) bytes. */
void state_save(const struct StateTable *t, const void *state, uint8_t *out);
/**
 * Read a saved state of `version`, `n` bytes, into *state, where fields that this version does not have keep their
 * values. 0, or -EINVAL with one line in `why` (no such version, another size, a value that can't be): *state is half
 * overwritten then, so it should be a copy.
 */
int state_load(const struct StateTable *t, unsigned version, const uint8_t *in, size_t n, void *state, char *why,
               size_t why_size);

/** The first field in which two states differ. */
struct StateDifference {
    char name[64];     /* "channel[1].count" */
    char value[2][24]; /* as state_print writes them */
    size_t offset;     /* of the element in the struct */
};
/** False: they are the same, and *d is not touched. */
bool state_differ(const struct StateTable *t, const void *a, const void *b, struct StateDifference *d);

/** Write all fields as lines "  channel[1].count  0x10000"; several elements of a byte array share a line. */
void state_print(const struct StateTable *t, const void *state, FILE *f);

/** Call `fn` for each element of each field, padding included; `name` as above. For tests. */
void state_for_each(const struct StateTable *t,
                    void (*fn)(void *opaque, const char *name, const struct StateField *f, size_t offset),
                    void *opaque);

#endif
