/* SPDX-License-Identifier: MIT */
/* Options about shared folders: they become -fsdev and -device, which the library reads. */
#include "options_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool set_fsdev(struct Context *c, char *arg) {
    c->o->config.fsdevs = c->o->fsdevs;
    return add_to_list(c, c->o->fsdevs, arg);
}

/* ---- -virtfs: an -fsdev, and the device that shows it ---- */

/* Where an item of a list ends: at its comma, or where the list does. A comma that is written twice ends none. */
static const char *item_end(const char *item) {
    while (*item != '\0' && !(item[0] == ',' && item[1] != ','))
        item += item[0] == ',' ? 2 : 1;
    return item;
}

/* "key=value" of that key, as the list has it. NULL: there is none. */
static const char *find_item(const char *list, const char *key, size_t *length) {
    size_t n = strlen(key);
    for (const char *item = list, *end;; item = end + 1) {
        end = item_end(item);
        if (strncmp(item, key, n) == 0 && item[n] == '=') {
            *length = (size_t)(end - item) - n - 1;
            return item + n + 1;
        }
        if (*end == '\0')
            return NULL;
    }
}

/* All but the tag, which is the device's, and an id, which may be missing. */
static void put_fsdev(char *to, const char *list, const char *id, size_t length) {
    int used = 0;
    for (const char *item = list, *end;; item = end + 1) {
        end = item_end(item);
        if (strncmp(item, "mount_tag=", 10) != 0 && strncmp(item, "id=", 3) != 0)
            used += sprintf(to + used, "%s%.*s", used > 0 ? "," : "", (int)(end - item), item);
        if (*end == '\0')
            break;
    }
    sprintf(to + used, ",id=%.*s", (int)length, id);
}

bool set_virtfs(struct Context *c, char *arg) {
    size_t tag_length = 0, length = 0, room = 2 * strlen(arg) + 64;
    const char *tag = find_item(arg, "mount_tag", &tag_length), *id = find_item(arg, "id", &length);
    if (tag == NULL)
        return wrong(c, "needs mount_tag=TAG, by which the guest mounts it");
    if (id == NULL) {
        id = tag;
        length = tag_length;
    }
    char *fsdev = malloc(room), *device = malloc(room); /* as long as the program */
    if (fsdev == NULL || device == NULL)
        return wrong(c, "out of memory");
    put_fsdev(fsdev, arg, id, length);
    sprintf(device, "virtio-9p-pci,fsdev=%.*s,mount_tag=%.*s", (int)length, id, (int)tag_length, tag);
    c->o->config.devices = c->o->devices;
    return set_fsdev(c, fsdev) && add_to_list(c, c->o->devices, device);
}
