/* SPDX-License-Identifier: MIT */
/* bootindex=: the devices that were given a place in the order to boot in, by the paths that firmware knows them by
 * (Open Firmware's, as QEMU writes them). */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool boot_index_property(const char *key, const char *value, int64_t *index) {
    uint64_t number;
    if (strcmp(key, "bootindex") != 0 || value == NULL)
        return false;
    if (strcmp(value, "-1") == 0)
        return *index = BOOT_INDEX_NONE, true;
    if (!list_number(value, INT32_MAX, &number))
        return false;
    *index = (int64_t)number;
    return true;
}

int boot_order_add(struct Machine *m, const char *option, int64_t index, const char *path, char *why, size_t n) {
    struct BootOrder *o = &m->fw.order;
    unsigned at = 0;
    if (index == BOOT_INDEX_NONE)
        return 0;
    while (at < o->count && o->entry[at].index < index)
        at++;
    if (at < o->count && o->entry[at].index == index)
        return why_set(why, n, -EINVAL, "%s: bootindex=%lld is taken", option, (long long)index);
    if (o->count == BOOT_ORDER_MOST)
        return why_set(why, n, -ENOSPC, "%s: %d devices with bootindex= are the most", option, BOOT_ORDER_MOST);
    memmove(&o->entry[at + 1], &o->entry[at], (o->count++ - at) * sizeof(o->entry[0]));
    o->entry[at].index = index;
    snprintf(o->entry[at].path, sizeof(o->entry[at].path), "%s", path);
    return 0;
}

size_t boot_order_print(const struct BootOrder *o, bool strict, char *text, size_t n) {
    size_t used = 0;
    for (unsigned i = 0; i < o->count; i++)
        used += (size_t)snprintf(text + used, n - used, "%s%s", i > 0 ? "\n" : "", o->entry[i].path);
    if (strict)
        used += (size_t)snprintf(text + used, n - used, "%sHALT", used > 0 ? "\n" : "");
    return used;
}
