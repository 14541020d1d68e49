/* SPDX-License-Identifier: MIT */
/* -fsdev, and -device virtio-9p-pci. */
#include "base/lists.h"
#include "base/why.h"
#include "base/words.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static const struct Word models[] = {
    {"mapped-xattr", FS9P_MAPPED_XATTR}, {"mapped", FS9P_MAPPED_XATTR}, /* as QEMU called it first */
    {"mapped-file", FS9P_MAPPED_FILE},   {"passthrough", FS9P_PASSTHROUGH}, {"none", FS9P_NONE}, {NULL, 0}};
static const struct Word devices[] = {{"remap", FS9P_REMAP}, {"forbid", FS9P_FORBID}, {NULL, 0}};

/* False, and the word that is nearest, if any. */
static bool choose(const struct Word *words, const char *value, int *choice, struct Nearest *near) {
    const struct Word *w = word_find(words, value);
    *choice = w != NULL ? w->value : 0;
    if (w == NULL)
        words_consider(near, words, value);
    return w != NULL;
}

static bool octal(const char *value, mode_t *mode) {
    char *end;
    unsigned long v = strtoul(value, &end, 8);
    *mode = (mode_t)v;
    return value[0] >= '0' && value[0] <= '7' && *end == '\0' && v > 0 && v <= 0777;
}

/* ---- -fsdev ---- */

struct FolderKeys {
    const char *id, *path, *model;
    struct Fs9pOptions options;
    struct Nearest near; /* of a value that is none */
};

static bool set_id(struct FolderKeys *k, const char *value) { return k->id = value, value[0] != '\0'; }
static bool set_path(struct FolderKeys *k, const char *value) { return k->path = value, value[0] != '\0'; }
static bool set_readonly(struct FolderKeys *k, const char *value) { return list_switch(value, &k->options.readonly); }
static bool set_fmode(struct FolderKeys *k, const char *value) { return octal(value, &k->options.file_mode); }
static bool set_dmode(struct FolderKeys *k, const char *value) { return octal(value, &k->options.folder_mode); }

static bool set_model(struct FolderKeys *k, const char *value) {
    int choice;
    k->model = value;
    bool known = choose(models, value, &choice, &k->near);
    k->options.security = (enum Fs9pSecurity)choice;
    return known;
}

static bool set_devices(struct FolderKeys *k, const char *value) {
    int choice;
    bool known = choose(devices, value, &choice, &k->near);
    k->options.devices = (enum Fs9pDevices)choice;
    return known;
}

