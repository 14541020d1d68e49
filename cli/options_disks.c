/* SPDX-License-Identifier: MIT */
/* Options about disks and other devices: they become -drive, -device and -object, which the library reads. */
#include "options_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool add_to_list(struct Context *c, const char *list[DISK_OPTIONS_MAX + 1], const char *item) {
    unsigned i = 0;
    while (i < DISK_OPTIONS_MAX && list[i] != NULL)
        i++;
    if (i == DISK_OPTIONS_MAX)
        return wrong(c, "given too often; %d times are the most", DISK_OPTIONS_MAX);
    list[i] = item;
    return true;
}

static bool add_drive(struct Context *c, const char *item) {
    c->o->config.drives = c->o->drives;
    return add_to_list(c, c->o->drives, item);
}

/* Flash chips are among QEMU's drives, too. */
bool set_drive(struct Context *c, char *arg) {
    static const char flash[] = "if=pflash";
    for (const char *item = arg; item != NULL; item = strchr(item, ',') != NULL ? strchr(item, ',') + 1 : NULL)
        if (strncmp(item, flash, sizeof(flash) - 1) == 0 && strchr(",", item[sizeof(flash) - 1]) != NULL)
            return set_flash_drive(c, arg);
    return add_drive(c, arg);
}

bool set_blockdev(struct Context *c, char *arg) {
    c->o->config.blockdevs = c->o->blockdevs;
    return add_to_list(c, c->o->blockdevs, arg);
}

/* A file's name as a value: a comma in it is written twice. */
static void put_name(char *to, const char *name) {
    for (; *name != '\0'; name++) {
        if (*name == ',')
            *to++ = ',';
        *to++ = *name;
    }
    *to = '\0';
}

bool set_disk(struct Context *c, char *arg) {
    static const struct {
        const char *name, *interface;
        unsigned index;
        const char *media;
    } places[] = {{"hda", "ide", 0, "disk"},   {"hdb", "ide", 1, "disk"},    {"hdc", "ide", 2, "disk"},
                  {"hdd", "ide", 3, "disk"},   {"cdrom", "ide", 2, "cdrom"}, {"fda", "floppy", 0, "disk"},
                  {"fdb", "floppy", 1, "disk"}};
    const char *option = c->name + strspn(c->name, "-");
    unsigned i = 0;
    while (strcmp(places[i].name, option) != 0)
        i++;
    size_t size = 2 * strlen(arg) + 64;
    char *text = malloc(size); /* as long as the program */
    if (text == NULL)
        return wrong(c, "out of memory");
    int used =
        snprintf(text, size, "if=%s,index=%u,media=%s,file=", places[i].interface, places[i].index, places[i].media);
    put_name(text + used, arg);
    return add_drive(c, text);
}

bool set_object(struct Context *c, char *arg) {
    c->o->config.objects = c->o->objects;
    return add_to_list(c, c->o->objects, arg);
}

/* "help", "?", or a kind and help. */
static bool asks_for_netdevs(struct Context *c, const char *arg) {
    size_t length = strcspn(arg, ",");
    if (strcmp(arg, "help") == 0 || strcmp(arg, "?") == 0)
        return true;
    if (strcmp(arg + length, ",help") != 0 && strcmp(arg + length, ",?") != 0)
        return false;
    for (unsigned i = 0; twin86_netdev_name(i) != NULL; i++)
        if (strlen(twin86_netdev_name(i)) == length && strncmp(arg, twin86_netdev_name(i), length) == 0)
            c->o->help_kind = twin86_netdev_name(i);
    return c->o->help_kind != NULL;
}

bool set_netdev(struct Context *c, char *arg) {
    if (asks_for_netdevs(c, arg))
        return c->o->action = ACTION_NETDEV, true;
    c->o->config.netdevs = c->o->netdevs;
    return add_to_list(c, c->o->netdevs, arg);
}

bool set_nic(struct Context *c, char *arg) {
    c->o->config.nics = c->o->nics;
    return add_to_list(c, c->o->nics, arg);
}

bool set_net(struct Context *c, char *arg) {
    c->o->config.nets = c->o->nets;
    return add_to_list(c, c->o->nets, arg);
}

static bool asks(const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(*list, "none") != 0)
            return true;
    return false;
}

bool options_ask_for_network(const struct Options *o) { return asks(o->netdevs) || asks(o->nics) || asks(o->nets); }
bool set_snapshot(struct Context *c, char *arg) { return (void)arg, c->o->config.snapshot = true; }

/* QEMU's other names. NULL: it is none of them, or there is no memory. */
static const char *without_alias(const char *name, const char *arg) {
    static const char suffix[] = "-pci";
    static const char *const aliases[] = {"virtio-blk",    "virtio-net",     "virtio-rng",
                                          "virtio-serial", "virtio-balloon", "virtio-9p"};
    for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(aliases[i], name) != 0)
            continue;
        char *text = malloc(strlen(arg) + sizeof(suffix)); /* as long as the program */
        if (text != NULL)
            sprintf(text, "%s%s%s", name, suffix, arg + strlen(name));
        return text;
    }
    return NULL;
}

bool add_device(struct Context *c, const char *name, const char *arg, bool *unknown) {
    const char *text = without_alias(name, arg);
    if (text != NULL) {
        c->o->config.devices = c->o->devices;
        return add_to_list(c, c->o->devices, text);
    }
    for (unsigned i = 0; twin86_device_name(i) != NULL; i++) {
        if (strcmp(twin86_device_name(i), name) != 0)
            continue;
        c->o->config.devices = c->o->devices;
        return add_to_list(c, c->o->devices, arg);
    }
    *unknown = true;
    return false;
}
