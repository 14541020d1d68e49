/* SPDX-License-Identifier: MIT */
/**
 * Options of host ends as tables of keys, in QEMU's syntax: "key=value,key=value", where ",," is a comma within a value
 * and "KEY" alone is KEY=on, "noKEY" KEY=off, for switches. What is not known is refused by its name, with the nearest
 * that is.
 *
 * No thread rules: plain data.
 */
#ifndef TWIN86_NET_OPTIONS_H
#define TWIN86_NET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum NetKeyKind {
    NET_KEY_TEXT,     /* const char * */
    NET_KEY_LIST,     /* struct NetList: may be given several times */
    NET_KEY_SWITCH,   /* bool */
    NET_KEY_TRISTATE, /* int: -1 (what `defaults` sets: not given), 0, 1 */
    NET_KEY_NUMBER,   /* uint64_t, from 0 to `most` */
    NET_KEY_FIXED,    /* nothing: only the value `only` is possible */
};

enum { NET_LIST_MAX = 64 };
struct NetList {
    const char *item[NET_LIST_MAX];
    unsigned count;
};

/** A key; the one behind the last has no name. */
struct NetKey {
    const char *name;
    enum NetKeyKind kind;
    size_t member; /* offset in the options */
    uint64_t most;
    const char *only;
};

/** Set one key in *options; a string points to `value`, which is NULL for "KEY" alone. `option` is what messages begin
 *  with. 0 or -EINVAL with `why`. */
int net_set_key(const struct NetKey *keys, void *options, const char *option, const char *key, char *value, char *why,
                size_t n);
#endif
