/* SPDX-License-Identifier: MIT */
/*
 * security_model=mapped-file: what a client has set of a file is in .virtfs_metadata/NAME beside it, as lines
 * "virtfs.uid=0"; of the exported folder itself in .virtfs_metadata_root.
 */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char notes[] = ".virtfs_metadata", root_notes[] = ".virtfs_metadata_root";
enum { NOTE_BYTES = 256 };

bool mapped_file_hides(const struct Fs9p *fs, const char *name, size_t size) {
    bool either = (size == sizeof(notes) - 1 && memcmp(name, notes, size) == 0) ||
                  (size == sizeof(root_notes) - 1 && memcmp(name, root_notes, size) == 0);
    return fs->security == FS9P_MAPPED_FILE && either;
}

/* The folder that has a file's notes, and under which name. To be closed. */
static int notes_of(int folder, const char **name) {
    if (*name != NULL)
        return host_look(folder, notes);
    *name = root_notes;
    return dup(folder);
}

static void parse(char *text, struct Fs9pMapped *m) {
    char *rest, *end;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        static const char *const keys[] = {"virtfs.uid=", "virtfs.gid=", "virtfs.mode=", "virtfs.rdev="};
        unsigned i = 0;
        while (i < 4 && strncmp(line, keys[i], strlen(keys[i])) != 0)
            i++;
        const char *value = i < 4 ? line + strlen(keys[i]) : "";
        long long v = strtoll(value, &end, 10); /* QEMU writes them as int */
        if (*value == '\0' || *end != '\0')
            continue;
        m->has |= 1u << i;
        switch (1u << i) {
        case MAPPED_UID: m->uid = (uint32_t)v; break;
        case MAPPED_GID: m->gid = (uint32_t)v; break;
        case MAPPED_MODE: m->mode = (uint32_t)v; break;
        case MAPPED_RDEV: m->rdev = (uint64_t)v; break;
        }
    }
}

void mapped_file_get(struct Fs9p *fs, int folder, const char *name, struct Fs9pMapped *m) {
    char text[NOTE_BYTES + 1];
    int at = notes_of(folder, &name);
    if (at < 0)
        return;
    int fd = host_open(fs, at, name, O_RDONLY);
    close(at);
    if (fd < 0)
        return;
    ssize_t n = host_read_all(fd, text, NOTE_BYTES);
    close(fd);
    if (n < 0)
        return;
    text[n] = '\0';
    parse(text, m);
}

static int write_note(struct Fs9p *fs, int at, const char *name, const struct Fs9pMapped *m) {
    char text[NOTE_BYTES];
    int used = 0;
    if (m->has & MAPPED_UID)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "virtfs.uid=%d\n", (int)m->uid);
    if (m->has & MAPPED_GID)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "virtfs.gid=%d\n", (int)m->gid);
    if (m->has & MAPPED_MODE)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "virtfs.mode=%d\n", (int)m->mode);
    if (m->has & MAPPED_RDEV)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "virtfs.rdev=%d\n", (int)m->rdev);
    int fd = host_create(at, name, O_WRONLY, 0600);
    if (fd == -EEXIST)
        fd = host_open(fs, at, name, O_WRONLY | O_TRUNC);
    if (fd < 0)
        return fd;
    int r = host_write_all(fd, text, (size_t)used);
    close(fd);
    return r;
}

/* One at a time, for what is there stays. */
int mapped_file_set(struct Fs9p *fs, int folder, const char *name, const struct Fs9pMapped *m) {
    struct Fs9pMapped all = {0};
    if (name != NULL && mkdirat(folder, notes, 0700) != 0 && errno != EEXIST)
        return -errno;
    pthread_mutex_lock(&fs->notes);
    mapped_file_get(fs, folder, name, &all);
    all.uid = m->has & MAPPED_UID ? m->uid : all.uid;
    all.gid = m->has & MAPPED_GID ? m->gid : all.gid;
    all.mode = m->has & MAPPED_MODE ? m->mode : all.mode;
    all.rdev = m->has & MAPPED_RDEV ? m->rdev : all.rdev;
    all.has |= m->has;
    int at = notes_of(folder, &name), r = at < 0 ? at : write_note(fs, at, name, &all);
    if (at >= 0)
        close(at);
    pthread_mutex_unlock(&fs->notes);
    return r;
}

/* ---- along with the file ---- */

void mapped_file_remove(int folder, const char *name) {
    int at = host_look(folder, notes);
    if (at < 0)
        return;
    unlinkat(at, name, 0);
    close(at);
}

void mapped_file_rename(int from, const char *name, int to, const char *new_name) {
    int old = host_look(from, notes);
    if (old >= 0 && mkdirat(to, notes, 0700) != 0 && errno != EEXIST) {
        close(old);
        return;
    }
    int new = old >= 0 ? host_look(to, notes) : -1;
    bool moved = new >= 0 && renameat(old, name, new, new_name) == 0;
    if (old >= 0)
        close(old);
    if (new >= 0)
        close(new);
    if (!moved) /* there were none: those of what was there before are wrong now */
        mapped_file_remove(to, new_name);
}

void mapped_file_link(struct Fs9p *fs, const struct Fs9pSpot *s, int folder, const char *name) {
    struct Fs9pMapped m = {0};
    if (s->folder >= 0 && s->name != NULL)
        mapped_file_get(fs, s->folder, s->name, &m);
    if (m.has != 0)
        mapped_file_set(fs, folder, name, &m);
}

void mapped_file_empty(int folder, const char *name) {
    int at = host_look(folder, name);
    if (at < 0)
        return;
    unlinkat(at, notes, AT_REMOVEDIR);
    close(at);
}
