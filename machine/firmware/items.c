/* SPDX-License-Identifier: MIT */
/* What a person hands to firmware by name: items of fw_cfg, option ROMs, the order in which both come. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"
#include "memory/host_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_MOST (1ull << 30)

static int add(struct Machine *m, const char *option, const char *name, const void *data, size_t size, char *why,
               size_t n) {
    if (fw_cfg_file(&m->fw_cfg, name, NULL) != NULL)
        return why_set(why, n, -EEXIST, "%s: there is an item '%s' already", option, name);
    int r = fw_cfg_add_file(&m->fw_cfg, name, data, (uint32_t)size);
    if (r == -EINVAL)
        return why_set(why, n, r, "%s: '%s' is no name for an item; 1 to %d bytes are", option, name,
                       FW_CFG_FILE_NAME - 1);
    if (r == -ENOSPC)
        return why_set(why, n, r, "%s: no room for '%s'; %d items are the most", option, name, FW_CFG_FILE_SLOTS);
    return r != 0 ? why_set(why, n, r, "%s: out of memory", option) : 0;
}

/* ---- -fw_cfg [name=]NAME,file=PATH|string=TEXT ---- */

struct Item {
    const char *name, *file, *string;
};

static int parse_item(struct Item *item, char *list, char *why, size_t n) {
    char *key, *value;
    for (bool first = true; list_cut_property(&list, &key, &value); first = false) {
        if (value == NULL && first)
            item->name = key;
        else if (value != NULL && strcmp(key, "name") == 0)
            item->name = value;
        else if (value != NULL && strcmp(key, "file") == 0)
            item->file = value;
        else if (value != NULL && strcmp(key, "string") == 0)
            item->string = value;
        else
            return why_set(why, n, -EINVAL, "-fw_cfg: '%s' is not known; name=, file= and string= are", key);
    }
    if (item->name == NULL || (item->file == NULL) == (item->string == NULL))
        return why_set(why, n, -EINVAL, "-fw_cfg: name=opt/NAME and one of file=PATH and string=TEXT would be right");
    return 0;
}

static int add_item(struct Machine *m, char *list, char *why, size_t n) {
    struct Item item = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    int r = parse_item(&item, list, why, n);
    if (r != 0)
        return r;
    if (item.string != NULL) /* without its zero, as QEMU has it */
        return add(m, "-fw_cfg", item.name, item.string, strlen(item.string), why, n);
    if ((r = host_file_read(item.file, false, ITEM_MOST, &data, &size)) != 0)
        return why_set(why, n, r, "-fw_cfg: %s: %s", item.file, strerror(-r));
    r = add(m, "-fw_cfg", item.name, data, size, why, n);
    free(data);
    return r;
}

/* ---- -option-rom [file=]PATH[,bootindex=N] ---- */

static int add_rom(struct Machine *m, char *list, char *why, size_t n) {
    char *key, *value, name[FW_CFG_FILE_NAME + 256], path[sizeof(name) + 8];
    const char *file = NULL;
    int64_t index = BOOT_INDEX_NONE;
    for (bool first = true; list_cut_property(&list, &key, &value); first = false) {
        if (value == NULL ? first : strcmp(key, "file") == 0 || strcmp(key, "romfile") == 0)
            file = value != NULL ? value : key;
        else if (!boot_index_property(key, value, &index))
            return why_set(why, n, -EINVAL, "-option-rom: '%s' is not right; FILE and bootindex=N are", key);
    }
    if (file == NULL)
        return why_set(why, n, -EINVAL, "-option-rom: FILE is missing");
    uint8_t *data = NULL;
    size_t size = 0;
    int r = firmware_read_rom(m, "-option-rom", file, &data, &size, why, n);
    const char *base = strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file;
    snprintf(name, sizeof(name), "genroms/%.255s", base);
    if (r == 0)
        r = add(m, "-option-rom", name, data, size, why, n);
    snprintf(path, sizeof(path), "/rom@%s", name);
    if (r == 0)
        r = boot_order_add(m, "-option-rom", index, path, why, n);
    free(data);
    return r;
}

/* ---- all of them ---- */

static int add_order(struct Machine *m, char *why, size_t n) {
    char text[sizeof(m->fw.order) + 8];
    size_t used = boot_order_print(&m->fw.order, m->fw.boot.strict, text, sizeof(text));
    return used == 0 ? 0 : add(m, "-boot", "bootorder", text, used + 1, why, n);
}

/* Each of the list, in a copy that may be cut up. */
static int for_each(struct Machine *m, const char *const *list,
                    int (*add_one)(struct Machine *m, char *item, char *why, size_t n), char *why, size_t n) {
    int r = 0;
    for (const char *const *s = list; r == 0 && s != NULL && *s != NULL; s++) {
        char *copy = strdup(*s);
        if (copy == NULL)
            return why_set(why, n, -ENOMEM, "out of memory");
        r = add_one(m, copy, why, n);
        free(copy);
    }
    return r;
}

int firmware_add_items(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = for_each(m, config->option_roms, add_rom, why, n);
    if (r == 0)
        r = add_order(m, why, n);
    return r != 0 ? r : for_each(m, config->fw_cfg, add_item, why, n);
}