static const struct Key {
    const char *name, *values;
    bool (*set)(struct FolderKeys *k, const char *value);
} keys[] = {
    {"id", "a name", set_id},
    {"path", "a folder", set_path},
    {"security_model", "mapped-xattr, mapped-file, passthrough or none", set_model},
    {"readonly", "on or off", set_readonly},
    {"fmode", "octal, 1 to 0777", set_fmode},
    {"dmode", "octal, 1 to 0777", set_dmode},
    {"multidevs", "remap or forbid", set_devices},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static int read_key(struct FolderKeys *k, const char *key, const char *value, char *why, size_t n) {
    struct Nearest near = {0};
    for (unsigned i = 0; i < KEYS; i++) {
        nearest_consider(&near, key, keys[i].name);
        if (strcmp(keys[i].name, key) != 0)
            continue;
        if (value != NULL && keys[i].set(k, value))
            return 0;
        return why_set(why, n, -EINVAL, "-fsdev: %s=%s is not right; it is %s%s%s", key, value != NULL ? value : "",
                       keys[i].values, k->near.name != NULL ? "; the nearest is " : "",
                       k->near.name != NULL ? k->near.name : "");
    }
    return why_set(why, n, -EINVAL,
                   "-fsdev: there is no '%s'; id=, path=, security_model=, readonly=, fmode=, dmode= and "
                   "multidevs= are%s%s",
                   key, near.name != NULL ? "; the nearest is " : "", near.name != NULL ? near.name : "");
}

static int check(const struct Machine *m, const struct FolderKeys *k, char *why, size_t n) {
    if (k->id == NULL || k->path == NULL)
        return why_set(why, n, -EINVAL, "-fsdev local needs %s", k->id == NULL ? "id=NAME" : "path=FOLDER");
    if (k->model == NULL)
        return why_set(why, n, -EINVAL, "-fsdev '%s' needs security_model=, which is %s", k->id, keys[2].values);
    if ((k->options.file_mode | k->options.folder_mode) != 0 && k->options.security != FS9P_MAPPED_XATTR &&
        k->options.security != FS9P_MAPPED_FILE)
        return why_set(why, n, -EINVAL,
                       "-fsdev '%s': fmode= and dmode= are for security_model=mapped-xattr and mapped-file", k->id);
    for (const struct FolderExport *e = m->virtio.exports; e != NULL; e = e->next)
        if (strcmp(e->id, k->id) == 0)
            return why_set(why, n, -EINVAL, "-fsdev: there is a '%s' already", k->id);
    return 0;
}

static int add_export(struct Machine *m, char *list, char *why, size_t n) {
    const char *driver = list_cut(&list);
    struct FolderKeys k = {0};
    char *key, *value;
    if (strncmp(driver, "fsdriver=", 9) == 0)
        driver += 9;
    if (strcmp(driver, "local") != 0)
        return why_set(why, n, -EINVAL, "-fsdev: '%s' is not supported; local is", driver);
    int r = 0;
    while (r == 0 && list_cut_property(&list, &key, &value))
        r = read_key(&k, key, value, why, n);
    if (r != 0 || (r = check(m, &k, why, n)) != 0)
        return r;
    struct FolderExport *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return why_errno(why, n, -ENOMEM, "-fsdev");
    e->next = m->virtio.exports;
    m->virtio.exports = e;
    e->options = k.options;
    e->id = strdup(k.id);
    e->options.path = e->path = strdup(k.path);
    return e->id != NULL && e->path != NULL ? 0 : why_errno(why, n, -ENOMEM, "-fsdev");
}

int virtio_create_exports(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = 0;
    for (const char *const *s = config->fsdevs; r == 0 && s != NULL && *s != NULL; s++) {
        char *copy = strdup(*s);
        r = copy != NULL ? add_export(m, copy, why, n) : why_errno(why, n, -ENOMEM, "-fsdev");
        free(copy);
    }
    return r;
}

/* ---- the device ---- */

static void wake(void *opaque) {
    struct VirtioFolderDevice *d = opaque;
    loop_post(&d->machine->loop, &d->finished);
}

static void finished(void *opaque) { virtio_9p_complete(&((struct VirtioFolderDevice *)opaque)->p9); }

static int find(struct Machine *m, const char *device, const char *fsdev, const char *tag, struct FolderExport **e,
                struct VirtioFolderDevice **d, char *why, size_t n) {
    if (fsdev == NULL || tag == NULL)
        return why_set(why, n, -EINVAL, "-device %s needs fsdev=ID, the id of an -fsdev, and mount_tag=TAG", device);
    struct Nearest near = {0};
    for (*e = m->virtio.exports; *e != NULL && strcmp((*e)->id, fsdev) != 0; *e = (*e)->next)
        nearest_consider(&near, fsdev, (*e)->id);
    if (*e == NULL)
        return why_set(why, n, -EINVAL, "-device %s: there is no -fsdev '%s'%s%s", device, fsdev,
                       near.name != NULL ? "; the nearest is " : "", near.name != NULL ? near.name : "");
    if ((*e)->used)
        return why_set(why, n, -EINVAL, "-device %s: -fsdev '%s' has a device already", device, fsdev);
    if (tag[0] == '\0' || strlen(tag) > VIRTIO_9P_TAG)
        return why_set(why, n, -EINVAL, "-device %s: mount_tag=%s is not right; 1 to %d bytes are", device, tag,
                       VIRTIO_9P_TAG);
    unsigned i = 0;
    while (i < VIRTIO_FOLDERS && m->virtio.folder[i].plugged)
        i++;
    *d = &m->virtio.folder[i < VIRTIO_FOLDERS ? i : 0];
    return i < VIRTIO_FOLDERS ? 0 : why_set(why, n, -EINVAL, "-device %s: %d are the most", device, VIRTIO_FOLDERS);
}

static int plug(struct Machine *m, struct VirtioFolderDevice *d, const struct FolderExport *e, const char *tag,
                const struct VirtioPlug *p, char *why, size_t n) {
    static const struct VirtioPciId id = {"virtio-9p-pci", VIRTIO_TYPE_9P, 0x000200};
    const struct Fs9pHost host = {wake, d};
    d->machine = m;
    loop_work_init(&d->finished, finished, d);
    struct Fs9pOptions options = e->options;
    options.sandbox = &m->sandbox;
    int r = fs9p_open(&d->server, &options, &host, why, n);
    if (r != 0)
        return r;
    virtio_pci_init(&d->pci, &id);
    r = virtio_9p_init(&d->p9, &d->pci.pci, d->server, tag);
    if (r != 0)
        return why_errno(why, n, r, "virtio-9p-pci");
    d->plugged = true;
    return virtio_plug(m, &d->pci, &d->p9.virtio, p, 2, why, n);
}

int virtio_add_folder(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    const char *fsdev = NULL, *tag = NULL;
    struct VirtioPlug p = {0};
    struct FolderExport *e = NULL;
    struct VirtioFolderDevice *d = NULL;
    char *key, *value;
    while (list_cut_property(&list, &key, &value)) {
        if (value != NULL && strcmp(key, "fsdev") == 0)
            fsdev = value;
        else if (value != NULL && strcmp(key, "mount_tag") == 0)
            tag = value;
        else if (!virtio_plug_property(&p, key, value))
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; fsdev=ID, mount_tag=TAG, id=, bus=pci.0, addr=2 to 1f and "
                           "romfile=FILE are",
                           device, key, value != NULL ? value : "");
    }
    int r = find(m, device, fsdev, tag, &e, &d, why, n);
    if (r != 0)
        return r;
    e->used = true;
    return plug(m, d, e, tag, &p, why, n);
}

/* ---- life ---- */

#define FOR_EACH_FOLDER(m, d)                                                                                          \
    for (struct VirtioFolderDevice *d = (m)->virtio.folder; d < (m)->virtio.folder + VIRTIO_FOLDERS; d++)              \
        if (d->plugged)

void virtio_folders_reset(struct Machine *m) {
    FOR_EACH_FOLDER(m, d)
    virtio_pci_reset(&d->pci);
}

void virtio_folders_drain(struct Machine *m) {
    FOR_EACH_FOLDER(m, d)
    virtio_9p_drain(&d->p9);
}

void virtio_folders_silence(struct Machine *m) {
    FOR_EACH_FOLDER(m, d)
    fs9p_silence(d->server);
}

void virtio_folders_restored(struct Machine *m) {
    FOR_EACH_FOLDER(m, d)
    virtio_9p_restored(&d->p9);
}

void virtio_folders_destroy(struct Machine *m) {
    for (unsigned i = 0; i < VIRTIO_FOLDERS; i++) {
        fs9p_close(m->virtio.folder[i].server);
        virtio_9p_destroy(&m->virtio.folder[i].p9);
    }
    for (struct FolderExport *e = m->virtio.exports, *next; e != NULL; e = next) {
        next = e->next;
        free(e->id);
        free(e->path);
        free(e);
    }
    m->virtio.exports = NULL;
}
